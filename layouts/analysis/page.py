"""What a page gives to its frame, and the states that every page has: empty, absent, failed, stale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dash_mantine_components as dmc
from dash import dcc, html

from layouts.analysis.look import mark
from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from layouts.analysis.view import View


@dataclass(frozen=True)
class Page:
    """A drawn page: its title, and its content below the frame's head; `tools` stand beside the title."""

    title: str
    content: Sequence[Any]
    subtitle: Any = None
    tools: Sequence[Any] = ()
    crumbs: Sequence[tuple[str, str]] = ()
    """Where this page lies: pairs (text, address)."""


def part(name: str, title: str, *content: Any, beside: Any = None) -> Any:
    """Draw a part of a page under its title."""
    titled = f"{name}-title"
    head = dmc.Group([dmc.Title(title, order=2, size="h4", id=titled), beside], justify="space-between")
    return html.Section([head, *content], id=name, className="part", **{"aria-labelledby": titled})


def empty(text: str, hint: str = "", *, level: str = "unknown") -> Any:
    """Say why there is nothing to show here, and what to do."""
    return html.Div([html.P([mark(level), text]), html.P(hint, className="soft") if hint else None], className="empty")


def absent(sentence: str) -> Page:
    """Say that what was asked for is not there."""
    return Page(say("analysis.absent"), [empty(sentence, say("analysis.absent_hint"))])


def failed(address: str) -> Page:
    """Say that the page could not be drawn, through no fault of its reader's."""
    again = html.P(dmc.Anchor(say("analysis.again"), href=address, refresh=True))
    return Page(
        say("analysis.failed"), [empty(say("analysis.failed_says"), say("analysis.failed_hint"), level="dead"), again]
    )


def warning(text: Any, *, state: str = "late") -> Any:
    return html.P([mark(state), html.Span(text)], className="trouble", role="status")


def missing(view: View) -> Page:
    return Page(say("wrong.missing"), [empty(say("wrong.missing_says", path=view.path))])


LATER, LATER_OF = "later", "later-of"


def later(name: str) -> Any:
    """Leave room for what takes a while to work out; it is asked for when the page is there."""
    return html.Div(
        [dcc.Store(id=LATER_OF, data=name), html.Div(dmc.Skeleton(height=260), id=LATER, **{"aria-busy": "true"})]
    )
