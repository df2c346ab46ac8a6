"""SQL over files, and over DuckDB databases, in a DuckDB that can reach nothing but the allowed folders."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from data.sources.chunk import SourceError
from data.sources.frames import typed_frame
from data.sources.query import bound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.settings import Source

CHUNK_ROWS = 200_000


class _Result:
    def __init__(self, reader: Any, what: str) -> None:
        self._reader = reader
        self._what = what
        self.names = tuple(reader.schema.names)

    def batches(self, cursor: str | None) -> Iterator[tuple[Any, list[Any]]]:
        for batch in self._reader:
            newest = [] if cursor is None else [pc.max(batch.column(self.names.index(cursor))).as_py()]
            yield typed_frame(pa.Table.from_batches([batch]), self._what), newest


@contextmanager
def opened(source: Source, url: str, query: str, values: dict[str, Any]) -> Iterator[_Result]:
    """Run the query over the files in the folders that the source allows. Raises SourceError."""
    connection = None
    try:
        connection = _sandbox(source, url)
        reader = connection.execute(bound(query, "$since"), values or None).to_arrow_reader(CHUNK_ROWS)
        yield _Result(reader, f"source {source.name}: the query's result")
    except (duckdb.Error, pa.ArrowException) as error:
        raise _failed(source, error) from None
    finally:
        if connection is not None:
            connection.close()


def _sandbox(source: Source, url: str) -> duckdb.DuckDBPyConnection:
    path = url.partition("://")[2].partition("?")[0].removeprefix("/")
    in_memory = path in {"", ":memory:"} or path.endswith("/:memory:")
    file = source.folder / path
    if not in_memory and not file.is_file():
        raise SourceError(
            f"source {source.name}: there is no database file {file}; put it there or correct url", permanent=False
        )
    offline: dict[str, Any] = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    connection = duckdb.connect(":memory:" if in_memory else str(file), read_only=not in_memory, config=offline)
    folders = [folder.absolute().as_posix() for folder in source.allow or (source.folder,)]
    connection.execute("SET allowed_directories = $folders", {"folders": folders})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _failed(source: Source, error: Exception) -> SourceError:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    if isinstance(error, duckdb.PermissionException):
        allowed = ", ".join(str(Path(folder)) for folder in source.allow or (source.folder,))
        return SourceError(f"source {source.name}: {line}; files may lie in {allowed} only, so move them or set allow")
    if isinstance(error, duckdb.IOException | duckdb.ConnectionException):
        return SourceError(f"source {source.name}: DuckDB cannot read now: {line}", permanent=False)
    return SourceError(f"source {source.name}: DuckDB refuses the query: {line}; correct query")
