"""What only pages say: customers hurt, and measures; figures and places are worded in `analytics.wording`."""

from __future__ import annotations

import math
from typing import Any

from analytics.wording import figure, place, plural, value_and_limit

__all__ = ["driver", "figure", "hurt", "measure", "place", "plural", "value_and_limit"]


def hurt(customers: float) -> str:
    """Say how many customers are hurt beyond what the green limit allows."""
    if customers <= 0 or not math.isfinite(customers):
        return ""
    whole = round(customers)
    return f"{whole:,} customer{'' if whole == 1 else 's'} hurt" if whole else "under 1 customer hurt"


def driver(found: dict[str, Any]) -> str:
    """Write a driver in short: "63 % of it: Aurora 6 Pro"; it is said to be associated, and no cause."""
    said = place(tuple(found["where"].items()))
    (value,) = found["where"].values() if len(found["where"]) == 1 else (None,)
    named = value if value and not found["where"].keys().isdisjoint(_NAMED_ALONE) else said
    return f"{100 * found['share']:.0f} % of it: {named}"


_NAMED_ALONE = {"partner", "product", "part", "carrier", "supplier", "brand", "site", "weekday", "lane"}
"""Dimensions whose values say by themselves what they are."""


def measure(remedy: str) -> str:
    """Write a measure for people; a bare key from the catalogue is spelled out."""
    text = str(remedy).strip()
    if text and text == text.lower() and " " not in text:
        text = text.replace("_", " ")
    return text[:1].upper() + text[1:]
