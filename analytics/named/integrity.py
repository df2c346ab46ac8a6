"""Patterns over many closings that somebody should investigate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.facts import DIMENSIONS
from analytics.measure import ZONE, lasting, scope, windows_table, within
from analytics.named.named import Named

if TYPE_CHECKING:
    from analytics.derived import Sight
    from analytics.kpi import Kpi

STRETCH = 10 * 60
"""Seconds in which nobody closes many orders by hand."""
LEAST_CLOSINGS = 20
"""On a day with fewer closings a few of them are a large share."""
SLA_HOURS = 72
"""What an order without a promise is held to."""
_DAY = 86400


def _closings(sight: Sight, kpi: Kpi) -> Any:
    """Give the KPI's rows of the window, with the end of the last local day of each row's zone (`_end`)."""
    facts = lasting(sight.fact(kpi.fact), kpi)
    rows = within(facts, facts[kpi.day], kpi.window_days, sight)
    rows = rows.filter(scope(kpi, rows)).mutate(closing=rows[kpi.day])
    if ZONE not in rows.columns:
        return rows.mutate(_end=sight.moments["to"])
    windows = windows_table(kpi.window_days)
    ends = windows.select(_place=windows[ZONE], _end=windows["_to"])
    return rows.left_join(ends, rows[ZONE] == ends["_place"]).drop("_place")


def _dated(sight: Sight, kpi: Kpi, group: tuple[str, ...]) -> Any:
    """Add to each closing `_back`, the local days before the last one, and `_next`, the closings in the ten minutes from it on.

    Days are counted back from the last local midnight, 24 hours each: after a change of clocks earlier days begin an hour off.
    """
    rows = _closings(sight, kpi).drop_null(list(group))
    seconds = rows.closing.epoch_seconds()
    rows = rows.mutate(
        _second=seconds, _back=((rows["_end"].epoch_seconds() - seconds - 1) / _DAY).floor().cast("int64")
    )
    near = ibis.range_window(group_by=[*group, "_back"], order_by="_second", preceding=0, following=STRETCH - 1)
    return rows.mutate(_next=rows.count().over(near))


def _worst_days(sight: Sight, kpi: Kpi, group: tuple[str, ...]) -> Any:
    """Give per group and day the closings (`den`), and the most that ten minutes held (`num`)."""
    rows = _dated(sight, kpi, group)
    return rows.group_by([*group, "_back"]).agg(num=rows["_next"].max(), den=rows.count())


def _first(rows: Any, by: tuple[str, ...]) -> Any:
    """Keep the worst day of each slice: of those with enough closings that with the highest share, else the busiest."""
    judged = rows.den >= LEAST_CLOSINGS
    order = [judged.desc(), ibis.ifelse(judged, rows.num / rows.den, rows.den.cast("float64")).desc(), rows.den.desc()]
    rows = rows.mutate(_rank=ibis.row_number().over(group_by=list(by), order_by=[*order, rows.partner, rows["_back"]]))
    return rows.filter(rows["_rank"] == 0).drop("_rank")


def _batches(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    group = tuple(dict.fromkeys(("partner", *by)))
    days = _worst_days(sight, kpi, group)
    total = days.group_by(list(by)).agg(rows=days.den.sum()) if by else days.agg(rows=days.den.sum())
    worst = _first(days, by)
    worst = worst.join(total, list(by)) if by else worst.cross_join(total)
    num, den = worst.num.cast("float64"), worst.den.cast("float64")
    return worst.select(*by, rows=worst["rows"].cast("float64"), n=den, value=num / den, num=num, den=den)


def _batch_rows(sight: Sight, kpi: Kpi) -> Any:
    """Give the closings of each partner's worst ten minutes."""
    rows = _dated(sight, kpi, ("partner",))
    days = _first(rows.group_by(["partner", "_back"]).agg(num=rows["_next"].max(), den=rows.count()), ("partner",))
    days = days.select(_whose="partner", _day="_back", closed_together="num", closed_that_day="den")
    on = [rows.partner == days["_whose"], rows["_back"] == days["_day"]]
    rows = rows.join(days, on)
    start = rows["_second"].min(where=rows["_next"] == rows.closed_together).over(group_by="partner")
    rows = rows.mutate(_start=start)
    rows = rows.filter(rows["_second"] >= rows["_start"], rows["_second"] < rows["_start"] + STRETCH)
    return rows.select(*_shown(rows, "closed_at", "closed_together", "closed_that_day"))


def _shown(rows: Any, *more: str) -> list[str]:
    """Name the columns that explain shows: the key, what slices are made of, and more."""
    return ["key", *DIMENSIONS.split(), *({ZONE} & set(rows.columns)), *more]


def _used(sight: Sight, kpi: Kpi) -> Any:
    """Add the share of the time until it was due that had passed when an order was closed."""
    rows = _closings(sight, kpi)
    start = rows.received_at.coalesce(rows.created_at)
    rows = rows.mutate(_start=start, due_at=rows.promised_at.coalesce(start + ibis.interval(hours=SLA_HOURS)))
    start = rows["_start"].epoch_seconds()
    allowed, used = rows.due_at.epoch_seconds() - start, rows.closing.epoch_seconds() - start
    return rows.mutate(time_used=ibis.ifelse((allowed > 0) & (used >= 0), used / allowed, ibis.null("float64")))


def _just_before(used: Any) -> Any:
    return (used > 0.9) & (used <= 1.0)


def _beside(used: Any) -> Any:
    """Two tenths before the last one, and two after the due time."""
    return ((used > 0.7) & (used <= 0.9)) | ((used > 1.0) & (used <= 1.2))


def _heaps(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    rows = _used(sight, kpi).drop_null(list(by)) if by else _used(sight, kpi)
    figures = {
        "rows": rows.count(),
        "n": rows.time_used.count(),
        "seen": _just_before(rows.time_used).fill_null(False).sum(),
        "beside": _beside(rows.time_used).fill_null(False).sum(),
    }
    found = rows.group_by(list(by)).agg(**figures) if by else rows.agg(**figures)
    seen, beside = found.seen.fill_null(0).cast("float64"), found.beside.fill_null(0).cast("float64")
    n = found.n.cast("float64")
    expected = ibis.greatest(beside / 4.0, 1.0)
    value = seen / expected
    return found.select(
        *by,
        rows=found["rows"].cast("float64"),
        n=n,
        value=ibis.ifelse(n > 0, value, ibis.null("float64")),
        num=seen,
        den=expected,
    )


def _heap_rows(sight: Sight, kpi: Kpi) -> Any:
    rows = _used(sight, kpi)
    rows = rows.filter(_just_before(rows.time_used) | _beside(rows.time_used))
    rows = rows.mutate(just_before=_just_before(rows.time_used))
    return rows.select(*_shown(rows, "closed_at", "due_at", "time_used", "just_before"))


MEASURES: tuple[Named, ...] = (
    Named(
        name="batch_closing",
        formula="the highest share of a partner's closings of one local day that fall into ten minutes, of the days with at "
        "least 20 closings; of several partners the one with the highest share",
        source="domain.md F3",
        needs=("repair_orders.closed", "repair_orders.partner"),
        figures=_batches,
        rows=_batch_rows,
        proof="share",
    ),
    Named(
        name="sla_heaping",
        formula="closings in the last tenth of the time before an order is due, over those expected there: a quarter of the "
        "closings in the two tenths before and the two after; due is the promise, else 72 h after the receipt",
        source="domain.md F7",
        needs=("repair_orders.received|repair_orders.created", "repair_orders.closed"),
        figures=_heaps,
        rows=_heap_rows,
        proof="odds",
        beside=4.0,
    ),
)
