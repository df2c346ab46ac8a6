"""A JSON text in memory, as a web page or a push brings it: its records as the flat rows that the json reader gives."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data.sources.chunk import SourceError, Unreadable
from data.sources.json import decoded, flat_row, rows_chunk, value_text
from data.sources.text import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data.settings import Source
    from data.sources.chunk import Chunk

LINES = frozenset(
    f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines")
)


@dataclass
class Records:
    """Rows that were read, with their numbers, and those that are none."""

    rows: list[dict[str, str | None]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.unreadable)

    def add(self, number: int, row: dict[str, str | None] | str, raw: str) -> None:
        """Take a row, or the reason why it is none with its text."""
        if isinstance(row, str):
            self.unreadable.append(Unreadable(number, row, shown(raw)))
        else:
            self.rows.append(row)
            self.numbers.append(number)

    def extend(self, other: Records) -> None:
        self.rows += other.rows
        self.numbers += other.numbers
        self.unreadable += other.unreadable

    def chunk(self, source: Source, what: str) -> Chunk:
        return rows_chunk(self.rows, self.numbers, self.unreadable, source, what)


def media_type(written: str) -> tuple[str, str | None]:
    """Split a Content-Type into the type and the charset that it names."""
    kind, *parameters = written.split(";")
    named = dict(part.strip().partition("=")[::2] for part in parameters)
    charset = next((value.strip().strip('"') for key, value in named.items() if key.strip().lower() == "charset"), None)
    return kind.strip().lower(), charset or None


def text_of(body: bytes, encoding: str, what: str) -> str:
    """Decode a whole text, a mark at its start left out. Raises SourceError."""
    if body.startswith(codecs.BOM_UTF8):
        body, encoding = body.removeprefix(codecs.BOM_UTF8), "utf-8"
    try:
        return body.decode(encoding)
    except LookupError:
        raise SourceError(f'{what} is in "{encoding}", which is no known encoding; send it in utf-8') from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        wrong = f"{what} holds the byte 0x{byte:02x}, which is not {encoding}"
        raise SourceError(f"{wrong}; name its own charset in Content-Type", key="encoding") from None


def is_lines(text: str) -> bool:
    """Tell whether a text that is no JSON as a whole is an object per line."""
    first, _, rest = text.strip().partition("\n")
    try:
        return bool(rest) and isinstance(decoded(first), dict)
    except (json.JSONDecodeError, RecursionError):
        return False


def records_of(values: Sequence[Any], before: int, *, escapes: bool) -> Records:
    """Read the elements of a decoded list; they are numbered from `before` + 1."""
    found = Records()
    for number, value in enumerate(values, start=before + 1):
        row = flat_row(value, escapes=escapes)
        found.add(number, row, _raw(value) if isinstance(row, str) else "")
    return found


def _raw(value: Any) -> str:
    try:
        return value_text(value)
    except RecursionError:
        return "(nested too deeply)"


def records_of_lines(text: str, before: int) -> Records:
    """Read an object per line; a line's number counts blank ones too."""
    found = Records()
    for number, line in enumerate(text.split("\n"), start=before + 1):
        if line.strip():
            found.add(number, _line(line), line.strip())
    return found


def _line(line: str) -> dict[str, str | None] | str:
    try:
        value = decoded(line)
    except json.JSONDecodeError as error:
        return f"is no JSON: {error.msg} at character {error.pos + 1}"
    except RecursionError:
        return "is nested too deeply"
    return flat_row(value, escapes="\\u" in line)


def whole(text: str, what: str) -> Any:
    """Decode a text that is one JSON document. Raises SourceError."""
    try:
        return decoded(text)
    except json.JSONDecodeError as error:
        place = f"{error.msg} in line {error.lineno}, column {error.colno}"
        raise SourceError(f"{what} is not JSON ({place}, which starts with {_start(text)})") from None
    except RecursionError:
        raise SourceError(f"{what} is nested too deeply to be read; flatten it") from None


def _start(text: str) -> str:
    line = " ".join(text[:200].split())
    return json.dumps(shown(line[:40]), ensure_ascii=False)
