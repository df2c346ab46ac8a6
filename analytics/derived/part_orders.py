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

_LINES: dict[str, Type] = {
    "asked_at": "time",
    "fitted_at": "time",
    "awaited": "bool",
    "lead_hours": "number",
    "core_overdue": "bool",
}
_AGES: dict[str, Type] = {"late": "bool", "overdue": "bool", "filled_at_once": "bool"}
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


def _build(t: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    asked = t.requested_at.coalesce(t.ordered_at)
    return t.mutate(
        asked_at=asked,
        fitted_at=t.installed_at.coalesce(t.defective_at),
        awaited=t.received_at.isnull() & t.cancelled_at.isnull(),
        lead_hours=hours(asked, t.received_at),
        core_overdue=ibis.ifelse(t.core_due_at.notnull(), t.core_returned_at.isnull(), ibis.null("boolean")),
    )


def _ages(t: Any, sight: Sight) -> Any:
    """Add whether a line has kept its times so far."""
    now = sight.moments["now"]
    return t.mutate(
        late=_late(t, now),
        overdue=either(
            (t.promised_at.isnull(), ibis.null("boolean")),
            (t.awaited, now > t.promised_at),
            (ibis.literal(True), ibis.literal(False)),
        ),
        filled_at_once=_filled_at_once(t, now),
    )


def _late(t: Any, now: Any) -> Any:
    """Late, with a line that was cancelled: it never fell due if that was before its promise, else the promise was broken."""
    unmet = t.received_at.isnull() & t.cancelled_at.notnull()
    return either(
        (unmet & (t.cancelled_at > t.promised_at), ibis.literal(True)),
        (unmet, ibis.null("boolean")),
        (ibis.literal(True), lateness(t.received_at, t.promised_at, t.awaited, now)),
    )


def _filled_at_once(t: Any, now: Any) -> Any:
    until = t.asked_at + ibis.interval(hours=FILLED_WITHIN_HOURS)
    return either(
        (t.asked_at.isnull() | (t.received_at < t.asked_at), ibis.null("boolean")),
        (t.backordered_at.notnull(), ibis.literal(False)),
        (t.received_at.notnull(), t.received_at <= until),
        (t.cancelled_at <= until, ibis.null("boolean")),
        (now > until, ibis.literal(False)),
    )


DERIVATIONS = (
    Derivation("lines", "part_orders", _LINES, _build, _NEEDS),
    Derivation("awaiting", "part_orders", _AGES, _ages, _NEEDS, timed=True),
)
