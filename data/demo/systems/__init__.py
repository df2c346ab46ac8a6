"""The partners' own systems, written as far as life has come: databases, exports in many dialects, logs and feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.demo.systems.brand import claims, part_lines, stock
from data.demo.systems.eventlog import event_logs
from data.demo.systems.exports import exports
from data.demo.systems.feeds import contact_log, survey_answers, tracking
from data.demo.systems.hub import hub
from data.demo.systems.sales import units_sold

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from data.demo.world import World

    Write = Callable[[Path, World, float, float], int]

SYSTEMS: tuple[tuple[str, Write], ...] = (
    ("repair hub", hub),
    ("workshops' exports", exports),
    ("event logs", event_logs),
    ("spare parts", part_lines),
    ("claims", claims),
    ("stock", stock),
    ("tracking", tracking),
    ("contacts", contact_log),
    ("surveys", survey_answers),
    ("units sold", units_sold),
)
"""Each writes what was reported in (after, until] and gives how many rows that were."""
