"""The core's own sentences in the reader's language: a stored English one is matched against templates, and said anew.

Boards keep reasons in English, for they are stored, exported and mailed. `sentences/<language>.po` holds a template for each
that the core makes; a {placeholder} is named after its slot (`SLOTS`), with a digit where there are several. A sentence that
no template fits stays English.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache, reduce
from string import Formatter
from typing import TYPE_CHECKING

from analytics.speech.language import FOLDER, WRITTEN, catalogue
from analytics.speech.words import unit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from analytics.speech.language import Language

BOOK = FOLDER / "sentences"
LONGEST = 2000
"""What is longer is no sentence of the core, and could take long to match."""


def translated(reader: Language, text: str) -> str:
    """Give a sentence of the core in the reader's language, or as it is."""
    return known(reader, text) or text


@lru_cache(maxsize=1 << 14)
def known(reader: Language, text: str) -> str | None:
    """Give a sentence of the core in the reader's language; None where no template fits all of it."""
    if reader.key == WRITTEN:
        return text
    return _several(reader, text) if 0 < len(text) <= LONGEST else None


def _several(reader: Language, text: str) -> str | None:
    """Say one sentence, or some in a row; names may hold a full stop, so that the longest first sentence that fits is taken."""
    whole = _one(reader, text)
    if whole is not None:
        return whole
    for found in reversed(list(re.finditer(r"[.!?](?= \S)|;(?= \S)", text))):
        stop = ";" if found[0] == ";" else ""
        first = _one(reader, text[: found.start() if stop else found.end()])
        rest = _several(reader, text[found.end() + 1 :]) if first is not None else None
        if first is not None and rest is not None:
            return f"{first}{stop} {rest}"
    return None


def _one(reader: Language, text: str, context: str | None = None) -> str | None:
    bare = text.removesuffix(".")
    for template in templates(reader.key, context):
        for said, end in ((text, ""), (bare, ".")) if bare != text else ((text, ""),):
            found = template.said(reader, said)
            if found is not None:
                return _like(text, found) + end
    return None


def _like(text: str, found: str) -> str:
    """Begin with a capital where the English does; German nouns do anyway."""
    return found[:1].upper() + found[1:] if text[:1].isupper() else found


@dataclass(frozen=True)
class Template:
    """An English sentence with slots as an expression, and what it is in another language."""

    pattern: re.Pattern[str]
    slots: tuple[str, ...]
    translation: str
    literal: int
    """How many letters are not in slots: the more, the surer is a match."""

    def said(self, reader: Language, text: str) -> str | None:
        """Say a text anew; None if it does not fit, or what stands in a slot has no words."""
        found = self.pattern.fullmatch(text)
        if found is None:
            return None
        values = {slot: SLOTS[_kind(slot)].write(reader, found[slot]) for slot in self.slots}
        return None if None in values.values() else self.translation.format(**values)


@lru_cache
def templates(key: str, context: str | None = None) -> tuple[Template, ...]:
    """Give the templates of a language, the most telling first; `context` names fragments that stand in slots."""
    made = [
        _template(str(message.id), str(message.string))
        for message in catalogue(key, BOOK)
        if message.id and message.string and message.context == context
    ]
    return tuple(sorted(made, key=lambda template: -template.literal))


def _template(english: str, translation: str) -> Template:
    parts: list[str] = []
    slots: list[str] = []
    literal = 0
    for text, slot, _, _ in Formatter().parse(english):
        parts.append(_literal(text, first=not parts))
        literal += len(text)
        if slot is not None:
            slots.append(slot)
            parts.append(f"(?P<{slot}>{SLOTS[_kind(slot)].pattern})")
    return Template(re.compile("".join(parts), re.DOTALL), tuple(slots), translation, literal)


def _literal(text: str, *, first: bool) -> str:
    if first and text[:1].isalpha():
        return f"[{text[0].lower()}{text[0].upper()}]{re.escape(text[1:])}"
    return re.escape(text)


def _kind(slot: str) -> str:
    return slot.rstrip("0123456789")


# ---- what stands in slots ----


@dataclass(frozen=True)
class Slot:
    """What a placeholder takes, and how it is written for a reader; None where it has no words."""

    pattern: str
    write: Callable[[Language, str], str | None]


def _same(_: Language, text: str) -> str:
    return text


def _digits(reader: Language, text: str) -> str:
    number = text.replace(",", "")
    decimals = len(number.partition(".")[2])
    try:
        return reader.formatted(float(number), f",.{decimals}f")
    except ValueError:
        return text


def _figure(reader: Language, text: str) -> str:
    """Write "14.2 %" or "3 orders"; the unit of what is "?" is not known."""
    found = re.fullmatch(r"(\+?)(-?[\d,]+(?:\.\d+)?)(?: (.+))?", text)
    if found is None:
        return text
    unit = f" {unit_of(reader, found[3], one=found[2] == '1')}" if found[3] else ""
    return f"{found[1]}{_digits(reader, found[2])}{unit}"


def _limit(reader: Language, text: str) -> str | None:
    low, to, high = text.partition(" to ")
    return _word(reader, f"{_figure(reader, low)} to {_figure(reader, high)}") if to else _figure(reader, text)


def _word(reader: Language, text: str) -> str | None:
    """Say a fragment that is a template itself."""
    return _one(reader, text, "word")


def _share(reader: Language, text: str) -> str | None:
    return _figure(reader, text) if text[0].isdigit() else _word(reader, text)


def _span(reader: Language, text: str) -> str:
    number, unit = text.split(" ")
    length = timedelta(**{_SPANS[unit]: float(number.replace(",", ""))})
    return reader.span(length)


_SPANS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def _time(reader: Language, text: str) -> str:
    """Write a time of a site's own clock."""
    day, clock = text.split(" ")
    return f"{reader.day(date.fromisoformat(day))}, {clock}"


def _dimension(reader: Language, text: str) -> str:
    return reader.name("dimension", text.replace("_", " "))


def _joined(reader: Language, texts: Iterable[str | None]) -> str | None:
    """Join what "and" joins in English."""
    said = list(texts)
    joined = catalogue(reader.key, BOOK).get("{first} and {second}", "and")
    if joined is None or None in said:
        return None
    return reduce(lambda first, second: str(joined.string).format(first=first, second=second), map(str, said))


def _kinds(reader: Language, text: str) -> str | None:
    return _joined(reader, (_dimension(reader, each) for each in text.split(" and ")))


def _where(reader: Language, text: str) -> str | None:
    """Write pairs: "product Aurora 6 and weekday Friday"; a value may hold an "and" of its own."""
    return _joined(reader, (_pair(reader, each) for each in re.split(r" and (?=[a-z_]+ )", text)))


def _pair(reader: Language, text: str) -> str:
    dimension, _, value = text.partition(" ")
    return f"{_dimension(reader, dimension)} {reader.weekday(value) if dimension == 'weekday' else value}"


def _conditions(reader: Language, text: str) -> str | None:
    return _joined(reader, (_one(reader, each, "condition") for each in text.split(" and ")))


def _fragment(context: str) -> Callable[[Language, str], str | None]:
    def write(reader: Language, text: str) -> str | None:
        return _one(reader, text, context)

    return write


_FIGURE = r"(?:\?|[-+]?[\d,]+(?:\.\d+)?(?: [^\s.,;:()](?:[^.;:()]{0,30}?[^\s.,;:()])?)?)"
SLOTS = {
    "n": Slot(r"-?[\d,]+(?:\.\d+)?", _digits),
    "figure": Slot(_FIGURE, _figure),
    "limit": Slot(f"{_FIGURE}(?: to {_FIGURE})?", _limit),
    "share": Slot(r"(?:\d+ %|over \d+ %|all)", _share),
    "span": Slot(r"[\d,]+ (?:s|min|h|d)", _span),
    "day": Slot(r"\d{4}-\d\d-\d\d", lambda reader, text: reader.day(date.fromisoformat(text))),
    "moment": Slot(
        r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)",
        lambda reader, text: reader.moment(datetime.fromisoformat(text)),
    ),
    "word": Slot(r"[a-z][a-z ]*", _word),
    "dimensions": Slot(r"[a-z ]+", lambda reader, text: reader.name("dimensions", text)),
    "kinds": Slot(r"[a-z_ ]+", _kinds),
    "where": Slot(".+?", _where),
    "conditions": Slot(".+?", _conditions),
    "what": Slot(".+", _fragment("what")),
    "when": Slot("[^;]+", _fragment("when")),
    "named": Slot(".+", _one),
    "cause": Slot(".+", lambda reader, text: _several(reader, text) or text),
    "time": Slot(r"\d{4}-\d\d-\d\d \d\d:\d\d", _time),
    "hour": Slot(r"\d\d:\d\d", _same),
    "key": Slot(r"[A-Za-z0-9_]+", _same),
    "name": Slot(".+?", _same),
    "rest": Slot(".+", _same),
}
"""The kinds of placeholders; those of names and texts take anything and are left as they are."""
