"""The digest of a KPI's definition changes with what decides its rows and value, and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analytics.definition import definition, definitions
from analytics.judge import FeedRule
from analytics.kpi import Condition, Kpi, LimitRule, Measure

LATE = Kpi(
    "late",
    "Late",
    "speed",
    "repair_orders",
    Measure("share", condition=Condition("elapsed_hours", "above", 24.0)),
    "closed",
    7,
    "lower",
    0.1,
    0.2,
    by=(("partner",),),
)
FEEDS = [FeedRule("hub", "repair_orders"), FeedRule("calls", "contacts")]


@pytest.mark.parametrize(
    "told",
    [
        {"fact": "shipments"},
        {"measure": Measure("share", condition=Condition("elapsed_hours", "above", 48.0))},
        {"measure": replace(LATE.measure, shape="count")},
        {"where": (Condition("warranty", "is", "in"),)},
        {"day": "received"},
        {"window_days": 14},
        {"window_days": None},
        {"matures_days": 2.0},
        {"by": (("partner",), ("brand",))},
        {"case_mix": ("fault",)},
    ],
    ids=str,
)
def test_what_decides_the_rows_changes_it(told):
    assert definition(replace(LATE, **told), FEEDS) != definition(LATE, FEEDS)


@pytest.mark.parametrize(
    "told",
    [
        {"title": "Too late"},
        {"green": 0.05, "red": 0.5},
        {"limits": (LimitRule((("partner", "A"),), 0.3),)},
        {"agreed": (0.4,)},
        {"remedies": ("Hurry",), "pitfall": "none", "unit": "%", "pain": "costs", "family": "other"},
        {"enter": (1, 1), "recovery": 0.15, "min_n": 5},
    ],
    ids=str,
)
def test_limits_and_words_do_not(told):
    assert definition(replace(LATE, **told), FEEDS) == definition(LATE, FEEDS)


def test_the_sources_of_its_facts_do():
    own = definition(LATE, FEEDS)
    assert definition(LATE, FEEDS[::-1]) == own
    assert definition(LATE, FEEDS[:1]) == own  # it looks at no contacts
    assert definition(LATE, FEEDS[1:]) != own
    assert definition(LATE, [*FEEDS, FeedRule("second hub", "repair_orders")]) != own
    assert definition(LATE, [replace(FEEDS[0], fresh_within_seconds=60.0), FEEDS[1]]) == own


def test_each_has_its_own():
    other = replace(LATE, key="later", window_days=30)
    assert definitions([LATE, other], FEEDS) == {"late": definition(LATE, FEEDS), "later": definition(other, FEEDS)}
