"""Backtest: what the product would have told day by day, what naive limits would have, and how both meet the truth."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from analytics.board import as_json, instant, past
from analytics.kpi import Health, Level, Limits
from analytics.verdict import level_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from analytics.board import Board
    from analytics.judge import Past
    from analytics.kpi import Kpi, Reading, Slice

WAYS = ("judged", "naive")
"""How reds come about: as the product judges, and by a bare comparison with the red limit."""
TOLD = ("told", *WAYS)
"""How troubles are found: told in any of the product's ways, red alone, and by a bare comparison with the red limit."""
BY = ("red", "worsening", "health")
"""The product's ways to tell: a red, a green or amber that gets worse, and data that has stopped coming."""
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
    """A trouble of a simulated network: what shows it (KPIs, slices), its time, and its size in standard errors a week.

    One that stops data (of its `source`, or of its `partner`, which then has no KPIs) is shown by the health of that too.
    """

    id: str
    kind: str
    kpis: tuple[str, ...]
    slices: tuple[Slice, ...]
    begins: datetime
    ends: datetime | None
    size: float
    decoy: bool
    source: str = ""
    partner: str = ""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Planted:
        """Read an entry of truth.json."""
        stopped = not entry["kpis"] and not entry.get("source")
        return cls(
            entry["id"],
            entry["kind"],
            tuple(entry["kpis"]),
            tuple(tuple(sorted(each.items())) for each in (entry["slice"], *entry["echoes"])),
            datetime.fromisoformat(entry["from"]),
            None if entry["to"] is None else datetime.fromisoformat(entry["to"]),
            float(entry["size"]),
            entry["decoy"],
            entry.get("source", ""),
            entry["slice"].get("partner", "") if stopped else "",
        )

    def lasts(self, moment: datetime) -> bool:
        return self.begins <= moment and (self.ends is None or moment < self.ends)

    def touches(self, slice_: Slice) -> bool:
        """Tell whether a slice may show the trouble: one of the two names all that the other does."""
        return any(set(own) <= set(slice_) or set(slice_) <= set(own) for own in self.slices)


@dataclass
class _Course:
    """One KPI of one slice over the judgements: whether it was red either way, and told to get worse though it is not red."""

    red: dict[str, list[bool]] = field(default_factory=lambda: {way: [] for way in WAYS})
    worsening: list[bool] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)
    judged: list[bool] = field(default_factory=list)
    readings: list[Reading | None] = field(default_factory=list)

    def fill(self, judgements: int) -> None:
        """Say nothing of the judgements before it first appeared."""
        while len(self.value) < judgements:
            for way in WAYS:
                self.red[way].append(False)
            self.worsening.append(False)
            self.value.append(None)
            self.judged.append(False)
            self.readings.append(None)


@dataclass
class Log:
    """What a replay told; add its Boards in their order, one or several a day, then ask. Days are those of `timezone`."""

    kpis: Mapping[str, Kpi]
    timezone: str = "UTC"
    moments: list[datetime] = field(default_factory=list)
    _stopped: list[set[tuple[str, str]]] = field(default_factory=list)
    """Per judgement the sources that were told to be late or dead, and the partners that were told to be silent."""
    _courses: dict[tuple[str, Slice], _Course] = field(default_factory=lambda: defaultdict(_Course))

    def add(self, board: Board) -> None:
        number = len(self.moments)
        self.moments.append(board.as_of)
        self._stopped.append(_stopped(board))
        for reading in board.readings:
            course = self._courses[reading.kpi, reading.slice]
            course.fill(number)
            kpi = self.kpis[reading.kpi]
            enough = reading.value is not None and reading.n >= kpi.min_n
            course.red["judged"].append(reading.level is Level.RED)
            course.red["naive"].append(enough and _is_beyond(kpi, reading))
            course.worsening.append(reading.worsening)
            course.value.append(reading.value if enough else None)
            course.judged.append(reading.level is not Level.UNKNOWN)
            course.readings.append(reading if reading.level is Level.RED else None)
        for course in self._courses.values():
            course.fill(number + 1)

    def episodes(self) -> list[dict[str, Any]]:
        """Give every unbroken run of judgements in which a KPI of a slice was red, the first one first."""
        found = []
        for (kpi, slice_), course in self._courses.items():
            for is_red, run in itertools.groupby(range(len(self.moments)), key=lambda d: course.red["judged"][d]):
                times = list(run)
                if is_red:
                    reds = [r for d in times if (r := course.readings[d]) is not None]
                    found.append(self._episode(kpi, slice_, times, reds))
        return sorted(found, key=lambda e: (e["from"], -e["pain"], e["kpi"], str(e["slice"])))

    def _episode(self, kpi: str, slice_: Slice, times: list[int], reds: list[Reading]) -> dict[str, Any]:
        over = times[-1] + 1 < len(self.moments)
        return {
            "kpi": kpi,
            "slice": dict(slice_),
            "from": instant(self.moments[times[0]]),
            "to": instant(self.moments[times[-1] + 1]) if over else None,
            "days": self._days(times),
            "pain": max(r.pain for r in reds),
            "reason": reds[0].reason,
        }

    def _days(self, numbers: Iterable[int]) -> int:
        """Count the local days that some judgements fall on."""
        zone = ZoneInfo(self.timezone)
        return len({self.moments[number].astimezone(zone).date() for number in numbers})

    def scores(self, planted: Sequence[Planted] | None = None) -> dict[str, Any]:
        """Give how often each way changed its mind, and against a truth what it found, when, and what it called in vain.

        "judged" counts reds alone; "told" counts a trouble as found in any of the product's ways, and `by` which of them did.
        Troubles of which no KPI was judged on any day for want of rows count as `unjudged`, not as missed. A truth may be that
        nothing was planted: then every red at a partner that is usually green was called in vain.
        """
        found: dict[str, Any] = {way: {"state_changes_per_pair_month": self._changes(way)} for way in WAYS}
        if planted is None:
            return found
        real = [p for p in planted if not p.decoy and (p.kpis or p.partner)]
        green = self._green(planted)
        green_days = sum(self._days(times) for _, times in green)
        troubles = [self._found(each) for each in real]
        total = sum(len(times) for _, times in green)
        for way in WAYS:
            false = sum(course.red[way][d] for course, times in green for d in times)
            found[way] |= {
                "false_reds_per_1000": 1000 * false / total if total else None,
                "green_partner_kpi_days": green_days,
                **_of_troubles(troubles, way),
            }
        vain = sum(course.worsening[d] for course, times in green for d in times)
        found["told"] = {
            "false_worsenings_per_1000": 1000 * vain / total if total else None,
            "green_partner_kpi_days": green_days,
            **_of_troubles(troubles, "told"),
            "by": _by(troubles),
        }
        unjudged = sum(each["unjudged"] for each in troubles)
        return found | {"unjudged": unjudged, "by_size": _by_size(troubles), "troubles": troubles}

    def _pairs(self) -> Iterator[tuple[str, Slice, _Course]]:
        """Give the courses of partners, each by itself."""
        for (kpi, slice_), course in self._courses.items():
            if [name for name, _ in slice_] == ["partner"] and any(course.judged):
                yield kpi, slice_, course

    def _changes(self, way: str) -> float | None:
        pairs = [course for _, _, course in self._pairs()]
        span = (self.moments[-1] - self.moments[0]).total_seconds() / 86400 if pairs else 0.0
        changes = sum(a != b for course in pairs for a, b in itertools.pairwise(course.red[way]))
        return MONTH * changes / (span * len(pairs)) if span > 0 else None

    def _green(self, planted: Sequence[Planted]) -> list[tuple[_Course, list[int]]]:
        """Give when a partner's KPI was green in truth: untouched by troubles, and its median over those times is green."""
        real = [p for p in planted if not p.decoy]
        found = []
        for key, slice_, course in self._pairs():
            mine = [p for p in real if p.touches(slice_) and slice_]
            times = [
                d for d, at in enumerate(self.moments) if course.judged[d] and not any(p.begins <= at for p in mine)
            ]
            values = [v for d in times if (v := course.value[d]) is not None]
            kpi = self.kpis[key]
            if values and level_of(kpi, median(values), Limits(kpi.green, kpi.red)) is Level.GREEN:
                found.append((course, times))
        return found

    def _found(self, planted: Planted) -> dict[str, Any]:
        """Tell when a trouble was first told, each way: after its begin, at a slice of which that was not told before."""
        courses = [self._courses[key, s] for key in planted.kpis for s in planted.slices if (key, s) in self._courses]
        since = next((d for d, at in enumerate(self.moments) if at >= planted.begins), None)
        stopped = [stop for stop in (("source", planted.source), ("partner", planted.partner)) if stop[1]]
        health = [[stop in at for at in self._stopped] for stop in stopped]
        told = {
            "red": self._when([course.red["judged"] for course in courses], since, planted),
            "worsening": self._when([course.worsening for course in courses], since, planted),
            "health": self._when(health, since, planted),
        }
        first = min((days for days in told.values() if days is not None), default=None)
        # where the sample is too small on every day nobody can say anything, by whatever limits
        able = first is not None or bool(health) or any(any(course.judged[since or 0 :]) for course in courses)
        begun = bool(courses or health) and since is not None and since > 0
        return {
            "id": planted.id,
            "kind": planted.kind,
            "size": planted.size,
            "seen": begun and able,
            "unjudged": begun and not able,
            "told": first,
            "judged": told["red"],
            "naive": self._when([course.red["naive"] for course in courses], since, planted),
            "by": told,
        }

    def _when(self, courses: Iterable[Sequence[bool]], since: int | None, planted: Planted) -> float | None:
        """Give after how many days the first of some courses was told."""
        days = [] if since is None else [self._first(course, since, planted) for course in courses]
        first = min((d for d in days if d is not None), default=None)
        return None if first is None else (self.moments[first] - planted.begins).total_seconds() / 86400

    def _first(self, told: Sequence[bool], since: int, planted: Planted) -> int | None:
        start = since
        while start < len(told) and start > 0 and told[start - 1] and told[start]:
            start += 1  # it was told before
        return next((d for d in range(start, len(told)) if told[d] and planted.lasts(self.moments[d])), None)


def _stopped(board: Board) -> set[tuple[str, str]]:
    """Name the sources that a Board tells to be late or dead, and the partners that it tells to be silent."""
    silent = {
        ("partner", slice_["partner"])
        for reading in board.readings
        if reading.health in (Health.LATE, Health.DEAD)
        and (reading.level is Level.UNKNOWN or reading.stale)
        and (slice_ := dict(reading.slice)).keys() == {"partner"}
        and f"partner {slice_['partner']} has been silent" in reading.reason
    }
    return silent | {("source", feed.name) for feed in board.feeds if feed.state in ("late", "dead")}


def together(here: Sequence[Mapping[str, Any]], there: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Sort the episodes of two replays: those that only one of them had, and those of here that overlap with one of there."""
    mine, theirs = _by_pair(here), _by_pair(there)
    return {
        "episodes_only_here": [dict(e) for e in here if not _overlaps(e, theirs)],
        "episodes_only_there": [dict(e) for e in there if not _overlaps(e, mine)],
        "episodes_in_both": [dict(e) for e in here if _overlaps(e, theirs)],
    }


_Spans = dict[tuple[str, "Slice"], list[tuple[datetime, datetime]]]
"""From when until when each KPI and slice was red."""


def _by_pair(episodes: Iterable[Mapping[str, Any]]) -> _Spans:
    found: _Spans = defaultdict(list)
    for each in episodes:
        found[_pair(each)].append(_span(each))
    return found


def _pair(episode: Mapping[str, Any]) -> tuple[str, Slice]:
    return episode["kpi"], tuple(sorted(episode["slice"].items()))


def _span(episode: Mapping[str, Any]) -> tuple[datetime, datetime]:
    begins, ends = (episode[name] and datetime.fromisoformat(episode[name]) for name in ("from", "to"))
    return begins, ends or datetime.max.replace(tzinfo=UTC)


def _overlaps(episode: Mapping[str, Any], others: _Spans) -> bool:
    begins, ends = _span(episode)
    return any(begins < end and begin < ends for begin, end in others.get(_pair(episode), ()))


def _is_beyond(kpi: Kpi, reading: Reading) -> bool:
    return reading.value is not None and level_of(kpi, reading.value, reading.limits) is Level.RED


def _of_troubles(troubles: Sequence[Mapping[str, Any]], way: str) -> dict[str, Any]:
    seen = [t for t in troubles if t["seen"]]
    days = [t[way] for t in seen if t[way] is not None]
    return {"troubles": len(seen), "found": len(days), "median_days": median(days) if days else None}


def _by(troubles: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count the troubles that each of the product's ways has told; several may have told the same."""
    return {how: sum(t["by"][how] is not None for t in troubles if t["seen"]) for how in BY}


def _by_size(troubles: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    sizes = sorted({t["size"] for t in troubles})
    found = []
    for size in sizes:
        mine = [t for t in troubles if t["size"] == size]
        losses = [t["judged"] - t["naive"] for t in mine if t["judged"] is not None and t["naive"] is not None]
        found.append(
            {"size": size}
            | {way: _of_troubles(mine, way) for way in TOLD}
            | {"by": _by(mine), "unjudged": sum(t["unjudged"] for t in mine)}
            | {"median_loss_days": median(losses) if losses else None, "worst_loss_days": max(losses, default=None)}
        )
    return found
