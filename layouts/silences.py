"""What is not told of for a time: the silences and maintenance windows, and a form to add one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dash import html

from layouts import wording
from layouts.element import hidden
from layouts.field import actor_field, button, choice, field, hours_field, post, reason_field, suggestions
from layouts.filters import INBOX
from layouts.form import FaultError, clean
from layouts.page import heading, section
from layouts.times import is_for_ever
from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytics.board import Board
    from layouts.times import Times

SILENCES = f"{INBOX}/silences"
PAIRS = (1, 2, 3)
MOST_SUGGESTED = 400
NO_PLACES = ("family", "source")
"""Dimensions of silences that no slice of a KPI has."""


@dataclass(frozen=True)
class Known:
    """What a silence can name, for the form to suggest: KPIs (key, title), dimensions and their values."""

    kpis: Sequence[tuple[str, str]] = ()
    dimensions: Sequence[str] = NO_PLACES
    values: Sequence[str] = ()

    @classmethod
    def of(cls, board: Board | None) -> Known:
        if board is None:
            return cls()
        pairs = {pair for reading in board.readings for pair in reading.slice}
        return cls(
            sorted({(reading.kpi, reading.title) for reading in board.readings}, key=lambda kpi: kpi[1].lower()),
            [*sorted({dimension for dimension, _ in pairs}), *NO_PLACES],
            sorted({value for _, value in pairs})[:MOST_SUGGESTED],
        )


def draw_silences(
    silences: Sequence[Mapping[str, Any]], known: Known, times: Times, actor: str, typed: Mapping[str, str]
) -> list[Any]:
    ordered = sorted(silences, key=lambda silence: (not silence["active"], silence["begins"] or ""))
    cards = [html.Li(_card(silence, times, actor)) for silence in ordered]
    return [
        heading(say("silences.title")),
        html.P(say("silences.says"), className="soft"),
        html.Ol(cards, className="cards") if cards else html.Div(html.P(say("silences.none")), className="empty"),
        section(
            "add", say("silences.add"), html.P(say("silences.add_says"), className="soft"), _form(known, actor, typed)
        ),
    ]


def _card(silence: Mapping[str, Any], times: Times, actor: str) -> Any:
    active = bool(silence["active"])
    state = html.Span(
        say("silences.active" if active else "silences.coming"), className=f"mark {'quiet' if active else 'told'}"
    )
    return html.Article(
        [
            html.Div(
                [
                    html.H2(wording.sentence(str(silence["text"]))),
                    html.P(str(silence["reason"] or ""), className="place"),
                ],
                className="what",
            ),
            html.Div(
                [
                    html.P(_length(silence, times), className="since"),
                    html.P([state, " ", say("silences.by", actor=silence["by"])], className="marks"),
                ],
                className="state",
            ),
            html.Div(_end(silence, actor), className="act"),
        ],
        className="card silence",
    )


def _length(silence: Mapping[str, Any], times: Times) -> str:
    begins, ends = silence["begins"], silence["ends"]
    if silence["recurring"]:
        return wording.sentence(str(silence["recurring"]))
    if not ends or is_for_ever(ends):
        return say("silences.for_ever")
    if silence["active"] or not begins:
        return say("silences.until", time=times.when(ends), span=times.span(ends))
    return say("silences.from", first=times.when(begins), last=times.when(ends))


def _end(silence: Mapping[str, Any], actor: str) -> Any:
    if not silence["mine"]:
        return html.Small(say("silences.fixed"))
    known, text = str(silence["id"]), wording.sentence(str(silence["text"]))
    name = [hidden("actor", actor)] if actor else [actor_field(f"end-{known}", "")]
    named = {"aria-label": say("silences.end_this", text=text)}
    return post(SILENCES, [hidden("end", known), *name, button(say("silences.end"), className="quiet", **named)])


def _form(known: Known, actor: str, typed: Mapping[str, str]) -> Any:
    kpis = [("", say("silences.any_kpi")), *((key, f"{wording.title(title)} ({key})") for key, title in known.kpis)]
    return post(
        SILENCES,
        [
            choice("add", "kpi", say("silences.kpi"), kpis, typed.get("kpi", "")),
            html.Fieldset(
                [html.Legend(say("silences.where")), *(each for n in PAIRS for each in _pair(n, typed))],
                className="pairs",
            ),
            suggestions("dimensions", known.dimensions),
            suggestions("values", known.values),
            hours_field("add", "hours", say("form.hours"), typed.get("hours", "4"), required=True),
            reason_field("add", typed, required=True),
            actor_field("add", typed.get("actor") or actor),
            button(say("silences.button")),
        ],
        name="add-form",
        className="deed",
    )


def _pair(n: int, typed: Mapping[str, str]) -> list[Any]:
    return [
        field("add", f"dimension{n}", say("silences.dimension", n=n), value=typed.get(f"dimension{n}"), list="dimensions",
              maxLength="100", autoComplete="off"),
        field("add", f"value{n}", say("silences.value", n=n), value=typed.get(f"value{n}"), list="values",
              maxLength="200", autoComplete="off"),
    ]  # fmt: skip


def wanted_of(form: Mapping[str, str]) -> dict[str, str]:
    """Read what a silence is to take; FaultError if it is nothing, or half of something."""
    kpi = clean(form.get("kpi", ""), 200)
    wanted = {"kpi": kpi} if kpi else {}
    for n in PAIRS:
        dimension, value = (clean(form.get(f"{name}{n}", ""), 200) for name in ("dimension", "value"))
        if bool(dimension) != bool(value):
            raise FaultError(400, say("silences.half"))
        if dimension in wanted:
            raise FaultError(400, say("silences.twice", dimension=dimension))
        if dimension:
            wanted[dimension] = value
    if not wanted:
        raise FaultError(400, say("silences.all"))
    return wanted
