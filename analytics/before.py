"""A KPI over the window just before a Board's, by the same sight: what is known now of the rows before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analytics.answers import listed, slices
from analytics.behind import lay_before
from analytics.figures import from_row
from analytics.history import lay_windows, scan_times
from analytics.kpi import is_pool
from analytics.measure import GROUPING, Scan, aggregate, edges, groupings, slice_text, stacked
from analytics.named import NAMED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import ibis.expr.types as ir
    import pandas as pd

    from analytics.derived import Sight
    from analytics.figures import Figures
    from analytics.judge import Judge, View
    from analytics.kpi import Kpi, Slice


@dataclass(frozen=True)
class Earlier:
    """The figures of the window before by slice; the window is the network's own, aware UTC times."""

    figures: Mapping[Slice, Figures]
    window: tuple[datetime, datetime]


def is_booked(kpi: Kpi) -> bool:
    """Tell whether a KPI's figure over another window follows from that window: its rows are booked by days.

    Named measures that are no cohort look at the moment itself.
    """
    if kpi.day == "snapshot" or kpi.window_days is None:
        return False
    return kpi.measure.shape != "named" or NAMED[kpi.measure.name or ""].cohort


def before(judge: Judge, view: View, kpi: Kpi, moment: datetime, pools: Mapping[Slice, Sequence[Slice]]) -> Earlier:
    """Give a booked KPI's figures over the window before, as long as what has matured of the Board's own.

    `pools` says which slices each pool is made of.
    """
    own = scan_times(moment, kpi.window_days, judge.zone, view.watermarks())
    spans = lay_before(view, kpi, moment, judge.zone)
    kpi = replace(kpi, agreed=view.master.agreed(kpi))
    found: dict[Slice, Figures] = {}
    for by in groupings(kpi):
        members = {pool: each for pool, each in pools.items() if sorted(by) == [name for name, _ in pool]}
        found |= _figures(judge, view, kpi, by, own | spans)
        for pool, each in members.items() if kpi.measure.shape != "named" else ():
            found |= _pooled(judge, view, kpi, by, own | spans, pool, each)
    lay_windows(view, [kpi], moment, judge.zone)
    start, end = spans["from"], spans["to"]
    assert start is not None  # noqa: S101  # a booked KPI has a window
    assert end is not None  # noqa: S101
    return Earlier({s: f for s, f in found.items() if s == () or f.rows > 0}, (start, end))


def _figures(
    judge: Judge, view: View, kpi: Kpi, by: tuple[str, ...], times: Mapping[str, datetime | None]
) -> dict[Slice, Figures]:
    if kpi.measure.shape != "named":
        return _read(kpi, _scanned(judge, view, kpi, by, times), by, "k0_")
    figures = NAMED[kpi.measure.name or ""].figures
    assert figures is not None  # noqa: S101  # a cohort is a function of the facts

    def build(sight: Sight) -> ir.Table:
        return stacked([(by, figures(sight, kpi, by))])

    return _read(kpi, view.ask(("before", kpi, by), build, times), by, "")


def _scanned(
    judge: Judge,
    view: View,
    kpi: Kpi,
    by: tuple[str, ...],
    times: Mapping[str, datetime | None],
    together: Sequence[Slice] = (),
) -> pd.DataFrame:
    scan = Scan(kpi.fact, kpi.day, kpi.window_days, (by,), (replace(kpi, by=(by,) if by else ()),))
    sources = tuple(rule.name for rule in judge.feeds if rule.fact == kpi.fact)
    table, pooled = view.fact(kpi.fact, scan.columns), bool(together)

    def build(sight: Sight) -> ir.Table:
        return aggregate(scan, table, sources, sight, together=pooled)

    texts = [slice_text(by, each) for each in together]
    return view.ask(("scan", scan, sources, pooled), build, times, texts)


def _pooled(
    judge: Judge,
    view: View,
    kpi: Kpi,
    by: tuple[str, ...],
    times: Mapping[str, datetime | None],
    pool: Slice,
    members: Sequence[Slice],
) -> dict[Slice, Figures]:
    """Give what the slices that are a pool now were together."""
    assert is_pool(pool)  # noqa: S101  # nothing else is made of others
    if not members:
        return {}
    rows = _scanned(judge, view, kpi, by, times, members)
    return {pool: _read(kpi, rows, (), "k0_")[()]}


def _read(kpi: Kpi, rows: pd.DataFrame, by: tuple[str, ...], prefix: str) -> dict[Slice, Figures]:
    """Read the figures of an answer for one grouping."""
    own = [name for name in rows.columns if name.startswith(prefix) and name not in (*by, GROUPING)]
    records: list[dict[Any, Any]] = rows[own].to_dict(orient="records")
    named = [{str(name).removeprefix(prefix): value for name, value in each.items()} for each in records]
    return {s: from_row(kpi, each, s, edges(kpi)) for s, each in zip(slices(listed(rows), by), named, strict=True)}
