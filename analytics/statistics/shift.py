"""Whether the last days of many series are worse than the days before them: how sure that is, by how much, and for how long.

The last 7, 14 and 28 days are each held against all days before them: shares and counts by the signed root of the likelihood ratio
(Barndorff-Nielsen and Cox, Inference and Asymptotics, 1994, 4.4), which stays right far out in the tails of rare events; means
by Student's t, freed of their skewness. Both are divided by what the days before say of overdispersion, by day (Laney) and by
week, for queues and crews swing for longer than a day: Pearson's chi-square over its degrees of freedom, moderated towards that
of all series together (Smyth 2004, Statistical Applications in Genetics and Molecular Biology 3, 3). The smallest p-value of the
spans, times their number, is that of the series (Bonferroni). Simulated in control, no more series than promised are below
0.01 or 0.0001, overdispersed ones included; only means as skew as an exponential draw a day are told 5 times as often.

Days lie along the last axis, oldest first; NaN is a day without data. Worse is always higher: the caller turns series round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.special import ndtr, stdtr, xlogy

from analytics.statistics.season import season
from analytics.statistics.spc import observed, pooled

if TYPE_CHECKING:
    from analytics.statistics.season import Calendar
    from analytics.statistics.signals import Array

SPANS = (7, 14, 28)
"""Days that are held against all days before them."""
WEEK = 7
LEAST_DAYS = 21
"""With fewer known days before a span nobody knows what is usual."""
COMMON = 20.0
"""What all series together say of dispersion weighs as much as so many days of one, or weeks of a seventh of them."""

Shape = Literal["share", "count", "mean"]


@dataclass(frozen=True, eq=False)
class Shift:
    """What the surest of the spans says of each series, an element per series.

    `p` is the probability that chance makes the last days so much higher (for all spans together), 1 where nothing can be judged;
    `span` its days. `before` and `recent` are the plain figures of the days before and of the span, NaN without any, `excess` is
    how much more the span's days add up to than the days before let expect (shares and counts: events), season considered.
    """

    p: Array
    span: Array
    before: Array
    recent: Array
    excess: Array


def risen(sums: Any, sizes: Any, days: Calendar | None = None, *, shape: Shape) -> Shift:
    """Ask of daily `sums` over `sizes` whether their ratio has risen: events of rows, events per unit, or values of rows."""
    sums, sizes, _ = observed(sums, sizes, None)
    x, e, turned = _freed(sums, sizes, days, shape)
    spans = [_span(x, e, turned, span, shape) for span in SPANS]
    best = np.argmin(np.stack([p for p, _ in spans]), axis=0)
    p, excess = (np.take_along_axis(np.stack(each), best[None], axis=0)[0] for each in zip(*spans, strict=True))
    span = np.asarray(SPANS)[best]
    recent, known = np.arange(x.shape[-1]) >= x.shape[-1] - span[..., None], ~np.isnan(sums)
    before, recent = pooled(sums, sizes, known & ~recent), pooled(sums, sizes, known & recent)
    return Shift(np.minimum(len(SPANS) * p, 1.0), span, before, recent, excess)


def _freed(sums: Array, sizes: Array, days: Calendar | None, shape: Shape) -> tuple[Array, Array, Array]:
    """Give sums and sizes freed of the season, 0 where unknown, and which series are reckoned on the rarer outcome.

    Effects of the season are learned from all days, those judged included: with weekdays as even as the spans are, a rise moves
    none of them.
    """
    turned = (pooled(sums, sizes, ~np.isnan(sums)) > 0.5) if shape == "share" else np.zeros(sums.shape[:-1], bool)
    sums = np.where(turned[..., None], sizes - sums, sums)
    if days is not None and shape == "mean":
        effect = season(sums / sizes, days, sizes=sizes, kind="additive").effect
        sums = sums - effect * sizes
    elif days is not None:
        sums, sizes, factors = observed(sums, sizes, season(sums / sizes, days, sizes=sizes).effect)
        sizes = sizes * factors
    unknown = np.isnan(sums) | np.isnan(sizes)
    return np.where(unknown, 0.0, sums), np.where(unknown, 0.0, sizes), turned


def _span(x: Array, e: Array, turned: Array, span: int, shape: Shape) -> tuple[Array, Array]:
    """Give the p-value of one span, and how much its days hold beyond what those before let expect."""
    cut = max(x.shape[-1] - span, 0)
    then, size = (each[..., :cut].sum(axis=-1) for each in (x, e))
    now, size_now = (each[..., cut:].sum(axis=-1) for each in (x, e))
    enough = ((e[..., :cut] > 0).sum(axis=-1) >= LEAST_DAYS) & (size_now > 0)
    size, size_now = np.where(enough, size, 1.0), np.where(enough, size_now, 1.0)
    spread, freedom = _dispersion(x[..., :cut], e[..., :cut], shape)
    if shape == "mean":
        off = (now / size_now - then / size) / np.sqrt(np.maximum(spread * (1 / size + 1 / size_now), 1e-300))
        lean = _skewness(x[..., :cut], e[..., :cut]) / np.sqrt(np.maximum((e[..., cut:] > 0).sum(axis=-1), 1))
        p = stdtr(freedom, -np.where(spread > 0, _straight(off, lean), 0.0))
    else:
        root = _root(now, size_now, then, size, shape) / np.sqrt(spread)
        p = ndtr(np.where(turned, root, -root))
    excess = now - size_now * then / size
    return np.where(enough, p, 1.0), np.where(enough, np.where(turned, -excess, excess), 0.0)


def _root(x1: Array, e1: Array, x0: Array, e0: Array, shape: Shape) -> Array:
    """Give the signed root of twice the log likelihood ratio that two groups' rates differ; positive where the first is higher.

    Events come in whole: half of one is given away in favour of no difference (Yates 1934).
    """
    rate = (x1 + x0) / (e1 + e0)
    expected = e1 * rate
    off = x1 - expected
    x1 = expected + np.sign(off) * np.maximum(np.abs(off) - 0.5, 0.0)
    x0 = (e1 + e0) * rate - x1
    gain = np.zeros(rate.shape)
    some = (rate > 0) & ((rate < 1) | (shape == "count"))
    safe = np.where(some, rate, 0.5)
    for x, e in ((x1, e1), (x0, e0)):
        gain = gain + xlogy(x, np.maximum(x, 1e-300) / (e * safe))
        if shape == "share":
            rest = np.maximum(e - x, 0.0)
            gain = gain + xlogy(rest, np.maximum(rest, 1e-300) / (e * (1 - safe)))
    return np.asarray(np.where(some, np.sign(off) * np.sqrt(np.maximum(2 * gain, 0.0)), 0.0))


def _skewness(x: Array, e: Array) -> Array:
    """Give how skew the means of single days are, drawn towards that of all series together; what leans down counts as even."""
    size = e.sum(axis=-1, keepdims=True)
    rate = np.divide(x.sum(axis=-1, keepdims=True), size, out=np.zeros(size.shape), where=size > 0)
    off = np.divide(x - e * rate, np.sqrt(e), out=np.zeros(x.shape), where=e > 0)
    days = (e > 0).sum(axis=-1)
    spread = (off**2).sum(axis=-1) / np.maximum(days, 1)
    own = np.divide(
        (off**3).sum(axis=-1) / np.maximum(days, 1), spread**1.5, out=np.zeros(days.shape), where=spread > 0
    )
    common = float((own * days).sum() / max(days.sum(), 1))
    return np.asarray(np.maximum((days * own + COMMON * common) / (days + COMMON), 0.0))


def _straight(off: Array, lean: Array) -> Array:
    """Give the normal distance as far out as `off` is in a gamma distribution of that skewness (Wilson and Hilferty 1931)."""
    lean = np.maximum(lean, 1e-6)
    return np.asarray(6 / lean * (np.cbrt(np.maximum(1 + lean * off / 2, 0.0)) - 1) + lean / 6)


def _dispersion(x: Array, e: Array, shape: Shape) -> tuple[Array, Array]:
    """Give the dispersion by day or by week, whichever is larger, and its degrees of freedom.

    Of shares and counts it is the variance over that of chance, at least 1; of means the variance of a row.
    """
    count = x.shape[-1] // WEEK
    weeks = [
        each[..., x.shape[-1] - count * WEEK :].reshape(*each.shape[:-1], count, WEEK).sum(axis=-1) for each in (x, e)
    ]
    if shape == "mean":
        own, freedom, _ = _chi_square(x, e, np.ones(x.shape[:-1]), shape)
        by_week = _moderated(weeks[0], weeks[1], np.where(own > 0, own, 1.0), shape)
        return own * np.maximum(by_week, 1.0), np.maximum(freedom, 1.0)
    one = np.ones(x.shape[:-1])
    found = np.maximum(_moderated(x, e, one, shape), _moderated(weeks[0], weeks[1], one, shape))
    return np.maximum(found, 1.0), one


def _chi_square(x: Array, e: Array, unit: Array, shape: Shape) -> tuple[Array, Array, Array]:
    """Give Pearson's chi-square over its degrees of freedom, these, and how many of those of normal draws they are worth."""
    size = e.sum(axis=-1)
    rate = np.divide(x.sum(axis=-1), size, out=np.zeros(size.shape), where=size > 0)[..., None]
    expected = e * rate
    each = expected if shape == "count" else expected * (1 - rate) if shape == "share" else e * unit[..., None]
    used = (e > 0) & (each > 0)
    off = np.divide((x - expected) ** 2, each, out=np.zeros(x.shape), where=used).sum(axis=-1)
    freedom = np.maximum(used.sum(axis=-1) - 1.0, 0.0)
    # the terms of rare events are heavy-tailed: their variance is 2 + 1 / expected
    rare = 0.0 if shape == "mean" else np.divide(1.0, each, out=np.zeros(x.shape), where=used).sum(axis=-1)
    worth = np.divide(2 * freedom**2, 2 * (freedom + 1) + rare)
    return np.divide(off, freedom, out=np.ones(off.shape), where=freedom > 0), freedom, worth


def _moderated(x: Array, e: Array, unit: Array, shape: Shape) -> Array:
    """Give each series' dispersion, drawn towards that of all together by how little it is worth."""
    own, _, worth = _chi_square(x, e, unit, shape)
    all_worth = worth.sum()
    common = max(float((own * worth).sum() / all_worth), 1.0) if all_worth > 0 else 1.0
    weight = COMMON * max(x.shape[-1], 1) / 60
    return np.asarray((worth * own + weight * common) / (worth + weight))
