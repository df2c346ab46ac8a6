"""Any database that SQLAlchemy knows, and SQL over files by DuckDB, read by one SELECT and never written."""

from __future__ import annotations

import math
import re
import sqlite3
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import sqlalchemy as sa

from data.sources import duck
from data.sources.chunk import Chunk, SourceError
from data.sources.frames import values_frame
from data.sources.header import check_needed, check_unique
from data.sources.query import (
    bound,
    check_query,
    dialect,
    query_problem,
    uses_since,
    with_absolute_files,
    without_since,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from data.settings import Source

__all__ = ["SqlPull", "columns", "query_problem"]

CHUNK_ROWS = 100_000  # rows are Python objects here for a moment
_PASSING = ("locked", "busy", "disk i/o", "unable to open")
_CONNECT_SECONDS = 10


def columns(source: Source) -> tuple[str, ...]:
    """Return the columns of the query's result. Raises SourceError."""
    pull = SqlPull(source, None)
    with pull.opened() as result:
        return tuple(result.names)


class SqlPull:
    """One run of a source's query from `since` on; None, as on the first pull, means from the beginning."""

    def __init__(self, source: Source, since: Any | None) -> None:
        self._source = source
        self._query, self._url = check_query(source.query, source.url, source.name)
        self._since = _untagged(since)
        self._newest = self._since

    def chunks(self) -> Iterator[Chunk]:
        """Yield the result's rows, counted from 1. Raises SourceError."""
        what, number = f"source {self._source.name}: the query's result", 0
        with self.opened() as result:
            check_unique(result.names, what, "give one of them an alias")
            check_needed(result.names, self._source, what)
            if self._source.cursor is not None and self._source.cursor not in result.names:
                raise SourceError(f"{what} has no column '{self._source.cursor}', which is the cursor; select it")
            for frame, values in result.batches(self._source.cursor):
                self._see(values)
                yield Chunk(frame, np.arange(number + 1, number + 1 + len(frame), dtype=np.int64))
                number += len(frame)

    def cursor(self) -> Any | None:
        """Return the newest cursor value so far, as JSON; times, dates and decimals are tagged with their kind."""
        return _tagged(self._newest)

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Run the query; the result has `names` and `batches(cursor)` of (frame, cursor values)."""
        query, values = self._query, {}
        run: Any = _opened
        if self._url.startswith("duckdb:"):
            run, query = duck.opened, with_absolute_files(query, self._source.folder.absolute().as_posix())
        if uses_since(query):
            if self._since is None:
                query = without_since(query, dialect(self._url))
            else:
                values["since"] = self._since
        with run(self._source, self._url, query, values) as result:
            yield result

    def _see(self, values: list[Any]) -> None:
        seen = [value for value in values if value is not None and not (isinstance(value, float) and math.isnan(value))]
        try:
            self._newest = max(seen if self._newest is None else [self._newest, *seen], default=None)
        except TypeError:
            raise SourceError(
                f"source {self._source.name}: the cursor '{self._source.cursor}' holds values that cannot be compared; "
                "cast it to one type in the query"
            ) from None


def _tagged(value: Any) -> Any:
    match value:
        case datetime():
            return {"time": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case Decimal():
            return {"decimal": str(value)}
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


def _untagged(value: Any) -> Any:
    match value:
        case {"time": text}:
            return datetime.fromisoformat(text)
        case {"date": text}:
            return date.fromisoformat(text)
        case {"decimal": text}:
            return Decimal(text)
        case _:
            return value


class _Result:
    def __init__(self, result: Any) -> None:
        self._result = result
        self.names = tuple(result.keys())

    def batches(self, cursor: str | None) -> Iterator[tuple[Any, list[Any]]]:
        place = None if cursor is None else self.names.index(cursor)
        for rows in self._result.partitions(CHUNK_ROWS):
            values = dict(zip(self.names, zip(*rows, strict=True), strict=True))
            yield values_frame(values), [] if place is None else [row[place] for row in rows]


@contextmanager
def _opened(source: Source, url: str, query: str, values: dict[str, Any]) -> Iterator[_Result]:
    """Run the query in a read-only transaction that is always rolled back."""
    try:
        address = sa.make_url(url)
        engine = _engine(source, address)
    except sa.exc.NoSuchModuleError:
        raise SourceError(f"source {source.name}: no driver knows {url.partition('://')[0]}://; correct url") from None
    except sa.exc.ArgumentError:
        raise SourceError(f"source {source.name}: url is no database address; write kind://user@host/name") from None
    except ImportError as error:
        raise SourceError(
            f"source {source.name}: the driver of {address.drivername} is not installed "
            f"(module {error.name}); install it"
        ) from None
    try:
        connected = False
        with engine.connect() as connection:
            _read_only(connection)
            connected = True
            streamed = connection.execution_options(stream_results=True, max_row_buffer=CHUNK_ROWS)
            yield _Result(streamed.execute(sa.text(bound(query, ":since")), values))
            connection.rollback()
    except sa.exc.SQLAlchemyError as error:
        raise _failed(source, address, error, connected=connected) from None
    finally:
        engine.dispose()


def _engine(source: Source, address: sa.URL) -> sa.Engine:
    backend = address.get_backend_name()
    if backend == "sqlite":
        path = _sqlite_file(source, address)
        # `mode=ro` neither creates nor changes the file; the address is quoted, as a path may hold ? and #.
        uri = f"file:{quote(str(path))}?mode=ro"
        return sa.create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(uri, uri=True, check_same_thread=False),
            poolclass=sa.pool.NullPool,
        )
    takes_timeout = backend in {"postgresql", "mysql", "mariadb"} and "connect_timeout" not in address.query
    arguments = {"connect_timeout": _CONNECT_SECONDS} if takes_timeout else {}
    return sa.create_engine(address, poolclass=sa.pool.NullPool, connect_args=arguments)


def _sqlite_file(source: Source, address: sa.URL) -> Path:
    name = (address.database or "").removeprefix("file:").partition("?")[0]
    if name in {"", ":memory:"}:
        raise SourceError(f"source {source.name}: url names no file; write sqlite:///path/to/file.db")
    path = source.folder / name
    if not path.is_file():
        raise SourceError(
            f"source {source.name}: there is no database file {path}; put it there or correct url", permanent=False
        )
    return path


def _read_only(connection: sa.Connection) -> None:
    """Let the database itself refuse to write, where it can; the query was found to be a SELECT before."""
    match connection.dialect.name:
        case "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")
        case "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        case "mysql" | "mariadb":
            connection.exec_driver_sql("START TRANSACTION READ ONLY")


def _failed(source: Source, address: sa.URL, error: Exception, *, connected: bool) -> SourceError:
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines() or [type(original).__name__]
    line = _without_password(lines[0], address)[:300]
    lost = getattr(error, "connection_invalidated", False)
    passing = not connected or lost or any(word in line.lower() for word in _PASSING)
    if passing:
        where = address.render_as_string(hide_password=True)
        return SourceError(f"source {source.name}: {where} cannot be read now: {line}", permanent=False)
    return SourceError(f"source {source.name}: the database refuses the query: {line}; correct query")


def _without_password(text: str, address: sa.URL) -> str:
    password = str(address.password or "")
    for form in (password, quote(password, safe="")):
        if form:
            text = re.sub(re.escape(form), "***", text)
    return text
