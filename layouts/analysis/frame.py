"""What stands around every analyst's page: the way to the others, the search, and what its reader has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_mantine_components as dmc
from dash import dcc, html

from layouts.analysis.address import address
from layouts.analysis.page import warning
from layouts.words import LANGUAGES, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from layouts.analysis.page import Page
    from layouts.analysis.view import View

LOCATION, CONTENT, TITLE, NAV, FIND, SHOWN = "location", "content", "title", "pages", "find", "shown"
LANGUAGE, ZONE, THEME, CHOSEN, PULSE = "choose-language", "choose-zone", "choose-theme", "chosen", "pulse"
TYPED = "typed"
THEMES = ("dark", "light", "auto")
ENTRIES = (
    ("wall", "/"),
    ("partners", "/partners"),
    ("kpis", "/kpis"),
    ("map", "/map"),
    ("sources", "/sources"),
    ("alerts", "/alerts"),
    ("screens", "/screens"),
)
PLAIN = {"/", "/alerts", "/screens"}
"""Pages that are no Dash: a browser loads them anew."""
_THEME = {
    "primaryColor": "blue",
    "fontFamily": '"Inter", "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif',
    "defaultRadius": "sm",
    "respectReducedMotion": True,
}


def shell(*, network: str, theme: str, language: str, zone: str, zones: Sequence[str]) -> Any:
    """Draw the frame that stays while its reader goes from page to page."""
    scheme = theme if theme in ("dark", "light") else None
    return dmc.MantineProvider(
        [
            dcc.Location(id=LOCATION, refresh="callback-nav"),
            dcc.Store(id=TITLE),
            dcc.Store(id=CHOSEN),
            dcc.Store(id=TYPED),
            html.A(say("frame.skip"), href=f"#{CONTENT}", className="skip"),
            _head(network, theme, language, zone, zones),
            html.Div(id=PULSE, role="alert", hidden=True, **_sentences()),
            dcc.Loading(
                html.Main(id=CONTENT, tabIndex="-1", className="content", children=_waiting()),
                delay_show=250,
                delay_hide=0,
                overlay_style={"visibility": "visible", "opacity": 0.5},
                custom_spinner=html.Div(say("analysis.loading"), className="loading", role="status"),
                target_components={CONTENT: "children"},
            ),
        ],
        theme=_THEME,
        **({"forceColorScheme": scheme} if scheme else {"defaultColorScheme": "auto"}),
    )


def _sentences() -> dict[str, str]:
    """Give what `analysis.js` says when the server is lost or the engine dead, in its reader's language."""
    return {f"data-{name}": say(f"pulse.{name}") for name in ("lost", "stale", "newer")}


def _waiting() -> Any:
    return html.Div([dmc.Skeleton(height=h, mb="md") for h in (36, 90, 240)], **{"aria-busy": "true"})


def _head(network: str, theme: str, language: str, zone: str, zones: Sequence[str]) -> Any:
    return html.Header(
        [
            html.A(network, href="/", className="network"),
            html.Nav([_entry(name, href) for name, href in ENTRIES], id=NAV, **{"aria-label": say("frame.nav")}),
            _find(),
            _choices(theme, language, zone, zones),
        ],
        className="head",
    )


def _entry(name: str, href: str) -> Any:
    if href in PLAIN:
        return html.A(say(f"nav.{name}"), href=href)
    return dcc.Link(say(f"nav.{name}"), href=href)


def _find() -> Any:
    return dmc.Select(
        id=FIND,
        searchable=True,
        clearable=True,
        data=[],
        placeholder=say("find.placeholder"),
        nothingFoundMessage=say("find.nothing"),
        className="find",
        size="sm",
        w=300,
        maxDropdownHeight=420,
        selectFirstOptionOnChange=True,
        **{"aria-label": say("find.label")},
    )


def _choices(theme: str, language: str, zone: str, zones: Sequence[str]) -> Any:
    fields = [
        dmc.Select(
            id=LANGUAGE,
            label=say("choose.language"),
            data=[{"value": key, "label": name} for key, name in LANGUAGES.items()],
            value=language,
        ),
        dmc.Select(
            id=ZONE, label=say("choose.zone"), allowDeselect=False, data=list(dict.fromkeys([zone, *zones])), value=zone
        ),
        dmc.Select(
            id=THEME,
            label=say("choose.theme"),
            data=[{"value": name, "label": say(f"choose.theme.{name}")} for name in THEMES],
            value=theme,
        ),
    ]
    return html.Details([html.Summary(say("choose.title")), html.Div(fields, className="choices")], className="menu")


def draw(page: Page, view: View) -> list[Any]:
    """Draw a page with its title and what its figures are of."""
    return [
        *_crumbs(page),
        html.Div(
            [
                html.Div([dmc.Title(page.title, order=1, size="h2"), page.subtitle], className="titles"),
                html.Div(list(page.tools), className="tools"),
            ],
            className="heading",
        ),
        *_standing(view),
        *page.content,
    ]


def _crumbs(page: Page) -> list[Any]:
    if not page.crumbs:
        return []
    links = [dcc.Link(text, href=href) for text, href in page.crumbs]
    return [html.Nav(links, className="crumbs", **{"aria-label": say("frame.crumbs")})]


def _standing(view: View) -> list[Any]:
    """Say which Board this is, and which sources it could not trust."""
    try:
        board = view.board
    except Exception:  # noqa: BLE001  # whatever it was, the page itself has said so already
        return []
    counts = board["counts"]
    said = say(
        "standing.board",
        version=board["version"],
        time=view.times.when(board["as_of"], seconds=True),
        judged=counts["judged"],
        red=counts["red"],
        unknown=counts["unknown"],
    )
    kept = view.filters.version is not None and view.newest is not None and view.newest != board["version"]
    lines = [
        # what the page asks for later must be of the same Board, though a newer one may be there by then
        dcc.Store(id=SHOWN, data=board["version"]),
        html.P(said, className="soft standing", **{"data-version": str(board["version"])}),
    ]
    if kept:
        newest = dcc.Link(say("standing.newest"), href=address(view.path, view.filters.but(version=None)))
        text = say("standing.kept", version=board["version"], ago=view.times.span(board["as_of"]))
        lines.append(warning([text, " ", newest]))
    return lines + _blind(board, view)


def _blind(board: Any, view: View) -> list[Any]:
    """Name the sources that bring nothing: what is drawn from them is older than it should be."""
    silent = [source for source in board["sources"] if source["state"] in ("late", "dead")]
    if not silent:
        return []
    named = ", ".join(
        say("standing.source", name=each["name"], ago=view.times.span(each["watermark"]) if each["watermark"] else "?")
        for each in silent[:4]
    )
    return [warning(say("standing.blind", n=len(silent), named=named), state="dead")]
