"""Times as the pages write them: how long ago, and when, on the network's clock with the label of its zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from analytics.routing import instant_of

LAST_YEAR = 9000
"""Whatever ends later has no end."""


def read(iso: str) -> datetime:
    """Read an ISO time; one without a zone is UTC."""
    moment = datetime.fromisoformat(iso)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Times:
    """Writes times as seen at `now` (aware) on the clocks of one zone; an unknown zone is UTC."""

    def __init__(self, now: datetime, zone: str) -> None:
        self.now = now
        try:
            self._zone: tzinfo = ZoneInfo(zone)
            self.zone = zone
        except (KeyError, ValueError, OSError):
            self._zone, self.zone = UTC, "UTC"

    def span(self, iso: str, until: str | None = None) -> str:
        """Write how long ago something was, or how far it is ahead, or how long it took until another time."""
        end = read(until) if until else self.now
        seconds = abs((end - read(iso)).total_seconds())
        if seconds < 90:
            return f"{seconds:.0f} s"
        if seconds < 90 * 60:
            return f"{seconds // 60:.0f} min"
        if seconds < 48 * 3600:
            return f"{seconds // 3600:.0f} h"
        return f"{seconds // 86_400:,.0f} d"

    def when(self, iso: str, *, seconds: bool = False) -> str:
        """Write day and minute: "Tue 24 Nov 14:03 CET", with the year where it is not this one."""
        local = self._local(read(iso))
        year = "" if local.year == self._local(self.now).year else f" {local.year}"
        return f"{local:%a} {local.day} {local:%b}{year} {local:{'%H:%M:%S' if seconds else '%H:%M'}} {_label(local)}"

    def day(self, iso: str) -> str:
        local = self._local(read(iso))
        return f"{local:%A}, {local.day} {local:%B %Y}"

    def clock(self, iso: str) -> str:
        """Write the second: "14:03:10 CET"."""
        local = self._local(read(iso))
        return f"{local:%H:%M:%S} {_label(local)}"

    def element(self, iso: str, text: str | None = None) -> Any:
        """Draw a time that machines can read too; pointing at it names its zone."""
        return html.Time(text or self.when(iso), dateTime=iso, title=f"{self.day(iso)}, {self.clock(iso)}, {self.zone}")

    def is_ahead(self, iso: str | None) -> bool:
        return iso is not None and read(iso) > self.now

    def tomorrow(self, at: time) -> datetime:
        """Give a local time of tomorrow as an instant (aware, UTC)."""
        zone = self._zone if isinstance(self._zone, ZoneInfo) else ZoneInfo("UTC")
        return instant_of(self._local(self.now).date() + timedelta(days=1), at, zone)

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone)


def is_for_ever(iso: str) -> bool:
    return read(iso).year >= LAST_YEAR


def _label(local: datetime) -> str:
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{local:%z}"[:6] + ":" + f"{local:%z}"[3:5]
