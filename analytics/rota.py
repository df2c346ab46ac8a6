"""What is worked out anew in turn: what costs much and moves little is kept, and with every judgement some of it is renewed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from analytics.kpi import Kpi, Reading, Slice

T = TypeVar("T")
Identity = tuple[str, "Slice"]
"""A KPI's key and a slice."""


@dataclass(frozen=True)
class Now:
    """A moment that is judged, its local day, and the batch up to which everything was told by then."""

    moment: datetime
    day: date
    batch: int

    @classmethod
    def of(cls, moment: datetime, zone: ZoneInfo, batch: int) -> Self:
        return cls(moment, moment.astimezone(zone).date(), batch)


@dataclass(frozen=True)
class _Kept(Generic[T]):
    value: T | None
    when: Now
    reading: Reading


@dataclass
class Rota(Generic[T]):
    """Keeps what was worked out for readings, and says for which it is to be worked out anew.

    What is not known, or was under another day, level or other limits, is so at once. What was worked out before the newest batch,
    of another figure or `fresh_for` ago, has its turn within `turns` judgements, with all that is asked of the same rows.
    """

    turns: int = 1
    fresh_for: timedelta = timedelta(0)
    _kept: dict[Identity, _Kept[T]] = field(default_factory=dict)

    def due(self, readings: Sequence[Reading], kpis: Mapping[str, Kpi], now: Now) -> list[Reading]:
        """Name the readings to be worked out anew, each of which must be kept then; what is kept for any others is forgotten."""
        wanted = {(r.kpi, r.slice) for r in readings}
        self._kept = {identity: kept for identity, kept in self._kept.items() if identity in wanted}
        found, stale, groups = [], defaultdict(list), set()
        for reading in readings:
            kpi, kept = kpis[reading.kpi], self._kept.get((reading.kpi, reading.slice))
            same_rows = (kpi.fact, kpi.day, kpi.window_days)
            groups.add(same_rows)
            if kept is None or not _is_same(kept, reading, now):
                found.append(reading)
            elif (
                kept.when.batch != now.batch
                or kept.reading.value != reading.value
                or now.moment - kept.when.moment >= self.fresh_for
            ):
                stale[same_rows].append((kept.when.moment, reading))
        longest = sorted(stale.values(), key=lambda each: min(at for at, _ in each))
        found += [r for each in longest[: ceil(len(groups) / self.turns)] for _, r in each]
        return found

    def keep(self, reading: Reading, value: T | None, now: Now) -> None:
        """Keep what was worked out for a reading; None where there is nothing."""
        self._kept[reading.kpi, reading.slice] = _Kept(value, now, reading)

    def get(self, identity: Identity) -> T | None:
        """Give what is kept for a reading, None where nothing is."""
        kept = self._kept.get(identity)
        return None if kept is None else kept.value


def _is_same(kept: _Kept[T], reading: Reading, now: Now) -> bool:
    """Tell whether something was worked out for a reading as it is, on the same day and not later than now."""
    then = kept.reading
    same = then.limits == reading.limits and then.level is reading.level
    return same and kept.when.day == now.day and kept.when.moment <= now.moment
