"""Views of the facts as Boards saw them, kept open while people look into them: what was laid in one serves the next question.

A judgement's own view is taken over where it can be: all that the Board's figures came from lies in it already.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from data.inquiry.behind import Behind, is_dear
from data.reader import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.judge import Judge
    from data.inquiry.boards import Boards, Kept
    from data.reader import Reader
    from data.session import Session

log = logging.getLogger(__name__)

MOST = 4
"""Views that are open at once; one holds the facts of a network of a million orders in memory, so that there are not many."""
IDLE = 300.0
"""Seconds after which a view that nobody asked is closed: while it is open the warehouse cannot tidy up behind it."""
AT_ONCE = 3
"""Questions that are worked on at the same time; each uses all cores, so that more would only slow each other down."""
LONG_AT_ONCE = 2
"""Exports that are written at the same time."""
IDLE_NEWEST = 3600.0
"""The same for the newest Board of a large network, whose view took long to prepare and is the likeliest to be asked."""
SWEEP = 15.0
PAUSE = 0.05


@dataclass
class Sight:
    """An open view of one Board, used by one thread at a time."""

    version: int
    view: Reader
    behind: Behind
    lock: threading.Lock = field(default_factory=threading.Lock)
    used: float = field(default_factory=time.monotonic)
    waited_for: int = 0
    """How many wait for it at present."""
    prepared: threading.Event = field(default_factory=threading.Event)
    """Set once all is laid out that is laid out beforehand."""
    asked: bool = False
    """Whether anybody ever asked it something: what was only taken over gives way first."""

    def __post_init__(self) -> None:
        row = self.view.con.execute("SELECT count(*) FROM repair_orders").fetchone()
        self.small = row is not None and row[0] <= KEPT
        """Whether a second view would cost little to set up, and first looks need no preparation."""


class Sights:
    """Lends views of Boards, a few at a time, and closes those that nobody needs."""

    def __init__(self, session: Session, boards: Boards, judge: Judge) -> None:
        self._session = session
        self._judge = judge
        self._boards = boards
        self._open: list[Sight] = []
        self._offered: Reader | None = None
        self._offered_at = 0.0
        self._changing = threading.Lock()
        """Held for moments only: nobody waits with it for a question to be answered."""
        self._asking = threading.BoundedSemaphore(AT_ONCE)
        self._long = threading.BoundedSemaphore(LONG_AT_ONCE)
        self._closed = threading.Event()
        session.warehouse.retiring = self.offer
        threading.Thread(target=self._sweep, name="idle views", daemon=True).start()

    @contextmanager
    def of(self, board: Kept) -> Iterator[Sight]:
        """Lend a view of a Board to this thread alone."""
        with self._asking:
            # only in its turn: views that wait for theirs would be open all the same
            sight = self._free(board) or self._another(board)
            sight.asked = True
            try:
                yield sight
            finally:
                sight.used = time.monotonic()
                sight.lock.release()
                with self._changing:
                    self._make_room()

    @contextmanager
    def apart(self, board: Kept) -> Iterator[Sight]:
        """Lend a view of its own to what takes long, such as an export, so that nobody waits for it."""
        with self._long:
            sight = self._opened(board)
            try:
                yield sight
            finally:
                sight.view.close()

    def prepared(self, version: int, seconds: float) -> bool:
        """Wait until a view of a Board that was taken over is prepared; False if there is none by then."""
        until = time.monotonic() + seconds
        while True:
            with self._changing:
                self._take_over()
                ready = any(each.version == version and each.prepared.is_set() for each in self._open)
            if ready or time.monotonic() > until:
                return ready
            self._closed.wait(PAUSE)

    def _free(self, board: Kept) -> Sight | None:
        """Take a view that is open: a free one, or, where another would cost too much, one that is waited for."""
        while True:
            with self._changing:
                self._take_over()
                mine = [each for each in self._open if each.version == board.version]
                free = next((each for each in mine if each.lock.acquire(blocking=False)), None)
                if free is not None or not mine or (len(mine) == 1 and mine[0].small):
                    return free
                waited = mine[0]
                waited.waited_for += 1
            waited.lock.acquire()
            with self._changing:
                waited.waited_for -= 1
                if waited in self._open:
                    return waited
            waited.lock.release()

    def _opened(self, board: Kept) -> Sight:
        session = self._session
        view = session.warehouse.open_reader(session.names, board.moment, board.batch, session.settings.timezone)
        return Sight(board.version, view, Behind(self._judge, view))

    def _another(self, board: Kept) -> Sight:
        sight = self._opened(board)
        sight.lock.acquire()
        with self._changing:
            self._open.append(sight)
            self._make_room()
        return sight

    def offer(self, view: Reader) -> bool:
        """Take a view that has done its work elsewhere, if it may be that of the next Board to be stored."""
        if self._closed.is_set() or view.batch != view.newest_batch:
            return False
        with self._changing:
            self._take_over()
            gone, self._offered, self._offered_at = self._offered, view, time.monotonic()
        if gone is not None:
            gone.close()
        return True

    def _take_over(self) -> None:
        """Make the view that was offered that of the newest Board, if it is what that Board was judged from."""
        offered = self._offered
        if offered is None:
            return
        version = self._boards.judged_from(offered.moment, offered.batch)
        if version is None:
            return
        self._offered = None
        for each in list(self._open):
            if not each.asked:
                self._end(each)
            each.used = time.monotonic()  # whoever looks at the Board before goes on doing so for a while
        sight = Sight(version, offered, Behind(self._judge, offered))
        self._open.append(sight)
        self._make_room()
        if not sight.small:
            threading.Thread(target=self._prepare, args=[sight], name=f"rows of Board {version}", daemon=True).start()
        else:
            sight.prepared.set()

    def _prepare(self, sight: Sight) -> None:
        """Lay out beforehand what takes long in a large network, the most painful first, while nobody asks.

        KPIs are few, and slices many.
        """
        painful = {key: rank for rank, key in enumerate(self._boards.of(sight.version).readings)}
        dear = [kpi for kpi in self._judge.kpis if kpi.key in painful and is_dear(kpi)]
        for kpi in sorted(dear, key=lambda kpi: painful[kpi.key]):
            while sight.waited_for or not sight.lock.acquire(timeout=PAUSE):
                if self._closed.wait(PAUSE):
                    return
            try:
                if sight not in self._open or not sight.behind.prepare(kpi):
                    break
            except duckdb.Error:
                log.exception("the rows of %s could not be laid out beforehand", kpi.key)
                break
            finally:
                sight.lock.release()
        sight.prepared.set()

    def _make_room(self) -> None:
        """Close the views that were asked longest ago, those of the newest Board last."""
        newest = max((each.version for each in self._open), default=0)
        for each in sorted(self._open, key=lambda each: (each.version == newest, each.used))[:-MOST]:
            self._end(each)

    def _end(self, sight: Sight) -> None:
        """Close a view unless somebody is using it."""
        if sight.lock.acquire(blocking=False):
            self._open.remove(sight)
            sight.view.close()
            sight.lock.release()

    def _sweep(self) -> None:
        while not self._closed.wait(SWEEP):
            self.tidy()

    def tidy(self) -> None:
        """Close the views that nobody asked for long, and one whose judgement told nothing new, so that no Board came of it."""
        with self._changing:
            now = time.monotonic()
            self._take_over()
            if self._offered is not None and now - self._offered_at > SWEEP:
                self._offered.close()
                self._offered = None
            newest = max((each.version for each in self._open), default=0)
            for each in list(self._open):
                lasts = IDLE_NEWEST if each.version == newest and not each.small else IDLE
                if now - each.used > lasts:
                    self._end(each)

    def close(self) -> None:
        """Close every view; what is being answered is waited for."""
        self._closed.set()
        self._session.warehouse.retiring = None
        with self._changing:
            ending, self._open = self._open, []
            offered, self._offered = self._offered, None
        if offered is not None:
            offered.close()
        for each in ending:
            with each.lock:
                each.view.close()
