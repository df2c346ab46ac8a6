"""What is worked out anew in turn: nothing waits longer than the turns say, what is new does not wait at all."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from types import SimpleNamespace

import pytest

from analytics.rota import Now, Rota

DAY = date(2026, 6, 30)
START = datetime.fromisoformat("2026-06-30T12:00:00+00:00")
KPIS = {f"k{i}": SimpleNamespace(fact=f"fact{i // 2}", day="day", window_days=28) for i in range(12)}
"""Two each are asked of the same rows."""


def reading(key, slice_="A", limits=(1, 2), level="red", value=3.0):
    return SimpleNamespace(kpi=key, slice=(("partner", slice_),), limits=limits, level=level, value=value)


def at(seconds=0, batch=1, day=DAY):
    return Now(START + timedelta(seconds=seconds), day, batch)


def worked_out(rota, readings, now):
    """Work out what is due, as all who keep a rota do; give the keys."""
    due = rota.due(readings, KPIS, now)
    for each in due:
        rota.keep(each, (each.kpi, now), now)
    return {each.kpi for each in due}


@pytest.fixture
def every():
    return [reading(key) for key in KPIS]


def test_without_turns_everything_is_worked_out_every_time(every):
    rota = Rota()
    assert worked_out(rota, every, at()) == worked_out(rota, every, at()) == worked_out(rota, every, at(5)) == set(KPIS)


def test_what_nobody_told_anything_of_stays_until_it_is_old(every):
    rota = Rota(turns=3, fresh_for=timedelta(minutes=5))
    assert worked_out(rota, every, at()) == set(KPIS)
    assert worked_out(rota, every, at(299)) == set()
    assert len(worked_out(rota, every, at(300))) == 4
    assert rota.get(("k0", (("partner", "A"),))) in [("k0", at()), ("k0", at(300))]


def test_after_a_load_all_have_their_turn_those_of_the_same_rows_together(every):
    rota = Rota(turns=3, fresh_for=timedelta(minutes=5))
    worked_out(rota, every, at())
    turns = [worked_out(rota, every, at(5 + i, batch=2)) for i in range(4)]
    assert [len(each) for each in turns] == [4, 4, 4, 0]
    assert set.union(*turns) == set(KPIS)
    for each in turns:
        assert {int(key[1:]) // 2 * 2 for key in each} == {int(key[1:]) for key in each if int(key[1:]) % 2 == 0}


def test_with_loads_before_every_judgement_none_waits_for_more_than_its_turn(every):
    rota = Rota(turns=4, fresh_for=timedelta(minutes=5))
    worked_out(rota, every, at())
    for i in range(1, 30):
        worked_out(rota, every, at(5 * i, batch=1 + i))
        oldest = min(rota.get((key, (("partner", "A"),)))[1].batch for key in KPIS)
        assert i + 1 - oldest <= 3


def test_of_what_nothing_is_found_the_others_have_their_turn_all_the_same(every):
    rota = Rota(turns=6, fresh_for=timedelta(minutes=5))
    worked_out(rota, every, at())
    turns = []
    for i in range(6):
        now = at(5 + i, batch=2)
        due = rota.due(every, KPIS, now)
        for each in due:
            rota.keep(each, None, now)
        turns.append({each.kpi for each in due})
    assert [len(each) for each in turns] == [2] * 6
    assert set.union(*turns) == set(KPIS)
    assert rota.get(("k0", (("partner", "A"),))) is None, "what was there before is there no more"


def test_while_only_time_passes_figures_that_move_have_their_turn(every):
    rota = Rota(turns=12, fresh_for=timedelta(minutes=5))
    worked_out(rota, every, at())
    moved = [*every[:6], *(reading(key, value=4.0) for key in list(KPIS)[6:8]), *every[8:]]
    assert worked_out(rota, moved, at(5)) == {"k6", "k7"}
    assert worked_out(rota, moved, at(10)) == set()


def test_what_is_new_or_of_another_level_or_under_other_limits_or_of_another_day_does_not_wait(every):
    rota = Rota(turns=6, fresh_for=timedelta(minutes=5))
    worked_out(rota, every, at())
    assert worked_out(rota, [*every, reading("k3", "B")], at(1)) == {"k3"}
    assert worked_out(rota, [*every[:-1], reading("k11", limits=(1, 3))], at(2)) == {"k11"}
    assert worked_out(rota, [*every[:-1], reading("k11", limits=(1, 3), level="amber")], at(2)) == {"k11"}
    assert worked_out(rota, every, at(3, day=DAY + timedelta(days=1))) == set(KPIS)
    assert worked_out(rota, every, at(-60, day=DAY + timedelta(days=1))) == set(KPIS), "a moment before what is known"


def test_what_is_not_asked_for_is_forgotten(every):
    rota = Rota(turns=2, fresh_for=timedelta(minutes=5))
    worked_out(rota, every, at())
    assert worked_out(rota, every[1:], at(1)) == set()
    assert rota.get(("k0", (("partner", "A"),))) is None
    assert worked_out(rota, every, at(2)) == {"k0"}
