"""A reading as a tile: figure against limit, level, course, sample, customers, driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from layouts import wording
from layouts.analysis.address import to_kpi
from layouts.analysis.look import badge, spark, tagged
from layouts.analysis.places import bounds, limits_of, slice_of
from layouts.words import say, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from layouts.analysis.view import View


def tile(reading: Mapping[str, Any], view: View) -> Any:
    """Draw a reading of a place whose page this is; it leads to its KPI there."""
    shown, limit = wording.value_and_limit(reading["value"], bounds(reading["limits"]["red"]), reading["unit"])
    link = dcc.Link(wording.title(reading["title"]), href=to_kpi(reading["kpi"], slice_of(reading), view.filters))
    figure = [
        html.Span(shown, className="tile-value"),
        html.Span(say("tile.limit", limit=limit), className="soft"),
        badge(reading["level"], stale=reading["stale"]),
    ]
    return tagged(
        reading,
        html.H3(link),
        html.P(figure, className="figure-line"),
        spark(
            reading["history"], limits_of(reading), label=say("list.days_says", n=len(reading["history"])), width=240
        ),
        html.Ul([html.Li(each) for each in _said(reading, view)], className="lines"),
        tag=html.Article,
        className="panel tile",
    )


def _said(reading: Mapping[str, Any], view: View) -> list[Any]:
    """Say in a line each what stands behind the figure; what is not known is left out."""
    lines = [
        wording.hurt(reading["customers"]),
        f"{say('kpi.sample_says', n=round(reading['n']))}, {course(reading)}",
        wording.driver(reading["drivers"][0]) if reading["drivers"] else "",
        say("tile.since", time=view.times.when(reading["since"]), span=view.times.span(reading["since"]))
        if reading["since"]
        else "",
    ]
    return [line for line in lines if line]


def course(reading: Mapping[str, Any]) -> str:
    """Say where a figure is going: by the control chart of its days where there is one, for that knows chance."""
    change = reading.get("change")
    if not change or not change.get("variation"):
        return word("trend", reading["trend"])
    said = word("variation", change["variation"])
    if reading.get("worsening"):
        return say("kpi.worsening", text=wording.sentence(change["moved"]["text"]))
    return f"{said}, {word('assurance', change['assurance'])}" if change.get("assurance") else said
