"""The desk: what people do about alerts, on the pages and from the links in mails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from alerts.gate import ENDINGS
from alerts.inbox import Inbox, taken
from alerts.silences import hours_of, known_language, known_zone, match_document, preference_of
from alerts.tables import (
    ATTEMPTS,
    EPISODES,
    LETTERS,
    NOTICES,
    PREFERENCES,
    SILENCES,
    TRANSITIONS,
    USED,
    insert_new,
    reading,
)
from alerts.tokens import ONCE, InvalidError, Right, Signer
from analytics.board import instant
from analytics.routing import Match, Silence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

SNOOZE_HOURS = 4.0
"""How long the button in a mail snoozes."""
LONGEST_HOURS = 24.0 * 366


class RefusedError(Exception):
    """What was asked for cannot be done; the message is a sentence for whoever asked. `gone`: it once could be."""

    def __init__(self, sentence: str, *, gone: bool = False) -> None:
        super().__init__(sentence)
        self.gone = gone


class Refusal(Protocol):
    """Makes the exception that is raised where something cannot be done."""

    def __call__(self, sentence: str, *, gone: bool = False) -> Exception: ...


@dataclass
class Desk(Inbox):
    """Changes alerts in the store; every deed is a transition with its actor."""

    signer: Signer
    refused: Refusal = RefusedError

    def act(self, number: int, verb: str, actor: str, reason: str, hours: float | None) -> str:
        """Acknowledge, snooze, silence or reopen an episode; say what was done."""
        with self.engine.begin() as con:
            return self._act(con, number, verb, actor, reason, hours)

    def _act(self, con: Connection, number: int, verb: str, actor: str, reason: str, hours: float | None) -> str:
        actor = self._named(actor)
        row = con.execute(select(EPISODES).where(EPISODES.c.id == number)).first()
        if row is None:
            raise self.refused(f"There is no episode {number}.")
        if verb != "silence" and row.closed_at is not None:
            raise self.refused(f"Episode {number} is over since {instant(row.closed_at)}; there is nothing left to do.")
        now = self.clock()
        if verb == "acknowledge":
            values: dict[str, Any] = {"acknowledged_at": now, "acknowledged_by": actor}
            said, after = f"Acknowledged by {actor}: no reminders and no escalation.", "acknowledged"
        elif verb == "reopen":
            values = {"acknowledged_at": None, "acknowledged_by": None, "snoozed_until": None}
            said, after = f"Taken back by {actor}: it is open again.", "open"
        elif verb == "snooze":
            until = now + self._hours(hours)
            values, after = {"snoozed_until": until}, "snoozed"
            values |= {"acknowledged_at": None, "acknowledged_by": None}
            said = f"Snoozed by {actor} until {instant(until)}: then, if it is still red, it is told again."
        elif verb == "silence":
            slice_ = tuple((name, (value,)) for name, value in sorted(orjson.loads(row.slice).items()))
            return self._add_silence(con, Match(slice_, (row.kpi,)), actor, reason, self._hours(hours), number)
        else:
            raise self.refused(f"{verb!r} is nothing that can be done to an episode.")
        con.execute(EPISODES.update().where(EPISODES.c.id == number).values(values))
        _handled(con, row, after, reason or said, actor, now)
        return said

    def _named(self, actor: str) -> str:
        name = " ".join(actor.split())[:100]
        if not name:
            raise self.refused("Say who you are: a name is needed, so that others know whom to ask.")
        return name

    def _hours(self, hours: float | None) -> timedelta:
        if hours is None or not 0 < hours <= LONGEST_HOURS:
            raise self.refused(f"Choose a length of more than 0 and at most {LONGEST_HOURS:g} hours.")
        return timedelta(hours=hours)

    def silence(self, wanted: Mapping[str, str], actor: str, reason: str, hours: float) -> str:
        """Silence what has the wanted dimensions for some hours; say what was done."""
        if not wanted:
            raise self.refused("Say what to silence: a KPI, a family, or a place.")
        where = tuple((n, (v,)) for n, v in sorted(wanted.items()) if n not in ("kpi", "family"))
        kpis, families = (tuple(v for n, v in wanted.items() if n == name) for name in ("kpi", "family"))
        with self.engine.begin() as con:
            return self._add_silence(
                con, Match(where, kpis, families), self._named(actor), reason, self._hours(hours), None
            )

    def _add_silence(
        self, con: Connection, match: Match, actor: str, reason: str, length: timedelta, episode: int | None
    ) -> str:
        if not reason.strip():
            raise self.refused("A silence needs a reason, so that others know why nobody was told.")
        now = self.clock()
        silence = Silence("", match, reason.strip(), now, now + length, by=actor)
        row = {
            "match": match_document(match),
            "reason": silence.reason,
            "by": actor,
            "begins": now,
            "ends": silence.ends,
        }
        con.execute(SILENCES.insert().values(**row, created_at=now))
        said = (
            f"Silenced by {actor} until {instant(silence.ends)}: {taken(match)}. What is still red then is told then."
        )
        if episode is not None:
            _handled(
                con, con.execute(select(EPISODES).where(EPISODES.c.id == episode)).one(), "silenced", said, actor, now
            )
        return said

    def end_silence(self, number: str, actor: str) -> str:
        """End a silence now."""
        now, actor = self.clock(), self._named(actor)
        own = (SILENCES.c.id == (int(number) if number.isdecimal() and len(number) < 10 else -1)) & (
            SILENCES.c.ends > now
        )
        with self.engine.begin() as con:
            if not con.execute(SILENCES.update().where(own).values(ends=now)).rowcount:
                raise self.refused(
                    "This silence is over already, or stands in the settings and has to be changed there."
                )
        return f"Ended by {actor}; what is still red is told within a minute."

    def send_again(self, number: int, actor: str) -> str:
        """Send a dead letter again: the same one, for another day."""
        now, actor = self.clock(), self._named(actor)
        own = (LETTERS.c.id == number) & (LETTERS.c.status == "dead")
        fresh = {"status": "waiting", "not_before": now, "give_up_at": now + timedelta(hours=24), "lease_until": None}
        with self.engine.begin() as con:
            again = LETTERS.update().where(own).values(**fresh, attempts=LETTERS.c.attempts + 1)
            if not con.execute(again).rowcount:
                raise self.refused("This letter is not dead: it was sent, is being sent, or never was.")
            # counted as a try of its own, so that it goes even if what it tells is over by now
            tried = {"at": now, "outcome": "again", "said": f"sent again by {actor}", "by": actor}
            con.execute(ATTEMPTS.insert().values(letter=number, **tried))
            con.execute(NOTICES.update().where(NOTICES.c.letter == number).values(status="written"))
            self._end_after(con, number, now)
        return f"Sent again by {actor}; whether it was accepted is seen here in a moment."

    @staticmethod
    def _end_after(con: Connection, number: int, now: datetime) -> None:
        """Let the ending follow that was dropped because the beginning, which a letter sent again tells, was not told."""
        own = NOTICES.c.letter == number
        same = NOTICES.c.episode.in_(select(NOTICES.c.episode).where(own)) & NOTICES.c.recipient.in_(
            select(NOTICES.c.recipient).where(own)
        )
        dropped = (NOTICES.c.status == "dropped") & NOTICES.c.kind.in_([str(kind) for kind in ENDINGS])
        con.execute(NOTICES.update().where(same & dropped).values(status="waiting", held="", not_before=now))

    def token(self, token: str) -> Mapping[str, Any]:
        """Say what a link's token is for."""
        right = self._right(token)
        with reading(self.engine) as con:
            used = con.execute(select(USED.c.at).where(USED.c.token == right.id)).scalar()
            rows = con.execute(select(EPISODES).where(EPISODES.c.id == right.episode)).all()
            episode = self._documents(con, rows)[0] if rows else None
            recipient, chosen = preference_of(con, self.alerting.recipient(right.recipient))
            stored = con.execute(select(PREFERENCES).where(PREFERENCES.c.recipient == right.recipient)).first()
        return {
            "verb": right.verb,
            "recipient": right.recipient,
            "episode": episode,
            "hours": SNOOZE_HOURS if right.verb == "snooze" else None,
            "used_at": instant(used),
            "preferences": {
                "language": recipient.language,
                "timezone": recipient.timezone,
                "quiet": (stored.quiet if stored else None) or "",
                "pain_above": chosen.pain_above,
                "stopped": chosen.stopped_at is not None,
            },
        }

    def _right(self, token: str) -> Right:
        try:
            return self.signer.read(token)
        except InvalidError as error:
            raise self.refused(str(error), gone=error.expired) from error

    def use(self, token: str, form: Mapping[str, str]) -> str:
        """Do what a token is for; what may be done only once is refused the second time."""
        right, now = self._right(token), self.clock()
        with self.engine.begin() as con:
            if right.verb in ONCE:
                try:
                    with con.begin_nested():
                        con.execute(
                            USED.insert().values(token=right.id, verb=right.verb, actor=right.recipient, at=now)
                        )
                except IntegrityError as error:
                    raise self.refused("This link was used already; open the episode to do more.", gone=True) from error
                return self._act(con, int(right.episode or 0), right.verb, right.recipient, "", SNOOZE_HOURS)
            if right.verb == "unsubscribe":
                return self._choose(con, right.recipient, {"stopped_at": now})
            return self._choose(con, right.recipient, self._chosen(form, now))

    def _chosen(self, form: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """Read the form of preferences; RefusedError says which field cannot be read."""
        zone, language, quiet = (form.get(name, "").strip() for name in ("timezone", "language", "quiet"))
        if zone and not known_zone(zone):
            raise self.refused(f"{zone!r} is no time zone; write one like Europe/Berlin.")
        if language and not known_language(language):
            raise self.refused(f"There are no texts in {language!r}; choose en or de, or a variant like en-GB.")
        above = form.get("pain_above", "").strip()
        try:
            if quiet:
                hours_of(quiet, zone or "UTC")
            pain = float(above) if above else None
        except ValueError as error:
            raise self.refused(str(error) if quiet and "hours" in str(error) else f"{above!r} is no number.") from error
        stopped = now if form.get("stopped") else None
        return {
            "timezone": zone or None,
            "language": language or None,
            "quiet": quiet or None,
            "pain_above": pain,
            "stopped_at": stopped,
        }

    def _choose(self, con: Connection, recipient: str, values: Mapping[str, Any]) -> str:
        own = PREFERENCES.c.recipient == recipient
        row = {**values, "changed_at": self.clock()}
        insert_new(con, PREFERENCES, [{"recipient": recipient, "changed_at": row["changed_at"]}])
        con.execute(PREFERENCES.update().where(own).values(row))
        if values.get("stopped_at") is not None:
            return f"{recipient} gets no more mail from Painpoint. The link in an earlier mail can take this back."
        return f"Saved for {recipient}."


def _handled(con: Connection, row: Row[Any], after: str, reason: str, actor: str, now: datetime) -> None:
    before = "acknowledged" if row.acknowledged_at else "open"
    con.execute(
        TRANSITIONS.insert().values(
            episode=row.id, kpi=row.kpi, slice=row.slice, at=now, axis="handling",
            before=before, after=after, reason=reason, actor=actor,
        )
    )  # fmt: skip
