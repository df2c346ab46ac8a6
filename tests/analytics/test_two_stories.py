"""Where the closed ones tell another story than all do, both readings say so; nobody is accused, and no level changes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from analytics.figures import Figures
from analytics.health import FINE, State
from analytics.kpi import Health, Kpi, Level, Measure
from analytics.two_stories import warned, warning
from analytics.verdict import judge

CLOSED = Kpi(
    "fast",
    "Repair time",
    "speed",
    "repair_orders",
    Measure("quantile", "tat_hours", q=0.9),
    "completion_at",
    28,
    "lower",
    72.0,
    90.0,
    unit="h",
    cohort="all",
)
COHORT = replace(CLOSED, key="all", measure=Measure("named", name="tat_cohort_p90"), day="received_at", cohort=None)
KPIS = {"fast": CLOSED, "all": COHORT}
HERE = (("partner", "Here"),)
ACCUSING = re.compile(r"guilt|fraud|cheat|crim|fake|liar|lying|hid(e|ing)|manipulat", re.IGNORECASE)


def read(kpi, value, beyond_green, beyond_red, n=1000, state=FINE, slice_=HERE):
    """Judge a quantile of which so many of n rows lie beyond the limits."""
    over = ((72.0, beyond_green), (90.0, beyond_red))
    under = ((72.0, n - beyond_green), (90.0, n - beyond_red))
    return judge(kpi, Figures(slice_, n, n, value, over=over, under=under), state, (None, None))


def closed(value, **more):
    return read(CLOSED, value, 200 if value > 72 else 50, 200 if value > 90 else 50, **more)


def cohort(value, **more):
    return read(COHORT, value, 200 if value > 72 else 50, 200 if value > 90 else 50, **more)


# (the figure of the closed ones, of all, whether that is another story)
STORIES = [
    (closed(31.2), cohort(312), True),
    (closed(31.2), cohort(80), True),
    (closed(80), cohort(312), True),
    (closed(31.2), cohort(60), False),  # both are green
    (closed(80), cohort(85), False),  # both are amber
    (closed(100), cohort(312), False),  # both are red already
    (closed(312), cohort(31.2), False),  # the closed ones were the slow ones: the jam is being cleared
    (closed(31.2), read(COHORT, 80, 125, 50), True),  # 12.5 % of 1,000 wait longer than the green limit
    (closed(31.2), read(COHORT, 80, 5, 2, n=40), False),  # so do they of 40, which may be chance
    (closed(31.2), read(COHORT, 95, 5, 5, n=40), False),  # beyond red, in a small sample
    (replace(closed(80), level=Level.TURNING), cohort(312), True),
    (closed(31.2), cohort(312, state=State(Health.DEAD, "x")), True),  # a red stays red on stale data
    (closed(31.2, state=State(Health.DEAD, "x")), cohort(312), False),  # unknown is no better level
    (closed(31.2, n=10), cohort(312), False),
    (closed(31.2), cohort(312, n=10), False),
]


@pytest.mark.parametrize(("alone", "every", "other_story"), STORIES)
def test_two_stories(alone, every, other_story):
    found = warned([alone, every], KPIS)
    assert [warning(reading) is not None for reading in found] == [other_story] * 2
    assert [replace(reading, reason="") for reading in found] == [replace(r, reason="") for r in (alone, every)]
    assert [reading.reason.startswith(r.reason) for reading, r in zip(found, (alone, every), strict=True)] == [True] * 2


def test_the_sentence():
    said = (
        "Of the closed ones alone it is 1.3 d; counting those still open it is 13 d: the slow ones may be left waiting."
    )
    alone, every = warned([closed(31.2), cohort(312)], KPIS)
    assert alone.reason == f"31.2 h meets the green limit of 72 h. {said}".replace("31.2 h", "1.3 d").replace(
        "72 h", "3 d"
    )
    assert every.reason.endswith(f" {said}")
    assert (warning(alone), warning(every)) == (said, said)
    assert not ACCUSING.search(said)
    assert " may " in said


def test_a_persistent_red_that_is_no_longer_beyond_its_limit():
    """Its evidence is against the red limit; that it lies beyond the green one is another question."""
    still = replace(read(COHORT, 80, 200, 50), level=Level.RED)
    assert warning(warned([closed(31.2), still], KPIS)[0])
    assert warning(warned([closed(75), still], KPIS)[0]) is None


def test_other_limits_are_no_other_story():
    """The closed ones are held to wider limits: they are green though they took longer than all."""
    wide = replace(CLOSED, green=100.0, red=120.0)
    alone = judge(wide, Figures(HERE, 1000, 1000, 95.0, over=((100.0, 0), (120.0, 0))), FINE, (None, None))
    assert [warning(r) for r in warned([alone, cohort(80)], KPIS | {"fast": wide})] == [None, None]


def test_slices_are_compared_with_themselves():
    there = (("partner", "There"),)
    found = warned([closed(31.2), cohort(312, slice_=there), closed(100, slice_=there), cohort(60)], KPIS)
    assert not [reading for reading in found if warning(reading)]


def test_the_order_of_readings_and_a_second_time_change_nothing():
    readings = [closed(31.2), cohort(312), closed(20, slice_=()), cohort(80, slice_=())]
    there = warned(readings, KPIS)
    assert warned(readings[::-1], KPIS)[::-1] == there
    assert warned(there, KPIS) == there
    assert len([r for r in there if warning(r)]) == 4


def test_without_a_cohort_nothing_is_compared():
    alone = replace(CLOSED, cohort=None)
    readings = [closed(31.2), cohort(312)]
    assert warned(readings, KPIS | {"fast": alone}) == readings
    assert warned(readings[:1], KPIS) == readings[:1]
    assert warned([], KPIS) == []
