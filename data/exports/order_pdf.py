"""An order's step record on paper, fit for a dispute: numbered, with its sources, and a checksum on every page."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.platypus import LongTable, Spacer, Table, TableStyle  # type: ignore[import-untyped]

from analytics.record import STANDINGS
from data.exports.cells import aware
from data.exports.order_csv import checksum
from data.exports.paper import BAND, INNER, RULE, Pen, any_tall, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.record import Record, Step

_WIDTHS = [9 * mm, 38 * mm, 79 * mm, INNER - 126 * mm]
_NAMES = {
    "repair_orders": "repair order",
    "shipments": "shipment",
    "part_orders": "part order",
    "contacts": "contact",
    "surveys": "survey",
    "claims": "claim",
}
_TAKEN_BACK = ("superseded", "withdrawn", "elsewhere")


def order_pdf(record: Record, made_at: datetime) -> bytes:
    """Draw a record; `made_at` is printed, but is no part of what the checksum is over."""
    pen, zone, digest = Pen(), ZoneInfo(record.timezone), checksum(record)
    facts, steps = _facts(record, pen, zone), _steps(record, pen, zone)
    title = f"Record of order {record.order}"
    head = [
        pen.paragraph(title, "title"),
        pen.paragraph(_summary(record, made_at, zone), "body"),
        *([pen.paragraph(pen.note(), "body")] if pen.note() else []),
    ]
    body = [
        pen.paragraph("The order", "heading"),
        facts,
        pen.paragraph(f"Steps 1 to {len(record.steps)}, in the order of their times", "heading"),
        steps,
        Spacer(1, 4 * mm),
        pen.paragraph("How to check this record", "heading"),
        pen.paragraph(_how_to_check(record), "body"),
    ]
    footer = [pen.plain(f"{title[:90]} · as of {_utc(record.moment)}, batch {record.batch}"), f"SHA-256 {digest}"]
    return written([*head, *body], title, f"SHA-256 {digest}", footer).content


def _summary(record: Record, made_at: datetime, zone: ZoneInfo) -> str:
    board = f", Board {record.version}" if record.version is not None else ""
    taken = sum(step.standing in _TAKEN_BACK for step in record.steps)
    corrected = (
        f" {taken} of them {'was' if taken == 1 else 'were'} taken back later and {'is' if taken == 1 else 'are'} shown as such."
        if taken
        else ""
    )
    return (
        f"{record.network}. As known at {_local(record.moment, zone)} ({_utc(record.moment)}), up to batch {record.batch}{board}. "
        f"Made at {_local(made_at, zone)} ({_utc(made_at)}).\n"
        f"{len(record.steps)} steps, told by {_sources(record)}.{corrected} "
        f"Times are those of {record.timezone}, with UTC beneath. "
        "Statements are kept as they were told: a correction is a new statement and never overwrites an older one."
    )


def _sources(record: Record) -> str:
    names = sorted({step.told.place.source for step in record.steps})
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _how_to_check(record: Record) -> str:
    seen = (
        f"--version {record.version}"
        if record.version is not None
        else f"--as-of {_utc_iso(record.moment)} --batch {record.batch}"
    )
    return (
        "The SHA-256 at the foot of every page is that of the record's CSV form, byte by byte. Whoever has that file, or "
        "access to the product, can make it again and compare:\n"
        f"python app.py export order '{record.order}' --format csv {seen} | sha256sum\n"
        "A row in the log is named by its source, batch and row number there; file and line are those of what the source delivered."
    )


def _facts(record: Record, pen: Pen, zone: ZoneInfo) -> Any:
    pairs = [("order", record.order), *((n, _value(v, zone)) for n, v in sorted(record.facts.items()))]
    cells = [([pen.paragraph(n.replace("_", " "), "faint")], [pen.paragraph(v)]) for n, v in pairs]
    half = (len(cells) + 1) // 2
    rows = [[*left, *(right or ([], []))] for left, right in itertools.zip_longest(cells[:half], cells[half:])]
    widths = [28 * mm, INNER / 2 - 28 * mm] * 2
    table = Table(rows, colWidths=widths, splitInRow=int(any_tall(rows, widths)))
    table.setStyle(TableStyle([*_PADDING, ("LINEBELOW", (0, 0), (-1, -1), 0.25, RULE)]))
    return table


def _steps(record: Record, pen: Pen, zone: ZoneInfo) -> Any:
    head = [pen.paragraph(text, "strong") for text in ("Step", "When", "What happened", "Told by")]
    rows = [[_number(s, pen), _when(s, pen, zone), _what(s, pen, zone), _by(s, pen, zone)] for s in record.steps]
    table = LongTable([head, *rows], colWidths=_WIDTHS, repeatRows=1, splitInRow=int(any_tall(rows, _WIDTHS)))
    taken = [("BACKGROUND", (0, i), (-1, i), BAND) for i, s in enumerate(record.steps, 1) if s.standing in _TAKEN_BACK]
    lines = [("LINEBELOW", (0, 0), (-1, 0), 0.8, RULE), ("LINEBELOW", (0, 1), (-1, -1), 0.25, RULE)]
    table.setStyle(TableStyle([*_PADDING, *lines, *taken]))
    return table


_PADDING = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 2),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
]


def _number(step: Step, pen: Pen) -> list[Any]:
    return [pen.paragraph(str(step.number), "strong")]


def _when(step: Step, pen: Pen, zone: ZoneInfo) -> list[Any]:
    mark = "" if step.basis == "event" else f"\nwhen it was {step.basis}"
    return [pen.paragraph(_local(step.at, zone)), pen.paragraph(f"{_utc(step.at)}{mark}", "faint")]


def _what(step: Step, pen: Pen, zone: ZoneInfo) -> list[Any]:
    name = f"{_NAMES[step.fact]} {step.key}: {step.kind.replace('_', ' ')}"
    parts = [pen.paragraph(name, "strong")]
    if step.standing != "counts":
        by = step.replaced_by
        which = f" (batch {by.batch}, row {by.row} of {by.source})" if by else ""
        parts.append(pen.paragraph(f"{STANDINGS[step.standing].upper()}{which}", "faint"))
    changes = _changes(step.after, step.before, zone)
    return [*parts, pen.paragraph(changes)] if changes else parts


def _changes(after: Mapping[str, Any], before: Mapping[str, Any], zone: ZoneInfo) -> str:
    said = []
    for name in sorted({*after, *before}):
        was = f" (was {_value(before[name], zone)})" if before.get(name) is not None else ""
        said.append(f"{name.replace('_', ' ')}: {_value(after.get(name), zone)}{was}")
    return "; ".join(said)


def _value(value: Any, zone: ZoneInfo) -> str:
    if value is None:
        return "none"
    if isinstance(value, datetime):
        return _local(value, zone)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _by(step: Step, pen: Pen, zone: ZoneInfo) -> list[Any]:
    row, place = step.told, step.told.place
    lines = [f"batch {place.batch}, row {place.row}"]
    if row.file:
        lines.append(f"line {row.line} of {row.file}" if row.line is not None else row.file)
    if row.recorded_at is not None:
        lines.append(f"recorded {_local(row.recorded_at, zone)}")
    if row.loaded_at is not None:
        lines.append(f"loaded {_local(row.loaded_at, zone)}")
    return [pen.paragraph(place.source), pen.paragraph("\n".join(lines), "faint")]


def _local(moment: datetime, zone: ZoneInfo) -> str:
    """Write a time on the network's clock, with the zone's label."""
    local = aware(moment).astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {local:%Z}"


def _utc(moment: datetime) -> str:
    return f"{aware(moment).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _utc_iso(moment: datetime) -> str:
    return aware(moment).astimezone(UTC).isoformat().replace("+00:00", "Z")
