"""The command `backtest`: days are judged again as they were known then, and who would have got which mail is rehearsed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from analytics.backtest import Log, Planted, replay, together
from data.printed_backtest import print_backtest
from data.reporting import DONE, UsageError, in_json
from data.settings import SettingsError, load_settings
from data.settings.durations import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analytics.board import Board
    from analytics.judge import Past
    from data.reporting import Reporter
    from data.session import Rehearsed, Session
    from data.settings import Settings, Source

DAY = 86_400.0
SHORTEST = 60.0
"""Seconds between two judgements of a day, at least."""
_TOLD = ("mails", "recipients", "flaps", "flapping", "held")


@dataclass
class Play:
    """What one replay under its settings told, and who would have heard of it."""

    settings: Settings
    log: Log
    rehearsal: Rehearsed | None

    @classmethod
    def of(cls, session: Session) -> Play:
        settings = session.settings
        rehearsed = session.rehearse(settings) if session.rehearse and settings.alerting.routes else None
        return cls(settings, Log({kpi.key: kpi for kpi in settings.kpis}, settings.timezone), rehearsed)

    def add(self, board: Board) -> None:
        self.log.add(board)
        if self.rehearsal is not None:
            self.rehearsal.add(board)

    def document(self, planted: Sequence[Planted] | None) -> dict[str, Any]:
        nothing: dict[str, Any] = {"mails": [], "recipients": [], "flaps": 0, "flapping": [], "held": {}}
        # what broke with the last Board is told once what breaks together has been waited for
        waits = max((route.group_wait for route in self.settings.alerting.routes), default=0.0)
        until = self.log.moments[-1] + timedelta(seconds=waits + 1)
        told = nothing if self.rehearsal is None else self.rehearsal.result(until)
        return {"episodes": self.log.episodes(), **told, "scores": self.log.scores(planted)}


def backtest(session: Session, options: dict[str, Any], to: Reporter) -> int:
    """Replay days through judging and alerts, with what was known then, and say what would have been told to whom."""
    moments = _moments(session, options)
    planted = _truth(session, options["truth"])
    other = _other(session, options)
    plays = [Play.of(session)]
    if other is not None:
        plays.append(Play.of(session.under(other)))
    _play(session, plays, moments, to)
    here, *there = (play.document(planted) for play in plays)
    document = {
        "from": moments[0],
        "to": moments[-1],
        "every": options["every"],
        "judgements": len(moments),
        "episodes": here["episodes"],
        **{name: here[name] for name in _TOLD},
        "forecasts": [],
        "scores": here["scores"],
    }
    if there:
        document["against"] = _against(plays[1].settings, here, there[0])
    if options["json"]:
        to.out(in_json(document))
    else:
        print_backtest(document, to, str(session.settings.path), routed=bool(session.settings.alerting.routes))
    return DONE


def _play(session: Session, plays: Sequence[Play], moments: Sequence[datetime], to: Reporter) -> None:
    """Judge all moments for every play; those that judge alike share the Boards."""
    groups: list[list[Play]] = []
    for play in plays:
        alike = next((group for group in groups if _judge_alike(group[0].settings, play.settings)), None)
        groups.append([play]) if alike is None else alike.append(play)
    total, done = len(groups) * len(moments), 0
    for group in groups:
        for board in _boards(session.under(group[0].settings), moments, heard=any(p.rehearsal for p in group)):
            for play in group:
                play.add(board)
            done += 1
            to.progress(done, total, f"judged {board.as_of:%Y-%m-%d}")


def _judge_alike(one: Settings, other: Settings) -> bool:
    def said(settings: Settings) -> Any:
        fresh = [source.fresh_within_seconds for source in settings.sources]
        return settings.kpis, settings.timezone, settings.false_discovery_rate, fresh

    return bool(said(one) == said(other))


def _boards(session: Session, moments: Iterable[datetime], *, heard: bool) -> Iterator[Board]:
    """Judge moment after moment; where alerts are heard of it, with all that they look at: who stands under several reds."""
    judge = replace(session.judge(), draws_charts=False) if heard else replace(session.judge(), looks_into=0)

    def look(moment: datetime, previous: Past | None) -> Board:
        with session.warehouse.reader(session.names, moment, timezone=session.settings.timezone) as view:
            return judge.board(view, moment, 0, previous, persistent=True)

    return replay(look, moments)


def _moments(session: Session, options: dict[str, Any]) -> list[datetime]:
    """Give the moments to judge: so often in each local day from the first to the last, its end included, none in the future."""
    first, last = options["from"], options["to"]
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError as error:
        raise UsageError(f"--from {first} --to {last}: {error}; write days like 2026-11-22.") from error
    if end < start:
        raise UsageError(f"--to {last} lies before --from {first}; swap them.")
    zone, now, step = ZoneInfo(session.settings.timezone), session.clock(), _step(options["every"])
    found: list[datetime] = []
    for number in range((end - start).days + 1):
        found += _of_day(start + timedelta(days=number), zone, step)
    over = [at for at in found if at < now]
    if len(over) < len(found) and start <= now.astimezone(zone).date():
        over.append(now)  # today, as far as it has come
    if not over:
        raise UsageError(f"--from {first} lies in the future; replay days that are over.")
    return over


def _of_day(day: date, zone: ZoneInfo, step: timedelta) -> Iterator[datetime]:
    """Give the moments of a local day: every so often from its midnight, and its last second."""
    begins, ends = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    at = begins + step
    while step < timedelta(days=1) and at < ends:
        yield at
        at += step
    yield ends - timedelta(seconds=1)


def _step(every: str) -> timedelta:
    try:
        length = seconds(every)
    except ValueError as error:
        raise UsageError(f'--every {every}: {error}; write e.g. --every "4 h".') from error
    if not SHORTEST <= length <= DAY:
        raise UsageError(
            f"--every {every} is too {'long' if length > DAY else 'short'}: reds are entered by what was told on each day, so "
            'choose from "1 min" to "1 d".'
        )
    return timedelta(seconds=length)


def _truth(session: Session, path: str | None) -> list[Planted] | None:
    """Read what was planted in a simulated network; None if it is not one."""
    file = session.settings.path.parent / "truth.json" if path is None else Path(path)
    if path is None and not file.exists():
        return None
    try:
        return [Planted.of(entry) for entry in orjson.loads(file.read_bytes())]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} cannot be read as the truth of a demo network: {error}.") from error


def _other(session: Session, options: dict[str, Any]) -> Settings | None:
    """Read the settings to hold against; their warehouse and store are not looked at."""
    if options["against"] is None:
        return None
    try:
        other = load_settings(Path(options["against"]), options["environ"])
    except SettingsError as error:
        raise UsageError("\n".join(error.problems)) from error
    wrong = _other_sources(session.settings.sources, other.sources)
    if wrong:
        raise UsageError(
            f"{other.path}: its sources differ from those of {session.settings.path} ({wrong}); both replay the same rows, so "
            "give both files the same [[source]] tables."
        )
    return replace(other, sources=_in_order(session.settings.sources, other.sources))


def _other_sources(here: Sequence[Source], there: Sequence[Source]) -> str:
    """Name the sources that differ in more than how fresh they must be and how often they are loaded; "" if none does."""

    def read(sources: Sequence[Source]) -> dict[str, Source]:
        same = {"folder": Path(), "every": "", "fresh_within_seconds": None, "allow": ()}
        return {source.name: replace(source, **same) for source in sources}  # type: ignore[arg-type]

    mine, theirs = read(here), read(there)
    return ", ".join(name for name in mine | theirs if mine.get(name) != theirs.get(name))


def _in_order(here: Sequence[Source], there: Sequence[Source]) -> tuple[Source, ...]:
    named = {source.name: source for source in there}
    return tuple(named[source.name] for source in here)


def _against(settings: Settings, here: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
    return {
        "settings": str(settings.path),
        **together(here["episodes"], there["episodes"]),
        **{name: there[name] for name in _TOLD},
        "scores": there["scores"],
    }
