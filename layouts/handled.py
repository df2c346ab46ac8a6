"""Who has acknowledged what: asked of the desk in a thread, every few seconds, and told to all viewers when it changes."""

from __future__ import annotations

import asyncio
import logging
import zlib
from typing import TYPE_CHECKING, Any

from layouts.feed import Event, encode
from layouts.watch import EVERY, PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from layouts.desk import Desk

MOST_PAGES = 6
"""Three hundred acknowledged episodes are more than walls draw tiles of."""

_log = logging.getLogger(__name__)


class HandledWatch:
    """Keeps who has acknowledged what. All of it runs on the server's event loop; `changed` is called when it changes."""

    def __init__(self, desk: Desk, changed: Callable[[], None], *, every: float = EVERY) -> None:
        self._desk = desk
        self._changed = changed
        self._every = every
        self._asked = -every
        self._asking: asyncio.Task[None] | None = None
        self._event = _event([])

    @property
    def body(self) -> bytes:
        """The list as JSON: {"kpi", "slice", "by", "at"}; asks anew if it is old."""
        return self.event.plain.partition(b"data: ")[2].rstrip(b"\n")

    @property
    def mark(self) -> str:
        """What tells one list from another."""
        return f"{zlib.crc32(self.body):08x}"

    @property
    def event(self) -> Event:
        """The list as last heard, to be sent; the same object as long as nothing changes."""
        self._ask_if_old()
        return self._event

    def _ask_if_old(self) -> None:
        loop = asyncio.get_running_loop()
        if self._asking is None and loop.time() - self._asked >= self._every:
            self._asked = loop.time()
            self._asking = loop.create_task(self._ask())

    async def _ask(self) -> None:
        question = asyncio.ensure_future(asyncio.to_thread(self._read))
        try:
            # A desk that hangs is asked no second time, as long as it hangs: thread after thread would wait for it.
            await asyncio.wait({question}, timeout=PATIENCE)
            self._hear(await question)
        except Exception:  # noqa: BLE001  # that alerts cannot be read is said by the other watch
            _log.exception("Who has acknowledged what cannot be read")
        finally:
            self._asking = None

    def _read(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            episodes, total = self._desk.episodes("acknowledged", "", page)
            found += [_told(episode) for episode in episodes]
            if not episodes or len(found) >= total:
                break
        return sorted(found, key=lambda told: (told["kpi"], sorted(told["slice"].items())))

    def _hear(self, found: list[dict[str, Any]]) -> None:
        event = _event(found)
        if event.plain != self._event.plain:
            self._event = event
            self._changed()


def _told(episode: Any) -> dict[str, Any]:
    return {
        "kpi": str(episode["kpi"]),
        "slice": dict(episode["slice"]),
        "by": str(episode["acknowledged_by"] or "?"),
        "at": episode["acknowledged_at"],
    }


def _event(found: list[dict[str, Any]]) -> Event:
    return Event.of("handled", encode(found))
