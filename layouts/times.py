"""Times as the pages write them: how long ago, and when, on the reader's clock with the label of its zone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dash import html

from analytics.routing import instant_of
from layouts.words import reader, say

if TYPE_CHECKING:
    from analytics.speech.language import Language

LAST_YEAR = 9000
"""Whatever ends later has no end."""


def read(iso: str) -> datetime:
    """Read an ISO time; one without a zone is UTC."""
    moment = datetime.fromisoformat(iso)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Times:
    """Writes times as seen at `now` (aware) on the clocks of one zone, in the language spoken here; an unknown zone is UTC."""

    def __init__(self, now: datetime, zone: str) -> None:
        self.now = now
        try:
            self._zone: tzinfo = ZoneInfo(zone)
            self.zone = zone
        except (KeyError, ValueError, OSError):
            self._zone, self.zone = UTC, "UTC"

    @property
    def _reader(self) -> Language:
        return replace(reader(), zone=self._zone)

    def span(self, iso: str, until: str | None = None) -> str:
        """Write how long ago something was, or how far it is ahead, or how long it took until another time."""
        end = read(until) if until else self.now
        seconds = abs((end - read(iso)).total_seconds())
        if seconds < 90:
            return say("time.seconds", n=seconds)
        if seconds < 90 * 60:
            return say("time.minutes", n=seconds // 60)
        if seconds < 48 * 3600:
            return say("time.hours", n=seconds // 3600)
        return say("time.days", n=seconds // 86_400)

    def when(self, iso: str, *, seconds: bool = False) -> str:
        """Write day and minute: "Tue 24 Nov 14:03 CET", with the year where it is not this one."""
        at, who = read(iso), self._reader
        this_year = who.local(at).year == who.local(self.now).year
        pattern = say("time.when" if this_year else "time.when_year")
        if seconds:
            pattern = pattern.replace(say("time.minute"), say("time.second"))
        return f"{who.dated(at, pattern)} {who.zone_label(at)}"

    def day(self, iso: str) -> str:
        return self._reader.dated(read(iso), say("time.day"))

    def clock(self, iso: str) -> str:
        """Write the second: "14:03:10 CET"."""
        at, who = read(iso), self._reader
        return f"{who.dated(at, say('time.second'))} {who.zone_label(at)}"

    def element(self, iso: str, text: str | None = None) -> Any:
        """Draw a time that machines can read too; pointing at it names its zone."""
        return html.Time(text or self.when(iso), dateTime=iso, title=f"{self.day(iso)}, {self.clock(iso)}, {self.zone}")

    def is_ahead(self, iso: str | None) -> bool:
        return iso is not None and read(iso) > self.now

    def tomorrow(self, at: time) -> datetime:
        """Give a local time of tomorrow as an instant (aware, UTC)."""
        zone = self._zone if isinstance(self._zone, ZoneInfo) else ZoneInfo("UTC")
        return instant_of(self.now.astimezone(zone).date() + timedelta(days=1), at, zone)


def is_for_ever(iso: str) -> bool:
    return read(iso).year >= LAST_YEAR
