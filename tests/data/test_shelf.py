"""What is kept from one judgement to the next, against judgements that keep nothing: nobody can tell them apart."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

from analytics.board import as_json
from analytics.derived import DERIVATIONS
from analytics.facts import FACTS, MASTER
from analytics.health import LOOK_BACK, Silences, silences
from data import reader, shelf
from data.demo import LiveNetwork, write_network
from data.schedule import TURNS, lasting
from data.session import Session
from data.settings import load_settings
from data.shelf import Shelf

NOW = datetime(2026, 5, 20, 14, 30, tzinfo=UTC)
LINKED = [each for found in DERIVATIONS.values() for each in found if each.linked]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Give a network whose partners go on, and two judges of it: one that keeps what lasts."""
    folder = tmp_path_factory.mktemp("running")
    write_network(folder, partners=5, days=25, seed=5, now=NOW)
    clock = [NOW]
    session = Session.open(load_settings(folder / "settings.toml", {}), lambda: clock[0])
    live = LiveNetwork(folder)
    found = SimpleNamespace(
        session=session, folder=folder, clock=clock, live=live, shelf=Shelf(session.warehouse), judge=judge_of(session)
    )
    go_on(found, timedelta(0))
    yield found
    session.close()


def judge_of(session):
    """Give a judge that leaves out what keeps things by itself: drivers and charts."""
    return replace(session.judge(), looks_into=0, draws_charts=False)


def go_on(network, passed):
    """Let time pass; give the facts that were told of meanwhile."""
    network.clock[0] += passed
    network.live.advance(network.clock[0])
    return load(network)


def load(network):
    loader = network.session.loader()
    told = set()
    for source in network.session.settings.sources:
        loaded = loader.load(source)
        assert loaded.error is None
        if loaded.tally.stored:
            told.add(source.fact)
    return told


def kept(network):
    return network.session.look(network.judge, shelf=network.shelf)


def plain(value):
    """Round what the order of a sum leaves."""
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def told(board):
    return plain(json.loads(json.dumps(as_json(board), default=str)))


def agree(network):
    one, other = told(kept(network)), told(network.session.look(judge_of(network.session)))
    assert len(one["readings"]) > 500
    same(one, other)


def same(one, other):
    differing = [
        (a["kpi"], a["slice"], {name: (a[name], b[name]) for name in a if a[name] != b[name]})
        for a, b in zip(one["readings"], other["readings"], strict=True)
        if a != b
    ]
    assert not differing
    assert one == other


def view_of(network):
    session = network.session
    return session.warehouse.reader(
        session.names, network.clock[0], timezone=session.settings.timezone, shelf=network.shelf
    )


def rows_of(view, table):
    return view.con.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


STEPS = {
    "nothing is there yet": timedelta(0),
    "all was asked for once": timedelta(0),
    "seconds pass": timedelta(seconds=5),
    "a few events come": timedelta(minutes=7),
    "more come": timedelta(minutes=50),
    "an afternoon passes": timedelta(hours=5),
    "a day begins": timedelta(hours=7),
    "and goes on": timedelta(minutes=20),
}


def test_every_judgement_is_that_of_one_who_keeps_nothing(running):
    facts = set()
    for passed in STEPS.values():
        facts |= go_on(running, passed)
        agree(running)
    assert {"repair_orders", "shipments", "contacts", "part_orders"} <= facts
    assert {name for name in running.shelf.tables if name.startswith("base_")} >= {
        f"base_{each}" for each in facts - {"tallies"}
    }
    # a load between two judgements leaves tables in place, and takes their changed rows away only
    assert any(running.shelf._worn.values())


def test_what_follows_a_load_in_turn_is_there_when_all_had_theirs(running):
    """Histories, charts and drivers of one that runs, against those of a judge that makes all of them at once."""
    session = running.session
    judge = lasting(session.judge())
    judge.watch.fresh_for = timedelta(0)
    session.look(judge, shelf=running.shelf)
    assert go_on(running, timedelta(minutes=45))
    for _ in range(TURNS):
        board = session.look(judge, shelf=running.shelf)
    same(told(board), told(session.look(session.judge(), shelf=running.shelf)))
    assert sum(bool(each.drivers) for each in board.readings) > 5


def test_so_is_one_after_much_has_changed(running, monkeypatch):
    kept(running)
    monkeypatch.setattr(shelf, "MUCH", 0.0)
    assert go_on(running, timedelta(minutes=30))
    agree(running)


def test_so_is_one_after_a_table_is_worn(running, monkeypatch):
    kept(running)
    go_on(running, timedelta(minutes=30))
    monkeypatch.setattr(shelf, "WORN", 0.0)
    kept(running)
    go_on(running, timedelta(minutes=30))
    agree(running)


def test_so_is_one_that_finds_no_room(running, monkeypatch):
    kept(running)
    go_on(running, timedelta(minutes=30))
    monkeypatch.setattr(shelf, "MOST", 0.0)
    agree(running)
    assert "base_repair_orders" in running.shelf.tables
    assert "linked_claims_claim_repeats" not in running.shelf.tables


@pytest.mark.parametrize(
    ("size", "bytes_"), [("512 bytes", 512), ("1.5 KiB", 1536), ("18.7 GiB", 18.7 * 2**30), ("2 TiB", 2 * 2**40)]
)
def test_sizes_are_read_as_the_engine_writes_them(size, bytes_):
    assert shelf._bytes(size) == bytes_


def test_so_is_one_after_a_text_is_told_that_nobody_knew(running):
    kept(running)
    known = running.shelf.coded["repair_orders"]["technician"]
    con = running.session.warehouse.cursor()
    before = con.execute(f"SELECT count(*) FROM (SELECT unnest(enum_range(NULL::{known})))").fetchone()
    path = running.folder / "systems" / "hub.db"
    with sqlite3.connect(path) as hub:
        at = running.clock[0].strftime("%Y-%m-%dT%H:%M:%SZ")
        hub.execute(
            "UPDATE cases SET engineer = 'Nobody-1', updated_at = ? WHERE case_no IN "
            "(SELECT case_no FROM cases WHERE closed_at IS NULL LIMIT 3)",
            [at],
        )
    hub.close()
    assert load(running)
    agree(running)
    now = running.shelf.coded["repair_orders"]["technician"]
    after = con.execute(f"SELECT list_contains(enum_range(NULL::{now})::VARCHAR[], 'Nobody-1')").fetchone()
    assert now != known
    assert after == (True,)
    assert before is not None


def test_so_is_one_after_the_master_data_changed(running):
    kept(running)
    lists = sorted((running.folder / "systems" / "master").glob("models*.csv"))
    text = lists[0].read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    lists[0].write_text("".join(lines[:-1]), encoding="utf-8")
    partners = next((running.folder / "systems" / "master").glob("partners*.csv"))
    rows = partners.read_text(encoding="utf-8").splitlines(keepends=True)
    partners.write_text("".join([*rows, rows[-1].replace(rows[-1].split(",")[0], "Newcomer", 1)]), encoding="utf-8")
    assert "partners" in load(running)
    agree(running)


def test_what_comes_while_the_shelf_is_filled_is_judged_too(running, monkeypatch):
    kept(running)
    fill, loaded = Shelf._fill, []

    def late(self, *asked):
        found = fill(self, *asked)
        if not loaded:
            loaded.append(go_on(running, timedelta(minutes=90)))
        return found

    monkeypatch.setattr(Shelf, "_fill", late)
    moment = running.clock[0]
    with running.session.warehouse.reader(
        running.session.names, moment + timedelta(minutes=90), timezone="Europe/Berlin", shelf=running.shelf
    ) as view:
        newest = running.session.warehouse.cursor().execute("SELECT max(batch) FROM batches").fetchone()
        assert loaded[0]
        assert (view.batch,) == newest
        assert rows_of(view, view.fact("repair_orders").get_name()) == rows_of(view, "repair_orders")
    agree(running)


def test_who_looks_longer_sees_what_was_there(running):
    with view_of(running) as view:
        view.fact("repair_orders", frozenset({"fifo_breach", "bounced_30d"}))
        table = "seen_repair_orders_passing_devices"
        table = next(name for name in view._tables if name.startswith("seen_repair_orders_") and "passing" in name)
        before = view.con.execute(
            f"SELECT bit_xor(hash(t)) FROM (SELECT * EXCLUDE (age_hours) FROM {table}) t"
        ).fetchone()
        go_on(running, timedelta(hours=2))
        kept(running)
        kept(running)
        after = view.con.execute(
            f"SELECT bit_xor(hash(t)) FROM (SELECT * EXCLUDE (age_hours) FROM {table}) t"
        ).fetchone()
        assert before == after
        with view_of(running) as newer:
            newer.fact("repair_orders")
            assert rows_of(newer, "seen_repair_orders") > rows_of(view, "seen_repair_orders")


def test_a_shelf_that_cannot_be_filled_is_no_hindrance(running, monkeypatch, caplog):
    kept(running)
    go_on(running, timedelta(minutes=30))

    def broken(self, view, each):
        view.con.execute("SELECT nothing FROM nowhere")

    with monkeypatch.context() as broke:
        broke.setattr(Shelf, "_renew", broken)
        agree(running)
    assert "could not be brought up to date" in caplog.text
    agree(running)
    assert running.shelf.tables


def test_an_earlier_moment_is_judged_without_it(running):
    kept(running)
    moment = running.clock[0]
    running.clock[0] = moment - timedelta(days=2)
    one, other = told(kept(running)), told(running.session.look(judge_of(running.session), running.clock[0]))
    running.clock[0] = moment
    assert one["readings"] == other["readings"]
    agree(running)


def test_what_was_asked_is_not_asked_again_while_nothing_is_told(running, monkeypatch):
    kept(running)
    kept(running)
    running.clock[0] += timedelta(seconds=5)
    asked = []
    filled = reader._in_texts

    def noted(template, sql):
        text = filled(template, sql)
        asked.append(text)
        return text

    monkeypatch.setattr(reader, "_in_texts", noted)
    known = set(running.shelf.answers._known)
    kept(running)
    again = [text for text in asked if not any(text == question[0] for question in known)]
    assert len(known) > 30
    # what time changes is asked again, and only that
    timed = {column for found in DERIVATIONS.values() for each in found if each.timed for column in each.columns}
    moment = running.clock[0].astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    assert again
    for text in again:
        assert moment in text or "laid" in text or timed & set(re.findall(r'"(\w+)"', text)), text[:300]


def test_only_what_is_marked_so_changes_with_time(running):
    with view_of(running) as view:
        for each in LINKED:
            template = view.linking(each)
            uses = [(name, columns) for what, name, columns in template.uses if what == "fact"]
            if not each.timed:
                assert "now" not in dict(template.places), each.name
                assert not re.search(r'"seen_', template.sql), each.name
                assert not any(columns for _, columns in uses), each.name
        for name in FACTS:
            if name not in MASTER:
                assert "now" not in dict(view.deriving(name, name).places), name


def test_who_looks_near_looks_at_nothing_else(running):
    near = [each for each in LINKED if each.near is not None]
    assert {"devices", "overlaps", "passing", "imei", "outside", "hours", "reported", "repeats"} == {
        e.name for e in near
    }
    with view_of(running) as view:
        for each in near:
            assert {name for what, name, _ in view.linking(each).uses if what == "fact"} <= {each.fact}
            assert {name for what, name, _ in view.linking(each).uses if what == "log"} <= {each.fact}


def test_silence_is_what_it_would_be_from_all_that_was_heard(running):
    keeps = Silences()
    for passed in (timedelta(0), timedelta(seconds=5), timedelta(minutes=70), timedelta(hours=9)):
        go_on(running, passed)
        with view_of(running) as view:
            marks, timezone = view.watermarks(), running.session.settings.timezone
            heard = view.heard()
            every = list(zip(heard["source"], heard["partner"], strict=True))
            whole = silences(view.pulses(LOOK_BACK, every), marks, timezone)
            assert keeps.told(view, marks, timezone) == whole
            assert Silences().told(view, marks, timezone) == whole
    assert len(whole) > 10
    assert isinstance(heard, pd.DataFrame)
