"""What follows for a shipment from its own events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation, either, hours, lateness

if TYPE_CHECKING:
    from analytics.derived.derivation import Sight
    from analytics.facts import Type

LOST_AFTER_DAYS = 10
"""Silent for longer than this counts as lost (`domain.md` L4)."""
SILENT_HOURS = {"domestic": 24, "else": 72}
"""Weekday hours without a sign after which a shipment is silent (`domain.md` L7)."""
_COUNTRY = r"^[A-Z]{2}([^A-Za-z]|$)"
_FAR = ["air", "sea", "ocean", "rail"]
_ABROAD = r"international|import|export|cross|abroad"
_WEEK, _WORKDAYS = 7 * 86400, 5 * 86400
_FIRST_MONDAY = 4 * 86400
"""The epoch was a Thursday."""

_LEGS: dict[str, Type] = {
    "shipped_at": "time",
    "transit_hours": "number",
    "customs_hours": "number",
    "domestic": "bool",
}
_AGES: dict[str, Type] = {
    "late": "bool",
    "on_time_in_full": "bool",
    "pickup_late": "bool",
    "lost_or_damaged": "bool",
    "silent_hours": "number",
    "silent": "bool",
}
_NEEDS = {
    "shipped_at": ("picked_up|scanned",),
    "late": ("delivered", "promised_at"),
    "on_time_in_full": ("delivered", "promised_at"),
    "pickup_late": ("picked_up|scanned", "pickup_by"),
    "transit_hours": ("picked_up", "delivered"),
    "customs_hours": ("customs_in", "customs_out"),
    "lost_or_damaged": ("picked_up|scanned", "delivered"),
    "domestic": ("origin|leg|mode|customs_in",),
    "silent_hours": ("scanned|picked_up",),
    "silent": ("scanned|picked_up", "delivered"),
}


def _build(t: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    return t.mutate(
        # a parcel that was scanned anywhere had been fetched by then, though its pickup was not told
        shipped_at=t.picked_up_at.coalesce(ibis.least(t.scanned_at, t.customs_in_at, t.delivered_at)),
        transit_hours=hours(t.picked_up_at, t.delivered_at),
        customs_hours=hours(t.customs_in_at, t.customs_out_at),
        domestic=_domestic(t),
    )


def _ages(t: Any, sight: Sight) -> Any:
    """Add whether a shipment has kept its times so far, and how long it has given no sign."""
    now = sight.moments["now"]
    missing = t.delivered_at.isnull()  # whatever is known of it, if only a scan: many carriers tell no more
    travelling = missing & t.lost_at.isnull()
    late = lateness(t.delivered_at, t.promised_at, missing, now)
    held = t.customs_in_last_at.notnull() & ~(t.customs_out_last_at >= t.customs_in_last_at).fill_null(False)
    allowed = ibis.ifelse(t.domestic.fill_null(False), SILENT_HOURS["domestic"], SILENT_HOURS["else"])
    quiet = (_weekday_seconds(now) - _weekday_seconds(t.last_event_at)) / 3600.0 > allowed
    return t.mutate(
        late=late,
        on_time_in_full=ibis.ifelse(late.notnull(), ~late & t.complete.fill_null(True), ibis.null("boolean")),
        pickup_late=lateness(t.shipped_at, t.pickup_by, t.shipped_at.isnull(), now),
        lost_or_damaged=_lost_or_damaged(t, held, now),
        silent_hours=ibis.ifelse(travelling, hours(t.last_event_at, now), ibis.null("float64")),
        silent=ibis.ifelse(travelling & t.shipped_at.notnull() & ~held, quiet, ibis.null("boolean")),
    )


def _lost_or_damaged(t: Any, held: Any, now: Any) -> Any:
    """Lost is what was reported lost and not delivered since, or has given no sign for long, customs apart."""
    found = (t.delivered_at >= t.lost_last_at).fill_null(False)
    return either(
        (t.damaged_at.notnull() | (t.lost_at.notnull() & ~found), ibis.literal(True)),
        (t.shipped_at.isnull(), ibis.null("boolean")),
        (t.delivered_at.notnull() | held, ibis.literal(False)),
        (ibis.literal(True), t.last_event_at < now - ibis.interval(days=LOST_AFTER_DAYS)),
    )


def _domestic(t: Any) -> Any:
    """Tell whether a parcel stays in one country: by the countries of its ends, else by customs, leg and mode."""
    ends = t.origin.re_search(_COUNTRY) & t.destination.re_search(_COUNTRY)
    leg, mode = t.leg.lower(), t.mode.lower()
    return either(
        (ends.fill_null(False), t.origin.left(2) == t.destination.left(2)),
        (t.customs_in_at.notnull() | t.customs_out_at.notnull(), ibis.literal(False)),
        (leg.re_search(_ABROAD).fill_null(False) | mode.isin(_FAR).fill_null(False), ibis.literal(False)),
        (leg.contains("domestic").fill_null(False) | mode.notnull(), ibis.literal(True)),
    )


def _weekday_seconds(at: Any) -> Any:
    """Give the seconds of Mondays to Fridays (UTC) up to a time: carriers do not scan at weekends."""
    since = at.epoch_seconds() - _FIRST_MONDAY
    return (since // _WEEK) * _WORKDAYS + ibis.least(since % _WEEK, _WORKDAYS)


DERIVATIONS = (
    Derivation("legs", "shipments", _LEGS, _build, _NEEDS),
    Derivation("travels", "shipments", _AGES, _ages, _NEEDS, timed=True),
)
