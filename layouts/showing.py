"""What a paired screen is told to show: read from a form, kept as JSON, handed to the wall."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from layouts.edition import AREAS
from layouts.form import FaultError, clean
from layouts.words import LANGUAGES, USUAL, say

if TYPE_CHECKING:
    from collections.abc import Mapping

THEMES = ("dark", "light", "auto")
SHORTEST, LONGEST = 5, 3600
"""Seconds that one stop of a rotation may take."""
USUAL_SECONDS = 20
_QUIET = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Showing:
    """`by` is the dimension that a screen rotates through or, with an `area`, the one that it stays in."""

    by: str = ""
    area: str = ""
    seconds: int = USUAL_SECONDS
    theme: str = "dark"
    sound: bool = False
    quiet: str = ""
    language: str = USUAL

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Showing:
        """Read what was kept; what an older or newer Painpoint wrote beside it is left out."""
        return cls(**{name: kept[name] for name in cls.__dataclass_fields__ if name in kept})

    @classmethod
    def read(cls, form: Mapping[str, str]) -> Showing:
        """Read a form; FaultError if something in it cannot be."""
        by, area = form.get("by", ""), " ".join(clean(form.get("area", ""), 200).split())
        if area and by not in AREAS:
            raise FaultError(400, say("screens.area_of_what"))
        return cls(
            by=by if by in AREAS else "",
            area=area,
            seconds=_seconds(form.get("seconds", "")),
            theme=theme if (theme := form.get("theme")) in THEMES else "dark",
            sound=form.get("sound") == "1",
            quiet=_quiet(form.get("quiet", "")),
            language=language if (language := form.get("language", "")) in LANGUAGES else USUAL,
        )

    def document(self) -> dict[str, Any]:
        return asdict(self)


def _seconds(text: str) -> int:
    text = text.strip()
    if not text:
        return USUAL_SECONDS
    if not text.isascii() or not text.isdecimal() or not SHORTEST <= int(text[:6]) <= LONGEST:
        raise FaultError(400, say("screens.bad_seconds", least=SHORTEST, most=LONGEST))
    return int(text)


def _quiet(text: str) -> str:
    """Read quiet hours, "22:00-07:00", as they are kept."""
    text = text.strip()
    if not text:
        return ""
    found = _QUIET.fullmatch(text.replace("\N{EN DASH}", "-"))
    if found is None or found.group(1, 2) == found.group(3, 4):
        raise FaultError(400, say("screens.bad_quiet"))
    first, begin, last, end = found.groups()
    return f"{int(first):02d}:{begin}-{int(last):02d}:{end}"
