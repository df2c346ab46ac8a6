"""The step record of one order: all that was ever stated of it, in time order; what was corrected stays, marked as such.

It is shaped from rows of the logs as they are, so that each step can name the row that told of it (see `analytics.fold` for
how the same rows make facts).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from analytics.facts import FACTS, MASTER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RECORDED = tuple(
    name
    for name, fact in FACTS.items()
    if name not in MASTER and not fact.snapshot and ("order_id" in fact.field_names or fact.key == ("order_id",))
)
"""The facts that tell of orders: repair orders first, then what is joined to them by `order_id`."""

RESTATED = "restated"
"""The kind of a step in which only attributes were changed, or times withdrawn."""

Standing = Literal["counts", "repeat", "duplicate", "superseded", "withdrawn", "elsewhere"]
STANDINGS: Mapping[str, str] = {
    "counts": "holds",
    "repeat": "happened before; the first time counts",
    "duplicate": "the same event, recorded again",
    "superseded": "superseded by a later statement",
    "withdrawn": "withdrawn by a later statement",
    "elsewhere": "a later statement gives it to another order",
}
"""What each standing of a step means."""
_NEVER = datetime(1, 1, 1)  # noqa: DTZ001  # the warehouse keeps UTC without a zone


@dataclass(frozen=True, order=True)
class Place:
    """Where in the log a statement stands. The same place is never given to another one."""

    batch: int
    row: int
    source: str


@dataclass(frozen=True)
class Told:
    """A row of the log: an event (`kind`, `at`), or a version of a case (`times` by kind); all times are UTC without a zone."""

    fact: str
    key: str
    place: Place
    file: str | None
    line: int | None
    recorded_at: datetime | None
    loaded_at: datetime | None
    values: Mapping[str, Any]
    kind: str | None = None
    at: datetime | None = None
    times: Mapping[str, datetime] = field(default_factory=dict)
    same: Any = None
    known_from: Mapping[str, str] = field(default_factory=dict)
    """Of a case: the kind from which on a further column is known."""

    @property
    def order(self) -> tuple[datetime, Place]:
        return self.recorded_at or _NEVER, self.place


@dataclass(frozen=True)
class Step:
    """One step of an order: what happened when, who told it where, and which values that changed.

    `basis` says what the time is: of the event, or, of a mere correction, when that was recorded or loaded. `before` holds the
    values that `after` replaced. `replaced_by` is the place of the statement that took a step back.
    """

    at: datetime
    basis: Literal["event", "recorded", "loaded"]
    fact: str
    key: str
    kind: str
    told: Told
    after: Mapping[str, Any]
    before: Mapping[str, Any]
    standing: Standing = "counts"
    replaced_by: Place | None = None
    number: int = 0


@dataclass(frozen=True)
class Record:
    """The steps of an order as known at `moment` and up to `batch`, and its attributes (`facts`) as they were known then."""

    order: str
    network: str
    timezone: str
    moment: datetime
    batch: int
    version: int | None
    facts: Mapping[str, Any]
    steps: tuple[Step, ...]


def steps_of(rows: Iterable[Told], order: str, moment: datetime) -> tuple[Step, ...]:
    """Give the numbered steps that rows of the logs tell of an order, as known at `moment` (UTC without a zone)."""
    seen = [row for row in rows if _is_known(row, moment)]
    steps = [step for versions in _cases(seen).values() for step in _of_case(versions, moment)]
    steps += [step for happenings in _logs(seen).values() for step in _of_log(happenings)]
    steps = _repeated(sorted(steps, key=_in_time))
    steps = _elsewhere(steps, _owners(seen, moment), order)
    return tuple(replace(step, number=number) for number, step in enumerate(steps, start=1))


def values_of(rows: Iterable[Told], fact: str, key: str, moment: datetime) -> dict[str, Any]:
    """Fold the attributes of one key of a fact: the latest known non-missing values, as `fold` gives them."""
    seen = [row for row in rows if row.fact == fact and row.key == key and _is_known(row, moment)]
    said = [each for row in seen if row.kind for each in _said(row, dict.fromkeys(row.values, row.at))]
    for versions in _cases(seen).values():
        newest = versions[-1]
        shown = _visible(newest, moment)
        said += [each for each in _said(newest, _known_at(newest)) if each[2] in shown]
    return {name: value for _, _, name, value in sorted(said, key=lambda each: each[:2])}


def _said(row: Told, since: Mapping[str, datetime | None]) -> list[tuple[datetime, Any, str, Any]]:
    return [(since.get(name) or _NEVER, row.order, name, value) for name, value in row.values.items()]


def _is_known(row: Told, moment: datetime) -> bool:
    return (row.recorded_at is None or row.recorded_at <= moment) and (row.at is None or row.at <= moment)


def _cases(rows: Iterable[Told]) -> dict[tuple[str, str, str], list[Told]]:
    """Give the versions of each case as each source stated it, oldest first."""
    found: dict[tuple[str, str, str], list[Told]] = defaultdict(list)
    for row in sorted((row for row in rows if row.kind is None), key=lambda row: row.order):
        found[row.fact, row.key, row.place.source].append(row)
    return found


def _logs(rows: Iterable[Told]) -> dict[tuple[str, str], list[Told]]:
    """Give the events of each key in the order in which their values count."""
    found: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for row in sorted((row for row in rows if row.kind is not None), key=lambda row: (row.at, row.order)):
        found[row.fact, row.key].append(row)
    return found


def _known_at(row: Told) -> dict[str, datetime | None]:
    """Give from when on each attribute of a version is known: results from its last event, others from its first."""
    if not row.times:
        return {}
    first, last = min(row.times.values()), max(row.times.values())
    results = {each.name for each in FACTS[row.fact].fields if each.result}
    return {
        name: row.times.get(row.known_from[name]) if name in row.known_from else last if name in results else first
        for name in row.values
    }


def _visible(row: Told, moment: datetime) -> dict[str, Any]:
    """Give the attributes of a version that are known at the moment; before its first event nothing of it is."""
    if not row.times or min(row.times.values()) > moment:
        return {}
    since = _known_at(row)
    return {
        name: value
        for name, value in row.values.items()
        if (at := since[name]) is not None and (at <= moment or row.recorded_at is not None)
    }


def _come(row: Told, moment: datetime) -> dict[str, datetime]:
    """Give the events of a version that have come, in the order of the kinds."""
    if not row.times or min(row.times.values()) > moment:
        return {}
    return {kind: row.times[kind] for kind in FACTS[row.fact].kinds if kind in row.times and row.times[kind] <= moment}


def _of_case(versions: Sequence[Told], moment: datetime) -> list[Step]:
    """Give the steps that the versions of one case tell: what is new in each, and what it takes back of those before."""
    steps: list[Step] = []
    current: dict[str, int] = {}
    values: dict[str, Any] = {}
    for row in versions:
        times, shown = _come(row, moment), _visible(row, moment)
        before = {f"{kind}_at": steps[i].at for kind, i in current.items() if times.get(kind) != steps[i].at}
        after = {f"{kind}_at": times[kind] for kind in current if kind in times and f"{kind}_at" in before}
        for kind in [kind for kind in current if f"{kind}_at" in before]:
            taken = current.pop(kind)
            standing: Standing = "superseded" if kind in times else "withdrawn"
            steps[taken] = replace(steps[taken], standing=standing, replaced_by=row.place)
        new = [kind for kind in times if kind not in current]
        changed = {n: shown.get(n) for n in (*values, *shown) if shown.get(n) != values.get(n)}
        was = {name: values[name] for name in changed if values.get(name) is not None}
        made = _new_steps(row, new, times, changed, first=not steps)
        if made:
            made[-1] = replace(made[-1], after={**made[-1].after, **after}, before={**was, **before})
        elif changed or before:
            made = [_restated(row, times, {**changed, **dict.fromkeys(before)}, {**was, **before}, moment)]
        current |= {step.kind: len(steps) + i for i, step in enumerate(made) if step.kind != RESTATED}
        steps += made
        values = shown
    return steps


def _new_steps(
    row: Told, new: Sequence[str], times: Mapping[str, datetime], changed: Mapping[str, Any], *, first: bool
) -> list[Step]:
    """Give a step per new event of a version, with the attributes it brings: the first version's from when they are known."""
    ordered = sorted(new, key=lambda kind: times[kind])
    if not ordered:
        return []
    since = _known_at(row) if first else {}
    told: dict[str, dict[str, Any]] = {kind: {} for kind in ordered}
    for name, value in changed.items():
        at = since.get(name)
        holder = next((kind for kind in ordered if at is not None and times[kind] >= at), ordered[-1])
        told[holder][name] = value
    return [Step(times[k], "event", row.fact, row.key, k, row, told[k], {}) for k in ordered]


def _restated(
    row: Told,
    times: Mapping[str, datetime],
    after: Mapping[str, Any],
    before: Mapping[str, Any],
    moment: datetime,
) -> Step:
    """Give the step of a version that tells of no new event: it is placed where it was written, as far as that is known."""
    if row.recorded_at is not None:
        return Step(row.recorded_at, "recorded", row.fact, row.key, RESTATED, row, after, before)
    if row.loaded_at is not None and row.loaded_at <= moment:
        return Step(row.loaded_at, "loaded", row.fact, row.key, RESTATED, row, after, before)
    newest = max(times.values(), default=moment)
    return Step(newest, "event", row.fact, row.key, RESTATED, row, after, before)


def _of_log(rows: Sequence[Told]) -> list[Step]:
    """Give a step per event of a key, with the attributes that it changed."""
    steps, values, seen = [], dict[str, Any](), set()
    for row in rows:
        assert row.kind is not None  # noqa: S101  # rows of the log of events have a kind and a time
        assert row.at is not None  # noqa: S101
        changed = {name: value for name, value in row.values.items() if value != values.get(name)}
        was = {name: values[name] for name in changed if name in values}
        standing: Standing = "duplicate" if row.same is not None and row.same in seen else "counts"
        seen.add(row.same)
        values |= row.values
        steps.append(Step(row.at, "event", row.fact, row.key, row.kind, row, changed, was, standing))
    return steps


def _in_time(step: Step) -> tuple[Any, ...]:
    fact = FACTS[step.fact]
    kind = fact.kinds.index(step.kind) if step.kind in fact.kinds else len(fact.kinds)
    return step.at, RECORDED.index(step.fact), step.key, step.told.order, kind


def _repeated(steps: Sequence[Step]) -> list[Step]:
    """Mark what happened before, where only the first time counts."""
    seen, marked = set(), []
    for step in steps:
        event = (step.fact, step.key, step.kind)
        once = step.kind != RESTATED and step.kind not in FACTS[step.fact].repeatable and step.standing == "counts"
        marked.append(replace(step, standing="repeat") if once and event in seen else step)
        if step.standing == "counts":
            seen.add(event)
    return marked


def _owners(rows: Sequence[Told], moment: datetime) -> dict[tuple[str, str], str | None]:
    """Give the order that each key belongs to at last."""
    keys = {(row.fact, row.key) for row in rows}
    return {
        (fact, key): key if FACTS[fact].key == ("order_id",) else values_of(rows, fact, key, moment).get("order_id")
        for fact, key in keys
    }


def _elsewhere(steps: Sequence[Step], owners: Mapping[tuple[str, str], str | None], order: str) -> list[Step]:
    """Mark what was told of this order once, and of another one, or of none, since."""
    return [
        replace(step, standing="elsewhere")
        if step.standing == "counts" and owners[step.fact, step.key] != order
        else step
        for step in steps
    ]
