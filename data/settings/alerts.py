"""What the settings say of alerts: [alerts], [[recipient]], [[route]] and [[maintenance]] as one value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from analytics.routing import Alerting, Rate
from data.settings.alert_shapes import AlertsShape, MaintenanceShape, NamedShape, RecipientShape, RouteShape
from data.settings.draft import Entry, read_entry
from data.settings.durations import seconds
from data.settings.maintenance import read_silence
from data.settings.problems import quoted
from data.settings.recipients import read_contacts, read_language
from data.settings.routes import read_route

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from data.settings.matches import Known
    from data.settings.problems import Place

AnyNamed = TypeVar("AnyNamed", bound=NamedShape)

_RATE = re.compile(r"(\d+)\s+per\s+(\d+(?:\.\d+)?\s*)?(s|min|h|d)")
_MOST, _SHORTEST, _LONGEST = 10_000, 60.0, 7 * 86_400.0
_EXAMPLES = {"recipient": "ops", "route": "everything", "maintenance": "inventory"}


def read_alerting(
    alerts: AlertsShape,
    tables: Mapping[str, list[Any]],
    known: Known,
    environ: Mapping[str, str],
    place: Place,
    timezone: str,
) -> Alerting:
    """Check all that the settings say of alerts; `tables` are those of recipients, routes and maintenance."""
    section = place.within("[alerts]")
    language = read_language(alerts.language, "en", section.at("language"))
    recipients = _entries("recipient", RecipientShape, tables, environ, place)
    contacts = read_contacts(recipients, language, timezone)
    fallback = None if alerts.fallback is None else contacts.one(alerts.fallback, section.at("fallback"))
    rate = _rate(alerts.rate, section.at("rate"))
    routes = _entries("route", RouteShape, tables, environ, place)
    maintenance = _entries("maintenance", MaintenanceShape, tables, environ, place)
    return Alerting(
        routes=tuple(read_route(entry, contacts, known, timezone) for entry in routes),
        recipients=contacts.recipients,
        maintenance=tuple(read_silence(entry, known, timezone) for entry in maintenance),
        rate=rate,
        fallback=fallback,
        timezone=timezone,
        language=language,
    )


def _entries(
    kind: str, shape: type[AnyNamed], tables: Mapping[str, list[Any]], environ: Mapping[str, str], place: Place
) -> list[Entry[AnyNamed]]:
    """Check the keys of every [[kind]], and that each has a name of its own."""
    found: list[Entry[AnyNamed]] = []
    for index, table in enumerate(tables.get(kind, [])):
        entry = read_entry(kind, index, shape, table, environ, place)
        if not entry.broke():
            _say_name(kind, entry, found)
            found.append(entry)
    return found


def _say_name(kind: str, entry: Entry[AnyNamed], earlier: Sequence[Entry[AnyNamed]]) -> None:
    what = "maintenance window" if kind == "maintenance" else kind
    name, place = entry.shape.name, entry.place.at("name")
    entry.needs("name", f'name = "{_EXAMPLES[kind]}"')
    if name == "":
        place.say("the name is empty", f'write e.g. name = "{_EXAMPLES[kind]}"')
    elif name is not None and any(name == other.shape.name for other in earlier):
        place.say(f"another {what} has this name", f"give each {what} a name of its own")


def _rate(written: str, place: Place) -> Rate:
    """Read a rate such as "20 per h" or "5 per 10 min"."""
    match = _RATE.fullmatch(written.strip())
    if match is None:
        place.say(f"{quoted(written)} is no rate", 'write e.g. "20 per h", "5 per 10 min" or "100 per d"')
        return Rate()
    try:
        most, per = int(match[1]), seconds(f"{match[2] or 1} {match[3]}")
    except ValueError:  # more digits than Python reads, or more than 100 years
        most, per = 0, 0.0
    if not (1 <= most <= _MOST and _SHORTEST <= per <= _LONGEST):
        place.say(f"{quoted(written)} is out of range", f"write 1 to {_MOST} mails in 1 min to 7 d")
        return Rate()
    return Rate(most, per)
