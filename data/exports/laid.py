"""The rows behind a reading, laid out in a table of a reader's own, and read from there narrowed and sorted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from analytics.integrity import why
from analytics.measure import SEPARATOR, ZONE, slice_text
from analytics.rows_behind import behind_number
from data.exports.tables import Column, Kind
from data.tables import among_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from analytics.integrity import Pack
    from analytics.judge import Judge
    from analytics.kpi import Kpi, Slice
    from data.reader import Reader

PART = 20_000
"""Rows that are held in memory at a time."""
WHY = Column("why", width=60)
"""What an evidence pack says of a row."""


@dataclass(frozen=True)
class Narrowed:
    """Which rows of a table, in which order: SQL over its columns with the values that are bound to it, and it in words."""

    where: str = "true"
    values: tuple[Any, ...] = ()
    order: str = "key"
    filters: str | None = None
    sorted_by: str | None = None


ALL = Narrowed()


@dataclass(frozen=True)
class Laid:
    """Rows that are read page by page; `source` is SQL that gives them, `read` their columns."""

    source: str
    read: tuple[Column, ...]
    timezone: str = "UTC"
    pack: Pack | None = None
    """How to tell of each row why it is implausible; None where that is told already, or nothing is to be told."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are shown."""
        shown = tuple(column for column in self.read if column.name != ZONE)
        return shown if self.pack is None else (*shown, WHY)

    def count(self, con: DuckDBPyConnection, narrowed: Narrowed = ALL) -> int:
        sql = f"SELECT count(*) FROM ({self.source}) AS rows WHERE {narrowed.where}"  # noqa: S608  # see `narrowing`
        row = con.execute(sql, list(narrowed.values)).fetchone()
        return int(row[0]) if row else 0

    def parts(
        self, con: DuckDBPyConnection, narrowed: Narrowed = ALL, start: int = 0, end: int | None = None
    ) -> Iterator[list[list[Any]]]:
        """Give the rows of `start` up to before `end`, in parts, each with the values of `columns`."""
        span = "" if end is None else f" LIMIT {end - start} OFFSET {start}"
        sorted_ = f"WHERE {narrowed.where} ORDER BY {narrowed.order}{span}"
        answer = con.execute(f"SELECT * FROM ({self.source}) AS rows {sorted_}", list(narrowed.values))  # noqa: S608  # as above
        names = [column.name for column in self.read]
        while rows := answer.fetchmany(PART):
            yield [self.told(dict(zip(names, row, strict=True))) for row in rows]

    def told(self, row: dict[str, Any]) -> list[Any]:
        """Give a row's values as they are shown, with the sentence of an evidence pack on the clock of its site."""
        zone = row.pop(ZONE, None) or self.timezone
        return [*row.values(), *([] if self.pack is None else [why(self.pack, row, zone)])]


def lay(
    view: Reader,
    judge: Judge,
    kpi: Kpi,
    by: Sequence[str],
    slices: Sequence[Slice],
    moment: datetime,
    table: str = "exported",
) -> Laid:
    """Work out the rows of a KPI in slices of one grouping: a reading's own, or those that were pooled into it."""
    by = tuple(sorted(by))
    question = behind_number(judge, view, kpi, moment)
    texts = [slice_text(by, each) for each in slices]
    laid = view.keep(table, question.key, question.build, question.times, by, texts)
    columns = tuple(Column(name, kind_of(type_)) for name, type_ in laid.items())
    return Laid(_readably(table), columns, judge.timezone, question.pack)


def cut(
    con: DuckDBPyConnection, whole: Laid, table: str, by: Sequence[str], slices: Sequence[Slice], into: str
) -> Laid:
    """Cut the rows of some slices from those of the whole network, which lie in a table."""
    by = tuple(sorted(by))
    texts = [slice_text(by, each) for each in slices]
    among = among_sql(by, len(texts))
    con.execute(f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT * FROM {table} WHERE {among}", texts)  # noqa: S608  # names of ours
    return replace(whole, source=_readably(into))


def _readably(table: str) -> str:
    """Select rows with their keys as they are shown: the parts of a key stand apart."""
    return f"SELECT * REPLACE (replace(key::VARCHAR, '{SEPARATOR}', ' | ') AS key) FROM {table}"  # noqa: S608  # a name of ours


def tell(con: DuckDBPyConnection, laid: Laid, table: str) -> Laid:
    """Write the sentences of an evidence pack beside the rows of a table, so that they can be sorted and searched too."""
    names = [column.name for column in laid.read]
    answer = con.execute(f"SELECT rowid, {', '.join(map(named, names))} FROM {table}")  # noqa: S608  # a name of ours
    places, said = [], []
    while rows := answer.fetchmany(PART):
        places += [place for place, *_ in rows]
        said += [laid.told(dict(zip(names, row, strict=True)))[-1] for _, *row in rows]
    con.register("said", pa.table({"place": pa.array(places, pa.int64()), WHY.name: pa.array(said, pa.string())}))
    sql = f"SELECT t.*, said.why FROM {table} t JOIN said ON t.rowid = said.place"  # noqa: S608  # as above
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table}_told AS {sql}")
    con.unregister("said")
    return replace(laid, source=_readably(f"{table}_told"), read=(*laid.read, WHY), pack=None)


def named(column: str) -> str:
    """Quote the name of a column."""
    return '"' + column.replace('"', '""') + '"'


def kind_of(type_: str) -> Kind:
    """Give the kind of a column by its Ibis type."""
    if type_.startswith("timestamp"):
        return "time"
    if type_.startswith("int"):
        return "integer"
    kinds: dict[str, Kind] = {"boolean": "bool", "string": "text"}
    return kinds.get(type_.lstrip("!"), "number")
