"""The canonical facts: their keys, event kinds and fields, and the columns derived from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
        tuple(
            "created received diagnosed quoted approved part_requested part_received repair_started repaired qc_passed "
            "qc_failed completed dispatched delivered closed cancelled returned_unrepaired swapped reopened assigned".split()
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
        tuple("planned picked_up scanned customs_in customs_out delivered exception lost".split()),
        (*_fields(DIMENSIONS + " order_id leg carrier mode origin destination"), _PROMISE),
        repeatable=("exception", "scanned"),
    ),
    Fact(
        "part_orders",
        ("line_id",),
        tuple("requested ordered confirmed shipped received backordered cancelled".split()),
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
        tuple("offered answered abandoned replied resolved".split()),
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
        tuple("submitted approved rejected paid".split()),
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
    return columns | DERIVED.get(name, {})
