"""Which points of a control chart chance does not explain, and what that means for a figure with a better side.

The rules are those of the NHS programme "Making Data Count" as coded in the package NHSRplotthedots, no more of the
Western Electric or Nelson rules, because every rule adds false alarms: in control the latest point signals on about 1.6 % of days
(limits from all points). One rule is wider than theirs: for two of three, a point beyond the limit counts as beyond two
thirds of it too, so that a point further out never takes a signal away.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Better = Literal["lower", "higher", "between"]
Variation = Literal["improving", "worsening", "common cause"]
Assurance = Literal["will meet", "will not meet", "may or may not meet"]

LIMIT = 3.0
"""Limits lie this many standard deviations from the centre (Shewhart 1931)."""
NEAR = 2.0
RUN = 7
"""Points of a run and of a trend; the NHS takes 7 where others take 8 or 9."""
ON_CENTRE = 1e-9
"""A point nearer to the centre than this many standard deviations lies on it: only rounding moved it off."""


class Signal(IntFlag):
    """Why a point stands out; a point may have several reasons."""

    BEYOND = 1
    """Beyond a limit."""
    TWO_OF_THREE = 2
    """With one of the two before it beyond two thirds of the same limit, all three on that side of the centre."""
    RUN = 4
    """The last of 7 on one side of the centre."""
    TREND = 8
    """The last of 7 that each rose, or each fell."""
    CUSUM = 16
    """What the days before it add up to is beyond chance, in counts too small for limits of a day."""


IN_WORDS = {
    Signal.BEYOND: "beyond the limits of chance",
    Signal.TWO_OF_THREE: "2 of 3 days close to or beyond the limits of chance",
    Signal.RUN: "7 days in a row on one side of the average",
    Signal.TREND: "7 days in a row of rise or fall",
    Signal.CUSUM: "events add up beyond chance",
}

EVERY = Signal.BEYOND | Signal.TWO_OF_THREE | Signal.RUN | Signal.TREND


def read(z: Array, steady: Array, rules: Signal = EVERY) -> tuple[Array, Array]:
    """Give the signals of every point and the side they speak for: -1 low, 1 high, 0 none; days lie along the last axis.

    `z` are distances from the centre in standard deviations, `steady` the values freed of the season, for trends. Points
    unknown (NaN) are passed over: their neighbours follow each other. A pattern is signalled at the point that completes
    it, from which on it was known. `rules` other than beyond a limit may be left out. Where a trend and the other rules disagree
    on the side, the level speaks and not the slope.
    """
    packed, order = pack(z)
    steady = np.take_along_axis(steady, order, axis=-1) if order is not None else steady
    off = np.abs(packed)
    sides = (packed >= ON_CENTRE).astype(np.int8) - (packed <= -ON_CENTRE)
    level = np.where(off > LIMIT, np.int8(Signal.BEYOND), np.int8(0))
    if Signal.TWO_OF_THREE in rules:
        level |= np.where(_two_of_three(off > NEAR, sides), np.int8(Signal.TWO_OF_THREE), np.int8(0))
    if Signal.RUN in rules:
        level |= np.where(_runs(sides), np.int8(Signal.RUN), np.int8(0))
    slopes = _slopes(np.where(np.isnan(packed), np.nan, steady)) if Signal.TREND in rules else np.zeros_like(sides)
    signals = level | np.where(slopes != 0, np.int8(Signal.TREND), np.int8(0))
    return unpack(signals, order), unpack(np.where(level != 0, sides, slopes), order)


def in_words(signals: int) -> str:
    """Give the reasons behind the flags of one point as words for people, empty if there are none."""
    return ", ".join(words for signal, words in IN_WORDS.items() if signal & signals)


def pack(values: Array) -> tuple[Array, Array | None]:
    """Move what is known to the end of the last axis, in its order; with the places it came from, None if all is known."""
    known = ~np.isnan(values)
    if known.all():
        return values, None
    order = np.argsort(known, axis=-1, kind="stable")
    return np.take_along_axis(values, order, axis=-1), order


def unpack(packed: Array, order: Array | None) -> Array:
    """Put back to its days what `pack` moved."""
    if order is None:
        return packed
    values = np.empty_like(packed)
    np.put_along_axis(values, order, packed, axis=-1)
    return values


def _windows(values: Array, length: int) -> Array:
    return np.lib.stride_tricks.sliding_window_view(values, length, axis=-1)


def _ending(found: Array, like: Array) -> Array:
    """Lay what was found of windows on the point each ends with."""
    return np.concatenate([np.zeros((*like.shape[:-1], like.shape[-1] - found.shape[-1]), found.dtype), found], axis=-1)


def _runs(sides: Array) -> Array:
    if sides.shape[-1] < RUN:
        return np.zeros(sides.shape, bool)
    return _ending(np.asarray(np.abs(_windows(sides, RUN).sum(axis=-1)) == RUN), sides)


def _slopes(values: Array) -> Array:
    if values.shape[-1] < RUN:
        return np.zeros(values.shape, np.int8)
    steps = np.diff(values, axis=-1)
    rising = _windows(steps > 0, RUN - 1).all(axis=-1)
    falling = _windows(steps < 0, RUN - 1).all(axis=-1)
    return _ending(np.asarray(rising, np.int8) - np.asarray(falling, np.int8), values)


def _two_of_three(far: Array, sides: Array) -> Array:
    if sides.shape[-1] < 3:
        return np.zeros(sides.shape, bool)
    together = np.abs(_windows(sides, 3).sum(axis=-1)) == 3
    return _ending(together & (_windows(far, 3).sum(axis=-1) >= 2), sides) & far


def variation(side: Any, better: Better, *, value: Any = None, centre: Any = None, band: Any = None) -> Array:
    """Give "improving", "worsening" or "common cause" for sides as `read` gives them, as an array of str.

    Better in between takes the two ends of the `band`, the `value` and the `centre` of the chart: farther than the centre from
    the band's middle is worse.
    """
    side = np.asarray(side)
    worse = side if better == "lower" else -side
    if better == "between":
        middle = (np.asarray(band[0]) + np.asarray(band[1])) / 2
        away = np.abs(np.asarray(value) - middle) > np.abs(np.asarray(centre) - middle)
        worse = np.where(side == 0, 0, np.where(away, 1, -1))
    found = np.full(side.shape, "common cause", dtype=object)
    found[worse > 0] = "worsening"
    found[worse < 0] = "improving"
    return found


def assurance(lower: Any, upper: Any, limit: Any, better: Better) -> Array:
    """Give "will meet", "will not meet" or "may or may not meet" the limit, as an array of str; None where limits are unknown.

    The NHS's rule: a limit outside of the process limits is met, or missed, by every point until the process changes. A value
    at the very limit meets it, as everywhere in Painpoint. Better in between takes the two ends of the band as `limit`.
    """
    lower, upper = np.broadcast_arrays(np.asarray(lower, float), np.asarray(upper, float))
    low, high = _band(limit, better)
    found = np.full(lower.shape, "may or may not meet", dtype=object)
    found[(lower >= low) & (upper <= high)] = "will meet"
    found[(upper < low) | (lower > high)] = "will not meet"
    found[np.isnan(lower) | np.isnan(upper)] = None
    return found


def _band(limit: Any, better: Better) -> tuple[Any, Any]:
    if better == "between":
        return np.asarray(limit[0]), np.asarray(limit[1])
    limit = np.asarray(limit, float)
    return (np.full_like(limit, -np.inf), limit) if better == "lower" else (limit, np.full_like(limit, np.inf))
