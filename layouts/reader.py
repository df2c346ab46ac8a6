"""Who reads a page: the language and the zone that the browser was told to keep, else those that it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote
from zoneinfo import available_timezones

from layouts import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

LANGUAGE, ZONE = "painpoint_language", "painpoint_zone"
"""Cookies that hold a key of LANGUAGES and an IANA name; pages with scripts set them too."""
MOST_ASKED = 20


@cache
def zones() -> frozenset[str]:
    """Give the names of all zones."""
    return frozenset(available_timezones())


@dataclass(frozen=True)
class Reader:
    """A language of LANGUAGES and the name of a zone."""

    language: str
    zone: str

    @classmethod
    def of(
        cls, cookies: Mapping[str, str], headers: Mapping[str, str], network_zone: str, chosen: str | None = None
    ) -> Reader:
        """Read what a browser says; what makes no sense there is as if it were not said.

        `chosen` is a language that the address itself asks for, which counts most.
        """
        asked = next((value for name, value in headers.items() if name.lower() == "accept-language"), "")
        wanted = [chosen or "", cookies.get(LANGUAGE, ""), *_asked(asked)]
        language = next((each for each in wanted if each in words.LANGUAGES), words.USUAL)
        zone = unquote(cookies.get(ZONE, "")).strip('"')
        return cls(language, zone if zone in zones() else network_zone)

    def spoken(self) -> AbstractContextManager[None]:
        """Speak to this reader within."""
        return words.spoken(self.language, self.zone)


def _asked(header: str) -> Iterator[str]:
    """Give the languages of an Accept-Language (RFC 9110, 12.5.4), the most wanted first, without their regions."""
    wanted = []
    for part in header.split(",")[:MOST_ASKED]:
        tag, _, parameters = part.partition(";")
        weight = _weight(parameters)
        if weight > 0:
            wanted.append((-weight, tag.strip().partition("-")[0].lower()))
    yield from (language for _, language in sorted(wanted, key=lambda pair: pair[0]))


def _weight(parameters: str) -> float:
    """Read "q=0.8"; without one it is 1, and what makes no sense is not wanted."""
    name, _, value = parameters.strip().partition("=")
    if not name:
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if name.strip().lower() == "q" and 0 <= weight <= 1 else 0.0
