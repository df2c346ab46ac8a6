"""Every shape, condition, window and grouping against plain pandas over the same rows, drawn by seed."""

from __future__ import annotations

import pytest
from measured import SHAPES, WHERES, Drawn

from analytics.kpi import OPERATORS

SCENES = {
    # name: (zone, moment, seed, judged at once, or as of two days before the load)
    "berlin_spring_live": ("Europe/Berlin", "2026-03-30T10:00:00+00:00", 1, True),
    "berlin_autumn_as_of": ("Europe/Berlin", "2026-10-26T21:59:30+00:00", 2, False),
    "new_york_spring_as_of": ("America/New_York", "2026-03-09T03:30:00+00:00", 3, False),
    "new_york_autumn_live": ("America/New_York", "2026-11-02T04:30:00+00:00", 4, True),
}
KEYS = [f"k{number}" for number in range(len(SHAPES))] + ["tally", "stock", "shelves"]


@pytest.fixture(scope="module", params=SCENES)
def scene(request, tmp_path_factory):
    zone, moment, seed, live = SCENES[request.param]
    drawn = Drawn(tmp_path_factory.mktemp("scene"), zone, moment, seed, live=live)
    yield drawn, drawn.network.readings(drawn.moment)
    drawn.network.close()


@pytest.mark.parametrize("key", KEYS)
def test_figures(scene, key):
    drawn, readings = scene
    found = {slice_: r for (kpi, slice_), r in readings.items() if kpi == key}
    expected = drawn.expected(key)
    assert set(found) == set(expected)
    for slice_, (n, value, numerator, denominator) in expected.items():
        reading = found[slice_]
        assert reading.n == pytest.approx(n), slice_
        assert reading.value == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), slice_
        if value is not None:
            assert (reading.numerator, reading.denominator) == (pytest.approx(numerator), pytest.approx(denominator)), slice_
            assert (reading.level == "unknown") == (n < drawn.kpis[key]["min_n"]), slice_
        else:
            assert (reading.level, reading.health) == ("unknown", "no_data"), slice_


def test_windows_are_local_days(scene):
    drawn, readings = scene
    for (key, _), reading in readings.items():
        window = drawn.kpis[key]["window"]
        if window != "all":
            assert reading.window == drawn.window(int(window.split()[0]))
    seven = {r.window[1] - r.window[0] for (key, _), r in readings.items() if drawn.kpis[key]["window"] == "7 d"}
    assert {span.total_seconds() / 3600 for span in seven} <= {167.0, 169.0}  # seven days, one of them of 23 or 25 hours


def test_scenes_draw_every_operator():
    used = {name for each in (*WHERES, *(s for shape in SHAPES for s in shape.values() if isinstance(s, dict))) for name in each}
    assert set(OPERATORS) <= used
