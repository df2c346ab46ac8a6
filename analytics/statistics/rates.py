"""What its peers say of a slice: priors for shares and counts, and funnels, each from all slices but the one judged.

A slice never weighs in on its own yardstick. Otherwise a worsening partner would widen the spread that excuses it.
Arrays hold a value per slice of one KPI; slices without rows have n (or exposure) 0 and teach their peers nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

STRENGTH = 50.0
"""Orders that the peers of a share may weigh at most: enough for two bad repairs to prove nothing, not to drown hundreds."""

EVENTS = 1.5
"""Events that the peers of a count may weigh at most: those of 50 orders at 3 %; events, so that units change nothing."""

ROWS = 4.0
"""Rows that the peers weigh at most about how far rows lie apart: enough that three days alike by chance prove nothing."""

UNLIKE = 0.1
"""How likely a slice is to be unlike its peers, so that they teach nothing about its count; it then weighs this much of itself."""

PEERS = 4
"""Fewer peers than this cannot tell how much partners differ: they count as alike."""

WINSOR = 0.1
"""The share of z-scores at either end that is pulled in before over-dispersion is estimated (Spiegelhalter 2005)."""


@dataclass(frozen=True)
class Beta:
    """Beta priors, one per slice: `a` hits and `b` misses seen before the first row."""

    a: Any
    b: Any

    @property
    def mean(self) -> Any:
        return self.a / (self.a + self.b)

    def above(self, hits: Any, n: Any, limit: Any) -> Any:
        """P(true share > limit) given `hits` of `n`."""
        hits, n = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
        return special.betaincc(self.a + hits, self.b + n - hits, np.clip(limit, 0.0, 1.0))

    def estimate(self, hits: Any, n: Any) -> Any:
        """Give the share shrunk towards the peers, by which slices are ranked."""
        return (self.a + hits) / (self.a + self.b + n)


@dataclass(frozen=True)
class Gamma:
    """Gamma priors of rates, one per slice: `events` seen in `exposure` before the first day."""

    events: Any
    exposure: Any

    def above(self, count: Any, exposure: Any, limit: Any) -> Any:
        """P(true rate > limit) given `count` in `exposure`; without any exposure a rate is unknown: 1/2.

        A gamma has light tails: peers with hardly an event would drown ten of one's own. With probability `UNLIKE` the slice is
        unlike its peers instead, with half an event before the first day (robust mixture, Schmidli et al. 2014).
        """
        count, exposure = (np.asarray(each, dtype=float) for each in (count, exposure))
        limit = np.maximum(limit, 0.0)
        alike = special.gammaincc(self.events + count, (exposure + self.exposure) * limit)
        unlike = special.gammaincc(0.5 + count, (1 + UNLIKE) * exposure * limit)
        taught = (exposure > 0) & (np.asarray(self.exposure) > 0)
        own, before = np.where(taught, exposure, 1.0), np.where(taught, self.exposure, 1.0)
        odds = _log_chance(count, own, 0.5, UNLIKE * own) - _log_chance(count, own, self.events, before)
        weight = np.where(taught, special.expit(np.log(UNLIKE / (1 - UNLIKE)) + odds), 0.0)
        return np.where(exposure + self.exposure > 0, weight * unlike + (1 - weight) * alike, 0.5)

    def estimate(self, count: Any, exposure: Any) -> Any:
        """Give the rate shrunk towards the peers; NaN without any exposure."""
        total = np.asarray(exposure, dtype=float) + self.exposure
        return np.where(total > 0, (self.events + count) / np.where(total > 0, total, 1.0), np.nan)


def _log_chance(count: Any, exposure: Any, events: Any, before: Any) -> Any:
    """Give log P(count in an exposure) by a gamma prior, but for what depends on the count and the exposure alone."""
    chance = special.gammaln(events + count) - special.gammaln(events)
    return chance + special.xlogy(events, before) - special.xlogy(events + count, before + exposure)


def keeping(limit: Any) -> Any:
    """Give the rate of events of which half the windows have no more than `limit`: ln 2 for a limit of none.

    The rate of a usual window. Held against the limit itself, one event would prove a limit of none broken for good, though
    it comes to everybody once in a while.
    """
    return special.gammaincinv(np.maximum(np.floor(np.asarray(limit, dtype=float)), 0.0) + 1, 0.5)


def share_prior(hits: Any, n: Any, most: float = STRENGTH) -> Beta:
    """Learn from the peers of each slice how shares lie: their mean, and as many orders as they are alike, `most` at most.

    Moments of the beta-binomial (Kleinman 1973): Var(share) = pq (rho + (1 - rho) / n), strength = 1 / rho - 1, with a
    slice weighing n most / (n + most), so that no giant speaks for all. Half a hit and half a miss are added, hence a slice
    without peers gets Jeffreys' prior.
    """
    hits, n = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
    weight = n * most / (n + most)
    s = _sums_of_peers(weight, _ratio(hits, n), _ratio(1.0, n))
    mean = (s.value + 0.5) / (s.weight + 1)
    scatter = _ratio(s.squares, mean * (1 - mean))
    rho = _ratio(scatter - s.noise, s.spread - s.noise)
    alike = (s.peers < PEERS) | (rho <= 1 / (1 + most))
    strength = np.where(alike, most, 1 / np.where(alike, 1.0, np.minimum(rho, 1 / 2)) - 1)
    strength = np.minimum(strength, _others(n) + 1)
    return Beta(mean * strength, (1 - mean) * strength)


def count_prior(counts: Any, exposure: Any, most: float = EVENTS) -> Gamma:
    """Learn from the peers of each slice how rates per exposure lie; the exposure may be what was expected (case-mix).

    Moments of the gamma-Poisson: Var(rate) = m / exposure + v, events = m^2 / v, `most` at most. A slice without peers gets
    Jeffreys' prior: half an event in no exposure.
    """
    counts, exposure = np.asarray(counts, dtype=float), np.asarray(exposure, dtype=float)
    usual = np.median(exposure[exposure > 0]) if (exposure > 0).any() else 1.0
    s = _sums_of_peers(_ratio(exposure * usual, exposure + usual), _ratio(counts, exposure), _ratio(1.0, exposure))
    mean = _ratio(s.value + 0.5, s.weight)
    between = _ratio(s.squares - mean * s.noise, s.spread)
    alike = (s.peers < PEERS) | (between * most <= mean**2)
    events = np.where(alike, most, mean**2 / np.where(alike, 1.0, between))
    events = np.minimum(events, _others(counts) + 0.5)
    return Gamma(np.where(s.weight > 0, events, 0.5), _ratio(events, mean))


@dataclass(frozen=True)
class Normal:
    """Normal priors of means, one per slice."""

    mean: Any
    variance: Any
    spread: Any
    freedom: Any

    def above(self, mean: Any, n: Any, limit: Any) -> Any:
        """P(true mean > limit) given a mean of n rows; where the peers teach nothing its own rows alone count.

        The tail is Student's: of few rows not even the spread is known.
        """
        own, taught = np.asarray(n, dtype=float) / np.maximum(self.spread, 1e-12) ** 2, _ratio(1.0, self.variance)
        weight = own + taught
        centre = (own * np.asarray(mean, dtype=float) + taught * np.nan_to_num(self.mean)) / weight
        return special.stdtr(self.freedom, (centre - limit) * np.sqrt(weight))


def mean_prior(mean: Any, spread: Any, n: Any, most: float = STRENGTH) -> Normal:
    """Learn from the peers of each slice how means lie: their middle, with the variance between them (see `funnel`).

    `spread` is the standard deviation of single rows; the peers weigh `most` rows of the slice's own spread at most. A few rows
    may lie together by chance, so that spreads are drawn towards those of the peers (see `steadied`).
    """
    mean, spread, n = (np.asarray(each, dtype=float) for each in (mean, spread, n))
    found = funnel(mean, np.maximum(spread, 1e-12) / np.sqrt(n))
    steady, freedom = steadied(spread, n)
    return Normal(found.centre, found.between**2 + steady**2 / most, steady, freedom)


def steadied(spread: Any, n: Any, most: float = ROWS) -> tuple[Any, Any]:
    """Give standard deviations of n rows each, drawn towards the peers', and their degrees of freedom.

    A scaled inverse chi-squared prior (Smyth 2004): the peers' pooled variance weighs `most` rows, or as many as they have.
    """
    spread, n = np.asarray(spread, dtype=float), np.asarray(n, dtype=float)
    freedom = np.maximum(n - 1, 0.0)
    squares = freedom * spread**2
    taught = np.minimum(most, _others(freedom))
    pooled = _ratio(_others(squares), _others(freedom))
    whole = freedom + taught
    return np.sqrt(_ratio(taught * pooled + squares, whole)), np.maximum(whole, 1.0)


@dataclass(frozen=True)
class Funnel:
    """How far each slice lies from a target, in standard deviations, one per slice.

    `z` is signed: above the target is positive. `between` is the standard deviation of the peers' true values, on the scale of
    the estimates, `centre` that of their middle. NaN where there are no rows, or neither a target nor peers.
    """

    z: Any
    between: Any
    centre: Any

    @property
    def p_above(self) -> Any:
        """P(a slice that truly lies at the target looks at least this high)."""
        return special.ndtr(-self.z)

    @property
    def p_below(self) -> Any:
        return special.ndtr(self.z)


def share_funnel(hits: Any, n: Any, target: float | Any | None = None) -> Funnel:
    """Give the funnel of shares against `target`, else the middle of the peers.

    On Anscombe's scale (1948), asin(sqrt((hits + 3/8) / (n + 3/4))) with variance 1 / (4n + 2), which needs no rate to know its
    own error, as Spiegelhalter et al. (2012) do.
    """
    hits, n = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
    estimate = np.arcsin(np.sqrt((np.clip(hits, 0.0, n) + 0.375) / (n + 0.75)))
    aim = None if target is None else np.arcsin(np.sqrt(np.clip(target, 0.0, 1.0)))
    return funnel(estimate, np.where(n > 0, 1 / np.sqrt(4 * n + 2), np.inf), aim)


def count_funnel(counts: Any, expected: Any, target: float | Any | None = None) -> Funnel:
    """Give the funnel of counts over what was expected (exposure x usual rate, or case-mix) against the ratio `target`.

    On the scale of square roots: Anscombe's sqrt((count + 3/8) / expected), variance 1 / (4 expected).
    """
    counts, expected = np.asarray(counts, dtype=float), np.asarray(expected, dtype=float)
    known = expected > 0
    root = np.sqrt((counts + 0.375) / np.where(known, expected, 1.0))
    error = np.where(known, 0.5 / np.sqrt(np.where(known, expected, 1.0)), np.inf)
    return funnel(root, error, None if target is None else np.sqrt(np.maximum(target, 0.0)))


def funnel(estimate: Any, error: Any, target: Any | None = None, winsor: float = WINSOR) -> Funnel:
    """Give z = (estimate - target) / sqrt(error^2 + between^2), between^2 by the peers' winsorised z-scores.

    Additive random effects (Spiegelhalter 2005): between^2 = (I phi - (I - 1)) / (sum w - sum w^2 / sum w), w = 1 / error^2,
    phi = mean z^2. Unlike there, phi is divided by what winsorising leaves of it where there is no over-dispersion, and the
    peers' middle is their weighted median, whose own uncertainty counts when it is the target. `error` inf: no estimate.
    """
    estimate, error = np.asarray(estimate, dtype=float), np.asarray(error, dtype=float)
    known = np.isfinite(error) & np.isfinite(estimate)
    y, s = estimate[known], error[known]
    centre = _medians_of_peers(y, s**-2)
    between = _between(y, s, centre, winsor)
    w = s**-2
    weight, squared = _others(w), _others(w**2)
    # of the median: pi/2 times that of the mean
    wobble = np.pi / 2 * (_ratio(1.0, weight) + between * _ratio(squared, weight**2)) if target is None else 0.0
    aim = centre if target is None else np.broadcast_to(target, estimate.shape)[known]
    z = (y - aim) / np.sqrt(s**2 + between + wobble)
    return Funnel(*(_spread_out(each, known) for each in (z, np.sqrt(between), centre)))


def _between(y: Any, s: Any, centre: Any, winsor: float) -> Any:
    """Give the peers' variance between true values for each slice; slices whose peers have one middle are done together."""
    w = s**-2
    weight, squared, peers = _others(w), _others(w**2), len(y) - 1
    total = np.zeros(len(y))
    for middle in np.unique(centre[np.isfinite(centre)]):
        mine = np.flatnonzero(centre == middle)
        total[mine] = _winsorised_squares((y - middle) / s, winsor)[mine]
    excess = total / _left_by_winsorising(winsor) - (peers - 1)
    return np.maximum(_ratio(excess, weight - _ratio(squared, weight)), 0.0) if peers > 1 else np.zeros(len(y))


def _winsorised_squares(z: Any, winsor: float) -> Any:
    """Give, for each slice, the sum of the squared z-scores of all others, those beyond their own quantiles pulled in."""
    order = np.argsort(z, kind="stable")
    ordered, count = z[order], len(z)
    rank = np.empty(count, dtype=int)
    rank[order] = np.arange(count)
    low, high = (_quantile_of_others(ordered, rank, q) for q in (winsor, 1 - winsor))
    first = np.searchsorted(ordered, low, side="left")
    last = np.searchsorted(ordered, high, side="right")
    sums = np.concatenate([[0.0], np.cumsum(ordered**2)])
    whole = sums[last] - sums[first] + first * low**2 + (count - last) * high**2
    return whole - np.clip(z, low, high) ** 2


def _quantile_of_others(ordered: Any, rank: Any, q: float) -> Any:
    """Give the q-quantile of all but the one of each rank, interpolated as numpy does."""
    if len(ordered) < 2:
        return np.zeros(len(ordered))
    at = q * (len(ordered) - 2)
    below, part = int(np.floor(at)), at - np.floor(at)
    above = min(below + 1, len(ordered) - 2)
    left, right = (ordered[position + (position >= rank)] for position in (below, above))
    return left + part * (right - left)


def _left_by_winsorising(winsor: float) -> float:
    """Give E[z^2] of a standard normal z that is pulled in at its `winsor` quantiles: 1 when none is."""
    if winsor <= 0:
        return 1.0
    edge = -special.ndtri(winsor)
    density = np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi)
    return float(1 - 2 * winsor - 2 * edge * density + 2 * winsor * edge**2)


def _medians_of_peers(y: Any, weight: Any) -> Any:
    """Give the weighted median of all but each; between the two middle ones where half the weight lies on either side."""
    if len(y) < 2:
        return np.full(len(y), np.nan)
    order = np.argsort(y, kind="stable")
    y, weight = y[order], weight[order]
    heaped = np.cumsum(weight)
    half = (heaped[-1] - weight) / 2
    medians = np.empty(len(y))
    # the tolerance keeps rounding, and with it the order of the slices, from deciding what is exactly half
    medians[order] = sum(y[_reaching(heaped, weight, half * (1 + side))] for side in (-1e-9, 1e-9)) / 2
    return medians


def _reaching(heaped: Any, weight: Any, mark: Any) -> Any:
    """Give, for each left out in turn, the first of the others at which the heap of the others reaches its mark."""
    at = np.searchsorted(heaped, mark)
    # before the one left out the heap stands without it, after it its weight counts in
    behind = at >= np.arange(len(heaped))
    return np.minimum(np.where(behind, np.searchsorted(heaped, mark + weight), at), len(heaped) - 1)


@dataclass(frozen=True)
class _Peers:
    """Sums over all slices but each: `squares` about their mean, `noise` and `spread` are its expectation's two parts."""

    peers: Any
    weight: Any
    value: Any
    squares: Any
    noise: Any
    spread: Any


def _sums_of_peers(weight: Any, value: Any, noise: Any) -> _Peers:
    heap, squared = _others(weight), _others(weight**2)
    total = _others(weight * value)
    squares = _others(weight * value**2) - _ratio(total**2, heap)
    return _Peers(
        peers=_others((weight > 0).astype(float)),
        weight=heap,
        value=total,
        squares=np.maximum(squares, 0.0),
        noise=_others(weight * noise) - _ratio(_others(weight**2 * noise), heap),
        spread=heap - _ratio(squared, heap),
    )


def _others(values: Any) -> Any:
    """Give the sum over all but each; what is left of rounding is not below 0."""
    return np.maximum(values.sum() - values, 0.0)


def _ratio(above: Any, below: Any) -> Any:
    """Divide where there is something to divide by, else give 0."""
    below = np.asarray(below, dtype=float)
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), 0.0)


def _spread_out(values: Any, known: Any) -> Any:
    every = np.full(known.shape, np.nan)
    every[known] = values
    return every
