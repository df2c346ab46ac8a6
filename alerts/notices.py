"""Notices as rows: that somebody is to be told of something, by which route, and from when on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from analytics.routing import subject_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alerts.letter import Kind
    from analytics.kpi import Level
    from analytics.routing import Alerting, Route


def taking(
    alerting: Alerting, reading: Mapping[str, Any], inherited: Mapping[str, str], level: Level
) -> tuple[Route, ...]:
    """Give the routes that a reading's JSON takes at a level."""
    return alerting.taking(subject_of(reading, inherited, level))


def notice_row(
    episode: int, recipient: str, route: Route, kind: Kind, sequence: int, reason: str, moment: datetime, pain: float
) -> dict[str, Any]:
    """Give a notice as a row: it waits for what breaks together, for the route's digest or for the end of its quiet hours."""
    _, why = route.holds_until(moment, pain)
    grouped = moment + timedelta(seconds=route.group_wait)
    return waiting_row(episode, recipient, route.name, kind, sequence, reason, moment, grouped, why)


def waiting_row(
    episode: int,
    recipient: str,
    route: str,
    kind: Kind,
    sequence: int,
    reason: str,
    moment: datetime,
    not_before: datetime,
    held: str = "",
) -> dict[str, Any]:
    """Give a notice as a row that waits; its key tells the same recipient the same thing only once."""
    return {
        "key": f"{recipient}|{episode}|{kind}|{sequence}",
        "episode": episode,
        "recipient": recipient,
        "route": route,
        "kind": kind,
        "sequence": sequence,
        "reason": reason,
        "created_at": moment,
        "not_before": not_before,
        "status": "waiting",
        "held": held,
        "story": [[moment.isoformat(), held]] if held else [],
        "letter": None,
    }
