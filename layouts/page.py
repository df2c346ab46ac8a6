"""The frame of every server-drawn page: head, navigation, what is wrong, what was just done; no scripts at all."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from dash import html

from layouts.element import shape
from layouts.reader_menu import draw_menu
from layouts.shell import asset, to_html
from layouts.wording import whole
from layouts.words import say, tongue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from layouts.times import Times

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="dark light">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{css}">
</head>
<body data-feed="{feed}">
{body}
</body>
</html>
"""


@dataclass(frozen=True)
class Said:
    """A sentence about what was just done; `wrong` if it was not done."""

    text: str
    wrong: bool = False


@dataclass(frozen=True)
class Entry:
    """A line of the navigation, with a number behind it where that says something."""

    address: str
    name: str
    count: int = 0


@dataclass(frozen=True)
class Frame:
    """What stands around a page's content. `feed` is live, late or stale as on the wall, `troubles` are sentences."""

    network: str
    times: Times
    feed: str
    entries: Sequence[Entry] = ()
    troubles: Sequence[str] = ()
    said: Said | None = None
    here: str = ""
    """The address of the navigation's line that this page belongs to."""
    again: str | None = None
    """The address that draws this page anew; None where that would do something."""
    address: str = "/"
    """Where a browser that chose another language comes back to."""


def draw_page(frame: Frame, title: str, content: Sequence[Any]) -> str:
    """Write a whole page as HTML; `content` are components."""
    body = [
        html.A(say("frame.skip"), href="#content", className="skip"),
        _head(frame),
        html.Main([*_troubles(frame), *_said(frame), *content], id="content", tabIndex="-1"),
        _foot(frame),
    ]
    return _PAGE.format(
        language=tongue(),
        title=escape(f"{title} · {frame.network}"),
        css=asset("pages.css"),
        feed=escape(frame.feed),
        body=to_html(body),
    )


def _head(frame: Frame) -> Any:
    return html.Header(
        [
            html.A(frame.network, href="/", className="network"),
            html.Nav(
                [_entry(entry, here=entry.address == frame.here) for entry in frame.entries],
                **{"aria-label": say("frame.nav")},
            ),
        ],
        className="head",
    )


def _entry(entry: Entry, *, here: bool) -> Any:
    count = html.Span(whole(entry.count), className="count") if entry.count else None
    current = {"aria-current": "page"} if here else {}
    return html.A([entry.name, " " if count else "", count], href=entry.address, **current)


def _troubles(frame: Frame) -> list[Any]:
    return [html.P([shape("late"), html.Span(text)], className="trouble", role="alert") for text in frame.troubles]


def _said(frame: Frame) -> list[Any]:
    if frame.said is None:
        return []
    look, mark = ("wrong", "dead") if frame.said.wrong else ("done", "green")
    role = "alert" if frame.said.wrong else "status"
    return [html.P([shape(mark), html.Span(frame.said.text)], className=f"said {look}", role=role)]


def _foot(frame: Frame) -> Any:
    at = say("frame.at", time=frame.times.clock(frame.times.now.isoformat()), zone=frame.times.zone)
    again = html.A(say("frame.again"), href=frame.again) if frame.again else None
    return html.Footer([html.P([at, " " if again else "", again]), draw_menu(frame.times.zone, frame.address)])


def heading(text: str, *beside: Any) -> Any:
    """Draw a page's title, with what belongs beside it."""
    return html.Div([html.H1(text), *beside], className="heading")


def section(name: str, title: str, *content: Any) -> Any:
    """Draw a part of a page under its title."""
    titled = f"{name}-title"
    return html.Section([html.H2(title, id=titled), *content], id=name, className="part", **{"aria-labelledby": titled})


def sentence_page(frame: Frame, title: str, sentences: Sequence[str], *links: tuple[str, str]) -> str:
    """Write a page that says something, with links (text, address) to go on by."""
    leads = [html.P([html.A(text, href=address) for text, address in links], className="leads")] if links else []
    return draw_page(frame, title, [heading(title), *[html.P(text) for text in sentences], *leads])
