"""Filters and sorting as SQL: only columns that the table has, only values that are bound."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from data.exports.laid import Narrowed, named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from analytics.inquiring import Filter, Wanted
    from data.exports.tables import Column

LONGEST_PAGE = 10_000
MOST_SORTS = 8
"""Columns that are sorted by; what would still be tied after so many is told apart by its key."""
_LONGEST_TEXT = 1_000
_TEXTUAL = {
    "contains": "contains({0}, lower(?))",
    "not_contains": "NOT contains({0}, lower(?))",
    "starts": "starts_with({0}, lower(?))",
    "ends": "suffix({0}, lower(?))",
}
_ORDERED = {"equals": "=", "not_equals": "<>", "below": "<", "at_most": "<=", "above": ">", "at_least": ">="}
_NEGATIVE = ("not_contains", "not_equals")
"""What is missing neither holds nor equals anything, so that it passes these."""
_WORDS = {
    **{name: name.replace("_", " ") for name in ("contains", "below", "at_most", "above", "at_least", "between")},
    "not_contains": "contains not",
    "equals": "is",
    "not_equals": "is not",
    "starts": "starts with",
    "ends": "ends with",
    "blank": "is blank",
    "not_blank": "is not blank",
}
_KINDS = {"number": "numbers", "integer": "whole numbers", "bool": "true or false", "time": "times", "text": "texts"}
_DAY, _INSTANT = timedelta(days=1), timedelta(microseconds=1)


def narrowed(wanted: Wanted, columns: Sequence[Column], last: str = "key") -> Narrowed:
    """Write what is wanted of a table as SQL; ties are sorted by the column `last`.

    Raises ValueError, with a sentence, for a column that is not there and a value that makes no sense.
    """
    known = {column.name: column for column in columns}
    _must_be_page(wanted)
    tests = [_test(_column(each.column, known), each) for each in wanted.filters]
    sort = _sort(wanted)
    order = [f"{_compared(_column(name, known))}{' DESC' if down else ''} NULLS LAST" for name, down in sort]
    return Narrowed(
        " AND ".join(sql for sql, _ in tests) or "true",
        tuple(value for _, values in tests for value in values),
        ", ".join([*order, named(last)]),
        "; ".join(map(said, wanted.filters)) or None,
        ", ".join(f"{name}{' (descending)' if down else ''}" for name, down in sort) or None,
    )


def said(one: Filter) -> str:
    """Say a filter in words."""
    if one.operator in ("blank", "not_blank"):
        return f"{one.column} {_WORDS[one.operator]}"
    high = f" and {one.high}" if one.operator == "between" else ""
    return f"{one.column} {_WORDS[one.operator]} {one.value}{high}"


def _must_be_page(wanted: Wanted) -> None:
    if not 0 <= wanted.start <= wanted.end:
        raise ValueError(
            f"Rows {wanted.start} to {wanted.end} are no page: it starts at 0 or later and ends after that."
        )
    if wanted.end - wanted.start > LONGEST_PAGE:
        raise ValueError(f"A page has at most {LONGEST_PAGE:,} rows; export the table to have all of them.")
    if wanted.end >= 1 << 62:
        raise ValueError(f"No table has {wanted.end} rows.")


def _sort(wanted: Wanted) -> list[tuple[str, bool]]:
    """Give the columns to sort by, each the way it was named first."""
    first: dict[str, bool] = {}
    for name, down in wanted.sort:
        first.setdefault(name, down)
    return list(first.items())[:MOST_SORTS]


def _column(name: str, known: Mapping[str, Column]) -> Column:
    if name not in known:
        raise ValueError(f"There is no column {name!r}; there are {', '.join(known)}.")
    return known[name]


def _compared(column: Column) -> str:
    """Give what a column is compared as: texts without case, numbers without what is none."""
    if column.kind == "text":
        return f"lower({named(column.name)})"
    name = named(column.name)
    return f"CASE WHEN isfinite({name}) THEN {name} END" if column.kind == "number" else name


def _test(column: Column, one: Filter) -> tuple[str, list[Any]]:
    compared = _compared(column)
    if one.operator in ("blank", "not_blank"):
        blank = f"coalesce({compared}, '') = ''" if column.kind == "text" else f"({compared}) IS NULL"
        return (blank if one.operator == "blank" else f"NOT ({blank})"), []
    if one.operator not in _WORDS:
        raise ValueError(f"{one.operator!r} is no way to filter; there are {', '.join(_WORDS)}.")
    if one.value is None or (one.operator == "between" and one.high is None):
        raise ValueError(f"{column.name} {_WORDS[one.operator]} what? A value is missing.")
    if one.operator in _TEXTUAL:
        if column.kind == "bool":
            compared = f"{compared}::VARCHAR"
        elif column.kind != "text":
            raise ValueError(f"{column.name} holds {_KINDS[column.kind]}: only texts can be asked what they hold.")
        return _passing(one, _TEXTUAL[one.operator].format(compared)), [_text(one.value, column)]
    if column.kind == "bool" and one.operator not in ("equals", "not_equals"):
        raise ValueError(f"{column.name} is true or false: of that nothing is below or above.")
    if column.kind == "time":
        return _in_time(compared, column, one)
    read = _READ[column.kind]
    hole = "lower(?)" if column.kind == "text" else "?"
    if one.operator == "between":
        return f"{compared} BETWEEN {hole} AND {hole}", [read(one.value, column), read(one.high, column)]
    return _passing(one, f"{compared} {_ORDERED[one.operator]} {hole}"), [read(one.value, column)]


def _passing(one: Filter, sql: str) -> str:
    """Let a test that is unknown fail, or pass where it is negative."""
    return f"coalesce({sql}, {'true' if one.operator in _NEGATIVE else 'false'})"


def _in_time(compared: str, column: Column, one: Filter) -> tuple[str, list[Any]]:
    """Compare times; a date alone stands for that whole day (UTC). Between two instants lies the first and not the second."""
    first, until = _span(one.value, column)
    inside = f"({compared} >= ? AND {compared} <= ?)"
    match one.operator:
        case "between":
            high, last = _span(one.high, column)
            end = last + _INSTANT if last > high else high
            return f"({compared} >= ? AND {compared} < ?)", [first, end]
        case "equals":
            return inside, [first, until]
        case "not_equals":
            return _passing(one, f"NOT {inside}"), [first, until]
        case "below" | "at_least":
            return f"{compared} {_ORDERED[one.operator]} ?", [first]
        case _:
            return f"{compared} {_ORDERED[one.operator]} ?", [until]


def _span(value: Any, column: Column) -> tuple[datetime, datetime]:
    """Read a time as its first and last instant, UTC without a zone."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        start = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        # as pickers of dates write a day
        whole_day = isinstance(value, str) and value.strip()[10:] in ("", " 00:00:00")
        return start, start + _DAY - _INSTANT if whole_day else start
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{column.name}: {_shown(value)} is not an ISO 8601 time; write it like 2026-11-22T14:00Z."
        ) from error


def _text(value: Any, column: Column) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError(f"{column.name}: {_shown(value)} is not a text.")  # noqa: TRY004  # impossible values are all alike
    text = str(value)
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"{column.name}: a text of {len(text):,} characters is too long to look for.")
    if not text.isprintable() and ("\x00" in text or any("\ud800" <= each <= "\udfff" for each in text)):
        raise ValueError(f"{column.name}: {_shown(value)} holds characters that no text here has.")
    return text


def _number(value: Any, column: Column) -> float:
    try:
        number = float("nan") if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not math.isfinite(number):
        raise ValueError(f"{column.name}: {_shown(value)} is not a number.")
    return number


def _bool(value: Any, column: Column) -> bool:
    known = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in known:
        raise ValueError(f"{column.name}: {_shown(value)} is neither true nor false.")
    return known[str(value).lower()]


def _shown(value: Any) -> str:
    return repr(value)[:60]


_READ: Mapping[str, Callable[[Any, Column], Any]] = {
    "text": _text,
    "number": _number,
    "integer": _number,
    "bool": _bool,
}
