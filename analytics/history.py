"""Where a figure came from: its value on each of the last days, since when its level holds, and its trend."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import ibis
import pandas as pd

from analytics.kpi import SMALL
from analytics.measure import Scan, among, figures, rows_of, scans, scope, slice_text
from analytics.verdict import from_row, level_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    import ibis.expr.types as ir

    from analytics.judge import FeedRule, View
    from analytics.kpi import Before, Kpi, Reading, Slice
    from analytics.moments import Moments

Points = tuple[tuple[str, float | None], ...]

DAYS = 14
"""A history has this many points, one for each local day, the moment's own last."""
STEP = 0.1
"""A trend is a change over a week of more than this share of the distance between the green and the red limit."""


def window(moment: datetime, days: int | None, zone: ZoneInfo) -> tuple[datetime | None, datetime]:
    """Give the window of the last `days` local days up to and including the moment's own, as UTC [from, to)."""
    today = moment.astimezone(zone).date()
    start = None if days is None else _midnight(today - timedelta(days=days - 1), zone)
    return start, _midnight(today + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def stored(times: Mapping[str, datetime | None]) -> dict[str, datetime | None]:
    """Give times as the warehouse keeps them: UTC without a zone."""
    return {name: None if at is None else at.astimezone(UTC).replace(tzinfo=None) for name, at in times.items()}


@dataclass(frozen=True)
class Past:
    """The points of what is drawn, per KPI and slice, and the local midnight that each day began with."""

    points: Mapping[tuple[str, Slice], Points]
    kpis: Mapping[str, Kpi]
    moment: datetime
    zone: ZoneInfo

    def dated(self, reading: Reading, before: Before | None) -> Reading:
        """Add history, trend and `since` to a reading that is drawn; `before` is the one of the Board before it."""
        points = self.points.get((reading.kpi, reading.slice)) or self._continued(reading, before)
        since = self._since(reading, points)
        if before is not None and before.level is reading.level and before.since is not None:
            since = min(since, before.since)
        return replace(reading, history=points, since=since, trend=self._trend(reading, points))

    def _continued(self, reading: Reading, before: Before | None) -> tuple[tuple[str, float | None], ...]:
        """Continue the history of a state, whose past values only earlier Boards know."""
        today = self.moment.astimezone(self.zone).date().isoformat()
        earlier = tuple(point for point in (before.history if before else ()) if point[0] != today)
        return (*earlier, (today, reading.value))[-DAYS:]

    def _since(self, reading: Reading, points: Sequence[tuple[str, float | None]]) -> datetime:
        """Give the beginning of the first day of the unbroken run of days at this level, today's at the latest."""
        first = self.moment.astimezone(self.zone).date()
        kpi = self.kpis[reading.kpi]
        for day, value in reversed(points[:-1]):
            if value is None or level_of(kpi, value, reading.limits) is not reading.level:
                break
            first = date.fromisoformat(day)
        return _midnight(first, self.zone)

    def _trend(
        self, reading: Reading, points: Sequence[tuple[str, float | None]]
    ) -> Literal["improving", "worsening", "steady"]:
        week = [value for _, value in points[-8:] if value is not None]
        if len(week) < 2:
            return "steady"
        kpi, (first, last) = self.kpis[reading.kpi], (week[0], week[-1])
        change = abs(_distance(kpi, last, reading)) - abs(_distance(kpi, first, reading))
        return "steady" if abs(change) <= STEP else "worsening" if change > 0 else "improving"


def _distance(kpi: Kpi, value: float, reading: Reading) -> float:
    """Give how far a value lies from good, in units of the distance between the green and the red limit."""
    green, red = reading.limits.green, reading.limits.red
    if isinstance(green, tuple) and isinstance(red, tuple):
        centre = (green[0] + green[1]) / 2
        gap = max(green[0] - red[0], red[1] - green[1]) or abs(centre) or 1.0
        return abs(value - centre) / gap
    assert not isinstance(green, tuple)  # noqa: S101  # the settings give both limits one shape
    assert not isinstance(red, tuple)  # noqa: S101
    gap = abs(red - green) or abs(red) or 1.0
    worse = value - green if kpi.better == "lower" else green - value
    return max(worse / gap + 1, 0.0)


@dataclass
class Archive:
    """Keeps the points that were worked out for some moments, for they cost more than the figures of the day."""

    fresh_for: timedelta = timedelta(0)
    _kept: dict[tuple[str, Slice], tuple[datetime, Points]] = field(default_factory=dict)

    def histories(
        self,
        view: View,
        kpis: Sequence[Kpi],
        feeds: Sequence[FeedRule],
        drawn: Sequence[Reading],
        moment: datetime,
        zone: ZoneInfo,
    ) -> Past:
        """Give the last days of everything drawn: each point is the KPI over the window that ended on that day.

        Points are what is known now of those days. KPIs of the state at the moment have none but those of earlier Boards.
        """
        named = {kpi.key: kpi for kpi in kpis}
        today = moment.astimezone(zone).date().isoformat()
        points: dict[tuple[str, Slice], Points] = {}
        wanted: dict[Scan, list[Slice]] = defaultdict(list)
        scans_ = {(kpi.key, frozenset(scan.by)): (scan, kpi) for scan in scans(kpis) for kpi in scan.kpis}
        for reading in drawn:
            identity = (reading.kpi, reading.slice)
            if named[reading.kpi].day == "snapshot" or SMALL in dict(reading.slice).values():
                continue
            kept = self._kept.get(identity)
            if kept and moment - kept[0] < self.fresh_for and kept[1][-1][0] == today:
                points[identity] = (*kept[1][:-1], (today, reading.value))
            else:
                scan, kpi = scans_[reading.kpi, frozenset(dict(reading.slice))]
                wanted[replace(scan, kpis=(kpi,))].append(reading.slice)
        for scan, slices in wanted.items():
            found = _points(view, scan, slices, tuple(f.name for f in feeds if f.fact == scan.fact), moment, zone)
            self._kept |= {identity: (moment, each) for identity, each in found.items()}
            points |= found
        return Past(points, named, moment, zone)


def _points(
    view: View, scan: Scan, slices: list[Slice], sources: tuple[str, ...], moment: datetime, zone: ZoneInfo
) -> dict[tuple[str, Slice], Points]:
    days = [moment.astimezone(zone).date() - timedelta(days=back) for back in reversed(range(DAYS))]
    windows = [window(datetime(day.year, day.month, day.day, 12, tzinfo=zone), scan.window_days, zone) for day in days]
    table = view.fact(scan.fact, bounces=scan.bounces)
    calendar = view.put(
        f"days_{scan.window_days}",
        pd.DataFrame(
            {
                "day_index": range(DAYS),
                "day_from": [_bare(a) for a, _ in windows],
                "day_to": [_bare(b) for _, b in windows],
            }
        ),
        {"day_index": "int64", "day_from": "timestamp(6)", "day_to": "timestamp(6)"},
    )
    times = {"from": windows[0][0], "to": windows[-1][1]} | {
        f"watermark:{name}": at for name, at in view.watermarks().items()
    }
    rows = view.ask(
        ("history", scan, sources),
        lambda m: _daily(scan, table, calendar, sources, m),
        stored(times),
        [slice_text(scan.by, slice_) for slice_ in slices],
    )
    kpi = scan.kpis[0]
    values: dict[Slice, dict[int, float | None]] = defaultdict(dict)
    for found_row in rows.to_dict(orient="records"):
        record = {str(name): value for name, value in found_row.items()}
        slice_ = tuple(sorted((name, str(record[name])) for name in scan.by))
        values[slice_][record["day_index"]] = from_row(kpi, record, slice_, []).value
    return {
        (kpi.key, slice_): tuple((day.isoformat(), found.get(i)) for i, day in enumerate(days))
        for slice_, found in values.items()
    }


def _bare(at: datetime | None) -> datetime:
    """Give a time as the warehouse keeps it; a window without a beginning begins before everything."""
    return datetime(1, 1, 1) if at is None else at.astimezone(UTC).replace(tzinfo=None)  # noqa: DTZ001


def _daily(scan: Scan, facts: ir.Table, calendar: ir.Table, sources: Sequence[str], moments: Moments) -> ir.Table:
    """Build the figures per slice and day: a row belongs to every day whose window holds it."""
    kpi = scan.kpis[0]
    rows = rows_of(scan, facts, sources, moments)
    if scan.by:
        rows = rows.filter(among(rows, scan.by, moments))
    day = rows[kpi.day]
    # a day of the past knew only what had matured by then
    ripe = (
        calendar.day_to - ibis.interval(seconds=round(kpi.matures_days * 86400))
        if kpi.matures_days
        else calendar.day_to
    )
    rows = rows.inner_join(calendar, [day >= calendar.day_from, day < calendar.day_to, day <= ripe])
    wanted = {
        name: e for name, e in figures(kpi, rows, scope(kpi, rows)).items() if not name.startswith(("over", "under"))
    }
    return rows.group_by([*scan.by, "day_index"]).agg(**wanted)
