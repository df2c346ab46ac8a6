"""At most so many times in so many seconds, for each of whoever asks."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_KEYS = 4096


class Limiter:
    """Counts in memory; `clock` gives seconds that only grow. The keys asked for longest ago are forgotten first.

    Any thread may call.
    """

    def __init__(self, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def full(self, key: str) -> bool:
        """Tell whether one more would be too many, without counting it."""
        with self._lock:
            return self._is_full(key)

    def take(self, key: str) -> bool:
        """Count one more; False, and not counted, if it is too many."""
        with self._lock:
            if self._is_full(key):
                return False
            self._times.setdefault(key, deque()).append(self._clock())
            self._times.move_to_end(key)
            while len(self._times) > MOST_KEYS:
                self._times.popitem(last=False)
            return True

    def _is_full(self, key: str) -> bool:
        times = self._times.get(key, deque())
        while times and times[0] <= self._clock() - self._seconds:
            times.popleft()
        return len(times) >= self._most
