"""Why a reading has its level: its formula in words, where its limits come from, and the rows behind the number."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from analytics.history import stored, window
from analytics.kpi import SMALL, Health
from analytics.measure import Scan, among, columns_of, counting, needs_bounces, rows_of, slice_text
from analytics.verdict import limits_for

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analytics.judge import Judge, View
    from analytics.kpi import Condition, Kpi, Reading, Slice
    from analytics.moments import Moments

MOST_ROWS = 1000
_METHODS = {
    "share": "beta posterior of the share (Jeffreys' prior)",
    "ratio": "beta posterior where the numerator is a part of the denominator, else 1 beyond the limit",
    "mean": "Student's t",
    "quantile": "beta posterior of the share of rows beyond the limit",
    "count": "1 beyond the limit, else 0",
    "sum": "1 beyond the limit, else 0",
    "named": "the measure's own",
}
_WORDS = {
    "is": "is",
    "in": "is one of",
    "above": ">",
    "below": "<",
    "at_least": ">=",
    "at_most": "<=",
}


def explanation(judge: Judge, view: View, kpi: Kpi, reading: Reading, moment: datetime) -> dict[str, Any]:
    """Give what `explain` adds to a reading; `rows` are at most 1,000 of the `rows_total` that it counts."""
    rows, total = _rows(judge, view, kpi, reading, moment)
    _, origin = limits_for(kpi, reading.slice)
    return {
        "formula": formula(kpi),
        "rows": rows,
        "rows_total": total,
        "limits_from": origin,
        "health_reason": reading.reason
        if reading.health.value != "ok"
        else "the data is fresh and the sample large enough",
        "evidence_method": _METHODS[kpi.measure.shape],
    }


def formula(kpi: Kpi) -> str:
    """Write a KPI's measure as a sentence."""
    measure = kpi.measure
    subject = _condition(measure.condition) if measure.condition else measure.column
    what = {
        "share": f"share of rows where {subject}, among those where that is known",
        "count": f"number of rows where {subject}" if subject else "number of rows",
        "mean": f"mean of {subject}",
        "sum": f"sum of {subject}",
        "quantile": f"{measure.q or 0:g}-quantile of {subject}",
        "ratio": f"sum of {subject} over sum of {measure.denominator}",
        "named": str(measure.name),
    }[measure.shape]
    scope_ = f"; only rows where {' and '.join(map(_condition, kpi.where))}" if kpi.where else ""
    when = (
        "the state at the moment"
        if kpi.day == "snapshot"
        else f"booked by {kpi.day}, " + (f"the last {kpi.window_days} local days" if kpi.window_days else "all days")
    )
    mature = f", rows younger than {kpi.matures_days:g} d left out" if kpi.matures_days else ""
    return f"{what} of {kpi.fact}{scope_}; {when}{mature}"


def _condition(condition: Condition) -> str:
    if condition.operator == "missing":
        return f"{condition.column} is {'missing' if condition.value else 'known'}"
    value = ", ".join(map(str, condition.value)) if condition.operator == "in" else condition.value
    return f"{condition.column} {_WORDS[condition.operator]} {value}"


def _rows(judge: Judge, view: View, kpi: Kpi, reading: Reading, moment: datetime) -> tuple[list[dict[str, Any]], int]:
    by = tuple(name for name, _ in reading.slice)
    pooled = SMALL in dict(reading.slice).values()
    slices = _pooled(judge, view, kpi, by, moment) if pooled else [reading.slice]
    sources = tuple(rule.name for rule in judge.feeds if rule.fact == kpi.fact)
    table = view.fact(kpi.fact, bounces=needs_bounces(kpi))
    times: dict[str, datetime | None] = {"now": moment}
    times["from"], times["to"] = window(moment, kpi.window_days, judge.zone)
    times |= {f"watermark:{name}": at for name, at in view.watermarks().items()}
    scan = Scan(kpi.fact, kpi.day, kpi.window_days, by, (kpi,))

    def build(moments: Moments) -> ir.Table:
        rows = rows_of(scan, table, sources, moments)
        inside = counting(kpi, rows)
        rows = rows.filter(inside & among(rows, by, moments) if by else inside)
        columns = sorted(columns_of(kpi) - {"key"})
        counted = rows.mutate(rows_total=ibis._.count().over())
        return counted.select("key", *columns, "rows_total").order_by("key").limit(MOST_ROWS)

    texts = [slice_text(by, slice_) for slice_ in slices] if by else []
    found = view.ask(("rows", scan, sources), build, stored(times), texts)
    total = int(found["rows_total"].iloc[0]) if len(found) else 0
    records = found.drop(columns="rows_total").to_dict(orient="records")
    return [{str(name): _plain(value) for name, value in record.items()} for record in records], total


def _pooled(judge: Judge, view: View, kpi: Kpi, by: tuple[str, ...], moment: datetime) -> list[Slice]:
    """Name the slices that a pool is made of: those with rows, but with too few of them to be judged alone."""
    return [
        r.slice
        for r in judge.board(view, moment, 0).readings
        if r.kpi == kpi.key
        and tuple(name for name, _ in r.slice) == by
        and SMALL not in dict(r.slice).values()
        and r.health is Health.LOW_SAMPLE
        and r.n > 0
    ]


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return f"{value.isoformat()}Z" if isinstance(value, datetime) else value
