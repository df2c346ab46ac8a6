"""The readings of a Board as a table: a row each, with exactly the Board's figures."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from analytics.kpi import Level
from analytics.wording import place
from data.asked import near
from data.exports.tables import Column, Sheet
from data.reporting import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.kpi import Slice

_BEFORE = (
    Column("board", "integer"),
    Column("as_of", "time"),
    Column("network", width=24),
    Column("kpi", width=22),
    Column("title", width=28),
    Column("family", width=11),
    Column("place", width=32),
)
_AFTER = (
    Column("level", width=9),
    Column("health", width=12),
    Column("stale", "bool"),
    Column("value", "number", unit="unit"),
    Column("unit", width=8),
    Column("numerator", "number"),
    Column("denominator", "number"),
    Column("n", "number"),
    Column("green", "number", unit="unit"),
    Column("red", "number", unit="unit"),
    *(Column(f"{name}_{end}", "number", unit="unit") for name in ("green", "red") for end in ("low", "high")),
    Column("window_from", "time"),
    Column("window_to", "time"),
    Column("reason", width=60),
    Column("evidence", "number"),
    Column("among_peers", "number"),
    Column("false_discovery", "number"),
    Column("since", "time"),
    Column("trend", width=11),
    Column("variation", width=14),
    Column("customers", "number"),
    Column("pain", "number"),
    Column("drivers", width=60),
    Column("shared_with", width=40),
    Column("outlook", width=30),
    Column("remedies", width=40),
    Column("history", width=60),
)
LEVELS = tuple(level.value for level in Level)


def readings_sheet(document: dict[str, Any], wanted: Sequence[dict[str, Any]]) -> Sheet:
    """Lay the wanted readings of a Board out as a table; the dimensions of their slices are columns `slice_...`."""
    dimensions = sorted({name for reading in document["readings"] for name in reading["slice"]})
    columns = (*_BEFORE, *(Column(f"slice_{name}", width=20) for name in dimensions), *_AFTER)
    rows = [_row(document, reading, dimensions) for reading in wanted]
    return Sheet("Readings", columns, [rows], len(rows), document["timezone"])


def chosen(
    document: dict[str, Any], kpis: Sequence[str], slice_: Slice, levels: Sequence[str], *, greens: bool
) -> list[dict[str, Any]]:
    """Give the readings of a Board that were asked for, in its order. Raises UsageError for what the Board does not know."""
    for level in levels:
        if level not in LEVELS:
            raise UsageError(f"--level {level!r} is none of {', '.join(LEVELS)}.")
    for name, value in slice_:
        _must_be_known(document, name, value)
    return [
        reading
        for reading in document["readings"]
        if (not kpis or reading["kpi"] in kpis)
        and all(reading["slice"].get(name) == value for name, value in slice_)
        and (reading["level"] in levels if levels else greens or reading["level"] != Level.GREEN)
    ]


def _must_be_known(document: dict[str, Any], name: str, value: str) -> None:
    values = {reading["slice"][name] for reading in document["readings"] if name in reading["slice"]}
    if not values:
        names = sorted({each for reading in document["readings"] for each in reading["slice"]})
        raise UsageError(
            f"Nothing is judged by {name!r}; it is by {', '.join(names) or 'nothing but the whole network'}."
        )
    if value not in values:
        raise UsageError(f"No {name} is called {value!r} on this Board{near(value, values)}.")


def _row(document: dict[str, Any], reading: dict[str, Any], dimensions: Sequence[str]) -> tuple[Any, ...]:
    green, red = reading["limits"]["green"], reading["limits"]["red"]
    ends = [bound[i] if isinstance(bound, list) else None for bound in (green, red) for i in (0, 1)]
    change, shared = reading.get("change") or {}, reading.get("shared")
    return (
        *(document["version"], _time(document["as_of"]), document["network"]),
        *(reading["kpi"], reading["title"], reading["family"], place(tuple(reading["slice"].items()))),
        *(reading["slice"].get(name) for name in dimensions),
        *(reading["level"], reading["health"], reading["stale"], _number(reading["value"]), reading["unit"]),
        *(_number(reading[name]) for name in ("numerator", "denominator", "n")),
        *(None if isinstance(bound, list) else _number(bound) for bound in (green, red)),
        *map(_number, ends),
        *(_time(reading["window"][name]) for name in ("from", "to")),
        reading["reason"],
        *(_number(reading.get(name)) for name in ("evidence", "among_peers", "false_discovery")),
        *(_time(reading["since"]), reading["trend"], change.get("variation")),
        *(_number(reading.get("customers")), _number(reading["pain"])),
        "; ".join(driver["text"] for driver in reading["drivers"]) or None,
        _json(shared),
        _json(reading["outlook"]),
        ", ".join(reading["remedies"]) or None,
        "; ".join(f"{day} {value if value is not None else '-'}" for day, value, *_ in reading["history"]) or None,
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
