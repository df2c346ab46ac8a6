"""Where places stand among their peers: beside what chance alone would do, by the very lines that the funnel draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from layouts.analysis import charts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WORSE, BETTER, PEER = "worse", "better", "peer"


@dataclass(frozen=True)
class Chance:
    """Partners by how they stand among the peers of a KPI; `beyond` says how far outside its line each is, in shares."""

    standing: Mapping[str, str]
    beyond: Mapping[str, float]

    def order(self, partner: str) -> float:
        """Sort those that are worse first, then the peers, then the better; who is not measured stands last."""
        signed = {WORSE: 1.0, PEER: 0.0, BETTER: -1.0}
        if partner not in self.standing:
            return -3.0
        side = signed[self.standing[partner]]
        return side * (1.0 + self.beyond[partner])


def by_chance(readings: Sequence[Mapping[str, Any]]) -> Chance:
    """Set the shares of partners against their funnel; too few of them, or what is no share, have no place in one."""
    if not charts.is_funnel(readings):
        return Chance({}, {})
    told = [reading for reading in readings if charts.is_judged_share(reading)]
    hits = np.array([reading["numerator"] for reading in told], dtype=float)
    n = np.array([reading["denominator"] for reading in told], dtype=float)
    lines = charts.funnel_limits(hits, n)
    high = np.interp(np.log(n), np.log(lines["n"]), lines["high_alarm"])
    low = np.interp(np.log(n), np.log(lines["n"]), lines["low_alarm"])
    above, below = hits / n - high, low - hits / n
    names = [reading["slice"]["partner"] for reading in told]
    sides = [_side(reading, over, under) for reading, over, under in zip(told, above, below, strict=True)]
    beyond = np.maximum(np.maximum(above, below), 0.0)
    return Chance(dict(zip(names, sides, strict=True)), dict(zip(names, map(float, beyond), strict=True)))


def _side(reading: Mapping[str, Any], above: float, below: float) -> str:
    """Name the side of the funnel: what lies above it is worse only where less is better."""
    if above <= 0 and below <= 0:
        return PEER
    lower_is_better = better(reading) == "lower"
    return WORSE if (above > 0) == lower_is_better else BETTER


def better(reading: Mapping[str, Any]) -> str:
    """Give what is better of a KPI, by its limits: lower, higher, between."""
    green, red = reading["limits"]["green"], reading["limits"]["red"]
    if isinstance(green, list) or isinstance(red, list):
        return "between"
    return "higher" if green > red else "lower"
