"""What follows for a repair order from its own events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation, either, hours, lateness

if TYPE_CHECKING:
    from analytics.derived.derivation import Sight
    from analytics.facts import Type

ENDS = ("completed", "dispatched", "delivered", "closed", "cancelled", "returned_unrepaired", "swapped")
"""The kinds of events that end an order, unless it is reopened after them."""
DEAD_ON_ARRIVAL_DAYS = 14

_MILESTONES: dict[str, Type] = {
    "hand_in_at": "time",
    "hand_back_at": "time",
    "completion_at": "time",
    "done_at": "time",
    "ended_at": "time",
    "given_up_at": "time",
    "ready_at": "time",
    "first_check_at": "time",
    "open": "bool",
    "waiting_for_part": "bool",
    "waiting_for_customer": "bool",
    "actionable": "bool",
    "tat_hours": "number",
    "rtat_hours": "number",
    "e2e_hours": "number",
    "unsuccessful": "bool",
    "no_fault_found": "bool",
    "dead_on_arrival": "bool",
    "qc_first_pass_failed": "bool",
    "handoffs": "integer",
}
_AGES: dict[str, Type] = {"age_hours": "number", "within_24h": "bool", "within_3d": "bool", "late": "bool"}
_HAND_IN = "created|received"
_HAND_BACK = "delivered|dispatched|completed|closed"
_ENDED = "|".join(ENDS)
_DONE = "completed|repaired|closed"
_NEEDS = {
    "hand_in_at": (_HAND_IN,),
    "hand_back_at": (_HAND_BACK,),
    "completion_at": ("completed|repaired",),
    "done_at": (_DONE,),
    "ended_at": (_HAND_IN, _ENDED),
    "given_up_at": ("cancelled|returned_unrepaired|swapped",),
    "ready_at": ("dispatched|completed|closed",),
    "first_check_at": ("qc_failed|qc_passed",),
    "open": (_HAND_IN,),
    "waiting_for_part": (_HAND_IN, "part_requested"),
    "waiting_for_customer": (_HAND_IN, "quoted"),
    "actionable": (_HAND_IN,),
    "age_hours": (_HAND_IN,),
    "tat_hours": ("received", _DONE),
    "rtat_hours": ("received", "dispatched|completed|closed"),
    "e2e_hours": (_HAND_IN, _HAND_BACK),
    "within_24h": (_HAND_IN, _HAND_BACK),
    "within_3d": (_HAND_IN, _HAND_BACK),
    "late": (_HAND_BACK, "promised_at"),
    "unsuccessful": ("outcome",),
    "no_fault_found": ("outcome",),
    "dead_on_arrival": (_HAND_IN, "sold_at"),
    "qc_first_pass_failed": ("qc_failed|qc_passed",),
    "handoffs": ("assigned",),
}


def _build(t: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    t = _milestones(t)
    t = _waiting(t)
    return t.mutate(
        tat_hours=hours(t.received_at, t.done_at),
        rtat_hours=hours(t.received_at, t.ready_at),
        e2e_hours=hours(t.hand_in_at, t.hand_back_at),
        unsuccessful=t.outcome.isin(["not_repaired", "unrepairable"]),
        no_fault_found=t.outcome == "no_fault_found",
        dead_on_arrival=either(
            # sold after it was handed in: one of the two dates is wrong
            (t.hand_in_at < t.sold_at, ibis.null("boolean")),
            (ibis.literal(True), t.hand_in_at <= t.sold_at + ibis.interval(days=DEAD_ON_ARRIVAL_DAYS)),
        ),
        qc_first_pass_failed=either(
            (t.qc_failed_at.isnull(), ibis.ifelse(t.qc_passed_at.notnull(), False, ibis.null("boolean"))),
            (t.qc_passed_at.isnull(), ibis.literal(True)),
            (ibis.literal(True), t.qc_failed_at < t.qc_passed_at),
        ),
        handoffs=ibis.greatest(t.assigned_count - 1, 0),
    )


def _ages(t: Any, sight: Sight) -> Any:
    """Add how old an order is, and whether it has kept its time so far."""
    now = sight.moments["now"]
    return t.mutate(
        age_hours=ibis.ifelse(t.open, hours(t.hand_in_at, now), ibis.null("float64")),
        within_24h=_within(t, 24, now),
        within_3d=_within(t, 72, now),
        late=_late(t, now),
    )


def _milestones(t: Any) -> Any:
    """Add the times at which an order came, was done, and left."""
    last = ibis.greatest(*[t[f"{kind}_last_at"] for kind in ENDS])
    since = [_after(t[f"{kind}_last_at"], t.reopened_last_at) for kind in ENDS]
    first = ibis.ifelse(
        t.reopened_last_at.isnull(), ibis.least(*[t[f"{kind}_at"] for kind in ENDS]), ibis.least(*since)
    )
    came = t.received_at.notnull() | t.created_at.notnull()
    open_ = came & (last.isnull() | (t.reopened_last_at > last).fill_null(False))
    return t.mutate(
        hand_in_at=t.created_at.coalesce(t.received_at),
        hand_back_at=t.delivered_at.coalesce(t.dispatched_at, t.completed_at, t.closed_at),
        completion_at=t.completed_at.coalesce(t.repaired_at),
        done_at=t.completed_last_at.coalesce(t.repaired_last_at, t.closed_last_at),
        ended_at=ibis.ifelse(open_, ibis.null("timestamp(6)"), first),
        given_up_at=ibis.least(t.cancelled_at, t.returned_unrepaired_at, t.swapped_at),
        ready_at=t.dispatched_at.coalesce(t.completed_at, t.closed_at),
        first_check_at=ibis.least(t.qc_passed_at, t.qc_failed_at),
        open=open_,
    )


def _after(at: Any, before: Any) -> Any:
    return ibis.ifelse(at > before, at, ibis.null("timestamp(6)"))


def _waiting(t: Any) -> Any:
    """Add what an open order waits for; whoever works on a device again has what was missing, whatever was booked."""
    worked = ibis.greatest(t.repair_started_last_at, t.repaired_last_at, t.qc_passed_last_at, t.qc_failed_last_at)
    has_part = ibis.greatest(t.part_received_last_at, worked) >= t.part_requested_last_at
    has_word = ibis.greatest(t.approved_last_at, worked) >= t.quoted_last_at
    t = t.mutate(
        waiting_for_part=t.open & t.part_requested_last_at.notnull() & ~has_part.fill_null(False),
        waiting_for_customer=t.open & t.quoted_last_at.notnull() & ~has_word.fill_null(False),
    )
    return t.mutate(actionable=t.open & ~t.waiting_for_part & ~t.waiting_for_customer)


def _within(t: Any, limit: int, now: Any) -> Any:
    """Tell whether an order was handed back within some hours; false once they have passed while it is open."""
    until = t.hand_in_at + ibis.interval(hours=limit)
    return either(
        (t.hand_in_at.isnull(), ibis.null("boolean")),
        (t.hand_back_at.notnull(), t.hand_back_at <= until),
        (t.open & (now > until), ibis.literal(False)),
    )


def _late(t: Any, now: Any) -> Any:
    """Tell whether a promise was broken; one that was cancelled before it was due was neither kept nor broken."""
    called_off = t.cancelled_at.notnull() & t.hand_back_at.isnull() & ~t.open & (t.ended_at <= t.promised_at)
    late = lateness(t.hand_back_at.coalesce(t.ended_at), t.promised_at, t.open, now)
    return ibis.ifelse(called_off.fill_null(False), ibis.null("boolean"), late)


DERIVATIONS = (
    Derivation("milestones", "repair_orders", _MILESTONES, _build, _NEEDS),
    Derivation("ages", "repair_orders", _AGES, _ages, _NEEDS, timed=True),
)
