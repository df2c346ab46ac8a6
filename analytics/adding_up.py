"""How the rows behind a number add up to it again, in a sentence per measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics.named import NAMED

if TYPE_CHECKING:
    from analytics.kpi import Kpi

_SHAPES = {
    "share": "value = sum of counts_as / number of rows (numerator / denominator; n = number of rows)",
    "count": "value = n = number of rows",
    "mean": "value = mean of counts_as; n = number of rows",
    "sum": "value = sum of counts_as; n = number of rows",
    "quantile": "value = the {q:g}-quantile of counts_as, interpolated between neighbours; n = number of rows",
    "ratio": "value = sum of counts_as / sum of out_of (numerator / denominator = n)",
}
_COHORT = (
    "value = the first waited_hours by which, by the Kaplan-Meier estimate over waited_hours and ended, {q:g} of the rows have "
    "ended; n = number of rows"
)
_NAMED = {
    "expected_sla_breaches": "numerator = sum of sla_risk; denominator = n = number of rows",
    "stock_cover": "numerator = rows with short; denominator = n = rows where short is known",
    "excess_stock": "numerator = sum of excess_value; denominator = sum of value",
    "consumption_index": "numerator = sum of fitted; denominator = sum of expected; n = number of rows",
    "throughput_per_technician": "numerator = number of rows; the denominator is their days of work, each technician's own",
    "wip_to_capacity": "numerator = rows with actionable; the denominator is the sites' capacity, which is no row",
    "days_of_backlog": "numerator = rows with actionable; the denominator is what leaves on a working day, which is no row",
    "load": "the rows came or left in these days; the figure counts those that came by working days of their sites",
    "net_flow": "the rows came or left in these days; the figure sets them against each other by working days of their sites",
    "intake_surprise": "numerator = rows received in the last 7 whole days, less an eighth of those in the 8 weeks before; "
    "n = rows received in those 9 weeks",
    "status_chasers": "numerator = number of rows; the denominator is days on which orders were open, which are no rows",
    "complaints": "numerator = number of rows; the denominator is the orders they are about, which are no rows here",
    "negative_posts": "numerator = number of rows; the denominator is the orders handed back, which are no rows here",
    "malus_at_risk": "the rows are the contracts in force; which of them count follows from the readings of their KPIs",
    "bonus_at_risk": "the rows are the contracts in force; which of them count follows from the readings of their KPIs",
    "batch_closing": "of each partner numerator = closed_together, its number of rows, and denominator = n = closed_that_day; "
    "the figure is that of the partner with the highest share among those with 20 closings or more that day",
    "sla_heaping": "numerator = rows with just_before; denominator = a quarter of the other rows, at least 1",
    "freshness": "value = the 0.9-quantile of silence; n = number of rows",
    "master_data_problems": "value = n = number of rows",
}


def adding_up(kpi: Kpi) -> str:
    """Say how a KPI's rows add up to its figures."""
    measure = kpi.measure
    if measure.shape != "named":
        return _SHAPES[measure.shape].format(q=measure.q or 0.0)
    named = NAMED[measure.name or ""]
    return _COHORT.format(q=named.q) if named.cohort else _NAMED[named.name]
