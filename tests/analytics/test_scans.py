"""KPIs that share a scan have the figures, pools and histories that they have alone, whatever they are grouped by."""

from __future__ import annotations

import itertools
import random

import pytest
from small_network import Network, cases

from analytics.measure import scans

GROUPINGS = {
    "by_partner": '[["partner"]]',
    "by_country": '[["country"], ["country", "partner"]]',
    "network": "[]",
    "by_both": '[["partner"], ["country"]]',
}
MEASURES = {
    "share": '{ share = "late" }\ngreen = 0.01\nred = 0.02',
    "mean": '{ mean = "cost" }\ngreen = 1\nred = 2',
    "p90": '{ quantile = "tat_hours", q = 0.9 }\ngreen = 1\nred = 2',
    "cohort": '{ named = "tat_cohort_p90" }\ngreen = 1\nred = 2',
}
KPIS = "".join(
    f'[kpi.{measure}_{name}]\ntitle = "x"\nfamily = "speed"\nfact = "repair_orders"\nday = "closed_at"\nwindow = "28 d"\n'
    f'better = "lower"\nmin_n = 12\nmeasure = {how}\nby = {by}\n'
    for (measure, how), (name, by) in itertools.product(MEASURES.items(), GROUPINGS.items())
)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    draw = random.Random(3)
    rows = []
    for number in range(300):
        day = draw.randint(1, 27)
        rows.append(
            {
                "order_id": f"R{number}",
                # some rows lack what slices are made of
                "partner": draw.choice(["Nord", "Süd", "Ost", "tiny", None]) if number % 40 else "small",
                "country": draw.choice(["DE", "FR", "IN", None]),
                "cost": draw.randint(1, 400) / 10,
                "received": f"2026-06-{day:02} 08:00",
                "closed": f"2026-06-{day + draw.randint(0, 2):02} {draw.randint(10, 20)}:00",
                "promised_at": f"2026-06-{day + 1:02} 12:00",
            }
        )
    source = cases("repair_orders", ["order_id", "partner", "country", "cost", "promised_at"], ["received", "closed"])
    built = Network(tmp_path_factory.mktemp("scans"), {"orders": (source, rows)}, KPIS)
    yield built
    built.close()


def judged(network, *keys):
    with network.warehouse.reader(network.names, network.now) as view:
        board = network.judge(*keys).board(view, network.now, 1)
    return {(r.kpi, r.slice): (r.value, r.n, r.numerator, r.denominator, r.history) for r in board.readings}


def test_one_scan_answers_all(network):
    shared = [kpi for kpi in network.settings.kpis if kpi.measure.shape != "named"]
    (scan,) = scans(shared)
    assert set(scan.groupings) == {(), ("partner",), ("country",), ("country", "partner")}


@pytest.mark.parametrize("measure", MEASURES)
def test_together_as_alone(network, measure):
    together = judged(network)
    for name in GROUPINGS:
        key = f"{measure}_{name}"
        alone = judged(network, key)
        assert {identity: reading for identity, reading in together.items() if identity[0] == key} == alone


@pytest.mark.parametrize("measure", MEASURES)
def test_one_grouping_does_not_depend_on_the_others(network, measure):
    together = {slice_: reading for (key, slice_), reading in judged(network).items() if key == f"{measure}_by_both"}
    for name in ("by_partner", "by_country", "network"):
        for (_, slice_), reading in judged(network, f"{measure}_{name}").items():
            assert together.get(slice_, reading) == reading
    assert ((("partner", "Nord"),) in together) and ((("country", "FR"),) in together)
