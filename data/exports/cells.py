"""Cells of tables: what a spreadsheet would run as a formula is quoted, numbers stay numbers, times carry their zone."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

MARK = "\ufeff"
"""The byte order mark at the beginning of CSV: without it Excel takes UTF-8 for a code page and garbles names."""
_SPECIAL = re.compile('[",\r\n]')
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets take for the beginning of a formula, its full-width forms included (see OWASP, CSV injection)."""


def quoted(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def known(value: Any) -> Any:
    """Give None for every kind of missing, NaN and infinities included; decimals become plain numbers."""
    if isinstance(value, Decimal):
        value = float(value)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return None if value != value else value  # noqa: PLR0124  # NaT, too, differs from itself


def csv_cell(value: Any, zone: ZoneInfo) -> str:
    """Write a value as a CSV cell holds it: missing is empty, numbers are exact, times are ISO 8601 with the zone's offset."""
    value = known(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return aware(value).astimezone(zone).isoformat()
    return quoted(value) if isinstance(value, str) else repr(value)


def csv_line(cells: Iterable[str]) -> str:
    """Write a line of CSV as RFC 4180 quotes it; Python's own writer leaves a lone carriage return unquoted."""
    return (
        ",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' if _SPECIAL.search(cell) else cell for cell in cells) + "\n"
    )


def aware(moment: datetime) -> datetime:
    """Give a time with its zone; without one it is UTC, as the warehouse keeps times."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
