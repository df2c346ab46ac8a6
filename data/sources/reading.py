"""A file while it is read: its bytes, where to go on reading, and how far the reader came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO


@dataclass
class Reading:
    """What a format's reader gets, and in `tail`, `rows` and `left_out` what it tells about text that may still grow.

    `settled` says that nobody is still writing the file; an unfinished last line is then an error, before it is not.
    `resume` is (byte, line) of an appended part: only what follows is read. `plain` says that bytes of the stream
    are bytes of the file.
    """

    name: str
    stream: IO[bytes]
    settled: bool = True
    plain: bool = True
    resume: tuple[int, int] | None = None
    tail: int = 0
    rows: int = 0
    left_out: bool = False
