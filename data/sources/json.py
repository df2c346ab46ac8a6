"""JSON, streamed: a list of objects, an object that holds one such list, or an object per line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data.sources.chunk import Chunk, SourceError, Unreadable
from data.sources.frames import text_frame
from data.sources.header import MOST_COLUMNS
from data.sources.text import Blocks, check_mark, shown, undecodable, undecodable_reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from data.settings import Source
    from data.sources.reading import Reading

_BLOCK = 16 << 20
CHUNK_ROWS = 100_000  # rows are Python objects here for a moment
LONGEST_RECORD = 256 << 20
_BOM = "\ufeff".encode()
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_SPACE = b" \t\r\n"
_HALF = re.compile("[\ud800-\udfff]")


class _Number(str):
    """A number as it is written: orjson would read 12.50 as 12.5, and 21 digits as a float."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_Number)


def chunks(reading: Reading, source: Source) -> Iterator[Chunk]:
    """Yield the rows; a row's number is its line, or its place in the list, from 1.

    Raises SourceError if the file is no such JSON.
    """
    blocks = Blocks(reading, source.encoding)
    check_mark(blocks.peek(4), source.encoding, reading.name)
    if reading.resume is not None:
        blocks.skip(reading.resume[0])
        yield from _chunks(_lines(blocks, b"", reading, reading.resume[1]), source, reading, blocks)
        return
    start = _start(blocks)
    if _is_lines(start, reading.name, source, ended=blocks.ended):
        yield from _chunks(_lines(blocks, start, reading, 0), source, reading, blocks)
    else:
        yield from _chunks(enumerate(_elements(blocks, start, reading), start=1), source, reading, blocks)


def _start(blocks: Blocks) -> bytes:
    """Return the start of the text: its first line that is not blank and, if there is more, some of the next."""
    start = blocks.read(1 << 16)
    while not blocks.ended and len(start) < LONGEST_RECORD:
        _, _, rest = start.removeprefix(_BOM).lstrip(_SPACE).partition(b"\n")
        if rest.strip(_SPACE):
            break
        start += blocks.read(_BLOCK)
    return start


def _is_lines(start: bytes, file: str, source: Source, *, ended: bool) -> bool:
    text = start.removeprefix(_BOM).lstrip(_SPACE)
    if not text:
        raise SourceError(f"{file}: it holds no JSON; a list of objects or an object per line is read")
    line, _, rest = text.partition(b"\n")
    if text[:1] == b"[":
        return False
    if text[:1] != b"{":
        # A line that is no JSON at all is a bad row of a file of lines, if the next one is an object.
        if rest.lstrip(_SPACE)[:1] == b"{":
            return True
        raise SourceError(f"{file}: it does not start like JSON; a list of objects or an object per line is read")
    if ended and not rest.strip(_SPACE):
        return not _is_wrapper(line, source)
    return _depth(line) <= 0


def _is_wrapper(line: bytes, source: Source) -> bool:
    """Tell whether a lone object holds the list of the rows, or is a row itself."""
    try:
        value = _DECODER.decode(line.decode())
    except ValueError:
        return _depth(line) > 0
    lists = [
        inner for inner in value.values() if isinstance(inner, list) and all(isinstance(row, dict) for row in inner)
    ]
    filled = [inner for inner in lists if inner]
    return len(filled or lists) == 1 and not set(source.columns) & set(value)


def _depth(text: bytes) -> int:
    depths = _structure(text)[1]
    return int(depths[-1]) if len(depths) else 0


def _structure(text: bytes) -> tuple[Any, Any]:
    """Return the bytes as an array in which text in quotes is blanked, and how deep in brackets each byte ends."""
    view = np.frombuffer(_ESCAPE.sub(b"__", text) if b"\\" in text else text, np.uint8)
    inside = np.cumsum(view == ord('"'), dtype=np.int32) % 2 == 1
    bare = np.where(inside, ord(" "), view)
    steps = np.isin(bare, list(b"[{")).astype(np.int32) - np.isin(bare, list(b"]}")).astype(np.int32)
    return bare, np.cumsum(steps, dtype=np.int32)


def _lines(blocks: Blocks, waiting: bytes, reading: Reading, before: int) -> Iterator[tuple[int, bytes]]:
    """Yield the numbered lines, without the blank ones and without one that may still be being written."""
    waiting, number = waiting.removeprefix(_BOM), before
    while True:
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            number += 1
            if line.strip(_SPACE):
                yield number, line
        if blocks.ended:
            break
        if len(waiting) > LONGEST_RECORD:
            raise SourceError(f"{reading.name}: line {number + 1} is longer than {LONGEST_RECORD >> 20} MB; split it")
        waiting += blocks.read(_BLOCK)
    reading.tail, reading.rows = blocks.tail(waiting), number
    if not waiting.strip(_SPACE):
        return
    if reading.settled or not isinstance(_row(blocks.recoder.text(waiting), blocks.recoder.encoding), str):
        yield number + 1, waiting
    else:
        reading.left_out = True


def _elements(blocks: Blocks, waiting: bytes, reading: Reading) -> Iterator[bytes]:
    """Yield the text of each element of the list: the outermost one, or the only list of objects in an object."""
    waiting = waiting.removeprefix(_BOM).lstrip(_SPACE)
    if waiting[:1] == b"[":
        rest = yield from _list_of(blocks, waiting[1:], reading)
        if rest.strip(_SPACE) or blocks.read(1).strip(_SPACE):
            raise SourceError(f"{reading.name}: text follows the end of its list; save it as one JSON list")
        return
    found, waiting = False, waiting[1:]
    while True:
        bare, depths = _structure(waiting)
        opens = np.flatnonzero((bare == ord("[")) & (depths == 1))
        if len(opens):
            waiting = waiting[int(opens[0]) + 1 :]
            while not waiting.lstrip(_SPACE) and not blocks.ended:
                waiting += blocks.read(_BLOCK)
            is_rows = waiting.lstrip(_SPACE)[:1] in {b"{", b"]"}
            if is_rows and found and waiting.lstrip(_SPACE)[:1] == b"{":
                raise SourceError(f"{reading.name}: it holds more than one list of objects; export one list to a file")
            rest = _list_of(blocks, waiting, reading)
            if is_rows:
                found, waiting = True, (yield from rest)
            else:
                waiting = _drained(rest)
        elif blocks.ended:
            break
        else:
            waiting += blocks.read(_BLOCK)
            _check_size(waiting, reading)
    if not len(depths) or depths[-1] != -1:
        raise _too_short(reading)
    if not found:
        raise SourceError(f"{reading.name}: it is one object without a list of objects; export a list of objects")


def _drained(elements: Any) -> bytes:
    while True:
        try:
            next(elements)
        except StopIteration as end:
            rest: bytes = end.value
            return rest


def _list_of(blocks: Blocks, waiting: bytes, reading: Reading) -> Any:
    """Yield the elements of a list whose bracket was passed; return the text after its end."""
    first = True
    while True:
        bare, depths = _structure(waiting)
        ends = np.flatnonzero(depths < 0)
        end = int(ends[0]) if len(ends) else None
        cuts = np.flatnonzero((bare[:end] == ord(",")) & (depths[:end] == 0)).tolist()
        begin = 0
        for cut in cuts:
            yield waiting[begin:cut]
            begin, first = cut + 1, False
        if end is not None:
            last = waiting[begin:end]
            if last.strip(_SPACE) or not first:
                yield last
            return waiting[end + 1 :]
        waiting = waiting[begin:]
        if blocks.ended:
            raise _too_short(reading)
        waiting += blocks.read(max(_BLOCK, len(waiting)))
        _check_size(waiting, reading)


def _check_size(waiting: bytes, reading: Reading) -> None:
    if len(waiting) > 4 * LONGEST_RECORD:
        raise SourceError(f"{reading.name}: one value is longer than {4 * LONGEST_RECORD >> 20} MB; check the file")


def _too_short(reading: Reading) -> SourceError:
    return SourceError(
        f"{reading.name}: the JSON ends before it is complete; have it exported again", permanent=reading.settled
    )


def _chunks(texts: Iterable[tuple[int, bytes]], source: Source, reading: Reading, blocks: Blocks) -> Iterator[Chunk]:
    rows: list[dict[str, str | None]] = []
    numbers: list[int] = []
    unreadable: list[Unreadable] = []
    for number, text in texts:
        decoded = blocks.recoder.text(text)
        row = _row(decoded, blocks.recoder.encoding)
        if isinstance(row, str):
            unreadable.append(Unreadable(number, row, shown(decoded.strip())))
        else:
            rows.append(row)
            numbers.append(number)
        if len(rows) + len(unreadable) >= CHUNK_ROWS:
            yield rows_chunk(rows, numbers, unreadable, source, reading.name)
            rows, numbers, unreadable = [], [], []
    if rows or unreadable:
        yield rows_chunk(rows, numbers, unreadable, source, reading.name)


def rows_chunk(
    rows: list[dict[str, str | None]], numbers: list[int], unreadable: list[Unreadable], source: Source, file: str
) -> Chunk:
    """Return the chunk of rows whose keys may differ; each column of the settings is there, if only missing."""
    names = dict.fromkeys(name for row in rows for name in row)
    if len(names) > MOST_COLUMNS:
        raise SourceError(f"{file}: its rows have more than {MOST_COLUMNS:,} different keys; make them rows instead")
    wanted = dict.fromkeys((*names, *source.columns))
    columns = {name: [row.get(name) for row in rows] for name in wanted}
    frame = text_frame(columns) if columns else pd.DataFrame(index=pd.RangeIndex(len(rows)))
    return Chunk(frame, np.array(numbers, np.int64), tuple(unreadable))


def _row(text: str, encoding: str) -> dict[str, str | None] | str:
    """Return the flat row of one object's text, or the reason why it is none."""
    if (byte := undecodable(text)) is not None:
        return undecodable_reason(byte, encoding)
    try:
        value = decoded(text)
    except json.JSONDecodeError as error:
        return f"is no JSON: {error.msg} at character {error.pos + 1}"
    except RecursionError:
        return "is nested too deeply"
    return flat_row(value, escapes="\\u" in text)


def decoded(text: str) -> Any:
    """Return the value of a JSON text, its numbers as they are written. Raises JSONDecodeError, RecursionError."""
    return _DECODER.decode(text.strip())


def flat_row(value: Any, *, escapes: bool) -> dict[str, str | None] | str:
    """Return the flat row of a decoded object, or the reason why it is none; only `escapes` can write half characters."""
    if not isinstance(value, dict):
        return "is not a JSON object"
    row: dict[str, str | None] = {}
    try:
        _flatten(value, "", row)
    except RecursionError:
        return "is nested too deeply"
    if escapes and any(_HALF.search(part or "") for item in row.items() for part in item):
        return "holds half of a character (a lone \\ud800 to \\udfff)"
    return row


def _flatten(value: dict[str, Any], prefix: str, row: dict[str, str | None]) -> None:
    for key, inner in value.items():
        if isinstance(inner, dict):
            _flatten(inner, f"{prefix}{key}.", row)
        elif inner is None:
            row[prefix + key] = None
        else:
            row[prefix + key] = str(inner) if isinstance(inner, str) else value_text(inner)


def value_text(value: Any) -> str:
    """Return a value as JSON text, its numbers as they were written."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _Number():
            return str(value)
        case list():
            return f"[{','.join(map(value_text, value))}]"
        case dict():
            return "{" + ",".join(f"{value_text(key)}:{value_text(inner)}" for key, inner in value.items()) + "}"
        case _:
            return json.dumps(value, ensure_ascii=False)
