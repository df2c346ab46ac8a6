"""A reader: one consistent view of the facts at a moment, with all that is laid beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from analytics.derived import DERIVATIONS, aged, derive, linked, timed_columns
from analytics.facts import FACTS, MASTER, repeating
from analytics.fold import IBIS_TYPES, fact_columns
from analytics.master import TABLES, Master
from analytics.measure import ZONE
from data.answers import Answers
from data.generations import CURRENT, active_generations, current
from data.listening import Listening
from data.tables import SQL_TYPES, among_sql, ddl, fold_expression, has_rows, log_expression, naive, plan_key, recoded

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
    from data.shelf import Shelf
    from data.warehouse import Warehouse

_ANY_BATCH = 4_611_686_018_427_387_903
"""Stands for a batch in compiled expressions, so that they serve every batch; no warehouse ever has so many."""
KEPT = 1_000_000
"""A fact of up to so many rows is worked out once per judgement, a larger one in every scan: it would fill the memory."""
_FRAMES = {"string": "str", "float64": "float64", "timestamp(6)": "datetime64[us]", "int64": "Int64", "date": "object"}
SMALL = 1_000
"""A table of more rows that is put beside the facts is not compared with the one of the last judgement."""
OF_THE_MOMENT = ("contracts_in_force",)
"""Tables of master data that another moment of the same day may see otherwise."""
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
        shelf: Shelf | None = None,
    ) -> None:
        self.con = con
        self.shelf = shelf
        self._timezone = timezone
        self._warehouse = warehouse
        self._now = naive(now)
        self.moment = now
        newest = con.execute("SELECT max(batch) FROM batches").fetchone()
        self.newest_batch = (newest[0] or 0) if newest else 0
        self.batch = self.newest_batch if batch is None else min(batch, self.newest_batch)
        self.active = active_generations(con, sources, self.batch)
        self.sources = tuple(sources)
        self.as_loaded = self._is_as_loaded()
        self._listening = Listening(con, self.active, self.batch, self._now, self.as_loaded)
        self._tables: dict[str, ir.Table] = {}
        self._put: dict[str, Any] = {}
        """What was put beside the facts; None where it is too much to be compared."""
        self._found = dict(shelf.tables) if shelf else {}
        """What lay on the shelf when the view was opened."""
        self._answers = shelf.answers if shelf else Answers()

    def stand_alone(self) -> None:
        """Let what is asked from now on leave no trace on the shelf; what was found there stays as it was."""
        self.shelf = None

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
                return self._tables[key]
            base = self.base(name)
            if key not in self._tables:  # where nobody else needs the base, it is laid within the fact
                self._tables[key] = self._lay(key, key, lambda m: aged(name, base, _Sight(self, m)), "VIEW")
        return self._tables[key]

    def _is_alone_with(self, name: str) -> bool:
        """Tell whether nobody else needs a fact without what time changes, so that it may be laid with that at once."""
        return self.shelf is None and f"base_{name}" not in self._tables and self._size(name) <= KEPT

    def _lay_whole(self, name: str) -> None:
        """Lay a fact in one table that no scan works out anew."""
        stored, seen, base = self._rows(name), f"seen_{name}", f"base_{name}"

        def build(m: Moments) -> ir.Table:
            return aged(name, self._derived(name, stored, m), _Sight(self, m))

        template = self._template((seen, "whole", stored), build)
        sql = recoded(self.filled(template), self.coded(name, stored))
        self._tables[seen] = self._laid(seen, template.schema, sql)
        lasting = {column: type_ for column, type_ in template.schema.items() if column not in timed_columns(name)}
        columns = ", ".join(f'"{column}"' for column in lasting)
        self._tables[base] = self._laid(base, ibis.schema(lasting), f"SELECT {columns} FROM {seen}", "VIEW")

    def base(self, name: str) -> ir.Table:
        """Give the fact with the derived columns that time does not change and no other row."""
        key = f"base_{name}"
        if self._is_alone_with(name):
            self._lay_whole(name)
        if key not in self._tables:
            self._tables[key] = self._shelved(key, name, lambda: self._based(key, name))
        return self._tables[key]

    def _based(self, key: str, name: str) -> ir.Table:
        stored = self._rows(name)
        template = self.deriving(name, stored)
        # planning a scan over all the derived columns takes longer than most scans do
        if self._size(name) > KEPT:
            return self._laid(key, template.schema, self.filled(template), "VIEW")
        return self._lasting(key, template.schema, recoded(self.filled(template), self.coded(name, stored)))

    def deriving(self, name: str, stored: str) -> Template:
        """Give the expression of the derived columns over the rows of a table like the stored fact."""
        return self._template((f"base_{name}", stored), lambda m: self._derived(name, stored, m))

    def _derived(self, name: str, stored: str, moments: Moments) -> ir.Table:
        rows, sight = ibis.table(fact_columns(self._plan(name)), name=stored), _Sight(self, moments)
        return self._zoned(derive(name, rows, sight), sight, name)

    def coded(self, name: str, stored: str) -> dict[str, str]:
        """Make a type of each of a fact's columns of few texts: grouped and joined as numbers, they take half the time."""
        columns = repeating(name)
        counts = self.con.execute(
            f"SELECT {', '.join(f'count(DISTINCT {column})' for column in columns)} FROM {stored}"
        ).fetchone()
        keeper, found = self._keeper, {}
        for column, count in zip(columns, counts or (), strict=True):
            if 0 < count <= FEW:
                found[column] = keeper.type_of(name, column) if keeper else f"{name}_{column}"
                texts = f"SELECT DISTINCT {column} FROM {stored} WHERE {column} IS NOT NULL ORDER BY 1"
                self.con.execute(f"CREATE {'' if keeper else 'TEMP '}TYPE {found[column]} AS ENUM ({texts})")
        if keeper:
            keeper.coded[name] = found
        return found

    def forget(self) -> None:
        """Take away what was laid, for whoever changed what it shows."""
        for name, what in self.con.execute(
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_catalog = 'temp'"
        ).fetchall():
            if name in self._tables:
                self.con.execute(f"DROP {'VIEW' if what == 'VIEW' else 'TABLE'} temp.main.{name}")
        self._tables.clear()

    def _plan(self, name: str) -> FoldPlan:
        return self._warehouse.plan(self.con, name, [g for g in self.active if g.fact == name])

    def _rows(self, name: str) -> str:
        """Name the table of a fact's rows as known at the moment, without derived columns."""
        plan = self._plan(name)
        return self._stored(plan) if self.as_loaded else self._fold(plan)

    def _size(self, table: str) -> int:
        row = self.con.execute(f"SELECT count(*) FROM {table}").fetchone()
        return row[0] if row else 0

    def _joined(self, key: str, name: str, joined: Sequence[Derivation]) -> ir.Table:
        """Join a fact's linked columns to it, each group worked out once."""
        base = self.fact(name)
        parts = [(self.linked(name, each), each) for each in joined]
        columns = "".join(f', p{i}."{column}"' for i, (_, each) in enumerate(parts) for column in each.columns)
        tables = "".join(f" LEFT JOIN {part.get_name()} p{i} ON p{i}.key = b.key" for i, (part, _) in enumerate(parts))
        self.con.execute(f"CREATE TEMP VIEW {key} AS SELECT b.*{columns} FROM {base.get_name()} b{tables}")
        schema = dict(base.schema().items())
        for part, each in parts:
            schema |= {column: part.schema()[column] for column in each.columns}
        return ibis.table(schema, name=key)

    def linked(self, name: str, each: Derivation) -> ir.Table:
        """Give the linked columns of one derivation of a fact, with the key of the row that each belongs to."""
        key = f"linked_{name}_{each.name}"
        if key not in self._tables:
            lay = partial(self._linked, key, each)
            self._tables[key] = lay() if each.timed else self._shelved(key, name, lay, each.name)
        return self._tables[key]

    def _linked(self, key: str, each: Derivation) -> ir.Table:
        template = self.linking(each)
        lay = self._laid if each.timed else self._lasting
        return lay(key, template.schema, self.filled(template))

    def linking(self, each: Derivation, near: str = "") -> Template:
        """Give the expression of a linked derivation, over the fact or over some rows of it, in a table like its base."""
        # what lasts cannot see columns that do not
        rows = self.fact(each.fact) if each.timed else self.base(each.fact)
        rows = ibis.table(rows.schema(), name=near) if near else rows

        def build(m: Moments) -> ir.Table:
            return each.build(rows, _Sight(self, m, near, not each.timed)).select("key", *each.columns)

        return self._template((f"linked_{each.fact}_{each.name}", near), build)

    def lay_aside(self, name: str, build: Callable[[], ir.Table]) -> None:
        """Lay an expression as a table for this view's own work."""
        self._lay(name, ("aside", name), lambda _: build(), "TABLE")

    def _lay(self, name: str, key: Any, build: Callable[[Moments], ir.Table], what: str) -> ir.Table:
        """Lay an expression as a table or a view."""
        template = self._template(key, build)
        return self._laid(name, template.schema, self.filled(template), what)

    def _laid(self, name: str, schema: Any, sql: str, what: str = "TABLE") -> ir.Table:
        self.con.execute(f"CREATE TEMP {what} {name} AS {sql}")
        return ibis.table(schema, name=name)

    @property
    def _keeper(self) -> Shelf | None:
        """Give the shelf that this reader fills: it lays there, for others, what lasts."""
        return self.shelf if self.shelf is not None and self.shelf.filling is self else None

    def _shelved(self, key: str, fact: str, lay: Callable[[], ir.Table], derivation: str | None = None) -> ir.Table:
        """Give what an earlier judgement laid and nothing has changed since; if there is no such thing, lay it."""
        if self.shelf is None:
            return lay()
        self.shelf.wanted[key] = (fact, derivation)
        schema = (self.shelf.tables if self._keeper else self._found).get(key)
        return lay() if schema is None else self._laid(key, schema, f"SELECT * FROM {self.shelf.place(key)}", "VIEW")

    def _lasting(self, key: str, schema: Any, sql: str) -> ir.Table:
        """Lay a table that stays the same while no batch comes; on the shelf, if there is one to fill."""
        keeper = self._keeper
        if keeper is None:
            return self._laid(key, schema, sql)
        place = keeper.place(key)
        self.con.execute(f"CREATE TABLE {place} AS {sql}")
        keeper.tables[key] = schema
        return self._laid(key, schema, f"SELECT * FROM {place}", "VIEW")

    def _template(self, key: Any, build: Callable[[Moments], ir.Table]) -> Template:
        """Give a compiled expression, with everything in place that it looks at.

        The shape of the network belongs to every key, so that `key` need only say what is asked.
        """
        template = self._warehouse.template((key, self.shape), build)
        for what, name, columns in template.uses:
            if what == "fact":
                self.fact(name, frozenset(columns))
            elif what == "table":
                self.table(name)
            else:
                self.log(name, *columns)
        return template

    def log(self, name: str, near: str = "") -> ir.Table:
        """Give when each event of a fact was first told of, as far as its sources keep a time of record.

        `near` names a table of keys that are looked at alone; "": all are.
        """
        key = f"log_{near or name}"
        if key not in self._tables:
            mine = [g for g in self.active if g.fact == name]
            plan = self._plan(name)
            same = (key, plan_key(plan), tuple((g.source, g.number) for g in mine))
            build = lambda m: log_expression(plan, mine, m["now"], _ANY_BATCH, near or None)  # noqa: E731  # used once, just below
            self._tables[key] = self._lay(key, same, build, "VIEW")
        return self._tables[key]

    @cached_property
    def shape(self) -> tuple[Any, ...]:
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
        known = self.shelf.master if self.shelf else None
        if known is not None and known[0] == self.mastered:
            return known[1].at(self._now.replace(tzinfo=UTC))
        told = {}
        for name in MASTER:
            mine = [g for g in self.active if g.fact == name]
            if mine:
                told[name] = self._told(name, mine)
        return Master(told, self.sources, self._now.replace(tzinfo=UTC))

    @cached_property
    def mastered(self) -> Any:
        """Give what the master data depends on: what its sources told last."""
        mine = tuple((g.source, g.number) for g in self.active if g.fact in MASTER)
        row = self.con.execute(
            f"WITH {CURRENT} SELECT max(batch) FROM batches SEMI JOIN current USING (source, generation) "
            "WHERE stored > 0 AND batch <= $until",
            {"sources": [s for s, _ in mine], "numbers": [n for _, n in mine], "until": self.batch},
        ).fetchone()
        return mine, row and row[0], self.sources

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
            lay = partial(self._framed, key, name)
            self._tables[key] = lay() if name in OF_THE_MOMENT else self._shelved(key, name, lay)
        return self._tables[key]

    def _framed(self, key: str, name: str) -> ir.Table:
        lay = self._laid if name in OF_THE_MOMENT else self._lasting
        columns = TABLES.get(name) or {f.name: IBIS_TYPES[f.type] for f in FACTS[name].fields}
        calendar = name == "calendar"
        frame = self._warehouse.calendar(self.master, self._timezone) if calendar else self.master.frame(name)
        nothing = ", ".join(f'NULL::{SQL_TYPES[type_]} AS "{column}"' for column, type_ in columns.items())
        empty = f"SELECT {nothing} WHERE false"
        if frame.empty:
            return lay(key, ibis.schema(columns), empty)
        arrow = pa.Table.from_pandas(
            frame[list(columns)].astype({name: _FRAMES[type_] for name, type_ in columns.items()}),
            preserve_index=False,
        )
        self.con.register("laid", arrow)
        # what the engine makes of the frame's types is not always what the columns are
        laid = lay(key, ibis.schema(columns), f"{empty} UNION ALL SELECT * FROM laid")
        self.con.unregister("laid")
        return laid

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
            self.con.execute(f"INSERT INTO {name} ({names}) SELECT {names} FROM ({self.filled(template)})")
        return name

    def filled(self, template: Template) -> str:
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
        sql = _in_texts(template, template.fill(times, texts))
        facts = None if self.shelf is None else self._looked_at(template, sql)
        if facts is None:
            return self.con.execute(sql).df()
        return self._answers.of((sql, *self._put_there(sql)), facts, lambda: self.con.execute(sql).df())

    def _looked_at(self, template: Template, sql: str) -> set[str] | None:
        """Name the facts that an expression looks at; None where it looks at what time changes, or at what is not known."""
        if "now" in dict(template.places):
            return None
        named = set(re.findall(r'"(\w+)"', sql))
        found: set[str] = set()
        for name in named & (self._tables.keys() | self._put.keys()):
            if name in self._put:
                if self._put[name] is None:
                    return None
                continue
            what, _, fact = name.partition("_")
            if name.removeprefix("master_") in OF_THE_MOMENT:
                return None
            if what == "master":
                continue
            fact = next(each for each in sorted(FACTS, key=len, reverse=True) if fact.startswith(each))
            found.add(fact)
            for each in DERIVATIONS[fact]:
                if each.timed and named & set(each.columns):
                    return None
                if each.linked and named & set(each.columns):
                    assert self.shelf is not None  # noqa: S101  # the caller looked
                    needs = self.shelf.needs.get(f"linked_{fact}_{each.name}")
                    if needs is None:
                        return None
                    found |= needs
        return found

    def _put_there(self, sql: str) -> list[Any]:
        return [told for name, told in self._put.items() if told is not None and f'"{name}"' in sql]

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
        self._put[name] = tuple(frame.itertuples(index=False, name=None)) if len(frame) <= SMALL else None
        self.con.register(name, pa.Table.from_pandas(frame, preserve_index=False))
        return ibis.table(dict(schema), name=name)

    def watermarks(self) -> dict[str, datetime]:
        """Give each source's newest event not after the moment, as aware UTC times."""
        return self._listening.watermarks

    def heard(self) -> pd.DataFrame:
        """Give when each partner of each source was heard last (see `Listening.heard`)."""
        if self.shelf is None or not self.as_loaded:
            return self._listening.heard()
        # of when somebody was heard of, nothing finer than hours is kept
        hour = self._now.replace(minute=0, second=0, microsecond=0)
        return self._answers.of(("heard", self.batch, hour), FACTS, self._listening.heard)

    def pulses(self, look_back: timedelta, of: Sequence[tuple[str, str]]) -> pd.DataFrame:
        """Give the hours in which some partners of sources had events (see `Listening.pulses`)."""
        return self._listening.pulses(look_back, of)


@dataclass(frozen=True)
class _Sight:
    """What an expression may look at; what it does look at is noted, to be in place whenever it runs."""

    reader: Reader
    moments: Moments
    near: str = ""
    """A table of rows that are looked at alone, with what was told of them; "": all are."""
    lasting: bool = False
    """Whether only columns that time does not change are seen."""

    def fact(self, name: str, columns: frozenset[str] = frozenset()) -> ir.Table:
        self.moments.uses.append(("fact", name, tuple(sorted(columns))))
        return self.reader.base(name) if self.lasting and not columns else self.reader.fact(name, columns)

    def table(self, name: str) -> ir.Table:
        self.moments.uses.append(("table", name, ()))
        return self.reader.table(name)

    def log(self, name: str) -> ir.Table:
        self.moments.uses.append(("log", name, (self.near,) if self.near else ()))
        return self.reader.log(name, self.near)


def _in_texts(template: Template, sql: str) -> str:
    """Give the answer's texts as texts, however the tables hold them."""
    columns = [f'"{n}"::VARCHAR AS "{n}"' if type_.is_string() else f'"{n}"' for n, type_ in template.schema.items()]
    return f"SELECT {', '.join(columns)} FROM ({sql})"
