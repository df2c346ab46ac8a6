"""Pain: customers hurt beyond what the green limit allows, in one currency over all KPIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics.figures import is_proportion, q_of, shape_of, sides
from analytics.kpi import changed

if TYPE_CHECKING:
    from datetime import datetime

    from analytics.figures import Figures
    from analytics.kpi import Bound, Kpi, Reading

WEIGHTS = {
    "waits": 1.0,
    "unheard": 1.5,
    "not_fixed": 2.0,
    "pays": 2.0,
    "lost": 5.0,
    "brand_pays": 0.2,
    "blind": 0.2,
}
"""How much worse than a wait each kind of pain is for one customer; where the brand pays, or nobody knows, few feel it."""
OLD = 28.0
"""A pain that has stood for so many days weighs twice as much as a new one."""


def weighed(kpi: Kpi, customers: float, days: float = 0.0) -> float:
    """Give the pain of so many customers hurt for so many days, in customers who wait since today."""
    return customers * WEIGHTS.get(kpi.pain, 1.0) * (1 + min(max(days, 0.0), OLD) / OLD)


def aged(reading: Reading, kpi: Kpi, moment: datetime) -> Reading:
    """Weigh a reading's pain by how long its level has stood."""
    days = 0.0 if reading.since is None else (moment - reading.since).days
    return changed(reading, pain=weighed(kpi, reading.customers, days))


def customers_hurt(kpi: Kpi, f: Figures, green: Bound) -> float:
    """Give the customers hurt beyond what the green limit allows, never below 0.

    Shares and ratios: those on the wrong side less those that the limit would allow. Counts: those above the limit.
    Quantiles: rows beyond the limit less the share of rows that may lie there. Means and sums have no single hurt customer: the
    rows are weighed by how far the figure lies beyond the limit, relative to it, and never counted more than once.
    """
    if f.value is None:
        return 0.0
    low, high = sides(kpi, green)
    excess = (
        f.value - high
        if high is not None and f.value > high
        else low - f.value
        if low is not None and f.value < low
        else 0.0
    )
    if excess <= 0:
        return 0.0
    shape, edge = shape_of(kpi), high if high is not None and f.value > high else low
    assert edge is not None  # noqa: S101  # an excess is measured from an edge
    if shape == "share" or (shape == "ratio" and is_proportion(kpi, f)):
        return excess * f.n
    if shape == "count":
        return excess
    if shape == "quantile":
        above = edge == high
        hurt = dict(f.over if above else f.under)[edge]
        return max(hurt - (1 - q_of(kpi) if above else q_of(kpi)) * f.n, 0.0)
    weighed = f.n * min(1.0, excess / abs(edge)) if edge else f.n
    # of a figure over another one, what lies beyond the limit can be counted
    return weighed if not f.denominator else min(weighed, excess * abs(f.denominator))
