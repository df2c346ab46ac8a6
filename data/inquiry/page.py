"""A page of a table as the value that pages draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.inquiring import Column, Table
from data.inquiry.narrowing import narrowed
from data.inquiry.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

    from analytics.inquiring import Wanted
    from data.exports.laid import Laid


def asked(wanted: Wanted) -> set[str]:
    """Name the columns that are sorted or narrowed by."""
    return {name for name, _ in wanted.sort} | {each.column for each in wanted.filters}


def page(con: DuckDBPyConnection, laid: Laid, wanted: Wanted, about: Mapping[str, Any], last: str = "key") -> Table:
    """Read the page that is wanted. Raises ValueError for what cannot be wanted."""
    narrow = narrowed(wanted, laid.columns, last)
    every = laid.count(con)
    total = laid.count(con, narrow) if wanted.filters else every
    names = [column.name for column in laid.columns]
    rows = [
        {name: plain(value) for name, value in zip(names, row, strict=True)}
        for part in laid.parts(con, narrow, wanted.start, wanted.end)
        for row in part
    ]
    return Table(tuple(Column(each.name, each.kind) for each in laid.columns), rows, total, every, about)
