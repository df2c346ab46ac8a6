"""A judgement: every KPI of every slice, as of a moment, from one consistent view of the facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from analytics.board import Board, rank
from analytics.facts import MASTER
from analytics.feeding import lack
from analytics.health import FINE, LOOK_BACK, State, best, feed, of_feed, silences, worst
from analytics.history import Archive, lay_windows, stored, window
from analytics.kpi import SMALL, Before, Health, Kpi, Level, Limits, Reading, Slice
from analytics.measure import Scan, aggregate, edges, presence, scans, slice_text
from analytics.named import NAMED
from analytics.verdict import Figures, from_row, judge, limits_for, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    import ibis.expr.types as ir
    import pandas as pd

    from analytics.derived import Sight
    from analytics.master import Master


Past = Mapping[tuple[str, Slice], Before]


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
    ) -> Board:
        """Judge everything as of `moment` (aware).

        `previous` tells since when levels hold, and the past of snapshots; `errors` which sources could not be loaded.
        """
        run = _Judgement(self, view, moment.astimezone(UTC), previous)
        readings = run.readings()
        feeds = [replace(f, error=(errors or {}).get(f.name)) for f in run.feeds]
        # master data has no pulse: such a source is a feed only while it fails
        feeds = [f for f in feeds if f.error or f.fact not in MASTER]
        return Board(run.moment, version, view.batch, self.network, self.timezone, tuple(feeds), rank(readings))


class _Judgement:
    """One judgement; holds what its steps share."""

    def __init__(self, judge_: Judge, view: View, moment: datetime, previous: Past | None) -> None:
        self.judge = judge_
        self.view = view
        self.moment = moment
        self.previous = previous or {}
        self.zone = judge_.zone
        self.watermarks = view.watermarks()
        self.feeds = tuple(
            feed(rule.name, rule.fact, rule.fresh_within_seconds, self.watermarks.get(rule.name), self.moment)
            for rule in judge_.feeds
        )
        self.silences = silences(view.pulses(LOOK_BACK), self.watermarks, judge_.timezone)
        self.master = view.master
        lay_windows(view, judge_.kpis, self.moment, self.zone)

    def readings(self) -> list[Reading]:
        lacking = {kpi.key: lack(kpi, self.judge.feeds) for kpi in self.judge.kpis}
        fed = [replace(kpi, agreed=self.master.agreed(kpi)) for kpi in self.judge.kpis if not lacking[kpi.key]]
        plan = scans(fed)
        alone = [kpi for kpi in fed if kpi.measure.shape == "named"]
        present = self._present(fed)
        found = [self._unfed(kpi, why) for kpi in self.judge.kpis if (why := lacking[kpi.key])]
        for done, scan in enumerate(plan):
            self.judge.progress(done, len(plan) + len(alone), scan.fact)
            found += self._scan(scan, present[scan.fact, scan.by])
        for done, kpi in enumerate(alone, start=len(plan)):
            self.judge.progress(done, len(plan) + len(alone), kpi.key)
            for by in dict.fromkeys(((), *kpi.by)):
                found += self._named(kpi, by, present[kpi.fact, by][kpi.key], found)
        self.judge.progress(1, 1, "")
        return self._dated(found)

    def _unfed(self, kpi: Kpi, why: str) -> Reading:
        """Give the reading of a KPI that this network's sources cannot feed: unknown, naming what is missing."""
        start, end = window(self.moment, kpi.window_days, self.zone)
        nothing = Figures((), 0.0, 0.0, None)
        reading = judge(kpi, nothing, State(Health.NO_DATA, why), (start, end), self._limits(kpi, ()))
        return replace(reading, reason=why)

    def _limits(self, kpi: Kpi, slice_: Slice) -> Limits:
        return limits_for(kpi, slice_, self.master)[0]

    def _named(
        self, kpi: Kpi, by: tuple[str, ...], states: dict[Slice, State], before: Sequence[Reading]
    ) -> list[Reading]:
        """Judge a named measure for one grouping; money at risk looks at the readings before it."""
        measure = NAMED[kpi.measure.name or ""]
        times = self.times(kpi.window_days)
        figures_ = measure.figures
        if figures_ is not None:
            rows = self.view.ask(("named", kpi, by), lambda sight: figures_(sight, kpi, by), times)
        else:
            assert measure.of_readings is not None  # noqa: S101  # a measure has one of the two
            rows = measure.of_readings(before, self.master, kpi, by)
        bounds = edges(kpi)
        records = [{str(name): value for name, value in row.items()} for row in rows.to_dict(orient="records")]
        keys = _slices(rows, by)
        found = {s: from_row(kpi, record, s, bounds) for s, record in zip(keys, records, strict=True)}
        figures = [found.get(s) or from_row(kpi, {}, s, bounds) for s in dict.fromkeys([*states, *found])]
        span = window(self.moment, kpi.window_days, self.zone)
        return [judge(kpi, f, states.get(f.slice, FINE), span, self._limits(kpi, f.slice)) for f in figures]

    def times(self, window_days: int | None) -> dict[str, datetime | None]:
        """Give the times that scans are filled with, as the warehouse keeps them: UTC without a zone."""
        start, end = window(self.moment, window_days, self.zone)
        times = {"now": self.moment, "from": start, "to": end}
        return stored(times | {f"watermark:{name}": at for name, at in self.watermarks.items()})

    def _present(self, kpis: Sequence[Kpi]) -> dict[tuple[str, tuple[str, ...]], dict[str, dict[Slice, State]]]:
        """Give, per fact and grouping, the slices that ever had rows of each KPI, with the health of the feeds behind them."""
        groups: dict[tuple[str, tuple[str, ...]], dict[str, Kpi]] = defaultdict(dict)
        for kpi in kpis:
            for by in ((), *kpi.by):
                groups[kpi.fact, by][kpi.key] = kpi
        return {(fact, by): self._presence(fact, by, list(named.values())) for (fact, by), named in groups.items()}

    def _presence(self, fact: str, by: tuple[str, ...], kpis: list[Kpi]) -> dict[str, dict[Slice, State]]:
        sources = {rule.name: of_feed(f, self.moment) for rule, f in zip(self.judge.feeds, self.feeds, strict=True)}
        if not by:
            fed = [sources[rule.name] for rule in self.judge.feeds if rule.fact == fact]
            return {kpi.key: {(): worst(fed)} for kpi in kpis}
        groups = tuple(dict.fromkeys((*by, "source", "partner")))
        table = self.view.fact(fact)
        rows = self.view.ask(("presence", fact, by, tuple(kpis)), lambda _: presence(groups, by, kpis, table), {})
        seen: list[dict[Slice, list[tuple[str, str | None]]]] = [defaultdict(list) for _ in kpis]
        columns = [rows[name].astype(object).where(rows[name].notna(), None).tolist() for name in groups]
        holds = [rows[f"k{i}"].fillna(False).astype(bool).tolist() for i in range(len(kpis))]
        for position, values in enumerate(zip(*columns, strict=True)):
            named = dict(zip(groups, values, strict=True))
            slice_ = tuple(sorted((name, str(named[name])) for name in by))
            for i in range(len(kpis)):
                if holds[i][position]:
                    seen[i][slice_].append((named["source"], named["partner"]))
        return {
            kpi.key: {slice_: self._state(pairs, sources) for slice_, pairs in seen[i].items()}
            for i, kpi in enumerate(kpis)
        }

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

    def _scan(self, scan: Scan, present: dict[str, dict[Slice, State]]) -> list[Reading]:
        rows = self._ask(scan)
        start, end = window(self.moment, scan.window_days, self.zone)
        found: list[Reading] = []
        for position, kpi in enumerate(scan.kpis):
            figures = self._figures(scan, position, kpi, rows, present[kpi.key])
            states = present[kpi.key]
            small = [f for f in figures if scan.by and f.value is not None and f.n < kpi.min_n]
            # a member that fell silent is unknown by itself and must not hide, or be hidden, among those that live
            small = [f for f in small if states.get(f.slice, FINE).health is Health.OK]
            pooled = self._pool(scan, kpi, small)
            found += [
                judge(kpi, f, states.get(f.slice, FINE), (start, end), self._limits(kpi, f.slice)) for f in figures
            ]
            if pooled is not None:
                found.append(judge(kpi, pooled, FINE, (start, end), self._limits(kpi, pooled.slice)))
        return found

    def _ask(self, scan: Scan, together: Sequence[Slice] = ()) -> pd.DataFrame:
        """Run a scan; with `together` over the rows of those slices as one group."""
        table = self.view.fact(scan.fact, scan.columns)
        names = tuple(rule.name for rule in self.judge.feeds if rule.fact == scan.fact)
        pooled = bool(together)
        return self.view.ask(
            ("scan", scan, names, pooled),
            lambda sight: aggregate(scan, table, names, sight, together=pooled),
            self.times(scan.window_days),
            [slice_text(scan.by, slice_) for slice_ in together],
        )

    def _figures(
        self, scan: Scan, position: int, kpi: Kpi, rows: pd.DataFrame, present: dict[Slice, State]
    ) -> list[Figures]:
        """Give the figures of every slice that ever had rows; one without rows in the window has none."""
        prefix = f"k{position}_"
        own = [name for name in rows.columns if name.startswith(prefix)]
        bounds = edges(kpi)
        keys = _slices(rows, scan.by)
        values = zip(*(rows[name].tolist() for name in own), strict=True)
        short = [name.removeprefix(prefix) for name in own]
        found = {
            s: from_row(kpi, dict(zip(short, v, strict=True)), s, bounds) for s, v in zip(keys, values, strict=True)
        }
        return [found.get(s) or from_row(kpi, {}, s, bounds) for s in present]

    def _pool(self, scan: Scan, kpi: Kpi, small: list[Figures]) -> Figures | None:
        if kpi.measure.shape != "quantile" or len([f for f in small if f.n > 0]) < 2:
            return pool(kpi, small, scan.by)
        alone = Scan(scan.fact, scan.day, scan.window_days, scan.by, (kpi,))
        rows = self._ask(alone, [f.slice for f in small])
        figures = self._figures(Scan(scan.fact, scan.day, scan.window_days, (), (kpi,)), 0, kpi, rows, {(): FINE})[0]
        return replace(figures, slice=tuple(sorted((name, SMALL) for name in scan.by)))

    def _dated(self, readings: list[Reading]) -> list[Reading]:
        """Add to what is drawn its history, its trend, and since when its level holds."""
        drawn = [r for r in readings if r.level in (Level.RED, Level.AMBER)]
        past = self.judge.archive.histories(self.view, self.judge.kpis, self.judge.feeds, drawn, self.moment, self.zone)
        done = []
        for reading in readings:
            before = self.previous.get((reading.kpi, reading.slice))
            done.append(
                past.dated(reading, before) if reading.level in (Level.RED, Level.AMBER) else _kept(reading, before)
            )
        return done


def _kept(reading: Reading, before: Before | None) -> Reading:
    """Keep since when a level holds that is not drawn; without a past it is not known."""
    if before is None or before.level is not reading.level:
        return reading
    return replace(reading, since=before.since)


def _slices(rows: pd.DataFrame, by: tuple[str, ...]) -> list[Slice]:
    if not by:
        return [()] * len(rows)
    ordered = sorted(by)
    return [
        tuple(zip(ordered, map(str, values), strict=True))
        for values in zip(*(rows[n].tolist() for n in ordered), strict=True)
    ]
