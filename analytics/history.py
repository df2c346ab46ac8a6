"""Where a figure came from: its value on each of the last days, since when its level holds, and its trend."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import ibis

from analytics.kpi import SMALL, Level
from analytics.measure import Scan, among, figures, needs_bounces, rows_of, scope, slice_text
from analytics.verdict import from_row, level_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    import ibis.expr.types as ir

    from analytics.judge import FeedRule, View
    from analytics.kpi import Before, Kpi, Reading, Slice
    from analytics.moments import Moments

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

    points: Mapping[tuple[str, Slice], tuple[tuple[str, float | None], ...]]
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

    def _trend(self, reading: Reading, points: Sequence[tuple[str, float | None]]) -> Literal["improving", "worsening", "steady"]:
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


def histories(
    view: View, kpis: Sequence[Kpi], feeds: Sequence[FeedRule], drawn: Sequence[Reading], moment: datetime, zone: ZoneInfo
) -> Past:
    """Work out the last days of everything drawn: each point is the KPI over the window that ended on that day.

    Points are what is known now of those days. KPIs of the state at the moment have none but those of earlier Boards.
    """
    named = {kpi.key: kpi for kpi in kpis}
    wanted: dict[tuple[str, tuple[str, ...]], list[Slice]] = defaultdict(list)
    for reading in drawn:
        kpi = named[reading.kpi]
        if kpi.day != "snapshot" and SMALL not in dict(reading.slice).values():
            by = next((by for by in ((), *kpi.by) if set(by) == set(dict(reading.slice))), ())
            wanted[kpi.key, by].append(reading.slice)
    points: dict[tuple[str, Slice], tuple[tuple[str, float | None], ...]] = {}
    for (key, by), slices in wanted.items():
        points |= _points(view, named[key], by, slices, tuple(f.name for f in feeds if f.fact == named[key].fact), moment, zone)
    return Past(points, named, moment, zone)


def _points(
    view: View, kpi: Kpi, by: tuple[str, ...], slices: list[Slice], sources: tuple[str, ...], moment: datetime, zone: ZoneInfo
) -> dict[tuple[str, Slice], tuple[tuple[str, float | None], ...]]:
    days = [moment.astimezone(zone).date() - timedelta(days=back) for back in reversed(range(DAYS))]
    times: dict[str, datetime | None] = {"now": moment}
    for i, day in enumerate(days):
        times[f"from:{i}"], times[f"to:{i}"] = window(datetime(day.year, day.month, day.day, 12, tzinfo=zone), kpi.window_days, zone)
    times |= {"from": times["from:0"], "to": times[f"to:{DAYS - 1}"]}
    times |= {f"watermark:{name}": at for name, at in view.watermarks().items()}
    table = view.fact(kpi.fact, bounces=needs_bounces(kpi))
    scan = Scan(kpi.fact, kpi.day, kpi.window_days, by, (kpi,))
    rows = view.ask(
        ("history", scan, sources),
        lambda m: _daily(scan, table, sources, m),
        stored(times),
        [slice_text(by, slice_) for slice_ in slices],
    )
    found = {}
    for record in rows.to_dict(orient="records"):
        slice_ = tuple(sorted((name, str(record[name])) for name in by))
        values = [from_row(kpi, _day(record, i), slice_, []).value for i in range(DAYS)]
        found[kpi.key, slice_] = tuple((day.isoformat(), value) for day, value in zip(days, values, strict=True))
    return found


def _day(record: dict[Any, Any], i: int) -> dict[str, Any]:
    return {name.removeprefix(f"d{i}_"): value for name, value in record.items() if name.startswith(f"d{i}_")}


def _daily(scan: Scan, facts: ir.Table, sources: Sequence[str], moments: Moments) -> ir.Table:
    kpi = scan.kpis[0]
    rows = rows_of(scan, facts, sources, moments)
    if scan.by:
        rows = rows.filter(among(rows, scan.by, moments))
    columns: dict[str, Any] = {}
    for i in range(DAYS):
        inside = scope(kpi, rows) & (rows[kpi.day] < moments[f"to:{i}"])
        if kpi.window_days is not None:
            inside &= rows[kpi.day] >= moments[f"from:{i}"]
        if kpi.matures_days:
            inside &= rows[kpi.day] <= moments[f"to:{i}"] - ibis.interval(seconds=round(kpi.matures_days * 86400))
        wanted = {name: e for name, e in figures(kpi, rows, inside).items() if not name.startswith(("over", "under"))}
        columns |= {f"d{i}_{name}": expression for name, expression in wanted.items()}
    return rows.group_by(list(scan.by)).agg(**columns) if scan.by else rows.agg(**columns)
