"""Seconds from a row committed in a partner's database to the changed tile in a browser, with a source read every second."""

from __future__ import annotations

import os
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = 20_000
TRIALS = 40
CHROMIUM = os.environ.get("PAINPOINT_CHROMIUM", "/usr/bin/chromium")
SWITCHES = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync"
SETTINGS = """
[network]
name = "Latency"
timezone = "UTC"
[warehouse]
url = "duckdb:///warehouse.duckdb"
[store]
url = "sqlite:///store.db"
[kpis]
path = "kpis.toml"
[[source]]
name = "orders"
fact = "repair_orders"
format = "sql"
url = "sqlite:///orders.db"
query = "SELECT * FROM orders WHERE changed >= :since"
cursor = "changed"
every = "1 s"
[source.fields]
order_id = "id"
partner = "partner"
[source.events]
received = "received"
closed = "closed"
"""
KPIS = """
[kpi.open_orders]
title = "Open orders"
family = "workload"
fact = "repair_orders"
measure = { count = "open" }
day = "snapshot"
by = [["partner"]]
better = "lower"
green = 0
red = 1
[kpi.slow]
title = "Slow repairs"
family = "speed"
fact = "repair_orders"
measure = { quantile = "tat_hours", q = 0.9 }
day = "closed_at"
by = [["partner"]]
better = "lower"
green = 10
red = 20
"""
TILE = '[data-kpi="open_orders"][data-slice*="partner 1\\""]'


def run(folder: Path) -> None:
    (folder / "settings.toml").write_text(SETTINGS)
    (folder / "kpis.toml").write_text(KPIS)
    source = _source(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "app.py", "run", "--settings", str(folder / "settings.toml"), "--port", str(port)]
    product = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        waits = _watch(f"http://127.0.0.1:{port}/", source)
    finally:
        product.terminate()
        product.wait(20)
    waits.sort()
    print(
        f"row committed -> tile changed, {TRIALS} trials, {ORDERS:,} orders: median {statistics.median(waits):.2f} s, "
        f"p95 {waits[int(0.95 * len(waits))]:.2f} s (aim <= 2), longest {waits[-1]:.2f} s"
    )


def _source(folder: Path) -> sqlite3.Connection:
    con = sqlite3.connect(folder / "orders.db")
    con.execute("PRAGMA journal_mode = wal")
    con.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, partner TEXT, received TEXT, closed TEXT, changed TEXT)")
    now = datetime.now(UTC)
    rows = []
    for i in range(ORDERS):
        received = now - timedelta(minutes=60 + i)
        rows.append(
            (f"R{i}", f"partner {i % 20}", _iso(received), _iso(received + timedelta(minutes=50)), _iso(received))
        )
    con.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows)
    # two open orders, so that the tile is red and drawn from the beginning
    con.executemany(
        "INSERT INTO orders VALUES (?, 'partner 1', ?, NULL, ?)", [(f"X{i}", _iso(now), _iso(now)) for i in range(2)]
    )
    con.commit()
    return con


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _watch(url: str, source: sqlite3.Connection) -> list[float]:
    pause = random.Random(1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES.split())
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        deadline = time.monotonic() + 60
        while True:
            try:
                page.goto(url)
                break
            except Exception:  # the product is still starting
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
        tile = page.locator(TILE).first
        tile.wait_for(timeout=60_000)
        waits = []
        for i in range(TRIALS):
            time.sleep(pause.uniform(0.5, 2.0))
            now = _iso(datetime.now(UTC))
            source.execute("INSERT INTO orders VALUES (?, 'partner 1', ?, NULL, ?)", (f"N{i}", now, now))
            source.commit()
            start = time.perf_counter()
            wanted = str(i + 3)
            page.wait_for_function(
                "([selector, wanted]) => document.querySelector(selector)?.firstChild?.textContent.trim() === wanted",
                arg=[f"{TILE} .value", wanted],
                polling=20,
                timeout=30_000,
            )
            waits.append(time.perf_counter() - start)
        browser.close()
    return waits
