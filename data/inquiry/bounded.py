"""Answers that are kept for a while: as many as there is room for, those asked for last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Answer = TypeVar("Answer")


class Bounded(Generic[Answer]):
    """Keeps up to `room` answers by what was asked. An answer must never change, for everybody gets the same one."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: OrderedDict[Hashable, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, asked: Hashable, work_out: Callable[[], Answer]) -> Answer:
        """Give the answer kept, or work it out; meanwhile others may ask, and the same may be worked out twice."""
        with self._lock:
            if asked in self._kept:
                self._kept.move_to_end(asked)
                return self._kept[asked]
        answer = work_out()
        with self._lock:
            self._kept[asked] = answer
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)
        return answer

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()
