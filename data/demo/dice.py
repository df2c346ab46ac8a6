"""Dice without memory: any row's any throw can be drawn at any time, so that a network is the same however it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def mixed(keys: Keys) -> Keys:
    """Scatter 64-bit numbers: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        keys = (keys ^ (keys >> np.uint64(30))) * _FIRST
        keys = (keys ^ (keys >> np.uint64(27))) * _SECOND
    return keys ^ (keys >> np.uint64(31))


def keyed(*parts: Any) -> Keys:
    """Join whole numbers (scalars or columns) to one key per row."""
    key: Any = np.uint64(0)
    with np.errstate(over="ignore"):
        for part in parts:
            key = mixed(np.asarray(key + np.asarray(part).astype(np.uint64) * _GOLDEN + _GOLDEN))
    return np.asarray(key)


class Dice:
    """Turns keys into decisions for all rows at once; every throw is the next one of every row."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._thrown = 0

    def fork(self, stream: int) -> Dice:
        """Give further dice, whose throws do not depend on how often these were thrown."""
        return Dice(keyed(self._keys, stream))

    def only(self, rows: Any) -> Dice:
        return Dice(self._keys[rows])

    def uniform(self) -> Array:
        self._thrown += 1
        with np.errstate(over="ignore"):
            thrown = mixed(self._keys + np.uint64(self._thrown) * _GOLDEN)
        drawn: Array = (thrown >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return drawn

    def chance(self, probability: Any) -> Mask:
        hit: Mask = self.uniform() < probability
        return hit

    def spread(self, median: Any, sigma: float) -> Array:
        """Draw log-normal durations."""
        drawn: Array = median * np.exp(sigma * ndtri(np.clip(self.uniform(), 1e-9, 1 - 1e-9)))
        return drawn

    def pick(self, shares: Sequence[float] | Array) -> Array:
        """Draw indices: of one list of shares for all rows, or of a row of shares for each."""
        table = np.asarray(shares, dtype=float)
        edges = np.cumsum(table, axis=-1)
        u = self.uniform() * edges[..., -1]
        if table.ndim == 1:
            return np.asarray(np.searchsorted(edges[:-1], u, side="right"))
        return np.asarray((edges[:, :-1] <= u[:, None]).sum(axis=1))
