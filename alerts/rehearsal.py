"""A rehearsal: the Boards of a replay go through everything that alerts are made of, but nothing leaves, and time is passed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.header import Header
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import StaticPool, create_engine, select

from alerts.composer import Composer
from alerts.desk import Desk
from alerts.dispatcher import Dispatcher
from alerts.letter import Kind
from alerts.mail import short
from alerts.mail.language import language
from alerts.mail.subject import subject
from alerts.programme import EXACT, classed, programme
from alerts.recorder import Recorder
from alerts.silences import silences_at
from alerts.tables import EPISODES, LETTERS, METADATA, NOTICES
from alerts.tokens import Signer
from alerts.transports import Answer
from analytics.board import instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sqlalchemy import Connection, Engine

    from alerts.letter import Letter
    from analytics.board import Board
    from analytics.routing import Alerting

LONGEST_PAUSE = timedelta(hours=1)
"""The dispatcher looks at least this often, whatever is due."""
SENDER = "Painpoint <painpoint@localhost>"


class Nowhere:
    """A transport that accepts everything and lets nothing leave."""

    def deliver(self, address: str, payload: bytes) -> Answer:  # noqa: ARG002
        return Answer("accepted", "rehearsed")

    def close(self) -> None:
        pass


@dataclass
class Rehearsal:
    """Runs Boards through the recorder, the gate, the composer, the reminders and the dispatcher of the live product.

    Its store lies in memory. Recipients are as the settings have them: what they chose for themselves is in the live store.
    """

    alerting: Alerting
    network: str
    now: datetime | None = None
    _engine: Engine = field(init=False)
    _boards: int = 0

    def __post_init__(self) -> None:
        self._engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        METADATA.create_all(self._engine)
        with self._engine.begin() as con:
            self._signer = Signer.of(con)

    def add(self, board: Board) -> None:
        """Let time pass up to a Board, and take it. Boards come in their order."""
        self.advance(board.as_of)
        self._boards += 1
        with self._engine.begin() as con:
            Recorder(self.alerting).record(con, board)
        self._tick(board.as_of)

    def advance(self, until: datetime) -> None:
        """Let time pass: the dispatcher looks whenever something is due."""
        while self.now is not None and self.now < until:
            self._tick(min(self._next(self.now), until))
        self.now = until

    def result(self, until: datetime) -> dict[str, Any]:
        """Let time pass until a moment (aware, UTC), and give what everybody would have got by then."""
        self.advance(until)
        with self._engine.connect() as con:
            return programme(con, self.alerting)

    def desk(self) -> Desk:
        """Give the desk at which people acknowledge, snooze and silence."""
        return Desk(self._engine, self.alerting, self._clock, self._signer)

    def open_episodes(self) -> list[tuple[int, str, dict[str, str]]]:
        """Give the number, the KPI and the slice of every episode that is open."""
        query = select(EPISODES.c.id, EPISODES.c.kpi, EPISODES.c.slice).where(EPISODES.c.closed_at.is_(None))
        with self._engine.connect() as con:
            return [(row.id, row.kpi, orjson.loads(row.slice)) for row in con.execute(query.order_by(EPISODES.c.id))]

    def untold(self) -> list[dict[str, Any]]:
        """Give what was not told, with its newest reason."""
        query = (
            select(NOTICES, EPISODES.c.kpi, EPISODES.c.slice)
            .join(EPISODES, NOTICES.c.episode == EPISODES.c.id)
            .where(NOTICES.c.status.in_(("waiting", "dropped")))
        )
        with self._engine.connect() as con:
            return [
                {
                    "at": instant(row.created_at),
                    "recipient": row.recipient,
                    "route": row.route,
                    "kind": row.kind,
                    "kpi": row.kpi,
                    "slice": orjson.loads(row.slice),
                    "why": row.held or "waits for what breaks together",
                }
                for row in con.execute(query.order_by(NOTICES.c.id))
            ]

    def _clock(self) -> datetime:
        assert self.now is not None  # noqa: S101  # nothing is asked before the first moment
        return self.now

    def _tick(self, moment: datetime) -> None:
        """Do what is due at a moment; a new dispatcher looks at the reminders at once."""
        self.now = moment
        composer = Composer(self.alerting, self._signer, self.network, SENDER, None, "rehearsal", write=headed)
        dispatcher = Dispatcher(self._engine, composer, Nowhere(), Nowhere(), self._clock)
        while dispatcher.tick():  # one look serves so many recipients, another one the next
            pass

    def _next(self, moment: datetime) -> datetime:
        """Give the next moment after this one at which something may be due."""
        with self._engine.connect() as con:
            due = [*_held(con), *_reminders(con, self.alerting), *_ends(con, self.alerting, moment)]
        return min([at for at in due if at > moment] + [moment + LONGEST_PAUSE])


def headed(letter: Letter) -> bytes:
    """Write a letter's subject, or its short text for a channel: pages and pictures are drawn for those who see them."""
    if not letter.recipient.by_mail:
        title, body = short(letter)
        return orjson.dumps({"title": title, "body": body})
    said = subject(language(letter.recipient.language, letter.recipient.timezone), letter)
    return f"Subject: {Header(said, 'utf-8', maxlinelen=998).encode()}\r\n\r\n".encode()


def _held(con: Connection) -> Iterator[datetime]:
    """Give until when notices wait; what is only looked at again and again changes with a Board, or at one of the other times."""
    query = select(NOTICES.c.held, NOTICES.c.not_before).where(NOTICES.c.status == "waiting").distinct()
    yield from (row.not_before for row in con.execute(query) if classed(row.held) in EXACT)


def _reminders(con: Connection, alerting: Alerting) -> Iterator[datetime]:
    """Give when somebody is to be reminded, or others are to be told as nobody acknowledges."""
    routes = {route.name: route for route in alerting.routes}
    query = (
        select(NOTICES.c.route, NOTICES.c.kind, NOTICES.c.not_before, LETTERS.c.done_at)
        .join(EPISODES, NOTICES.c.episode == EPISODES.c.id)
        .outerjoin(LETTERS, NOTICES.c.letter == LETTERS.c.id)
        .where(EPISODES.c.closed_at.is_(None), EPISODES.c.acknowledged_at.is_(None))
        .distinct()
    )
    for row in con.execute(query):
        route = routes.get(row.route)
        if route and route.remind_after is not None and row.done_at is not None:
            yield row.done_at + timedelta(seconds=route.remind_after)
        if route and route.escalate is not None and row.kind == Kind.OPENED:
            yield row.not_before + timedelta(seconds=route.escalate.after)


def _ends(con: Connection, alerting: Alerting, moment: datetime) -> Iterator[datetime]:
    """Give when silences and snoozes end."""
    untils = (silence.until(moment) for silence in (*alerting.maintenance, *silences_at(con, moment)))
    yield from (until for until in untils if until is not None)
    yield from con.execute(select(EPISODES.c.snoozed_until).where(EPISODES.c.snoozed_until > moment)).scalars()
