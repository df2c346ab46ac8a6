"""An order's step record as an event log (XES, IEEE 1849-2016), which Painpoint's own `xes` sources read again.

A trace per order, an event per step. Standard attributes are those of the extensions Concept, Time, Lifecycle and
Organizational; where a step stands in the log is said by attributes of our own (`painpoint:...`). What a step was told with
stands under the canonical names of the fields, so that [source.fields] can map them by their names.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lxml import etree

from data.exports.cells import aware
from data.exports.order_csv import checksum, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.record import Record, Step

SPACE = "http://www.xes-standard.org/"
EXTENSIONS = {
    "Concept": ("concept", f"{SPACE}concept.xesext"),
    "Time": ("time", f"{SPACE}time.xesext"),
    "Lifecycle": ("lifecycle", f"{SPACE}lifecycle.xesext"),
    "Organizational": ("org", f"{SPACE}org.xesext"),
    "Painpoint": ("painpoint", "urn:painpoint:order-record"),
}
_GLOBAL: Mapping[str, Any] = {"concept:name": "unknown", "lifecycle:transition": "complete"}
_TRANSITIONS = {"superseded": "withdraw", "withdrawn": "withdraw", "elsewhere": "withdraw"}
"""What was taken back is withdrawn; everything else has happened."""
_RESOURCES = {"repair_orders": "technician", "shipments": "carrier", "part_orders": "supplier"}
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def order_xes(record: Record) -> bytes:
    """Write a record as XES."""
    log = etree.Element(f"{{{SPACE}}}log", nsmap={None: SPACE})
    log.set("xes.version", "1849.2016")
    log.set("xes.features", "")
    for name, (prefix, uri) in EXTENSIONS.items():
        _add(log, "extension", name=name, prefix=prefix, uri=uri)
    _attributes(_add(log, "global", scope="trace"), {"concept:name": "unknown"})
    globals_ = _add(log, "global", scope="event")
    _attributes(globals_, {**_GLOBAL, "time:timestamp": datetime(1970, 1, 1)})  # noqa: DTZ001  # UTC, as the warehouse keeps it
    _add(log, "classifier", name="Event", scope="event", keys="concept:name")
    _attributes(log, {"concept:name": record.network, "painpoint:sha256": checksum(record)})
    trace = _add(log, "trace")
    _attributes(trace, _of_case(record))
    for step in record.steps:
        _attributes(_add(trace, "event"), _of_step(step))
    return bytes(etree.tostring(log, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _of_case(record: Record) -> dict[str, Any]:
    return {
        "concept:name": record.order,
        "painpoint:as_of": record.moment,
        "painpoint:batch": record.batch,
        "painpoint:board": record.version,
        "painpoint:zone": record.timezone,
    } | dict(sorted(record.facts.items()))


def _of_step(step: Step) -> dict[str, Any]:
    row, place = step.told, step.told.place
    by = step.replaced_by
    return {
        "concept:name": f"{step.fact}.{step.kind}",
        "time:timestamp": step.at,
        "lifecycle:transition": _TRANSITIONS.get(step.standing, "complete"),
        "org:resource": row.values.get(_RESOURCES.get(step.fact, "")) or row.values.get("partner"),
        "org:group": row.values.get("partner"),
        "painpoint:step": step.number,
        "painpoint:time_is": step.basis,
        "painpoint:fact": step.fact,
        "painpoint:key": step.key,
        "painpoint:standing": step.standing,
        "painpoint:replaced_by": by and f"{by.source} batch {by.batch} row {by.row}",
        "painpoint:before": told(step.before),
        "painpoint:source": place.source,
        "painpoint:batch": place.batch,
        "painpoint:row": place.row,
        "painpoint:file": row.file,
        "painpoint:line": row.line,
        "painpoint:recorded_at": row.recorded_at,
        "painpoint:loaded_at": row.loaded_at,
    } | {name: value for name, value in sorted(step.after.items()) if f"{step.kind}_at" != name}


def _add(parent: Any, tag: str, **attributes: str) -> Any:
    return etree.SubElement(parent, f"{{{SPACE}}}{tag}", attributes)


def _attributes(element: Any, values: Mapping[str, Any]) -> None:
    """Add the attributes whose values are known, each with its type."""
    for key, value in values.items():
        if value is not None:
            type_, text = _typed(value)
            _add(element, type_, key=key, value=text)


def _typed(value: Any) -> tuple[str, str]:
    if isinstance(value, bool):
        return "boolean", "true" if value else "false"
    if isinstance(value, datetime):
        return "date", aware(value).isoformat(timespec="microseconds" if value.microsecond else "milliseconds")
    if isinstance(value, int):
        return "int", str(value)
    return ("float", repr(value)) if isinstance(value, float) else ("string", _FORBIDDEN.sub("\ufffd", str(value)))
