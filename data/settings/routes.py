"""Every [[route]]: what it takes, whom it tells, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics.kpi import Level
from analytics.routing import Escalation, Route
from data.settings.durations import seconds
from data.settings.hours import read_digest, read_hours
from data.settings.matches import Known, read_match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data.settings.alert_shapes import RouteShape
    from data.settings.draft import Entry
    from data.settings.problems import Place
    from data.settings.recipients import Contacts

NEVER = "never"


def read_route(entry: Entry[RouteShape], contacts: Contacts, known: Known, timezone: str) -> Route:
    """Check one route and build its value."""
    shape, place = entry.shape, entry.place
    route = Route(
        name=shape.name or "",
        to=_to(entry, shape.to, contacts, "to"),
        match=read_match(shape.match, known, place.at("match"), (Level.RED,)),
        quiet=read_hours(shape.quiet, timezone, place.at("quiet")) if shape.quiet is not None else None,
        pain_above=shape.pain_above,
        group_wait=_length(shape.group_wait, place.at("group_wait"), '"30 s"') or 0.0,
        remind_after=_remind_after(shape.remind_after, place.at("remind_after")),
        escalate=_escalation(entry, contacts),
        digest=read_digest(shape.digest, timezone, place.at("digest")) if shape.digest is not None else None,
    )
    _say_idle(entry)
    return route


def _to(entry: Entry[RouteShape], written: Sequence[str] | None, contacts: Contacts, *steps: str) -> tuple[str, ...]:
    place = entry.place.at(*steps)
    if entry.broke(*steps):
        return ()
    if written is None:
        place.say("key is missing", 'write e.g. to = ["ops@example.com"]')
    elif not written:
        place.say("nobody would be told", "name a recipient or a mail address")
    return contacts.everyone(written or (), place)


def _escalation(entry: Entry[RouteShape], contacts: Contacts) -> Escalation | None:
    shape, place = entry.shape.escalate, entry.place.at("escalate")
    if shape is None:
        return None
    if shape.after is None and not entry.broke("escalate", "after"):
        place.at("after").say("key is missing", 'write e.g. after = "2 h"')
    after = None if shape.after is None else _length(shape.after, place.at("after"), '"2 h"')
    if after == 0:
        place.at("after").say("nobody can acknowledge in no time", "write a longer one, or name them in the route's to")
    return Escalation(after or 0.0, _to(entry, shape.to, contacts, "escalate", "to"))


def _remind_after(written: str, place: Place) -> float | None:
    if written == NEVER:
        return None
    length = _length(written, place, '"24 h", or "never"')
    if length == 0:
        place.say("that would remind without a pause", 'write e.g. "24 h", or "never"')
    return length


def _length(written: str, place: Place, example: str) -> float | None:
    """Read a length of time in seconds; None for a mistake, which is reported."""
    try:
        return seconds(written)
    except ValueError as error:
        place.say(str(error), f"write e.g. {example}")
        return None


def _say_idle(entry: Entry[RouteShape]) -> None:
    """Report keys that would change nothing."""
    shape, place = entry.shape, entry.place
    if shape.quiet is not None and shape.digest is not None:
        place.at("quiet").say("a digest comes at its own times and knows no quiet hours", "remove one of the two")
    elif shape.pain_above is not None and shape.quiet is None and not entry.broke("quiet"):
        mend = "add quiet, or move it into match to take painful ones only"
        place.at("pain_above").say("it breaks the quiet hours, and this route has none", mend)
