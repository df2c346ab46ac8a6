"""Customers counted once: a bad cause turns several KPIs red, and an order is one customer under all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytics.behind import Behind, Identity
    from analytics.kpi import Reading


@dataclass(frozen=True)
class Counted:
    """Customers counted once over readings.

    `shared` says for a reading under which more painful one most of those it hurts stand already, and which share of them:
    {"kpi", "slice", "share"}, None where none do. `customers` is how many different ones are hurt, an order being one customer.
    """

    shared: Mapping[Identity, dict[str, Any] | None]
    customers: int


_NOT_CUSTOMERS = ("stock_levels", "tallies", "partners")


def hurt(rows: Behind, fact: str) -> frozenset[str]:
    """Name whom the rows beyond the green limit hurt: their orders, and the rows themselves where no order is known."""
    if fact in _NOT_CUSTOMERS:
        return frozenset()
    pairs = zip(rows.orders[rows.hurt], rows.keys[rows.hurt], strict=True)
    return frozenset(_ORDER + order if order else f"{fact} {key}" for order, key in pairs if order or key)


_ORDER = "order "


def counted(readings: Sequence[Reading], hurt: Mapping[Identity, frozenset[str]]) -> Counted:
    """Count customers once: readings are ranked by pain, and what a more painful one holds is not new under another."""
    ranked = sorted(readings, key=lambda r: (-r.pain, r.kpi, r.slice))
    names = [sorted(hurt.get((r.kpi, r.slice), ())) for r in ranked]
    overlaps = _overlaps(names)
    shared: dict[Identity, dict[str, Any] | None] = {}
    for at, reading in enumerate(ranked):
        lead = int(overlaps[at, :at].argmax()) if at else 0
        under = int(overlaps[at, lead]) if at else 0
        first = ranked[lead]
        shared[reading.kpi, reading.slice] = (
            {"kpi": first.kpi, "slice": dict(first.slice), "share": under / len(names[at])} if under else None
        )
    return Counted(shared, len({name for each in names for name in each}))


def _overlaps(groups: Sequence[Sequence[str]]) -> Any:
    """Give how many names each two groups have in common."""
    sizes = [len(each) for each in groups]
    codes, known = pd.factorize(np.array([name for each in groups for name in each], dtype=object))
    table = sparse.csr_matrix(
        (np.ones(len(codes), dtype=np.int64), (np.repeat(np.arange(len(groups)), sizes), codes)),
        (len(groups), max(len(known), 1)),
    )
    return (table @ table.T).toarray()
