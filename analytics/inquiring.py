"""What can be asked of tables, and what comes back: the values that pages ask with and whoever keeps the rows answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Operator = Literal[
    "contains", "not_contains", "equals", "not_equals", "starts", "ends", "below", "at_most", "above", "at_least", "between",
    "blank", "not_blank",
]  # fmt: skip


class AbsentError(Exception):
    """What was asked for is not there (any more); the message is a sentence that says so, and what there is instead."""


@dataclass(frozen=True)
class Filter:
    """One column narrowed; `high` is the upper end of `between`. Texts are compared without case, times are ISO texts."""

    column: str
    operator: Operator
    value: Any = None
    high: Any = None


@dataclass(frozen=True)
class Wanted:
    """Which rows of a table: those of `start` up to before `end`, sorted by columns (name, descending), narrowed by all filters."""

    start: int = 0
    end: int = 100
    sort: tuple[tuple[str, bool], ...] = ()
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True)
class Column:
    """A column of a table; times are UTC."""

    name: str
    kind: Literal["text", "number", "integer", "bool", "time"] = "text"


@dataclass(frozen=True)
class Table:
    """Some rows of a table; `total` rows pass the filters, `all` are there without them. Times in rows are ISO texts with a Z."""

    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]
    total: int
    all: int
    about: Mapping[str, Any]
    """What the table says of itself: of the rows behind a number {"formula", "adds_up" (how they add up to it), "value"}."""


@dataclass(frozen=True)
class File:
    """A file to take away; `chunks` may be read once."""

    name: str
    media_type: str
    chunks: Iterator[bytes]
