"""False discovery rates against Benjamini and Hochberg's table, SciPy, hand-worked families, laws and simulated boards."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from analytics.statistics.discovery import benjamini_hochberg, benjamini_yekutieli, by_family

# Benjamini and Hochberg (1995), section 4.1: 15 endpoints of a trial of thrombolysis; at 0.05 their procedure rejects four,
# Bonferroni's three.
TRIAL = [
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
]
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def test_the_paper_s_trial_has_four_discoveries():
    assert np.count_nonzero(benjamini_hochberg(TRIAL) <= 0.05) == 4
    assert np.count_nonzero(np.array(TRIAL) <= 0.05 / 15) == 3
    assert benjamini_hochberg(TRIAL)[:4] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625])


@given(P_VALUES)
def test_same_as_scipy(p):
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p), abs=1e-12)
    assert benjamini_yekutieli(p) == pytest.approx(stats.false_discovery_control(p, method="by"), abs=1e-12)


@given(P_VALUES, st.integers(1, 5))
def test_what_is_unknown_is_no_test(p, unknown):
    padded = benjamini_hochberg([*p, *[np.nan] * unknown])
    assert padded[: len(p)] == pytest.approx(benjamini_hochberg(p))
    assert np.isnan(padded[len(p) :]).all()


def test_nothing_tested():
    assert len(benjamini_hochberg([])) == 0
    assert np.isnan(benjamini_yekutieli([np.nan, np.nan])).all()
    assert len(by_family([], [], 0.1).found) == 0
    assert not by_family([np.nan], ["a"], 0.1).found.any()


@given(P_VALUES, st.data())
def test_worse_proof_never_helps_a_tile_nor_its_neighbours(p, data):
    place = data.draw(st.integers(0, len(p) - 1))
    weaker = list(p)
    weaker[place] = data.draw(st.floats(p[place], 1))
    assert (benjamini_hochberg(weaker) >= benjamini_hochberg(p) - 1e-12).all()
    families = np.arange(len(p)) % 3
    assert not (by_family(weaker, families, 0.2).found & ~by_family(p, families, 0.2).found).any()


@given(P_VALUES, st.randoms())
def test_the_order_of_the_tests_does_not_matter(p, random):
    shuffled = list(range(len(p)))
    random.shuffle(shuffled)
    families = np.arange(len(p)) % 4
    one, two = by_family(p, families, 0.3), by_family(np.array(p)[shuffled], families[shuffled], 0.3)
    assert two.adjusted == pytest.approx(one.adjusted[shuffled])


@given(P_VALUES)
def test_one_family_is_no_hierarchy(p):
    found = by_family(p, np.zeros(len(p)), 0.1)
    assert (found.found == (benjamini_hochberg(p) <= 0.1)).all()


# Three families at q = 0.1. Simes: a min(2 x .01, 2/2 x .04) = .02, b min(3 x .03, 3/2 x .2, .9) = .09, c .5.
# BH over (.02, .09, .5) = (.06, .135, .5): a alone is selected, its members at q x 1/3: adjusted .02 x 3 and .04 x 3.
# With a fourth family d like a: (.04, .12, .5, .04): two of four selected, factor 2; then .04 and .08 are both found.
THREE = {"a": [0.01, 0.04], "b": [0.03, 0.2, 0.9], "c": [0.5]}


@pytest.mark.parametrize(
    ("families", "selected", "adjusted"),
    [
        (THREE, "a", [0.06, 0.12, 1, 1, 1, 1]),
        (THREE | {"d": [0.01, 0.04]}, "ad", [0.04, 0.08, 1, 1, 1, 1, 0.04, 0.08]),
        (THREE | {"d": [np.nan]}, "a", [0.06, 0.12, 1, 1, 1, 1, np.nan]),
    ],
)
def test_families_worked_by_hand(families, selected, adjusted):
    names = [name for name, p in families.items() for _ in p]
    found = by_family([each for p in families.values() for each in p], names, 0.1)
    assert "".join(found.families[found.selected]) == selected
    assert found.adjusted == pytest.approx(adjusted, nan_ok=True)
    assert (found.found == (np.array(adjusted) <= 0.1)).all()


def test_any_dependence_costs_the_harmonic_sum_on_both_levels():
    free, priced = by_family([0.001, 0.9], ["a", "a"], 0.1), by_family([0.001, 0.9], ["a", "a"], 0.1, dependent=True)
    assert priced.adjusted[0] == pytest.approx(free.adjusted[0] * 1.5)


def test_a_board_of_12_000_tiles():
    """domain.md, section 3: 1 % bad by four sigma; z > 2 flags 385 of which 269 false, z > 3 117/16, BH 10 % 108/11."""
    rows = []
    for seed in range(20):
        z = np.random.default_rng(seed).normal(size=12_000)
        z[:120] += 4
        adjusted = benjamini_hochberg(special.ndtr(-z))
        flags = [z > 2, z > 3, adjusted <= 0.1]
        rows.append([*(each.sum() for each in flags), *(each[120:].sum() for each in flags), flags[2][:120].mean()])
    two, three, controlled, *false, power = np.mean(rows, axis=0)
    assert two == pytest.approx(385, rel=0.03)
    assert three == pytest.approx(117, rel=0.05)
    assert controlled == pytest.approx(108, rel=0.05)
    assert false == pytest.approx([269, 16, 11], rel=0.1)
    assert power == pytest.approx(0.82, abs=0.02)


@pytest.mark.parametrize("shared", [0.0, 0.7])
def test_the_false_share_in_selected_families_is_kept(shared):
    """40 KPIs x 50 partners, four KPIs with ten bad partners each; `shared` correlates the tiles of a KPI."""
    shares, power = [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        z = np.sqrt(1 - shared) * rng.normal(size=(40, 50)) + np.sqrt(shared) * rng.normal(size=(40, 1))
        z[:4, :10] += 4
        found = by_family(special.ndtr(-z).ravel(), np.repeat(np.arange(40), 50), 0.1)
        tiles, selected = found.found.reshape(40, 50), found.selected
        false = tiles.sum(axis=1) - np.where(np.arange(40) < 4, tiles[:, :10].sum(axis=1), 0)
        shares.append((false / np.maximum(tiles.sum(axis=1), 1))[selected].sum() / max(selected.sum(), 1))
        power.append(tiles[:4, :10].mean())
    assert np.mean(shares) <= 0.1 + 2 * np.std(shares) / 20
    assert np.mean(power) >= 0.6
