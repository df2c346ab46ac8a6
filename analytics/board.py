"""The Board: an immutable, versioned snapshot of everything judged, and its JSON of the contract."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from analytics.garbage import uncollected
from analytics.kpi import Before, Level, Standing, Told

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from analytics.kpi import Feed, Reading, Slice

_ORDER = {level: rank for rank, level in enumerate((Level.RED, Level.TURNING, Level.AMBER, Level.UNKNOWN, Level.GREEN))}


@dataclass(frozen=True)
class Board:
    """All readings of one judgement, ranked: reds first, then by pain. `batch` is the highest batch it saw."""

    as_of: datetime
    version: int
    batch: int
    network: str
    timezone: str
    feeds: tuple[Feed, ...]
    readings: tuple[Reading, ...]
    days: tuple[str, ...] = ()
    """The last local days that had a Board, this one's own last."""
    customers: int = 0
    """How many distinct customers the most painful reds hurt."""
    partners: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What the master data says of each partner: its country, region, type, tier and shore."""
    definitions: Mapping[str, str] = field(default_factory=dict)
    """The digest of each KPI as it was defined when this was judged; see `analytics.definition`."""

    def only(self, keys: Collection[str]) -> Board:
        """Give the readings of some KPIs, judged as part of the whole."""
        if not keys:
            return self
        definitions = {key: digest for key, digest in self.definitions.items() if key in keys}
        return replace(self, readings=tuple(r for r in self.readings if r.kpi in keys), definitions=definitions)

    def counts(self) -> dict[str, Any]:
        levels = Counter(reading.level for reading in self.readings)
        unknown = Counter(reading.health.value for reading in self.readings if reading.level is Level.UNKNOWN)
        return {
            "judged": len(self.readings),
            **{level.value: levels[level] for level in _ORDER},
            "unknown_by": dict(sorted(unknown.items())),
        }


def rank(readings: list[Reading]) -> tuple[Reading, ...]:
    """Sort readings as the wall draws them: by level, then by pain, then by name so that ties are stable."""
    return tuple(sorted(readings, key=lambda r: (_ORDER[r.level], -r.pain, r.kpi, r.slice)))


def instant(moment: datetime | None) -> str | None:
    """Format an aware UTC datetime as ISO 8601 with a Z."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


@uncollected()
def as_json(board: Board, *, greens: bool = True) -> dict[str, Any]:
    """Give the Board as the contract's JSON; without `greens` only what is not green stands in `readings`.

    Greens that get worse stand in `worsening`, in the order of their rank.
    """
    return {
        "as_of": instant(board.as_of),
        "version": board.version,
        "batch": board.batch,
        "network": board.network,
        "timezone": board.timezone,
        "days": list(board.days),
        "customers": board.customers,
        "partners": {name: dict(of) for name, of in board.partners.items()},
        "definitions": dict(board.definitions),
        "counts": board.counts(),
        "worsening": [reading_json(r) for r in board.readings if r.slips],
        "sources": [
            {
                "name": feed.name,
                "fact": feed.fact,
                "state": feed.state,
                "watermark": instant(feed.watermark),
                "fresh_within_seconds": feed.fresh_within_seconds,
                "error": feed.error,
            }
            for feed in board.feeds
        ],
        "readings": [reading_json(r) for r in board.readings if greens or r.level is not Level.GREEN],
    }


def _bound(bound: float | tuple[float, float]) -> float | list[float]:
    return list(bound) if isinstance(bound, tuple) else bound


def reading_json(reading: Reading) -> dict[str, Any]:
    """Give one reading as the contract's JSON."""
    return {
        "kpi": reading.kpi,
        "title": reading.title,
        "family": reading.family,
        "slice": dict(reading.slice),
        "value": reading.value,
        "numerator": reading.numerator,
        "denominator": reading.denominator,
        "n": reading.n,
        "unit": reading.unit,
        "window": {"from": instant(reading.window[0]), "to": instant(reading.window[1])},
        "limits": {"green": _bound(reading.limits.green), "red": _bound(reading.limits.red)},
        "level": reading.level.value,
        "health": reading.health.value,
        "stale": reading.stale,
        "reason": reading.reason,
        "evidence": reading.evidence,
        "since": instant(reading.since),
        "history": [list(point) for point in reading.history],
        "trend": reading.trend,
        "customers": reading.customers,
        "pain": reading.pain,
        "pain_kind": reading.pain_kind,
        "drivers": list(reading.drivers),
        "outlook": reading.outlook,
        "remedies": list(reading.remedies),
        "among_peers": reading.among_peers,
        "false_discovery": reading.false_discovery,
        "standing": reading.standing and _standing_json(reading.standing),
        "reversed": [
            {"day": r.day, "was": r.was.value, "now": r.now.value, "reason": r.reason} for r in reading.reversed
        ],
        "change": reading.change,
        "worsening": reading.worsening,
        "shared": reading.shared,
    }


def _standing_json(standing: Standing) -> dict[str, Any]:
    return {"red": standing.red, "told": [[told.day, told.level.value, told.value] for told in standing.told]}


def _standing(document: dict[str, Any] | None) -> Standing | None:
    if document is None:
        return None
    return Standing(tuple(Told(day, Level(level), value) for day, level, value in document["told"]), document["red"])


@uncollected()
def past(document: dict[str, Any]) -> dict[tuple[str, Slice], Before]:
    """Read from a Board's JSON what the next judgement continues: levels, since when they hold, and histories."""
    found = {}
    days = tuple(document.get("days", ()))
    for reading in document["readings"]:
        since = reading["since"]
        found[reading["kpi"], tuple(sorted(reading["slice"].items()))] = Before(
            Level(reading["level"]),
            datetime.fromisoformat(since) if since else None,
            tuple((day, value) for day, value in reading["history"]),
            _standing(reading.get("standing")),
            days,
        )
    return found
