"""What follows for a repair order about its own record: whether it is complete, in order, on time, and of things that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation
from analytics.fold import latest

if TYPE_CHECKING:
    from analytics.derived.derivation import Sight
    from analytics.facts import Type

MANDATORY = ("partner", "country", "product", "device_id", "fault", "warranty")
PLACEHOLDERS = (
    "-",
    "--",
    ".",
    "0",
    "?",
    "??",
    "default",
    "dummy",
    "n/a",
    "na.",
    "none",
    "null",
    "tbd",
    "test",
    "unknown",
    "xxx",
)
"""What systems write where nobody filled in anything."""
STEPS = (
    ("repair_started", "received"),
    ("repaired", "received"),
    ("completed", "received"),
    ("closed", "received"),
    ("qc_passed", "repair_started"),
    ("qc_failed", "repair_started"),
    ("delivered", "completed"),
    ("delivered", "dispatched"),
)
"""Each first event must not come before its second one."""
SKEW = ibis.interval(minutes=10)
"""Two systems' clocks differ by as much without anybody's fault."""

_FILLED: dict[str, Type] = {"mandatory_filled": "bool", "missing_fields": "text"}


def _filled(rows: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    """Add whether all mandatory fields say something, and which do not; what only fills the place says nothing."""
    # as a list, and no `isin`: DuckDB makes a join of that, which every scan of the fact would pay for
    fillers = ibis.literal(sorted(PLACEHOLDERS), "array<string>")
    empty = {name: fillers.contains(rows[name].lower()).fill_null(True) for name in MANDATORY}
    named = [ibis.ifelse(missing, f"{name.replace('_id', '')}, ", "") for name, missing in empty.items()]
    text = named[0]
    for each in named[1:]:
        text = text + each
    text = text.re_replace(", $", "").nullif("")
    return rows.mutate(mandatory_filled=~ibis.or_(*empty.values()), missing_fields=text)


_ORDER: dict[str, Type] = {"illegal_order": "bool", "illegal_step": "text"}


def _order(rows: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    """Add whether an order's events came in an order that cannot be, and the first step that shows it.

    Unknown where no two of the events are known. A device swapped in advance is delivered before its repair, and no fault.
    """
    wrong, known = [], []
    for later, earlier in STEPS:
        at, before = rows[f"{later}_at"], rows[f"{earlier}_at"]
        swapped = rows.swapped_at.notnull() | (rows.outcome == "swapped").fill_null(False)
        both = at.notnull() & before.notnull()
        holds = both & ~swapped if (later, earlier) == ("delivered", "completed") else both
        known.append(holds)
        wrong.append((holds & (at + SKEW < before).fill_null(False), f"{later} before {earlier}"))
    step = ibis.cases(*wrong, else_=ibis.null("string"))
    rows = rows.mutate(illegal_step=step, steps_known=ibis.or_(*known))
    illegal = ibis.ifelse(rows.steps_known, rows.illegal_step.notnull(), ibis.null("boolean"))
    return rows.mutate(illegal_order=illegal).drop("steps_known")


_REPORTED: dict[str, Type] = {"last_recorded_at": "time", "reporting_lag_hours": "number"}


def _reported(rows: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    """Add when an order's newest event was first told of, and how long after it happened (`domain.md` D1).

    Recorded before it happened is a clock that is fast: no lag.
    """
    log = sight.log("repair_orders")
    newest = log.group_by("key").agg(told_at=log["at"].max(), last_recorded_at=latest(log.recorded_at, log["at"]))
    lag = (newest.last_recorded_at.epoch_seconds() - newest.told_at.epoch_seconds()) / 3600.0
    return newest.select("key", "last_recorded_at", reporting_lag_hours=ibis.greatest(lag, 0.0))


_KNOWN: dict[str, Type] = {"unknown_master": "bool", "unknown_entry": "text"}
_MASTER = (("partner", "partners"), ("site", "sites"), ("product", "models"))


def _known(rows: Any, sight: Sight) -> Any:
    """Add whether an order names a partner, site or product, or its part lines a part, that the master data does not list.

    Only tables that have been loaded are looked at; unknown where none has, or the order names nothing of them.
    """
    found = rows.select("key", *(name for name, _ in _MASTER))
    tests = []
    for name, table in _MASTER:
        found, missing = _missing(found, name, sight.table(table), name)
        tests.append((name, missing))
    lines = sight.fact("part_orders")
    lines = lines.filter(lines.part.notnull(), lines.order_id.notnull()).select("order_id", "part")
    lines, missing = _missing(lines, "part", sight.table("parts"), "part")
    lines = lines.mutate(missing=lines[missing])
    lines = lines.group_by("order_id").agg(part=lines.part.min(where=lines.missing), part_missing=lines.missing.any())
    found = found.left_join(lines, found.key == lines.order_id)
    tests.append(("part", "part_missing"))
    entry = ibis.cases(
        *((found[missing].fill_null(False), f"{name} " + found[name]) for name, missing in tests),
        else_=ibis.null("string"),
    )
    known = ibis.coalesce(*(found[missing] for _, missing in tests)).notnull()
    found = found.select("key", unknown_entry=entry, master_known=known)
    unknown = ibis.ifelse(found.master_known, found.unknown_entry.notnull(), ibis.null("boolean"))
    return found.select("key", "unknown_entry", unknown_master=unknown)


def _missing(rows: Any, column: str, table: Any, key: str) -> tuple[Any, str]:
    """Add whether what a column names is missing in a table; null where it names nothing or the table is empty."""
    name = f"{column}_missing"
    listed = table.select(**{f"{column}_listed": table[key]}).distinct()
    loaded = table.agg(**{f"{column}_loaded": table.count() > 0})
    rows = rows.left_join(listed, rows[column] == listed[f"{column}_listed"]).cross_join(loaded)
    asked = rows[column].notnull() & rows[f"{column}_loaded"]
    test = ibis.ifelse(asked, rows[f"{column}_listed"].isnull(), ibis.null("boolean"))
    return rows.mutate(**{name: test}).drop(f"{column}_listed", f"{column}_loaded"), name


_STEPS_NEED = (
    "received|repair_started|completed|dispatched",
    "repaired|completed|closed|qc_passed|qc_failed|delivered",
)
_LISTS = "partners.partner|models.product|sites.site|parts.part"
DERIVATIONS = (
    Derivation("filled", "repair_orders", _FILLED, _filled, dict.fromkeys(_FILLED, MANDATORY)),
    Derivation("order", "repair_orders", _ORDER, _order, dict.fromkeys(_ORDER, _STEPS_NEED)),
    Derivation(
        "reported",
        "repair_orders",
        _REPORTED,
        _reported,
        dict.fromkeys(_REPORTED, ("recorded_at",)),
        linked=True,
        near=lambda _: [],
    ),
    Derivation("known", "repair_orders", _KNOWN, _known, dict.fromkeys(_KNOWN, (_LISTS,)), linked=True),
)
