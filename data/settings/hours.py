"""Hours of the day and the times of digests as the settings write them, in a zone of their own or the network's."""

from __future__ import annotations

import re
from datetime import time
from typing import TYPE_CHECKING

from analytics.routing import Digest, Hours
from data.settings.origin import say_unknown_zone
from data.settings.problems import quoted
from data.settings.shapes import unknown

if TYPE_CHECKING:
    from data.settings.problems import Place

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TIME = r"\d{1,2}:\d{2}"
_ZONE = r"(?:\s+(?P<zone>[A-Za-z]\S*))?"
_HOURS = re.compile(rf"(?:(?P<days>[A-Za-z][A-Za-z,\s-]*?)\s+)?(?P<start>{_TIME})\s*-\s*(?P<end>{_TIME}){_ZONE}")
_HOURLY = re.compile(rf"hourly(?:\s+:(?P<minute>[0-5]\d))?{_ZONE}")
_DAILY = re.compile(rf"(?:daily|weekly\s+(?P<day>[A-Za-z]+))\s+(?P<at>{_TIME}){_ZONE}")
_MIDNIGHT = "24:00"
_HOURS_MEND = 'write e.g. "22:00-07:00", "Mon-Fri 22:00-07:00" or "22:00-07:00 Europe/Berlin"'
_DIGEST_MEND = 'write e.g. "daily 08:00", "weekly Mon 08:00", "hourly" or "daily 08:00 Europe/Berlin"'


def read_hours(text: str, timezone: str, place: Place) -> Hours | None:
    """Read hours such as "Mon-Fri 22:00-07:00 Asia/Kolkata"; None for a mistake, which is reported."""
    match = _HOURS.fullmatch(text.strip())
    if match is None:
        place.say(f"{quoted(text)} are no hours", _HOURS_MEND)
        return None
    before = len(place.problems)
    weekdays = _weekdays(match["days"], place)
    start, end = _time(match["start"], place), time(0) if match["end"] == _MIDNIGHT else _time(match["end"], place)
    zone = _zone(match["zone"], timezone, place)
    if len(place.problems) > before:
        return None
    if start == end and (start != time(0) or match["end"] != _MIDNIGHT):
        place.say(f"these hours begin and end at {start:%H:%M}", 'write "00:00-24:00" for the whole day')
    elif start == end and len(weekdays) in (0, len(WEEKDAYS)):
        place.say("these hours never end", 'name weekdays, e.g. "Sat,Sun 00:00-24:00", or other hours')
    return Hours(start, end, zone, weekdays)


def read_digest(text: str, timezone: str, place: Place) -> Digest | None:
    """Read the times of a digest such as "weekly Mon 08:00"; None for a mistake, which is reported."""
    written = text.strip()
    before = len(place.problems)
    if hourly := _HOURLY.fullmatch(written):
        at, zone = _time(f"00:{hourly['minute'] or '00'}", place), _zone(hourly["zone"], timezone, place)
        found = Digest("hour", at, zone)
    elif other := _DAILY.fullmatch(written):
        at, zone = _time(other["at"], place), _zone(other["zone"], timezone, place)
        weekday = None if other["day"] is None else _weekday(other["day"], place)
        found = Digest("day", at, zone) if weekday is None else Digest("week", at, zone, weekday)
    else:
        place.say(f"{quoted(text)} is no time of a digest", _DIGEST_MEND)
        return None
    return found if len(place.problems) == before else None


def _weekdays(text: str | None, place: Place) -> tuple[int, ...]:
    """Read weekdays such as "Mon-Fri" or "Sat,Sun"; a range may go over the end of the week."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        begin, end = _weekday(first.strip(), place), _weekday((last or first).strip(), place)
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return tuple(sorted(found))


def _weekday(written: str, place: Place) -> int:
    known = [day.casefold() for day in WEEKDAYS]
    if written.casefold() in known:
        return known.index(written.casefold())
    unknown(place, "weekday", written, WEEKDAYS)
    return 0


def _time(written: str, place: Place) -> time:
    hour, minute = (int(part) for part in written.split(":"))
    if hour < 24 and minute < 60:
        return time(hour, minute)
    place.say(f"{quoted(written)} is no time of the day", 'write one from "00:00" to "23:59"')
    return time(0)


def _zone(written: str | None, timezone: str, place: Place) -> str:
    if written is None or say_unknown_zone(written, place):
        return timezone
    return written
