"""What time alone makes due: openings for routes that begin to apply, reminders, and escalations where nobody acknowledges."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from alerts.gate import WISHED
from alerts.letter import Kind
from alerts.machine import Value, routed_level
from alerts.notices import notice_row, taking
from alerts.tables import EPISODES, LETTERS, NOTICES, insert_new

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Row

    from analytics.routing import Alerting, Route

_PENDING = ("waiting", "written")


@dataclass
class _Told:
    """What one recipient was told of one episode, and what is on its way."""

    last: datetime | None = None
    pending: bool = False
    reminders: int = 0


@dataclass
class _Course:
    """The notices of one episode: what each recipient was told, and since when he could be told of it."""

    told: dict[str, _Told] = field(default_factory=dict)
    began: dict[str, datetime] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)


def remind(con: Connection, alerting: Alerting, moment: datetime) -> int:
    """Write the notices that have become due by a moment (aware, UTC); doing it again, or twice at once, writes nothing more."""
    # what the judge is closing right now is left to it: it tells the end to those who were told until then
    still_open = select(EPISODES).where(EPISODES.c.closed_at.is_(None)).with_for_update(skip_locked=True)
    episodes = con.execute(still_open).all()
    courses = _courses(con)
    rows = [
        row
        for episode in episodes
        for row in _of_episode(episode, courses[episode.id], alerting, moment)
        if row["key"] not in courses[episode.id].keys
    ]
    insert_new(con, NOTICES, rows)
    return len(rows)


def _courses(con: Connection) -> dict[int, _Course]:
    query = (
        select(NOTICES, LETTERS.c.done_at)
        .join(EPISODES, NOTICES.c.episode == EPISODES.c.id)
        .outerjoin(LETTERS, NOTICES.c.letter == LETTERS.c.id)
        .where(EPISODES.c.closed_at.is_(None))
    )
    found: dict[int, _Course] = defaultdict(_Course)
    for row in con.execute(query):
        course = found[row.episode]
        course.keys.add(row.key)
        if row.kind == Kind.UNDELIVERED:
            continue
        told = course.told.setdefault(row.recipient, _Told())
        told.pending |= row.status in _PENDING
        told.reminders += row.kind == Kind.REMINDER
        if row.status == "told" and row.done_at is not None:
            told.last = max(told.last or row.done_at, row.done_at)
        if row.kind == Kind.OPENED and row.status != "dropped" and (not row.held or row.held.startswith(WISHED)):
            due = row.created_at if row.held else row.not_before  # held by the recipient's own wish: its clock runs
            course.began[row.recipient] = min(course.began.get(row.recipient, due), due)
    return found


def _of_episode(episode: Row[Any], course: _Course, alerting: Alerting, moment: datetime) -> Iterator[dict[str, Any]]:
    reading, value = episode.reading, Value(episode.value)
    kind = Kind.TURNING if value is Value.TURNING else Kind.OPENED
    pain = float(reading["pain"] or 0.0)
    routes = taking(alerting, reading, episode.inherited, routed_level(value))
    for route in routes:
        for recipient in route.to:
            yield notice_row(episode.id, recipient, route, kind, 0, reading["reason"], moment, pain)
    if value is not Value.RED or episode.acknowledged_at is not None:
        return
    snoozed = episode.snoozed_until
    if snoozed is not None and moment < snoozed:
        return
    for recipient, told in course.told.items():
        for route in [r for r in routes if recipient in r.everyone]:
            if (why := _reminds(told, route, snoozed, moment)) is not None:
                yield notice_row(episode.id, recipient, route, Kind.REMINDER, told.reminders, why, moment, pain)
                break
    for route in routes:
        began = min((course.began[name] for name in route.to if name in course.began), default=None)
        if (
            route.escalate is not None
            and began is not None
            and moment - began >= timedelta(seconds=route.escalate.after)
        ):
            for recipient in route.escalate.to:
                yield notice_row(episode.id, recipient, route, Kind.ESCALATED, 0, _UNTAKEN, moment, pain)


_UNTAKEN = "Nobody has acknowledged it."


def _reminds(told: _Told, route: Route, snoozed: datetime | None, moment: datetime) -> str | None:
    """Say why a recipient is reminded; None if he is not."""
    if told.last is None or told.pending:
        return None
    if snoozed is not None and told.last < snoozed:
        return "The snooze has ended, and it is still red."
    if route.remind_after is not None and moment - told.last >= timedelta(seconds=route.remind_after):
        return "It is still red, and nobody has acknowledged it."
    return None
