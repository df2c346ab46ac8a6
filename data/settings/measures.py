"""What a KPI measures and which rows count, checked against the columns of its fact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from analytics.facts import FACTS, Type
from analytics.kpi import OPERATORS, Condition, Measure, Operator, Shape
from analytics.named import NAMED
from data.settings.moments import to_moment
from data.settings.problems import Place, listed, quoted, suggest
from data.settings.shapes import unknown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

SHAPES: tuple[Shape, ...] = get_args(Shape)
_NUMBERS: tuple[Type, ...] = ("number", "integer")
_ORDERED = ("above", "below", "at_least", "at_most")
_EXAMPLES = {
    "share": '{ share = "late" } or { share = { column = "reopened_count", above = 0 } }',
    "count": '{ count = true } or { count = "open" }',
    "ratio": '{ ratio = ["numerator", "denominator"] }',
    "quantile": '{ quantile = "tat_hours", q = 0.9 }',
    "named": '{ named = "days_of_backlog" }',
}


@dataclass(frozen=True)
class Columns:
    """The columns of a fact that KPIs may use; a type of None was reported already and fits anywhere.

    Without a known fact nothing can be said about columns, and nothing is.
    """

    fact: str | None
    types: dict[str, Type | None]
    zone: ZoneInfo

    def find(self, column: Any, place: Place, wanted: Iterable[Type], what: str, mend: str) -> Type | None:
        """Give the column's type, after reporting a column that is unknown or of a type that does not fit."""
        if not isinstance(column, str):
            place.say("expected the name of a column", f"write {mend}")
            return None
        if self.fact is None:
            return None
        if column not in self.types:
            near = suggest(column, self.types)
            mend = near if near.startswith("did") else "use a column of the fact, or map it in [source.extra]"
            place.say(f"{self.fact} has no column {quoted(column)}", mend)
            return None
        kind = self.types[column]
        if kind is not None and kind not in tuple(wanted):
            place.say(f"{what}, but {quoted(column)} is {_called(kind)}", mend)
        return kind


def _called(kind: Type) -> str:
    names = {"text": "text", "number": "a number", "integer": "a number", "bool": "true or false", "time": "a time"}
    return names[kind]


def read_measure(table: dict[str, Any], columns: Columns, place: Place) -> Measure | None:
    """Check `measure`, which names exactly one shape, and build its value."""
    for key in table:
        if key not in (*SHAPES, "q"):
            place.at(key).say("unknown key", suggest(key, (*SHAPES, "q")))
    shapes = [shape for shape in SHAPES if shape in table]
    if len(shapes) > 1:
        place.say(f"{listed(shapes, last='and')} exclude each other", "keep one")
    elif not shapes and not set(table) - {"q"}:
        place.say("no measure is named", f"write one of {listed(SHAPES)}, e.g. {_EXAMPLES['share']}")
    if len(shapes) != 1:
        return None
    (shape,) = shapes
    _say_quantile(shape, table, place)
    return _READERS[shape](shape, table, columns, place.at(shape))


def _say_quantile(shape: Shape, table: dict[str, Any], place: Place) -> None:
    q = table.get("q")
    if shape != "quantile":
        if q is not None:
            place.at("q").say(f"q belongs to a quantile, not to a {shape}", "remove it")
    elif q is None:
        place.at("q").say("key is missing", f"write e.g. {_EXAMPLES['quantile']}")
    elif not _is_number(q) or not 0 < q < 1:
        place.at("q").say("q lies between 0 and 1", "write e.g. q = 0.9")


def _rows(shape: Shape, table: dict[str, Any], columns: Columns, place: Place) -> Measure:
    """Read a share or a count: of a true-or-false column, of a condition, or (a count) of all rows."""
    value = table[shape]
    if isinstance(value, dict):
        return Measure(shape, condition=read_condition(value, columns, place))
    if shape == "count" and isinstance(value, bool):
        if not value:
            place.say("false counts nothing", "write { count = true } to count rows")
        return Measure(shape)
    mend = "write a condition, e.g. " + f'{{ {shape} = {{ column = "reopened_count", above = 0 }} }}'
    if not isinstance(value, str):
        place.say("expected a column or a condition", f"write {_EXAMPLES[shape]}")
        return Measure(shape)
    columns.find(value, place, ("bool",), f"a {shape} needs a true-or-false column", mend)
    return Measure(shape, column=value)


def _figure(shape: Shape, table: dict[str, Any], columns: Columns, place: Place) -> Measure:
    value = table[shape]
    mend = f'{{ {shape} = "tat_hours"{", q = 0.9" if shape == "quantile" else ""} }}'
    if not isinstance(value, str):
        place.say("expected the name of a column", f"write e.g. {mend}")
        return Measure(shape)
    kind = columns.types.get(value)
    use = (
        f"use {'count' if shape == 'sum' else 'share'} for it"
        if kind == "bool"
        else f"name a column of numbers, e.g. {mend}"
    )
    columns.find(value, place, _NUMBERS, f"a {shape} needs numbers", use)
    return Measure(shape, column=value, q=table.get("q"))


def _ratio(shape: Shape, table: dict[str, Any], columns: Columns, place: Place) -> Measure:
    value = table[shape]
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(name, str) for name in value):
        place.say("a ratio takes two columns of numbers", f"write {_EXAMPLES['ratio']}")
        return Measure(shape)
    for index, name in enumerate(value):
        columns.find(name, place.at(index), _NUMBERS, "a ratio needs numbers", "name a column of numbers")
    return Measure(shape, column=value[0], denominator=value[1])


def _named(shape: Shape, table: dict[str, Any], columns: Columns, place: Place) -> Measure:  # noqa: ARG001  # one signature
    value = table[shape]
    if not isinstance(value, str):
        place.say("expected the name of a measure", f"write e.g. {_EXAMPLES['named']}")
        return Measure(shape)
    if value not in NAMED:
        known = suggest(value, sorted(NAMED)) if NAMED else "this version has none: use another shape"
        place.say(f"unknown measure {quoted(value)}", known)
    return Measure(shape, name=value)


_READERS = {
    "share": _rows,
    "count": _rows,
    "mean": _figure,
    "sum": _figure,
    "quantile": _figure,
    "ratio": _ratio,
    "named": _named,
}


def read_condition(table: Any, columns: Columns, place: Place) -> Condition | None:
    """Check a test of one column: the column, one operator, and a value that fits both."""
    if not isinstance(table, dict):
        place.say("expected a condition", 'write e.g. { column = "channel", is = "walk_in" }')
        return None
    for key in table:
        if key not in ("column", *OPERATORS):
            place.at(key).say("unknown key", suggest(key, ("column", *OPERATORS)))
    column = table.get("column")
    if column is None:
        place.at("column").say("key is missing", 'write e.g. { column = "channel", is = "walk_in" }')
    operators = [operator for operator in OPERATORS if operator in table]
    if not operators and not set(table) - {"column"}:
        place.say("no test is named", f"add one of {listed(OPERATORS)}")
    if len(operators) > 1:
        place.say(
            f"{listed(operators, last='and')} exclude each other", "keep one, and write the other as a condition too"
        )
    if column is None or len(operators) != 1:
        return None
    (operator,) = operators
    any_type: tuple[Type, ...] = get_args(Type)
    fits: tuple[Type, ...] = ("number", "integer", "time") if operator in _ORDERED else any_type
    before = len(place.problems)
    kind = columns.find(column, place.at("column"), fits, f"{operator} needs numbers or times", "use is or in")
    if not isinstance(column, str) or len(place.problems) > before:
        return None
    return Condition(column, operator, _value(table[operator], column, operator, kind, columns, place.at(operator)))


def _value(  # all of it says what the value is compared with
    value: Any, column: str, operator: Operator, kind: Type | None, columns: Columns, place: Place
) -> Any:
    if operator == "missing":
        if not isinstance(value, bool):
            place.say("missing takes true or false", "write missing = true")
        return value
    if operator != "in":
        return _scalar(value, column, kind, columns, place)
    if not isinstance(value, list) or not value:
        place.say("in takes a list of values", 'write e.g. in = ["walk_in", "mail_in"]')
        return ()
    return tuple(_scalar(entry, column, kind, columns, place.at(index)) for index, entry in enumerate(value))


def _scalar(value: Any, column: str, kind: Type | None, columns: Columns, place: Place) -> Any:
    """Check one value against the column's type; times become UTC moments."""
    if kind == "time":
        moment = to_moment(value, columns.zone)
        if moment is None:
            place.say(f"{quoted(column)} is a time", "write it in ISO 8601, e.g. 2026-03-01 or 2026-03-01T08:00:00Z")
        return moment
    if kind == "text":
        if not isinstance(value, str):
            place.say(f"{quoted(column)} is text", "put the value in quotes")
        else:
            _say_no_choice(value, column, columns, place)
    elif kind == "bool" and not isinstance(value, bool):
        place.say(f"{quoted(column)} is true or false", "write true or false without quotes")
    elif kind in _NUMBERS and not _is_number(value):
        place.say(f"{quoted(column)} is a number", "write a finite number without quotes, e.g. 5")
    return value


def _say_no_choice(value: str, column: str, columns: Columns, place: Place) -> None:
    fields = FACTS[columns.fact].fields if columns.fact else ()
    choices = next((field.choices for field in fields if field.name == column), ())
    if choices and value not in choices:
        unknown(place, column, value, choices)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
