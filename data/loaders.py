"""Loaders: source -> frame -> contract -> events -> warehouse, in accountable batches."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from data.batch import Batch, Rejected, Tally, signature
from data.contracts import failures, schema
from data.mapping import plain, read_rows
from data.sources import push
from data.sources.chunk import SourceError
from data.sources.files import FileMark, pending
from data.sources.frames import text_frame
from data.sources.push import Delivery
from data.sources.sql import SqlPull
from data.warehouse import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from data.settings import Source
    from data.sources.chunk import Chunk
    from data.sources.files import PendingFile
    from data.warehouse import Warehouse

log = logging.getLogger(__name__)

TYPED = ("xlsx", "parquet", "sql")
BATCH_ROWS = 50_000
"""Pages of a web API are committed together up to this many rows."""
REPLAYED = 50_000
"""Quarantined rows that are tried again together."""
SMALL_FILE = 16 << 20
"""Files up to this many bytes share a batch, so that ten thousand little drops do not cost ten thousand commits."""


@dataclass
class Loaded:
    """What one load of a source did. `error` is a sentence, or several joined by spaces; None if all went well."""

    name: str
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)
    permanent: bool = True
    wait: float = 0.0
    """Seconds for which the source asked to be left alone."""

    @property
    def error(self) -> str | None:
        return " ".join(self.errors) or None

    def fail(self, error: SourceError) -> None:
        self.errors.append(str(error))
        self.permanent &= error.permanent
        self.wait = max(self.wait, error.wait)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, **asdict(self.tally), "seconds": round(self.seconds, 3), "error": self.error}


class KeyReusedError(Exception):
    """An Idempotency-Key came with another body than the one that it stands for."""


def _nowhere(_: str) -> None:
    return None


class Loader:
    """Loads sources into a warehouse. Loads of one source take turns; different sources only meet to commit.

    `clock` gives the time of a load; `boundary` is told each step's name, so that tests can end the process there.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        sources: Sequence[Source],
        clock: Callable[[], datetime],
        boundary: Callable[[str], None] = _nowhere,
    ) -> None:
        self._warehouse = warehouse
        self._names = [source.name for source in sources]
        self._clock = clock
        self._boundary = boundary
        self.stopping = threading.Event()
        """Set once the product stops: a pull over the network then ends, and goes on at the next load."""

    def load(self, source: Source, progress: Callable[[int, str], None] | None = None) -> Loaded:
        """Pull a source once. `progress` is told (rows so far, what is being read)."""
        loaded = Loaded(source.name)
        started = time.perf_counter()
        with self._warehouse.turns[source.name]:
            _guarded(loaded, self._run(source, loaded, progress).pull)
        loaded.seconds = time.perf_counter() - started
        return loaded

    def receive(self, source: Source, delivery: Delivery) -> Tally:
        """Store what was pushed; it is durable when this returns, and what was known before counts as duplicate.

        Raises SourceError if the body cannot be read as a whole, KeyReusedError, and what the warehouse raises.
        """
        with self._warehouse.turns[source.name]:
            self._run(source, Loaded(source.name)).pull()
            return self._run(source, Loaded(source.name)).receive(delivery)

    def _run(self, source: Source, loaded: Loaded, progress: Callable[[int, str], None] | None = None) -> _Run:
        return _Run(
            self._warehouse, source, self._names, self._clock(), self._boundary, loaded, progress, self.stopping
        )

    def replay(self, source: Source) -> Loaded:
        """Try the source's quarantined rows again, as they were written, under its present mapping and contract."""
        loaded = Loaded(source.name)
        started = time.perf_counter()
        with self._warehouse.turns[source.name]:
            _guarded(loaded, self._run(source, loaded).replay)
        loaded.seconds = time.perf_counter() - started
        return loaded


def _guarded(loaded: Loaded, run: Callable[[], None]) -> None:
    """Let no source's failure, not even one of ours, stop the other sources."""
    try:
        run()
    except SourceError as error:
        loaded.fail(error)
    except WarehouseError as error:
        loaded.errors.append(str(error))
    except Exception as error:
        log.exception("source %s could not be loaded", loaded.name)
        loaded.errors.append(f"This failed through a fault of Painpoint's: {type(error).__name__}: {error}.")


class _Run:
    """One load of one source."""

    def __init__(
        self,
        warehouse: Warehouse,
        source: Source,
        names: Sequence[str],
        at: datetime,
        boundary: Callable[[str], None],
        loaded: Loaded,
        progress: Callable[[int, str], None] | None,
        stopping: threading.Event,
    ) -> None:
        self._warehouse = warehouse
        self._source = source
        self._names = names
        self._at = at
        self._boundary = boundary
        self._loaded = loaded
        self._progress = progress
        self._stopping = stopping
        self._contract = schema(source, at)
        self._waiting: list[tuple[str, Chunk]] = []

    def pull(self) -> None:
        """Load what is new."""
        match self._source.format:
            case "sql":
                self.sql()
            case "http":
                self.http()
            case "push":
                self.pushed_before()
            case _:
                self.files()

    def files(self) -> None:
        """Load the files that are new or have changed: small ones share batches, a large one has its own."""
        marks, reload = self._marks()
        waiting, errors = pending(self._source, marks)
        for error in errors:
            self._loaded.fail(error)
        groups = _grouped(waiting)
        read = bool(marks)
        for group in groups or ([[]] if reload and read else []):
            with self._batch() as batch:
                done = {file.name: mark for file in group if (mark := self._file(batch, file, alone=len(group) == 1))}
                self._stage_waiting(batch)
                read |= bool(done)
                # under a changed mapping the old rows count until the last file was tried, unless it is worth trying again
                complete = group is (groups or [group])[-1] and self._loaded.permanent and read
                if done or complete:
                    anew = [file.name for file in group if file.name in done and file.name in marks and not file.grown]
                    self._commit(batch, marks=done, anew=anew, activate=complete or not reload)

    def _marks(self) -> tuple[dict[str, FileMark], bool]:
        """Give what is remembered of the files, and whether an older mapping's rows are what counts as yet."""
        con = self._warehouse.cursor()
        try:
            rows = con.execute(
                "SELECT g.signature, g.active_from, m.name, m.mark FROM generations g "
                "LEFT JOIN marks m ON m.source = g.source AND m.generation = g.generation WHERE g.source = ? "
                "AND g.generation = (SELECT max(generation) FROM generations WHERE source = ?) ORDER BY m.batch",
                [self._source.name] * 2,
            ).fetchall()
            before = con.execute(
                "SELECT 1 FROM generations WHERE source = ? AND active_from IS NOT NULL LIMIT 1", [self._source.name]
            ).fetchone()
        finally:
            con.close()
        mine = [row for row in rows if row[0] == signature(self._source)]
        counts = any(row[1] is not None for row in mine)
        marks = {name: FileMark(**json.loads(mark)) for _, _, name, mark in mine if name is not None}
        return marks, before is not None and not counts

    def _file(self, batch: Batch, file: PendingFile, *, alone: bool) -> str | None:
        """Stage one file; give its mark, or None if it could not be read: then nothing of it is stored."""
        try:
            if alone:
                for chunk in file.chunks():
                    self._stage(batch, [(file.name, chunk)])
            else:
                # small files wait until they proved whole, because they share the batch, and are then mapped together
                whole = [(file.name, chunk) for chunk in file.chunks()]
                self._waiting += whole
            return json.dumps(asdict(file.mark()))
        except SourceError as error:
            self._loaded.fail(error)
            if alone:
                batch.forget()
            return None

    def _stage_waiting(self, batch: Batch) -> None:
        """Stage the small files' chunks, those of the same columns and types together: mapping costs per chunk, not per row."""
        alike: dict[tuple[tuple[str, str], ...], list[tuple[str, Chunk]]] = {}
        for name, chunk in self._waiting:
            kinds = tuple((str(column), str(dtype)) for column, dtype in chunk.frame.dtypes.items())
            alike.setdefault(kinds, []).append((name, chunk))
        self._waiting = []
        for chunks in alike.values():
            self._stage(batch, chunks)

    def sql(self) -> None:
        """Load the query's rows since the cursor, which moves on only with them."""
        since, reload = self._cursor()
        pull = SqlPull(self._source, since)
        with self._batch() as batch:
            for chunk in pull.chunks():
                self._stage(batch, [(self._source.name, chunk)])
            cursor = pull.cursor()
            if batch.tally.read or reload:
                self._commit(batch, cursor=None if cursor is None else json.dumps(cursor))

    def http(self) -> None:
        """Load the pages since the cursor, which moves on only once all of them are stored.

        They may come in any order, so what was read before a page failed is kept, and read again with the others.
        """
        from data.sources.http import HttpPull  # noqa: PLC0415  # networks without web APIs need no HTTP client

        since, reload = self._cursor()
        pull = HttpPull(self._source, since, self._at, self._stopping)
        chunks, complete = pull.chunks(), False
        while not complete:
            with self._batch() as batch:
                try:
                    complete = self._fill(batch, chunks)
                except SourceError:
                    if batch.tally.read:
                        self._commit(batch, activate=not reload)
                    raise
                cursor = pull.cursor() if complete else None
                if batch.tally.read or (complete and (reload or cursor != since)):
                    told = None if cursor is None else json.dumps(cursor)
                    self._commit(batch, cursor=told, activate=complete or not reload)

    def _fill(self, batch: Batch, chunks: Iterator[Chunk]) -> bool:
        """Stage chunks up to a batch's worth of rows; tell whether they were the last."""
        for chunk in chunks:
            self._stage(batch, [(self._source.name, chunk)])
            if batch.tally.read >= BATCH_ROWS:
                return False
        return True

    def receive(self, delivery: Delivery) -> Tally:
        """Store one push; a repeated Idempotency-Key gets the counts of the first time, with nothing stored."""
        if delivery.key is not None and (before := self._received(delivery)) is not None:
            return before
        with self._batch() as batch:
            for chunk in push.chunks(delivery, self._source):
                self._stage(batch, [(push.FILE, chunk)])
            if batch.tally.read:
                self._commit(batch, marks=self._kept(delivery))
        return self._loaded.tally

    def _received(self, delivery: Delivery) -> Tally | None:
        names = ", ".join(f'b."{each.name}"' for each in fields(Tally))
        found = self._ask(
            f"SELECT m.mark, {names} FROM marks m JOIN batches b ON b.batch = m.batch "  # noqa: S608  # our own names
            "WHERE m.source = ? AND m.name = ? ORDER BY m.batch DESC LIMIT 1",
            f"{push.KEY}{delivery.key}",
        )
        if not found:
            return None
        digest, *counts = found[0]
        if digest != delivery.digest:
            raise KeyReusedError
        tally = Tally(*counts)
        tally.stored, tally.duplicate = 0, tally.stored + tally.duplicate
        return tally

    def _kept(self, delivery: Delivery) -> dict[str, str]:
        """Give what to remember of a push: its body, which a changed mapping is read from, and its key."""
        name = f"{push.BODY}{delivery.digest}"
        newest = self._ask(
            "SELECT name FROM marks WHERE source = ? AND starts_with(name, ?) ORDER BY batch DESC LIMIT 1", push.BODY
        )
        marks = {} if newest and newest[0][0] == name else {name: delivery.dump()}
        return marks | ({f"{push.KEY}{delivery.key}": delivery.digest} if delivery.key is not None else {})

    def pushed_before(self) -> None:
        """Read anew what was pushed before, if the mapping has changed since; there is nothing else to pull."""
        if not self._cursor()[1]:
            return
        batches = self._ask(
            "SELECT batch, name FROM marks WHERE source = ? AND starts_with(name, ?) ORDER BY batch", push.BODY
        )
        with self._batch() as batch:
            for number, name in batches:
                ((kept,),) = self._ask(
                    "SELECT mark FROM marks WHERE source = ? AND batch = ? AND name = ?", number, name
                )
                for chunk in push.chunks_again(Delivery.load(kept), self._source):
                    self._stage(batch, [(push.FILE, chunk)])
            self._commit(batch)

    def _ask(self, query: str, *values: Any) -> list[Any]:
        """Ask the books about this source."""
        con = self._warehouse.cursor()
        try:
            return con.execute(query, [self._source.name, *values]).fetchall()
        finally:
            con.close()

    def _cursor(self) -> tuple[Any, bool]:
        con = self._warehouse.cursor()
        try:
            newest = con.execute(
                "SELECT signature, generation, active_from FROM generations WHERE source = ? ORDER BY generation DESC LIMIT 1",
                [self._source.name],
            ).fetchone()
            if newest is None or newest[0] != signature(self._source):
                return None, newest is not None
            value = con.execute(
                "SELECT value FROM cursors WHERE source = ? AND generation = ? ORDER BY batch DESC LIMIT 1",
                [self._source.name, newest[1]],
            ).fetchone()
        finally:
            con.close()
        return (json.loads(value[0]) if value else None), newest[2] is None

    def replay(self) -> None:
        """Store the quarantined rows that pass by now; under a changed mapping all is read anew, they among it."""
        by_cursor = self._source.format in ("sql", "http", "push")
        reload = self._cursor()[1] if by_cursor else self._marks()[1]
        if reload:
            self.pull()
        if not self._loaded.errors:
            self.quarantined()

    def quarantined(self) -> None:
        """Store the quarantined rows that pass by now; the others stay where they are."""
        con = self._warehouse.cursor()
        rows = con.execute(
            "SELECT id, file, place, raw FROM quarantine WHERE source = ? AND readable AND closed_at IS NULL ORDER BY id",
            [self._source.name],
        ).fetchall()
        con.close()
        with self._batch() as batch:
            released: list[int] = []
            for start in range(0, len(rows), REPLAYED):
                released += self._try_again(batch, rows[start : start + REPLAYED])
            if released:
                self._commit(batch, released=released)
            else:
                self._loaded.tally.add(batch.tally)

    def _try_again(self, batch: Batch, rows: list[Any]) -> list[int]:
        """Stage the quarantined rows that pass; give the ids of those, and of those that no kind matches by now."""
        identities, files, places, raws = zip(*rows, strict=True)
        cells = [json.loads(raw) for raw in raws]
        names = dict.fromkeys([*(name for row in cells for name in row), *self._source.columns])
        frame = text_frame({name: [_written(row.get(name)) for row in cells] for name in names})
        good, ignored = self._pass(self._source, frame)
        if self._source.datetime_format and self._source.format in TYPED:
            # a cell that held a time is written in ISO 8601 in the quarantine, whatever the source's texts look like
            rest = frame.drop(index=[*good.index, *ignored])
            if not rest.empty:
                more, more_ignored = self._pass(replace(self._source, datetime_format=None), rest)
                good, ignored = pd.concat([good, more]) if not more.empty else good, [*ignored, *more_ignored]
        positions = good.index.to_list()
        batch.add(good, [files[i] for i in positions], [places[i] for i in positions])
        batch.tally.read += len(rows)
        batch.tally.ignored += len(ignored)
        batch.tally.quarantined += len(rows) - len(good) - len(ignored)
        return [identities[i] for i in [*positions, *ignored]]

    def _pass(self, source: Source, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[int]]:
        """Give the canonical rows that pass, and the index of those that no kind matches."""
        mapped = read_rows(source, frame)
        mapped.frame.index = frame.index[mapped.frame.index]
        gone = {*mapped.frame.index, *frame.index[list(mapped.problems)]}
        return mapped.frame.drop(index=list(failures(mapped.frame, self._contract))), [
            i for i in frame.index if i not in gone
        ]

    def _batch(self) -> Batch:
        return Batch(self._warehouse, self._source, self._boundary)

    def _commit(self, batch: Batch, **how: Any) -> None:
        batch.commit(self._names, self._at, **how)
        self._loaded.tally.add(batch.tally)

    def _stage(self, batch: Batch, chunks: list[tuple[str, Chunk]]) -> None:
        """Map rows, hold them against the contract, and stage them or reject them with a reason; `chunks` have equal columns."""
        self._boundary("read")
        frame = (
            pd.concat([chunk.frame for _, chunk in chunks], ignore_index=True)
            if len(chunks) > 1
            else chunks[0][1].frame
        )
        places = np.concatenate([np.asarray(chunk.rows, dtype="int64") for _, chunk in chunks])
        files = np.repeat([name for name, _ in chunks], [len(chunk.frame) for _, chunk in chunks])
        mapped = read_rows(self._source, frame)
        broken = failures(mapped.frame, self._contract)
        unreadable = [
            Rejected(name, u.row, u.reason, u.raw, readable=False) for name, chunk in chunks for u in chunk.unreadable
        ]
        batch.reject(unreadable + _rejected(frame, files, places, mapped.problems | broken))
        good = mapped.frame.drop(index=list(broken)) if broken else mapped.frame
        positions = good.index.to_numpy()
        batch.add(good, files[positions], places[positions])
        tally = batch.tally
        tally.read += len(frame) + len(unreadable)
        tally.ignored += mapped.ignored
        tally.adjusted += mapped.adjusted
        tally.unmapped += mapped.unmapped
        if self._progress:
            self._progress(self._loaded.tally.read + tally.read, chunks[-1][0])


def _grouped(files: Sequence[PendingFile]) -> list[list[PendingFile]]:
    """Group files into batches, in their order: small ones together up to a batch's worth of bytes."""
    groups: list[list[PendingFile]] = []
    room = 0
    for file in files:
        if file.size > SMALL_FILE or file.size > room:
            groups.append([])
            room = 0 if file.size > SMALL_FILE else 2 * SMALL_FILE
        groups[-1].append(file)
        room -= file.size
    return groups


def _rejected(frame: pd.DataFrame, files: Any, places: Any, reasons: dict[int, str]) -> list[Rejected]:
    if not reasons:
        return []
    positions = sorted(reasons)
    raws = frame.iloc[positions].to_dict(orient="records")
    return [
        Rejected(str(files[position]), int(places[position]), reasons[position], _raw(dict(raw)), readable=True)
        for position, raw in zip(positions, raws, strict=True)
    ]


def _written(value: Any) -> str | None:
    """Give a cell of the quarantine as the text that the mapping saw."""
    return None if value is None else plain(value)


def _raw(row: dict[Any, Any]) -> str:
    cells = {str(name): None if pd.isna(value) else value for name, value in row.items()}
    return orjson.dumps(cells, default=str).decode()
