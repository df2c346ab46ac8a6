"""A planted trouble: where, from when on, how suddenly, and what it adds to the odds of the rows that it hits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]
Onset = Literal["sudden", "creeping"]
RAMP = 21 * 86400.0
"""How long a creeping trouble takes to reach its size."""


@dataclass(frozen=True)
class Trouble:
    """A planted trouble, or a decoy, for which nothing is planted.

    `size` is in standard errors of the slice's own weekly figure, `effects` is what that adds to the usual odds. `where`
    names the dimensions as the simulation does, `slice` as the Board does. `begins` and `ends` count from the network's
    first midnight.
    """

    id: str
    kind: str
    kpis: tuple[str, ...]
    slice: dict[str, str]
    begins: float
    size: float
    effects: dict[str, float] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    ends: float = np.inf
    onset: Onset = "sudden"
    echoes: tuple[dict[str, str], ...] = ()
    source: str = ""
    decoy: bool = False

    def share(self, at: Seconds, codes: Mapping[str, Mapping[str, int]], columns: Mapping[str, Array]) -> Seconds:
        """Give how far the trouble has come on for each row: 0 outside of it, 1 when it is at its size."""
        hit = (at >= self.begins) & (at < self.ends)
        for dimension, name in self.where.items():
            if dimension in columns:
                hit &= columns[dimension] == codes[dimension][name]
        if self.onset == "sudden":
            return hit.astype(float)
        return np.where(hit, np.clip((at - self.begins) / RAMP, 0.0, 1.0), 0.0)
