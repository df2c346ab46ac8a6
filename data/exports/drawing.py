"""Small drawings of reports: the shape of a level, and a sparkline with its limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from reportlab.graphics.shapes import (  # type: ignore[import-untyped]
    Circle,
    Drawing,
    Line,
    Polygon,
    PolyLine,
    Rect,
    String,
)
from reportlab.lib.colors import HexColor, white  # type: ignore[import-untyped]

from data.exports.paper import BOLD, INK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLOURS = {
    "red": HexColor(0xB3261E),
    "turning": HexColor(0xC2570C),
    "amber": HexColor(0x946200),
    "green": HexColor(0x1E7A3C),
    "unknown": HexColor(0x5B6570),
}
WORDS = {"red": "Red", "turning": "Turning red", "amber": "Amber", "green": "Green", "unknown": "Unknown"}
_POINTS = {
    "red": (7, 1, 17, 1, 23, 7, 23, 17, 17, 23, 7, 23, 1, 17, 1, 7),
    "turning": (12, 22, 23, 3, 1, 3),
    "amber": (12, 1, 23, 12, 12, 23, 1, 12),
}
"""The solid shapes of the wall on a square of 24, with the origin below."""


def shape(level: str, size: float = 7.0) -> Any:
    """Draw a level's shape, the same as on the wall."""
    drawing, scale, colour = Drawing(size, size), size / 24, COLOURS[level]
    if level in _POINTS:
        points = [each * scale for each in _POINTS[level]]
        drawing.add(Polygon(points, fillColor=colour, strokeColor=None))
    elif level == "green":
        points = [each * scale for each in (3, 11, 9, 5, 21, 20)]
        drawing.add(PolyLine(points, strokeColor=colour, strokeWidth=size / 6))
    else:
        drawing.add(
            String(size / 2, size * 0.12, "?", fontName=BOLD, fontSize=size, fillColor=colour, textAnchor="middle")
        )
    return drawing


def sparkline(
    history: Sequence[Sequence[Any]], limits: Mapping[str, Any], level: str, width: float, height: float
) -> Any:
    """Draw the days that have a figure; the dashed line is the red limit, where it is near.

    With fewer than two days there is no course to be seen, and nothing is drawn.
    """
    drawing = Drawing(width, height)
    days = [(i, float(point[1])) for i, point in enumerate(history) if _finite(point[1])]
    if len(days) < 2:
        return drawing
    reds = limits["red"] if isinstance(limits["red"], list) else [limits["red"]]
    values = [value for _, value in days] + [edge for edge in reds if _near(edge, days)]
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    room = height - 6

    def x(day: int) -> float:
        return 2 + (width - 6) * day / (len(history) - 1)

    def y(value: float) -> float:
        return 3 + room * (value - low) / span if high > low else height / 2

    drawing.add(Rect(0, 0, width, height, fillColor=white, strokeColor=None))
    for edge in reds:
        if low <= edge <= high:
            drawing.add(
                Line(0, y(edge), width, y(edge), strokeColor=COLOURS["red"], strokeWidth=0.5, strokeDashArray=[2, 1.5])
            )
    for part in _unbroken(days):
        if len(part) == 1:
            drawing.add(Circle(x(part[0][0]), y(part[0][1]), 0.8, fillColor=INK, strokeColor=None))
        else:
            points = [each for day, value in part for each in (x(day), y(value))]
            drawing.add(PolyLine(points, strokeColor=INK, strokeWidth=0.9))
    day, value = days[-1]
    drawing.add(Circle(x(day), y(value), 1.7, fillColor=COLOURS[level], strokeColor=None))
    return drawing


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(float(value))


def _near(edge: float, days: Sequence[tuple[int, float]]) -> bool:
    """Tell whether a limit lies so near that the course can still be seen beside it."""
    values = [value for _, value in days]
    low, high = min(values), max(values)
    return min(abs(edge - low), abs(edge - high)) <= 3 * max(high - low, abs(high) * 0.1)


def _unbroken(days: Sequence[tuple[int, float]]) -> list[list[tuple[int, float]]]:
    """Split a course where days are missing."""
    parts: list[list[tuple[int, float]]] = []
    for day in days:
        if parts and parts[-1][-1][0] == day[0] - 1:
            parts[-1].append(day)
        else:
            parts.append([day])
    return parts
