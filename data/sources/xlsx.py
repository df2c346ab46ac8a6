"""Excel workbooks: the first sheet, its first row the header."""

from __future__ import annotations

import io
import itertools
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from data.sources.chunk import Chunk, SourceError
from data.sources.frames import as_text, table_frame, times_array
from data.sources.header import check_needed, header_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from data.settings import Source
    from data.sources.reading import Reading

CHUNK_ROWS = 100_000


def columns(reading: Reading, source: Source) -> tuple[str, ...]:  # noqa: ARG001 - every format is asked the same way
    """Return the header. Raises SourceError."""
    return _header(_rows(reading), reading.name)


def chunks(reading: Reading, source: Source) -> Iterator[Chunk]:
    """Yield the rows, numbered as in the sheet; a column of nothing but dates is typed, all else is text.

    Raises SourceError for what is no workbook or lacks a column of the settings.
    """
    rows = _rows(reading)
    names = _header(rows, reading.name)
    check_needed(names, source, reading.name)
    while batch := list(itertools.islice(rows, CHUNK_ROWS)):
        cells = zip(*(row for _, row in batch), strict=True)
        arrays = [_array([None if cell == "" else cell for cell in column]) for column in cells]
        frame = table_frame(pa.Table.from_arrays(arrays, names=list(names)))
        yield Chunk(frame, np.array([number for number, _ in batch], np.int64))


def _array(cells: Sequence[Any]) -> Any:
    filled = [cell for cell in cells if cell is not None]
    if filled and all(isinstance(cell, date) for cell in filled):
        return times_array(cells)
    return pa.array([as_text(cell) for cell in cells], pa.large_string())


def _header(rows: Iterator[tuple[int, list[Any]]], file: str) -> tuple[str, ...]:
    for _, row in rows:
        return header_names([as_text(cell) or "" for cell in row], file)
    raise SourceError(f"{file}: its first sheet is empty; write the column names into the first row")


def _rows(reading: Reading) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows that hold anything, with their number in the sheet."""
    sheet = _sheet(reading)
    above = sheet.start[0] if sheet.start else 0
    for number, row in enumerate(sheet.to_python(skip_empty_area=True), start=above + 1):
        if any(cell != "" for cell in row):
            yield number, row


def _sheet(reading: Reading) -> Any:
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(reading.stream.read())).get_sheet_by_index(0)
    except PasswordError:
        raise SourceError(f"{reading.name}: it is protected by a password; save it without one") from None
    except (CalamineError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else "damaged"
        raise SourceError(
            f"{reading.name}: it is no readable Excel workbook ({reason}); save it as .xlsx again"
        ) from None
    except BaseException as error:
        # The Rust library reports some damaged files by a panic, which is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise SourceError(f"{reading.name}: it is a damaged Excel workbook; save it as .xlsx again") from None
