"""The canonical facts: their keys, event kinds and fields, and the columns derived from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import ibis

Type = Literal["text", "number", "integer", "bool", "time"]


@dataclass(frozen=True)
class Field:
    """An attribute of a fact. In a row per case a `result` is known only once the row's last event has happened."""

    name: str
    type: Type = "text"
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    result: bool = False


@dataclass(frozen=True)
class Fact:
    """A canonical fact: a row per key, folded from events; without event kinds it is a snapshot with a time `at`."""

    name: str
    key: tuple[str, ...]
    kinds: tuple[str, ...]
    fields: tuple[Field, ...]
    repeatable: tuple[str, ...] = ()

    @property
    def snapshot(self) -> bool:
        return not self.kinds

    @property
    def field_names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)


def _fields(names: str) -> tuple[Field, ...]:
    return tuple(Field(name) for name in names.split())


DIMENSIONS = "partner site country region brand product channel"
OUTCOMES = ("repaired", "not_repaired", "unrepairable", "no_fault_found", "swapped", "cancelled")
_PROMISE = Field("promised_at", "time")

_CATALOGUE = (
    Fact(
        "repair_orders",
        ("order_id",),
        (
            "created",
            "received",
            "diagnosed",
            "quoted",
            "approved",
            "part_requested",
            "part_received",
            "repair_started",
            "repaired",
            "qc_passed",
            "qc_failed",
            "completed",
            "dispatched",
            "delivered",
            "closed",
            "cancelled",
            "returned_unrepaired",
            "swapped",
            "reopened",
            "assigned",
        ),
        (
            *_fields(DIMENSIONS + " device_id service_type warranty fault technician currency"),
            Field("outcome", choices=OUTCOMES, result=True),
            Field("cost", "number", low=0, result=True),
            _PROMISE,
        ),
        repeatable=("reopened", "qc_failed", "assigned", "part_requested"),
    ),
    Fact(
        "shipments",
        ("shipment_id",),
        ("planned", "picked_up", "scanned", "customs_in", "customs_out", "delivered", "exception", "lost"),
        (*_fields(DIMENSIONS + " order_id leg carrier mode origin destination"), _PROMISE),
        repeatable=("exception", "scanned"),
    ),
    Fact(
        "part_orders",
        ("line_id",),
        ("requested", "ordered", "confirmed", "shipped", "received", "backordered", "cancelled"),
        (*_fields(DIMENSIONS + " order_id part supplier"), Field("quantity", "number", low=0), _PROMISE),
    ),
    Fact(
        "stock_levels",
        ("site", "part", "at"),
        (),
        (
            *_fields(DIMENSIONS + " part"),
            *(Field(name, "number") for name in ("on_hand", "reserved", "inbound", "swap")),
        ),
    ),
    Fact(
        "contacts",
        ("contact_id",),
        ("offered", "answered", "abandoned", "replied", "resolved"),
        (
            *_fields(DIMENSIONS + " order_id customer topic"),
            Field("wait_seconds", "number", low=0),
            Field("handle_seconds", "number", low=0),
            Field("sentiment", "number"),
            Field("public", "bool"),
        ),
    ),
    Fact(
        "surveys",
        ("survey_id",),
        ("answered",),
        (
            *_fields(DIMENSIONS + " order_id"),
            Field("csat", "number", low=1, high=5),
            Field("nps", "number", low=0, high=10),
            Field("ces", "number", low=1, high=7),
        ),
    ),
    Fact(
        "claims",
        ("claim_id",),
        ("submitted", "approved", "rejected", "paid"),
        (
            *_fields(DIMENSIONS + " order_id device_id currency reason part"),
            Field("amount", "number"),
        ),
    ),
    Fact(
        "tallies",
        ("name", "at", *DIMENSIONS.split()),
        (),
        (*_fields(DIMENSIONS + " name"), Field("numerator", "number"), Field("denominator", "number")),
    ),
)
FACTS: dict[str, Fact] = {fact.name: fact for fact in _CATALOGUE}

BOUNCE_DAYS = (7, 30, 60, 90)
DERIVED: dict[str, dict[str, Type]] = {
    "repair_orders": {
        "hand_in_at": "time",
        "hand_back_at": "time",
        "completion_at": "time",
        "open": "bool",
        "age_hours": "number",
        "tat_hours": "number",
        "e2e_hours": "number",
        "within_24h": "bool",
        "late": "bool",
        "unsuccessful": "bool",
        "no_fault_found": "bool",
        "first_time_fix": "bool",
        "qc_first_pass_failed": "bool",
        "handoffs": "integer",
        **{f"bounced_{days}d": "bool" for days in BOUNCE_DAYS},
    },
    "shipments": {"late": "bool", "transit_hours": "number", "customs_hours": "number", "silent_hours": "number"},
    "part_orders": {"late": "bool", "lead_hours": "number", "overdue": "bool"},
}


def column_types(name: str) -> dict[str, Type]:
    """Give every column a KPI may use on a fact, derived ones included and `[source.extra]` left out, with its type."""
    fact = FACTS[name]
    columns: dict[str, Type] = {key: "time" if key == "at" else "text" for key in fact.key}
    columns |= {field.name: field.type for field in fact.fields}
    columns |= {f"{kind}_{edge}": "time" for kind in fact.kinds for edge in ("at", "last_at")}
    columns |= {f"{kind}_count": "integer" for kind in fact.repeatable}
    if not fact.snapshot:
        columns |= {"first_event_at": "time", "last_event_at": "time", "elapsed_hours": "number"}
    return columns | DERIVED.get(name, {})


BOUNCE_COLUMNS = frozenset({f"bounced_{days}d" for days in BOUNCE_DAYS} | {"first_time_fix"})


def derive(name: str, table: Any, now: Any) -> Any:
    """Add a fact's derived columns as they stand at `now`, an Ibis timestamp (UTC without a zone).

    Booleans are null where they are unknown. The `BOUNCE_COLUMNS` are left to `with_bounces`: they need every order of a device.
    """
    single = FACTS[name].key[0] if len(FACTS[name].key) == 1 else None
    if single:
        table = table.mutate(**{single: table.key}, elapsed_hours=_hours(table.first_event_at, table.last_event_at))
    add = {"repair_orders": _repair_orders, "shipments": _shipments, "part_orders": _part_orders}.get(name)
    return add(table, now) if add else table


def _hours(start: Any, end: Any) -> Any:
    """Give the hours between two times, unknown where the end lies before the start: such an order of events is a fault."""
    hours = (end.epoch_seconds() - start.epoch_seconds()) / 3600.0
    return ibis.ifelse(end >= start, hours, ibis.null("float64"))


def _either(*cases: tuple[Any, Any]) -> Any:
    """Give the value of the first case that holds, else unknown."""
    return ibis.cases(*cases, else_=None)


def _late(done: Any, promised: Any, waiting: Any, now: Any) -> Any:
    """Late: done strictly after the promise, or still waiting past it; unknown without a promise or before it is due."""
    after = (done > promised).fill_null(False)
    return _either(
        (promised.isnull(), ibis.null("boolean")),
        (after | (waiting & (now > promised)), ibis.literal(True)),
        (waiting, ibis.null("boolean")),
        (ibis.literal(True), ibis.literal(False)),
    )


def _repair_orders(t: Any, now: Any) -> Any:
    ends = ("completed", "dispatched", "delivered", "closed", "cancelled", "returned_unrepaired", "swapped")
    ended = ibis.greatest(*[t[f"{kind}_last_at"] for kind in ends])
    t = t.mutate(
        hand_in_at=t.created_at.coalesce(t.received_at),
        hand_back_at=t.delivered_at.coalesce(t.dispatched_at, t.completed_at, t.closed_at),
        completion_at=t.completed_at.coalesce(t.repaired_at),
        open=(t.received_at.notnull() | t.created_at.notnull())
        & (ended.isnull() | (t.reopened_last_at > ended).fill_null(False)),
    )
    done = t.completed_last_at.coalesce(t.repaired_last_at, t.closed_last_at)
    day_later = t.hand_in_at + ibis.interval(hours=24)
    t = t.mutate(
        age_hours=ibis.ifelse(t.open, _hours(t.hand_in_at, now), ibis.null("float64")),
        tat_hours=_hours(t.received_at, done),
        e2e_hours=_hours(t.hand_in_at, t.hand_back_at),
        within_24h=_either(
            (t.hand_in_at.isnull(), ibis.null("boolean")),
            (t.hand_back_at.notnull(), t.hand_back_at <= day_later),
            (t.open & (now > day_later), ibis.literal(False)),
        ),
        late=_late(t.hand_back_at, t.promised_at, t.open, now),
        unsuccessful=t.outcome.isin(["not_repaired", "unrepairable"]),
        no_fault_found=t.outcome == "no_fault_found",
        qc_first_pass_failed=_either(
            (t.qc_failed_at.isnull(), ibis.ifelse(t.qc_passed_at.notnull(), False, ibis.null("boolean"))),
            (t.qc_passed_at.isnull(), ibis.literal(True)),
            (ibis.literal(True), t.qc_failed_at < t.qc_passed_at),
        ),
        handoffs=ibis.greatest(t.assigned_count - 1, 0),
    )
    return t


def with_bounces(rows: Any) -> Any:
    """Add `bounced_*` and `first_time_fix` to derived repair orders.

    A bounce is the same device received again, by anyone, within the days after its hand-over; it is booked on the order
    handed over. Unknown where the device is not known, was not handed over, or seems handed over before it came in.
    First-time fix: handed over without a failed quality check, a second part request, a reopening or an early bounce,
    and not unsuccessful (`domain.md` Q4).
    """
    receipts = rows.select(again_device=rows.device_id, again_at=rows.received_at.coalesce(rows.created_at))
    receipts = receipts.filter(receipts.again_device.notnull() & receipts.again_at.notnull())
    came = rows.received_at.coalesce(rows.created_at)
    sound = rows.device_id.notnull() & rows.hand_back_at.notnull() & ~(came > rows.hand_back_at).fill_null(False)
    rows = rows.mutate(bounce_known=sound)
    rows = rows.asof_join(
        receipts, on=rows.hand_back_at < receipts.again_at, predicates=[rows.device_id == receipts.again_device]
    )

    def within(days: int) -> Any:
        return (rows.again_at <= rows.hand_back_at + ibis.interval(days=days)).fill_null(False)

    bounced = {
        f"bounced_{days}d": ibis.ifelse(rows.bounce_known, within(days), ibis.null("boolean")) for days in BOUNCE_DAYS
    }
    loops = (rows.qc_failed_count > 0) | (rows.part_requested_count > 1) | (rows.reopened_count > 0)
    fixed = ~(loops | (rows.bounce_known & within(7)) | rows.unsuccessful.fill_null(False))
    found = rows.mutate(**bounced, first_time_fix=ibis.ifelse(rows.hand_back_at.notnull(), fixed, ibis.null("boolean")))
    return found.drop("bounce_known", "again_device", "again_at")


def _shipments(t: Any, now: Any) -> Any:
    missing = t.delivered_at.isnull()  # whatever is known of it, if only a scan: many carriers tell no more
    travelling = missing & t.lost_at.isnull()
    return t.mutate(
        late=_late(t.delivered_at, t.promised_at, missing, now),
        transit_hours=_hours(t.picked_up_at, t.delivered_at),
        customs_hours=_hours(t.customs_in_at, t.customs_out_at),
        silent_hours=ibis.ifelse(travelling, _hours(t.last_event_at, now), ibis.null("float64")),
    )


def _part_orders(t: Any, now: Any) -> Any:
    waiting = t.received_at.isnull() & t.cancelled_at.isnull()
    return t.mutate(
        late=_late(t.received_at, t.promised_at, waiting, now),
        lead_hours=_hours(t.requested_at.coalesce(t.ordered_at), t.received_at),
        overdue=_either(
            (t.promised_at.isnull(), ibis.null("boolean")),
            (waiting, now > t.promised_at),
            (ibis.literal(True), ibis.literal(False)),
        ),
    )
