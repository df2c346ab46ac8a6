"""Backtest: what the product would have told day by day, what naive limits would have, and how both meet the truth."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from analytics.board import as_json, past
from analytics.kpi import Level, Limits
from analytics.verdict import level_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from analytics.board import Board
    from analytics.judge import Past
    from analytics.kpi import Kpi, Reading, Slice

WAYS = ("judged", "naive")
"""How reds come about: as the product judges, and by a bare comparison with the red limit."""
MONTH = 30.0


def replay(look: Callable[[datetime, Past | None], Board], moments: Iterable[datetime]) -> Iterator[Board]:
    """Judge one moment after the other; each Board is what the next one goes on from, as in the live product."""
    previous: Past | None = None
    for moment in moments:
        board = look(moment, previous)
        previous = past(as_json(board))
        yield board


@dataclass(frozen=True)
class Planted:
    """A trouble of a simulated network: what shows it (KPIs, slices), its time, and its size in standard errors a week."""

    id: str
    kind: str
    kpis: tuple[str, ...]
    slices: tuple[Slice, ...]
    begins: datetime
    ends: datetime | None
    size: float
    decoy: bool

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Planted:
        """Read an entry of truth.json."""
        return cls(
            entry["id"],
            entry["kind"],
            tuple(entry["kpis"]),
            tuple(tuple(sorted(each.items())) for each in (entry["slice"], *entry["echoes"])),
            datetime.fromisoformat(entry["from"]),
            None if entry["to"] is None else datetime.fromisoformat(entry["to"]),
            float(entry["size"]),
            entry["decoy"],
        )

    def lasts(self, moment: datetime) -> bool:
        return self.begins <= moment and (self.ends is None or moment < self.ends)

    def touches(self, slice_: Slice) -> bool:
        """Tell whether a slice may show the trouble: one of the two names all that the other does."""
        return any(set(own) <= set(slice_) or set(slice_) <= set(own) for own in self.slices)


@dataclass
class _Course:
    """One KPI of one slice over the days: whether it was red either way, and how far it was from the red limit."""

    red: dict[str, list[bool]] = field(default_factory=lambda: {way: [] for way in WAYS})
    value: list[float | None] = field(default_factory=list)
    judged: list[bool] = field(default_factory=list)
    readings: list[Reading | None] = field(default_factory=list)

    def fill(self, days: int) -> None:
        """Say nothing of the days before it first appeared."""
        while len(self.value) < days:
            for way in WAYS:
                self.red[way].append(False)
            self.value.append(None)
            self.judged.append(False)
            self.readings.append(None)


@dataclass
class Log:
    """What a replay told; add its Boards in their order, then ask."""

    kpis: Mapping[str, Kpi]
    moments: list[datetime] = field(default_factory=list)
    _courses: dict[tuple[str, Slice], _Course] = field(default_factory=lambda: defaultdict(_Course))

    def add(self, board: Board) -> None:
        day = len(self.moments)
        self.moments.append(board.as_of)
        for reading in board.readings:
            course = self._courses[reading.kpi, reading.slice]
            course.fill(day)
            kpi = self.kpis[reading.kpi]
            enough = reading.value is not None and reading.n >= kpi.min_n
            course.red["judged"].append(reading.level is Level.RED)
            course.red["naive"].append(enough and _is_beyond(kpi, reading))
            course.value.append(reading.value if enough else None)
            course.judged.append(reading.level is not Level.UNKNOWN)
            course.readings.append(reading if reading.level is Level.RED else None)
        for course in self._courses.values():
            course.fill(day + 1)

    def episodes(self) -> list[dict[str, Any]]:
        """Give every unbroken run of days on which a KPI of a slice was red, the first one first."""
        found = []
        for (kpi, slice_), course in self._courses.items():
            for is_red, run in itertools.groupby(range(len(self.moments)), key=lambda d: course.red["judged"][d]):
                days = list(run)
                if is_red:
                    reds = [r for d in days if (r := course.readings[d]) is not None]
                    found.append(self._episode(kpi, slice_, days, reds))
        return sorted(found, key=lambda e: (e["from"], -e["pain"], e["kpi"], str(e["slice"])))

    def _episode(self, kpi: str, slice_: Slice, days: list[int], reds: list[Reading]) -> dict[str, Any]:
        over = days[-1] + 1 < len(self.moments)
        return {
            "kpi": kpi,
            "slice": dict(slice_),
            "from": self._day(days[0]),
            "to": self._day(days[-1] + 1) if over else None,
            "days": len(days),
            "pain": max(r.pain for r in reds),
            "reason": reds[0].reason,
        }

    def _day(self, number: int) -> str:
        return self.moments[number].isoformat().replace("+00:00", "Z")

    def scores(self, planted: Sequence[Planted] = ()) -> dict[str, Any]:
        """Give how often each way changed its mind, and against a truth what it found, when, and what it called in vain."""
        found: dict[str, Any] = {way: {"state_changes_per_pair_month": self._changes(way)} for way in WAYS}
        if not planted:
            return found
        real = [p for p in planted if not p.decoy and p.kpis]
        green = self._green(planted)
        troubles = [self._found(each) for each in real]
        for way in WAYS:
            false = sum(course.red[way][d] for course, days in green for d in days)
            total = sum(len(days) for _, days in green)
            found[way] |= {
                "false_reds_per_1000": 1000 * false / total if total else None,
                "green_partner_kpi_days": total,
                **_of_troubles(troubles, way),
            }
        return found | {"by_size": _by_size(troubles), "troubles": troubles}

    def _pairs(self) -> Iterator[tuple[str, Slice, _Course]]:
        """Give the courses of partners, each by itself."""
        for (kpi, slice_), course in self._courses.items():
            if [name for name, _ in slice_] == ["partner"] and any(course.judged):
                yield kpi, slice_, course

    def _changes(self, way: str) -> float | None:
        changes = days = 0
        for _, _, course in self._pairs():
            days += len(self.moments) - 1
            changes += sum(a != b for a, b in itertools.pairwise(course.red[way]))
        return MONTH * changes / days if days > 0 else None

    def _green(self, planted: Sequence[Planted]) -> list[tuple[_Course, list[int]]]:
        """Give the days on which a partner's KPI was green in truth: untouched by troubles, and its median over those days is."""
        real = [p for p in planted if not p.decoy]
        found = []
        for key, slice_, course in self._pairs():
            mine = [p for p in real if p.touches(slice_) and slice_]
            days = [
                d for d, at in enumerate(self.moments) if course.judged[d] and not any(p.begins <= at for p in mine)
            ]
            values = [v for d in days if (v := course.value[d]) is not None]
            kpi = self.kpis[key]
            if values and level_of(kpi, median(values), Limits(kpi.green, kpi.red)) is Level.GREEN:
                found.append((course, days))
        return found

    def _found(self, planted: Planted) -> dict[str, Any]:
        """Tell when a trouble was first red, each way: after its begin, at a slice that was not red before."""
        courses = [self._courses[key, s] for key in planted.kpis for s in planted.slices if (key, s) in self._courses]
        since = next((d for d, at in enumerate(self.moments) if at >= planted.begins), None)
        entry: dict[str, Any] = {
            "id": planted.id,
            "kind": planted.kind,
            "size": planted.size,
            "seen": bool(courses) and since is not None and since > 0,
        }
        for way in WAYS:
            days = [] if since is None else [self._first(c, way, since, planted) for c in courses]
            first = min((d for d in days if d is not None), default=None)
            entry[way] = None if first is None else (self.moments[first] - planted.begins).total_seconds() / 86400
        return entry

    def _first(self, course: _Course, way: str, since: int, planted: Planted) -> int | None:
        red = course.red[way]
        start = since
        while start < len(red) and start > 0 and red[start - 1] and red[start]:
            start += 1  # it was red before
        return next((d for d in range(start, len(red)) if red[d] and planted.lasts(self.moments[d])), None)


def _is_beyond(kpi: Kpi, reading: Reading) -> bool:
    return reading.value is not None and level_of(kpi, reading.value, reading.limits) is Level.RED


def _of_troubles(troubles: Sequence[Mapping[str, Any]], way: str) -> dict[str, Any]:
    seen = [t for t in troubles if t["seen"]]
    days = [t[way] for t in seen if t[way] is not None]
    return {"troubles": len(seen), "found": len(days), "median_days": median(days) if days else None}


def _by_size(troubles: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    sizes = sorted({t["size"] for t in troubles})
    found = []
    for size in sizes:
        mine = [t for t in troubles if t["size"] == size]
        losses = [t["judged"] - t["naive"] for t in mine if t["judged"] is not None and t["naive"] is not None]
        found.append(
            {"size": size}
            | {way: _of_troubles(mine, way) for way in WAYS}
            | {"median_loss_days": median(losses) if losses else None, "worst_loss_days": max(losses, default=None)}
        )
    return found
