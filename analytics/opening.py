"""When sites are open: their weekly hours less the holidays of their place, as instants."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import holidays
import pandas as pd

if TYPE_CHECKING:
    from analytics.master import Master

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_RANGE = re.compile(
    r"^(?P<from>[A-Za-z]{3})(?:\s*-\s*(?P<to>[A-Za-z]{3}))?\s+(?P<opens>\d{1,2}:\d{2})\s*-\s*(?P<closes>\d{1,2}:\d{2})$"
)
Week = tuple[tuple[int, int] | None, ...]
"""Per day of the week, Monday first, minutes after midnight from when to when, or None if closed."""
AHEAD = 60
"""Days that a calendar goes on after the moment, for what is due."""


class OpeningError(ValueError):
    """Opening hours that cannot be read; the message is a sentence with the mend."""


def opening_hours(text: str) -> Week | None:
    """Read e.g. "Mon-Fri 09:00-18:00; Sat 10:00-14:00"; None for an empty text: nothing is known. Raises OpeningError."""
    if not text.strip():
        return None
    week: list[tuple[int, int] | None] = [None] * 7
    for part in filter(None, (each.strip() for each in text.split(";"))):
        match = _RANGE.match(part)
        names = [d.lower() for d in DAYS]
        if match is None or match["from"].lower() not in names or (match["to"] or "mon").lower() not in names:
            raise OpeningError(
                f"opening hours {text!r} cannot be read; write e.g. Mon-Fri 09:00-18:00; Sat 10:00-14:00"
            )
        opens, closes = _minutes(match["opens"]), _minutes(match["closes"])
        if not 0 <= opens < closes <= 24 * 60:
            raise OpeningError(f"opening hours {text!r} close before they open; write e.g. Mon-Fri 09:00-18:00")
        first = names.index(match["from"].lower())
        last = names.index((match["to"] or match["from"]).lower())
        for day in range(first, last + 1) if first <= last else (*range(first, 7), *range(last + 1)):
            week[day] = (opens, closes)
    return tuple(week)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


@lru_cache(maxsize=512)
def open_days(
    week: Week, zone: str, country: str | None, subdivision: str | None, first: date, last: date
) -> tuple[tuple[date, datetime, datetime], ...]:
    """Give every local day of [first, last] that a place is open: from when to when, UTC without a zone, DST included."""
    years = tuple(range(first.year, last.year + 1))
    shut = public_holidays(country, subdivision, years) if country else frozenset()
    local = ZoneInfo(zone)
    days = []
    day = first
    while day <= last:
        hours = week[day.weekday()]
        if hours is not None and day not in shut:
            days.append((day, _instant(day, hours[0], local), _instant(day, hours[1], local)))
        day += timedelta(days=1)
    return tuple(days)


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    if minutes == 24 * 60:
        day, minutes = day + timedelta(days=1), 0
    return datetime.combine(day, time(minutes // 60, minutes % 60), zone).astimezone(UTC).replace(tzinfo=None)


@cache
def subdivisions() -> dict[str, list[str]]:
    """Give the countries whose holidays are known, and of each those of its subdivisions that have some of their own."""
    return holidays.list_supported_countries()


@lru_cache(maxsize=512)
def public_holidays(country: str, subdivision: str | None, years: tuple[int, ...]) -> frozenset[date]:
    """Give the public holidays of some years: the whole country's where it knows no such subdivision, none of an unknown one."""
    known = subdivisions()
    if country not in known:
        return frozenset()
    part = subdivision if subdivision in known[country] else None
    return frozenset(holidays.country_holidays(country, subdiv=part, years=years))


def calendar(master: Master, network_zone: str, first: date) -> pd.DataFrame:
    """Give the table `calendar` of `analytics.master.TABLES`: the open days of every site whose hours are known."""
    zones = {row["site"]: row["zone"] for _, row in master.zones.iterrows() if row["site"] is not None}
    last = master.moment.date() + timedelta(days=AHEAD)
    parts: list[pd.DataFrame] = []
    sites = master.tables["sites"]
    for row in sites.astype("object").where(sites.notna(), None).to_dict(orient="records"):
        week = _readable(row["opening"])
        if week is not None:
            zone = zones.get(row["site"], network_zone)
            parts.append(_frame(row["site"], open_days(week, zone, row["country"], row["subdivision"], first, last)))
    if parts:
        return pd.concat(parts, ignore_index=True)
    return _frame("", ())


def _readable(text: Any) -> Week | None:
    try:
        return opening_hours(text or "")
    except OpeningError:
        return None


def _frame(site: str, days: tuple[tuple[date, datetime, datetime], ...]) -> pd.DataFrame:
    frame = pd.DataFrame(days, columns=["day", "opens_at", "closes_at"])
    for name in ("opens_at", "closes_at"):
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    frame.insert(0, "site", pd.Series([site] * len(frame), dtype="str"))
    seconds = (frame["closes_at"] - frame["opens_at"]).dt.total_seconds()
    frame["open_before"] = seconds.cumsum() - seconds
    frame["number"] = pd.RangeIndex(1, len(frame) + 1)
    return frame
