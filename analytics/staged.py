"""Boards of a trial: its readings are judged against limits, samples and persistence, without peers, facts or a warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from analytics.board import Board, as_json, past, rank
from analytics.figures import Figures, q_of, shape_of
from analytics.health import of_feed, worst
from analytics.kpi import Before, Feed
from analytics.pain import aged
from analytics.persistence import DRAWN, KEPT, settled
from analytics.verdict import judge, limits_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from analytics.judge import FeedRule
    from analytics.kpi import Kpi, Limits, Reading, Slice
    from analytics.trial import Given, Trial

MANY = 1_000.0
"""The rows of a figure whose sample is not told."""
HISTORY = 28
FAILS = "the test says so"


@dataclass
class Staged:
    """Judges a trial, moment after moment; `levels` notes when a level changed and why."""

    trial: Trial
    kpis: Mapping[str, Kpi]
    feeds: Sequence[FeedRule]
    network: str
    timezone: str
    levels: list[tuple[datetime, Reading]] = field(default_factory=list)
    _past: Mapping[tuple[str, Slice], Before] = field(default_factory=dict)

    def board(self, moment: datetime) -> Board:
        """Judge what holds at a moment (aware, UTC). Moments come in their order."""
        feeds = tuple(self._feed(rule, moment) for rule in self.feeds)
        today = moment.astimezone(ZoneInfo(self.timezone)).date()
        readings = [self._judged(given, feeds, moment, today) for given in self._holding(moment)]
        for each in readings:
            before = self._past.get((each.kpi, each.slice))
            if before is None or before.level is not each.level:
                self.levels.append((moment, each))
        days = self._days(today)
        board = Board(
            moment, 0, 0, self.network, self.timezone, feeds, rank(readings), days, partners=self.trial.partners
        )
        self._past = {**self._past, **past(as_json(board))}
        return board

    def _holding(self, moment: datetime) -> Iterator[Given]:
        newest: dict[tuple[str, Slice], Given] = {}
        for given in sorted(self.trial.readings, key=lambda each: each.at):
            if given.at <= moment:
                newest[given.kpi, given.slice] = given
        yield from newest.values()

    def _days(self, today: date) -> tuple[str, ...]:
        before = next(iter(self._past.values()), None)
        earlier = [day for day in (before.days if before else ()) if day < today.isoformat()]
        return (*earlier[-KEPT:], today.isoformat())

    def _feed(self, rule: FeedRule, moment: datetime) -> Feed:
        turns = [t for t in self.trial.sources if t.name == rule.name and t.at <= moment]
        last = max(turns, key=lambda turn: turn.at, default=None)
        if last is None or last.state == "fresh":
            return Feed(rule.name, rule.fact, "fresh", moment, rule.fresh_within_seconds)
        if last.state == "failing":
            return Feed(rule.name, rule.fact, "unjudged", last.at, rule.fresh_within_seconds, FAILS)
        return Feed(rule.name, rule.fact, last.state, last.at, rule.fresh_within_seconds)

    def _judged(self, given: Given, feeds: Sequence[Feed], moment: datetime, today: date) -> Reading:
        kpi, before = self.kpis[given.kpi], self._past.get((given.kpi, given.slice))
        limits, _ = limits_for(kpi, self._inherited(given.slice))
        state = worst(of_feed(feed, moment) for feed in feeds if feed.fact == kpi.fact)
        window = (moment - timedelta(days=kpi.window_days) if kpi.window_days else None, moment)
        reading = judge(kpi, figures(kpi, given, limits), state, window, limits)
        points = dict(before.history if before else ())
        history = tuple({**points, today.isoformat(): given.value}.items())[-HISTORY:]
        if reading.level in DRAWN or (before is not None and before.standing is not None):
            reading = settled(reading, kpi, before, points, today, persistent=True)
        same = before is not None and before.level is reading.level
        since = before.since if before is not None and same else moment
        return _hurting(replace(reading, since=since, history=history), kpi, given, moment)

    def _inherited(self, slice_: Slice) -> Slice:
        own = dict(slice_)
        return tuple(sorted({**self.trial.partners.get(own.get("partner", ""), {}), **own}.items()))


def _hurting(reading: Reading, kpi: Kpi, given: Given, moment: datetime) -> Reading:
    """Weigh the pain of what is drawn as it follows from the figure, or take the one that the trial gives."""
    if reading.level not in DRAWN:
        return reading
    return aged(reading, kpi, moment) if given.pain is None else replace(reading, pain=given.pain, customers=given.pain)


def figures(kpi: Kpi, given: Given, limits: Limits) -> Figures:
    """Make figures of a bare value: of shares and ratios their parts, of the others that all rows are like the value."""
    if given.value is None:
        return Figures(given.slice, 0, 0, None)
    shape, value = shape_of(kpi), given.value
    n = given.n if given.n is not None else value if shape == "count" else max(MANY, kpi.min_n)
    rows = max(n, 1.0)
    if shape in ("share", "ratio", "odds"):
        return Figures(given.slice, rows, n, value, value * n, n)
    if shape != "quantile":
        return Figures(given.slice, rows, n, value, deviation=0.0)
    ends = [end for bound in (limits.green, limits.red) for end in (bound if isinstance(bound, tuple) else (bound,))]
    q = q_of(kpi)
    over = tuple((end, n if value > end else (1 - q) * n / 2) for end in ends)
    under = tuple((end, n if value < end else q * n / 2) for end in ends)
    return Figures(given.slice, rows, n, value, over=over, under=under)
