"""Figures and places in words, the same on every page, in every reason and in every mail."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from analytics.kpi import SMALL

if TYPE_CHECKING:
    from analytics.kpi import Bound, Slice

HOURS_READ_AS_DAYS = 48
"""Beyond this many hours people think in days."""


def figure(number: float) -> str:
    """Write a number in three or so significant digits: 0.042, 4.25, 14.2, 312, 12,400."""
    if not math.isfinite(number):
        return "?"
    size = abs(number)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    text = f"{number:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if decimals else text
    return "0" if text in {"-0", ""} else text


def count(n: float) -> str:
    """Write a number of rows; sums of other things may be broken."""
    return f"{n:.0f}" if float(n).is_integer() else f"{n:.1f}"


def values(unit: str, *numbers: float) -> list[str]:
    """Write numbers in one and the same unit, so that the eye can compare them; with the unit % fractions become percentages."""
    if unit == "%":
        factor = 100.0
    elif unit == "h" and max(map(abs, numbers)) >= HOURS_READ_AS_DAYS:
        factor, unit = 1 / 24, "d"
    else:
        factor = 1.0
    return [f"{figure(number * factor)} {unit}".strip() for number in numbers]


@lru_cache(maxsize=1 << 17)
def value_and_limit(value: float | None, bound: Bound, unit: str) -> tuple[str, str]:
    """Write a value and its limit, or the two ends of its band; most figures of a Board are those of the one before it."""
    ends = bound if isinstance(bound, tuple) else (bound,)
    said, *limits = values(unit, value or 0.0, *ends)
    return ("?" if value is None else said), " to ".join(limits)


def place(part: Slice) -> str:
    """Name a slice: a partner by its name alone, everything else with its dimension."""
    if not part:
        return "Whole network"
    ordered = sorted(part, key=lambda pair: (pair[0] != "partner", pair[0]))
    words = ", ".join(_one(dimension, value) for dimension, value in ordered)
    return words[:1].upper() + words[1:] if words[:1].islower() and ordered[0][0] != "partner" else words


def _one(dimension: str, value: str) -> str:
    dimension = dimension.replace("_", " ")
    if value == SMALL:
        return f"{plural(dimension)} too small to judge alone"
    return value if dimension == "partner" else f"{dimension} {value}"


def plural(noun: str) -> str:
    """Give the plural of a dimension's name: partner -> partners, country -> countries."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return noun if noun.endswith("s") else f"{noun}s"


def span(hours: float) -> str:
    """Write a length of time in its largest fitting unit."""
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < HOURS_READ_AS_DAYS else f"{hours / 24:.0f} d"
