"""A file of trials for `test-alerts`: [[test]] with its readings, sources, deeds and expectations, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args
from zoneinfo import ZoneInfo

from analytics.master import INHERITED
from analytics.trial import KINDS, Deed, Expectation, Given, SourceState, SourceTurn, Trial, Verb
from data.settings.document import read_table, substitute
from data.settings.durations import seconds
from data.settings.load import load_settings
from data.settings.moments import to_moment
from data.settings.problems import Place, closest, listed, quoted
from data.settings.shapes import Shape, shaped, unknown
from data.settings.trial_shapes import (
    DeedShape,
    ExpectShape,
    FileShape,
    ReadingShape,
    SourceTurnShape,
    TimedShape,
    TrialShape,
)
from data.settings.values import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from analytics.kpi import Kpi, Slice
    from data.settings.values import Settings

AnyShape = TypeVar("AnyShape", bound=Shape)
DEFAULT = "settings.toml"
_AT = 'write e.g. at = "30 h" after the start, or at = 2026-10-05T14:00'
_LENGTH = re.compile(r"\s*\d+(\.\d+)?\s*(s|min|h|d)\s*")
_LONG = ("snooze", "silence")
"""What lasts for a while."""
_LAST = timedelta(minutes=10)
"""A test goes on for so long after the last time that it names, so that what happened there can be told."""


def read_trials(path: Path, settings: Path | None, environ: Mapping[str, str]) -> tuple[Settings, tuple[Trial, ...]]:
    """Read a file of trials and the settings that it tests: `settings`, else those it names, else settings.toml.

    SettingsError names every mistake.
    """
    place = Place(str(path))
    table = read_table(path, place, "name a file of tests, e.g. alerts.test.toml")
    if table is None:
        raise SettingsError(place.problems)
    shape = shaped(FileShape, table, place, set())
    named = Path(shape.settings) if shape.settings else None
    loaded = _settings(settings or (path.parent / named if named else Path(DEFAULT)), place, environ)
    trials = tuple(_trials(shape.test, loaded, environ, place))
    if place.problems:
        raise SettingsError(place.problems)
    return loaded, trials


def _settings(path: Path, place: Place, environ: Mapping[str, str]) -> Settings:
    if not path.exists():
        mend = 'write settings = "..." relative to this file, or name the settings with --settings'
        place.at("settings").say(f"there are no settings {path}", mend)
        raise SettingsError(place.problems)
    return load_settings(path, environ)


def _trials(tables: Any, settings: Settings, environ: Mapping[str, str], place: Place) -> Iterator[Trial]:
    if not isinstance(tables, list) or not tables:
        place.say("there is no test", "write [[test]] and below it its readings and what is expected")
        return
    names: list[str] = []
    for index, table in enumerate(tables):
        name = table.get("name") if isinstance(table, dict) else None
        called = quoted(name) if isinstance(name, str) and name else f"number {index + 1}"
        own = place.within(f"[[test]] {called}")
        written, broken = substitute(table, environ, own)
        shape = shaped(TrialShape, written, own, broken)
        if not shape.name:
            own.at("name").say("key is missing", 'write e.g. name = "late repairs reach the hub"')
        elif shape.name in names:
            own.at("name").say("another test has this name", "give each test a name of its own")
        names.append(shape.name or "")
        yield _Reader(shape, own, settings, index).read()


@dataclass
class _Reader:
    """One [[test]] while it is being checked."""

    shape: TrialShape
    place: Place
    settings: Settings
    index: int

    def read(self) -> Trial:
        self.kpis: Mapping[str, Kpi] = {kpi.key: kpi for kpi in self.settings.kpis}
        self.zone = ZoneInfo(self.settings.timezone)
        self.start = self._start()
        self._say_unknown_dimensions()
        readings = tuple(self._each("reading", ReadingShape, self._reading))
        sources = tuple(self._each("source", SourceTurnShape, self._source))
        deeds = tuple(self._each("do", DeedShape, self._deed))
        expectations = tuple(self._each("expect", ExpectShape, self._expectation))
        if not self.shape.expect:
            self.place.say("it expects nothing", "add [[test.expect]], with mails = 0 where nothing may come")
        times = [each.at for each in (*readings, *sources, *deeds)] + [e.ends for e in expectations if e.ends]
        return Trial(
            self.shape.name or "",
            self.start,
            self._until(times),
            self.shape.partners,
            readings,
            sources,
            deeds,
            expectations,
        )

    def _start(self) -> datetime:
        written, place = self.shape.start, self.place.at("start")
        if written is None:
            place.say("key is missing", "write e.g. start = 2026-10-05T08:00:00")
        elif (moment := to_moment(written, self.zone)) is not None:
            return moment
        else:
            place.say(f"{quoted(written)} is no time", "write e.g. start = 2026-10-05T08:00:00")
        return datetime(2026, 1, 1, tzinfo=self.zone)

    def _until(self, times: Iterable[datetime]) -> datetime:
        last = max([*times, self.start]) + _LAST
        if self.shape.lasts is None:
            return last
        length = self._length(self.shape.lasts, self.place.at("lasts"))
        if length is not None and self.start + length < last - _LAST:
            self.place.at("lasts").say("the test ends before the last time that it names", "let it last longer")
        return last if length is None else self.start + length

    def _say_unknown_dimensions(self) -> None:
        for partner, known in self.shape.partners.items():
            for name in known:
                if name not in INHERITED:
                    unknown(self.place.at("partners", partner, name), "field of a partner", name, INHERITED)

    def _each(self, kind: str, shape: type[AnyShape], read: Callable[[Any, Place], Any]) -> Iterator[Any]:
        for index, table in enumerate(getattr(self.shape, kind)):
            place = self.place.at(kind, index)
            broken: set[Any] = set()
            checked = shaped(shape, table, place, broken)
            if not broken:
                yield read(checked, place)

    def _at(self, shape: TimedShape, place: Place) -> datetime:
        if shape.at is None:
            place.at("at").say("key is missing", _AT)
            return self.start
        return self._moment(shape.at, place.at("at")) or self.start

    def _moment(self, written: Any, place: Place) -> datetime | None:
        """Read a time after the start, or one by itself; None for a mistake, which is reported."""
        moment: datetime | None = None
        if isinstance(written, str) and _LENGTH.fullmatch(written):
            length = self._length(written, place)
            moment = None if length is None else self.start + length
        elif (moment := to_moment(written, self.zone)) is None:
            place.say(f"{quoted(written)} is no time", _AT)
        if moment is not None and moment < self.start:
            place.say(f"{quoted(written)} lies before the start", "let the test start earlier")
        return moment

    def _length(self, written: str, place: Place) -> timedelta | None:
        try:
            return timedelta(seconds=seconds(written))
        except ValueError as error:
            place.say(str(error), 'write e.g. "4 h"')
            return None

    def _reading(self, shape: ReadingShape, place: Place) -> Given:
        slice_ = tuple(sorted(shape.slice.items()))
        kpi = self._kpi(shape.kpi, place, needed=True)
        if kpi is not None:
            self._say_unknown_slice(kpi, slice_, place)
            if kpi.measure.shape == "share" and shape.value is not None and not 0 <= shape.value <= 1:
                place.at("value").say(
                    f"{shape.value:g} is no share", f"shares are fractions: write {shape.value / 100:g}"
                )
        return Given(self._at(shape, place), shape.kpi or "", slice_, shape.value, shape.n, shape.pain)

    def _kpi(self, key: str | None, place: Place, *, needed: bool = False) -> Kpi | None:
        if key is None:
            if needed:
                place.at("kpi").say("key is missing", f'write e.g. kpi = "{next(iter(self.kpis), "late_repairs")}"')
            return None
        if key not in self.kpis:
            near = closest(key, self.kpis)
            mend = f"did you mean {quoted(near)}?" if near else f"name one that {self.settings.kpis_path.name} has"
            place.at("kpi").say(f"unknown KPI {quoted(key)}", mend)
        return self.kpis.get(key)

    def _say_unknown_slice(self, kpi: Kpi, slice_: Slice, place: Place) -> None:
        names = tuple(name for name, _ in slice_)
        if names and names not in {tuple(sorted(by)) for by in kpi.by}:
            groups = listed(" and ".join(by) for by in kpi.by) if kpi.by else "nothing"
            place.at("slice").say(
                f"{kpi.key} is not judged by {listed(names, last='and')}",
                f"it is by {groups}; leave slice out for the whole network",
            )

    def _source(self, shape: SourceTurnShape, place: Place) -> SourceTurn:
        self._one_of("source", shape.name, [s.name for s in self.settings.sources], place.at("name"))
        self._one_of("state", shape.state, get_args(SourceState), place.at("state"))
        return SourceTurn(self._at(shape, place), shape.name or "", shape.state or "fresh")  # type: ignore[arg-type]

    def _one_of(self, what: str, written: str | None, known: Iterable[str], place: Place) -> None:
        names = list(known)
        if written is None:
            place.say("key is missing", f"write {listed(names)}" if names else "the settings have no source")
        elif written not in names:
            unknown(place, what, written, names)

    def _deed(self, shape: DeedShape, place: Place) -> Deed:
        self._one_of("verb", shape.verb, get_args(Verb), place.at("verb"))
        self._kpi(shape.kpi, place)
        if not (shape.by or "").strip():
            place.at("by").say("nobody does it", 'write e.g. by = "Ada"')
        length = None if shape.lasts is None else self._length(shape.lasts, place.at("for"))
        if shape.verb in _LONG and shape.lasts is None:
            place.at("for").say("key is missing", f'write for how long to {shape.verb}, e.g. for = "4 h"')
        if shape.verb == "silence" and shape.kpi is None and not shape.slice:
            place.say("it does not say what to silence", "add kpi, slice or both")
        slice_ = None if shape.slice is None else tuple(sorted(shape.slice.items()))
        hours = None if length is None else length / timedelta(hours=1)
        verb = shape.verb or "acknowledge"
        return Deed(self._at(shape, place), verb, shape.by or "", shape.kpi, slice_, hours, shape.reason)  # type: ignore[arg-type]

    def _expectation(self, shape: ExpectShape, place: Place) -> Expectation:
        if shape.kind is not None and shape.kind not in KINDS:
            unknown(place.at("kind"), "kind of mail", shape.kind, KINDS)
        self._kpi(shape.kpi, place)
        begins, ends = self._span(shape, place)
        slice_ = None if shape.slice is None else tuple(sorted(shape.slice.items()))
        to = None if shape.to is None else self._recipient(shape.to, place.at("to"))
        return Expectation(begins, ends, to, shape.kind, shape.subject, shape.kpi, slice_, shape.mails)

    def _span(self, shape: ExpectShape, place: Place) -> tuple[datetime | None, datetime | None]:
        if shape.between is not None:
            return self._between(shape, place)
        if shape.at is None:
            if "within" in shape.model_fields_set:
                place.at("within").say("there is no time that it counts from", f"{_AT}, or remove it")
            return None, None
        begins, length = self._moment(shape.at, place.at("at")), self._length(shape.within, place.at("within"))
        return begins, None if begins is None or length is None else begins + length

    def _between(self, shape: ExpectShape, place: Place) -> tuple[datetime | None, datetime | None]:
        if shape.at is not None:
            place.at("between").say("at says when already", "remove one of the two")
        if len(shape.between or []) != 2:
            place.at("between").say("expected two times", 'write e.g. between = ["0 h", "9 h"]')
            return None, None
        begins, ends = (self._moment(each, place.at("between", i)) for i, each in enumerate(shape.between or []))
        if begins is not None and ends is not None and ends < begins:
            place.at("between").say("it ends before it begins", "swap the two times")
        return begins, ends

    def _recipient(self, written: str, place: Place) -> str:
        """Give the name of a recipient that is written by its name or its address."""
        alerting = self.settings.alerting
        routed = [name for route in alerting.routes for name in route.everyone]
        fallback = [alerting.fallback] if alerting.fallback else []
        names = list(dict.fromkeys([*routed, *fallback, *(r.name for r in alerting.recipients)]))
        if written in names:
            return written
        named = next((r.name for r in alerting.recipients if r.address.casefold() == written.casefold()), None)
        if named is None:
            unknown(place, "recipient", written, names)
        return named or written
