"""What follows for a line of a part order from its own events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation, either, hours, lateness

if TYPE_CHECKING:
    from analytics.derived.derivation import Sight
    from analytics.facts import Type

FILLED_WITHIN_HOURS = 24
"""A part that lies on the shelf is at hand within a day of its request."""

_COLUMNS: dict[str, Type] = {
    "asked_at": "time",
    "fitted_at": "time",
    "awaited": "bool",
    "late": "bool",
    "lead_hours": "number",
    "overdue": "bool",
    "filled_at_once": "bool",
    "core_overdue": "bool",
}
_ASKED = "requested|ordered"
_NEEDS = {
    "asked_at": (_ASKED,),
    "fitted_at": ("installed|defective",),
    "awaited": ("received",),
    "late": ("received", "promised_at"),
    "lead_hours": (_ASKED, "received"),
    "overdue": ("promised_at",),
    "filled_at_once": (_ASKED, "received"),
    "core_overdue": ("core_due",),
}


def _build(t: Any, sight: Sight) -> Any:
    now = sight.moments["now"]
    waiting = t.received_at.isnull() & t.cancelled_at.isnull()
    asked = t.requested_at.coalesce(t.ordered_at)
    return t.mutate(
        asked_at=asked,
        fitted_at=t.installed_at.coalesce(t.defective_at),
        awaited=waiting,
        late=_late(t, waiting, now),
        lead_hours=hours(asked, t.received_at),
        overdue=either(
            (t.promised_at.isnull(), ibis.null("boolean")),
            (waiting, now > t.promised_at),
            (ibis.literal(True), ibis.literal(False)),
        ),
        filled_at_once=_filled_at_once(t, asked, now),
        core_overdue=ibis.ifelse(t.core_due_at.notnull(), t.core_returned_at.isnull(), ibis.null("boolean")),
    )


def _late(t: Any, waiting: Any, now: Any) -> Any:
    """Late, with a line that was cancelled: it never fell due if that was before its promise, else the promise was broken."""
    unmet = t.received_at.isnull() & t.cancelled_at.notnull()
    return either(
        (unmet & (t.cancelled_at > t.promised_at), ibis.literal(True)),
        (unmet, ibis.null("boolean")),
        (ibis.literal(True), lateness(t.received_at, t.promised_at, waiting, now)),
    )


def _filled_at_once(t: Any, asked: Any, now: Any) -> Any:
    until = asked + ibis.interval(hours=FILLED_WITHIN_HOURS)
    return either(
        (asked.isnull() | (t.received_at < asked), ibis.null("boolean")),
        (t.backordered_at.notnull(), ibis.literal(False)),
        (t.received_at.notnull(), t.received_at <= until),
        (t.cancelled_at <= until, ibis.null("boolean")),
        (now > until, ibis.literal(False)),
    )


DERIVATIONS = (Derivation("part_orders", "part_orders", _COLUMNS, _build, _NEEDS),)
