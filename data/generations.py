"""Generations: which readings of a source count, as the warehouse's books have it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

CURRENT = "current AS (SELECT unnest($sources::VARCHAR[]) AS source, unnest($numbers::BIGINT[]) AS generation)"
"""The generations that count, as a table to join the books and logs with."""


@dataclass(frozen=True)
class Generation:
    """One reading of a source under one mapping.

    `active_from` is the batch from which on its rows count; `told` names the kinds and attributes that it maps, if known.
    """

    source: str
    number: int
    fact: str
    signature: str
    known: dict[str, str] = field(default_factory=dict)
    active_from: int | None = None
    told: tuple[str, ...] | None = None


def active_generations(
    con: duckdb.DuckDBPyConnection, sources: Sequence[str], batch: int | None = None
) -> list[Generation]:
    """Give each source's generation that counts at present, or that counted when `batch` was the newest."""
    rows = con.execute(
        "SELECT source, generation, fact, signature, known, told, active_from FROM generations "
        "WHERE active_from IS NOT NULL AND (? IS NULL OR active_from <= ?) "
        "QUALIFY row_number() OVER (PARTITION BY source ORDER BY generation DESC) = 1 ORDER BY source",
        [batch, batch],
    ).fetchall()
    return [
        Generation(s, n, f, sig, json.loads(k), a, tuple(json.loads(t)))
        for s, n, f, sig, k, t, a in rows
        if s in set(sources)
    ]


def current(active: Sequence[Generation]) -> dict[str, Any]:
    """Give the values that `CURRENT` takes."""
    return {"sources": [g.source for g in active], "numbers": [g.number for g in active]}
