"""Control charts behind what is drawn: daily figures from the rows, freed of weekdays, read at the last day that is over."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from small_network import Network, cases

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
KPIS = """
[kpi.failed]
title = "Failed"
family = "quality"
fact = "repair_orders"
measure = { share = { column = "outcome", is = "not_repaired" } }
day = "closed_at"
by = [["partner"]]
better = "lower"
green = 0.05
red = 0.10
min_n = 10
[kpi.slow]
title = "Slow"
family = "speed"
fact = "repair_orders"
measure = { quantile = "tat_hours", q = 0.9 }
day = "closed_at"
by = [["partner"]]
better = "lower"
green = 30
red = 60
min_n = 10
unit = "h"
[kpi.open]
title = "Open"
family = "workload"
fact = "repair_orders"
measure = { count = "open" }
day = "snapshot"
window = "all"
better = "lower"
green = 0
red = 0
"""


def rows(rng):
    """Two partners with 30 orders a day for 75 days: one whose failures rise in the last ten days, one always at 15 %."""
    for partner in ("Steady", "Risen"):
        for back in range(75, -1, -1):
            share = 0.15 if partner == "Steady" else 0.30 if back <= 10 else 0.04
            for number in range(30):
                closed = NOW - timedelta(days=back, minutes=number)
                slow = number < (12 if partner == "Risen" and back <= 10 else 1)
                yield {
                    "order_id": f"{partner}-{back}-{number}",
                    "partner": partner,
                    "outcome": "not_repaired" if rng.random() < share else "repaired",
                    "received": (closed - timedelta(hours=80 if slow else 20)).isoformat(),
                    "completed": closed.isoformat(),
                    "closed": closed.isoformat(),
                }


@pytest.fixture(scope="module")
def readings(tmp_path_factory):
    told = list(rows(np.random.default_rng(7)))
    source = cases("repair_orders", ["order_id", "partner", "outcome"], ["received", "completed", "closed"])
    network = Network(tmp_path_factory.mktemp("charts"), {"orders": (source, told)}, KPIS)
    found = network.readings()
    network.close()
    return {(kpi, dict(slice_).get("partner")): r for (kpi, slice_), r in found.items()}


def test_a_rise_is_special_cause_since_its_day(readings):
    chart = readings["failed", "Risen"].change
    assert (chart["variation"], chart["assurance"]) == ("worsening", "may or may not meet")
    assert "2026-06-18" <= chart["since"] <= "2026-06-22"
    assert chart["day"] == "2026-06-29"  # the day of the moment is not over
    assert chart["centre"] == pytest.approx(0.04, abs=0.015)


def test_what_always_misses_its_limit_is_common_cause(readings):
    chart = readings["failed", "Steady"].change
    assert (chart["variation"], chart["assurance"], chart["signals"]) == ("common cause", "will not meet", None)
    assert chart["centre"] == pytest.approx(0.15, abs=0.02)


def test_quantiles_are_charted_as_the_share_beyond_the_green_limit(readings):
    chart = readings["slow", "Risen"].change
    assert chart["of"] == "rows beyond the green limit"
    assert chart["variation"] == "worsening"
    assert chart["value"] == pytest.approx(12 / 30)


def test_states_have_no_chart(readings):
    assert readings["open", None].level.value in ("green", "red")
    assert readings["open", None].change is None
