"""The reader's language: words from the catalogues, and numbers, days and times as the reader's region writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_skeleton, format_time, format_timedelta, get_timezone_name
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from analytics import wording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).parent
WRITTEN = "en"
"""The language of the code; it needs no catalogue here."""
SPOKEN = (WRITTEN, *sorted(file.stem for file in FOLDER.glob("*.po")))
"""Languages that there are words in; whoever asks for another one reads English."""
PLAIN_ENGLISH = "en_GB"
"""English without a region is read all over the world: days before months, and 24 hours."""


def msgid(text: str) -> str:
    """Mark a text that is translated where it is shown."""
    return text


def msgids(one: str, several: str) -> tuple[str, str]:
    """Mark a text for one and for several, translated where it is shown."""
    return one, several


@dataclass(frozen=True)
class Language:
    """How one reader is spoken to: `key` is one of SPOKEN, `locale` writes numbers and days, `zone` is where clocks are read.

    `books` are the folders whose catalogues are looked into, this one and that of whoever speaks.
    """

    key: str
    locale: Locale
    zone: tzinfo
    books: tuple[Path, ...] = (FOLDER,)

    @property
    def tag(self) -> str:
        """Give the tag of RFC 5646 that headers and pages name: "de", "de-AT"."""
        return str(self.locale).replace("_", "-") if self.locale.territory and self.locale != _PLAIN else self.key

    def say(self, text: str, /, **values: str) -> str:
        """Give a sentence with its {placeholders} filled in; one that has no translation stays English."""
        return str(self._find(text) or text).format(**values)

    def many(self, one: str, several: str, /, n: float, **values: str) -> str:
        """Give the sentence for one or for several; {n} is the number as the reader writes it."""
        found = self._find(one) or (one, several)
        forms = (found, found) if isinstance(found, str) else found
        return form_of(self.locale, forms, n).format(n=self.whole(n), **values)

    def name(self, context: str, text: str) -> str:
        """Give the translation of a name, or of a word that is translated by what it stands for; unknown ones stay as they are."""
        return str(self._find(text, context) or text)

    def _find(self, text: str, context: str | None = None) -> str | Sequence[str] | None:
        """Give the translation, or those for one and for several; None if there is none."""
        if self.key == WRITTEN:
            return None
        for book in self.books:
            found = catalogue(self.key, book).get(text, context)
            if found and found.string:
                return found.string
        return None

    def number(self, number: float) -> str:
        """Write a number with the digits it has on every page (`analytics.wording.figure`)."""
        digits = wording.figure(number)
        return digits if digits == "?" else _grouped(digits, "#,##0.###", self.locale)

    def formatted(self, number: float, spec: str) -> str:
        """Write a number as Python's format specification asks (",", ".1f", ",.0f"), with the separators of the reader."""
        digits = format(number, spec)
        if not re.fullmatch(r"-?[\d,]+(\.\d+)?", digits):
            return digits
        decimals = len(digits.partition(".")[2])
        whole = "#,##0" if "," in spec else "0"
        return _grouped(digits, f"{whole}.{'0' * decimals}" if decimals else whole, self.locale)

    def whole(self, number: float) -> str:
        """Write a number of things."""
        return _plain(format_decimal(round(number), "#,##0", self.locale))

    def percent(self, share: float) -> str:
        """Write a share in whole percent."""
        return f"{self.whole(100 * share)} %"

    def day(self, day: date) -> str:
        return _plain(format_date(day, "medium", self.locale))

    def short_day(self, day: date) -> str:
        """Write a day without its year: 9 Nov, 9. Nov., Nov 9."""
        return _plain(format_skeleton("MMMd", day, locale=self.locale))

    def local(self, at: datetime) -> datetime:
        """Give an instant on the reader's clock."""
        return at.astimezone(self.zone)

    def dated(self, at: datetime, pattern: str) -> str:
        """Write an instant on the reader's clock by a pattern of CLDR ("EEE d MMM HH:mm"), without the zone's label."""
        return _plain(format_datetime(self.local(at), pattern, locale=self.locale))

    def moment(self, at: datetime) -> str:
        """Write an instant with the label of its zone; a local midnight is the day alone, as such times come from days."""
        local = self.local(at)
        if (local.hour, local.minute, local.second) == (0, 0, 0):
            return self.day(local.date())
        return f"{self.day(local.date())}, {self.clock(at)}"

    def clock(self, at: datetime) -> str:
        """Write the time of day with the label of its zone: 14:05 CET."""
        return f"{_plain(format_time(self.local(at), 'short', locale=self.locale))} {self.zone_label(at)}"

    def zone_label(self, at: datetime) -> str:
        """Name the zone as its readers do: by the locale where it has a short name, else as the clocks there say."""
        local = self.local(at)
        said = get_timezone_name(local, width="short", locale=self.locale)
        if said.isalpha():
            return said
        own = local.tzname() or ""
        return own if own.isalpha() else f"UTC{format_datetime(local, 'xxx', locale=self.locale)}"

    def span(self, length: timedelta) -> str:
        """Write a length of time in its largest fitting unit, as pages do: hours up to two days, then days."""
        hours = length.total_seconds() / 3600
        step = _MINUTE if hours < 1 else _HOUR if hours < wording.HOURS_READ_AS_DAYS else _DAY
        whole = step * max(1, round(length / step))
        return _plain(format_timedelta(whole, _UNITS[step], threshold=10_000, locale=self.locale))

    def country(self, code: str) -> str:
        """Name a country by its code, keeping the code that the pages show; a code nobody knows stays alone."""
        name = self.locale.territories.get(code.upper()) if len(code) == 2 else None
        return f"{name} ({code})" if name else code

    def weekday(self, english: str) -> str:
        """Name a weekday, given its English name."""
        number = _WEEKDAYS.get(english)
        return english if number is None else str(self.locale.days["stand-alone"]["wide"][number])


_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_UNITS: dict[timedelta, Literal["minute", "hour", "day"]] = {_MINUTE: "minute", _HOUR: "hour", _DAY: "day"}
_PLAIN = Locale.parse(PLAIN_ENGLISH)
_WEEKDAYS: Mapping[str, int] = {name: number for number, name in _PLAIN.days["stand-alone"]["wide"].items()}


def language(tag: str, zone: str, *books: Path) -> Language:
    """Read a language tag ("de", "de-AT", "en_US") and a zone's name; unknown ones become plain English and UTC."""
    key, _, region = tag.replace("_", "-").partition("-")
    key = key.lower()
    if key not in SPOKEN:
        key, region = WRITTEN, ""
    return Language(key, _locale(key, region), _zone(zone), (FOLDER, *books))


@lru_cache
def _locale(key: str, region: str) -> Locale:
    if key == WRITTEN and not region:
        return _PLAIN
    try:
        return Locale.parse(f"{key}_{region.upper()}" if region else key)
    except (UnknownLocaleError, ValueError):
        return _PLAIN if key == WRITTEN else Locale.parse(key)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


@lru_cache
def catalogue(key: str, book: Path = FOLDER) -> Catalog:
    """Read the catalogue of one language in a folder, once; an empty one where there is none."""
    path = book / f"{key}.po"
    if not path.exists():
        return Catalog(locale=key)
    with path.open("rb") as file:
        return read_po(file, locale=key)


_FORMS = ("zero", "one", "two", "few", "many", "other")
"""The plural forms of CLDR; a catalogue has those that its language knows, in this order."""


def form_of(locale: Locale, forms: Sequence[str], n: float) -> str:
    """Give the form that a language uses for so many; fractions may fall behind the last form that a catalogue has."""
    known = [form for form in _FORMS if form in locale.plural_form.tags or form == "other"]
    return forms[min(known.index(locale.plural_form(n)), len(forms) - 1)]


def own_name(key: str) -> str:
    """Give a language's name in that language: English, Deutsch."""
    return str(Locale.parse(key).get_language_name(key) or key).capitalize()


def is_shipped(title: str) -> bool:
    """Tell whether a title is one of the shipped catalogue's, whose first letter may change with its place in a sentence."""
    return any(catalogue(key).get(title, "kpi") is not None for key in SPOKEN)


@lru_cache(maxsize=1 << 14)
def _grouped(digits: str, pattern: str, locale: Locale) -> str:
    return _plain(format_decimal(Decimal(digits.replace(",", "")), pattern, locale))


def _plain(text: str) -> str:
    """Replace the special spaces of locales, which search and old fonts stumble over."""
    return text.replace("\u202f", " ").replace("\u00a0", " ").replace("\u2009", " ")
