"""What the readings of a place add up to: how many have which level, whom they hurt, and the worst of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analytics.kpi import SMALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LEVELS = ("red", "turning", "amber", "unknown", "green")
"""In the Board's order, the worst first."""
HURTING = ("red", "turning", "amber")


@dataclass(frozen=True)
class Toll:
    """The readings of a partner in the Board's order, those of its parts (partner and product) among them."""

    partner: str
    readings: Sequence[Mapping[str, Any]]

    @cached_property
    def counts(self) -> Mapping[str, int]:
        return Counter(reading["level"] for reading in self.readings)

    @cached_property
    def hurting(self) -> Sequence[Mapping[str, Any]]:
        return [reading for reading in self.readings if reading["level"] in HURTING]

    @cached_property
    def worst(self) -> Mapping[str, Any] | None:
        return next(iter(self.hurting), None)

    @property
    def level(self) -> str:
        """Give the worst level; one of whom nothing was judged is unknown."""
        return worst_level(self.counts)

    @cached_property
    def pain(self) -> float:
        """Add up the pain, each customer counted once as far as the Board knows who is hurt by what."""
        return sum(float(reading["pain"]) * self._fresh(reading) for reading in self.hurting)

    @cached_property
    def customers(self) -> float:
        return sum(float(reading["customers"]) * self._fresh(reading) for reading in self.hurting)

    def _fresh(self, reading: Mapping[str, Any]) -> float:
        """Give the share of those hurt who stand under no more painful reading of this partner."""
        shared = reading.get("shared")
        if shared:
            # Those who stand under a reading of the whole country are no less this partner's.
            return 1.0 - float(shared["share"]) if shared["slice"].get("partner") == self.partner else 1.0
        return 0.0 if len(reading["slice"]) > 1 and reading["kpi"] in self._wholes else 1.0

    @cached_property
    def _wholes(self) -> frozenset[str]:
        """Name the KPIs that hurt at the partner as a whole; those of its parts are the same customers."""
        return frozenset(reading["kpi"] for reading in self.hurting if len(reading["slice"]) == 1)


def tolls(board: Mapping[str, Any], readings: Iterable[Mapping[str, Any]]) -> dict[str, Toll]:
    """Give each partner's toll: of all in the master data, and of those that only readings know."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    found.update((name, []) for name in masters(board))
    for reading in readings:
        name = reading["slice"].get("partner")
        if name is not None and name != SMALL:
            found[name].append(reading)
    return {name: Toll(name, mine) for name, mine in found.items()}


def masters(board: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    """Give what the master data says of each partner; Boards of old do not have it."""
    return board.get("partners") or {}


def worst_level(levels: Iterable[str]) -> str:
    """Give the worst of some levels; of none, unknown."""
    there = set(levels)
    return next((level for level in LEVELS if level in there), "unknown")
