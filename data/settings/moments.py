"""Times as people write them in TOML, as aware UTC moments."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def to_moment(value: Any, zone: ZoneInfo) -> datetime | None:
    """Read a TOML date or time, or its ISO text; one without a zone takes `zone`, a date is its local midnight.

    A local time inside a gap moves forward by the gap, an ambiguous one takes the earlier offset.
    None if it is no time, or one beyond the calendar.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  # gets its zone below
    if not isinstance(value, datetime):
        return None
    try:
        return (value if value.tzinfo else value.replace(tzinfo=zone, fold=0)).astimezone(UTC)
    except OverflowError:
        return None


def format_problem(form: str) -> tuple[str, str] | None:
    """Say what is wrong with a datetime_format, and the mend; None if it reads back the times that it writes."""
    mend = 'write it like "%d/%m/%Y %H:%M", or leave it out for ISO 8601'
    sample = datetime(2026, 11, 23, 17, 45, 12, tzinfo=UTC)
    if "%" not in form:
        return f'"{form}" holds no directive', mend
    try:
        back = datetime.strptime(f"{sample:{form}}", form)  # noqa: DTZ007  # only the local parts are compared
    except ValueError as error:
        return f'"{form}" cannot be read back ({error})', mend
    if back.date() != sample.date():
        return f'"{form}" does not tell year, month and day', mend
    if back.hour == sample.hour - 12:
        return f'"{form}" does not tell morning from evening', "use %H, or add %p"
    return None
