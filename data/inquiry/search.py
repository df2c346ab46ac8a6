"""Finding orders, devices, shipments, part orders, contacts, claims, partners and KPIs by a name, a key or a part of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analytics.kpi import SMALL
from data.reader import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from duckdb import DuckDBPyConnection

    from analytics.kpi import Kpi
    from data.inquiry.boards import Kept

LONGEST = 200
MOST = 100
LEAST_INSIDE = 3
"""Fewer characters stand in nearly every key: they find what begins with them."""
EXACT, BEGINS, HOLDS = range(3)


@dataclass(frozen=True)
class _Keys:
    """Where keys of one kind stand; `detail` is SQL over the fact, `order` the order that it leads to."""

    kind: str
    fact: str
    column: str
    detail: str
    order: str
    shared_by: int = 1
    """So many rows may well share a key, of which the newest is told."""


_WHERE = (
    _Keys("order", "repair_orders", "key", "concat_ws(', ', partner, product, coalesce(outcome, 'no outcome yet'))", "key"),
    _Keys("device", "repair_orders", "device_id", "concat_ws(', ', brand, product)", "key", shared_by=5),
    _Keys("shipment", "shipments", "key", "concat_ws(', ', carrier, leg, order_id)", "order_id"),
    _Keys("part_order", "part_orders", "key", "concat_ws(', ', part, supplier, order_id)", "order_id"),
    _Keys("contact", "contacts", "key", "concat_ws(', ', topic, channel, order_id)", "order_id"),
    _Keys("claim", "claims", "key", "concat_ws(', ', partner, reason, order_id)", "order_id"),
)  # fmt: skip
_KINDS = ("kpi", "partner", *(each.kind for each in _WHERE))


def search(
    con: DuckDBPyConnection, board: Kept | None, kpis: Iterable[Kpi], words: str, most: int
) -> list[dict[str, Any]]:
    """Give what bears a name like the words, the best first; nothing for words that no name can hold."""
    wanted, most = _clean(words), max(0, min(most, MOST))
    if not wanted or not most:
        return []
    found = [*_kpis(kpis, wanted), *_partners(board, wanted)]
    found += _in_facts(con, wanted, most)
    found.sort(key=lambda each: (each[0], _KINDS.index(each[1]["kind"]), len(each[1]["name"]), each[1]["name"]))
    return [each for _, each in found[:most]]


def _clean(words: str) -> str:
    wanted = " ".join(words.split())
    odd = len(wanted) > LONGEST or "\x00" in wanted or any("\ud800" <= each <= "\udfff" for each in wanted)
    return "" if odd else wanted


def _rank(name: str, wanted: str) -> int | None:
    name, wanted = name.casefold(), wanted.casefold()
    if name == wanted:
        return EXACT
    return BEGINS if name.startswith(wanted) else HOLDS if wanted in name else None


def _kpis(kpis: Iterable[Kpi], wanted: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for kpi in kpis:
        ranks = [rank for text in (kpi.key, kpi.title) if (rank := _rank(text, wanted)) is not None]
        if ranks:
            yield min(ranks), {"kind": "kpi", "name": kpi.key, "detail": kpi.title, "order": None}


def _partners(board: Kept | None, wanted: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Find partners that a Board judged or that the master data names."""
    if board is None:
        return
    told = board.document.get("partners") or {}
    for name in sorted(({*told} | board.partners) - {SMALL}):
        rank = _rank(name, wanted)
        if rank is not None:
            about = ", ".join(value for key in ("type", "country", "region") if (value := told.get(name, {}).get(key)))
            yield rank, {"kind": "partner", "name": name, "detail": about, "order": None}


def _in_facts(con: DuckDBPyConnection, wanted: str, most: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Find keys in the facts as they are at present.

    In large ones the case is that which was typed, all upper or all lower: writing millions of keys in lower case takes longer
    than searching them. There nothing more is looked for once the very key was found somewhere.
    """
    large = {keys.fact for keys in _WHERE if _is_large(con, keys.fact)}
    variants = list(dict.fromkeys([wanted, wanted.upper(), wanted.lower()]))
    exact = [
        each
        for keys in _WHERE
        if keys.fact in large
        for each in _best(con, keys, keys.column, "{0} = ?", variants, most)
    ]
    yield from exact
    holds = "contains({0}, ?)" if len(wanted) >= LEAST_INSIDE else "starts_with({0}, ?)"
    for keys in _WHERE:
        if keys.fact not in large:
            yield from _best(con, keys, f"lower({keys.column})", holds, [wanted.lower()], most)
        elif not exact:
            yield from _best(con, keys, keys.column, holds, variants, most)


def _is_large(con: DuckDBPyConnection, fact: str) -> bool:
    row = con.execute(f"SELECT count(*) FROM {fact}").fetchone()  # noqa: S608  # names of ours
    return row is not None and row[0] > KEPT


def _best(
    con: DuckDBPyConnection, keys: _Keys, column: str, test: str, typed: list[str], most: int
) -> list[tuple[int, dict[str, Any]]]:
    """Give the best of the keys that pass a test: the exact ones, those that begin so, the others, the shorter ones first."""

    def any_of(one: str) -> str:
        return "(" + " OR ".join([one.format(column)] * len(typed)) + ")"

    rank = f"CASE WHEN {any_of('{0} = ?')} THEN {EXACT} WHEN {any_of('starts_with({0}, ?)')} THEN {BEGINS} ELSE {HOLDS} END"
    found = con.execute(
        f"SELECT {keys.column} AS name, {rank} AS rank, {keys.detail}, {keys.order}, first_event_at FROM {keys.fact} "  # noqa: S608  # names of ours, values bound
        f"WHERE {any_of(test)} ORDER BY rank, length(name), name, first_event_at DESC, key LIMIT {most * keys.shared_by}",
        [*typed, *typed, *typed],
    ).fetchall()
    first = {name: (rank, detail, order) for name, rank, detail, order, _ in reversed(found)}
    return [
        (rank, {"kind": keys.kind, "name": name, "detail": detail or "", "order": order})
        for name, (rank, detail, order) in first.items()
    ]
