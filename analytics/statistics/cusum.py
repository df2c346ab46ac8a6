"""Change in rare events: sums of evidence over days of which each alone is too small to chart.

Page's cumulative sum of log likelihood ratios (Biometrika 41, 1954, 100) for an odds or a rate that doubled, and for one
that halved; for shares the ratio is that of Steiner, Cook, Farewell and Treasure (Biostatistics 1, 2000, 441), for counts that
of Lucas (Technometrics 27, 1985, 129). In control, exp of the sum of the days up to any one, counted backwards, is a martingale
of mean 1, so by Ville's inequality a sum stands above h with a probability of at most exp(-h): the false alarm rate holds for
every rate and every size of a day without a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from analytics.statistics.spc import LEAST, observed, pooled

Array = np.ndarray[Any, Any]

CHANGE = 2.0
"""The odds (or rate) ratio that the sums are most sensitive to; the improving side looks for one over it."""
FALSE_ALARMS = 0.01
"""At most this share of the days in control stands beyond the height on either side."""
GUARD = 0.5
"""The baseline's rate is itself a guess; each side starts from the rate that many standard errors towards the change.

Simulated, so that with a baseline of 46 days and 0.1 to 3 events a day the false alarms stay within what is promised.
"""


@dataclass(frozen=True, eq=False)
class Cusum:
    """One cumulative sum chart or many, days last.

    `rising` and `falling` are the sums, NaN where no baseline is known; beyond `height` they signal: `side` is 1 high, -1 low,
    0 none. `since` is the index of the day on which the change began (the day after the sum was last nothing), -1 without
    a signal. `rate` is the baseline's, `events` how many it holds on its `points`, `sizes` out of how much, `dispersion` their
    variance over what chance gives (1 or more).
    """

    rising: Array
    falling: Array
    side: Array
    since: Array
    rate: Array
    events: Array
    sizes: Array
    points: Array
    dispersion: Array
    height: float


def cusum(
    events: Any,
    sizes: Any,
    *,
    shape: Literal["share", "count"],
    baseline: Any = None,
    factors: Any = None,
    change: float = CHANGE,
    false_alarms: float = FALSE_ALARMS,
    guard: float = GUARD,
) -> Cusum:
    """Sum up the evidence that the rate of `events` per `sizes` changed from that of the baseline (a mask; all days if None).

    Sums run from the first day. Overdispersed events count for less: the ratios are divided by the dispersion (quasi-likelihood).
    No event in the baseline is read as half of one (Jeffreys), so a single one later proves nothing.
    """
    events, sizes, factors = observed(events, sizes, factors)
    sizes = sizes * factors
    inside = ~np.isnan(events) if baseline is None else ~np.isnan(events) & np.asarray(baseline, bool)
    n, found = (np.where(inside, each, 0.0).sum(axis=-1) for each in (sizes, events))
    rate = pooled(events, sizes, inside)
    error = guard * np.sqrt(found + 0.5)
    points = inside.sum(axis=-1)
    fits = points >= LEAST
    high, low = (
        np.divide(np.maximum(each, 0.25), n, out=np.full(n.shape, np.nan), where=(n > 0) & fits)[..., None]
        for each in (found + 0.5 + error, found + 0.5 - error)
    )
    dispersion = _dispersion(events, sizes, rate, inside, shape)
    rising, falling = (
        _sums(_evidence(events, sizes, r, by, shape) / dispersion[..., None])
        for r, by in ((high, change), (low, 1 / change))
    )
    height = -float(np.log(false_alarms))
    side, since = _sides(rising, falling, height)
    return Cusum(rising, falling, side, since, rate, found, n, points, dispersion, height)


def _evidence(events: Array, sizes: Array, rate: Array, change: float, shape: str) -> Array:
    """Give the log likelihood ratio of each day, a rate changed against a rate as it was; 0 on days that show nothing."""
    share = shape == "share"
    against = np.log1p((change - 1) * np.minimum(rate, 1.0)) if share else rate * (change - 1)
    evidence = events * np.log(change) - sizes * against
    return np.where(np.isnan(events), 0.0, evidence)


def _sums(evidence: Array) -> Array:
    sums = np.zeros_like(evidence)
    last = np.zeros(evidence.shape[:-1])
    for day in range(evidence.shape[-1]):
        last = np.maximum(last + evidence[..., day], 0.0)
        sums[..., day] = last
    return sums


def _sides(rising: Array, falling: Array, height: float) -> tuple[Array, Array]:
    # a change to and fro can leave both sums high; then the higher one speaks
    up = (rising >= height) & ~(falling > rising)
    down = (falling >= height) & ~up
    days = np.broadcast_to(np.arange(rising.shape[-1]), rising.shape)
    begun = [np.maximum.accumulate(np.where(each > 0, -1, days), axis=-1) + 1 for each in (rising, falling)]
    return up.astype(np.int8) - down.astype(np.int8), np.where(up, begun[0], np.where(down, begun[1], -1))


def _dispersion(events: Array, sizes: Array, rate: Array, inside: Array, shape: str) -> Array:
    """Give Pearson's chi-square of the baseline over its degrees of freedom, less one standard error, and at least 1."""
    rate = rate[..., None]
    expected = sizes * rate
    spread = expected * (1 - np.minimum(rate, 1.0)) if shape == "share" else expected
    days = np.maximum(inside.sum(axis=-1), 2)
    usable = inside & (spread > 0)
    excess = np.divide((events - expected) ** 2, spread, out=np.zeros_like(spread), where=usable).sum(axis=-1)
    # rare events make single terms heavy-tailed: their variance is 2 + 1 / expected
    noise = 2 + np.divide(1.0, spread, out=np.zeros_like(spread), where=usable).sum(axis=-1) / days
    return np.asarray(np.maximum(excess / (days - 1) - np.sqrt(noise / days), 1.0))
