"""The analyst's pages as a Dash app on the wall's server: their addresses, and every callback they have.

All callbacks are asynchronous and work in a bounded pool of threads: on this backend a synchronous one would stop every stream.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.backends._fastapi import get_current_request, reset_current_request, set_current_request
from starlette.responses import HTMLResponse
from starlette.routing import Route, WebSocketRoute

from layouts.analysis import frame, grid, partners, replay, routes, sources
from layouts.analysis.address import Filters
from layouts.analysis.exports import Exports
from layouts.analysis.look import masks
from layouts.analysis.page import LATER, LATER_OF, absent, empty, failed, missing
from layouts.analysis.search import suggestions
from layouts.analysis.view import View
from layouts.form import FaultError, require_own_page
from layouts.inquiry import AbsentError
from layouts.reader import Reader
from layouts.shell import ASSETS
from layouts.times import Times
from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

    from layouts.analysis.page import Page
    from layouts.desk import Desk
    from layouts.feed import BoardFeed
    from layouts.inquiry import Inquiry

AT_ONCE = 8
"""Pages and tables that are worked out at the same time; further ones wait."""
FILES_AT_ONCE = 3
"""Files that are made at the same time: a large one takes as long as many pages, and those shall not wait for it."""
_INDEX = """<!DOCTYPE html>
<html lang="%LANGUAGE%" data-mantine-color-scheme="%THEME%">
<head>
{%metas%}
<title>{%title%}</title>
<link rel="icon" href="data:,">
{%css%}
<style>%MASKS%</style>
</head>
<body data-feed="stale">
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""
_log = logging.getLogger(__name__)


class Analysis:
    """The pages and their callbacks; `inquiry` answers what they ask."""

    def __init__(
        self,
        dash: Dash,
        feed: BoardFeed,
        inquiry: Inquiry,
        desk: Desk | None,
        *,
        network: str,
        clock: Callable[[], datetime],
        hosts: Collection[str] = (),
    ) -> None:
        self._dash = dash
        self._feed = feed
        self._inquiry = inquiry
        self._desk = desk
        self._network = network
        self._clock = clock
        self._hosts = hosts
        self._replaying = replay.Running()
        self._first = threading.Lock()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="analysis")
        self._files = ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="files")
        dash.index_string = _INDEX
        dash.config.suppress_callback_exceptions = True  # before the layout, which is drawn for a request only
        dash.layout = self._shell
        self._register()

    # ---- addresses ----

    def routes(self) -> list[Route]:
        """Give the addresses of the pages; each is the same empty page, which asks for its content."""
        exports = Exports(self._inquiry, self._take)
        return [*(Route(path, self._index) for path in routes.ADDRESSES), exports.route()]

    async def _take(self, request: Request, make: Callable[[], Any]) -> Any:
        """Make a file in a thread, in the language of whoever takes it away."""
        return await _spoken(self._files, self._reader(request.cookies, request.headers), make)

    async def _index(self, request: Request) -> Response:
        reader = self._reader(request.cookies, request.headers)
        theme = _theme(request.cookies)
        token = set_current_request(request)
        try:
            page = await asyncio.to_thread(self._frame)
        finally:
            reset_current_request(token)
        scheme = "light" if theme == "light" else "dark"
        page = page.replace("%LANGUAGE%", reader.language).replace("%THEME%", scheme).replace("%MASKS%", masks())
        status = 404 if routes.build_of(request.url.path) is missing else 200
        return HTMLResponse(page, status, headers={"Cache-Control": "no-cache"})

    def _frame(self) -> str:
        with (
            self._first
        ):  # Dash finds our own scripts and styles when one of its own addresses is asked for: too late for us
            self._dash._setup_server()  # noqa: SLF001
        return str(self._dash.index())

    def _reader(self, cookies: Any, headers: Any) -> Reader:
        return Reader.of(cookies, headers, self._zone())

    def _zone(self) -> str:
        latest = self._feed.latest
        return latest.board.timezone if latest else "UTC"

    def _shell(self) -> Any:
        """Draw the frame; Dash asks for it once per visit."""
        request = self._dash.backend.request_adapter()
        reader = self._reader(request.cookies, request.headers)
        with reader.spoken():
            return frame.shell(
                network=self._network,
                theme=_theme(request.cookies),
                language=reader.language,
                zone=reader.zone,
                zones=[self._zone(), "UTC"],
            )

    # ---- callbacks ----

    def _register(self) -> None:
        dash = self._dash

        @dash.callback(  # type: ignore[untyped-decorator]
            Output(frame.CONTENT, "children"),
            Output(frame.TITLE, "data"),
            Input(frame.LOCATION, "pathname"),
            Input(frame.LOCATION, "search"),
        )
        async def draw(pathname: str | None, search: str | None) -> Any:
            return await self._work(self._drawn, pathname or "/", search or "")

        @dash.callback(  # type: ignore[untyped-decorator]
            Output(LATER, "children"),
            Input(LATER_OF, "data"),
            State(frame.LOCATION, "pathname"),
            State(frame.LOCATION, "search"),
            State(frame.SHOWN, "data"),
        )
        async def later(_: str | None, pathname: str | None, search: str | None, shown: int | None) -> Any:
            return await self._work(self._later, pathname or "/", search or "", shown)

        @dash.callback(  # type: ignore[untyped-decorator]
            Output(frame.FIND, "data"),
            Input(frame.TYPED, "data"),
            State(frame.LOCATION, "search"),
            prevent_initial_call=True,
        )
        async def find(words: str | None, search: str | None) -> Any:
            if not (words or "").strip():
                return []
            return await self._work(self._found, words, search or "")

        @dash.callback(  # type: ignore[untyped-decorator]
            Output(grid.ROWS, "getRowsResponse"),
            Output(grid.NOTE, "children"),
            Input(grid.ROWS, "getRowsRequest"),
            State(frame.LOCATION, "pathname"),
            State(frame.LOCATION, "search"),
            State(frame.SHOWN, "data"),
            prevent_initial_call=True,
        )
        async def rows(request: Any, pathname: str | None, search: str | None, shown: int | None) -> Any:
            if not request:
                return no_update, no_update
            return await self._work(self._rows, request, pathname or "/", search or "", shown)

        @dash.callback(  # type: ignore[untyped-decorator]
            Output(replay.SAID, "children"),
            Input(replay.BUTTON, "n_clicks"),
            State(frame.LOCATION, "pathname"),
            State(frame.LOCATION, "search"),
            running=[(Output(replay.BUTTON, "disabled"), True, False), (Output(replay.RUNS, "hidden"), False, True)],
            prevent_initial_call=True,
        )
        async def try_again(clicks: int | None, pathname: str | None, search: str | None) -> Any:
            if not clicks:
                return no_update
            return await self._work(self._replayed, get_current_request(), pathname or "/", search or "")

        dash.clientside_callback(
            ClientsideFunction("painpoint", "arrived"),
            Output(frame.NAV, "title"),
            Input(frame.TITLE, "data"),
            State(frame.LOCATION, "pathname"),
        )
        dash.clientside_callback(
            ClientsideFunction("painpoint", "typed"), Output(frame.TYPED, "data"), Input(frame.FIND, "searchValue")
        )
        dash.clientside_callback(
            ClientsideFunction("painpoint", "go"), Output(frame.FIND, "value"), Input(frame.FIND, "value")
        )
        dash.clientside_callback(
            ClientsideFunction("painpoint", "point"),
            Output(partners.FUNNEL, "clickData"),
            Input(partners.FUNNEL, "clickData"),
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("painpoint", "move"),
            Input({"type": "go", "of": ALL}, "value"),
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("painpoint", "tabled"),
            Input(grid.ROWS, "filterModel"),
            Input(grid.ROWS, "columnState"),
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("painpoint", "narrow"),
            Input({"type": "words", "of": ALL}, "n_submit"),
            State({"type": "words", "of": ALL}, "value"),
            State({"type": "words", "of": ALL}, "id"),
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("painpoint", "choose"),
            Output(frame.CHOSEN, "data"),
            Input(frame.LANGUAGE, "value"),
            Input(frame.ZONE, "value"),
            Input(frame.THEME, "value"),
            prevent_initial_call=True,
        )

    async def _work(self, what: Callable[..., Any], *of: Any) -> Any:
        """Do something in a thread, in the reader's language."""
        cookies, headers = ctx.cookies, ctx.headers
        reader = self._reader(cookies, headers)
        return await _spoken(self._threads, reader, lambda: what(reader, _theme(cookies), *of))

    def _view(self, reader: Reader, theme: str, path: str, search: str, shown: int | None = None) -> View:
        """Give what a page is drawn from; `shown` is the Board that the rest of the page was drawn from."""
        latest, filters = self._feed.latest, Filters.read(search)
        return View(
            path=path,
            name=routes.name_of(path),
            filters=filters if shown is None or filters.version is not None else filters.but(version=shown),
            times=Times(self._clock(), reader.zone),
            inquiry=self._inquiry,
            desk=self._desk,
            newest=latest.version if latest else None,
            dark=theme != "light",
            about=self._network,
        )

    def _drawn(self, reader: Reader, theme: str, path: str, search: str) -> tuple[Any, str]:
        view = self._view(reader, theme, path, search)
        page = self._page(view, f"{path}{search}")
        return frame.draw(page, view), f"{page.title} · {self._network}"

    def _later(self, reader: Reader, theme: str, path: str, search: str, shown: int | None) -> list[Any]:
        view = self._view(reader, theme, path, search, shown)
        try:
            return routes.more_of(view)
        except AbsentError as error:
            return [empty(str(error))]
        except Exception:  # noqa: BLE001  # as below
            _log.exception("%s could not be explained", view.path.split("/")[1:2])
            return [empty(say("analysis.failed_says"), say("analysis.failed_hint"), level="dead")]

    def _page(self, view: View, address: str) -> Page:
        """Draw a page; whatever goes wrong is said on it."""
        try:
            return routes.build_of(view.path)(view)
        except AbsentError as error:
            return absent(str(error))
        except Exception:  # noqa: BLE001  # whatever it is: a page that says so is worth more than none
            _log.exception("%s could not be drawn", view.path.split("/")[1:2])
            return failed(address)

    def _found(self, reader: Reader, theme: str, words: str, search: str) -> Any:
        return suggestions(self._view(reader, theme, "/search", search), words)

    def _replayed(self, reader: Reader, theme: str, request: Any, path: str, search: str) -> list[Any]:
        """Try the rejected rows of the source in the address again, once at a time and for our own pages only."""
        try:
            require_own_page(request, self._hosts)
        except FaultError:
            return replay.failed(say("replay.foreign"))
        name = sources.chosen_of(self._view(reader, theme, path, search))
        if name is None:
            return replay.failed(say("sources.choose"))
        with self._replaying.of(name) as free:
            return self._try_again(name, f"{path}{search}") if free else replay.failed(say("replay.busy", name=name))

    def _try_again(self, name: str, address: str) -> list[Any]:
        try:
            return replay.done(self._inquiry.replay(name), address)
        except AbsentError as error:
            return replay.failed(str(error))
        except Exception:  # noqa: BLE001  # as below
            _log.exception("the rejected rows of %s could not be tried again", name)
            return replay.failed(say("replay.broke"))

    def _rows(self, reader: Reader, theme: str, request: Any, path: str, search: str, shown: int | None) -> Any:
        try:
            return grid.answer(
                routes.rows_of(self._view(reader, theme, path, search, shown), grid.wanted_of(request))
            ), ""
        except (AbsentError, ValueError) as error:
            return grid.NOTHING, str(error)
        except Exception:  # noqa: BLE001  # as above: a table that says so is worth more than one that waits for ever
            _log.exception("the rows of %s could not be given", path.split("/")[1:2])
            return grid.NOTHING, say("analysis.failed_says")


async def _spoken(threads: ThreadPoolExecutor, reader: Reader, make: Callable[[], Any]) -> Any:
    """Do something in a thread, in the reader's language."""

    def work() -> Any:
        with reader.spoken():
            return make()

    return await asyncio.get_running_loop().run_in_executor(threads, contextvars.copy_context().run, work)


def _theme(cookies: Any) -> str:
    said = cookies.get("painpoint_theme", "dark")
    return said if said in frame.THEMES else "dark"


def make_dash(app: FastAPI, title: str) -> Dash:
    """Make the Dash app on a server; its own catch-all is taken away, for it would answer 200 to every unknown address."""
    dash = Dash(
        "painpoint",
        server=app,
        backend="fastapi",
        assets_folder=str(ASSETS),
        assets_ignore=r"(wall|pages|screen).*",
        title=title,
        update_title="",
        add_log_handler=False,
    )
    dash.backend._setup_catchall = lambda: None  # noqa: SLF001
    # callbacks over web sockets end after a while of idleness and do not come back; pages ask by HTTP alone
    dash.backend.websocket_capability = False
    app.router.routes[:] = [route for route in app.router.routes if not isinstance(route, WebSocketRoute)]
    return dash
