"""Whether alerts are in order: asked of the desk in a thread, at most every few seconds, once for all viewers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from layouts.desk import Desk

EVERY = 5.0
PATIENCE = 5.0
"""Seconds after which a desk that does not answer counts as one that cannot."""

_log = logging.getLogger(__name__)


class DeskWatch:
    """Keeps the desk's last status. All of it runs on the server's event loop; `changed` is called when the sentence changes."""

    def __init__(
        self, desk: Desk, changed: Callable[[], None], *, every: float = EVERY, patience: float = PATIENCE
    ) -> None:
        self._desk = desk
        self._changed = changed
        self._every = every
        self._patience = patience
        self._asked = -every
        self._asking: asyncio.Task[None] | None = None
        self._status: Mapping[str, Any] | None = None
        self._sentence = ""

    @property
    def sentence(self) -> str:
        """What is wrong with alerts, as last heard ("" if nothing, or nothing was heard yet); asks anew if that is old."""
        self._ask_if_old()
        return self._sentence

    async def status(self) -> Mapping[str, Any] | None:
        """Give the desk's status, some seconds old at most; None if it cannot be had."""
        self._ask_if_old()
        if self._asking is not None:
            await asyncio.wait({self._asking}, timeout=self._patience)
        return self._status

    def _ask_if_old(self) -> None:
        loop = asyncio.get_running_loop()
        # Never a second question while one is open: a desk that hangs would take thread after thread.
        if self._asking is None and loop.time() - self._asked >= self._every:
            self._asked = loop.time()
            self._asking = loop.create_task(self._ask())

    async def _ask(self) -> None:
        question = asyncio.ensure_future(asyncio.to_thread(self._desk.status))
        try:
            await asyncio.wait({question}, timeout=self._patience)
            if not question.done():
                self._hear(None)
            status = await question
            self._hear(status, str(status["sentence"] or ""))
        except Exception:  # noqa: BLE001  # whatever it is: that nobody knows must be on the screen
            _log.exception("The state of alerts cannot be read")
            self._hear(None)
        finally:
            self._asking = None

    def _hear(self, status: Mapping[str, Any] | None, sentence: str | None = None) -> None:
        self._status = status
        said = say("frame.desk_unknown") if sentence is None else sentence
        if said != self._sentence:
            self._sentence = said
            self._changed()
