"""The keys of settings.toml and kpis.toml with their types, and pydantic's complaints about them as sentences of ours.

Every key may be left out here: what is needed depends on the fact and the format, and is asked for elsewhere.
"""

from __future__ import annotations

import copy
import re
from datetime import date, datetime, time
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from analytics.deserved import FALSE_DISCOVERIES
from data.settings.document import FromEnvironment, Steps
from data.settings.problems import Place, quoted, suggest


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, FromEnvironment) and value.isdecimal() else value


def _column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


Port = Annotated[int, BeforeValidator(_number), Field(ge=1, le=65535)]
Family = Literal[
    "quality", "speed", "workload", "parts", "logistics", "contact", "customer", "cost", "integrity", "data"
]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Network(Shape):
    name: str = "After-sales network"
    timezone: str = "UTC"


class Warehouse(Shape):
    url: str = "duckdb:///var/warehouse.duckdb"


class Store(Shape):
    url: str = "sqlite:///var/store.db"


class Kpis(Shape):
    path: str | None = None


class Judging(Shape):
    false_discovery_rate: float = Field(default=FALSE_DISCOVERIES, ge=0, le=1, allow_inf_nan=False)


class Web(Shape):
    host: str = "127.0.0.1"
    port: Port = 8050
    public_url: str | None = None
    walls: Literal["open", "paired"] = "open"


class MailShape(Shape):
    host: str = "localhost"
    port: Port = 25
    user: str | None = None
    password: str | None = None
    tls: Literal["none", "starttls", "tls"] = "none"
    sender: str = "Painpoint <painpoint@localhost>"
    folder: str | None = None


class FieldShape(Shape):
    column: str | None = None
    value: Any = None
    map: dict[str, Any] | None = None


class ExtraShape(Shape):
    column: str | None = None
    type: Literal["text", "number", "integer", "bool", "time"] = "text"
    known_at: str | None = None


class KindShape(Shape):
    kind: str | None = None
    when: dict[str, Any] = {}


class PagingShape(Shape):
    page: str | None = None
    size: str | None = None
    first: int = 1
    offset: str | None = None
    limit: str | None = None
    rows: int | None = None
    next: str | None = None
    parameter: str | None = None
    link: str | None = None


class SourceShape(Shape):
    name: str | None = None
    fact: str | None = None
    format: Literal["csv", "xlsx", "parquet", "json", "xes", "sql", "http", "push"] | None = None
    path: str | None = None
    every: str = "5 min"
    fresh_within: str | None = None
    timezone: str | None = None
    datetime_format: str | None = None
    encoding: str = "utf-8"
    missing: list[str] = []
    at: str | None = None
    url: str | None = None
    query: str | None = None
    cursor: str | None = None
    allow: Any = None
    records: str | None = None
    headers: dict[str, str] | None = None
    paging: PagingShape | None = None
    token: str | None = None
    fields: dict[str, Annotated[FieldShape, BeforeValidator(_column)]] = {}
    extra: dict[str, Annotated[ExtraShape, BeforeValidator(_column)]] = {}
    events: dict[str, str] | None = None
    kinds: list[KindShape] | None = None


class LimitShape(Shape):
    where: dict[str, str] | None = None
    green: Any = None
    red: Any = None


class KpiShape(Shape):
    title: str | None = None
    family: Family | None = None
    fact: str | None = None
    measure: dict[str, Any] | None = None
    where: list[Any] = []
    day: str | None = None
    window: str = "28 d"
    matures_after: str = "0 d"
    enter: str = "2 of 3 d"
    recovery: Any = None
    case_mix: list[str] = []
    cohort: str | None = None
    by: list[list[str]] = []
    better: Literal["lower", "higher", "between"] | None = None
    green: Any = None
    red: Any = None
    min_n: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    unit: str | None = None
    pain: str = "waits"
    remedies: list[str] = []
    limits_of: Literal["contract"] | None = None
    pitfall: str = ""
    limits: list[LimitShape] = []


AnyShape = TypeVar("AnyShape", bound=Shape)


def shaped(shape: type[AnyShape], table: Any, place: Place, broken: set[Steps]) -> AnyShape:
    """Check the keys and types of a table; what is wrong is reported, noted in `broken` and treated as left out."""
    good = _without(table, broken)
    while True:
        try:
            return shape.model_validate(good)
        except ValidationError as errors:
            found = errors.errors()
        if not isinstance(good, dict):
            place.say(f"expected a table, got {_kind_of(good)}", "write its name in brackets and its keys below")
            broken.add(())
            return shape()
        for error in found:
            _report(shape, error, place.at(*_present(good, error["loc"])))
        wrong = {_without_index(_present(good, error["loc"])) for error in found}
        broken |= wrong
        good = _without(good, wrong)


def _without_index(steps: Steps) -> Steps:
    """Give the list itself for a wrong entry of it: without that entry the others would change their numbers."""
    while steps and isinstance(steps[-1], int):
        steps = steps[:-1]
    return steps


def _without(table: Any, steps: set[Steps]) -> Any:
    good = copy.deepcopy(table)
    for path in {_without_index(path) for path in steps} - {()}:
        spot = good
        for step in path[:-1]:
            spot = spot[step] if not isinstance(spot, dict) or step in spot else {}
        if isinstance(spot, dict):
            spot.pop(path[-1], None)
    return good


def _present(table: Any, loc: tuple[int | str, ...]) -> Steps:
    """Give the steps of pydantic's location that lead to something in the table."""
    steps: list[int | str] = []
    for step in loc:
        try:
            table = table[step]
        except (KeyError, IndexError, TypeError):
            break
        steps.append(step)
    return tuple(steps)


_WANTED = {
    "string_type": ("text", "put it in quotes"),
    "int_type": ("a whole number", "write it without quotes, e.g. 8050"),
    "float_type": ("a number", "write it without quotes, e.g. 30"),
    "finite_number": ("a finite number", "write it out, e.g. 30"),
    "list_type": ("a list", "put it in brackets, e.g. [...]"),
    "dict_type": ("a table", "write { key = ... }"),
    "model_type": ("a table", "write { key = ... }"),
}
_MENDS = {
    ("fields", "model_type"): 'name a column, e.g. "status", or write { value = "US" }',
    ("extra", "model_type"): 'write e.g. { column = "made_sla", type = "bool" }',
    ("by", "list_type"): 'write lists of columns in a list, e.g. [["partner"], ["country"]]',
    ("kinds", "list_type"): "write [[source.kinds]] with two brackets",
    ("limits", "list_type"): "write [[kpi.KEY.limits]] with two brackets",
    ("missing", "list_type"): 'put it in brackets, e.g. ["N/A"]',
    ("where", "list_type"): 'put it in brackets, e.g. [{ column = "channel", is = "walk_in" }]',
    ("headers", "dict_type"): 'write { Authorization = "Bearer ${NAME}" }',
    ("paging", "model_type"): 'write e.g. { page = "page", size = "per_page", rows = 500 }',
    ("measure", "dict_type"): 'write e.g. { share = "late" }',
    ("to", "list_type"): 'put it in brackets, e.g. ["ops@example.com"]',
    ("match", "dict_type"): 'write e.g. { country = "IN" }',
    ("escalate", "model_type"): 'write e.g. { after = "2 h", to = ["head@example.com"] }',
}


def _report(shape: type[Shape], error: Any, place: Place) -> None:
    kind, value, loc = error["type"], error["input"], error["loc"]
    if kind == "extra_forbidden":
        place.say("unknown key", suggest(str(loc[-1]), _keys(shape, loc[:-1]), call="the keys here are"))
    elif kind == "literal_error":
        known = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        place.say(f"unknown value {quoted(value)}", suggest(str(value), known))
    elif kind in ("greater_than_equal", "less_than_equal"):
        low = _bounds(shape, str(loc[0]))
        place.say(f"{value} is out of range", f"write a number {low}")
    else:
        wanted, mend = _WANTED.get(kind, ("something else", "see the documentation of this key"))
        place.say(f"expected {wanted}, got {_kind_of(value)}", _MENDS.get((str(loc[0]), kind), mend))


def _bounds(shape: type[Shape], key: str) -> str:
    if shape is Judging:
        return "from 0 to 1"
    return "from 1 to 65535" if shape.model_fields[key].annotation is int else "of 0 or more"


def _keys(shape: type[Shape], loc: tuple[int | str, ...]) -> list[str]:
    """Give the keys of the table at pydantic's location; keys that users name lead to the shape of their values."""
    for step in loc:
        inner = _inner(shape.model_fields[step].annotation) if step in shape.model_fields else None
        shape = inner or shape
    return [field.alias or name for name, field in shape.model_fields.items()]


def _inner(annotation: Any) -> type[Shape] | None:
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inner(part))), None)


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return "text"
    if isinstance(value, (datetime, date, time)):
        return "a date or time"
    return "a list" if isinstance(value, list) else "a table"


def as_text(value: Any) -> str | None:
    """Give a TOML scalar as sources write it, true and false in small letters; None if it is no scalar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    return str(value) if isinstance(value, (int, float)) else None


def as_texts(wanted: Any, place: Place) -> tuple[str, ...]:
    """Give a TOML scalar, or a list of such, as sources write them; report an empty list and what is no scalar."""
    values = wanted if isinstance(wanted, list) else [wanted]
    texts = [as_text(value) for value in values]
    if not texts:
        place.say("an empty list matches nothing", "name the texts that match")
    if None in texts:
        place.say(
            "expected a text, a number, true or false", "write it as the source does, in quotes, or a list of such"
        )
    return tuple(text for text in texts if text is not None)


def unknown(place: Place, what: str, written: str, known: Any) -> None:
    """Report a name that is none of the known ones."""
    place.say(f"unknown {what} {quoted(written)}", suggest(written, known))
