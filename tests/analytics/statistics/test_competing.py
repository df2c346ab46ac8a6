"""Kaplan-Meier and Aalen-Johansen curves against published values, statsmodels, and mass passed on by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from analytics.statistics.competing import aalen_johansen, kaplan_meier

CAUSES = ("cancelled", "completed", "swapped")
ROWS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from([None, *CAUSES])), min_size=1, max_size=30)

# weeks in remission on 6-mercaptopurine (Freireich et al. 1963), 0 where the patient was in remission when last seen; the
# estimates as in Kleinbaum and Klein, Survival Analysis (3rd ed. 2012), table 2.1 and what follows it
REMISSION = [(6, 1), (6, 1), (6, 1), (7, 1), (10, 1), (13, 1), (16, 1), (22, 1), (23, 1)]
REMISSION += [(weeks, 0) for weeks in (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)]
PUBLISHED = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}


def drawn(seed, count=300):
    """Draw durations of which many are equal, and how each ended."""
    rng = np.random.default_rng(seed)
    durations = np.round(rng.exponential(12.0, count))
    return durations, rng.choice(np.array([None, *CAUSES], dtype=object), count, p=[0.35, 0.1, 0.45, 0.1])


def passed_on(rows):
    """Give the share that ends at each (time, cause), exactly: whoever is censored leaves his share to those still waiting.

    Efron's way to the same estimates (1967): no product and no curve of survival occurs in it. What is left is under None.
    """
    rows = sorted(rows, key=lambda row: (row[0], row[1] is None))  # who is censored at a time was still waiting then
    mass = [Fraction(1, len(rows))] * len(rows)
    found = {}
    for i, (time, cause) in enumerate(rows):
        after = [j for j in range(i + 1, len(rows)) if rows[j][0] > time] if cause is None else []
        for j in after:
            mass[j] += mass[i] / len(after)
        if not after:
            found[time, cause] = found.get((time, cause), 0) + mass[i]
    return found


def split(rows):
    return [time for time, _ in rows], [cause for _, cause in rows]


def test_remission_as_published():
    times, waiting = kaplan_meier(*split(REMISSION))
    found = dict(zip(times.tolist(), waiting.tolist(), strict=True))
    assert {week: round(found[week], 4) for week in PUBLISHED} == PUBLISHED
    assert found[35] == found[23]  # nobody ended after that


@pytest.mark.parametrize("seed", range(4))
def test_kaplan_meier_is_that_of_statsmodels(seed):
    durations, causes = drawn(seed)
    ended = causes != None  # noqa: E711  # element by element
    theirs = SurvfuncRight(durations, ended.astype(int))
    times, waiting = kaplan_meier(durations, ended)
    assert waiting[np.searchsorted(times, theirs.surv_times)] == pytest.approx(theirs.surv_prob)


@pytest.mark.parametrize("seed", range(4))
def test_incidences_are_those_of_statsmodels(seed):
    durations, causes = drawn(seed)
    numbers = [0 if cause is None else CAUSES.index(cause) + 1 for cause in causes]
    # with weights it leaves out standard errors, which divide by zero where nobody is left
    theirs = CumIncidenceRight(durations, np.array(numbers), freq_weights=np.ones(len(durations)))
    mine = aalen_johansen(durations, causes)
    at = np.searchsorted(mine.times, theirs.times)
    for cause, shares in zip(CAUSES, theirs.cinc, strict=True):
        assert mine.ended[cause][at] == pytest.approx(shares)


def test_a_table_by_hand():
    """Of five one is cancelled at 1 h and one lost sight of at 2 h; of three one is done at 3 h, of two one is cancelled at 4 h."""
    rows = [(4, "cancelled"), (2, None), (1, "cancelled"), (5, None), (3, "completed")]
    found = aalen_johansen(*split(rows))
    assert found.times.tolist() == [1, 2, 3, 4, 5]
    assert found.waiting == pytest.approx([4 / 5, 4 / 5, 8 / 15, 4 / 15, 4 / 15])
    assert found.ended["cancelled"] == pytest.approx([1 / 5, 1 / 5, 1 / 5, 7 / 15, 7 / 15])
    assert found.ended["completed"] == pytest.approx([0, 0, 4 / 15, 4 / 15, 4 / 15])
    assert (found.waiting_at(0.9), found.ended_at(0.9)) == (1, {"cancelled": 0, "completed": 0})
    assert (found.waiting_at(3), found.waiting_at(3.9)) == (pytest.approx(8 / 15), pytest.approx(8 / 15))
    assert found.ended_at(99) == {"cancelled": pytest.approx(7 / 15), "completed": pytest.approx(4 / 15)}


def test_to_censor_what_takes_others_away_overstates():
    """Half are cancelled on the first day, the others done on the second: by day two a half is done, and not all."""
    rows = [(1, "cancelled")] * 5 + [(2, "completed")] * 5
    assert aalen_johansen(*split(rows)).ended_at(2)["completed"] == pytest.approx(0.5)
    _, waiting = kaplan_meier([1] * 5 + [2] * 5, [False] * 5 + [True] * 5)
    assert waiting[-1] == 0


def test_nobody():
    found = aalen_johansen([], [])
    assert (found.waiting_at(3), found.ended_at(3), len(found.times)) == (1, {}, 0)


@pytest.mark.parametrize("durations", [[-1.0], [np.nan], [np.inf], [[1.0]], [1.0, 2.0]])
def test_what_is_no_duration_is_refused(durations):
    with pytest.raises(ValueError, match="duration"):
        kaplan_meier(durations, [True])


@given(ROWS)
def test_they_are_the_mass_passed_on(rows):
    found, mass = aalen_johansen(*split(rows)), passed_on(rows)
    for time in (*found.times, 99):
        for cause, share in found.ended_at(time).items():
            assert share == pytest.approx(float(sum(m for (t, c), m in mass.items() if c == cause and t <= time)))


@given(ROWS)
def test_all_ways_to_end_and_those_waiting_are_all(rows):
    found = aalen_johansen(*split(rows))
    assert sum(found.ended.values(), found.waiting) == pytest.approx(np.ones(len(found.times)))
    assert (np.diff(found.waiting) <= 1e-12).all()
    assert all((np.diff(shares) >= 0).all() for shares in found.ended.values())


@given(ROWS, st.randoms(use_true_random=False), st.sampled_from([0.25, 2.0, 3600.0]))
def test_order_changes_nothing_and_a_scale_scales(rows, random, scale):
    found, shuffled = aalen_johansen(*split(rows)), random.sample(rows, len(rows))
    other = aalen_johansen(*split([(time * scale, cause) for time, cause in shuffled]))
    assert other.times.tolist() == (found.times * scale).tolist()
    assert other.waiting.tolist() == found.waiting.tolist()
    assert {c: s.tolist() for c, s in other.ended.items()} == {c: s.tolist() for c, s in found.ended.items()}


@given(ROWS)
def test_who_was_followed_for_longer_waits_for_longer(rows):
    """Those still waiting have waited a day more: nobody is more often done by any time that was known before."""
    found = aalen_johansen(*split(rows))
    later = aalen_johansen(*split([(time if cause else time + 24, cause) for time, cause in rows]))
    assert all(later.waiting_at(time) >= found.waiting_at(time) - 1e-12 for time in found.times)
