"""Every shape, condition, window and grouping against plain pandas over the same rows, drawn by seed."""

from __future__ import annotations

import pytest
from measured import SHAPES, WHERES, Drawn
from small_network import Network, cases

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
            assert (reading.numerator, reading.denominator) == (pytest.approx(numerator), pytest.approx(denominator)), (
                slice_
            )
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
    assert {span.total_seconds() / 3600 for span in seven} <= {
        167.0,
        169.0,
    }  # seven days, one of them of 23 or 25 hours


def test_scenes_draw_every_operator():
    used = {
        name
        for each in (*WHERES, *(s for shape in SHAPES for s in shape.values() if isinstance(s, dict)))
        for name in each
    }
    assert set(OPERATORS) <= used


ROUND = """
[kpi.{shape}]
title = "Rounded"
family = "cost"
fact = "repair_orders"
measure = {measure}
day = "received_at"
by = [["partner"]]
better = "{better}"
green = {limit}
red = {limit}
min_n = 30
unit = "EUR"
"""


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_the_noise_of_floats_is_beyond_no_limit(tmp_path, better):
    """Thirty times 0.1 adds up to 3.0000000000000013, and twice ten of them to a mean of 0.10000000000000003."""
    rows = [
        {"order_id": f"{p}{n}", "partner": p, "cost": "0.1", "steps": "1", "received": "2026-06-20"}
        for p, count in (("A", 30), ("B", 10), ("C", 10))
        for n in range(count)
    ]
    measures = {
        "mean": ('{ mean = "cost" }', 0.1),
        "sum": ('{ sum = "cost" }', 3),
        "ratio": ('{ ratio = ["cost", "steps"] }', 0.1),
    }
    kpis = "".join(
        ROUND.format(shape=shape, measure=measure, limit=limit, better=better)
        for shape, (measure, limit) in measures.items()
    )
    body = cases(
        "repair_orders",
        ["order_id", "partner", "cost"],
        ["received"],
        extra='[source.extra]\nsteps = { column = "steps", type = "number" }',
    )
    network = Network(tmp_path, {"orders": (body, rows)}, kpis)
    found = network.readings()
    for key in ("mean", "sum", "ratio"):
        assert found[key, (("partner", "A"),)].level == "green"
        assert found[key, (("partner", "B"),)].level == "unknown"
    assert found["mean", ()].value == 0.1
    assert found["sum", ()].value == 5
    network.close()
