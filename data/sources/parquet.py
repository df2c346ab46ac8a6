"""Parquet, batch by batch, with the types of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.sources.chunk import Chunk, SourceError
from data.sources.frames import typed_frame
from data.sources.header import check_needed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.settings import Source
    from data.sources.reading import Reading

CHUNK_ROWS = 200_000


def columns(reading: Reading, source: Source) -> tuple[str, ...]:  # noqa: ARG001 - every format is asked the same way
    """Return the columns, those of structs with dots. Raises SourceError."""
    try:
        empty = _open(reading).schema_arrow.empty_table()
    except (pa.ArrowException, OSError) as error:
        raise _damaged(reading, error) from None
    return tuple(typed_frame(empty, reading.name).columns)


def chunks(reading: Reading, source: Source) -> Iterator[Chunk]:
    """Yield the rows, counted from 1. Raises SourceError."""
    number = 0
    try:
        file = _open(reading)
        names = typed_frame(file.schema_arrow.empty_table(), reading.name).columns
        check_needed(list(names), source, reading.name)
        for batch in file.iter_batches(batch_size=CHUNK_ROWS, use_threads=False):
            frame = typed_frame(pa.Table.from_batches([batch]), reading.name)
            yield Chunk(frame, np.arange(number + 1, number + 1 + len(frame), dtype=np.int64))
            number += len(frame)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(reading, error) from None


def _open(reading: Reading) -> Any:
    # The file's bytes stay compressed in memory: its footer comes last, and what is read must be what is hashed.
    return pq.ParquetFile(pa.BufferReader(reading.stream.read()))


def _damaged(reading: Reading, error: Exception) -> SourceError:
    reason = str(error).splitlines()[0][:200] if str(error) else "damaged"
    return SourceError(f"{reading.name}: it is no readable Parquet file ({reason}); have it exported again")
