"""What is pushed: one body of JSON, an object per line, or CSV, as rows."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from data.sources import csv
from data.sources.chunk import Chunk, SourceError, Unreadable
from data.sources.document import LINES, is_lines, media_type, records_of, records_of_lines, text_of, whole
from data.sources.frames import text_frame
from data.sources.reading import Reading
from data.sources.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.settings import Source

FILE = "push"
"""What the books call the place that pushed rows come from."""
BODY, KEY = "push body ", "push key "
"""What the names of the marks begin with that remember a body by its digest, and an Idempotency-Key."""
_CSV = frozenset({"text/csv", "application/csv", "text/tab-separated-values"})


def readable(content_type: str) -> bool:
    """Tell whether bodies of this type can be read."""
    kind, _ = media_type(content_type)
    return kind in _CSV | LINES | {"application/json", "text/json"} or (
        kind.startswith("application/") and kind.endswith("+json")
    )


class TooLargeError(Exception):
    """An unpacked body is larger than is allowed."""


def unpacked(body: bytes, most: int) -> bytes:
    """Unpack a gzipped body. Raises TooLargeError, or SourceError if it is damaged."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise SourceError(f"the body is no gzip ({error}); leave Content-Encoding out, or pack it again") from None
    if len(plain) > most:
        raise TooLargeError
    if not unpacker.eof:
        raise SourceError("the gzip ends too early; send it again")
    return plain


@dataclass(frozen=True)
class Delivery:
    """One push: its unpacked body, the Content-Type it came with, and its Idempotency-Key, if it has one."""

    body: bytes
    content_type: str
    key: str | None = None

    @property
    def digest(self) -> str:
        """Digest what is said; the key does not belong to it."""
        return hashlib.blake2b(self.content_type.encode() + b"\0" + self.body, digest_size=16).hexdigest()

    def dump(self) -> str:
        """Give the body as a text to be kept."""
        packed = base64.b64encode(gzip.compress(self.body, 6, mtime=0)).decode()
        return json.dumps({"type": self.content_type, "body": packed})

    @classmethod
    def load(cls, text: str) -> Self:
        kept = json.loads(text)
        return cls(gzip.decompress(base64.b64decode(kept["body"])), kept["type"])


def chunks(delivery: Delivery, source: Source) -> Iterator[Chunk]:
    """Yield the rows; a row's number is its place in the list or its line. Raises SourceError if the body is none."""
    kind, charset = media_type(delivery.content_type)
    source = replace(source, encoding=charset or source.encoding)
    if not delivery.body.strip():
        raise SourceError("the body is empty; send an object, a list of them, one per line, or CSV")
    if kind in _CSV:
        yield from csv.chunks(Reading("the body", io.BytesIO(delivery.body)), source)
        return
    text = text_of(delivery.body, source.encoding, "the body")
    if kind in LINES or is_lines(text):
        records = records_of_lines(text, 0)
    else:
        document = whole(text, "the body")
        if not isinstance(document, dict | list):
            raise SourceError("the body is a single value; send an object, or a list of them")
        records = records_of(document if isinstance(document, list) else [document], 0, escapes="\\u" in text)
    if len(records):
        yield records.chunk(source, "the body")


def chunks_again(delivery: Delivery, source: Source) -> Iterator[Chunk]:
    """Yield the rows of a body that was taken under another mapping; where this one cannot read it, it is one bad row."""
    try:
        yield from list(chunks(delivery, source))
    except SourceError as error:
        bad = Unreadable(1, f"{error}", shown(delivery.body.decode(errors="replace")))
        nothing = text_frame({name: [] for name in source.columns})
        yield Chunk(nothing, np.zeros(0, np.int64), (bad,))
