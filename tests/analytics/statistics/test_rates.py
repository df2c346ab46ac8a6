"""Priors and funnels against published figures, closed forms, brute force without the slice, laws and simulated networks."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from analytics.statistics import rates
from analytics.statistics.evidence import share_above
from analytics.statistics.rates import (
    Beta,
    count_funnel,
    count_prior,
    funnel,
    keeping,
    share_funnel,
    share_prior,
    steadied,
)

SURE = 0.8
TABLES = st.lists(
    st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=15
)

# Efron and Morris (1975), table 1: hits of 18 players in their first 45 at bats of 1970, and their average in the rest.
HITS = np.array([18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7])
REST = np.array(
    [
        *(0.346, 0.298, 0.276, 0.222, 0.273, 0.270, 0.263, 0.210, 0.269),
        *(0.230, 0.264, 0.256, 0.303, 0.264, 0.226, 0.285, 0.316, 0.200),
    ]
)


def columns(table):
    hits, n = zip(*table, strict=True)
    return np.array(hits, float), np.array(n, float)


def network(seed, partners=300, strength=50.0, mean=0.03, n=(20, 50, 100, 500)):
    rng = np.random.default_rng(seed)
    sizes = rng.choice(n, partners)
    return rng, sizes, rng.beta(mean * strength, (1 - mean) * strength, partners)


# domain.md, section 3: peers at 3 %, red beyond 5 %, prior strength 50: at most .4 % false red, power at 8 % 41 % and 95 %.
@pytest.mark.parametrize(
    ("theta", "n", "low", "high"),
    [
        *((0.03, n, 0.0, 0.004) for n in (20, 50, 100, 500)),
        (0.08, 100, 0.40, 0.42),
        (0.08, 500, 0.94, 0.96),
    ],
)
def test_the_documented_false_reds_and_power(theta, n, low, high):
    hits = np.arange(n + 1)
    red = Beta(np.array(1.5), np.array(48.5)).above(hits, n, 0.05) > SURE
    assert low <= stats.binom.pmf(hits, n, theta)[red].sum() <= high


@pytest.mark.parametrize(("n", "naive"), [(20, 0.12), (50, 0.19), (100, 0.08)])
def test_beside_naive_limits(n, naive):
    assert stats.binom.sf(np.floor(0.05 * n), n, 0.03) == pytest.approx(naive, abs=0.005)


def test_a_learned_prior_is_as_good_as_the_documented_one():
    """300 partners at 3 %, 2 % of them bad at 8 %: nobody tells the prior the peers' mean."""
    false, found = [], []
    for seed in range(60):
        rng, n, _ = network(seed)
        bad = rng.random(300) < 0.02
        hits = rng.binomial(n, np.where(bad, 0.08, 0.03))
        red = share_prior(hits, n).above(hits, n, 0.05) > SURE
        false.append(red[~bad].mean())
        found.append(red[bad & (n == 500)])
    assert np.mean(false) <= 0.004
    assert np.concatenate(found).mean() >= 0.9


@pytest.mark.parametrize("strength", [8.0, 20.0, 40.0])
def test_the_strength_is_that_of_the_peers_up_to_its_cap(strength):
    found = []
    for seed in range(30):
        rng, n, theta = network(seed, strength=strength, mean=0.2, n=(50, 100, 300))
        prior = share_prior(rng.binomial(n, theta), n)
        found.append(np.median(prior.a + prior.b))
        assert np.median(prior.mean) == pytest.approx(0.2, abs=0.03)
    assert np.median(found) == pytest.approx(strength, rel=0.15)


def test_moments_come_close_to_the_greatest_marginal_likelihood():
    rng, n, theta = network(1, strength=20.0, mean=0.1)
    hits = rng.binomial(n, theta)
    a, b = (np.median(each) for each in (share_prior(hits, n).a, share_prior(hits, n).b))
    grid = [
        stats.betabinom.logpmf(hits, n, m * s, (1 - m) * s).sum()
        for m in np.linspace(0.06, 0.14, 33)
        for s in np.geomspace(5, 80, 33)
    ]
    assert stats.betabinom.logpmf(hits, n, a, b).sum() >= max(grid) - 2


def test_peers_that_are_alike_weigh_no_more_than_the_cap():
    n = np.full(40, 200.0)
    prior = share_prior(np.full(40, 6.0), n)
    assert prior.a + prior.b == pytest.approx(np.full(40, 50.0))


def test_without_peers_a_share_is_judged_as_before():
    prior = share_prior([3], [40])
    assert (prior.a, prior.b) == (0.5, 0.5)
    assert prior.above([3], [40], 0.05) == pytest.approx(share_above([3], [40], 0.05))


def test_two_bad_repairs_of_a_small_partner_prove_nothing_and_a_bad_one_shows_within_days():
    hits, n = np.full(20, 30.0), np.full(20, 1000.0)
    hits[0], n[0] = 2, 6
    assert share_prior(hits, n).above(hits, n, 0.05)[0] < SURE
    hits[0], n[0] = 9, 36  # six a day, a quarter of them bad, for six days
    assert share_prior(hits, n).above(hits, n, 0.05)[0] > 0.95


def test_zero_events_prove_nothing():
    hits, n = np.full(20, 12.0), np.full(20, 200.0)
    hits[0], n[0] = 0, 10
    assert share_prior(hits, n).above(hits, n, 0.05)[0] > 0.3


def test_spreads_are_drawn_towards_the_pooled_one_of_the_peers():
    """By hand: 4 rows of the others' pooled variance beside the n - 1 of one's own."""
    spread, n = [0.1, 0.4, 0.2], [5, 5, 9]
    steady, freedom = steadied(spread, n)
    pooled = (4 * 0.4**2 + 8 * 0.2**2) / 12
    assert steady[0] == pytest.approx(((4 * pooled + 4 * 0.1**2) / 8) ** 0.5)
    assert freedom == pytest.approx([8, 8, 12])
    (alone,), (own,) = steadied([0.3], [5])
    assert (alone, own) == (pytest.approx(0.3), 4)


def test_baseball():
    """Efron and Morris (1977): squared errors of .077 by the averages, .022 by Stein's estimator, 3.5 times less."""
    raw = np.square(HITS / 45 - REST).sum()
    capped, strong = (
        np.square(share_prior(HITS, np.full(18, 45), most).estimate(HITS, 45) - REST).sum() for most in (50, 1000)
    )
    assert raw == pytest.approx(0.077, abs=0.002)
    assert capped < raw / 2.5
    assert strong == pytest.approx(0.022, abs=0.004)


@given(TABLES, st.data())
def test_a_worse_share_never_looks_better(table, data):
    hits, n = columns(table)
    place = data.draw(st.integers(0, len(table) - 1))
    assume(hits[place] < n[place])
    worse = hits.copy()
    worse[place] = data.draw(st.integers(int(hits[place]) + 1, int(n[place])))
    before, after = (share_prior(each, n).above(each, n, 0.05)[place] for each in (hits, worse))
    assert after >= before - 1e-9
    before, after = (share_funnel(each, n).z[place] for each in (hits, worse))
    assert np.isnan(before) or after >= before - 1e-9
    before, after = (count_prior(each, n).above(each, n, 0.05)[place] for each in (hits, worse))
    assert after >= before - 1e-9
    before, after = (count_funnel(each, n * 0.05).z[place] for each in (hits, worse))
    assert np.isnan(before) or after >= before - 1e-9


@given(TABLES, st.randoms())
def test_renaming_partners_changes_nothing(table, random):
    hits, n = columns(table)
    order = list(range(len(table)))
    random.shuffle(order)
    for of in (share_prior, count_prior):
        one = of(hits, n).above(hits, n, 0.05)[order]
        assert of(hits[order], n[order]).above(hits[order], n[order], 0.05) == pytest.approx(one, abs=1e-6)
    z = share_funnel(hits, n).z[order]
    assert share_funnel(hits[order], n[order]).z == pytest.approx(z, abs=1e-6, nan_ok=True)


@given(TABLES)
def test_slices_without_rows_teach_nothing(table):
    hits, n = columns(table)
    more, none = np.append(hits, 0), np.append(n, 0)
    assert share_prior(more, none).a[:-1] == pytest.approx(share_prior(hits, n).a)
    assert share_funnel(more, none).z[:-1] == pytest.approx(share_funnel(hits, n).z, nan_ok=True)
    assert np.isnan(share_funnel(more, none).z[-1])


@given(TABLES, st.floats(0.01, 1000))
def test_the_unit_of_an_exposure_changes_nothing(table, unit):
    counts, exposure = columns(table)
    one = count_prior(counts, exposure).above(counts, exposure, 0.05)
    scaled = count_prior(counts, exposure * unit).above(counts, exposure * unit, 0.05 / unit)
    assert scaled == pytest.approx(one, abs=1e-6)


def test_counts_of_a_small_exposure():
    """Twenty partners with 30 complaints in 1,000 orders; limit 5 in 100."""
    counts, exposure = np.full(20, 30.0), np.full(20, 1000.0)
    counts[:2], exposure[:2] = [2, 9], [6, 36]
    sure = count_prior(counts, exposure).above(counts, exposure, 0.05)
    assert sure[0] < SURE < 0.95 < sure[1]
    assert (sure[2:] < 0.01).all()


def test_peers_without_events_do_not_drown_ten_of_ones_own():
    """By hand: the peers had 1 event in 39 windows; a slice is unlike them with probability 0.1 (negative binomials)."""
    counts, exposure = np.array([3.0, 1, *[0] * 38]), np.ones(40)
    prior = count_prior(counts, exposure)
    alike = stats.nbinom.pmf(3, prior.events[0], prior.exposure[0] / (prior.exposure[0] + 1))
    unlike = stats.nbinom.pmf(3, 0.5, 0.1 / 1.1)
    weight = 0.1 * unlike / (0.1 * unlike + 0.9 * alike)
    by_unlike = stats.gamma.sf(0.5, 3.5, scale=1 / 1.1)
    by_alike = stats.gamma.sf(0.5, prior.events[0] + 3, scale=1 / (prior.exposure[0] + 1))
    expected = weight * by_unlike + (1 - weight) * by_alike
    assert prior.above(counts, exposure, 0.5)[0] == pytest.approx(expected, abs=1e-9)
    counts[0] = 10
    assert count_prior(counts, exposure).above(counts, exposure, 1.0)[0] > 0.99


@pytest.mark.parametrize("limit", [0, 1, 5, 40])
def test_half_of_the_windows_of_a_usual_rate_keep_the_limit(limit):
    assert stats.poisson.cdf(limit, keeping(limit)) == pytest.approx(0.5)
    assert keeping(limit + 0.9) == keeping(limit)


def test_a_count_without_peers_or_exposure():
    prior = count_prior([4], [2.0])
    assert (prior.events, prior.exposure) == (0.5, 0.0)
    assert prior.above([4], [2.0], 1.0) == pytest.approx(stats.gamma.sf(1.0, 4.5, scale=1 / 2))
    nothing = count_prior([0], [0.0])
    assert nothing.above([0], [0.0], 1.0) == 0.5
    assert np.isnan(nothing.estimate([0], [0.0]))


def test_how_much_rates_differ_is_learned():
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        expected = rng.choice([5.0, 20.0, 80.0], 300)
        counts = rng.poisson(expected * rng.gamma(8.0, 1 / 8, 300))
        prior = count_prior(counts, expected, most=1000)
        found.append(np.median(prior.events))
        assert np.median(prior.events / prior.exposure) == pytest.approx(1.0, abs=0.1)
    assert np.median(found) == pytest.approx(8.0, rel=0.15)


def test_over_dispersion_of_a_published_example():
    """DerSimonian and Kacker (2007), tables 3 and 4, CLASP trials: the moment estimator finds a deviation of 0.2323."""
    events, total = (
        np.array([[5, 8], [5, 17], [12, 9], [69, 94], [9, 11], [313, 352]]),
        np.array([[156, 74], [303, 303], [565, 477], [1570, 1565], [103, 105], [4659, 4650]]),
    )
    odds = np.log(events / (total - events))
    y, s = odds[:, 0] - odds[:, 1], np.sqrt((1 / events + 1 / (total - events)).sum(axis=1))
    middle = np.average(y, weights=s**-2)
    # a seventh that weighs nothing has all six as peers
    between = rates._between(np.append(y, 0.0), np.append(s, 1e9), np.full(7, middle), 0.0)[-1]
    assert np.sqrt(between) == pytest.approx(0.2323, abs=5e-5)


@pytest.mark.parametrize("winsor", [0.0, 0.1])
@pytest.mark.parametrize("slices", [3, 4, 25])
def test_the_funnel_leaves_each_slice_out(slices, winsor):
    rng = np.random.default_rng(slices)
    y, s = rng.normal(0, 1.5, slices), rng.uniform(0.5, 2, slices)
    found = funnel(y, s, winsor=winsor)
    for i in range(slices):
        others, errors = np.delete(y, i), np.delete(s, i)
        weight, order = errors**-2, np.argsort(others)
        heaped = np.cumsum(weight[order])
        middle = others[order][np.searchsorted(heaped, heaped[-1] / 2)]
        z = (others - middle) / errors
        phi = np.square(np.clip(z, *np.quantile(z, [winsor, 1 - winsor]))).mean() / rates._left_by_winsorising(winsor)
        excess = (slices - 1) * phi - (slices - 2)
        between = max(excess / (weight.sum() - np.square(weight).sum() / weight.sum()), 0.0)
        wobble = np.pi / 2 * (1 / weight.sum() + between * np.square(weight).sum() / weight.sum() ** 2)
        assert found.centre[i] == middle
        assert found.between[i] ** 2 == pytest.approx(between)
        assert found.z[i] == pytest.approx((y[i] - middle) / np.sqrt(s[i] ** 2 + between + wobble))


def test_what_winsorising_leaves():
    edge = stats.norm.isf(0.1)
    assert rates._left_by_winsorising(0.1) == pytest.approx(stats.norm.expect(lambda z: np.clip(z, -edge, edge) ** 2))
    assert rates._left_by_winsorising(0.0) == 1


@pytest.mark.parametrize("tau", [0.0, 0.05])
def test_outliers_do_not_make_the_funnel_wide(tau):
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        s = 1 / np.sqrt(4 * rng.integers(50, 1000, 300) + 2)
        y = rng.normal(0.2, np.sqrt(s**2 + tau**2))
        y[:9] += 0.5  # 3 % far out, which would triple the plain estimate
        found.append(np.median(funnel(y, s).between))
    assert np.median(found) == pytest.approx(tau, abs=0.01)


@pytest.mark.parametrize("n", [20, 50, 200])
def test_tails_of_rare_shares(n):
    """Partners that are all alike at 3 %: z > 2 should come in 2.3 %, z > 3 in .13 %; never more often."""
    z = [share_funnel(np.random.default_rng(s).binomial(n, 0.03, 1000), np.full(1000, n)).z for s in range(40)]
    assert np.mean(np.array(z) > 2) <= 0.025
    assert np.mean(np.array(z) > 3) <= 0.0014


def test_over_dispersion_spares_partners_that_merely_differ():
    """At strength 50 and n = 500 partners truly range from 1 % to 7 %: a plain z > 3 flags many, the funnel few."""
    rng, _, theta = network(3)
    n = np.full(300, 500)
    hits = rng.binomial(n, theta)
    plain = (np.arcsin(np.sqrt((hits + 0.375) / 500.75)) - np.arcsin(np.sqrt(0.03))) * np.sqrt(2002)
    assert (plain > 3).sum() >= 15
    assert (share_funnel(hits, n).z > 3).sum() <= 2


def test_a_target_needs_no_peers():
    alone = share_funnel([30], [200], 0.05)
    assert alone.z == pytest.approx((np.arcsin(np.sqrt(30.375 / 200.75)) - np.arcsin(np.sqrt(0.05))) * np.sqrt(802))
    assert alone.p_above + alone.p_below == pytest.approx(1)
    assert np.isnan(share_funnel([30], [200]).z)
    # Poisson: 40 where 25 were expected
    assert count_funnel([40], [25.0], 1.0).z == pytest.approx((np.sqrt(40.375 / 25) - 1) / 0.1)
