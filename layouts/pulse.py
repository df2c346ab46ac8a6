"""Whether the engine lives and whether alerts are in order, as the beat that tells every viewer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from analytics.board import instant
from layouts.feed import BoardFeed, Event, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from layouts.handled import HandledWatch
    from layouts.watch import DeskWatch

BEAT_SECONDS = 3.0
LIVE, DEAD = "live", "dead"


class Pulse:
    """Whether the engine lives, as of the clock; the beat that tells viewers is made once for all of them."""

    def __init__(
        self,
        feed: BoardFeed,
        clock: Callable[[], datetime],
        timeout: float,
        watch: DeskWatch | None = None,
        handled: HandledWatch | None = None,
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._timeout = timeout
        self._watch = watch
        self.handled = handled
        self._started = clock()
        self._made: tuple[float, tuple[str, str], Event] | None = None
        self.viewers = 0

    def age(self) -> float:
        """Seconds since the engine's last sign of life; before the first one, since the server started."""
        return (self._clock() - (self._feed.judged or self._started)).total_seconds()

    @property
    def engine(self) -> str:
        return LIVE if self.age() <= self._timeout else DEAD

    def pause(self) -> float:
        """Seconds until the next beat: sooner when the engine is about to be given up, so that viewers know at once."""
        left = self._timeout - self.age()
        return min(BEAT_SECONDS, left + 0.05) if left > 0 else BEAT_SECONDS

    def facts(self) -> dict[str, Any]:
        """Say what a screen must know between Boards; on the server's event loop only. Without a desk it says nothing of alerts."""
        latest = self._feed.latest
        return {
            "now": instant(self._clock()),
            "as_of": instant(latest.board.as_of) if latest else None,
            "judged": instant(self._feed.judged),
            "version": latest.version if latest else None,
            "engine": self.engine,
            **({"alerts": {"sentence": self._watch.sentence}} if self._watch else {}),
            **({"handled": self.handled.mark} if self.handled else {}),
        }

    def beat(self) -> Event:
        # Half a second: far below what a screen shows, and enough for five hundred viewers to share one.
        turn = asyncio.get_running_loop().time()
        telling = (self.engine, self._watch.sentence if self._watch else "")
        if self._made is None or turn - self._made[0] > 0.5 or telling != self._made[1]:
            self._made = (turn, telling, Event.of("beat", encode(self.facts())))
        return self._made[2]
