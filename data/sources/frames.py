"""Frames from Arrow tables and Python values: text as Arrow strings, times in microseconds, None as missing."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from data.sources.header import check_unique

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Whole numbers and truth values stay what they are when some are missing: an order 12 must not become 12.0.
_NULLABLE = {
    pa.int8(): pd.Int64Dtype(),
    pa.int16(): pd.Int64Dtype(),
    pa.int32(): pd.Int64Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.Int64Dtype(),
    pa.uint16(): pd.Int64Dtype(),
    pa.uint32(): pd.Int64Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}
_EXACT_IN_A_FLOAT = 2**53


def text_frame(columns: Mapping[str, Sequence[str | None]]) -> pd.DataFrame:
    """Return a frame of Arrow strings; None is missing."""
    arrays = [pa.array(values, pa.large_string()) for values in columns.values()]
    return table_frame(pa.Table.from_arrays(arrays, names=list(columns)))


def table_frame(table: Any) -> pd.DataFrame:
    """Return the frame of an Arrow table whose columns are already of the plain kinds."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_NULLABLE.get)
    return frame


def typed_frame(table: Any, what: str) -> pd.DataFrame:
    """Return any Arrow table as a frame: structs flattened with dots, lists as JSON text, decimals as exact text."""
    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    check_unique(table.column_names, what, "give one of them another name")
    arrays = [_plain(column) for column in table.columns]
    return table_frame(pa.Table.from_arrays(arrays, names=table.column_names))


def values_frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return the frame of Python values: each column of its own kind, as text where its values are of several kinds."""
    arrays = [typed_array(values) for values in columns.values()]
    return table_frame(pa.Table.from_arrays(arrays, names=list(columns)))


def typed_array(values: Sequence[Any]) -> Any:
    """Return the Arrow array of one column's Python values."""
    kinds = {type(value) for value in values if value is not None}
    try:
        if kinds == {bool}:
            return pa.array(values, pa.bool_())
        if kinds == {int}:
            return pa.array(values, pa.int64())
        if kinds == {float} or (kinds == {int, float} and _all_exact(values)):
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
        if kinds and all(issubclass(kind, date) for kind in kinds):
            return times_array(values)
    except (OverflowError, pa.ArrowInvalid, TypeError):
        pass  # beyond what the kind can hold: the text holds everything
    return pa.array([as_text(value) for value in values], pa.large_string())


def times_array(values: Sequence[Any]) -> Any:
    """Return dates and datetimes as timestamps, in UTC if they carry zones. Raises TypeError if only some do."""
    moments = [
        value if value is None or isinstance(value, datetime) else datetime.combine(value, time()) for value in values
    ]
    aware = {moment.utcoffset() is not None for moment in moments if moment is not None}
    if len(aware) > 1:
        raise TypeError("some times carry a zone and some do not")
    if aware != {True}:
        return pa.array(moments, pa.timestamp("us"))
    # converted here, because pyarrow drops zones where PYARROW_IGNORE_TIMEZONE is set, and libraries set it
    utc = [None if moment is None else moment.astimezone(UTC).replace(tzinfo=None) for moment in moments]
    return pa.array(utc, pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))


def as_text(value: Any) -> str | None:
    """Return one value as the text a CSV export would hold: ISO times, true/false, numbers without a needless ".0"."""
    match value:
        case None:
            return None
        case str():
            return _encodable(value)
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < _EXACT_IN_A_FLOAT else repr(value)
        case Decimal():
            return format(value, "f")
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return _bytes_text(bytes(value))
        case dict() | list() | tuple():
            return json.dumps(value, ensure_ascii=False, default=as_text)
        case _:
            return str(value)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode() if not text.isascii() else text


def _bytes_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _all_exact(values: Sequence[Any]) -> bool:
    return all(not isinstance(value, int) or abs(value) <= _EXACT_IN_A_FLOAT for value in values)


def _plain(column: Any) -> Any:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if kind in _NULLABLE or pa.types.is_float64(kind):
        return column
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return column.cast(pa.large_string())
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", tz=None if kind.tz is None else "UTC"), safe=False)
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("us"))
    return pa.array([as_text(value) for value in column.to_pylist()], pa.large_string())


def is_missing(value: Any) -> bool:
    """Tell whether a value says nothing: None, or a float that is no number."""
    return value is None or (isinstance(value, float) and math.isnan(value))
