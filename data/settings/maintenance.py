"""Every [[maintenance]]: what is not told of for a time, once or again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from analytics.routing import Silence
from data.settings.hours import read_hours
from data.settings.matches import Known, read_match
from data.settings.moments import to_moment

if TYPE_CHECKING:
    from datetime import datetime

    from data.settings.alert_shapes import MaintenanceShape
    from data.settings.draft import Entry
    from data.settings.problems import Place

_ONCE = 'from = "2026-12-31T18:00" and to = "2027-01-02T06:00"'
_AGAIN = 'every = "Sun 02:00-04:00"'


def read_silence(entry: Entry[MaintenanceShape], known: Known, timezone: str) -> Silence:
    """Check one maintenance window and build its value."""
    shape, place = entry.shape, entry.place
    _say_when(entry)
    begins, ends = (
        _moment(value, timezone, place.at(key)) for key, value in (("from", shape.begins), ("to", shape.ends))
    )
    if begins is not None and ends is not None and begins >= ends:
        place.at("to").say("it lies no later than `from`", "write a later time")
    name = shape.name or ""
    return Silence(
        id=f"maintenance {name}",
        match=read_match(shape.match, known, place.at("match")),
        reason=shape.reason or name,
        begins=begins,
        ends=ends,
        hours=read_hours(shape.every, timezone, place.at("every")) if shape.every is not None else None,
    )


def _say_when(entry: Entry[MaintenanceShape]) -> None:
    """Report a window that is neither once nor again and again, or both."""
    shape, place = entry.shape, entry.place
    once = shape.begins is not None or shape.ends is not None
    if once and shape.every is not None:
        place.at("every").say("from and to, and every, exclude each other", "keep either from and to, or every")
    elif not once and shape.every is None:
        if not entry.broke("every"):
            place.at("every").say("no time is named", f"write e.g. {_AGAIN}, or {_ONCE}")
    elif once:
        for key, value in (("from", shape.begins), ("to", shape.ends)):
            if value is None and not entry.broke(key):
                place.at(key).say("key is missing", f"write e.g. {_ONCE}")


def _moment(value: Any, timezone: str, place: Place) -> datetime | None:
    if value is None:
        return None
    moment = to_moment(value, ZoneInfo(timezone))
    if moment is None:
        place.say("this is no date or time", 'write e.g. "2026-12-31T18:00", or with a zone "2026-12-31T18:00+01:00"')
    return moment
