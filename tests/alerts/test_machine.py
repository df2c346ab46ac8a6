"""The state machine: what one judgement makes of a state, row by row and as laws."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.letter import Kind
from alerts.machine import OPEN, UNSTABLE_WITHIN, WORSE_FACTOR, WORSE_PAIN, Look, State, Value, sources_seen, step
from analytics.board import Board
from analytics.kpi import Feed, Level
from tests.alerts.timeline import START

ENDINGS = (Kind.RECOVERED, Kind.CORRECTED)
HOUR = timedelta(hours=1)


def look(level, momentary=None, *, pain=20.0, health="ok", turned=False):
    level = Level(level)
    return Look("k", (("partner", "A"),), level, Level(momentary or level), health, pain, "a reason", turned)


ROWS = [
    # state, level, momentary, then: value, what is told, "opens", "closes" or ""
    ("green", "green", None, "green", [], ""),
    ("green", "amber", None, "green", [], ""),
    ("green", "amber", "red", "pending", [], ""),
    ("green", "green", "red", "pending", [], ""),
    ("green", "turning", None, "turning", ["turning"], "opens"),
    ("green", "red", None, "red", ["opened"], "opens"),
    ("green", "red", "green", "red", ["opened"], "opens"),
    ("pending", "green", None, "green", [], ""),
    ("pending", "amber", "red", "pending", [], ""),
    ("pending", "turning", None, "turning", ["turning"], "opens"),
    ("pending", "red", None, "red", ["opened"], "opens"),
    ("turning", "turning", None, "turning", [], ""),
    ("turning", "red", None, "red", ["opened"], ""),
    ("turning", "green", None, "green", ["recovered"], "closes"),
    ("turning", "amber", "red", "turning", [], ""),  # it is turning red: its first red day is no recovery
    ("red", "red", None, "red", [], ""),
    ("red", "red", "amber", "recovering", [], ""),
    ("red", "red", "unknown", "red", [], ""),
    ("red", "turning", None, "recovering", [], ""),
    ("red", "green", None, "green", ["recovered"], "closes"),
    ("red", "amber", None, "green", ["recovered"], "closes"),
    ("red", "amber", "red", "pending", ["recovered"], "closes"),
    ("recovering", "red", None, "red", [], ""),
    ("recovering", "red", "green", "recovering", [], ""),
    ("recovering", "turning", None, "recovering", [], ""),
    ("recovering", "green", None, "green", ["recovered"], "closes"),
]


@pytest.mark.parametrize(("before", "level", "momentary", "after", "told", "does"), ROWS)
def test_each_judgement_makes_this_of_each_state(before, level, momentary, after, told, does):
    red = before in ("red", "recovering")
    state = State(Value(before), since=START, red=red, told_pain=20.0 if red else 0.0)
    done = step(state, look(level, momentary), START + HOUR)
    assert done.state.value == after
    assert [str(kind) for kind in done.kinds] == told
    assert (done.opens, done.closes) == (does == "opens", does == "closes")
    assert done.state.since == (START if before == after else START + HOUR)
    assert [(c.axis, c.before, c.after) for c in done.changes] == (
        [] if before == after else [("value", before, after)]
    )


def test_late_rows_that_take_a_red_back_correct_it_and_take_nothing_else_back():
    assert step(State(Value.RED, red=True), look("green", turned=True), START).kinds == (Kind.CORRECTED,)
    assert step(State(Value.TURNING), look("green", turned=True), START).kinds == (Kind.RECOVERED,)


@pytest.mark.parametrize(("told", "pain", "worse"), [(20, 39.9, False), (20, 40, True), (2, 6.9, False), (2, 7, True)])
def test_worse_is_twice_what_was_told_and_five_more(told, pain, worse):
    done = step(State(Value.RED, red=True, told_pain=told), look("red", pain=pain), START)
    assert done.kinds == ((Kind.WORSENED,) if worse else ())
    assert done.state.told_pain == (pain if worse else told)


def test_four_turns_within_a_day_are_unstable_and_a_day_without_one_ends_it():
    state, told = State(), []
    for hour, level in enumerate(("red", "green", "red", "green")):
        done = step(state, look(level), START + hour * HOUR)
        state, told = done.state, [*told, *map(str, done.kinds)]
    assert told == ["opened", "recovered", "opened", "unstable"]
    assert (state.value, state.unstable) == (Value.RECOVERING, True)
    kept = step(state, look("green"), START + 26 * HOUR)
    assert (kept.state.value, kept.kinds) == (Value.RECOVERING, ())
    over = step(kept.state, look("green"), START + 3 * HOUR + UNSTABLE_WITHIN)
    assert (over.state.value, over.kinds, over.closes) == (Value.GREEN, (Kind.RECOVERED,), True)
    assert not over.state.unstable


levels = st.sampled_from([level.value for level in Level])
looks = st.builds(
    look, levels, levels, pain=st.sampled_from((0.0, 3.0, 20.0, 45.0, 100.0)),
    health=st.sampled_from(("ok", "late", "dead", "error", "low_sample")), turned=st.booleans(),
)  # fmt: skip
courses = st.lists(st.tuples(looks, st.sampled_from((0.2, 1.0, 9.0, 30.0))), max_size=40)


@settings(max_examples=300, derandomize=True)
@given(courses)
def test_whatever_is_seen_the_laws_hold(course):
    state, now, told, open_now = State(), START, [], False
    for seen, hours in course:
        now += hours * HOUR
        done = step(state, seen, now)
        before, state = state, done.state
        if not seen.is_known:  # what is not known changes neither value nor episode, and tells nothing
            assert (state.value, state.red, state.unstable) == (before.value, before.red, before.unstable)
            assert (done.kinds, done.opens, done.closes) == ((), False, False)
        assert state.health == seen.health
        assert open_now == (before.value in OPEN)
        assert not (done.opens and done.closes)
        assert (not open_now) if done.opens else open_now if done.closes else True
        open_now = done.opens or (open_now and not done.closes)
        assert open_now == (state.value in OPEN)
        endings = [kind for kind in done.kinds if kind in ENDINGS]
        assert len(endings) == done.closes  # what ends, ends in one way
        if done.opens:
            told = []
            assert done.kinds in ((Kind.OPENED,), (Kind.TURNING,))
        for kind in done.kinds:
            assert kind not in told or kind is Kind.WORSENED  # of one episode each thing is told once
        if Kind.WORSENED in done.kinds:
            assert Kind.OPENED in told
            assert seen.pain >= max(WORSE_FACTOR * before.told_pain, before.told_pain + WORSE_PAIN)
        if seen.level is Level.RED:
            assert state.is_red
        if seen.is_known and seen.level in (Level.GREEN, Level.AMBER) and open_now:
            # only what is unstable stays open, and what was turning on its first red day
            assert state.unstable or (state.value is Value.TURNING and seen.momentary is Level.RED)
        assert all(now - at < UNSTABLE_WITHIN for at in state.turns)
        assert list(state.turns) == sorted(state.turns)
        told += done.kinds


@settings(max_examples=100, derandomize=True)
@given(courses)
def test_a_judgement_that_is_repeated_tells_nothing_more(course):
    state, now = State(), START
    for seen, hours in course:
        now += hours * HOUR
        state = step(state, seen, now).state
        again = step(state, seen, now)
        assert (again.kinds, again.opens, again.closes) == ((), False, False)
        assert again.state.turns == state.turns


# sources


def seen_of(feed, failing=None):
    board = Board(START, 0, 1, "Test", "UTC", (feed,), ())
    (seen,) = sources_seen(board, {} if failing is None else {feed.name: failing})
    return seen.look


@pytest.mark.parametrize(
    ("state", "error", "failing", "wanted"),
    [
        ("fresh", None, None, ("green", "green", "ok")),
        ("late", None, None, ("green", "green", "late")),
        ("dead", None, None, ("red", "red", "dead")),
        ("fresh", "no such file", None, ("green", "red", "error")),
        ("fresh", "no such file", timedelta(minutes=14), ("green", "red", "error")),
        ("fresh", "no such file", timedelta(minutes=15), ("red", "red", "error")),
        ("dead", "no such file", None, ("red", "red", "error")),
    ],
)
def test_a_source_is_red_when_it_is_dead_or_fails_for_a_quarter_of_an_hour(state, error, failing, wanted):
    feed = Feed("repairs", "repair_orders", state, START, error=error)
    found = seen_of(feed, None if failing is None else START - failing)
    assert (found.level, found.momentary, found.health) == wanted
