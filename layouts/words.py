"""Every sentence of the pages, by key, in the language of whoever reads: `language/<tongue>/<area>.po` hold them.

Who reads is said once per request with `spoken`; what is drawn within it, also in threads started by asyncio, speaks so.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

from babel import Locale
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LANGUAGES = {"en": "English", "de": "Deutsch"}
"""The languages that pages and mails are written in, by their own names."""
USUAL = "en"
_LOCALES = {"en": Locale("en", "GB"), "de": Locale("de")}
_FOLDER = Path(__file__).parent / "language"
_tongue: ContextVar[str] = ContextVar("tongue", default=USUAL)


def tongue() -> str:
    """Give the language that is spoken here: a key of LANGUAGES."""
    return _tongue.get()


def locale() -> Locale:
    """Give how numbers and days are written here."""
    return _LOCALES[tongue()]


@contextmanager
def spoken(language: str) -> Iterator[None]:
    """Speak a language within; one that is not there is English."""
    before = _tongue.set(language if language in LANGUAGES else USUAL)
    try:
        yield
    finally:
        _tongue.reset(before)


@cache
def sentences(language: str) -> Mapping[str, str | tuple[str, ...]]:
    """Read all sentences of a language; those for one and for several are tuples."""
    found: dict[str, str | tuple[str, ...]] = {}
    for path in sorted((_FOLDER / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                if message.id:
                    key = message.id if isinstance(message.id, str) else message.id[0]
                    said = message.string or ""
                    found[key] = said if isinstance(said, str) else tuple(said)
    return found


def say(key: str, /, **values: Any) -> str:
    """Give a sentence with its {placeholders} filled in; what counts something says so by `n`, written {n:,}."""
    text = _text(key)
    if isinstance(text, tuple):
        text = text[0 if locale().plural_form(values["n"]) == "one" else 1]
    return _WRITTEN.vformat(text, (), values)


def word(group: str, key: str) -> str:
    """Give the word for one of a group's names ("level", "red"); a name nobody has worded yet is spelled out."""
    text = sentences(tongue()).get(f"{group}.{key}") or sentences(USUAL).get(f"{group}.{key}")
    return text if isinstance(text, str) else key.replace("_", " ")


def _text(key: str) -> str | tuple[str, ...]:
    return sentences(tongue()).get(key) or sentences(USUAL)[key]


class _Written(Formatter):
    """Fills sentences in; numbers that ask for separators get those of the language."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "," and isinstance(value, (int, float)):
            return str(format_decimal(value, "#,##0.###", locale()))
        return str(super().format_field(value, format_spec))


_WRITTEN = _Written()
