"""The map of the world as SVG: land coloured by level, and a mark a country whose shape is its level and whose size its pain."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from layouts.analysis.drawing import Drawing
from layouts.analysis.world_shapes import SHAPES as FILE
from layouts.element import OUTLINED, SHAPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.analysis.drawing import Tree

    Box = tuple[float, float, float, float]

WORLD = (0.0, 0.0, 5000.0, 2200.0)
SMALLEST, LARGEST = 0.0085, 0.026
"""Radii of marks, as parts of the width that is shown."""
CROWD = 16
"""Where more countries than these are marked, the marks grow less with pain, so that they stay close to where they belong."""
NARROW, WIDE = 1.7, 2.5
"""How many times wider than high a view may be."""
TEXT = 0.0135
"""The height of a country's code, as a part of the width that is shown."""
OUTER = 1.15
"""How much larger the disc around a mark is."""
STEPS = 200


@dataclass(frozen=True)
class Spot:
    """A country to be marked: its ISO code, level, pain, where its link leads, and what it says; `data` are its attributes."""

    code: str
    level: str
    pain: float
    href: str
    text: str
    data: Mapping[str, str]


@cache
def world() -> dict[str, Any]:
    """Read the shapes (Natural Earth, public domain) as `world_shapes` made them."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def is_placed(code: str) -> bool:
    """Tell whether the map knows where a country is."""
    return code in world()["countries"]


def areas(codes: Sequence[str]) -> dict[str, Box]:
    """Give the parts of the world that hold one of some countries."""
    places = [at(code) for code in codes]
    boxes: dict[str, Box] = {name: tuple(box) for name, box in world()["areas"].items()}
    return {
        name: (left, top, right, bottom)
        for name, (left, top, right, bottom) in boxes.items()
        if any(left <= x <= right and top <= y <= bottom for x, y in places)
    }


def around(codes: Sequence[str]) -> Box:
    """Give the box around some countries, with air; of none, the whole world."""
    if not codes:
        return WORLD
    xs, ys = zip(*(at(code) for code in codes), strict=True)
    air = 160.0
    return min(xs) - air, min(ys) - air, max(xs) + air, max(ys) + air


def at(code: str) -> tuple[float, float]:
    x, y = world()["countries"][code]["at"]
    return float(x), float(y)


def picture(spots: Sequence[Spot], box: Box, label: str) -> Drawing:
    """Draw the countries and their marks within a box; what lies outside it is not drawn."""
    left, top, width, height = _framed(box)
    inside = [spot for spot in spots if _is_inside(at(spot.code), (left, top, width, height))]
    levels = {spot.code: spot for spot in spots}
    land = [_land(shape, levels.get(code)) for code, shape in world()["countries"].items() if "d" in shape]
    other = [["path", {"d": path, "className": "land"}] for path in world()["other"]]
    tree: Tree = [
        "svg",
        {
            "viewBox": f"{left:.0f} {top:.0f} {width:.0f} {height:.0f}",
            "className": "world",
            "role": "group",
            "aria-label": label,
            "style": {"--line": f"{width / 1600:.2f}", "--text": f"{width * TEXT:.1f}px"},
        },
        ["g", {"aria-hidden": "true"}, *land, *other],
        *_marks(inside, (left, top, width, height)),
    ]
    return Drawing(tree)


def _framed(box: Box) -> Box:
    """Give left, top, width, height of a view around a box that is neither too narrow nor too wide for a page."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    wide, high = max(width, height * NARROW, 420.0), max(height, width / WIDE, 420.0 / WIDE)
    return (left + right - wide) / 2, (top + bottom - high) / 2, wide, high


def _is_inside(point: tuple[float, float], view: Box) -> bool:
    left, top, width, height = view
    return left <= point[0] <= left + width and top <= point[1] <= top + height


def _land(shape: Mapping[str, Any], spot: Spot | None) -> Tree:
    """Draw a country's land; a click on it does what one on its mark does, and the keyboard need not come by twice."""
    if spot is None:
        return ["path", {"d": shape["d"], "className": "land"}]
    path = ["path", {"d": shape["d"], "className": f"land {spot.level}"}, ["title", {}, spot.text]]
    return ["link", {"href": spot.href, "tabIndex": -1}, path]


def _marks(spots: Sequence[Spot], view: Box) -> list[Tree]:
    """Draw the marks, the most painful first for the keyboard and last, on top, for the eye."""
    radii = _radii(spots, view[2])
    places = _apart([at(spot.code) for spot in spots], radii, view)
    drawn = []
    for spot, radius, (x, y) in zip(spots, radii, places, strict=True):
        drawn.append(["g", {"className": "spot"}, *_leader(at(spot.code), (x, y), radius), _mark(spot, radius, x, y)])
    return drawn


def _radii(spots: Sequence[Spot], width: float) -> list[float]:
    """Give each mark an area by its pain."""
    most = max((spot.pain for spot in spots), default=0.0) or 1.0
    growth = (LARGEST - SMALLEST) * min(1.0, math.sqrt(CROWD / max(len(spots), 1)))
    return [width * (SMALLEST + growth * math.sqrt(spot.pain / most)) for spot in spots]


def _apart(points: Sequence[tuple[float, float]], radii: Sequence[float], view: Box) -> list[tuple[float, float]]:
    """Push marks apart that lie upon each other: Europe has more countries than room."""
    # The code stands below its mark, and is to be read too.
    code = view[2] * TEXT
    spots = [[x, y + code / 2] for x, y in points]
    room = [OUTER * radius + code * 0.6 for radius in radii]
    for _ in range(STEPS):
        still = True
        for i in range(len(spots)):
            for j in range(i):
                dx, dy = spots[i][0] - spots[j][0], spots[i][1] - spots[j][1]
                lack = room[i] + room[j] - math.hypot(dx, dy)
                if lack > 0.01:
                    still = False
                    _push(spots[i], spots[j], lack, room[j] / (room[i] + room[j]))
        if still:
            break
    left, top, width, height = view
    return [
        (min(max(x, left + r), left + width - r), min(max(y, top + r), top + height - r) - code / 2)
        for (x, y), r in zip(spots, room, strict=True)
    ]


def _push(one: list[float], other: list[float], by: float, share: float) -> None:
    """Move two marks away from each other, the first by a share of the way: the larger one stays rather where it belongs."""
    dx, dy = one[0] - other[0], one[1] - other[1]
    long = math.hypot(dx, dy)
    ux, uy = (dx / long, dy / long) if long else (0.0, 1.0)
    rest = 1.0 - share
    one[0], one[1] = one[0] + ux * by * share, one[1] + uy * by * share
    other[0], other[1] = other[0] - ux * by * rest, other[1] - uy * by * rest


def _leader(home: tuple[float, float], place: tuple[float, float], radius: float) -> list[Tree]:
    """Draw a line from a mark that was pushed away to where it belongs."""
    if math.dist(home, place) < radius * 0.8:
        return []
    (x0, y0), (x1, y1) = home, place
    return [["line", {"x1": round(x0), "y1": round(y0), "x2": round(x1), "y2": round(y1), "className": "leader"}]]


def _mark(spot: Spot, radius: float, x: float, y: float) -> Tree:
    shape = spot.level if spot.level in SHAPES else "unknown"
    look = "line" if shape in OUTLINED else "solid"
    move = f"translate({x - radius:.1f} {y - radius:.1f}) scale({radius / 12:.3f})"
    return [
        "link",
        {"href": spot.href, "className": f"mark-of {spot.level}", "aria-label": spot.text, **spot.data},
        ["title", {}, spot.text],
        ["circle", {"cx": round(x), "cy": round(y), "r": round(radius * OUTER), "className": "disc"}],
        ["path", {"d": SHAPES[shape], "transform": move, "className": f"shape {look}"}],
        ["text", {"x": round(x), "y": round(y + radius * OUTER), "dy": "0.95em"}, spot.code],
    ]
