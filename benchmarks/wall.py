"""The wall: bytes and requests of its first paint, and 500 screens on one stream beside a plain Starlette stream that writes the same
payload for each of them.

The same board goes to both by the same schedule; a delivery lasts from the moment the judged board is handed over, preparing it
included, until the last byte of it has reached a screen. Screens read without compression here, which the peer does not have.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

import orjson
import psutil
import uvicorn
from playwright.sync_api import sync_playwright
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

from analytics.board import Board, rank
from analytics.kpi import Feed, Health, Level, Limits, Reading
from benchmarks.latency import CHROMIUM, SWITCHES
from layouts.feed import BoardFeed
from layouts.wall import wall_payload
from layouts.web import Server, build_app

if TYPE_CHECKING:
    from pathlib import Path

VIEWERS = 500
CHANGES = 10
EVERY = 2.0
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def board(version: int) -> Board:
    """Make a network of 500 readings: 12 red, 6 turning, 10 amber, the rest green."""
    days = tuple((f"2026-06-{day:02d}", 0.08 + 0.001 * day) for day in range(1, 31))
    levels = [Level.RED] * 12 + [Level.TURNING] * 6 + [Level.AMBER] * 10 + [Level.GREEN] * 472
    readings = [
        Reading(
            kpi=f"kpi_{n % 40}", title=f"Figure {n % 40}", family="speed", slice=(("partner", f"Partner {n:03d}"),),
            value=0.14 + 0.0001 * (version % 100), numerator=31, denominator=218, n=218, unit="%",
            window=(NOW - timedelta(days=28), NOW), limits=Limits(0.05, 0.1), level=level, health=Health.OK, stale=False,
            reason="31 of 218 came back later than promised", evidence=0.97, since=NOW - timedelta(days=3), pain=50.0 / (1 + n),
            history=days, remedies=("add_capacity",), customers=50.0 / (1 + n),
        )
        for n, level in enumerate(levels)
    ]  # fmt: skip
    feeds = tuple(Feed(f"source_{n}", "repair_orders", "fresh", NOW, 7200.0) for n in range(6))
    return Board(NOW, version, version, "Bench", "UTC", feeds, rank(readings))


def run(_: Path) -> None:
    _first_paint()
    for name in ("painpoint", "plain Starlette"):
        _stream(name)


# ---- the first paint ----


def _first_paint() -> None:
    with _Server("painpoint") as server, sync_playwright() as playwright:
        server.publish(1)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES.split())
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        devtools = page.context.new_cdp_session(page)
        asked: dict[str, str] = {}
        weights: dict[str, float] = {}

        def weigh(said: dict[str, object]) -> None:
            weights[str(said["requestId"])] = weights.get(str(said["requestId"]), 0) + float(said["encodedDataLength"])  # type: ignore[arg-type]

        devtools.on("Network.requestWillBeSent", lambda said: asked.update({said["requestId"]: said["request"]["url"]}))
        devtools.on("Network.dataReceived", weigh)
        devtools.on("Network.responseReceived", lambda said: weigh({**said, **said["response"]}))
        devtools.send("Network.enable")
        page.goto(server.url)
        page.locator(".tile").first.wait_for(timeout=60_000)
        paint = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN")
        drawn = page.evaluate("() => performance.now()")
        sent = {known: url for known, url in asked.items() if not url.startswith("data:")}
        total = sum(weights.get(known, 0) for known in sent)
        print(
            f"first paint of the wall: {total / 1024:.1f} kB in {len(sent)} requests, the board and all headers included "
            f"(aim <= 350 kB); first paint after {paint:.0f} ms, tiles after {drawn:.0f} ms"
        )
        browser.close()


# ---- many screens ----


def _stream(name: str) -> None:
    with _Server(name) as server:
        server.publish(1)
        idle = server.process.memory_info().rss
        waits, share, grown = asyncio.run(_watch(server, idle))
    waits.sort()
    print(
        f"{VIEWERS} screens on {name}, a board every {EVERY:.0f} s: {100 * share:.1f} % of a core, "
        f"{grown / 2**20:.0f} MB for the screens; delivery median {1000 * statistics.median(waits):.0f} ms, "
        f"p99 {1000 * waits[int(0.99 * len(waits))]:.0f} ms, longest {1000 * waits[-1]:.0f} ms, {len(waits):,} deliveries"
    )


async def _watch(server: _Server, idle: int) -> tuple[list[float], float, int]:
    arrivals: dict[int, list[float]] = {}
    screens = [asyncio.create_task(_screen(server.port, arrivals)) for _ in range(VIEWERS)]
    await _until(lambda: len(arrivals.get(1, ())) == VIEWERS)
    await asyncio.sleep(1)
    grown = server.process.memory_info().rss - idle
    spent, start = _cpu(server), time.monotonic()
    waits = []
    for version in range(2, 2 + CHANGES):
        turn = time.monotonic()
        published = await asyncio.to_thread(server.publish, version)
        await _until(lambda version=version: len(arrivals.get(version, ())) == VIEWERS)
        waits += [arrived - published for arrived in arrivals[version]]
        await asyncio.sleep(max(0.0, EVERY - (time.monotonic() - turn)))
    share = (_cpu(server) - spent) / (time.monotonic() - start)
    for screen in screens:
        screen.cancel()
    await asyncio.gather(*screens, return_exceptions=True)
    return waits, share, grown


async def _screen(port: int, arrivals: dict[int, list[float]]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(b"GET /api/board/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try:
        while True:
            line = await reader.readline()
            if line.startswith(b"id: "):
                version = int(line[4:])
                await reader.readuntil(b"\n\n")
                arrivals.setdefault(version, []).append(time.monotonic())
            elif not line:
                break
    finally:
        writer.close()


async def _until(true) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "screens waited in vain"
        await asyncio.sleep(0.005)


def _cpu(server: _Server) -> float:
    return sum(server.process.cpu_times()[:2])


class _Server:
    """One of the two servers in a process of its own."""

    def __init__(self, name: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        command = [sys.executable, "-m", "benchmarks.wall", name, str(self.port)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process = psutil.Process(self._child.pid)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return self

    def publish(self, version: int) -> float:
        """Hand a board over; give the moment at which it was."""
        self._child.stdin.write(f"{version}\n")
        self._child.stdin.flush()
        return float(self._child.stdout.readline())

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()


# ---- the servers ----


def _ours(port: int) -> None:
    feed = BoardFeed()
    _obey(feed.publish, lambda: feed.beat(datetime.now(UTC)))
    app = build_app(feed, title="Bench", public_url="https://pain.example.com", clock=lambda: datetime.now(UTC))
    Server(app, host="127.0.0.1", port=port, log_level="warning").run()


def _plain(port: int) -> None:
    """Serve as one would begin: every screen's own generator writes the payload when the board has changed."""
    latest: list[Board] = []
    bells: set[asyncio.Event] = set()
    loops: list[asyncio.AbstractEventLoop] = []

    def publish(made: Board) -> None:
        latest[:] = [made]
        for loop in loops:
            loop.call_soon_threadsafe(lambda: [bell.set() for bell in bells])

    async def events():
        bell = asyncio.Event()
        bells.add(bell)
        seen = None
        try:
            while True:
                bell.clear()
                if latest and latest[0] is not seen:
                    seen = latest[0]
                    yield (
                        f"id: {seen.version}\nevent: board\ndata: ".encode()
                        + orjson.dumps(wall_payload(seen))
                        + b"\n\n"
                    )
                try:
                    await asyncio.wait_for(bell.wait(), 3)
                except TimeoutError:
                    yield b"event: beat\ndata: {}\n\n"
        finally:
            bells.discard(bell)

    async def stream(_: object) -> StreamingResponse:
        if not loops:
            loops.append(asyncio.get_running_loop())
        return StreamingResponse(events(), media_type="text/event-stream")

    _obey(publish, lambda: None)
    uvicorn.run(
        Starlette(routes=[Route("/api/board/stream", stream)]), host="127.0.0.1", port=port, log_level="warning"
    )


def _obey(publish, beat) -> None:
    first = board(1)

    def obey() -> None:
        for line in sys.stdin:
            made = replace(board(int(line)) if int(line) > 1 else first, version=int(line))
            start = time.monotonic()
            publish(made)
            beat()
            print(start, flush=True)

    def live() -> None:
        while True:
            beat()
            time.sleep(1)

    threading.Thread(target=obey, daemon=True).start()
    threading.Thread(target=live, daemon=True).start()


if __name__ == "__main__":
    {"painpoint": _ours, "plain Starlette": _plain}[sys.argv[1]](int(sys.argv[2]))
