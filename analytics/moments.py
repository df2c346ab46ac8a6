"""Times and slices inside compiled expressions: built and compiled once, filled in anew for every judgement."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Self

import ibis

from analytics.garbage import uncollected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import ibis.expr.types as ir

_FIRST = datetime(2, 1, 1)  # noqa: DTZ001  # the warehouse keeps UTC without a zone; nobody repairs devices in the year 2
_TEXTS = "\u2402texts\u2403"


Use = tuple[Literal["fact", "table", "log"], str, tuple[str, ...]]
"""A fact with the linked columns wanted of it, a table beside the facts, or a fact's log, by name."""


@lru_cache(maxsize=1024)
def _placeholder(number: int) -> Any:
    return ibis.literal(_FIRST + timedelta(seconds=number), type="timestamp(6)")


@dataclass
class Moments:
    """Hands out a placeholder time per name; each is a literal that stands for nothing else."""

    given: dict[str, Any] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    """What else the expression looks at, to be in place whenever it runs."""

    def __getitem__(self, name: str) -> Any:
        if name not in self.given:
            self.given[name] = _placeholder(len(self.given))
        return self.given[name]

    def texts(self) -> list[str]:
        """Give the placeholder for a list of texts, to be used as `column.isin(moments.texts())`."""
        return [_TEXTS]


@dataclass(frozen=True)
class Template:
    """Compiled SQL with places for times, and for one list of texts."""

    sql: str
    places: tuple[tuple[str, str], ...]
    schema: Any
    uses: tuple[Use, ...] = ()

    def dump(self) -> str:
        """Write the template as text, for `load`."""
        columns = {name: str(type_) for name, type_ in self.schema.items()}
        return json.dumps({"sql": self.sql, "places": self.places, "schema": columns, "uses": self.uses})

    @classmethod
    def load(cls, text: str) -> Self:
        parts = json.loads(text)
        places = tuple((name, place) for name, place in parts["places"])
        uses = tuple((what, name, tuple(columns)) for what, name, columns in parts["uses"])
        return cls(parts["sql"], places, ibis.schema(parts["schema"]), uses)

    def fill(self, times: Mapping[str, datetime | None], texts: Sequence[str] = ()) -> str:
        """Give the SQL for these times (UTC without a zone); None means that nothing can be compared with it."""
        quoted = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
        sql = self.sql
        for name, place in self.places:
            at = times.get(name)
            sql = sql.replace(place, "NULL::TIMESTAMP" if at is None else f"TIMESTAMP '{at.isoformat(sep=' ')}'")
        return sql.replace(f"'{_TEXTS}'", quoted or "NULL")


def compile_template(build: Callable[[Moments], ir.Table]) -> Template:
    """Build an expression over placeholder times and compile it for DuckDB."""
    moments = Moments()
    with uncollected():
        expression = build(moments)
        sql = str(ibis.to_sql(expression, dialect="duckdb", pretty=False))
    places = tuple((name, _literal_sql(literal)) for name, literal in moments.given.items())
    return Template(sql, places, expression.schema(), tuple(dict.fromkeys(moments.uses)))


@lru_cache(maxsize=1024)
def _literal_sql(literal: Any) -> str:
    select = str(ibis.to_sql(literal.name("x"), dialect="duckdb", pretty=False))
    return select.removeprefix("SELECT ").removesuffix(' AS "x"')
