"""Bytes as text: any encoding becomes UTF-8 in blocks, and what cannot be decoded stays recognisable."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from data.sources.chunk import SourceError

if TYPE_CHECKING:
    from data.sources.reading import Reading

RAW_SHOWN = 10_000
_MARKS = (  # the four bytes of utf-32 begin with the two of utf-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BAD = re.compile("[\udc00-\udcff]")


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    """Put each undecodable byte into the text as a lone surrogate; unlike surrogateescape also bytes below 0x80."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("painpoint.keepbytes", _keep_bytes)


def check_mark(start: bytes, encoding: str, file: str) -> None:
    """Raise SourceError if the file's byte order mark contradicts the encoding of the settings."""
    found = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if found is not None and not codecs.lookup(encoding).name.startswith(found):
        raise SourceError(
            f'{file}: it starts with the mark of {found}, but is read as {encoding}; set encoding = "{found}"'
        )


def undecodable(text: str) -> int | None:
    """Return the first byte that the encoding does not know, or None."""
    bad = _BAD.search(text)
    return None if bad is None else ord(bad[0]) - 0xDC00


def undecodable_reason(byte: int, encoding: str) -> str:
    return f"holds the byte 0x{byte:02x}, which is not {encoding}; set encoding to the one the file is written in"


def shown(text: str) -> str:
    """Return a row's text for the quarantine: shortened, and with undecodable bytes and NULs spelt out."""
    cut = text[:RAW_SHOWN].replace("\0", "\\x00")
    return _BAD.sub(lambda bad: f"\\x{ord(bad[0]) - 0xDC00:02x}", cut).encode("utf-8", "replace").decode()


class Recoder:
    """Turns the blocks of one file into UTF-8, in which undecodable bytes are no valid UTF-8."""

    def __init__(self, encoding: str, file: str) -> None:
        self._file = file
        try:
            self.encoding = codecs.lookup(encoding).name
            self._decoder = codecs.getincrementaldecoder(encoding)("painpoint.keepbytes")
        except LookupError:
            raise SourceError(f'{file}: there is no encoding "{encoding}"; set encoding to one, e.g. "utf-8"') from None
        self.is_utf8 = self.encoding in {"utf-8", "utf-8-sig"}

    def recode(self, raw: bytes, *, final: bool = False) -> bytes:
        if self.is_utf8:
            return raw
        try:
            return self._decoder.decode(raw, final).encode("utf-8", "surrogatepass")
        except UnicodeError as error:
            raise SourceError(f"{self._file}: it is not {self.encoding} ({error}); set encoding to its own") from None

    def text(self, block: bytes) -> str:
        """Return the text of a recoded block; undecodable bytes are lone surrogates that `undecodable` finds."""
        return block.decode("utf-8", "painpoint.keepbytes" if self.is_utf8 else "surrogatepass")

    def raw_size(self, block: bytes) -> int | None:
        """Return how many bytes of the file a recoded block was, or None if the encoding does not let us say."""
        if self.is_utf8:
            return len(block)
        return len(self.text(block)) if _is_one_byte(self.encoding) else None


def _is_one_byte(encoding: str) -> bool:
    every = bytes(range(256))
    return len(every.decode(encoding, "replace")) == len(every) and "\n".encode(encoding) == b"\n"


class Blocks:
    """The recoded blocks of a file from its start, or from where its appended part begins."""

    def __init__(self, reading: Reading, encoding: str) -> None:
        self.recoder = Recoder(encoding, reading.name)
        self._reading = reading
        self._waiting = b""
        self._raw_read = 0
        self.ended = False

    def peek(self, size: int) -> bytes:
        """Return at least the first `size` raw bytes, if there are as many, and read them again later."""
        while len(self._waiting) < size and (more := self._reading.stream.read(size - len(self._waiting))):
            self._waiting += more
        return self._waiting

    def skip(self, size: int) -> None:
        """Pass over the first `size` raw bytes."""
        self._raw_read += size
        dropped = min(size, len(self._waiting))
        self._waiting = self._waiting[dropped:]
        size -= dropped
        while size and (passed := self._reading.stream.read(min(size, 1 << 20))):
            size -= len(passed)

    def read(self, size: int) -> bytes:
        """Return the next block as UTF-8; `ended` is set with the last one, which may be empty."""
        while not self.ended:
            raw, self._waiting = self._waiting[:size], self._waiting[size:]
            raw = raw or self._reading.stream.read(size)
            self._raw_read += len(raw)
            self.ended = not raw
            if block := self.recoder.recode(raw, final=self.ended):
                return block
        return b""

    def tail(self, unread: bytes) -> int:
        """Return the file's offset at which `unread`, the end of the text so far, begins; 0 if that cannot be said."""
        size = self.recoder.raw_size(unread) if self._reading.plain else None
        return 0 if size is None else self._raw_read - size
