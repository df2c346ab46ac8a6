"""One [[source]] of settings.toml: what it may and must say, and the frozen value it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from analytics.facts import FACTS, Fact, Field, Type, column_types
from data.settings.addresses import absolute, scheme_of, source_url
from data.settings.document import substitute
from data.settings.durations import interval_seconds, seconds
from data.settings.moments import format_problem
from data.settings.problems import Place, closest, listed, quoted, suggest
from data.settings.shapes import FieldShape, SourceShape, as_text, shaped, unknown
from data.settings.values import Extra, KindRule, Mapping, Source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Environ
    from pathlib import Path

    from data.settings.document import Steps, Table

FILE_FORMATS = ("csv", "xlsx", "parquet", "json", "xes")
LATER_FORMATS = ("http", "push")
_OWN_KEYS = {
    "path": FILE_FORMATS,
    "url": ("sql", "http"),
    "query": ("sql",),
    "cursor": ("sql", "http"),
    "allow": ("sql",),
    "headers": ("http",),
    "paging": ("http",),
    "token": ("push",),
}
_NEEDED = {
    **{form: {"path": f'path = "incidents/*.{form}"'} for form in FILE_FORMATS},
    "sql": {"url": 'url = "duckdb://"', "query": 'query = "SELECT * FROM orders"'},
}
_LOG_COLUMNS = ("at", "kind", "key", "source", "generation", "batch", "row", "file", "place", "id", "same")
_FOLD_COLUMNS = ("recorded_at", "first_event_at", "last_event_at")


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


def read_sources(
    tables: list[Any], environ: Environ[str, str], place: Place, folder: Path, timezone: str
) -> tuple[list[Draft], list[Source]]:
    """Check every [[source]]: give all of them as drafts, and those without a mistake as values."""
    drafts: list[Draft] = []
    sources: list[Source] = []
    for index, table in enumerate(tables):
        before = len(place.problems)
        draft = _draft(table, environ, place.within(_title(table, index)), folder, timezone)
        _say_clashes(draft, drafts)
        source = _source(draft)
        drafts.append(draft)
        if len(place.problems) == before and source is not None:
            sources.append(source)
    return drafts, sources


def _title(table: Any, index: int) -> str:
    name = table.get("name") if isinstance(table, dict) else None
    return f"[[source]] {quoted(name)}" if isinstance(name, str) and name else f"[[source]] number {index + 1}"


def _draft(table: Table, environ: Environ[str, str], place: Place, folder: Path, timezone: str) -> Draft:
    table, broken = substitute(table, environ, place)
    shape = shaped(SourceShape, table, place, broken)
    return Draft(shape, place, frozenset(broken), folder, timezone)


def _say_clashes(draft: Draft, earlier: list[Draft]) -> None:
    """Report what two sources must not share: a name, or an extra column of one fact that they type differently."""
    if draft.shape.name and any(draft.shape.name == other.shape.name for other in earlier):
        draft.place.at("name").say("another source has this name", "give each source a name of its own")
    types: dict[str, tuple[str, str | None]] = {}
    for other in earlier:
        if other.fact is not None and other.fact is draft.fact:
            for name, extra in other.shape.extra.items():
                types.setdefault(name.casefold(), (extra.type, other.shape.name))
    for name, extra in draft.shape.extra.items():
        kind, source = types.get(name.casefold(), (extra.type, None))
        if kind != extra.type and not draft.broke("extra", name, "type"):
            wrong = f'"{extra.type}" here, but "{kind}" in source {quoted(source or "")}'
            draft.place.at("extra", name, "type").say(wrong, "give both the same type, or two names")


def _source(draft: Draft) -> Source | None:
    """Check one source and build its value; None where it would have no name, fact or format."""
    shape = draft.shape
    if draft.broke():
        return None
    draft.needs("name", 'name = "incidents"')
    if shape.name == "":
        draft.place.at("name").say("the name is empty", 'write e.g. name = "incidents"')
    draft.needs("fact", 'fact = "repair_orders"')
    draft.needs("format", 'format = "csv"')
    if shape.fact is not None and draft.fact is None:
        unknown(draft.place.at("fact"), "fact", shape.fact, FACTS)
    _say_format(draft)
    url = _url(draft)
    _say_query(draft, url)
    _say_times(draft)
    _say_text_rules(draft)
    _say_shape(draft)
    _say_unmapped_key(draft)
    fields = tuple((name, _mapping(draft, name, mapping)) for name, mapping in shape.fields.items())
    extra = tuple((name, _extra(draft, name)) for name in shape.extra)
    kinds = _kinds(draft)
    if shape.name is None or shape.fact is None or shape.format is None or shape.format in LATER_FORMATS:
        return None
    return Source(
        name=shape.name,
        fact=shape.fact,
        format=shape.format,
        fields=fields,
        timezone=shape.timezone or draft.timezone,
        folder=draft.folder,
        path=shape.path,
        every=shape.every,
        fresh_within_seconds=_length(draft),
        datetime_format=shape.datetime_format,
        encoding=shape.encoding,
        missing=tuple(shape.missing),
        extra=extra,
        events=tuple((shape.events or {}).items()),
        at=shape.at,
        kinds=kinds,
        url=url,
        query=shape.query,
        cursor=shape.cursor,
        allow=_allow(draft),
    )


def _say_format(draft: Draft) -> None:
    """Report keys that the format lacks, and those that belong to another one."""
    form = draft.shape.format
    if form is None:
        return
    if form in LATER_FORMATS:
        wrong = f"{form} sources are not available in this version yet"
        draft.place.at("format").say(wrong, f"use {listed([*FILE_FORMATS, 'sql'])}")
    for key, example in _NEEDED.get(form, {}).items():
        draft.needs(key, example)
        if getattr(draft.shape, key) == "":
            draft.place.at(key).say("the text is empty", f"write e.g. {example}")
    for key, forms in _OWN_KEYS.items():
        if getattr(draft.shape, key) is not None and form not in forms:
            draft.place.at(key).say(
                f"a {form} source takes no {key}", f"remove it; only {listed(forms, last='and')} do"
            )


def _url(draft: Draft) -> str | None:
    url = draft.shape.url
    if not url or draft.shape.format != "sql":
        return url
    return source_url(url, draft.folder, draft.place.at("url"))


def _allow(draft: Draft) -> tuple[Path, ...]:
    """Give the folders that SQL over files may read; the settings file's own unless others are named."""
    allow = draft.shape.allow
    over_files = scheme_of(draft.shape.url or "") == "duckdb"
    if allow is None:
        return (draft.folder,) if over_files and draft.shape.format == "sql" else ()
    folders = [allow] if isinstance(allow, str) else allow
    return tuple(absolute(folder, draft.folder) for folder in folders) if _are_texts(folders) else ()


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _say_query(draft: Draft, url: str | None) -> None:
    shape, place = draft.shape, draft.place
    if shape.format != "sql":
        return
    if shape.allow is not None:
        if not isinstance(shape.allow, str) and not _are_texts(shape.allow):
            place.at("allow").say("expected folders", 'write a list of texts, e.g. allow = ["exports"]')
        if url and scheme_of(url) != "duckdb":
            place.at("allow").say("only duckdb:// reads files", "remove it")
    if not shape.query:
        return
    from data.sources.query import uses_since  # noqa: PLC0415  # settings without SQL need no SQL parser
    from data.sources.sql import query_problem  # noqa: PLC0415  # as above

    if url and (problem := query_problem(shape.query, url)):
        mend = "" if ";" in problem else "; write one SELECT that only reads"
        place.problems.append(f"{place.at('query')}: {problem}{mend}")
    if uses_since(shape.query) and shape.cursor is None and not draft.broke("cursor"):
        place.at("cursor").say("the query uses :since, but no cursor is named", 'write e.g. cursor = "updated_at"')


def _say_times(draft: Draft) -> None:
    shape, place = draft.shape, draft.place
    try:
        interval_seconds(shape.every)
    except ValueError as error:
        mend = 'write e.g. "30 s", "5 min", "2 h", "1 d" or a cron line such as "*/5 * * * *"'
        place.at("every").say(f"{quoted(shape.every)} is neither an interval nor a cron line ({error})", mend)
    if shape.fresh_within is not None and not _length(draft):
        wrong = f"{quoted(shape.fresh_within)} is no length of time"
        place.at("fresh_within").say(wrong, 'write e.g. "30 min", "2 h" or "1 d"')
    if shape.timezone is not None:
        say_unknown_zone(shape.timezone, place.at("timezone"))
    if shape.datetime_format is not None and (found := format_problem(shape.datetime_format)):
        place.at("datetime_format").say(*found)


def _length(draft: Draft) -> float | None:
    try:
        return seconds(draft.shape.fresh_within) if draft.shape.fresh_within is not None else None
    except ValueError:
        return None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def say_unknown_zone(zone: str, place: Place) -> bool:
    """Report a zone that is not in the IANA database."""
    if zone in _zones():
        return False
    near = closest(zone, _zones())
    place.say(
        f"unknown time zone {quoted(zone)}", f"did you mean {quoted(near)}?" if near else 'write e.g. "Europe/Berlin"'
    )
    return True


def _say_text_rules(draft: Draft) -> None:
    try:
        b"".decode(draft.shape.encoding)
    except (LookupError, ValueError):
        wrong = f"unknown encoding {quoted(draft.shape.encoding)}"
        draft.place.at("encoding").say(wrong, 'write e.g. "utf-8", "latin-1" or "cp1252"')


def _say_shape(draft: Draft) -> None:
    """Report events, kinds and `at` that do not fit the fact or each other."""
    fact = draft.fact
    if fact is None:
        return
    if fact.snapshot:
        _say_snapshot_shape(draft, fact)
    else:
        _say_event_shape(draft, fact)
    if draft.shape.at == "":
        draft.place.at("at").say("it names no column", 'write e.g. at = "timestamp"')


def _say_snapshot_shape(draft: Draft, fact: Fact) -> None:
    for key in ("events", "kinds"):
        if getattr(draft.shape, key) is not None:
            draft.place.at(key).say(f"{fact.name} is a snapshot and has no events", "remove it, and name `at`")
    draft.needs("at", 'at = "date" above the sub-tables of [[source]]')


def _say_event_shape(draft: Draft, fact: Fact) -> None:
    shape, place = draft.shape, draft.place
    if shape.kinds is not None and shape.events is not None:
        place.at("kinds").say(
            "[source.events] and [[source.kinds]] exclude each other", "keep one: a row per case or per event"
        )
    elif shape.kinds is not None:
        draft.needs("at", 'at = "timestamp" above the sub-tables of [[source]]')
    elif shape.at is not None and not draft.broke("kinds"):
        if shape.events is not None:
            place.at("at").say("a row per case takes its times from [source.events]", "remove it")
        else:
            place.at("kinds").say(
                "`at` is named, but no kind of event", f'add [[source.kinds]] with kind = "{fact.kinds[0]}"'
            )
    elif shape.events is None and not draft.broke("events") and not draft.broke("kinds"):
        place.at("events").say("no time is named", f'add [source.events], e.g. {fact.kinds[0]} = "opened_at"')
    if shape.events == {} and not any(path[0] == "events" for path in draft.broken):
        place.at("events").say("the table is empty", f'name at least one time, e.g. {fact.kinds[0]} = "opened_at"')
    for kind, column in (shape.events or {}).items():
        _say_unknown_kind(fact, kind, place.at("events", kind))
        _say_no_column(column, place.at("events", kind))


def _say_unknown_kind(fact: Fact, kind: str, place: Place) -> None:
    if kind in fact.kinds:
        return
    if kind in field_types(fact):
        place.say(f"{quoted(kind)} is a field of {fact.name}, not an event", "move it to [source.fields]")
    else:
        unknown(place, f"event kind of {fact.name}", kind, fact.kinds)


def _say_no_column(column: str | None, place: Place) -> None:
    if column == "":
        place.say("it names no column", "write the column's name")


def field_types(fact: Fact) -> dict[str, Type]:
    """Give the canonical fields that [source.fields] may map, with their types."""
    keys: dict[str, Type] = {key: "text" for key in fact.key if key != "at"}
    return keys | {field.name: field.type for field in fact.fields} | {"recorded_at": "time"}


def _say_unmapped_key(draft: Draft) -> None:
    fact, shape = draft.fact, draft.shape
    if fact is None or draft.broke("fields"):
        return
    for key in ("name",) if fact.name == "tallies" else fact.key:
        if key == "at" or draft.broke("fields", key):
            continue
        place = draft.place.at("fields", key)
        if key not in shape.fields:
            place.say("column is missing", f'name a column, e.g. {key} = "number"')
        elif not fact.snapshot and shape.fields[key].column is None and shape.fields[key].value is not None:
            place.say("a constant would make all rows one case", f'name a column, e.g. {key} = "number"')


def _mapping(draft: Draft, name: str, mapping: FieldShape) -> Mapping:
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
    _say_no_column(mapping.column, place)


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


def _extra(draft: Draft, name: str) -> Extra:
    extra, place, fact = draft.shape.extra[name], draft.place.at("extra", name), draft.fact
    if extra.column is None and not any(path[:2] == ("extra", name) for path in draft.broken):
        place.at("column").say("key is missing", f'write e.g. {{ column = "made_sla", type = "{extra.type}" }}')
    _say_no_column(extra.column, place.at("column"))
    if not name.strip():
        place.say("the column has no name", 'write e.g. made_sla = { column = "made_sla" }')
    if fact is not None:
        taken = {
            known.casefold() for known in (*column_types(fact.name), *field_types(fact), *_LOG_COLUMNS, *_FOLD_COLUMNS)
        }
        if name.casefold() in taken:
            mend = "map it in [source.fields]" if name in field_types(fact) else "choose another name"
            place.say(f"{fact.name} has a column {quoted(name)} of its own", mend)
    _say_same_letters(name, draft.shape.extra, place)
    _say_known_at(draft, extra.known_at, place.at("known_at"))
    return Extra(extra.column or "", extra.type, extra.known_at)


def _say_same_letters(name: str, names: Iterable[str], place: Place) -> None:
    for other in names:
        if other == name:
            return
        if other.casefold() == name.casefold():
            place.say(f"it differs from {quoted(other)} in case only", "choose another name")


def _say_known_at(draft: Draft, kind: str | None, place: Place) -> None:
    fact, shape = draft.fact, draft.shape
    if kind is None or fact is None:
        return
    named = [*(shape.events or {}), *(rule.kind for rule in shape.kinds or [])]
    read = [name for name in named if name in fact.kinds]
    if fact.snapshot:
        place.say(f"{fact.name} is a snapshot and has no events", "remove it")
    elif kind not in fact.kinds:
        unknown(place, f"event kind of {fact.name}", kind, fact.kinds)
    elif kind not in read and not draft.broke("events") and not draft.broke("kinds"):
        place.say(f"this source reads no event {quoted(kind)}", suggest(kind, read))


def _kinds(draft: Draft) -> tuple[KindRule, ...]:
    """Check [[source.kinds]] and build its rules; one that comes after a rule for every row is never reached."""
    rules: list[KindRule] = []
    for index, shape in enumerate(draft.shape.kinds or []):
        place = draft.place.at("kinds", index)
        if shape.kind is None and not draft.broke("kinds", index, "kind"):
            place.at("kind").say("key is missing", 'write e.g. kind = "received"')
        if shape.kind is not None and draft.fact is not None and draft.fact.kinds:
            _say_unknown_kind(draft.fact, shape.kind, place.at("kind"))
        when = tuple((column, _texts(wanted, place.at("when", column))) for column, wanted in shape.when.items())
        if not draft.broke("kinds", index, "when"):
            _say_unreachable(when, rules, place)
        rules.append(KindRule(shape.kind or "", when))
    return tuple(rules)


def _say_unreachable(when: tuple[tuple[str, tuple[str, ...]], ...], rules: list[KindRule], place: Place) -> None:
    for number, rule in enumerate(rules, start=1):
        if not rule.when or sorted(rule.when) == sorted(when):
            place.say(
                f"entry {number} takes every row that would match here", "write the narrower rule first, or remove one"
            )
            return


def _texts(wanted: Any, place: Place) -> tuple[str, ...]:
    values = wanted if isinstance(wanted, list) else [wanted]
    texts = [as_text(value) for value in values]
    if not texts:
        place.say("an empty list matches nothing", "name the texts that match")
    if None in texts:
        place.say(
            "expected a text, a number, true or false", "write it as the source does, in quotes, or a list of such"
        )
    return tuple(text for text in texts if text is not None)
