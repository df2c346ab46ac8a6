"""A Board after a Board, on a network whose rows come late: what was told is held against what is known now."""

from datetime import timedelta

import pytest
from small_network import Network, cases, write_csv

from analytics.board import as_json, past
from analytics.kpi import Level

KPIS = """
[kpi.failed]
title = "Failed"
family = "quality"
fact = "repair_orders"
measure = { share = { column = "outcome", is = "not_repaired" } }
day = "closed_at"
window = "7 d"
better = "lower"
green = 0.05
red = 0.10
min_n = 10
"""


def orders(first, count, failed, at):
    return [
        {
            "order_id": f"O{first + n}",
            "partner": "P",
            "outcome": "not_repaired" if n < failed else "repaired",
            "received": at,
            "closed": at,
        }
        for n in range(count)
    ]


@pytest.fixture
def network(tmp_path):
    source = cases("repair_orders", ["order_id", "partner", "outcome"], ["received", "closed"])
    made = Network(tmp_path, {"orders": (source, orders(0, 60, 15, "2026-06-30T10:00:00+00:00"))}, KPIS)
    yield made
    made.close()


def judged(network, moment, previous=None, *, persistent=True):
    with network.warehouse.reader(network.names, moment, timezone=network.settings.timezone) as view:
        board = network.judge().board(view, moment, 1, previous, persistent=persistent)
    (reading,) = (r for r in board.readings if r.slice == ())
    return reading, past(as_json(board))


def test_late_rows_reverse_yesterdays_verdict(network):
    told, before = judged(network, network.now)
    assert (told.level, told.value) == (Level.RED, 0.25)
    rows = orders(0, 60, 15, "2026-06-30T10:00:00+00:00") + orders(60, 340, 0, "2026-06-30T11:00:00+00:00")
    write_csv(network.folder / "orders.csv", rows)
    network.now += timedelta(days=1)
    network.load()
    now, _ = judged(network, network.now, before)
    (reversal,) = now.reversed
    assert (reversal.day, reversal.was, reversal.now) == ("2026-06-30", Level.RED, Level.GREEN)
    assert (
        reversal.reason
        == "2026-06-30 was told red with 25 %; with the rows that came later it is 3.75 %, which is green."
    )
    assert now.level is Level.GREEN


def test_a_red_is_held_over_a_restart_until_it_has_recovered(network):
    _, before = judged(network, network.now)
    rows = orders(0, 60, 15, "2026-06-30T10:00:00+00:00") + orders(60, 100, 0, "2026-07-01T11:00:00+00:00")
    write_csv(network.folder / "orders.csv", rows)
    network.now += timedelta(days=1)
    network.load()
    held, _ = judged(network, network.now, before)
    momentary, _ = judged(network, network.now, before, persistent=False)
    assert held.value == pytest.approx(15 / 160)
    assert (held.level, momentary.level) == (Level.RED, Level.AMBER)
    assert held.reason == "9.38 % is no longer beyond the red limit of 10 %; it stays red until it meets 8.75 %."
    assert held.standing == momentary.standing
