"""The rejected rows that still wait, page by page."""

from __future__ import annotations

from data.exports.laid import Laid
from data.exports.tables import Column

COLUMNS = (
    Column("id", "integer"),
    Column("source"),
    Column("file", width=30),
    Column("row", "integer"),
    Column("reason", width=50),
    Column("raw", width=60),
    Column("rejected_at", "time"),
    Column("batch", "integer"),
)


def waiting(source: str | None) -> Laid:
    """Give the waiting rows of a source, or of all, as a table to be narrowed."""
    mine = "" if source is None else f" AND source = '{source.replace(chr(39), chr(39) * 2)}'"
    rows = (
        "SELECT id, source, file, place AS row, reason, raw, rejected_at, batch FROM quarantine WHERE closed_at IS NULL"
    )
    return Laid(rows + mine, COLUMNS)
