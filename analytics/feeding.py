"""Whether a network's sources tell what a KPI needs, and which field is missing if they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics.derived import needs
from analytics.measure import columns_of
from analytics.named import NAMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.judge import FeedRule
    from analytics.kpi import Kpi


def needed(kpi: Kpi) -> tuple[str, ...]:
    """Name what must be told for a KPI to have figures, each as `fact.name`, alternatives joined by `|`."""
    if kpi.measure.shape == "named":
        own = NAMED[kpi.measure.name or ""].needs
    else:
        own = tuple(need for column in sorted(columns_of(kpi)) for need in needs(kpi.fact, column))
    return tuple(dict.fromkeys(own))


def lack(kpi: Kpi, feeds: Sequence[FeedRule]) -> str | None:
    """Say in a sentence what no source tells though the KPI needs it; None if nothing is missing, or nothing is known of it."""
    if not feeds or any(feed.tells is None for feed in feeds):
        return None
    if not any(feed.fact == kpi.fact for feed in feeds):
        return f"No data: no source feeds {kpi.fact}."
    told = {f"{feed.fact}.{name}" for feed in feeds for name in feed.tells or ()}
    missing = [need for need in needed(kpi) if not any(name in told for name in need.split("|"))]
    if not missing:
        return None
    first = " or ".join(name.split(".", 1)[1] for name in missing[0].split("|"))
    return f"No data: no source of {missing[0].split('.', 1)[0]} maps {first}, which this KPI needs."
