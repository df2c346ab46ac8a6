"""Control charts: where the points of a steady process lie, by the charts XmR, p and u with Laney's correction.

Every function takes one series or many: days lie along the last axis, NaN is a day without data. Limits come from a baseline
and hold for all days. Sources: Montgomery, Introduction to Statistical Quality Control, chapters 6 (individuals) and 7 (p, u);
Nelson 1982, Journal of Quality Technology 14, 172 (screened moving ranges); Laney 2002, Quality Engineering 14, 531 (p', u').
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.statistics.signals import LIMIT, Signal, pack, read

if TYPE_CHECKING:
    from analytics.statistics.signals import Array

D2 = 1.128
"""The mean range of two draws from a normal distribution, in standard deviations."""
SCREEN = 3.267
"""Moving ranges beyond this many times their mean come from a step or an error, and would widen the limits (Nelson)."""
LEAST = 12
"""A baseline of fewer points gives no limits (NHS: at least 12)."""
NO_SPREAD = 1e-9
"""A spread of less than this share of the values is rounding: it measures nothing, so no point can stand out against it."""
TESTED = 1.645
"""A lag-1 correlation beyond this many standard errors above nothing is no chance (one-sided 5 %)."""


@dataclass(frozen=True, eq=False)
class Chart:
    """One control chart or many; the arrays have the shape of what was charted, days last, and its unit.

    `sigma` is the standard deviation of a point, `z` its distance from the centre in that, both NaN where no limits are known;
    `steady` are the values freed of the season, `bounds` what a value cannot leave. `signals` (flags of `Signal`) and `side`
    are as `signals.read` gives them. Per series: `points` of the baseline, `dispersion` (Laney's sigma_z; 1 for XmR), and the
    lag-1 `autocorrelation` of the baseline.
    """

    values: Array
    centre: Array
    sigma: Array
    z: Array
    steady: Array
    signals: Array
    side: Array
    points: Array
    dispersion: Array
    autocorrelation: Array
    bounds: tuple[float, float] = (-np.inf, np.inf)

    @property
    def lower(self) -> Array:
        return np.maximum(self.centre - LIMIT * self.sigma, self.bounds[0])

    @property
    def upper(self) -> Array:
        return np.minimum(self.centre + LIMIT * self.sigma, self.bounds[1])

    @property
    def autocorrelated(self) -> Array:
        """Tell which series depend on the day before; their limits are too narrow, by 1 / sqrt(1 - autocorrelation)."""
        return np.asarray(self.autocorrelation > TESTED / np.sqrt(np.maximum(self.points, 1)))


def xmr(values: Any, *, baseline: Any = None) -> Chart:
    """Chart single values: mean +- 3 mR / 1.128, with the mean moving range mR of neighbours, screened (Montgomery 6.33).

    `baseline` is a mask of the days that give the limits, all if None. For lengths of time chart their logarithms.
    """
    values = np.asarray(values, float)
    inside = _inside(values, baseline)
    centre = mean(np.where(inside, values, np.nan))[..., None]
    sigma = np.broadcast_to(moving_sigma(values, inside)[..., None], values.shape)
    return _chart(values, centre, sigma, values, inside, np.ones(values.shape[:-1]), (-np.inf, np.inf))


def p_chart(
    events: Any, sizes: Any, *, baseline: Any = None, laney: bool = True, least: float = 1.0, factors: Any = None
) -> Chart:
    """Chart shares: p +- 3 sigma_z sqrt(p (1 - p) / n), p = events over sizes of the baseline (Laney).

    `laney` multiplies by sigma_z = mean moving range of the baseline's standardised shares / 1.128, yet by no less than
    `least`: narrower limits than the draw itself has would make chance a signal (0 is Laney's own rule); without it,
    sigma_z is 1. `factors` are the season's: p of a day is p times its factor.
    """
    return _attributes(events, sizes, baseline, least if laney else None, factors, ceiling=1.0)


def u_chart(
    events: Any, sizes: Any, *, baseline: Any = None, laney: bool = True, least: float = 1.0, factors: Any = None
) -> Chart:
    """Chart counts per unit: u +- 3 sigma_z sqrt(u / n) (Montgomery 7.19, Laney); the rest is as in `p_chart`."""
    return _attributes(events, sizes, baseline, least if laney else None, factors, ceiling=np.inf)


def _attributes(events: Any, sizes: Any, baseline: Any, least: float | None, factors: Any, ceiling: float) -> Chart:
    events, sizes, factors = observed(events, sizes, factors)
    values = events / sizes
    inside = _inside(values, baseline)
    centre = pooled(events, sizes * factors, inside)[..., None] * factors
    # what a day's factor lifts above the ceiling has no spread left to stand out against
    variance = np.maximum(centre * (1 - centre) if np.isfinite(ceiling) else centre, 0.0) / sizes
    dispersion = np.ones(values.shape[:-1])
    if least is not None:
        dispersion = np.maximum(moving_sigma(_ratio(values - centre, np.sqrt(variance)), inside), least)
    sigma = np.sqrt(variance) * dispersion[..., None]
    return _chart(values, centre, sigma, values / factors, inside, dispersion, (0.0, ceiling))


def observed(events: Any, sizes: Any, factors: Any) -> tuple[Array, Array, Array]:
    """Give events, sizes and factors in one shape; NaN on the days that show nothing: unknown, of no size, or never at work."""
    arrays = (np.asarray(each, float) for each in (events, sizes, 1.0 if factors is None else factors))
    events, sizes, factors = np.broadcast_arrays(*arrays)
    known = ~np.isnan(events) & (sizes > 0) & (factors > 0)
    return np.where(known, events, np.nan), np.where(known, sizes, np.nan), np.where(known, factors, np.nan)


def pooled(events: Array, sizes: Array, inside: Array) -> Array:
    """Give the rate of the baseline: all its events over all its sizes, NaN where it holds nothing."""
    return _ratio(np.where(inside, events, 0.0).sum(axis=-1), np.where(inside, sizes, 0.0).sum(axis=-1))


def moving_sigma(values: Array, inside: Array) -> Array:
    """Give the standard deviation by the mean moving range of the baseline, ranges beyond 3.267 times the mean left out."""
    packed, _ = pack(np.where(inside, values, np.nan))
    ranges = np.abs(np.diff(packed, axis=-1))
    usual = ranges <= SCREEN * mean(ranges)[..., None]
    return mean(np.where(usual, ranges, np.nan)) / D2


def mean(values: Array) -> Array:
    """Give the mean of what is known along the last axis, NaN where nothing is."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1))


def autocorrelation(z: Array, inside: Array) -> Array:
    """Give the lag-1 correlation of the baseline's points with those before them (Box and Jenkins 1970), 0 where unknown."""
    packed, _ = pack(np.where(inside, z, np.nan))
    off = np.nan_to_num(packed - mean(packed)[..., None])
    return np.nan_to_num(_ratio((off[..., 1:] * off[..., :-1]).sum(axis=-1), (off**2).sum(axis=-1)))


def guarded(chart: Chart) -> Chart:
    """Give the chart with the series that depend on the day before made fit for judging.

    Their limits are widened by 1 / sqrt(1 - r), for neighbours with the correlation r differ by 2 sigma sqrt((1 - r) / pi) in the
    mean, and not by 2 sigma / sqrt(pi) = 1.128 sigma; and only points beyond a limit signal: runs, trends and neighbours far
    out are what such a series does by itself.
    """
    if not chart.autocorrelated.any():
        return chart
    r = np.clip(np.where(chart.autocorrelated, chart.autocorrelation, 0.0), 0.0, 0.95)[..., None]
    z = chart.z * np.sqrt(1 - r)
    signals, side = read(z, chart.steady, Signal.BEYOND)
    depends = chart.autocorrelated[..., None]
    return replace(
        chart,
        sigma=chart.sigma / np.sqrt(1 - r),
        z=z,
        signals=np.where(depends, signals, chart.signals),
        side=np.where(depends, side, chart.side),
    )


def _chart(
    values: Array,
    centre: Array,
    sigma: Array,
    steady: Array,
    inside: Array,
    dispersion: Array,
    bounds: tuple[float, float],
) -> Chart:
    points = inside.sum(axis=-1)
    sigma = np.where((points >= LEAST)[..., None] & ~np.isnan(values), sigma, np.nan)
    centre = np.where(np.isnan(values), np.nan, np.broadcast_to(centre, values.shape))
    scale = np.where(inside, np.abs(values), 0.0).max(axis=-1, initial=0.0)[..., None]
    off = values - centre
    z = _ratio(off, np.where(sigma > NO_SPREAD * scale, sigma, 0.0))
    z = np.where(~np.isnan(sigma) & (np.abs(off) <= NO_SPREAD * scale), 0.0, z)
    signals, side = read(z, steady)
    return Chart(
        values, centre, sigma, z, steady, signals, side, points, dispersion, autocorrelation(z, inside), bounds
    )


def _inside(values: Array, baseline: Any) -> Array:
    """Tell which points give the limits."""
    known = ~np.isnan(values)
    return known if baseline is None else known & np.asarray(baseline, bool)


def _ratio(above: Any, below: Any) -> Array:
    """Divide; NaN where there is nothing to divide by."""
    below = np.asarray(below, float)
    return np.asarray(np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0))
