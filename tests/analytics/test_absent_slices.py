from small_network import Network, cases

KPI = """
[kpi.old]
title = "Open for long"
family = "workload"
fact = "repair_orders"
measure = { share = { column = "age_hours", above = 24 } }
where = [{ column = "open", is = true }]
day = "snapshot"
window = "all"
by = [["partner"]]
better = "lower"
green = 0.05
red = 0.1
min_n = 1
unit = "%"
"""


def test_a_slice_that_ever_had_rows_is_never_absent(tmp_path):
    rows = [{"order_id": "1", "partner": "A", "received": "2026-06-20", "closed": "2026-06-22"}]
    network = Network(
        tmp_path, {"o": (cases("repair_orders", ["order_id", "partner"], ["received", "closed"]), rows)}, KPI
    )
    a = (("partner", "A"),)
    assert network.readings("2026-06-21T12:00:00+00:00")["old", a].level == "red"
    assert ("old", a) in network.readings()  # KeyError of the wall: a red tile vanishes without a trace
