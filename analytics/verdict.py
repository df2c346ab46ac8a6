"""Figures + limits + health -> a level with a reason, its evidence, and the customers it hurts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.figures import draws, q_of, shape_of, sides
from analytics.integrity import advised
from analytics.kpi import Health, Level, Limits, Reading, Trial
from analytics.pain import customers_hurt, weighed
from analytics.statistics import evidence as proof
from analytics.wording import count, value_and_limit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from analytics.figures import Figures
    from analytics.health import State
    from analytics.kpi import Bound, Kpi, Slice
    from analytics.master import Master

SURE = 0.8
"""Beyond the red limit with at least this evidence is red; with less it is amber."""


def limits_for(kpi: Kpi, slice_: Slice, master: Master | None = None) -> tuple[Limits, str]:
    """Give the limits of a slice and where they come from.

    A contract's bounds come first, then those of the most specific rule, then the KPI's own. A slice that names a partner
    matches what the master data says of it: its country, region, type, tier and shore.
    """
    green, red = kpi.green, kpi.red
    green_from = red_from = f"kpi.{kpi.key}"
    named = set(master.inherited(slice_) if master else slice_)
    for rule in sorted(kpi.limits, key=lambda r: len(r.where)):
        if set(rule.where) <= named:
            origin = f"kpi.{kpi.key}.limits where " + ", ".join(f"{k} = {v}" for k, v in rule.where)
            green, green_from = (green, green_from) if rule.green is None else (rule.green, origin)
            red, red_from = (red, red_from) if rule.red is None else (rule.red, origin)
    agreed = master.contract_bounds(kpi, slice_) if master and slice_ else None
    if agreed is not None:
        green, green_from = (green, green_from) if agreed[0] is None else (agreed[0], agreed[2])
        red, red_from = (red, red_from) if agreed[1] is None else (agreed[1], agreed[2])
    same = green_from == red_from
    return Limits(green, red), green_from if same else f"green: {green_from}; red: {red_from}"


def _beyond(kpi: Kpi, value: float, red: Bound) -> bool:
    """Tell whether a value is worse than the red limit."""
    low, high = sides(kpi, red)
    return (high is not None and value > high) or (low is not None and value < low)


def level_of(kpi: Kpi, value: float, limits: Limits) -> Level:
    """Give the level of a bare value, whatever its sample."""
    if _beyond(kpi, value, limits.red):
        return Level.RED
    return Level.GREEN if _within_green(kpi, value, limits.green) else Level.AMBER


def _within_green(kpi: Kpi, value: float, green: Bound) -> bool:
    low, high = sides(kpi, green)
    return (low is None or value >= low) and (high is None or value <= high)


def evidence(kpi: Kpi, figures: Figures, red: Bound) -> float | None:
    """Give the probability that the true value lies beyond the red limit; None without a value."""
    return evidences(kpi, [figures], [red])[0]


def evidences(kpi: Kpi, figures: Sequence[Figures], reds: Sequence[Bound]) -> list[float | None]:
    """Give the evidence of many figures of a KPI, each against its own red limit: one by one it would take far longer."""
    always = shape_of(kpi) in ("count", "sum")
    told = [at for at, f in enumerate(figures) if f.value is not None and (f.n > 0 or always)]
    found: list[float | None] = [None] * len(figures)
    if told:
        for at, sure in zip(told, _sure(kpi, [figures[at] for at in told], [reds[at] for at in told]), strict=True):
            found[at] = sure
    return found


def _sure(kpi: Kpi, figures: Sequence[Figures], reds: Sequence[Bound]) -> list[float]:
    lows, highs = zip(*(sides(kpi, red) for red in reds), strict=True)
    sure = np.zeros(len(figures))
    if highs[0] is not None:  # the limits of a KPI have one shape
        sure += _proof_beyond(kpi, figures, highs, above=True)
    if lows[0] is not None:
        sure += _proof_beyond(kpi, figures, lows, above=False)
    if shape_of(kpi) == "mean":
        # one row alone proves nothing, and the two sides of a band must not add up to certainty
        sure = np.where(_column(figures, "n") < 2, 0.5, sure)
    return [float(each) for each in np.minimum(sure, 1.0)]


def _column(figures: Sequence[Figures], name: str) -> NDArray[np.float64]:
    return np.array([getattr(f, name) for f in figures], dtype=float)


def _proof_beyond(kpi: Kpi, figures: Sequence[Figures], edges: Sequence[float], *, above: bool) -> Any:
    """Give P(the true figure lies beyond the edge), on the one side or the other, of figures of one KPI."""
    shape, n = shape_of(kpi), _column(figures, "n")
    values, limits = _column(figures, "value"), np.array(edges)
    if shape == "mean":
        deviation = np.nan_to_num(_column(figures, "deviation"))
        return (proof.mean_above if above else proof.mean_below)(values, deviation, n, limits)
    if shape == "quantile":
        tails = [dict(f.over if above else f.under)[edge] for f, edge in zip(figures, edges, strict=True)]
        return (proof.quantile_above if above else proof.quantile_below)(tails, n, q_of(kpi))
    share = _share_above(kpi, figures, edges)
    fact = values > limits if above else values < limits
    return np.where(np.isnan(share), fact, share if above else 1.0 - share)


def _share_above(kpi: Kpi, figures: Sequence[Figures], edges: Sequence[float]) -> Any:
    """Give P(the true share lies above the edge) of figures that are draws; NaN for those that are facts."""
    drawn = [draws(kpi, f, edge) or (np.nan,) * 3 for f, edge in zip(figures, edges, strict=True)]
    return proof.share_above(*np.array(drawn, dtype=float).T)


def trial(kpi: Kpi, f: Figures, green: Bound) -> Trial | None:
    """Give the test whether a figure is green but for chance; None where no draw is at work.

    Of a band the side is tested that the figure is nearer to. Quantiles are the share of rows beyond the limit. Counts over a
    window are draws of a rate per window; those of the state at the moment are facts.
    """
    drawn_count = shape_of(kpi) == "count" and kpi.day != "snapshot"
    # who had rows of which none counts has had a window without events, which peers can learn from
    if f.value is None or (f.rows if drawn_count else f.n) <= 0:
        return None
    low, high = sides(kpi, green)
    above = low is None or (high is not None and f.value > (low + high) / 2)
    limit = high if above else low
    assert limit is not None  # noqa: S101  # a limit has at least one side
    shape = shape_of(kpi)
    if drawn := draws(kpi, f, limit):
        return Trial("share", *drawn, above, rows=f.n)
    if shape == "quantile":
        q = q_of(kpi)
        return Trial("share", dict(f.over if above else f.under)[limit], f.n, 1 - q if above else q, above=True)
    if drawn_count:
        return Trial("count", f.value, 1.0, limit, above)
    if shape == "mean" and f.n > 1:
        return Trial("mean", f.value, f.n, limit, above, f.deviation or 0.0)
    return None


def judge(
    kpi: Kpi, f: Figures, state: State, window: tuple[datetime | None, datetime], limits: Limits | None = None
) -> Reading:
    """Judge one slice: unknown is never green, a red stays red on stale data, and red needs evidence.

    `limits` are the slice's own, the KPI's if left out.
    """
    return judged(kpi, [f], [state], window, [limits_for(kpi, f.slice)[0] if limits is None else limits])[0]


def judged(
    kpi: Kpi,
    figures: Sequence[Figures],
    states: Sequence[State],
    window: tuple[datetime | None, datetime],
    limits: Sequence[Limits],
) -> list[Reading]:
    """Judge the slices of a KPI as `judge` does one."""
    sure = evidences(kpi, figures, [each.red for each in limits])
    return [_reading(kpi, *each, window) for each in zip(figures, states, limits, sure, strict=True)]


def _reading(
    kpi: Kpi, f: Figures, state: State, limits: Limits, sure: float | None, window: tuple[datetime | None, datetime]
) -> Reading:
    level, health, reason = _level(kpi, f, limits, sure, state)
    reason = advised(kpi, level, reason)
    stale = level is Level.RED and state.health is not Health.OK
    drawn = level in (Level.RED, Level.AMBER)
    customers = customers_hurt(kpi, f, limits.green) if drawn else 0.0
    return Reading(
        kpi=kpi.key,
        title=kpi.title,
        family=kpi.family,
        slice=f.slice,
        value=f.value,
        numerator=f.numerator,
        denominator=f.denominator,
        n=f.n,
        unit=kpi.unit,
        window=window,
        limits=limits,
        level=level,
        health=health,
        stale=stale,
        reason=reason,
        evidence=sure,
        since=None,
        customers=customers,
        pain=weighed(kpi, customers),
        pain_kind=kpi.pain,
        remedies=kpi.remedies if drawn else (),
        trial=trial(kpi, f, limits.green),
    )


def _level(kpi: Kpi, f: Figures, limits: Limits, sure: float | None, state: State) -> tuple[Level, Health, str]:
    level, health, reason = _on_value(kpi, f, limits, sure)
    if state.health is Health.OK:
        return level, health, reason
    if level is Level.RED:
        return level, state.health, f"{reason} Stale: {state.reason}."
    return Level.UNKNOWN, state.health, f"{_sentence(state.reason)}."


def _on_value(kpi: Kpi, f: Figures, limits: Limits, sure: float | None) -> tuple[Level, Health, str]:
    if f.value is None or f.rows == 0:
        return Level.UNKNOWN, Health.NO_DATA, _no_data(kpi, f)
    if f.n < kpi.min_n:
        return (
            Level.UNKNOWN,
            Health.LOW_SAMPLE,
            f"Only {count(f.n)} of the {count(kpi.min_n)} rows that a judgement needs.",
        )
    if _within_green(kpi, f.value, limits.green) and not _beyond(kpi, f.value, limits.red):
        said, green = value_and_limit(f.value, limits.green, kpi.unit)
        return Level.GREEN, Health.OK, f"{said} meets the green limit of {green}."
    said, red = value_and_limit(f.value, limits.red, kpi.unit)
    if _beyond(kpi, f.value, limits.red):
        sample = f"n = {count(f.n)}"
        if sure is not None and sure >= SURE:
            return Level.RED, Health.OK, f"{said} is beyond the red limit of {red} ({sample}, {_percent(sure)} sure)."
        small = f"small sample: {sample}, only {_percent(sure or 0.0)} sure"
        return Level.AMBER, Health.OK, f"{said} is beyond the red limit of {red}, but {small}."
    said, green = value_and_limit(f.value, limits.green, kpi.unit)
    return Level.AMBER, Health.OK, f"{said} misses the green limit of {green} and is not beyond the red one of {red}."


def _percent(probability: float) -> str:
    """Write a probability without ever claiming certainty."""
    return "over 99 %" if probability > 0.99 else f"{probability * 100:.0f} %"


def _no_data(kpi: Kpi, f: Figures) -> str:
    measure = kpi.measure
    column = measure.column or (measure.condition.column if measure.condition else None)
    if f.rows and column:
        return f"No data: {column} is unknown in all {count(f.rows)} rows."
    if f.rows and measure.shape == "named":
        return f"No data: of the {count(f.rows)} rows there are, no figure follows yet."
    when = f"the last {kpi.window_days} d" if kpi.window_days else "all that was loaded"
    return (
        "No data: no such rows at the moment."
        if kpi.day == "snapshot"
        else f"No data: no rows in {when} (by {kpi.day})."
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
