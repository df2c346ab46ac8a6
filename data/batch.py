"""One accountable batch: rows of a source go into the log, the facts follow, and the books say where every row went."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
import pyarrow as pa
from sqlalchemy.engine import make_url

from analytics.facts import FACTS
from analytics.fold import FoldPlan, event_columns, statement_columns
from data.generations import Generation, active_generations
from data.tables import naive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from analytics.facts import Fact
    from data.settings import Source
    from data.warehouse import Warehouse


class AccountingError(Exception):
    """Rows read are not the sum of stored, duplicate, ignored and quarantined: a fault of ours, never of the data."""


class _NothingNewError(Exception):
    """All that was read is known and the cursor stands still, as every second at a quiet source: no batch is needed."""


@dataclass
class Tally:
    """Where the rows of a batch went."""

    read: int = 0
    stored: int = 0
    duplicate: int = 0
    ignored: int = 0
    quarantined: int = 0
    adjusted: int = 0
    unmapped: int = 0

    def add(self, other: Tally) -> None:
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)

    def check(self, source: str) -> None:
        gone = self.stored + self.duplicate + self.ignored + self.quarantined
        if self.read != gone:
            raise AccountingError(
                f"source {source}: {self.read} rows were read but {gone} accounted for; nothing of this batch was stored"
            )


@dataclass(frozen=True)
class Rejected:
    """A row on its way to quarantine. `readable` rows hold their columns as JSON and can be tried again."""

    file: str
    place: int
    reason: str
    raw: str
    readable: bool


def signature(source: Source) -> str:
    """Digest what decides how a source's rows are read: where it changes, the source is read anew."""
    parts = asdict(source)
    for unrelated in ("every", "fresh_within_seconds", "allow", "folder", "headers", "paging", "token"):
        parts.pop(unrelated)
    if source.records is None:  # what only some formats have leaves the others' digests as they are
        parts.pop("records")
    if source.url and source.format == "http":
        parts["url"] = re.sub(r"(?<=://)[^/@?#]*@", "", source.url)
    elif source.url:  # a password that is changed every month is no other source
        parts["url"] = str(make_url(source.url).set(username=None, password=None))
    return hashlib.blake2b(repr(sorted(parts.items())).encode(), digest_size=16).hexdigest()


def open_generation(con: duckdb.DuckDBPyConnection, source: Source) -> Generation:
    """Give the generation that the source's rows belong to under its present mapping, opening a new one if need be."""
    mark = signature(source)
    row = con.execute(
        "SELECT generation, signature, active_from FROM generations WHERE source = ? ORDER BY generation DESC LIMIT 1",
        [source.name],
    ).fetchone()
    known = {name: extra.known_at for name, extra in source.extra if extra.known_at}
    kinds = [kind for kind, _ in source.events] + [rule.kind for rule in source.kinds]
    told = tuple(sorted({*kinds, *(name for name, _ in source.fields), *(name for name, _ in source.extra)}))
    if row and row[1] == mark:
        return Generation(source.name, row[0], source.fact, mark, known, row[2], told)
    number = (row[0] if row else 0) + 1
    values = [source.name, number, source.fact, mark, json.dumps(known), json.dumps(told)]
    con.execute("INSERT INTO generations VALUES (?, ?, ?, ?, ?, ?, NULL)", values)
    return Generation(source.name, number, source.fact, mark, known, None, told)


class Batch:
    """The rows of one batch: staged aside as they come, then stored in one transaction, or forgotten."""

    def __init__(self, warehouse: Warehouse, source: Source, boundary: Callable[[str], None]) -> None:
        self.con = warehouse.cursor()
        self.source = source
        self.tally = Tally()
        self._warehouse = warehouse
        self._boundary = boundary
        self._fact = FACTS[source.fact]
        self._log = f"{self._fact.name}_{'events' if source.kinds else 'statements'}"
        self._rejected: list[Rejected] = []
        self._good = 0
        self._staged = False
        self._told = "stage s"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.con.close()

    def add(self, rows: pd.DataFrame, files: Any, places: Any) -> None:
        """Stage good canonical rows, with the file of each and its place there."""
        if rows.empty:
            return
        rows = rows.assign(
            row=range(self._good, self._good + len(rows)), file=pd.array(files, dtype="str"), place=places
        )
        self._good += len(rows)
        self.con.register("incoming", pa.Table.from_pandas(rows, preserve_index=False))
        select = f"SELECT *, {self._ids(rows)} FROM incoming"
        if self._staged:
            self.con.execute(f"INSERT INTO stage BY NAME {select}")
        else:
            self.con.execute(f"CREATE TEMP TABLE stage AS {select}")
            self._staged = True
        self.con.unregister("incoming")
        self._boundary("staged")

    def forget(self) -> None:
        """Drop everything staged, because the file it came from is broken further on."""
        self.con.execute("DROP TABLE IF EXISTS temp.stage")
        self._staged, self._good, self._rejected, self.tally = False, 0, [], Tally()

    def _ids(self, rows: pd.DataFrame) -> str:
        """Digest the identity of a row: its source, key, kind, times and everything mapped, not where it stood."""
        content = sorted(set(rows.columns) - {"row", "file", "place", "recorded_at"})
        same = ", ".join(
            [f"'{_quoted(self.source.name)}'", *(f'coalesce("{name}"::VARCHAR, chr(1))' for name in content)]
        )
        whole = f"{same}, coalesce(recorded_at::VARCHAR, chr(1))"
        digests = f"md5_number(concat_ws(chr(31), {whole})) AS id"
        return digests + (f", md5_number(concat_ws(chr(31), {same})) AS same" if self._recorded else "")

    @property
    def _recorded(self) -> bool:
        """Tell whether events carry a time of record, so that one event can have been recorded twice."""
        return bool(self.source.kinds) and any(name == "recorded_at" for name, _ in self.source.fields)

    def reject(self, rejected: list[Rejected]) -> None:
        """Keep rows for quarantine."""
        self._rejected += rejected
        self.tally.quarantined += len(rejected)

    def commit(
        self,
        sources: Sequence[str],
        loaded_at: datetime,
        *,
        marks: Mapping[str, str] | None = None,
        cursor: str | None = None,
        activate: bool = True,
        released: Sequence[int] = (),
        anew: Sequence[str] = (),
    ) -> None:
        """Store everything in one transaction: rows, facts, quarantine, the books, and how far the source was read.

        `activate` makes the rows' generation count if it does not yet: a reload under a new mapping is activated by its
        last batch, so that old and new rows are never mixed. `released` are quarantined rows that this batch holds again,
        `anew` files read before and now as a whole again.
        """
        try:
            with self._warehouse.writer(self.con):
                self._store(sources, loaded_at, marks or {}, cursor, activate=activate, released=released, anew=anew)
        except _NothingNewError:
            return
        self._boundary("committed")

    def _store(
        self,
        sources: Sequence[str],
        loaded_at: datetime,
        marks: Mapping[str, str],
        cursor: str | None,
        *,
        activate: bool,
        released: Sequence[int],
        anew: Sequence[str],
    ) -> None:
        self._loaded_at = naive(loaded_at)
        self.generation = open_generation(self.con, self.source)
        self.number = _number(self.con)
        self._warehouse.add_extras(self.con, self.source)
        stored = self._append() if self._staged else 0
        self.tally.stored += stored
        self.tally.duplicate += self._good - stored
        self.tally.check(self.source.name)
        self._boundary("logged")
        active = self.generation.active_from is not None
        if active and not (stored or marks or released or self._rejected or self._moves(cursor)):
            raise _NothingNewError
        self._quarantine(released, anew)
        if activate and not active:
            self._activate(sources)
        elif stored and active:
            self._follow(sources, stored)
        if stored:
            self._pulse()
        self._book(stored, marks, cursor)
        self._boundary("folded")

    def _moves(self, cursor: str | None) -> bool:
        """Tell whether a cursor differs from the one that is remembered."""
        known = self.con.execute(
            "SELECT value FROM cursors WHERE source = ? AND generation = ? ORDER BY batch DESC LIMIT 1",
            [self.source.name, self.generation.number],
        ).fetchone()
        return cursor is not None and (known is None or known[0] != cursor)

    def _quarantine(self, released: Sequence[int], anew: Sequence[str]) -> None:
        """Put rejected rows into quarantine, and close what was mended.

        A row that lies there already, from the same place with the same text, stays one. What a file that was read anew does
        not hold any more was mended in it.
        """
        for identity in released:
            self._close("id = ?", [identity], f"stored by batch {self.number}")
        frame = pd.DataFrame([asdict(r) for r in self._rejected], columns=[each.name for each in fields(Rejected)])
        types = {"file": "str", "place": "int64", "reason": "str", "raw": "str", "readable": "bool"}
        self.con.register("rejects", pa.Table.from_pandas(frame.astype(types), preserve_index=False))
        same = "q.file = r.file AND q.place = r.place AND q.raw = r.raw AND q.reason = r.reason"
        here = {"source": self.source.name, "generation": self.generation.number}
        mine = "q.source = $source AND q.generation = $generation AND q.closed_at IS NULL"
        if anew:
            self.con.execute(
                "UPDATE quarantine AS q SET closed_at = $at, closed = 'mended in the file' "
                f"WHERE {mine} AND list_contains($anew, q.file) AND NOT EXISTS (SELECT 1 FROM rejects r WHERE {same})",
                here | {"at": self._loaded_at, "anew": list(anew)},
            )
        self.con.execute(
            "INSERT INTO quarantine SELECT (SELECT coalesce(max(id), 0) FROM quarantine) + row_number() OVER (), "
            "$source, $generation, $batch, file, place, reason, raw, $at, readable, NULL, NULL FROM rejects r "
            f"WHERE NOT EXISTS (SELECT 1 FROM quarantine q WHERE {mine} AND {same})",
            here | {"batch": self.number, "at": self._loaded_at},
        )
        self.con.unregister("rejects")

    def _close(self, condition: str, values: list[Any], why: str) -> None:
        self.con.execute(
            f"UPDATE quarantine SET closed_at = ?, closed = ? WHERE {condition} AND closed_at IS NULL",
            [self._loaded_at, why, *values],
        )

    def _append(self) -> int:
        """Copy what tells something new from the stage into the log; give the number of rows."""
        mine = f"source = '{_quoted(self.source.name)}' AND generation = {self.generation.number}"
        if not self._all_fresh(mine):
            fresh = (
                _fresh_events(self._log, mine) if self.source.kinds else _fresh_statements(self._log, mine, self._fact)
            )
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS {fresh}")
            self._told = "stage s SEMI JOIN fresh f ON s.row = f.row"
        plan = FoldPlan(self._fact, {name: extra.type for name, extra in self.source.extra})
        wanted = event_columns(plan) if self.source.kinds else statement_columns(plan)
        present = {row[0] for row in self.con.execute("DESCRIBE stage").fetchall()}
        names = [n for n in wanted if n in present]
        take = [f's."{n}"' for n in names]
        into = ", ".join(f'"{n}"' for n in ["source", "generation", "batch", *names])
        row = self.con.execute(
            f"INSERT INTO {self._log} ({into}) SELECT ?, ?, ?, {', '.join(take)} FROM {self._told}",
            [self.source.name, self.generation.number, self.number],
        ).fetchone()
        return int(row[0]) if row else 0

    def _all_fresh(self, mine: str) -> bool:
        """Tell cheaply whether every staged row is new, as in a first load: nothing to compare with, and no repeats."""
        if self.con.execute(f"SELECT 1 FROM {self._log} WHERE {mine} LIMIT 1").fetchone() is not None:
            return False
        identity = "id" if self.source.kinds else "key"
        row = self.con.execute(f"SELECT count(DISTINCT {identity}) = count(*) FROM stage").fetchone()
        return row is not None and bool(row[0])

    def _pulse(self) -> None:
        """Note in which hours which partner showed signs of life, for the watch on silence."""
        if self._fact.master:  # it says nothing of when its source was last alive
            self.con.execute("CREATE OR REPLACE TEMP TABLE heard (last_at TIMESTAMP)")
            return
        times = ["at"] if self.source.at else [f"{kind}_at" for kind, _ in self.source.events]
        own = any(name == "partner" for name, _ in self.source.fields)
        # a row that names no partner speaks for the one that its case is known to belong to
        partner, told = "s.partner", self._told
        if not own or self.con.execute("SELECT 1 FROM stage WHERE partner IS NULL LIMIT 1").fetchone() is not None:
            partner = "coalesce(s.partner, f.partner)" if own else "f.partner"
            told = f"(SELECT s.* FROM {self._told}) s LEFT JOIN {self._fact.name} f ON f.key = s.key"
        each = " UNION ALL ".join(
            f'SELECT {partner} AS partner, s."{t}" AS moment, s.recorded_at FROM {told}' for t in times
        )
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE heard AS SELECT partner, date_trunc('hour', moment) AS hour, max(moment) AS last_at, "
            f"min(coalesce(recorded_at, moment)) AS known FROM ({each}) WHERE moment IS NOT NULL GROUP BY ALL"
        )
        mine = "source = $source AND generation = $generation"
        here = {"source": self.source.name, "generation": self.generation.number}
        known = self.con.execute(f"SELECT 1 FROM pulses WHERE {mine} LIMIT 1", here).fetchone() is not None
        news = (
            f"WHERE NOT EXISTS (SELECT 1 FROM pulses p WHERE {mine} AND p.hour = h.hour "
            "AND p.partner IS NOT DISTINCT FROM h.partner AND p.known <= h.known)"
        )
        self.con.execute(
            "INSERT INTO pulses SELECT $source, $generation, $batch, partner, hour, known FROM heard h "
            + (news if known else ""),
            here | {"batch": self.number},
        )

    def _book(self, stored: int, marks: Mapping[str, str], cursor: str | None) -> None:
        here = [self.source.name, self.generation.number, self.number]
        newest = self.con.execute("SELECT max(last_at) FROM heard").fetchone() if stored else None
        known = self.con.execute("SELECT max(recorded_at) FROM stage").fetchone() if stored else None
        at, recorded = newest[0] if newest else None, known[0] if known else None
        counts = list(asdict(self.tally).values())
        self.con.execute(
            f"INSERT INTO batches VALUES ({', '.join('?' * 13)})",
            [self.number, *here[:2], self._loaded_at, at, max((x for x in (at, recorded) if x), default=None), *counts],
        )
        for name, mark in marks.items():
            self.con.execute("INSERT INTO marks VALUES (?, ?, ?, ?, ?)", [*here, name, mark])
        if cursor is not None:
            self.con.execute("INSERT INTO cursors VALUES (?, ?, ?, ?)", [*here, cursor])

    def _activate(self, sources: Sequence[str]) -> None:
        """Let this generation count from now on, instead of the one before it."""
        here = [self.number, self.source.name, self.generation.number]
        self.con.execute("UPDATE generations SET active_from = ? WHERE source = ? AND generation = ?", here)
        self._close("source = ? AND generation < ?", here[1:], "read anew under another mapping")
        self._warehouse.follow(self.con, sources)

    def _follow(self, sources: Sequence[str], stored: int) -> None:
        """Let the facts follow the new rows: only the keys they touch, or all if that is less work."""
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT key FROM {self._told}")
        size = self.con.execute(f"SELECT count(*) FROM {self._fact.name}").fetchone()
        most = size is not None and stored > size[0]
        active = active_generations(self.con, sources)
        self._warehouse.refold(self.con, self._fact.name, active, None if most else "touched")


def _number(con: duckdb.DuckDBPyConnection) -> int:
    newest = con.execute("SELECT coalesce(max(batch), 0) + 1 FROM batches").fetchone()
    return int(newest[0]) if newest else 1


def _fresh_events(log: str, mine: str) -> str:
    """Select the stage's rows that no row of the log, and no earlier one of the stage, says already."""
    said = f"SELECT 1 FROM {log} l WHERE {mine} AND l.id = s.id"
    return f"SELECT min(row) AS row FROM stage s WHERE NOT EXISTS ({said}) GROUP BY s.id"


def _fresh_statements(log: str, mine: str, fact: Fact) -> str:
    """Select the versions in the stage that say something new.

    A version with a time of record is new unless it is known. Without one the newest batch speaks, as it always does of a
    snapshot, so a version is new where it differs from the one before it; but a file read again that holds nothing new
    and ends where the log ends says nothing, even if it passes through older versions on its way.
    """
    order = "batch DESC, row DESC" if fact.snapshot else "recorded_at DESC NULLS LAST, batch DESC, row DESC"
    dated = "false" if fact.snapshot else "recorded_at IS NOT NULL"
    return f"""
        WITH known AS (SELECT l.key, l.id, l.recorded_at, l.batch, l.row, {dated} AS dated FROM {log} l
                       WHERE {mine} AND l.key IN (SELECT key FROM stage)),
        newest AS (SELECT key, id FROM known WHERE NOT dated
                   QUALIFY row_number() OVER (PARTITION BY key ORDER BY {order}) = 1),
        said AS (SELECT DISTINCT key, id FROM known),
        staged AS (SELECT s.key, s.row, s.id, {dated.replace("recorded_at", "s.recorded_at")} AS dated, n.id AS now,
                          k.id IS NOT NULL AS said
                   FROM stage s LEFT JOIN newest n ON n.key = s.key LEFT JOIN said k ON k.key = s.key AND k.id = s.id),
        judged AS (SELECT row, id, dated, now, said,
                          lag(id) OVER alike AS before,
                          last_value(id) OVER (alike ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS final,
                          bool_and(said) OVER (PARTITION BY key, dated) AS all_said,
                          row_number() OVER (PARTITION BY key, id ORDER BY row) AS nth
                   FROM staged WINDOW alike AS (PARTITION BY key, dated ORDER BY row))
        SELECT row FROM judged WHERE CASE
            WHEN dated THEN NOT said AND nth = 1
            ELSE id IS DISTINCT FROM coalesce(before, now) AND NOT (all_said AND final IS NOT DISTINCT FROM now) END"""


def _quoted(text: str) -> str:
    return text.replace("'", "''")
