"""An entry of settings.toml, such as a [[source]], while it is being checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from analytics.facts import FACTS, Fact, Type
from data.settings.document import substitute
from data.settings.problems import quoted
from data.settings.shapes import Shape, SourceShape, shaped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from data.settings.document import Steps
    from data.settings.problems import Place

AnyShape = TypeVar("AnyShape", bound=Shape)


@dataclass(frozen=True)
class Entry(Generic[AnyShape]):
    """One table of a list; `broken` are keys already reported, which count as left out."""

    shape: AnyShape
    place: Place
    broken: frozenset[Steps]

    def broke(self, *steps: str | int) -> bool:
        """Tell whether the key, or a table that it lies in, was already reported."""
        return any(steps[: len(path)] == path for path in self.broken)

    def needs(self, key: str, example: str) -> None:
        if getattr(self.shape, key) is None and not self.broke(key):
            self.place.at(key).say("key is missing", f"write e.g. {example}")


@dataclass(frozen=True)
class Draft(Entry[SourceShape]):
    """A [[source]] while it is being checked."""

    folder: Path
    timezone: str

    @property
    def fact(self) -> Fact | None:
        return FACTS.get(self.shape.fact or "")


def read_entry(
    kind: str, index: int, shape: type[AnyShape], table: Any, environ: Mapping[str, str], place: Place
) -> Entry[AnyShape]:
    """Check the keys and types of one table of the list [[kind]]; it is called by its name, else by its number."""
    named = place.within(f"[[{kind}]] {_title(table, index)}")
    table, broken = substitute(table, environ, named)
    checked = shaped(shape, table, named, broken)
    return Entry(checked, named, frozenset(broken))


def _title(table: Any, index: int) -> str:
    name = table.get("name") if isinstance(table, dict) else None
    return quoted(name) if isinstance(name, str) and name else f"number {index + 1}"


def say_no_column(column: str | None, place: Place) -> None:
    if column == "":
        place.say("it names no column", "write the column's name")


def field_types(fact: Fact) -> dict[str, Type]:
    """Give the canonical fields that [source.fields] may map, with their types."""
    keys: dict[str, Type] = {key: "text" for key in fact.key if key != "at"}
    return keys | {field.name: field.type for field in fact.fields} | {"recorded_at": "time"}
