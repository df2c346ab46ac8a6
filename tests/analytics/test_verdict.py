"""Levels, evidence, limits and pain of bare figures, against closed forms integrated independently."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from analytics.figures import Figures, pool
from analytics.health import FINE, State
from analytics.kpi import SMALL, Health, Kpi, Level, LimitRule, Measure
from analytics.pain import customers_hurt
from analytics.verdict import evidence, judge, limits_for

WINDOW = (datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 29, tzinfo=UTC))
SHARE, MEAN, SUM, COUNT = (
    Measure("share", "late"),
    Measure("mean", "cost"),
    Measure("sum", "cost"),
    Measure("count", "open"),
)
RATIO, P90 = Measure("ratio", "numerator", denominator="denominator"), Measure("quantile", "tat_hours", q=0.9)
STALE = [State(Health.LATE, "source x is late"), State(Health.DEAD, "source x is dead")]


def kpi(measure=SHARE, better="lower", green=0.05, red=0.10, *, min_n=30, limits=(), unit="%"):
    return Kpi(
        "k",
        "K",
        "speed",
        "repair_orders",
        measure,
        "closed_at",
        28,
        better,
        green,
        red,
        min_n=min_n,
        limits=limits,
        unit=unit,
    )


def share(hits, n, slice_=()):
    return Figures(slice_, n, n, hits / n if n else None, hits, n)


def mean(value, deviation, n, slice_=()):
    return Figures(slice_, n, n, value, deviation=deviation)


def plain(value, n=100):
    return Figures((), n, n, value)


def quantile(value, n, over, under):
    return Figures((), n, n, value, over=tuple(over.items()), under=tuple(under.items()))


def level(k, f, state=FINE):
    return judge(k, f, state, WINDOW).level


# --- levels at the very limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("better", "green", "red", "value", "expected"),
    [
        ("lower", 5, 10, 5, "green"),
        ("lower", 5, 10, math.nextafter(5, 6), "amber"),
        ("lower", 5, 10, 10, "amber"),
        ("lower", 5, 10, math.nextafter(10, 11), "red"),
        ("lower", 0, 0, 0, "green"),
        ("lower", 0, 0, 1, "red"),
        ("lower", 5, 5, 5, "green"),
        ("higher", 10, 5, 10, "green"),
        ("higher", 10, 5, math.nextafter(10, 9), "amber"),
        ("higher", 10, 5, 5, "amber"),
        ("higher", 10, 5, math.nextafter(5, 4), "red"),
        ("higher", -5, -10, -10, "amber"),
        ("higher", -5, -10, -11, "red"),
        ("between", (4, 6), (2, 8), 4, "green"),
        ("between", (4, 6), (2, 8), 6, "green"),
        ("between", (4, 6), (2, 8), math.nextafter(4, 3), "amber"),
        ("between", (4, 6), (2, 8), math.nextafter(6, 7), "amber"),
        ("between", (4, 6), (2, 8), 2, "amber"),
        ("between", (4, 6), (2, 8), 8, "amber"),
        ("between", (4, 6), (2, 8), math.nextafter(2, 1), "red"),
        ("between", (4, 6), (2, 8), math.nextafter(8, 9), "red"),
    ],
)
def test_level_at_the_limits(better, green, red, value, expected):
    assert level(kpi(SUM, better, green, red), plain(value)) == expected


@pytest.mark.parametrize(
    ("hits", "n", "expected"), [(3, 60, "green"), (4, 60, "amber"), (6, 60, "amber"), (12, 60, "red")]
)
def test_shares_at_the_limits(hits, n, expected):
    assert level(kpi(), share(hits, n)) == expected


@pytest.mark.parametrize(("n", "expected"), [(29, Level.UNKNOWN), (30, Level.RED), (31, Level.RED)])
def test_min_n_is_enough(n, expected):
    reading = judge(kpi(), share(n, n), FINE, WINDOW)
    assert reading.level is expected
    assert reading.health is (Health.LOW_SAMPLE if n < 30 else Health.OK)


def test_nothing_to_judge_is_no_data():
    for f in (Figures((), 0, 0, None), Figures((), 12, 0, None)):
        reading = judge(kpi(min_n=0), f, FINE, WINDOW)
        assert (reading.level, reading.health, reading.evidence, reading.pain) == (
            Level.UNKNOWN,
            Health.NO_DATA,
            None,
            0.0,
        )


def test_a_count_of_none_is_green_where_min_n_allows():
    k = kpi(COUNT, green=0, red=0, min_n=0, unit="orders")
    assert level(k, Figures((), 40, 0, 0.0)) == "green"
    assert level(k, Figures((), 40, 1, 1.0)) == "red"
    assert level(replace(k, min_n=30), Figures((), 40, 0, 0.0)) == "unknown"


# --- evidence -----------------------------------------------------------------------------------------------------


def beta_above(hits, n, edge):
    """Integrate the posterior of a share under Jeffreys' prior; substituting sin^2 takes its poles away."""
    a, b = hits + 0.5, n - hits + 0.5

    def log(angle):
        return (2 * a - 1) * math.log(math.sin(angle)) + (2 * b - 1) * math.log(math.cos(angle))

    cut, peak = math.asin(math.sqrt(edge)), math.asin(math.sqrt(a / (a + b)))

    def density(angle):
        return math.exp(log(angle) - log(peak))

    low = integrate.quad(density, 1e-12, cut, limit=500, points=[p for p in [peak] if 1e-12 < p < cut])[0]
    high = integrate.quad(
        density, cut, math.pi / 2 - 1e-12, limit=500, points=[p for p in [peak] if cut < p < math.pi / 2]
    )[0]
    return high / (low + high)


BETAS = [(0, 30, 0.1), (30, 30, 0.9), (3, 60, 0.05), (12, 100, 0.1), (1, 1, 0.5), (40, 400, 0.08)]


@pytest.mark.parametrize(("hits", "n", "edge"), BETAS)
def test_share_evidence_is_the_beta_posterior(hits, n, edge):
    upper = evidence(kpi(), share(hits, n), edge)
    assert upper == pytest.approx(beta_above(hits, n, edge), abs=1e-7)
    assert evidence(kpi(better="higher"), share(hits, n), edge) == pytest.approx(1 - upper, abs=1e-12)


@pytest.mark.parametrize(("hits", "n", "edge"), BETAS)
def test_a_ratio_of_a_part_is_a_share(hits, n, edge):
    assert evidence(kpi(RATIO), share(hits, n), edge) == pytest.approx(evidence(kpi(), share(hits, n), edge))


@pytest.mark.parametrize(
    ("above", "below", "expected"), [(150, 100, 1.0), (-5, 100, 0.0), (105, 100, 0.0), (110, 100, 0.0)]
)
def test_a_ratio_that_is_no_part_is_certain(above, below, expected):
    f = Figures((), 100, below, above / below, above, below)
    assert evidence(kpi(RATIO, red=1.1), f, 1.1) == expected


def test_fractional_parts_have_a_posterior_too():
    f = Figures((), 10, 50.5, 12.5 / 50.5, 12.5, 50.5)
    assert evidence(kpi(RATIO), f, 0.2) == pytest.approx(stats.beta(13, 38.5).sf(0.2))


@pytest.mark.parametrize(
    ("value", "sd", "n", "edge"), [(12, 4, 30, 10), (9, 4, 30, 10), (12, 0.1, 2, 10), (10, 4, 30, 10), (-3, 7, 5, -2)]
)
def test_mean_evidence_is_students_t(value, sd, n, edge):
    upper = evidence(kpi(MEAN), mean(value, sd, n), edge)
    density = stats.t(n - 1).pdf
    area = integrate.quad(density, -np.inf, (value - edge) / (sd / math.sqrt(n)), limit=500)[0]
    assert upper == pytest.approx(area, abs=1e-7)
    assert evidence(kpi(MEAN, "higher"), mean(value, sd, n), edge) == pytest.approx(1 - area, abs=1e-7)


@pytest.mark.parametrize(
    ("better", "value", "expected"),
    [("lower", 10, 0.0), ("higher", 10, 0.0), ("lower", 11, 1.0), ("higher", 11, 0.0), ("higher", 9, 1.0)],
)
def test_a_mean_without_spread_is_certain(better, value, expected):
    assert evidence(kpi(MEAN, better), mean(value, 0.0, 40), 10) == expected


@pytest.mark.parametrize(
    ("better", "green", "red"), [("lower", 5, 10), ("higher", 30, 25), ("between", (5, 10), (4, 11))]
)
def test_the_mean_of_one_row_proves_nothing(better, green, red):
    k = kpi(MEAN, better, green, red, min_n=1)
    assert evidence(k, mean(20, None, 1), k.red) == 0.5
    assert level(k, mean(20, None, 1)) == "amber"


@pytest.mark.parametrize(("over", "n"), [(0, 30), (3, 30), (6, 30), (20, 100), (100, 100)])
def test_quantile_evidence_is_a_beta_on_the_rows_beyond(over, n):
    f = quantile(99, n, {90: over}, {90: n - over})
    assert evidence(kpi(P90, red=90), f, 90) == pytest.approx(beta_above(over, n, 1 - 0.9), abs=1e-7)
    low = Measure("quantile", "tat_hours", q=0.1)
    g = quantile(80, n, {90: n - over}, {90: over})
    assert evidence(kpi(low, "higher", red=90), g, 90) == pytest.approx(beta_above(over, n, 0.1), abs=1e-7)


@pytest.mark.parametrize("measure", [COUNT, SUM])
@pytest.mark.parametrize(
    ("better", "value", "expected"), [("lower", 11, 1), ("lower", 10, 0), ("higher", 10, 0), ("higher", 9, 1)]
)
def test_counts_and_sums_are_certain(measure, better, value, expected):
    assert evidence(kpi(measure, better), plain(value), 10) == expected


def test_a_band_adds_up_both_sides():
    f = share(50, 100)
    k = kpi(better="between", green=(0.45, 0.55), red=(0.4, 0.6))
    posterior = stats.beta(50.5, 50.5)
    assert evidence(k, f, k.red) == pytest.approx(posterior.cdf(0.4) + posterior.sf(0.6))


@given(hits=st.integers(0, 300), rest=st.integers(0, 300), edge=st.floats(0, 1))
def test_evidence_is_a_probability(hits, rest, edge):
    assume(hits + rest)
    for better in ("lower", "higher"):
        assert 0 <= evidence(kpi(better=better), share(hits, hits + rest), edge) <= 1


# --- red must be deserved -----------------------------------------------------------------------------------------


def test_red_needs_evidence():
    seen = {"red": 0, "amber": 0}
    for hits in range(4, 40):
        f = share(hits, 39)
        sure = evidence(kpi(), f, 0.10)
        reading = judge(kpi(), f, FINE, WINDOW)
        assert reading.level == ("red" if sure >= 0.8 else "amber")
        assert reading.evidence == sure
        assert ("small sample" in reading.reason) == (sure < 0.8)
        seen[reading.level.value] += 1
    assert min(seen.values()) > 0


@pytest.mark.parametrize("state", STALE, ids=["late", "dead"])
@pytest.mark.parametrize(
    ("hits", "before", "after"),
    [(0, "green", "unknown"), (7, "amber", "unknown"), (11, "amber", "unknown"), (60, "red", "red")],
)
def test_bad_health_hides_nothing(state, hits, before, after):
    f = share(hits, 100)
    assert level(kpi(), f) == before
    reading = judge(kpi(), f, state, WINDOW)
    assert (reading.level, reading.health) == (after, state.health)
    assert reading.stale == (after == "red")
    assert state.reason.lower() in reading.reason.lower()
    assert not judge(kpi(), f, FINE, WINDOW).stale


@given(
    hits=st.integers(0, 200), n=st.integers(1, 200), min_n=st.integers(0, 250), state=st.sampled_from([FINE, *STALE])
)
def test_too_small_a_sample_is_unknown(hits, n, min_n, state):
    assume(hits <= n)
    found = level(kpi(min_n=min_n), share(hits, n), state)
    assert (found is Level.UNKNOWN) or n >= min_n
    assert found is not Level.GREEN or state is FINE


# --- limits -------------------------------------------------------------------------------------------------------

RULES = (
    LimitRule((("partner", "X"), ("product", "P")), red=0.4),
    LimitRule((("country", "IN"),), red=0.15),
    LimitRule((("partner", "X"),), green=0.2, red=0.3),
)


@pytest.mark.parametrize(
    ("slice_", "green", "red", "origin"),
    [
        ((), 0.05, 0.10, "kpi.k"),
        ((("country", "DE"),), 0.05, 0.10, "kpi.k"),
        ((("country", "IN"),), 0.05, 0.15, "country = IN"),
        ((("partner", "X"),), 0.2, 0.3, "partner = X"),
        ((("partner", "X"), ("product", "P")), 0.2, 0.4, "partner = X, product = P"),
        ((("partner", "X"), ("product", "Q")), 0.2, 0.3, "partner = X"),
        ((("partner", "Y"), ("product", "P")), 0.05, 0.10, "kpi.k"),
        ((("country", "in"),), 0.05, 0.10, "kpi.k"),
    ],
)
def test_the_most_specific_limit_wins(slice_, green, red, origin):
    limits, said = limits_for(kpi(limits=RULES), slice_)
    assert (limits.green, limits.red) == (green, red)
    assert said.endswith(origin)


def test_a_slice_is_judged_by_its_own_limits():
    k = kpi(limits=RULES)
    assert judge(k, share(25, 100, (("country", "DE"),)), FINE, WINDOW).level == "red"
    assert judge(k, share(25, 100, (("partner", "X"),)), FINE, WINDOW).level == "amber"
    assert judge(k, share(15, 100, (("partner", "X"),)), FINE, WINDOW).limits.red == 0.3


# --- pain ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "f", "green", "expected"),
    [
        (kpi(), share(31, 340), 0.05, 14.0),
        (kpi(better="higher"), share(250, 340), 0.95, 73.0),
        (kpi(), share(5, 100), 0.05, 0.0),
        (kpi(RATIO), share(31, 340), 0.05, 14.0),
        (kpi(COUNT), plain(12, 12), 5, 7.0),
        (kpi(COUNT, "higher"), plain(3, 3), 5, 2.0),
        (kpi(P90), quantile(100, 200, {72: 50}, {72: 150}), 72, 30.0),
        (kpi(Measure("quantile", "x", q=0.1), "higher"), quantile(50, 200, {72: 150}, {72: 50}), 72, 30.0),
        (kpi(MEAN), mean(120, 5, 40), 100, 8.0),
        (kpi(MEAN), mean(900, 5, 40), 100, 40.0),
        (kpi(MEAN, "higher"), mean(4.4, 5, 40), 5.5, 8.0),
        (kpi(SUM), plain(150), 100, 50.0),
        (kpi(better="between"), share(10, 100), (0.2, 0.4), 10.0),
        (kpi(better="between"), share(50, 100), (0.2, 0.4), 10.0),
        (kpi(better="between"), share(30, 100), (0.2, 0.4), 0.0),
    ],
)
def test_pain_counts_customers_beyond_green(k, f, green, expected):
    assert customers_hurt(k, f, green) == pytest.approx(expected)


def test_only_what_is_drawn_hurts():
    assert judge(kpi(), share(60, 100), FINE, WINDOW).pain == pytest.approx(55)
    assert judge(kpi(), share(60, 100), STALE[0], WINDOW).pain == pytest.approx(55)
    assert judge(kpi(), share(7, 100), FINE, WINDOW).pain == pytest.approx(2)
    assert judge(kpi(), share(7, 100), STALE[0], WINDOW).pain == 0
    assert judge(kpi(), share(7, 10), FINE, WINDOW).pain == 0


# --- laws ---------------------------------------------------------------------------------------------------------

WORSE = {Level.GREEN: 0, Level.AMBER: 1, Level.RED: 2}
finite = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 6))


@given(better=st.sampled_from(["lower", "higher"]), n=st.integers(30, 400), data=st.data())
def test_a_worse_share_is_never_a_better_level(better, n, data):
    first, second = sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))), reverse=better == "higher")
    k = kpi(better=better, green=0.4, red=0.6) if better == "lower" else kpi(better=better, green=0.6, red=0.4)
    assert WORSE[level(k, share(first, n))] <= WORSE[level(k, share(second, n))]
    assert evidence(k, share(first, n), k.red) <= evidence(k, share(second, n), k.red) + 1e-12


@given(
    better=st.sampled_from(["lower", "higher"]),
    values=st.tuples(finite, finite),
    sd=st.floats(0, 1e3),
    n=st.integers(30, 400),
)
def test_a_worse_mean_is_never_a_better_level(better, values, sd, n):
    first, second = sorted(values, reverse=better == "higher")
    k = kpi(MEAN, better, *((100, 200) if better == "lower" else (200, 100)))
    assert WORSE[level(k, mean(first, sd, n))] <= WORSE[level(k, mean(second, sd, n))]
    assert customers_hurt(k, mean(first, sd, n), k.green) <= customers_hurt(k, mean(second, sd, n), k.green) + 1e-9


@given(distance=st.tuples(st.floats(0, 50), st.floats(0, 50)), side=st.sampled_from([-1, 1]), n=st.integers(30, 90))
def test_farther_out_of_a_band_is_never_a_better_level(distance, side, n):
    first, second = sorted(distance)
    k = kpi(SUM, "between", (45, 55), (40, 60))
    assert WORSE[level(k, plain(50 + side * first, n))] <= WORSE[level(k, plain(50 + side * second, n))]


@settings(max_examples=200)
@given(
    factor=st.sampled_from([2.0**p for p in range(-10, 11)]),
    value=finite,
    sd=st.floats(0.001, 1e3),
    n=st.integers(1, 200),
    limits=st.tuples(finite, finite),
    better=st.sampled_from(["lower", "higher"]),
    measure=st.sampled_from([MEAN, SUM]),
)
def test_scaling_units_scales_readings(*, factor, value, sd, n, limits, better, measure):
    """Minutes instead of hours change no level, no evidence and no pain; powers of two scale without rounding."""
    green, red = sorted(limits, reverse=better == "higher")
    small = judge(kpi(measure, better, green, red), mean(value, sd, n), FINE, WINDOW)
    large = judge(
        kpi(measure, better, green * factor, red * factor), mean(value * factor, sd * factor, n), FINE, WINDOW
    )
    assert large.value == value * factor
    assert (large.level, large.health) == (small.level, small.health)
    assert large.evidence == pytest.approx(small.evidence, abs=1e-9)
    assert large.pain == pytest.approx(small.pain, abs=1e-6)


# --- pools --------------------------------------------------------------------------------------------------------


@given(
    groups=st.lists(
        st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), min_size=1, max_size=6), min_size=2, max_size=6
    )
)
def test_pooled_means_are_those_of_all_rows(groups):
    small = [
        mean(float(np.mean(g)), float(np.std(g, ddof=1)) if len(g) > 1 else None, len(g), (("partner", str(i)),))
        for i, g in enumerate(groups)
    ]
    pooled = pool(kpi(MEAN), small, ("partner",))
    every = np.concatenate(groups)
    assert pooled.n == len(every)
    assert pooled.value == pytest.approx(every.mean(), abs=1e-9)
    assert pooled.deviation == pytest.approx(every.std(ddof=1), abs=1e-6)
    assert pooled.slice == (("partner", SMALL),)


def test_pooled_shares_add_up():
    pooled = pool(kpi(), [share(1, 5), share(4, 9), share(0, 3)], ("product", "partner"))
    assert (pooled.numerator, pooled.denominator, pooled.n, pooled.value) == (5, 17, 17, 5 / 17)
    assert pooled.slice == (("partner", SMALL), ("product", SMALL))


def test_one_slice_alone_is_no_pool():
    assert pool(kpi(), [share(1, 5)], ("partner",)) is None
    assert pool(kpi(), [share(1, 5), Figures((), 0, 0, None)], ("partner",)) is None
