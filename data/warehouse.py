"""The warehouse: logs of what the sources said, facts folded from them, and what is known of every batch (DuckDB)."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from sqlalchemy.engine import make_url

import analytics
from analytics.facts import FACTS
from analytics.fold import FoldPlan, fact_columns
from analytics.moments import Template, compile_template
from analytics.opening import calendar
from data.generations import Generation, active_generations
from data.reader import Reader
from data.tables import SQL_TYPES, ddl, fold_expression, has_rows, plan_key, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import ibis.expr.types as ir
    import pandas as pd

    from analytics.master import Master
    from analytics.moments import Moments
    from data.settings import Source
    from data.shelf import Shelf

SCHEMA_VERSION = "2"
_COMPILED: dict[str, str] = {}
"""What this process has compiled, by the digest of all that it depends on: another warehouse need not compile it again."""
LOCK_TRIES = 40
LOCK_PAUSE = 0.25
"""Seconds between tries to open a file that another command holds: ten in all."""
_BOOKS = """
CREATE TABLE IF NOT EXISTS meta (name VARCHAR PRIMARY KEY, value VARCHAR);
CREATE TABLE IF NOT EXISTS batches (
    batch BIGINT, source VARCHAR, generation BIGINT, loaded_at TIMESTAMP, newest_at TIMESTAMP, newest_known TIMESTAMP,
    "read" BIGINT, stored BIGINT, duplicate BIGINT, ignored BIGINT, quarantined BIGINT, adjusted BIGINT, unmapped BIGINT);
CREATE TABLE IF NOT EXISTS generations (
    source VARCHAR, generation BIGINT, fact VARCHAR, signature VARCHAR, known VARCHAR, told VARCHAR, active_from BIGINT);
CREATE TABLE IF NOT EXISTS marks (source VARCHAR, generation BIGINT, batch BIGINT, name VARCHAR, mark VARCHAR);
CREATE TABLE IF NOT EXISTS cursors (source VARCHAR, generation BIGINT, batch BIGINT, value VARCHAR);
CREATE TABLE IF NOT EXISTS quarantine (
    id BIGINT, source VARCHAR, generation BIGINT, batch BIGINT, file VARCHAR, place BIGINT, reason VARCHAR, raw VARCHAR,
    rejected_at TIMESTAMP, readable BOOLEAN, closed_at TIMESTAMP, closed VARCHAR);
CREATE TABLE IF NOT EXISTS pulses (
    source VARCHAR, generation BIGINT, batch BIGINT, partner VARCHAR, hour TIMESTAMP, known TIMESTAMP);
CREATE TABLE IF NOT EXISTS templates (name VARCHAR PRIMARY KEY, fingerprint VARCHAR, template VARCHAR);
CREATE TABLE IF NOT EXISTS extras (fact VARCHAR, name VARCHAR, type VARCHAR);
"""


CALENDAR_BACK = timedelta(days=800)
"""How long before the moment opening hours are worked out: further back nothing is judged."""


class WarehouseError(Exception):
    """The warehouse cannot be used; the message says why and what to do."""


class Warehouse:
    """One DuckDB file. Any thread may read through `reader`; writing threads take turns through `writer`."""

    def __init__(self, url: str) -> None:
        self.path = duckdb_path(url)
        if self.path:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        self._connection = _connect(self.path)
        self._writing = threading.RLock()
        self.turns: dict[str, threading.Lock] = defaultdict(threading.Lock)
        """A lock per source: loads of one source take turns, whoever asks for them."""
        self.retiring: Callable[[Reader], bool] | None = None
        """Is offered every view that has done its work: whoever takes it (True) has what was laid in it, and closes it."""
        self._templates: dict[Any, Template] = {}
        self._opening: tuple[Any, Mapping[str, pd.DataFrame], pd.DataFrame] | None = None
        self._prepare()

    def _prepare(self) -> None:
        con = self._connection
        con.execute(_BOOKS)
        con.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", [SCHEMA_VERSION])
        found = con.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
        if found is None or found[0] != SCHEMA_VERSION:
            raise WarehouseError(
                f"{self.path} was written by another version (schema {found and found[0]}); "
                "name a new [warehouse] url and load again"
            )
        known = con.execute("SELECT name, template FROM templates WHERE fingerprint = ?", [_fingerprint()]).fetchall()
        self._remembered: dict[str, str] = dict(known)
        self._learned: dict[str, str] = {}
        for name in FACTS:
            plan = self.plan(con, name, ())
            for table, columns in tables_of(plan).items():
                con.execute(f"CREATE TABLE IF NOT EXISTS {table} ({ddl(columns)})")
                # a warehouse of an earlier version lacks the fields that facts have got since
                have = {row[0] for row in con.execute(f"DESCRIBE {table}").fetchall()}
                for column in columns.keys() - have:
                    con.execute(f'ALTER TABLE {table} ADD COLUMN "{column}" {SQL_TYPES[columns[column]]}')

    def close(self) -> None:
        with self._writing:
            self._remember()
            self._connection.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Give a connection of one's own; temporary tables made on it are seen by it alone."""
        return self._connection.cursor()

    @contextmanager
    def writer(self, con: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Run one transaction on the connection: all that is done in it is committed together or not at all."""
        with self._writing:
            con.execute("BEGIN")
            try:
                yield
                con.execute("COMMIT")
            except BaseException:
                # a failed COMMIT has rolled back by itself, and then there is nothing to roll back
                with suppress(duckdb.TransactionException):
                    con.execute("ROLLBACK")
                raise

    @contextmanager
    def reader(
        self,
        sources: Sequence[str],
        now: datetime,
        batch: int | None = None,
        timezone: str = "UTC",
        shelf: Shelf | None = None,
    ) -> Iterator[Reader]:
        """Give a consistent view of the facts of these sources, as known at the moment `now` (aware) and up to `batch`.

        `timezone` is the network's. With a shelf, what lasts is taken from it, and all that is loaded is seen.
        """
        view = shelf.open_reader(sources, now, timezone) if shelf else self.open_reader(sources, now, batch, timezone)
        try:
            yield view
        except BaseException:
            view.close()
            raise
        view.stand_alone()
        if self.retiring is None or not self.retiring(view):
            view.close()

    def open_reader(
        self,
        sources: Sequence[str],
        now: datetime,
        batch: int | None = None,
        timezone: str = "UTC",
        shelf: Shelf | None = None,
    ) -> Reader:
        """Give a view as `reader` does, to be closed by whoever asked for it."""
        con = self._connection.cursor()
        con.execute("BEGIN")
        return Reader(self, con, sources, now, batch, timezone, shelf)

    def plan(self, con: duckdb.DuckDBPyConnection, fact: str, active: Sequence[Generation]) -> FoldPlan:
        """Describe how the fact is folded from the given generations."""
        extras = dict(con.execute("SELECT name, type FROM extras WHERE fact = ? ORDER BY name", [fact]).fetchall())
        known = {(g.source, extra): kind for g in active if g.fact == fact for extra, kind in g.known.items()}
        single = not FACTS[fact].snapshot and len(active) == 1 and not has_rows(con, f"{fact}_events")
        mine = [g.told for g in active if g.fact == fact]
        told = None if None in mine else frozenset(name for names in mine for name in names or ())
        return FoldPlan(FACTS[fact], extras, known, single, told)

    def add_extras(self, con: duckdb.DuckDBPyConnection, source: Source) -> None:
        """Give the fact's tables the further columns that a source brings."""
        known = dict(con.execute("SELECT name, type FROM extras WHERE fact = ?", [source.fact]).fetchall())
        for name, extra in source.extra:
            if name in known:
                if known[name] != extra.type:
                    raise WarehouseError(
                        f"extra.{name} of source {source.name} is {extra.type} but was loaded as {known[name]} before; "
                        "give it another name"
                    )
                continue
            con.execute("INSERT INTO extras VALUES (?, ?, ?)", [source.fact, name, extra.type])
            plan = FoldPlan(FACTS[source.fact], {name: extra.type})
            for table, columns in tables_of(plan).items():
                con.execute(f'ALTER TABLE {table} ADD COLUMN "{name}" {SQL_TYPES[columns[name]]}')

    def template(self, key: Any, build: Callable[[Moments], ir.Table]) -> Template:
        """Compile an expression once, and remember it in the file: compiling takes far longer than small batches do."""
        if key not in self._templates:
            name = hashlib.blake2b(f"{_fingerprint()}{key!r}".encode(), digest_size=16).hexdigest()
            if name not in self._remembered:
                if name not in _COMPILED:
                    _COMPILED[name] = compile_template(build).dump()
                self._remembered[name] = _COMPILED[name]
                self._learned[name] = self._remembered[name]
            self._templates[key] = Template.load(self._remembered[name])
        return self._templates[key]

    def calendar(self, master: Master, timezone: str) -> pd.DataFrame:
        """Give the opening days of every site; they are worked out anew when the day or anything in the master data is another."""
        day = master.moment.date()
        same = (day, timezone, master.sources, master.told.keys())
        last = self._opening
        if last is None or last[0] != same or any(not rows.equals(last[1][name]) for name, rows in master.told.items()):
            last = (same, master.told, calendar(master, timezone, day - CALENDAR_BACK))
            self._opening = last
        return last[2]

    def _remember(self) -> None:
        if self._learned:
            con = self._connection
            con.execute("DELETE FROM templates WHERE fingerprint <> ?", [_fingerprint()])
            con.executemany(
                "INSERT OR REPLACE INTO templates VALUES (?, ?, ?)",
                [[n, _fingerprint(), t] for n, t in self._learned.items()],
            )

    def refold(
        self, con: duckdb.DuckDBPyConnection, fact: str, active: Sequence[Generation], touched: str | None
    ) -> None:
        """Fold the fact anew: for the keys in the table `touched`, or for all where that is None."""
        mine = [g for g in active if g.fact == fact]
        plan = self.plan(con, fact, mine)
        names = ", ".join(f'"{name}"' for name in fact_columns(plan))
        if touched is not None:
            con.execute(f"DELETE FROM {fact} WHERE key IN (SELECT key FROM {touched})")
        else:
            con.execute(f"DELETE FROM {fact}")
        if not mine:
            return
        key = ("fold", plan_key(plan), tuple((g.source, g.number) for g in mine), touched)
        sql = self.template(key, lambda _: fold_expression(plan, mine, None, None, touched)).sql
        con.execute(f"INSERT INTO {fact} ({names}) SELECT {names} FROM ({sql})")

    def folded(self, con: duckdb.DuckDBPyConnection) -> set[tuple[str, int]]:
        """Name the generations that the facts are folded from at present."""
        row = con.execute("SELECT value FROM meta WHERE name = 'folded'").fetchone()
        return {(source, number) for source, number in json.loads(row[0])} if row else set()

    def follow(self, con: duckdb.DuckDBPyConnection, sources: Sequence[str]) -> list[Generation]:
        """Fold anew the facts whose sources changed: a source was taken up or dropped, or read under a new mapping."""
        active = active_generations(con, sources)
        now = {(g.source, g.number) for g in active}
        before = self.folded(con)
        if now != before:
            facts = dict(
                con.execute("SELECT DISTINCT source || chr(31) || generation, fact FROM generations").fetchall()
            )
            for fact in sorted({facts[f"{source}\x1f{number}"] for source, number in now ^ before}):
                self.refold(con, fact, active, None)
            con.execute("INSERT OR REPLACE INTO meta VALUES ('folded', ?)", [json.dumps(sorted(now))])
        return active


@lru_cache(maxsize=1)
def _fingerprint() -> str:
    """Digest the code that expressions are built with, so that none is remembered beyond it."""
    digest = hashlib.blake2b(f"{version('ibis-framework')} {version('sqlglot')}".encode(), digest_size=16)
    for path in building_code():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def building_code() -> list[Path]:
    """Name the files that expressions are built by: those of the analytics, and those beside this one."""
    return sorted([*Path(analytics.__file__).parent.rglob("*.py"), *Path(__file__).parent.glob("*.py")])


def duckdb_path(url: str) -> str | None:
    """Give the file of a duckdb:// address, or None for one in memory."""
    database = make_url(url).database
    return None if database in (None, "", ":memory:") else database


def _connect(path: str | None) -> duckdb.DuckDBPyConnection:
    """Open the file; another command may hold it for a moment, so wait a while for it."""
    for attempt in range(LOCK_TRIES):
        try:
            return duckdb.connect(
                path or ":memory:",
                config={
                    "autoinstall_known_extensions": "false",
                    "preserve_insertion_order": "false",
                    # DuckDB loops over every pair where it guesses one side to be tiny, and it guesses wrongly over views
                    "asof_loop_join_threshold": "0",
                },
            )
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise WarehouseError(f"{path} cannot be opened: {str(error).splitlines()[0]}") from error
            if attempt == LOCK_TRIES - 1:
                holder = re.search(r"PID (\d+)", str(error))
                who = f"process {holder[1]}" if holder else "another process"
                raise WarehouseError(f"{path} is in use by {who}; wait for it to end, or stop it") from error
            time.sleep(LOCK_PAUSE)
        except duckdb.Error as error:
            raise WarehouseError(f"{path} is not a warehouse of Painpoint: {str(error).splitlines()[0]}") from error
    raise AssertionError("unreachable")
