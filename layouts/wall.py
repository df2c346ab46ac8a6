"""What the wall shows of a Board: a small payload, prepared once for every screen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from analytics.board import instant
from analytics.kpi import SMALL, Health, Level
from layouts import wording
from layouts.codes import bits, code_of, scannable
from layouts.edition import Edition
from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analytics.board import Board
    from analytics.kpi import Bound, Feed, Reading

MOST_TILES = {Level.RED: 36, Level.TURNING: 12, Level.AMBER: 12}
"""More than any screen holds; what is beyond them is counted, never dropped silently."""

MOST_OF_AREA = {Level.RED: 12, Level.TURNING: 4, Level.AMBER: 6}

MOST_LINES = 16
"""Lines of unknowns; the rest is counted."""

MOST_LINES_OF_AREA = 6

SPARK_POINTS = 42
"""Six weeks of days are as much as a sparkline can show."""

BAND_POINTS = 21

CODED, CODED_OF_AREA = 6, 4
"""So many tiles of a view are drawn large enough for a QR code to be scanned; to draw one takes two milliseconds."""

MOST_WORSE, MOST_WORSE_OF_AREA = 6, 3
"""Greens that get worse; the rest is counted."""

HURTING = tuple(MOST_TILES)

# What must be mended first stands first: a dead feed blinds more than a small sample does.
_BLAME = (Health.DEAD, Health.LATE, Health.NO_DATA, Health.LOW_SAMPLE, Health.OK)


def wall_payload(board: Board, edition: Edition | None = None) -> dict[str, Any]:
    """Give what the wall draws: sources and a view of the whole network, and where it is cut into areas a view of each.

    Figures are those of `board.as_json`; beside each raw value stands its wording, in the language that is spoken, so that every
    screen says the same.
    """
    edition = edition or Edition()
    ranked = list(enumerate(board.readings))
    view = _View(board, edition.origin)
    return {
        "as_of": instant(board.as_of),
        "version": board.version,
        "network": board.network,
        "timezone": board.timezone,
        "sources": [
            {"name": feed.name, "state": feed.state, "watermark": instant(feed.watermark), "error": feed.error}
            for feed in board.feeds
        ],
        **view.of(ranked, MOST_TILES, MOST_LINES, CODED, MOST_WORSE),
        "by": edition.by,
        "areas": [
            {"name": name, **view.of(part, MOST_OF_AREA, MOST_LINES_OF_AREA, CODED_OF_AREA, MOST_WORSE_OF_AREA)}
            for name, part in areas(board, edition.by).items()
        ],
    }


Ranked = tuple[int, "Reading"]
"""A reading with its place among all of its Board, from which its code is made."""


def areas(board: Board, by: str) -> dict[str, list[Ranked]]:
    """Cut the readings of a Board by a dimension: those whose slice says it, or whose partner lies there; others lie nowhere."""
    if not by:
        return {}
    found: dict[str, list[Ranked]] = defaultdict(list)
    found.update((of[by], []) for of in board.partners.values() if of.get(by))
    through = _through(board, by)
    for rank, reading in enumerate(board.readings):
        name = _area(reading, board, by, through)
        if name:
            found[name].append((rank, reading))
    return dict(sorted(found.items()))


def _area(reading: Reading, board: Board, by: str, through: Mapping[str, str]) -> str | None:
    said = dict(reading.slice)
    if by in said:
        return said[by] if said[by] != SMALL else None  # many of them together lie in no one area
    return board.partners.get(said.get("partner", ""), {}).get(by) or through.get(said.get("country", ""))


def _through(board: Board, by: str) -> dict[str, str]:
    """Give the area of each country that lies in one only, as its partners do."""
    lying: dict[str, set[str]] = defaultdict(set)
    for of in board.partners.values():
        if of.get("country") and of.get(by):
            lying[of["country"]].add(of[by])
    return {country: next(iter(names)) for country, names in lying.items() if len(names) == 1}


@dataclass(frozen=True)
class _View:
    """Makes views: counts, ranked tiles, what did not fit, unknowns by reason."""

    board: Board
    origin: str

    def of(
        self, part: Sequence[Ranked], most: Mapping[Level, int], lines: int, coded: int, worse: int
    ) -> dict[str, Any]:
        """Give the view of some readings.

        Tiles are ranked by the pain of customers that no tile above them has counted already: one cause takes one of the
        first places.
        """
        tiles: list[dict[str, Any]] = []
        more = {}
        for level in HURTING:
            hurting = sorted((each for each in part if each[1].level is level), key=lambda each: -_fresh(each[1]))
            shown = hurting[: most[level]]
            tiles += [
                self._tile(rank, reading, coded=len(tiles) + n < coded) for n, (rank, reading) in enumerate(shown)
            ]
            more[level.value] = len(hurting) - len(shown)
        unknown = unknown_lines(reading for _, reading in part if reading.level is Level.UNKNOWN)
        worsening = worsened(reading for _, reading in part)
        return {
            "counts": self._counts(part),
            "worse": [worse_line(reading) for reading in worsening[:worse]],
            "worsening": sum(reading.slips for _, reading in part),
            "tiles": tiles,
            "more": more,
            "unknown": unknown[:lines],
            "unknown_more": sum(line["count"] for line in unknown[lines:]),
        }

    def _counts(self, part: Sequence[Ranked]) -> dict[str, Any]:
        return replace(self.board, readings=tuple(reading for _, reading in part)).counts()

    def _tile(self, rank: int, reading: Reading, *, coded: bool) -> dict[str, Any]:
        code = code_of(self.board.version, rank)
        scanned = bits(scannable(self.origin, code)) if coded and code and self.origin else None
        return {**tile(reading, self.board.feeds), "code": code, "qr": scanned}


def worsened(readings: Iterable[Reading]) -> list[Reading]:
    """Give the greens that get worse, one of each KPI, those first that most customers meet.

    Of a KPI the narrowest slice stands for all that hold at least as much as twice its customers: the network is worse because
    a carrier is.
    """
    of_kpi: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.slips:
            of_kpi[reading.kpi].append(reading)
    found = []
    for each in of_kpi.values():
        most = max(_met(reading) for reading in each)
        found.append(min((r for r in each if 2 * _met(r) >= most), key=lambda r: (-len(r.slice), -_met(r), r.slice)))
    return sorted(found, key=lambda r: (-_met(r), r.kpi, r.slice))


def _met(reading: Reading) -> float:
    return float(reading.change["moved"]["customers"]) if reading.change else 0.0


def worse_line(reading: Reading) -> dict[str, Any]:
    """Give a green that gets worse as the wall draws it: from what to what its figure has moved."""
    assert reading.change is not None  # noqa: S101  # it says from what to what
    moved = reading.change["moved"]
    was, now = wording.values("%" if reading.change["of"] else reading.unit, moved["from"], moved["to"])
    return {
        "kpi": reading.kpi,
        "title": wording.title(reading.title),
        "slice": dict(reading.slice),
        "place": wording.place(reading.slice),
        "level": reading.level.value,
        "was": was,
        "now": now,
        "reason": wording.sentence(moved["text"]),
    }


def _fresh(reading: Reading) -> float:
    """Give the pain of the customers that stand under no more painful reading."""
    return reading.pain * (1 - (reading.shared["share"] if reading.shared else 0.0))


def tile(reading: Reading, feeds: tuple[Feed, ...]) -> dict[str, Any]:
    """Give one pain as the wall draws it; `limits` are the red ones, the line the sparkline must not cross."""
    shown, limit = wording.value_and_limit(reading.value, reading.limits.red, reading.unit)
    return {
        "kpi": reading.kpi,
        "title": wording.title(reading.title),
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
        "reason": wording.sentence(reading.reason),
        "driver": wording.driver(reading.drivers[0]) if reading.drivers else None,
        "since": instant(reading.since),
        "trend": _trend(reading),
        "history": [None if value is None else float(f"{value:.4g}") for _, value in reading.history[-SPARK_POINTS:]],
        "remedy": wording.measure(reading.remedies[0]) if reading.remedies else None,
        "outlook": _outlook(reading),
    }


def _outlook(reading: Reading) -> dict[str, Any] | None:
    """Give what is expected of a reading: the day it turns red, how likely that is, and the band of the days ahead.

    A point of the band says how many days after the last one of the history it is, and the low and high edge.
    """
    told = reading.outlook
    if not isinstance(told, Mapping):
        return None
    day, probability = told.get("red_on"), told.get("probability")
    last = date.fromisoformat(reading.history[-1][0]) if reading.history else None
    band = [
        [ahead, low, high]
        for at, low, high in told.get("band") or ()
        if last is not None and (ahead := (date.fromisoformat(str(at)[:10]) - last).days) > 0
    ]
    return {"red_on": str(day)[:10] if day else None, "probability": probability, "band": band[:BAND_POINTS]}


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
    titles = _few(sorted({wording.title(reading.title) for reading in group}))
    reason = _sentence(group[0].reason)
    return _line(health, say("blind.cause", n=len(group), reason=reason, titles=titles), len(group))


def _kpi_line(health: Health, group: list[Reading]) -> dict[str, Any]:
    first, alone = group[0], len(group) == 1
    title = wording.title(first.title)
    where = wording.place(first.slice) if alone else say("blind.several", n=len(group), what=_noun(group))
    if health is Health.LOW_SAMPLE:
        text = say("blind.low_sample", title=title, where=where)
    elif health is Health.NO_DATA:
        named = "" if alone else _few([wording.place(reading.slice) for reading in group])
        text = say("blind.no_data_named" if named else "blind.no_data", title=title, where=where, named=named)
    else:
        reason = _sentence(first.reason)
        said = alone and wording.english_place(first.slice) in first.reason
        text = say("blind.reason" if said else "blind.reason_where", title=title, where=where, reason=reason)
    return _line(health, text, len(group))


def _line(health: Health, text: str, count: int) -> dict[str, Any]:
    return {"health": health.value, "text": text, "count": count}


def _noun(group: list[Reading]) -> str:
    dimensions = {tuple(sorted(dimension for dimension, _ in reading.slice)) for reading in group}
    if len(dimensions) == 1 and len(names := dimensions.pop()) == 1:
        return wording.dimensions(names[0])
    return say("blind.slices")


def _few(names: list[str], most: int = 3) -> str:
    beyond = len(names) - most
    listed = ", ".join(names[:most])
    return say("blind.and_more", listed=listed, n=beyond) if beyond > 0 else listed


def _sentence(reason: str) -> str:
    text = wording.sentence(reason.strip()) or say("blind.no_reason")
    return text if text.endswith((".", "!", "?")) else f"{text}."
