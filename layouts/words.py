"""Every sentence of the pages, by key, in the language of whoever reads: `language/<tongue>/<area>.po` hold them.

Who reads is said once per request with `spoken`; what is drawn within it, also in threads started by asyncio, speaks so.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

from babel.messages.pofile import read_po

from analytics.speech.language import SPOKEN, WRITTEN, form_of, language, own_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from babel import Locale

    from analytics.speech.language import Language

USUAL = WRITTEN
LANGUAGES = {key: own_name(key) for key in SPOKEN}
"""The languages that pages and mails are written in, by their own names."""
_FOLDER = Path(__file__).parent / "language"
_reader: ContextVar[Language] = ContextVar("reader", default=language(USUAL, "UTC"))  # noqa: B039  # it is frozen


def reader() -> Language:
    """Give how whoever reads here is spoken to: words, numbers, days, and the zone of the clock."""
    return _reader.get()


def tongue() -> str:
    """Give the language that is spoken here: a key of LANGUAGES."""
    return reader().key


def locale() -> Locale:
    """Give how numbers and days are written here."""
    return reader().locale


@contextmanager
def spoken(tongue: str, zone: str | None = None) -> Iterator[None]:
    """Speak a language within, by the clock of a zone (IANA name, else that from before); one that is not there is English."""
    heard = language(tongue if tongue in LANGUAGES else USUAL, zone or "UTC")
    before = _reader.set(heard if zone else replace(heard, zone=reader().zone))
    try:
        yield
    finally:
        _reader.reset(before)


@cache
def sentences(tongue: str) -> Mapping[str, str | tuple[str, ...]]:
    """Read all sentences of a language; those for one and for several are tuples."""
    found: dict[str, str | tuple[str, ...]] = {}
    for path in sorted((_FOLDER / tongue).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=tongue):
                if message.id and message.string:
                    key = message.id if isinstance(message.id, str) else message.id[0]
                    found[key] = message.string if isinstance(message.string, str) else tuple(message.string)
    return found


def say(key: str, /, **values: Any) -> str:
    """Give a sentence with its {placeholders} filled in; what counts something says so by `n`, written {n:,}."""
    text, heard = _text(key)
    if isinstance(text, tuple):
        text = form_of(heard.locale, text, values["n"])
    return _Written(heard).vformat(text, (), values)


def word(group: str, key: str) -> str:
    """Give the word for one of a group's names ("level", "red"); a name nobody has worded yet is spelled out."""
    text = sentences(tongue()).get(f"{group}.{key}") or sentences(USUAL).get(f"{group}.{key}")
    return text if isinstance(text, str) else key.replace("_", " ")


def _text(key: str) -> tuple[str | tuple[str, ...], Language]:
    """Give a sentence, and whose language it is in: what is not there yet is said in English."""
    own = sentences(tongue()).get(key)
    return (own, reader()) if own else (sentences(USUAL)[key], replace(_ENGLISH, zone=reader().zone))


_ENGLISH = language(USUAL, "UTC")


class _Written(Formatter):
    """Fills sentences in; numbers whose placeholders have a format get the separators of the language."""

    def __init__(self, heard: Language) -> None:
        self._heard = heard

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec and isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._heard.formatted(value, format_spec)
        return str(super().format_field(value, format_spec))
