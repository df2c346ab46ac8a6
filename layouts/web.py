"""The web server of the wall: its page, the Board's API and stream, health and metrics.

`build_app` gives a FastAPI app with Dash on it. The wall's own routes are plain ASGI handlers that send prepared bytes;
the analyst's pages may use `app.state.dash`, whose scripts a wall never loads.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import uvicorn
from dash import Dash
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from analytics.board import instant
from layouts.alert_routes import AlertRoutes
from layouts.feed import GZIP_HEADER, BoardFeed, Body, Event, encode
from layouts.mail_routes import MailRoutes
from layouts.pages import Pages
from layouts.pulse import LIVE, Pulse
from layouts.push import PushRoute
from layouts.shell import ASSETS, wall_page, wall_shell
from layouts.times import read
from layouts.watch import DeskWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from datetime import datetime

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from layouts.desk import Desk
    from layouts.push import Door

RETRY = Event.raw(b"retry: 1000\n\n")

WALL_POLICY = (
    # 'unsafe-eval' lets browser automation wait for conditions on the page; all names are drawn as text, never as markup
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def build_app(
    feed: BoardFeed,
    *,
    title: str,
    public_url: str | None,
    clock: Callable[[], datetime],
    engine_timeout: float = 15.0,
    door: Door | None = None,
    desk: Desk | None = None,
) -> FastAPI:
    """Build the web app: `/` is the wall, `/api/board` the Board; `app.state.dash` is Dash for further pages.

    `door` takes what is pushed to `/api/push/NAME`; with a `desk` there are the pages of alerts, and walls say when alerts are
    not in order.

    `clock` gives the time (aware, UTC); the engine counts as dead `engine_timeout` seconds after its last beat.
    """
    watch = DeskWatch(desk, feed.nudge) if desk is not None else None
    pulse = Pulse(feed, clock, engine_timeout, watch)
    shell = wall_shell(title=title, public_url=public_url)
    page = wall_page(shell, title=title)

    async def wall(_: Request) -> Response:
        return HTMLResponse(page, headers={"Cache-Control": "no-cache", "Content-Security-Policy": WALL_POLICY})

    async def board(request: Request) -> Response:
        latest = feed.latest
        if latest is None:
            return _json({"error": "No board yet: judging for the first time."}, 503)
        if request.query_params.get("all") in {"1", "true"}:
            return _prepared(request, await asyncio.to_thread(latest.whole))
        return _prepared(request, latest.api)

    async def wall_board(request: Request) -> Response:
        # What the stream carries, for screens behind proxies that swallow streams.
        latest = feed.latest
        response = _prepared(request, latest.wall) if latest else _json(None, 200)
        # A header holds Latin-1 at most, and what is wrong with alerts may name anybody.
        response.headers["X-Painpoint-Beat"] = json.dumps(pulse.facts(), separators=(",", ":"))
        return response

    async def stream(request: Request) -> Response:
        packed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no", "Vary": "Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        events = _events(feed, pulse, request.headers.get("last-event-id"))
        return StreamingResponse(_bytes(events, packed=packed), media_type="text/event-stream", headers=headers)

    async def healthz(_: Request) -> Response:
        alive = pulse.engine == LIVE
        facts = {"status": "ok" if alive else "engine dead", "last_judged": instant(feed.judged), "age": pulse.age()}
        return _json(facts, 200 if alive else 503)

    async def readyz(_: Request) -> Response:
        ready = feed.latest is not None
        return _json({"status": "ready" if ready else "judging for the first time"}, 200 if ready else 503)

    async def metrics(_: Request) -> Response:
        text = _metrics(feed, pulse, clock())
        if watch is not None:
            text += _alert_metrics(await watch.status(), clock())
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    pages: list[Route] = []
    if desk is not None:
        shared = Pages(desk, feed, pulse, network=title, public_url=public_url, clock=clock)
        pages = [*MailRoutes(shared).routes(), *AlertRoutes(shared).routes()]
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # Before Dash's own route for "/", and as plain routes, which answer HEAD too.
        routes=[
            Route("/", wall),
            Route("/api/board", board),
            Route("/api/board/wall", wall_board),
            Route("/api/board/stream", stream),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            *([PushRoute(door, lambda: feed.closed).route()] if door is not None else []),
            *pages,
        ],
    )
    dash = Dash(
        "painpoint",
        server=app,
        backend="fastapi",
        assets_folder=str(ASSETS),
        assets_ignore=r"(wall|pages)\..*",
        title=title,
        update_title="",
        add_log_handler=False,
    )
    dash.layout = shell
    # Dash answers every unknown address with its index page and 200, and on the app that was built last (trap of 4.4.1:
    # `_setup_catchall` asks a global for "the" app). A wall needs honest 404s.
    dash.backend._setup_catchall = lambda: None  # noqa: SLF001
    app.state.dash = dash
    app.state.feed = feed
    app.add_middleware(GZipMiddleware, minimum_size=500, compresslevel=6)  # leaves packed bodies and streams alone
    app.add_middleware(Guard, dash=dash)
    return app


class Server(uvicorn.Server):
    """uvicorn that ends the streams when told to stop; it would wait for them for ever."""

    def __init__(self, app: FastAPI, *, host: str, port: int, **options: Any) -> None:
        self._feed: BoardFeed = app.state.feed
        super().__init__(uvicorn.Config(app, host=host, port=port, timeout_graceful_shutdown=5, **options))

    async def shutdown(self, sockets: Any = None) -> None:
        self._feed.close()
        await super().shutdown(sockets)


class Guard:
    """Puts the security headers on every response that does not bring its own."""

    def __init__(self, app: ASGIApp, dash: Any) -> None:
        self._app = app
        self._dash = dash

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers(scope["path"], scope["query_string"]):
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded)

    def _headers(self, path: str, query: bytes) -> list[tuple[str, str]]:
        headers = [
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "same-origin"),
            ("Content-Security-Policy", dash_policy(self._dash)),
        ]
        if path.startswith("/assets/") and query.startswith(b"v="):
            headers.append(("Cache-Control", "public, max-age=31536000, immutable"))
        return headers


def dash_policy(dash: Any) -> str:
    """Give the content policy that Dash's own pages need: its inline scripts by hash, and inline styles."""
    # Asked per response, because callbacks registered later add inline scripts; it is a digest of some bytes.
    scripts = " ".join(dash.csp_hashes())
    return (
        f"default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; worker-src 'self' blob:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


async def _events(feed: BoardFeed, pulse: Pulse, last_id: str | None) -> AsyncIterator[Event]:
    pulse.viewers += 1
    try:
        yield RETRY
        seen = latest if (latest := feed.latest) and str(latest.version) == last_id else None
        while not feed.closed:
            bell = feed.bell()
            latest = feed.latest
            if latest is not seen and latest is not None:
                seen = latest
                yield latest.event
            yield pulse.beat()
            await asyncio.wait({bell}, timeout=pulse.pause())
    finally:
        pulse.viewers -= 1


async def _bytes(events: AsyncIterator[Event], *, packed: bool) -> AsyncIterator[bytes]:
    if packed:
        yield GZIP_HEADER
    async for event in events:
        yield event.packed if packed else event.plain


def _prepared(request: Request, body: Body) -> Response:
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


def _json(document: Any, status: int) -> Response:
    return Response(encode(document), status, {"Cache-Control": "no-cache"}, "application/json")


def _metrics(feed: BoardFeed, pulse: Pulse, now: datetime) -> str:
    lines = ["# TYPE painpoint_engine_age_seconds gauge", f"painpoint_engine_age_seconds {pulse.age():.3f}"]
    lines += ["# TYPE painpoint_viewers gauge", f"painpoint_viewers {pulse.viewers}"]
    if latest := feed.latest:
        counts = latest.board.counts()
        lines += ["# TYPE painpoint_board_version gauge", f"painpoint_board_version {latest.version}"]
        lines.append("# TYPE painpoint_readings gauge")
        levels = ("red", "turning", "amber", "green", "unknown")
        lines += [f'painpoint_readings{{level="{level}"}} {counts[level]}' for level in levels]
        lines.append("# TYPE painpoint_source_age_seconds gauge")
        for source in latest.board.feeds:
            if source.watermark:
                age = (now - source.watermark).total_seconds()
                lines.append(f'painpoint_source_age_seconds{{source="{_label(source.name)}"}} {age:.3f}')
    return "\n".join(lines) + "\n"


def _alert_metrics(status: Mapping[str, Any] | None, now: datetime) -> str:
    """Write how the alerts are; where that cannot be known, only that."""
    lines = ["# TYPE painpoint_alerts_known gauge", f"painpoint_alerts_known {int(status is not None)}"]
    if status is not None:
        gauges = {
            "painpoint_letters_dead": status["dead"],
            "painpoint_letters_waiting": status["waiting"],
            "painpoint_letters_oldest_waiting_seconds": status["oldest_waiting_seconds"],
            "painpoint_dispatcher_live": int(status["dispatcher"] == LIVE),
            "painpoint_dispatcher_age_seconds": (now - read(status["beat"])).total_seconds()
            if status["beat"]
            else None,
        }
        for name, value in gauges.items():
            if value is not None:
                lines += [f"# TYPE {name} gauge", f"{name} {value}"]
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
