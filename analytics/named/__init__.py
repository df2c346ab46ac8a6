"""Measures that one fact and its rows cannot express, each a reviewed function that kpis.toml calls by its name."""

from __future__ import annotations

from analytics.named import (
    contacts,
    contracts,
    customers,
    integrity,
    logistics,
    parts,
    records,
    survival,
    workload,
)
from analytics.named.named import Named

__all__ = ["NAMED", "Named"]

_ALL = (
    *survival.MEASURES,
    *workload.MEASURES,
    *parts.MEASURES,
    *logistics.MEASURES,
    *contacts.MEASURES,
    *customers.MEASURES,
    *contracts.MEASURES,
    *integrity.MEASURES,
    *records.MEASURES,
)
NAMED: dict[str, Named] = {each.name: each for each in _ALL}
"""What `measure = { named = "..." }` may name."""
