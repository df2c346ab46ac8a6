"""The books of every source: what was read and where it went, how late it comes, and who inside it is silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from analytics.facts import FACTS
from data.inquiry.plain import instant
from data.tables import naive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from data.settings import Source

COUNTS = ("read", "stored", "duplicate", "ignored", "quarantined", "adjusted", "unmapped")
NEWEST = 20
LATELY = timedelta(days=30)
_SUMS = ", ".join(f'sum("{name}")' for name in COUNTS)
_EACH = ", ".join(f'"{name}"' for name in COUNTS)


@dataclass(frozen=True)
class Books:
    """Reads what the warehouse knows of its batches."""

    con: DuckDBPyConnection
    now: datetime

    def of(self, source: Source, feed: Mapping[str, Any] | None) -> dict[str, Any]:
        """Give a source's books; `feed` is what the newest Board says of it, None for master data and before the first one."""
        feed = feed or {}
        counts, loaded_at = self._counts(source.name)
        gone = sum(counts[name] for name in ("stored", "duplicate", "ignored", "quarantined"))
        return {
            "name": source.name,
            "fact": source.fact,
            "timeless": FACTS[source.fact].master,
            "format": source.format,
            "every": source.every,
            "state": feed.get("state", "unjudged"),
            "watermark": feed.get("watermark"),
            "fresh_within_seconds": source.fresh_within_seconds,
            "error": feed.get("error"),
            "counts": counts,
            "accounted": counts["read"] == gone,
            "lag": self._lag(source),
            "loaded_at": instant(loaded_at),
            "waiting": self._waiting(source.name),
            "batches": self._newest(source.name),
            "partners": self._partners(source.name),
        }

    def _counts(self, source: str) -> tuple[dict[str, int], datetime | None]:
        *sums, loaded_at = self._row(f"SELECT {_SUMS}, max(loaded_at) FROM batches WHERE source = ?", source)  # noqa: S608  # names of ours
        return {name: int(count or 0) for name, count in zip(COUNTS, sums, strict=True)}, loaded_at

    def _newest(self, source: str) -> list[dict[str, Any]]:
        rows = self.con.execute(
            f"SELECT batch, loaded_at, {_EACH} FROM batches WHERE source = ? ORDER BY batch DESC LIMIT {NEWEST}",  # noqa: S608  # as above
            [source],
        ).fetchall()
        return [
            {"batch": batch, "loaded_at": instant(at), "counts": dict(zip(COUNTS, counts, strict=True))}
            for batch, at, *counts in rows
        ]

    def _waiting(self, source: str) -> int:
        (count,) = self._row("SELECT count(*) FROM quarantine WHERE source = ? AND closed_at IS NULL", source)
        return int(count)

    def _lag(self, source: Source) -> dict[str, float | None]:
        """Give how many hours pass from an event to its loading, over the batches of the last 30 days.

        Of events before the source's first load nothing follows: nobody asked for them. Of a row per case its newest event is
        what made somebody write it.
        """
        fact = FACTS[source.fact]
        if fact.master:
            return {"median": None, "p90": None}
        kept = 'l."at"' if source.kinds or fact.snapshot else f"greatest({', '.join(f'l.{k}_at' for k in fact.kinds)})"
        log = f"{fact.name}_{'events' if source.kinds else 'statements'}"
        since = naive(self.now - LATELY)
        median, late = self._row(
            "WITH loads AS (SELECT batch, loaded_at, min(loaded_at) OVER () AS first FROM batches WHERE source = $source), "  # noqa: S608  # as above
            "recent AS (SELECT * FROM loads WHERE loaded_at >= $since), "
            f"lags AS (SELECT epoch(loaded_at - {kept}) / 3600 AS hours FROM {log} l JOIN recent USING (batch) "
            f"WHERE l.source = $source AND l.batch >= (SELECT min(batch) FROM recent) AND {kept} > first AND {kept} <= loaded_at) "
            "SELECT quantile_cont(hours, 0.5), quantile_cont(hours, 0.9) FROM lags",
            {"source": source.name, "since": since},
        )
        return {"median": median, "p90": late}

    def _partners(self, source: str) -> list[dict[str, Any]]:
        rows = self.con.execute(
            "SELECT partner, max(hour) AS last_at FROM pulses WHERE source = ? AND partner IS NOT NULL AND generation = "
            "(SELECT max(generation) FROM generations WHERE source = ? AND active_from IS NOT NULL) "
            "GROUP BY partner ORDER BY last_at, partner",
            [source, source],
        ).fetchall()
        now = naive(self.now)
        return [
            {"partner": name, "last_at": instant(at), "silent_hours": max((now - at).total_seconds() / 3600, 0.0)}
            for name, at in rows
        ]

    def _row(self, sql: str, values: Any) -> tuple[Any, ...]:
        found = self.con.execute(sql, values if isinstance(values, dict) else [values]).fetchone()
        assert found is not None  # noqa: S101  # aggregates always answer
        return tuple(found)
