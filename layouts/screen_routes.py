"""What a television does to be paired and to stay so: its page with the code, its questions, and its signs of life."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from layouts.codes import bits
from layouts.edition import origin_of
from layouts.form import FaultError, clean, require_own_page
from layouts.limiter import Limiter
from layouts.reader import Reader
from layouts.screens import TOKEN, Screens, hashed, new_code, new_token
from layouts.shell import pairing_page
from layouts.showing import Showing
from layouts.wall_routes import WALL_POLICY, as_json
from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from starlette.requests import Request

    from layouts.roster import Roster

GOOD_FOR = timedelta(minutes=10)
COOKIE_SECONDS = 400 * 86_400
"""The longest that browsers keep a cookie; every sign of life renews it, so no television is ever logged out."""
MOST_BYTES = 1024
FEEDS = ("live", "late", "stale", "lost")


class ScreenRoutes:
    """The television's side; the person's side is `ScreensPage`."""

    def __init__(
        self, screens: Screens, roster: Roster, *, title: str, public_url: str | None, clock: Callable[[], datetime]
    ) -> None:
        self._screens = screens
        self._roster = roster
        self._title = title
        self._public_url = public_url
        self._hosts = [urlsplit(public_url).netloc] if public_url else []
        self._clock = clock
        # A house full of televisions may stand behind one address.
        self._asking = Limiter(120, 600, time.monotonic)
        self._beating = Limiter(6, 60, time.monotonic)

    def routes(self) -> list[Route]:
        return [
            Route("/screen", self._page),
            Route("/api/screen/pairing", self._ask, methods=["POST"]),
            Route("/api/screen/pairing", self._state),
            Route("/api/screen/beat", self._beat, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        if await self._roster.look(request.cookies.get(TOKEN)) is not None:
            return RedirectResponse("/", 302, {"Cache-Control": "no-store"})
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": WALL_POLICY}
        with Reader.of(request.cookies, request.headers, "UTC").spoken():
            return HTMLResponse(pairing_page(self._title), headers=headers)

    async def _ask(self, request: Request) -> Response:
        try:
            require_own_page(request, self._hosts)
        except FaultError as error:
            return as_json({"error": str(error)}, error.status)
        if not self._asking.take(request.client.host if request.client else ""):
            return as_json({"error": say("screens.too_many_asking")}, 429)
        token, agent = new_token(), clean(request.headers.get("user-agent", ""), 300)
        code = await asyncio.to_thread(self._asked_anew, token, agent)
        if code is None:
            return as_json({"error": say("screens.too_many_asking")}, 429)
        origin = origin_of(request, self._public_url)
        address = f"{origin}/screens"
        told = {"code": code, "address": address, "qr": bits(f"{address}?code={code}") if origin else None}
        return self._remembering(as_json(told, 200), token, request)

    def _asked_anew(self, token: str, agent: str) -> str | None:
        for _ in range(3):  # a code that is taken already is improbable, twice in a row is a full list
            code = new_code()
            if self._screens.ask(code, hashed(token), agent, self._clock(), GOOD_FOR):
                return code
        return None

    async def _state(self, request: Request) -> Response:
        """Tell a television whether it is paired by now, or must ask anew."""
        token = request.cookies.get(TOKEN, "")[:100]
        if await self._roster.look(token) is not None:
            return as_json({"state": "paired"}, 200)
        code = await asyncio.to_thread(self._screens.asked, hashed(token), self._clock()) if token else None
        return as_json({"state": "waiting" if code else "expired"}, 200)

    async def _beat(self, request: Request) -> Response:
        token = request.cookies.get(TOKEN, "")
        screen = await self._roster.look(token)
        if screen is None:
            if self._roster.doubts(token):
                return as_json({"error": say("screens.unread")}, 503)
            return as_json({"state": "revoked"}, 401)
        if not self._beating.take(str(screen["id"])):
            return as_json({"error": say("screens.too_many_beats")}, 429)
        told = _beat_of(await _small(request))
        if told is None:
            return as_json({"error": say("form.strange")}, 400)
        agent = clean(request.headers.get("user-agent", ""), 300)
        await self._roster.hear(screen, told | {"agent": agent})
        state = {"state": "paired", "name": screen["name"], "showing": Showing.of(screen["showing"]).document()}
        return self._remembering(as_json(state, 200), token, request)

    def _remembering(self, response: Response, token: str, request: Request) -> Response:
        remember(response, token, secure=request.url.scheme == "https")
        response.headers["Cache-Control"] = "no-store"
        return response


def remember(response: Response, token: str, *, secure: bool) -> None:
    """Let a browser keep its token, out of reach of scripts and of other sites' forms."""
    response.set_cookie(TOKEN, token, max_age=COOKIE_SECONDS, secure=secure, httponly=True, samesite="lax")


async def _small(request: Request) -> bytes | None:
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _beat_of(body: bytes | None) -> dict[str, Any] | None:
    """Read a sign of life: {"version", "feed", "size"}; None if it is none."""
    try:
        said: Mapping[str, Any] = orjson.loads(body or b"")
        version, feed, size = said.get("version"), said.get("feed"), said.get("size")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    return {
        "version": version if isinstance(version, int) and 0 < version < 2**31 else None,
        "feed": feed if feed in FEEDS else None,
        "size": clean(size, 20) if isinstance(size, str) else None,
    }
