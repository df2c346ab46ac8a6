"""Short codes on tiles: each names one reading of one Board, to be typed or scanned, and leads to its drill-down.

A code is made of the Board's version and the reading's rank in it, so nothing of it is stored and it outlives restarts as long
as the Board does. Its last character is a check: a slip of the finger leads nowhere instead of to another tile.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import segno

from layouts.analysis.address import written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from layouts.feed import BoardFeed

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: without I, L, O and U, which are taken for others, or make words."""
_ALIKE = str.maketrans("OIL", "011")
RANKS = 512
"""Readings beyond this rank stand on no screen and have no code."""
MOST_VERSION = 2**31 - 1
_PRIME = 31
PATH = "/T/"
"""In capitals, so that a code's address can be: capitals make a QR code a quarter smaller. Small letters work too."""


def code_of(version: int, rank: int) -> str | None:
    """Give the code of a Board's reading by its place among all readings; None beyond what a code can say."""
    if not (0 < version <= MOST_VERSION and 0 <= rank < RANKS):
        return None
    digits = _digits(version * RANKS + rank)
    return digits + ALPHABET[_check(digits)]


def read_code(text: str) -> tuple[int, int] | None:
    """Read a code into version and rank, whatever its case and gaps; None if it cannot be one."""
    typed = "".join(text.upper().split()).replace("-", "").translate(_ALIKE)
    if not 2 <= len(typed) <= 12 or not set(typed) <= set(ALPHABET) or ALPHABET[_check(typed[:-1])] != typed[-1]:
        return None
    number = 0
    for letter in typed[:-1]:
        number = number * len(ALPHABET) + ALPHABET.index(letter)
    version, rank = divmod(number, RANKS)
    return (version, rank) if 0 < version <= MOST_VERSION else None


def _digits(number: int) -> str:
    found = ""
    while number:
        number, digit = divmod(number, len(ALPHABET))
        found = ALPHABET[digit] + found
    return found


def _check(digits: str) -> int:
    # Weights that differ from place to place tell swapped neighbours too; all are coprime to the modulus.
    return sum((place + 1) * ALPHABET.index(letter) for place, letter in enumerate(digits)) % _PRIME


def drilldown(kpi: str, slice_: Mapping[str, str], version: int) -> str:
    """Give the address of the page behind a number; `wall_draw.js` makes the same."""
    query = urlencode([*written(slice_.items()), ("version", version)])
    return f"/kpi/{quote(kpi, safe='')}?{query}"


@dataclass(frozen=True)
class Spot:
    """What a code names: a reading, and the address of its drill-down."""

    version: int
    kpi: str
    title: str
    slice: Mapping[str, str]
    address: str


@dataclass(frozen=True)
class Gone:
    """A code whose Board is no longer kept."""

    version: int


class Codes:
    """Finds what a code names, in the newest Board or in a stored one.

    `stored` gives a Board's JSON, greens included, by its version, or None where it is not kept; it may take a while, so ask
    in a thread.
    """

    def __init__(self, feed: BoardFeed, stored: Callable[[int], Mapping[str, Any] | None] | None = None) -> None:
        self._feed = feed
        self._stored = stored or (lambda _: None)

    def resolve(self, text: str) -> Spot | Gone | None:
        """Find what a code names; None if it names nothing, Gone if its Board was thinned out."""
        named = read_code(text)
        if named is None:
            return None
        version, rank = named
        latest = self._feed.latest
        if latest is not None and latest.version == version:
            readings = latest.board.readings
            return _spot(version, vars(readings[rank])) if rank < len(readings) else None
        document = self._stored(version)
        if document is None:
            return Gone(version) if latest is not None and version < latest.version else None
        found = document["readings"]
        return _spot(version, found[rank]) if rank < len(found) else None


def _spot(version: int, reading: Mapping[str, Any]) -> Spot:
    slice_ = dict(reading["slice"])
    return Spot(version, reading["kpi"], reading["title"], slice_, drilldown(reading["kpi"], slice_, version))


@lru_cache(maxsize=512)
def bits(address: str) -> tuple[int, str]:
    """Draw an address as a QR code: modules a side, and their bits row by row in base64.

    Level M repairs 15 % of it: glare and fingerprints.
    """
    made = segno.make(address, error="m", micro=False, boost_error=False)
    rows = ["".join("1" if module else "0" for module in row) for row in made.matrix]
    joined = "".join(rows)
    packed = int(joined.ljust(-(-len(joined) // 8) * 8, "0"), 2).to_bytes(-(-len(joined) // 8), "big")
    return len(rows), base64.b64encode(packed).decode()


def scannable(origin: str, code: str) -> str:
    """Give the address that a QR code carries; scheme and host are the same in capitals, which take less room."""
    scheme, _, rest = origin.partition("://")
    host, slash, prefix = rest.partition("/")
    shouted = f"{scheme}://{host}".upper()
    return f"{shouted}{slash}{prefix.rstrip('/')}{PATH}{code}" if prefix else f"{shouted}{PATH}{code}"
