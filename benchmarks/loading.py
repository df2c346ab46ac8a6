"""Events per second from a CSV file to folded facts, beside DuckDB's bare COPY of the same file in the same run."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd

from data.loaders import Loader
from data.settings import load_settings
from data.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 1_000_000

_HEAD = """
[network]
name = "Benchmark"
timezone = "Europe/Berlin"
[warehouse]
url = "duckdb:///warehouse.duckdb"
[store]
url = "sqlite:///store.db"
"""
_CASES = """
[[source]]
name = "cases"
fact = "repair_orders"
format = "csv"
path = "cases.csv"
[source.fields]
order_id = "number"
partner = "group"
country = "country"
product = "model"
device_id = "device"
promised_at = "promised"
cost = "cost"
outcome = { column = "status", map = { "Fixed" = "repaired", "End of life" = "unrepairable" } }
[source.events]
received = "opened_at"
closed = "closed_at"
"""
_EVENTS = """
[[source]]
name = "events"
fact = "repair_orders"
format = "csv"
path = "events.csv"
at = "time"
[source.fields]
order_id = "number"
partner = "group"
country = "country"
technician = "technician"
device_id = "device"
[[source.kinds]]
kind = "received"
when = { activity = "received" }
[[source.kinds]]
kind = "diagnosed"
when = { activity = "diagnosed" }
[[source.kinds]]
kind = "repaired"
when = { activity = "repaired" }
[[source.kinds]]
kind = "closed"
when = { activity = "closed" }
"""


def cases(rows: int) -> pd.DataFrame:
    """Make a row per case with two event times; text as partners write it."""
    random = np.random.default_rng(1)
    opened = pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 180 * 86400, rows), unit="s")
    closed = opened + pd.to_timedelta((random.exponential(40, rows) * 3600).astype(int), unit="s")
    form = "%Y-%m-%d %H:%M:%S"
    return pd.DataFrame(
        {
            "number": [f"INC{i:08d}" for i in range(rows)],
            "group": [f"partner {i:03d}" for i in random.integers(0, 300, rows)],
            "country": random.choice(["DE", "FR", "IN", "US"], rows),
            "opened_at": opened.strftime(form),
            "closed_at": closed.strftime(form),
            "promised": (opened + pd.Timedelta("3D")).strftime(form),
            "device": [f"D{i:07d}" for i in random.integers(0, rows, rows)],
            "status": random.choice(["Fixed", "End of life", "Unknown"], rows),
            "cost": random.integers(1, 500, rows),
            "model": random.choice(["A", "B", "C", "D"], rows),
        }
    )


def events(rows: int) -> pd.DataFrame:
    """Make a row per event, four events a case, in the order of their times."""
    table = cases(rows // 4)
    opened = pd.to_datetime(table["opened_at"])
    lasts = pd.to_datetime(table["closed_at"]) - opened
    parts = []
    for share, activity in ((0.0, "received"), (0.2, "diagnosed"), (0.8, "repaired"), (1.0, "closed")):
        parts.append(
            pd.DataFrame(
                {
                    "number": table["number"],
                    "time": (opened + lasts * share).dt.strftime("%Y-%m-%d %H:%M:%S"),
                    "activity": activity,
                    "group": table["group"],
                    "country": table["country"],
                    "technician": f"T{len(parts)}",
                    "device": table["device"],
                }
            )
        )
    return pd.concat(parts).sort_values("time", kind="stable")


def run(folder: Path) -> None:
    for name, make, settings, per_row in (("cases", cases, _CASES, 2), ("events", events, _EVENTS, 1)):
        path = folder / f"{name}.csv"
        make(ROWS).to_csv(path, index=False)
        copied = min(_copy(folder, path) for _ in range(3))
        (folder / "settings.toml").write_text(_HEAD + settings)
        loaded = min(_load(folder) for _ in range(3))
        print(
            f"{name}: {ROWS:,} rows, {ROWS * per_row:,} events: {loaded:.2f} s = {ROWS * per_row / loaded:,.0f} events/s; "
            f"bare COPY {copied:.2f} s; ratio {loaded / copied:.1f} (must be <= 5, and >= 50,000 events/s)"
        )
        path.unlink()


def _copy(folder: Path, path: Path) -> float:
    """Time DuckDB's own COPY of the file into a table with the types it sniffs, in a database file."""
    target = folder / "copy.duckdb"
    target.unlink(missing_ok=True)
    con = duckdb.connect(str(target))
    con.execute(f"CREATE TABLE target AS SELECT * FROM read_csv('{path}') LIMIT 0")
    start = time.perf_counter()
    con.execute(f"COPY target FROM '{path}' (HEADER)")
    con.close()
    return time.perf_counter() - start


def _load(folder: Path) -> float:
    for old in folder.glob("warehouse.duckdb*"):
        old.unlink()
    settings = load_settings(folder / "settings.toml", {})
    warehouse = Warehouse(settings.warehouse_url)
    loader = Loader(warehouse, settings.sources, lambda: datetime.now(UTC))
    start = time.perf_counter()
    loaded = loader.load(settings.sources[0])
    warehouse.close()
    seconds = time.perf_counter() - start
    assert loaded.error is None, loaded.error
    assert loaded.tally.stored == ROWS, loaded.tally
    return seconds
