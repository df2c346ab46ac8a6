"""Evidence packs: what to show of each row behind a figure of integrity or data, and a sentence why it is implausible.

The sentences say what the records say; what came of it is for people to find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from analytics.derived.records import STEPS
from analytics.facts import FACTS
from analytics.kpi import Level
from analytics.wording import span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from analytics.kpi import Kpi

Row = dict[str, Any]


@dataclass(frozen=True)
class Pack:
    """The evidence of one measure: columns shown beside its own, what puts the telling rows first, and each row's sentence.

    `why(row, at)` gives None for a row that shows nothing; `at` writes a time of the row on the clock of its site.
    """

    columns: tuple[str, ...]
    first: str
    why: Callable[[Row, Callable[[datetime], str]], str | None]


def pack_of(kpi: Kpi) -> Pack | None:
    """Give the evidence pack of what a KPI measures, if there is one."""
    measure = kpi.measure
    condition = measure.condition.column if measure.condition else None
    return PACKS.get(measure.name or measure.column or condition or "")


def why(pack: Pack, row: Row, zone: str) -> str | None:
    """Write why a row is implausible, with its times (UTC without a zone) on a zone's clock."""

    def at(moment: datetime) -> str:
        return f"{moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"

    return pack.why({name: None if _missing(value) else value for name, value in row.items()}, at)


def advised(kpi: Kpi, level: Level, reason: str) -> str:
    """Add to the reason of a reading that points at people's records what to do about it, and no more."""
    if kpi.family != "integrity" or level not in (Level.RED, Level.AMBER):
        return reason
    return f"{reason} Investigate: there may be a good reason."


def _missing(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124  # NaN and NaT are the values that differ from themselves


def _duplicate(row: Row, at: Callable[[datetime], str]) -> str | None:
    if not row["duplicate"]:
        return None
    before = f"claim {row['duplicate_of']} of {at(row['other_claimed_at'])}"
    own, other = row["order_id"], row["other_order"]
    if own is not None and own == other:
        return f"order {own} was claimed before, by {before}"
    if row["came_in_at"] is None or row["other_back_at"] is None:
        still = f", whose order {other} is not closed" if other is not None and row["came_in_at"] is not None else ""
        return f"the same device was claimed before, by {before}{still}"
    return (
        f"its order came in on {at(row['came_in_at'])}, while order {other} of the same device, claimed by {before}, "
        f"was open until {at(row['other_back_at'])}"
    )


def _overlap(row: Row, at: Callable[[datetime], str]) -> str | None:
    if not row["overlapping"]:
        return None
    until = "which is open still" if row["overlaps_until"] is None else f"open until {at(row['overlaps_until'])}"
    whose = f" at {row['overlaps_partner']}" if row["overlaps_partner"] is not None else ""
    return f"received {at(row['hand_in_at'])}, during order {row['overlaps_order']} of the same device{whose}, {until}"


def _fast(row: Row, at: Callable[[datetime], str]) -> str | None:  # noqa: ARG001  # one signature
    if not row["implausibly_fast"]:
        return None
    took, least = span(row["tat_hours"]), span(row["usual_least_hours"])
    job = f"{row['product']} with fault {row['fault']}"
    return f"completed {took} after its receipt; of the network's jobs on {job} all but one in 200 took {least} or more"


def _batch(row: Row, at: Callable[[datetime], str]) -> str | None:
    others = int(row["closed_together"]) - 1
    return (
        f"closed at {at(row['closed_at'])} with {others} other{'' if others == 1 else 's'} within ten minutes, "
        f"of {int(row['closed_that_day'])} that day"
    )


def _ghost(row: Row, at: Callable[[datetime], str]) -> str | None:  # noqa: ARG001  # one signature
    if not row["ghost"]:
        return None
    known = "is known by its own record only:" if row["order_known"] else "is not known to any source:"
    return f"order {row['order_id']} {known} no arrival, no part and no contact"


def _outside(row: Row, at: Callable[[datetime], str]) -> str | None:
    if not row["closed_outside_hours"]:
        return None
    hours = f"{at(row['opened_before_at'])} to {at(row['shut_before_at'])[11:]}"
    return f"closed at {at(row['closed_at'])}; the site was last open {hours}"


def _foreign(row: Row, at: Callable[[datetime], str]) -> str | None:  # noqa: ARG001  # one signature
    if not row["part_not_in_bom"]:
        return None
    return f"part {row['foreign_part']} is not in the parts list of the product, and neither are its predecessors and successors"


def _imei(row: Row, at: Callable[[datetime], str]) -> str | None:  # noqa: ARG001  # one signature
    number = str(row["device_id"])
    said = {
        "length": f"device {number} has {len(number)} digits; an IMEI has 15",
        "check digit": f"the check digit of {number} does not fit its other digits",
        "model": f"{number} begins with {number[:8]}, which is no TAC of {row['product']}",
    }
    return said.get(row["imei_fault"])


def _heap(row: Row, at: Callable[[datetime], str]) -> str | None:
    if not row["just_before"]:
        return None
    return f"closed at {at(row['closed_at'])}, after {row['time_used'] * 100:.0f} % of the time it had until {at(row['due_at'])}"


def _lag(row: Row, at: Callable[[datetime], str]) -> str | None:
    if row["reporting_lag_hours"] is None:
        return None
    return f"its newest event was recorded on {at(row['last_recorded_at'])}, {span(row['reporting_lag_hours'])} after it happened"


def _silence(row: Row, at: Callable[[datetime], str]) -> str | None:
    return (
        f"newest event of {at(row['newest_at'])}, {span(row['age_hours'])} ago; "
        f"in the four weeks before it was never silent for longer than {span(row['longest_gap_hours'])}"
    )


def _unfilled(row: Row, at: Callable[[datetime], str]) -> str | None:  # noqa: ARG001  # one signature
    return None if row["missing_fields"] is None else f"says nothing of {row['missing_fields']}"


def _step(row: Row, at: Callable[[datetime], str]) -> str | None:
    if row["illegal_step"] is None:
        return None
    later, earlier = str(row["illegal_step"]).split(" before ")
    named = [name.replace("_", " ").replace("qc", "quality check") for name in (later, earlier)]
    return f"{named[0]} at {at(row[f'{later}_at'])}, but {named[1]} at {at(row[f'{earlier}_at'])} only"


def _unknown(row: Row, at: Callable[[datetime], str]) -> str | None:  # noqa: ARG001  # one signature
    return None if row["unknown_entry"] is None else f"{row['unknown_entry']} is not in the master data"


def _problem(row: Row, at: Callable[[datetime], str]) -> str | None:  # noqa: ARG001  # one signature
    return str(row["problem"])


_STEPS = tuple(kind for kind in FACTS["repair_orders"].kinds if any(kind in step for step in STEPS))
_OTHER = ("duplicate_of", "other_order", "other_claimed_at", "other_back_at")
PACKS: Mapping[str, Pack] = {
    "duplicate": Pack(
        ("partner", "order_id", "device_id", "submitted_at", "claim_class", "came_in_at", *_OTHER),
        "duplicate",
        _duplicate,
    ),
    "overlapping": Pack(
        ("partner", "device_id", "hand_in_at", "overlaps_order", "overlaps_partner", "overlaps_until"),
        "overlapping",
        _overlap,
    ),
    "implausibly_fast": Pack(
        ("partner", "product", "fault", "received_at", "tat_hours", "usual_least_hours"), "implausibly_fast", _fast
    ),
    "batch_closing": Pack((), "closed_together", _batch),
    "ghost": Pack(("partner", "order_id", "order_known"), "ghost", _ghost),
    "closed_outside_hours": Pack(
        ("partner", "site", "closed_at", "opened_before_at", "shut_before_at"), "closed_outside_hours", _outside
    ),
    "part_not_in_bom": Pack(("partner", "order_id", "product", "foreign_part"), "part_not_in_bom", _foreign),
    "invalid_imei": Pack(("partner", "product", "device_id", "imei_fault"), "invalid_imei", _imei),
    "sla_heaping": Pack((), "just_before", _heap),
    "reporting_lag_hours": Pack(("partner", "last_event_at", "last_recorded_at"), "reporting_lag_hours", _lag),
    "freshness": Pack((), "silence", _silence),
    "mandatory_filled": Pack(("partner", "missing_fields"), "missing_fields", _unfilled),
    "illegal_order": Pack(("partner", "illegal_step", *(f"{kind}_at" for kind in _STEPS)), "illegal_order", _step),
    "unknown_master": Pack(("partner", "site", "product", "unknown_entry"), "unknown_master", _unknown),
    "master_data_problems": Pack((), "table_name", _problem),
}
"""The evidence packs, by the column or the named measure that a KPI measures."""
