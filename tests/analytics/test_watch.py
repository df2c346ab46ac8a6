"""What gets worse although it meets its limits is told, beside a level that stays; what does not is left alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from small_network import Network, cases

import analytics.watch
from analytics.board import as_json
from analytics.history import sums_of
from analytics.kpi import Level
from analytics.speech.language import language
from analytics.speech.sentence import known
from analytics.watch import Watch

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
SINCE = 14
KPIS = """
[kpi.failed]
title = "Failed"
family = "quality"
fact = "repair_orders"
measure = { share = { column = "outcome", is = "not_repaired" } }
day = "closed_at"
window = "28 d"
by = [["partner"]]
better = "lower"
green = 0.10
red = 0.20
min_n = 10
unit = "%"
[kpi.fixed]
title = "Fixed"
family = "quality"
fact = "repair_orders"
measure = { share = { column = "outcome", is = "repaired" } }
day = "closed_at"
window = "28 d"
by = [["partner"]]
better = "higher"
green = 0.88
red = 0.80
min_n = 10
unit = "%"
[kpi.slow]
title = "Slow"
family = "speed"
fact = "repair_orders"
measure = { quantile = "tat_hours", q = 0.9 }
day = "closed_at"
window = "28 d"
by = [["partner"]]
better = "lower"
green = 60
red = 120
min_n = 10
unit = "h"
[kpi.strict]
title = "Strict"
family = "quality"
fact = "repair_orders"
measure = { share = { column = "outcome", is = "not_repaired" } }
day = "closed_at"
window = "28 d"
by = [["partner"]]
better = "lower"
green = 0.005
red = 0.01
min_n = 10
unit = "%"
[kpi.huge]
title = "Huge"
family = "quality"
fact = "repair_orders"
measure = { share = { column = "outcome", is = "not_repaired" } }
day = "closed_at"
window = "28 d"
by = [["partner"]]
better = "lower"
green = 0.95
red = 0.99
min_n = 10
unit = "%"
[kpi.open]
title = "Open"
family = "workload"
fact = "repair_orders"
measure = { count = "open" }
day = "snapshot"
window = "all"
better = "lower"
green = 0
red = 0
"""


def rows(rng):
    """Three partners with 40 orders a day for 75 days; the failures of one rise from 2 to 10 % in the last days, one mends."""
    shares = {"Steady": (0.04, 0.04), "Risen": (0.02, 0.10), "Mended": (0.08, 0.02)}
    for partner, (before, after) in shares.items():
        for back in range(75, -1, -1):
            for number in range(40):
                closed = NOW - timedelta(days=back, minutes=number)
                slow = rng.random() < (0.07 if partner == "Risen" and back <= SINCE else 0.01)
                yield {
                    "order_id": f"{partner}-{back}-{number}",
                    "partner": partner,
                    "outcome": "not_repaired" if rng.random() < (after if back <= SINCE else before) else "repaired",
                    "received": (closed - timedelta(hours=80 if slow else 20)).isoformat(),
                    "completed": closed.isoformat(),
                    "closed": closed.isoformat(),
                }


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    told = list(rows(np.random.default_rng(7)))
    source = cases("repair_orders", ["order_id", "partner", "outcome"], ["received", "completed", "closed"])
    made = Network(tmp_path_factory.mktemp("watch"), {"orders": (source, told)}, KPIS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def board(network):
    return network.board()


@pytest.fixture(scope="module")
def readings(board):
    return {(r.kpi, dict(r.slice).get("partner")): r for r in board.readings}


def test_a_green_that_gets_worse_is_told_and_stays_green(readings):
    reading = readings["failed", "Risen"]
    assert (reading.level, reading.worsening) == (Level.GREEN, True)
    moved = reading.change["moved"]
    assert (reading.change["variation"], moved["days"]) == ("worsening", 14)
    assert moved["from"] == pytest.approx(0.02, abs=0.007)
    assert moved["to"] == pytest.approx(0.10, abs=0.025)
    assert reading.change["since"] == "2026-06-16"
    assert moved["customers"] == pytest.approx(14 * 40 * (moved["to"] - moved["from"]), rel=0.15)


def test_higher_is_better_and_quantiles_are_watched_too(readings):
    fixed = readings["fixed", "Risen"]
    assert fixed.worsening
    assert fixed.change["moved"]["to"] == pytest.approx(1 - readings["failed", "Risen"].change["moved"]["to"])
    slow = readings["slow", "Risen"]
    assert (slow.level, slow.worsening, slow.change["of"]) == (Level.GREEN, True, "rows beyond the green limit")


def test_the_chart_of_the_days_stands_beside_it(readings):
    change = readings["failed", "Risen"].change
    assert change["assurance"] in ("will meet", "may or may not meet")
    assert change["centre"] == pytest.approx(0.02, abs=0.01)


def test_what_is_steady_or_mends_or_has_no_days_is_left_alone(readings):
    assert not any(reading.worsening for (_, partner), reading in readings.items() if partner in ("Steady", "Mended"))
    assert not readings["open", None].worsening


def test_a_red_is_red_and_a_small_change_nobodys_concern(readings):
    assert (readings["strict", "Risen"].level, readings["strict", "Risen"].worsening) == (Level.RED, False)
    assert (readings["huge", "Risen"].level, readings["huge", "Risen"].worsening) == (Level.GREEN, False)


def test_the_sentence_has_german_words(readings):
    german = language("de", "Europe/Berlin")
    for key in ("failed", "slow"):
        assert known(german, readings[key, "Risen"].change["moved"]["text"]) is not None
    assert "in den letzten 14 Tagen" in known(german, readings["failed", "Risen"].change["moved"]["text"])


@pytest.mark.parametrize("greens", [True, False])
def test_it_stands_in_the_json_beside_the_readings(board, greens):
    document = as_json(board, greens=greens)
    worse = [r for r in board.readings if r.worsening and r.level is Level.GREEN]
    assert [(r["kpi"], r["level"], r["worsening"]) for r in document["worsening"]] == [
        (r.kpi, "green", True) for r in worse
    ]
    assert worse
    assert any(r["level"] == "green" for r in document["readings"]) is greens
    assert document["counts"] == board.counts()


def test_of_facts_too_young_to_know_what_is_usual_no_days_are_asked(network, monkeypatch):
    asked = []

    def noted(*given, **more):
        asked.append(given)
        return sums_of(*given, **more)

    monkeypatch.setattr(analytics.watch, "sums_of", noted)
    network.board(NOW)
    assert asked
    asked.clear()
    monkeypatch.setattr(analytics.watch, "LEAST_DAYS", 4000)
    network.board(NOW)
    assert not asked


def test_as_of_a_day_before_it_began_nothing_is_told(network):
    before = network.board(NOW - timedelta(days=SINCE + 2))
    assert not any(reading.worsening for reading in before.readings)


def test_explain_tells_it(network):
    reading, explained = network.explain("failed", (("partner", "Risen"),))
    assert reading.worsening
    assert explained["change"] == reading.change


def test_it_is_kept_for_a_while_and_looked_at_anew_on_a_new_day(network, monkeypatch):
    asked = []
    ask = analytics.watch.sums_of
    monkeypatch.setattr(analytics.watch, "sums_of", lambda *a, **k: asked.append(1) or ask(*a, **k))
    judge = replace(network.judge(), watch=Watch(timedelta(hours=3)))
    told = []
    for hours in (0, 1, 4, 13, 1):
        moment = NOW + timedelta(hours=hours)
        with network.warehouse.reader(network.names, moment, timezone="UTC") as view:
            told.append({r.kpi for r in judge.board(view, moment, 1).readings if r.worsening})
        asked.append(None)
    counts = [len(part) for part in _parts(asked)]
    assert [count > 0 for count in counts] == [True, False, True, True, True]
    assert told[0] == told[1] == told[2] >= {"failed", "fixed", "slow"}


def _parts(asked):
    part = []
    for each in asked:
        if each is None:
            yield part
            part = []
        else:
            part.append(each)
