"""Case-mix: what a slice's share would be with the network's usual mix of cases, by indirect standardisation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.answers import listed, slices
from analytics.measure import Scan, aggregate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from analytics.judge import View
    from analytics.kpi import Kpi, Slice

ENOUGH = 0.8
"""Less than this share of a slice's rows of a known kind says nothing of its mix."""


@dataclass(frozen=True)
class Mix:
    """Of a slice's `n` rows of a known kind: hits `observed`, those `expected` of its kinds elsewhere, the `usual` share there."""

    n: float
    observed: float
    expected: float
    usual: float

    @property
    def share(self) -> float:
        """Give the share with the usual mix: the usual one times observed over expected (Breslow and Day 1987)."""
        return self.usual * self.observed / self.expected if self.expected > 0 else self.observed / self.n


def mixes(
    view: View,
    kpi: Kpi,
    by: tuple[str, ...],
    sources: Sequence[str],
    times: Callable[[int | None], Mapping[str, datetime | None]],
) -> dict[Slice, Mix]:
    """Give the mix of every slice of a grouping; what is expected of a kind is its share in all other slices.

    `times` gives those that a scan over a window of so many days is filled with.
    """
    kinds = (*by, *kpi.case_mix)
    scan = Scan(kpi.fact, kpi.day, kpi.window_days, (kinds,), (replace(kpi, by=(kinds,)),))
    table = view.fact(scan.fact, scan.columns)
    rows = view.ask(
        ("case mix", scan, tuple(sources)),
        lambda sight: aggregate(scan, table, sources, sight),
        times(scan.window_days),
    )
    return standardised(rows, by, kpi.case_mix)


def standardised(rows: pd.DataFrame, by: tuple[str, ...], kinds: tuple[str, ...]) -> dict[Slice, Mix]:
    """Compare every slice with all others, kind by kind; `rows` has k0_num hits of k0_n per slice and kind.

    A kind that only the slice itself has is expected at the share of all others, so that nobody is compared with themselves.
    """
    rows = rows[rows["k0_n"].astype(float) > 0]
    hits, n = rows["k0_num"].to_numpy(dtype=float), rows["k0_n"].to_numpy(dtype=float)
    kind = rows.groupby(list(kinds), sort=False).ngroup().to_numpy()
    named = slices(listed(rows), by)
    place = {slice_: i for i, slice_ in enumerate(dict.fromkeys(named))}
    own = np.array([place[slice_] for slice_ in named], dtype=int)
    other_hits, other_n = np.bincount(kind, hits)[kind] - hits, np.bincount(kind, n)[kind] - n
    total, count = np.bincount(own, hits), np.bincount(own, n)
    usual = _ratio(hits.sum() - total, n.sum() - count)
    share = np.where(other_n > 0, _ratio(other_hits, other_n), usual[own])
    expected = np.bincount(own, n * share)
    return {
        slice_: Mix(float(count[i]), float(total[i]), float(expected[i]), float(usual[i]))
        for slice_, i in place.items()
    }


def _ratio(above: Any, below: Any) -> Any:
    return np.divide(above, below, out=np.zeros_like(above, dtype=float), where=below > 0)
