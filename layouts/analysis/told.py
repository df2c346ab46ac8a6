"""What sources tell, in words: the values of columns, and what a step changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from analytics.facts import FACTS
from layouts.analysis.look import NONE
from layouts.times import read
from layouts.words import reader, say, sentences, tongue, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from layouts.analysis.view import View

_TYPES = {field.name: field.type for fact in FACTS.values() for field in fact.fields}


def value(name: str, said: Any, view: View) -> Any:
    """Draw what a column says: times on the reader's clock, yes and no, known names by their word, all else as it was told."""
    if said is None:
        return NONE
    if isinstance(said, bool):
        return say("order.yes" if said else "order.no")
    if isinstance(said, (int, float)):
        return reader().formatted(said, ",.12g")  # a record is exact: nothing of it is rounded
    if (_TYPES.get(name) == "time" or name.endswith("_at")) and _is_time(said):
        return view.times.element(said)
    return _worded(name, str(said))


def _worded(name: str, said: str) -> str:
    """Give the word for one of a column's known names; what a partner wrote stays as written."""
    return word(name, said) if f"{name}.{said}" in sentences(tongue()) or name == "outcome" else said


def _is_time(said: str) -> bool:
    try:
        read(said)
    except ValueError:
        return False
    return True


def changes(step: Mapping[str, Any], view: View) -> Any:
    """Draw what a step changed: what stood there before, and what does since."""
    names = [*step["after"], *(name for name in step["before"] if name not in step["after"])]
    if not names:
        return None
    return html.Ul([_change(name, step, view) for name in names], className="changes")


def _change(name: str, step: Mapping[str, Any], view: View) -> Any:
    now = html.Ins(value(name, step["after"].get(name), view))
    label = html.Span(f"{word('column', name)}: ", className="soft")
    if name not in step["before"]:
        return html.Li([label, now])
    was = html.Del(value(name, step["before"][name], view))
    return html.Li([label, was, html.Span(" \N{RIGHTWARDS ARROW} ", title=say("order.becomes")), now])
