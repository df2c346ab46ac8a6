"""What the facts must be, worked out from the design in plain Python, one key after the other."""
# ruff: noqa: DTZ001  # the warehouse keeps UTC without a zone, and so do the answers here

from dataclasses import dataclass, field, replace
from datetime import datetime

NEVER = datetime(1, 1, 1)


@dataclass(frozen=True)
class Said:
    """A row as a source said it, with its position: a row per case has `times`, a row per event `kind` and `at`."""

    source: str
    batch: int
    row: int
    key: str
    recorded_at: datetime | None = None
    times: tuple = ()
    kind: str | None = None
    at: datetime | None = None
    attributes: tuple = ()

    @property
    def place(self):
        return (self.recorded_at or NEVER, self.batch, self.row)

    @property
    def content(self):
        return (self.source, self.key, self.kind, self.at, self.times, self.attributes)


@dataclass
class _Case:
    happened: dict = field(default_factory=dict)  # kind -> times
    counted: dict = field(default_factory=dict)  # kind -> how often, each event once
    claims: dict = field(default_factory=dict)  # attribute -> (time, place, value)

    def happen(self, kind, at, times=1):
        self.happened.setdefault(kind, []).append(at)
        self.counted[kind] = self.counted.get(kind, 0) + times

    def claim(self, name, at, said, value):
        if value is not None:
            self.claims.setdefault(name, []).append((at, said.place, value))


def told(rows):
    """Leave out what is no news: an event or a dated version said before, wherever it stands now."""
    seen, kept = set(), []
    for said in sorted(rows, key=lambda said: (said.batch, said.row)):
        once = said.kind is not None or said.recorded_at is not None
        if once and (said.content, said.recorded_at) in seen:
            continue
        seen.add((said.content, said.recorded_at))
        kept.append(said)
    return kept


def facts(fact, rows, known=None, moment=None):
    """Fold rows into {key: {column: value}} as known at a moment; `known` gives the kind of (source, extra)."""
    if moment is not None:
        rows = [said for said in rows if said.recorded_at is None or said.recorded_at <= moment]
    if fact.snapshot:
        return _snapshots(rows, moment)
    newest, cases = {}, {}
    for said in rows:
        if said.kind is None:
            other = newest.get((said.source, said.key))
            if other is None or said.place > other.place:
                newest[said.source, said.key] = said
    for said in newest.values():
        _add_statement(cases, said, {f.name for f in fact.fields if f.result}, known or {}, moment)
    _add_events(cases, [said for said in rows if said.kind is not None], moment)
    return {key: _row(fact, case) for key, case in cases.items()}


def _snapshots(rows, moment):
    newest = {}
    for said in rows:
        if moment is None or said.at <= moment:
            other = newest.get(said.key)
            if other is None or (said.batch, said.row) > (other.batch, other.row):
                newest[said.key] = said
    return {
        key: {"at": s.at, "first_event_at": s.at, "last_event_at": s.at} | dict(s.attributes)
        for key, s in newest.items()
    }


def _add_statement(cases, said, results, known, moment):
    times = {kind: at for kind, at in said.times if at is not None}
    come = {kind: at for kind, at in times.items() if moment is None or at <= moment}
    if not come:
        return
    case = cases.setdefault(said.key, _Case())
    for kind, at in come.items():
        case.happen(kind, at)
    first, last = min(times.values()), max(times.values())
    for name, value in said.attributes:
        if (said.source, name) in known:
            at = come.get(known[said.source, name])
            if at is not None:
                case.claim(name, at, said, value)
        elif name in results:
            if moment is None or last <= moment or said.recorded_at is not None:
                case.claim(name, last, said, value)
        else:
            case.claim(name, first, said, value)


def _add_events(cases, events, moment):
    seen = set()
    for said in events:
        if moment is not None and said.at > moment:
            continue
        case = cases.setdefault(said.key, _Case())
        case.happen(said.kind, said.at, 0 if said.content in seen else 1)
        seen.add(said.content)
        for name, value in said.attributes:
            case.claim(name, said.at, said, value)


def _row(fact, case):
    row = {}
    for kind in fact.kinds:
        times = case.happened.get(kind, [])
        row[f"{kind}_at"] = min(times, default=None)
        row[f"{kind}_last_at"] = max(times, default=None)
    for kind in fact.repeatable:
        row[f"{kind}_count"] = case.counted.get(kind, 0)
    for name, claims in case.claims.items():
        row[name] = max(claims, key=lambda claim: claim[:2])[2]
    every = [at for times in case.happened.values() for at in times]
    return row | {"first_event_at": min(every), "last_event_at": max(every)}


def positioned(loads):
    """Give the rows of successive loads, [(source, rows)], their batch and row."""
    return [
        replace(said, source=source, batch=batch, row=row)
        for batch, (source, rows) in enumerate(loads, start=1)
        for row, said in enumerate(rows)
    ]
