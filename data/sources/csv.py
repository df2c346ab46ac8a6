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
    size = _SMALLEST_BLOCK
    while True:
        raw = blocks.peek(size)
        head = _head(raw, len(raw) < size, reading.name, source)
        if head.finished or len(raw) < size:
            return head.header(reading.name, source.encoding)
        if size >= LONGEST_RECORD:
            raise SourceError(
                f"{reading.name}: its first line is longer than {LONGEST_RECORD >> 20} MB; check that it is a table"
            )
        size *= 8


@dataclass(frozen=True)
class _Head:
    fields: tuple[str, ...]
    delimiter: str
    number: int
    text: str
    finished: bool

    def header(self, file: str, encoding: str) -> Header:
        if (byte := undecodable(self.text)) is not None:
            raise SourceError(f"{file}: the header {undecodable_reason(byte, encoding)}")
        if "\0" in self.text:
            raise SourceError(f'{file}: the header holds NUL bytes, as utf-16 text does; set encoding = "utf-16"')
        if not self.fields:
            raise SourceError(f"{file}: it holds no header; write the column names into its first line")
        return Header(header_names(self.fields, file), self.delimiter, self.number, len(self.text.encode()))


def _head(raw: bytes, ended: bool, file: str, source: Source) -> _Head:  # noqa: FBT001 - private, and named at the call
    check_mark(raw, source.encoding, file)
    recoder = Recoder(source.encoding, file)
    start = recoder.text(recoder.recode(raw, final=ended))
    wanted = set(source.columns)
    heads = [_first_record(start, delimiter) for delimiter in DELIMITERS]
    return max(heads, key=lambda head: len(wanted.intersection(_trimmed(head.fields))))  # the comma wins a tie


def _trimmed(fields: Sequence[str]) -> list[str]:
    return [field.replace("\ufeff", "").strip() for field in fields]


def _first_record(text: str, delimiter: str) -> _Head:
    """Return the first record that is not blank; `text` of the result is all that was read for it."""
    taken, number = 0, 0
    for fields, raw in _records(text, delimiter):
        taken, number = taken + len(raw), number + 1
        if fields:
            return _Head(tuple(fields), delimiter, number, text[:taken], taken < len(text))
    return _Head((), delimiter, number, text, finished=False)


def _records(text: str, delimiter: str) -> Iterator[tuple[list[str], str]]:
    """Yield each record's fields and raw text; a blank line has no fields."""
    csv.field_size_limit(sys.maxsize)  # the module's own limit of 128 kB would stop at one long note
    raw: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            raw.append(line)
            yield line

    for fields in csv.reader(lines(), delimiter=delimiter):
        yield fields, "".join(raw)
        raw.clear()


class _Body:
    """Cuts the text after the header into blocks of whole records, and reads each the fastest way that is right."""

    def __init__(self, blocks: Blocks, header: Header, reading: Reading, number: int) -> None:
        self._blocks = blocks
        self._header = header
        self._reading = reading
        self._number = number  # of the last record that was read
        self._skip = 0

    def chunks(self, skip: int) -> Iterator[Chunk]:
        """Yield the chunks; the first `skip` bytes of the text are the header."""
        self._skip = skip
        waiting, size = self._read(_SMALLEST_BLOCK), None
        while not self._blocks.ended:
            end, opened = record_end(waiting, self._header.delimiter)
            if end:
                size = size or _block_size(waiting[:end])
                yield from self._whole(waiting[:end])
                waiting = waiting[end:]
            elif len(waiting) > LONGEST_RECORD:
                chunk, waiting = self._give_up(waiting, opened=opened)
                yield chunk
            waiting += self._read(size or max(_SMALLEST_BLOCK, len(waiting)))
        yield from self._end(waiting)

    def _read(self, size: int) -> bytes:
        block = self._blocks.read(size)
        while self._skip and block:
            dropped = min(self._skip, len(block))
            self._skip -= dropped
            block = block[dropped:] or self._blocks.read(size)
        return block

    def _whole(self, block: bytes) -> Iterator[Chunk]:
        chunk, count = read_block(block, self._header, self._number, self._blocks.recoder)
        self._number += count
        if len(chunk.rows) or chunk.unreadable:
            yield chunk

    def _end(self, waiting: bytes) -> Iterator[Chunk]:
        """Yield what the end of the file holds; a last line without a line end may still be being written."""
        while True:
            end, opened = record_end(waiting, self._header.delimiter, final=True)
            if end:
                yield from self._whole(waiting[:end])
                waiting = waiting[end:]
            self._reading.tail, self._reading.rows = self._blocks.tail(waiting), self._number
            if not waiting:
                return
            if not opened:
                break
            if not self._reading.settled:
                self._reading.left_out = True
                return
            chunk, waiting = self._give_up(waiting, opened=True)
            yield chunk
        chunk, _ = read_block(waiting, self._header, self._number, self._blocks.recoder)
        if chunk.unreadable and not self._reading.settled:
            self._reading.left_out = True
        else:
            yield chunk

    def _give_up(self, waiting: bytes, *, opened: bool) -> tuple[Chunk, bytes]:
        """Return the first line as unreadable and what follows it: one stray quote must not swallow a whole file."""
        newline = _NEWLINE.search(waiting)
        first = waiting[: newline.start()] if newline else waiting
        rest = waiting[newline.end() :] if newline else self._after_the_line()
        self._number += 1
        limit = f"is longer than {LONGEST_RECORD >> 20} MB; check that it ends with a line end"
        reason = _UNCLOSED if opened else limit
        raw = shown(self._blocks.recoder.text(first[: 1 << 16]))
        return Chunk(_no_rows(self._header.names), _NO_NUMBERS, (Unreadable(self._number, reason, raw),)), rest

    def _after_the_line(self) -> bytes:
        while block := self._read(_SMALLEST_BLOCK):
            if newline := _NEWLINE.search(block):
                return block[newline.end() :]
        return b""


_NO_NUMBERS = np.zeros(0, np.int64)


def _no_rows(names: Sequence[str]) -> Any:
    return text_frame({name: [] for name in names})


def _block_size(records: bytes) -> int:
    """Return how many bytes hold about CHUNK_ROWS records like these."""
    lines = max(1, records.count(b"\n"), records.count(b"\r"))
    return min(max(len(records) // lines * CHUNK_ROWS, _SMALLEST_BLOCK), _LARGEST_BLOCK)


def record_end(block: bytes, delimiter: str, *, final: bool = False) -> tuple[int, bool]:
    """Return the size of the whole records at the start of a block, and whether a quote is open at its end."""
    opens, closes = _quoted(block, delimiter)
    opened = bool(len(closes)) and closes[-1] == len(block)
    limit = len(block)
    while True:
        end = _last_newline(block, limit, final=final)
        before = int(np.searchsorted(opens, end)) - 1
        if end and before >= 0 and end - 1 < closes[before]:
            limit = int(opens[before])
        else:
            return end, opened


def _last_newline(block: bytes, limit: int, *, final: bool) -> int:
    """Return the offset after the last line end before `limit`; a last CR may be half of a CR LF."""
    last = limit if final or limit < len(block) else limit - 1
    return max(block.rfind(b"\n", 0, limit), block.rfind(b"\r", 0, max(last, 0))) + 1


def _quoted(block: bytes, delimiter: str) -> tuple[Any, Any]:
    """Return where quoted stretches open and close; the last closes at len(block) if it is still open."""
    view = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(view == _QUOTE)
    opens, closes = quotes[0::2], quotes[1::2]
    beside = np.zeros(256, bool)
    beside[[ord(delimiter), _CR, _LF, _QUOTE]] = True
    sound = beside[view[opens[opens > 0] - 1]].all() and beside[view[closes[closes < len(block) - 1] + 1]].all()
    if not sound:
        opens, closes = _quoted_one_by_one(block, quotes.tolist(), delimiter)
    elif len(closes) < len(opens):
        closes = np.append(closes, len(block))
    return opens, closes


def _quoted_one_by_one(block: bytes, quotes: list[int], delimiter: str) -> tuple[Any, Any]:
    """Do the same where quotes also stand inside unquoted fields (a 15" screen), which only their order can tell."""
    starts = {ord(delimiter), _CR, _LF}
    opens, closes = [], []
    i, count = 0, len(quotes)
    while i < count:
        at = quotes[i]
        i += 1
        if at and block[at - 1] not in starts:
            continue
        opens.append(at)
        while i + 1 < count and quotes[i + 1] == quotes[i] + 1:  # a doubled quote
            i += 2
        closes.append(quotes[i] if i < count else len(block))
        i += 1
    return np.array(opens, np.int64), np.array(closes, np.int64)


def read_block(block: bytes, header: Header, before: int, recoder: Recoder) -> tuple[Chunk, int]:
    """Return the rows of whole records that follow record number `before`, and how many records they were."""
    return _read_fast(block, header, before) or read_slowly(block, header, before, recoder)


def _read_fast(block: bytes, header: Header, before: int) -> tuple[Chunk, int] | None:
    """Return what `read_slowly` would, or None where pyarrow would read something else."""
    # In a file of one column pyarrow cannot tell a blank line from an empty value.
    if len(header.names) == 1 or not _is_utf8(block):
        return None
    bad: list[Any] = []

    def keep(row: Any) -> str:
        bad.append(row)
        return "skip"

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(block),
            # A block of its own is read as one, so quoted newlines need no second pass (`newlines_in_values`).
            arrow_csv.ReadOptions(column_names=header.names, block_size=len(block) + 1, use_threads=False),
            arrow_csv.ParseOptions(
                delimiter=header.delimiter, ignore_empty_lines=False, newlines_in_values=False, invalid_row_handler=keep
            ),
            arrow_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(header.names, pa.large_string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if _may_hold_blank_lines(block) and _has_empty_row(table):
        return None
    count = len(table) + len(bad)
    numbers = np.arange(before + 1, before + 1 + count, dtype=np.int64)
    sound = np.ones(count, bool)
    sound[[row.number - 1 for row in bad]] = False
    unreadable = tuple(
        Unreadable(before + row.number, _ragged(row.actual_columns, header), shown(row.text)) for row in bad
    )
    return Chunk(table_frame(table), numbers[sound], unreadable), count


def _is_utf8(block: bytes) -> bool:
    try:
        return block.isascii() or bool(block.decode())
    except UnicodeDecodeError:
        return False


def _may_hold_blank_lines(block: bytes) -> bool:
    """Tell whether two line ends stand side by side, or one at the start; CR LF is a single one."""
    view = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero((view == _LF) | (view == _CR))
    pairs = ends[:-1][np.diff(ends) == 1]
    return block[:1] in {b"\n", b"\r"} or bool(((view[pairs] != _CR) | (view[pairs + 1] != _LF)).any())


def _has_empty_row(table: Any) -> bool:
    """Tell whether some row is all empty: to pyarrow a blank line is one, too."""
    return bool(np.logical_and.reduce([np.asarray(column) == "" for column in table.columns]).any())


def _ragged(fields: int, header: Header) -> str:
    return f"has {fields:,} {'field' if fields == 1 else 'fields'} where the header has {len(header.names):,}"


def read_slowly(block: bytes, header: Header, before: int, recoder: Recoder) -> tuple[Chunk, int]:
    """Do the same with Python's csv, row by row."""
    width, rows, numbers, unreadable = len(header.names), [], [], []
    number = before
    for number, (fields, raw) in enumerate(_records(recoder.text(block), header.delimiter), start=before + 1):
        if not fields:
            continue
        if (byte := undecodable(raw)) is not None:
            unreadable.append(Unreadable(number, undecodable_reason(byte, recoder.encoding), shown(raw.rstrip("\r\n"))))
        elif len(fields) != width:
            unreadable.append(Unreadable(number, _ragged(len(fields), header), shown(raw.rstrip("\r\n"))))
        else:
            rows.append(fields)
            numbers.append(number)
    columns = zip(*rows, strict=True) if rows else ([] for _ in header.names)
    frame = text_frame(dict(zip(header.names, columns, strict=True)))
    return Chunk(frame, np.array(numbers, np.int64), tuple(unreadable)), number - before
