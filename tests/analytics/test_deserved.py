"""Reds that peers, or the size of the board, make likely to be chance are lowered, and nothing else is ever changed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analytics.case_mix import Mix, standardised
from analytics.deserved import deserved
from analytics.figures import Figures
from analytics.health import FINE, State
from analytics.kpi import Condition, Health, Kpi, Level, Measure
from analytics.master import Master
from analytics.verdict import judge

WINDOW = (None, pd.Timestamp("2026-06-30", tz="UTC").to_pydatetime())


NOTHING_KNOWN = Master({}, (), WINDOW[1])


def share(key="late", **more):
    settings = {"better": "lower", "green": 0.05, "red": 0.10, "min_n": 30, "unit": "%", "by": (("partner",),)}
    return Kpi(
        key=key,
        title=key,
        family="speed",
        fact="repair_orders",
        measure=Measure("share", column="late"),
        day="closed_at",
        window_days=28,
        **(settings | more),
    )


def figures(partner, hits, n):
    slice_ = (("partner", partner),) if partner else ()
    return Figures(slice_, n, n, hits / n if n else None, hits, n)


def board(kpi, parts, state=FINE):
    return [judge(kpi, figures(f"P{i}", hits, n), state, WINDOW) for i, (hits, n) in enumerate(parts)]


def judged(parts, kpi=None, rate=0.1, state=FINE):
    kpi = kpi or share()
    return deserved(board(kpi, parts, state), {kpi.key: kpi}, NOTHING_KNOWN, rate)


QUIET = [(3, 100)] * 20


def test_two_bad_repairs_do_not_make_a_quiet_small_partner_red():
    """Of 11 repairs 2 failed: 18 %, and by itself 83 % sure to be beyond 10 %; 20 peers at 3 % know better."""
    small, *_ = judged([(2, 11), *QUIET], share(min_n=10))
    assert small.evidence > 0.8
    assert small.among_peers < 0.7
    assert small.level is Level.AMBER
    assert "beside its peers chance may have brought it there" in small.reason


def test_a_clearly_bad_partner_is_red_within_days_and_says_how_sure_that_is():
    for n in (30, 100):
        bad, *rest = judged([(0.4 * n, n), *QUIET])
        assert bad.level is Level.RED
        assert bad.among_peers > 0.999
        assert bad.false_discovery < 0.001
        assert {r.level for r in rest} == {Level.GREEN}


def test_the_prior_is_a_beta_of_the_peers_worth_fifty_orders_at_most():
    """By hand: peers all at 3 %, so alike, weigh 50 orders; half a hit and half a miss come on top of the weighted mean."""
    (bad, *_) = judged([(15, 100), *QUIET])
    weight = 20 * 100 * 50 / 150
    mean = (weight * 0.03 + 0.5) / (weight + 1)
    expected = stats.beta.sf(0.05, 50 * mean + 15, 50 * (1 - mean) + 85)
    assert bad.among_peers == pytest.approx(expected, abs=1e-9)


def test_means_are_drawn_towards_their_peers_too():
    """By hand: peers at 10 h with a spread of 20 h; 4 rows of 60 h against the weight of 50 rows at most; Student's tail."""
    kpi = Kpi("wait", "Wait", "speed", "repair_orders", Measure("mean", column="age"), "closed_at", 28, "lower", 20, 40,
              min_n=2, by=(("partner",),))  # fmt: skip

    def one(name, mean, n):
        return judge(kpi, Figures((("partner", name),), n, n, mean, deviation=20.0), FINE, WINDOW)

    bad, *rest = deserved(
        [one("bad", 60.0, 4), *(one(f"P{i}", 10.0, 400) for i in range(20))], {kpi.key: kpi}, NOTHING_KNOWN
    )
    own, taught = 4 / 400, 1 / (400 / 50)
    centre = (own * 60 + taught * 10) / (own + taught)
    assert bad.among_peers == pytest.approx(stats.t.sf((20 - centre) * (own + taught) ** 0.5, 3 + 4), abs=1e-9)
    assert bad.level is Level.AMBER
    assert {r.level for r in rest} == {Level.GREEN}


def test_a_few_days_that_are_alike_by_chance_prove_nothing():
    """Five days of +0.2 on average: by themselves over 99 % sure, but the days of its peers lie four times as far apart."""
    kpi = Kpi("flow", "Flow", "workload", "repair_orders", Measure("mean", column="net"), "closed_at", 7, "lower", 0.0, 0.05,
              min_n=5, by=(("partner",),))  # fmt: skip

    def found(spread, n=5):
        peers = [((-1) ** i * 0.1, 0.3, 5) for i in range(20)]
        parts = [
            judge(kpi, Figures((("partner", f"P{i}"),), rows, rows, mean, deviation=sd), FINE, WINDOW)
            for i, (mean, sd, rows) in enumerate([(0.2, spread, n), *peers])
        ]
        return deserved(parts, {kpi.key: kpi}, NOTHING_KNOWN)[0]

    lucky = found(0.07)
    assert lucky.evidence > 0.99
    assert lucky.level is Level.AMBER
    assert found(0.07, 50).level is Level.RED  # many days are believed


def test_with_few_peers_a_slice_stands_for_itself():
    for reading in judged([(14, 100), (3, 100), (3, 100), (3, 100)]):
        assert reading.among_peers is None
        assert reading.false_discovery is None
        assert reading.level is (Level.RED if reading.value > 0.1 else Level.GREEN)


def test_of_many_figures_some_are_beyond_the_limit_by_chance():
    """1,000 partners that are truly green (3 %), with 40 orders each: naive limits call some red, the board next to none."""
    rng = np.random.default_rng(5)
    parts = [(float(hits), 40) for hits in rng.binomial(40, 0.03, 1000)]
    naive = [hits for hits, n in parts if hits / n > 0.10]
    red = [r for r in judged(parts) if r.level is Level.RED]
    assert len(naive) >= 5
    assert len(red) <= 1


def test_reds_are_the_largest_set_of_which_no_more_than_the_rate_are_green_in_truth():
    """By hand: the mean doubt of all that are at least as sure (Newton et al. 2004)."""
    parts = [(30, 100), (14, 100), (13, 100), (12, 100), *QUIET]
    found = judged(parts)
    for one in found:
        surer = [1 - r.among_peers for r in found if r.among_peers >= one.among_peers - 1e-12]
        assert one.false_discovery == pytest.approx(sum(surer) / len(surer), abs=1e-9)


def test_the_rate_of_false_reds_is_a_setting():
    parts = [(15, 100), *[(4, 100)] * 40]
    levels = {rate: judged(parts, rate=rate)[0].level for rate in (1e-6, 1.0)}
    assert levels == {1e-6: Level.AMBER, 1.0: Level.RED}


def test_a_lowered_red_on_dead_data_is_unknown():
    (dead, *_) = judged([(2, 11), *QUIET], share(min_n=10), state=State(Health.DEAD, "orders is 3 d behind"))
    assert dead.level is Level.UNKNOWN
    assert not dead.stale
    assert dead.reason.endswith("Stale: orders is 3 d behind.")
    assert dead.pain == 0


def test_surveys_are_compared_within_their_country_only():
    kpi = replace(share(), fact="surveys", by=(("country", "partner"),))

    def one(country, partner, hits):
        return judge(
            kpi,
            replace(figures(None, hits, 60), slice=(("country", country), ("partner", partner))),
            FINE,
            WINDOW,
        )

    strict = [one("JP", f"J{i}", 20) for i in range(6)]
    mild = [one("BR", f"B{i}", 1) for i in range(6)]
    apart = deserved([*strict, *mild], {kpi.key: kpi}, NOTHING_KNOWN)
    alone = deserved(strict, {kpi.key: kpi}, NOTHING_KNOWN)
    assert [r.among_peers for r in apart[:6]] == [r.among_peers for r in alone]


def test_counts_are_draws_of_a_rate_and_states_are_facts():
    def counts(day):
        kpi = Kpi("lost", "Lost", "logistics", "shipments", Measure("count", condition=Condition("x", "is", True)), day,
                  28, "lower", 3, 4, min_n=0, by=(("partner",),))  # fmt: skip
        parts = [
            judge(kpi, Figures((("partner", f"P{i}"),), 50, v, v), FINE, WINDOW) for i, v in enumerate([5, *[1] * 20])
        ]
        return deserved(parts, {kpi.key: kpi}, NOTHING_KNOWN)

    (drawn, *_), (state, *_) = counts("closed_at"), counts("snapshot")
    assert (drawn.level, state.level) == (Level.AMBER, Level.RED)
    assert drawn.among_peers < 0.95
    assert state.among_peers is None


@pytest.mark.parametrize(("count", "expected"), [(0, Level.GREEN), (1, Level.AMBER), (2, Level.AMBER), (4, Level.RED)])
def test_one_event_where_none_may_be_is_an_honest_mistake_beside_clean_peers_and_a_red_alone(count, expected):
    kpi = Kpi("twice", "Twice", "integrity", "claims", Measure("count", column="duplicate"), "submitted_at", 28, "lower", 0, 0,
              min_n=0, by=(("partner",),))  # fmt: skip

    def level(*values):
        parts = [
            judge(kpi, Figures((("partner", f"P{i}"),), 50, v, float(v)), FINE, WINDOW) for i, v in enumerate(values)
        ]
        return deserved(parts, {kpi.key: kpi}, NOTHING_KNOWN)[0].level

    assert level(count, 1, *[0] * 38) is expected
    assert level(count) is (Level.RED if count else Level.GREEN)  # nobody to be compared with: any is red


PARTS = st.lists(
    st.tuples(st.integers(0, 100), st.integers(30, 400)).map(lambda t: (min(t), t[1])), min_size=6, max_size=25
)
ORDER = {Level.GREEN: 0, Level.AMBER: 1, Level.RED: 2}


@given(PARTS, st.integers(0, 5), st.integers(1, 60))
def test_worsening_a_figure_never_improves_its_level(parts, at, more):
    hits, n = parts[at]
    worse = [*parts[:at], (min(hits + more, n), n), *parts[at + 1 :]]
    assert ORDER[judged(worse)[at].level] >= ORDER[judged(parts)[at].level]


@given(PARTS)
def test_no_level_but_red_is_ever_changed_and_red_only_to_amber(parts):
    kpi = share()
    for before, after in zip(board(kpi, parts), judged(parts), strict=True):
        allowed = {Level.RED, Level.AMBER} if before.level is Level.RED else {before.level}
        assert after.level in allowed
        assert (after.reason == before.reason) == (after.level is before.level)
        assert (after.value, after.evidence, after.pain) == (before.value, before.evidence, before.pain)


@given(PARTS, st.randoms(use_true_random=False))
def test_renaming_and_reordering_partners_changes_nothing(parts, rng):
    order = list(range(len(parts)))
    rng.shuffle(order)
    plain, mixed = judged(parts), judged([parts[i] for i in order])
    assert [plain[i].level for i in order] == [r.level for r in mixed]
    assert [plain[i].among_peers for i in order] == pytest.approx([r.among_peers for r in mixed], abs=1e-9)


@given(PARTS)
def test_a_share_and_its_complement_are_judged_alike(parts):
    turned = share(better="higher", green=0.95, red=0.90)
    good = judged([(n - hits, n) for hits, n in parts], turned)
    assert [r.level for r in good] == [r.level for r in judged(parts)]


def kinds(**cells):
    """Rows of a scan by partner and product: partner_product = (hits, n)."""
    rows = [(*name.split("_"), *counts) for name, counts in cells.items()]
    return pd.DataFrame(rows, columns=["partner", "product", "k0_num", "k0_n"])


def test_a_slice_is_not_blamed_for_its_mix_of_cases():
    """By hand: of A's 100 tablets elsewhere 40 in 200 fail, of its 100 phones 2 in 200; usual is 42 in 400."""
    rows = kinds(A_tablet=(20, 100), A_phone=(1, 100), B_tablet=(40, 200), B_phone=(2, 200))
    mix = standardised(rows, ("partner",), ("product",))[("partner", "A"),]
    assert (mix.n, mix.observed) == (200, 21)
    assert mix.expected == pytest.approx(100 * 40 / 200 + 100 * 2 / 200)
    assert mix.usual == pytest.approx(42 / 400)
    assert mix.share == pytest.approx(42 / 400)


def test_a_red_that_its_cases_explain_is_amber():
    kpi = share(case_mix=("product",))
    (bad, *_), key = board(kpi, [(40, 200), *QUIET]), (kpi.key, (("partner", "P0"),))
    for expected, level in ((40.0, Level.AMBER), (12.0, Level.RED)):
        mixed = {key: Mix(200, 40, expected, 0.04)}
        (found, *_) = deserved([bad, *board(kpi, QUIET)[1:]], {kpi.key: kpi}, NOTHING_KNOWN, 0.1, mixed)
        assert found.level is level
        assert ("with the usual mix of product it would be 4 %" in found.reason) == (level is Level.AMBER)


def test_a_mix_of_which_too_little_is_known_excuses_nobody():
    kpi = share(case_mix=("product",))
    bad = board(kpi, [(40, 200), *QUIET])
    mixed = {(kpi.key, (("partner", "P0"),)): Mix(150, 30, 30, 0.04)}
    assert deserved(bad, {kpi.key: kpi}, NOTHING_KNOWN, 0.1, mixed)[0].level is Level.RED


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(10, 90)), min_size=4, max_size=4), st.integers(1, 5))
def test_more_hits_never_lower_the_share_with_the_usual_mix(parts, more):
    names = ["A_x", "A_y", "B_x", "B_y"]
    before = standardised(kinds(**dict(zip(names, parts, strict=True))), ("partner",), ("product",))
    parts = [(parts[0][0] + more, parts[0][1]), *parts[1:]]
    after = standardised(kinds(**dict(zip(names, parts, strict=True))), ("partner",), ("product",))
    assert after[("partner", "A"),].share >= before[("partner", "A"),].share


def test_equals_are_told_alike_whatever_their_names():
    twins = judged([(12, 100), (12, 100), (11, 100), *QUIET])
    assert twins[0].false_discovery == twins[1].false_discovery
    assert twins[0].level is twins[1].level
