"""CSV in any common dialect, streamed: pyarrow for blocks that are sound, Python's csv for those that are not."""

from __future__ import annotations

import csv
import io
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from data.sources.chunk import Chunk, SourceError, Unreadable
from data.sources.frames import table_frame, text_frame
from data.sources.header import check_needed, header_names
from data.sources.text import Blocks, Recoder, check_mark, shown, undecodable, undecodable_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from data.settings import Source
    from data.sources.reading import Reading

DELIMITERS = ",;\t|"
CHUNK_ROWS = 200_000
LONGEST_RECORD = 64 << 20
_SMALLEST_BLOCK, _LARGEST_BLOCK = 1 << 20, 32 << 20
_QUOTE, _CR, _LF = b'"\r\n'
_BLANK_LINE = (b"\n\n", b"\n\r", b"\r\r")
_NEWLINE = re.compile(rb"\r\n|\r|\n")
_UNCLOSED = "opens a quote that is never closed; double the quotes inside a field"


@dataclass(frozen=True)
class Header:
    """The header of a file: its columns, delimiter, the record it stands in, and its size as UTF-8."""

    names: tuple[str, ...]
    delimiter: str
    number: int
    size: int


def columns(reading: Reading, source: Source) -> tuple[str, ...]:
    """Return the header. Raises SourceError."""
    return _header(Blocks(reading, source.encoding), reading, source).names


def chunks(reading: Reading, source: Source) -> Iterator[Chunk]:
    """Yield the rows; a row's number counts the file's records, blank lines too, with the header as 1.

    Raises SourceError if the header cannot be read or lacks a column of the settings.
    """
    blocks = Blocks(reading, source.encoding)
    header = _header(blocks, reading, source)
    check_needed(header.names, source, reading.name, permanent=reading.settled)
    if reading.resume is None:
        rest, number = header.size, header.number
    else:
        rest, number = 0, reading.resume[1]
        blocks.skip(reading.resume[0])
    yield from _Body(blocks, header, reading, number).chunks(rest)


def _header(blocks: Blocks, reading: Reading, source: Source) -> Header:
    file = reading.name
    raw, ended, size = b"", False, _SMALLEST_BLOCK
    while not ended and not _holds_header(raw, source):
        if len(raw) > LONGEST_RECORD:
            raise SourceError(f"{file}: the header is longer than {LONGEST_RECORD >> 20} MB; check that it is a table")
        raw, size = blocks.peek(size), size * 4
        ended = len(raw) < size // 4
    check_mark(raw, source.encoding, file)
    recoder = Recoder(source.encoding, file)
    start = recoder.text(recoder.recode(raw, final=ended))
    heads = [_first_record(start, delimiter) for delimiter in DELIMITERS]
    wanted = set(source.columns)
    fields, number, text = max(heads, key=lambda head: len(wanted & {_trimmed(name) for name in head[0]}))
    _check_text(text, source.encoding, file)
    if not fields:
        raise SourceError(f"{file}: it holds no header; write the column names into its first line")
    delimiter = DELIMITERS[heads.index((fields, number, text))]
    consumed = text.encode("utf-8", "painpoint.keepbytes" if False else "surrogatepass")
    return Header(header_names(fields, file), delimiter, number, len(consumed))


def _trimmed(name: str) -> str:
    return name.replace("\ufeff", "").strip()
