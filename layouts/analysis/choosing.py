"""Controls that narrow what a page shows: each leads to an address, which is the only place where a choice is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_mantine_components as dmc
from dash import dcc, html

from layouts.analysis.address import Filters, address, to_export
from layouts.analysis.look import mark
from layouts.analysis.toll import LEVELS
from layouts.words import reader, say, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.analysis.view import View

EXPORTS = ("csv", "xlsx", "parquet")


def bar(view: View, *controls: Any) -> Any:
    """Draw a page's controls beside each other, with a way back to everything where something is left out."""
    whole = view.filters.going().but(kpi=view.filters.kpi, sort=view.filters.sort)
    everything = dcc.Link(say("choosing.clear"), href=address(view.path, whole), className="button")
    return html.Div(
        [*controls, everything if whole != view.filters else None],
        className="choosing",
        role="group",
        **{"aria-label": say("choosing.says")},
    )


def of_dimension(view: View, name: str, values: Mapping[str, str]) -> Any:
    """Let its reader keep one value of a dimension: `values` are {value: text}; None where there is nothing to choose."""
    where = dict(view.filters.where)
    if not values and name not in where:
        return None

    def leading(value: str | None) -> str:
        kept = {key: each for key, each in where.items() if key != name} | ({name: value} if value else {})
        return address(view.path, view.filters.but(where=tuple(sorted(kept.items()))))

    asked = {where[name]: where[name]} if name in where else {}
    every = [{"value": leading(None), "label": word("every", name)}]
    data = every + [{"value": leading(value), "label": text} for value, text in {**asked, **values}.items()]
    return one_of(name, word("master", name), data, leading(where.get(name)))


def one_of(name: str, label: str, data: Sequence[Mapping[str, str]], value: str, *, width: int = 190) -> Any:
    """Draw a list of addresses to choose from; `app` goes to the one that is chosen."""
    return dmc.Select(
        id={"type": "go", "of": name},
        label=label,
        data=list(data),
        value=value,
        searchable=True,
        allowDeselect=False,
        size="sm",
        w=width,
        limit=300,
    )


def words(view: View, name: str, label: str) -> Any:
    """Draw a field for words; `app` puts what is sent into the address."""
    return dmc.TextInput(
        id={"type": "words", "of": name},
        label=label,
        value=view.filters.words,
        placeholder=say("choosing.enter"),
        size="sm",
        w=220,
        debounce=False,
    )


def levels(view: View, counts: Mapping[str, int]) -> Any:
    """Draw each level with its number as a switch."""
    drawn = [
        _switch(
            view,
            "levels",
            level,
            [mark(level), f"{word('level', level)} ", html.B(reader().whole(counts.get(level, 0)))],
        )
        for level in LEVELS
    ]
    return _switches(say("choosing.levels"), drawn)


def families(view: View, there: Sequence[str]) -> Any:
    """Draw the families of KPIs as switches."""
    every = list(dict.fromkeys([*there, *view.filters.families]))
    return _switches(
        say("choosing.families"), [_switch(view, "families", each, [word("family", each)]) for each in every]
    )


def _switches(label: str, drawn: Sequence[Any]) -> Any:
    return html.Div(
        [html.Span(label, className="label"), html.Ul([html.Li(each) for each in drawn])],
        className="switches",
        role="group",
        **{"aria-label": label},
    )


def _switch(view: View, field: str, value: str, content: Sequence[Any]) -> Any:
    """Draw a link that takes a value in or out; what is in says so to those who do not see it."""
    chosen: tuple[str, ...] = getattr(view.filters, field)
    kept = tuple(each for each in chosen if each != value) if value in chosen else (*chosen, value)
    said = [html.Span(say("choosing.chosen"), className="unseen")] if value in chosen else []
    return dcc.Link(
        [*content, *said],
        href=address(view.path, view.filters.but(**{field: kept})),
        className=f"switch {value} on" if value in chosen else f"switch {value}",
    )


def compare(view: View) -> Any:
    """Draw the switch for the period before."""
    other = view.filters.but(compare=not view.filters.compare)
    text = say("compare.off" if view.filters.compare else "compare.on")
    return dcc.Link(text, href=address(view.path, other), className="button")


def exports(what: str, of: Mapping[str, Any], filters: Filters, label: str, formats: Sequence[str] = EXPORTS) -> Any:
    """Draw links to files; `label` says what stands in them."""
    links = [
        html.A(each.upper(), href=to_export(what, each, of, filters), className="export", download="")
        for each in formats
    ]
    return html.Div([html.Span(label, className="soft"), *links], className="exports")


def matching(words: str, *texts: str) -> bool:
    """Tell whether some texts hold all the words."""
    within = " ".join(texts).casefold()
    return all(each in within for each in words.casefold().split())
