"""Silences and what recipients chose, as the store keeps them and as the checks look at them."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import time
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from sqlalchemy import select

from alerts.gate import Preference
from alerts.tables import PREFERENCES, SILENCES
from analytics.kpi import Level
from analytics.routing import Hours, Match, Recipient, Silence
from analytics.speech.language import SPOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection, Row

_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


def silences_at(con: Connection, moment: datetime) -> tuple[Silence, ...]:
    """Give the silences that were made on the page and have not ended."""
    rows = con.execute(select(SILENCES).where(SILENCES.c.ends > moment).order_by(SILENCES.c.id))
    return tuple(Silence(str(r.id), match_of(r.match), r.reason, r.begins, r.ends, by=r.by) for r in rows)


def match_document(match: Match) -> dict[str, Any]:
    return asdict(match)


def match_of(document: Mapping[str, Any]) -> Match:
    """Read a match as the store keeps it."""
    return Match(
        tuple((name, tuple(values)) for name, values in document["where"]),
        tuple(document["kpis"]),
        tuple(document["families"]),
        tuple(Level(level) for level in document["levels"]),
        document["pain_above"],
    )


def preference_of(con: Connection, recipient: Recipient) -> tuple[Recipient, Preference]:
    """Give the recipient and what holds for him after his own choice."""
    row = con.execute(select(PREFERENCES).where(PREFERENCES.c.recipient == recipient.name)).first()
    return (recipient, Preference()) if row is None else _chosen(recipient, row)


def _chosen(recipient: Recipient, row: Row[Any]) -> tuple[Recipient, Preference]:
    zone = row.timezone or recipient.timezone
    chosen = Recipient(recipient.name, recipient.address, row.language or recipient.language, zone)
    quiet = hours_of(row.quiet, zone) if row.quiet else None
    return chosen, Preference(quiet, row.pain_above, row.stopped_at)


def known_zone(name: str) -> bool:
    return name in available_timezones()


def known_language(name: str) -> bool:
    """Tell whether there are texts in a language, whatever the country it is spoken in."""
    try:
        return Locale.parse(name, sep="-").language in SPOKEN
    except (ValueError, UnknownLocaleError):
        return False


def hours_of(text: str, timezone: str) -> Hours:
    """Read hours like "22:00-07:00"; ValueError with a sentence if they are none."""
    found = _HOURS.fullmatch(text.strip())
    try:
        first, second, third, fourth = (int(part) for part in found.groups()) if found else (24, 0, 0, 0)
        hours = Hours(time(first, second), time(third, fourth), timezone)
    except ValueError as error:
        raise ValueError(f"{text!r} are no hours; write them like 22:00-07:00.") from error
    if hours.start == hours.end:
        raise ValueError(f"{text!r} begin and end at the same time; write them like 22:00-07:00.")
    return hours
