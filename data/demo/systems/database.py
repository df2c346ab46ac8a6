"""Rows in SQLite: over those with the same key, in one short transaction that no reader has to wait for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

_ROWS = 40_000


def upsert(path: Path, name: str, key: Sequence[str], table: pd.DataFrame) -> int:
    """Write the rows; give how many they are. An index serves whoever asks for what was updated since."""
    columns = ", ".join(f'"{column}"' for column in table.columns)
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({columns}, PRIMARY KEY ({", ".join(key)}))')
        marks = ", ".join("?" * len(table.columns))
        with connection:
            for start in range(0, len(table), _ROWS):
                part = table.iloc[start : start + _ROWS]
                rows = zip(*(part[column].astype(object).tolist() for column in table.columns), strict=True)
                connection.executemany(f'INSERT OR REPLACE INTO "{name}" VALUES ({marks})', rows)  # noqa: S608 - our names
        if "updated_at" in table.columns:
            connection.execute(f'CREATE INDEX IF NOT EXISTS "{name}_updated" ON "{name}" (updated_at)')
    return len(table)
