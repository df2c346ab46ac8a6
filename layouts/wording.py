"""What only pages say: customers hurt, and measures; figures and places are worded in `analytics.wording`."""

from __future__ import annotations

import math

from analytics.wording import figure, place, plural, value_and_limit

__all__ = ["figure", "hurt", "measure", "place", "plural", "value_and_limit"]


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
