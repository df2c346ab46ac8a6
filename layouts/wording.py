"""Readings in words: values with their unit, places, customers hurt, measures."""

from __future__ import annotations

import math
from itertools import chain
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


def value_and_limit(value: float | None, bound: Bound, unit: str) -> tuple[str, str]:
    """Write a value and its limit in one and the same unit, so that the eye can compare them."""
    bounds = bound if isinstance(bound, tuple) else (bound,)
    if unit == "%":
        factor, unit = 100.0, "%"
    elif unit == "h" and max(abs(number) for number in chain(bounds, [value or 0.0])) >= HOURS_READ_AS_DAYS:
        factor, unit = 1 / 24, "d"
    else:
        factor = 1.0
    tail = f" {unit}" if unit else ""
    limit = " to ".join(figure(number * factor) for number in bounds) + tail
    return ("?" if value is None else figure(value * factor) + tail), limit


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


def hurt(pain: float) -> str:
    """Say how many customers are hurt beyond what the green limit allows."""
    if pain <= 0 or not math.isfinite(pain):
        return ""
    customers = round(pain)
    if customers == 0:
        return "under 1 customer hurt"
    return f"{customers:,} customer{'' if customers == 1 else 's'} hurt"


def measure(remedy: str) -> str:
    """Write a measure for people; a bare key from the catalogue is spelled out."""
    text = str(remedy).strip()
    if text and text == text.lower() and " " not in text:
        text = text.replace("_", " ")
    return text[:1].upper() + text[1:]
