"""The wall's own routes: its page, the Board's API and stream; plain handlers that send prepared bytes."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from layouts.edition import Edition
from layouts.feed import GZIP_HEADER, Event, encode
from layouts.reader import Reader
from layouts.screens import TOKEN
from layouts.shell import wall_page, wall_shell
from layouts.showing import Showing
from layouts.words import say, spoken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request

    from layouts.feed import BoardFeed, Body, Prepared, Snapshot
    from layouts.pulse import Pulse
    from layouts.roster import Roster

RETRY = Event.raw(b"retry: 1000\n\n")

WALL_POLICY = (
    # 'unsafe-eval' lets browser automation wait for conditions on the page; all names are drawn as text, never as markup
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class WallRoutes:
    """What a wall asks for. With a `roster`, a paired screen is told what to show; `closed` walls are for paired ones only."""

    def __init__(
        self,
        feed: BoardFeed,
        pulse: Pulse,
        *,
        title: str,
        public_url: str | None,
        roster: Roster | None = None,
        closed: bool = False,
    ) -> None:
        self._feed = feed
        self._pulse = pulse
        self._title = title
        self._public_url = public_url
        self._roster = roster
        self._closed = closed
        self._shell = cache(self._shell_in)

    def routes(self) -> list[Route]:
        return [
            Route("/", self._wall),
            Route("/api/board", self._board),
            Route("/api/board/wall", self._wall_board),
            Route("/api/board/handled", self._handled),
            Route("/api/board/stream", self._stream),
            Route("/api/pulse", self._light_stream),
        ]

    # ---- the page ----

    async def _wall(self, request: Request) -> Response:
        given = await self._given(request)
        asked = Reader.of(request.cookies, request.headers, "UTC", request.query_params.get("lang")).language
        language = given["showing"]["language"] if given["state"] == "paired" else asked
        with spoken(language):
            page = wall_page(self._shell(language), title=self._title, given=given)
        return HTMLResponse(page, headers={"Cache-Control": "no-cache", "Content-Security-Policy": WALL_POLICY})

    def _shell_in(self, _: str) -> Any:
        return wall_shell(title=self._title, public_url=self._public_url)

    async def _given(self, request: Request) -> dict[str, Any]:
        """Say what a screen is told to show: paired, or once paired and no longer, or neither."""
        screen = await self._roster.find(request.cookies.get(TOKEN)) if self._roster else None
        if screen is None:
            return {"state": "free"}
        if screen["revoked_at"]:
            return {"state": "revoked"}
        return {"state": "paired", "name": screen["name"], "showing": Showing.of(screen["showing"]).document()}

    # ---- the Board ----

    async def _board(self, request: Request) -> Response:
        latest = self._feed.latest
        if latest is None:
            return as_json({"error": say("wall.no_board_yet")}, 503)
        if request.query_params.get("all") in {"1", "true"}:
            return prepared(request, await asyncio.to_thread(latest.whole))
        return prepared(request, latest.api)

    async def _wall_board(self, request: Request) -> Response:
        # What the stream carries, for screens behind proxies that swallow streams.
        latest = self._feed.latest
        edition = Edition.of(request, self._public_url)
        response = prepared(request, (await _edition(latest, edition)).body) if latest else as_json(None, 200)
        # A header holds Latin-1 at most, and what is wrong with alerts may name anybody.
        response.headers["X-Painpoint-Beat"] = json.dumps(self._pulse.facts(), separators=(",", ":"))
        return response

    async def _handled(self, _: Request) -> Response:
        watch = self._pulse.handled
        return Response(watch.body if watch else b"[]", 200, {"Cache-Control": "no-cache"}, "application/json")

    async def _stream(self, request: Request) -> Response:
        edition = Edition.of(request, self._public_url)

        async def told(latest: Snapshot) -> Event:
            return (await _edition(latest, edition)).event

        return self._streaming(request, told, self._may(request), handled=True)

    async def _light_stream(self, request: Request) -> Response:
        """Tell pages whether they can be trusted and what Board is the newest; without figures, so it is never closed."""

        async def told(latest: Snapshot) -> Event:
            return latest.light

        async def may() -> bool:
            return True

        return self._streaming(request, told, may, handled=False)

    def _streaming(
        self,
        request: Request,
        told: Callable[[Snapshot], Awaitable[Event]],
        may: Callable[[], Awaitable[bool]],
        *,
        handled: bool,
    ) -> Response:
        packed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no", "Vary": "Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        events = self._events(told, request.headers.get("last-event-id"), may, handled=handled)
        return StreamingResponse(_bytes(events, packed=packed), media_type="text/event-stream", headers=headers)

    def _may(self, request: Request) -> Callable[[], Awaitable[bool]]:
        """Give what tells whether a viewer may still look: a right may be taken away while a stream is open."""
        token = request.cookies.get(TOKEN)

        async def may() -> bool:
            return not self._closed or self._roster is None or await self._roster.look(token) is not None

        return may

    async def _events(
        self,
        told: Callable[[Snapshot], Awaitable[Event]],
        last_id: str | None,
        may: Callable[[], Awaitable[bool]],
        *,
        handled: bool,
    ) -> AsyncIterator[Event]:
        feed, pulse = self._feed, self._pulse
        pulse.viewers += 1
        try:
            yield RETRY
            seen = latest if (latest := feed.latest) and str(latest.version) == last_id else None
            marked: Event | None = None
            while not feed.closed and await may():
                bell = feed.bell()
                latest = feed.latest
                if latest is not seen and latest is not None:
                    seen = latest
                    yield await told(latest)
                if handled and pulse.handled is not None and pulse.handled.event is not marked:
                    marked = pulse.handled.event
                    yield marked
                yield pulse.beat()
                await asyncio.wait({bell}, timeout=pulse.pause())
        finally:
            pulse.viewers -= 1


async def _edition(snapshot: Snapshot, edition: Edition) -> Prepared:
    ready = snapshot.ready(edition)
    return ready if ready is not None else await asyncio.to_thread(snapshot.edition, edition)


async def _bytes(events: AsyncIterator[Event], *, packed: bool) -> AsyncIterator[bytes]:
    if packed:
        yield GZIP_HEADER
    async for event in events:
        yield event.packed if packed else event.plain


def prepared(request: Request, body: Body) -> Response:
    """Send what was prepared, or that nothing has changed."""
    headers = {"ETag": body.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if _matches(request.headers.get("if-none-match", ""), body.etag):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        packed = {**headers, "Content-Encoding": "gzip"}
        return Response(body.packed, media_type="application/json", headers=packed)
    return Response(body.plain, media_type="application/json", headers=headers)


def _matches(candidates: str, etag: str) -> bool:
    """Compare weakly, as If-None-Match wants it (RFC 9110, 13.1.2)."""
    asked = {candidate.strip().removeprefix("W/") for candidate in candidates.split(",")}
    return "*" in asked or etag.removeprefix("W/") in asked


def as_json(document: Any, status: int) -> Response:
    return Response(encode(document), status, {"Cache-Control": "no-cache"}, "application/json")
