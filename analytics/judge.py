"""A judgement: every KPI of every slice, as of a moment, from one consistent view of the facts."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import pandas as pd

from analytics.answers import figures_of, no_figures, slices, unstacked
from analytics.board import Board, rank
from analytics.case_mix import mixes
from analytics.charts import Charts
from analytics.definition import definitions
from analytics.deserved import FALSE_DISCOVERIES, deserved
from analytics.driven import MOST_READINGS, Found, attach
from analytics.facts import MASTER
from analytics.feeding import lack
from analytics.figures import Figures, pool
from analytics.garbage import uncollected
from analytics.health import FINE, LOOK_BACK, Silences, State, best, feed, of_feed, worst
from analytics.history import Archive, lay_windows, scan_times, window
from analytics.kpi import SMALL, Before, Health, Kpi, Level, Limits, Reading, Slice, changed, dimensions
from analytics.measure import (
    Scan,
    aggregate,
    groupings,
    kinds,
    presence,
    scans,
    slice_text,
    stacked,
)
from analytics.memory import Memory
from analytics.named import NAMED
from analytics.pain import aged
from analytics.persistence import DRAWN, KEPT, settled
from analytics.rota import Rota
from analytics.two_stories import warned
from analytics.verdict import judge, judged, limits_for
from analytics.watch import Watch, charted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from datetime import date, datetime, timedelta

    import ibis.expr.types as ir

    from analytics.answers import Answer
    from analytics.case_mix import Mix
    from analytics.derived import Sight
    from analytics.kpi import Condition
    from analytics.master import Master
    from analytics.named import Named


AHEAD = 2
"""So many answers are worked out beforehand: more would only let a question that comes up in between wait for longer."""
Past = Mapping[tuple[str, Slice], Before]
Present = dict[tuple[str, tuple[str, ...]], dict[str, dict[Slice, State]]]
"""Per fact and grouping, and per KPI, the slices that ever had rows, with the health of the feeds behind them."""


class View(Protocol):
    """A consistent view of the facts, as known at the moment judged; `Reader` of the warehouse is one."""

    newest_batch: int
    batch: int

    @property
    def master(self) -> Master: ...

    def fact(self, name: str, columns: frozenset[str] = frozenset()) -> ir.Table:
        """Give the fact with its derived columns; linked ones only if they are named."""
        ...

    def ask(
        self,
        key: Any,
        build: Callable[[Sight], ir.Table],
        times: Mapping[str, datetime | None],
        texts: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Run an expression over placeholder times and texts; it is built and compiled once per `key`."""
        ...

    def put(self, name: str, frame: pd.DataFrame, schema: Mapping[str, str]) -> ir.Table:
        """Lay a small table beside the facts, under a name, for expressions to join."""
        ...

    def zones(self) -> list[str]:
        """Name the zones that the master data knows of."""
        ...

    def watermarks(self) -> dict[str, datetime]: ...

    def heard(self) -> pd.DataFrame: ...

    def pulses(self, look_back: timedelta, of: Sequence[tuple[str, str]]) -> pd.DataFrame: ...


@dataclass(frozen=True)
class FeedRule:
    """What the settings say of a source: how fresh it must be, and what it tells (fields and kinds; None: not known)."""

    name: str
    fact: str
    fresh_within_seconds: float | None = None
    tells: frozenset[str] | None = None


def _unseen(_done: int, _total: int, _what: str) -> None:
    """Show no progress."""


@dataclass
class Judge:
    """Judges a catalogue over a network; between judgements it keeps only histories, for as long as the archive says."""

    kpis: Sequence[Kpi]
    feeds: Sequence[FeedRule]
    network: str
    timezone: str
    archive: Archive = field(default_factory=Archive)
    false_discovery_rate: float = FALSE_DISCOVERIES
    looks_into: int = MOST_READINGS
    """For so many of the most painful reds drivers are looked for, and what is drawn is charted; a replay needs neither."""
    draws_charts: bool = True
    silences: Silences = field(default_factory=Silences)
    drivers: Rota[Found] = field(default_factory=Rota)
    charts: Charts = field(default_factory=Charts)
    watch: Watch = field(default_factory=Watch)
    memory: Memory = field(default_factory=Memory)
    progress: Callable[[int, int, str], None] = field(default=_unseen)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @uncollected()
    def board(
        self,
        view: View,
        moment: datetime,
        version: int,
        previous: Past | None = None,
        errors: Mapping[str, str] | None = None,
        *,
        persistent: bool = False,
    ) -> Board:
        """Judge everything as of `moment` (aware).

        `previous` tells since when levels hold, and the past of snapshots; `errors` which sources could not be loaded. Levels
        are those of the moment, or `persistent` ones: entered and left as each KPI says.
        """
        run = _Judgement(self, view, moment.astimezone(UTC), previous)
        readings = run.readings(persistent=persistent)
        feeds = [replace(f, error=(errors or {}).get(f.name)) for f in run.feeds]
        # master data has no pulse: such a source is a feed only while it fails
        feeds = [f for f in feeds if f.error or f.fact not in MASTER]
        days = _days(previous, run.today)
        readings = self.watch.told(
            view, self.kpis, self.feeds, readings, run.moment, self.zone, self.false_discovery_rate
        )
        readings, customers = self._looked_into(view, readings, run.moment)
        ranked = rank(readings)
        partners = run.master.dimensions
        return Board(
            run.moment,
            version,
            view.batch,
            self.network,
            self.timezone,
            tuple(feeds),
            ranked,
            days,
            customers,
            partners,
            definitions(self.kpis, self.feeds),
        )

    def _looked_into(self, view: View, readings: list[Reading], moment: datetime) -> tuple[list[Reading], int]:
        """Add to what is drawn its drivers, its chart, and where its customers stand already; give how many there are."""
        told = warned(readings, {kpi.key: kpi for kpi in self.kpis})
        driven, counted = attach(view, self.kpis, self.feeds, told, moment, self.zone, self.drivers, self.looks_into)
        drawn = [r for r in driven if r.level in DRAWN or r.worsening] if self.looks_into else []
        to_chart = drawn if self.draws_charts else []
        change = self.charts.charted(view, self.kpis, self.feeds, to_chart, moment, self.zone)
        more = {
            key: changed(r, shared=counted.shared.get(key), change=charted(r, change.get(key)))
            for r in drawn
            for key in [(r.kpi, r.slice)]
        }
        return [more.get((r.kpi, r.slice), r) for r in driven], counted.customers


def _days(previous: Past | None, today: date) -> tuple[str, ...]:
    """Give the last local days that had a Board."""
    before = next(iter((previous or {}).values()), None)
    earlier = [day for day in (before.days if before else ()) if day < today.isoformat()]
    return (*earlier[-KEPT:], today.isoformat())


class _Judgement:
    """One judgement; holds what its steps share."""

    def __init__(self, judge_: Judge, view: View, moment: datetime, previous: Past | None) -> None:
        self.judge = judge_
        self.view = view
        self.moment = moment
        self.previous = previous or {}
        self.zone = judge_.zone
        self.today = self.moment.astimezone(self.zone).date()
        self.watermarks = view.watermarks()
        self.feeds = tuple(
            feed(rule.name, rule.fact, rule.fresh_within_seconds, self.watermarks.get(rule.name), self.moment)
            for rule in judge_.feeds
        )
        self.silences = judge_.silences.told(view, self.watermarks, judge_.timezone)
        self.master = view.master
        self.memory = judge_.memory
        self.memory.under(self.master.tables)
        self.contracts = [row["contract"] for row in self.master.contracts]
        self.asking = ThreadPoolExecutor(1)
        """Asks while figures are judged: a view answers one question at a time, and nobody else may ask it meanwhile."""
        lay_windows(view, judge_.kpis, self.moment, self.zone)

    def readings(self, *, persistent: bool) -> list[Reading]:
        lacking = {kpi.key: lack(kpi, self.judge.feeds) for kpi in self.judge.kpis}
        fed = [replace(kpi, agreed=self.master.agreed(kpi)) for kpi in self.judge.kpis if not lacking[kpi.key]]
        plan = scans(fed)
        alone = _together([kpi for kpi in fed if kpi.measure.shape == "named"])
        present = self._present(fed)
        found = [self._unfed(kpi, why) for kpi in self.judge.kpis if (why := lacking[kpi.key])]
        asks = [*(partial(self._ask, scan) for scan in plan), *(partial(self._ask_named, named) for named in alone)]
        with self.asking:
            answers = self._ahead(asks)
            for done, scan in enumerate(plan):
                self.judge.progress(done, len(asks), scan.fact)
                found += self.memory.same(
                    scan, next(answers), self._behind(scan, present), partial(self._scan, scan, present)
                )
            for done, named in enumerate(alone, start=len(plan)):
                self.judge.progress(done, len(asks), named[0].key)
                judged_ = partial(self._named, named, present, found)
                found += self.memory.same(tuple(named), next(answers), self._behind(named, present), judged_)
        self.judge.progress(1, 1, "")
        kpis = {kpi.key: kpi for kpi in self.judge.kpis}
        return self._dated(self._deserved(found, kpis), kpis, persistent=persistent)

    def _deserved(self, readings: Sequence[Reading], kpis: Mapping[str, Kpi]) -> list[Reading]:
        """Let every KPI keep the reds that it deserves; none of them looks at the figures of another."""
        mixed = self._mixed(readings, kpis)
        rate = self.judge.false_discovery_rate
        groups: dict[str, list[int]] = defaultdict(list)
        for at, reading in enumerate(readings):
            groups[reading.kpi].append(at)
        found = list(readings)
        for key, places in groups.items():
            own = [readings[at] for at in places]
            mix = {identity: each for identity, each in mixed.items() if identity[0] == key}
            weigh = partial(self._weigh, own, kpis, mix)
            weighed = self.memory.same(("deserved", key), None, (own, rate, mix), weigh)
            for at, each in zip(places, weighed, strict=True):
                found[at] = each
        return found

    def _weigh(
        self, readings: Sequence[Reading], kpis: Mapping[str, Kpi], mixed: Mapping[tuple[str, Slice], Mix], _: Any
    ) -> list[Reading]:
        return deserved(readings, kpis, self.master, self.judge.false_discovery_rate, mixed)

    def _behind(self, asked: Scan | Sequence[Kpi], present: Present) -> Any:
        """Give all that readings depend on beside the figures: the window, the contracts in force, the health of the feeds."""
        kpis = asked.kpis if isinstance(asked, Scan) else asked
        states = [present[kpi.fact, by][kpi.key] for kpi in kpis for by in groupings(kpi)]
        return window(self.moment, kpis[0].window_days, self.zone), self.contracts, states

    def _ahead(self, asks: Sequence[Callable[[], pd.DataFrame]]) -> Iterator[pd.DataFrame]:
        """Give the answers in turn, while the next ones are being worked out."""
        waiting: deque[Future[pd.DataFrame]] = deque()
        for ask in asks:
            waiting.append(self.asking.submit(ask))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        yield from (each.result() for each in waiting)

    def _mixed(self, readings: Sequence[Reading], kpis: Mapping[str, Kpi]) -> dict[tuple[str, Slice], Mix]:
        """Give the case-mix of the slices that are red, where their KPI says what a case is; slices of one case have no mix."""
        wanted: dict[tuple[str, tuple[str, ...]], None] = {}
        for reading in readings:
            case = kpis[reading.kpi].case_mix
            if reading.level is Level.RED and reading.slice and case and not dict(reading.slice).keys() & set(case):
                wanted[reading.kpi, dimensions(reading.slice)] = None
        found = {}
        for key, by in wanted:
            names = [rule.name for rule in self.judge.feeds if rule.fact == kpis[key].fact]
            for slice_, mix in mixes(self.view, kpis[key], by, names, self.times).items():
                found[key, slice_] = mix
        return found

    def _unfed(self, kpi: Kpi, why: str) -> Reading:
        """Give the reading of a KPI that this network's sources cannot feed: unknown, naming what is missing."""
        start, end = window(self.moment, kpi.window_days, self.zone)
        nothing = Figures((), 0.0, 0.0, None)
        reading = judge(kpi, nothing, State(Health.NO_DATA, why), (start, end), self._limits(kpi, ()))
        return replace(reading, reason=why)

    def _limits(self, kpi: Kpi, slice_: Slice) -> Limits:
        return limits_for(kpi, slice_, self.master)[0]

    def _named(
        self, kpis: Sequence[Kpi], present: Present, before: Sequence[Reading], answer: pd.DataFrame
    ) -> list[Reading]:
        """Judge named measures that are asked together."""
        readings: list[Reading] = []
        for kpi, by, rows in self._answers(kpis, answer, before):
            states = present[kpi.fact, by][kpi.key]
            found = figures_of(kpi, "", rows, slices(rows, by))
            figures = [found.get(s) or no_figures(kpi, s) for s in dict.fromkeys([*states, *found])]
            readings += self._judged(kpi, by, figures, states, window(self.moment, kpi.window_days, self.zone))
        return readings

    def _judged(
        self,
        kpi: Kpi,
        by: tuple[str, ...],
        figures: Sequence[Figures],
        states: Mapping[Slice, State],
        span: tuple[datetime | None, datetime],
    ) -> list[Reading]:
        def anew(new: Sequence[Figures], health: Sequence[State]) -> list[Reading]:
            return judged(kpi, new, health, span, [self._limits(kpi, each.slice) for each in new])

        health = {each.slice: states.get(each.slice, FINE) for each in figures}
        return self.memory.readings((kpi, by), (span, self.contracts), figures, health, anew)

    def _answers(
        self, kpis: Sequence[Kpi], answer: pd.DataFrame, before: Sequence[Reading]
    ) -> Iterator[tuple[Kpi, tuple[str, ...], Answer]]:
        """Give the figures of named measures per grouping; money at risk looks at the readings before it."""
        every = _grouped(kpis)
        of_readings = NAMED[kpis[0].measure.name or ""].of_readings
        if of_readings is None:
            yield from ((*each, part) for each, part in zip(every, unstacked(answer, len(every)), strict=True))
            return
        for kpi, by in every:
            frame = of_readings(before, self.master, kpi, by)
            yield kpi, by, {str(name): frame[name].tolist() for name in frame}

    def _ask_named(self, kpis: Sequence[Kpi]) -> pd.DataFrame:
        """Ask for named measures together; what looks at readings asks nothing, and is alone."""
        measures = {kpi: NAMED[kpi.measure.name or ""] for kpi in kpis}
        if measures[kpis[0]].of_readings is not None:
            return pd.DataFrame()

        def build(sight: Sight) -> ir.Table:
            return stacked([(by, _built(measures[kpi], sight, kpi, by)) for kpi, by in _grouped(kpis)])

        return self.view.ask(("named", *kpis), build, self.times(kpis[0].window_days))

    def times(self, window_days: int | None) -> dict[str, datetime | None]:
        return scan_times(self.moment, window_days, self.zone, self.watermarks)

    def _present(self, kpis: Sequence[Kpi]) -> Present:
        """Give, per fact and grouping, the slices that ever had rows of each KPI, with the health of the feeds behind them."""
        sources = {rule.name: of_feed(f, self.moment) for rule, f in zip(self.judge.feeds, self.feeds, strict=True)}
        present: Present = defaultdict(dict)
        for fact in dict.fromkeys(kpi.fact for kpi in kpis):
            mine = [kpi for kpi in kpis if kpi.fact == fact]
            fed = worst(sources[rule.name] for rule in self.judge.feeds if rule.fact == fact)
            present[fact, ()] = {kpi.key: {(): fed} for kpi in mine}
            self._presence(fact, mine, sources, present)
        return present

    def _presence(self, fact: str, kpis: list[Kpi], sources: Mapping[str, State], present: Present) -> None:
        """Find the slices of a fact's KPIs; those that ask for the same rows have the same."""
        every = tuple(dict.fromkeys(by for kpi in kpis for by in kpi.by))
        own = kinds(kpis)
        kinds_ = tuple(dict.fromkeys(own))
        if not every:
            return
        table = self.view.fact(fact)
        rows = self.view.ask(("presence", fact, every, kinds_), lambda _: presence(every, kinds_, table), {})
        beside = (own, dict(sources), self.silences, frozenset(self.watermarks))
        look = partial(self._slices, kpis, every, kinds_, sources)
        present |= self.memory.same(("presence", fact), rows, beside, look)

    def _slices(
        self,
        kpis: Sequence[Kpi],
        every: Sequence[tuple[str, ...]],
        kinds_: Sequence[tuple[Condition, ...]],
        sources: Mapping[str, State],
        rows: pd.DataFrame,
    ) -> Present:
        """Give the slices of a fact's KPIs from the answer that lists them."""
        present: Present = defaultdict(dict)
        own = kinds(kpis)
        for by, part in zip(every, unstacked(rows, len(every)), strict=True):
            partners = (partner if isinstance(partner, str) else None for partner in part["partner"])
            pairs, named = list(zip(part["source"], partners, strict=True)), slices(part, by)
            known: dict[tuple[bool, ...], dict[Slice, State]] = {}
            for i, kind in enumerate(kinds_):
                keys = [kpi.key for kpi, each in zip(kpis, own, strict=True) if each == kind and by in kpi.by]
                if not keys:
                    continue
                held = tuple(holds is True for holds in part[f"k{i}"])
                if held not in known:
                    seen: dict[Slice, list[tuple[str, str | None]]] = defaultdict(list)
                    for slice_, pair in itertools.compress(zip(named, pairs, strict=True), held):
                        seen[slice_].append(pair)
                    known[held] = {slice_: self._state(found, sources) for slice_, found in seen.items()}
                present[kpis[0].fact, by] |= dict.fromkeys(keys, known[held])
        return present

    def _state(self, pairs: list[tuple[str, str | None]], sources: Mapping[str, State]) -> State:
        """Give a slice's health: the worst of its sources, or of its partners if all of them have fallen silent."""
        by_source = worst(sources.get(source, FINE) for source, _ in pairs)
        spoken = [self.silences.get((source, partner)) for source, partner in pairs if partner is not None]
        heard = [state for state in spoken if state is not None]
        if spoken and not heard and any(source in self.watermarks for source, _ in pairs):
            # nothing at all in the time that habits are learned from: gone, unless the source knows no partners
            heard = [self._long_gone(pairs)]
        return worst([by_source, best(heard)])

    def _long_gone(self, pairs: list[tuple[str, str | None]]) -> State:
        alive = {source for source, _ in self.silences}
        partner = min(partner for _, partner in pairs if partner is not None)
        if any(source in alive for source, _ in pairs):
            return State(Health.DEAD, f"partner {partner} has been silent for more than {LOOK_BACK.days} d")
        return FINE

    def _scan(self, scan: Scan, present: Present, rows: pd.DataFrame) -> list[Reading]:
        span = window(self.moment, scan.window_days, self.zone)
        found: list[Reading] = []
        for by, part in zip(scan.groupings, unstacked(rows, len(scan.groupings)), strict=True):
            named = slices(part, by)
            for position, kpi in enumerate(scan.kpis):
                if by not in groupings(kpi):
                    continue
                states = present[scan.fact, by][kpi.key]
                read = figures_of(kpi, f"k{position}_", part, named)
                # one without rows in the window is judged too
                figures = [read.get(s) or no_figures(kpi, s) for s in states]
                small = [f for f in figures if by and f.value is not None and f.n < kpi.min_n]
                # a member that fell silent is unknown by itself and must not hide, or be hidden, among those that live
                small = [f for f in small if states.get(f.slice, FINE).health is Health.OK]
                pooled = self._pool(scan, kpi, by, small)
                every = figures if pooled is None else [*figures, pooled]
                found += self._judged(kpi, by, every, states, span)
        return found

    def _ask(self, scan: Scan, together: Sequence[Slice] = ()) -> pd.DataFrame:
        """Run a scan; with `together` over the rows of those slices, of its one grouping, as one group."""
        table = self.view.fact(scan.fact, scan.columns)
        names = tuple(rule.name for rule in self.judge.feeds if rule.fact == scan.fact)
        pooled = bool(together)
        return self.view.ask(
            ("scan", scan, names, pooled),
            lambda sight: aggregate(scan, table, names, sight, together=pooled),
            self.times(scan.window_days),
            [slice_text(scan.groupings[0], slice_) for slice_ in together],
        )

    def _pool(self, scan: Scan, kpi: Kpi, by: tuple[str, ...], small: list[Figures]) -> Figures | None:
        if kpi.measure.shape != "quantile" or len([f for f in small if f.n > 0]) < 2:
            return pool(kpi, small, by)
        alone = replace(scan, groupings=(by,), kpis=(kpi,))
        rows = self.asking.submit(self._ask, alone, [f.slice for f in small]).result()
        return replace(
            figures_of(kpi, "k0_", unstacked(rows, 1)[0], [()])[()], slice=tuple(sorted((name, SMALL) for name in by))
        )

    def _dated(self, readings: list[Reading], kpis: Mapping[str, Kpi], *, persistent: bool) -> list[Reading]:
        """Settle levels, and add to what is drawn its history, its trend, since when its level holds, and so its pain."""
        earlier = [self.previous.get((r.kpi, r.slice)) for r in readings]
        told = [
            r.level in DRAWN or (b is not None and b.standing is not None)
            for r, b in zip(readings, earlier, strict=True)
        ]
        wanted = [r for r, is_told in zip(readings, told, strict=True) if is_told]
        past = self.judge.archive.histories(
            self.view, self.judge.kpis, self.judge.feeds, wanted, self.moment, self.zone
        )
        done = []
        for reading, before, is_told in zip(readings, earlier, told, strict=True):
            if not is_told:
                done.append(_kept(reading, before, self.moment))
                continue
            points = dict(past.points.get((reading.kpi, reading.slice), ()))
            one = settled(reading, kpis[reading.kpi], before, points, self.today, persistent=persistent)
            done.append(
                aged(past.dated(one, before), kpis[reading.kpi], self.moment)
                if one.level in DRAWN
                else _kept(one, before, self.moment)
            )
        return done


def _together(kpis: Sequence[Kpi]) -> list[list[Kpi]]:
    """Sort named measures into those that are asked together: of one base, over the same rows and window."""
    groups: dict[Any, list[Kpi]] = defaultdict(list)
    for kpi in kpis:
        base = NAMED[kpi.measure.name or ""].base
        own = (base, kpi.fact, kpi.where, kpi.day, kpi.window_days, kpi.matures_days)
        groups[own if base else kpi.key].append(kpi)
    return list(groups.values())


def _grouped(kpis: Sequence[Kpi]) -> list[tuple[Kpi, tuple[str, ...]]]:
    return [(kpi, by) for kpi in kpis for by in groupings(kpi)]


def _built(measure: Named, sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> ir.Table:
    assert measure.figures is not None  # noqa: S101  # a measure has this or `of_readings`
    found: ir.Table = measure.figures(sight, kpi, by)
    return found


def _kept(reading: Reading, before: Before | None, moment: datetime) -> Reading:
    """Keep since when a level holds that is not drawn; without a past it is not known."""
    if before is None:
        return reading
    return changed(reading, since=before.since if before.level is reading.level else moment)
