"""Tables as files: CSV, XLSX and Parquet, written as the rows come, with typed columns and no formulas."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from data.exports.cells import MARK, aware, csv_cell, csv_line, known, quoted
from data.exports.destination import whole_file, write_texts
from data.reporting import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from data.reporting import Reporter

Kind = Literal["text", "number", "integer", "bool", "time"]
FORMATS = ("csv", "xlsx", "parquet")
MOST_IN_SHEET = 1_048_575
"""Rows of a worksheet below its head."""
_LONGEST_CELL = 32_767
_ARROW = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "bool": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
}
_WIDTHS = {"text": 18, "number": 12, "integer": 10, "bool": 8, "time": 20}
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]|[\ud800-\udfff]|\ufffe|\uffff")


@dataclass(frozen=True)
class Column:
    """A column of a table; `unit` names the column that holds the unit of a number, "%" being a percentage."""

    name: str
    kind: Kind = "text"
    width: int | None = None
    unit: str | None = None


@dataclass(frozen=True)
class Sheet:
    """A table to be written: its rows come in parts of many, times are aware or UTC without a zone.

    `identity` says what the table is: a first line of a CSV file, a first sheet of a workbook, metadata of a Parquet file.
    """

    name: str
    columns: tuple[Column, ...]
    parts: Iterable[Sequence[Sequence[Any]]]
    total: int
    timezone: str
    identity: Mapping[str, Any] | None = None


def write_sheet(sheet: Sheet, format_: str, options: dict[str, Any], to: Reporter) -> None:
    """Write a table to where the options say. Raises UsageError where it cannot be."""
    if format_ == "csv":
        write_texts(options, _csv(sheet, to), to)
        return
    if format_ == "xlsx" and sheet.total > MOST_IN_SHEET:
        raise UsageError(
            f"A worksheet holds {MOST_IN_SHEET:,} rows and these are {sheet.total:,}; write them with --format parquet or csv."
        )
    with whole_file(options["out"]) as path:
        (_write_xlsx if format_ == "xlsx" else _write_parquet)(sheet, path, to)


def _counted(sheet: Sheet, to: Reporter) -> Iterator[Sequence[Sequence[Any]]]:
    done = 0
    for rows in sheet.parts:
        yield rows
        done += len(rows)
        to.progress(done, max(sheet.total, done), f"writing {sheet.name.lower()}")


def _csv(sheet: Sheet, to: Reporter) -> Iterator[str]:
    zone = ZoneInfo(sheet.timezone)
    first = "" if sheet.identity is None else csv_line([one_line(sheet.identity)])
    yield MARK + first + csv_line(column.name for column in sheet.columns)
    for rows in _counted(sheet, to):
        if rows:
            yield "".join(csv_line(csv_cell(value, zone) for value in row) for row in rows)


def one_line(identity: Mapping[str, Any]) -> str:
    """Write what a table is as one line."""
    return quoted("; ".join(f"{name}: {value}" for name, value in identity.items() if known(value) is not None))


def _write_parquet(sheet: Sheet, path: Path, to: Reporter) -> None:
    schema = pa.schema([(column.name, _ARROW[column.kind]) for column in sheet.columns])
    if sheet.identity is not None:
        told = {name: str(value) for name, value in sheet.identity.items() if known(value) is not None}
        schema = schema.with_metadata({"painpoint": json.dumps(told, ensure_ascii=False)})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in _counted(sheet, to):
            if rows:
                writer.write_table(pa.table(_typed(sheet.columns, rows, schema), schema=schema))


def _typed(columns: Sequence[Column], rows: Sequence[Sequence[Any]], schema: Any) -> list[Any]:
    values = zip(*rows, strict=True)
    return [
        pa.array([_exact(each, column.kind) for each in own], type=field.type)
        for column, own, field in zip(columns, values, schema, strict=True)
    ]


def _exact(value: Any, kind: Kind) -> Any:
    value = known(value)
    return aware(value) if value is not None and kind == "time" else value


def _write_xlsx(sheet: Sheet, path: Path, to: Reporter) -> None:
    from openpyxl import Workbook  # type: ignore[import-untyped]  # noqa: PLC0415  # takes a while and is seldom needed

    book = Workbook(write_only=True)
    if sheet.identity is not None:
        _first_sheet(book, sheet.identity)
    page = book.create_sheet(sheet.name)
    page.freeze_panes = "A2"
    for letter, column in zip(_letters(len(sheet.columns)), sheet.columns, strict=True):
        page.column_dimensions[letter].width = column.width or max(_WIDTHS[column.kind], len(column.name) + 2)
    page.append([_bold(page, _titled(column, sheet.timezone)) for column in sheet.columns])
    units = [_position(sheet.columns, column.unit) for column in sheet.columns]
    zone = ZoneInfo(sheet.timezone)
    for rows in _counted(sheet, to):
        for row in rows:
            page.append(
                [
                    _xlsx_cell(page, value, zone, percent=unit is not None and row[unit] == "%")
                    for value, unit in zip(row, units, strict=True)
                ]
            )
    book.save(path)


def _first_sheet(book: Any, identity: Mapping[str, Any]) -> None:
    page = book.create_sheet("Reading")
    page.column_dimensions["A"].width, page.column_dimensions["B"].width = 22, 100
    for name, value in identity.items():
        if known(value) is not None:
            page.append([_bold(page, name), _xlsx_cell(page, value, ZoneInfo("UTC"), percent=False)])


def _titled(column: Column, timezone: str) -> str:
    """Give a column's title; a worksheet's times have no zone of their own, so the title says it."""
    return f"{column.name} ({timezone})" if column.kind == "time" else column.name


def _position(columns: Sequence[Column], name: str | None) -> int | None:
    return next((i for i, column in enumerate(columns) if column.name == name), None)


def _letters(count: int) -> list[str]:
    from openpyxl.utils import get_column_letter  # type: ignore[import-untyped]  # noqa: PLC0415  # as above

    return [get_column_letter(number) for number in range(1, count + 1)]


def _bold(page: Any, text: str) -> Any:
    from openpyxl.styles import Font  # type: ignore[import-untyped]  # noqa: PLC0415  # as above

    cell = _text(page, text)
    cell.font = Font(bold=True)
    return cell


def _text(page: Any, text: str) -> Any:
    from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]  # noqa: PLC0415  # as above

    cell = WriteOnlyCell(page, _ILLEGAL.sub("\ufffd", quoted(text))[:_LONGEST_CELL])
    cell.data_type = "s"  # else "#N/A" would be an error
    return cell


def _xlsx_cell(page: Any, value: Any, zone: ZoneInfo, *, percent: bool) -> Any:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415  # as above

    value = known(value)
    if isinstance(value, str):
        return _text(page, value)
    if isinstance(value, datetime):
        local = aware(value).astimezone(zone).replace(tzinfo=None)
        if local.year < 1900:  # a worksheet's days begin there
            return _text(page, local.isoformat(sep=" "))
        cell = WriteOnlyCell(page, local)
        cell.number_format = "yyyy-mm-dd hh:mm:ss"
        return cell
    if isinstance(value, bool) or value is None:
        return value
    exact = not isinstance(value, float) or float(f"{value:.16g}") == value
    if exact and not percent:
        return value
    cell = WriteOnlyCell(page, value)
    if not exact:
        cell._value = repr(value)  # noqa: SLF001  # openpyxl writes 16 digits, and some figures have 17
    cell.number_format = "0.0%" if percent else "General"
    return cell
