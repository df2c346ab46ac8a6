"""The last days held against those before them: known tests, false alarms and power by simulation, and laws."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2_contingency, power_divergence

from analytics.statistics.season import calendar
from analytics.statistics.shift import _root, _straight, risen

DAYS = 74
CALENDAR = calendar([date(2026, 6, 1) + timedelta(days=n) for n in range(DAYS)])


@pytest.mark.parametrize(
    ("x1", "e1", "x0", "e0"), [(12, 200, 14, 800), (3, 60, 1, 400), (5, 400, 80, 900), (0, 50, 9, 70)]
)
def test_shares_are_held_against_each_other_as_the_g_test_does(x1, e1, x0, e0):
    table = [[x1, e1 - x1], [x0, e0 - x0]]
    g = chi2_contingency(table, lambda_="log-likelihood", correction=True).statistic
    root = _root(*(np.array([float(each)]) for each in (x1, e1, x0, e0)), "share")[0]
    assert root == pytest.approx(np.sign(x1 / e1 - x0 / e0) * np.sqrt(g))


def test_counts_are_held_against_each_other_as_two_poissons():
    seen = np.array([30 - 0.5, 40 + 0.5])  # Yates
    g = power_divergence(seen, np.array([70 * 14 / 74, 70 * 60 / 74]), lambda_="log-likelihood").statistic
    root = _root(*(np.array([float(each)]) for each in (30, 14, 40, 60)), "count")[0]
    assert root == pytest.approx(np.sqrt(g))


def test_skew_means_are_straightened():
    """A mean of 20 exponential draws has the tail of a gamma, which Wilson and Hilferty's normal distance gives."""
    draws = np.random.default_rng(1).exponential(1.0, (200_000, 20)).mean(axis=1)
    off = (draws - 1) * np.sqrt(20)
    straight = _straight(off, np.full(off.shape, 2 / np.sqrt(20)))
    assert (straight > 3.09).mean() == pytest.approx(0.001, abs=0.0003)
    assert (off > 3.09).mean() > 0.003


def shares(rng, rate, size, count=20_000):
    sizes = rng.poisson(size, (count, DAYS)).astype(float)
    return rng.binomial(sizes.astype(int), rate).astype(float), sizes


CONTROL = {
    "rare": lambda rng: (*shares(rng, 0.003, 10), "share"),
    "usual": lambda rng: (*shares(rng, 0.05, 20), "share"),
    "almost all": lambda rng: (*shares(rng, 0.95, 20), "share"),
    "many rows": lambda rng: (*shares(rng, 0.02, 2000), "share"),
    "overdispersed": lambda rng: (*shares(rng, rng.beta(2.5, 47.5, (20_000, DAYS)), 20), "share"),
    "counts": lambda rng: (rng.poisson(2, (20_000, DAYS)).astype(float), 1.0, "count"),
    "means": lambda rng: (10 * rng.normal(5, 2, (20_000, DAYS)), np.full((20_000, DAYS), 10.0), "mean"),
}


@pytest.mark.parametrize("kind", CONTROL)
def test_in_control_no_more_are_told_than_promised(kind):
    sums, sizes, shape = CONTROL[kind](np.random.default_rng(7))
    p = risen(sums, sizes, CALENDAR, shape=shape).p
    assert (p < 0.01).mean() <= 0.01
    assert (p < 0.001).mean() <= 0.0015
    assert (p < 1e-4).sum() <= 8  # of 20,000, where 2 are expected


def risen_by(errors, last, rng, weekly=200, rate=0.03, count=2000):
    """Give series whose share has risen by so many standard errors of a week, for the last days."""
    events, sizes = shares(rng, rate, weekly / 7, count)
    more = errors * np.sqrt(rate * (1 - rate) / weekly)
    events[:, -last:] += rng.binomial((sizes - events)[:, -last:].astype(int), more)
    return risen(events, sizes, CALENDAR, shape="share")


@pytest.mark.parametrize(("errors", "last", "least"), [(8, 7, 0.75), (8, 14, 0.95), (4, 28, 0.6), (0, 28, 0.0)])
def test_a_rise_is_found_in_time(errors, last, least):
    found = risen_by(errors, last, np.random.default_rng(3))
    assert (found.p < 1e-4).mean() >= least


def test_it_says_from_what_to_what_and_how_many():
    found = risen_by(8, 14, np.random.default_rng(5))
    surest = found.span == 14
    assert surest.mean() > 0.8
    assert found.before[surest].mean() == pytest.approx(0.03, abs=0.002)
    more = 8 * np.sqrt(0.03 * 0.97 / 200)
    assert (found.recent - found.before)[surest].mean() == pytest.approx(more, abs=0.005)
    assert found.excess[surest].mean() == pytest.approx(400 * more, rel=0.1)


def test_what_falls_is_not_told():
    events, sizes = shares(np.random.default_rng(2), 0.2, 50, 100)
    events[:, -28:] *= 0.3
    assert risen(np.round(events), sizes, CALENDAR, shape="share").p.min() > 0.5
    assert risen(sizes - np.round(events), sizes, CALENDAR, shape="share").p.max() < 1e-4


def test_weekdays_are_no_change():
    """A share that is high on every Sunday, of which the last week holds as many as any other."""
    sizes = np.full((500, DAYS), 40.0)
    rate = np.where(CALENDAR.weekdays == 6, 0.3, 0.05)
    events = np.random.default_rng(4).binomial(40, rate, sizes.shape).astype(float)
    assert (risen(events, sizes, CALENDAR, shape="share").p < 0.01).mean() <= 0.01


@pytest.mark.parametrize("shape", ["share", "count", "mean"])
def test_nothing_is_told_of_too_few_days_or_of_none(shape):
    short = risen(np.ones((2, 25)), np.full((2, 25), 5.0), shape=shape)
    assert (short.p == 1).all()
    unknown = risen(np.full((3, DAYS), np.nan), np.full((3, DAYS), np.nan), CALENDAR, shape=shape)
    assert (unknown.p == 1).all()
    assert np.isnan(unknown.before).all()
    flat = risen(np.zeros((2, DAYS)), np.full((2, DAYS), 5.0), CALENDAR, shape=shape)
    assert (flat.p >= 0.5).all()


TABLES = arrays(float, (6, DAYS), elements=st.integers(0, 12).map(float))


@given(TABLES, st.sampled_from(["share", "count", "mean"]), st.integers(1, 7))
def test_worse_last_days_never_weaken_a_finding(events, shape, last):
    sizes = np.full(events.shape, 20.0)
    worse = events.copy()
    worse[0, -last:] += 5
    before, after = (risen(each, sizes, shape=shape).p for each in (events, worse))
    assert after[0] <= before[0] + 1e-9
    assert after[1:] == pytest.approx(before[1:])


@given(TABLES, st.permutations(range(6)))
def test_the_order_of_series_changes_nothing(events, order):
    sizes = np.full(events.shape, 20.0)
    found, turned = (risen(each, sizes, CALENDAR, shape="share") for each in (events, events[order]))
    assert turned.p == pytest.approx(found.p[order], rel=1e-6)
    assert turned.before == pytest.approx(found.before[order])
