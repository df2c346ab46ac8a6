"""Answers whatever pages ask; see `layouts.inquiry.Inquiry`, which this fulfils, for what each answer holds."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from analytics.adding_up import adding_up
from analytics.before import is_booked
from analytics.definition import definitions
from analytics.explain import formula
from analytics.inquiring import AbsentError, Wanted
from analytics.rows_behind import members
from analytics.wording import place
from data.asked import Seen, near
from data.exports.rows import Looked, rows_sheet
from data.exports.tables import FORMATS, Sheet
from data.inquiry.boards import Boards
from data.inquiry.bounded import Bounded
from data.inquiry.explained import earlier, explained, week_ago
from data.inquiry.files import must_be_one_of, order_file, readings_file, scorecard_file, sheet_file
from data.inquiry.narrowing import narrowed
from data.inquiry.order import order_document, record_of
from data.inquiry.page import asked, page
from data.inquiry.quarantine import waiting
from data.inquiry.search import search
from data.inquiry.sights import Sights
from data.inquiry.sources import Books

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from analytics.inquiring import File, Table
    from analytics.kpi import Kpi, Slice
    from data.inquiry.boards import Kept
    from data.session import Session

PAGES, REASONS, WINDOWS = 256, 256, 128
"""So many answers of each sort are kept: those to the pages that people have open."""
LARGE = 500
"""Pages of more rows are not kept."""
BOOKS_AT_ONCE = 2


def _asleep() -> None:
    """Wake nobody."""


class Inquiry:
    """Answers from stored Boards, from the warehouse as they saw it, and from the books; any thread may ask.

    `wake` asks the engine for a judgement after a replay. `close` it before its session.
    """

    def __init__(self, session: Session, wake: Callable[[], object] = _asleep) -> None:
        self._session = session
        self._wake = wake
        self._judge = replace(session.judge(), looks_into=0)
        self._kpis = {kpi.key: kpi for kpi in session.settings.kpis}
        self._definitions = definitions(self._judge.kpis, self._judge.feeds)
        self._boards = Boards(session.store)
        self._sights = Sights(session, self._boards, self._judge)
        self._pages: Bounded[Table] = Bounded(PAGES)
        self._reasons: Bounded[Mapping[str, Any]] = Bounded(REASONS)
        self._windows: Bounded[Mapping[Slice, Mapping[str, Any]]] = Bounded(WINDOWS)
        self._reading_books = threading.BoundedSemaphore(BOOKS_AT_ONCE)

    def close(self) -> None:
        self._sights.close()

    def prepared(self, version: int, seconds: float = 0.0) -> bool:
        """Wait until what is laid out beforehand for a Board lies there; False if it is not by then."""
        return self._sights.prepared(version, seconds)

    def board(self, version: int | None) -> Mapping[str, Any]:
        return self._boards.of(version).document

    def explained(self, version: int | None, kpi: str, slice_: Slice) -> Mapping[str, Any]:
        board = self._boards.of(version)
        board.reading(kpi, slice_)
        found = self._kpi(board, kpi)

        def work_out() -> Mapping[str, Any]:
            with self._sights.of(board) as sight:
                return explained(board, sight, self._judge, found, slice_)

        return self._reasons.of((board.version, kpi, slice_), work_out)

    def before(self, version: int | None, kpi: str) -> Mapping[Slice, Mapping[str, Any]]:
        board = self._boards.of(version)
        board.of(kpi)
        found = self._kpi(board, kpi)

        def work_out() -> Mapping[Slice, Mapping[str, Any]]:
            if not is_booked(found):
                return week_ago(board, self._boards, found)
            with self._sights.of(board) as sight:
                return earlier(board, sight, self._judge, found)

        return self._windows.of((board.version, kpi), work_out)

    def rows(self, version: int | None, kpi: str, slice_: Slice, wanted: Wanted) -> Table:
        board = self._boards.of(version)
        reading, found = board.reading(kpi, slice_), self._kpi(board, kpi)
        about = {"fact": found.fact, "formula": formula(found), "adds_up": adding_up(found), "value": reading["value"]}

        def work_out() -> Table:
            with self._sights.of(board) as sight:
                laid = sight.behind.of(found, slice_, self._members(board, kpi, slice_), asked(wanted))
                return page(sight.view.con, laid, wanted, about)

        if wanted.end - wanted.start > LARGE:
            return work_out()
        return self._pages.of((board.version, kpi, slice_, repr(wanted)), work_out)

    def order(self, order: str, version: int | None) -> Mapping[str, Any]:
        board = self._boards.of(version)
        with self._sights.of(board) as sight:
            return order_document(record_of(board, sight.view, self._session.settings, order), sight.view)

    def search(self, words: str, most: int = 20) -> Sequence[Mapping[str, Any]]:
        newest = self._boards.newest()
        with self._books() as con:
            return search(con, self._boards.of(newest) if newest else None, self._kpis.values(), words, most)

    def sources(self) -> Sequence[Mapping[str, Any]]:
        newest = self._boards.newest()
        feeds = self._boards.of(newest).document["sources"] if newest else []
        told = {feed["name"]: feed for feed in feeds}
        with self._books() as con:
            books = Books(con, self._session.clock())
            return [books.of(source, told.get(source.name)) for source in self._session.settings.sources]

    def quarantine(self, source: str | None, wanted: Wanted) -> Table:
        self._must_be_source(source)
        with self._books() as con:
            return page(con, waiting(source), wanted, {}, "id")

    def replay(self, source: str) -> Mapping[str, Any]:
        self._must_be_source(source)
        found = self._session.source(source)
        assert found is not None  # noqa: S101  # asked just above
        loaded = self._session.loader().replay(found)
        self._wake()
        return loaded.as_json()

    def export(self, what: str, format_: str, **of: Any) -> File:
        """Write a file; see the protocol for what each sort takes."""
        ways: Mapping[str, Callable[..., File]] = {
            "rows": self._rows_file,
            "readings": self._readings_file,
            "order": self._order_file,
            "scorecard": self._scorecard_file,
            "quarantine": self._quarantine_file,
        }
        if what not in ways:
            raise ValueError(f"There is no export of {what!r}; there are {', '.join(ways)}.")
        return ways[what](format_, **of)

    def _rows_file(
        self, format_: str, *, version: int | None, kpi: str, slice_: Slice, wanted: Wanted | None = None
    ) -> File:
        must_be_one_of(format_, FORMATS, "Rows")
        board = self._boards.of(version)
        reading, found = board.reading(kpi, slice_), self._kpi(board, kpi)
        slices = self._members(board, kpi, slice_)
        looked = Looked(dict(reading), slices, Seen(board.moment, board.batch, board.version))
        wanted = wanted or Wanted()
        with self._sights.apart(board) as sight:
            laid = sight.behind.of(found, slice_, slices, asked(wanted))
            narrow = narrowed(replace(wanted, start=0, end=0), laid.columns)
            sheet = rows_sheet(self._session, sight.view, found, looked, laid, narrow)
            return sheet_file(sheet, format_, kpi, place(slice_), f"board {board.version}")

    def _readings_file(
        self,
        format_: str,
        *,
        version: int | None,
        kpis: Sequence[str] = (),
        slice_: Slice = (),
        levels: Sequence[str] = (),
    ) -> File:
        return readings_file(self._boards.of(version), format_, kpis or (), slice_ or (), levels or ())

    def _order_file(self, format_: str, *, order: str, version: int | None = None) -> File:
        board = self._boards.of(version)
        with self._sights.of(board) as sight:
            record = record_of(board, sight.view, self._session.settings, order)
        return order_file(record, format_, self._session.clock())

    def _scorecard_file(self, format_: str, *, partner: str, version: int | None = None) -> File:
        return scorecard_file(self._boards.of(version), format_, partner, self._session.clock())

    def _quarantine_file(self, format_: str, *, source: str | None = None, wanted: Wanted | None = None) -> File:
        self._must_be_source(source)
        laid = waiting(source)
        narrow = narrowed(replace(wanted or Wanted(), start=0, end=0), laid.columns, "id")
        with self._books() as con:
            total = laid.count(con, narrow)
            identity = {"source": source, "filters": narrow.filters, "sorted by": narrow.sorted_by, "rows": total}
            timezone = self._session.settings.timezone
            sheet = Sheet("Quarantine", laid.columns, laid.parts(con, narrow), total, timezone, identity)
            return sheet_file(sheet, format_, "quarantine", source or "")

    def _kpi(self, board: Kept, key: str) -> Kpi:
        """Give a KPI of a Board as the catalogue has it. Raises AbsentError where that is not what the Board was judged by."""
        if key not in self._kpis:
            raise AbsentError(f"The KPI {key!r} is no longer in the catalogue{near(key, self._kpis)}.")
        kpi = self._kpis[key]
        if board.definition(key) not in (None, self._definitions[key]):
            raise AbsentError(
                f"{kpi.title} is defined otherwise since board {board.version} was judged: "
                "its rows are not shown; the figure is the board's own."
            )
        return kpi

    def _members(self, board: Kept, kpi: str, slice_: Slice) -> list[Slice]:
        return members(board.document["readings"], kpi, slice_)

    def _must_be_source(self, name: str | None) -> None:
        if name is not None and self._session.source(name) is None:
            raise AbsentError(f"There is no source {name!r}; there are {', '.join(self._session.names) or 'none'}.")

    @contextmanager
    def _books(self) -> Iterator[DuckDBPyConnection]:
        """Lend a connection to the warehouse as it is at present."""
        with self._reading_books:
            con = self._session.warehouse.cursor()
            con.execute("BEGIN")
            try:
                yield con
            finally:
                con.execute("ROLLBACK")
                con.close()
