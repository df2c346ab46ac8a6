"""What a judge remembers of its last judgement: what it made, for as long as all that it was made of is the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from analytics.figures import Figures
    from analytics.health import State
    from analytics.kpi import Kpi, Reading, Slice

T = TypeVar("T")


@dataclass
class Memory:
    """Remembers what was made of the last answers, and the last reading of every slice."""

    _made: dict[Any, tuple[Any, Any, Any]] = field(default_factory=dict)
    _read: dict[tuple[Kpi, tuple[str, ...]], tuple[Any, dict[Slice, tuple[Figures, State, Reading]]]] = field(
        default_factory=dict
    )
    _master: Any = None

    def under(self, master: Any) -> None:
        """Forget everything under other master data: limits, peers and what slices inherit may all be others."""
        if self._master is not master:
            self._master = master
            self._made.clear()
            self._read.clear()

    def same(self, asked: Any, answer: Any, beside: Any, make: Callable[[Any], T]) -> T:
        """Give what was made of an answer the last time, if it is the same one and all beside it is the same too."""
        last = self._made.get(asked)
        if last is None or last[0] is not answer or last[1] != beside:
            last = self._made[asked] = (answer, beside, make(answer))
        made: T = last[2]
        return made

    def readings(
        self,
        asked: tuple[Kpi, tuple[str, ...]],
        under: Any,
        figures: Sequence[Figures],
        states: Mapping[Slice, State],
        judge: Callable[[Sequence[Figures], Sequence[State]], Sequence[Reading]],
    ) -> list[Reading]:
        """Give the readings of a KPI's slices; only those whose figures or health are others than the last time are judged."""
        last = self._read.get(asked)
        known = last[1] if last is not None and last[0] == under else {}
        pairs = [(each, states[each.slice]) for each in figures]
        new = [pair for pair in pairs if known.get(pair[0].slice, (None,))[:2] != pair]
        fresh = judge([each for each, _ in new], [state for _, state in new])
        found = {each.slice: (each, state, read) for (each, state), read in zip(new, fresh, strict=True)}
        now = {each.slice: found[each.slice] if each.slice in found else known[each.slice] for each in figures}
        self._read[asked] = (under, now)
        return [reading for *_, reading in now.values()]
