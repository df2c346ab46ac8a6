"""Figures in words, the same on every page, in every reason and in every mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analytics.kpi import Bound, Slice


def figure(value: float | None, unit: str) -> str:
    """Write a value with its unit; with the unit % a fraction becomes a percentage."""
    if value is None:
        return "no value"
    if unit == "%":
        return f"{_short(value * 100)} %"
    return f"{_short(value)} {unit}".strip()


def _short(value: float) -> str:
    """Keep three significant digits, but never cut digits before the point."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def limit(bound: Bound, unit: str) -> str:
    """Write a limit, or a band."""
    if isinstance(bound, tuple):
        return f"{figure(bound[0], unit)} to {figure(bound[1], unit)}"
    return figure(bound, unit)


def place(slice_: Slice) -> str:
    """Name a slice: its values, partner first; the whole network where there is none."""
    ordered = sorted(slice_, key=lambda pair: (pair[0] != "partner", pair[0]))
    return ", ".join(value for _, value in ordered) or "whole network"


def span(hours: float) -> str:
    """Write a length of time in its largest fitting unit."""
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"
