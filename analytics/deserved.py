"""Whether a red is deserved, or a green one's bad luck: what peers teach, and how many such a large board must have.

Statistics only ever lower a red to amber, with a reason. A slice never weighs in on its own yardstick, so that a worse figure
never gets a better level.
"""

from __future__ import annotations

import math
from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.case_mix import ENOUGH
from analytics.integrity import advised
from analytics.kpi import SMALL, Health, Level, changed
from analytics.statistics.rates import PEERS, STRENGTH, count_prior, keeping, mean_prior, share_prior
from analytics.verdict import level_of
from analytics.wording import value_and_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytics.case_mix import Mix
    from analytics.kpi import Kpi, Reading, Slice
    from analytics.master import Master

FALSE_DISCOVERIES = 0.1
"""The share of reds that may be chance, if the settings don't say."""
SURE = 0.95
"""With less certainty that it misses the green limit nothing is red."""
_HAIR = 1e-12
_JUDGED = (Level.RED, Level.AMBER, Level.GREEN)


def deserved(
    readings: Sequence[Reading],
    kpis: Mapping[str, Kpi],
    master: Master,
    rate: float = FALSE_DISCOVERIES,
    mixed: Mapping[tuple[str, Slice], Mix] | None = None,
) -> list[Reading]:
    """Lower every red to amber that is green but for chance, as far as its peers and the number of figures can tell.

    Shares and quantiles take a beta prior of their peers, counts over a window a gamma prior, means a normal one; all only with
    4 peers or more, and surveys only those of their own country. By them the reds of every KPI are the largest set of which no
    more than `rate` are to be expected green in truth, and so no more of the whole board (Newton et al. 2004: the mean
    posterior probability). `mixed` gives the case-mix of the reds whose KPI says so.
    """
    mixed = mixed or {}
    # sums of floats, and who comes first among equals, depend on the order; the warehouse gives slices in any
    order = sorted(range(len(readings)), key=lambda at: (readings[at].kpi, readings[at].slice))
    ordered = [readings[at] for at in order]
    among = _among_peers(ordered, kpis, master)
    judged = np.array([r.level in _JUDGED for r in ordered], dtype=bool)
    false = _false_discoveries(ordered, np.where(judged, 1 - among, np.nan))
    weighed = [
        _weighed(r, kpis[r.kpi], _known(peers), _known(chance), rate, mixed.get((r.kpi, r.slice)))
        for r, peers, chance in zip(ordered, among.tolist(), false.tolist(), strict=True)
    ]
    return [each for _, each in sorted(zip(order, weighed, strict=True), key=itemgetter(0))]


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def _among_peers(readings: Sequence[Reading], kpis: Mapping[str, Kpi], master: Master) -> Any:
    """Give P(the true value misses the green limit) beside what the peers teach; NaN without enough of them."""
    found = np.full(len(readings), np.nan)
    groups: dict[Any, list[int]] = defaultdict(list)
    for at, reading in enumerate(readings):
        if reading.trial is not None and SMALL not in dict(reading.slice).values():
            groups[_peers_of(reading, kpis[reading.kpi], master)].append(at)
    for members in groups.values():
        if len(members) > PEERS:
            found[members] = _beyond([readings[at] for at in members])
    return found


def _peers_of(reading: Reading, kpi: Kpi, master: Master) -> Any:
    """Name the group of comparable slices: of one KPI and grouping; surveys are answered differently from country to country."""
    slice_ = dict(reading.slice)
    country = dict(master.inherited(reading.slice)).get("country") if kpi.fact == "surveys" else None
    alone = set(slice_) == {"country"}
    assert reading.trial is not None  # noqa: S101  # only trials are grouped
    return kpi.key, tuple(slice_), reading.trial.kind, None if alone else country


def _beyond(members: Sequence[Reading]) -> Any:
    trials = [r.trial for r in members if r.trial is not None]
    names = ("hits", "n", "limit", "spread")
    hits, n, limit, spread = (np.array([getattr(t, name) for t in trials], dtype=float) for name in names)
    if trials[0].kind == "mean":
        above = mean_prior(hits, spread, n).above(hits, n, limit)
    elif trials[0].kind == "count":
        # a limit of "at least" is kept by whoever has no fewer, of "at most" by whoever has no more
        kept = keeping(np.where([t.above for t in trials], limit, np.ceil(limit) - 1))
        above = count_prior(hits, n).above(hits, n, kept)
    else:
        # the peers weigh so many rows at most, of whatever share of them is drawn
        rows = np.array([t.n if t.rows is None else t.rows for t in trials], dtype=float)
        above = share_prior(hits, n, STRENGTH * float(n.sum() / rows.sum())).above(hits, n, limit)
    return np.where([t.above for t in trials], above, 1 - above)


def _false_discoveries(readings: Sequence[Reading], doubt: Any) -> Any:
    """Give, per KPI, the mean doubt of all figures that are at least as sure; NaN where there is no doubt to speak of."""
    found = np.full(len(readings), np.nan)
    families: dict[str, list[int]] = defaultdict(list)
    for at, reading in enumerate(readings):
        if not np.isnan(doubt[at]):
            families[reading.kpi].append(at)
    for members in families.values():
        ordered = np.sort(doubt[members])
        # equals are told alike, whatever their names: a hair apart is what the order of a sum leaves
        surer = np.searchsorted(ordered, doubt[members] + _HAIR, side="right")
        found[members] = np.cumsum(ordered)[surer - 1] / surer
    return found


def _weighed(
    reading: Reading, kpi: Kpi, among: float | None, false: float | None, rate: float, mix: Mix | None
) -> Reading:
    if among is not None or false is not None:
        reading = changed(reading, among_peers=among, false_discovery=false)
    if reading.level is not Level.RED:
        return reading
    if mix is not None and mix.n >= ENOUGH * reading.n and level_of(kpi, mix.share, reading.limits) is not Level.RED:
        alike, _ = value_and_limit(mix.share, reading.limits.red, reading.unit)
        kinds = " and ".join(kpi.case_mix)
        return _lowered(reading, kpi, f"with the usual mix of {kinds} it would be {alike}")
    if among is not None and among < SURE:
        return _lowered(
            reading, kpi, f"beside its peers chance may have brought it there (only {100 * among:.0f} % sure)"
        )
    if false is not None and false > rate:
        share = f"{100 * false:.0f} %" if false < 1 else "all"
        return _lowered(
            reading,
            kpi,
            f"of as many figures some lie there by chance: to call it red one would accept that {share} of such reds are false",
        )
    return reading


def _lowered(reading: Reading, kpi: Kpi, why: str) -> Reading:
    """Lower a red to amber; on bad data, where no amber is drawn, to unknown."""
    said, red = value_and_limit(reading.value, reading.limits.red, reading.unit)
    reason = f"{said} is beyond the red limit of {red}, but {why}."
    if reading.health is not Health.OK:
        stale = reading.reason.partition(" Stale: ")[2]
        return changed(
            reading,
            level=Level.UNKNOWN,
            stale=False,
            reason=f"{reason} Stale: {stale}",
            customers=0.0,
            pain=0.0,
            remedies=(),
        )
    return changed(reading, level=Level.AMBER, reason=advised(kpi, Level.AMBER, reason))
