"""All rows behind a number, with the columns that decide: the Ibis side, shaped so that they add up to the number again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analytics.facts import FACTS
from analytics.history import lay_windows, scan_times
from analytics.integrity import pack_of
from analytics.kpi import SMALL, Health, dimensions, is_pool
from analytics.measure import ZONE, Scan, columns_of, counting, rows_of, test
from analytics.named import NAMED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import ibis.expr.types as ir

    from analytics.derived import Sight
    from analytics.integrity import Pack
    from analytics.judge import Judge, View
    from analytics.kpi import Kpi, Slice

COUNTS_AS, OUT_OF = "counts_as", "out_of"
"""What a row gives to the figure: 1 or 0 of a share, else its amount; of a ratio also what it gives to the denominator."""


@dataclass(frozen=True)
class Question:
    """What to ask a view for: an expression by its key, what it is filled with, and how its rows are told about."""

    key: Any
    build: Callable[[Sight], ir.Table]
    times: Mapping[str, datetime | None]
    pack: Pack | None


def behind_number(judge: Judge, view: View, kpi: Kpi, moment: datetime) -> Question:
    """Ask for the rows of a KPI, wherever they belong: those of a slice are those among them with its values.

    One expression for all slices is compiled once. Columns: `key`, where the row belongs, what the KPI looks at, what an
    evidence pack shows, and, but for named measures, `counts_as` (of ratios also `out_of`).
    """
    sources = tuple(rule.name for rule in judge.feeds if rule.fact == kpi.fact)
    scan = Scan(kpi.fact, kpi.day, kpi.window_days, ((),), (kpi,))
    lay_windows(view, [kpi], moment, judge.zone)
    pack = pack_of(kpi)
    further = frozenset(pack.columns if pack else ())
    table = None if kpi.measure.shape == "named" else view.fact(kpi.fact, scan.columns | further)

    def build(sight: Sight) -> ir.Table:
        if table is None:
            rows = NAMED[kpi.measure.name or ""].rows(sight, kpi)
            columns = [name for name in rows.columns if name != "key"]
        else:
            rows, columns = _counted(scan, kpi, table, sources, sight)
        if table is not None and pack is not None:
            rows, columns = _with_evidence(rows, columns, pack, table)
        return rows.select("key", *columns)

    times = scan_times(moment, kpi.window_days, judge.zone, view.watermarks())
    return Question(("all rows", scan, sources), build, times, pack)


def _counted(scan: Scan, kpi: Kpi, table: ir.Table, sources: Sequence[str], sight: Sight) -> tuple[ir.Table, list[str]]:
    """Give the rows that a KPI counts, and the columns that tell of them."""
    fact = FACTS[kpi.fact]
    parts = [name for name in fact.key if len(fact.key) > 1]
    wanted = [*parts, "order_id", "partner", *(name for each in kpi.by for name in each)]
    belongs = [name for name in dict.fromkeys(wanted) if name in table.columns]
    belongs = [name for name in belongs if fact.key != (name,)]
    every = replace(scan, groupings=(tuple(dict.fromkeys((*scan.dimensions, *belongs))),))
    rows = rows_of(every, table, sources, sight)
    rows = rows.filter(counting(kpi, rows))
    gives = _gives(kpi, rows)
    looked_at = sorted(columns_of(kpi) - {"key", *belongs})
    return rows.mutate(**gives), [*belongs, *looked_at, *gives]


def _gives(kpi: Kpi, rows: ir.Table) -> dict[str, Any]:
    measure = kpi.measure
    if measure.shape == "count":
        return {COUNTS_AS: rows.key.notnull().cast("float64")}
    holds = test(rows, measure.condition) if measure.condition else rows[measure.column]
    gives = {COUNTS_AS: holds.cast("float64")}
    return gives | ({OUT_OF: rows[measure.denominator].cast("float64")} if measure.denominator else {})


def _with_evidence(rows: ir.Table, columns: list[str], pack: Pack, table: ir.Table) -> tuple[ir.Table, list[str]]:
    """Add what an evidence pack shows of each row."""
    more = [name for name in (*pack.columns, ZONE) if name in table.columns]
    missing = [name for name in more if name not in rows.columns]
    rows = rows.left_join(table.select("key", *missing), "key").select(rows, *missing) if missing else rows
    return rows, list(dict.fromkeys([*columns, *more]))


def members(readings: Sequence[Mapping[str, Any]], kpi: str, slice_: Slice) -> list[Slice]:
    """Name the slices that a reading of a Board's JSON is made of: its own, or those pooled for their small samples."""
    if not is_pool(slice_):
        return [slice_]
    return [
        tuple(sorted(each["slice"].items()))
        for each in readings
        if each["kpi"] == kpi
        and sorted(each["slice"]) == list(dimensions(slice_))
        and SMALL not in each["slice"].values()
        and each["health"] == Health.LOW_SAMPLE
        and each["n"] > 0
    ]
