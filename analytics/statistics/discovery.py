"""How many of the reds on a board chance alone would bring: false discovery rates, over all and family by family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


def benjamini_hochberg(p: Any) -> Any:
    """Adjust p-values so that calling all up to q discoveries keeps the share of false ones at q (1995).

    For independent p-values and those that lean the same way. NaN is not a test: it stays NaN and is not counted.
    """
    return _stepped_up(np.asarray(p, dtype=float)[np.newaxis])[0]


def benjamini_yekutieli(p: Any) -> Any:
    """Adjust p-values as `benjamini_hochberg` does, whatever the dependence between them (2001)."""
    p = np.asarray(p, dtype=float)
    return np.minimum(benjamini_hochberg(p) * _harmonic(np.count_nonzero(~np.isnan(p))), 1.0)


@dataclass(frozen=True)
class Discoveries:
    """What remains of many tests in families: `adjusted` and `found` per test, `families` and `selected` per family.

    `adjusted` holds for the rate it was asked at, as the number of selected families depends on it: 1 in a family that was
    not selected, NaN where there was no test. A test is found where it is at most that rate.
    """

    adjusted: Any
    found: Any
    families: Any
    selected: Any


def by_family(p: Any, family: Any, rate: float, *, dependent: bool = False) -> Discoveries:
    """Select families by the p-value of Simes, then members within them at rate x selected / families.

    Benjamini and Bogomolov (2014): the false share, averaged over the selected families, is at most `rate`. `family` names
    the family of each test. `dependent` takes Benjamini and Yekutieli's adjustment on both levels.
    """
    p = np.asarray(p, dtype=float)
    families, member = np.unique(np.asarray(family), return_inverse=True)
    within = _within(p, member, len(families))
    whole = np.full(len(families), np.nan)
    tested = ~np.isnan(p)
    if dependent:
        within = np.minimum(within * _harmonic(np.bincount(member[tested], minlength=len(families)))[member], 1.0)
    np.fmin.at(whole, member[tested], within[tested])  # the smallest adjusted p-value of a family is that of Simes
    above = benjamini_yekutieli(whole) if dependent else benjamini_hochberg(whole)
    selected = above <= rate
    factor = int(np.count_nonzero(~np.isnan(whole))) / max(int(np.count_nonzero(selected)), 1)
    adjusted = np.where(selected[member], np.minimum(within * factor, 1.0), 1.0)
    adjusted = np.where(tested, adjusted, np.nan)
    return Discoveries(adjusted, adjusted <= rate, families, selected)


def _within(p: Any, member: Any, families: int) -> Any:
    """Adjust within every family at once: a row of a table per family, filled up with NaN."""
    order = np.argsort(member, kind="stable")
    sizes = np.bincount(member, minlength=families)
    column = np.arange(len(p)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    table = np.full((families, sizes.max(initial=0)), np.nan)
    table[member[order], column] = p[order]
    adjusted = np.empty(len(p))
    adjusted[order] = _stepped_up(table)[member[order], column]
    return adjusted


def _stepped_up(table: Any) -> Any:
    """Adjust each row: the smallest p x tests / rank among those at least as large, at most 1."""
    order = np.argsort(table, axis=1)  # NaN goes last
    ordered = np.take_along_axis(table, order, axis=1)
    tests = np.count_nonzero(~np.isnan(table), axis=1, keepdims=True)
    scaled = ordered * tests / np.arange(1, table.shape[1] + 1)
    smallest = np.fmin.accumulate(scaled[:, ::-1], axis=1)[:, ::-1]
    adjusted = np.empty_like(table)
    np.put_along_axis(adjusted, order, np.minimum(smallest, 1.0), axis=1)
    return np.where(np.isnan(table), np.nan, adjusted)


def _harmonic(tests: Any) -> Any:
    """Give 1 + 1/2 + ... + 1/tests, Benjamini and Yekutieli's price of any dependence; 1 for none."""
    tests = np.asarray(tests)
    sums = np.concatenate([[1.0], np.cumsum(1 / np.arange(1, tests.max(initial=0) + 1))])
    return sums[tests]
