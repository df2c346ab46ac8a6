"""Listening: when sources and the partners inside them were heard of, as known at a moment; whoever is silent is found by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analytics.facts import FACTS, MASTER
from data.generations import CURRENT, current

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    import duckdb
    import pandas as pd

    from data.generations import Generation

_HEARD = """
heard AS (SELECT source, partner, hour, batch, known FROM pulses SEMI JOIN current USING (source, generation)
          WHERE batch <= $batch AND hour <= $moment AND known <= $moment),
newest AS (SELECT source, max(hour) AS newest FROM heard GROUP BY ALL)"""
"""When whom was heard of, as known at the moment, as tables to select from."""


@dataclass(frozen=True)
class Listening:
    """What was heard of the active generations up to a batch, as known at `moment` (UTC without a zone).

    `as_loaded` says that the moment sees all that was loaded up to the batch.
    """

    con: duckdb.DuckDBPyConnection
    active: Sequence[Generation]
    batch: int
    moment: datetime
    as_loaded: bool

    @cached_property
    def watermarks(self) -> dict[str, datetime]:
        """Each source's newest event not after the moment, as aware UTC times."""
        if self.as_loaded:
            sql = "SELECT source, generation, max(newest_at) FROM batches WHERE batch <= ? GROUP BY ALL"
            rows = self.con.execute(sql, [self.batch]).fetchall()
        else:
            rows = [row for fact in {g.fact for g in self.active}.difference(MASTER) for row in self._past(fact)]
        listened_to = {(g.source, g.number) for g in self.active}
        return {source: at.replace(tzinfo=UTC) for source, number, at in rows if at and (source, number) in listened_to}

    def _past(self, fact: str) -> list[Any]:
        """Give the newest event of every generation of a fact, as known at a past moment."""
        columns = ["at"] if FACTS[fact].snapshot else [f"{kind}_at" for kind in FACTS[fact].kinds]
        newest = ", ".join(f'max("{c}") FILTER ("{c}" <= $moment)' for c in columns)
        seen = "batch <= $batch AND coalesce(recorded_at <= $moment, true)"
        values = {"moment": self.moment, "batch": self.batch}
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

    def heard(self) -> pd.DataFrame:
        """Give when each partner of each source was heard last, and how much is known of when it was.

        Columns: source, partner, last (hour, UTC without a zone), newest (the source's own), told (a digest of all hours).
        """
        return self.con.execute(
            f"WITH {CURRENT}, {_HEARD} SELECT source, partner, max(hour) AS last, any_value(newest) AS newest, "
            "bit_xor(hash(hour, batch, known)) AS told FROM heard JOIN newest USING (source) "
            "WHERE partner IS NOT NULL GROUP BY source, partner",
            self._known,
        ).df()

    def pulses(self, look_back: timedelta, of: Sequence[tuple[str, str]]) -> pd.DataFrame:
        """Give the hours in which some partners of sources had events, over the time before the source's newest one.

        Columns: source, partner, hour (UTC without a zone).
        """
        heard = self.con.execute(
            f"WITH {CURRENT}, {_HEARD}, wanted AS (SELECT unnest($of_sources::VARCHAR[]) AS source, "
            "unnest($of_partners::VARCHAR[]) AS partner) "
            "SELECT DISTINCT source, partner, hour FROM heard JOIN newest USING (source) "
            "SEMI JOIN wanted USING (source, partner) WHERE hour >= newest - $look_back",
            self._known | {"look_back": look_back, "of_sources": [s for s, _ in of], "of_partners": [p for _, p in of]},
        )
        # a million names of a few hundred partners: as categories they need not be made into texts one by one
        frame: pd.DataFrame = heard.to_arrow_table().to_pandas(strings_to_categorical=True)
        return frame

    @property
    def _known(self) -> dict[str, Any]:
        return current(self.active) | {"batch": self.batch, "moment": self.moment}
