"""What the weekday and public holidays do to a daily series, and the series without it.

A two-way table of weeks and weekdays is fitted in turns (weeks take up drift, so it is not mistaken for weekdays), and every
effect is shrunk towards none by empirical Bayes (Efron and Morris 1973): by its own noise against the spread of the effects
that noise does not explain. A short or shapeless series is thus left as it is. Days lie along the last axis; one series or many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

Array = np.ndarray[Any, Any]
Kind = Literal["multiplicative", "additive"]

TURNS = 4
"""Weeks and weekdays are fitted in turns this often; gaps in the table are small, so few are enough."""
FREEDOM = 6
"""Degrees of freedom that the noise needs: those of two full weeks. With fewer, luck looks like weekdays."""
SEEN = 2
"""Holidays are charted where the baseline holds that many: of one alone nobody knows what it did."""
IDLE = 0.05
"""A weekday with less than this share of an average day's events is closed: it shows nothing."""


@dataclass(frozen=True, eq=False)
class Calendar:
    """The days of a series: `weekdays` (Monday is 0), one per day, and which are `holidays`, per day or per series and day."""

    weekdays: Array
    holidays: Array | None = None


def calendar(days: Sequence[date], holidays: Any = None) -> Calendar:
    """Give the calendar of consecutive days; `holidays` is a mask, per day or per series and day."""
    return Calendar(np.array([day.weekday() for day in days]), None if holidays is None else np.asarray(holidays, bool))


@dataclass(frozen=True, eq=False)
class Season:
    """The effects of the season, factors (1 is none) or differences (0 is none).

    `weekday` has seven effects per series, `holiday` one; `effect` is that of every day, NaN where it is unknown: on weekdays
    the baseline lacks, on holidays of which it holds fewer than 2, and on days closed. `adjusted` is the series without them,
    in its unit.
    """

    kind: Kind
    weekday: Array
    holiday: Array
    effect: Array
    adjusted: Array


def season(
    values: Any, days: Calendar, *, sizes: Any = None, baseline: Any = None, kind: Kind = "multiplicative"
) -> Season:
    """Estimate the season of daily `values` from the baseline (a mask; all days if None), weighted by `sizes` (shares: their n).

    Multiplicative fits what cannot be negative, such as counts and shares of the rarer outcome; additive fits the rest.
    """
    values = np.asarray(values, float)
    weights = np.where(np.isnan(values), 0.0, np.nan_to_num(np.asarray(1.0 if sizes is None else sizes, float)))
    inside = weights * (1.0 if baseline is None else np.asarray(baseline, bool))
    off = np.broadcast_to(False if days.holidays is None else days.holidays, values.shape)
    table = _Table(np.nan_to_num(values), np.where(off, 0.0, inside), days.weekdays, kind)
    weekday, level, noise = _weekdays(table)
    holiday = _holiday(table, np.where(off, inside, 0.0), level, noise)
    effect = np.where(off, holiday[..., None], weekday[..., days.weekdays])
    if kind == "multiplicative":
        effect = np.where(effect > IDLE, effect, np.nan)
        return Season(kind, weekday, holiday, effect, values / effect)
    return Season(kind, weekday, holiday, effect, values - effect)


class _Table:
    """A table of weeks and weekdays: sums over either are products with matrices of ones and zeros."""

    def __init__(self, values: Array, weights: Array, weekdays: Array, kind: Kind) -> None:
        self.values, self.weights, self.kind = values, weights, kind
        self.neutral = 1.0 if kind == "multiplicative" else 0.0
        self.weekdays = weekdays
        # counted from the last day back, so that only the oldest week is cut short
        self.weeks = np.arange(len(weekdays))[::-1] // 7
        self.by_weekday = (weekdays[:, None] == np.arange(7)).astype(float)
        self.by_week = (self.weeks[:, None] == np.arange(self.weeks.max(initial=0) + 1)).astype(float)

    def levels(self, effects: Array) -> Array:
        """Give each week's level, given the effects of the weekdays, on each of its days."""
        of_day = effects[..., self.weekdays]
        if self.kind == "multiplicative":
            sums, units = self.weights * self.values, self.weights * of_day
        else:
            sums, units = self.weights * (self.values - of_day), self.weights
        return np.asarray(_ratio(sums @ self.by_week, units @ self.by_week)[..., self.weeks])

    def effects(self, level: Array, weights: Array, by: Array) -> Array:
        """Give the effect of each group of days, given the level of their weeks."""
        known = np.where(np.isnan(level), 0.0, weights)
        level = np.nan_to_num(level)
        if self.kind == "multiplicative":
            return _ratio((known * self.values) @ by, (known * level) @ by)
        return _ratio((known * (self.values - level)) @ by, known @ by)

    def fit(self, level: Array, effect: Array) -> Array:
        return level * effect if self.kind == "multiplicative" else level + effect

    def precision(self, level: Array, weights: Array) -> Array:
        """Give how much each day says of its effect: its weight, in units of the effect."""
        said = weights * level**2 if self.kind == "multiplicative" else weights
        return np.where(np.isnan(level), 0.0, said)


def _weekdays(table: _Table) -> tuple[Array, Array, Array]:
    """Give the shrunk effects of the weekdays (NaN where never seen), the weeks' level on each day, and the noise of a day."""
    effects = np.full((*table.values.shape[:-1], 7), table.neutral)
    level = table.levels(effects)
    for _ in range(TURNS):
        raw = table.effects(level, table.weights, table.by_weekday)
        effects = _centred(raw, table.precision(level, table.weights) @ table.by_weekday, table)
        level = table.levels(np.where(np.isnan(effects), table.neutral, effects))
    size = table.precision(level, table.weights) @ table.by_weekday
    noise = _noise(table, level, effects, size)
    return _shrunk(effects, size, noise, table.neutral), level, noise


def _centred(raw: Array, size: Array, table: _Table) -> Array:
    """Move the effects so that an average day has none."""
    average = _ratio((np.nan_to_num(raw) * size).sum(axis=-1), size.sum(axis=-1))[..., None]
    return _ratio(raw, average) if table.kind == "multiplicative" else raw - average


def _noise(table: _Table, level: Array, effects: Array, size: Array) -> Array:
    """Give the variance of a day of weight 1 about week and weekday; infinite where too little is left to estimate it from."""
    used = (table.weights > 0) & ~np.isnan(level)
    fitted = table.fit(level, effects[..., table.weekdays])
    left = np.where(used, table.weights * (table.values - np.nan_to_num(fitted)) ** 2, 0.0).sum(axis=-1)
    weeks = (used.astype(float) @ table.by_week > 0).sum(axis=-1)
    freedom = used.sum(axis=-1) - weeks - np.maximum((size > 0).sum(axis=-1) - 1, 0)
    return np.where(freedom >= FREEDOM, left / np.maximum(freedom, 1), np.inf)


def _shrunk(effects: Array, size: Array, noise: Array, neutral: float) -> Array:
    """Shrink each effect by spread / (spread + its noise); the spread of the effects by moments (DerSimonian and Laird 1986)."""
    total = size.sum(axis=-1)
    groups = (size > 0).sum(axis=-1)
    between = np.nan_to_num(size * (effects - neutral) ** 2).sum(axis=-1)
    evenly = total - _ratio((size**2).sum(axis=-1), total)
    usable = np.isfinite(noise) & (groups > 1)
    noise = np.where(usable, noise, 0.0)
    spread = np.where(usable, np.nan_to_num(_ratio(between - (groups - 1) * noise, evenly)), 0.0)
    spread = np.maximum(spread, 0.0)[..., None]
    kept = np.nan_to_num(_ratio(spread, spread + np.nan_to_num(_ratio(noise[..., None], size))))
    return np.where(size > 0, neutral + kept * (effects - neutral), np.nan)


def _holiday(table: _Table, weights: Array, level: Array, noise: Array) -> Array:
    """Give the effect of holidays, shrunk by one minus noise over its square; NaN where too few were seen."""
    everywhere = np.ones((len(table.weekdays), 1))
    size = (table.precision(level, weights) @ everywhere)[..., 0]
    effect = table.effects(level, weights, everywhere)[..., 0] - table.neutral
    # without a measure of the noise nothing is believed
    doubt = np.where(np.isfinite(noise), _ratio(np.where(np.isfinite(noise), noise, 0.0), size * effect**2), 1.0)
    kept = np.clip(1 - np.nan_to_num(doubt), 0.0, 1.0)
    return np.where((weights > 0).sum(axis=-1) >= SEEN, table.neutral + kept * effect, np.nan)


def _ratio(above: Array, below: Array) -> Array:
    """Divide; NaN where there is nothing to divide by."""
    return np.asarray(np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0))
