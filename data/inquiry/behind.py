"""The rows behind the readings of one Board, laid out in a view of its own: at the first look, or before anybody looks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analytics.derived import linked
from analytics.integrity import pack_of
from analytics.measure import columns_of
from data.exports.laid import WHY, cut, lay, tell

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from analytics.judge import Judge
    from analytics.kpi import Kpi, Slice
    from data.exports.laid import Laid
    from data.reader import Reader

MOST_TABLES = 12
"""Slices whose rows a view keeps."""
MOST_ROWS = 20_000_000
"""Rows that a view keeps of whole KPIs: some 2 GB."""


@dataclass
class _Table:
    name: str
    laid: Laid
    rows: int = 0
    told: Laid | None = None
    """The same rows with the sentences of their evidence, once somebody wants to search those."""


@dataclass
class Behind:
    """Keeps tables of rows; what is dear to work out is worked out for the whole network at once, and slices are cut from that."""

    judge: Judge
    view: Reader
    _slices: OrderedDict[tuple[str, Slice], _Table] = field(default_factory=OrderedDict)
    _wholes: OrderedDict[str, _Table] = field(default_factory=OrderedDict)
    _numbered: int = 0

    def of(self, kpi: Kpi, slice_: Slice, slices: Sequence[Slice], asked: Collection[str] = ()) -> Laid:
        """Give the rows behind a reading made of some slices; `asked` names columns that are to be sorted or searched."""
        table = self._whole(kpi) if is_dear(kpi) and not slice_ else self._slice(kpi, slice_, slices)
        if WHY.name in asked and table.laid.pack is not None and table.told is None:
            table.told = tell(self.view.con, table.laid, table.name)
        return table.told or table.laid

    def prepare(self, kpi: Kpi) -> bool:
        """Lay a KPI's rows out for the whole network; False if there is no more room for them."""
        if sum(table.rows for table in self._wholes.values()) < MOST_ROWS:
            self._whole(kpi)
            return True
        return False

    def _slice(self, kpi: Kpi, slice_: Slice, slices: Sequence[Slice]) -> _Table:
        identity = kpi.key, slice_
        if identity not in self._slices:
            by, name = [dimension for dimension, _ in slice_], self._name()
            if is_dear(kpi):
                whole = self._whole(kpi)
                laid = cut(self.view.con, whole.laid, whole.name, by, slices, name)
            else:
                laid = lay(self.view, self.judge, kpi, by, slices, self.view.moment, name)
            self._slices[identity] = _Table(name, laid)
            while len(self._slices) > MOST_TABLES:
                self._drop(self._slices.popitem(last=False)[1])
        self._slices.move_to_end(identity)
        return self._slices[identity]

    def _whole(self, kpi: Kpi) -> _Table:
        if kpi.key not in self._wholes:
            name = self._name()
            laid = lay(self.view, self.judge, kpi, (), [()], self.view.moment, name)
            self._wholes[kpi.key] = _Table(name, laid, laid.count(self.view.con))
            while sum(table.rows for table in self._wholes.values()) > MOST_ROWS and len(self._wholes) > 1:
                self._drop(self._wholes.popitem(last=False)[1])
        self._wholes.move_to_end(kpi.key)
        return self._wholes[kpi.key]

    def _name(self) -> str:
        self._numbered += 1
        return f"behind_{self._numbered}"

    def _drop(self, table: _Table) -> None:
        self.view.con.execute(f"DROP TABLE IF EXISTS {table.name}; DROP TABLE IF EXISTS {table.name}_told")


def is_dear(kpi: Kpi) -> bool:
    """Tell whether a KPI's rows need more than one scan of its fact: a slice costs about as much as the whole then."""
    pack = pack_of(kpi)
    further = frozenset(pack.columns if pack else ())
    return kpi.measure.shape == "named" or bool(linked(kpi.fact, frozenset(columns_of(kpi)) | further))
