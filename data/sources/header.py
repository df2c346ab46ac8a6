"""Headers: names are trimmed, must be unique, and must hold the columns that the settings name."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from data.sources.chunk import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data.settings import Source

# More columns than any spreadsheet or export has; such a "header" is a file of another kind, or a delimiter gone wrong.
MOST_COLUMNS = 5000
_SHOWN = 40


def header_names(raw: Sequence[str], file: str) -> tuple[str, ...]:
    """Return the trimmed column names; an unnamed column is called "(column N)". Raises SourceError."""
    if len(raw) > MOST_COLUMNS:
        raise SourceError(
            f"{file}: the header has {len(raw):,} columns, more than {MOST_COLUMNS:,}; check that it is a table"
        )
    names = [name.replace("\ufeff", "").strip() or f"(column {i})" for i, name in enumerate(raw, start=1)]
    check_unique(names, f"{file}: the header", "rename one of them in the file")
    return tuple(names)


def check_unique(names: Sequence[str], what: str, mend: str) -> None:
    """Raise SourceError if two columns share a name, as nobody could say which one is meant."""
    seen: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if name in seen:
            raise SourceError(f"{what} names the column '{name}' twice (columns {seen[name]} and {place}); {mend}")
        seen[name] = place


def check_needed(names: Sequence[str], source: Source, file: str, *, permanent: bool = True) -> None:
    """Raise SourceError for the first column of the settings that is not among `names`."""
    for column in source.columns:
        if column not in names:
            raise SourceError(
                f"{file}: column '{column}' is not in the header; "
                f"{_close(column, names)}the columns are {_list(names)}",
                permanent=permanent,
            )


def _close(column: str, names: Sequence[str]) -> str:
    by_folded = {name.casefold(): name for name in names}
    match = difflib.get_close_matches(column.casefold(), list(by_folded), n=1)
    return f"did you mean '{by_folded[match[0]]}'? " if match else ""


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(name[:60] for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
