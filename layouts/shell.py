"""The wall's page: empty places for `assets/wall.js` to draw in.

The shell is made of Dash components, but it is written to HTML here, once, instead of by React in the browser: nothing
on the wall calls back, so a screen that runs for months needs no renderer. The first paint is 12 kB gzipped in three
requests; by way of Dash's renderer it would be 285 kB in fourteen. The analyst's pages are ordinary Dash.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dash import html

ASSETS = Path(__file__).parent / "assets"

COUNTS, FEEDS, TILES, STATEMENT, UNKNOWN, TAKEOVER = "counts", "feeds", "tiles", "statement", "unknown", "takeover"
NETWORK, CLOCK, JUDGED, ADDRESS, ALERTS = "network", "clock", "judged", "address", "alerts"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{css}">
<script src="{js}" defer></script>
</head>
<body data-feed="stale">
{shell}
<noscript>This wall draws live figures and needs JavaScript.</noscript>
</body>
</html>
"""


def wall_shell(*, title: str, public_url: str | None) -> Any:
    """Build the wall's empty layout as Dash components."""
    address = urlsplit(public_url).netloc if public_url else ""
    return html.Div(
        [
            html.Header(
                [
                    html.Div([html.H1(title, id=NETWORK), html.Span(address, id=ADDRESS)], id="name"),
                    html.Div(id=JUDGED),
                    html.Div(id=CLOCK),
                    html.Div(id=COUNTS, role="status"),
                ],
                id="head",
            ),
            html.Div(id=ALERTS, role="alert", hidden=True),
            html.Div(id=FEEDS, role="list", **{"aria-label": "Data sources"}),
            html.Main(
                [
                    html.Div("Connecting ...", id=STATEMENT, role="status"),
                    html.Div(id=TILES, role="list", **{"aria-label": "What hurts, worst first"}),
                    html.Section(id=UNKNOWN, hidden=True, **{"aria-label": "What could not be judged"}),
                ],
                id="stage",
            ),
            html.Div(id=TAKEOVER, role="alert", hidden=True),
        ],
        id="wall",
    )


def wall_page(shell: Any, *, title: str) -> str:
    """Write the whole page as HTML."""
    return _PAGE.format(title=escape(title), css=asset("wall.css"), js=asset("wall.js"), shell=to_html(shell))


@cache
def asset(name: str) -> str:
    """Give the address of one of our files."""
    # The digest makes a screen fetch a new version after an upgrade, and cache it for ever until then.
    return f"/assets/{name}?v={sha256((ASSETS / name).read_bytes()).hexdigest()[:12]}"


_VOID = {"br", "hr", "img", "input", "link", "meta"}
"""Elements that have no end tag."""


def to_html(component: Any) -> str:
    """Write a tree of Dash HTML components as HTML; text and attributes are escaped."""
    if component is None:
        return ""
    if isinstance(component, (list, tuple)):
        return "".join(to_html(child) for child in component)
    if not hasattr(component, "to_plotly_json"):
        return escape(str(component))
    document = component.to_plotly_json()
    props = dict(document["props"])
    children = props.pop("children", None)
    tag = document["type"].lower()
    attributes = "".join(_attribute(name, value) for name, value in props.items())
    if tag in _VOID:
        return f"<{tag}{attributes}>"
    return f"<{tag}{attributes}>{to_html(children)}</{tag}>"


def _attribute(name: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = {"className": "class", "htmlFor": "for"}.get(name, name)
    if not re.fullmatch(r"[a-zA-Z][\w-]*", name):
        raise ValueError(f"{name!r} is no attribute name")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
