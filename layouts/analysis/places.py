"""Readings of a Board as the pages sort, list and compare them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from layouts import wording
from layouts.analysis.address import to_kpi
from layouts.analysis.look import badge, spark, tagged
from layouts.inquiry import AbsentError
from layouts.words import reader, say

MINUS = "\N{MINUS SIGN}"

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analytics.kpi import Bound
    from layouts.analysis.view import View
    from layouts.inquiry import Slice


def slice_of(reading: Mapping[str, Any]) -> Slice:
    return tuple(sorted(reading["slice"].items()))


def of_kpi(readings: Iterable[Mapping[str, Any]], key: str) -> list[Mapping[str, Any]]:
    """Give the readings of a KPI in the Board's order: the worst first."""
    return [each for each in readings if each["kpi"] == key]


def bounds(bound: float | Sequence[float]) -> Bound:
    """Read a limit as JSON has it: a number, or the two ends of a band."""
    return bound if isinstance(bound, (int, float)) else (bound[0], bound[1])


def limits_of(reading: Mapping[str, Any]) -> list[float]:
    red = bounds(reading["limits"]["red"])
    return list(red) if isinstance(red, tuple) else [red]


def compared(view: View, reading: Mapping[str, Any]) -> str:
    """Say what a figure was over the period before."""
    try:
        before = view.inquiry.before(view.version, reading["kpi"]).get(slice_of(reading))
    except AbsentError:
        return say("compare.unknown")
    if before is None or before["value"] is None:
        return say("compare.unknown")
    shown, _ = wording.value_and_limit(before["value"], bounds(reading["limits"]["red"]), reading["unit"])
    change = _change(before["value"], reading)
    if before["n"] is None:
        return say("compare.says_state", value=shown, change=change)
    return say("compare.says", value=shown, n=round(before["n"]), change=change)


def _change(before: float, reading: Mapping[str, Any]) -> str:
    if reading["value"] is None:
        return "?"
    step = reading["value"] - before
    if reading["unit"] == "%":
        said = say("compare.points", points=wording.figure(100 * abs(step)))
    else:
        said, _ = wording.value_and_limit(abs(step), abs(step), reading["unit"])
    return f"{'+' if step > 0 else MINUS if step < 0 else '±'}{said}"


def listed(readings: Sequence[Mapping[str, Any]], view: View, *, titles: bool = False) -> Any:
    """Draw readings as a table: where, level, figure, limit, sample, customers, the last days; each leads to its KPI."""
    names = ["place", "level", "value", "limit", "n", "hurt", "days", *(["before"] if view.filters.compare else [])]
    head = html.Thead(
        html.Tr(
            [html.Th(say(f"list.{'title' if titles and name == 'place' else name}"), scope="col") for name in names]
        )
    )
    body = html.Tbody([_row(each, view, titles=titles) for each in readings])
    return html.Div(
        html.Table([head, body], className="list"),
        className="scroll",
        tabIndex="0",
        role="region",
        **{"aria-label": say("list.says")},
    )


def _row(reading: Mapping[str, Any], view: View, *, titles: bool) -> Any:
    shown, limit = wording.value_and_limit(reading["value"], bounds(reading["limits"]["red"]), reading["unit"])
    name = wording.place(slice_of(reading))
    text = f"{wording.title(reading['title'])}, {name}" if titles else name
    cells = [
        html.Th(dcc.Link(text, href=to_kpi(reading["kpi"], slice_of(reading), view.filters)), scope="row"),
        html.Td(badge(reading["level"], stale=reading["stale"])),
        html.Td(shown, className="number"),
        html.Td(limit, className="number soft"),
        html.Td(reader().whole(reading["n"]), className="number"),
        html.Td(wording.hurt(reading["customers"]), className="number"),
        html.Td(spark(reading["history"], limits_of(reading), label=say("list.days_says", n=len(reading["history"])))),
    ]
    if view.filters.compare:
        cells.append(html.Td(compared(view, reading)))
    return tagged(reading, *cells, tag=html.Tr)
