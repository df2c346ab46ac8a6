"""Charts of the analyst's pages as Plotly figures: a control chart of the days, and a funnel of the peers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from dash import dcc, html
from scipy import stats

from analytics.statistics.rates import share_funnel
from layouts import wording
from layouts.words import say, tongue, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.inquiry import Slice

_COLOURS = ("ink", "soft", "rule", "red", "green", "line", "amber")
DARK = dict(zip(_COLOURS, ("#f3f6fa", "#b4bfcd", "#2b3442", "#ff7b78", "#6fdc97", "#9fc1ff", "#f2d15c"), strict=True))
LIGHT = dict(zip(_COLOURS, ("#10151c", "#475364", "#cbd3dd", "#a8101b", "#0b6b34", "#1d4fa8", "#6a5200"), strict=True))
_DAY = {"en": "%-d %b", "de": "%-d.%-m."}
"""How days are written along an axis; Plotly speaks English alone."""
WARN, ALARM = 0.05, 0.002
"""The two-sided chances of lying outside the limits of a funnel: 95 % and 99.8 %, as is usual."""
_SYMBOLS = {"red": "square", "turning": "triangle-up", "amber": "diamond", "green": "circle", "unknown": "x"}


def graph(name: str, figure: Mapping[str, Any], text: str, *, height: int = 320) -> Any:
    """Draw a figure; `text` says in words what it shows, for whoever does not see it."""
    config = {
        "displaylogo": False,
        "responsive": True,
        "locale": tongue(),
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    }
    drawn = dcc.Graph(id=name, figure=dict(figure), config=config, style={"height": height})
    return html.Figure(
        [drawn, html.Figcaption(text, className="soft")], className="figure", role="group", **{"aria-label": text}
    )


def control_chart(chart: Mapping[str, Any], *, unit: str, dark: bool, title: str) -> dict[str, Any]:
    """Draw the days with their centre line and control limits; days with a signal have a shape of their own.

    What is charted may be the share of rows beyond the green limit (`of`), which is a percentage whatever the KPI's unit.
    """
    colours = DARK if dark else LIGHT
    points = _known(chart["points"])
    unit = "%" if chart.get("of") else unit
    factor = 100.0 if unit == "%" else 1.0
    days = [point["day"] for point in points]

    def column(field: str) -> list[float | None]:
        return [None if point.get(field) is None else point[field] * factor for point in points]

    thin = {"width": 1, "dash": "dot", "color": colours["soft"]}
    traces = [
        _line(days, column("high"), say("chart.upper"), thin),
        _line(days, column("low"), say("chart.lower"), thin),
        _line(days, column("centre"), say("chart.centre"), {"width": 1, "color": colours["soft"]}),
        {
            **_line(days, column("value"), title, {"width": 2, "color": colours["line"]}),
            "mode": "lines+markers",
            "marker": _marks(points, colours),
            "customdata": [_signal(point) for point in points],
            "hoverinfo": "all",
            "hovertemplate": f"%{{x|{_DAY[tongue()]}}}<br>%{{y:.4~g}} {unit}<br>%{{customdata}}<extra></extra>",
        },
        *_bounds(chart.get("limits") or {}, days, factor, colours),
    ]
    return {"data": traces, "layout": _layout(colours, unit, {"type": "date", "tickformat": _DAY[tongue()]})}


def _known(points: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Leave out the days before the first figure."""
    first = next((i for i, point in enumerate(points) if point["value"] is not None), len(points))
    return points[first:]


def _signal(point: Mapping[str, Any]) -> str:
    return wording.sentence(point["signal"]) if point.get("signal") else say("chart.no_signal")


def _bounds(limits: Mapping[str, Any], days: Sequence[str], factor: float, colours: Mapping[str, str]) -> list[Any]:
    """Draw the green and the red limit, or both ends of a band."""
    drawn = []
    for name in ("green", "red"):
        bound = limits.get(name)
        for each in bound if isinstance(bound, list | tuple) else [bound]:
            if each is not None:
                look = {"width": 1.5, "dash": "dash", "color": colours[name]}
                drawn.append(_line(days, [each * factor] * len(days), say(f"chart.limit.{name}"), look))
    return drawn


def _line(x: Sequence[Any], y: Sequence[Any], name: str, line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": list(y),
        "name": name,
        "line": dict(line),
        "hoverinfo": "skip",
    }


def _marks(points: Sequence[Mapping[str, Any]], colours: Mapping[str, str]) -> dict[str, Any]:
    looks = {
        None: ("circle", colours["line"], 6),
        True: ("triangle-up", colours["green"], 11),
        False: ("square", colours["red"], 10),
    }
    told = [looks[bool(point.get("improving")) if point.get("signal") else None] for point in points]
    return {
        "symbol": [look[0] for look in told],
        "color": [look[1] for look in told],
        "size": [look[2] for look in told],
    }


def _layout(colours: Mapping[str, str], unit: str, x: Mapping[str, Any]) -> dict[str, Any]:
    axis = {
        "gridcolor": colours["rule"],
        "zerolinecolor": colours["rule"],
        "linecolor": colours["rule"],
        "automargin": True,
    }
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": colours["ink"], "family": "inherit", "size": 13},
        "margin": {"l": 50, "r": 12, "t": 40, "b": 40},
        "xaxis": {**axis, **x},
        "yaxis": {**axis, "ticksuffix": f" {unit}" if unit else "", "rangemode": "normal"},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
        "separators": ",." if tongue() == "de" else ".,",
    }


def is_funnel(readings: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether figures can be set against chance: shares, whose parts are known, of three places or more."""
    return sum(is_judged_share(reading) for reading in readings) >= 3


def is_judged_share(reading: Mapping[str, Any]) -> bool:
    """Tell whether a figure counts among its peers: what is unknown says nothing of them, nor they of it."""
    return _is_share(reading) and reading["level"] != "unknown"


def _is_share(reading: Mapping[str, Any]) -> bool:
    whole, part = reading["denominator"], reading["numerator"]
    return (
        reading["value"] is not None
        and bool(whole)
        and part is not None
        and 0 <= part <= whole
        and reading["unit"] == "%"
    )


def funnel(
    readings: Sequence[Mapping[str, Any]], names: Sequence[str], *, mine: Slice | None, dark: bool
) -> dict[str, Any]:
    """Set places against chance: how far each lies from the middle of all, by how many rows it has.

    The limits are those of the binomial distribution around the peers' middle, widened by the peers' own spread beyond chance
    (additive random effects, Spiegelhalter 2005) on the scale asin(sqrt(share)).
    """
    colours = DARK if dark else LIGHT
    told = [(reading, name) for reading, name in zip(readings, names, strict=True) if _is_share(reading)]
    judged = [reading for reading in readings if is_judged_share(reading)]
    hits = np.array([reading["numerator"] for reading in judged], dtype=float)
    n = np.array([reading["denominator"] for reading in judged], dtype=float)
    limits = funnel_limits(hits, n)
    traces = [
        _line(
            limits["n"], 100 * limits[key], say(f"funnel.{key}"), {"width": 1, "dash": dash, "color": colours["soft"]}
        )
        for key, dash in (
            ("high_alarm", "solid"),
            ("high_warn", "dot"),
            ("middle", "dash"),
            ("low_warn", "dot"),
            ("low_alarm", "solid"),
        )
    ]
    for level in ("green", "unknown", "amber", "turning", "red"):
        of = [(reading, name) for reading, name in told if reading["level"] == level]
        if of:
            traces.append(_dots(of, level, colours, mine))
    return {"data": traces, "layout": _layout(colours, "%", {"type": "log", "title": {"text": say("funnel.n")}})}


def funnel_limits(hits: Any, n: Any) -> dict[str, Any]:
    """Give the funnel's middle and limits along n, as shares: "n", "middle", "low_warn", "high_warn", "low_alarm", "high_alarm"."""
    found = share_funnel(hits, n)
    middle = float(np.nanmedian(found.centre))
    between = float(np.nanmedian(found.between))
    along = np.geomspace(max(n.min(), 1.0), n.max() * 1.1, 60)
    spread = np.sqrt(1 / (4 * along + 2) + between**2)
    limits = {"n": along, "middle": np.full(len(along), _share(middle))}
    for name, chance in (("warn", WARN), ("alarm", ALARM)):
        z = stats.norm.isf(chance / 2)
        limits[f"low_{name}"], limits[f"high_{name}"] = _share(middle - z * spread), _share(middle + z * spread)
    return limits


def _share(angle: Any) -> Any:
    return np.sin(np.clip(angle, 0.0, np.pi / 2)) ** 2


def _dots(
    of: Sequence[tuple[Mapping[str, Any], str]], level: str, colours: Mapping[str, str], mine: Slice | None
) -> dict[str, Any]:
    own = [tuple(sorted(reading["slice"].items())) == mine for reading, _ in of]
    colour = {"red": colours["red"], "green": colours["green"], "amber": colours["amber"], "turning": colours["amber"]}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": word("level", level),
        "x": [reading["denominator"] for reading, _ in of],
        "y": [100 * reading["value"] for reading, _ in of],
        "text": [name for _, name in of],
        "hovertemplate": "%{text}<br>%{y:.3~g} %  (n = %{x:,})<extra></extra>",
        "marker": {
            "symbol": _SYMBOLS[level],
            "color": colour.get(level, colours["soft"]),
            "size": [16 if each else 9 for each in own],
            "line": {"width": [2 if each else 0 for each in own], "color": colours["ink"]},
        },
    }
