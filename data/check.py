"""The checks that look at the sources themselves: whether they can be read, and hold the columns that are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.settings import SettingsError, load_settings
from data.settings.origin import FILE_FORMATS
from data.settings.problems import Place, closest, listed, quoted
from data.sources import columns
from data.sources.chunk import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from data.settings import Settings, Source
    from data.settings.problems import Step

_SHOWN = 12


def check_file(path: Path, environ: Mapping[str, str]) -> list[str]:
    """Give every mistake in the settings, the KPIs and the sources, one sentence each."""
    try:
        return check(load_settings(path, environ))
    except SettingsError as error:
        return [*error.problems, *check_sources(error.sources, path)]


def check(settings: Settings) -> list[str]:
    """Give what is wrong with the sources of settings that are right in themselves."""
    return check_sources(settings.sources, settings.path)


def check_sources(sources: Iterable[Source], path: Path) -> list[str]:
    place = Place(str(path))
    for source in sources:
        _check_source(source, place.within(f"[[source]] {quoted(source.name)}"))
    return place.problems


def _check_source(source: Source, place: Place) -> None:
    try:
        present = columns(source)
    except SourceError as error:
        spot = place.at(error.key or ("path" if source.format in FILE_FORMATS else "url"))
        place.problems.append(f"{spot}: {str(error).removeprefix(f'source {source.name}: ')}")
        return
    if not present:  # an empty file of a format without a header names no column
        return
    known = frozenset(present)
    for steps, column in _named(source):
        if column not in known:
            _say_no_column(column, present, place.at(*steps))


def _say_no_column(column: str, present: tuple[str, ...], place: Place) -> None:
    near = closest(column, present)
    shown = listed([quoted(name) for name in present[:_SHOWN]]) if present else "none"
    more = f" and {len(present) - _SHOWN} more" if len(present) > _SHOWN else ""
    mend = f"did you mean {quoted(near)}?" if near else f"name one that it has: {shown}{more}"
    place.say(f"the source has no column {quoted(column)}", mend)


def _named(source: Source) -> Iterator[tuple[tuple[Step, ...], str]]:
    """Give every column that the settings name, with the key that names it."""
    for name, mapping in source.fields:
        if mapping.column is not None:
            yield ("fields", name), mapping.column
    for name, extra in source.extra:
        yield ("extra", name, "column"), extra.column
    for kind, column in source.events:
        yield ("events", kind), column
    if source.at is not None:
        yield ("at",), source.at
    for index, rule in enumerate(source.kinds):
        for column, _ in rule.when:
            yield ("kinds", index, "when", column), column
    if source.cursor is not None:
        yield ("cursor",), source.cursor
