"""The canonical facts and master data: their keys, event kinds and fields."""

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
    """A canonical fact: a row per key, folded from events; without event kinds it is a snapshot with a time `at`.

    Master data says what the network is made of: a row per key that holds whenever it was told, unless it says otherwise.
    """

    name: str
    key: tuple[str, ...]
    kinds: tuple[str, ...]
    fields: tuple[Field, ...]
    repeatable: tuple[str, ...] = ()
    master: bool = False

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
            *_fields("symptom level"),
            Field("outcome", choices=OUTCOMES, result=True),
            Field("replacement_device_id", result=True),
            Field("cost", "number", low=0, result=True),
            Field("parts_cost", "number", low=0, result=True),
            Field("sold_at", "time"),
            _PROMISE,
        ),
        repeatable=("reopened", "qc_failed", "assigned", "part_requested"),
    ),
    Fact(
        "shipments",
        ("shipment_id",),
        ("planned", "picked_up", "scanned", "customs_in", "customs_out", "delivered", "exception", "lost", "damaged"),
        (
            *_fields(DIMENSIONS + " order_id leg carrier mode origin destination"),
            Field("pickup_by", "time"),
            Field("complete", "bool", result=True),
            _PROMISE,
        ),
        repeatable=("exception", "scanned"),
    ),
    Fact(
        "part_orders",
        ("line_id",),
        (
            "requested",
            "ordered",
            "confirmed",
            "shipped",
            "received",
            "backordered",
            "cancelled",
            "installed",
            "defective",
            "core_due",
            "core_returned",
        ),
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
        ("offered", "answered", "abandoned", "replied", "resolved", "sold"),
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


def _master(name: str, key: str, texts: str = "", numbers: str = "", times: str = "") -> Fact:
    own = [Field(each) for each in texts.split()]
    own += [Field(each, "number") for each in numbers.split()]
    own += [Field(each, "time") for each in times.split()]
    keys = tuple(key.split())
    # the parts of a key are fields too: what is unknown of a key is unknown of the row
    return Fact(name, keys, (), (*(Field(k) for k in keys if k != "valid_from"), *own), master=True)


_MASTER = (
    _master("partners", "partner", "name type tier shore country region timezone"),
    _master(
        "sites",
        "site",
        "partner timezone country subdivision opening",
        "capacity capacity_l1 capacity_l2 capacity_l3 capacity_l4",
    ),
    _master("authorisations", "partner brand"),
    _master("models", "product", "brand tac", times="launched_at ends_at"),
    _master("parts", "part", "name superseded_by currency", "unit_cost", "ends_at"),
    _master("bom", "product part"),
    _master("carriers", "carrier", "country", "sla_hours"),
    _master("lanes", "carrier origin destination", numbers="sla_hours"),
    _master(
        "contracts",
        "contract",
        "partner country brand product channel service_type kpi currency",
        "target green red bonus malus",
        "valid_from valid_to",
    ),
    _master("exchange_rates", "currency valid_from", numbers="rate", times="valid_from"),
    _master("people", "person", "name email role partner country escalates_to"),
    _master("warranty_rules", "country product", numbers="months"),
)
FACTS: dict[str, Fact] = {fact.name: fact for fact in (*_CATALOGUE, *_MASTER)}
MASTER = tuple(fact.name for fact in _MASTER)
"""The names of the facts that are master data."""


def repeating(name: str) -> tuple[str, ...]:
    """Name the texts of a fact that many of its rows share: its dimensions, and all else that identifies nothing."""
    texts = (field.name for field in FACTS[name].fields if field.type == "text")
    return ("source", *(text for text in texts if not text.endswith("_id") and text not in ("customer", "person")))


def told_columns(name: str) -> dict[str, Type]:
    """Give the columns of a fact that follow from what sources tell, `[source.extra]` left out, with their types."""
    fact = FACTS[name]
    columns: dict[str, Type] = {key: "time" if key == "at" else "text" for key in fact.key}
    columns |= {field.name: field.type for field in fact.fields}
    columns |= {f"{kind}_{edge}": "time" for kind in fact.kinds for edge in ("at", "last_at")}
    columns |= {f"{kind}_count": "integer" for kind in fact.repeatable}
    if not fact.snapshot:
        columns |= {"first_event_at": "time", "last_event_at": "time", "elapsed_hours": "number"}
    return columns
