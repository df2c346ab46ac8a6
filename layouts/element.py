"""HTML elements that Dash has no component for, and the shapes of levels: written by `shell.to_html` like the others."""

from __future__ import annotations

from typing import Any


class Element:
    """Any element: Dash has none for an input, a link that is no navigation, or a drawing."""

    def __init__(self, tag: str, *children: Any, **attributes: Any) -> None:
        self._tag = tag
        self._children = children
        self._attributes = attributes

    def to_plotly_json(self) -> dict[str, Any]:
        return {"type": self._tag, "props": {"children": self._children, **self._attributes}}


SHAPES = {
    "red": "M7 1h10l6 6v10l-6 6H7l-6-6V7z",
    "turning": "M12 2 23 21H1z",
    "amber": "M12 1 23 12 12 23 1 12z",
    "green": "M4 13l5 6L21 5",
    "late": "M12 2 23 21H1z",
    "dead": "M4 4l16 16M20 4 4 20",
    "waiting": "M3 12h18",
    "unknown": "M8 8a4 4 0 1 1 5.5 3.7c-1.2.5-1.5 1.3-1.5 2.8M12 19.5v.5",
}
"""Every state has a shape of its own, the same as on the wall, so that nobody needs its colour."""

OUTLINED = {"green", "dead", "waiting", "unknown"}


def shape(state: str) -> Element:
    """Draw the shape of a state; one without a shape of its own is unknown."""
    state = state if state in SHAPES else "unknown"
    look = "line" if state in OUTLINED else "solid"
    path = Element("path", d=SHAPES[state])
    return Element("svg", path, className=f"shape {look} is-{state}", viewBox="0 0 24 24", **{"aria-hidden": "true"})


def hidden(name: str, value: str) -> Element:
    """Draw what a form sends along unseen."""
    return Element("input", type="hidden", name=name, value=value)
