"""KPIs -> grouped Ibis expressions: all KPIs of a fact, day and window share one scan per grouping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived import linked
from analytics.facts import FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from analytics.derived import Sight
    from analytics.kpi import Bound, Condition, Kpi, Slice

SEPARATOR = "\x1f"
ZONE = "_zone"
"""The column with the zone that cuts a row's days; facts have it where the master data names zones."""
FARTHEST = ibis.interval(hours=26)
"""No two zones are further apart."""


@dataclass(frozen=True)
class Scan:
    """KPIs that are answered together: of one fact, booked by one day column, over one window, for one grouping."""

    fact: str
    day: str
    window_days: int | None
    by: tuple[str, ...]
    kpis: tuple[Kpi, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the KPIs look at."""
        return frozenset().union(*(columns_of(kpi) for kpi in self.kpis))


def scans(kpis: Sequence[Kpi]) -> list[Scan]:
    """Sort KPIs into the scans that answer them; the whole network is always one grouping. Named measures answer themselves."""
    groups: dict[tuple[Any, ...], list[Kpi]] = {}
    for kpi in kpis:
        if kpi.measure.shape == "named":
            continue
        joined = tuple(each.name for each in linked(kpi.fact, frozenset(columns_of(kpi))))
        for by in dict.fromkeys(((), *kpi.by)):
            groups.setdefault((kpi.fact, kpi.day, kpi.window_days, by, joined), []).append(kpi)
    return [Scan(fact, day, window, by, tuple(members)) for (fact, day, window, by, _), members in groups.items()]


def columns_of(kpi: Kpi) -> set[str]:
    """Name the columns a KPI looks at, slices left out."""
    measure = kpi.measure
    named = {measure.column, measure.denominator, measure.condition.column if measure.condition else None, kpi.day}
    return {name for name in named if name and name != "snapshot"} | {condition.column for condition in kpi.where}


def rows_of(scan: Scan, facts: ir.Table, sources: Sequence[str], sight: Sight, *, windowed: bool = True) -> ir.Table:
    """Give the rows inside the scan's window, with the columns that its KPIs look at; maturity is left to each KPI.

    `facts` holds the derived columns. Times used: `from` and `to` (the window, `to` exclusive), `watermark:<source>`.
    """
    wanted = {"key", "source", *scan.by, *scan.columns, *({ZONE} & set(facts.columns))}
    if scan.day == "snapshot" and scan.fact == "stock_levels":
        wanted |= {"site", "part", "at"}
    rows = facts.select(*sorted(wanted))
    if scan.day == "snapshot":
        if scan.fact == "stock_levels":
            newest = ibis.row_number().over(group_by=["site", "part"], order_by=[rows["at"].desc()])
            rows = rows.mutate(version=newest)
            rows = rows.filter(rows.version == 0).drop("version")
    elif windowed:
        rows = within(rows, rows[scan.day], scan.window_days, sight)
    if any(kpi.matures_days for kpi in scan.kpis):
        cases = [(rows.source == source, sight.moments[f"watermark:{source}"]) for source in sources]
        rows = rows.mutate(watermark=ibis.cases(*cases, else_=None) if cases else ibis.null("timestamp(6)"))
    return rows


def windows_table(window_days: int | None) -> ir.Table:
    """Name the table that a judgement lays beside the facts: a zone's own window, "" being the network's."""
    name = f"windows_{window_days or 'all'}"
    return ibis.table({ZONE: "string", "_from": "timestamp(6)", "_to": "timestamp(6)"}, name=name)


def within(rows: ir.Table, day: Any, window_days: int | None, sight: Sight) -> ir.Table:
    """Keep the rows whose time `day` lies in the window of local days: their site's own where rows have a zone."""
    moments = sight.moments
    if ZONE not in rows.columns:
        inside = day < moments["to"]
        return rows.filter(inside & (day >= moments["from"]) if window_days is not None else inside)
    near = day < moments["to"] + FARTHEST
    if window_days is not None:
        near &= day >= moments["from"] - FARTHEST
    rows = rows.mutate(_day=day).filter(near)
    windows = windows_table(window_days)
    inside = [rows[ZONE] == windows[ZONE], rows["_day"] < windows["_to"], rows["_day"] >= windows["_from"]]
    return rows.semi_join(windows, inside).drop("_day")


def aggregate(scan: Scan, facts: ir.Table, sources: Sequence[str], sight: Sight, *, together: bool = False) -> ir.Table:
    """Build the scan: a row per slice, with columns `k<i>_...` for the figures of its i-th KPI.

    `together` takes the rows of the slices that are filled in as one group.
    """
    rows = rows_of(scan, facts, sources, sight)
    if together:
        rows = rows.filter(among(rows, scan.by, sight))
    columns: dict[str, Any] = {}
    for position, kpi in enumerate(scan.kpis):
        for name, expression in figures(kpi, rows, scope(kpi, rows)).items():
            columns[f"k{position}_{name}"] = expression
    return _grouped(rows, () if together else scan.by, columns)


def among(rows: ir.Table, by: tuple[str, ...], sight: Sight) -> Any:
    """Give the test whether a row lies in one of the slices that are filled in (see `slice_text`)."""
    text = rows[by[0]].cast("string")
    for name in by[1:]:
        text = text + SEPARATOR + rows[name].cast("string")
    return text.isin(sight.moments.texts())


def slice_text(by: tuple[str, ...], slice_: Slice) -> str:
    """Write a slice as one text, as `among` compares it."""
    return SEPARATOR.join(dict(slice_)[name] for name in by)


def presence(groups: tuple[str, ...], by: tuple[str, ...], kpis: Sequence[Kpi], facts: ir.Table) -> ir.Table:
    """Build the list of slices that ever had rows, split further by `groups`; `k<i>` says whether they were the i-th KPI's.

    Rows are a KPI's own by what they are (its `where` on fields), not by the state they are in: a partner whose last
    open order was closed is still judged.
    """
    kept = [tuple(c for c in kpi.where if c.operator in ("is", "in") and _is_field(kpi.fact, c.column)) for kpi in kpis]
    groups = tuple(name for name in groups if name in facts.columns)
    wanted = {"key", *groups}.union(*({condition.column for condition in conditions} for conditions in kept))
    rows = facts.select(*sorted(wanted))
    holds = {f"k{i}": _all(rows, conditions).any() for i, conditions in enumerate(kept)}
    return rows.drop_null(list(by)).group_by(list(groups)).agg(**holds)


def _is_field(fact: str, column: str) -> bool:
    """Tell a text that says what a row is from a state that passes; what further columns are, nobody knows."""
    return any(field.name == column and field.type == "text" and not field.result for field in FACTS[fact].fields)


def _grouped(rows: ir.Table, by: tuple[str, ...], columns: dict[str, Any]) -> ir.Table:
    if not by:
        return rows.agg(**columns)
    # a row that lacks one of the slice's columns counts in the network only
    return rows.drop_null(list(by)).group_by(list(by)).agg(**columns)


def scope(kpi: Kpi, rows: ir.Table) -> Any:
    """Give the test whether a row of the window belongs to the KPI: its conditions hold and it has matured."""
    inside = _all(rows, kpi.where)
    if kpi.matures_days:
        inside &= rows[kpi.day] <= rows.watermark - ibis.interval(seconds=round(kpi.matures_days * 86400))
    return inside


def figures(kpi: Kpi, rows: ir.Table, inside: Any) -> dict[str, Any]:
    """Give a KPI's aggregates over the rows inside: `rows`, `n`, and what its shape needs."""
    measure = kpi.measure
    if measure.shape in ("share", "count"):
        return _counted(kpi, rows, inside)
    column = rows[measure.column].cast("float64")
    if measure.shape == "ratio":
        below = rows[measure.denominator].cast("float64")
        both = inside & column.notnull() & below.notnull()
        return {"rows": inside.sum(), "num": column.sum(where=both), "den": below.sum(where=both)}
    known = inside & column.notnull()
    basic = {"rows": inside.sum(), "n": known.sum()}
    if measure.shape == "sum":
        return basic | {"num": column.sum(where=known)}
    if measure.shape == "mean":
        return basic | {"num": column.sum(where=known), "sd": column.std(where=known, how="sample")}
    beyond = {
        f"{side}{i}": (known & (column > edge if side == "over" else column < edge)).sum()
        for side in ("over", "under")
        for i, edge in enumerate(edges(kpi))
    }
    return basic | {"value": column.quantile(measure.q, where=known)} | beyond


def _counted(kpi: Kpi, rows: ir.Table, inside: Any) -> dict[str, Any]:
    measure = kpi.measure
    if measure.condition is not None:
        holds = test(rows, measure.condition)
    elif measure.column is not None:
        holds = rows[measure.column]
    else:
        return {"rows": inside.sum(), "n": inside.sum(), "num": inside.sum()}
    return {"rows": inside.sum(), "n": (inside & holds.notnull()).sum(), "num": (inside & holds).sum()}


def counting(kpi: Kpi, rows: ir.Table) -> Any:
    """Give the test for the rows that `n` counts: of counts those that hold, else those whose columns are known."""
    measure = kpi.measure
    holds = test(rows, measure.condition) if measure.condition else rows[measure.column] if measure.column else None
    if measure.shape == "count":
        return scope(kpi, rows) & holds if holds is not None else scope(kpi, rows)
    known = holds.notnull() if holds is not None else ibis.literal(True)
    if measure.denominator is not None:
        known &= rows[measure.denominator].notnull()
    return scope(kpi, rows) & known


def edges(kpi: Kpi) -> list[float]:
    """Give every limit that any slice of the KPI may be held against, sorted."""
    bounds: list[Bound | None] = [kpi.green, kpi.red, *kpi.agreed]
    for rule in kpi.limits:
        bounds += [rule.green, rule.red]
    flat = [edge for bound in bounds if bound is not None for edge in (bound if isinstance(bound, tuple) else (bound,))]
    return sorted(set(flat))


def _all(rows: ir.Table, conditions: Sequence[Condition]) -> Any:
    if not conditions:
        return rows.key.notnull()
    return ibis.and_(*[test(rows, condition).fill_null(False) for condition in conditions])


def test(rows: ir.Table, condition: Condition) -> Any:
    """Give a condition on a column; unknown where the column is, save for `missing`."""
    column, value = rows[condition.column], condition.value
    if condition.operator == "missing":
        return column.isnull() if value else column.notnull()
    if column.type().is_timestamp():
        value = _naive(value)
    if condition.operator == "in":
        return column.isin(list(value))
    return {
        "is": lambda: column == value,
        "above": lambda: column > value,
        "below": lambda: column < value,
        "at_least": lambda: column >= value,
        "at_most": lambda: column <= value,
    }[condition.operator]()


def _naive(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_naive(each) for each in value)
    return ibis.literal(value.replace(tzinfo=None), type="timestamp(6)")
