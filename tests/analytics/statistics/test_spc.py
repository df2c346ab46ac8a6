"""Control charts against published limits, tables worked out by hand, laws, and false alarms counted in simulated series."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.statistics.change import RARE, latest_counts, latest_means, latest_shares
from analytics.statistics.cusum import cusum
from analytics.statistics.season import Calendar
from analytics.statistics.signals import Signal, assurance, in_words, read, variation
from analytics.statistics.spc import guarded, p_chart, u_chart, xmr

SPC = Path(__file__).parents[4] / "shared" / "datasets" / "spc"
needs_datasets = pytest.mark.skipif(
    not SPC.is_dir() and os.environ.get("CI") != "true", reason=f"the data sets are not at {SPC}"
)
BEYOND, TWO, RUN, TREND = Signal.BEYOND, Signal.TWO_OF_THREE, Signal.RUN, Signal.TREND
SERIES, DAYS = 6000, 60
BASELINE = np.arange(DAYS) < 46


def table(name):
    with (SPC / name).open() as file:
        rows = list(csv.DictReader(file))
    return {column: [row[column] for row in rows] for column in rows[0]}


def numbers(found, column):
    return np.array(found[column], float)


def random(seed=4):
    return np.random.default_rng(seed)


# published limits


@needs_datasets
@pytest.mark.parametrize(
    ("name", "chart"),
    [
        ("individuals", lambda rows: xmr(numbers(rows, "cost"), baseline=np.arange(40) < 20)),
        ("p", lambda rows: p_chart(numbers(rows, "count"), numbers(rows, "size"), laney=False)),
        ("u", lambda rows: u_chart(numbers(rows, "count"), numbers(rows, "size"), laney=False)),
    ],
)
def test_published_limits_and_signals(name, chart):
    found, expected = chart(table(f"{name}_input.csv")), table(f"{name}_expected.csv")
    for column, values in (("cl", found.centre), ("lcl", found.lower), ("ucl", found.upper), ("y", found.values)):
        np.testing.assert_allclose(values, numbers(expected, column), rtol=1e-12, atol=0, err_msg=column)
    signalled = [text == "True" for text in expected["sigma.signal"]]
    assert list(found.signals & BEYOND > 0) == signalled
    assert sum(signalled) == {"individuals": 2, "p": 1, "u": 0}[name]


@needs_datasets
def test_other_rules_on_the_published_individuals():
    found = xmr(numbers(table("individuals_input.csv"), "cost"), baseline=np.arange(40) < 20)
    # the last six lie above 300.5, one too few for a run; the last two lie beyond the upper limit
    assert not (found.signals & (RUN | TREND)).any()
    assert found.signals[-1] == BEYOND | TWO
    assert list(found.side[-2:]) == [1, 1]


# tables by hand


def test_xmr_by_hand():
    found = xmr([10.0, 12.0] * 6)
    assert found.centre[0] == 11
    assert found.upper[0] == pytest.approx(11 + 3 * 2 / 1.128)
    assert found.lower[0] == pytest.approx(11 - 3 * 2 / 1.128)
    assert found.z[0] == pytest.approx(-1.128 / 2)


def test_a_moving_range_beyond_3_267_times_their_mean_is_left_out():
    # ranges: eleven of 2 and one of 100; their mean is 122 / 12 = 10.2, of which 3.267 times is 33.2
    found = xmr([*[10.0, 12.0] * 6, 112.0])
    assert found.sigma[0] == pytest.approx(2 / 1.128)
    assert found.centre[0] == pytest.approx(244 / 13)


def test_days_without_data_are_passed_over():
    full = xmr([10.0, 12.0] * 6)
    gaps = xmr(np.insert([10.0, 12.0] * 6, [3, 3, 9, 12], np.nan))
    known = ~np.isnan(gaps.values)
    for name in ("centre", "upper", "lower", "z", "signals", "side"):
        np.testing.assert_array_equal(getattr(gaps, name)[known], getattr(full, name), err_msg=name)
    assert np.isnan(gaps.upper[~known]).all() and not gaps.signals[~known].any()


def test_laneys_correction_by_hand():
    # p = 120 / 1200 = 0.1; each z is (0.1 +- 0.06 - 0.1) / sqrt(0.1 * 0.9 / 100) = +-2, so each moving range is 4
    found = p_chart([4.0, 16.0] * 6, 100.0)
    assert found.dispersion == pytest.approx(4 / 1.128)
    assert found.upper[0] == pytest.approx(0.1 + 3 * 0.03 * 4 / 1.128)
    assert found.lower[0] == 0
    # u = 4 / 1; z = (4 +- 4 - 4) / 2 = +-2
    assert u_chart([0.0, 8.0] * 6, 1.0).dispersion == pytest.approx(4 / 1.128)


def test_limits_narrower_than_the_draw_itself_are_laneys_own_and_not_the_default():
    events = [9.0, 11.0] * 6  # z = +-1/3
    assert p_chart(events, 100.0).dispersion == 1
    assert p_chart(events, 100.0, least=0.0).dispersion == pytest.approx(2 / 3 / 1.128)


def test_a_factor_of_the_season_moves_the_centre_and_the_spread_of_its_day():
    factors = np.array([0.5, 1.5] * 6)
    found = p_chart(20 * factors, 100.0, factors=factors)
    assert found.centre[:2] == pytest.approx([0.1, 0.3])
    assert found.upper[:2] == pytest.approx([0.1 + 3 * 0.03, 0.3 + 3 * np.sqrt(0.3 * 0.7 / 100)])
    assert found.z == pytest.approx(np.zeros(12))


@pytest.mark.parametrize("values", [[1.0] * 11, [], [np.nan] * 30, [5.0, 6.0, np.nan] * 5])
def test_fewer_than_12_points_give_no_limits(values):
    found = xmr(np.array(values, float))
    assert np.isnan(found.upper).all() and not found.signals.any()


def test_without_spread_nothing_stands_out():
    values = np.append(np.full(20, 0.1), 5.0)
    found = xmr(values, baseline=np.arange(21) < 20)
    assert not found.signals.any()
    assert np.isnan(found.z[-1]) and found.z[0] == 0
    latest = latest_means(np.append(np.full(46, 0.1), np.full(14, 5.0)))
    assert not latest.judged and latest.variation("lower").item() is None


# the rules


@pytest.mark.parametrize(
    ("z", "signals", "side"),
    [
        ([0.1, 3.1], BEYOND, 1),
        ([0.1, -3.1], BEYOND, -1),
        ([0.1, 3.0], 0, 0),
        ([2.1, 0.5, 2.1], TWO, 1),
        ([-2.1, -2.1], 0, 0),  # three points it takes
        ([-0.1, -2.1, -2.1], TWO, -1),
        ([-0.1, 2.1, 2.1], 0, 0),  # all three on one side, as the NHS has it
        ([2.1, 2.1, 0.5], 0, 0),  # the last one itself must be far out
        ([3.1, 0.5, 2.1], TWO, 1),  # farther out than two thirds is also beyond a limit
        ([2.1, 0.5, 3.1], BEYOND | TWO, 1),
        ([0.5, 0.4, 0.5, 0.4, 0.5, 0.4, 0.5], RUN, 1),
        ([-0.5, -0.4, -0.5, -0.4, -0.5, -0.4, -0.5], RUN, -1),
        ([0.5, 0.4, 0.5, 0.4, 0.5, 0.4], 0, 0),
        ([0.5, 0.4, 0.5, 0.0, 0.5, 0.4, 0.5], 0, 0),  # on the centre is on no side
        ([-0.6, -0.4, -0.2, 0.1, 0.2, 0.4, 0.6], TREND, 1),
        ([0.6, 0.4, 0.2, 0.1, -0.2, -0.4, -0.6], TREND, -1),
        ([-0.6, -0.4, -0.2, -0.2, 0.2, 0.4, 0.6], 0, 0),  # equal points do not rise
        ([-0.4, -0.2, 0.1, 0.2, 0.4, 0.6], 0, 0),
        ([-0.7, -0.6, -0.5, -0.4, -0.3, -0.2, -0.1], RUN | TREND, -1),  # the level speaks and not the slope
        ([-0.6, -0.4, np.nan, -0.2, 0.1, 0.2, 0.4, np.nan, 0.6], TREND, 1),
    ],
)
def test_rules(z, signals, side):
    z = np.array(z)
    found, sides = read(z, z)
    assert (found[-1], sides[-1]) == (signals, side)


def test_a_pattern_is_signalled_from_the_point_that_completes_it():
    found, _ = read(*[np.array([-0.1, *[0.5, 0.4] * 4, -0.1])] * 2)
    assert [bool(each) for each in found & RUN] == [False] * 7 + [True, True, False]


def test_signals_in_words():
    assert in_words(0) == ""
    assert in_words(BEYOND | RUN) == "beyond the limits of chance, 7 days in a row on one side of the average"
    assert all(in_words(signal) for signal in Signal)


@pytest.mark.parametrize(
    ("side", "better", "expected"),
    [
        (1, "lower", "worsening"),
        (-1, "lower", "improving"),
        (1, "higher", "improving"),
        (-1, "higher", "worsening"),
        (0, "lower", "common cause"),
        (0, "higher", "common cause"),
    ],
)
def test_variation(side, better, expected):
    assert variation(side, better).item() == expected


@pytest.mark.parametrize(
    ("value", "centre", "expected"),
    [(9, 5, "worsening"), (1, 5, "worsening"), (5, 9, "improving"), (1, 9.5, "improving")],
)
def test_variation_in_between(value, centre, expected):
    side = np.sign(value - centre)
    assert variation(side, "between", value=value, centre=centre, band=(4, 6)).item() == expected


@pytest.mark.parametrize(
    ("lower", "upper", "limit", "better", "expected"),
    [
        (2, 4, 5, "lower", "will meet"),
        (2, 4, 4, "lower", "will meet"),  # at the limit is good
        (2, 4, 3, "lower", "may or may not meet"),
        (2, 4, 2, "lower", "may or may not meet"),
        (2, 4, 1, "lower", "will not meet"),
        (2, 4, 1, "higher", "will meet"),
        (2, 4, 3, "higher", "may or may not meet"),
        (2, 4, 5, "higher", "will not meet"),
        (2, 4, (1, 5), "between", "will meet"),
        (2, 4, (3, 5), "between", "may or may not meet"),
        (2, 4, (5, 6), "between", "will not meet"),
        (2, 4, (0, 1), "between", "will not meet"),
        (np.nan, np.nan, 1, "lower", None),
    ],
)
def test_assurance(lower, upper, limit, better, expected):
    assert assurance(lower, upper, limit, better).item() == expected


# rare events


def test_sums_of_counts_by_hand():
    # baseline 10 events in 20 days and half a one: 0.525 a day; each day adds x ln 2 - 0.525
    events = [0.0, 1.0] * 10 + [2.0, 2.0, 0.0]
    found = cusum(events, 1.0, shape="count", baseline=np.arange(23) < 20, guard=0.0)
    step = np.log(2)
    assert found.rising[0] == 0
    assert found.rising[1] == pytest.approx(step - 0.525)
    assert found.rising[2] == 0
    before = found.rising[19]
    assert found.rising[-3:] == pytest.approx(before + np.cumsum([2 * step - 0.525, 2 * step - 0.525, -0.525]))
    assert found.rate == 0.5


def test_sums_of_shares_by_hand():
    # baseline 4.5 of 200: each day adds x ln 2 - 10 ln(1 + 0.0225)
    events = [1.0, 0, 0, 0, 0] * 4 + [1.0]
    found = cusum(events, 10.0, shape="share", baseline=np.arange(21) < 20, guard=0.0)
    assert found.rising[0] == pytest.approx(np.log(2) - 10 * np.log1p(0.0225))
    assert found.falling[1] == pytest.approx(-10 * np.log1p(-0.0225 / 2))


def test_a_change_dates_from_the_day_the_sum_left_nothing():
    events = np.array([0.0, 1.0, 0.0, 0.0] * 12 + [0.0, 3.0, 2.0, 3.0, 3.0])
    found = cusum(events, 1.0, shape="count", baseline=np.arange(53) < 48)
    assert found.side[-1] == 1
    assert found.since[-1] == 49
    assert found.since[48] == -1


@pytest.mark.parametrize("rate", [0.1, 0.3, 1.0, 3.0])
def test_false_alarms_of_rare_events_stay_below_what_is_promised(rate):
    found = latest_counts(random().poisson(rate, (SERIES, DAYS)).astype(float))
    assert (found.chart == "cusum").all()
    assert (found.side > 0).mean() <= 0.01
    assert (found.side < 0).mean() <= 0.01


def test_a_rate_that_tripled_is_found_within_two_weeks():
    rates = np.where(BASELINE, 0.6, 1.8)
    found = latest_counts(random().poisson(rates, (SERIES, DAYS)).astype(float))
    assert (found.variation("lower") == "worsening").mean() > 0.8
    assert np.median(found.since[found.side > 0]) == pytest.approx(46, abs=2)


def test_zero_events_prove_nothing():
    events = np.zeros((1, DAYS))
    for size, expected in ((1.0, "may or may not meet"), (3.0, "will meet")):
        found = latest_shares(events, np.full((1, DAYS), size), window=28)
        assert found.side.item() == 0
        assert found.assurance(0.05, "lower").item() == expected
    single = np.zeros((1, DAYS))
    single[0, -1] = 1
    assert latest_shares(single, np.full((1, DAYS), 10.0)).variation("lower").item() == "common cause"


# false alarms


@pytest.mark.parametrize("days", [24, 30, 60])
def test_the_latest_point_in_control_signals_on_about_1_6_percent_of_days(days):
    found = xmr(random().normal(size=(20_000, days)))
    assert (found.side[:, -1] != 0).mean() == pytest.approx(0.016, abs=0.003)


def test_held_out_days_cost_some_false_alarms():
    found = latest_means(random().normal(size=(20_000, DAYS)))
    assert (found.side != 0).mean() == pytest.approx(0.029, abs=0.004)


@pytest.mark.parametrize("rate", [RARE * 1.5, 20.0, 100.0])
def test_false_alarms_of_counts(rate):
    found = latest_counts(random().poisson(rate, (SERIES, DAYS)).astype(float))
    assert (found.chart == "u").mean() > 0.95
    assert (found.side != 0).mean() < 0.035


def test_overdispersed_shares_need_laneys_correction():
    generator = random()
    sizes = generator.integers(100, 400, (SERIES, DAYS)).astype(float)
    events = generator.binomial(sizes.astype(int), generator.beta(10, 90, (SERIES, DAYS))).astype(float)
    without = p_chart(events, sizes, baseline=BASELINE, laney=False)
    assert (without.signals[:, -1] & BEYOND > 0).mean() > 0.05
    assert (latest_shares(events, sizes).signals & BEYOND > 0).mean() < 0.015


def test_a_jump_is_found():
    values = random().normal(size=(SERIES, DAYS))
    values[:, -3:] += 3
    assert (latest_means(values).variation("lower") == "worsening").mean() > 0.8


# dependence on the day before


def depending(strength, seed=4):
    noise = random(seed).normal(size=(SERIES, DAYS))
    for day in range(1, DAYS):
        noise[:, day] = strength * noise[:, day - 1] + np.sqrt(1 - strength**2) * noise[:, day]
    return noise


def test_dependence_on_the_day_before_is_told_and_guarded_against():
    values = depending(0.5)
    chart = xmr(values)
    assert chart.autocorrelated.mean() > 0.85
    assert (chart.side[:, -1] != 0).mean() == pytest.approx(0.13, abs=0.03)  # what it is warned of
    found = latest_means(values)
    assert (found.side != 0).mean() < 0.03
    assert found.autocorrelation.mean() == pytest.approx(0.5, abs=0.1)


def test_independent_days_are_seldom_warned_of():
    assert xmr(random().normal(size=(SERIES, DAYS))).autocorrelated.mean() < 0.06


def test_guarded_limits_have_the_spread_of_the_points():
    chart = guarded(xmr(depending(0.8)))
    assert chart.sigma[chart.autocorrelated].mean() == pytest.approx(1, abs=0.2)


# many at once


def mixed(seed=7):
    generator = random(seed)
    sizes = generator.integers(0, 120, (40, DAYS)).astype(float)
    rates = generator.choice([0.005, 0.03, 0.3, 0.97], (40, 1))
    events = generator.binomial(sizes.astype(int), rates).astype(float)
    events[generator.random(events.shape) < 0.1] = np.nan
    days = Calendar(np.arange(DAYS) % 7, generator.random((40, DAYS)) < 0.05)
    return events, sizes, days


def assert_same(found, expected, which=slice(None)):
    for name in found.__dataclass_fields__:
        left, right = getattr(found, name), np.asarray(getattr(expected, name)[which])
        if right.dtype.kind in "fc":
            np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(left, right, err_msg=name)


def test_many_series_are_read_as_each_is_alone():
    events, sizes, days = mixed()
    for reader in (latest_shares, latest_counts):
        together = reader(events, sizes, days, window=28)
        assert set(together.chart) > {"cusum"}
        for i in range(len(events)):
            alone = reader(events[i], sizes[i], Calendar(days.weekdays, days.holidays[i]), window=28)
            assert_same(alone, together, i)
    values = events / np.where(sizes > 0, sizes, np.nan)
    together = latest_means(values, days)
    for i in range(len(events)):
        assert_same(latest_means(values[i], Calendar(days.weekdays, days.holidays[i])), together, i)


def test_no_series_give_no_readings():
    assert latest_means(np.empty((0, DAYS))).side.shape == (0,)
    assert latest_shares(np.empty((0, DAYS)), np.empty((0, DAYS))).side.shape == (0,)


def test_a_series_without_data_is_not_judged():
    for found in (
        latest_means(np.full(DAYS, np.nan)),
        latest_shares(np.full(DAYS, np.nan), 10.0),
        latest_counts([np.nan] * 20),
    ):
        assert (found.day, found.since, found.side) == (-1, -1, 0)
        assert not found.judged
        assert found.variation("lower").item() is None and found.assurance(1.0, "lower").item() is None


def test_a_share_and_its_complement_are_judged_alike():
    events, sizes, days = mixed()
    one, other = latest_shares(events, sizes, days), latest_shares(sizes - events, sizes, days)
    np.testing.assert_array_equal(one.side, -other.side)
    np.testing.assert_array_equal(one.variation("lower"), other.variation("higher"))
    np.testing.assert_allclose(one.lower, 1 - other.upper, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(one.assurance(0.05, "lower"), other.assurance(0.95, "higher"))


def test_signals_date_from_their_first_day():
    values = np.append(np.tile([9.0, 11.0], 26), [11, 9, 20, 20, 20, np.nan, 20, 20])
    found = latest_means(values)
    assert (found.day, found.since, found.side) == (59, 54, 1)


def test_a_figure_over_a_window_is_surer_than_one_of_a_day():
    values = random().normal(10, 1, DAYS)
    assert latest_means(values).assurance(12.0, "lower").item() == "may or may not meet"
    assert latest_means(values, window=28).assurance(12.0, "lower").item() == "will meet"


# laws

lists = st.lists(st.integers(-50, 50), min_size=12, max_size=60).map(lambda each: np.array(each, float))


@given(lists, st.integers(-8, 8))
def test_scaling_units_scales_limits(values, power):
    factor = 2.0**power  # exact, so that ties stay ties
    one, other = xmr(values), xmr(values * factor)
    np.testing.assert_allclose(other.upper, one.upper * factor)
    np.testing.assert_allclose(other.lower, one.lower * factor)
    np.testing.assert_array_equal(one.signals, other.signals)
    np.testing.assert_array_equal(xmr(-values).side, -one.side)


@given(lists, st.integers(-1000, 1000))
def test_shifting_values_shifts_limits(values, by):
    one, other = xmr(values), xmr(values + by)
    np.testing.assert_allclose(other.upper, one.upper + by, atol=1e-9)
    np.testing.assert_array_equal(one.signals, other.signals)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(20, 50)), min_size=12, max_size=40), st.data())
def test_the_order_of_equal_points_does_not_matter(rows, data):
    events, sizes = np.array(rows, float).T
    one = p_chart(events, sizes)
    i, j = data.draw(st.tuples(*[st.integers(0, len(rows) - 1)] * 2))
    if rows[i] == rows[j]:
        order = np.arange(len(rows))
        order[[i, j]] = j, i
        np.testing.assert_array_equal(p_chart(events[order], sizes[order]).signals, one.signals)


@given(lists, st.permutations(range(12)))
def test_the_order_of_series_does_not_matter(values, order):
    table = np.stack([np.roll(values, k) for k in range(12)])
    one, other = latest_means(table, held_out=0), latest_means(table[list(order)], held_out=0)
    assert_same(other, one, list(order))


RANK = {"improving": 0, "common cause": 1, None: 1, "worsening": 2}


@given(st.lists(st.integers(0, 8), min_size=40, max_size=60), st.integers(0, 12), st.integers(9, 40))
def test_a_worse_last_day_never_looks_better(events, more, size):
    events = np.array(events, float)
    worse = events.copy()
    worse[-1] += more
    for reader in (latest_means, latest_counts, lambda each: latest_shares(each, np.maximum(each, size + 12.0))):
        was, now = (RANK[reader(each).variation("lower").item()] for each in (events, worse))
        assert now >= was


@given(lists, st.integers(-60, 60), st.integers(0, 60))
def test_a_stricter_limit_is_never_surer_met(values, limit, less):
    found = latest_means(values, held_out=0)
    rank = {"will not meet": 0, "may or may not meet": 1, "will meet": 2, None: 1}
    assert rank[found.assurance(limit - less, "lower").item()] <= rank[found.assurance(limit, "lower").item()]
