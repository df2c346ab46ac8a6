"""Whether a red is deserved: what peers teach of it, and how many reds chance alone would bring to a board of this size.

Statistics only ever lower a red to amber, with a reason. A slice never weighs in on its own yardstick, so that a worse figure
never gets a better level.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.case_mix import ENOUGH
from analytics.figures import shape_of
from analytics.integrity import advised
from analytics.kpi import SMALL, Health, Level
from analytics.statistics.discovery import by_family
from analytics.statistics.rates import PEERS, count_prior, share_prior
from analytics.verdict import SURE, level_of
from analytics.wording import value_and_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytics.case_mix import Mix
    from analytics.kpi import Kpi, Reading, Slice
    from analytics.master import Master

FALSE_DISCOVERIES = 0.1
"""The share of reds that may be chance, if the settings don't say."""
_JUDGED = (Level.RED, Level.AMBER, Level.GREEN)


def deserved(
    readings: Sequence[Reading],
    kpis: Mapping[str, Kpi],
    master: Master,
    rate: float = FALSE_DISCOVERIES,
    mixed: Mapping[tuple[str, Slice], Mix] | None = None,
) -> list[Reading]:
    """Lower every red to amber that its peers, or the number of figures on the board, make likely to be chance.

    Shares and quantiles take a beta prior of their peers, counts over a window a gamma prior; both only with 4 peers or more,
    and surveys only those of their own country. Families of fewer than 5 figures are no multiple comparison. `mixed` gives the
    case-mix of the reds whose KPI says so.
    """
    mixed = mixed or {}
    among = _among_peers(readings, kpis, master)
    doubt = np.array([_doubt(r, kpis[r.kpi], p) for r, p in zip(readings, among, strict=True)], dtype=float)
    adjusted = _adjusted(readings, doubt, rate)
    return [
        _weighed(r, kpis[r.kpi], _known(peers), _known(false), rate, mixed.get((r.kpi, r.slice)))
        for r, peers, false in zip(readings, among, adjusted, strict=True)
    ]


def _known(number: Any) -> float | None:
    return None if np.isnan(number) else float(number)


def _among_peers(readings: Sequence[Reading], kpis: Mapping[str, Kpi], master: Master) -> Any:
    """Give P(the true value lies beyond the red limit) beside what the peers teach; NaN without enough of them."""
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
    hits, n, limit = (np.array([getattr(t, name) for t in trials]) for name in ("hits", "n", "limit"))
    prior = share_prior(hits, n) if trials[0].kind == "share" else count_prior(hits, n)
    above = prior.above(hits, n, limit)
    return np.where([t.above for t in trials], above, 1 - above)


def _doubt(reading: Reading, kpi: Kpi, among: float) -> float:
    """Give the chance that a figure is not truly beyond the red limit; NaN where there is no chance in it."""
    if reading.level not in _JUDGED:
        return np.nan
    if not np.isnan(among):
        return 1 - among
    drawn = reading.trial is not None or shape_of(kpi) == "mean"
    return 1 - reading.evidence if drawn and reading.evidence is not None else np.nan


def _adjusted(readings: Sequence[Reading], doubt: Any, rate: float) -> Any:
    """Adjust for the number of figures, KPI by KPI and then slice by slice; a handful of figures is no multitude."""
    keys = np.array([r.kpi for r in readings], dtype=object)
    if not len(keys):
        return doubt
    names, member = np.unique(keys.astype(str), return_inverse=True)
    tests = np.bincount(member[~np.isnan(doubt)], minlength=len(names))
    many = np.where(tests[member] > PEERS, doubt, np.nan)
    return by_family(many, member, rate).adjusted


def _weighed(
    reading: Reading, kpi: Kpi, among: float | None, false: float | None, rate: float, mix: Mix | None
) -> Reading:
    reading = replace(reading, among_peers=among, false_discovery=false)
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
        return replace(
            reading,
            level=Level.UNKNOWN,
            stale=False,
            reason=f"{reason} Stale: {stale}",
            customers=0.0,
            pain=0.0,
            remedies=(),
        )
    return replace(reading, level=Level.AMBER, reason=advised(kpi, Level.AMBER, reason))
