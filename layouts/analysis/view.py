"""What an analyst's page is drawn from: its address, who reads it, and where its figures come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.analysis.address import Filters
    from layouts.desk import Desk
    from layouts.inquiry import Inquiry
    from layouts.times import Times


@dataclass(frozen=True)
class View:
    """One visit of a page: `name` is what its address names (a partner, a KPI, an order), "" where it names nothing.

    `newest` is the version that walls show now, `dark` how the reader wants it, `about` the network's name.
    """

    path: str
    name: str
    filters: Filters
    times: Times
    inquiry: Inquiry
    desk: Desk | None
    newest: int | None = None
    dark: bool = True
    about: str = ""

    @cached_property
    def board(self) -> Mapping[str, Any]:
        """The Board of this view as JSON. AbsentError if there is none."""
        return self.inquiry.board(self.filters.version)

    @cached_property
    def readings(self) -> Sequence[Mapping[str, Any]]:
        return list(self.board["readings"])

    @property
    def version(self) -> int:
        return int(self.board["version"])
