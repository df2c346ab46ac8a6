"""XES event logs (IEEE 1849), streamed: a row per event, with its trace's attributes as `case:<key>`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxml import etree

from data.sources.chunk import Chunk, SourceError
from data.sources.json import rows_chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.settings import Source
    from data.sources.reading import Reading

CHUNK_ROWS = 100_000  # rows are Python objects here for a moment
_VALUES = {"string", "date", "int", "float", "boolean", "id"}


def chunks(reading: Reading, source: Source) -> Iterator[Chunk]:
    """Yield the events, counted from 1, with values as the file writes them. Raises SourceError for broken XML."""
    rows: list[dict[str, str | None]] = []
    last = 0
    for trace in _traces(reading):
        rows += trace
        if len(rows) >= CHUNK_ROWS:
            yield rows_chunk(rows, list(range(last + 1, last + 1 + len(rows))), [], source, reading.name)
            last, rows = last + len(rows), []
    if rows:
        yield rows_chunk(rows, list(range(last + 1, last + 1 + len(rows))), [], source, reading.name)


def _traces(reading: Reading) -> Iterator[list[dict[str, str | None]]]:
    """Yield the events of each trace; an event outside of any comes alone."""
    # Without `huge_tree` libxml2 stops entities that blow up; XES has no use for entities, so any is an error.
    steps = etree.iterparse(
        reading.stream, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False
    )
    events: list[dict[str, str | None]] | None = None
    depth = 0
    try:
        for step, element in steps:
            depth += 1 if step == "start" else -1
            name = _name(element)
            if step == "start":
                if depth == 1:
                    _check_root(element, name, reading)
                elif name == "trace":
                    events = []
            elif name == "event":
                row = _attributes(element)
                element.clear()
                if events is None:
                    yield [row]
                else:
                    events.append(row)
            elif name == "trace":
                case = {f"case:{key}": value for key, value in _attributes(element).items()}
                yield [case | row for row in events or []]
                events = None
            if step == "end" and depth == 1:
                _forget(element)
    except etree.XMLSyntaxError as error:
        reason = " ".join(str(error.msg).partition(", line")[0].split())
        raise SourceError(
            f"{reading.name}: the XML is broken at line {error.lineno} ({reason}); have it exported again",
            permanent=reading.settled,
        ) from None


def _check_root(element: Any, name: str, reading: Reading) -> None:
    if element.getroottree().docinfo.internalDTD is not None:
        raise SourceError(f"{reading.name}: it declares a document type, which event logs have no use for; remove it")
    if name != "log":
        raise SourceError(f"{reading.name}: its outermost element is <{name[:60]}>, not the <log> of XES")


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _attributes(element: Any) -> dict[str, str | None]:
    """Return an element's own attributes; those nested in attributes, lists and containers are left out."""
    return {
        child.get("key"): child.get("value")
        for child in element
        if isinstance(child.tag, str) and _name(child) in _VALUES and child.get("key") is not None
    }


def _forget(element: Any) -> None:
    """Free an element of the log and the ones before it: a log can be larger than the memory."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]
