"""What the wall shows of a Board: a small payload, prepared once for every screen."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from analytics.board import instant
from analytics.kpi import Health, Level
from layouts import wording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analytics.board import Board
    from analytics.kpi import Bound, Feed, Reading

MOST_TILES = 60
"""More than any screen holds; what is beyond them is counted, never dropped silently."""

MOST_LINES = 16
"""Lines of unknowns; the rest is counted."""

SPARK_POINTS = 42
"""Six weeks of days are as much as a sparkline can show."""

HURTING = (Level.RED, Level.TURNING, Level.AMBER)

# What must be mended first stands first: a dead feed blinds more than a small sample does.
_BLAME = (Health.DEAD, Health.LATE, Health.NO_DATA, Health.LOW_SAMPLE, Health.OK)


def wall_payload(board: Board) -> dict[str, Any]:
    """Give what the wall draws: counts, sources, ranked tiles, what did not fit, unknowns by reason.

    Figures are those of `board.as_json`; beside each raw value stands its wording, so that every screen says the same. Tiles
    are ranked by the pain of customers that no tile above them has counted already: one cause takes one of the first places.
    """
    hurting = [reading for reading in board.readings if reading.level in HURTING]
    hurting.sort(key=lambda reading: (HURTING.index(reading.level), -_fresh(reading)))
    unknown = unknown_lines(reading for reading in board.readings if reading.level is Level.UNKNOWN)
    beyond = hurting[MOST_TILES:]
    return {
        "as_of": instant(board.as_of),
        "version": board.version,
        "network": board.network,
        "timezone": board.timezone,
        "counts": board.counts(),
        "sources": [
            {"name": feed.name, "state": feed.state, "watermark": instant(feed.watermark), "error": feed.error}
            for feed in board.feeds
        ],
        "tiles": [tile(reading, board.feeds) for reading in hurting[:MOST_TILES]],
        "more": {level.value: sum(reading.level is level for reading in beyond) for level in HURTING},
        "unknown": unknown[:MOST_LINES],
        "unknown_more": sum(line["count"] for line in unknown[MOST_LINES:]),
    }


def _fresh(reading: Reading) -> float:
    """Give the pain of the customers that stand under no more painful reading."""
    return reading.pain * (1 - (reading.shared["share"] if reading.shared else 0.0))


def tile(reading: Reading, feeds: tuple[Feed, ...]) -> dict[str, Any]:
    """Give one pain as the wall draws it; `limits` are the red ones, the line the sparkline must not cross."""
    shown, limit = wording.value_and_limit(reading.value, reading.limits.red, reading.unit)
    return {
        "kpi": reading.kpi,
        "title": reading.title,
        "slice": dict(reading.slice),
        "place": wording.place(reading.slice),
        "level": reading.level.value,
        "health": reading.health.value,
        "stale": reading.stale,
        "data_at": _data_at(reading, feeds) if reading.stale else None,
        "value": reading.value,
        "unit": reading.unit,
        "shown": shown,
        "limit": limit,
        "limits": _bounds(reading.limits.red),
        "pain": reading.pain,
        "hurt": wording.hurt(reading.customers),
        "reason": reading.reason,
        "driver": wording.driver(reading.drivers[0]) if reading.drivers else None,
        "since": instant(reading.since),
        "trend": _trend(reading),
        "history": [None if value is None else float(f"{value:.4g}") for _, value in reading.history[-SPARK_POINTS:]],
        "remedy": wording.measure(reading.remedies[0]) if reading.remedies else None,
    }


def _trend(reading: Reading) -> str:
    """Tell where a figure is going: by the control chart of its days where there is one, for that knows chance."""
    if not reading.change or reading.change["variation"] is None:
        return reading.trend
    return "steady" if reading.change["variation"] == "common cause" else str(reading.change["variation"])


def _bounds(bound: Bound) -> list[float]:
    return list(bound) if isinstance(bound, tuple) else [bound]


def _data_at(reading: Reading, feeds: tuple[Feed, ...]) -> str | None:
    """Find how old a stale reading's data is: only the feed its reason names is to blame, anything else is a guess."""
    named = [feed for feed in feeds if feed.state != "fresh" and feed.watermark and feed.name in reading.reason]
    return instant(max(named, key=lambda feed: len(feed.name)).watermark) if named else None


def unknown_lines(readings: Iterable[Reading]) -> list[dict[str, Any]]:
    """Fold unknown readings into lines: one per shared cause, else one per KPI; dead feeds first, then by how many."""
    by_cause: dict[tuple[Health, str], list[Reading]] = defaultdict(list)
    by_kpi: dict[tuple[Health, str], list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.health in {Health.LATE, Health.DEAD, Health.OK}:
            by_cause[reading.health, reading.reason].append(reading)
        else:
            by_kpi[reading.health, reading.kpi].append(reading)
    # A cause that stands alone is a partner's own; forty of those would bury the feed that blinds a hundred.
    for (health, _), alone in list(by_cause.items()):
        if len(alone) == 1:
            by_kpi[health, alone[0].kpi].extend(alone)
    shared = [_cause_line(health, group) for (health, _), group in by_cause.items() if len(group) > 1]
    lines = shared + [_kpi_line(health, group) for (health, _), group in by_kpi.items()]
    order = [health.value for health in _BLAME]
    return sorted(lines, key=lambda line: (order.index(line["health"]), -line["count"], line["text"]))


def _cause_line(health: Health, group: list[Reading]) -> dict[str, Any]:
    titles = sorted({reading.title for reading in group})
    return _line(health, f"{len(group):,} blind: {_sentence(group[0].reason)} Affects {_few(titles)}", len(group))


def _kpi_line(health: Health, group: list[Reading]) -> dict[str, Any]:
    first, alone = group[0], len(group) == 1
    where = wording.place(first.slice) if alone else f"{len(group):,} {_noun(group)}"
    if health is Health.LOW_SAMPLE:
        text = f"{first.title}: {where} with too small a sample"
    elif health is Health.NO_DATA:
        named = "" if alone else f" ({_few([wording.place(reading.slice) for reading in group])})"
        text = f"{first.title}: {where} without data{named}"
    else:
        reason = _sentence(first.reason)
        text = f"{first.title}: {reason}" if alone and where in reason else f"{first.title}: {where}: {reason}"
    return _line(health, text, len(group))


def _line(health: Health, text: str, count: int) -> dict[str, Any]:
    return {"health": health.value, "text": text, "count": count}


def _noun(group: list[Reading]) -> str:
    dimensions = {tuple(sorted(dimension for dimension, _ in reading.slice)) for reading in group}
    if len(dimensions) == 1 and len(names := dimensions.pop()) == 1:
        return wording.plural(names[0].replace("_", " "))
    return "slices"


def _few(names: list[str], most: int = 3) -> str:
    beyond = len(names) - most
    return ", ".join(names[:most]) + (f" and {beyond:,} more" if beyond > 0 else "")


def _sentence(reason: str) -> str:
    text = reason.strip() or "No reason was given"
    return text if text.endswith((".", "!", "?")) else f"{text}."
