"""A judgement: every KPI of every slice, as of a moment, from one consistent view of the facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from analytics.board import Board, rank
from analytics.case_mix import mixes
from analytics.charts import Charts
from analytics.deserved import FALSE_DISCOVERIES, deserved
from analytics.driven import MOST_READINGS, Kept, attach
from analytics.facts import MASTER
from analytics.feeding import lack
from analytics.figures import Figures, from_row, pool
from analytics.health import FINE, LOOK_BACK, State, best, feed, of_feed, silences, worst
from analytics.history import Archive, lay_windows, slices, stored, window
from analytics.kpi import SMALL, Before, Health, Kpi, Level, Limits, Reading, Slice
from analytics.measure import GROUPING, Scan, aggregate, edges, groupings, kinds, presence, scans, slice_text, stacked
from analytics.named import NAMED
from analytics.pain import aged
from analytics.persistence import DRAWN, KEPT, settled
from analytics.two_stories import warned
from analytics.verdict import judge, limits_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date, datetime, timedelta

    import ibis.expr.types as ir
    import pandas as pd

    from analytics.case_mix import Mix
    from analytics.derived import Sight
    from analytics.master import Master


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

    def pulses(self, look_back: timedelta) -> pd.DataFrame: ...


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
    kept: Kept = field(default_factory=Kept)
    charts: Charts = field(default_factory=Charts)
    progress: Callable[[int, int, str], None] = field(default=_unseen)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

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
        readings, counted = attach(
            view, self.kpis, self.feeds, readings, run.moment, self.zone, self.kept, self.looks_into
        )
        drawn = [r for r in readings if r.level in DRAWN] if self.looks_into else []
        change = self.charts.charted(view, self.kpis, self.feeds, drawn, run.moment, self.zone)
        readings = [
            replace(r, shared=counted.shared.get((r.kpi, r.slice)), change=change.get((r.kpi, r.slice)))
            if r.level in DRAWN
            else r
            for r in warned(readings, {kpi.key: kpi for kpi in self.kpis})
        ]
        ranked = rank(readings)
        return Board(
            run.moment, version, view.batch, self.network, self.timezone, tuple(feeds), ranked, days, counted.customers
        )


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
        self.silences = silences(view.pulses(LOOK_BACK), self.watermarks, judge_.timezone)
        self.master = view.master
        lay_windows(view, judge_.kpis, self.moment, self.zone)

    def readings(self, *, persistent: bool) -> list[Reading]:
        lacking = {kpi.key: lack(kpi, self.judge.feeds) for kpi in self.judge.kpis}
        fed = [replace(kpi, agreed=self.master.agreed(kpi)) for kpi in self.judge.kpis if not lacking[kpi.key]]
        plan = scans(fed)
        alone = [kpi for kpi in fed if kpi.measure.shape == "named"]
        present = self._present(fed)
        found = [self._unfed(kpi, why) for kpi in self.judge.kpis if (why := lacking[kpi.key])]
        for done, scan in enumerate(plan):
            self.judge.progress(done, len(plan) + len(alone), scan.fact)
            found += self._scan(scan, present)
        for done, kpi in enumerate(alone, start=len(plan)):
            self.judge.progress(done, len(plan) + len(alone), kpi.key)
            found += self._named(kpi, present, found)
        self.judge.progress(1, 1, "")
        kpis = {kpi.key: kpi for kpi in self.judge.kpis}
        mixed = self._mixed(found, kpis)
        found = deserved(found, kpis, self.master, self.judge.false_discovery_rate, mixed)
        return self._dated(found, kpis, persistent=persistent)

    def _mixed(self, readings: Sequence[Reading], kpis: Mapping[str, Kpi]) -> dict[tuple[str, Slice], Mix]:
        """Give the case-mix of the slices that are red, where their KPI says what a case is; slices of one case have no mix."""
        wanted: dict[tuple[str, tuple[str, ...]], None] = {}
        for reading in readings:
            by = tuple(name for name, _ in reading.slice)
            mixed = by and reading.level is Level.RED and not set(by) & set(kpis[reading.kpi].case_mix)
            if mixed and kpis[reading.kpi].case_mix:
                wanted[reading.kpi, by] = None
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

    def _named(self, kpi: Kpi, present: Present, before: Sequence[Reading]) -> list[Reading]:
        """Judge a named measure."""
        span = window(self.moment, kpi.window_days, self.zone)
        readings: list[Reading] = []
        for by, rows in self._answers(kpi, before):
            states = present[kpi.fact, by][kpi.key]
            found = _figures(kpi, "", rows, slices(rows, by))
            figures = [found.get(s) or _nothing(kpi, s) for s in dict.fromkeys([*states, *found])]
            readings += [judge(kpi, f, states.get(f.slice, FINE), span, self._limits(kpi, f.slice)) for f in figures]
        return readings

    def _answers(self, kpi: Kpi, before: Sequence[Reading]) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
        """Give the figures of a named measure per grouping; money at risk looks at the readings before it."""
        measure, every = NAMED[kpi.measure.name or ""], groupings(kpi)
        figures = measure.figures
        if figures is not None:
            rows = self.view.ask(
                ("named", kpi),
                lambda sight: stacked([(by, figures(sight, kpi, by)) for by in every]),
                self.times(kpi.window_days),
            )
            yield from ((by, rows[rows[GROUPING] == number]) for number, by in enumerate(every))
            return
        assert measure.of_readings is not None  # noqa: S101  # a measure has one of the two
        for by in every:
            yield by, measure.of_readings(before, self.master, kpi, by)

    def times(self, window_days: int | None) -> dict[str, datetime | None]:
        """Give the times that scans are filled with, as the warehouse keeps them: UTC without a zone."""
        start, end = window(self.moment, window_days, self.zone)
        times = {"now": self.moment, "from": start, "to": end}
        return stored(times | {f"watermark:{name}": at for name, at in self.watermarks.items()})

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
        for number, by in enumerate(every):
            part = rows[rows[GROUPING] == number]
            feeds = part[["source", "partner"]].astype(object).where(part[["source", "partner"]].notna(), None)
            pairs, named = list(feeds.itertuples(index=False, name=None)), slices(part, by)
            for i, kind in enumerate(kinds_):
                keys = [kpi.key for kpi, each in zip(kpis, own, strict=True) if each == kind and by in kpi.by]
                if not keys:
                    continue
                seen: dict[Slice, list[tuple[str, str | None]]] = defaultdict(list)
                for slice_, pair, holds in zip(named, pairs, part[f"k{i}"].fillna(False).tolist(), strict=True):
                    if holds:
                        seen[slice_].append(pair)
                states = {slice_: self._state(found, sources) for slice_, found in seen.items()}
                present[fact, by] |= dict.fromkeys(keys, states)

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
        partner = next(partner for _, partner in pairs if partner is not None)
        if any(source in alive for source, _ in pairs):
            return State(Health.DEAD, f"partner {partner} has been silent for more than {LOOK_BACK.days} d")
        return FINE

    def _scan(self, scan: Scan, present: Present) -> list[Reading]:
        rows = self._ask(scan)
        span = window(self.moment, scan.window_days, self.zone)
        found: list[Reading] = []
        for number, by in enumerate(scan.groupings):
            part = rows[rows[GROUPING] == number]
            named = slices(part, by)
            for position, kpi in enumerate(scan.kpis):
                if by not in groupings(kpi):
                    continue
                states = present[scan.fact, by][kpi.key]
                read = _figures(kpi, f"k{position}_", part, named)
                # one without rows in the window is judged too
                figures = [read.get(s) or _nothing(kpi, s) for s in states]
                small = [f for f in figures if by and f.value is not None and f.n < kpi.min_n]
                # a member that fell silent is unknown by itself and must not hide, or be hidden, among those that live
                small = [f for f in small if states.get(f.slice, FINE).health is Health.OK]
                pooled = self._pool(scan, kpi, by, small)
                every = figures if pooled is None else [*figures, pooled]
                found += [judge(kpi, f, states.get(f.slice, FINE), span, self._limits(kpi, f.slice)) for f in every]
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
        rows = self._ask(replace(scan, groupings=(by,), kpis=(kpi,)), [f.slice for f in small])
        return replace(_figures(kpi, "k0_", rows, [()])[()], slice=tuple(sorted((name, SMALL) for name in by)))

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


def _kept(reading: Reading, before: Before | None, moment: datetime) -> Reading:
    """Keep since when a level holds that is not drawn; without a past it is not known."""
    if before is None:
        return reading
    return replace(reading, since=before.since if before.level is reading.level else moment)


def _figures(kpi: Kpi, prefix: str, rows: pd.DataFrame, named: list[Slice]) -> dict[Slice, Figures]:
    """Read the figures of a KPI, whose columns begin with the prefix, from the rows of the slices named."""
    bounds = edges(kpi)
    own = [name for name in rows.columns if name.startswith(prefix)]
    short = [name.removeprefix(prefix) for name in own]
    values = zip(*(rows[name].tolist() for name in own), strict=True)
    return {s: from_row(kpi, dict(zip(short, v, strict=True)), s, bounds) for s, v in zip(named, values, strict=True)}


def _nothing(kpi: Kpi, slice_: Slice) -> Figures:
    """Give the figures of a slice that has no rows."""
    return from_row(kpi, {}, slice_, edges(kpi))
