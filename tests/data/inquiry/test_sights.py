"""Views of Boards: what a past one sees is what a full fold gives, judgements' views are taken over, and few stay open."""

from __future__ import annotations

import inspect
import threading
import time
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import duckdb
import pytest

from analytics.facts import FACTS
from analytics.inquiring import AbsentError, Wanted
from data.inquiry import Inquiry, sights
from data.inquiry.boards import Boards
from data.inquiry.sights import AT_ONCE, MOST, Sights
from data.reader import Reader
from layouts.inquiry import Inquiry as Asked
from tests.data.inquiry.conftest import NOW

EVENTFUL = [name for name, fact in FACTS.items() if not fact.master]


def seen_by(session, board, facts=EVENTFUL):
    """Give the rows of facts as a Board saw them, as sorted plain values, and the watermarks."""
    with session.warehouse.reader(
        session.names, sights_moment(board), board["batch"], session.settings.timezone
    ) as view:
        found = {}
        for fact in facts:
            table = view.fact(fact)
            names = ", ".join(f'"{name}"' for name in sorted(table.columns))
            found[fact] = sorted(map(repr, view.con.execute(f"SELECT {names} FROM {table.get_name()}").fetchall()))
        return found, view.watermarks()


def sights_moment(board):
    return NOW.fromisoformat(board["as_of"])


def test_a_past_batch_is_seen_as_a_full_fold_of_the_logs_gives_it(asked):
    for board in asked.boards[:2]:
        mended = seen_by(asked.session, board)
        with patch.object(Reader, "_is_as_loaded", lambda _: False):
            folded = seen_by(asked.session, board)
        assert mended == folded
        assert mended[0]["repair_orders"]


def test_later_batches_did_change_what_is_stored(asked):
    first, _ = seen_by(asked.session, asked.boards[0], ["repair_orders"])
    last, _ = seen_by(asked.session, asked.boards[-1], ["repair_orders"])
    assert first != last


@pytest.fixture
def network(asked):
    """Give new Sights over the session, with a Board judged just now through them; views lent before are put back after."""
    retiring = asked.session.warehouse.retiring
    boards = Boards(asked.session.store)
    found = Sights(asked.session, boards, asked.session.judge())
    yield asked, found, boards
    found.close()
    asked.session.warehouse.retiring = retiring


def test_the_view_of_a_judgement_becomes_that_of_its_board(network):
    asked, found, boards = network
    newest = boards.of(None)
    with asked.session.warehouse.reader(asked.session.names, newest.moment) as view:
        view.fact("repair_orders")
    assert view.batch > newest.batch  # more was loaded since: this is no view of that Board
    with found.of(newest) as sight:
        assert sight.view is not view
    moment = asked.clock[0] + timedelta(seconds=7)
    with asked.session.warehouse.reader(asked.session.names, moment) as judged:
        pass
    document = dict(newest.document) | {"as_of": moment.isoformat(), "batch": judged.batch}
    version = asked.session.store.add(moment, judged.batch, live=True, document=document).version
    try:
        with found.of(boards.of(version)) as sight:
            assert sight.view is judged
    finally:
        drop(asked.session, version)


def drop(session, version):
    with session.store.engine.begin() as con:
        con.exec_driver_sql(f"DELETE FROM boards WHERE version = {version}")


def test_few_views_stay_open_and_idle_ones_are_closed(network, monkeypatch):
    asked, found, boards = network
    every = [boards.of(board["version"]) for board in asked.boards]
    many = [replace_version(every[i % len(every)], 100 + i) for i in range(MOST + 3)]
    for board in many:
        with found.of(board):
            pass
    assert len(found._open) == MOST
    with found.of(many[-1]) as used:
        monkeypatch.setattr(sights, "IDLE", -1.0)
        found.tidy()
        assert found._open == [used]  # the others were idle, and this one is in use
    found.tidy()
    assert not found._open


def test_few_views_are_open_when_many_ask_at_once(network):
    asked, found, boards = network
    every = [boards.of(board["version"]) for board in asked.boards]
    many = [replace_version(every[i % len(every)], 100 + i) for i in range(11)]
    together, most, failed = threading.Barrier(len(many)), [], []

    def ask(board):
        try:
            together.wait(60)
            with found.of(board) as sight:
                assert sight.version == board.version
                time.sleep(0.02)
                most.append(len(found._open))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=ask, args=[board]) for board in many]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert not failed
    assert len(most) == len(many)
    assert max(most) <= MOST + AT_ONCE
    assert len(found._open) <= MOST


def test_what_is_answered_while_all_is_closed_leaves_nothing_open(network):
    _, found, boards = network
    with found.of(boards.of(None)) as sight:
        closing = threading.Thread(target=found.close)
        closing.start()
        closing.join(0.2)
        assert closing.is_alive()
        assert sight.view.con.execute("SELECT 1").fetchone() == (1,)
    closing.join(60)
    assert not closing.is_alive()
    assert not found._open


def test_a_view_that_no_board_came_of_is_closed(network, monkeypatch):
    asked, found, _ = network
    with asked.session.warehouse.reader(asked.session.names, asked.clock[0] + timedelta(seconds=9)) as view:
        pass
    found.tidy()
    assert view.con.execute("SELECT 1").fetchone() == (1,)  # the Board may still be on its way
    monkeypatch.setattr(sights, "SWEEP", -1.0)
    found.tidy()
    with pytest.raises(duckdb.ConnectionException):
        view.con.execute("SELECT 1")


def replace_version(board, version):
    return replace(board, document=dict(board.document) | {"version": version})


def test_several_threads_ask_at_once(asked):
    kpis = ["late_repairs", "tat_p90", "bounce_rate_30d", "wip"]
    versions = [board["version"] for board in asked.boards]
    expected = {(v, k): asked.inquiry.rows(v, k, (), Wanted(0, 400)).rows for v in versions for k in kpis}
    asked.inquiry._pages.forget()
    found, failed = {}, []

    def ask(number):
        try:
            for i in range(8):
                each = versions[(number + i) % len(versions)], kpis[(number * 5 + i) % len(kpis)]
                found[each] = asked.inquiry.rows(*each, (), Wanted(0, 400)).rows
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=ask, args=[i]) for i in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert not failed
    assert found == {each: expected[each] for each in found}
    assert len(found) > 8


def test_boards_that_are_not_stored_are_said_with_the_nearest(asked):
    with pytest.raises(
        AbsentError, match=r"Board 999 is not stored; the nearest that are: 3\. There are 3 from 1 to 3"
    ):
        asked.inquiry.board(999)
    assert asked.inquiry.board(None)["version"] == 3
    assert asked.inquiry.board(2) == asked.boards[1]


def test_the_protocol_is_fulfilled():
    for name, wanted in vars(Asked).items():
        if not name.startswith("_"):
            assert (
                inspect.signature(getattr(Inquiry, name)).parameters.keys()
                == inspect.signature(wanted).parameters.keys()
            )
