"""All that is known of one order, as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.inquiring import AbsentError
from analytics.record import STANDINGS
from data.asked import Seen
from data.exports.log import record_in
from data.exports.order_csv import checksum
from data.inquiry.plain import all_plain, instant
from data.reporting import UsageError

if TYPE_CHECKING:
    from analytics.record import Record, Step
    from data.inquiry.boards import Kept
    from data.reader import Reader
    from data.settings import Settings

MOST_OTHERS = 50
"""A device that was repaired more often than that is a placeholder that somebody typed in."""


def record_of(board: Kept, view: Reader, settings: Settings, order: str) -> Record:
    """Give an order's step record as a Board saw it. Raises AbsentError."""
    try:
        return record_in(view, settings, Seen(board.moment, board.batch, board.version), order)
    except UsageError as error:
        raise AbsentError(str(error)) from error


def order_document(record: Record, view: Reader) -> dict[str, Any]:
    """Write a record for a page, with the other orders of its device."""
    device = record.facts.get("device_id")
    return {
        "order": record.order,
        "facts": all_plain(record.facts),
        "device": device,
        "others": [] if device is None else _others(view, record.order, str(device)),
        "steps": [_step(step) for step in record.steps],
        "checksum": checksum(record),
        "as_of": instant(record.moment),
        "version": record.version,
    }


def _others(view: Reader, order: str, device: str) -> list[dict[str, Any]]:
    """Give the other orders of a device, the newest first."""
    rows = view.fact("repair_orders").get_name()
    found = view.con.execute(
        f"SELECT key, received_at, hand_back_at, partner, outcome FROM {rows} WHERE device_id = ? AND key <> ? "  # noqa: S608  # a name of ours
        f"ORDER BY first_event_at DESC, key LIMIT {MOST_OTHERS}",
        [device, order],
    ).fetchall()
    names = ("order", "received_at", "handed_back_at", "partner", "outcome")
    return [all_plain(dict(zip(names, row, strict=True))) for row in found]


def _step(step: Step) -> dict[str, Any]:
    row, place = step.told, step.told.place
    return {
        "number": step.number,
        "at": instant(step.at),
        "fact": step.fact,
        "key": step.key,
        "kind": step.kind,
        "standing": step.standing,
        "standing_says": STANDINGS[step.standing],
        "after": all_plain(step.after),
        "before": all_plain(step.before),
        "source": place.source,
        "batch": place.batch,
        "row": place.row,
        "file": row.file,
        "line": row.line,
        "recorded_at": instant(row.recorded_at),
        "loaded_at": instant(row.loaded_at),
    }
