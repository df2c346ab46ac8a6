"""The rows behind a number re-aggregate to the number."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest
from measured import Drawn, figures, holds

from analytics.explain import formula
from analytics.kpi import Condition, Kpi, Measure


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    made = Drawn(tmp_path_factory.mktemp("explained"), "Europe/Berlin", "2026-03-30T10:00:00+00:00", 11, live=False)
    yield made
    made.network.close()


def reaggregate(kpi, rows):
    """Work the figure out from what explain lists; the columns are as in the catalogue."""
    frame = pd.DataFrame(rows, dtype="object") if rows else pd.DataFrame(columns=["key"])
    return figures(kpi["measure"], frame)


@pytest.mark.parametrize("key", [f"k{number}" for number in range(18)] + ["tally", "stock", "shelves"])
def test_rows_re_aggregate_to_the_number(drawn, key):
    kpi = drawn.kpis[key]
    expected = drawn.expected(key)
    ranked = sorted(expected, key=lambda s: (len(s), "(small)" in dict(s).values(), -(expected[s][0] or 0), s))
    groups = {}
    for slice_ in ranked:  # the largest of every grouping, and its pool
        groups.setdefault((tuple(n for n, _ in slice_), "(small)" in dict(slice_).values()), slice_)
    for slice_ in groups.values():
        reading, told = drawn.network.explain(key, slice_, drawn.moment)
        rows = told["rows"]
        for row in rows:
            for name, value in row.items():
                if name.endswith("_at") and value is not None:
                    row[name] = datetime.fromisoformat(value)
            if kpi["fact"] == "repair_orders":
                assert all(holds(row, each) for each in kpi["where"]), row
        assert told["rows_total"] == len(rows)
        n, value, numerator, denominator = reaggregate(kpi, rows)
        assert reading.n == pytest.approx(n), slice_
        assert reading.value == (None if value is None else pytest.approx(value)), slice_
        if value is not None:
            assert (reading.numerator, reading.denominator) == (pytest.approx(numerator), pytest.approx(denominator))


def test_it_says_where_limits_come_from(drawn):
    _, told = drawn.network.explain("k0", (), drawn.moment)
    assert told["limits_from"] == "kpi.k0"
    keys = {
        "formula",
        "rows",
        "rows_total",
        "limits_from",
        "health_reason",
        "evidence_method",
        "drivers",
        "mix_rate",
        "change",
        "survival",
    }
    assert keys == set(told)


KPI = Kpi("k", "K", "speed", "repair_orders", Measure("share", "late"), "closed_at", 28, "lower", 0.05, 0.1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {},
            "share of rows where late, among those where that is known of repair_orders; booked by closed_at, the last 28 local days",
        ),
        (
            {
                "measure": Measure("quantile", "tat_hours", q=0.9),
                "where": (Condition("channel", "in", ("a", "b")), Condition("cost", "missing", False)),
            },
            "0.9-quantile of tat_hours of repair_orders; only rows where channel is one of a, b and cost is known; booked by closed_at, the last 28 local days",
        ),
        (
            {
                "measure": Measure("count", condition=Condition("age_hours", "above", 168)),
                "day": "snapshot",
                "window_days": None,
            },
            "number of rows where age_hours > 168 of repair_orders; the state at the moment",
        ),
        (
            {
                "measure": Measure("ratio", "numerator", denominator="denominator"),
                "matures_days": 1.5,
                "window_days": None,
            },
            "sum of numerator over sum of denominator of repair_orders; booked by closed_at, all days, rows younger than 1.5 d left out",
        ),
    ],
)
def test_formulas_in_words(changes, expected):
    assert formula(Kpi(**{name: getattr(KPI, name) for name in KPI.__dataclass_fields__} | changes)) == expected
