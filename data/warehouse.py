"""The warehouse: logs of what the sources said, facts folded from them, and what is known of every batch (DuckDB)."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis
import pyarrow as pa
from sqlalchemy.engine import make_url

import analytics
from analytics.derived import derive, linked
from analytics.facts import FACTS, MASTER
from analytics.fold import (
    IBIS_TYPES,
    IDENTITY,
    FoldPlan,
    event_columns,
    fact_columns,
    fold,
    statement_columns,
    told_when,
)
from analytics.master import TABLES, Master
from analytics.measure import SEPARATOR, ZONE
from analytics.moments import Template, compile_template
from analytics.opening import calendar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import ibis.expr.types as ir
    import pandas as pd

    from analytics.derived import Derivation, Sight
    from analytics.moments import Moments
    from data.settings import Source

SCHEMA_VERSION = "2"
_COMPILED: dict[str, str] = {}
"""What this process has compiled, by the digest of all that it depends on: another warehouse need not compile it again."""
LOCK_TRIES = 40
LOCK_PAUSE = 0.25
"""Seconds between tries to open a file that another command holds: ten in all."""
_SQL_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp(6)": "TIMESTAMP",
    IDENTITY: "UHUGEINT",
    "date": "DATE",
}
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


_CURRENT = "current AS (SELECT unnest($sources::VARCHAR[]) AS source, unnest($numbers::BIGINT[]) AS generation)"
"""The generations that count, as a table to join the books and logs with."""
CALENDAR_BACK = timedelta(days=800)
"""How long before the moment opening hours are worked out: further back nothing is judged."""
_ANY_BATCH = 4_611_686_018_427_387_903
"""Stands for a batch in compiled expressions, so that they serve every batch; no warehouse ever has so many."""
KEPT = 1_000_000
"""A fact of up to so many rows is worked out once per judgement, a larger one in every scan: it would fill the memory."""
_FRAMES = {"string": "str", "float64": "float64", "timestamp(6)": "datetime64[us]", "int64": "Int64", "date": "object"}


class WarehouseError(Exception):
    """The warehouse cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Generation:
    """One reading of a source under one mapping.

    `active_from` is the batch from which on its rows count; `told` names the kinds and attributes that it maps, if known.
    """

    source: str
    number: int
    fact: str
    signature: str
    known: dict[str, str] = field(default_factory=dict)
    active_from: int | None = None
    told: tuple[str, ...] | None = None


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
            for table, columns in _tables(plan).items():
                con.execute(f"CREATE TABLE IF NOT EXISTS {table} ({_ddl(columns)})")
                # a warehouse of an earlier version lacks the fields that facts have got since
                have = {row[0] for row in con.execute(f"DESCRIBE {table}").fetchall()}
                for column in columns.keys() - have:
                    con.execute(f'ALTER TABLE {table} ADD COLUMN "{column}" {_SQL_TYPES[columns[column]]}')

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
        self, sources: Sequence[str], now: datetime, batch: int | None = None, timezone: str = "UTC"
    ) -> Iterator[Reader]:
        """Give a consistent view of the facts of these sources, as known at the moment `now` (aware) and up to `batch`.

        `timezone` is the network's.
        """
        view = self.open_reader(sources, now, batch, timezone)
        try:
            yield view
        except BaseException:
            view.close()
            raise
        if self.retiring is None or not self.retiring(view):
            view.close()

    def open_reader(
        self, sources: Sequence[str], now: datetime, batch: int | None = None, timezone: str = "UTC"
    ) -> Reader:
        """Give a view as `reader` does, to be closed by whoever asked for it."""
        con = self._connection.cursor()
        con.execute("BEGIN")
        return Reader(self, con, sources, now, batch, timezone)

    def plan(self, con: duckdb.DuckDBPyConnection, fact: str, active: Sequence[Generation]) -> FoldPlan:
        """Describe how the fact is folded from the given generations."""
        extras = dict(con.execute("SELECT name, type FROM extras WHERE fact = ? ORDER BY name", [fact]).fetchall())
        known = {(g.source, extra): kind for g in active if g.fact == fact for extra, kind in g.known.items()}
        single = not FACTS[fact].snapshot and len(active) == 1 and not _has_rows(con, f"{fact}_events")
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
            for table, columns in _tables(plan).items():
                con.execute(f'ALTER TABLE {table} ADD COLUMN "{name}" {_SQL_TYPES[columns[name]]}')

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
        key = ("fold", _plan_key(plan), tuple((g.source, g.number) for g in mine), touched)
        sql = self.template(key, lambda _: _fold_expression(plan, mine, None, None, touched)).sql
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


class Reader:
    """A consistent, read-only view of the facts at a moment; opened by `Warehouse.reader`."""

    def __init__(
        self,
        warehouse: Warehouse,
        con: duckdb.DuckDBPyConnection,
        sources: Sequence[str],
        now: datetime,
        batch: int | None,
        timezone: str,
    ) -> None:
        self.con = con
        self._timezone = timezone
        self._warehouse = warehouse
        self._now = naive(now)
        self.moment = now
        newest = con.execute("SELECT max(batch) FROM batches").fetchone()
        self.newest_batch = (newest[0] or 0) if newest else 0
        self.batch = self.newest_batch if batch is None else min(batch, self.newest_batch)
        self.active = active_generations(con, sources, self.batch)
        self.sources = tuple(sources)
        self._as_loaded = self._is_as_loaded()
        self._tables: dict[str, ir.Table] = {}

    def close(self) -> None:
        """End the view; what was laid in it is gone."""
        self.con.execute("ROLLBACK")
        self.con.close()

    def _is_as_loaded(self) -> bool:
        """Tell whether the moment sees all that was loaded up to the batch, so that the stored facts serve.

        Of an earlier batch they do but for the keys that later batches told of.
        """
        if {(g.source, g.number) for g in self.active} != self._warehouse.folded(self.con):
            return False
        row = self.con.execute("SELECT max(newest_known) FROM batches WHERE batch <= ?", [self.batch]).fetchone()
        return row is None or row[0] is None or row[0] <= self._now

    def fact(self, name: str, columns: frozenset[str] = frozenset()) -> ir.Table:
        """Give the fact with its derived columns as an Ibis table, a view of this reader alone.

        Of a past moment it is folded once. `columns` asks for linked derived columns; they are worked out once.
        """
        joined = linked(name, columns)
        key = "_".join(("seen", name, *(each.name for each in joined)))
        if key not in self._tables:
            if joined:
                self._tables[key] = self._joined(key, name, joined)
            else:
                plan = self._warehouse.plan(self.con, name, [g for g in self.active if g.fact == name])
                table = ibis.table(fact_columns(plan), name=self._stored(plan) if self._as_loaded else self._fold(plan))
                build = lambda m: self._zoned(derive(name, table, _Sight(self, m)), _Sight(self, m), name)  # noqa: E731  # used once, just below
                # planning a scan over all the derived columns takes longer than most scans do
                what = "TABLE" if self._size(name) <= KEPT else "VIEW"
                self._tables[key] = self._lay(key, (key, table.get_name()), build, what)
        return self._tables[key]

    def _size(self, table: str) -> int:
        row = self.con.execute(f"SELECT count(*) FROM {table}").fetchone()
        return row[0] if row else 0

    def _joined(self, key: str, name: str, joined: Sequence[Derivation]) -> ir.Table:
        """Join a fact's linked columns to it, each group worked out once from the fact and the groups it builds on."""
        base = self.fact(name)
        parts = []
        for each in joined:
            own = f"linked_{name}_{each.name}"
            if own not in self._tables:
                before = frozenset(c for other in joined if other.name in each.after for c in other.columns)
                rows = self.fact(name, before)

                def build(m: Moments, each: Derivation = each, rows: ir.Table = rows) -> ir.Table:
                    return each.build(rows, _Sight(self, m)).select("key", *each.columns)

                self._tables[own] = self._lay(own, own, build, "TABLE")
            parts.append((self._tables[own], each))

        columns = "".join(f', p{i}."{column}"' for i, (_, each) in enumerate(parts) for column in each.columns)
        tables = "".join(f" LEFT JOIN {part.get_name()} p{i} ON p{i}.key = b.key" for i, (part, _) in enumerate(parts))
        self.con.execute(f"CREATE TEMP VIEW {key} AS SELECT b.*{columns} FROM {base.get_name()} b{tables}")
        schema = dict(base.schema().items())
        for part, each in parts:
            schema |= {column: part.schema()[column] for column in each.columns}
        return ibis.table(schema, name=key)

    def _lay(self, name: str, key: Any, build: Callable[[Moments], ir.Table], what: str) -> ir.Table:
        template = self._template(key, build)
        self.con.execute(f"CREATE TEMP {what} {name} AS {self._filled(template)}")
        return ibis.table(template.schema, name=name)

    def _template(self, key: Any, build: Callable[[Moments], ir.Table]) -> Template:
        """Give a compiled expression, with everything in place that it looks at.

        The shape of the network belongs to every key, so that `key` need only say what is asked.
        """
        template = self._warehouse.template((key, self._shape), build)
        for what, name, columns in template.uses:
            if what == "fact":
                self.fact(name, frozenset(columns))
            elif what == "table":
                self.table(name)
            else:
                self.log(name)
        return template

    def log(self, name: str) -> ir.Table:
        """Give when each event of a fact was first told of, as far as its sources keep a time of record."""
        key = f"log_{name}"
        if key not in self._tables:
            mine = [g for g in self.active if g.fact == name]
            plan = self._warehouse.plan(self.con, name, mine)
            same = (key, _plan_key(plan), tuple((g.source, g.number) for g in mine))
            build = lambda m: _log_expression(plan, mine, m["now"], _ANY_BATCH)  # noqa: E731  # used once, just below
            self._tables[key] = self._lay(key, same, build, "VIEW")
        return self._tables[key]

    @cached_property
    def _shape(self) -> tuple[Any, ...]:
        """Give what the columns of facts depend on beside the code: an expression may look at any fact."""
        extras = self.con.execute("SELECT fact, name, type FROM extras ORDER BY fact, name").fetchall()
        return (self._has_zones, *extras)

    @cached_property
    def _has_zones(self) -> bool:
        return not self.master.zones.empty

    def _zoned(self, rows: ir.Table, sight: Sight, fact: str) -> ir.Table:
        """Add the zone that cuts a row's days, where the master data names zones: its site's, else its partner's, else ""."""
        if fact in MASTER or not self._has_zones:
            return rows
        zones = sight.table("zones")
        sites = zones.drop_null(["site"]).select(_site=zones.site, _site_zone=zones.zone)
        alone = zones.site.isnull()  # noqa: PD003  # Ibis has no isna
        partners = zones.filter(alone).select(_partner=zones.partner, _partner_zone=zones.zone)
        joined = rows.left_join(sites, rows.site == sites["_site"])
        joined = joined.left_join(partners, rows.partner == partners["_partner"])
        zone = joined["_site_zone"].coalesce(joined["_partner_zone"], "")
        return joined.select(*rows.columns, **{ZONE: zone})

    def zones(self) -> list[str]:
        """Name the zones that the master data knows of."""
        return sorted(set(self.master.zones["zone"]))

    @cached_property
    def master(self) -> Master:
        """Give the master data of the active sources."""
        told = {}
        for name in MASTER:
            mine = [g for g in self.active if g.fact == name]
            if mine:
                told[name] = self._told(name, mine)
        return Master(told, self.sources, self._now.replace(tzinfo=UTC))

    def _told(self, name: str, mine: Sequence[Generation]) -> pd.DataFrame:
        """Give what each source said last of every key: all rows of the newest batch that names it."""
        fields = ", ".join(f'"{field}"' for field in FACTS[name].field_names)
        return self.con.execute(
            f"WITH {_CURRENT} SELECT source, batch, row, key, {fields} "
            f"FROM {name}_statements SEMI JOIN current USING (source, generation) "
            "WHERE batch <= $until QUALIFY batch = max(batch) OVER (PARTITION BY source, key) ORDER BY batch, row",
            _current(mine) | {"until": self.batch},
        ).df()

    def table(self, name: str) -> ir.Table:
        """Give master data, or a table worked out from it (see `analytics.master.TABLES`)."""
        key = f"master_{name}"
        if key not in self._tables:
            columns = TABLES.get(name) or {f.name: IBIS_TYPES[f.type] for f in FACTS[name].fields}
            frame = (
                self._warehouse.calendar(self.master, self._timezone) if name == "calendar" else self.master.frame(name)
            )
            self.con.execute(f"CREATE TEMP TABLE {key} ({_ddl(columns)})")
            if not frame.empty:
                arrow = pa.Table.from_pandas(
                    frame[list(columns)].astype({name: _FRAMES[type_] for name, type_ in columns.items()}),
                    preserve_index=False,
                )
                self.con.register("laid", arrow)
                self.con.execute(f"INSERT INTO {key} SELECT * FROM laid")
                self.con.unregister("laid")
            self._tables[key] = ibis.table(columns, name=key)
        return self._tables[key]

    def _stored(self, plan: FoldPlan) -> str:
        """Name the stored fact, or a view in which what later batches told of is folded as it was before them."""
        fact = plan.fact.name
        if self.batch == self.newest_batch:
            return fact
        logs = [f"{fact}_statements", *([] if plan.fact.snapshot else [f"{fact}_events"])]
        mine = f"SEMI JOIN current USING (source, generation) WHERE batch > {self.batch}"
        later = " UNION ".join(f"SELECT key FROM {log} {mine}" for log in logs)
        self.con.execute(f"CREATE TEMP TABLE later_{fact} AS WITH {_CURRENT} {later}", _current(self.active))
        if not _has_rows(self.con, f"later_{fact}"):
            return fact
        names = ", ".join(f'"{column}"' for column in fact_columns(plan))
        self.con.execute(
            f"CREATE TEMP VIEW mended_{fact} AS SELECT {names} FROM {fact} ANTI JOIN later_{fact} USING (key) "
            f"UNION ALL SELECT {names} FROM {self._fold(plan, f'later_{fact}')}"
        )
        return f"mended_{fact}"

    def _fold(self, plan: FoldPlan, touched: str | None = None) -> str:
        """Fold the fact as known at the moment and up to the batch: for the keys in the table `touched`, or for all."""
        name = f"past_{plan.fact.name}"
        mine = [g for g in self.active if g.fact == plan.fact.name]
        self.con.execute(f"CREATE TEMP TABLE {name} ({_ddl(fact_columns(plan))})")
        if mine:
            names = ", ".join(f'"{column}"' for column in fact_columns(plan))
            key = ("past", _plan_key(plan), tuple((g.source, g.number) for g in mine), touched)
            template = self._warehouse.template(
                key, lambda m: _fold_expression(plan, mine, m["now"], _ANY_BATCH, touched)
            )
            self.con.execute(f"INSERT INTO {name} ({names}) SELECT {names} FROM ({self._filled(template)})")
        return name

    def _filled(self, template: Template) -> str:
        """Fill an expression over a log with the moment and the batch."""
        return template.fill({"now": self._now}).replace(str(_ANY_BATCH), str(self.batch))

    def ask(
        self,
        key: Any,
        build: Callable[[Sight], ir.Table],
        times: Mapping[str, datetime | None],
        texts: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Run an expression over placeholder times and texts; it is built and compiled once per `key`."""
        template = self._template(key, lambda m: build(_Sight(self, m)))
        return self.con.execute(template.fill(times, texts)).df()

    def keep(
        self,
        name: str,
        key: Any,
        build: Callable[[Sight], ir.Table],
        times: Mapping[str, datetime | None],
        by: Sequence[str] = (),
        slices: Sequence[str] = (),
    ) -> dict[str, str]:
        """Run an expression into a table of the reader's own, however many rows it has; give its columns with their types.

        With columns `by` only the rows of some slices are kept, each written as `measure.slice_text` does.
        """
        template = self._template(key, lambda m: build(_Sight(self, m)))
        among = f" WHERE {among_sql(by, len(slices))}" if by else ""
        sql = f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM ({template.fill(times)}){among}"
        self.con.execute(sql, list(slices) if by else [])
        return {column: str(type_) for column, type_ in template.schema.items()}

    def put(self, name: str, frame: pd.DataFrame, schema: Mapping[str, str]) -> ir.Table:
        """Lay a small table beside the facts, under a name, for expressions to join."""
        self.con.register(name, pa.Table.from_pandas(frame, preserve_index=False))
        return ibis.table(dict(schema), name=name)

    def watermarks(self) -> dict[str, datetime]:
        """Give each source's newest event not after the moment, as aware UTC times."""
        if self._as_loaded:
            sql = "SELECT source, generation, max(newest_at) FROM batches WHERE batch <= ? GROUP BY ALL"
            rows = self.con.execute(sql, [self.batch]).fetchall()
        else:
            rows = [
                row for fact in {g.fact for g in self.active}.difference(MASTER) for row in self._past_watermarks(fact)
            ]
        current = {(g.source, g.number) for g in self.active}
        return {source: at.replace(tzinfo=UTC) for source, number, at in rows if at and (source, number) in current}

    def _past_watermarks(self, fact: str) -> list[Any]:
        columns = ["at"] if FACTS[fact].snapshot else [f"{kind}_at" for kind in FACTS[fact].kinds]
        newest = ", ".join(f'max("{c}") FILTER ("{c}" <= $moment)' for c in columns)
        seen = "batch <= $batch AND coalesce(recorded_at <= $moment, true)"
        values = {"moment": self._now, "batch": self.batch}
        rows = self.con.execute(
            f"SELECT source, generation, greatest({newest}) FROM {fact}_statements WHERE {seen} GROUP BY ALL", values
        ).fetchall()
        if not FACTS[fact].snapshot:
            rows += self.con.execute(
                f'SELECT source, generation, max("at") FROM {fact}_events WHERE {seen} AND "at" <= $moment GROUP BY ALL',
                values,
            ).fetchall()
        best: dict[tuple[str, int], Any] = {}
        for source, number, at in rows:
            if at is not None:
                best[source, number] = max(at, best.get((source, number), at))
        return [(source, number, at) for (source, number), at in best.items()]

    def pulses(self, look_back: timedelta) -> pd.DataFrame:
        """Give the hours in which each partner of each source had events, over the time before the source's newest one.

        Columns: source, partner, hour (UTC without a zone).
        """
        heard = self.con.execute(
            f"WITH {_CURRENT}, heard AS (SELECT source, partner, hour FROM pulses SEMI JOIN current USING (source, generation) "
            "WHERE batch <= $batch AND hour <= $moment AND known <= $moment) "
            "SELECT DISTINCT source, partner, hour FROM heard "
            "JOIN (SELECT source, max(hour) AS newest FROM heard GROUP BY ALL) USING (source) "
            "WHERE hour >= newest - $look_back AND partner IS NOT NULL",
            _current(self.active) | {"batch": self.batch, "moment": self._now, "look_back": look_back},
        )
        # a million names of a few hundred partners: as categories they need not be made into texts one by one
        frame: pd.DataFrame = heard.to_arrow_table().to_pandas(strings_to_categorical=True)
        return frame


@dataclass(frozen=True)
class _Sight:
    """What an expression may look at; what it does look at is noted, to be in place whenever it runs."""

    reader: Reader
    moments: Moments

    def fact(self, name: str, columns: frozenset[str] = frozenset()) -> ir.Table:
        self.moments.uses.append(("fact", name, tuple(sorted(columns))))
        return self.reader.fact(name, columns)

    def table(self, name: str) -> ir.Table:
        self.moments.uses.append(("table", name, ()))
        return self.reader.table(name)

    def log(self, name: str) -> ir.Table:
        self.moments.uses.append(("log", name, ()))
        return self.reader.log(name)


@lru_cache(maxsize=1)
def _fingerprint() -> str:
    """Digest the code that expressions are built with, so that none is remembered beyond it."""
    digest = hashlib.blake2b(f"{version('ibis-framework')} {version('sqlglot')}".encode(), digest_size=16)
    for path in sorted(Path(analytics.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def active_generations(
    con: duckdb.DuckDBPyConnection, sources: Sequence[str], batch: int | None = None
) -> list[Generation]:
    """Give each source's generation that counts at present, or that counted when `batch` was the newest."""
    rows = con.execute(
        "SELECT source, generation, fact, signature, known, told, active_from FROM generations "
        "WHERE active_from IS NOT NULL AND (? IS NULL OR active_from <= ?) "
        "QUALIFY row_number() OVER (PARTITION BY source ORDER BY generation DESC) = 1 ORDER BY source",
        [batch, batch],
    ).fetchall()
    return [
        Generation(s, n, f, sig, json.loads(k), a, tuple(json.loads(t)))
        for s, n, f, sig, k, t, a in rows
        if s in set(sources)
    ]


def among_sql(by: Sequence[str], count: int) -> str:
    """Write the test whether a row lies in one of `count` slices, each bound as `measure.slice_text` writes it."""
    text = f" || '{SEPARATOR}' || ".join(f'"{column}"::VARCHAR' for column in by)
    return f"{text} IN ({', '.join('?' * count) or 'NULL'})"


def _current(active: Sequence[Generation]) -> dict[str, Any]:
    """Give the values that `_CURRENT` takes."""
    return {"sources": [g.source for g in active], "numbers": [g.number for g in active]}


def naive(moment: datetime) -> datetime:
    """Give an aware moment as the warehouse keeps it: UTC without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


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


def _has_rows(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return con.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None


def _plan_key(plan: FoldPlan) -> Any:
    told = tuple(sorted(plan.told or ()))
    return plan.fact.name, tuple(plan.extras.items()), tuple(sorted(plan.known.items())), plan.single, told


def _tables(plan: FoldPlan) -> dict[str, dict[str, str]]:
    name = plan.fact.name
    tables = {f"{name}_statements": statement_columns(plan), name: fact_columns(plan)}
    return tables if plan.fact.snapshot else tables | {f"{name}_events": event_columns(plan)}


def _ddl(columns: dict[str, str]) -> str:
    return ", ".join(f'"{name}" {_SQL_TYPES[type_]}' for name, type_ in columns.items())


def _fold_expression(
    plan: FoldPlan, active: Sequence[Generation], moment: Any, batch: int | None, touched: str | None
) -> ir.Table:
    name = plan.fact.name
    statements = ibis.table(statement_columns(plan), name=f"{name}_statements")
    events = None if plan.fact.snapshot else ibis.table(event_columns(plan), name=f"{name}_events")
    narrowed = [_narrow(table, active, batch, touched) for table in (statements, events) if table is not None]
    return fold(plan, narrowed[0], narrowed[1] if len(narrowed) > 1 else None, moment)


def _log_expression(plan: FoldPlan, active: Sequence[Generation], moment: Any, batch: int) -> ir.Table:
    statements = ibis.table(statement_columns(plan), name=f"{plan.fact.name}_statements")
    events = ibis.table(event_columns(plan), name=f"{plan.fact.name}_events")
    return told_when(plan, _narrow(statements, active, batch, None), _narrow(events, active, batch, None), moment)


def _narrow(table: ir.Table, active: Sequence[Generation], batch: int | None, touched: str | None) -> ir.Table:
    table = table.filter(ibis.or_(*[(table.source == g.source) & (table.generation == g.number) for g in active]))
    if batch is not None:
        table = table.filter(table.batch <= batch)
    if touched is not None:
        table = table.semi_join(ibis.table({"key": "string"}, name=touched), "key")
    return table
