"""The picture in a mail: the history of one reading with its limits, drawn as SVG and rendered without a browser."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import resvg_py

from alerts.mail.language import language as speak
from alerts.mail.template import svg
from analytics.speech import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from analytics.speech.language import Language

WIDTH, HEIGHT = 480, 230
"""Drawn at twice this size. Fonts of 14 stay legible when a phone shrinks the picture to 350."""
LEFT, RIGHT, TOP, BOTTOM = 14, 358, 52, 194
LABEL_GAP = 17.0
_ROOM = 0.08
log = logging.getLogger(__name__)

Day = tuple[date, float]


@dataclass(frozen=True)
class Label:
    """A text at the right of the plot, at the height of what it names."""

    text: str
    y: float
    style: str


@dataclass(frozen=True)
class Plot:
    """Days and numbers as places in the picture."""

    first: date
    last: date
    low: float
    high: float

    def x(self, day: date) -> float:
        return round(
            LEFT + 6 + (RIGHT - LEFT - 12) * (day - self.first) / max(self.last - self.first, timedelta(days=1)), 2
        )

    def y(self, number: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (number - self.low) / (self.high - self.low), 2)


def picture(reading: Mapping[str, Any], language: str, zone: str) -> bytes | None:
    """Draw a reading as a PNG; None where there is no history to draw, or where drawing fails: no mail waits for a picture."""
    try:
        drawn = drawing(reading, speak(language, zone))
        return render(drawn) if drawn else None
    except Exception:  # whatever a renderer or a strange reading does, the mail goes out
        log.exception("No picture of %s %s", reading.get("kpi"), reading.get("slice"))
        return None


@lru_cache(maxsize=256)
def render(drawn: str) -> bytes:
    """Render an SVG at twice its size, with the shipped font only, so that every machine makes the same bytes.

    It is what takes longest of a mail, and in a storm many are told of the same.
    """
    return bytes(resvg_py.svg_to_bytes(svg_string=drawn, zoom=2.0, skip_system_fonts=True, font_files=list(_fonts())))


@lru_cache
def _fonts() -> tuple[str, ...]:
    folder = files("reportlab") / "fonts"
    return tuple(str(folder / name) for name in ("Vera.ttf", "VeraBd.ttf"))


def history(reading: Mapping[str, Any]) -> list[Day]:
    """Give the days that have a figure, in order."""
    found = ((date.fromisoformat(str(day)[:10]), number) for day, number, *_ in reading.get("history") or ())
    return sorted((day, float(number)) for day, number in found if number is not None and math.isfinite(number))


def drawing(reading: Mapping[str, Any], reader: Language) -> str | None:
    """Give the SVG of a reading; None with fewer than two days, of which no course can be seen."""
    days, band = history(reading), _band(reading)
    if len(days) < 2:
        return None
    reds, greens = words.ends(reading, "red"), words.ends(reading, "green")
    plot = _plot(days, band, (*reds, *greens))
    last = days[-1]
    if band:
        band = [(last[0], last[1], last[1]), *band]
    labels = _labels(reader, reading, plot, band)
    return svg(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=RIGHT,
        top=TOP,
        bottom=BOTTOM,
        title=printable(words.cut(words.title(reader, reading), 34)),
        caption=f"n = {reader.whole(reading['n'] or 0)}",
        courses=[" ".join(f"{plot.x(day)},{plot.y(number)}" for day, number in part) for part in _unbroken(days)],
        dots=[(plot.x(part[0][0]), plot.y(part[0][1])) for part in _unbroken(days) if len(part) == 1],
        last=(plot.x(last[0]), plot.y(last[1])),
        zones=_zones(plot, reds, greens),
        reds=[plot.y(end) for end in reds],
        greens=[plot.y(end) for end in greens if end not in reds],
        band=_outline(plot, band),
        labels=[Label(printable(each.text), each.y, each.style) for each in spread(labels)],
        ticks=[(plot.x(day), printable(reader.short_day(day)), anchor) for day, anchor in _ticks(plot, days[-1][0])],
    )


def _labels(
    reader: Language, reading: Mapping[str, Any], plot: Plot, band: Sequence[tuple[date, float, float]]
) -> Iterator[Label]:
    """Name the last figure, each limit and the forecast at their heights; where both limits are one, it is the red one."""
    scale, last = words.scale(reading), history(reading)[-1][1]
    reds, greens = words.ends(reading, "red"), words.ends(reading, "green")
    yield Label(scale.write(reader, last), plot.y(last), "last")
    for end in reds:
        yield Label(reader.say("limit {limit}", limit=scale.write(reader, end)), plot.y(end), "red")
    for end in greens:
        if end not in reds:
            yield Label(reader.say("green {limit}", limit=scale.write(reader, end)), plot.y(end), "green")
    for _, low, high in band[-1:]:
        yield Label(reader.say("forecast"), plot.y((low + high) / 2), "forecast")


def _band(reading: Mapping[str, Any]) -> list[tuple[date, float, float]]:
    found = (reading.get("outlook") or {}).get("band") or ()
    return sorted((date.fromisoformat(str(day)[:10]), float(low), float(high)) for day, low, high in found)


def _plot(days: Sequence[Day], band: Sequence[tuple[date, float, float]], limits: Sequence[float]) -> Plot:
    """Fit everything that is drawn, with some room above and below; the room never reaches below zero where no figure does."""
    numbers = [*(number for _, number in days), *limits, *(end for _, *ends in band for end in ends)]
    low, high = min(numbers), max(numbers)
    room = (high - low or abs(high) or 1.0) * _ROOM
    bottom = max(low - room, 0.0) if low >= 0 else low - room
    return Plot(days[0][0], max([days[-1][0], *(day for day, *_ in band)]), bottom, high + room)


def _unbroken(days: Sequence[Day]) -> list[list[Day]]:
    """Part the course where days are missing: a gap is drawn as a gap."""
    parts = [[days[0]]]
    for before, day in pairwise(days):
        if day[0] - before[0] > timedelta(days=1):
            parts.append([])
        parts[-1].append(day)
    return parts


def _zones(plot: Plot, reds: Sequence[float], greens: Sequence[float]) -> list[tuple[float, float]]:
    """Give the stretches beyond the red limit, as their top and height."""
    if not reds:
        return []
    above, below = (TOP, plot.y(max(reds)) - TOP), (plot.y(min(reds)), BOTTOM - plot.y(min(reds)))
    if len(reds) == 2:
        return [above, below]
    return [below if greens and min(greens) > reds[0] else above]


def _outline(plot: Plot, band: Sequence[tuple[date, float, float]]) -> str:
    upper = [f"{plot.x(day)},{plot.y(high)}" for day, _, high in band]
    lower = [f"{plot.x(day)},{plot.y(low)}" for day, low, _ in reversed(band)]
    return " ".join(upper + lower)


def spread(labels: Iterable[Label]) -> list[Label]:
    """Move labels apart that would cover each other, keeping their order and all of them within the picture."""
    ranked = sorted(labels, key=lambda label: label.y)
    places: list[float] = []
    for label in ranked:
        places.append(max(label.y, places[-1] + LABEL_GAP if places else TOP))
    floor = float(BOTTOM)
    for at in reversed(range(len(places))):
        places[at] = min(places[at], floor)
        floor = places[at] - LABEL_GAP
    return [Label(label.text, round(y, 2), label.style) for label, y in zip(ranked, places, strict=True)]


def _ticks(plot: Plot, today: date) -> list[tuple[date, str]]:
    """Name the first day, the last one with a figure, and one between where there is room."""
    middle = plot.first + (today - plot.first) / 2
    ticks = [(plot.first, "start"), (today, "end" if today == plot.last else "middle")]
    return [ticks[0], (middle, "middle"), ticks[1]] if (today - plot.first).days >= 6 else ticks


def printable(text: str) -> str:
    """Keep what the shipped font can draw; the rest is a question mark."""
    return words.clean(text).encode("cp1252", "replace").decode("cp1252")


def described(reading: Mapping[str, Any], reader: Language) -> str:
    """Say in words what the picture shows, for whoever does not see it."""
    days, scale = history(reading), words.scale(reading)
    said = reader.say(
        "{title}, {place}: line from {first}, {from_value}, to {last}, {to_value}.",
        title=words.title(reader, reading),
        place=words.place(reader, reading["slice"]),
        first=reader.day(days[0][0]),
        from_value=scale.write(reader, days[0][1]),
        last=reader.day(days[-1][0]),
        to_value=scale.write(reader, days[-1][1]),
    )
    red, green = words.limit(reader, reading), words.limit(reader, reading, "green")
    more = [reader.say("Red limit {limit}.", limit=red)] if red else []
    more += [reader.say("Green limit {limit}.", limit=green)] if green else []
    return " ".join([said, *more])
