"""The scores of a replay, worked out by hand on Boards made by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics.backtest import Log, Planted, replay, together
from analytics.board import Board
from analytics.figures import Figures
from analytics.health import FINE
from analytics.kpi import Feed, Health, Kpi, Level, Measure
from analytics.verdict import judge

LATE = Kpi("late", "Late", "speed", "repair_orders", Measure("share", column="late"), "closed_at", 28, "lower", 0.05, 0.10,
           unit="%", by=(("partner",),))  # fmt: skip
START = datetime(2026, 6, 1, 22, tzinfo=UTC)


def board(day, **values):
    readings = tuple(
        judge(LATE, Figures((("partner", name),), n, n, v, v * n, n), FINE, (None, START))
        for name, (v, n) in values.items()
    )
    return Board(START + timedelta(days=day), day, 1, "N", "UTC", (), readings)


def planted(**more):
    entry = {"id": "1", "kind": "surge", "kpis": ["late"], "slice": {"partner": "A"}, "from": "2026-06-03T00:00:00Z", "to": None,
             "size": 8, "echoes": [], "decoy": False}  # fmt: skip
    return Planted.of(entry | more)


def log(*days):
    made = Log({"late": LATE})
    for number, values in enumerate(days):
        made.add(board(number, **values))
    return made


BIG, SMALL, FEW = 400, 40, 5
DAYS = (
    {"A": (0.02, BIG), "B": (0.02, SMALL)},
    {"A": (0.02, BIG), "B": (0.125, SMALL)},  # chance: naive limits call B red, with 65 % evidence it is amber
    {"A": (0.105, BIG), "B": (0.02, SMALL)},  # A's trouble begins: naive at once, by evidence a day later
    {"A": (0.20, BIG), "B": (0.02, SMALL)},
)


def test_scores_by_hand():
    scores = log(*DAYS).scores([planted()])
    assert scores["naive"] == {
        "state_changes_per_pair_month": pytest.approx(30 * 3 / 6),  # B in and out, A in; two pairs over three days
        "false_reds_per_1000": pytest.approx(1000 * 1 / 6),  # B's four days, A's two before its trouble
        "green_partner_kpi_days": 6,
        "troubles": 1,
        "found": 1,
        "median_days": pytest.approx(22 / 24 + 0),  # begun at midnight, told at 22:00 of the day
    }
    assert scores["judged"] == {
        "state_changes_per_pair_month": pytest.approx(30 * 1 / 6),
        "false_reds_per_1000": 0,
        "green_partner_kpi_days": 6,
        "troubles": 1,
        "found": 1,
        "median_days": pytest.approx(1 + 22 / 24),
    }
    (size,) = scores["by_size"]
    assert (size["size"], size["median_loss_days"]) == (8, pytest.approx(1))


def test_a_partner_that_is_never_green_is_no_false_red():
    days = [{"A": (0.07, BIG)}, {"A": (0.15, BIG)}, {"A": (0.07, BIG)}]
    assert log(*days).scores([planted(slice={"partner": "X"})])["naive"]["green_partner_kpi_days"] == 0


def test_a_trouble_counts_only_from_where_its_slice_was_not_red_before():
    days = [{"A": (0.2, BIG)}] * 4
    (one,) = log(*days).scores([planted()])["troubles"]
    assert (one["seen"], one["judged"], one["naive"]) == (True, None, None)


def test_a_trouble_that_began_before_the_replay_is_not_counted():
    scores = log(*DAYS).scores([planted(**{"from": "2026-05-01T00:00:00Z"})])
    assert scores["judged"]["troubles"] == 0


def test_without_a_truth_only_changes_are_scored():
    assert set(log(*DAYS).scores()["judged"]) == {"state_changes_per_pair_month"}


def worsened(made, *names):
    """Give a Board on which some partners get worse."""
    marked = (replace(r, worsening=dict(r.slice)["partner"] in names) for r in made.readings)
    return replace(made, readings=tuple(marked))


def told(*boards):
    made = Log({"late": LATE})
    for each in boards:
        made.add(each)
    return made


def test_a_green_that_gets_worse_finds_a_trouble_but_is_no_red():
    """B is told to get worse in vain on a day before, A two days after its trouble has begun."""
    values = {"A": (0.02, BIG), "B": (0.02, BIG)}
    scores = told(*(worsened(board(n, **values), *who) for n, who in enumerate(("", "B", "", "", "A")))).scores(
        [planted()]
    )
    assert scores["told"] == {
        "false_worsenings_per_1000": pytest.approx(1000 / 7),  # B's five days, A's two
        "green_partner_kpi_days": 7,
        "troubles": 1,
        "found": 1,
        "median_days": pytest.approx(2 + 22 / 24),
        "by": {"red": 0, "worsening": 1, "health": 0},
    }
    assert (scores["judged"]["found"], scores["judged"]["false_reds_per_1000"]) == (0, 0)
    (one,) = scores["troubles"]
    assert (one["judged"], one["by"]["worsening"], one["by"]["red"]) == (None, one["told"], None)
    (size,) = scores["by_size"]
    assert (size["told"]["found"], size["judged"]["found"], size["by"]["worsening"]) == (1, 0, 1)


def test_what_was_told_to_get_worse_before_its_trouble_finds_nothing():
    boards = (worsened(board(n, A=(0.02, BIG)), "A") for n in range(4))
    assert told(*boards).scores([planted()])["told"]["found"] == 0


def test_a_dead_feed_is_found_by_its_health_while_it_lasts():
    stopped = planted(kind="dead_feed", slice={}, kpis=["freshness"], source="scans", to="2026-06-05T00:00:00Z")

    def fed(day, state):
        return replace(board(day, A=(0.02, BIG)), feeds=(Feed("scans", "shipments", state, START),))

    (one,) = told(*(fed(n, s) for n, s in enumerate(("fresh", "fresh", "late", "dead", "fresh")))).scores([stopped])[
        "troubles"
    ]
    assert (one["seen"], one["by"]) == (True, {"red": None, "worsening": None, "health": pytest.approx(22 / 24)})
    late = told(*(fed(n, s) for n, s in enumerate(("fresh", "fresh", "fresh", "fresh", "late"))))
    assert late.scores([stopped])["told"]["found"] == 0


def test_a_silent_partner_is_found_once_it_is_told_to_be_silent():
    silent = planted(kind="partner_silent", kpis=[])

    def heard(day, health, reason):
        made = board(day, A=(0.02, BIG))
        level = Level.GREEN if health is Health.OK else Level.UNKNOWN
        return replace(
            made, readings=tuple(replace(r, health=health, reason=reason, level=level) for r in made.readings)
        )

    quiet = "partner A has been silent for 2 d (since 2026-06-02); its longest usual gap is 1 d"
    days = [(Health.OK, ""), (Health.OK, ""), (Health.LATE, "source scans is late"), (Health.LATE, f"Stale: {quiet}.")]
    (one,) = told(*(heard(n, *each) for n, each in enumerate(days))).scores([silent])["troubles"]
    assert (one["seen"], one["judged"], one["told"]) == (True, None, pytest.approx(1 + 22 / 24))


def test_where_nothing_was_planted_every_red_of_a_green_partner_is_in_vain():
    scores = log(DAYS[0], DAYS[1], DAYS[0]).scores([])
    assert scores["naive"]["false_reds_per_1000"] == pytest.approx(1000 / 6)
    assert (scores["judged"]["false_reds_per_1000"], scores["judged"]["troubles"]) == (0, 0)
    assert scores["troubles"] == []


def test_a_trouble_of_too_few_rows_to_be_judged_is_told_apart_from_a_missed_one():
    days = [{"A": (0.02, FEW), "B": (0.02, BIG)}] * 2 + [{"A": (0.9, FEW), "B": (0.02, BIG)}] * 2
    scores = log(*days).scores([planted(), planted(id="2", slice={"partner": "B"})])
    assert scores["unjudged"] == 1
    assert [(t["seen"], t["unjudged"]) for t in scores["troubles"]] == [(False, True), (True, False)]
    assert (scores["told"]["troubles"], scores["told"]["found"]) == (1, 0)
    (size,) = scores["by_size"]
    assert (size["unjudged"], size["naive"]["troubles"]) == (1, 1)
    # one day with rows enough, and it counts as missed
    scores = log(*days, {"A": (0.02, BIG), "B": (0.02, BIG)}).scores([planted()])
    assert (scores["unjudged"], scores["told"]["troubles"], scores["told"]["found"]) == (0, 1, 0)


def test_episodes_are_unbroken_runs_of_red_days():
    days = [{"A": (v, BIG)} for v in (0.2, 0.2, 0.02, 0.2)]
    first, second = log(*days).episodes()
    assert (first["from"], first["to"], first["days"]) == ("2026-06-01T22:00:00Z", "2026-06-03T22:00:00Z", 2)
    assert (second["from"], second["to"], second["days"]) == ("2026-06-04T22:00:00Z", None, 1)
    assert first["slice"] == {"partner": "A"}
    assert first["pain"] == pytest.approx(0.15 * BIG)


def test_each_board_is_what_the_next_one_goes_on_from():
    seen = []

    def look(moment, previous):
        seen.append(None if previous is None else {identity: b.level.value for identity, b in previous.items()})
        return board((moment - START).days, **DAYS[(moment - START).days])

    boards = list(replay(look, [START + timedelta(days=n) for n in range(3)]))
    assert len(boards) == 3
    identity = ("late", (("partner", "A"),))
    assert [each and each[identity] for each in seen] == [None, "green", "green"]


def test_several_judgements_a_day_count_days_and_elapsed_time():
    made = Log({"late": LATE}, "Asia/Kolkata")
    for number, value in enumerate((0.2, 0.2, 0.02, 0.02, 0.02)):
        made.add(
            board(number / 4, A=(value, BIG))
        )  # every six hours from 22:00 UTC on, which is 3:30 of the next day there
    (episode,) = made.episodes()
    assert episode["days"] == 1
    assert made.scores()["judged"]["state_changes_per_pair_month"] == pytest.approx(30)


def red(kpi, begins, ends, **slice_):
    return {
        "kpi": kpi,
        "slice": slice_,
        "from": f"2026-06-{begins:02}T00:00:00Z",
        "to": ends and f"2026-06-{ends:02}T00:00:00Z",
    }


def test_two_replays_are_held_side_by_side():
    here = [
        red("late", 1, 5, partner="A"),
        red("late", 8, None, partner="A"),
        red("late", 1, 5, partner="B"),
        red("slow", 1, 5),
    ]
    there = [red("late", 3, 4, partner="A"), red("late", 5, 8, partner="A"), red("late", 1, None), red("slow", 4, None)]
    assert together(here, there) == {
        "episodes_only_here": [here[1], here[2]],
        "episodes_only_there": [there[1], there[2]],
        "episodes_in_both": [here[0], here[3]],
    }
