"""What is worked out for many readings, days or hours at once is what it would be one by one, in whatever order."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics.deserved import deserved
from analytics.figures import Figures
from analytics.health import FINE
from analytics.history import _cut
from analytics.kpi import Kpi, Limits, Measure
from analytics.master import Master
from analytics.verdict import judge, judged

WINDOW = (None, datetime(2026, 6, 30, tzinfo=UTC))
MEASURES = {
    "share": Measure("share", column="late"),
    "ratio": Measure("ratio", column="numerator", denominator="denominator"),
    "mean": Measure("mean", column="cost"),
    "count": Measure("count", column="open"),
    "quantile": Measure("quantile", column="tat_hours", q=0.9),
}
EDGES = (1.0, 2.0, 3.0, 4.0)


def kpi(shape, *, band=False):
    green, red = ((2.0, 3.0), (1.0, 4.0)) if band else (2.0, 3.0)
    return Kpi(shape, shape, "speed", "repair_orders", MEASURES[shape], "closed_at", 28, "between" if band else "lower",
               green, red, min_n=3, by=(("partner",),))  # fmt: skip


def figures(count=60):
    draw = random.Random(7)
    for number in range(count):
        n = float(draw.choice([0, 1, 2, 5, 40, 400]))
        value = draw.choice([None, draw.uniform(0, 5)]) if n else None
        beyond = tuple((edge, float(draw.randint(0, int(n)))) for edge in EDGES)
        yield Figures((("partner", f"P{number}"),), n, n, value, draw.choice([None, float(draw.randint(0, int(n)))]) or 0.0,
                      n, draw.choice([None, 0.0, 1.5]), beyond, beyond)  # fmt: skip


@pytest.mark.parametrize("band", [False, True])
@pytest.mark.parametrize("shape", MEASURES)
def test_many_readings_are_judged_as_one_by_one(shape, band):
    one = kpi(shape, band=band)
    every = list(figures())
    limits = [Limits(one.green, one.red)] * len(every)
    assert judged(one, every, [FINE] * len(every), WINDOW, limits) == [judge(one, f, FINE, WINDOW) for f in every]


def test_what_is_deserved_does_not_depend_on_the_order():
    share = replace(kpi("share"), green=0.05, red=0.1)
    draw = random.Random(3)
    readings = []
    for number in range(40):
        n = float(draw.choice([30, 40, 300]))
        hits = float(draw.randint(0, int(n / 4)))
        one = Figures((("partner", f"P{number}"),), n, n, hits / n, hits, n)
        readings.append(judge(share, one, FINE, WINDOW))
    nothing = Master({}, (), WINDOW[1])
    expected = {r.slice: r for r in deserved(readings, {"share": share}, nothing)}
    for _ in range(5):
        draw.shuffle(readings)
        found = deserved(readings, {"share": share}, nothing)
        assert [r.slice for r in found] == [r.slice for r in readings]
        assert {r.slice: r for r in found} == expected


@pytest.mark.parametrize(("length", "ripe"), [(28, 0), (7, 3), (2, 2), (1, 0), (3, 5)])
def test_windows_are_cut_where_any_begins_or_ends(length, ripe):
    """A stretch lies in just those windows that begin before it and end after it; windows may be empty."""
    first = datetime(2026, 6, 1)  # noqa: DTZ001  # as the warehouse keeps times
    starts = [first + timedelta(days=day) for day in range(14)]
    windows = [(start, max(start, start + timedelta(days=length - ripe))) for start in starts]
    cuts = sorted({edge for window in windows for edge in window})
    expected = [
        (inside, start, end)
        for start, end in itertools.pairwise(cuts)
        if (inside := tuple(d for d, (a, b) in enumerate(windows) if a <= start and end <= b and a < b))
    ]
    assert list(_cut(windows)) == expected
