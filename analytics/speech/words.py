"""A reading in the reader's words: names, places, figures, customers, drivers, measures; all from fields, never from sentences."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from analytics import wording
from analytics.kpi import SMALL
from analytics.speech.language import is_shipped, msgid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from analytics.speech.language import Language

SOURCE = "source"
LONGEST_NAME = 80
"""Longer names are cut at a word: no honest name is longer, and a hostile one must not fill the mail."""
LONGEST_SENTENCE = 300
MOST_DRIVERS, MOST_MEASURES = 3, 5
_JOINERS = "\u200c\u200d"
"""Invisible, and needed to write several Indic scripts and Persian."""

LEVELS = {
    "red": (msgid("Red"), "■"),
    "turning": (msgid("Turning red"), "▲"),
    "amber": (msgid("Amber"), "◆"),
    "green": (msgid("Green"), "✓"),
    "unknown": (msgid("Unknown"), "?"),
    "dead": (msgid("No news"), "✕"),
    "undelivered": (msgid("Not delivered"), "✕"),
}
"""A level's word and its shape, so that nobody needs its colour."""

MEASURES = {
    "add_capacity": msgid("Add capacity: more shifts or technicians"),
    "audit": msgid("Audit, and hold the claims until it is done"),
    "chase": msgid("Chase the decisions that orders wait for"),
    "data_ticket": msgid("Open a ticket with whoever runs the data feed"),
    "expedite_parts": msgid("Expedite parts, or move them from other sites"),
    "flex_contact": msgid("Tell customers before they ask, and staff the contact centre"),
    "front_desk": msgid("Check devices better at the front desk"),
    "investigate": msgid("Investigate the records before anybody is blamed"),
    "pre_clear": msgid("Clear customs ahead of arrival"),
    "qc_gate": msgid("Add a quality gate before hand-back, and retrain"),
    "reroute": msgid("Route new orders to other partners"),
    "swap": msgid("Swap devices instead of repairing them"),
    "switch_courier": msgid("Warn the carrier, or switch to another one"),
}

PAINS = {
    "waits": msgid("they wait"),
    "not_fixed": msgid("their device is not fixed"),
    "unheard": msgid("nobody hears them"),
    "lost": msgid("their device or their data is lost"),
    "pays": msgid("they pay too much, or are refused"),
    "brand_pays": msgid("the brand pays"),
    "blind": msgid("nobody sees how they fare"),
}

TRENDS = {"worsening": msgid("worsening"), "improving": msgid("improving"), "steady": msgid("steady")}


def clean(text: Any) -> str:
    """Give a foreign text as one visible line: no line breaks, controls or marks that turn the order of letters."""
    visible = (c if unicodedata.category(c)[0] != "C" or c in _JOINERS else " " for c in str(text))
    return " ".join("".join(visible).split())


def cut(text: str, most: int) -> str:
    """Shorten a text at a word; a single long word is cut where it must be."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    at_word = head.rsplit(" ", 1)[0].rstrip(" ,;:(")
    return f"{at_word if len(at_word) > most // 2 else head}…"


def title(reader: Language, reading: Mapping[str, Any]) -> str:
    return cut(clean(reader.name("kpi", str(reading["title"]))), LONGEST_NAME)


def title_inside(reader: Language, reading: Mapping[str, Any]) -> str:
    """Give the title as it stands within a sentence: English lowers the first letter of the titles that are ours."""
    said = title(reader, reading)
    return said[:1].lower() + said[1:] if reader.key == "en" and is_shipped(str(reading["title"])) else said


def is_source(reading: Mapping[str, Any]) -> bool:
    return bool(reading["kpi"] == SOURCE)


def source(reading: Mapping[str, Any]) -> str:
    return cut(clean(reading["slice"].get(SOURCE, "?")), LONGEST_NAME)


def place(reader: Language, part: Mapping[str, str]) -> str:
    """Name a slice as a heading does: a partner by its name alone, everything else with its dimension."""
    said = ", ".join(_places(reader, part))
    return said[:1].upper() + said[1:] if said else reader.say("Whole network")


def where(reader: Language, part: Mapping[str, str]) -> str:
    """Name a slice as the end of a sentence: at Partner 14, in India (IN), for channel walk_in."""
    if not part:
        return reader.say("in the whole network")
    said = ", ".join(_places(reader, part))
    first = _ordered(part)[0]
    if first[1] == SMALL:
        return reader.say("among {place}", place=said)
    if first[0] == "partner":
        return reader.say("at {place}", place=said)
    return reader.say("in {place}", place=said) if first[0] == "country" else reader.say("for {place}", place=said)


def _ordered(part: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(part.items(), key=lambda pair: (pair[0] != "partner", pair[0]))


def _places(reader: Language, part: Mapping[str, str]) -> Iterator[str]:
    for dimension, value in _ordered(part):
        name = cut(clean(value), LONGEST_NAME)
        if value == SMALL:
            several = clean(reader.name("dimensions", wording.plural(dimension.replace("_", " "))))
            yield reader.say("{parts} too small to judge alone", parts=several)
        elif dimension == "partner":
            yield name
        elif dimension == "country":
            yield reader.country(name)
        else:
            value_said = reader.weekday(name) if dimension == "weekday" else name
            yield f"{clean(reader.name('dimension', dimension.replace('_', ' ')))} {value_said}"


@dataclass(frozen=True)
class Scale:
    """How the figures of one reading are written, so that the eye can compare them."""

    factor: float
    unit: str

    def write(self, reader: Language, number: float | None) -> str:
        if number is None or not math.isfinite(number):
            return "?"
        said = reader.number(number * self.factor)
        return f"{said} {clean(unit_of(reader, self.unit, one=said == '1'))}".strip()


def unit_of(reader: Language, unit: str, *, one: bool = False) -> str:
    """Name a unit, which may be another word where there is one of it."""
    return reader.name("one", _ONE[unit]) if one and unit in _ONE else reader.name("unit", unit)


_ONE = {"orders": "order", "claims": "claim", "entries": "entry", "points": "point", "d": "d"}
"""Units that are another word where there is one of them."""


def scale(reading: Mapping[str, Any]) -> Scale:
    """Give the scale that pages use: shares in percent, and long times in days."""
    unit = str(reading["unit"] or "")
    if unit == "%":
        return Scale(100.0, unit)
    sizes = [abs(number) for number in (reading["value"], *ends(reading, "red")) if number is not None]
    return (
        Scale(1 / 24, "d")
        if unit == "h" and max(sizes, default=0.0) >= wording.HOURS_READ_AS_DAYS
        else Scale(1.0, unit)
    )


def ends(reading: Mapping[str, Any], level: str) -> tuple[float, ...]:
    """Give the limit of a level, or the two ends of its band; none if there is none."""
    bound = (reading.get("limits") or {}).get(level)
    if bound is None:
        return ()
    return tuple(float(end) for end in bound) if isinstance(bound, list | tuple) else (float(bound),)


def value(reader: Language, reading: Mapping[str, Any]) -> str:
    return scale(reading).write(reader, reading["value"])


def limit(reader: Language, reading: Mapping[str, Any], level: str = "red") -> str:
    """Write a limit; "" where there is none."""
    said = [scale(reading).write(reader, end) for end in ends(reading, level)]
    return reader.say("{low} to {high}", low=said[0], high=said[1]) if len(said) == 2 else "".join(said)


def sample(reader: Language, reading: Mapping[str, Any]) -> str:
    """Say what the figure stands on: 42 of 296, over 99 % sure."""
    part, of = reading.get("numerator"), reading.get("denominator")
    if reading["unit"] == "%" and part is not None and of is not None and float(part).is_integer():
        said = reader.say("{part} of {all}", part=reader.whole(part), all=reader.whole(of))
    else:
        said = f"n = {reader.whole(reading['n'] or 0)}"
    sure = reading.get("evidence")
    return f"{said}, {_sure(reader, sure)}" if sure is not None and reading["level"] == "red" else said


def _sure(reader: Language, probability: float) -> str:
    """Write a probability without ever claiming certainty."""
    if probability > 0.99:
        return reader.say("over {share} sure", share=reader.percent(0.99))
    return reader.say("{share} sure", share=reader.percent(probability))


def hurt(reader: Language, reading: Mapping[str, Any]) -> str:
    """Say how many customers are hurt beyond what the green limit allows, and how where it is told; "" if none."""
    customers = reading.get("customers") or 0.0
    if customers <= 0 or not math.isfinite(customers):
        return ""
    whole = round(customers)
    said = (
        reader.many("{n} customer hurt", "{n} customers hurt", whole) if whole else reader.say("under 1 customer hurt")
    )
    kind = PAINS.get(str(reading.get("pain_kind")))
    return f"{said}: {reader.say(kind)}" if kind else said


def drivers(reader: Language, reading: Mapping[str, Any]) -> tuple[str, ...]:
    """Say where the excess lies; it is said to be associated, and no cause."""
    return tuple(_driver(reader, found) for found in (reading.get("drivers") or ())[:MOST_DRIVERS])


def _driver(reader: Language, found: Mapping[str, Any]) -> str:
    share = reader.percent(found["share"])
    at = place(reader, found["where"])
    if found.get("low") is None or found.get("high") is None or found["low"] == found["high"]:
        return reader.say("{share} of the excess is associated with: {place}", share=share, place=at)
    low, high = reader.whole(100 * found["low"]), reader.percent(found["high"])
    return reader.say(
        "{share} ({low} to {high}) of the excess is associated with: {place}", share=share, low=low, high=high, place=at
    )


def outlook(reader: Language, reading: Mapping[str, Any]) -> tuple[str, ...]:
    """Give what will happen and its record; nothing where nothing is forecast."""
    found = reading.get("outlook")
    if not found or not found.get("text"):
        return ()
    record = found.get("record")
    if isinstance(record, dict) and {"right", "of"} <= record.keys():
        record = reader.say(
            "right {right} of {of} times", right=reader.whole(record["right"]), of=reader.whole(record["of"])
        )
    return tuple(cut(clean(text), LONGEST_SENTENCE) for text in (found["text"], record) if text)


def measures(reader: Language, reading: Mapping[str, Any]) -> tuple[str, ...]:
    """Give what would help: keys of the catalogue in words, sized measures by their own text."""
    return tuple(_measure(reader, remedy) for remedy in (reading.get("remedies") or ())[:MOST_MEASURES])


def _measure(reader: Language, remedy: Any) -> str:
    if isinstance(remedy, dict):
        remedy = remedy.get("text") or remedy.get("key") or remedy.get("measure") or ""
    text = clean(remedy)
    if text in MEASURES:
        return reader.say(MEASURES[text])
    if text and text == text.lower() and " " not in text:
        text = text.replace("_", " ")
    return cut(text[:1].upper() + text[1:], LONGEST_SENTENCE)


def trend(reader: Language, reading: Mapping[str, Any]) -> str:
    word = TRENDS.get(str(reading.get("trend")))
    return reader.say(word) if word else ""


def instant(text: str | None) -> datetime | None:
    """Read a time of the contract's JSON; None if there is none."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
