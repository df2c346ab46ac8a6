"""Makes `world_shapes.json`, the shapes of the countries: run once, by whoever wants newer ones.

The shapes are Natural Earth's, 1:110m, and the places of countries too small for it are taken from 1:50m; Natural Earth is in the
public domain. They are read as TopoJSON from the npm package world-atlas, the codes from cldr-core:

    python -m layouts.analysis.world_shapes countries-110m.json countries-50m.json codeMappings.json
"""

from __future__ import annotations

import json
import math
import sys
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Point = tuple[float, float]
    Ring = list[Point]

SHAPES = Path(__file__).parent / "world_shapes.json"
WIDTH = 5000
"""Units from the western to the eastern edge: fine enough to be drawn at ten times a screen's width of the whole world."""
EDGE = 180.0
WITHOUT_CODE = {"Kosovo": "XK"}
"""Countries that ISO has no number for."""
LEFT_OUT = {"AQ"}
"""Nobody repairs there, and it would take a fifth of the picture."""
AREAS = {
    "europe": (-11.0, 35.0, 41.0, 69.0),
    "asia": (42.0, -11.0, 148.0, 55.0),
    "middle_east": (24.0, 11.0, 64.0, 43.0),
    "africa": (-19.0, -36.0, 53.0, 38.0),
    "north_america": (-132.0, 6.0, -58.0, 62.0),
    "south_america": (-83.0, -56.0, -33.0, 14.0),
    "oceania": (111.0, -48.0, 180.0, 0.0),
}
"""Parts of the world that can be looked at by themselves: west, south, east, north."""


def projected(longitude: float, latitude: float) -> Point:
    """Put a place onto the map: Equal Earth (Savric, Patterson and Jenny 2018), on which areas can be compared."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    root = math.sqrt(3)
    t = math.asin(root / 2 * math.sin(math.radians(latitude)))
    x = 2 * root * math.radians(longitude) * math.cos(t) / (3 * (9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1))
    y = a4 * t**9 + a3 * t**7 + a2 * t**3 + a1 * t
    scale = WIDTH / 5.41328
    return WIDTH / 2 + x * scale, WIDTH / 4.1087 - y * scale


def made(small: Mapping[str, Any], large: Mapping[str, Any], codes: Mapping[str, str]) -> dict[str, Any]:
    """Make the document: "countries" ({code: {"d": path or missing, "at": [x, y]}}), "other" (paths without a code), "areas"."""
    countries: dict[str, Any] = {}
    other = []
    for code, rings in _countries(small, codes):
        if code in LEFT_OUT:
            continue
        if code is None:
            other.append(_path(rings))
        else:
            countries[code] = {"d": _path(rings), "at": _middle(rings)}
    for code, rings in _countries(large, codes):
        if code is not None and code not in LEFT_OUT:
            countries.setdefault(code, {"at": _middle(rings)})
    return {"countries": countries, "other": other, "areas": dict(_areas())}


def _countries(topology: Mapping[str, Any], codes: Mapping[str, str]) -> Iterator[tuple[str | None, list[Ring]]]:
    """Give each country's code and outer rings, the largest first: enclaves are drawn upon what surrounds them."""
    arcs = [_arc(arc, topology["transform"]) for arc in topology["arcs"]]
    found = []
    for country in topology["objects"]["countries"]["geometries"]:
        polygons = country.get("arcs", [])
        outer = [_ring(polygon[0], arcs) for polygon in ([polygons] if country["type"] == "Polygon" else polygons)]
        rings = [[projected(*point) for point in part] for ring in outer for part in _cut(ring)]
        code = codes.get(str(country.get("id"))) or WITHOUT_CODE.get(country["properties"]["name"])
        if rings:
            found.append((code, rings))
    yield from sorted(found, key=lambda each: -max(abs(_area(ring)) for ring in each[1]))


def _arc(arc: Sequence[Point], transform: Mapping[str, Sequence[float]]) -> Ring:
    """Read a line of a topology, steps on a grid, as longitudes and latitudes."""
    scale, start = transform["scale"], transform["translate"]
    sums = accumulate(arc, lambda at, step: (at[0] + step[0], at[1] + step[1]))
    return [(x * scale[0] + start[0], y * scale[1] + start[1]) for x, y in sums]


def _ring(numbers: Sequence[int], arcs: Sequence[Ring]) -> Ring:
    """Put lines together; those with a negative number run backwards."""
    points: Ring = []
    for number in numbers:
        line = arcs[number] if number >= 0 else arcs[~number][::-1]
        points += line[1:] if points else line
    return points


def _cut(ring: Ring) -> list[Ring]:
    """Cut a ring where it crosses the edge of the map, so that Russia does not reach across all of it."""
    whole = ring[:1]
    for longitude, latitude in ring[1:]:
        turns = round((whole[-1][0] - longitude) / 360)
        whole.append((longitude + 360 * turns, latitude))
    parts = [[(x + turn, y) for x, y in whole] for turn in (-360, 0, 360)]
    return [part for each in parts if (part := _east_of(_west_of(each)))]


def _west_of(ring: Ring) -> Ring:
    return _side(ring, 1.0)


def _east_of(ring: Ring) -> Ring:
    return _side(ring, -1.0)


def _side(ring: Ring, sign: float) -> Ring:
    """Keep what of a ring lies on this side of the edge, 180 degrees east (`sign` 1) or west (-1): Sutherland and Hodgman."""
    kept: Ring = []
    for (x0, y0), (x1, y1) in pairwise(ring):
        inside = sign * x0 <= EDGE
        if inside:
            kept.append((x0, y0))
        if inside != (sign * x1 <= EDGE):
            kept.append((sign * EDGE, y0 + (y1 - y0) * (sign * EDGE - x0) / (x1 - x0)))
    return [*kept, kept[0]] if len(kept) > 2 else []


def _path(rings: Sequence[Ring]) -> str:
    """Write rings as a path of whole steps, without steps that lead nowhere."""
    drawn = ""
    for ring in rings:
        points = [(round(x), round(y)) for x, y in ring[:-1]]
        steps = [(x - a, y - b) for (a, b), (x, y) in pairwise(points) if (x, y) != (a, b)]
        if len(steps) > 1:
            drawn += f"M{points[0][0]} {points[0][1]}l" + "".join(f"{x} {y} " for x, y in steps).strip() + "z"
    return drawn.replace(" -", "-")


def _area(ring: Ring) -> float:
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring)) / 2


def _middle(rings: Sequence[Ring]) -> list[int]:
    """Find the centroid of the largest part: the middle of France does not lie in the Atlantic."""
    ring = max(rings, key=lambda each: abs(_area(each)))
    area = _area(ring)
    if not area:
        return [round(each) for each in ring[0]]
    sums = [sum((p[k] + q[k]) * (p[0] * q[1] - q[0] * p[1]) for p, q in pairwise(ring)) / (6 * area) for k in (0, 1)]
    return [round(each) for each in sums]


def _areas() -> Iterator[tuple[str, list[int]]]:
    """Give the box of each part of the world on the map: left, top, right, bottom."""
    for name, (west, south, east, north) in AREAS.items():
        along = [south + (north - south) * step / 20 for step in range(21)]
        points = [projected(longitude, latitude) for longitude in (west, (west + east) / 2, east) for latitude in along]
        xs, ys = zip(*points, strict=True)
        yield name, [round(each) for each in (min(xs), min(ys), max(xs), max(ys))]


def write(small: str, large: str, codes: str) -> None:
    """Write the document from the files named."""
    mapped = json.loads(Path(codes).read_text(encoding="utf-8"))["supplemental"]["codeMappings"]
    numbers = {of["_numeric"]: code for code, of in mapped.items() if "_numeric" in of and len(code) == 2}
    read = [json.loads(Path(path).read_text(encoding="utf-8")) for path in (small, large)]
    SHAPES.write_text(json.dumps(made(read[0], read[1], numbers), separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(*sys.argv[1:])
