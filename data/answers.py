"""Answers that stay right while no batch tells of the facts they were drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pandas as pd


@dataclass
class Answers:
    """Answers by what was asked, with the facts that each looked at; whoever gets one must not change it."""

    _known: dict[Any, tuple[frozenset[str], pd.DataFrame]] = field(default_factory=dict)
    _asked: set[Any] = field(default_factory=set)

    def of(self, question: Any, facts: Collection[str], ask: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Give the answer to a question; it is asked if nobody did."""
        self._asked.add(question)
        if question not in self._known:
            self._known[question] = (frozenset(facts), ask())
        return self._known[question][1]

    def after(self, changed: Collection[str]) -> Answers:
        """Give those that were asked for and are still right when some facts have changed; whoever has these may go on."""
        return Answers(
            {q: known for q, known in self._known.items() if q in self._asked and not known[0] & set(changed)}
        )
