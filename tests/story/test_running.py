"""The running product: it loads and judges by itself, does for other commands what they ask, and stops when told."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import app

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
SETTINGS = """
[network]
name = "Acme"
timezone = "Europe/Berlin"
[warehouse]
url = "duckdb:///var/warehouse.duckdb"
[store]
url = "sqlite:///var/store.db"
[kpis]
path = "kpis.toml"
[[source]]
name = "orders"
fact = "repair_orders"
format = "csv"
path = "orders.csv"
every = "1 s"
[source.fields]
order_id = "id"
partner = "partner"
cost = "cost"
[source.events]
received = "in"
closed = "out"
[[source]]
name = "broken"
fact = "repair_orders"
format = "csv"
path = "nowhere/*.csv"
every = "1 s"
[source.fields]
order_id = "id"
[source.events]
received = "in"
"""
KPIS = """
[kpi.received]
title = "Orders received"
family = "workload"
fact = "repair_orders"
measure = { count = true }
day = "received_at"
window = "all"
by = [["partner"]]
better = "lower"
green = 3
red = 5
min_n = 0
unit = "orders"
pain = "waits"
"""


@pytest.fixture
def network(tmp_path, request):
    quiet = getattr(request, "param", None) == "quiet"
    (tmp_path / "settings.toml").write_text(SETTINGS.partition('[[source]]\nname = "broken"')[0] if quiet else SETTINGS)
    (tmp_path / "kpis.toml").write_text(KPIS)
    rows = [f"o{n},{'Ann' if n % 3 else 'Bob'},{n},2026-01-{n + 1:02},2026-02-01" for n in range(9)]
    (tmp_path / "orders.csv").write_text("\n".join(["id,partner,cost,in,out", *rows, "bad,Ann,x,2026-01-01,"]) + "\n")
    return tmp_path


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, ROOT / "app.py", *arguments, "--settings", folder / "settings.toml"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip


@pytest.fixture
def command(capsys):
    """Do a command in this process, which spares the start of another: here or by the running product, as it decides."""

    def do(folder, *arguments):
        capsys.readouterr()
        code = app.main([*arguments, "--json", "--settings", str(folder / "settings.toml")])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return do


@pytest.fixture
def running(network):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (network / "run.log").open("w")
    process = subprocess.Popen(
        [sys.executable, ROOT / "app.py", "run", "--port", str(port), "--settings", network / "settings.toml"],
        stdout=log, stderr=subprocess.STDOUT, cwd=network,
    )  # fmt: skip
    log.close()
    process.url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: board(process)["counts"]["judged"] == 3, network)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)


def board(process):
    with urllib.request.urlopen(f"{process.url}/api/board", timeout=5) as answer:  # noqa: S310  # our own server
        return json.load(answer)


def wait_for(holds, network):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if holds():
                return
        except (OSError, KeyError, ValueError, TypeError):
            pass
        time.sleep(0.1)
    raise AssertionError((network / "run.log").read_text()[-4000:])


def value(document, partner=None):
    slice_ = {"partner": partner} if partner else {}
    return next(r["value"] for r in document["readings"] if r["slice"] == slice_)


def timeless(document):
    """Leave out what tells when and under which number something was judged, and how long it took."""
    if isinstance(document, dict):
        kept = {
            k: timeless(v)
            for k, v in document.items()
            if k not in {"as_of", "version", "seconds", "rejected_at", "since"}
        }
        return kept | ({"window": None} if "window" in document else {})
    return [timeless(each) for each in document] if isinstance(document, list) else document


COMMANDS = (
    ("board", "--all"),
    ("explain", "received", "--slice", "partner=Ann"),
    ("quarantine",),
    ("load", "orders"),
    ("load",),
    ("load", "nobody"),
    ("explain", "nothing"),
    ("board", "--as-of", "2026-03-01"),
    ("board", "--as-of", "yesterday"),
    ("quarantine", "replay"),
)


def test_commands_say_the_same_whether_the_product_runs_or_not(network, running, command):
    served = [command(network, *arguments) for arguments in COMMANDS]
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == 0
    for arguments, (code, document, err) in zip(COMMANDS, served, strict=True):
        alone_code, alone, alone_err = command(network, *arguments)
        assert (code, timeless(document), err) == (alone_code, timeless(alone), alone_err), arguments
        assert "Traceback" not in err
    codes = [code for code, _, _ in served]
    assert codes == [0, 0, 0, 0, 2, 1, 1, 0, 1, 0]


def test_a_day_of_the_running_product(network, running, command):
    # a source that fails is told, and the other one goes on
    first = board(running)
    assert value(first) == 9
    states = {source["name"]: source for source in first["sources"]}
    assert "no file matches nowhere/*.csv" in states["broken"]["error"]
    assert states["orders"]["error"] is None

    # a new row is on the board soon
    with (network / "orders.csv").open("a") as grown:
        grown.write("o9,Ann,1,2026-01-20,\n")
    wait_for(lambda: value(board(running), "Ann") == 7, network)
    second = board(running)
    assert (value(second), second["version"] > first["version"]) == (10, True)

    # the source that failed comes back by itself
    (network / "nowhere").mkdir()
    (network / "nowhere/a.csv").write_text("id,in\nx1,2026-01-01\n")
    wait_for(lambda: value(board(running)) == 11, network)
    assert all(source["error"] is None for source in board(running)["sources"])

    # what a command loads is on the board too, and each board can be had again
    code, document, err = command(network, "board", "--version", str(first["version"]), "--all")
    assert (code, value(document)) == (0, 9), err

    # a second one is told that one is running
    code, _, err = finish(start(network, "run", "--port", "0"))
    assert code != 0
    assert "Traceback" not in err
    assert any(word in err for word in ("in use", "running"))
    assert value(board(running)) == 11

    # it stops when told, and leaves nothing behind
    began = time.monotonic()
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == 0
    assert time.monotonic() - began < 10
    assert not (network / "var/painpoint.sock").exists()
    assert "Traceback" not in (network / "run.log").read_text()
    code, document, _ = command(network, "load", "orders")
    assert (code, document["sources"][0]["read"]) == (0, 0)


def finish(process):
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


@pytest.mark.parametrize("network", ["quiet"], indirect=True)
def test_it_stops_while_somebody_listens_and_has_its_board_again_at_once_when_nothing_has_changed(
    network, running, command
):
    wait_for(lambda: value(board(running)) == 9, network)
    with urllib.request.urlopen(f"{running.url}/api/board/stream", timeout=5) as stream:  # noqa: S310  # our own server
        stream.readline()
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0
    again = start(network, "run", "--port", running.url.rpartition(":")[2])
    try:
        wait_for(lambda: again.poll() is not None or value(board(running)) == 9, network)
    finally:
        again.kill()
        _, said = again.communicate(timeout=PATIENCE)
    assert again.returncode == -signal.SIGKILL, said
    code, document, err = command(network, "board", "--all")  # the socket of the one that was killed is in nobody's way
    assert (code, value(document)) == (0, 9), err
