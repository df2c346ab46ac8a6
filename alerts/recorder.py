"""Records what a Board means for alerts: states, episodes, transitions and notices, in the transaction that stores the Board."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, func, select

from alerts.letter import Kind
from alerts.machine import OPEN, SOURCE, Change, Look, Seen, State, Step, Value, look_of, sources_seen, step, was_none
from alerts.notices import notice_row, taking
from alerts.tables import EPISODES, NOTICES, STATES, TRANSITIONS, insert_new
from analytics.kpi import Level
from analytics.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from sqlalchemy import Connection, Row

    from analytics.board import Board
    from analytics.routing import Alerting

Key = tuple[str, str]
"""A KPI's key and the text of a slice."""
REPEATED = (Kind.WORSENED, Kind.UNSTABLE, Kind.REMINDER)
"""What may be told several times of one episode."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
WITHDRAWN = "It is no longer judged: its KPI or its place is not part of the catalogue and the data any more."
CORRECTED_FOR = timedelta(days=7)
"""So long after its end an episode is still taken back, as the days are that late data may turn."""
TAKEN_BACK = "With the rows that came later it was not red on any day of this episode."
_STEPPED = ("value", "health", "since", "turns", "episode")


def slice_key(slice_: Iterable[tuple[str, str]]) -> str:
    """Write a slice as a text that is the same for equal slices."""
    return orjson.dumps(dict(slice_), option=orjson.OPT_SORT_KEYS).decode()


def _nothing(_: str) -> None:
    pass


@dataclass
class _Known:
    """What the store knows of one KPI and slice."""

    state: State
    episode: int | None
    opened_at: datetime | None = None


@dataclass
class _Taken:
    """One judgement of one KPI and slice, with what it did."""

    key: Key
    seen: Seen
    step: Step
    is_new: bool
    episode: int | None = None


@dataclass
class Recorder:
    """Turns Boards into states, episodes and notices. `pass_by` is told of every boundary; tests kill the process there."""

    alerting: Alerting
    pass_by: Callable[[str], None] = _nothing

    def record(self, con: Connection, board: Board) -> int:
        """Take a Board within a transaction; give the number of notices written.

        What is written and the Board are kept together or not at all, so that a crash can lose neither.
        """
        known = _known(con)
        taken = list(_stepped(board, known))
        gone = self._gone(board, known)
        back = _taken_back(con, board)
        if not taken and not gone and not back:
            return 0
        self._open(con, taken, board)
        self.pass_by("episodes opened")
        self._write(con, [*taken, *gone], board)
        self._write_changes(con, back, board)
        self.pass_by("states written")
        told = [(t, kind) for t in [*taken, *gone, *back] for kind in t.step.kinds]
        written = self._notify(con, told, board)
        self.pass_by("notices written")
        return written

    def _gone(self, board: Board, known: Mapping[Key, _Known]) -> list[_Taken]:
        """Close what is open and no longer judged: nothing could end it otherwise."""
        if not board.readings:
            return []
        kpis = {kpi for kpi, _ in known}
        judged = {(r.kpi, slice_key(r.slice)) for r in board.readings if r.kpi in kpis} | {
            (SOURCE, slice_key(((SOURCE, feed.name),))) for feed in board.feeds
        }
        found = []
        for key, each in known.items():
            if key in judged:
                continue
            slice_ = tuple(sorted(orjson.loads(key[1]).items()))
            look = Look(key[0], slice_, Level.GREEN, Level.GREEN, each.state.health, 0.0, WITHDRAWN)
            changes = (
                (Change("value", each.state.value, Value.GREEN, WITHDRAWN),)
                if each.state.value is not Value.GREEN
                else ()
            )
            is_open = each.state.value in OPEN
            ended = Kind.RECOVERED if key[0] == SOURCE else Kind.WITHDRAWN
            kinds = (ended,) if is_open else ()
            done = Step(State(since=board.as_of), changes, kinds, closes=is_open)
            found.append(_Taken(key, Seen(look), done, is_new=False, episode=each.episode))
        return found

    def _open(self, con: Connection, taken: list[_Taken], board: Board) -> None:
        """Open the new episodes; ids are taken from a range that this transaction alone can give out."""
        opening = [t for t in taken if t.step.opens]
        if not opening:
            return
        start = (con.execute(select(func.max(EPISODES.c.id))).scalar() or 0) + 1
        rows = []
        for number, each in enumerate(opening, start=start):
            each.episode = number
            document = each.seen.json()
            rows.append(
                {
                    "id": number,
                    "kpi": each.key[0],
                    "slice": each.key[1],
                    "title": document["title"],
                    "value": each.step.state.value,
                    "opened_at": board.as_of,
                    "unstable": False,
                    "told_pain": each.step.state.told_pain,
                    "worst_pain": each.seen.look.pain,
                    "version": board.version,
                    "inherited": _inherited(board, document),
                    "reading": document,
                }
            )
        con.execute(EPISODES.insert(), rows)

    def _write(self, con: Connection, taken: list[_Taken], board: Board) -> None:
        moment = board.as_of
        new, changed, dropped, updates, closing, reddened = [], [], [], [], [], []
        for each in taken:
            state, (kpi, slice_) = each.step.state, each.key
            episode = None if state.value not in OPEN else each.episode
            row = {
                "value": state.value,
                "health": state.health,
                "since": state.since or moment,
                "turns": {"at": [at.isoformat() for at in state.turns], "red": state.red},
                "episode": episode,
            }
            if _is_plain(state):
                dropped.append({"k": kpi, "s": slice_})
            elif each.is_new:
                new.append({"kpi": kpi, "slice": slice_, **row})
            else:
                changed.append({"k": kpi, "s": slice_, **{f"_{name}": row[name] for name in _STEPPED}})
            if each.episode is not None and not each.step.opens:
                if each.step.closes:
                    closing.append({"i": each.episode, "_value": state.value, "_closed_at": moment})
                if (each.seen.reading is not None or each.seen.document) and each.seen.look.is_known:
                    updates.append(
                        {
                            "i": each.episode,
                            "_value": state.value,
                            "_unstable": state.unstable,
                            "_told_pain": state.told_pain,
                            "_pain": each.seen.look.pain,
                            "_reading": each.seen.json(),
                        }
                    )
                if Kind.OPENED in each.step.kinds:
                    reddened.append({"i": each.episode})
        if new:
            con.execute(STATES.insert(), new)
        at = (STATES.c.kpi == bindparam("k")) & (STATES.c.slice == bindparam("s"))
        if changed:
            con.execute(STATES.update().where(at).values({n: bindparam(f"_{n}") for n in _STEPPED}), changed)
        if dropped:
            con.execute(STATES.delete().where(at), dropped)
        self._update_episodes(con, updates, closing)
        if reddened:  # a forecast was acknowledged or snoozed, not this
            fresh = {"acknowledged_at": None, "acknowledged_by": None, "snoozed_until": None}
            con.execute(EPISODES.update().where(EPISODES.c.id == bindparam("i")).values(fresh), reddened)
        self._write_changes(con, taken, board)

    @staticmethod
    def _write_changes(con: Connection, taken: list[_Taken], board: Board) -> None:
        changes = [
            {
                "episode": each.episode,
                "kpi": each.key[0],
                "slice": each.key[1],
                "at": board.as_of,
                "axis": change.axis,
                "before": change.before,
                "after": change.after,
                "reason": change.reason,
                "version": board.version,
            }
            for each in taken
            for change in each.step.changes
            if each.episode is not None or change.axis == "value"
        ]
        if changes:
            con.execute(TRANSITIONS.insert(), changes)

    @staticmethod
    def _update_episodes(con: Connection, updates: list[dict[str, Any]], closing: list[dict[str, Any]]) -> None:
        own = EPISODES.c.id == bindparam("i")
        pain = bindparam("_pain", type_=EPISODES.c.worst_pain.type)
        worst = func.max if con.dialect.name == "sqlite" else func.greatest
        if updates:
            values = _bound("value", "unstable", "told_pain", "reading")
            values["worst_pain"] = worst(EPISODES.c.worst_pain, pain)
            con.execute(EPISODES.update().where(own).values(values), updates)
        if closing:
            con.execute(EPISODES.update().where(own).values(_bound("value", "closed_at")), closing)

    def _notify(self, con: Connection, told: list[tuple[_Taken, Kind]], board: Board) -> int:
        """Write who is to be told of what; a key says the same thing only once to the same recipient."""
        unseen = {t.episode for t, _ in told if not (t.seen.reading or t.seen.document)}
        tellers = _tellers(con, [t.episode for t, _ in told if t.episode is not None], unseen)
        return insert_new(con, NOTICES, self._rows(told, tellers, board))

    def _rows(
        self, told: Iterable[tuple[_Taken, Kind]], tellers: Mapping[int, _Teller], board: Board
    ) -> Iterator[dict[str, Any]]:
        for taken, kind in told:
            if taken.episode is None:
                continue
            sequence = 0
            if kind in REPEATED:
                sequence = 1 + max((n for k, n in tellers[taken.episode].kinds if k == kind), default=-1)
            document = (
                taken.seen.json() if taken.seen.reading or taken.seen.document else tellers[taken.episode].reading
            )
            reason, pain = taken.seen.look.reason, float(document["pain"] or 0.0)
            for route, recipients in self._whom(kind, document, taken.episode, tellers, board):
                for recipient in recipients:
                    yield notice_row(taken.episode, recipient, route, kind, sequence, reason, board.as_of, pain)

    def _whom(
        self,
        kind: Kind,
        document: Mapping[str, Any],
        episode: int,
        tellers: Mapping[int, _Teller],
        board: Board,
    ) -> Iterator[tuple[Route, tuple[str, ...]]]:
        """Give routes with their recipients: of all that follows, those who were to be told of the beginning."""
        routes = {route.name: route for route in self.alerting.routes}
        if kind not in (Kind.OPENED, Kind.TURNING):
            for recipient, name in tellers[episode].recipients.items():
                if name:  # whoever only heard that a mail was undeliverable has none
                    yield routes.get(name) or Route(name, (recipient,)), (recipient,)
            return
        level = Level.TURNING if kind is Kind.TURNING else Level.RED
        yield from ((route, route.to) for route in taking(self.alerting, document, _inherited(board, document), level))


def _inherited(board: Board, document: Mapping[str, Any]) -> dict[str, str]:
    """Give what the partner that a reading names has in the master data."""
    return dict(board.partners.get(document["slice"].get("partner", ""), {}))


def _bound(*names: str) -> dict[str, Any]:
    return {name: bindparam(f"_{name}", type_=EPISODES.c[name].type) for name in names}


@dataclass
class _Teller:
    """What is known of an episode's notices so far, and its last reading."""

    kinds: list[tuple[str, int]]
    recipients: dict[str, str]
    """The recipients with the route that first named them."""
    reading: dict[str, Any]


def _tellers(con: Connection, episodes: list[int], unseen: Collection[int | None]) -> dict[int, _Teller]:
    """Give what was told of episodes; readings only of those that the Board does not show: they are long."""
    found: dict[int, _Teller] = defaultdict(lambda: _Teller([], {}, {}))
    for start in range(0, len(episodes), 500):
        some = episodes[start : start + 500]
        lost = [number for number in some if number in unseen]
        for row in con.execute(select(EPISODES.c.id, EPISODES.c.reading).where(EPISODES.c.id.in_(lost))):
            found[row.id].reading = row.reading
        query = select(NOTICES.c.episode, NOTICES.c.kind, NOTICES.c.sequence, NOTICES.c.recipient, NOTICES.c.route)
        for told in con.execute(query.where(NOTICES.c.episode.in_(some)).order_by(NOTICES.c.id)):
            found[told.episode].kinds.append((told.kind, told.sequence))
            if told.route:
                found[told.episode].recipients.setdefault(told.recipient, told.route)
    return found


def _taken_back(con: Connection, board: Board) -> list[_Taken]:
    """Find episodes that are over and were told, and that rows which came later show to have been none."""
    turned = {
        (reading.kpi, slice_key(reading.slice)): reading
        for reading in board.readings
        if reading.level is not Level.RED
        and any(r.was is Level.RED and r.now is not Level.RED for r in reading.reversed)
    }
    if not turned:
        return []
    columns = (EPISODES.c.id, EPISODES.c.kpi, EPISODES.c.slice, EPISODES.c.opened_at)
    over = con.execute(select(*columns).where(EPISODES.c.closed_at > board.as_of - CORRECTED_FOR)).all()
    found = [
        (row, reading)
        for row in over
        if (reading := turned.get((row.kpi, row.slice))) is not None and was_none(reading, row.opened_at)
    ]
    tellers = _tellers(con, [row.id for row, _ in found], ())
    change = (Change("value", "recovered", "corrected", TAKEN_BACK),)
    return [
        _Taken((row.kpi, row.slice), Seen(look_of(reading), reading), Step(State(), change, (Kind.CORRECTED,)),
               is_new=False, episode=row.id)
        for row, reading in found
        if tellers[row.id].kinds and all(kind != Kind.CORRECTED for kind, _ in tellers[row.id].kinds)
    ]  # fmt: skip


def _known(con: Connection) -> dict[Key, _Known]:
    query = select(STATES, EPISODES.c.unstable, EPISODES.c.told_pain, EPISODES.c.opened_at)
    rows = con.execute(query.select_from(STATES.outerjoin(EPISODES, STATES.c.episode == EPISODES.c.id)))
    return {(row.kpi, row.slice): _Known(_state(row), row.episode, row.opened_at) for row in rows}


def _state(row: Row[Any]) -> State:
    turns = tuple(datetime.fromisoformat(at) for at in row.turns["at"])
    return State(
        Value(row.value),
        row.health,
        row.since,
        turns,
        row.turns["red"],
        bool(row.unstable),
        row.told_pain or 0.0,
    )


def _is_plain(state: State) -> bool:
    """Tell whether a state says no more than that nothing is known against it: such ones are not kept."""
    return state.value is Value.GREEN and not state.turns


def _stepped(board: Board, known: Mapping[Key, _Known]) -> Iterator[_Taken]:
    fresh = State()
    failing = {
        orjson.loads(slice_)[SOURCE]: (each.state.since or LONG_AGO) if each.state.value is Value.PENDING else LONG_AGO
        for (kpi, slice_), each in known.items()
        if kpi == SOURCE and each.state.value is not Value.GREEN
    }
    for key, seen in _every(board, known, failing):
        each = known.get(key)
        before = each.state if each else fresh
        done = step(before, seen.look, board.as_of)
        if each is None and _is_plain(done.state):
            continue
        if each is not None and each.episode is None and done.state == before and not done.changes:
            continue
        yield _Taken(key, seen, done, each is None, each.episode if each else None)


def _every(board: Board, known: Mapping[Key, _Known], failing: Mapping[str, datetime]) -> Iterator[tuple[Key, Seen]]:
    """See what may matter: greens of which nothing is known are skipped, for they are nearly all."""
    keys = {key for key, _ in known}
    for reading in board.readings:
        if reading.level is Level.GREEN and reading.standing is None and reading.kpi not in keys:
            continue
        key = (reading.kpi, slice_key(reading.slice))
        each = known.get(key)
        yield key, Seen(look_of(reading, each.opened_at if each else None), reading)
    for seen in sources_seen(board, failing):
        yield (SOURCE, slice_key(seen.look.slice)), seen
