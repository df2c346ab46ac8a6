"""Days are cut by the site's own clock: its zone, else its partner's, else the network's, in readings and in histories."""

from __future__ import annotations

import pytest
from small_network import Network

KPIS = """
[kpi.repairs]
title = "Repairs"
family = "workload"
fact = "repair_orders"
measure = { count = true }
day = "closed_at"
window = "1 d"
by = [["partner"], ["site"], ["country"]]
better = "lower"
green = 0
red = 0
[kpi.late]
title = "Late"
family = "speed"
fact = "repair_orders"
measure = { share = { column = "cost", above = 10 } }
day = "closed_at"
window = "2 d"
matures_after = "1 d"
by = [["partner"]]
better = "lower"
green = 0.1
red = 0.2
min_n = 1
[kpi.typical]
title = "Typical"
family = "cost"
fact = "repair_orders"
measure = { quantile = "cost", q = 0.5 }
day = "closed_at"
window = "1 d"
by = [["partner"]]
better = "lower"
green = 0
red = 0
min_n = 1
"""
ORDERS = """fact = "repair_orders"
[source.fields]
order_id = "id"
partner = "partner"
site = "site"
country = "country"
cost = "cost"
[source.events]
closed = "closed"
"""
PARTNERS = """fact = "partners"
[source.fields]
partner = "partner"
timezone = "zone"
"""
SITES = """fact = "sites"
[source.fields]
site = "site"
partner = "partner"
timezone = "zone"
"""


def order(number, partner, site, closed, cost=20):
    return {"id": f"R{number}", "partner": partner, "site": site, "country": "X", "closed": closed, "cost": cost}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    # 2026-06-30 12:00 UTC is 21:00 on the 30th in Tokyo, 05:00 on the 30th in Los Angeles
    rows = [
        order(1, "Tokyo", "Shibuya", "2026-06-29T14:59:59Z"),  # 23:59:59 on the 29th there
        order(2, "Tokyo", "Shibuya", "2026-06-29T15:00:00Z"),  # midnight: the 30th
        order(3, "Tokyo", "Ueno", "2026-06-30T11:00:00Z"),
        order(4, "Tokyo", "Honolulu branch", "2026-06-30T09:59:59Z"),  # 23:59:59 on the 29th by its own clock
        order(5, "LA", None, "2026-06-30T06:59:59Z"),  # 23:59:59 on the 29th
        order(6, "LA", None, "2026-06-30T07:00:00Z"),
        order(7, "Nowhere", "Unlisted", "2026-06-30T00:00:00Z"),  # the network's own day, UTC
        order(8, "Nowhere", "Unlisted", "2026-06-29T23:59:59Z"),
    ]
    partners = [{"partner": "Tokyo", "zone": "Asia/Tokyo"}, {"partner": "LA", "zone": "America/Los_Angeles"}]
    sites = [
        {"site": "Shibuya", "partner": "Tokyo", "zone": None},
        {"site": "Ueno", "partner": "Tokyo", "zone": None},
        {"site": "Honolulu branch", "partner": "Tokyo", "zone": "Pacific/Honolulu"},
    ]
    network = Network(
        tmp_path_factory.mktemp("zones"),
        {"orders": (ORDERS, rows), "partners": (PARTNERS, partners), "sites": (SITES, sites)},
        KPIS,
    )
    yield network
    network.close()


@pytest.mark.parametrize(
    ("slice_", "closed"),
    [
        ((("partner", "Tokyo"),), 2),  # 2 and 3
        ((("site", "Shibuya"),), 1),
        ((("site", "Honolulu branch"),), None),  # none on its 30th
        ((("partner", "LA"),), 1),  # 6
        ((("partner", "Nowhere"),), 1),  # 7
        ((("country", "X"),), 4),
        ((), 4),
    ],
)
def test_a_day_is_the_sites_own(network, slice_, closed):
    reading = network.readings()["repairs", slice_]
    assert reading.value == closed


def test_histories_cut_days_as_readings_do(network):
    readings = network.readings()
    assert (
        dict(readings["repairs", (("partner", "Tokyo"),)].history)["2026-06-29"] == 2
    )  # 1 and, by Honolulu's clock, 4
    assert dict(readings["repairs", (("partner", "LA"),)].history)["2026-06-29"] == 1
    assert dict(readings["typical", (("partner", "Tokyo"),)].history)["2026-06-29"] == 20
    for reading in readings.values():
        if reading.history:
            assert reading.history[-1] == ("2026-06-30", reading.value)


def test_explain_counts_the_same_rows(network):
    reading, found = network.explain("repairs", (("partner", "Tokyo"),))
    assert found["rows_total"] == reading.n == 2
    assert [row["key"] for row in found["rows"]] == ["R2", "R3"]


def test_a_network_without_zones_is_not_asked_for_them_after_one_with_them(network, tmp_path):
    """Compiled expressions are shared within a process; they must not carry the columns of another network."""
    kpis = """
[kpi.load]
title = "Load"
family = "workload"
fact = "repair_orders"
measure = { named = "net_flow" }
day = "snapshot"
by = [["partner"]]
better = "lower"
green = 1
red = 2
min_n = 1
"""
    rows = [order(1, "Tokyo", "Shibuya", "2026-06-29T14:59:59Z")]
    sites = [
        {"site": "Shibuya", "partner": "Tokyo", "zone": "Asia/Tokyo", "capacity": 5, "open": "Mon-Sun 09:00-18:00"}
    ]
    told = SITES + 'capacity = "capacity"\nopening = "open"\n'
    body = ORDERS.replace("closed =", 'received = "closed"\nclosed =')
    zoned = Network(tmp_path / "zoned", {"orders": (body, rows), "sites": (told, sites)}, kpis)
    plain = Network(tmp_path / "plain", {"orders": (body, rows), "sites": (told, [sites[0] | {"zone": None}])}, kpis)
    for each in (zoned, plain):
        assert each.readings()["load", ()].value is not None
        each.close()


def test_master_data_is_no_feed_that_could_be_late(network):
    assert [feed["name"] for feed in network.document()["sources"]] == ["orders"]
