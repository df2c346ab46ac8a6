"""Figures + limits + health -> a level with a reason, its evidence, and the customers it hurts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.integrity import advised
from analytics.kpi import SMALL, Health, Level, Limits, Reading
from analytics.named import NAMED
from analytics.statistics import evidence as proof
from analytics.wording import value_and_limit

if TYPE_CHECKING:
    from datetime import datetime

    from analytics.health import State
    from analytics.kpi import Bound, Kpi, Slice
    from analytics.master import Master

SURE = 0.8
"""Beyond the red limit with at least this evidence is red; with less it is amber."""


@dataclass(frozen=True)
class Figures:
    """What a scan found for one KPI and slice; `over` and `under` count rows beyond an edge of a limit (quantiles)."""

    slice: Slice
    rows: float
    n: float
    value: float | None
    numerator: float | None = None
    denominator: float | None = None
    deviation: float | None = None
    over: tuple[tuple[float, float], ...] = ()
    under: tuple[tuple[float, float], ...] = ()


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
    low, high = _sides(kpi, red)
    return (high is not None and value > high) or (low is not None and value < low)


def _sides(kpi: Kpi, bound: Bound) -> tuple[float | None, float | None]:
    """Give a bound as (not below, not above)."""
    if isinstance(bound, tuple):
        return bound
    return (None, bound) if kpi.better == "lower" else (bound, None)


def level_of(kpi: Kpi, value: float, limits: Limits) -> Level:
    """Give the level of a bare value, whatever its sample."""
    if _beyond(kpi, value, limits.red):
        return Level.RED
    return Level.GREEN if _within_green(kpi, value, limits.green) else Level.AMBER


def _within_green(kpi: Kpi, value: float, green: Bound) -> bool:
    low, high = _sides(kpi, green)
    return (low is None or value >= low) and (high is None or value <= high)


def evidence(kpi: Kpi, figures: Figures, red: Bound) -> float | None:
    """Give the probability that the true value lies beyond the red limit; None without a value."""
    if figures.value is None or (figures.n <= 0 and _shape(kpi) not in ("count", "sum")):
        return None
    if _shape(kpi) == "mean" and figures.n < 2:
        return 0.5  # one row alone proves nothing, and the two sides of a band must not add up to certainty
    low, high = _sides(kpi, red)
    above = _above(kpi, figures, high) if high is not None else 0.0
    below = _below(kpi, figures, low) if low is not None else 0.0
    return float(min(above + below, 1.0))


def _above(kpi: Kpi, f: Figures, edge: float) -> float:
    shape = _shape(kpi)
    if _is_proportion(kpi, f):
        return float(proof.share_above(f.numerator, f.denominator, edge))
    if shape == "mean":
        return float(proof.mean_above(f.value, f.deviation or 0.0, f.n, edge))
    if shape == "quantile":
        return float(proof.quantile_above(dict(f.over)[edge], f.n, _q(kpi)))
    return float(f.value is not None and f.value > edge)


def _below(kpi: Kpi, f: Figures, edge: float) -> float:
    shape = _shape(kpi)
    if _is_proportion(kpi, f):
        return 1.0 - float(proof.share_above(f.numerator, f.denominator, edge))
    if shape == "mean":
        return float(proof.mean_below(f.value, f.deviation or 0.0, f.n, edge))
    if shape == "quantile":
        return float(proof.quantile_below(dict(f.under)[edge], f.n, _q(kpi)))
    return float(f.value is not None and f.value < edge)


_PROOFS = {"share": "ratio", "mean": "mean", "quantile": "quantile", "limit": "sum"}


def _shape(kpi: Kpi) -> str:
    """Give the shape whose statistics a KPI follows; a named measure says itself which."""
    return _PROOFS[NAMED[kpi.measure.name or ""].proof] if kpi.measure.shape == "named" else kpi.measure.shape


def _q(kpi: Kpi) -> float:
    return kpi.measure.q if kpi.measure.q is not None else NAMED[kpi.measure.name or ""].q


def _is_proportion(kpi: Kpi, f: Figures) -> bool:
    """Tell whether a beta posterior fits: shares, and ratios whose numerator is a part of the denominator."""
    if _shape(kpi) == "share":
        return True
    if _shape(kpi) != "ratio" or f.numerator is None or f.denominator is None:
        return False
    return 0 <= f.numerator <= f.denominator and f.denominator > 0


def pain(kpi: Kpi, f: Figures, green: Bound) -> float:
    """Give the customers hurt beyond what the green limit allows, never below 0.

    Shares and ratios: those on the wrong side less those that the limit would allow. Counts: those above the limit.
    Quantiles: rows beyond the limit less the share of rows that may lie there. Means and sums have no single hurt customer: the
    rows are weighed by how far the figure lies beyond the limit, relative to it, and never counted more than once.
    """
    if f.value is None:
        return 0.0
    low, high = _sides(kpi, green)
    excess = (
        f.value - high
        if high is not None and f.value > high
        else low - f.value
        if low is not None and f.value < low
        else 0.0
    )
    if excess <= 0:
        return 0.0
    shape, edge = _shape(kpi), high if high is not None and f.value > high else low
    assert edge is not None  # noqa: S101  # an excess is measured from an edge
    if shape == "share" or (shape == "ratio" and _is_proportion(kpi, f)):
        return excess * f.n
    if shape == "count":
        return excess
    if shape == "quantile":
        above = edge == high
        hurt = dict(f.over if above else f.under)[edge]
        return max(hurt - (1 - _q(kpi) if above else _q(kpi)) * f.n, 0.0)
    weighed = f.n * min(1.0, excess / abs(edge)) if edge else f.n
    # of a figure over another one, what lies beyond the limit can be counted
    return weighed if not f.denominator else min(weighed, excess * abs(f.denominator))


def judge(
    kpi: Kpi, f: Figures, state: State, window: tuple[datetime | None, datetime], limits: Limits | None = None
) -> Reading:
    """Judge one slice: unknown is never green, a red stays red on stale data, and red needs evidence.

    `limits` are the slice's own, the KPI's if left out.
    """
    limits = limits_for(kpi, f.slice)[0] if limits is None else limits
    sure = evidence(kpi, f, limits.red)
    level, health, reason = _level(kpi, f, limits, sure, state)
    reason = advised(kpi, level, reason)
    stale = level is Level.RED and state.health is not Health.OK
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
        pain=pain(kpi, f, limits.green) if level in (Level.RED, Level.AMBER) else 0.0,
        remedies=kpi.remedies if level in (Level.RED, Level.AMBER) else (),
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
            f"Only {_count(f.n)} of the {_count(kpi.min_n)} rows that a judgement needs.",
        )
    said, red = value_and_limit(f.value, limits.red, kpi.unit)
    if _beyond(kpi, f.value, limits.red):
        sample = f"n = {_count(f.n)}"
        if sure is not None and sure >= SURE:
            return Level.RED, Health.OK, f"{said} is beyond the red limit of {red} ({sample}, {_percent(sure)} sure)."
        small = f"small sample: {sample}, only {_percent(sure or 0.0)} sure"
        return Level.AMBER, Health.OK, f"{said} is beyond the red limit of {red}, but {small}."
    said, green = value_and_limit(f.value, limits.green, kpi.unit)
    if _within_green(kpi, f.value, limits.green):
        return Level.GREEN, Health.OK, f"{said} meets the green limit of {green}."
    return Level.AMBER, Health.OK, f"{said} misses the green limit of {green} and is not beyond the red one of {red}."


def _percent(probability: float) -> str:
    """Write a probability without ever claiming certainty."""
    return "over 99 %" if probability > 0.99 else f"{probability * 100:.0f} %"


def _no_data(kpi: Kpi, f: Figures) -> str:
    measure = kpi.measure
    column = measure.column or (measure.condition.column if measure.condition else None)
    if f.rows and column:
        return f"No data: {column} is unknown in all {_count(f.rows)} rows."
    if f.rows and measure.shape == "named":
        return f"No data: of the {_count(f.rows)} rows there are, no figure follows yet."
    when = f"the last {kpi.window_days} d" if kpi.window_days else "all that was loaded"
    return (
        "No data: no such rows at the moment."
        if kpi.day == "snapshot"
        else f"No data: no rows in {when} (by {kpi.day})."
    )


def _count(n: float) -> str:
    return f"{n:.0f}" if float(n).is_integer() else f"{n:.1f}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def pool(kpi: Kpi, small: list[Figures], by: tuple[str, ...]) -> Figures | None:
    """Add up the slices whose own sample is too small, so that many small troubles cannot hide one by one.

    Quantiles cannot be added up; their pool is scanned by itself.
    """
    small = [f for f in small if f.n > 0]
    if len(small) < 2 or kpi.measure.shape in ("quantile", "named"):
        return None
    n = float(sum(f.n for f in small))
    slice_ = tuple(sorted((name, SMALL) for name in by))
    rows = float(sum(f.rows for f in small))
    numerator = None if small[0].numerator is None else float(sum(f.numerator or 0 for f in small))
    denominator = None if small[0].denominator is None else float(sum(f.denominator or 0 for f in small))
    if kpi.measure.shape in ("count", "sum"):
        return Figures(slice_, rows, n, float(sum(f.value or 0 for f in small)))
    if numerator is not None and denominator:
        return Figures(slice_, rows, n, numerator / denominator, numerator, denominator)
    return _pooled_mean(small, slice_, rows, n)


def _pooled_mean(small: list[Figures], slice_: Slice, rows: float, n: float) -> Figures:
    """Combine means and standard deviations exactly (Chan, Golub, LeVeque 1979)."""
    counts = np.array([f.n for f in small])
    means = np.array([f.value for f in small], dtype=float)
    squares = np.array([(f.deviation or 0.0) ** 2 for f in small]) * np.maximum(counts - 1, 0)
    mean = float((counts * means).sum() / n)
    total = float(squares.sum() + (counts * (means - mean) ** 2).sum())
    deviation = float(np.sqrt(total / (n - 1))) if n > 1 else 0.0
    return Figures(slice_, rows, n, _tidy(mean), deviation=_tidy(deviation))


def from_row(kpi: Kpi, row: dict[str, Any], slice_: Slice, edges: list[float]) -> Figures:
    """Read a scan's columns into figures; counts give value = n, and only shares and ratios have parts."""
    shape = kpi.measure.shape
    rows = _number(row.get("rows")) or 0.0
    if shape == "named":
        return _from_named(row, slice_, rows, edges)
    if shape == "ratio":
        above, below = _tidy(row.get("num")), _tidy(row.get("den"))
        value = above / below if above is not None and below else None
        return Figures(slice_, rows, below or 0.0, value, above, below)
    n = _number(row.get("n")) or 0.0
    if shape == "share":
        hits = _number(row.get("num")) or 0.0
        return Figures(slice_, rows, n, hits / n if n else None, hits, n)
    if shape == "count":
        hits = _number(row.get("num")) or 0.0
        return Figures(slice_, rows, hits, hits if n else None)
    if shape != "quantile":
        total = _number(row.get("num"))
        value = None if total is None or not n else _tidy(total / n if shape == "mean" else total)
        return Figures(slice_, rows, n, value, deviation=_tidy(row.get("sd")))
    over, under = _beyond_edges(row, edges)
    return Figures(slice_, rows, n, _tidy(row.get("value")) if n else None, over=over, under=under)


def _from_named(row: dict[str, Any], slice_: Slice, rows: float, edges: list[float]) -> Figures:
    over, under = _beyond_edges(row, edges)
    return Figures(
        slice_,
        rows,
        _number(row.get("n")) or 0.0,
        _tidy(row.get("value")),
        _tidy(row.get("num")),
        _tidy(row.get("den")),
        _tidy(row.get("sd")),
        over,
        under,
    )


def _beyond_edges(row: dict[str, Any], edges: list[float]) -> tuple[tuple[tuple[float, float], ...], ...]:
    return tuple(
        tuple((edge, _number(row.get(f"{side}{i}")) or 0.0) for i, edge in enumerate(edges))
        for side in ("over", "under")
    )


def _tidy(value: Any) -> float | None:
    """Keep twelve digits of a figure that was added up.

    Sums of floats carry a noise that depends on the order of the rows: without this thirty costs of 0.1 have a mean
    beyond 0.1, which a limit of 0.1 would call red, and the same rows differ from one judgement to the next.
    """
    number = _number(value)
    return None if number is None else float(f"{number:.12g}")


def _number(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    return None if np.isnan(number) else number
