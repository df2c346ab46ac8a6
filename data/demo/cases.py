"""Lives with a key each, and the cut through them: what was reported up to a moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cases:
    """Lives with a key each: what they are, when each thing happens to them, and when it is reported.

    `attributes` are columns, `times` hold whole seconds (NaN: never) in the order in which things usually happen;
    `told` has the shape of the times and says when each is reported (inf: never).
    """

    key: str
    attributes: pd.DataFrame
    times: pd.DataFrame
    told: Seconds

    @classmethod
    def of(
        cls, key: str, attributes: dict[str, Array], times: dict[str, Seconds], told: Seconds | None = None
    ) -> Cases:
        """Build lives whose events are reported as they happen, unless `told` says otherwise."""
        frame = pd.DataFrame({name: np.floor(at) for name, at in times.items()})
        at = frame.to_numpy()
        return cls(key, pd.DataFrame(attributes), frame, at if told is None else np.maximum(np.floor(told), at))

    def __len__(self) -> int:
        return len(self.attributes)

    def only(self, mask: Mask) -> Cases:
        rows = np.flatnonzero(mask)
        return Cases(
            self.key,
            self.attributes.iloc[rows].reset_index(drop=True),
            self.times.iloc[rows].reset_index(drop=True),
            self.told[rows],
        )

    def news(self, after: float, now: float) -> Cases:
        """Give the cases of which something was reported in (after, now]."""
        return self.only(np.asarray(((self.told > after) & (self.told <= now)).any(axis=1)))

    def reported(self, now: float) -> pd.DataFrame:
        """Give the times with all that was not reported by `now` as NaN."""
        return pd.DataFrame(np.where(self.told <= now, self.times.to_numpy(), np.nan), columns=self.times.columns)

    def updated(self, now: float) -> Seconds:
        """Give when each case was last reported of by `now`."""
        return np.asarray(np.where(self.told <= now, self.told, -np.inf).max(axis=1))

    @cached_property
    def events(self) -> pd.DataFrame:
        """Give all that will ever be reported, a row per event: case, kind (its place), at, told; ordered by when and what."""
        case, kind = np.nonzero(np.isfinite(self.told))
        told = self.told[case, kind]
        order = np.lexsort((kind, case, told))
        case, kind = case[order], kind[order]
        return pd.DataFrame({"case": case, "kind": kind, "at": self.times.to_numpy()[case, kind], "told": told[order]})

    def between(self, after: float, now: float) -> pd.DataFrame:
        """Give the events that were reported in (after, now]."""
        told = self.events["told"].to_numpy()
        first, last = np.searchsorted(told, [after, now], side="right")
        return self.events.iloc[first:last]


def joined(parts: list[Cases]) -> Cases:
    return Cases(
        parts[0].key,
        pd.concat([part.attributes for part in parts], ignore_index=True),
        pd.concat([part.times for part in parts], ignore_index=True),
        np.concatenate([part.told for part in parts]),
    )
