"""The screens that are paired, as last read from where they are kept, and what was heard of them since."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from layouts.screens import hashed
from layouts.times import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from layouts.screens import Screens

FRESH = 5.0
"""Seconds within which a revoked token is noticed."""
FLUSH = 15.0
SILENT = timedelta(minutes=3)
"""A screen that says nothing for so long is dead: it speaks every minute."""

_log = logging.getLogger(__name__)


class Roster:
    """Answers who a token belongs to without asking the store each time, and gathers beats to write them together.

    Any thread may call; `find`, `look` and `hear` are for the event loop.
    """

    def __init__(self, screens: Screens, clock: Callable[[], datetime]) -> None:
        self._screens = screens
        self._clock = clock
        self._lock = threading.Lock()
        self._by_token: Mapping[str, Mapping[str, Any]] | None = None
        self._read_at = float("-inf")
        self._beats: dict[int, dict[str, Any]] = {}
        self._flushed = time.monotonic()

    async def find(self, token: str | None) -> Mapping[str, Any] | None:
        """Give the screen that a token belongs to, also one whose right was taken away."""
        if not token or len(token) > 100:
            return None
        if time.monotonic() - self._read_at > FRESH:
            await asyncio.to_thread(self._read_if_old)
        return (self._by_token or {}).get(hashed(token))

    async def look(self, token: str | None) -> Mapping[str, Any] | None:
        """Give the screen that a token belongs to, if it may still look."""
        screen = await self.find(token)
        return screen if screen and not screen["revoked_at"] else None

    def doubts(self, token: str | None) -> bool:
        """Tell whether a token that was not found may still be a screen's, because the screens could never be read yet."""
        return bool(token) and self._by_token is None

    def forget(self) -> None:
        """Read the screens anew at the next question, because they were changed."""
        self._read_at = float("-inf")

    def _read_if_old(self) -> None:
        with self._lock:
            if time.monotonic() - self._read_at <= FRESH:
                return
            try:
                self._by_token = {screen["token"]: screen for screen in self._screens.screens()}
            except Exception:  # noqa: BLE001  # a store that is away must not turn every television off
                _log.exception("The screens cannot be read")
            self._read_at = time.monotonic()

    async def hear(self, screen: Mapping[str, Any], beat: Mapping[str, Any]) -> None:
        """Note a screen's sign of life; many are written at once."""
        self._beats[screen["id"]] = {"id": screen["id"], "at": self._clock(), **beat}
        if time.monotonic() - self._flushed > FLUSH:
            await asyncio.to_thread(self.flush)

    def flush(self) -> None:
        """Write what was heard."""
        self._flushed = time.monotonic()
        beats, self._beats = self._beats, {}
        if beats:
            try:
                self._screens.heard(list(beats.values()))
            except Exception:  # noqa: BLE001  # the next beats say it again
                _log.exception("The screens' signs of life cannot be written")

    def all(self) -> list[Mapping[str, Any]]:
        """Give all screens as they are now; blocks."""
        self.flush()
        return list(self._screens.screens())

    def is_dead(self, screen: Mapping[str, Any]) -> bool:
        """Tell whether a screen that should speak is silent."""
        heard = screen["beat_at"] or screen["paired_at"]
        return not screen["revoked_at"] and self._clock() - read(heard) > SILENT
