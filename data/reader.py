"""A reader: one consistent view of the facts at a moment, with all that is laid beside them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from analytics.derived import derive, linked
from analytics.facts import FACTS, MASTER, repeating
from analytics.fold import IBIS_TYPES, fact_columns
from analytics.master import TABLES, Master
from analytics.measure import ZONE
from data.generations import CURRENT, active_generations, current
from data.tables import among_sql, ddl, fold_expression, has_rows, log_expression, naive, plan_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    import duckdb
    import ibis.expr.types as ir
    import pandas as pd

    from analytics.derived import Derivation, Sight
    from analytics.fold import FoldPlan
    from analytics.moments import Moments, Template
    from data.generations import Generation
    from data.warehouse import Warehouse

_ANY_BATCH = 4_611_686_018_427_387_903
"""Stands for a batch in compiled expressions, so that they serve every batch; no warehouse ever has so many."""
KEPT = 1_000_000
"""A fact of up to so many rows is worked out once per judgement, a larger one in every scan: it would fill the memory."""
_FRAMES = {"string": "str", "float64": "float64", "timestamp(6)": "datetime64[us]", "int64": "Int64", "date": "object"}
FEW = 10_000
"""A column of more texts than this is left as it is."""


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
                coded = self._coded(name, table.get_name()) if what == "TABLE" else {}
                self._tables[key] = self._lay(key, (key, table.get_name()), build, what, coded)
        return self._tables[key]

    def _coded(self, name: str, stored: str) -> dict[str, str]:
        """Make a type of each of a fact's columns of few texts: grouped and joined as numbers, they take half the time."""
        columns = repeating(name)
        counts = self.con.execute(
            f"SELECT {', '.join(f'count(DISTINCT {column})' for column in columns)} FROM {stored}"
        ).fetchone()
        found = {}
        for column, count in zip(columns, counts or (), strict=True):
            if 0 < count <= FEW:
                found[column] = f"{name}_{column}"
                texts = f"SELECT DISTINCT {column} FROM {stored} WHERE {column} IS NOT NULL ORDER BY 1"
                self.con.execute(f"CREATE TEMP TYPE {found[column]} AS ENUM ({texts})")
        return found

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

    def _lay(
        self,
        name: str,
        key: Any,
        build: Callable[[Moments], ir.Table],
        what: str,
        coded: Mapping[str, str] = MappingProxyType({}),
    ) -> ir.Table:
        """Lay an expression as a table or a view; the columns that are `coded` hold their texts as a type of their own."""
        template = self._template(key, build)
        sql = self._filled(template)
        if coded:
            codes = ", ".join(f"{column}::{type_} AS {column}" for column, type_ in coded.items())
            sql = f"SELECT * REPLACE ({codes}) FROM ({sql})"
        self.con.execute(f"CREATE TEMP {what} {name} AS {sql}")
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
            same = (key, plan_key(plan), tuple((g.source, g.number) for g in mine))
            build = lambda m: log_expression(plan, mine, m["now"], _ANY_BATCH)  # noqa: E731  # used once, just below
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
            f"WITH {CURRENT} SELECT source, batch, row, key, {fields} "
            f"FROM {name}_statements SEMI JOIN current USING (source, generation) "
            "WHERE batch <= $until QUALIFY batch = max(batch) OVER (PARTITION BY source, key) ORDER BY batch, row",
            current(mine) | {"until": self.batch},
        ).df()

    def table(self, name: str) -> ir.Table:
        """Give master data, or a table worked out from it (see `analytics.master.TABLES`)."""
        key = f"master_{name}"
        if key not in self._tables:
            columns = TABLES.get(name) or {f.name: IBIS_TYPES[f.type] for f in FACTS[name].fields}
            frame = (
                self._warehouse.calendar(self.master, self._timezone) if name == "calendar" else self.master.frame(name)
            )
            self.con.execute(f"CREATE TEMP TABLE {key} ({ddl(columns)})")
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
        self.con.execute(f"CREATE TEMP TABLE later_{fact} AS WITH {CURRENT} {later}", current(self.active))
        if not has_rows(self.con, f"later_{fact}"):
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
        self.con.execute(f"CREATE TEMP TABLE {name} ({ddl(fact_columns(plan))})")
        if mine:
            names = ", ".join(f'"{column}"' for column in fact_columns(plan))
            key = ("past", plan_key(plan), tuple((g.source, g.number) for g in mine), touched)
            template = self._warehouse.template(
                key, lambda m: fold_expression(plan, mine, m["now"], _ANY_BATCH, touched)
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
        return self.con.execute(_in_texts(template, template.fill(times, texts))).df()

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
        sql = f"CREATE OR REPLACE TEMP TABLE {name} AS {_in_texts(template, template.fill(times))}{among}"
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
            f"WITH {CURRENT}, heard AS (SELECT source, partner, hour FROM pulses SEMI JOIN current USING (source, generation) "
            "WHERE batch <= $batch AND hour <= $moment AND known <= $moment) "
            "SELECT DISTINCT source, partner, hour FROM heard "
            "JOIN (SELECT source, max(hour) AS newest FROM heard GROUP BY ALL) USING (source) "
            "WHERE hour >= newest - $look_back AND partner IS NOT NULL",
            current(self.active) | {"batch": self.batch, "moment": self._now, "look_back": look_back},
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


def _in_texts(template: Template, sql: str) -> str:
    """Give the answer's texts as texts, however the tables hold them."""
    columns = [f'"{n}"::VARCHAR AS "{n}"' if type_.is_string() else f'"{n}"' for n, type_ in template.schema.items()]
    return f"SELECT {', '.join(columns)} FROM ({sql})"
