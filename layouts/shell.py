"""The wall's page: empty places for `assets/wall.js` to draw in, and the words that it draws with.

The shell is made of Dash components, but it is written to HTML here, once, instead of by React in the browser: nothing
on the wall calls back, so a screen that runs for months needs no renderer. The first paint is 26 kB gzipped in six
requests; by way of Dash's renderer it would be 285 kB in fourteen. The analyst's pages are ordinary Dash.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from dash import html

from layouts.words import USUAL, say, sentences, tongue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ASSETS = Path(__file__).parent / "assets"

COUNTS, FEEDS, TILES, STATEMENT, UNKNOWN, TAKEOVER = "counts", "feeds", "tiles", "statement", "unknown", "takeover"
WORSE = "worse"
NETWORK, CLOCK, JUDGED, ADDRESS, ALERTS = "network", "clock", "judged", "address", "alerts"
AREA, SOUND = "area", "sound"

_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{css}">
<script type="application/json" id="given">{given}</script>
{scripts}
</head>
<body{state}>
{shell}
<noscript>{noscript}</noscript>
</body>
</html>
"""


def wall_shell(*, title: str, public_url: str | None) -> Any:
    """Build the wall's empty layout as Dash components."""
    address = urlsplit(public_url).netloc if public_url else ""
    name = [html.H1(title, id=NETWORK), html.Span(address, id=ADDRESS), html.Span(id=AREA), html.Span(id=SOUND)]
    return html.Div(
        [
            html.Header(
                [
                    html.Div(name, id="name"),
                    html.Div(id=JUDGED),
                    html.Div(id=CLOCK),
                    html.Div(id=COUNTS, role="status"),
                ],
                id="head",
            ),
            html.Div(id=ALERTS, role="alert", hidden=True),
            html.Div(id=FEEDS, role="list", **{"aria-label": say("wall.sources")}),
            html.Main(
                [
                    html.Div(say("wall.connecting"), id=STATEMENT, role="status"),
                    html.Div(id=TILES, role="list", **{"aria-label": say("wall.tiles")}),
                    html.Section(id=WORSE, hidden=True, **{"aria-label": say("wall.worse")}),
                    html.Section(id=UNKNOWN, hidden=True, **{"aria-label": say("wall.unjudged")}),
                ],
                id="stage",
            ),
            html.Div(id=TAKEOVER, role="alert", hidden=True),
        ],
        id="wall",
    )


def wall_page(shell: Any, *, title: str, given: Mapping[str, Any] | None = None) -> str:
    """Write the whole page as HTML, in the language that is spoken; `given` says what a paired screen is to show."""
    return _write(
        shell,
        title,
        scripts=("wall_draw.js", "wall_device.js", "wall.js"),
        given={"words": browser_words(), "screen": given or {"state": "free"}},
        state=' data-feed="stale"',
    )


def pairing_page(title: str) -> str:
    """Write the page on which a television waits to be paired."""
    places = [html.P(id=place) for place in ("pairing-says", "pairing-code", "pairing-qr", "pairing-hint")]
    shell = html.Main([html.H1(say("wall.pairing")), *places], id="pairing")
    return _write(shell, title, scripts=("wall_pairing.js",), given={"words": browser_words()}, state="")


def _write(shell: Any, title: str, *, scripts: Sequence[str], given: Mapping[str, Any], state: str) -> str:
    return _PAGE.format(
        language=tongue(),
        title=escape(title),
        css=asset("wall.css"),
        # What a browser reads as JSON may not end the element that it stands in.
        given=orjson.dumps(given).decode().replace("<", "\\u003c"),
        scripts="\n".join(f'<script src="{asset(name)}" defer></script>' for name in scripts),
        state=state,
        shell=to_html(shell),
        noscript=escape(say("wall.noscript")),
    )


def browser_words() -> dict[str, str | tuple[str, ...]]:
    """Give the sentences that are put together in the browser, in the language that is spoken, without their "wall."."""
    said = {**sentences(USUAL), **sentences(tongue())}
    return {key.removeprefix("wall."): text for key, text in said.items() if key.startswith("wall.")}


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
