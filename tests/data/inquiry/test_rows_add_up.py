"""One number, one place: the rows behind every reading of a stored Board add up to it, whatever was loaded since."""

from __future__ import annotations

import tomllib
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.kpi import SMALL
from data.settings.load import SHIPPED_KPIS
from tests.data.exports.adding import figures
from tests.data.inquiry.conftest import LATER, NOW, slice_of

KPIS = sorted(tomllib.loads(SHIPPED_KPIS.read_text(encoding="utf-8"))["kpi"])
MIDNIGHT = pd.Timestamp(datetime(NOW.year, NOW.month, NOW.day, tzinfo=ZoneInfo("Europe/Berlin")))
"""All Boards are of one local day."""


def adds_up(asked, all_rows, board, reading):
    kpi = next(each for each in asked.session.settings.kpis if each.key == reading["kpi"])
    frame, table = all_rows(board["version"], kpi.key, slice_of(reading))
    assert table.about["value"] == reading["value"]
    assert table.total == table.all == len(frame)
    assert frame["key"].is_monotonic_increasing
    for name, expected in figures(kpi, frame, reading, MIDNIGHT).items():
        if reading["value"] is None and name == "value":  # no figure follows, though rows may be there
            continue
        wanted = None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert reading[name] == wanted, (board["version"], kpi.key, reading["slice"], name)
    return len(frame)


def test_the_boards_differ_and_more_was_loaded_since(asked):
    batches = [board["batch"] for board in asked.boards]
    (newest,) = asked.session.warehouse.cursor().execute("SELECT max(batch) FROM batches").fetchone()
    assert sorted(set(batches)) == batches
    assert newest > batches[-1]
    first, last = (
        {(r["kpi"], slice_of(r)): r["value"] for r in b["readings"]} for b in (asked.boards[0], asked.boards[-1])
    )
    assert sum(first[each] != last.get(each) for each in first) > 20


@pytest.mark.parametrize("key", KPIS)
def test_all_kpis_of_the_first_board(asked, all_rows, key):
    """Of each grouping the reading with the most rows is asked, and the pool of those with too few."""
    board, found = asked.boards[0], {}
    for reading in board["readings"]:
        if reading["kpi"] == key:
            group = tuple(sorted(reading["slice"])), SMALL in reading["slice"].values()
            found[group] = max(found.get(group, reading), reading, key=lambda r: r["n"])
    assert found
    for reading in found.values():
        adds_up(asked, all_rows, board, reading)


@given(st.integers(0, len(LATER) - 1), st.integers(0, 1 << 20))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_reading_of_any_board(asked, all_rows, board, number):
    readings = asked.boards[board]["readings"]
    adds_up(asked, all_rows, asked.boards[board], readings[number % len(readings)])


def test_pools_have_rows(asked, all_rows):
    pools = [(b, r) for b in asked.boards for r in b["readings"] if SMALL in r["slice"].values() and r["n"] > 0]
    assert pools
    board, reading = max(pools, key=lambda each: each[1]["n"])
    assert adds_up(asked, all_rows, board, reading) > 0
