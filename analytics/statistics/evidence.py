"""How likely it is that the true value lies beyond a limit: closed forms, no random draws.

Shares use the beta posterior under Jeffreys' prior, means Student's t, quantiles the share of rows beyond the limit.
Every function takes and gives arrays of equal length; probabilities lie in [0, 1].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

JEFFREYS = 0.5


def share_above(hits: Any, n: Any, limit: Any) -> Any:
    """P(true share > limit) given `hits` of `n`; Beta(hits + 1/2, n - hits + 1/2) (Brown, Cai, DasGupta 2001)."""
    return special.betaincc(
        np.asarray(hits) + JEFFREYS, np.asarray(n) - np.asarray(hits) + JEFFREYS, np.clip(limit, 0.0, 1.0)
    )


def mean_above(mean: Any, deviation: Any, n: Any, limit: Any) -> Any:
    """P(true mean > limit) by Student's t with n - 1 degrees of freedom; one row alone proves nothing."""
    mean, deviation, n, limit = (np.asarray(x, dtype=float) for x in (mean, deviation, n, limit))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        distance = (mean - limit) / (deviation / np.sqrt(n))
    probability = special.stdtr(np.maximum(n - 1, 1), distance)
    certain = np.where(mean > limit, 1.0, 0.0)
    probability = np.where(deviation > 0, probability, certain)
    return np.where(n >= 2, probability, 0.5)


def mean_below(mean: Any, deviation: Any, n: Any, limit: Any) -> Any:
    """P(true mean < limit); with no spread at all a mean at the very limit is not below it, so this is no mere 1 - above."""
    return mean_above(np.negative(mean), deviation, n, np.negative(limit))


def quantile_above(over: Any, n: Any, q: float) -> Any:
    """P(true q-quantile > limit), that is P(share of rows over the limit > 1 - q), given `over` of `n` rows beyond it."""
    return share_above(over, n, 1 - q)


def quantile_below(under: Any, n: Any, q: float) -> Any:
    """P(true q-quantile < limit), that is P(share of rows under the limit > q), given `under` of `n` rows beneath it."""
    return share_above(under, n, q)
