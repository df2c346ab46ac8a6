"""What is getting worse although it meets its limits: the watch over all that the wall hides, and over what is amber.

Every slice with daily figures is asked whether its last days are worse than the days before them (`statistics.shift`), all
those of a KPI together, and of the answers only those count that are no chance on as large a board. A finding is told beside the
level and never moves it: statistics invent no red.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from analytics.charts import BASELINE, BEYOND, aim_of, beyond_of, holidays_of
from analytics.facts import FACTS
from analytics.history import is_state, last_days, stored, sums_of
from analytics.kpi import Level, Measure, changed
from analytics.measure import scans
from analytics.statistics.change import HELD_OUT
from analytics.statistics.season import calendar
from analytics.statistics.shift import LEAST_DAYS, SPANS, risen
from analytics.wording import values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from analytics.history import Sums
    from analytics.judge import FeedRule, View
    from analytics.kpi import Kpi, Reading, Slice
    from analytics.measure import Scan
    from analytics.statistics.shift import Shape

Identity = tuple[str, "Slice"]
WATCHED = (Level.GREEN, Level.AMBER)
LATE = 15.0
"""KPIs whose rows ripen for longer than so many days are asked for apart, that not all others read so many days."""
SURE = 1e-4
"""Whatever the rate of false discoveries, nothing more likely to be chance is told: 12,000 figures would tell one a day."""
MATERIAL = 0.1
"""A figure must have moved by so much of the way to its red limit: of many rows small changes are sure, and nobody's concern."""
COHORTS = {"customs_dwell_p90": ("customs_hours", 0.9)}
"""Of quantiles in which those waiting count, the column that says how long those took that are done: their days are watched."""
_OF_CHARTS = ("assurance", "chart", "value", "centre", "lower", "upper")
"""What only a control chart of the days can say."""


@dataclass(frozen=True)
class Worsening:
    """How a figure got worse: over the last `days`, since a day, from a figure to another, in the KPI's unit.

    `of` says what is figured if it is not the KPI's own figure, `chance` how likely chance brought it there, `customers` how many
    rows more than the days before let expect are bad (else: the rows, by how much of the way to red their figure has moved).
    """

    days: int
    since: date
    until: date
    before: float
    recent: float
    of: str | None
    chance: float
    customers: float


class _Turned(NamedTuple):
    """Daily series turned so that higher is worse; a plain figure is `offset` + `sign` * the turned one, per series."""

    sums: Any
    sizes: Any
    shape: Shape
    offset: Any
    sign: Any


@dataclass
class Watch:
    """Keeps what it found for a while: it looks at days that are over, and reads ten weeks of them."""

    fresh_for: timedelta = timedelta(0)
    _kept: tuple[datetime, date, Mapping[Identity, Worsening]] | None = None

    def told(
        self,
        view: View,
        kpis: Sequence[Kpi],
        feeds: Sequence[FeedRule],
        readings: Sequence[Reading],
        moment: datetime,
        zone: ZoneInfo,
        rate: float,
    ) -> list[Reading]:
        """Mark the readings, green or amber, that are getting worse; `rate` is the share of false discoveries accepted."""
        today = moment.astimezone(zone).date()
        kept = self._kept
        if kept is None or kept[1] != today or not timedelta(0) <= moment - kept[0] < self.fresh_for:
            found = _worsenings(view, kpis, feeds, readings, moment, zone, rate)
            self._kept = kept = (moment, today, found)
        return [
            changed(r, worsening=True, change=_told(one, r.unit))
            if r.level in WATCHED and (one := kept[2].get((r.kpi, r.slice)))
            else r
            for r in readings
        ]


def charted(reading: Reading, chart: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Give what is told of a reading's change, once the chart of its days is drawn: beside it, what the watch has found."""
    if not reading.worsening or reading.change is None or chart is None:
        return reading.change if reading.worsening else chart
    told = reading.change
    also = chart["signals"] if chart["variation"] == "worsening" else None
    return {**chart, **told, **{name: chart[name] for name in _OF_CHARTS}} | {
        "signals": f"{told['moved']['text']}; {also}" if also else told["moved"]["text"]
    }


def _told(one: Worsening, unit: str) -> dict[str, Any]:
    """Give what is told of a worsening as `Reading.change`."""
    before, recent = values("%" if one.of else unit, one.before, one.recent)
    what = " of rows beyond the green limit" if one.of else ""
    said = f"{recent}{what} in the last {one.days} days, after {before} in the weeks before"
    return dict.fromkeys(_OF_CHARTS) | {
        "variation": "worsening",
        "signals": said,
        "since": one.since.isoformat(),
        "of": one.of,
        "day": one.until.isoformat(),
        "moved": {
            "from": one.before,
            "to": one.recent,
            "days": one.days,
            "chance": one.chance,
            "customers": one.customers,
            "text": said,
        },
    }


def _worsenings(
    view: View,
    kpis: Sequence[Kpi],
    feeds: Sequence[FeedRule],
    readings: Sequence[Reading],
    moment: datetime,
    zone: ZoneInfo,
    rate: float,
) -> dict[Identity, Worsening]:
    known = {(r.kpi, r.slice): r for r in readings}
    judged = {r.kpi for r in readings if r.level is not Level.UNKNOWN}
    chosen = [replace(k, agreed=view.master.agreed(k)) for each in kpis if each.key in judged and (k := _daily(each))]
    young = {fact for fact in {kpi.fact for kpi in chosen} if _is_young(view, fact, moment)}
    chosen = [kpi for kpi in chosen if kpi.fact not in young]
    daily = {kpi.key: kpi for kpi in chosen}
    found: dict[str, list[tuple[Reading, Worsening]]] = {kpi.key: [] for kpi in chosen}
    for scan in _scans(chosen):
        days = last_days(moment, zone, BASELINE + HELD_OUT + max(_unripe(kpi) for kpi in scan.kpis))
        sources = tuple(feed.name for feed in feeds if feed.fact == scan.fact)
        every = sums_of(view, scan, None, sources, days, zone, ripe=False, beyond=True)
        for sums in every:
            found[sums.kpi.key] += _judged(daily[sums.kpi.key], sums, known, days, view)
    return {
        (reading.kpi, reading.slice): weighed
        for key, each in found.items()
        for (reading, one), false in zip(each, _false([one.chance for _, one in each]), strict=True)
        if false <= rate and one.chance <= SURE and (weighed := _weighed(one, reading, daily[key]))
    }


def _is_young(view: View, fact: str, moment: datetime) -> bool:
    """Tell whether no row of a fact is so old that anybody could know what is usual: then nothing need be asked."""
    if FACTS[fact].snapshot:
        return False
    rows = view.fact(fact)
    found = view.ask(("oldest", fact), lambda _: rows.agg(oldest=rows.first_event_at.min()), {})["oldest"].tolist()
    enough = stored({"at": moment - timedelta(days=LEAST_DAYS + min(SPANS))})["at"]
    return bool(not found or pd.isna(found[0]) or found[0] > enough)


def _scans(kpis: Sequence[Kpi]) -> list[Scan]:
    """Sort KPIs into the scans that answer their days, whatever their windows; those that ripen late ask for more days."""
    late = [[replace(k, window_days=1) for k in kpis if (k.matures_days > LATE) is later] for later in (False, True)]
    return [scan for part in late for scan in scans(part)]


def _unripe(kpi: Kpi) -> int:
    """Give the last days, today's included, that are not over or of which rows may still ripen."""
    return ceil(kpi.matures_days) + 1


def _daily(kpi: Kpi) -> Kpi | None:
    """Give the KPI as its days are figured; None where it has no daily figures."""
    if kpi.key in COHORTS or kpi.measure.name in COHORTS:
        column, q = COHORTS[kpi.measure.name or kpi.key]
        return replace(kpi, measure=Measure("quantile", column, q=q))
    if is_state(kpi) or kpi.window_days is None or (kpi.measure.shape == "quantile" and kpi.better == "between"):
        return None
    return kpi


def _judged(
    kpi: Kpi, sums: Sums, known: Mapping[Identity, Reading], days: Sequence[date], view: View
) -> Iterator[tuple[Reading, Worsening]]:
    """Judge the slices of one KPI and grouping that have readings, over the days that are over and ripe."""
    end = len(days) - _unripe(kpi)
    start = max(end - BASELINE - HELD_OUT, 0)
    days = days[start:end]
    lines = [line for line, slice_ in enumerate(sums.slices) if (kpi.key, slice_) in known]
    if not lines:
        return
    readings = [known[kpi.key, sums.slices[line]] for line in lines]
    turned = _turned(kpi, readings, {name: each[lines, start:end] for name, each in sums.of.items()})
    off = {}
    for reading in readings:
        country = dict(view.master.inherited(reading.slice)).get("country")
        if country not in off:
            off[country] = holidays_of(reading.slice, days, view.master)
    holidays = np.array([off[dict(view.master.inherited(r.slice)).get("country")] for r in readings])
    found = risen(turned.sums, turned.sizes, calendar(days, holidays), shape=turned.shape)
    # counts and sums are held against limits for a window
    scale = float(kpi.window_days or 1) if kpi.measure.shape in ("count", "sum") else 1.0
    before, recent = (scale * (turned.offset + turned.sign * each) for each in (found.before, found.recent))
    of = BEYOND if kpi.measure.shape == "quantile" else None
    for i in np.flatnonzero(found.p < 1).tolist():
        span = int(found.span[i])
        yield (
            readings[i],
            Worsening(
                span,
                days[-span],
                days[-1],
                float(before[i]),
                float(recent[i]),
                of,
                float(found.p[i]),
                float(found.excess[i]),
            ),
        )


def _turned(kpi: Kpi, readings: Sequence[Reading], sums: Mapping[str, Any]) -> _Turned:
    shape = kpi.measure.shape
    if shape == "quantile":
        beyond, sizes = beyond_of(kpi, [r.limits.green for r in readings], sums), sums["n"]
        return _Turned(beyond, sizes, "share", 0.0, 1.0)
    ones = np.ones_like(sums["num"])
    if shape in ("count", "sum"):
        values, sizes = sums["num"], ones
    else:
        values, sizes = sums["num"], sums["den" if shape == "ratio" else "n"]
    higher = _higher_is_worse(kpi, values, sizes)
    if shape == "share":
        return _Turned(
            np.where(higher[:, None], values, sizes - values), sizes, "share", 1.0 - higher, 2.0 * higher - 1
        )
    sign = 2.0 * higher - 1
    kind: Shape = "count" if shape == "count" and kpi.better == "lower" else "mean"
    return _Turned(values * sign[:, None], sizes, kind, 0.0, sign)


def _higher_is_worse(kpi: Kpi, values: Any, sizes: Any) -> Any:
    """Tell of each series which side is worse; better in between, it is the one where its last days lie."""
    if kpi.better != "between":
        return np.full(len(values), kpi.better == "lower")
    assert isinstance(kpi.green, tuple)  # noqa: S101  # the settings give a band two ends
    of, over = (np.nansum(each[:, -max(SPANS) :], axis=-1) for each in (values, sizes))
    last: Any = np.divide(of, over, out=np.zeros(len(values)), where=over > 0)
    return last > sum(kpi.green) / 2


def _false(chances: Sequence[float]) -> Sequence[float]:
    """Give the rate of false discoveries at which each of a KPI's chances counts (Benjamini and Hochberg 1995)."""
    return false_discovery_control(chances).tolist() if len(chances) else []


def _weighed(one: Worsening, reading: Reading, kpi: Kpi) -> Worsening | None:
    """Count the customers of a figure that has moved far enough to matter; None of one that has not."""
    moved = abs(one.recent - one.before)
    way = _way(one, reading, kpi)
    if moved < MATERIAL * way or not moved:
        return None
    if kpi.measure.shape in ("share", "quantile", "count"):
        return one
    return replace(one, customers=one.customers / max(way, moved))


def _way(one: Worsening, reading: Reading, kpi: Kpi) -> float:
    """Give how far it was to the red limit, for rows beyond a green limit to as many as may lie there; at least 0."""
    worse = 1.0 if one.recent > one.before else -1.0
    if one.of is not None:
        green, _ = aim_of(kpi, reading)
        return float(green - one.before if green > one.before else green)
    red = reading.limits.red
    if isinstance(red, tuple):
        red = red[1] if worse > 0 else red[0]
    return float(max((red - one.before) * worse, 0.0))
