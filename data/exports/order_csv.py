"""An order's step record as CSV: the canonical form, whose bytes the checksum is over.

A row per step, the first of number 0 holding the order's attributes. UTF-8 with a byte order mark, for Excel takes a file
without one for a code page and garbles names; standard output has it too, so that both give one checksum. Lines end with a
line feed. Everything in it follows from the record: made again of the same moment and batch it has the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from analytics.record import STANDINGS
from data.exports.cells import MARK, aware, csv_cell, csv_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.record import Record, Step

COLUMNS = (
    *("step", "time", "time_utc", "time_is", "fact", "key", "event", "standing", "replaced_by", "after", "before"),
    *("source", "batch", "row", "file", "line", "recorded_at", "loaded_at"),
    *("order", "network", "zone", "as_of", "up_to_batch", "board"),
)


def order_csv(record: Record) -> bytes:
    """Write a record in its canonical form."""
    zone = ZoneInfo(record.timezone)
    tail = (record.order, record.network, record.timezone, record.moment, record.batch, record.version)
    first = (0, None, None, None, None, record.order, "facts", None, None, told(record.facts), *[None] * 8)
    rows = (first, *(_step(step) for step in record.steps))
    lines = (csv_line(csv_cell(value, zone) for value in (*row, *tail)) for row in rows)
    return (MARK + csv_line(COLUMNS) + "".join(lines)).encode()


def checksum(record: Record) -> str:
    """Give the SHA-256 of a record's canonical form, in hexadecimal."""
    return hashlib.sha256(order_csv(record)).hexdigest()


def _step(step: Step) -> tuple[Any, ...]:
    row, place = step.told, step.told.place
    by = step.replaced_by
    return (
        *(step.number, step.at, utc(step.at), step.basis, step.fact, step.key, step.kind, STANDINGS[step.standing]),
        *(by and f"batch {by.batch} row {by.row} of {by.source}", told(step.after), told(step.before) or None),
        *(place.source, place.batch, place.row, row.file, row.line, row.recorded_at, row.loaded_at),
    )


def utc(moment: datetime) -> str:
    """Write a time in UTC."""
    return aware(moment).isoformat().replace("+00:00", "Z")


def told(values: Mapping[str, Any]) -> str | None:
    """Write values as JSON, times in UTC; None where there are none."""
    if not values:
        return None
    plain = {name: utc(value) if isinstance(value, datetime) else value for name, value in sorted(values.items())}
    return json.dumps(plain, ensure_ascii=False)
