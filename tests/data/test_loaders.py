"""Loads as a user sees them: where every row went, what is said twice, what is broken, and what a mend brings back."""
# ruff: noqa: DTZ001  # the warehouse keeps UTC without a zone, and so do the answers here

import gzip
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import app
from data.loaders import SMALL_FILE

ROOT = Path(__file__).parents[2]
HEAD = """
[network]
timezone = "UTC"
[warehouse]
url = "duckdb:///w.duckdb"
[store]
url = "sqlite:///s.db"
"""
ORDERS = """
[[source]]
name = "{name}"
fact = "repair_orders"
format = "csv"
path = "{path}"
[source.fields]
order_id = "id"
partner = "partner"
outcome = {{ column = "status", map = {{ "Fixed" = "repaired" }} }}
cost = "cost"
[source.events]
received = "in"
closed = "out"
"""
EVENTS = """
[[source]]
name = "{name}"
fact = "repair_orders"
format = "csv"
path = "{path}"
at = "at"
[source.fields]
order_id = "id"
partner = "partner"
[[source.kinds]]
kind = "received"
when = {{ act = "in" }}
[[source.kinds]]
kind = "qc_failed"
when = {{ act = "bad" }}
"""
COLUMNS = "id,partner,status,cost,in,out"
QUICK = settings(
    max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


def orders(name="orders", path="orders/*.csv"):
    return ORDERS.format(name=name, path=path)


def events(name="log", path="log/*.csv"):
    return EVENTS.format(name=name, path=path)


def put(folder, name, *lines, columns=COLUMNS):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([columns, *lines]) + "\n")
    # old enough for a file whose last line will not grow any more
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    return path


def order(n, *, partner="P", status="Fixed", cost="1.5", day=None, out=""):
    return f"o{n},{partner},{status},{cost},{day or f'2026-01-{n % 28 + 1:02}'},{out}"


def tally(loaded):
    return {name: count for name, count in asdict(loaded.tally).items() if count}


# accounting

cells = st.sampled_from(
    ["", "A", "Fixed", "2026-01-05", "2026-01-06T10:00Z", "2099-01-01", "1", "-1", "1,5", "x", "nan"]
)
dirty_row = st.lists(cells, min_size=5, max_size=7).map(lambda row: ",".join(f'"{c}"' if "," in c else c for c in row))


@QUICK
@given(
    files=st.lists(st.lists(dirty_row, max_size=6), min_size=1, max_size=4), shape=st.sampled_from(["case", "event"])
)
def test_every_row_read_is_accounted_for(network_of, files, shape):
    source, columns = (
        (orders("s", "in/*.csv"), COLUMNS) if shape == "case" else (events("s", "in/*.csv"), "id,partner,act,x,at,y")
    )
    with network_of(HEAD + source) as live:
        rows = sum(len(lines) for lines in files)
        for number, lines in enumerate(files):
            put(live.folder, f"in/{number}.csv", *lines, columns=columns)
        loaded = live.load("s")
        count = loaded.tally
        assert loaded.error is None
        assert count.read == rows == count.stored + count.duplicate + count.ignored + count.quarantined
        assert len(live.quarantined()) == count.quarantined
        assert sum(live.books().values()) == count.stored
        assert sum(live.ask("SELECT coalesce(sum(read), 0) FROM batches")[0]) == rows
        assert all(
            " is " in reason or " has " in reason or ":" in reason or "lies" in reason
            for _, _, reason, _ in live.quarantined()
        )
        facts = live.facts("repair_orders")
        for number, lines in enumerate(files):
            put(live.folder, f"in/copy of {number}.csv", *lines[::-1], columns=columns)
        again = live.load("s").tally
        assert again.read == rows
        if shape == "event":
            assert again.stored == 0
            assert live.facts("repair_orders") == facts


# the same again


def test_the_same_file_again_is_not_even_read(network_of):
    with network_of(HEAD + orders()) as live:
        put(live.folder, "orders/a.csv", order(1), order(2))
        assert tally(live.load("orders")) == {"read": 2, "stored": 2}
        assert tally(live.load("orders")) == {}
        os.utime(live.folder / "orders/a.csv")
        assert tally(live.load("orders")) == {}
        assert live.batch() == 1


@pytest.mark.parametrize("name", ["copy.csv", "0 before.csv"])
def test_a_copy_or_another_order_of_rows_tells_nothing_new(network_of, name):
    with network_of(HEAD + orders()) as live:
        lines = [order(n) for n in range(20)]
        put(live.folder, "orders/a.csv", *lines)
        live.load("orders")
        facts = live.facts("repair_orders")
        put(live.folder, f"orders/{name}", *random.Random(1).sample(lines, 20))
        assert tally(live.load("orders")) == {"read": 20, "duplicate": 20}
        put(live.folder, "orders/a.csv", *lines[::-1])
        assert tally(live.load("orders")) == {"read": 20, "duplicate": 20}
        assert live.facts("repair_orders") == facts


def test_a_grown_file_adds_only_what_is_new(network_of):
    with network_of(HEAD + orders()) as live:
        path = put(live.folder, "orders/a.csv", order(1), order(2))
        live.load("orders")
        with path.open("a") as grown:
            grown.write(order(3) + "\n" + order(4, cost="x") + "\n")
        assert tally(live.load("orders")) == {"read": 2, "stored": 1, "quarantined": 1}
        assert sorted(live.facts("repair_orders")) == ["o1", "o2", "o3"]
        assert [row[:2] for row in live.quarantined()] == [("orders/a.csv", 5)]


def test_a_file_read_anew_does_not_repeat_its_quarantine(network_of):
    with network_of(HEAD + orders()) as live:
        for _ in range(3):
            put(live.folder, "orders/a.csv", order(1), order(2, cost="x"))
            (live.folder / "orders/a.csv").touch()
            live.load("orders")
            put(live.folder, "orders/a.csv", order(1), order(2, cost="x"), order(3))
            live.load("orders")
        assert len(live.quarantined()) == 1


def test_a_row_mended_in_its_file_leaves_the_quarantine(network_of):
    with network_of(HEAD + orders()) as live:
        put(live.folder, "orders/a.csv", order(1), order(2, cost="x"), order(3, cost="y"))
        put(live.folder, "orders/b.csv", order(4, cost="z"))
        live.load("orders")
        put(live.folder, "orders/a.csv", order(1), order(2, cost="20"), order(3, cost="y"))
        assert tally(live.load("orders")) == {"read": 3, "stored": 1, "duplicate": 1, "quarantined": 1}
        assert sorted(row[:2] for row in live.quarantined()) == [("orders/a.csv", 4), ("orders/b.csv", 2)]


def test_a_correction_replaces_and_a_cleared_time_withdraws(network_of):
    with network_of(HEAD + orders()) as live:
        put(live.folder, "orders/1.csv", order(1, out="2026-01-09"))
        live.load("orders")
        put(live.folder, "orders/2.csv", order(1, cost="", partner="Q"))
        live.load("orders")
        (row,) = live.facts("repair_orders").values()
        assert (row["partner"], "cost" in row, "closed_at" in row) == ("Q", False, False)
        assert live.ask("SELECT count(*) FROM repair_orders_statements") == [(2,)]


def test_a_source_name_may_hold_any_letter(network_of):
    name = "O'Brien; DROP TABLE \u2602"
    with network_of(HEAD + events(name, "a.csv")) as live:
        put(live.folder, "a.csv", "1,P,in,2026-01-01", columns="id,partner,act,at")
        assert tally(live.load(name)) == {"read": 1, "stored": 1}
        put(live.folder, "a.csv", "1,P,in,2026-01-01", "1,P,bad,2026-01-01", columns="id,partner,act,at")
        assert live.load(name).tally.stored == 1


def test_the_same_event_from_two_sources_is_two_events(network_of):
    with network_of(HEAD + events("a", "a.csv") + events("b", "b.csv")) as live:
        for name in "ab":
            put(live.folder, f"{name}.csv", "1,P,bad,2026-01-01", columns="id,partner,act,at")
            live.load(name)
        assert live.facts("repair_orders")["1"]["qc_failed_count"] == 2


# sources that come and go, and mappings that change


def test_a_dropped_source_no_longer_counts_and_a_renamed_one_does_not_double(network_of):
    both = HEAD + orders() + events()
    with network_of(both) as live:
        put(live.folder, "orders/a.csv", order(1))
        put(live.folder, "log/a.csv", "o1,Z,bad,2026-01-20", "o9,Z,in,2026-01-20", columns="id,partner,act,at")
        live.load("orders")
        live.load("log")
        all_facts = live.facts("repair_orders")
        assert sorted(all_facts) == ["o1", "o9"]
        live.under(HEAD + orders())
        assert sorted(live.facts("repair_orders")) == ["o1"]
        assert live.facts("repair_orders")["o1"]["qc_failed_count"] == 0
        live.under(both)
        assert live.facts("repair_orders") == all_facts
        live.under(HEAD + orders() + events("journal"))
        assert sorted(live.facts("repair_orders")) == ["o1"]
        live.load("journal")
        assert live.facts("repair_orders") == all_facts


def test_a_changed_mapping_reads_anew_without_doubling(network_of):
    with network_of(HEAD + events()) as live:
        put(live.folder, "log/a.csv", "1,P,bad,2026-01-01", "1,P,retest,2026-01-02", columns="id,partner,act,at")
        assert tally(live.load("log")) == {"read": 2, "stored": 1, "ignored": 1}
        live.under(HEAD + events().replace('act = "bad"', 'act = ["bad", "retest"]'))
        assert live.facts("repair_orders")["1"]["qc_failed_count"] == 1
        assert tally(live.load("log")) == {"read": 2, "stored": 2}
        assert live.facts("repair_orders")["1"]["qc_failed_count"] == 2
        assert tally(live.load("log")) == {}


def test_old_rows_count_until_the_reload_is_complete(network_of):
    with network_of(HEAD + orders()) as live:
        put(live.folder, "orders/a.csv", order(1))
        broken = put(live.folder, "orders/b.csv", order(2, status="Done"))
        live.load("orders")
        before = live.facts("repair_orders")
        live.under(HEAD + orders().replace('"Fixed" = "repaired"', '"Fixed" = "repaired", "Done" = "swapped"'))
        whole = broken.read_bytes()
        broken.write_bytes(b"")  # as while it is being sent again
        assert "b.csv: the file is empty" in live.load("orders").error
        assert live.facts("repair_orders") == before
        broken.write_bytes(whole)
        os.utime(broken, (time.time() - 3600, time.time() - 3600))
        assert live.load("orders").error is None
        after = live.facts("repair_orders")
        assert sorted(after) == ["o1", "o2"]
        assert after["o2"]["outcome"] == "swapped"
        assert live.reader_facts("repair_orders", batch=1) == before


def test_a_source_that_changes_its_fact(network_of):
    with network_of(HEAD + orders()) as live:
        put(live.folder, "orders/a.csv", order(1))
        live.load("orders")
        part_orders = (
            HEAD
            + """
[[source]]
name = "orders"
fact = "part_orders"
format = "csv"
path = "orders/*.csv"
[source.fields]
line_id = "id"
[source.events]
received = "in"
"""
        )
        live.under(part_orders)
        live.load("orders")
        assert live.facts("repair_orders") == {}
        assert sorted(live.facts("part_orders")) == ["o1"]


def test_an_extra_that_changes_its_type_is_told_and_stops_no_other_source(tmp_path, command):
    extra = '[source.extra]\nx = {{ column = "partner", type = "{}" }}\n'
    put(tmp_path, "orders/a.csv", order(1))
    put(tmp_path, "more/a.csv", order(2))
    write(tmp_path, orders() + extra.format("text"))
    assert command(tmp_path, "load")[0] == 0
    put(tmp_path, "orders/a.csv", order(1), order(3))
    write(tmp_path, orders() + extra.format("number") + orders("more", "more/*.csv"))
    code, document, err = command(tmp_path, "load")
    assert code == 2
    assert (
        "extra.x of source orders is number but was loaded as text before; give it another name"
        in document["sources"][0]["error"]
    )
    assert document["sources"][1]["stored"] == 1
    assert "Traceback" not in err


# the command line, with sources that are broken in every way


def write(folder, sources):
    (folder / "settings.toml").write_text(HEAD + sources)


def process(folder, *arguments):
    """Run a command as users do; give its exit code, its document and what it said."""
    run = subprocess.run(
        [sys.executable, ROOT / "app.py", *arguments, "--json", "--settings", folder / "settings.toml"],
        capture_output=True, text=True, timeout=120, check=False, cwd=folder,
    )  # fmt: skip
    return run.returncode, json.loads(run.stdout) if run.stdout else None, run.stderr


@pytest.fixture
def command(capsys):
    """Do the same in this process, which spares the start of another."""

    def run(folder, *arguments):
        capsys.readouterr()
        code = app.main([*arguments, "--json", "--settings", str(folder / "settings.toml")])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return run


BROKEN = {
    "empty": (b"", "the file is empty; have it sent again"),
    "blank": (b"\n\n", "it holds no header"),
    "duplicate": (b"id,partner,status,cost,in,out,id\n", "names the column 'id' twice"),
    "lacking": (b"id,partner,status,cost,in\n", "column 'out' is not in the header"),
    "wide": (b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n", "the header has 1,000,000 columns"),
    "cut.csv.gz": (gzip.compress(b"id\n" * 9999)[:40], "the compressed file ends too early"),
    "bad.csv.gz": (b"no gzip at all, but this long", "the compressed file is damaged"),
    "utf16": ("id,partner\n".encode("utf-16"), 'set encoding = "utf-16"'),
    "nul": (b"\0" * 5000, "NUL"),
}
WHOLE = {
    "header_only": (COLUMNS + "\n", {}),
    "ragged": (f"{COLUMNS}\n{order(1)}\n1,2,3\n{order(2)},7\n", {"read": 3, "stored": 1, "quarantined": 2}),
    "junk": (f"{COLUMNS}\n{order(1)}\n{',' * 1_000_000}\n{order(2)}\n", {"read": 3, "stored": 2, "quarantined": 1}),
    "bytes": (f"{COLUMNS}\n{order(1)}\no2,\udcff,,,2026-01-01,\n", {"read": 2, "stored": 1, "quarantined": 1}),
    "long": (f"{COLUMNS}\n{order(1)}\n{order(2, cost='9' * 5_000_000)}\n", {"read": 2, "stored": 1, "quarantined": 1}),
    "quote": (f'{COLUMNS}\n{order(1)}\no2,"P,,,2026-01-01,\n{order(3)}\n', {"read": 3, "stored": 2, "quarantined": 1}),
}


def test_broken_sources_are_told_and_stop_no_others(tmp_path, command):
    settings_text = orders("good", "good/*.csv")
    put(tmp_path, "good/a.csv", order(1), order(2))
    for name, (content, _) in BROKEN.items():
        file = name if "." in name else f"{name}.csv"
        (tmp_path / name.partition(".")[0]).mkdir(exist_ok=True)
        path = tmp_path / name.partition(".")[0] / file
        path.write_bytes(content)
        put(tmp_path, f"{name.partition('.')[0]}/other.csv", order(7))
        os.utime(path, (time.time() - 3600, time.time() - 3600))
        settings_text += orders(name, f"{name.partition('.')[0]}/*.csv*")
    for name, (content, _) in WHOLE.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_bytes(content.encode("utf-8", "surrogateescape"))
        os.utime(tmp_path / name / "a.csv", (time.time() - 3600, time.time() - 3600))
        settings_text += orders(name, f"{name}/*.csv")
    settings_text += (
        orders("nowhere", "nowhere/*.csv") + sql("gone", "sqlite:///gone.db") + sql("text", "sqlite:///good/a.csv")
    )
    settings_text += sql("unknown column", "sqlite:///real.db", "SELECT id, nothing FROM orders")
    database(tmp_path / "real.db")
    settings_text += orders("last", "good/*.csv")
    write(tmp_path, settings_text)

    code, document, err = process(tmp_path, "load")
    assert code == 2, err
    assert "Traceback" not in err
    by_name = {source["name"]: source for source in document["sources"]}
    for name, (_, sentence) in BROKEN.items():
        assert sentence in by_name[name]["error"], by_name[name]["error"]
        assert f"{name}: " in err
        assert by_name[name]["stored"] == 1, name
    for name, (_, counts) in WHOLE.items():
        found = {k: by_name[name][k] for k in ("read", "stored", "quarantined") if by_name[name][k]}
        assert (by_name[name]["error"], found) == (None, counts), name
    assert "no file matches nowhere/*.csv" in by_name["nowhere"]["error"]
    assert "there is no database file" in by_name["gone"]["error"]
    assert "not a database" in by_name["text"]["error"]
    assert "nothing" in by_name["unknown column"]["error"]
    for name in ("good", "last"):
        assert by_name[name]["stored"] == 2
    for source in document["sources"]:
        assert source["read"] == source["stored"] + source["duplicate"] + source["ignored"] + source["quarantined"]

    code, document, _ = command(tmp_path, "quarantine")
    assert code == 0
    assert document["count"] == sum(counts.get("quarantined", 0) for _, counts in WHOLE.values())
    assert all(row["reason"] and len(row["raw"]) < 20_000 for row in document["rows"] if row["source"] != "long")


def test_exit_codes(tmp_path, command):
    put(tmp_path, "orders/a.csv", order(1), order(2, cost="x"))
    write(tmp_path, orders())
    code, document, _ = command(tmp_path, "load")
    assert (code, document["sources"][0]["quarantined"]) == (0, 1)
    code, document, err = command(tmp_path, "load", "nobody")
    assert (code, document) == (1, None)
    assert "There is no source 'nobody'; the settings name orders." in err
    for statement in ("DELETE FROM orders", "SELECT 1; SELECT 2", "ATTACH 'x'"):
        write(tmp_path, orders() + sql("db", "sqlite:///real.db", statement))
        code, document, err = command(tmp_path, "load")
        assert (code, document) == (1, None)
        assert "SELECT" in err
        assert "Traceback" not in err


def test_a_file_replaced_while_it_is_read_is_read_again(network_of):
    """The other file is put in place when the reader has given its first rows."""
    with network_of(HEAD + orders()) as live:
        lines = [order(n, cost="1" * 30) for n in range(400_000)]
        path = put(live.folder, "orders/a.csv", *lines)
        assert path.stat().st_size > SMALL_FILE
        put(live.folder, "orders/b.csv", order(7))
        replaced = threading.Event()

        def replace_once(rows, what):
            if what.endswith("a.csv") and not replaced.is_set():
                path.write_text("\n".join([COLUMNS, *(order(n, cost="2" * 30) for n in range(400_000))]) + "\n")
                replaced.set()

        loaded = live.load("orders", progress=replace_once)
        assert replaced.is_set()
        assert loaded.error == "orders/a.csv: it changed while it was read; it is read again at the next load"
        assert tally(loaded) == {"read": 1, "stored": 1}
        again = live.load("orders")
        assert again.error is None
        assert again.tally.read == 400_000


def test_one_file_that_breaks_off_far_in_leaves_nothing_of_itself(network_of):
    with network_of(HEAD + orders(path="orders/*")) as live:
        packed = gzip.compress("\n".join([COLUMNS, *(order(n) for n in range(1000))]).encode())
        (live.folder / "orders").mkdir()
        (live.folder / "orders/a.csv.gz").write_bytes(packed[: len(packed) // 2])
        put(live.folder, "orders/b.csv", order(5000))
        loaded = live.load("orders")
        assert "the compressed file ends too early" in loaded.error
        assert tally(loaded) == {"read": 1, "stored": 1}
        (live.folder / "orders/a.csv.gz").write_bytes(packed)
        assert tally(live.load("orders")) == {"read": 1000, "stored": 1000}


# databases


def sql(name, url, query="SELECT n, id, partner, day FROM orders WHERE n > :since ORDER BY n"):
    return f'''
[[source]]
name = "{name}"
fact = "repair_orders"
format = "sql"
url = "{url}"
query = """{query}"""
{'cursor = "n"' if " n," in query else ""}
[source.fields]
order_id = "id"
partner = "partner"
[source.events]
received = "day"
'''


CURSOR = sql("db", "sqlite:///real.db")


def database(path, *rows):
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE IF NOT EXISTS orders (n INTEGER PRIMARY KEY, id TEXT, partner TEXT, day TEXT)")
        con.executemany("INSERT INTO orders (id, partner, day) VALUES (?, ?, ?)", rows)
    con.close()


def test_the_cursor_moves_only_with_its_batch(network_of):
    class Stop(BaseException):
        pass

    with network_of(HEAD + CURSOR) as live:
        database(live.folder / "real.db", ("a", "P", "2026-01-01"), ("b", "P", "someday"))
        loader = live.session.loader()
        source = live.session.source("db")
        for boundary in ("read", "staged", "logged", "folded"):

            def stop(name, wanted=boundary):
                if name == wanted:
                    raise Stop

            loader._boundary = stop
            with pytest.raises(Stop):
                loader.load(source)
            assert live.ask("SELECT count(*) FROM cursors") == [(0,)]
            assert live.facts("repair_orders") == {}
        assert tally(live.load("db")) == {"read": 2, "stored": 1, "quarantined": 1}
        assert tally(live.load("db")) == {}
        assert live.batch() == 1
        database(live.folder / "real.db", ("c", "P", "2026-01-02"))
        assert tally(live.load("db")) == {"read": 1, "stored": 1}
        assert sorted(live.facts("repair_orders")) == ["a", "c"]


def test_a_query_without_cursor_reads_all_and_stores_what_is_new(network_of):
    with network_of(HEAD + sql("db", "sqlite:///real.db", "SELECT id, partner, day FROM orders")) as live:
        database(live.folder / "real.db", ("a", "P", "2026-01-01"))
        assert tally(live.load("db")) == {"read": 1, "stored": 1}
        database(live.folder / "real.db", ("b", "P", "2026-01-01"))
        assert tally(live.load("db")) == {"read": 2, "stored": 1, "duplicate": 1}
        batch = live.batch()
        assert tally(live.load("db")) == {"read": 2, "duplicate": 2}
        assert live.batch() == batch


def test_a_changed_query_reads_from_the_beginning(network_of):
    with network_of(HEAD + CURSOR) as live:
        database(live.folder / "real.db", ("a", "P", "2026-01-01"), ("b", "Q", "2026-01-01"))
        live.load("db")
        live.under(HEAD + CURSOR.replace("WHERE n >", "WHERE partner = 'Q' AND n >"))
        assert sorted(live.facts("repair_orders")) == ["a", "b"]
        assert tally(live.load("db")) == {"read": 1, "stored": 1}
        assert sorted(live.facts("repair_orders")) == ["b"]


# quarantine


def test_replay_after_time_has_passed(network_of):
    with network_of(HEAD + orders()) as live:
        live.moment[0] = datetime(2026, 1, 10, tzinfo=UTC)
        put(
            live.folder,
            "orders/a.csv",
            order(1, day="2026-01-10T12:00Z"),
            order(2, day="2026-01-09"),
            order(3, cost="x"),
        )
        assert tally(live.load("orders")) == {"read": 3, "stored": 1, "quarantined": 2}
        assert tally(live.replay("orders")) == {"read": 2, "quarantined": 2}
        live.moment[0] += timedelta(days=1)
        assert tally(live.replay("orders")) == {"read": 2, "stored": 1, "quarantined": 1}
        assert sorted(live.facts("repair_orders")) == ["o1", "o2"]
        assert [reason for _, _, reason, _ in live.quarantined()] == [
            "cost 'x' is not a number; write it without thousands separators and with a decimal point"
        ]
        assert tally(live.replay("orders")) == {"read": 1, "quarantined": 1}
        assert live.ask("SELECT closed FROM quarantine WHERE closed_at IS NOT NULL") == [("stored by batch 2",)]


def test_replay_after_a_mend_of_the_settings(network_of):
    with network_of(
        HEAD + orders().replace('outcome = { column = "status", map = { "Fixed" = "repaired" } }', 'outcome = "status"')
    ) as live:
        put(live.folder, "orders/a.csv", order(1, status="repaired"), order(2, status="Fixed"))
        assert tally(live.load("orders")) == {"read": 2, "stored": 1, "quarantined": 1}
        live.under(HEAD + orders().replace('"Fixed"', '"repaired" = "repaired", "Fixed"'))
        replayed = live.replay("orders")
        assert replayed.error is None
        assert replayed.tally.quarantined == 0
        assert sorted(live.facts("repair_orders")) == ["o1", "o2"]  # the rows that were right all along count too
        assert live.quarantined() == []
        facts, books = live.facts("repair_orders"), live.books()
        assert tally(live.replay("orders")) == {}
        assert tally(live.load("orders")) == {}
        assert (live.facts("repair_orders"), live.books()) == (facts, books)


def test_replay_of_typed_cells(network_of):
    """Booleans, whole numbers and times come back as the mapping saw them, whatever the settings say of texts."""
    source = '''
[[source]]
name = "db"
fact = "repair_orders"
format = "sql"
url = "duckdb://"
datetime_format = "%d.%m.%Y"
query = """SELECT 12 AS id, 1::DOUBLE AS n, true AS ok, TIMESTAMP '2026-01-05 10:00:00.5' AS day, 'None' AS partner"""
[source.fields]
order_id = "id"
partner = "partner"
fault = "n"
outcome = { column = "ok", map = { "true" = "repaired" } }
[source.events]
received = "day"
'''
    with network_of(HEAD + source) as live:
        live.moment[0] = datetime(2026, 1, 1, tzinfo=UTC)
        assert tally(live.load("db")) == {"read": 1, "quarantined": 1}
        live.moment[0] = datetime(2026, 2, 1, tzinfo=UTC)
        assert tally(live.replay("db")) == {"read": 1, "stored": 1}
        ((key, row),) = live.facts("repair_orders").items()
        assert (key, row["partner"], row["fault"], row["outcome"]) == ("12", "None", "1", "repaired")
        assert row["received_at"] == datetime(2026, 1, 5, 10, 0, 0, 500_000)
        assert tally(live.load("db")) == {"read": 1, "duplicate": 1}


def test_replay_of_a_row_that_no_kind_matches_any_more_and_of_many_rows(network_of):
    with network_of(HEAD + events()) as live:
        live.moment[0] = datetime(2026, 1, 1, tzinfo=UTC)
        rows = [f"{n},P,in,2026-02-01" for n in range(3000)]
        put(live.folder, "log/a.csv", *rows, columns="id,partner,act,at")
        assert tally(live.load("log")) == {"read": 3000, "quarantined": 3000}
        live.moment[0] = datetime(2026, 3, 1, tzinfo=UTC)
        started = time.perf_counter()
        assert tally(live.replay("log")) == {"read": 3000, "stored": 3000}
        assert time.perf_counter() - started < 5
        assert live.quarantined() == []
        assert len(live.facts("repair_orders")) == 3000


def test_replay_through_the_command_line(tmp_path, command):
    put(tmp_path, "orders/a.csv", order(1), order(2, cost="x"))
    write(tmp_path, orders())
    assert command(tmp_path, "load")[0] == 0
    code, document, _ = command(tmp_path, "quarantine", "replay")
    assert (code, document["sources"][0]["quarantined"]) == (0, 1)
    code, document, _ = command(tmp_path, "quarantine")
    assert (code, document["rows"][0]["row"]) == (0, 3)


# many files, and files of many shapes


def test_many_small_files_share_batches_and_keep_their_names(network_of):
    with network_of(HEAD + orders()) as live:
        for n in range(50):
            put(live.folder, f"orders/{n:02}.csv", order(n), order(n + 100, cost="x"))
        assert tally(live.load("orders")) == {"read": 100, "stored": 50, "quarantined": 50}
        assert live.batch() == 1
        assert [file for file, *_ in live.quarantined()] == [f"orders/{n:02}.csv" for n in range(50)]
        assert live.ask("SELECT count(DISTINCT file), count(DISTINCT row) FROM repair_orders_statements") == [(50, 50)]


def test_small_files_whose_columns_differ_in_type_are_each_read_as_they_are(network_of):
    json_source = orders(path="orders/*.json").replace(
        'format = "csv"', 'format = "json"\ndatetime_format = "%Y-%m-%d"'
    )
    with network_of(HEAD + json_source) as live:
        (live.folder / "orders").mkdir()
        bodies = [{"id": 1, "cost": 1.5}, {"id": "x", "cost": "2"}, {"id": 3, "cost": 3}, {"id": True, "cost": None}]
        for n, body in enumerate(bodies):
            whole = {"partner": "P", "status": None, "in": "2026-01-01", "out": None} | body
            (live.folder / f"orders/{n}.json").write_text(json.dumps([whole]))
        assert tally(live.load("orders")) == {"read": 4, "stored": 4}
        assert {k: v.get("cost") for k, v in live.facts("repair_orders").items()} == {
            "1": 1.5,
            "x": 2.0,
            "3": 3.0,
            "true": None,
        }
