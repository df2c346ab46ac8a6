"""A partner's scorecard for the monthly meeting: one or two pages drawn from one Board."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.platypus import LongTable, Table, TableStyle  # type: ignore[import-untyped]

from analytics.kpi import SMALL
from analytics.wording import count, place, value_and_limit
from data.asked import near
from data.exports.drawing import WORDS, shape, sparkline
from data.exports.paper import BAND, INNER, RULE, Pen, any_tall, written
from data.reporting import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from data.exports.paper import Written

Reading = dict[str, Any]
DRAWN = ("red", "turning", "amber")
MOST_DRAWN = 12
"""So many troubles a meeting can talk about; the others stand in the table of all figures."""
_FEWER = (9, 6, 4)
MOST_PAGES = 2
_NOTHING = "\u2013"
FEWEST_PEERS = 3
"""A median of fewer says more about them than about the partner."""
_HURTS = [21 * mm, 55 * mm, 38 * mm, 16 * mm, 37 * mm, INNER - 167 * mm]
_ALL = [21 * mm, 72 * mm, 19 * mm, 21 * mm, 21 * mm, 10 * mm, INNER - 164 * mm]
_FAMILIES = ("quality", "speed", "workload", "parts", "logistics", "contact", "customer", "cost", "integrity", "data")
_HEALTH = {
    "low_sample": "Too few rows to judge",
    "no_data": "No data",
    "late": "The source is late",
    "dead": "The source has fallen silent",
}


@dataclass(frozen=True)
class Card:
    """What a scorecard is drawn from: the partner's readings as a whole, those of its parts, and its peers' medians by KPI."""

    partner: str
    board: dict[str, Any]
    whole: tuple[Reading, ...]
    parts: tuple[Reading, ...]
    medians: dict[str, tuple[float, int]]

    @property
    def hurts(self) -> list[Reading]:
        """The troubles, worst first, those of parts after those of the whole."""
        return [r for r in (*self.whole, *self.parts) if r["level"] in DRAWN]


def card_of(board: dict[str, Any], partner: str) -> Card:
    """Pick a partner's readings from a Board. Raises UsageError for a partner that it does not know."""
    mine = [reading for reading in board["readings"] if reading["slice"].get("partner") == partner]
    known = {reading["slice"]["partner"] for reading in board["readings"] if "partner" in reading["slice"]} - {SMALL}
    known |= set(board.get("partners") or ())
    if partner not in known:
        raise UsageError(f"There is no partner {partner!r} on this Board{near(partner, known)}.")
    whole = tuple(reading for reading in mine if len(reading["slice"]) == 1)
    parts = tuple(reading for reading in mine if len(reading["slice"]) > 1)
    return Card(partner, board, whole, parts, _medians(board, partner))


def _medians(board: dict[str, Any], partner: str) -> dict[str, tuple[float, int]]:
    """Give, per KPI, the median of the other partners whose sample is large enough, and their number."""
    values: dict[str, list[float]] = defaultdict(list)
    for reading in board["readings"]:
        slice_ = reading["slice"]
        judged = reading["health"] not in ("low_sample", "no_data") and reading["value"] is not None
        if judged and list(slice_) == ["partner"] and slice_["partner"] not in (partner, SMALL):
            values[reading["kpi"]].append(reading["value"])
    return {kpi: (statistics.median(found), len(found)) for kpi, found in values.items() if len(found) >= FEWEST_PEERS}


def scorecard_pdf(card: Card, made_at: datetime) -> bytes:
    """Draw a scorecard, with so many of its troubles in detail that it stays on two pages, if it can."""
    drawn = [_drawn(card, made_at, MOST_DRAWN)]
    for most in _FEWER:
        if drawn[-1].pages <= MOST_PAGES:
            break
        drawn.append(_drawn(card, made_at, most))
    return next((each for each in drawn if each.pages <= MOST_PAGES), drawn[0]).content


def _drawn(card: Card, made_at: datetime, most: int) -> Written:
    pen, zone = Pen(), ZoneInfo(card.board["timezone"])
    body = [*_hurts(card, most, pen, zone), *_unknowns(card, pen), *_everything(card, pen)]
    title = f"Scorecard of {card.partner}"
    head = [pen.paragraph(title, "title"), pen.paragraph(_summary(card, made_at, zone), "body")]
    note = [pen.paragraph(pen.note(), "body")] if pen.note() else []
    said = f"Board {card.board['version']} as of {_local(card.board['as_of'], zone)}"
    footer = [
        pen.plain(f"{title[:90]} · {card.board['network'][:60]} · {said}"),
        "Figures are those of that Board, unrounded in export readings; the rows behind each are in export rows.",
    ]
    return written([*head, *note, *body], title, said, footer)


def _summary(card: Card, made_at: datetime, zone: ZoneInfo) -> str:
    about = (card.board.get("partners") or {}).get(card.partner, {})
    names = ("type", "tier", "country", "region", "shore")
    facts = ", ".join(f"{name} {about[name]}" for name in names if about.get(name))
    counts = {level: sum(r["level"] == level for r in card.whole) for level in WORDS}
    told = ", ".join(
        f"{counts[level]} {WORDS[level].lower()}" for level in WORDS if counts[level] or level != "turning"
    )
    return (
        f"{card.board['network']}. {facts[:1].upper() + facts[1:]}{'. ' if facts else ''}"
        f"Board {card.board['version']} as of {_local(card.board['as_of'], zone)}, made at {_local(made_at, zone)}. "
        f"Times are those of {card.board['timezone']}.\n"
        f"{len(card.whole)} figures of this partner were judged: {told or 'none'}. "
        "What is unknown is not good: it is listed with its reason."
    )


def _local(moment: str | datetime, zone: ZoneInfo) -> str:
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {local:%Z}"


def _hurts(card: Card, most: int, pen: Pen, zone: ZoneInfo) -> list[Any]:
    found = card.hurts
    heading = pen.paragraph("Where it hurts", "heading")
    if not found:
        return [heading, pen.paragraph("Nothing that could be judged is red or amber.", "body")]
    head = _head(pen, "Level", "Figure and its drivers", "Value and limits", "Peers", "Last 14 days", "Hurt")
    rows = [_hurt(card, reading, pen, zone) for reading in found[:most]]
    more = len(found) - most
    rest = (
        [
            pen.paragraph(
                f"{more} more stand among all figures below, or, of parts of this partner, in export readings.", "faint"
            )
        ]
        if more > 0
        else []
    )
    return [heading, _laid([head, *rows], _HURTS), *rest]


def _hurt(card: Card, reading: Reading, pen: Pen, zone: ZoneInfo) -> list[Any]:
    limits = reading["limits"]
    line = sparkline(reading["history"], limits, reading["level"], _HURTS[4] - 4 * mm, 15)
    course = [line] if line.contents else []
    trend = f"{reading['trend']}; " if course else ""  # of a single day there is no trend to tell
    since = f"{trend}since {_local(reading['since'], zone)[:10]}" if reading["since"] else ""
    stale = [pen.paragraph("STALE: the data is older than agreed", "faint")] if reading["stale"] else []
    customers = float(reading.get("customers") or 0.0)
    return [
        [_level(reading["level"], pen)],
        [pen.paragraph(_named(card, reading), "strong"), *_driven(reading, pen), *stale],
        [pen.paragraph(_value(reading), "strong"), pen.paragraph(_limits(reading), "faint")],
        _median(card, reading, pen),
        [*course, pen.paragraph(since, "faint")],
        [pen.paragraph(f"{customers:.0f}", "cell"), pen.paragraph(f"pain {reading['pain']:.0f}", "faint")],
    ]


def _named(card: Card, reading: Reading) -> str:
    """Name a reading, by its part of the partner if it is one of a part."""
    part = tuple(each for each in reading["slice"].items() if each != ("partner", card.partner))
    return f"{reading['title']}, {place(part).lower() if len(part) > 1 else _part(part)}" if part else reading["title"]


def _part(part: tuple[tuple[str, str], ...]) -> str:
    ((dimension, value),) = part
    return f"{dimension.replace('_', ' ')} {value}"


def _driven(reading: Reading, pen: Pen) -> list[Any]:
    """Say what drives a trouble and which measures would help; of what was not looked into, that."""
    told = [pen.paragraph(f"Driver: {driver['text']}", "faint") for driver in reading["drivers"][:2]]
    measures = ", ".join(each.replace("_", " ") for each in reading["remedies"])
    return [*told, *([pen.paragraph(f"Measures: {measures}", "faint")] if measures else [])]


def _value(reading: Reading) -> str:
    if reading["value"] is None:
        return "no figure"
    said, _ = value_and_limit(reading["value"], _bound(reading["limits"]["red"]), reading["unit"])
    return said


def _limits(reading: Reading) -> str:
    green, red = (
        value_and_limit(reading["value"], _bound(reading["limits"][name]), reading["unit"])[1]
        for name in ("green", "red")
    )
    return f"green {green}, red {red}; n\u00a0=\u00a0{count(reading['n'])}"


def _bound(bound: Any) -> Any:
    return tuple(bound) if isinstance(bound, list) else bound


def _median(card: Card, reading: Reading, pen: Pen) -> list[Any]:
    median, peers = card.medians.get(reading["kpi"], (None, 0))
    if median is None or len(reading["slice"]) > 1:
        return [pen.paragraph(_NOTHING, "faint")]
    return [pen.paragraph(_among_peers(median, reading)), pen.paragraph(f"of {peers} peers", "faint")]


def _among_peers(median: float, reading: Reading) -> str:
    said, _ = value_and_limit(median, _bound(reading["limits"]["red"]), reading["unit"])
    return said


def _level(level: str, pen: Pen, style: str = "cell") -> Any:
    """Draw a level as shape and word."""
    cells = [[shape(level), pen.paragraph(WORDS[level], style)]]
    table = Table(cells, colWidths=[4 * mm, 17 * mm], hAlign="LEFT")
    table.setStyle(
        TableStyle([(name, (0, 0), (-1, -1), 0) for name in _PADS] + [("VALIGN", (0, 0), (-1, -1), "MIDDLE")])
    )
    return table


_PADS = ("LEFTPADDING", "RIGHTPADDING", "TOPPADDING", "BOTTOMPADDING")


def _unknowns(card: Card, pen: Pen) -> list[Any]:
    unknown = [reading for reading in card.whole if reading["level"] == "unknown"]
    if not unknown:
        return []
    found = [pen.paragraph("What is unknown, and why", "heading")]
    for health, why in _HEALTH.items():
        mine = [reading for reading in unknown if reading["health"] == health]
        if mine:
            found.append(pen.paragraph(f"{why}: {'; '.join(_unknown(reading) for reading in mine)}.", "cell"))
    return found


def _unknown(reading: Reading) -> str:
    if reading["health"] == "low_sample":
        figure = (
            f"{_value(reading)} of {count(reading['n'])}"
            if reading["value"] is not None
            else f"{count(reading['n'])} rows"
        )
        return f"{reading['title']} ({figure})"
    if reading["health"] == "no_data":
        return str(reading["title"])
    return f"{reading['title']} ({reading['reason'].rstrip('.')})"


def _everything(card: Card, pen: Pen) -> list[Any]:
    families = {name: [r for r in card.whole if r["family"] == name] for name in _families(card.whole)}
    rows = [_head(pen, "Level", "Figure", "Value", "Green limit", "Red limit", "n", "Peers")]
    bands = []
    for family, readings in families.items():
        bands.append(len(rows))
        rows.append([[pen.paragraph(family.capitalize(), "strong")], *([[]] * (len(_ALL) - 1))])
        rows += [_line(card, reading, pen) for reading in sorted(readings, key=lambda r: r["title"])]
    if len(rows) == 1:
        return []
    style = [("BACKGROUND", (0, i), (-1, i), BAND) for i in bands] + [("SPAN", (0, i), (-1, i)) for i in bands]
    style += [("NOSPLIT", (0, i), (-1, i + 1)) for i in bands]
    said = (
        "Values in brackets are of too few rows to be judged. Peers: the median of the other partners that have enough rows, "
        f"where these are {FEWEST_PEERS} or more."
    )
    return [
        pen.paragraph("All figures of this partner", "heading"),
        pen.paragraph(said, "faint"),
        _laid(rows, _ALL, style),
    ]


def _families(readings: Iterable[Reading]) -> list[str]:
    named = dict.fromkeys(reading["family"] for reading in readings)
    return [*(name for name in _FAMILIES if name in named), *(name for name in named if name not in _FAMILIES)]


def _line(card: Card, reading: Reading, pen: Pen) -> list[Any]:
    few = reading["health"] == "low_sample"
    value = f"({_value(reading)})" if few and reading["value"] is not None else _value(reading)
    limits = [value_and_limit(None, _bound(reading["limits"][name]), reading["unit"])[1] for name in ("green", "red")]
    median, _ = card.medians.get(reading["kpi"], (None, 0))
    peers = _NOTHING if median is None else _among_peers(median, reading)
    return [
        [_level(reading["level"], pen, "small")],
        [pen.paragraph(reading["title"], "small")],
        [pen.paragraph(value, "faint" if reading["level"] == "unknown" else "small")],
        *([pen.paragraph(each, "small")] for each in limits),
        [pen.paragraph(count(reading["n"]), "faint")],
        [pen.paragraph(peers, "small")],
    ]


def _head(pen: Pen, *names: str) -> list[Any]:
    return [[pen.paragraph(name, "strong")] for name in names]


def _laid(rows: Sequence[Sequence[Any]], widths: Sequence[float], further: Sequence[Any] = ()) -> Any:
    table = LongTable(rows, colWidths=widths, repeatRows=1, splitInRow=int(any_tall(rows, widths)))
    lines = [("LINEBELOW", (0, 0), (-1, 0), 0.8, RULE), ("LINEBELOW", (0, 1), (-1, -1), 0.25, RULE)]
    room = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ]
    tight = [("TOPPADDING", (0, 0), (-1, -1), 1.0), ("BOTTOMPADDING", (0, 0), (-1, -1), 1.4)]
    table.setStyle(TableStyle([*room, *tight, *lines, *further]))
    return table
