"""Where a figure came from: its value on each of the last days, since when its level holds, and its trend."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analytics.answers import listed, slices
from analytics.figures import from_row
from analytics.kpi import Slice, changed, is_pool
from analytics.measure import (
    GROUPING,
    ZONE,
    Scan,
    among,
    figures,
    grouped,
    groupings,
    rows_of,
    scans,
    slice_text,
    windows_table,
)
from analytics.rota import Now, Rota
from analytics.verdict import level_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import ibis.expr.types as ir

    from analytics.derived import Sight
    from analytics.judge import FeedRule, View
    from analytics.kpi import Before, Kpi, Reading
    from analytics.measure import Aggregate

Points = tuple[tuple[str, float | None], ...]
Wanted = dict[tuple[str, frozenset[str]], list[Slice]]
"""Per KPI and grouping the slices that are drawn."""

DAYS = 14
"""A history has this many points, one for each local day, the moment's own last."""
STEP = 0.1
"""A trend is a change over a week of more than this share of the distance between the green and the red limit."""


def is_state(kpi: Kpi) -> bool:
    """Tell whether a KPI's past values are known to earlier Boards only: states, and measures that are functions."""
    return kpi.day == "snapshot" or kpi.measure.shape == "named"


def lay_windows(view: View, kpis: Sequence[Kpi], moment: datetime, zone: ZoneInfo) -> None:
    """Lay the windows of all zones beside the facts, for `measure.within`."""
    for days in {kpi.window_days for kpi in kpis}:
        rows = []
        for name in ("", *view.zones()):
            start, end = window(moment, days, ZoneInfo(name) if name else zone)
            rows.append((name, _bare(start), _bare(end)))
        columns = windows_table(days).schema()
        frame = pd.DataFrame(rows, columns=list(columns)).astype({ZONE: "str"})
        view.put(windows_table(days).get_name(), frame, {name: str(type_) for name, type_ in columns.items()})


def window(moment: datetime, days: int | None, zone: ZoneInfo) -> tuple[datetime | None, datetime]:
    """Give the window of the last `days` local days up to and including the moment's own, as UTC [from, to)."""
    return _days(moment.astimezone(zone).date(), days, zone)


def _days(today: date, days: int | None, zone: ZoneInfo) -> tuple[datetime | None, datetime]:
    start = None if days is None else _midnight(today - timedelta(days=days - 1), zone)
    return start, _midnight(today + timedelta(days=1), zone)


@lru_cache(maxsize=1 << 16)
def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Give the local midnight that a day begins with; every scan asks for the same few weeks in every zone."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def stored(times: Mapping[str, datetime | None]) -> dict[str, datetime | None]:
    """Give times as the warehouse keeps them: UTC without a zone."""
    return {name: None if at is None else at.astimezone(UTC).replace(tzinfo=None) for name, at in times.items()}


def scan_times(
    moment: datetime, days: int | None, zone: ZoneInfo, watermarks: Mapping[str, datetime]
) -> dict[str, datetime | None]:
    """Give the times that expressions over a window are filled with, as the warehouse keeps them."""
    start, end = window(moment, days, zone)
    marks = {f"watermark:{name}": at for name, at in watermarks.items()}
    return stored({"now": moment, "from": start, "to": end} | marks)


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
        return changed(reading, history=points, since=since, trend=self._trend(reading, points))

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

    rota: Rota[Points] = field(default_factory=Rota)

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
        now = Now.of(moment, zone, view.batch)
        current = {(r.kpi, r.slice): r for r in booked(drawn, named)}
        due = self.rota.due(list(current.values()), named, now)
        wanted = wanted_of(due)
        found: dict[tuple[str, Slice], Points] = {}
        for scan in shared(kpis):
            drawn_by = tuple(by for by in scan.groupings if any(wanted[kpi.key, frozenset(by)] for kpi in scan.kpis))
            if not drawn_by:
                continue
            sources = tuple(f.name for f in feeds if f.fact == scan.fact)
            found |= _points(view, replace(scan, groupings=drawn_by), wanted, sources, moment, zone)
        for reading in due:
            self.rota.keep(reading, found.get((reading.kpi, reading.slice)), now)
        today = now.day.isoformat()
        points = {
            identity: (*kept[:-1], (today, reading.value))
            for identity, reading in current.items()
            if (kept := self.rota.get(identity)) is not None
        }
        return Past(points, named, moment, zone)


def booked(readings: Sequence[Reading], kpis: Mapping[str, Kpi]) -> list[Reading]:
    """Leave out readings of whose past days the facts tell nothing: those of states and functions, and pools."""
    return [r for r in readings if not is_state(kpis[r.kpi]) and not is_pool(r.slice)]


def wanted_of(readings: Sequence[Reading]) -> Wanted:
    wanted: Wanted = defaultdict(list)
    for reading in readings:
        wanted[reading.kpi, frozenset(dict(reading.slice))].append(reading.slice)
    return wanted


def shared(kpis: Sequence[Kpi]) -> list[Scan]:
    """Sort KPIs into the scans that answer their histories: what adds up over days together, quantiles together."""
    groups: dict[tuple[Scan, bool, float], list[Kpi]] = defaultdict(list)
    for scan in scans(kpis):
        for kpi in scan.kpis:
            groups[replace(scan, kpis=()), _adds_up(kpi), kpi.matures_days].append(kpi)
    return [replace(scan, kpis=tuple(members)) for (scan, _, _), members in groups.items()]


def _adds_up(kpi: Kpi) -> bool:
    """Tell whether the figure of a window follows from figures of its days."""
    return kpi.measure.shape != "quantile"


def _points(
    view: View, scan: Scan, wanted: Wanted, sources: tuple[str, ...], moment: datetime, zone: ZoneInfo
) -> dict[tuple[str, Slice], Points]:
    days = last_days(moment, zone, DAYS)
    named = [day.isoformat() for day in days]
    found = {}
    for sums in sums_of(view, scan, wanted, sources, days, zone):
        lists = {name: each.tolist() for name, each in sums.of.items()}
        for line, slice_ in enumerate(sums.slices):
            rows = [{name: each[line][d] for name, each in lists.items()} for d in range(len(days))]
            values = (from_row(sums.kpi, row, slice_, []).value for row in rows)
            found[sums.kpi.key, slice_] = tuple(zip(named, values, strict=True))
    return found


def last_days(moment: datetime, zone: ZoneInfo, count: int) -> list[date]:
    """Give the last local days up to and including the moment's own, oldest first."""
    return [moment.astimezone(zone).date() - timedelta(days=back) for back in reversed(range(count))]


@dataclass(frozen=True, eq=False)
class Sums:
    """The aggregates of a KPI's slices of one grouping (see `measure.figures`): each slices x days, NaN where nothing is known."""

    kpi: Kpi
    slices: Sequence[Slice]
    of: Mapping[str, np.ndarray[Any, Any]]


def sums_of(
    view: View,
    scan: Scan,
    wanted: Wanted | None,
    sources: tuple[str, ...],
    days: Sequence[date],
    zone: ZoneInfo,
    *,
    ripe: bool = True,
    beyond: bool = False,
) -> Iterator[Sums]:
    """Give, per KPI and grouping, the aggregates of the window that ended on each day; of all slices if none are `wanted`.

    `ripe` takes those of its rows that had matured by then, else those that have by now. `beyond` counts those beyond each
    limit instead of giving quantiles.
    """
    table = view.fact(scan.fact, scan.columns)
    zones = tuple(view.zones()) if ZONE in table.columns else ()
    matures = scan.kpis[0].matures_days if ripe else 0.0
    parts = _parts(tuple(days), scan.window_days, matures, zone, zones, apart=_adds_up(scan.kpis[0]))
    calendar = view.put(
        "days_of_histories",
        parts.calendar,
        {ZONE: "string", "_part": "int64", "_from": "timestamp(6)", "_to": "timestamp(6)"},
    )
    marks = {f"watermark:{name}": at for name, at in view.watermarks().items()}
    times = {"from": parts.first, "to": parts.last} | stored(marks)
    every = wanted is None
    texts = [
        slice_text(by, slice_)
        for by in (() if wanted is None else scan.groupings)
        for slice_ in dict.fromkeys(each for kpi in scan.kpis for each in (wanted or {})[kpi.key, frozenset(by)])
    ]
    rows = view.ask(
        ("history", scan, sources, beyond, every),
        lambda sight: _daily(scan, table, calendar, sources, sight, beyond=beyond, every=every),
        times,
        texts,
    )
    yield from _windows(scan, rows, parts, wanted, len(days))


def _window(day: date, window_days: int | None, matures: timedelta, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give the window that ended on a day, as the warehouse keeps times; of its rows, those that had matured by then."""
    start, end = (_bare(each) for each in _days(day, window_days, zone))
    last = end - matures + timedelta(microseconds=1) if matures else end
    return start, max(last, start)


def _cut(windows: Sequence[tuple[datetime, datetime]]) -> Iterator[tuple[tuple[int, ...], datetime, datetime]]:
    """Cut windows of days that follow each other where any begins or ends; give which of them hold each stretch, if any."""
    starts, ends = zip(*windows, strict=True)
    for start, end in itertools.pairwise(sorted({*starts, *ends})):
        # later windows neither begin nor end before earlier ones
        found = range(bisect_left(ends, end), bisect_right(starts, start))
        inside = tuple(d for d in found if starts[d] < ends[d])
        if inside:
            yield inside, start, end


class _Parts:
    """The stretches of time that the windows of the days are made of, in every zone; a part is known by its windows.

    What adds up is counted once per part and summed afterwards; else (not `apart`) every window is a part by itself.
    """

    def __init__(self, windows: Mapping[str, Sequence[tuple[datetime, datetime]]], *, apart: bool) -> None:
        self._ids: dict[tuple[int, ...], int] = {}
        rows = []
        for zone, own in windows.items():
            for inside, start, end in _cut(own) if apart else (((d,), *each) for d, each in enumerate(own)):
                rows.append((zone, self._ids.setdefault(inside, len(self._ids)), start, end))
        self.first = min(own[0][0] for own in windows.values())
        self.last = max(own[-1][1] for own in windows.values())
        self.calendar = pd.DataFrame(rows, columns=[ZONE, "_part", "_from", "_to"]).astype({ZONE: "str"})

    def __len__(self) -> int:
        return len(self._ids)

    def of(self, day: int) -> list[int]:
        """Give the parts that make up the window of a day."""
        return [number for inside, number in self._ids.items() if day in inside]


@lru_cache(maxsize=64)
def _parts(
    days: tuple[date, ...],
    window_days: int | None,
    matures_days: float,
    zone: ZoneInfo,
    zones: tuple[str, ...],
    *,
    apart: bool,
) -> _Parts:
    """Give the parts of the windows that ended on some days, which many scans of a judgement share."""
    matures = timedelta(days=matures_days)
    every = {"": zone} | {name: ZoneInfo(name) for name in zones}
    windows = {name: [_window(day, window_days, matures, local) for day in days] for name, local in every.items()}
    return _Parts(windows, apart=apart)


def _windows(scan: Scan, rows: pd.DataFrame, parts: _Parts, wanted: Wanted | None, days: int) -> Iterator[Sums]:
    """Give, per KPI and grouping, the aggregates of each window, added up from its parts."""
    spans = [parts.of(day) for day in range(days)]
    plain = all(span == [day] for day, span in enumerate(spans)) and len(parts) == days
    for number, by in enumerate(scan.groupings):
        own = rows[rows[GROUPING] == number]
        lines, found = _lines(own, by)
        line = {slice_: i for i, slice_ in enumerate(found)}
        places = lines, own["_part"].to_numpy(dtype=int)
        for position, kpi in enumerate(scan.kpis):
            asked = groupings(kpi) if wanted is None else ()
            of_wanted = [] if wanted is None else wanted[kpi.key, frozenset(by)]
            drawn = found if by in asked else [slice_ for slice_ in of_wanted if slice_ in line]
            if not drawn:
                continue
            chosen = slice(None) if drawn is found else [line[slice_] for slice_ in drawn]
            sums = {}
            for name in (name for name in rows.columns if name.startswith(f"k{position}_")):
                grid = np.full((len(line), len(parts)), np.nan)
                grid[places] = own[name].to_numpy(dtype=float, na_value=np.nan)
                windows = grid if plain else np.stack([_total(grid[:, span]) for span in spans], axis=-1)
                sums[name.removeprefix(f"k{position}_")] = windows[chosen]
            yield Sums(kpi, drawn, sums)


def _lines(rows: pd.DataFrame, by: tuple[str, ...]) -> tuple[np.ndarray[Any, Any], list[Slice]]:
    """Give the number of each row's slice, in the order in which slices come, and the slices."""
    if not by:
        return np.zeros(len(rows), dtype=int), [()] if len(rows) else []
    numbers = np.zeros(len(rows), dtype=int)
    for name in by:
        codes, values = pd.factorize(rows[name])
        numbers = numbers * len(values) + codes
    lines, firsts = pd.factorize(numbers)
    first = (
        pd.Series(np.arange(len(rows))).groupby(lines).first().to_numpy() if len(firsts) else np.array([], dtype=int)
    )
    return np.asarray(lines), slices(listed(rows.iloc[first]), by)


def _total(part: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Add up what is known of each line; nothing known adds up to nothing."""
    return part[:, 0] if part.shape[1] == 1 else np.nansum(part, axis=1)


def _bare(at: datetime | None) -> datetime:
    """Give a time as the warehouse keeps it; a window without a beginning begins before everything."""
    return datetime(1, 1, 1) if at is None else at.astimezone(UTC).replace(tzinfo=None)  # noqa: DTZ001


def _daily(
    scan: Scan,
    facts: ir.Table,
    calendar: ir.Table,
    sources: Sequence[str],
    sight: Sight,
    *,
    beyond: bool,
    every: bool,
) -> ir.Table:
    """Build the figures per slice and part of time: a row belongs to every part that holds it."""
    day, moments = facts[scan.day], sight.moments
    rows = rows_of(scan, facts.filter(day < moments["to"], day >= moments["from"]), sources, sight, windowed=False)
    rows = _placed(rows, calendar, scan.day)

    def wanted(kpi: Kpi, rows: ir.Table) -> dict[str, Aggregate]:
        left_out = ("sd", "rows", "value") if beyond else ("over", "under", "sd", "rows")
        return {n: each for n, each in figures(kpi, rows).items() if not n.startswith(left_out)}

    def drawn(found: ir.Table, by: tuple[str, ...]) -> ir.Table:
        return found if every else found.filter(among(found, by, sight))

    return grouped(scan, rows, wanted, drawn, ("_part",))


def _placed(rows: ir.Table, calendar: ir.Table, day: str) -> ir.Table:
    calendar = calendar.rename(_where=ZONE)
    inside = [rows[day] >= calendar["_from"], rows[day] < calendar["_to"]]
    if ZONE in rows.columns:
        return rows.inner_join(calendar, [*inside, rows[ZONE] == calendar["_where"]])
    return rows.inner_join(calendar.filter(calendar["_where"] == ""), inside)
