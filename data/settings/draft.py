"""A [[source]] of settings.toml while it is being checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analytics.facts import FACTS, Fact, Type

if TYPE_CHECKING:
    from pathlib import Path

    from data.settings.document import Steps
    from data.settings.problems import Place
    from data.settings.shapes import SourceShape


@dataclass(frozen=True)
class Draft:
    """A [[source]] while it is being checked; `broken` are keys already reported, which count as left out."""

    shape: SourceShape
    place: Place
    broken: frozenset[Steps]
    folder: Path
    timezone: str

    @property
    def fact(self) -> Fact | None:
        return FACTS.get(self.shape.fact or "")

    def broke(self, *steps: str | int) -> bool:
        """Tell whether the key, or a table that it lies in, was already reported."""
        return any(steps[: len(path)] == path for path in self.broken)

    def needs(self, key: str, example: str) -> None:
        if getattr(self.shape, key) is None and not self.broke(key):
            self.place.at(key).say("key is missing", f"write e.g. {example}")


def say_no_column(column: str | None, place: Place) -> None:
    if column == "":
        place.say("it names no column", "write the column's name")


def field_types(fact: Fact) -> dict[str, Type]:
    """Give the canonical fields that [source.fields] may map, with their types."""
    keys: dict[str, Type] = {key: "text" for key in fact.key if key != "at"}
    return keys | {field.name: field.type for field in fact.fields} | {"recorded_at": "time"}
