"""What follows for a repair order from the other orders of its device: whether it came back, and whether once was enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation, as_of

if TYPE_CHECKING:
    from analytics.derived.derivation import Sight
    from analytics.facts import Type

BOUNCE_DAYS = (7, 30, 60, 90)
_COLUMNS: dict[str, Type] = {"first_time_fix": "bool", **{f"bounced_{days}d": "bool" for days in BOUNCE_DAYS}}
_HAND_BACK = "delivered|dispatched|completed|closed"
_NEEDS = {
    "first_time_fix": (_HAND_BACK, "qc_failed|part_requested|reopened|device_id"),
    **{f"bounced_{days}d": ("device_id", "created|received", _HAND_BACK) for days in BOUNCE_DAYS},
}


def _build(rows: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    """Add `bounced_*` and `first_time_fix`.

    A bounce is the device that was handed over (the replacement, where one was handed out) received again, by anyone, within the
    days after; it is booked on the order that handed it over. Unknown where the device is not known, was not handed over, or
    seems handed over before it came in. Each order links to the next one: a device that was swapped twice is two bounces.
    First-time fix: handed over without a failed quality check, a second part request, a reopening or an early bounce,
    and not unsuccessful (`domain.md` Q4).
    """
    receipts = rows.select(again_device=rows.device_id, again_at=rows.received_at.coalesce(rows.created_at))
    receipts = receipts.filter(receipts.again_device.notnull() & receipts.again_at.notnull())
    came = rows.received_at.coalesce(rows.created_at)
    rows = rows.mutate(handed_over=rows.replacement_device_id.coalesce(rows.device_id))
    sound = rows.handed_over.notnull() & rows.hand_back_at.notnull() & ~(came > rows.hand_back_at).fill_null(False)
    rows = rows.mutate(bounce_known=sound)
    rows = as_of(rows, "hand_back_at", receipts, "again_at", {"handed_over": "again_device"}, later=True)

    def within(days: int) -> Any:
        return (rows.again_at <= rows.hand_back_at + ibis.interval(days=days)).fill_null(False)

    bounced = {
        f"bounced_{days}d": ibis.ifelse(rows.bounce_known, within(days), ibis.null("boolean")) for days in BOUNCE_DAYS
    }
    loops = (rows.qc_failed_count > 0) | (rows.part_requested_count > 1) | (rows.reopened_count > 0)
    fixed = ~(loops | (rows.bounce_known & within(7)) | rows.unsuccessful.fill_null(False))
    fixed = ibis.ifelse(rows.hand_back_at.notnull(), fixed, ibis.null("boolean"))
    return rows.select("key", **bounced, first_time_fix=fixed)


DERIVATIONS = (
    Derivation(
        "devices",
        "repair_orders",
        _COLUMNS,
        _build,
        _NEEDS,
        linked=True,
        near=lambda rows: [rows.device_id, rows.replacement_device_id],
    ),
)
