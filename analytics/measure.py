"""KPIs -> grouped Ibis expressions: all KPIs of a fact, day and window share one scan, whatever they are grouped by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived import linked, timed_columns
from analytics.facts import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import ibis.expr.types as ir

    from analytics.derived import Sight
    from analytics.kpi import Bound, Condition, Kpi, Slice

SEPARATOR = "\x1f"
ZONE = "_zone"
"""The column with the zone that cuts a row's days; facts have it where the master data names zones."""
FARTHEST = ibis.interval(hours=26)
"""No two zones are further apart."""
GROUPING = "_grouping"
"""The column that numbers the grouping of a scan to which a row of its answer belongs."""


@dataclass(frozen=True)
class Scan:
    """KPIs that are answered together: of one fact, booked by one day column, over one window, for some groupings."""

    fact: str
    day: str
    window_days: int | None
    groupings: tuple[tuple[str, ...], ...]
    kpis: tuple[Kpi, ...]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The columns that slices are made of."""
        return tuple(dict.fromkeys(name for by in self.groupings for name in by))

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the KPIs look at."""
        return frozenset().union(*(columns_of(kpi) for kpi in self.kpis))


def scans(kpis: Sequence[Kpi]) -> list[Scan]:
    """Sort KPIs into the scans that answer them; named measures answer themselves."""
    groups: dict[tuple[Any, ...], list[Kpi]] = {}
    for kpi in kpis:
        if kpi.measure.shape == "named":
            continue
        joined = tuple(each.name for each in linked(kpi.fact, frozenset(columns_of(kpi))))
        groups.setdefault((kpi.fact, kpi.day, kpi.window_days, joined), []).append(kpi)
    found = []
    for (fact, day, window, _), members in groups.items():
        every = tuple(dict.fromkeys(by for kpi in members for by in groupings(kpi)))
        found.append(Scan(fact, day, window, every, tuple(members)))
    return found


def groupings(kpi: Kpi) -> tuple[tuple[str, ...], ...]:
    """Give what a KPI is grouped by; the whole network is always one grouping."""
    return tuple(dict.fromkeys(((), *kpi.by)))


def columns_of(kpi: Kpi) -> set[str]:
    """Name the columns a KPI looks at, slices left out."""
    measure = kpi.measure
    named = {measure.column, measure.denominator, measure.condition.column if measure.condition else None, kpi.day}
    return {name for name in named if name and name != "snapshot"} | {condition.column for condition in kpi.where}


def lasting(rows: ir.Table, kpi: Kpi, fact: str | None = None) -> ir.Table:
    """Leave out the columns of a fact (the KPI's own) that time alone changes, but those that the KPI looks at.

    What is worked out without them stays right until something is told.
    """
    timed = timed_columns(fact or kpi.fact) - columns_of(kpi)
    return rows.select(*(column for column in rows.columns if column not in timed))


def narrowed(rows: ir.Table, kpi: Kpi, *further: str, **more: Any) -> ir.Table:
    """Give only the columns of a fact that a KPI looks at, and further ones: to plan over all of them takes as long as to run."""
    slices = (name for by in kpi.by for name in by)
    wanted = {"key", "source", ZONE, kpi.day, *columns_of(kpi), *slices, *further}
    return rows.select(*sorted(wanted & set(rows.columns)), **more)


def rows_of(scan: Scan, facts: ir.Table, sources: Sequence[str], sight: Sight, *, windowed: bool = True) -> ir.Table:
    """Give the rows inside the scan's window, with the columns that its KPIs look at; maturity is left to each KPI.

    `facts` holds the derived columns. Times used: `from` and `to` (the window, `to` exclusive), `watermark:<source>`.
    """
    wanted = {"key", "source", *scan.dimensions, *scan.columns, *({ZONE} & set(facts.columns))}
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
    """Build the scan: a row per grouping and slice, with columns `k<i>_...` for the figures of its i-th KPI.

    `together` takes the rows of the slices that are filled in, of the one grouping that the scan then has, as one group.
    """
    rows = rows_of(scan, facts, sources, sight)
    if together:
        rows = rows.filter(among(rows, scan.groupings[0], sight))
        scan = replace(scan, groupings=((),), kpis=tuple(replace(kpi, by=()) for kpi in scan.kpis))
    return grouped(scan, rows, figures)


def grouped(
    scan: Scan,
    rows: ir.Table,
    of: Callable[[Kpi, ir.Table], Mapping[str, Aggregate]],
    wanted: Callable[[ir.Table, tuple[str, ...]], ir.Table] = lambda found, _: found,
    further: tuple[str, ...] = (),
) -> ir.Table:
    """Add up the aggregates `of` each KPI for every grouping of a scan, over rows that are read and tested once.

    `wanted` narrows the slices of a grouping; `further` names columns that split them. A KPI that is not grouped so has
    no figures there.
    """
    every = {f"k{i}_{name}": each for i, kpi in enumerate(scan.kpis) for name, each in of(kpi, rows).items()}
    members = {f"k{i}": groupings(kpi) for i, kpi in enumerate(scan.kpis)}
    tested = rows.select(*scan.dimensions, *further, **{name: each.value for name, each in every.items()})
    totals = {name: each.total(tested[name]) for name, each in every.items()}

    def answer(by: tuple[str, ...]) -> ir.Table:
        own = {name: total for name, total in totals.items() if by in members[name.partition("_")[0]]}
        found = tested.group_by([*by, *further]).agg(**own) if by or further else tested.agg(**own)
        # slices are left out afterwards: filtered beforehand, the rows would be read anew for every grouping. A row that
        # lacks one of the slice's columns counts in the network only
        return wanted(found.drop_null(list(by)), by) if by else found

    return stacked([(by, answer(by)) for by in scan.groupings])


def stacked(answers: Sequence[tuple[tuple[str, ...], ir.Table]]) -> ir.Table:
    """Put the answers for several groupings into one table, so that what they have in common is worked out once.

    `GROUPING` numbers them. Slices are texts; the columns that an answer lacks are null in its rows.
    """
    names = dict.fromkeys(name for by, _ in answers for name in by)
    types = {name: type_ for _, answer in answers for name, type_ in answer.schema().items() if name not in names}
    parts = []
    for number, (by, answer) in enumerate(answers):
        texts = {name: answer[name].cast("string") if name in by else ibis.null("string") for name in names}
        figures_ = {n: answer[n] if n in answer.columns else ibis.null(type_) for n, type_ in types.items()}
        parts.append(answer.select(**{GROUPING: ibis.literal(number, "int64")}, **texts, **figures_))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def among(rows: ir.Table, by: tuple[str, ...], sight: Sight) -> Any:
    """Give the test whether a row lies in one of the slices that are filled in (see `slice_text`)."""
    text = rows[by[0]].cast("string")
    for name in by[1:]:
        text = text + SEPARATOR + rows[name].cast("string")
    return text.isin(sight.moments.texts())


def slice_text(by: tuple[str, ...], slice_: Slice) -> str:
    """Write a slice as one text, as `among` compares it."""
    return SEPARATOR.join(dict(slice_)[name] for name in by)


def kinds(kpis: Sequence[Kpi]) -> list[tuple[Condition, ...]]:
    """Give, for each KPI, the conditions that say which rows of its fact are its own.

    They are its own by what they are (its `where` on fields), not by the state they are in: a partner whose last open order was
    closed is still judged.
    """
    return [tuple(c for c in kpi.where if c.operator in ("is", "in") and _is_field(kpi.fact, c.column)) for kpi in kpis]


def presence(groupings_: Sequence[tuple[str, ...]], own: Sequence[tuple[Condition, ...]], facts: ir.Table) -> ir.Table:
    """Build the list of slices that ever had rows, per grouping, source and partner; `k<i>`: with the i-th conditions of `own`."""
    names = tuple(dict.fromkeys(("source", "partner", *(name for by in groupings_ for name in by))))
    holds = {f"k{i}": _all(facts, conditions) for i, conditions in enumerate(own)}
    rows = facts.select(*names, **holds)
    rows = rows.group_by(names).agg(**{name: rows[name].any() for name in holds})

    answers = []
    for by in groupings_:
        groups = tuple(dict.fromkeys((*by, "source", "partner")))
        found = rows.group_by(groups).agg(**{name: rows[name].any() for name in holds})
        answers.append((groups, found.drop_null(list(by))))
    return stacked(answers)


def _is_field(fact: str, column: str) -> bool:
    """Tell a text that says what a row is from a state that passes; what further columns are, nobody knows."""
    return any(field.name == column and field.type == "text" and not field.result for field in FACTS[fact].fields)


def scope(kpi: Kpi, rows: ir.Table) -> Any:
    """Give the test whether a row of the window belongs to the KPI: its conditions hold and it has matured."""
    inside = _all(rows, kpi.where)
    if kpi.matures_days:
        inside &= rows[kpi.day] <= rows.watermark - ibis.interval(seconds=round(kpi.matures_days * 86400))
    return inside


def _sum(column: Any) -> Any:
    return column.sum()


@dataclass(frozen=True)
class Aggregate:
    """A figure of many rows: what one row gives to it (null: nothing), and how that is added up."""

    value: Any
    total: Callable[[Any], Any] = _sum


def figures(kpi: Kpi, rows: ir.Table) -> dict[str, Aggregate]:
    """Give a KPI's figures over rows: `rows` inside it, `n`, and what its shape needs."""
    inside, measure = scope(kpi, rows), kpi.measure
    if measure.shape in ("share", "count"):
        return _counted(kpi, rows, inside)
    column = rows[measure.column].cast("float64")
    if measure.shape == "ratio":
        below = rows[measure.denominator].cast("float64")
        both = inside & column.notnull() & below.notnull()
        return {
            "rows": Aggregate(inside),
            "num": Aggregate(_where(both, column)),
            "den": Aggregate(_where(both, below)),
        }
    known = inside & column.notnull()
    basic = {"rows": Aggregate(inside), "n": Aggregate(known)}
    values = _where(known, column)
    if measure.shape == "sum":
        return basic | {"num": Aggregate(values)}
    if measure.shape == "mean":
        return basic | {"num": Aggregate(values), "sd": Aggregate(values, lambda each: each.std(how="sample"))}
    beyond = {
        f"{side}{i}": Aggregate(known & (column > edge if side == "over" else column < edge))
        for side in ("over", "under")
        for i, edge in enumerate(edges(kpi))
    }
    return basic | {"value": Aggregate(values, lambda each: each.quantile(measure.q))} | beyond


def _where(test_: Any, column: Any) -> Any:
    return ibis.ifelse(test_, column, ibis.null("float64"))


def _counted(kpi: Kpi, rows: ir.Table, inside: Any) -> dict[str, Aggregate]:
    measure = kpi.measure
    if measure.condition is not None:
        holds = test(rows, measure.condition)
    elif measure.column is not None:
        holds = rows[measure.column]
    else:
        return dict.fromkeys(("rows", "n", "num"), Aggregate(inside))
    return {"rows": Aggregate(inside), "n": Aggregate(inside & holds.notnull()), "num": Aggregate(inside & holds)}


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
