"""How an order went, told from the steps of its record: handed in, handed back, late or not, and where it waited."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from layouts.times import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    Step = Mapping[str, Any]

State = Literal[
    "open", "open_in_time", "open_late", "back", "back_in_time", "back_late", "ended", "not_started"
]  # fmt: skip
HAPPENED = ("counts", "repeat")
"""Steps that have these standings happened in this order; the others were taken back, or told twice."""
IN = ("created", "received")
BACK = ("delivered", "dispatched", "completed", "closed")
ENDS = ("completed", "dispatched", "delivered", "closed", "cancelled", "returned_unrepaired", "swapped")
"""As `analytics.facts` has them: what hands an order in and back, the first kind that is there, and what ends it."""
BOUNCES = (7, 30, 60, 90)
"""Days within which a device that comes back counts as a bounce."""


@dataclass(frozen=True)
class Wait:
    """The time between two steps that follow each other, or, without a second one, since a step until `until` (ISO)."""

    first: Step
    then: Step | None
    until: str

    @property
    def seconds(self) -> float:
        return (read(self.until) - read(self.first["at"])).total_seconds()


@dataclass(frozen=True)
class Journey:
    """The course of an order as known at `as_of` (ISO); its other times are ISO too, None where it did not come to that."""

    steps: Sequence[Step]
    as_of: str
    promised_at: str | None = None

    @classmethod
    def of(cls, order: Mapping[str, Any]) -> Journey:
        return cls(order["steps"], order["as_of"], order["facts"].get("promised_at"))

    @property
    def happened(self) -> list[Step]:
        return [step for step in self.steps if step["standing"] in HAPPENED]

    @property
    def handed_in(self) -> str | None:
        return self._first(IN)

    @property
    def handed_back(self) -> str | None:
        return self._first(BACK)

    @property
    def is_open(self) -> bool:
        """Tell whether it was handed in, and neither ended nor, if reopened, ended since."""
        ended, reopened = self._last(ENDS), self._last(("reopened",))
        return self.handed_in is not None and (ended is None or (reopened is not None and reopened > ended))

    @property
    def state(self) -> State:
        if self.is_open:
            late = self._late(self.as_of)
            return "open" if late is None else "open_late" if late else "open_in_time"
        if self.handed_back is None:
            return "not_started" if self.handed_in is None else "ended"
        late = self._late(self.handed_back)
        return "back" if late is None else "back_late" if late else "back_in_time"

    def waits(self, most: int) -> list[Wait]:
        """Give the longest times between steps while the device was away from its customer, the longest first.

        Of an order that is open, the time since its last step is one of them.
        """
        ordered = sorted(
            (step for step in self.happened if self._is_away(step["at"])), key=lambda step: read(step["at"])
        )
        found = [Wait(first, then, then["at"]) for first, then in pairwise(ordered)]
        if self.is_open and ordered:
            found.append(Wait(ordered[-1], None, self.as_of))
        return sorted((wait for wait in found if wait.seconds > 0), key=lambda wait: -wait.seconds)[:most]

    def _is_away(self, at: str) -> bool:
        since, until = self.handed_in, None if self.is_open else self.handed_back
        return (since is None or read(at) >= read(since)) and (until is None or read(at) <= read(until))

    def _late(self, at: str) -> bool | None:
        return None if self.promised_at is None else read(at) > read(self.promised_at)

    def _of(self, kinds: Iterable[str]) -> dict[str, list[str]]:
        times: dict[str, list[str]] = {kind: [] for kind in kinds}
        for step in self.happened:
            if step["fact"] == "repair_orders" and step["kind"] in times:
                times[step["kind"]].append(step["at"])
        return {kind: sorted(found, key=read) for kind, found in times.items() if found}

    def _first(self, kinds: Sequence[str]) -> str | None:
        return next((times[0] for times in self._of(kinds).values()), None)

    def _last(self, kinds: Sequence[str]) -> datetime | None:
        return max((read(times[-1]) for times in self._of(kinds).values()), default=None)


def bounce(handed_back: str | None, received: str | None) -> int | None:
    """Give within how many days (one of BOUNCES) a device came back; None if it did not, or later."""
    if handed_back is None or received is None:
        return None
    days = (read(received) - read(handed_back)).total_seconds() / 86_400
    return next((limit for limit in BOUNCES if 0 <= days <= limit), None)
