"""What a route or a maintenance window is for: slices, KPIs, families, levels and pain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from analytics.kpi import Level
from analytics.master import INHERITED
from analytics.routing import SOURCE, Match
from data.settings.problems import quoted, suggest
from data.settings.shapes import Family, as_texts, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data.settings.document import Table
    from data.settings.problems import Place

OWN = ("kpi", "family", "level", "pain_above")
"""Conditions that are no dimension."""
_TOLD = (Level.RED, Level.TURNING)


@dataclass(frozen=True)
class Known:
    """What a match may name: KPIs and dimensions (None if the catalogue could not be read), and sources."""

    kpis: tuple[str, ...] | None
    dimensions: tuple[str, ...] | None
    sources: tuple[str, ...]

    @classmethod
    def of(cls, catalogue: Table | None, sources: Iterable[str]) -> Known:
        """Take the names as kpis.toml writes them, so that a mistake in a KPI is not said again of every route."""
        if catalogue is None:
            return cls(None, None, tuple(sources))
        kpis = catalogue.get("kpi")
        entries = kpis if isinstance(kpis, dict) else {}
        by = [column for entry in entries.values() for column in _columns(entry)]
        return cls(tuple(entries), tuple(dict.fromkeys([*by, *INHERITED, SOURCE])), tuple(sources))


def _columns(entry: Any) -> Iterable[str]:
    groups = entry.get("by") if isinstance(entry, dict) else None
    for group in groups if isinstance(groups, list) else ():
        yield from (column for column in group if isinstance(column, str)) if isinstance(group, list) else ()


def read_match(table: Table | None, known: Known, place: Place, levels: tuple[Level, ...] = ()) -> Match:
    """Check every condition of a match; `levels` are those it asks for where it names none."""
    table = table or {}
    texts = {key: as_texts(wanted, place.at(key)) for key, wanted in table.items() if key != "pain_above"}
    kpis, families, written = (texts.pop(key, ()) for key in ("kpi", "family", "level"))
    _say_unknown("KPI", kpis, known.kpis, place.at("kpi"))
    _say_unknown("family", families, get_args(Family), place.at("family"))
    for dimension in texts:
        if known.dimensions is not None and dimension not in known.dimensions:
            unknown(place.at(dimension), "slice dimension", dimension, (*OWN, *known.dimensions))
    _say_unknown("source", texts.get(SOURCE, ()), known.sources, place.at(SOURCE))
    told = tuple(level for text in written if (level := _level(text, place.at("level"))) is not None)
    pain = _pain(table.get("pain_above"), place.at("pain_above"))
    return Match(tuple(texts.items()), kpis, families, told or levels, pain)


def _say_unknown(what: str, written: Iterable[str], known: Iterable[str] | None, place: Place) -> None:
    if known is None:
        return
    names = tuple(known)
    for name in written:
        if name not in names:
            unknown(place, what, name, names)


def _level(text: str, place: Place) -> Level | None:
    if text in _TOLD:
        return Level(text)
    if text in tuple(Level):
        place.say(f"nobody is told of {quoted(text)}", "use red or turning")
    else:
        place.say(f"unknown level {quoted(text)}", suggest(text, _TOLD))
    return None


def _pain(value: Any, place: Place) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        place.say("expected a number of customers, 0 or more", "write it without quotes, e.g. 200")
        return None
    return float(value)
