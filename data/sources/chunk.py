"""What every reader yields: rows as they were written, with their place, and the rows that could not be read at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Unreadable:
    """A row that is not one: ragged, undecodable, no JSON. `raw` is its text, shortened if it is very long."""

    row: int
    reason: str
    raw: str


@dataclass(frozen=True)
class Chunk:
    """Some rows of one file or query.

    `frame` holds the source's own columns, untrimmed, as text (Arrow strings) where the format is text, else typed;
    missing is NA. `rows` gives each row's place: its line in a CSV (the header is 1), its record elsewhere, counted
    from 1. len(rows) == len(frame); the unreadable rows come on top of those.
    """

    frame: pd.DataFrame
    rows: Any  # numpy int64 array
    unreadable: tuple[Unreadable, ...] = field(default=())


class SourceError(Exception):
    """A source, or a file of it, cannot be read as a whole. The message is one sentence with the mend in it.

    `permanent` says that trying again cannot help until somebody changes something. `key` is the key of the settings
    to look at, where one is to blame. `wait` are the seconds for which the source asks to be left alone.
    """

    def __init__(self, message: str, *, permanent: bool = True, key: str | None = None, wait: float = 0.0) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.key = key
        self.wait = wait
