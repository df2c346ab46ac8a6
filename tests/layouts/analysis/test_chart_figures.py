from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from layouts.analysis import charts
from layouts.analysis.chance import by_chance
from layouts.words import spoken


def place(hits, n, level="green", name="P", unit="%"):
    return {
        "value": hits / n if n else None, "numerator": hits, "denominator": n, "unit": unit, "level": level, "slice": {"partner": name},
    }  # fmt: skip


def test_where_peers_differ_by_chance_alone_the_funnel_is_that_of_the_binomial_distribution():
    n = np.array([50, 100, 200, 400, 800, 1600] * 10, dtype=float)
    hits = np.round(n * 0.2)
    limits = charts.funnel_limits(hits, n)
    at = int(np.argmin(abs(limits["n"] - 400)))
    size = limits["n"][at]
    exact = [stats.binom.ppf(p, round(size), 0.2) / size for p in (0.025, 0.975, 0.001, 0.999)]
    found = [limits[key][at] for key in ("low_warn", "high_warn", "low_alarm", "high_alarm")]
    assert limits["middle"][at] == pytest.approx(0.2, abs=0.003)
    assert found == pytest.approx(exact, abs=0.006)


def test_the_funnel_widens_where_peers_differ_beyond_chance_and_narrows_with_the_sample():
    n = np.full(40, 500.0)
    alike = charts.funnel_limits(np.full(40, 100.0), n)
    spread = charts.funnel_limits(np.linspace(50, 150, 40).round(), n)
    assert spread["high_alarm"][0] > alike["high_alarm"][0]
    mixed = charts.funnel_limits(np.array([10.0, 20, 200]), np.array([50.0, 100, 1000]))
    width = mixed["high_warn"] - mixed["low_warn"]
    assert (np.diff(width) < 0).all()


def test_only_shares_make_a_funnel_and_three_places_are_needed():
    assert charts.is_funnel([place(1, 10), place(2, 10), place(3, 10)])
    assert not charts.is_funnel([place(1, 10), place(2, 10)])
    assert not charts.is_funnel([place(1, 10, unit="h")] * 3)
    assert not charts.is_funnel([place(20, 10)] * 3)  # more than the whole is no share


def test_what_is_unknown_is_no_peer_and_stands_neither_better_nor_worse():
    peers = [place(30, 400, name=str(number)) for number in range(10)]
    blind = place(0, 400, "unknown", "blind")
    assert not charts.is_funnel([blind] * 5)
    chance = by_chance([*peers, blind])
    assert "blind" not in chance.standing
    figures = [
        charts.funnel(each, [""] * len(each), mine=None, dark=True)["data"][2]["y"][0]
        for each in (peers, [*peers, blind])
    ]
    assert figures[0] == figures[1]


def test_a_funnel_names_levels_by_shape_and_word_and_marks_the_place_it_is_about():
    peers = [place(5, 100, name="A"), place(30, 100, "red", "B"), place(9, 100, "amber", "C")]
    figure = charts.funnel(peers, ["A", "B", "C"], mine=(("partner", "B"),), dark=True)
    dots = {trace["name"]: trace for trace in figure["data"] if trace["mode"] == "markers"}
    assert {name: trace["marker"]["symbol"] for name, trace in dots.items()} == {
        "Green": "circle",
        "Red": "square",
        "Amber": "diamond",
    }
    assert dots["Red"]["marker"]["size"] == [16]
    assert dots["Green"]["marker"]["size"] == [9]
    assert dots["Red"]["y"] == [30.0]


POINTS = [
    {
        "day": "2026-11-01",
        "value": None,
        "n": 0,
        "centre": None,
        "low": None,
        "high": None,
        "signal": None,
        "improving": None,
    },
    {
        "day": "2026-11-02",
        "value": 0.1,
        "n": 9,
        "centre": 0.1,
        "low": 0.0,
        "high": 0.2,
        "signal": None,
        "improving": None,
    },
    {
        "day": "2026-11-03",
        "value": 0.4,
        "n": 9,
        "centre": 0.1,
        "low": 0.0,
        "high": 0.2,
        "signal": "beyond the limits of chance",
        "improving": False,
    },
]


def drawn(**chart):
    figure = charts.control_chart(
        {"kind": "p", "of": None, "points": POINTS, **chart}, unit="%", dark=False, title="Late"
    )
    return {trace["name"]: trace for trace in figure["data"]}, figure["layout"]


def test_a_control_chart_begins_with_the_first_figure_and_shows_percentages_of_shares():
    traces, layout = drawn(limits={"green": 0.05, "red": [0.02, 0.3]})
    assert traces["Late"]["x"] == ["2026-11-02", "2026-11-03"]
    assert traces["Late"]["y"] == [10.0, 40.0]
    assert traces["Green limit"]["y"] == [5.0, 5.0]
    assert traces["Red limit"]["y"] == [30.0, 30.0]
    assert layout["yaxis"]["ticksuffix"] == " %"


def test_a_day_with_a_signal_has_a_shape_of_its_own_and_says_why():
    traces, _ = drawn(limits={})
    assert traces["Late"]["marker"]["symbol"] == ["circle", "square"]
    assert traces["Late"]["customdata"] == ["no signal", "beyond the limits of chance"]
    assert "Red limit" not in traces


def test_charts_write_numbers_and_days_as_their_reader_does():
    with spoken("de"):
        _, layout = drawn(limits={})
    assert layout["separators"] == ",."
    assert layout["xaxis"]["tickformat"] == "%-d.%-m."
