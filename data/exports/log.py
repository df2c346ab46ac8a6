"""The rows of the logs that tell of an order, read from the warehouse as they were stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.facts import FACTS
from analytics.record import RECORDED, Place, Record, Told, steps_of, values_of
from data.asked import alike
from data.exports.cells import known
from data.reporting import UsageError
from data.tables import naive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.asked import Seen
    from data.generations import Generation
    from data.reader import Reader
    from data.session import Session
    from data.settings import Settings

_PLACE = ("source", "generation", "batch", "row", "file", "place", "key", "recorded_at", "id", "same", "kind", "at")
_ALIKE = 0.8
"""Names that are less alike than this (Jaro and Winkler's measure) were hardly meant."""


def order_record(session: Session, seen: Seen, order: str) -> Record:
    """Give the step record of an order. Raises UsageError for an order that nothing tells of."""
    with session.warehouse.reader(session.names, seen.moment, seen.batch, session.settings.timezone) as view:
        return record_in(view, session.settings, seen, order)


def record_in(view: Reader, settings: Settings, seen: Seen, order: str) -> Record:
    """Give the step record of an order as a view of the facts has it."""
    rows = list(_rows(view, order))
    moment = naive(seen.moment)
    steps = steps_of(rows, order, moment)
    if not steps:
        raise UsageError(_unknown(view, order))
    facts = values_of(rows, "repair_orders", order, moment)
    return Record(order, settings.network, settings.timezone, seen.moment, view.batch, seen.version, facts, steps)


def _rows(view: Reader, order: str) -> Iterator[Told]:
    loaded = dict(view.con.execute("SELECT batch, loaded_at FROM batches").fetchall())
    for fact in RECORDED:
        mine = [each for each in view.active if each.fact == fact]
        keys = _keys(view, fact, mine, order)
        for log in ("statements", "events") if keys else ():
            for row in _found(view, f"{fact}_{log}", mine, keys):
                yield _told(fact, row, mine, loaded)


def _keys(view: Reader, fact: str, mine: list[Generation], order: str) -> list[str]:
    """Name the rows of a fact that were ever told to belong to an order."""
    if FACTS[fact].key == ("order_id",):
        return [order]
    found: set[str] = set()
    for log in ("statements", "events"):
        sql = f"SELECT DISTINCT key FROM {fact}_{log} WHERE order_id = $order AND {_CURRENT}"  # noqa: S608  # table names are ours
        found |= {key for (key,) in view.con.execute(sql, _current(view, mine) | {"order": order}).fetchall()}
    return sorted(found)


def _found(view: Reader, log: str, mine: list[Generation], keys: list[str]) -> Iterator[dict[str, Any]]:
    sql = f"SELECT * FROM {log} WHERE list_contains($keys, key) AND {_CURRENT}"  # noqa: S608  # table names are ours
    answer = view.con.execute(sql, _current(view, mine) | {"keys": keys})
    names = [each[0] for each in answer.description]
    for row in answer.fetchall():
        yield dict(zip(names, row, strict=True))


_CURRENT = "batch <= $batch AND list_contains($current, {'source': source, 'generation': generation})"


def _current(view: Reader, mine: list[Generation]) -> dict[str, Any]:
    return {"batch": view.batch, "current": [{"source": g.source, "generation": g.number} for g in mine]}


def _told(fact: str, row: dict[str, Any], mine: list[Generation], loaded: dict[int, Any]) -> Told:
    times = {kind: at for kind in FACTS[fact].kinds if (at := row.get(f"{kind}_at")) is not None}
    left_out = {*_PLACE, *(f"{kind}_at" for kind in FACTS[fact].kinds)}
    values = {name: each for name, value in row.items() if name not in left_out and (each := known(value)) is not None}
    known_from = next((each.known for each in mine if each.source == row["source"]), {})
    return Told(
        fact=fact,
        key=row["key"],
        place=Place(row["batch"], row["row"], row["source"]),
        file=row["file"],
        line=row["place"],
        recorded_at=row["recorded_at"],
        loaded_at=loaded.get(row["batch"]),
        values=values,
        kind=row.get("kind"),
        at=row.get("at"),
        times=times,
        same=row.get("same") if row.get("same") is not None else row["id"],
        known_from=known_from,
    )


def _unknown(view: Reader, order: str) -> str:
    sql = (
        "SELECT key FROM repair_orders "
        "WHERE jaro_winkler_similarity(lower(key), lower($order)) >= $alike OR contains(lower(key), lower($order)) "
        "ORDER BY jaro_winkler_similarity(lower(key), lower($order)) DESC, key LIMIT 5"
    )
    near = [key for (key,) in view.con.execute(sql, {"order": order, "alike": _ALIKE}).fetchall()]
    when = "" if view.batch == view.newest_batch else f" up to batch {view.batch}"
    return f"No source tells of an order {order!r}{when} at that moment{alike(near)}."
