"""[source.fields]: the canonical fields of the fact, from columns, constants and mapped columns."""

from __future__ import annotations

from typing import Any

from analytics.facts import Fact, Field, Type
from data.settings.draft import Draft, field_types, say_no_column
from data.settings.problems import Place, closest, quoted, suggest
from data.settings.shapes import FieldShape, as_text
from data.settings.values import Mapping


def say_unmapped_key(draft: Draft) -> None:
    fact, shape = draft.fact, draft.shape
    if fact is None or draft.broke("fields"):
        return
    for key in ("name",) if fact.name == "tallies" else fact.key:
        if key == "at" or draft.broke("fields", key):
            continue
        place = draft.place.at("fields", key)
        column = "number" if key == "order_id" else key
        example = f'name a column, e.g. {key} = "{column}"'
        if key not in shape.fields:
            place.say("column is missing", example)
        elif not fact.snapshot and shape.fields[key].column is None and shape.fields[key].value is not None:
            place.say("a constant would make all rows one case", example)


def read_mapping(draft: Draft, name: str, mapping: FieldShape) -> Mapping:
    """Check one entry of [source.fields] and build its value."""
    place, fact = draft.place.at("fields", name), draft.fact
    if fact is not None and name not in field_types(fact):
        _say_unknown_field(fact, name, place)
    if not any(path[:2] == ("fields", name) for path in draft.broken):
        _say_incomplete(mapping, place)
    kind: Type = "text"
    field = Field(name)
    if fact is not None:
        kind = field_types(fact).get(name, "text")
        field = next((field for field in fact.fields if field.name == name), Field(name, kind))
    if kind == "time" and (mapping.value is not None or mapping.map is not None):
        place.say("a time is neither constant nor mapped", "name the column that holds it")
        return Mapping(column=mapping.column)
    if mapping.map is None:
        return Mapping(mapping.column, _constant(field, mapping.value, place.at("value")))
    pairs = ((word, _target(field, value, place.at("map", word))) for word, value in mapping.map.items())
    return Mapping(mapping.column, map=tuple((str(word), target) for word, target in pairs))


def _say_unknown_field(fact: Fact, name: str, place: Place) -> None:
    if name == "at" and fact.kinds:
        place.say("`at` is no field", "move it to [[source]] itself, above its sub-tables")
    elif name == "at":
        place.say("`at` is not mapped here", "write it in [[source]] itself, above its sub-tables")
    elif name.removesuffix("_at") in fact.kinds:
        place.say(
            f"{quoted(name)} is the time of an event", f"move it to [source.events] as {name.removesuffix('_at')}"
        )
    else:
        near = closest(name, field_types(fact))
        mend = suggest(name, field_types(fact)) if near else "put it in [source.extra], or use a field of the fact"
        place.say(f"{fact.name} has no field {quoted(name)}", mend)


def _say_incomplete(mapping: FieldShape, place: Place) -> None:
    if mapping.column is not None and mapping.value is not None:
        place.say("a column and a constant exclude each other", "keep either column or value")
    elif mapping.map is not None and mapping.column is None:
        place.say("a map needs the column that it maps", 'write e.g. { column = "status", map = { ... } }')
    elif mapping.column is None and mapping.value is None:
        place.say("neither a column nor a constant is named", 'write e.g. "status" or { value = "US" }')
    if mapping.map == {}:
        place.at("map").say("the map is empty", "name its values, or leave it out")
    say_no_column(mapping.column, place)


def _constant(field: Field, value: Any, place: Place) -> Any:
    """Check a constant against the field's type, choices and range; give it with that type."""
    if value is None:
        return None
    if field.type == "bool" and not isinstance(value, bool):
        place.say(f"{field.name} takes true or false, not {quoted(value)}", "write true or false without quotes")
    elif field.type == "number":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            place.say(f"{field.name} takes a number, not {quoted(value)}", "write it without quotes, e.g. 5")
        else:
            _say_out_of_range(field, value, place)
    elif field.type == "text":
        text = as_text(value)
        if not text:
            place.say(f"{field.name} takes a text", 'write it in quotes, e.g. "US"')
        elif field.choices and text not in field.choices:
            place.say(f"{quoted(text)} is no {field.name}", suggest(text, field.choices))
        return text
    return value


def _target(field: Field, value: Any, place: Place) -> str:
    """Check what a word is mapped to, and give it as text."""
    text = as_text(value)
    if text is None:
        place.say("expected a text, number, true or false", f"write one value of {field.name}")
        return ""
    if field.type == "bool" and text not in ("true", "false"):
        place.say(f"{field.name} takes true or false, not {quoted(text)}", "map to true or false")
    elif field.type == "number":
        try:
            _say_out_of_range(field, float(text), place)
        except ValueError:
            place.say(f"{field.name} takes a number, not {quoted(text)}", "map to a number, e.g. 5")
    elif field.choices and text not in field.choices:
        place.say(f"{quoted(text)} is no {field.name}", suggest(text, field.choices))
    return text


def _say_out_of_range(field: Field, value: float, place: Place) -> None:
    low = float("-inf") if field.low is None else field.low
    high = float("inf") if field.high is None else field.high
    if not (low <= value <= high and abs(value) < float("inf")):
        limits = f"from {low:g} to {high:g}" if field.high is not None else f"of {low:g} or more"
        place.say(
            f"{field.name} cannot be {value:g}",
            f"write a number {limits}" if field.low is not None else "write a finite number",
        )
