"""The inbox: what people see of the alerts, read from the store."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import func, or_, select

from alerts.gate import NO_WAY
from alerts.letter import is_mail
from alerts.machine import Value, routed_level
from alerts.silences import silences_at
from alerts.tables import ATTEMPTS, EPISODES, LETTERS, NOTICES, PULSES, TRANSITIONS, reading
from analytics.board import instant
from analytics.routing import subject_of
from analytics.wording import place, span, value_and_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Engine, Row, Select

    from analytics.routing import Alerting, Match, Silence

PAGE = 50
ALIVE = timedelta(seconds=30)
"""A dispatcher that gave no sign of life for so long is dead."""
MOURNED = timedelta(days=7)
"""For so long walls say that a letter could not be delivered."""
SLOW = timedelta(minutes=5)
"""What has been due for so long is late."""


@dataclass
class Inbox:
    """Reads alerts from the store. `engine` is the store's, `clock` gives aware UTC times."""

    engine: Engine
    alerting: Alerting
    clock: Callable[[], datetime]

    def episodes(self, state: str, words: str, page: int) -> tuple[Sequence[Mapping[str, Any]], int]:
        """Give one page of episodes of a state whose title or place holds all the words, and how many there are in all."""
        query = select(EPISODES)
        for name in () if state == "all" else (state,):
            query = query.where(_of_state(name))
        for word in words.split()[:10]:
            columns = (EPISODES.c.title, EPISODES.c.slice, EPISODES.c.kpi)
            query = query.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
        order = (
            EPISODES.c.closed_at.is_not(None),
            EPISODES.c.closed_at.desc(),
            EPISODES.c.worst_pain.desc(),
            EPISODES.c.id,
        )
        with reading(self.engine) as con:
            total = con.execute(select(func.count()).select_from(query.subquery())).scalar_one()
            rows = con.execute(query.order_by(*order).limit(PAGE).offset(PAGE * max(0, page - 1))).all()
            return self._documents(con, rows), total

    def counts(self) -> Mapping[str, int]:
        """Give how many episodes are open, acknowledged and recovered, and how many letters are dead."""
        with reading(self.engine) as con:
            found = {name: _count(con, select(EPISODES.c.id).where(_of_state(name))) for name in _STATES}
            return found | {"dead": _count(con, select(LETTERS.c.id).where(LETTERS.c.status == "dead"))}

    def episode(self, number: int) -> Mapping[str, Any] | None:
        """Give one episode with its transitions, notices and letters."""
        with reading(self.engine) as con:
            row = con.execute(select(EPISODES).where(EPISODES.c.id == number)).first()
            if row is None:
                return None
            changes = con.execute(select(TRANSITIONS).where(TRANSITIONS.c.episode == number).order_by(TRANSITIONS.c.id))
            told = con.execute(
                select(NOTICES, LETTERS.c.done_at)
                .outerjoin(LETTERS, NOTICES.c.letter == LETTERS.c.id)
                .where(NOTICES.c.episode == number)
                .order_by(NOTICES.c.id)
            ).all()
            return {
                **self._documents(con, [row])[0],
                "transitions": [
                    {n: getattr(c, n) for n in ("axis", "before", "after", "reason", "actor")} | {"at": instant(c.at)}
                    for c in changes
                ],
                "notices": [_notice(n) for n in told],
                "letters": _letters(con, LETTERS.c.id.in_({n.letter for n in told if n.letter is not None})),
            }

    def _documents(self, con: Connection, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        tally = _tallies(con, [row.id for row in rows])
        now = self.clock()
        silences = (*self.alerting.maintenance, *silences_at(con, now))
        return [_episode(row, tally[row.id], silences, now) for row in rows]

    def silences(self) -> Sequence[Mapping[str, Any]]:
        """Give the silences and maintenance windows that are active or still to come."""
        now = self.clock()
        with reading(self.engine) as con:
            own = silences_at(con, now)
        settled = [s for s in self.alerting.maintenance if s.ends is None or s.ends > now]
        return [_silence(s, now, mine=True) for s in own] + [_silence(s, now, mine=False) for s in settled]

    def dead_letters(self) -> Sequence[Mapping[str, Any]]:
        """Give the letters that could not be delivered, the newest first."""
        with reading(self.engine) as con:
            return _letters(con, LETTERS.c.status == "dead")[::-1]

    def letter(self, number: int) -> tuple[str, str] | None:
        """Give the subject and the text of a letter."""
        with reading(self.engine) as con:
            row = con.execute(select(LETTERS).where(LETTERS.c.id == number)).first()
        if row is None:
            return None
        if not is_mail(row.payload):
            return row.subject, str(orjson.loads(row.payload)["body"])
        body = message_from_bytes(row.payload, policy=policy.default).get_body(("plain",))
        return row.subject, "" if body is None else str(body.get_content())

    def status(self) -> Mapping[str, Any]:
        """Say whether alerts leave: whether a dispatcher lives, what waits for how long, how many letters are dead."""
        now = self.clock()
        with reading(self.engine) as con:
            beat = con.execute(select(func.max(PULSES.c.at))).scalar()
            due = (NOTICES.c.status == "waiting") & (NOTICES.c.not_before <= now)
            first = con.execute(select(func.min(NOTICES.c.not_before)).where(due)).scalar()
            unsent = con.execute(
                select(func.count(), func.min(LETTERS.c.created_at), func.max(LETTERS.c.said)).where(
                    LETTERS.c.status == "waiting"
                )
            ).one()
            waiting = _count(con, select(NOTICES.c.id).where(due)) + unsent[0]
            lately = LETTERS.c.done_at > now - MOURNED
            dead = _count(con, select(LETTERS.c.id).where(LETTERS.c.status == "dead", lately))
            homeless = _count(
                con, select(NOTICES.c.id).where(NOTICES.c.status == "waiting", NOTICES.c.held.startswith(NO_WAY))
            )
        live = beat is not None and now - beat <= ALIVE
        oldest = min((at for at in (first, unsent[1]) if at is not None), default=None)
        age = None if oldest is None else max(0.0, (now - oldest).total_seconds())
        dispatcher = "off" if not self.alerting.routes else "live" if live else "dead"
        return {
            "dispatcher": dispatcher,
            "beat": instant(beat),
            "waiting": waiting,
            "oldest_waiting_seconds": age,
            "dead": dead,
            "sentence": _wrong(dispatcher, age, dead, unsent[2] or "", homeless),
        }


_STATES = ("open", "acknowledged", "recovered")


def _of_state(state: str) -> Any:
    if state == "recovered":
        return EPISODES.c.closed_at.is_not(None)
    taken_on = (
        EPISODES.c.acknowledged_at.is_not(None) if state == "acknowledged" else EPISODES.c.acknowledged_at.is_(None)
    )
    return EPISODES.c.closed_at.is_(None) & taken_on


def _count(con: Connection, query: Select[Any]) -> int:
    return int(con.execute(select(func.count()).select_from(query.subquery())).scalar_one())


def _tallies(con: Connection, episodes: list[int]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("told", "waiting", "undeliverable"), 0))
    people: dict[tuple[int, str], set[str]] = defaultdict(set)
    query = select(NOTICES.c.episode, NOTICES.c.recipient, NOTICES.c.status).where(NOTICES.c.episode.in_(episodes))
    for episode, recipient, status in con.execute(query):
        people[episode, {"written": "waiting"}.get(status, status)].add(recipient)
    for (episode, status), names in people.items():
        if status in found[episode]:
            found[episode][status] = len(names)
    return found


def _episode(row: Row[Any], tally: Mapping[str, int], silences: Sequence[Silence], now: datetime) -> dict[str, Any]:
    document, slice_ = row.reading, orjson.loads(row.slice)
    shown, limit = "", ""
    if document["limits"]:
        bound = document["limits"]["red"]
        shown, limit = value_and_limit(
            document["value"], tuple(bound) if isinstance(bound, list) else bound, document["unit"]
        )
    return {
        "id": row.id,
        "kpi": row.kpi,
        "title": row.title,
        "slice": slice_,
        "place": place(tuple(slice_.items())),
        "value": row.value,
        "level": "turning" if row.value == Value.TURNING else "green" if row.closed_at else "red",
        "opened_at": instant(row.opened_at),
        "closed_at": instant(row.closed_at),
        "acknowledged_at": instant(row.acknowledged_at),
        "acknowledged_by": row.acknowledged_by,
        "snoozed_until": instant(row.snoozed_until) if row.snoozed_until and row.snoozed_until > now else None,
        "silenced_until": _silenced(row, silences, now),
        "unstable": row.unstable,
        "pain": document["pain"],
        "worst_pain": row.worst_pain,
        "customers": document["customers"],
        "shown": shown,
        "limit": limit,
        "reason": document["reason"],
        "version": row.version,
        **tally,
        "reading": document,
    }


def _silenced(row: Row[Any], silences: Sequence[Silence], now: datetime) -> str | None:
    subject = subject_of(row.reading, row.inherited, routed_level(row.value))
    ends = [until for s in silences if s.match.holds(subject) and (until := s.until(now)) is not None]
    return instant(max(ends)) if ends else None


def _notice(row: Row[Any]) -> dict[str, Any]:
    names = ("id", "recipient", "route", "kind", "status", "held", "story", "letter", "reason")
    times = {"created_at": instant(row.created_at), "not_before": instant(row.not_before)}
    return (
        {n: getattr(row, n) for n in names}
        | times
        | {"told_at": instant(row.done_at) if row.status == "told" else None}
    )


def _letters(con: Connection, which: Any) -> list[dict[str, Any]]:
    rows = con.execute(select(LETTERS).where(which).order_by(LETTERS.c.id)).all()
    ids = [row.id for row in rows]
    tries: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in con.execute(select(ATTEMPTS).where(ATTEMPTS.c.letter.in_(ids)).order_by(ATTEMPTS.c.id)):
        tries[row.letter].append({"at": instant(row.at), "code": row.code, "said": row.said, "outcome": row.outcome})
    about: dict[int, list[int]] = defaultdict(list)
    for row in con.execute(select(NOTICES.c.letter, NOTICES.c.episode).where(NOTICES.c.letter.in_(ids)).distinct()):
        about[row.letter].append(row.episode)
    return [
        {
            "id": row.id,
            "recipient": row.recipient,
            "subject": row.subject,
            "status": row.status,
            "created_at": instant(row.created_at),
            "done_at": instant(row.done_at),
            "attempts": row.attempts,
            "said": row.said,
            "tries": tries[row.id],
            "episodes": sorted(about[row.id]),
        }
        for row in rows
    ]


def _silence(silence: Silence, now: datetime, *, mine: bool) -> dict[str, Any]:
    hours = silence.hours
    recurring = f"{hours.start:%H:%M} to {hours.end:%H:%M} {hours.timezone}" if hours else None
    return {
        "id": silence.id,
        "text": taken(silence.match),
        "reason": silence.reason,
        "by": silence.by,
        "begins": instant(silence.begins),
        "ends": instant(silence.ends),
        "recurring": recurring,
        "active": silence.until(now) is not None,
        "mine": mine,
    }


def taken(match: Match) -> str:
    """Say in words what a match takes."""
    parts = [f"KPI {' or '.join(match.kpis)}"] if match.kpis else []
    parts += [f"family {' or '.join(match.families)}"] if match.families else []
    parts += [f"{name.replace('_', ' ')} {' or '.join(values)}" for name, values in match.where]
    parts += [f"pain above {match.pain_above:g}"] if match.pain_above is not None else []
    return ", ".join(parts) or "everything"


def _wrong(dispatcher: str, age: float | None, dead: int, said: str, homeless: int) -> str:
    """Say what is wrong with alerting, in one sentence; "" if nothing is."""
    found = []
    if dispatcher == "dead":
        found.append("alerts are not being sent: no dispatcher is alive")
    if homeless:
        found.append(f"{homeless} alert{'' if homeless == 1 else 's'} cannot be sent: {NO_WAY}")
    if age is not None and age > SLOW.total_seconds():
        why = f" ({said})" if said else ""
        found.append(f"an alert has been waiting to be sent for {span(age / 3600)}{why}")
    if dead:
        found.append(f"{dead} mail{'' if dead == 1 else 's'} could not be delivered")
    text = "; ".join(found)
    return f"{text[:1].upper()}{text[1:]}." if text else ""
