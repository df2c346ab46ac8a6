"""The running product takes pushes: on the board soon, and what was answered with 202 survives a kill."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import duckdb
import httpx
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0
TOKEN = "a-token-nobody-knows"  # noqa: S105  # of this test only
SETTINGS = """
[kpis]
path = "kpis.toml"
[[source]]
name = "orders"
fact = "repair_orders"
format = "push"
token = "${ORDERS_TOKEN}"
[source.fields]
order_id = "id"
partner = "partner"
[source.events]
received = "at"
"""
KPIS = """
[kpi.received]
title = "Orders received"
family = "workload"
fact = "repair_orders"
measure = { count = true }
day = "received_at"
window = "all"
better = "lower"
green = 3
red = 1000000
unit = "orders"
"""


@pytest.fixture
def network(tmp_path):
    (tmp_path / "settings.toml").write_text(SETTINGS)
    (tmp_path / "kpis.toml").write_text(KPIS)
    return tmp_path


@contextmanager
def running(network):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (network / "run.log").open("a")
    process = subprocess.Popen(
        [sys.executable, ROOT / "app.py", "run", "--port", str(port), "--settings", network / "settings.toml"],
        stdout=log, stderr=subprocess.STDOUT, cwd=network, env=os.environ | {"ORDERS_TOKEN": TOKEN},
    )  # fmt: skip
    log.close()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE) as client:
        try:
            until(network, lambda: client.get("/readyz").status_code == 200)
            yield process, client
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)


def until(network, holds):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if holds():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError((network / "run.log").read_text()[-4000:])


def push(client, n, **headers):
    rows = [{"id": f"o{n}-{i}", "partner": "P", "at": "2026-01-01"} for i in range(5)]
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"} | headers
    return client.post("/api/push/orders", content=json.dumps(rows), headers=headers)


def orders(network):
    with duckdb.connect(str(network / "var/warehouse.duckdb"), read_only=True) as con:
        log = con.execute("SELECT count(*) FROM repair_orders_statements").fetchone()[0]
        keys = [key for (key,) in con.execute("SELECT key FROM repair_orders").fetchall()]
        books = con.execute("SELECT sum(read), sum(stored) FROM batches").fetchone()
    assert len(keys) == len(set(keys)) == log
    return set(keys), books


def test_what_is_pushed_is_on_the_board_soon_and_outlives_a_kill(network):
    taken, tried = set(), []

    def flood(client, worker):
        try:
            for n in range(worker, 10_000, 3):
                tried.append(n)
                if push(client, n, **{"Idempotency-Key": f"k{n}"}).status_code == 202:
                    taken.add(n)
        except httpx.TransportError:
            pass

    with running(network) as (process, client):
        assert push(client, -1).json()["stored"] == 5
        started = time.monotonic()
        value = lambda: next(  # noqa: E731
            (r["value"] for r in client.get("/api/board?all=1").json()["readings"] if r["kpi"] == "received"), None
        )
        until(network, lambda: value() == 5)
        assert time.monotonic() - started < 5  # judged at once, not at the next tick
        workers = [threading.Thread(target=flood, args=(client, worker)) for worker in range(3)]
        for worker in workers:
            worker.start()
        until(network, lambda: len(taken) >= 9)
        process.send_signal(signal.SIGKILL)
        for worker in workers:
            worker.join(PATIENCE)

    with running(network) as (process, client):
        for n in sorted(tried):
            answer = push(client, n, **{"Idempotency-Key": f"k{n}"})
            assert answer.status_code == 202
            counts = answer.json()
            assert counts["read"] == counts["stored"] + counts["duplicate"] == 5
            if n in taken:
                assert counts["stored"] == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    keys, books = orders(network)
    assert keys == {f"o{n}-{i}" for n in [-1, *tried] for i in range(5)}
    assert books[1] == len(keys)
    assert TOKEN not in (network / "run.log").read_text()


def test_a_stop_amid_pushes_is_clean(network):
    taken = []

    def flood(client):
        try:
            for n in range(10_000):
                if push(client, n).status_code == 202:
                    taken.append(n)
        except httpx.TransportError:
            pass

    with running(network) as (process, client):
        worker = threading.Thread(target=flood, args=(client,))
        worker.start()
        until(network, lambda: len(taken) >= 3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        worker.join(PATIENCE)
    assert {f"o{n}-{i}" for n in taken for i in range(5)} <= orders(network)[0]
    assert "Traceback" not in (network / "run.log").read_text()
