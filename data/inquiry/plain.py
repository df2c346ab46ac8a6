"""Values of the warehouse as documents hold them: times as ISO 8601 in UTC with a Z, everything missing as None."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from data.exports.cells import known

if TYPE_CHECKING:
    from collections.abc import Mapping


def instant(moment: datetime | None) -> str | None:
    """Write a time; without a zone it is UTC, as the warehouse keeps times."""
    if known(moment) is None or moment is None:
        return None
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat().replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """Give a value for a document."""
    return instant(value) if isinstance(value, datetime) else known(value)


def all_plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in values.items()}
