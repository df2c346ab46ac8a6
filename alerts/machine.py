"""The state machine of alerts: what a judgement makes of one KPI and slice. Two axes: how its value stands, how its data is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from alerts.letter import Kind
from analytics.board import instant, reading_json
from analytics.kpi import Health, Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.board import Board
    from analytics.kpi import Feed, Reading, Slice

SOURCE = "source"
"""The KPI and the dimension under which a dead source is an episode of its own."""
UNSTABLE_TURNS, UNSTABLE_WITHIN = 4, timedelta(hours=24)
WORSE_FACTOR, WORSE_PAIN = 2.0, 5.0
"""A pain is told to have worsened when it is twice what was told last, and by at least so many customers."""
ERROR_FOR = timedelta(minutes=15)
"""A source that cannot be loaded for so long, or has never brought anything for so long, is an episode."""


class Value(StrEnum):
    """How the value of a KPI and slice stands."""

    GREEN = "green"
    TURNING = "turning"
    PENDING = "pending"
    RED = "red"
    RECOVERING = "recovering"


OPEN = (Value.TURNING, Value.RED, Value.RECOVERING)
"""The values that belong to an episode."""


def routed_level(value: str) -> Level:
    """Give the level as which an episode takes its routes: while it recovers it is red still."""
    return Level.TURNING if value == Value.TURNING else Level.RED


ERROR = "error"
"""The health of a source that cannot be loaded; the others are those of readings."""


@dataclass(frozen=True)
class Look:
    """What the machine sees of a reading: its persistent level, whether the moment alone is red, its health and pain."""

    kpi: str
    slice: Slice
    level: Level
    momentary: Level
    health: str
    pain: float
    reason: str
    reversed: bool = False
    """Rows that came late have turned a red of the last days."""

    @property
    def is_known(self) -> bool:
        return self.level is not Level.UNKNOWN


@dataclass(frozen=True)
class State:
    """Where one KPI and slice stand. `turns` are the last times it began or ceased to be red, within the last day."""

    value: Value = Value.GREEN
    health: str = "ok"
    since: datetime | None = None
    turns: tuple[datetime, ...] = ()
    red: bool = False
    """The last known judgement was red, whatever an unstable episode is held open for."""
    unstable: bool = False
    told_pain: float = 0.0

    @property
    def is_red(self) -> bool:
        return self.value in (Value.RED, Value.RECOVERING)


@dataclass(frozen=True)
class Change:
    """A change on one axis, as it is recorded."""

    axis: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True)
class Step:
    """What one judgement did: the new state, the changes, what is to be told, and whether an episode opens or closes here."""

    state: State
    changes: tuple[Change, ...] = ()
    kinds: tuple[Kind, ...] = ()
    opens: bool = False
    closes: bool = False


def step(state: State, look: Look, moment: datetime) -> Step:
    """Take one judgement of one KPI and slice. Unknown values freeze the value's state; they never resolve it."""
    health = look.health
    changes: list[Change] = []
    if health != state.health:
        changes.append(Change("health", state.health, health, look.reason))
    turns = tuple(at for at in state.turns if moment - at < UNSTABLE_WITHIN)
    if not look.is_known:
        return Step(replace(state, health=health, turns=turns), tuple(changes))
    wanted = _value(state, look)
    is_red = look.level is Level.RED
    if state.red != is_red:
        turns = (*turns, moment)
    kinds: list[Kind] = []
    unstable = state.unstable
    if state.is_red and not is_red:
        if len(turns) >= UNSTABLE_TURNS and not unstable:
            unstable = True
            kinds.append(Kind.UNSTABLE)
            changes.append(Change("value", "steady", "unstable", _UNSTABLE))
        if unstable and turns:
            wanted = Value.RECOVERING  # kept open until a day has passed without a turn
    after = State(wanted, health, state.since, turns, is_red, unstable, state.told_pain)
    if wanted is not state.value:
        changes.append(Change("value", state.value, wanted, look.reason))
        after = replace(after, since=moment)
    opens = state.value not in OPEN and wanted in OPEN
    closes = state.value in OPEN and wanted not in OPEN
    kinds += _told(state, after, look)
    if wanted is Value.RED and (Kind.OPENED in kinds or Kind.WORSENED in kinds):
        after = replace(after, told_pain=look.pain)
    if closes:
        after = replace(after, unstable=False, told_pain=0.0)
    return Step(after, tuple(changes), tuple(kinds), opens, closes)


_UNSTABLE = (
    f"It began or ceased to be red {UNSTABLE_TURNS} times within {UNSTABLE_WITHIN.total_seconds() / 3600:.0f} h; it stays open "
    "until a day has passed without another turn."
)


def _value(state: State, look: Look) -> Value:
    if look.level is Level.RED:
        calm = look.momentary in (Level.GREEN, Level.AMBER, Level.TURNING)
        return Value.RECOVERING if calm and state.is_red else Value.RED
    if look.level is Level.TURNING:
        return Value.RECOVERING if state.is_red else Value.TURNING
    if look.momentary is not Level.RED:
        return Value.GREEN
    return Value.TURNING if state.value is Value.TURNING else Value.PENDING


def _told(before: State, after: State, look: Look) -> list[Kind]:
    """Say what is to be told of a change of the value."""
    if after.is_red and not before.is_red:
        return [Kind.OPENED]
    if after.value is Value.TURNING and before.value not in OPEN:
        return [Kind.TURNING]
    if before.value in OPEN and after.value not in OPEN:
        return [Kind.CORRECTED if look.reversed and before.is_red else Kind.RECOVERED]
    much = max(WORSE_FACTOR * before.told_pain, before.told_pain + WORSE_PAIN)
    return [Kind.WORSENED] if after.value is Value.RED and before.is_red and look.pain >= much else []


def look_of(reading: Reading, opened: datetime | None = None) -> Look:
    """Give what the machine sees of a reading."""
    told = reading.standing.told if reading.standing else ()
    momentary = told[-1].level if told else reading.level
    return Look(
        reading.kpi,
        reading.slice,
        reading.level,
        momentary,
        reading.health.value,
        reading.pain,
        reading.reason,
        was_none(reading, opened),
    )


def was_none(reading: Reading, opened: datetime | None) -> bool:
    """Tell whether every red day of an episode was reversed by rows that came late."""
    first = (
        "" if opened is None else (opened - timedelta(days=1)).date().isoformat()
    )  # local days may be a day ahead or behind
    turned = {r.day for r in reading.reversed if r.was is Level.RED and r.now is not Level.RED and r.day >= first}
    red = {t.day for t in (reading.standing.told if reading.standing else ()) if t.level is Level.RED and t.day > first}
    return bool(turned) and red <= turned


@dataclass(frozen=True)
class Seen:
    """A look with the JSON of what was seen, made only where it is needed."""

    look: Look
    reading: Reading | None = None
    document: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return dict(self.document) if self.reading is None else self._written

    @cached_property
    def _written(self) -> dict[str, Any]:
        assert self.reading is not None  # noqa: S101  # asked by `json`
        return reading_json(self.reading)


def sources_seen(board: Board, failing: Mapping[str, datetime]) -> list[Seen]:
    """See the sources as the machine sees readings: red is one that is dead, or could not be loaded for a while.

    `failing` tells since when (aware, UTC) a source could not be loaded, or was known to have brought nothing yet.
    """
    blind: dict[str, int] = {}
    for reading in board.readings:
        if reading.health in (Health.DEAD, Health.LATE) and reading.level is not Level.GREEN:
            for feed in board.feeds:
                if feed.name in reading.reason:
                    blind[feed.name] = blind.get(feed.name, 0) + 1
    return [_source_seen(feed, board.as_of, failing.get(feed.name), blind.get(feed.name, 0)) for feed in board.feeds]


def _source_seen(feed: Feed, moment: datetime, failing: datetime | None, blind: int) -> Seen:
    doubtful = feed.error is not None or (feed.state == "dead" and feed.watermark is None)
    dead = feed.state == "dead" and feed.watermark is not None
    broken = doubtful and failing is not None and moment - failing >= ERROR_FOR
    level = Level.RED if dead or broken else Level.GREEN
    health = ERROR if feed.error is not None else {"late": "late", "dead": "dead"}.get(feed.state, "ok")
    reason = _source_reason(feed)
    slice_ = ((SOURCE, feed.name),)
    momentary = Level.RED if doubtful else level
    document: dict[str, Any] = {
        "kpi": SOURCE,
        "title": "Source",
        "family": "data",
        "slice": {SOURCE: feed.name},
        "level": level.value,
        "health": health,
        "reason": reason,
        "since": instant(feed.watermark),
        "value": None,
        "limits": None,
        "n": 0,
        "unit": "",
        "pain": 0.0,
        "customers": 0.0,
        "blind": blind,
        "error": feed.error,
        "drivers": [],
        "remedies": [],
        "history": [],
        "outlook": None,
    }
    return Seen(Look(SOURCE, slice_, level, momentary, health, 0.0, reason), None, document)


def _source_reason(feed: Feed) -> str:
    if feed.error is not None:
        said = "".join(letter if letter.isprintable() else " " for letter in feed.error)  # PostgreSQL keeps no NUL
        return f"Source {feed.name} could not be loaded: {said}"
    newest = f"its newest event is of {instant(feed.watermark)}" if feed.watermark else "it has never told of anything"
    return f"Source {feed.name} is {feed.state}: {newest}."
