"""Answers of the warehouse taken apart: by grouping, by slice, and into the figures of each KPI."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.figures import from_row
from analytics.measure import GROUPING, edges

if TYPE_CHECKING:
    import pandas as pd

    from analytics.figures import Figures
    from analytics.kpi import Kpi, Slice

Answer = Mapping[str, list[Any]]
"""The columns of an answer, without their grouping."""


def listed(rows: pd.DataFrame) -> Answer:
    """Give the columns of a frame as lists."""
    return {str(name): rows[name].tolist() for name in rows.columns}


def unstacked(rows: pd.DataFrame, count: int) -> list[Answer]:
    """Take apart what `measure.stacked` put together: the columns of each of `count` answers, as lists."""
    numbers = rows[GROUPING].to_numpy(dtype=int)
    order = np.argsort(numbers, kind="stable")
    edges = np.searchsorted(numbers[order], np.arange(count + 1)).tolist()
    ordered = {name: [values[at] for at in order.tolist()] for name, values in listed(rows).items()}
    return [{name: values[start:end] for name, values in ordered.items()} for start, end in itertools.pairwise(edges)]


def slices(answer: Answer, by: tuple[str, ...]) -> list[Slice]:
    """Give the slice of each row of an answer."""
    if not by:
        return [()] * len(next(iter(answer.values())))
    ordered = sorted(by)
    values = zip(*(map(str, answer[name]) for name in ordered), strict=True)
    return [tuple(zip(ordered, each, strict=True)) for each in values]


def figures_of(kpi: Kpi, prefix: str, rows: Answer, named: list[Slice]) -> dict[Slice, Figures]:
    """Read the figures of a KPI, whose columns begin with the prefix, from the rows of the slices named."""
    bounds = edges(kpi)
    own = [name for name in rows if name.startswith(prefix)]
    short = [name.removeprefix(prefix) for name in own]
    values = zip(*(rows[name] for name in own), strict=True)
    return {s: from_row(kpi, dict(zip(short, v, strict=True)), s, bounds) for s, v in zip(named, values, strict=True)}


def no_figures(kpi: Kpi, slice_: Slice) -> Figures:
    """Give the figures of a slice that has no rows."""
    return from_row(kpi, {}, slice_, edges(kpi))
