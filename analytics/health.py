"""Whether the data can be trusted: how fresh each source is, and whether a partner inside it has fallen silent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analytics.kpi import Feed, FeedState, Health
from analytics.wording import span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

LOOK_BACK = timedelta(days=400)
"""A partner's habits are learned from the year before its source's newest event, and a month of holidays more."""
DEAD_AFTER = 3.0
"""A feed older than this many times its limit is dead, not late."""
PATIENCE = 1.5
"""A partner is late when it is silent for this many times its own longest usual gap ..."""
PATIENCE_DEAD = 3.0
"""... and dead after this many."""
LEAST_HOURS = 5
"""With fewer active hours than this nothing is usual yet."""
SHORT_HOURS = 2
"""Whoever was heard of within this time is not silent."""


@dataclass(frozen=True)
class State:
    """Health with the sentence that says why."""

    health: Health
    reason: str = ""


FINE = State(Health.OK)
_RANK = {Health.OK: 0, Health.LATE: 1, Health.DEAD: 2}


def feed(name: str, fact: str, fresh_within: float | None, watermark: datetime | None, moment: datetime) -> Feed:
    """Judge a source by the age of its newest event; `fresh_within` in seconds, None leaves the age unjudged."""
    state: FeedState = "unjudged"
    if fresh_within is not None:
        age = (moment - watermark).total_seconds() if watermark else float("inf")
        state = "fresh" if age <= fresh_within else "late" if age <= DEAD_AFTER * fresh_within else "dead"
    return Feed(name, fact, state, watermark, fresh_within)


def of_feed(source: Feed, moment: datetime) -> State:
    """Give the health that a source lends to all that it feeds."""
    if source.state not in ("late", "dead"):
        return FINE
    if source.watermark is None:
        return State(Health.DEAD, f"source {source.name} has never delivered anything")
    age = span((moment - source.watermark).total_seconds() / 3600)
    allowed = span((source.fresh_within_seconds or 0) / 3600)
    return State(
        Health(source.state),
        f"source {source.name} is {source.state}: its newest event is {age} old, allowed are {allowed}",
    )


def worst(states: Iterable[State]) -> State:
    """Give the worst state; of equals that whose reason comes last, for states come in any order."""
    return max(states, key=_rank, default=FINE)


def best(states: Iterable[State]) -> State:
    """Give the best state; of equals that whose reason comes first."""
    return min(states, key=_rank, default=FINE)


def _rank(state: State) -> tuple[int, str]:
    return _RANK[state.health], state.reason


class Heard(Protocol):
    """Who knows when partners were heard of."""

    def heard(self) -> pd.DataFrame: ...

    def pulses(self, look_back: timedelta, of: Sequence[tuple[str, str]]) -> pd.DataFrame: ...


@dataclass
class Silences:
    """Judges how silent partners are; of whom nothing new is known within the hour, it knows the answer."""

    _known: dict[tuple[str, str], tuple[Any, State]] = field(default_factory=dict)

    def told(self, view: Heard, watermarks: Mapping[str, datetime], timezone: str) -> dict[tuple[str, str], State]:
        """Judge every partner inside every source, as `silences` does; who was heard of lately is fine."""
        rows = view.heard()
        last = rows["last"].to_numpy("datetime64[h]").astype("int64").tolist()
        newest = rows["newest"].to_numpy("datetime64[h]").astype("int64").tolist()
        now = {source: int(mark.timestamp()) // 3600 for source, mark in watermarks.items()}
        found: dict[tuple[str, str], State] = {}
        quiet = {}
        whose = zip(rows["source"].tolist(), rows["partner"].tolist(), strict=True)
        for who, at, of_source, told in zip(whose, last, newest, rows["told"].tolist(), strict=True):
            hour = now.get(who[0])
            if hour is None or of_source - at > LOOK_BACK // timedelta(hours=1):
                continue
            # else it has not been silent for long enough to be asked for its habits
            found[who] = FINE
            if hour - at >= SHORT_HOURS:
                quiet[who] = (at, of_source, told, hour, watermarks[who[0]].astimezone(ZoneInfo(timezone)).utcoffset())
        new = [who for who, known in quiet.items() if self._known.get(who, (None,))[0] != known]
        if new:
            judged = silences(view.pulses(LOOK_BACK, new), watermarks, timezone)
            self._known |= {who: (quiet[who], judged[who]) for who in new}
        return found | {who: self._known[who][1] for who in quiet}


def silences(pulses: pd.DataFrame, watermarks: Mapping[str, datetime], timezone: str) -> dict[tuple[str, str], State]:
    """Judge every partner inside every source: silent for longer than is usual for it is late, then dead.

    `pulses` has a row per (source, partner, hour) with events. Silence is measured up to the source's own newest event, in
    the hours in which this partner is usually heard: nights, week-ends and slow weeks do not count. A gap is the sum over its
    hours of the share of weeks in which the partner had events in that hour of the week (of the day, while it is known for
    less than two weeks). Its longest gap so far is its usual one.
    """
    found: dict[tuple[str, str], State] = {}
    for source, partner, hours in _heard(pulses):
        watermark = watermarks.get(source)
        if watermark is not None:
            found[source, partner] = _silence(partner, hours, watermark, timezone)
    return found


def _heard(pulses: pd.DataFrame) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    """Give the hours of each partner of each source, sorted, each once: sorting all at once is far quicker than grouping."""
    (source, sources), (partner, partners) = (pd.factorize(pulses[name]) for name in ("source", "partner"))
    whose = source * len(partners) + partner
    hours = pulses["hour"].to_numpy("datetime64[h]").astype("int64")
    order = np.lexsort((hours, whose))
    whose, hours = whose[order], hours[order]
    begins = np.diff(whose, prepend=-1) != 0
    once = begins | (np.diff(hours, prepend=0) != 0)
    whose, hours, begins = whose[once], hours[once], begins[once]
    first = np.flatnonzero(begins)
    for start, end in zip(first, [*first[1:], len(hours)], strict=True) if len(first) else ():
        at = divmod(int(whose[start]), len(partners))
        yield str(sources[at[0]]), str(partners[at[1]]), hours[start:end]


def _silence(partner: str, hours: NDArray[np.int64], watermark: datetime, timezone: str) -> State:
    if len(hours) < LEAST_HOURS:
        return FINE
    now = int(watermark.timestamp()) // 3600
    if now - hours[-1] < SHORT_HOURS:
        return FINE
    offset = watermark.astimezone(ZoneInfo(timezone)).utcoffset() or timedelta(0)
    grid = np.arange(hours[0], now + 1)
    expected = np.cumsum(_habit(hours, grid, round(offset.total_seconds() / 3600)))
    at = expected[hours - hours[0]]
    usual = max(float(np.diff(at).max()), 1.0)
    silent = float(expected[max(now - 1 - hours[0], 0)] - at[-1])
    if silent <= PATIENCE * usual:
        return FINE
    longest = span(float(np.diff(hours).max()))
    last = datetime.fromtimestamp(int(hours[-1]) * 3600, UTC)
    health = Health.DEAD if silent > PATIENCE_DEAD * usual else Health.LATE
    quiet = span(float(now - hours[-1]))
    return State(
        health,
        f"partner {partner} has been silent for {quiet} (since {last:%Y-%m-%d}); its longest usual gap is {longest}",
    )


def _habit(hours: NDArray[np.int64], grid: NDArray[np.int64], offset: int) -> NDArray[np.float64]:
    """Give for every hour of the grid the share of weeks (days, always) in which such an hour had events."""
    known = hours[-1] - hours[0] + 1
    cycle = 168 if known >= 14 * 24 else 24 if known >= 48 else 1
    seen = grid[:known]
    active = np.bincount((hours + offset) % cycle, minlength=cycle)
    chances = np.bincount((seen + offset) % cycle, minlength=cycle)
    share = active / np.maximum(chances, 1)
    return share[(grid + offset) % cycle]
