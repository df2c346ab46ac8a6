"""What was laid for one judgement and lasts, kept for the next: a batch changes little of it, and time none.

A view of the facts lays derived columns in tables. Those that time does not change stay right until a batch tells of a row
that they depend on; so they are kept in memory, and when batches came, only the rows near those that they told of are
worked out anew. What is kept equals what would be laid from scratch, at any moment: views see it as they see the facts, each as
it stood when the view was opened.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

import duckdb
import ibis

from analytics.derived import DERIVATIONS, linked
from analytics.facts import FACTS, MASTER
from data.answers import Answers
from data.generations import CURRENT, current
from data.tables import recoded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import ibis.expr.types as ir

    from analytics.derived import Derivation
    from analytics.master import Master
    from data.reader import Reader
    from data.warehouse import Warehouse

log = logging.getLogger(__name__)

MUCH = 0.2
"""Where more than this share of a table must be worked out anew, all of it is: one by one would take longer."""
WORN = 1.0
"""Rows that were taken away go on taking room in memory: once they are this many times the rows there, a table is laid anew."""
MOST = 0.25
"""While tables in memory take more than this share of what the engine may use, none is added; views lay for themselves then."""
TRIES = 2
"""Loads that end while the shelf is filled make it out of date; a judgement does not wait for ever."""


_NUMBERS = itertools.count(1)
"""Shelves of one file, in one process, are databases beside each other."""


@dataclass
class Shelf:
    """The tables kept, in a database in memory beside the warehouse's own; `wanted` are those that views asked for.

    It serves views that are opened one after the other.
    """

    warehouse: Warehouse
    name: str = field(default_factory=lambda: f"shelf_{next(_NUMBERS)}")
    tables: dict[str, Any] = field(default_factory=dict)
    wanted: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    master: tuple[Any, Master] | None = None
    """The master data, with what it was read from."""
    coded: dict[str, dict[str, str]] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    filling: Reader | None = None
    """The view that lays for others what lasts, while it does."""
    needs: dict[str, set[str]] = field(default_factory=dict)
    """The facts that each table of linked columns was worked out from."""
    _under: Any = None
    """All that the tables depend on beside the rows of the facts: what they were laid under."""
    _batch: int = 0
    _types: int = 0
    _worn: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How many rows were taken away from each table."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        con = self.warehouse.cursor()
        con.execute(f"ATTACH ':memory:' AS {self.name}")
        con.close()

    def place(self, name: str) -> str:
        """Give the full name of what lies on the shelf."""
        return f"{self.name}.main.{name}"

    def type_of(self, fact: str, column: str) -> str:
        """Name a new type for a column's texts; those who still read the table as it was have the old one."""
        self._types += 1
        return self.place(f"{fact}_{column}_{self._types}")

    def open_reader(self, sources: Sequence[str], now: datetime, timezone: str) -> Reader:
        """Give a view of all that is loaded, as known at the moment, that finds on the shelf what lasts."""
        with self._lock:
            for _ in range(TRIES):
                under, batch = self._fill(sources, now, timezone)
                # the shelf is looked at by the view only after it was filled, and so seen as it is now
                view = self.warehouse.open_reader(sources, now, None, timezone, self)
                if under is not None and (self._sees(view, timezone), view.batch) == (under, batch):
                    return view
                view.close()
                if under is None:
                    break
        return self.warehouse.open_reader(sources, now, None, timezone)

    def _sees(self, view: Reader, timezone: str) -> Any:
        """Give what tables depend on beside the facts' rows: the sources that count, the master data, the columns, the day."""
        generations = tuple((g.source, g.number) for g in view.active)
        return generations, view.mastered, view.shape, view.moment.astimezone(UTC).date(), timezone, view.as_loaded

    def _told_of(self, view: Reader) -> set[str]:
        """Name the facts of which a batch has told something since the shelf was filled, master data left out."""
        rows = view.con.execute(
            f"WITH {CURRENT} SELECT DISTINCT g.fact FROM batches b SEMI JOIN current USING (source, generation) "
            "JOIN generations g USING (source, generation) WHERE b.batch > $since AND b.stored > 0",
            current(view.active) | {"since": self._batch},
        ).fetchall()
        return {fact for (fact,) in rows if fact not in MASTER}

    def _fill(self, sources: Sequence[str], now: datetime, timezone: str) -> tuple[Any, int]:
        """Bring the shelf up to all that is loaded; give what it was laid under, None if nothing can be kept."""
        view = self.warehouse.open_reader(sources, now, None, timezone, self)
        self.filling = view
        try:
            if not view.as_loaded:
                return None, 0
            under = self._sees(view, timezone)
            self.master = (view.mastered, view.master)
            before, self._under = self._under, None  # should anything fail from here on, nothing is known
            if under != before:
                self._clear(view)
            else:
                self._follow(view)
            if self._has_room(view):
                self._lay(view)
            view.con.execute("COMMIT")
            view.con.execute("BEGIN")
            self._under, self._batch = under, view.batch
        except duckdb.Error:
            log.exception("what was laid for the last judgement could not be brought up to date; all is laid anew")
            return None, 0
        finally:
            self.filling = None
            view.close()
        return under, self._batch

    def _has_room(self, view: Reader) -> bool:
        """Tell whether tables in memory leave room for more.

        Those that were laid anew stay as they were for as long as a view is open that saw them, be it for hours.
        """
        row = view.con.execute(
            "SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag = 'IN_MEMORY_TABLE'"
        ).fetchone()
        limit = view.con.execute("SELECT current_setting('memory_limit')").fetchone()
        return row is not None and limit is not None and (row[0] or 0) <= MOST * _bytes(limit[0])

    def _clear(self, view: Reader) -> None:
        self.tables.clear()
        self.answers = Answers()
        self._worn.clear()
        rows = view.con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [self.name]
        ).fetchall()
        for (name,) in rows:
            view.con.execute(f"DROP TABLE {self.place(name)}")

    def _drop(self, view: Reader, name: str) -> None:
        self._worn.pop(name, None)
        if self.tables.pop(name, None) is not None:
            view.con.execute(f"DROP TABLE {self.place(name)}")

    def _lay(self, view: Reader) -> None:
        """Lay what is wanted and not there."""
        view.forget()
        for name, (fact, derivation) in list(self.wanted.items()):
            if name in self.tables:
                continue
            if derivation is not None:
                each = _named(fact, derivation)
                view.linked(fact, each)
                self.needs[name] = self._needs(view, each)
            elif name.startswith("master_"):
                view.table(fact)
            else:
                view.base(fact)

    def _follow(self, view: Reader) -> None:
        """Work out anew what the batches changed that came since."""
        changed = self._told_of(view)
        self.answers = self.answers.after(changed)
        followed = {fact: self._follow_fact(view, fact) for fact in sorted(changed) if f"base_{fact}" in self.tables}
        for name, (fact, derivation) in self.wanted.items():
            if derivation is None or name not in self.tables:
                continue
            each = _named(fact, derivation)
            if each.near is None:
                is_right = not changed & self.needs[name]
            else:
                is_right = fact not in changed or (followed.get(fact, False) and self._renew(view, each))
            if not is_right:
                self._drop(view, name)

    def _follow_fact(self, view: Reader, fact: str) -> bool:
        """Take up in a fact's table what later batches told of; False where it is to be laid anew."""
        con, name = view.con, f"base_{fact}"
        logs = [f"{fact}_statements", *([] if FACTS[fact].snapshot else [f"{fact}_events"])]
        mine = f"SEMI JOIN current USING (source, generation) WHERE batch > {self._batch}"
        keys = " UNION ".join(f"SELECT key FROM {each} {mine}" for each in logs)
        con.execute(f"CREATE TEMP TABLE changed_{fact} AS WITH {CURRENT} {keys}", current(view.active))
        con.execute(f"CREATE TEMP TABLE rows_{fact} AS SELECT * FROM {fact} SEMI JOIN changed_{fact} USING (key)")
        coded = self.coded.get(fact, {})
        if self._is_much(con, f"changed_{fact}", name, name) or self._has_new_texts(con, f"rows_{fact}", coded):
            self._drop(view, name)
            # whatever holds its texts holds the old types
            for other in [other for other, facts in self.needs.items() if fact in facts]:
                self._drop(view, other)
            return False
        con.execute(
            f"CREATE TEMP TABLE before_{fact} AS SELECT * FROM {self.place(name)} SEMI JOIN changed_{fact} USING (key)"
        )
        self._take(con, name, f"changed_{fact}")
        sql = recoded(view.filled(view.deriving(fact, f"rows_{fact}")), coded)
        con.execute(f"INSERT INTO {self.place(name)} BY NAME {sql}")
        return True

    def _renew(self, view: Reader, each: Derivation) -> bool:
        """Work out a linked derivation anew for the rows near those that changed; False where all of it is to be laid anew."""
        con, fact, name = view.con, each.fact, f"linked_{each.fact}_{each.name}"
        hood = f"{each.fact}_{each.name}"
        base = view.base(fact)
        assert each.near is not None  # noqa: S101  # the caller looked
        if each.near(base):
            before = ibis.table(base.schema(), name=f"before_{fact}")
            view.lay_aside(f"before_{hood}", lambda: _texts(each, before))
            view.lay_aside(f"since_{hood}", lambda: _texts(each, _among(base, f"changed_{fact}")))
            con.execute(f"CREATE TEMP TABLE texts_{hood} AS FROM before_{hood} UNION FROM since_{hood}")
            view.lay_aside(f"out_{hood}", lambda: _sharing(each, base, f"texts_{hood}").select("key"))
            con.execute(
                f"INSERT INTO out_{hood} SELECT key FROM changed_{fact} WHERE key NOT IN (SELECT key FROM out_{hood})"
            )
            if self._is_much(con, f"out_{hood}", f"base_{fact}", name):
                return False
            view.lay_aside(f"further_{hood}", lambda: _texts(each, _among(base, f"out_{hood}")))
            view.lay_aside(f"near_{hood}", lambda: _sharing(each, base, f"further_{hood}"))
        else:
            con.execute(f"CREATE TEMP TABLE out_{hood} AS SELECT key FROM changed_{fact}")
            view.lay_aside(f"near_{hood}", lambda: _among(base, f"changed_{fact}"))
        sql = view.filled(view.linking(each, f"near_{hood}"))
        con.execute(f"CREATE TEMP TABLE new_{hood} AS SELECT * FROM ({sql}) SEMI JOIN out_{hood} USING (key)")
        # most of what was near has come to the same again
        was = f"FROM {self.place(name)} SEMI JOIN out_{hood} USING (key)"
        con.execute(f"CREATE TEMP TABLE same_{hood} AS {was} INTERSECT FROM new_{hood}")
        con.execute(f"DELETE FROM out_{hood} WHERE key IN (SELECT key FROM same_{hood})")
        self._take(con, name, f"out_{hood}")
        con.execute(f"INSERT INTO {self.place(name)} BY NAME FROM new_{hood} SEMI JOIN out_{hood} USING (key)")
        return True

    def _take(self, con: duckdb.DuckDBPyConnection, name: str, keys: str) -> None:
        """Take rows away from a table."""
        taken = con.execute(f"DELETE FROM {self.place(name)} WHERE key IN (SELECT key FROM {keys})").fetchone()
        self._worn[name] += taken[0] if taken else 0

    def _is_much(self, con: duckdb.DuckDBPyConnection, some: str, base: str, name: str) -> bool:
        """Tell whether so much of a table is to be worked out anew, or was before, that all of it had better be."""
        counts = con.execute(
            f"SELECT (SELECT count(*) FROM {some}), (SELECT count(*) FROM {self.place(base)})"
        ).fetchone()
        few, every = counts or (0, 0)
        return bool(few > MUCH * every or self._worn[name] > WORN * every)

    @staticmethod
    def _has_new_texts(con: duckdb.DuckDBPyConnection, rows: str, coded: dict[str, str]) -> bool:
        tests = [
            f"count(*) FILTER ({column} IS NOT NULL AND TRY_CAST({column} AS {type_}) IS NULL)"
            for column, type_ in coded.items()
        ]
        found = con.execute(f"SELECT {' + '.join(tests) or '0'} FROM {rows}").fetchone()
        return found is None or found[0] > 0

    def _needs(self, view: Reader, each: Derivation) -> set[str]:
        """Name the facts that a linked derivation looks at."""
        found = {each.fact}
        for what, name, columns in view.linking(each).uses:
            if what != "table":
                found.add(name)
            for other in linked(name, frozenset(columns)) if what == "fact" else ():
                found |= self._needs(view, other)
        return found


def _bytes(size: str) -> float:
    """Read a size as the engine writes it, such as 18.7 GiB."""
    number, _, unit = size.partition(" ")
    units = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
    return float(number) * 1024.0 ** (units.index(unit) if unit in units else 0)


def _among(rows: ir.Table, keys: str) -> ir.Table:
    """Give the rows whose keys a table names."""
    return rows.semi_join(ibis.table({"key": "string"}, name=keys), "key")


def _texts(each: Derivation, rows: ir.Table) -> ir.Table:
    """Give the texts by which rows are near to others, once each."""
    assert each.near is not None  # noqa: S101  # whoever asks has looked
    parts = [rows.select(text=text) for text in each.near(rows)]
    every = ibis.union(*parts) if len(parts) > 1 else parts[0]
    return every.filter(every.text.notnull()).distinct()


def _sharing(each: Derivation, base: ir.Table, texts: str) -> ir.Table:
    """Give the rows that share a text with others."""
    assert each.near is not None  # noqa: S101  # as before
    known = ibis.table({"text": "string"}, name=texts)
    keys = [base.select("key", text=text).semi_join(known, "text").select("key") for text in each.near(base)]
    every = ibis.union(*keys) if len(keys) > 1 else keys[0]
    return base.semi_join(every, "key")


def _named(fact: str, derivation: str | None) -> Derivation:
    return next(each for each in DERIVATIONS[fact] if each.name == derivation)
