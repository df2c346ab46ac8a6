"""The web server of the wall: its page, the Board's API and stream, health and metrics.

`build_app` gives a FastAPI app with Dash on it. The wall's own routes are plain ASGI handlers that send prepared bytes;
the analyst's pages may use `app.state.dash`, whose scripts a wall never loads.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from analytics.board import instant
from layouts.alert_routes import AlertRoutes
from layouts.analysis.app import Analysis, make_dash
from layouts.analysis.suites import Suites, packs_itself
from layouts.code_routes import CodeRoutes
from layouts.codes import Codes
from layouts.gate import Gate
from layouts.handled import HandledWatch
from layouts.mail_routes import MailRoutes
from layouts.pages import Pages
from layouts.pulse import LIVE, Pulse
from layouts.push import PushRoute
from layouts.roster import Roster
from layouts.screen_routes import ScreenRoutes
from layouts.screens_page import ScreensPage
from layouts.shell import wall_shell
from layouts.times import read
from layouts.wall_routes import WallRoutes, as_json
from layouts.watch import DeskWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from layouts.desk import Desk
    from layouts.feed import BoardFeed
    from layouts.inquiry import Inquiry
    from layouts.push import Door
    from layouts.screens import Screens


def build_app(
    feed: BoardFeed,
    *,
    title: str,
    public_url: str | None,
    clock: Callable[[], datetime],
    engine_timeout: float = 15.0,
    door: Door | None = None,
    desk: Desk | None = None,
    inquiry: Inquiry | None = None,
    screens: Screens | None = None,
    walls: str = "open",
    boards: Callable[[int], Mapping[str, Any] | None] | None = None,
) -> FastAPI:
    """Build the web app: `/` is the wall, `/api/board` the Board; `app.state.dash` is Dash for further pages.

    `door` takes what is pushed to `/api/push/NAME`; with a `desk` there are the pages of alerts, and walls say when alerts are
    not in order. With `screens` televisions can be paired, and with `walls` "paired" nobody else sees the wall and the Board.
    `boards` gives a stored Board's JSON by its version, for the codes of tiles. Pages of screens and codes need a desk.

    `clock` gives the time (aware, UTC); the engine counts as dead `engine_timeout` seconds after its last beat.
    """
    watch = DeskWatch(desk, feed.nudge) if desk is not None else None
    handled = HandledWatch(desk, feed.nudge) if desk is not None else None
    pulse = Pulse(feed, clock, engine_timeout, watch, handled)
    roster = Roster(screens, clock) if screens is not None else None
    closed = walls == "paired" and roster is not None
    shell = wall_shell(title=title, public_url=public_url)
    wall = WallRoutes(feed, pulse, title=title, public_url=public_url, roster=roster, closed=closed)

    async def healthz(_: Request) -> Response:
        alive = pulse.engine == LIVE
        facts = {"status": "ok" if alive else "engine dead", "last_judged": instant(feed.judged), "age": pulse.age()}
        return as_json(facts, 200 if alive else 503)

    async def readyz(_: Request) -> Response:
        ready = feed.latest is not None
        return as_json({"status": "ready" if ready else "judging for the first time"}, 200 if ready else 503)

    async def metrics(_: Request) -> Response:
        text = _metrics(feed, pulse, clock())
        if watch is not None:
            text += _alert_metrics(await watch.status(), clock())
        if roster is not None:
            text += await asyncio.to_thread(_screen_metrics, roster)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    pages: list[Route] = []
    if desk is not None:
        shared = Pages(desk, feed, pulse, network=title, public_url=public_url, clock=clock)
        pages = [
            *MailRoutes(shared).routes(),
            *AlertRoutes(shared).routes(),
            *CodeRoutes(shared, Codes(feed, boards)).routes(),
        ]
        if inquiry is not None:
            shared.analysis = ["partners", "kpis", "map", "sources"]
        if screens is not None and roster is not None:
            person = ScreensPage(shared, screens, roster, clock)
            device = ScreenRoutes(screens, roster, title=title, public_url=public_url, clock=clock)
            shared.further.append(person.entry)
            pages += [*person.routes(), *device.routes()]
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # Before Dash's own route for "/", and as plain routes, which answer HEAD too.
        routes=[
            *wall.routes(),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            *([PushRoute(door, lambda: feed.closed).route()] if door is not None else []),
            *pages,
        ],
    )
    dash = make_dash(app, title)
    if inquiry is None:
        dash.layout = shell
    else:
        hosts = [urlsplit(public_url).netloc] if public_url else []
        analysis = Analysis(dash, feed, inquiry, desk, network=title, clock=clock, hosts=hosts)
        app.router.routes[:0] = analysis.routes()
    app.router.routes[:0] = Suites(dash).routes()
    app.state.dash = dash
    app.state.feed = feed
    app.add_middleware(Packing, minimum_size=500, compresslevel=6)  # leaves packed bodies and streams alone
    if closed and roster is not None:
        app.add_middleware(Gate, roster=roster, network=title, clock=clock)
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


class Packing(GZipMiddleware):
    """Packs what does not pack itself, once or in a thread: here it is done per request, on the event loop."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.app if packs_itself(scope) else super().__call__)(scope, receive, send)


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


def _screen_metrics(roster: Roster) -> str:
    """Write how many screens there should be and how many of them are silent; where that cannot be known, nothing."""
    try:
        living = [screen for screen in roster.all() if not screen["revoked_at"]]
    except Exception:  # noqa: BLE001  # the other figures are worth having without the store
        return ""
    dead = sum(roster.is_dead(screen) for screen in living)
    lines = ["# TYPE painpoint_screens gauge", f"painpoint_screens {len(living)}"]
    return "\n".join([*lines, "# TYPE painpoint_screens_dead gauge", f"painpoint_screens_dead {dead}"]) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
