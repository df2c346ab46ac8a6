"""Sends what is due: leases a letter, hands it over, and notes the answer. Several dispatchers may run beside each other."""

from __future__ import annotations

import logging
import os
import socket
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from alerts.composer import LEASE, Frozen
from alerts.gate import ENDINGS, LOOK_AGAIN, NO_WAY
from alerts.letter import Kind, is_mail
from alerts.notices import waiting_row
from alerts.reminders import remind
from alerts.tables import ATTEMPTS, EPISODES, LETTERS, NOTICES, PULSES, insert_new, reading
from alerts.transports import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine, Row

    from alerts.composer import Composer
    from alerts.gate import Ruling
    from alerts.transports import Transport

log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds between two looks at the outbox."""
REMIND_EVERY = timedelta(seconds=20)
BEAT_EVERY = timedelta(seconds=5)
FIRST_RETRY, LONGEST_RETRY = 30.0, 3_600.0
LONGEST_MUTE = timedelta(hours=1)
"""After so long a muted letter is looked at again, however long the mute lasts."""


def backoff(attempts: int) -> timedelta:
    """Give the pause after so many tries: 30 s, doubled every time, at most an hour."""
    return timedelta(seconds=min(FIRST_RETRY * 2.0 ** min(attempts - 1, 20), LONGEST_RETRY))


def own_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"


def _nothing(_: str) -> None:
    pass


def _guarded(what: str, send: Callable[[], int]) -> int:
    """Send; what fails is logged and tried again with the next look, and holds up nothing else."""
    try:
        return send()
    except Exception:
        log.exception("%s could not be sent; the others are", what)
        return 0


@dataclass
class Dispatcher:
    """Sends letters by mail or to chat channels. `pass_by` is told of every boundary; tests kill the process there.

    What it promises: a notice is either still waiting with a reason, or in a letter that the other side accepted, or in a dead
    letter. A letter may be handed over twice only if the line was lost, or this process died, between the handing over and the
    answer's being noted; it is the same letter then, with the same Message-ID.
    """

    engine: Engine
    composer: Composer
    mail: Transport | None
    chat: Transport
    clock: Callable[[], datetime]
    pass_by: Callable[[str], None] = _nothing
    _rests: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    _reminded: datetime | None = None
    _beaten: datetime | None = None

    def run(self, stop: threading.Event, wake: threading.Event | None = None) -> None:
        """Send until stopped. What fails is logged and tried again: a dispatcher never dies of a letter."""
        bell = wake or stop
        while not stop.is_set():
            try:
                self.tick()
            except Exception:
                log.exception("the dispatcher failed and goes on")
            bell.wait(PAUSE)
            if wake is not None:
                wake.clear()
        self.close()

    def close(self) -> None:
        for transport in (self.mail, self.chat):
            if transport is not None:
                transport.close()

    def tick(self) -> int:
        """Do everything that is due now; give the number of letters that were accepted."""
        moment = self.clock()
        with self.engine.begin() as con:
            self._beat(con, moment)
            names = self.composer.waiting(con, moment)
        if self._reminded is None or not timedelta(0) <= moment - self._reminded < REMIND_EVERY:
            _guarded("what time has made due", partial(self._remind, moment))
        sent = 0
        for number, name in self._due_letters(moment):
            if self._may(name, self.clock()):
                sent += _guarded(f"letter {number}", partial(self._retry, number))
        return sent + sum(_guarded(f"the next letter to {name}", partial(self._letters_to, name)) for name in names)

    def _remind(self, moment: datetime) -> int:
        with self.engine.begin() as con:
            remind(con, self.composer.alerting, moment)
        self._reminded = moment
        return 0

    def _letters_to(self, name: str) -> int:
        self._live_on()
        sent = 0
        while self._may(name, self.clock()):
            letter = self.composer.next_letter(self.engine, name, self.clock())
            if letter is None:
                break
            self.pass_by("letter written")
            sent += self._send(letter)
        return sent

    def _live_on(self) -> None:
        """Give a sign of life while many letters are sent."""
        moment = self.clock()
        if self._beaten is None or moment - self._beaten >= BEAT_EVERY:
            with self.engine.begin() as con:
                self._beat(con, moment)

    def _beat(self, con: Connection, moment: datetime, said: str = "") -> None:
        self._beaten = moment
        name = self.composer.by
        done = con.execute(PULSES.update().where(PULSES.c.name == name).values(at=moment, said=said))
        if not done.rowcount:
            insert_new(con, PULSES, [{"name": name, "at": moment, "said": said}])
            con.execute(PULSES.delete().where(PULSES.c.at < moment - timedelta(days=1)))

    def _way(self, name: str) -> str:
        return "mail" if self.composer.alerting.recipient(name).by_mail else name

    def _may(self, name: str, moment: datetime) -> bool:
        """Tell whether the way to a recipient is not known to be barred: while a server is down nothing new is frozen for it."""
        rest = self._rests.get(self._way(name))
        return rest is None or moment >= rest[0]

    def _due_letters(self, moment: datetime) -> list[tuple[int, str]]:
        free = LETTERS.c.lease_until.is_(None) | (LETTERS.c.lease_until <= moment)
        query = select(LETTERS.c.id, LETTERS.c.recipient).where(
            LETTERS.c.status == "waiting", LETTERS.c.not_before <= moment, free
        )
        with reading(self.engine) as con:
            return [(row.id, row.recipient) for row in con.execute(query.order_by(LETTERS.c.id))]

    def _retry(self, number: int) -> int:
        """Lease a letter that was tried before, and try again; what is over and was certainly not taken is let go."""
        moment = self.clock()
        free = LETTERS.c.lease_until.is_(None) | (LETTERS.c.lease_until <= moment)
        own = (LETTERS.c.id == number) & (LETTERS.c.status == "waiting") & free
        with self.engine.begin() as con:
            leased = con.execute(
                LETTERS.update()
                .where(own)
                .values(lease_until=moment + LEASE, lease_by=self.composer.by, attempts=LETTERS.c.attempts + 1)
            )
            if leased.rowcount != 1:
                return 0
            row = con.execute(select(LETTERS).where(LETTERS.c.id == number)).one()
            if _was_refused(con, number, row.attempts - 1):
                if _is_over(con, number):
                    self._let_go(con, number, moment)
                    return 0
                held = self.composer.muted(con, number, moment)
                if held is not None:
                    self._put_off(con, row, held, moment)
                    return 0
        recipient = self.composer.alerting.recipient(row.recipient)
        if recipient.by_mail != is_mail(row.payload) or (recipient.by_mail and "@" not in recipient.address):
            answer = Answer("never", "the settings name no such recipient any more")
            with self.engine.begin() as con:
                self._mark(con, Frozen(number, recipient, row.payload, row.attempts), answer, moment)
            return 0
        self.pass_by("letter leased")
        return self._send(Frozen(number, recipient, row.payload, row.attempts))

    @staticmethod
    def _put_off(con: Connection, row: Row[Any], held: Ruling, moment: datetime) -> None:
        """Let a letter wait for the end of a mute; the day after which it is given up is longer by as much."""
        until = min(held.until or moment + LOOK_AGAIN, moment + LONGEST_MUTE)
        waits = {
            "not_before": until,
            "give_up_at": row.give_up_at + (until - moment),
            "attempts": row.attempts - 1,
            "lease_until": None,
            "said": f"not tried again now: {held.reason}",
        }
        con.execute(LETTERS.update().where(LETTERS.c.id == row.id).values(waits))

    @staticmethod
    def _let_go(con: Connection, number: int, moment: datetime) -> None:
        why = "over before it could be sent"
        con.execute(LETTERS.update().where(LETTERS.c.id == number).values(status="dropped", done_at=moment, said=why))
        con.execute(NOTICES.update().where(NOTICES.c.letter == number).values(status="dropped", held=why))

    def _send(self, letter: Frozen) -> int:
        way = self.mail if letter.recipient.by_mail else self.chat
        if way is None:
            answer = Answer("later", NO_WAY, wide=True)
        else:
            try:
                answer = way.deliver(letter.recipient.address, letter.payload)
            except Exception as error:
                log.exception("letter %s could not be handed over", letter.id)
                answer = Answer("unclear", f"{type(error).__name__}: {error}")
        self.pass_by("letter handed over")
        with self.engine.begin() as con:
            self._mark(con, letter, answer, self.clock())
        self.pass_by("answer noted")
        return int(answer.outcome == "accepted")

    def _mark(self, con: Connection, letter: Frozen, answer: Answer, moment: datetime) -> None:
        """Note the answer: accepted, dead, or when to try again."""
        con.execute(
            ATTEMPTS.insert().values(
                letter=letter.id,
                at=moment,
                outcome=answer.outcome,
                code=answer.code,
                said=answer.said,
                by=self.composer.by,
            )
        )
        self._rest(letter, answer, moment)
        own = LETTERS.c.id == letter.id
        if answer.outcome == "accepted":
            # counts however late it is said, and whatever others were told meanwhile
            unsent = LETTERS.update().where(own & LETTERS.c.status.in_(("waiting", "dead")))
            if con.execute(unsent.values(status="sent", done_at=moment, said=answer.said, lease_until=None)).rowcount:
                con.execute(NOTICES.update().where(NOTICES.c.letter == letter.id).values(status="told"))
            return
        # once another has leased it, or brought it to an end, that one's answer counts
        mine = LETTERS.update().where(own & (LETTERS.c.status == "waiting") & (LETTERS.c.attempts == letter.attempts))
        again = moment + backoff(letter.attempts)
        if answer.outcome != "never" and again <= con.execute(select(LETTERS.c.give_up_at).where(own)).scalar_one():
            con.execute(mine.values(not_before=again, said=answer.said, lease_until=None))
            return
        said = answer.said if answer.outcome == "never" else f"given up; the last answer was: {answer.said}"
        if con.execute(mine.values(status="dead", done_at=moment, said=said, lease_until=None)).rowcount:
            con.execute(NOTICES.update().where(NOTICES.c.letter == letter.id).values(status="undeliverable"))
            self._tell_fallback(con, letter, said, moment)

    def _rest(self, letter: Frozen, answer: Answer, moment: datetime) -> None:
        """Leave a server alone for a while that takes nothing from anybody."""
        way = self._way(letter.recipient.name)
        if not answer.wide:
            self._rests.pop(way, None)
            return
        times = self._rests[way][1] + 1 if way in self._rests else 1
        self._rests[way] = (moment + min(backoff(times), timedelta(minutes=5)), times)
        log.warning("%s", answer.said)

    def _tell_fallback(self, con: Connection, letter: Frozen, said: str, moment: datetime) -> None:
        name = self.composer.alerting.fallback
        if name is None or name == letter.recipient.name:
            return
        episodes = con.execute(select(NOTICES.c.episode).where(NOTICES.c.letter == letter.id).distinct()).scalars()
        reason = f"Mail to {letter.recipient.name} could not be delivered: {said}"
        rows = [waiting_row(e, name, "", Kind.UNDELIVERED, letter.id, reason, moment, moment) for e in episodes.all()]
        insert_new(con, NOTICES, rows)


def _was_refused(con: Connection, number: int, tries: int) -> bool:
    """Tell whether no try of a letter can have been taken: each came to its end, and was refused for now."""
    certain = select(func.count()).where(ATTEMPTS.c.letter == number, ATTEMPTS.c.outcome == "later")
    return con.execute(certain).scalar_one() >= tries


def _is_over(con: Connection, number: int) -> bool:
    """Tell whether a letter tells only of what is over."""
    query = (
        select(NOTICES.c.kind, EPISODES.c.closed_at)
        .join(EPISODES, NOTICES.c.episode == EPISODES.c.id)
        .where(NOTICES.c.letter == number)
    )
    rows: list[Any] = list(con.execute(query))
    lasting = (*ENDINGS, Kind.UNDELIVERED)
    return all(row.kind not in lasting and row.closed_at is not None for row in rows)
