"""What the inbox shows, kept in the address and nowhere else."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from layouts.desk import STATES
from layouts.form import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

PER_PAGE = 50
LAST_PAGE = 100_000
INBOX = "/alerts"


@dataclass(frozen=True)
class Filters:
    """A state of episodes, words that they must have, and a page of the list from 1."""

    state: str = STATES[0]
    words: str = ""
    page: int = 1

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        """Read an address; whatever makes no sense there is as if it were left out."""
        state, page = query.get("state", ""), query.get("page", "")
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < 7 else 1
        words = " ".join(clean(query.get("words", ""), 200).split())
        return cls(state if state in STATES else STATES[0], words, min(max(number, 1), LAST_PAGE))

    def address(self, path: str = INBOX) -> str:
        """Write the address of a page that keeps these filters; what is as usual is left out."""
        usual = asdict(Filters())
        kept = {name: value for name, value in asdict(self).items() if value != usual[name]}
        return f"{path}?{urlencode(kept)}" if kept else path

    def of(self, state: str) -> Filters:
        return replace(self, state=state, page=1)

    def at(self, page: int) -> Filters:
        return replace(self, page=page)
