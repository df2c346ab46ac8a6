"""A source's own rows -> rows in canonical names and types, or a reason why a row cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytics.facts import FACTS
from data.zones import to_utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytics.facts import Fact, Type
    from data.settings import Mapping, Source

KEY_SEPARATOR = "\x1f"
_ZONED = r"^\d{4}-?\d{2}-?\d{2}[T ].*([Zz]|[+-]\d{2}(:?\d{2})?)$"
_ISO_DATE = r"^\d{4}-?\d{2}-?\d{2}([T ]|$)"
_EARLIEST, _LATEST = np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31T23:59:59.999999", "us")
"""What Python can tell: 9999-12-31, the "never" of many systems, lies beyond it in UTC west of Greenwich."""


@dataclass(frozen=True)
class Mapped:
    """Canonical rows of a chunk.

    `frame` has the positional index of the chunk it came from and holds `key`, the times (`at` and `kind`, or a column
    `<kind>_at` each; datetime64[us], UTC), `recorded_at`, fields and extras. `problems` gives the reasons per position of
    rows that are not in `frame`'s good part; `ignored` are positions that no kind matched.
    """

    frame: pd.DataFrame
    problems: dict[int, str]
    ignored: int
    adjusted: int
    unmapped: int


class _Reader:
    """Reads the columns of one chunk and notes what it could not read."""

    def __init__(self, source: Source, frame: pd.DataFrame) -> None:
        self.source = source
        self.frame = frame
        self.problems: dict[int, str] = {}
        self.adjusted = 0
        self.unmapped = 0
        self._texts: dict[str, Any] = {}

    def text(self, column: str) -> Any:
        """Give a column as Arrow text, trimmed, with what counts as missing null."""
        if column not in self._texts:
            self._texts[column] = self._blank(pc.utf8_trim_whitespace(as_text(self.frame[column])))
        return self._texts[column]

    def _blank(self, text: Any) -> Any:
        absent = pc.is_in(text, value_set=pa.array(["", *self.source.missing], pa.string()))
        return pc.if_else(absent, pa.scalar(None, pa.string()), text) if pc.any(absent).as_py() else text

    def _typed(self, column: str) -> pd.Series:
        """Give a column of numbers or times, with what the settings list as missing missing."""
        series = self.frame[column]
        listed = pd.Series(self.source.missing, dtype="str")
        if listed.empty:
            return series
        if series.dtype.kind == "M":
            times = pd.to_datetime(listed, format="ISO8601", errors="coerce", utc=True).dropna()
            absent = series.isin(times if getattr(series.dt, "tz", None) else times.dt.tz_localize(None))
        else:
            absent = series.isin(pd.to_numeric(listed, errors="coerce").dropna())
        return series.mask(absent) if absent.any() else series

    def problem(self, bad: Any, name: str, text: Any, wanted: str) -> None:
        """Note for every row of the mask `bad` that `name` is not what is wanted."""
        for position in np.flatnonzero(bad):
            shown = str(text[int(position)].as_py())[:80]
            reason = f"{name} '{shown}' is not {wanted}"
            known = self.problems.get(int(position))
            self.problems[int(position)] = f"{known}; {reason}" if known else reason

    def time(self, column: str, name: str) -> Any:
        """Give a column as UTC datetime64[us]."""
        series = self.frame[column]
        kind = getattr(series.dtype, "kind", "O")
        if kind == "M":
            return self._typed_time(self._typed(column))
        text = self.text(column)
        pattern = self.source.datetime_format
        wall, zoned, bad = _parse_times(text, pattern)
        iso = "a time in ISO 8601; set datetime_format if it is written otherwise"
        wanted = f"a time written like {pattern}" if pattern else iso
        self.problem(bad, name, text, wanted)
        return self._settle(wall, zoned)

    def _typed_time(self, series: pd.Series) -> Any:
        if getattr(series.dt, "tz", None) is not None:
            return _told(series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]"))
        return self._settle(series.to_numpy("datetime64[us]"), np.zeros(len(series), dtype=bool))

    def _settle(self, wall: Any, zoned: Any) -> Any:
        """Turn local times into UTC; `zoned` ones are UTC already."""
        if zoned.all():
            return _told(wall)
        utc, adjusted = to_utc(wall, self.source.timezone)
        self.adjusted += int((adjusted & ~zoned).sum())
        return _told(np.where(zoned, wall, utc))

    def number(self, column: str, name: str) -> Any:
        """Give a column as float64; infinities and thousands separators are not numbers."""
        series = self.frame[column]
        if getattr(series.dtype, "kind", "O") in "iufb":
            numbers = self._typed(column).to_numpy("float64", na_value=np.nan)
            self.problem(np.isinf(numbers), name, as_text(series), "a finite number")
            return numbers
        text = self.text(column)
        numbers, bad = _parse_numbers(text)
        self.problem(bad, name, text, "a number; write it without thousands separators and with a decimal point")
        return numbers

    def integer(self, column: str, name: str) -> Any:
        numbers = self.number(column, name)
        self.problem(
            np.isfinite(numbers) & (numbers != np.floor(numbers)), name, as_text(self.frame[column]), "a whole number"
        )
        return numbers

    def boolean(self, column: str, name: str) -> Any:
        series = self.frame[column]
        if getattr(series.dtype, "kind", "O") in "iuf":
            numbers = self._typed(column).to_numpy("float64", na_value=np.nan)
            self.problem(~np.isnan(numbers) & (numbers != 0) & (numbers != 1), name, as_text(series), "true or false")
            return pd.array([None if np.isnan(x) else x == 1 for x in numbers.tolist()], dtype="boolean")
        return self._boolean_text(self.text(column), name)

    def _boolean_text(self, text: Any, name: str) -> Any:
        lower = pc.utf8_lower(text)
        truth = pc.equal(lower, "true")
        wrong = pc.and_(pc.invert(truth), pc.not_equal(lower, "false"))
        self.problem(_mask(wrong), name, text, "true or false; map its values if it is written otherwise")
        return pd.array(truth.to_pandas(types_mapper=None), dtype="boolean")

    def field(self, name: str, mapping: Mapping, kind: Type) -> Any:
        """Give a canonical field: a constant, a column, or a column whose values are mapped."""
        if mapping.column is None:
            return _constant(mapping.value, kind, len(self.frame))
        if mapping.map is not None:
            return self._mapped(mapping, name, kind)
        return self.typed(mapping.column, name, kind)

    def _mapped(self, mapping: Mapping, name: str, kind: Type) -> Any:
        assert mapping.column is not None  # noqa: S101  # the settings name a column for every map
        text = self.text(mapping.column)
        pairs = dict(mapping.map or ())
        keys = pa.array(list(pairs), pa.string())
        found = pc.index_in(text, value_set=keys)
        self.unmapped += pc.sum(pc.and_(pc.is_valid(text), pc.is_null(found))).as_py() or 0
        targets = [value or None for value in pairs.values()]  # mapped to nothing is missing, not an empty text
        target = pc.take(pa.array(targets, pa.string()), found)
        if kind == "number":
            return _parse_numbers(target)[0]
        if kind == "bool":
            return self._boolean_text(target, name)
        return _as_pandas(target)

    def typed(self, column: str, name: str, kind: Type) -> Any:
        readers: dict[str, Callable[[str, str], Any]] = {
            "number": self.number,
            "integer": self.integer,
            "bool": self.boolean,
            "time": self.time,
        }
        return readers[kind](column, name) if kind in readers else _as_pandas(self.text(column))


def read_rows(source: Source, frame: pd.DataFrame) -> Mapped:
    """Map a chunk's rows; rows with a problem are left out of the frame and reported."""
    fact = FACTS[source.fact]
    frame = frame.reset_index(drop=True)
    reader = _Reader(source, frame)
    kinds = {field.name: field.type for field in fact.fields} | {"recorded_at": "time"}
    columns: dict[str, Any] = {}
    for name, mapping in source.fields:
        columns[name] = reader.field(name, mapping, kinds.get(name, "text"))
    for name, extra in source.extra:
        columns[name] = reader.typed(extra.column, name, extra.type)
    kind, ignored = _times(source, reader, columns)
    key, columns = _key(fact, source, columns)
    mapped = pd.DataFrame({"key": key, **columns}, index=frame.index)
    if "recorded_at" not in mapped:
        mapped["recorded_at"] = np.full(len(frame), np.datetime64("NaT", "us"))
    if kind is not None:
        mapped["kind"] = kind
    problems = {position: reason for position, reason in reader.problems.items() if not ignored[position]}
    keep = ~ignored
    keep[list(problems)] = False
    return Mapped(mapped[keep], problems, int(ignored.sum()), reader.adjusted, reader.unmapped)


def _times(source: Source, reader: _Reader, columns: dict[str, Any]) -> tuple[Any, Any]:
    """Add the times of the rows' events; give the kind per row (a row per event) and which rows no kind matched."""
    ignored = np.zeros(len(reader.frame), dtype=bool)
    for kind, column in source.events:
        columns[f"{kind}_at"] = reader.time(column, f"{kind}_at")
    if source.events:
        return None, ignored
    if FACTS[source.fact].master:  # it holds whenever it was told; what ends says so itself
        columns["at"] = np.full(len(reader.frame), _EARLIEST)
        return None, ignored
    assert source.at is not None  # noqa: S101  # the settings demand `at` where there are no events
    columns["at"] = reader.time(source.at, "at")
    if not source.kinds:
        return None, ignored
    kind = _kinds(source, reader)
    return _as_pandas(kind), _mask(pc.is_null(kind))


def _kinds(source: Source, reader: _Reader) -> Any:
    """Give the kind of the first rule that matches each row, else null."""
    found = pa.nulls(len(reader.frame), pa.string())
    for rule in reversed(source.kinds):
        matches = pa.array(np.ones(len(reader.frame), dtype=bool))
        for column, texts in rule.when:
            hit = pc.is_in(reader.text(column), value_set=pa.array(list(texts), pa.string()))
            matches = pc.and_(matches, hit)
        found = pc.if_else(matches, pa.scalar(rule.kind), found)
    return found


def _key(fact: Fact, source: Source, columns: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Join the key's parts to one text and leave a single key's own column out, which would only repeat it."""
    if not fact.snapshot:
        name = fact.key[0]
        return columns[name], {other: values for other, values in columns.items() if other != name}
    parts = []
    for name in fact.key:
        if name == "at" and fact.name == "tallies":
            parts.append(_local_day(columns["at"], source.timezone))
        elif name == "at":
            parts.append(_as_pandas(pc.cast(pa.array(columns["at"]), pa.string())))
        elif name in columns:
            parts.append(_part(columns[name]))
    key = parts[0]
    for part in parts[1:]:
        key = key.str.cat(part, sep=KEY_SEPARATOR)
    names = fact.key if fact.master else ("site", "part", "name", "at")
    required = [pd.Series(columns[name]) for name in names if name in fact.key and name in columns]
    absent = np.logical_or.reduce([values.isna().to_numpy() for values in required])
    return key.mask(absent), columns


def _part(values: Any) -> pd.Series:
    """Give one part of a key as text; times as ISO 8601."""
    if getattr(values, "dtype", None) is not None and values.dtype.kind == "M":
        return _as_pandas(pc.cast(pa.array(values), pa.string())).fillna("")
    return pd.Series(values).astype("str").fillna("")


def _local_day(at: Any, zone: str) -> pd.Series:
    return pd.Series(at).dt.tz_localize("UTC").dt.tz_convert(zone).dt.strftime("%Y-%m-%d")


def as_text(series: pd.Series) -> Any:
    """Give any column as Arrow text, written as a person would: whole numbers without a point, booleans in lower case."""
    kind = getattr(series.dtype, "kind", "O")
    if kind == "b":
        return pc.if_else(pa.array(series, pa.bool_()), "true", "false")
    if kind in "iu":
        return pc.cast(pa.array(series, from_pandas=True), pa.string())
    if kind == "f":
        return pa.array([plain(x) for x in series.tolist()], pa.string())
    if kind == "M":  # pandas would write a midnight with or without its time, as the other values have it
        return pa.array([None if x is pd.NaT else x.isoformat() for x in series], pa.string())
    array = pa.array(series, from_pandas=True) if isinstance(series.dtype, pd.StringDtype) else _objects(series)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return pc.cast(array, pa.string())


def _objects(series: pd.Series) -> Any:
    return pa.array([None if x is None or x is pd.NA or x != x else plain(x) for x in series.tolist()], pa.string())  # noqa: PLR0124  # NaN is the one value that differs from itself


def plain(value: Any) -> str | None:
    """Give one value as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if np.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _as_pandas(text: Any) -> pd.Series:
    return pd.Series(pd.array(text, dtype="string[pyarrow]"))


def _constant(value: Any, kind: Type, length: int) -> Any:
    if kind == "number":
        return np.full(length, float(value))
    if kind == "bool":
        return pd.array([bool(value)] * length, dtype="boolean")
    return _as_pandas(pa.array([plain(value)] * length, pa.string()))


def _mask(values: Any) -> Any:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), dtype=bool)


def _parse_numbers(text: Any) -> tuple[Any, Any]:
    """Parse text strictly: give float64 with NaN for missing and bad, and the mask of the bad."""
    try:
        numbers = pc.cast(text, pa.float64())
    except pa.ArrowInvalid:
        good = pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
        numbers = pc.cast(pc.if_else(good, text, pa.scalar(None, pa.string())), pa.float64())
    values = numbers.to_numpy(zero_copy_only=False).astype("float64")
    bad = _mask(pc.is_valid(text)) & ~np.isfinite(values)
    return np.where(bad, np.nan, values), bad


def _parse_times(text: Any, pattern: str | None) -> tuple[Any, Any, Any]:
    """Parse text: give datetime64[us], which of them carry a zone (those are UTC), and the mask of the bad."""
    present = _mask(pc.is_valid(text))
    if pattern:
        return _parse_pattern(text, pattern, present)
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:  # Arrow reads plain ISO columns thirty times faster than pandas, but all or nothing
            values = pc.cast(text, kind)
        except pa.ArrowInvalid:
            continue
        if not _mask(pc.match_substring_regex(text, _ISO_DATE))[present].all():
            break
        walls = values.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)
        return walls, np.full(len(walls), kind.tz is not None), np.zeros(len(walls), dtype=bool)
    zoned = _mask(pc.match_substring_regex(text, _ZONED))
    plausible = pc.match_substring_regex(text, _ISO_DATE)
    series = _as_pandas(pc.if_else(plausible, text, pa.scalar(None, pa.string()))).astype("object")
    walls = np.full(len(series), np.datetime64("NaT", "us"))
    for mask, utc in ((~zoned, False), (zoned, True)):
        if mask.any():
            parsed = pd.to_datetime(series[mask], format="ISO8601", errors="coerce", utc=utc)
            walls[mask] = (parsed.dt.tz_localize(None) if utc else parsed).to_numpy("datetime64[us]")
    return walls, zoned, present & np.isnat(walls)


def _told(instants: Any) -> Any:
    """Keep times within what Python can tell."""
    return np.clip(instants, _EARLIEST, _LATEST)


def _parse_pattern(text: Any, pattern: str, present: Any) -> tuple[Any, Any, Any]:
    zoned = "%z" in pattern
    series = _as_pandas(text).astype("object")
    parsed = pd.to_datetime(series, format=pattern, errors="coerce", utc=zoned)
    walls = (parsed.dt.tz_localize(None) if zoned else parsed).to_numpy("datetime64[us]")
    return walls, np.full(len(walls), zoned), present & np.isnat(walls)
