"""Where a source's rows come from, how often, and how their text and times are to be read."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from data.settings.addresses import absolute, scheme_of, source_url
from data.settings.durations import interval_seconds, seconds
from data.settings.moments import format_problem
from data.settings.problems import Place, closest, listed, quoted

if TYPE_CHECKING:
    from pathlib import Path

    from data.settings.draft import Draft

FILE_FORMATS = ("csv", "xlsx", "parquet", "json", "xes")
_OWN_KEYS = {
    "path": FILE_FORMATS,
    "url": ("sql", "http"),
    "query": ("sql",),
    "cursor": ("sql", "http"),
    "allow": ("sql",),
    "records": ("http",),
    "headers": ("http",),
    "paging": ("http",),
    "token": ("push",),
}
_NEEDED = {
    **{form: {"path": f'path = "incidents/*.{form}"'} for form in FILE_FORMATS},
    "sql": {"url": 'url = "duckdb://"', "query": 'query = "SELECT * FROM orders"'},
    "http": {"url": 'url = "https://api.example.com/orders?changed_since=:since"'},
    "push": {"token": 'token = "${ORDERS_TOKEN}"'},
}


def say_format(draft: Draft) -> None:
    """Report keys that the format lacks, and those that belong to another one."""
    form = draft.shape.format
    if form is None:
        return
    for key, example in _NEEDED.get(form, {}).items():
        draft.needs(key, example)
        if getattr(draft.shape, key) == "":
            draft.place.at(key).say("the text is empty", f"write e.g. {example}")
    for key, forms in _OWN_KEYS.items():
        if getattr(draft.shape, key) is not None and form not in forms:
            draft.place.at(key).say(
                f"{form} sources take no {key}", f"remove it: it is for {listed(forms, last='and')}"
            )


def read_url(draft: Draft) -> str | None:
    url = draft.shape.url
    if not url or draft.shape.format != "sql":
        return url
    return source_url(url, draft.folder, draft.place.at("url"))


def read_allow(draft: Draft) -> tuple[Path, ...]:
    """Give the folders that SQL over files may read; the settings file's own unless others are named."""
    allow = draft.shape.allow
    over_files = scheme_of(draft.shape.url or "") == "duckdb"
    if allow is None:
        return (draft.folder,) if over_files and draft.shape.format == "sql" else ()
    folders = [allow] if isinstance(allow, str) else allow
    return tuple(absolute(folder, draft.folder) for folder in folders) if _are_texts(folders) else ()


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def say_query(draft: Draft, url: str | None) -> None:
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


def say_times(draft: Draft) -> None:
    shape, place = draft.shape, draft.place
    try:
        interval_seconds(shape.every)
    except ValueError as error:
        mend = 'write e.g. "30 s", "5 min", "2 h", "1 d" or a cron line such as "*/5 * * * *"'
        place.at("every").say(str(error), mend)
    if shape.fresh_within is not None and not freshness(draft):
        wrong = f"{quoted(shape.fresh_within)} is no length of time"
        place.at("fresh_within").say(wrong, 'write e.g. "30 min", "2 h" or "1 d"')
    if shape.timezone is not None:
        say_unknown_zone(shape.timezone, place.at("timezone"))
    if shape.datetime_format is not None and (found := format_problem(shape.datetime_format)):
        place.at("datetime_format").say(*found)


def freshness(draft: Draft) -> float | None:
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


def say_encoding(draft: Draft) -> None:
    try:
        "a".encode(draft.shape.encoding)
    except (LookupError, ValueError):
        wrong = f"unknown encoding {quoted(draft.shape.encoding)}"
        draft.place.at("encoding").say(wrong, 'write e.g. "utf-8", "latin-1" or "cp1252"')
