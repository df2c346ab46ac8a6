"""Change: a control chart of the daily figures behind what is drawn, and what it says of variation and of meeting the limit.

The rules are those of the NHS's "Making data count": a signal is special cause, and a limit is met, missed, or now this now that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.figures import q_of
from analytics.history import booked, is_state, last_days, shared, sums_of, wanted_of
from analytics.kpi import dimensions, is_pool
from analytics.measure import Scan, edges, groupings
from analytics.opening import public_holidays
from analytics.rota import Now, Rota
from analytics.statistics.change import HELD_OUT, Latest, latest_counts, latest_means, latest_shares
from analytics.statistics.course import course_of_counts, course_of_means, course_of_shares
from analytics.statistics.season import calendar
from analytics.statistics.signals import in_words, variation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from analytics.judge import FeedRule, View
    from analytics.kpi import Bound, Kpi, Reading, Slice
    from analytics.master import Master
    from analytics.statistics.course import Course
    from analytics.statistics.season import Calendar
    from analytics.statistics.signals import Better

Identity = tuple[str, "Slice"]
BEYOND = "rows beyond the green limit"
"""What is charted of a quantile."""
BASELINE = 60
"""Days that the limits of a chart are learned from, before those that it judges."""


@dataclass
class Charts:
    """Keeps what charts said for a while: they move once a day, and cost as much as the figures of the day."""

    rota: Rota[dict[str, Any]] = field(default_factory=Rota)

    def charted(
        self,
        view: View,
        kpis: Sequence[Kpi],
        feeds: Sequence[FeedRule],
        drawn: Sequence[Reading],
        moment: datetime,
        zone: ZoneInfo,
    ) -> Mapping[Identity, dict[str, Any] | None]:
        """Give the chart of each reading as JSON (see `Reading.change`), None where its days are not known.

        States and measures that are functions have no daily figures; quantiles are charted as the share of rows beyond green.
        """
        kpis = [
            replace(kpi, agreed=view.master.agreed(kpi)) for kpi in kpis
        ]  # rows are counted beyond these limits too
        named = {kpi.key: kpi for kpi in kpis}
        now = Now.of(moment, zone, view.batch)
        limits = {(r.kpi, r.slice): r for r in drawn}
        due = self.rota.due(booked(drawn, named), named, now)
        wanted = wanted_of(due)
        found: dict[Identity, dict[str, Any] | None] = {}
        days = last_days(moment, zone, BASELINE + HELD_OUT)
        for scan in shared(kpis):
            by_drawn = tuple(by for by in scan.groupings if any(wanted[kpi.key, frozenset(by)] for kpi in scan.kpis))
            if not by_drawn or scan.window_days is None:
                continue
            sources = tuple(f.name for f in feeds if f.fact == scan.fact)
            daily = replace(scan, groupings=by_drawn, window_days=1)
            for sums in sums_of(view, daily, wanted, sources, days, zone, ripe=False, beyond=True):
                key = sums.kpi.key
                own = [limits[key, slice_] for slice_ in sums.slices]
                for reading, chart in zip(own, _read(named[key], own, sums.of, days, view.master), strict=True):
                    found[key, reading.slice] = chart
        for reading in due:
            self.rota.keep(reading, found.get((reading.kpi, reading.slice)), now)
        return {identity: self.rota.get(identity) for identity in limits}


def _read(
    kpi: Kpi, readings: Sequence[Reading], sums: Mapping[str, Any], days: Sequence[date], master: Master
) -> list[dict[str, Any] | None]:
    """Chart the series of one KPI and grouping together; the last day is left out, for it is not over."""
    over = days[:-1]
    season = calendar(over, np.array([holidays_of(reading.slice, over, master) for reading in readings]))
    greens = [reading.limits.green for reading in readings]
    latest: Latest | None = by_shape(kpi, greens, {n: each[:, :-1] for n, each in sums.items()}, season, LATEST)
    if latest is None:
        return [None] * len(readings)
    return [_chart(kpi, reading, _only(latest, i), over) for i, reading in enumerate(readings)]


@dataclass(frozen=True)
class Ways:
    """How series are charted: shares and counts by (events, sizes, calendar), means by (values, calendar)."""

    shares: Callable[..., Any]
    counts: Callable[..., Any]
    means: Callable[..., Any]


LATEST = Ways(latest_shares, latest_counts, latest_means)
COURSE = Ways(course_of_shares, course_of_counts, course_of_means)


def by_shape(kpi: Kpi, greens: Sequence[Bound], sums: Mapping[str, Any], season: Calendar, ways: Ways) -> Any:
    """Chart the daily sums of a KPI's slices (see `history.Sums`) in the way that fits its shape; None where none does.

    `greens` are the slices' green limits: of a quantile the rows beyond them are charted.
    """
    shape, window = kpi.measure.shape, kpi.window_days
    if shape == "share":
        return ways.shares(sums["num"], sums["n"], season, window=window)
    if shape == "count":
        return ways.counts(sums["num"], 1.0, season, window=window)
    if shape == "quantile" and kpi.better != "between":
        return ways.shares(beyond_of(kpi, greens, sums), sums["n"], season, window=window)
    if shape == "sum":
        return ways.means(sums["num"], season, window=window)
    if shape in ("mean", "ratio"):
        below = sums["n" if shape == "mean" else "den"]
        daily = np.divide(sums["num"], below, out=np.full(below.shape, np.nan), where=below > 0)
        return ways.means(daily, season, window=window)
    return None


def beyond_of(kpi: Kpi, greens: Sequence[Bound], sums: Mapping[str, Any]) -> Any:
    """Give how many rows of each day and slice lie beyond the slice's own green limit."""
    side, bounds = "over" if kpi.better == "lower" else "under", edges(kpi)
    return np.stack([sums[f"{side}{bounds.index(_one_bound(green))}"][i] for i, green in enumerate(greens)])


def course(
    view: View, kpi: Kpi, feeds: Sequence[FeedRule], reading: Reading, moment: datetime, zone: ZoneInfo
) -> dict[str, Any] | None:
    """Give a reading's whole chart as JSON, by the rules that judge its last point; None where it has no daily figures.

    {"kind", "of" (what is charted, if it is not the KPI's own figure), "limits": {"green", "red"} (of one day, None where there is
    none), "points": [{"day", "value", "n", "centre", "low", "high", "signal", "improving"}]}; means are freed of the season, as
    they are judged.
    """
    if is_state(kpi) or kpi.window_days is None or is_pool(reading.slice):
        return None
    kpi = replace(kpi, agreed=view.master.agreed(kpi))
    days = last_days(moment, zone, BASELINE + HELD_OUT)
    by = dimensions(reading.slice)
    scan = Scan(kpi.fact, kpi.day, 1, (next(each for each in groupings(kpi) if set(each) == set(by)),), (kpi,))
    sources = tuple(f.name for f in feeds if f.fact == kpi.fact)
    series = list(sums_of(view, scan, wanted_of([reading]), sources, days, zone, ripe=False, beyond=True))
    if not series:
        return None
    over = days[:-1]
    season = calendar(over, np.array([holidays_of(reading.slice, over, view.master)]))
    sums = {name: each[:, :-1] for name, each in series[0].of.items()}
    found: Course | None = by_shape(kpi, [reading.limits.green], sums, season, COURSE)
    return None if found is None else _drawn(kpi, reading, found, sums, over)


def _drawn(kpi: Kpi, reading: Reading, found: Course, sums: Mapping[str, Any], days: Sequence[date]) -> dict[str, Any]:
    aim, better = aim_of(kpi, reading)
    told = variation(found.side, better, value=found.value, centre=found.centre, band=aim)
    sizes = np.nan_to_num(sums["den" if kpi.measure.shape == "ratio" else "n"][0])
    points = [
        {
            "day": day.isoformat(),
            "value": _plain(found.value[i]),
            "n": int(sizes[i]),
            "centre": _plain(found.centre[i]),
            "low": _plain(found.lower[i]),
            "high": _plain(found.upper[i]),
            "signal": in_words(int(found.signals[i])) or None,
            "improving": None if found.side[i] == 0 else bool(told[i] == "improving"),
        }
        for i, day in enumerate(days)
    ]
    of = BEYOND if kpi.measure.shape == "quantile" else None
    return {"kind": found.kind, "of": of, "limits": _limits(kpi, reading), "points": points}


def _limits(kpi: Kpi, reading: Reading) -> dict[str, Any]:
    """Give the limits that a charted day has to meet: counts and sums of a day those of the window by its days."""
    green, _ = aim_of(kpi, reading)
    if kpi.measure.shape == "quantile":
        return {"green": green, "red": None}
    red, _ = aim_of(kpi, replace(reading, limits=replace(reading.limits, green=reading.limits.red)))
    return {"green": green, "red": red}


def _one_bound(bound: Bound) -> float:
    assert not isinstance(bound, tuple)  # noqa: S101  # only a band has two
    return bound


def holidays_of(slice_: Slice, days: Sequence[date], master: Master) -> list[bool]:
    """Tell which days are public holidays where a slice lies; of one that lies nowhere in particular nothing is known."""
    country = dict(master.inherited(slice_)).get("country")
    if country is None:
        return [False] * len(days)
    known = public_holidays(country, None, tuple(sorted({day.year for day in days})))
    return [day in known for day in days]


def _chart(kpi: Kpi, reading: Reading, one: Latest, days: Sequence[date]) -> dict[str, Any] | None:
    """Give one chart's last point as JSON."""
    if not bool(one.judged):
        return None
    aim, better = aim_of(kpi, reading)
    return {
        "variation": one.variation(better, aim if better == "between" else None)[()],
        "assurance": one.assurance(aim, better)[()],
        "signals": in_words(int(one.signals)) or None,
        "since": days[int(one.since)].isoformat() if int(one.since) >= 0 else None,
        "chart": str(one.chart),
        "of": BEYOND if kpi.measure.shape == "quantile" else None,
        "day": days[int(one.day)].isoformat(),
        **{name: _plain(getattr(one, name)) for name in ("value", "centre", "lower", "upper")},
    }


def aim_of(kpi: Kpi, reading: Reading) -> tuple[Any, Better]:
    """Give what the charted figure has to meet, and on which side: the green limit, of counts and sums per day."""
    if kpi.measure.shape == "quantile":
        return (1 - q_of(kpi) if kpi.better == "lower" else q_of(kpi)), "lower"
    green = reading.limits.green
    days = float(kpi.window_days or 1) if kpi.measure.shape in ("count", "sum") else 1.0
    return (tuple(each / days for each in green) if isinstance(green, tuple) else green / days), kpi.better


def _only(latest: Latest, i: int) -> Latest:
    return Latest(
        **{name: np.asarray(getattr(latest, name))[i : i + 1].reshape(()) for name in Latest.__dataclass_fields__}
    )


def _plain(number: Any) -> float | None:
    return float(number) if np.isfinite(number) else None
