"""One [[source]] of settings.toml: what it may and must say, and the frozen value it becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.facts import FACTS
from data.settings.draft import Draft, read_entry
from data.settings.events import read_kinds, say_shape
from data.settings.extras import read_extra
from data.settings.fields import read_mapping, say_unmapped_key
from data.settings.origin import (
    freshness,
    read_allow,
    read_url,
    say_encoding,
    say_format,
    say_query,
    say_times,
)
from data.settings.problems import Place, quoted
from data.settings.remote import read_paging, say_request, say_token
from data.settings.shapes import SourceShape, unknown
from data.settings.values import Source

if TYPE_CHECKING:
    from collections.abc import Mapping as Environ
    from pathlib import Path


def read_sources(
    tables: list[Any], environ: Environ[str, str], place: Place, folder: Path, timezone: str
) -> tuple[list[Draft], list[Source]]:
    """Check every [[source]]: give all of them as drafts, and those without a mistake as values."""
    drafts: list[Draft] = []
    sources: list[Source] = []
    for index, table in enumerate(tables):
        before = len(place.problems)
        entry = read_entry("source", index, SourceShape, table, environ, place)
        draft = Draft(entry.shape, entry.place, entry.broken, folder, timezone)
        _say_clashes(draft, drafts)
        source = _source(draft)
        drafts.append(draft)
        if len(place.problems) == before and source is not None:
            sources.append(source)
    return drafts, sources


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
    say_format(draft)
    url = read_url(draft)
    say_query(draft, url)
    say_request(draft)
    paging = read_paging(draft)
    say_token(draft)
    say_times(draft)
    say_encoding(draft)
    say_shape(draft)
    say_unmapped_key(draft)
    fields = tuple((name, read_mapping(draft, name, mapping)) for name, mapping in shape.fields.items())
    extra = tuple((name, read_extra(draft, name)) for name in shape.extra)
    kinds = read_kinds(draft)
    if shape.name is None or shape.fact is None or shape.format is None:
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
        fresh_within_seconds=freshness(draft),
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
        allow=read_allow(draft),
        records=shape.records,
        headers=tuple((shape.headers or {}).items()),
        paging=paging,
        token=shape.token,
    )
