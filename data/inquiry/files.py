"""Exports as files to take away: written whole beside the store, handed over in chunks, and gone after that."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from analytics.inquiring import AbsentError, File
from data.exports.order_csv import order_csv
from data.exports.readings import LEVELS, chosen, readings_sheet
from data.exports.tables import FORMATS, MOST_IN_SHEET, write_sheet
from data.reporting import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from analytics.kpi import Slice
    from analytics.record import Record
    from data.exports.tables import Sheet
    from data.inquiry.boards import Kept

CHUNK = 1 << 18
ORDER_FORMATS = ("csv", "xes", "pdf")
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "xes": "application/xml",
    "pdf": "application/pdf",
}
_ODD = re.compile(r"[^\w.()+-]+")


class _Silent:
    """Listens to nothing: who waits for a download sees its bytes."""

    def out(self, text: str) -> None: ...

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None: ...

    def err(self, text: str) -> None: ...

    def progress(self, done: int, total: int | None, what: str) -> None: ...


SILENT = _Silent()


def must_be_one_of(format_: str, known: Sequence[str], what: str) -> None:
    if format_ not in known:
        raise ValueError(f"{what} cannot be had as {format_!r}; there are {', '.join(known)}.")


def sheet_file(sheet: Sheet, format_: str, *name: str) -> File:
    """Write a table to a file."""
    must_be_one_of(format_, FORMATS, sheet.name)
    if format_ == "xlsx" and sheet.total > MOST_IN_SHEET:
        raise ValueError(
            f"A worksheet holds {MOST_IN_SHEET:,} rows and these are {sheet.total:,}; take them as csv or parquet."
        )
    with tempfile.TemporaryDirectory(prefix="painpoint-") as folder:
        path = Path(folder) / "export"
        write_sheet(sheet, format_, {"out": str(path)}, SILENT)
        # open when its folder goes, it stays as long as somebody reads it, and not longer
        return File(_named(name, format_), MEDIA[format_], _chunks(path.open("rb")))


def readings_file(board: Kept, format_: str, kpis: Collection[str], slice_: Slice, levels: Sequence[str]) -> File:
    """Write the readings of a Board that are asked for; without levels those of all."""
    must_be_one_of(format_, FORMATS, "Readings")
    unknown = [level for level in levels if level not in LEVELS]
    if unknown:
        raise ValueError(f"There is no level {unknown[0]!r}; there are {', '.join(LEVELS)}.")
    for kpi in kpis:
        board.of(kpi)
    document = dict(board.document)
    try:
        wanted = chosen(document, list(kpis), slice_, levels, greens=True)
    except UsageError as error:
        raise AbsentError(str(error)) from error
    return sheet_file(readings_sheet(document, wanted), format_, "readings", f"board {board.version}")


def order_file(record: Record, format_: str, now: datetime) -> File:
    """Write an order's step record."""
    must_be_one_of(format_, ORDER_FORMATS, "An order's record")
    if format_ == "csv":
        content = order_csv(record)
    elif format_ == "xes":
        from data.exports.xes import order_xes  # noqa: PLC0415  # as in the commands: drawing is slow to import

        content = order_xes(record)
    else:
        from data.exports.order_pdf import order_pdf  # noqa: PLC0415

        content = order_pdf(record, now)
    return File(_named(("order", record.order), format_), MEDIA[format_], iter([content]))


def scorecard_file(board: Kept, format_: str, partner: str, now: datetime) -> File:
    """Draw a partner's scorecard."""
    from data.exports.scorecard import card_of, scorecard_pdf  # noqa: PLC0415  # as above

    must_be_one_of(format_, ("pdf",), "A scorecard")
    try:
        card = card_of(dict(board.document), partner)
    except UsageError as error:
        raise AbsentError(str(error)) from error
    content = scorecard_pdf(card, now)
    return File(_named(("scorecard", partner, f"board {board.version}"), "pdf"), MEDIA["pdf"], iter([content]))


def _named(parts: Sequence[str], format_: str) -> str:
    """Name a file so that every system can keep it."""
    return f"{_ODD.sub('-', ' '.join(filter(None, parts))).strip('-.')[:120]}.{format_}"


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
