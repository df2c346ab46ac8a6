"""The menu at the foot of a page: in which language, and by which clock, whoever reads wants to be spoken to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from layouts.element import hidden
from layouts.field import button, choice, field, post, suggestions
from layouts.form import FaultError, clean
from layouts.reader import zones
from layouts.words import LANGUAGES, say, tongue

if TYPE_CHECKING:
    from collections.abc import Mapping

READER = "/reader"
"""Takes what was chosen."""
SUGGESTED = (
    "America/Bogota", "America/Buenos_Aires", "America/Chicago", "America/Denver", "America/Lima", "America/Los_Angeles",
    "America/Mexico_City", "America/New_York", "America/Santiago", "America/Sao_Paulo", "America/Toronto", "Africa/Cairo",
    "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "Asia/Bangkok", "Asia/Dubai", "Asia/Ho_Chi_Minh", "Asia/Hong_Kong",
    "Asia/Jakarta", "Asia/Karachi", "Asia/Kolkata", "Asia/Manila", "Asia/Riyadh", "Asia/Seoul", "Asia/Shanghai",
    "Asia/Singapore", "Asia/Taipei", "Asia/Tokyo", "Australia/Sydney", "Europe/Berlin", "Europe/Istanbul", "Europe/Lisbon",
    "Europe/London", "Europe/Madrid", "Europe/Moscow", "Europe/Paris", "Europe/Warsaw", "Pacific/Auckland", "UTC",
)  # fmt: skip
"""Zones where many live; every other one can be typed, and all six hundred would double the weight of a page."""


def draw_menu(zone: str, address: str) -> Any:
    """Draw the menu, closed; `address` is where the browser comes back to."""
    fields = [
        hidden("back", address),
        choice("reader", "language", say("reader.language"), LANGUAGES.items(), tongue()),
        field("reader", "zone", say("reader.zone"), hint=say("reader.zone_hint"), value=zone, list="reader-zones",
              maxLength="80", autoComplete="off"),
        suggestions("reader-zones", SUGGESTED),
        button(say("reader.choose"), className="quiet"),
    ]  # fmt: skip
    summary = html.Summary(say("reader.title", language=LANGUAGES[tongue()], zone=zone))
    return html.Details([summary, post(READER, fields, name="reader", className="who")])


def chosen_of(form: Mapping[str, str]) -> tuple[str, str]:
    """Read the language and the zone that were chosen, "" for what is as usual; FaultError for a zone that is none."""
    language, zone = form.get("language", ""), clean(form.get("zone", ""), 80)
    if zone and zone not in zones():
        raise FaultError(400, say("preferences.bad_zone", zone=zone))
    return language if language in LANGUAGES else "", zone


def back_of(form: Mapping[str, str]) -> str:
    """Give the page to come back to: one of our own, whatever the form says."""
    address = form.get("back", "")
    ours = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if ours else "/"
