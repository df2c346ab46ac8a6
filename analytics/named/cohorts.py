"""Measures over a cohort of rows: how long they wait for their end, and the watermark by which they have matured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.measure import narrowed, scope, within
from analytics.named.named import Named
from analytics.named.survival import cohort_quantile, cohort_rows, was_seen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from analytics.derived import Sight
    from analytics.kpi import Kpi

SOURCE = "Kaplan and Meier 1958"


def matured(rows: Any, after: str, sight: Sight) -> Any:
    """Add `watermark`, as `measure.scope` wants it: the newest event of the fact `after`.

    What is counted of a row comes from that other fact, so a row has matured only when that fact has gone on for long enough.
    """
    told = sight.fact(after)
    newest = told.agg(watermark=told.last_event_at.max())
    return rows.cross_join(newest)


def waiting(
    name: str,
    formula: str,
    fact: str,
    times: Callable[[Any], tuple[Any, Any, Any]],
    needs: tuple[str, ...],
    ended_as: str,
    other_ends: Mapping[str, str] | None = None,
) -> Named:
    """Give a Kaplan-Meier quantile in hours over the rows that the KPI's day books into its window.

    `times(rows)` gives when a row began to wait, when it ended, and when it was given up (null: followed until now). The end is
    called `ended_as`; `other_ends` are further ways to end, and the columns of their times.
    """

    def cohort(sight: Sight, kpi: Kpi) -> Any:
        rows = sight.fact(fact)
        rows = within(rows, rows[kpi.day], kpi.window_days, sight)
        return rows.filter(scope(kpi, rows))

    def figures(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
        rows = sight.fact(fact)
        start, end, given_up = times(rows)
        rows = narrowed(rows, kpi, *by, _start=start, _end=end, _until=given_up.coalesce(sight.moments["now"]))
        rows = within(rows, rows[kpi.day], kpi.window_days, sight)
        rows = rows.filter(scope(kpi, rows))
        return cohort_quantile(rows, by, rows["_start"], rows["_end"], rows["_until"], kpi)

    def shown(sight: Sight, kpi: Kpi) -> Any:
        rows = cohort(sight, kpi)
        start, end, given_up = times(rows)
        until = given_up.coalesce(sight.moments["now"])
        seen = was_seen(end, until)
        others = {way: rows[column] for way, column in (other_ends or {}).items()}
        cause = ibis.cases(
            (seen, ibis.literal(ended_as)), *((at >= start, ibis.literal(w)) for w, at in others.items())
        )
        cause_at = ibis.cases((seen, end), *((at >= start, at) for at in others.values()))
        return cohort_rows(rows, kpi, start, end, until, cause, cause_at)

    told = tuple("|".join(f"{fact}.{each}" for each in need.split("|")) for need in needs)
    return Named(name, formula, SOURCE, told, figures, shown, "quantile", cohort=True)
