"""A web API, pulled page by page from where the last load ended."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

import httpx

from data.settings.remote import SINCE
from data.sources.chunk import SourceError
from data.sources.document import (
    LINES,
    Records,
    is_lines,
    media_type,
    records_of,
    records_of_lines,
    text_of,
    whole,
)
from data.sources.fetch import Fetcher, Patience, shown_address
from data.sources.json import flat_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from data.settings import Paging, Source
    from data.sources.chunk import Chunk
    from data.sources.fetch import Page

CHUNK_ROWS = 10_000
"""Small pages are mapped together up to this many rows."""
MOST_EMPTY = 100
HURRIED = Patience(tries=2, pause=0.5, longest=5.0)
_NOTHING = object()
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SHOWN = 12


def columns(source: Source) -> tuple[str, ...]:
    """Return the columns of the first page's records. Raises SourceError.

    Keys may be missing from any record, so the columns of the settings are among them; of the cursor this is only so
    where a record holds it, as each record should.
    """
    pull = HttpPull(source, None, datetime.now(UTC), threading.Event(), HURRIED)
    with pull.opened() as fetcher:
        records = pull.read(fetcher.get(pull.start()), 0).records
    found = dict.fromkeys(name for row in records.rows for name in row)
    return tuple(dict.fromkeys((*found, *source.columns))) if found else ()


@dataclass(frozen=True)
class _Read:
    """A page's records, with the whole document that they stood in; None where it was an object per line."""

    records: Records
    document: Any


class HttpPull:
    """One pull of a source from the cursor's value `since` on; None, as on the first pull, means from the beginning.

    Times later than `now`, the time of the load, do not move the cursor on.
    """

    def __init__(
        self,
        source: Source,
        since: str | None,
        now: datetime,
        stopping: threading.Event,
        patience: Patience | None = None,
    ) -> None:
        self._source = source
        self._since = since
        self._now = now
        self._stopping = stopping
        self._patience = patience or Patience()
        self._newest = since

    def opened(self) -> Fetcher:
        return Fetcher(self._source, self._stopping, self._patience)

    def start(self) -> httpx.URL:
        """Return the address of the first page; the parameters that hold `:since` are left out on the first pull."""
        address, mark, query = (self._source.url or "").partition("?")
        parts = [part for part in query.split("&") if self._since is not None or SINCE not in unquote(part)]
        value = quote(self._since or "", safe="")
        filled = [re.sub(r"(:|%3[aA])since", lambda _: value, part) for part in parts]
        first = httpx.URL(f"{address}{mark}{'&'.join(filled)}" if filled else address)
        return _Turner(self._source.paging, first).first().copy_with(username=None, password=None)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the records, numbered from 1 over all pages. Raises SourceError, after the rows of the pages before."""
        waiting, failed = Records(), None
        pages = self._pages()
        while True:
            try:
                records = next(pages, None)
            except SourceError as error:
                records, failed = None, error
            if records is not None:
                waiting.extend(records)
            if len(waiting) and (records is None or len(waiting) >= CHUNK_ROWS):
                yield waiting.chunk(self._source, f"source {self._source.name}")
                waiting = Records()
            if failed is not None:
                raise failed
            if records is None:
                return

    def cursor(self) -> str | None:
        """Return the newest value of the cursor so far, as it was written; only after the last page it may be kept.

        Pages may come in any order, so before the last one older rows may still be missing.
        """
        return self._newest

    def _pages(self) -> Iterator[Records]:
        start = self.start()
        turner = _Turner(self._source.paging, start)
        address: httpx.URL | None = start
        known, before, rows, idle = {str(start)}, b"", 0, 0
        with self.opened() as fetcher:
            while address is not None:
                page = fetcher.get(address)
                read = self.read(page, rows)
                digest = hashlib.blake2b(page.body).digest()
                if len(read.records) and digest == before:
                    raise self._again(address)
                self._see(read.records)
                yield read.records
                rows, before = rows + len(read.records), digest
                idle = 0 if len(read.records) else idle + 1
                try:
                    address = turner.after(page, read, fetcher.home)
                except httpx.InvalidURL:
                    raise self._error("a page names a next one that is no web address; correct paging") from None
                if address is not None and str(address) in known:
                    if idle:  # a feed that is at its end may name its end as the next page
                        return
                    raise self._again(address)
                if idle > MOST_EMPTY:
                    raise self._error(f"{MOST_EMPTY} pages in a row hold nothing and name a next one; correct paging")
                known.add(str(address))

    def _again(self, address: httpx.URL) -> SourceError:
        wrong = f"{shown_address(address)} gives the same page again, so its pages would never end"
        return self._error(f"{wrong}; correct paging", "paging")

    def _error(self, said: str, key: str = "paging") -> SourceError:
        return SourceError(f"source {self._source.name}: {said}", key=key)

    def read(self, page: Page, before: int) -> _Read:
        """Read a page's records; their numbers follow `before`. Raises SourceError."""
        kind, charset = media_type(page.content_type)
        what = f"source {self._source.name}: what {shown_address(page.address)} gives"
        text = text_of(page.body, charset or self._source.encoding, what)
        if not text.strip():
            return _Read(Records(), None)
        if kind in LINES or (self._source.records is None and is_lines(text)):
            return _Read(records_of_lines(text, before), None)
        try:
            document = whole(text, what)
        except SourceError as error:
            shown = f" but {kind}" if kind and "json" not in kind else ""
            raise SourceError(f"{error}{shown}; correct url", key="url") from None
        found = self._list_in(document)
        return _Read(records_of(found, before, escapes="\\u" in text), document)

    def _list_in(self, document: Any) -> Sequence[Any]:
        path = self._source.records
        if path is None:
            if isinstance(document, list):
                return document
            if isinstance(document, dict) and set(self._source.columns) & set(flat_row(document, escapes=False)):
                return [document]
            lists = _lists(document)
            mend = (
                f'name its list, e.g. records = "{lists[0]}"' if lists else "correct url, or name its list in records"
            )
            raise self._error(f"the page is no list of records but {_kind(document)}; {mend}", "records")
        if isinstance(document, list):
            raise self._error("the page is the list of records itself; remove records", "records")
        found = at_path(document, path)
        if found is None:
            return []
        if isinstance(found, list):
            return found
        lists = _lists(document)
        there = f"; it has a list at {' and '.join(lists[:3])}" if lists else ""
        wrong = "nothing" if found is _NOTHING else _kind(found)
        raise self._error(
            f'the page has {wrong} at "{path}", where its list should be{there}; correct records', "records"
        )

    def _see(self, records: Records) -> None:
        """Move the cursor on over a page's records."""
        cursor = self._source.cursor
        if cursor is None or not records.rows:
            return
        if not any(cursor in row for row in records.rows):
            names = list(dict.fromkeys(name for row in records.rows for name in row))
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            wrong = f'no record has "{cursor}", which is the cursor'
            raise self._error(f"{wrong}; name one of {', '.join(names[:_SHOWN])}{more}", "cursor")
        written = {(row.get(cursor) or "").strip() for row in records.rows}
        self._newest = newest(self._newest, written - {"", *self._source.missing}, self._source, self._now)


def newest(known: str | None, values: set[str], source: Source, now: datetime) -> str | None:
    """Return the newest of a cursor's values: as numbers if all are, as times if they are, else as texts.

    Times after `now` are left out. Raises SourceError where some values are times and some are not.
    """
    every = sorted(values if known is None else {known, *values})
    if not every:
        return None
    numbers = [_number(value) for value in every]
    if None not in numbers:
        return max(zip(numbers, every, strict=True))[1]
    times = [_moment(value, source) for value in every]
    told = [(moment, value) for moment, value in zip(times, every, strict=True) if moment is not None]
    if len(told) == len(every):
        return max(
            ((moment, value) for moment, value in told if moment <= now or value == known), default=(now, known)
        )[1]
    if told:
        odd = next(value for moment, value in zip(times, every, strict=True) if moment is None)
        raise SourceError(
            f'source {source.name}: the cursor "{source.cursor}" holds "{odd[:60]}", which is no time as "{told[0][1]}" '
            "is; list it in missing, or name another cursor",
            key="cursor",
        )
    return every[-1]


def _number(value: str) -> Decimal | None:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _moment(value: str, source: Source) -> datetime | None:
    try:
        if _DATE.match(value):
            moment = datetime.fromisoformat(value)
        elif source.datetime_format:
            moment = datetime.strptime(value, source.datetime_format)  # noqa: DTZ007  # the zone follows
        else:
            return None
        return moment.replace(tzinfo=ZoneInfo(source.timezone)) if moment.tzinfo is None else moment
    except (ValueError, OverflowError):
        return None


class _Turner:
    """Finds the address of the next page."""

    def __init__(self, paging: Paging | None, start: httpx.URL) -> None:
        self._paging = paging
        self._start = start
        self._page = paging.first if paging else 1
        self._rows = 0

    def first(self) -> httpx.URL:
        """Return the start with what asks for the first page."""
        paging, address = self._paging, self._start
        if paging is None:
            return address
        for parameter, value in ((paging.page, self._page), (paging.offset, 0)):
            address = _asking(address, parameter, str(value)) if parameter else address
        size = paging.size or paging.limit
        return _asking(address, size, str(paging.rows)) if size else address

    def after(self, page: Page, read: _Read, home: httpx.URL) -> httpx.URL | None:
        """Return the address of the page after this one; None if it is the last.

        Numbered pages end with an empty one, whatever their size: servers give fewer rows than they are asked for.
        """
        paging = self._paging
        if paging is None:
            return None
        if paging.link:
            return _linked(page, page.links.get(paging.link), home)
        if paging.next:
            told = at_path(read.document, paging.next)
            if not isinstance(told, str) or not told:  # missing, null or false, as the last page has it
                return None
            if paging.parameter:
                return _asking(self._start, paging.parameter, str(told))
            return _linked(page, told, home)
        if not len(read.records):
            return None
        self._page += 1
        self._rows += len(read.records)
        if paging.offset:
            return _asking(self._start, paging.offset, str(self._rows))
        return _asking(self._start, paging.page or "", str(self._page))


def _asking(address: httpx.URL, parameter: str, value: str) -> httpx.URL:
    """Set one query parameter and leave the others as they are written: not every server takes + for a blank."""
    parts = [part for part in address.query.decode().split("&") if part]
    others = [part for part in parts if unquote(part.partition("=")[0]) != parameter]
    return address.copy_with(query="&".join([*others, f"{quote(parameter)}={quote(value, safe='')}"]).encode())


def _linked(page: Page, link: str | None, home: httpx.URL) -> httpx.URL | None:
    """Return the address of a link, which may be relative to its page."""
    if not link:
        return None
    address = page.address.join(link)
    if address.scheme == "http" and (address.host, home.scheme) == (home.host, "https") and address.port is None:
        # servers behind a proxy that speaks https for them often do not know of it
        return address.copy_with(scheme="https", port=home.port)
    return address


def at_path(document: Any, path: str) -> Any:
    """Return what stands at a dotted path; keys may hold dots themselves, as "@odata.nextLink" does."""
    if not isinstance(document, dict):
        return _NOTHING
    if path in document:
        return document[path]
    parts = path.split(".")
    for end in range(len(parts) - 1, 0, -1):
        inner = document.get(".".join(parts[:end]), _NOTHING)
        found = at_path(inner, ".".join(parts[end:]))
        if found is not _NOTHING:
            return found
    return _NOTHING


def _lists(document: Any, prefix: str = "", depth: int = 3) -> list[str]:
    """Return the paths of the lists of objects in a document."""
    if not isinstance(document, dict) or not depth:
        return []
    found = [f"{prefix}{key}" for key, value in document.items() if isinstance(value, list) and _of_objects(value)]
    for key, value in document.items():
        found += _lists(value, f"{prefix}{key}.", depth - 1)
    return found


def _of_objects(values: list[Any]) -> bool:
    return all(isinstance(value, dict) for value in values)


def _kind(value: Any) -> str:
    match value:
        case dict():
            keys = list(value)
            more = ", ..." if len(keys) > _SHOWN else ""
            return f"an object with {', '.join(keys[:_SHOWN])}{more}" if keys else "an empty object"
        case list():
            return "a list"
        case _:
            return "a single value"
