"""The programme of a rehearsal: who would have got what, when, and why the rest was not told."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import select

from alerts.tables import EPISODES, LETTERS, NOTICES
from analytics.board import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from analytics.routing import Alerting

NIGHT = (time(22), time(6))
"""From when until when it is night where the recipient is."""
FLAPS_WITHIN = timedelta(days=7)
CLASSES = {
    "": "waits for what breaks together",
    "silenced by": "silenced",
    "snoozed": "snoozed",
    "waits for the end of": "quiet hours",
    "waits for the digest": "waits for the digest",
    "rate limit": "rate limit",
    "over before it": "over before it was told",
    "the beginning was not told": "the beginning was not told",
    "the first mail, which": "said by the first mail",
    "waits until the first mail": "waits for the first mail",
    "acknowledged by": "acknowledged",
    "its source": "its source is dead",
    "has one cause with episode": "one cause with another episode",
    "the recipient wants pains above": "below what the recipient wants",
    "the recipient has stopped": "stopped all mail",
    "no mail server": "no mail server",
    "it is red by now": "red by now",
    "no route takes": "no route any more",
    "nobody is told of undeliverable": "no fallback any more",
}
"""What a reason not to tell begins with, and what such reasons are counted as."""
EXACT = ("waits for what breaks together", "quiet hours", "waits for the digest", "rate limit")
"""Reasons whose notices say themselves until when they wait."""


def classed(reason: str) -> str:
    """Give what a reason is counted as; one that is not known stands for itself."""
    return next((said for begin, said in CLASSES.items() if begin and reason.startswith(begin)), reason or CLASSES[""])


def programme(con: Connection, alerting: Alerting) -> dict[str, Any]:
    """Give the mails in their order, per route and recipient how many, how often episodes came back, and what was not told."""
    mails = _mails(con, alerting)
    flapping = _flapping(con)
    return {
        "mails": mails,
        "recipients": _recipients(mails, alerting),
        "flaps": sum(each["flaps"] for each in flapping),
        "flapping": flapping,
        "held": _not_told(con),
    }


def _mails(con: Connection, alerting: Alerting) -> list[dict[str, Any]]:
    told: dict[int, list[Any]] = defaultdict(list)
    query = (
        select(NOTICES.c.letter, NOTICES.c.route, NOTICES.c.kind, EPISODES.c.kpi, EPISODES.c.slice)
        .join(EPISODES, NOTICES.c.episode == EPISODES.c.id)
        .where(NOTICES.c.letter.is_not(None))
    )
    for row in con.execute(query.order_by(NOTICES.c.id)):
        told[row.letter].append(row)
    columns = (LETTERS.c.id, LETTERS.c.recipient, LETTERS.c.subject, LETTERS.c.digest, LETTERS.c.done_at)
    letters = con.execute(select(*columns).where(LETTERS.c.status == "sent").order_by(LETTERS.c.done_at, LETTERS.c.id))
    return [_mail(row, told[row.id], alerting) for row in letters]


def _mail(row: Any, notices: Sequence[Any], alerting: Alerting) -> dict[str, Any]:
    return {
        "at": instant(row.done_at),
        "recipient": row.recipient,
        "routes": list(dict.fromkeys(n.route for n in notices)),
        "subject": row.subject,
        "kinds": [n.kind for n in notices],
        "episodes": [{"kpi": n.kpi, "slice": orjson.loads(n.slice)} for n in notices],
        "night": _is_night(_local(row.done_at, row.recipient, alerting)),
        "digest": row.digest,
    }


def _local(at: datetime, recipient: str, alerting: Alerting) -> datetime:
    return at.astimezone(ZoneInfo(alerting.recipient(recipient).timezone))


def _is_night(local: datetime) -> bool:
    begins, ends = NIGHT
    return local.time() >= begins or local.time() < ends


def _recipients(mails: Iterable[Mapping[str, Any]], alerting: Alerting) -> list[dict[str, Any]]:
    """Count per route and recipient; those whom a route names and who would have got nothing are told too."""
    mine: dict[tuple[str, str], list[Mapping[str, Any]]] = {
        (route.name, name): [] for route in alerting.routes for name in route.everyone
    }
    for mail in mails:
        for route in mail["routes"]:
            mine.setdefault((route, mail["recipient"]), []).append(mail)
    return [{"route": route, "recipient": name} | _counted(own, name, alerting) for (route, name), own in mine.items()]


def _counted(mails: Sequence[Mapping[str, Any]], name: str, alerting: Alerting) -> dict[str, Any]:
    days = Counter(
        _local(datetime.fromisoformat(mail["at"]), name, alerting).date().isoformat() for mail in mails
    ).most_common(1)
    return {
        "mails": len(mails),
        "notices": sum(len(mail["kinds"]) for mail in mails),
        "night": sum(mail["night"] for mail in mails),
        "busiest_day": days[0][0] if days else None,
        "most_on_a_day": days[0][1] if days else 0,
    }


def _flapping(con: Connection) -> list[dict[str, Any]]:
    """Give the KPIs and slices whose episodes came back within a week of an opening, and how often, the worst first."""
    opened: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    query = select(EPISODES.c.kpi, EPISODES.c.slice, EPISODES.c.opened_at).order_by(EPISODES.c.opened_at)
    for row in con.execute(query):
        opened[row.kpi, row.slice].append(row.opened_at)
    found = [
        {"kpi": kpi, "slice": orjson.loads(slice_), "flaps": flaps}
        for (kpi, slice_), times in opened.items()
        if (flaps := sum(b - a <= FLAPS_WITHIN for a, b in itertools.pairwise(times)))
    ]
    return sorted(found, key=lambda each: -each["flaps"])


def _not_told(con: Connection) -> dict[str, int]:
    """Count the notices that were not told, by why; the commonest reason first."""
    query = select(NOTICES.c.held).where(NOTICES.c.status.in_(("waiting", "dropped")))
    return dict(Counter(classed(held) for held in con.execute(query).scalars()).most_common())
