"""The newest Board as prepared bytes: made once by the judging thread, handed to any number of viewers."""

from __future__ import annotations

import asyncio
import gzip
import threading
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from analytics.board import as_json
from layouts.edition import Edition
from layouts.wall import wall_payload
from layouts.words import spoken

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from analytics.board import Board

GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
"""Opens a compressed stream; any number of `Event.packed` may follow."""


def encode(document: Any) -> bytes:
    """Write JSON; NaN becomes null."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


@dataclass(frozen=True)
class Body:
    """A response prepared once: plain, compressed, and its ETag."""

    plain: bytes
    packed: bytes
    etag: str

    @classmethod
    def of(cls, document: Any, version: int) -> Body:
        plain = encode(document)
        # The checksum tells apart two Boards of one version, as after a restart on an older store. Weak, because the
        # plain and the compressed bytes share it.
        return cls(plain, gzip.compress(plain, 6, mtime=0), f'W/"{version}-{zlib.crc32(plain):08x}"')


@dataclass(frozen=True)
class Event:
    """A server-sent event, plain and compressed.

    `packed` is a self-contained piece of a deflate stream (RFC 1951, full flush): it refers to nothing before it, so
    the same bytes serve every viewer wherever he is in his own stream, and no viewer costs a compressor.
    """

    plain: bytes
    packed: bytes

    @classmethod
    def of(cls, name: str, data: bytes, event_id: str | None = None) -> Event:
        head = (f"id: {event_id}\n" if event_id else "") + f"event: {name}\ndata: "
        return cls.raw(head.encode() + data + b"\n\n")

    @classmethod
    def raw(cls, plain: bytes) -> Event:
        press = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        return cls(plain, press.compress(plain) + press.flush(zlib.Z_FULL_FLUSH))


@dataclass(frozen=True)
class Prepared:
    """An edition of a Board as bytes: for those who poll, and for the stream."""

    body: Body
    event: Event


MOST_EDITIONS = 24
"""Of one Board; whoever asks for a further one gets it without its origin, for of cuts and languages there are few."""

MOST_ORIGINS = 3
"""Those asked for most, which are prepared with the next Board too: anybody may come with any name of ours."""


class Snapshot:
    """A Board with everything that viewers ask for, as bytes; `editions` are prepared at once, others at the first asking."""

    def __init__(self, board: Board, editions: Iterable[Edition] = ()) -> None:
        self.board = board
        self.version = board.version
        self.api = Body.of(as_json(board, greens=False), board.version)
        self.light = Event.of("board", encode(_light(board)), str(board.version))
        self._lock = threading.Lock()
        self._editions: dict[Edition, Prepared] = {}
        self._asked: Counter[Edition] = Counter()
        for edition in (Edition(), *editions):
            self._prepare(edition)

    @property
    def wanted(self) -> frozenset[Edition]:
        """The editions that somebody looked at, of few origins; all that there are where nobody has had the time yet."""
        asked = dict(self._asked) or dict.fromkeys(self._editions, 1)
        origins: Counter[str] = Counter()
        for edition, times in asked.items():
            if edition.origin:
                origins[edition.origin] += times
        kept = {"", *(origin for origin, _ in origins.most_common(MOST_ORIGINS))}
        return frozenset(edition for edition in asked if edition.origin in kept)

    def ready(self, edition: Edition) -> Prepared | None:
        """Give an edition if it is prepared already."""
        found = self._editions.get(edition)
        if found is not None:
            self._asked[edition] += 1
        return found

    def edition(self, edition: Edition) -> Prepared:
        """Give an edition; the first one who asks waits for it, so ask in a thread unless it is `ready`."""
        with self._lock:
            if edition not in self._editions and len(self._editions) >= MOST_EDITIONS:
                edition = replace(edition, origin="")
            return self.ready(edition) or self._prepare(edition, asked=True)

    def _prepare(self, edition: Edition, *, asked: bool = False) -> Prepared:
        with spoken(edition.language):
            body = Body.of(wall_payload(self.board, edition), self.version)
        made = self._editions[edition] = Prepared(body, Event.of("board", body.plain, str(self.version)))
        if asked:
            self._asked[edition] += 1
        return made

    def whole(self) -> Body:
        """Give the API's body with the greens too; made at the first asking, for few ask and it is large."""
        with self._lock:
            return self._whole

    @cached_property
    def _whole(self) -> Body:
        return Body.of(as_json(self.board), self.version)


def _light(board: Board) -> dict[str, Any]:
    """Give what tells that there is a newer Board and whether its sources can be trusted, and no figure of it."""
    sources = [{"name": feed.name, "state": feed.state} for feed in board.feeds]
    return {"version": board.version, "sources": sources}


class BoardFeed:
    """Holds the newest Snapshot. `publish`, `beat` and `close` may be called from any thread.

    Viewers wait on one future per event loop, so a change costs one wake-up per loop; whoever was busy sending finds
    the newest Snapshot afterwards and never sees the ones between.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: Snapshot | None = None
        self._judged: datetime | None = None
        self._closed = False
        self._bells: dict[asyncio.AbstractEventLoop, asyncio.Future[None]] = {}

    @property
    def latest(self) -> Snapshot | None:
        return self._latest

    @property
    def judged(self) -> datetime | None:
        """The moment of the engine's last sign of life."""
        return self._judged

    @property
    def closed(self) -> bool:
        return self._closed

    def publish(self, board: Board) -> None:
        """Prepare a Board in the caller's thread and hand it to every viewer."""
        # What was looked at lately is prepared here, in the judging thread, and not when five hundred viewers ask for it.
        self._latest = Snapshot(board, self._latest.wanted if self._latest else ())
        self._ring()

    def beat(self, moment: datetime) -> None:
        """Note that the engine is alive and judged at `moment` (aware, UTC), whether or not anything changed."""
        self._judged = moment

    def nudge(self) -> None:
        """Wake every viewer for a beat, though the Board is the same."""
        self._ring()

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._closed = True
        self._ring()

    def bell(self) -> asyncio.Future[None]:
        """Give the running loop's future that resolves at the next change.

        Take it before reading `latest`, so that no change falls between; wait with `asyncio.wait`, which leaves the
        shared future alone when it times out.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            bell = self._bells.get(loop)
            if bell is None or bell.done():
                bell = self._bells[loop] = loop.create_future()
            return bell

    def _ring(self) -> None:
        with self._lock:
            bells, self._bells = self._bells, {}
        for loop, bell in bells.items():
            try:
                loop.call_soon_threadsafe(_resolve, bell)
            except RuntimeError:
                continue  # that loop has been closed, and its viewers with it


def _resolve(bell: asyncio.Future[None]) -> None:
    if not bell.done():
        bell.set_result(None)
