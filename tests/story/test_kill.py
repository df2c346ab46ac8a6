"""A load that is killed, anywhere: the next load makes good what is missing, and nothing is lost or doubled."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from analytics.facts import FACTS

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("PAINPOINT_KILL_SEED", str(time.time_ns() % 1_000_000)))
MOMENTS = 100
SETTINGS = '''
[network]
timezone = "Europe/Berlin"
[warehouse]
url = "duckdb:///w.duckdb"
[store]
url = "sqlite:///s.db"
[[source]]
name = "orders"
fact = "repair_orders"
format = "csv"
path = "orders/*.csv"
[source.fields]
order_id = "id"
partner = "partner"
cost = "cost"
[source.events]
received = "in"
closed = "out"
[[source]]
name = "log"
fact = "repair_orders"
format = "csv"
path = "log/*.csv"
at = "at"
[source.fields]
order_id = "id"
[[source.kinds]]
kind = "qc_failed"
when = { act = "bad" }
[[source]]
name = "database"
fact = "part_orders"
format = "sql"
url = "sqlite:///parts.db"
query = """SELECT n, line, day FROM parts WHERE n > :since ORDER BY n"""
cursor = "n"
[source.fields]
line_id = "line"
[source.events]
requested = "day"
[[source]]
name = "stock"
fact = "stock_levels"
format = "csv"
path = "stock.csv"
at = "at"
[source.fields]
site = "site"
part = "part"
on_hand = "n"
'''


def write(folder, first, last):
    """Let the partners' systems write their rows from `first` to `last`, good and bad ones, corrections among them."""
    for name in ("orders", "log"):
        (folder / name).mkdir(exist_ok=True)
    orders = ["id,partner,cost,in,out"]
    orders += [
        f"o{n % 900},P{n % 7},{'x' if n % 50 == 0 else n},2026-01-{n % 28 + 1:02},{'2026-02-01' if n % 3 else ''}"
        for n in range(first, last)
    ]
    log = ["id,act,at"]
    log += [
        f"o{n % 900},{'good' if n % 9 == 0 else 'bad'},2026-01-{n % 28 + 1:02}T10:{n % 60:02}"
        for n in range(first, last)
    ]
    stock = [f"S{n % 9},p{n % 40},2026-01-{n % 28 + 1:02},{n}" for n in range(first, last)]
    (folder / f"orders/{first}.csv").write_text("\n".join(orders) + "\n")
    (folder / f"log/{first}.csv").write_text("\n".join(log) + "\n")
    head = [] if (folder / "stock.csv").exists() else ["site,part,at,n"]
    with (folder / "stock.csv").open("a") as grown:
        grown.write("\n".join([*head, *stock]) + "\n")
    with sqlite3.connect(folder / "parts.db") as con:
        con.execute("CREATE TABLE IF NOT EXISTS parts (n INTEGER PRIMARY KEY, line TEXT, day TEXT)")
        con.executemany(
            "INSERT INTO parts (line, day) VALUES (?, ?)",
            [(f"l{n}", f"2026-01-{n % 28 + 1:02}") for n in range(first, last)],
        )
    con.close()


class Loads:
    """The process that loads; one load at a time."""

    def __init__(self, process):
        self._process = process

    def start(self, folder, boundary=None):
        self._process.stdin.write(json.dumps({"folder": str(folder), "boundary": boundary}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())["pid"]

    def end(self):
        ended = json.loads(self._process.stdout.readline())
        return ended["status"], ended["seconds"]

    def whole(self, folder):
        self.start(folder)
        status, seconds = self.end()
        assert status == 0
        said = json.loads((folder / "seen.json").read_text())
        assert said["errors"] == []
        return said["seen"], seconds


@pytest.fixture(scope="module")
def loads(tmp_path_factory):
    warm = tmp_path_factory.mktemp("warm")
    (warm / "settings.toml").write_text(SETTINGS)
    write(warm, 0, 60)
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("kill_server.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        process.stdin.write(f"{warm}\n")
        yield Loads(process)
        process.stdin.close()
        process.wait(20)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, loads):
    """A network of which much is loaded already, and more is waiting."""
    folder = tmp_path_factory.mktemp("fresh") / "network"
    folder.mkdir()
    (folder / "settings.toml").write_text(SETTINGS)
    write(folder, 0, 500)
    loads.whole(folder)
    write(folder, 500, 550)
    loads.whole(folder)  # compiles what the later ones need, and remembers it
    write(folder, 550, 900)
    write(folder, 900, 1000)
    shutil.copytree(folder, folder.with_name("as it was"))
    return folder


def restored(folder):
    """Bring the network back to where it was, in the same place: settings speak of absolute paths."""
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("as it was"), folder)


@pytest.fixture(scope="module")
def undisturbed(loads, fresh):
    seen, _ = loads.whole(fresh)
    first = told(fresh)
    restored(fresh)
    _, seconds = loads.whole(fresh)
    assert told(fresh) == first
    return first, seen, seconds


def told(folder):
    """Give all that the warehouse says but for the time of day, the logs with the place of every row."""
    queries = {f"{name}_statements": f"SELECT * FROM {name}_statements ORDER BY batch, row" for name in FACTS}
    queries |= {
        f"{name}_events": f"SELECT * FROM {name}_events ORDER BY batch, row" for name in FACTS if FACTS[name].kinds
    }
    queries |= {name: f"SELECT * FROM {name} ORDER BY key" for name in FACTS}
    queries["batches"] = (
        'SELECT source, sum("read"), sum(stored), sum(duplicate), sum(ignored), sum(quarantined) FROM batches GROUP BY 1 ORDER BY 1'
    )
    queries["quarantine"] = (
        "SELECT source, generation, file, place, reason, raw, closed_at IS NULL FROM quarantine ORDER BY ALL"
    )
    queries["cursors"] = "SELECT source, generation, value FROM cursors ORDER BY ALL"
    queries["marks"] = "SELECT DISTINCT source, name FROM marks ORDER BY ALL"
    queries["pulses"] = "SELECT source, partner, hour, known FROM pulses ORDER BY ALL"
    with duckdb.connect(str(folder / "w.duckdb"), read_only=True) as con:
        return {name: con.execute(query).fetchall() for name, query in queries.items()}


BOUNDARIES = ("read", "staged", "logged", "folded", "committed")


@pytest.mark.parametrize("name", BOUNDARIES)
def test_a_load_killed_at_any_boundary_is_made_good(loads, fresh, undisturbed, name):
    wanted, seen, _ = undisturbed
    assert seen[name] >= 4  # once for every source at least
    for nth in range(1, seen[name] + 1):
        restored(fresh)
        loads.start(fresh, [name, nth])
        assert loads.end()[0] == -signal.SIGKILL
        loads.whole(fresh)
        assert told(fresh) == wanted, (name, nth)


def test_a_load_killed_at_any_moment_is_made_good(loads, fresh, undisturbed):
    """Twice in a row each time: the load that makes good may be killed, too."""
    wanted, _, seconds = undisturbed
    print(f"seed {SEED}, over {seconds:.2f} s")
    chance, died = random.Random(SEED), 0

    def kill():
        pid = loads.start(fresh)
        time.sleep(chance.random() * seconds)
        with suppress(ProcessLookupError):  # it had ended already
            os.kill(pid, signal.SIGKILL)
        return loads.end()[0]

    for trial in range(MOMENTS // 2):
        restored(fresh)
        died += [kill(), kill()].count(-signal.SIGKILL)
        loads.whole(fresh)  # the warehouse opens, whatever the killed processes were about
        assert told(fresh) == wanted, f"seed {SEED}, trial {trial}"
    print(f"{died} of {MOMENTS} loads were killed before their end")
    assert died >= MOMENTS // 2


def test_a_first_load_killed_again_and_again_gets_there(tmp_path, loads, fresh):
    """Even the making of the warehouse may be cut short."""
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "settings.toml").write_text(SETTINGS)
        write(tmp_path / name, 0, 300)
    _, seconds = loads.whole(tmp_path / "whole")
    chance = random.Random(SEED)
    for _ in range(8):
        pid = loads.start(tmp_path / "killed")
        time.sleep(chance.random() * seconds)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        loads.end()
    loads.whole(tmp_path / "killed")
    assert told(tmp_path / "killed") == told(tmp_path / "whole"), f"seed {SEED}"
