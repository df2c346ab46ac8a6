"""What a scan found of a KPI's slice, and whose statistics its figures follow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.kpi import SMALL
from analytics.named import NAMED

if TYPE_CHECKING:
    from analytics.kpi import Bound, Kpi, Slice


@dataclass(frozen=True)
class Figures:
    """What a scan found for one KPI and slice; `over` and `under` count rows beyond an edge of a limit (quantiles)."""

    slice: Slice
    rows: float
    n: float
    value: float | None
    numerator: float | None = None
    denominator: float | None = None
    deviation: float | None = None
    over: tuple[tuple[float, float], ...] = ()
    under: tuple[tuple[float, float], ...] = ()


_PROOFS = {"share": "ratio", "mean": "mean", "quantile": "quantile", "limit": "sum", "odds": "odds"}


def shape_of(kpi: Kpi) -> str:
    """Give the shape whose statistics a KPI follows; a named measure says itself which."""
    return _PROOFS[NAMED[kpi.measure.name or ""].proof] if kpi.measure.shape == "named" else kpi.measure.shape


def q_of(kpi: Kpi) -> float:
    return kpi.measure.q if kpi.measure.q is not None else NAMED[kpi.measure.name or ""].q


def is_proportion(kpi: Kpi, f: Figures) -> bool:
    """Tell whether a beta posterior fits: shares, and ratios whose numerator is a part of the denominator."""
    if shape_of(kpi) == "share":
        return True
    if shape_of(kpi) != "ratio" or f.numerator is None or f.denominator is None:
        return False
    return 0 <= f.numerator <= f.denominator and f.denominator > 0


def draws(kpi: Kpi, f: Figures, edge: float) -> tuple[float, float, float] | None:
    """Give a figure as (hits, of n, the share that the limit is): of shares as they are, of odds a : b as a of a + b."""
    if f.numerator is None or f.denominator is None:
        return None
    if is_proportion(kpi, f):
        return f.numerator, f.denominator, edge
    if shape_of(kpi) != "odds":
        return None
    beside = NAMED[kpi.measure.name or ""].beside
    return f.numerator, f.numerator + beside * f.denominator, edge / (edge + beside)


def sides(kpi: Kpi, bound: Bound) -> tuple[float | None, float | None]:
    """Give a bound as (not below, not above)."""
    if isinstance(bound, tuple):
        return bound
    return (None, bound) if kpi.better == "lower" else (bound, None)


def pool(kpi: Kpi, small: list[Figures], by: tuple[str, ...]) -> Figures | None:
    """Add up the slices whose own sample is too small, so that many small troubles cannot hide one by one.

    Quantiles cannot be added up; their pool is scanned by itself.
    """
    small = [f for f in small if f.n > 0]
    if len(small) < 2 or kpi.measure.shape in ("quantile", "named"):
        return None
    n = float(sum(f.n for f in small))
    slice_ = tuple(sorted((name, SMALL) for name in by))
    rows = float(sum(f.rows for f in small))
    numerator = None if small[0].numerator is None else float(sum(f.numerator or 0 for f in small))
    denominator = None if small[0].denominator is None else float(sum(f.denominator or 0 for f in small))
    if kpi.measure.shape in ("count", "sum"):
        return Figures(slice_, rows, n, float(sum(f.value or 0 for f in small)))
    if numerator is not None and denominator:
        return Figures(slice_, rows, n, numerator / denominator, numerator, denominator)
    return _pooled_mean(small, slice_, rows, n)


def _pooled_mean(small: list[Figures], slice_: Slice, rows: float, n: float) -> Figures:
    """Combine means and standard deviations exactly (Chan, Golub, LeVeque 1979)."""
    counts = np.array([f.n for f in small])
    means = np.array([f.value for f in small], dtype=float)
    squares = np.array([(f.deviation or 0.0) ** 2 for f in small]) * np.maximum(counts - 1, 0)
    mean = float((counts * means).sum() / n)
    total = float(squares.sum() + (counts * (means - mean) ** 2).sum())
    deviation = float(np.sqrt(total / (n - 1))) if n > 1 else 0.0
    return Figures(slice_, rows, n, _tidy(mean), deviation=_tidy(deviation))


def from_row(kpi: Kpi, row: dict[str, Any], slice_: Slice, edges: list[float]) -> Figures:
    """Read a scan's columns into figures; counts give value = n, and only shares and ratios have parts."""
    shape = kpi.measure.shape
    rows = _number(row.get("rows")) or 0.0
    if shape == "named":
        return _from_named(row, slice_, rows, edges)
    if shape == "ratio":
        above, below = _tidy(row.get("num")), _tidy(row.get("den"))
        value = above / below if above is not None and below else None
        return Figures(slice_, rows, below or 0.0, value, above, below)
    n = _number(row.get("n")) or 0.0
    if shape == "share":
        hits = _number(row.get("num")) or 0.0
        return Figures(slice_, rows, n, hits / n if n else None, hits, n)
    if shape == "count":
        hits = _number(row.get("num")) or 0.0
        return Figures(slice_, rows, hits, hits if n else None)
    if shape != "quantile":
        total = _number(row.get("num"))
        value = None if total is None or not n else _tidy(total / n if shape == "mean" else total)
        return Figures(slice_, rows, n, value, deviation=_tidy(row.get("sd")))
    over, under = _beyond_edges(row, edges)
    return Figures(slice_, rows, n, _tidy(row.get("value")) if n else None, over=over, under=under)


def _from_named(row: dict[str, Any], slice_: Slice, rows: float, edges: list[float]) -> Figures:
    over, under = _beyond_edges(row, edges)
    return Figures(
        slice_,
        rows,
        _number(row.get("n")) or 0.0,
        _tidy(row.get("value")),
        _tidy(row.get("num")),
        _tidy(row.get("den")),
        _tidy(row.get("sd")),
        over,
        under,
    )


def _beyond_edges(row: dict[str, Any], edges: list[float]) -> tuple[tuple[tuple[float, float], ...], ...]:
    return tuple(
        tuple((edge, _number(row.get(f"{side}{i}")) or 0.0) for i, edge in enumerate(edges))
        for side in ("over", "under")
    )


def _tidy(value: Any) -> float | None:
    """Keep twelve digits of a figure that was added up.

    Sums of floats carry a noise that depends on the order of the rows: without this thirty costs of 0.1 have a mean
    beyond 0.1, which a limit of 0.1 would call red, and the same rows differ from one judgement to the next.
    """
    number = _number(value)
    return None if number is None else float(f"{number:.12g}")


def _number(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    return None if math.isnan(number) else number
