"""Keeps the wall and the Board's API from whoever has no screen's token, where the settings say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse

from layouts.page import PAGE_POLICY, Frame, sentence_page
from layouts.reader import Reader
from layouts.screens import TOKEN
from layouts.times import Times
from layouts.wall_routes import as_json
from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from layouts.roster import Roster


class Gate:
    """Answers 401 for the wall, the Board and its stream, unless a screen that is paired asks; 503 where that is unknown."""

    def __init__(self, app: ASGIApp, roster: Roster, network: str, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._roster = roster
        self._network = network
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_kept(scope["path"]):
            request = Request(scope)
            token = request.cookies.get(TOKEN)
            if await self._roster.look(token) is None:
                refusal = self._delay if self._roster.doubts(token) else self._refusal
                with Reader.of(request.cookies, request.headers, "UTC").spoken():
                    await refusal(scope["path"])(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, path: str) -> Response:
        if path != "/":
            return as_json({"error": say("screens.closed_api")}, 401)
        links = (say("screens.closed_pair"), "/screen"), (say("screens.closed_browser"), "/screens")
        page = sentence_page(self._frame(), say("screens.closed"), [say("screens.closed_says")], *links)
        return HTMLResponse(page, 401, {"Cache-Control": "no-store", "Content-Security-Policy": PAGE_POLICY})

    def _delay(self, path: str) -> Response:
        if path != "/":
            return as_json({"error": say("screens.unread")}, 503)
        page = sentence_page(self._frame(), say("screens.unread"), [])
        # nobody stands before a television to try again
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": PAGE_POLICY, "Refresh": "10"}
        return HTMLResponse(page, 503, headers)

    def _frame(self) -> Frame:
        return Frame(self._network, Times(self._clock(), "UTC"), "stale")


def _is_kept(path: str) -> bool:
    return path in {"/", "/api/board"} or path.startswith("/api/board/")
