"""Names and figures of readings in the language that is spoken here (`layouts.words.spoken`); English ones are the core's own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from analytics import wording
from analytics.kpi import SMALL
from analytics.speech import words
from analytics.speech.sentence import translated
from analytics.wording import plural
from layouts.words import reader, say, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.kpi import Bound, Slice


def title(text: str) -> str:
    """Give a KPI's title; one that the user made stays as it is."""
    return reader().name("kpi", text)


def title_inside(text: str) -> str:
    """Give a title as it stands within a sentence."""
    return words.title_inside(reader(), {"title": text})


def dimension(name: str) -> str:
    """Name a dimension: service type, Serviceart."""
    return reader().name("dimension", name.replace("_", " "))


def dimensions(name: str) -> str:
    """Name several of a dimension: countries, Länder."""
    return reader().name("dimensions", plural(name.replace("_", " ")))


def unit(name: str) -> str:
    return reader().name("unit", name)


def figure(number: float) -> str:
    """Write a number in three or so significant digits, as `analytics.wording.figure` does."""
    return reader().number(number)


def value_and_limit(value: float | None, bound: Bound, name: str) -> tuple[str, str]:
    """Write a value and its limit, or the two ends of its band, in one and the same unit."""
    scale = words.scale({"unit": name, "value": value, "limits": {"red": bound}})
    ends = [scale.write(reader(), end) for end in (bound if isinstance(bound, tuple | list) else (bound,))]
    return scale.write(reader(), value), say("wording.range", low=ends[0], high=ends[1]) if ends[1:] else ends[0]


def values(name: str, *numbers: float) -> list[str]:
    """Write numbers in one and the same unit, so that the eye can compare them."""
    scale = words.scale({"unit": name, "value": None, "limits": {"red": numbers}})
    return [scale.write(reader(), number) for number in numbers]


def whole(number: float) -> str:
    """Write a number of things; sums of other things may be broken."""
    return reader().formatted(number, ",.0f" if float(number).is_integer() else ",.1f")


def percent(probability: float) -> str:
    """Write a probability without ever claiming certainty."""
    if 0.005 <= probability < 0.995:
        return reader().percent(probability)
    return f"> {reader().percent(0.99)}" if probability > 0.5 else f"< {reader().percent(0.01)}"


def english_place(part: Slice | Mapping[str, str]) -> str:
    """Name a slice as it is stored and searched, whoever reads."""
    return wording.place(part if isinstance(part, tuple) else tuple(part.items()))


def place(part: Slice | Mapping[str, str]) -> str:
    """Name a slice: a partner by its name alone, everything else with its dimension."""
    pairs = part if isinstance(part, tuple) else tuple(part.items())
    if not pairs:
        return say("wording.whole")
    ordered = sorted(pairs, key=lambda pair: (pair[0] != "partner", pair[0]))
    said = ", ".join(_one(*pair) for pair in ordered)
    return said if ordered[0][0] == "partner" else f"{said[:1].upper()}{said[1:]}"


def _one(name: str, value: str) -> str:
    if value == SMALL:
        return say("wording.small", parts=dimensions(name))
    if name == "partner":
        return value
    return f"{dimension(name)} {reader().weekday(value) if name == 'weekday' else value}"


def hurt(customers: float) -> str:
    """Say how many customers are hurt beyond what the green limit allows."""
    if customers <= 0 or not math.isfinite(customers):
        return ""
    whole = round(customers)
    return say("wording.hurt", n=whole) if whole else say("wording.under_one_hurt")


def driver(found: Mapping[str, Any]) -> str:
    """Write a driver in short: "63 % of it: Aurora 6 Pro"; it is said to be associated, and no cause."""
    where = dict(found["where"])
    alone = len(where) == 1 and not _NAMED_ALONE.isdisjoint(where)
    value = next(iter(where.values()), "") if alone else ""
    named = reader().weekday(value) if value and "weekday" in where else value
    return say("wording.driver", share=100 * found["share"], named=named or place(where))


_NAMED_ALONE = {"partner", "product", "part", "carrier", "supplier", "brand", "site", "weekday", "lane"}
"""Dimensions whose values say by themselves what they are."""


def measure(remedy: str) -> str:
    """Write a measure for people; a bare key of the catalogue by its word, spelled out where nobody worded it."""
    text = str(remedy).strip()
    if text and text == text.lower() and " " not in text:
        text = word("measure", text)
    return sentence(text[:1].upper() + text[1:])


def sentence(text: str) -> str:
    """Give a sentence that the core made, in the reader's language; one that nobody worded stays English."""
    return translated(reader(), text)
