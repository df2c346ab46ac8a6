"""Labelled fields of forms; every one of them has its label, and an id that its form makes its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from layouts.element import Element, hidden
from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def field(form: str, name: str, label: str, *, hint: str = "", className: str = "", **attributes: Any) -> Any:  # noqa: N803  # as Dash calls it
    """Draw one line to type in."""
    known = f"{form}-{name}"
    said = {"aria-describedby": f"{known}-hint"} if hint else {}
    kept = {key: value for key, value in attributes.items() if value not in (None, "", False)}
    return html.Div(
        [
            html.Label(label, htmlFor=known),
            Element("input", **{"type": "text", "id": known, "name": name, **kept, **said}),
            html.Small(hint, id=f"{known}-hint") if hint else None,
        ],
        className=f"field {className}".strip(),
    )


def choice(form: str, name: str, label: str, options: Iterable[tuple[str, str]], chosen: str = "") -> Any:
    """Draw a list to choose from, of pairs (value, text)."""
    known = f"{form}-{name}"
    drawn = [
        html.Option(text, value=value, selected="selected" if value == chosen else None) for value, text in options
    ]
    return html.Div([html.Label(label, htmlFor=known), html.Select(drawn, id=known, name=name)], className="field")


def tick(form: str, name: str, label: str, *, ticked: bool) -> Any:
    """Draw a box to tick."""
    known = f"{form}-{name}"
    box = Element("input", type="checkbox", id=known, name=name, value="1", checked=ticked)
    return html.Div([box, html.Label(label, htmlFor=known)], className="field tick")


def suggestions(known: str, values: Iterable[str]) -> Any:
    """Give what a field with list=`known` suggests."""
    return html.Datalist([html.Option(value=value) for value in values], id=known)


def actor_field(form: str, actor: str, label: str = "") -> Any:
    """Ask who acts; a browser that was told fills it in."""
    label = label or say("form.actor")
    return field(form, "actor", label, value=actor, required=True, maxLength="80", autoComplete="name")


def reason_field(form: str, typed: Mapping[str, str], *, required: bool = False) -> Any:
    label = say("form.reason" if required else "form.reason_optional")
    return field(form, "reason", label, value=typed.get("reason", ""), required=required, maxLength="500")


def hours_field(form: str, name: str, label: str, value: str, *, required: bool = False, hint: str = "") -> Any:
    # Text, not a number field: those refuse a comma or a point, whichever the browser's own language does not use.
    return field(
        form,
        name,
        label,
        value=value,
        required=required,
        inputMode="decimal",
        hint=hint,
        maxLength="8",
        className="short",
    )


def button(text: str, **attributes: Any) -> Any:
    return html.Button(text, **{"type": "submit", **attributes})


def post(address: str, content: Sequence[Any], name: str = "", **more: Any) -> Any:
    """Draw a form that does something."""
    return html.Form(list(content), method="post", action=address, **({"id": name} if name else {}), **more)


def verb(name: str) -> Element:
    return hidden("verb", name)
