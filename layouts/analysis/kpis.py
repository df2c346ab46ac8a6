"""All KPIs by family: how each stands in the whole network, at how many places it hurts, and where the most."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dash import dcc, html

from layouts import wording
from layouts.analysis import choosing
from layouts.analysis.address import to_kpi
from layouts.analysis.chance import better
from layouts.analysis.drawing import drawn
from layouts.analysis.look import NONE, badge, mark, tagged
from layouts.analysis.page import Page, empty, part
from layouts.analysis.places import bounds, slice_of
from layouts.analysis.toll import HURTING, LEVELS, worst_level
from layouts.times import read
from layouts.words import reader, say, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.analysis.view import View

FAMILIES = ("quality", "speed", "workload", "parts", "logistics", "contact", "customer", "cost", "integrity", "data")
"""In the order in which an order meets them; families that a user made stand behind."""


@dataclass(frozen=True)
class Kpi:
    """A KPI with all its readings in the Board's order."""

    readings: Sequence[Mapping[str, Any]]

    @property
    def first(self) -> Mapping[str, Any]:
        return self.readings[0]

    @cached_property
    def network(self) -> Mapping[str, Any] | None:
        return next((each for each in self.readings if not each["slice"]), None)

    @cached_property
    def places(self) -> Sequence[Mapping[str, Any]]:
        return [each for each in self.readings if each["slice"]]

    @cached_property
    def counts(self) -> Mapping[str, int]:
        return Counter(each["level"] for each in self.places)

    @property
    def worst(self) -> Mapping[str, Any] | None:
        """Give the place where it hurts most, None where it hurts nowhere."""
        return next((each for each in self.places if each["level"] in HURTING), None)

    @property
    def title(self) -> str:
        return wording.title(self.first["title"])

    @cached_property
    def rank(self) -> tuple[int, float, str]:
        """Sort the worst first: by its worst level anywhere, by the pain of all places, by name."""
        level = worst_level(each["level"] for each in self.readings)
        return LEVELS.index(level), -sum(each["pain"] for each in self.places), self.title


def build(view: View) -> Page:
    """Draw the KPIs that the filters keep, by family."""
    every = _all(view)
    families = [*FAMILIES, *sorted({kpi.first["family"] for kpi in every} - set(FAMILIES))]
    shown = [kpi for kpi in every if _stays(kpi, view)]
    groups = {name: [kpi for kpi in shown if kpi.first["family"] == name] for name in families}
    there = [name for name in families if any(kpi.first["family"] == name for kpi in every)]
    parts = [_family(name, group, view) for name, group in groups.items() if group]
    return Page(
        say("kpis.title"),
        [_controls(every, there, view), *(parts or [_nothing(every)])],
        subtitle=html.P(_count(shown, every), className="soft"),
    )


def _all(view: View) -> list[Kpi]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for reading in view.readings:
        found.setdefault(reading["kpi"], []).append(reading)
    return sorted((Kpi(mine) for mine in found.values()), key=lambda kpi: kpi.rank)


def _stays(kpi: Kpi, view: View) -> bool:
    wanted = view.filters
    return (
        (not wanted.families or kpi.first["family"] in wanted.families)
        and (not wanted.levels or any(each["level"] in wanted.levels for each in kpi.readings))
        and choosing.matching(wanted.words, kpi.title, kpi.first["kpi"])
    )


def _count(shown: Sequence[Kpi], every: Sequence[Kpi]) -> str:
    if len(shown) == len(every):
        return say("kpis.count", n=len(every))
    return say("kpis.some", shown=len(shown), n=len(every))


def _nothing(every: Sequence[Kpi]) -> Any:
    if every:
        return empty(say("kpis.none"), say("kpis.none_hint"))
    return empty(say("kpis.nothing"), say("kpis.nothing_hint"))


def _controls(every: Sequence[Kpi], families: Sequence[str], view: View) -> Any:
    counts: Counter[str] = Counter(level for kpi in every for level in {each["level"] for each in kpi.readings})
    return choosing.bar(
        view,
        choosing.words(view, "kpis", say("kpis.words")),
        choosing.families(view, families),
        choosing.levels(view, counts),
    )


def _family(name: str, group: Sequence[Kpi], view: View) -> Any:
    """Draw a family's KPIs as a table."""
    columns = [("kpi", ""), ("network", ""), ("value", "number"), ("limit", "number")]
    heads = [html.Th(say(f"kpis.{key}"), scope="col", className=look) for key, look in columns]
    levels = [html.Th([mark(level), word("level", level)], scope="col", className="number") for level in LEVELS]
    head = html.Thead(html.Tr([*heads, *levels, html.Th(say("kpis.worst"), scope="col", className="wide")]))
    table = html.Table([head, html.Tbody([_row(kpi, view) for kpi in group])], className="list kpis")
    region = {"aria-label": word("family", name), "role": "region", "tabIndex": "0"}
    return part(f"family-{name}", word("family", name), drawn(html.Div([table], className="scroll", **region)))


def _row(kpi: Kpi, view: View) -> Any:
    of = kpi.network or kpi.first
    shown, limit = wording.value_and_limit(of["value"], bounds(of["limits"]["red"]), of["unit"])
    title = dcc.Link(kpi.title, href=to_kpi(of["kpi"], slice_of(of), view.filters))
    known = kpi.network is not None
    cells = [
        html.Th([title, html.Small(_hint(of))], scope="row"),
        html.Td(badge(of["level"], stale=of["stale"]) if known else say("kpis.no_network")),
        html.Td(shown if known else NONE, className="number"),
        html.Td(limit, className="number soft"),
        *(_number(kpi.counts[level]) for level in LEVELS),
        html.Td(_worst(kpi, view)),
    ]
    return tagged(of, *cells, tag=html.Tr)


def _number(number: int) -> Any:
    return html.Td(reader().whole(number), className="number" if number else "number soft")


def _hint(reading: Mapping[str, Any]) -> str:
    """Say in short how a figure is made: what of how many, over which time, and which side is better."""
    told = [
        say("kpis.parts", part=wording.whole(reading["numerator"]), whole=wording.whole(reading["denominator"]))
        if reading["numerator"] is not None and reading["denominator"] is not None
        else say("kpi.sample_says", n=round(reading["n"])),
        _window(reading),
        word("better", better(reading)),
    ]
    return " · ".join(filter(None, told))


def _window(reading: Mapping[str, Any]) -> str:
    first, last = reading["window"]["from"], reading["window"]["to"]
    days = round((read(last) - read(first)).total_seconds() / 86_400) if first else 0
    return say("kpis.window", n=days) if days else ""


def _worst(kpi: Kpi, view: View) -> Any:
    """Lead to the place where it hurts most."""
    worst = kpi.worst
    if worst is None:
        return html.Span(say("kpis.nowhere" if kpi.counts["green"] else "kpis.blind"), className="soft")
    shown, _ = wording.value_and_limit(worst["value"], bounds(worst["limits"]["red"]), worst["unit"])
    link = dcc.Link(wording.place(slice_of(worst)), href=to_kpi(worst["kpi"], slice_of(worst), view.filters))
    return [link, html.Div([badge(worst["level"], stale=worst["stale"]), f" {shown}"])]
