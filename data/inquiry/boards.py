"""Stored Boards by their version, and the readings on them; what is not there is said with what is there instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from analytics.inquiring import AbsentError
from analytics.wording import place
from data.asked import near
from data.inquiry.bounded import Bounded
from data.store import BOARDS
from data.tables import naive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.kpi import Slice
    from data.store import Store

ROOM = 6
"""Boards whose JSON is held in memory: those that people look at together, and a few versions of the live one."""


@dataclass(frozen=True)
class Kept:
    """A stored Board: its JSON of the contract, and its readings by KPI and slice."""

    document: Mapping[str, Any]

    @property
    def version(self) -> int:
        return int(self.document["version"])

    @property
    def batch(self) -> int:
        return int(self.document["batch"])

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.document["as_of"])

    @property
    def local_day(self) -> date:
        return self.moment.astimezone(ZoneInfo(self.document["timezone"])).date()

    @cached_property
    def readings(self) -> Mapping[str, Mapping[Slice, Mapping[str, Any]]]:
        found: dict[str, dict[Slice, Mapping[str, Any]]] = {}
        for reading in self.document["readings"]:
            found.setdefault(reading["kpi"], {})[tuple(sorted(reading["slice"].items()))] = reading
        return found

    @cached_property
    def partners(self) -> frozenset[str]:
        """The partners that are judged."""
        slices = (slice_ for mine in self.readings.values() for slice_ in mine)
        return frozenset(value for slice_ in slices for name, value in slice_ if name == "partner")

    def definition(self, kpi: str) -> str | None:
        """Give the digest of a KPI as it was defined then; None where the Board is older than such digests."""
        found: str | None = self.document.get("definitions", {}).get(kpi)
        return found

    def of(self, kpi: str) -> Mapping[Slice, Mapping[str, Any]]:
        """Give a KPI's readings by slice. Raises AbsentError."""
        if kpi not in self.readings:
            raise AbsentError(f"Board {self.version} has no KPI {kpi!r}{near(kpi, self.readings)}.")
        return self.readings[kpi]

    def reading(self, kpi: str, slice_: Slice) -> Mapping[str, Any]:
        """Give a reading. Raises AbsentError."""
        mine = self.of(kpi)
        if slice_ not in mine:
            places = {place(each) for each in mine}
            raise AbsentError(
                f"Board {self.version} has no reading of {kpi} for {place(slice_)}{near(place(slice_), places)}."
            )
        return mine[slice_]


class Boards:
    """Reads Boards from the store, those asked for last from memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: Bounded[Kept] = Bounded(ROOM)

    def of(self, version: int | None) -> Kept:
        """Give a stored Board; None stands for the newest live one. Raises AbsentError."""
        wanted = self.newest() if version is None else version
        if wanted is None:
            raise AbsentError("No Board is stored yet: nothing was judged.")
        return self._kept.of(wanted, lambda: self._read(wanted))

    def newest(self) -> int | None:
        """Name the newest live Board without reading it, which for a large network takes far longer."""
        with self._store.engine.connect().execution_options(reads=True) as con:
            return con.execute(select(func.max(BOARDS.c.version)).where(BOARDS.c.live)).scalar()

    def near(self, moment: datetime, within: timedelta) -> Kept | None:
        """Give the live Board nearest to a moment, if one is near enough."""
        at = naive(moment)
        query = select(BOARDS.c.version, BOARDS.c.as_of).where(BOARDS.c.live, BOARDS.c.as_of >= at - within)
        with self._store.engine.connect().execution_options(reads=True) as con:
            rows = con.execute(query.where(BOARDS.c.as_of <= at + within)).all()
        nearest = min(rows, key=lambda row: abs(row[1] - at), default=None)
        return None if nearest is None else self.of(nearest[0])

    def judged_from(self, moment: datetime, batch: int) -> int | None:
        """Name the newest live Board if it was judged as of that moment and batch."""
        query = select(BOARDS.c.version, BOARDS.c.as_of, BOARDS.c.batch).where(BOARDS.c.live)
        with self._store.engine.connect().execution_options(reads=True) as con:
            row = con.execute(query.order_by(BOARDS.c.version.desc()).limit(1)).first()
        return row[0] if row is not None and (row[1], row[2]) == (naive(moment), batch) else None

    def _read(self, version: int) -> Kept:
        stored = self._store.board(version)
        if stored is None:
            raise AbsentError(self._absent(version))
        return Kept(stored.document)

    def _absent(self, version: int) -> str:
        known = self._store.versions()
        if not known:
            return f"Board {version} is not stored; none is yet."
        before = [each for each in known if each < version][-1:]
        after = [each for each in known if each > version][:1]
        nearest = " and ".join(map(str, [*before, *after]))
        return (
            f"Board {version} is not stored; the nearest that are: {nearest}. "
            f"There are {len(known)} from {known[0]} to {known[-1]}; older ones thin out."
        )
