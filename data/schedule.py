"""The running product: loaders on their schedules, a judgement after every load, housekeeping at night."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from analytics.board import as_json, past
from data.session import same_picture
from data.settings import interval_seconds
from data.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection

    from analytics.board import Board
    from analytics.judge import Judge
    from data.session import Session
    from data.settings import Source

log = logging.getLogger(__name__)

TICK = 5.0
"""Seconds between judgements when nothing was loaded: feeds age, days begin."""
TURNS = 8
"""Histories, charts and drivers of what is drawn follow what was told within so many judgements: about a minute."""
REWORKED_EVERY = timedelta(minutes=5)
"""How often they are worked out anew while nothing is told: orders grow older."""
REWATCHED_EVERY = timedelta(hours=3)
"""How often all days that are over are looked through for what gets worse; a new day is looked at with its first Board."""
BEAT = 2.0
LONGEST_JUDGEMENT = 300.0
"""Seconds after which a judgement under way counts as hung, and the engine as dead."""
FIRST_RETRY, LONGEST_RETRY = 5.0, 600.0
FIRST_ROUND = 600.0
"""Alerts begin when every source has been asked once, or after so many seconds: half of the data would turn much red in vain."""
LONGEST_WAIT = 86_400.0
"""However long a source asks to be left alone, it is asked again after a day."""


def lasting(judge: Judge) -> Judge:
    """Let a judge keep what moves slowly between its judgements, as one does that judges every few seconds."""
    for rota in (judge.archive.rota, judge.charts.rota, judge.drivers):
        rota.turns, rota.fresh_for = TURNS, REWORKED_EVERY
    judge.watch.fresh_for = REWATCHED_EVERY
    return judge


@dataclass
class _Failing:
    """How often in a row a source failed, and until when it is left alone."""

    times: int = 0
    until: datetime | None = None


@dataclass
class Engine:
    """Loads and judges until it is stopped. `publish` gets every new Board, `beat` the moment of every sign of life."""

    session: Session
    publish: Callable[[Board], None]
    beat: Callable[[datetime], None]
    record: Callable[[Connection, Board], object] | None = None
    """Takes every Board that was judged, within the transaction that stores it."""
    errors: dict[str, str] = field(default_factory=dict)
    _failing: dict[str, _Failing] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._loader = self.session.loader()
        self._judge = lasting(self.session.judge())
        self._shelf = Shelf(self.session.warehouse)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._document = self._last_document()
        self._published = False
        self._sound = True
        self._since = self._began = time.monotonic()
        self._scheduler = BackgroundScheduler(
            timezone=self.session.settings.timezone,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            executors={
                "default": {"type": "threadpool", "max_workers": max(4, len(self.session.settings.sources) + 2)}
            },
        )
        self._thread = threading.Thread(target=self._judging, name="judging", daemon=True)

    def _last_document(self) -> dict[str, object]:
        newest = self.session.store.newest()
        return newest.document if newest else {"readings": []}

    def every(self, seconds: float, what: Callable[[], object], name: str) -> None:
        """Run something else on the same schedule."""
        self._scheduler.add_job(what, IntervalTrigger(seconds=seconds), id=name, next_run_time=self.session.clock())

    def start(self) -> None:
        for source in self.session.settings.sources:
            self._scheduler.add_job(
                self._load,
                _trigger(source, self.session.settings.timezone),
                [source],
                id=f"load {source.name}",
                next_run_time=self.session.clock(),
            )
        self.every(3600, lambda: self.session.store.prune(self.session.clock()), "housekeeping")
        self.every(BEAT, self._beat, "beat")
        self._scheduler.start()
        self._thread.start()

    def _beat(self) -> None:
        """Give a sign of life while judgements succeed, also during one that takes long; a hung one gives none."""
        if self._sound and self._thread.is_alive() and time.monotonic() - self._since < LONGEST_JUDGEMENT:
            self.beat(self.session.clock())

    def wake(self) -> None:
        """Ask for a judgement at once."""
        self._wake.set()

    def stop(self) -> None:
        """Let what is under way end, then stop."""
        self._stop.set()
        self._loader.stopping.set()
        self._wake.set()
        self._scheduler.shutdown(wait=True)
        self._thread.join()

    def _load(self, source: Source) -> None:
        failing = self._failing.setdefault(source.name, _Failing())
        if self._stop.is_set() or (failing.until is not None and self.session.clock() < failing.until):
            return
        try:
            loaded = self._loader.load(source)
            error, wait = loaded.error, loaded.wait
            news = bool(loaded.tally.read)
        except Exception as fault:
            log.exception("source %s could not be loaded", source.name)
            error, news, wait = f"{type(fault).__name__}: {fault}", False, 0.0
        if error is None:
            news |= self.errors.pop(source.name, None) is not None
            failing.times, failing.until = 0, None
        else:
            news |= self.errors.get(source.name) != error
            if self.errors.get(source.name) != error:
                log.warning("source %s: %s", source.name, error)
            self.errors[source.name] = error
            self._retry(source, failing, wait)
        if source.name not in self._asked:
            self._asked.add(source.name)
            news = True
        if news:
            self.wake()

    @property
    def _knows_enough(self) -> bool:
        every = {source.name for source in self.session.settings.sources}
        return every <= self._asked or time.monotonic() - self._began > FIRST_ROUND

    def _retry(self, source: Source, failing: _Failing, wait: float) -> None:
        """Try a failed source again, after a pause that doubles, or the one it asks for; its schedule rests meanwhile."""
        pause = max(min(FIRST_RETRY * 2**failing.times, LONGEST_RETRY), min(wait, LONGEST_WAIT))
        failing.times += 1
        failing.until = self.session.clock() + timedelta(seconds=pause)
        if not self._stop.is_set():
            self._scheduler.add_job(
                self._load,
                DateTrigger(failing.until + timedelta(seconds=0.05)),
                [source],
                id=f"retry {source.name}",
                replace_existing=True,
            )

    def _judging(self) -> None:
        while not self._stop.is_set():
            self._since = time.monotonic()
            try:
                self._judge_once()
                self._sound = True
            except Exception:
                # no beat follows, so that the wall and /healthz say that the engine is dead until it recovers
                self._sound = False
                log.exception("the network could not be judged")
            self._wake.wait(TICK)
            # loads that end together are judged together
            time.sleep(0.05)
            self._wake.clear()

    def _judge_once(self) -> None:
        moment, knows_enough = self.session.clock(), self._knows_enough
        session = self.session
        timezone = session.settings.timezone
        with session.warehouse.reader(session.names, moment, timezone=timezone, shelf=self._shelf) as view:
            board = self._judge.board(view, moment, 0, past(self._document), dict(self.errors), persistent=True)
        document = as_json(board)
        changed = self._document.get("version") is None or not same_picture(document, self._document)
        if changed:
            also = self._recorded(board) if self.record is not None and knows_enough else None
            stored = self.session.store.add(moment, board.batch, live=True, document=document, also=also)
            self._document = stored.document
        elif self.record is not None and knows_enough:
            # the same picture, but time has passed: what is unstable calms down, what fails has failed for long
            with self.session.store.engine.begin() as con:
                self.record(con, replace(board, version=int(str(self._document["version"]))))
        # after a restart the Board of an unchanged network is the one stored before, and still has to be shown
        if changed or not self._published:
            self.publish(replace(board, version=int(str(self._document["version"]))))
            self._published = True
        self.beat(self.session.clock())

    def _recorded(self, board: Board) -> Callable[[Connection, int], object]:
        record = self.record
        assert record is not None  # noqa: S101  # asked by the only caller
        return lambda con, version: record(con, replace(board, version=version))


def _trigger(source: Source, timezone: str) -> IntervalTrigger | CronTrigger:
    seconds = interval_seconds(source.every)
    if seconds is None:
        return CronTrigger.from_crontab(source.every, timezone=timezone)
    return IntervalTrigger(seconds=seconds)
