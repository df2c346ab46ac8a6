"""How long things wait and in which of several ways they end, where some wait still: Kaplan-Meier and Aalen-Johansen curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Curve:
    """What has become of all after each of the distinct `times` (ascending): arrays of equal length, shares in [0, 1].

    `waiting` have not ended in any way, `ended[cause]` have ended in that one. They add up to 1 at every time, hold from their
    time until before the next one, and before the first time all wait. After the last time nothing is known of those waiting.
    """

    times: Any
    waiting: Any
    ended: Mapping[str, Any]

    def waiting_at(self, time: float) -> float:
        """Give the share that waits beyond `time`."""
        return self._at(self.waiting, 1.0, time)

    def ended_at(self, time: float) -> dict[str, float]:
        """Give the share that has ended in each way by `time`."""
        return {cause: self._at(shares, 0.0, time) for cause, shares in self.ended.items()}

    def _at(self, shares: Any, before: float, time: float) -> float:
        last = int(np.searchsorted(self.times, time, side="right"))
        return float(shares[last - 1]) if last else before


def kaplan_meier(durations: Any, ended: Any) -> tuple[Any, Any]:
    """Give the distinct durations (ascending) and the share that waits for longer than each.

    `durations` (n numbers of 0 or more, in any unit) are how long each was followed; `ended` (n booleans) whether its end was
    seen then, else it is censored: it waited for at least so long. S(t) is the product of 1 - d / r over the durations up to t,
    of which d ended and r were followed for as long or longer: who is censored at t counts among the r of t (Kaplan and Meier
    1958). Raises ValueError for lengths that differ and durations that are negative or not finite.
    """
    curve = aalen_johansen(durations, ["ended" if seen else None for seen in ended])
    return curve.times, curve.waiting


def aalen_johansen(durations: Any, causes: Sequence[str | None] | Any) -> Curve:
    """Give the share that waits and the cumulative incidence of each way to end.

    `durations` as in `kaplan_meier`; `causes` (n) name how each ended, None where it is censored. The incidence of a cause is the
    sum of S(before t) d / r over the durations up to t, of which d ended in this way, r were followed for as long or longer,
    and S is Kaplan and Meier's curve of all causes together (Aalen and Johansen 1978; Kalbfleisch and Prentice 1980, 8.2).
    To censor the other causes instead would count those it takes away as if they ended so one day. Raises ValueError as
    `kaplan_meier`.
    """
    durations = np.asarray(durations, dtype=float)
    causes = np.asarray(causes, dtype=object)
    if durations.ndim != 1 or durations.shape != causes.shape:
        raise ValueError(f"{durations.shape} durations do not go with {causes.shape} causes")
    if not (np.isfinite(durations) & (durations >= 0)).all():
        raise ValueError("a duration is negative or not finite")
    times, when = np.unique(durations, return_inverse=True)
    left = np.bincount(when, minlength=len(times))
    at_risk = len(durations) - np.cumsum(left) + left
    seen = {str(c): np.bincount(when[causes == c], minlength=len(times)) for c in sorted({*causes} - {None})}
    waiting = np.cumprod(1 - sum(seen.values(), np.zeros(len(times))) / at_risk)
    before = np.concatenate(([1.0], waiting))[:-1]
    return Curve(times, waiting, {cause: np.cumsum(before * d / at_risk) for cause, d in seen.items()})
