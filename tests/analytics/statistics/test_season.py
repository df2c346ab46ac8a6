"""Weekday and holiday effects: tables worked out by hand, shrinkage, laws, and what they do for control charts."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.statistics.change import latest_counts, latest_means
from analytics.statistics.season import Calendar, calendar, season
from analytics.statistics.spc import xmr

DAYS = 56
WEEK = Calendar(np.arange(DAYS) % 7)
FACTORS = np.array([1.4, 1.2, 1.0, 1.0, 1.1, 0.8, 0.5])
BUSY = [100.0, 110, 90, 120, 105, 95, 100, 130]


def random(seed=11):
    return np.random.default_rng(seed)


def holidays(*days):
    return np.isin(np.arange(DAYS), days)


def test_a_pattern_without_noise_is_found_exactly_though_the_level_drifts():
    values = np.repeat(BUSY, 7) * FACTORS[WEEK.weekdays]
    found = season(values, WEEK)
    assert found.weekday == pytest.approx(FACTORS)
    assert found.adjusted == pytest.approx(np.repeat(BUSY, 7))


def test_differences_are_found_exactly():
    effects = np.array([3.0, 1, 0, 0, 1, -1, -4])
    found = season(np.repeat(BUSY, 7) + effects[WEEK.weekdays], WEEK, kind="additive")
    assert found.weekday == pytest.approx(effects)
    assert found.adjusted == pytest.approx(np.repeat(BUSY, 7))


def test_gaps_do_not_disturb_a_pattern():
    values = np.repeat(BUSY, 7) * FACTORS[WEEK.weekdays]
    values[[3, 12, 13, 40]] = np.nan
    found = season(values, WEEK)
    assert found.weekday / found.weekday[2] == pytest.approx(FACTORS, rel=1e-3)  # an average day is one of those known
    assert np.isnan(found.adjusted[[3, 12, 13, 40]]).all()


def test_shrinkage_by_hand():
    """Eight weeks, two weekdays, additive: the whole table can be worked out."""
    # odd weeks: 10 on Monday, 14 on Tuesday; even ones: 11 and 13. Levels 12, effects -1.5 and 1.5, all residuals
    # 0.5 off: noise = 16 * 0.25 / (16 - 8 - 1) = 4 / 7. Between: 2 * 8 * 2.25 = 36;
    # spread = (36 - 4 / 7) / (16 - 128 / 16) = 31 / 7; kept = 31 / 7 / (31 / 7 + 4 / 7 / 8) = 62 / 63
    values = np.full(DAYS, np.nan)
    values[WEEK.weekdays == 0], values[WEEK.weekdays == 1] = [10, 11] * 4, [14, 13] * 4
    found = season(values, WEEK, kind="additive")
    assert found.weekday[:2] == pytest.approx([-1.5 * 62 / 63, 1.5 * 62 / 63])
    assert np.isnan(found.weekday[2:]).all()
    assert found.adjusted[[0, 1]] == pytest.approx([10 + 1.5 * 62 / 63, 14 - 1.5 * 62 / 63])


def test_noise_is_not_mistaken_for_weekdays():
    noise = random().normal(size=(2000, DAYS))
    found = season(noise, WEEK, kind="additive")
    unshrunk = np.sqrt(6 / 7 / 8)  # eight days each
    assert np.sqrt((found.weekday**2).mean()) < 0.4 * unshrunk
    assert (np.abs(found.weekday).max(axis=-1) < 1e-9).mean() > 0.4


@pytest.mark.parametrize("days", [1, 3, 7, 10, 13])
def test_a_series_too_short_is_left_as_it_is(days):
    values = random().uniform(5, 10, days)
    found = season(values, Calendar(np.arange(days) % 7))
    assert found.adjusted == pytest.approx(values)


def test_shares_are_weighted_by_their_sizes():
    # on Sundays 1 of 2 is late, yet 20 of 100 on every other day: few rows say little
    sizes = np.where(WEEK.weekdays == 6, 2.0, 100.0)
    shares = np.where(WEEK.weekdays == 6, 0.5, 0.2) + random().normal(0, 0.04, DAYS) * 10 / np.sqrt(sizes)
    weighted, plain = season(shares, WEEK, sizes=sizes), season(shares, WEEK)
    assert abs(weighted.weekday[6] - 1) < abs(plain.weekday[6] - 1)


def test_only_the_baseline_counts():
    values = np.repeat(BUSY, 7) * FACTORS[WEEK.weekdays]
    later = values.copy()
    later[42:] *= random().uniform(0, 5, 14)
    baseline = np.arange(DAYS) < 42
    np.testing.assert_array_equal(
        season(values, WEEK, baseline=baseline).weekday, season(later, WEEK, baseline=baseline).weekday
    )


def test_holidays_have_an_effect_of_their_own():
    off = holidays(9, 30, 50)
    values = np.repeat(BUSY, 7) * np.where(off, 0.3, FACTORS[WEEK.weekdays])
    found = season(values, Calendar(WEEK.weekdays, off))
    assert found.weekday / found.weekday[2] == pytest.approx(FACTORS, rel=1e-3)
    assert found.holiday / found.weekday[2] == pytest.approx(0.3, rel=1e-3)
    assert found.adjusted / np.repeat(BUSY, 7) == pytest.approx(np.full(DAYS, 1 / found.weekday[2]), rel=1e-3)


def test_a_single_holiday_is_not_charted():
    off = holidays(9)
    found = season(np.repeat(BUSY, 7), Calendar(WEEK.weekdays, off))
    assert np.isnan(found.holiday)
    np.testing.assert_array_equal(np.isnan(found.adjusted), off)


def test_days_closed_and_days_never_seen_are_not_charted():
    closed = np.where(WEEK.weekdays == 6, 0.0, 10.0)
    assert np.isnan(season(closed, WEEK).adjusted[WEEK.weekdays == 6]).all()
    unseen = np.where((WEEK.weekdays == 6) & (np.arange(DAYS) < 42), np.nan, 10.0)
    found = season(unseen, WEEK, baseline=np.arange(DAYS) < 42)
    assert np.isnan(found.adjusted[[48, 55]]).all() and (found.adjusted[49:55] == 10).all()


def test_holidays_may_differ_per_series():
    off = np.stack([holidays(9, 30), holidays(10, 31)])
    values = np.where(off, 3.0, 10.0)
    found = season(values, Calendar(WEEK.weekdays, off))
    assert found.adjusted == pytest.approx(np.full((2, DAYS), 10.0))


def test_a_calendar_of_dates():
    days = [date(2026, 6, 29) + timedelta(days=i) for i in range(3)]
    found = calendar(days, [False, True, False])
    assert list(found.weekdays) == [0, 1, 2]
    assert list(found.holidays) == [False, True, False]
    assert calendar(days).holidays is None


@given(st.lists(st.integers(1, 100), min_size=1, max_size=60), st.integers(-8, 8))
def test_scaling_units_scales_what_is_left(values, power):
    days, factor = Calendar(np.arange(len(values)) % 7), 2.0**power
    one, other = season(values, days), season(np.array(values) * factor, days)
    np.testing.assert_allclose(other.weekday, one.weekday, rtol=1e-9)
    np.testing.assert_allclose(other.adjusted, one.adjusted * factor, rtol=1e-9)


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=60), st.integers(-1000, 1000))
def test_shifting_values_shifts_what_is_left(values, by):
    days = Calendar(np.arange(len(values)) % 7)
    one, other = (season(np.array(values) + each, days, kind="additive") for each in (0, by))
    np.testing.assert_allclose(other.adjusted, one.adjusted + by, atol=1e-6)


# what it does for charts


def test_a_weekday_cycle_raises_false_alarms_until_it_is_taken_out():
    # a weekend of two days is two points far out on one side, week after week
    cycle = np.where(np.arange(60) % 7 >= 5, -6.0, 0.0)
    values = random().normal(size=(4000, 60)) + cycle
    days = Calendar(np.arange(60) % 7)
    on_sunday = values[:, :56], Calendar(days.weekdays[:56])
    assert (xmr(on_sunday[0]).side[:, -1] != 0).mean() > 0.05
    assert (latest_means(*on_sunday).side != 0).mean() < 0.04
    assert (latest_means(values, days).side != 0).mean() < 0.04


def test_a_cycle_hides_a_jump_until_it_is_taken_out():
    values = random().normal(size=(2000, 60)) + np.array([3.0, 0, -3, 0, 3, -3, 0])[np.arange(60) % 7]
    values[:, -3:] += 4
    raw, adjusted = latest_means(values), latest_means(values, Calendar(np.arange(60) % 7))
    assert (raw.side > 0).mean() < 0.5
    assert (adjusted.side > 0).mean() > 0.8


@pytest.mark.parametrize("rate", [2.0, 40.0])
def test_counts_of_a_partner_closed_on_sundays(rate):
    weekly = np.append(FACTORS[:6], 0.0)[np.arange(60) % 7]
    found = latest_counts(random().poisson(rate * weekly, (3000, 60)).astype(float), 1.0, Calendar(np.arange(60) % 7))
    assert (found.side != 0).mean() < 0.035
