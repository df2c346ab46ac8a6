"""A KPI that a network's sources cannot feed is unknown, and says which field is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_network import Network

CATALOGUE = (Path(__file__).parents[2] / "kpis.toml").read_text(encoding="utf-8")
ORDERS = """fact = "repair_orders"
[source.fields]
order_id = "id"
partner = "partner"
[source.events]
received = "received"
closed = "closed"
"""


@pytest.fixture(scope="module")
def readings(tmp_path_factory):
    rows = [{"id": "R1", "partner": "P", "received": "2026-06-28T10:00:00Z", "closed": "2026-06-29T10:00:00Z"}]
    network = Network(tmp_path_factory.mktemp("little"), {"orders": (ORDERS, rows)}, CATALOGUE)
    yield network.readings()
    network.close()


@pytest.mark.parametrize(
    ("kpi", "reason"),
    [
        ("promise_kept", "No data: no source of repair_orders maps promised_at, which this KPI needs."),
        ("bounce_rate_30d", "No data: no source of repair_orders maps device_id, which this KPI needs."),
        ("supplier_on_time", "No data: no source feeds part_orders."),
        ("csat_top2", "No data: no source feeds surveys."),
    ],
)
def test_what_is_missing_is_named(readings, kpi, reason):
    reading = readings[kpi, ()]
    assert (reading.level, reading.health, reading.value) == ("unknown", "no_data", None)
    assert reading.reason == reason


def test_such_a_kpi_has_one_reading_and_no_slices(readings):
    assert [slice_ for kpi, slice_ in readings if kpi == "promise_kept"] == [()]


def test_what_is_fed_is_judged(readings):
    assert readings["open_over_7d", ()].reason == "No data: no such rows at the moment."  # the one order is closed
