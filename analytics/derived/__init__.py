"""Derived columns: what follows for a row of a fact from its own events, from other rows, and from the master data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics.derived import (
    claims,
    contacts,
    devices,
    hours,
    integrity,
    money,
    part_orders,
    queue,
    records,
    repair_orders,
    shipments,
    surveys,
)
from analytics.derived.derivation import Derivation, Sight
from analytics.derived.derivation import hours as hours_between
from analytics.facts import FACTS, told_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from analytics.facts import Type

__all__ = [
    "DERIVATIONS",
    "DERIVED",
    "Derivation",
    "Sight",
    "aged",
    "column_types",
    "derive",
    "linked",
    "needs",
    "timed_columns",
]

_ALL = (
    *repair_orders.DERIVATIONS,
    *shipments.DERIVATIONS,
    *part_orders.DERIVATIONS,
    *contacts.DERIVATIONS,
    *surveys.DERIVATIONS,
    *claims.DERIVATIONS,
    *devices.DERIVATIONS,
    *hours.DERIVATIONS,
    *queue.DERIVATIONS,
    *integrity.DERIVATIONS,
    *money.DERIVATIONS,
    *records.DERIVATIONS,
)
DERIVATIONS: dict[str, tuple[Derivation, ...]] = {
    name: tuple(each for each in _ALL if each.fact == name) for name in FACTS
}
"""Each fact's derivations, in the order in which they are worked out: later ones may use the columns of earlier ones."""

DERIVED: dict[str, dict[str, Type]] = {
    name: {column: type_ for each in found for column, type_ in each.columns.items()}
    for name, found in DERIVATIONS.items()
    if found
}


def column_types(name: str) -> dict[str, Type]:
    """Give every column a KPI may use on a fact, derived ones included and `[source.extra]` left out, with its type."""
    return told_columns(name) | DERIVED.get(name, {})


def derive(name: str, table: ir.Table, sight: Sight) -> ir.Table:
    """Add the derived columns that a row of a fact has by itself, whatever the moment.

    Booleans are null where they are unknown. What needs other rows is left to `linked`, what time changes to `aged`.
    """
    fact = FACTS[name]
    if len(fact.key) == 1 and not fact.snapshot:
        elapsed = hours_between(table.first_event_at, table.last_event_at)
        table = table.mutate(**{fact.key[0]: table.key}, elapsed_hours=elapsed)
    return _built(table, [each for each in DERIVATIONS[name] if not each.linked and not each.timed], sight)


def aged(name: str, table: ir.Table, sight: Sight) -> ir.Table:
    """Add to what `derive` gives the columns that a row has by itself at the moment judged."""
    return _built(table, [each for each in DERIVATIONS[name] if not each.linked and each.timed], sight)


def _built(table: ir.Table, derivations: Sequence[Derivation], sight: Sight) -> ir.Table:
    for each in derivations:
        table = each.build(table, sight)
    return table


def linked(name: str, columns: frozenset[str]) -> tuple[Derivation, ...]:
    """Give the derivations of a fact that must be joined to it for these columns to be there, in order."""
    return tuple(each for each in DERIVATIONS[name] if each.linked and columns & set(each.columns))


def timed_columns(name: str) -> set[str]:
    """Name the derived columns of a fact that time alone changes."""
    return {column for each in DERIVATIONS[name] if each.timed for column in each.columns}


def needs(fact: str, column: str) -> tuple[str, ...]:
    """Name what must be told for a column to be known, each as `fact.name`, alternatives joined by `|`."""
    for each in DERIVATIONS[fact]:
        if column in each.columns:
            return tuple(_full(fact, need) for need in each.needs.get(column, ()))
    for suffix in ("_last_at", "_at", "_count"):
        if column.removesuffix(suffix) in FACTS[fact].kinds and column.endswith(suffix):
            return (f"{fact}.{column.removesuffix(suffix)}",)
    named = column in FACTS[fact].field_names and column not in FACTS[fact].key
    return (f"{fact}.{column}",) if named else ()


def _full(fact: str, need: str) -> str:
    return "|".join(each if "." in each else f"{fact}.{each}" for each in need.split("|"))
