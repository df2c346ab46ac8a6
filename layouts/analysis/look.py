"""How levels look on the analyst's pages: by shape, word and colour, the same shapes as on the wall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dash import html
from orjson import dumps

from layouts.element import OUTLINED, SHAPES
from layouts.words import word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NONE = "\N{EN DASH}"
"""Stands where there is no figure."""


def mark(state: str) -> Any:
    """Draw the shape of a level or of a source's state, in its colour; its name must stand beside it."""
    return html.Span(className=f"mark is-{state if state in SHAPES else 'unknown'}", **{"aria-hidden": "true"})


def badge(level: str, *, stale: bool = False) -> Any:
    """Draw a level with its word."""
    said = word("level", level)
    return html.Span(
        [mark(level), said, " (", word("level", "stale"), ")"] if stale else [mark(level), said],
        className=f"level {level}",
    )


def tagged(reading: Mapping[str, Any], *content: Any, tag: Any = html.Div, className: str = "") -> Any:  # noqa: N803  # as Dash calls it
    """Draw a tile of a reading with the attributes that every drawn tile carries."""
    data = {
        "data-kpi": reading["kpi"],
        "data-slice": dumps(dict(reading["slice"])).decode(),
        "data-level": reading["level"],
    }
    stale = " stale" if reading["stale"] else ""
    return tag(list(content), className=f"{className} {reading['level']}{stale}".strip(), **data)


def masks() -> str:
    """Write the style sheet of the shapes: one mask each, so that a mark takes the colour of what it stands in."""
    return "\n".join(_mask(name, path) for name, path in SHAPES.items())


def _mask(name: str, path: str) -> str:
    look = "fill='none' stroke='black' stroke-width='4' stroke-linecap='round' stroke-linejoin='round'"
    drawn = look if name in OUTLINED else "fill='black'"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'><path d='{path}' {drawn}/></svg>"
    return f'.mark.is-{name} {{ --shape: url("data:image/svg+xml,{quote(svg)}"); }}'


_SPARK = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' preserveAspectRatio='none'><style>"
    "path{{fill:none;vector-effect:non-scaling-stroke}}.course{{stroke:#808a99;stroke-width:2}}"
    ".limit{{stroke:#d05252;stroke-dasharray:4 3}}</style>{limits}<path class='course' d='{course}'/></svg>"
)


def spark(
    history: Sequence[Sequence[Any]], limits: Sequence[float], *, label: str, width: int = 120, height: int = 36
) -> Any:
    """Draw the last days as a line with its limits, as a picture with a text; None where there are too few days."""
    values = [point[1] for point in history]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    every = [*known, *limits]
    low, span = min(every), (max(every) - min(every)) or 1.0

    def y(value: float) -> str:
        return f"{height - 2 - (height - 4) * (value - low) / span:.1f}"

    marks = "".join(f"<path class='limit' d='M0 {y(limit)}H{width}'/>" for limit in limits)
    svg = _SPARK.format(width=width, height=height, limits=marks, course=_course(values, y, width))
    return html.Img(src=f"data:image/svg+xml,{quote(svg)}", alt=label, className="spark", width=width, height=height)


def _course(values: Sequence[float | None], y: Callable[[float], str], width: int) -> str:
    """Write a path through the days; one without data is a gap, not a line drawn over it."""
    path, pen = "", "M"
    for index, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        path += f"{pen}{width * index / (len(values) - 1):.1f} {y(value)}"
        pen = "L"
    return path
