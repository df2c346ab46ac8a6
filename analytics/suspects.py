"""Rows that may be bad, with what they may be blamed on: the Ibis side of `analytics.behind`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived import column_types
from analytics.facts import FACTS
from analytics.measure import SEPARATOR, ZONE, Scan, among, rows_of, scope, test
from analytics.named import NAMED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import ibis.expr.types as ir

    from analytics.derived import Sight
    from analytics.kpi import Kpi

MOST_ROWS = 50_000
"""Of a slice with more rows so many are looked at: those whose orders come first by a hash, which are the same under all KPIs."""

LATELY_DAYS = 28
"""What came in so many days is held against what is in a state."""

_NO_DIMENSION = {"order_id", "device_id", "replacement_device_id", "customer", "currency"}


def suspects(scan: Scan, table: ir.Table | None, sources: Sequence[str], sight: Sight, *, many: bool) -> ir.Table:
    """Give the rows of the scan's one KPI in the slices filled in, of its one grouping.

    `table` is the fact with the columns that the KPI looks at, None for named measures. Columns: `key`, `order`, `value` (of
    ratios also `below`, of what may still wait `waits`), `_slice` (see `slice_text`), `day`, the row's zone, and its
    dimensions. With `many` of each slice no more than `MOST_ROWS` rows.
    """
    (by,), (kpi,) = scan.groupings, scan.kpis
    fact = sight.fact(kpi.fact) if table is None else table
    if table is None:
        rows = _with_fact(NAMED[kpi.measure.name or ""].rows(sight, kpi), fact, kpi)
    else:
        more = [*by, *dimensions(kpi, table), *({"order_id", "first_event_at"} & set(table.columns))]
        rows = rows_of(replace(scan, groupings=(tuple(dict.fromkeys(more)),)), table, sources, sight)
    rows = _valued(kpi, rows, sight)
    rows = rows.filter(among(rows, by, sight)) if by else rows
    named = [name for name in dimensions(kpi, fact) if name in rows.columns]
    rows = _sampled(rows, by) if many else rows
    rows, named = _with_parts(rows, named, kpi, sight)
    day = {"day": rows[kpi.day]} if kpi.day in rows.columns else {}
    zone = {ZONE: rows[ZONE]} if ZONE in rows.columns else {}
    shown = [name for name in ("value", "below", "waits") if name in rows.columns]
    return rows.select("key", *shown, *named, order=_order(rows, kpi), _slice=_text(rows, by), **day, **zone)


def tells(kpi: Kpi) -> bool:
    """Tell whether rows show what is bad about them."""
    return kpi.measure.shape != "named" or kpi.measure.name in TOLD


def dimensions(kpi: Kpi, rows: ir.Table) -> list[str]:
    """Name the columns that may say where a trouble lies: texts that sources tell of a row before its result is known.

    What a KPI measures is none, nor what a condition of it leaves constant.
    """
    types = column_types(kpi.fact)
    fields = [f.name for f in FACTS[kpi.fact].fields if f.type == "text" and not f.result]
    schema = rows.schema()
    further = [n for n in schema.names if n not in types and n not in _OWN and schema[n].is_string()]
    measured = {kpi.measure.column, kpi.measure.condition.column if kpi.measure.condition else None}
    left_out = _NO_DIMENSION | measured | {c.column for c in kpi.where if c.operator == "is"}
    return [name for name in (*fields, *further) if name in schema.names and name not in left_out]


_OWN = {"key", "source", "order", "value", "below", "waits", "day", ZONE}


def _with_fact(rows: ir.Table, fact: ir.Table, kpi: Kpi) -> ir.Table:
    """Add to the rows of a named measure what the fact says of them."""
    wanted = [*dimensions(kpi, fact), kpi.day, "order_id", ZONE]
    more = [name for name in dict.fromkeys(wanted) if name in fact.columns and name not in rows.columns]
    return rows.left_join(fact.select("key", *more), "key").select(rows, *more) if more else rows


def _valued(kpi: Kpi, rows: ir.Table, sight: Sight) -> ir.Table:
    """Keep the rows of which it is known how they count, with `value` and, where need be, `below` and `waits`.

    Of a state also what came lately and is not in it, without a value: orders that wait are too few to tell whether those who
    wait for long are like the others, and where more wait than come from is part of the trouble.
    """
    measure = kpi.measure
    if measure.shape == "named":
        values = TOLD[measure.name or ""].values(rows, sight)
    elif measure.condition is not None:
        values = {"value": test(rows, measure.condition)}
    elif measure.column is not None:
        values = {"value": rows[measure.column]}
    else:
        values = {"value": ibis.literal(1.0)}
    if measure.denominator is not None:
        values["below"] = rows[measure.denominator]
    rows = rows.mutate(**{name: each if name == "waits" else each.cast("float64") for name, each in values.items()})
    inside = rows.value.notnull() & (rows.below.notnull() if "below" in values else ibis.literal(True))
    if measure.shape != "named":
        inside &= scope(kpi, rows)
    if not _passes(kpi):
        return rows.filter(inside)
    lately = rows.first_event_at >= sight.moments["now"] - ibis.interval(days=LATELY_DAYS)
    lasting = [test(rows, c).fill_null(False) for c in kpi.where if c.column in FACTS[kpi.fact].field_names]
    lately &= ibis.and_(*lasting) if lasting else ibis.literal(True)
    inside = inside.fill_null(False)
    rows = rows.mutate(_inside=inside).filter(inside | lately)
    return rows.mutate(value=ibis.ifelse(rows["_inside"], rows.value, ibis.null("float64")))


def _passes(kpi: Kpi) -> bool:
    """Tell a state that rows pass through, as orders are open for a while."""
    return kpi.day == "snapshot" and kpi.measure.shape in {"share", "count"} and not FACTS[kpi.fact].snapshot


def _order(rows: ir.Table, kpi: Kpi) -> Any:
    """Give the order that a row belongs to."""
    if kpi.fact == "repair_orders" and "order_id" not in rows.columns:
        return rows.key
    return rows.order_id if "order_id" in rows.columns else ibis.null("string")


def _text(rows: ir.Table, by: tuple[str, ...]) -> Any:
    """Write the slice of a row as `measure.slice_text` does."""
    text = rows[by[0]].cast("string") if by else ibis.literal("")
    for name in by[1:]:
        text = text + SEPARATOR + rows[name].cast("string")
    return text


def _sampled(rows: ir.Table, by: tuple[str, ...]) -> ir.Table:
    order = rows.order_id.coalesce(rows.key) if "order_id" in rows.columns else rows.key
    rows = rows.mutate(_hash=order.hash())
    if not by:
        return rows.order_by(rows["_hash"], rows.key).limit(MOST_ROWS)
    place = ibis.row_number().over(group_by=list(by), order_by=[rows["_hash"], rows.key])
    rows = rows.mutate(_place=place)
    return rows.filter(rows["_place"] < MOST_ROWS)


def _with_parts(rows: ir.Table, named: list[str], kpi: Kpi, sight: Sight) -> tuple[ir.Table, list[str]]:
    """Add to orders the part that was asked for last: what an order waits for."""
    if kpi.fact != "repair_orders" or "part" in rows.columns:
        return rows, named
    lines = sight.fact("part_orders")
    lines = lines.filter(lines.part.notnull(), lines.asked_at.notnull()).semi_join(rows, [lines.order_id == rows.key])
    last = lines.group_by("order_id").agg(part=lines.part.argmax(lines.asked_at))
    last = last.select(_of_order=last.order_id, part=last.part)
    return rows.left_join(last, rows.key == last["_of_order"]).drop("_of_order"), [*named, "part"]


@dataclass(frozen=True)
class _Told:
    """How the rows of a named measure tell what is bad: its `shape`, and its values (see `_valued`)."""

    shape: str
    values: Callable[[Any, Sight], dict[str, Any]]


def _waited(rows: Any, _: Sight) -> dict[str, Any]:
    """Give how long rows waited, or have waited so far."""
    return {"value": rows.waited_hours, "waits": ~rows.ended}


def _amount(name: str, below: str | None = None) -> Callable[[Any, Sight], dict[str, Any]]:
    return lambda rows, _: {"value": rows[name]} | ({"below": rows[below]} if below else {})


TOLD = {
    "tat_cohort_p90": _Told("quantile", _waited),
    "e2e_cohort_p90": _Told("quantile", _waited),
    "part_lead_cohort_p90": _Told("quantile", _waited),
    "transit_cohort_p90": _Told("quantile", _waited),
    "customs_dwell_p90": _Told("quantile", _waited),
    "social_reply_p90": _Told("quantile", _waited),
    "freshness": _Told("quantile", _amount("silence")),
    "expected_sla_breaches": _Told("mean", _amount("sla_risk")),
    "stock_cover": _Told("share", _amount("short")),
    "excess_stock": _Told("ratio", _amount("excess_value", "value")),
    "consumption_index": _Told("ratio", _amount("fitted", "expected")),
    "sla_heaping": _Told("heap", _amount("just_before")),
    "batch_closing": _Told("share", _amount("closed_together", "closed_that_day")),
}
