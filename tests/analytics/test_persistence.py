"""A red is entered on the second of three days and left beyond its recovery limit; what late data reverses is marked."""

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.board import Board, as_json, past
from analytics.figures import Figures
from analytics.health import FINE, State
from analytics.kpi import Before, Health, Kpi, Level, Measure, Standing, Told
from analytics.persistence import settled
from analytics.verdict import judge

FIRST = date(2026, 6, 1)
LATE = Kpi("late", "Late", "speed", "repair_orders", Measure("share", column="late"), "closed_at", 28, "lower", 0.05, 0.10,
           unit="%", by=(("partner",),))  # fmt: skip
STOCK = replace(
    LATE, key="stock", measure=Measure("count", column="open"), day="snapshot", green=2, red=4, unit="", min_n=0
)


def reading(value, kpi=LATE, n=200, state=FINE):
    figures = Figures((), n, 0 if value is None else n, value, None if value is None else value * n, n)
    if kpi.key == "stock":
        figures = Figures((), n, value, value)
    return judge(kpi, figures, state, (None, datetime(2026, 6, 30, tzinfo=UTC)))


def days(values, kpi=LATE, *, persistent=True, points=None):
    """Judge one day after the other, as the live product does; give the readings."""
    before, made = None, []
    for number, value in enumerate(values):
        today = FIRST + timedelta(days=number)
        one = value if not isinstance(value, (int, float)) and value is not None else reading(value, kpi)
        done = settled(one, kpi, before, (points or {}).get(number, {}), today, persistent=persistent)
        made.append(done)
        board = Board(datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(days=number), number, 1, "N", "UTC", (), (done,),
                      tuple((FIRST + timedelta(days=d)).isoformat() for d in range(max(0, number - 7), number + 1)))  # fmt: skip
        before = past(as_json(board))[kpi.key, ()]
    return made


def levels(values, kpi=LATE, **more):
    return "".join(r.level.value[0] for r in days(values, kpi, **more))


SUSPECT = 0.14  # of 200: red at the moment, with 97 % evidence; not blatant


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.03, SUSPECT, SUSPECT], "gar"),
        ([0.03, SUSPECT, 0.03, SUSPECT], "gagr"),
        ([0.03, SUSPECT, 0.03, 0.03, SUSPECT], "gagga"),
        ([0.03, 0.30], "gr"),  # beyond doubt: at once
        ([SUSPECT], "r"),  # nothing is known of the days before
        ([0.03, 0.30, 0.095, 0.09, 0.08], "grrra"),  # a quarter of the way from 10 to 5 % is 8.75 %
        ([0.03, 0.30, 0.03], "grg"),
        ([0.03, 0.30, 0.09, 0.08, 0.09], "grraa"),
        ([0.03, 0.30, None, 0.09], "grur"),  # while nothing is known nothing has recovered
    ],
)
def test_a_red_is_entered_on_the_second_of_three_days_and_left_beyond_recovery(values, expected):
    assert levels(values) == expected


UNSURE = 0.13  # of 50: beyond the limit, and not sure enough to be red


def test_a_day_beyond_the_limit_counts_though_it_was_not_sure_enough_to_be_red():
    unsure = reading(UNSURE, n=50)
    assert unsure.level is Level.AMBER
    assert levels([0.03, unsure, SUSPECT]) == "gar"
    assert levels([0.03, unsure, unsure]) == "gaa"  # today must be sure
    assert levels([0.03, 0.08, SUSPECT]) == "gaa"


def test_boards_of_the_moment_say_the_level_of_the_moment_but_remember_alike():
    values = [0.03, SUSPECT, SUSPECT, 0.09, 0.08]
    live, moment = days(values), days(values, persistent=False)
    assert [r.level.value for r in moment] == ["green", "red", "red", "amber", "amber"]
    assert [r.standing for r in live] == [r.standing for r in moment]


def test_facts_that_are_far_beyond_red_enter_at_once_and_others_wait_too():
    assert levels([1, 7, 4, 3], STOCK) == "grra"
    assert levels([1, 6, 6], STOCK) == "gar"
    assert levels([1, 7, 4, 3], replace(STOCK, recovery=2)) == "grrr"
    assert levels([0, 1, 0], replace(STOCK, green=0, red=0)) == "grg"


def test_days_and_recovery_are_the_kpis_own():
    assert levels([0.03, SUSPECT], replace(LATE, enter=(1, 1))) == "gr"
    assert levels([0.03, SUSPECT, SUSPECT, SUSPECT], replace(LATE, enter=(3, 3))) == "gaar"
    assert levels([0.03, 0.30, 0.07, 0.05], replace(LATE, recovery=0.06)) == "grrg"


def test_a_held_red_says_what_it_waits_for():
    held = days([0.03, 0.30, 0.09])[-1]
    assert held.reason == "9 % is no longer beyond the red limit of 10 %; it stays red until it meets 8.75 %."


def test_before_the_first_board_the_days_are_those_known_now():
    points = {"2026-05-30": 0.03, "2026-05-31": 0.12, "2026-06-01": SUSPECT}
    (entered,) = days([SUSPECT], points={0: points})
    (waiting,) = days([SUSPECT], points={0: points | {"2026-05-31": 0.02}})
    assert (entered.level, waiting.level) == (Level.RED, Level.AMBER)
    assert waiting.reason == "14 % is beyond the red limit of 10 %, so far for one day: red from 2 of 3 days on."


def test_a_stale_red_stays_red():
    stale = reading(0.30, state=State(Health.LATE, "late"))
    assert levels([0.03, 0.30, stale]) == "grr"


def test_late_data_reverses_a_verdict_in_either_direction():
    values = [0.03, 0.30, 0.30]
    *_, last = days(values, points={2: {"2026-06-01": 0.03, "2026-06-02": 0.08, "2026-06-03": 0.30}})
    (one,) = last.reversed
    assert (one.day, one.was, one.now) == ("2026-06-02", Level.RED, Level.AMBER)
    assert one.reason == "2026-06-02 was told red with 30 %; with the rows that came later it is 8 %, which is amber."
    *_, last = days([0.03, 0.03, 0.30], points={2: {"2026-06-01": 0.03, "2026-06-02": 0.21, "2026-06-03": 0.30}})
    (two,) = last.reversed
    assert (two.day, two.was, two.now) == ("2026-06-02", Level.GREEN, Level.RED)
    assert two.reason == "2026-06-02 was told green; with the rows that came later it is 21 %, which is red."


def test_what_chance_made_of_a_figure_is_no_reversal():
    told = Standing((Told("2026-06-01", Level.AMBER, 0.12),), red=False)
    before = Before(Level.AMBER, None, (), told, ("2026-06-01",))
    done = settled(reading(0.13), LATE, before, {"2026-06-01": 0.13}, FIRST + timedelta(days=1), persistent=True)
    assert done.reversed == ()


def test_a_week_of_calm_is_forgotten():
    made = days([0.30] + [0.02] * 9)
    assert made[7].standing is not None
    assert made[8].standing is None


@given(st.lists(st.sampled_from([0.01, 0.06, 0.09, 0.11, 0.14, 0.30, None]), min_size=2, max_size=12), st.data())
def test_a_worse_last_day_never_has_a_better_level(values, data):
    worse = data.draw(st.sampled_from([0.01, 0.06, 0.09, 0.11, 0.14, 0.30]))
    order = {"g": 0, "a": 1, "u": 1, "r": 2}
    if values[-1] is not None and worse >= values[-1]:
        assert order[levels([*values[:-1], worse])[-1]] >= order[levels(values)[-1]]


@given(st.lists(st.sampled_from([0.01, 0.06, 0.09, 0.11, 0.14, 0.30]), min_size=2, max_size=20))
def test_persistence_never_changes_more_often_than_the_moment_does(values):
    def changes(text):
        return sum((a == "r") != (b == "r") for a, b in itertools.pairwise(text))

    assert changes(levels(values)) <= changes(levels(values, persistent=False)) + 1
