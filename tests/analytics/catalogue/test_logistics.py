"""Logistics: every KPI on a handful of rows whose answer a person can check; the moment is Tuesday 2026-06-30 12:00 UTC."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from small_network import Network, cases

from data.settings.load import SHIPPED_KPIS


def t(day, clock="00:00:00", month=6):
    return f"2026-{month:02d}-{day:02d}T{clock}"


def after(start, hours):
    return (datetime.fromisoformat(start) + timedelta(hours=hours)).isoformat()


def parcel(key, partner, **known):
    return {"shipment_id": key, "partner": partner} | known


SLOTS = [
    parcel("p1", "Slots", pickup_by=t(20), picked_up=t(20)),
    parcel("p2", "Slots", pickup_by=t(20), picked_up=t(20, "00:00:01")),
    parcel("p3", "Slots", pickup_by=t(20), planned=t(19)),  # nobody came
    parcel(
        "p4", "Slots", pickup_by=t(20), planned=t(19), delivered=t(19, "20:00:00")
    ),  # fetched, though nobody scanned it
    parcel("p5", "Slots", pickup_by=t(30, "18:00:00"), planned=t(29)),  # the slot has not ended
]
# ten parcels arrive after 10, 20, .. 100 hours; one was lost, one is under way
LANE = [
    parcel(f"t{n}", "Lane", origin="DE", destination="DE", picked_up=t(10), delivered=after(t(10), 10 * n))
    for n in range(1, 11)
]
LANE += [parcel("ta", "Lane", origin="DE", destination="DE", picked_up=t(10), lost=t(15))]
LANE += [parcel("tb", "Lane", origin="DE", destination="FR", picked_up=t(28), scanned=t(29))]
LANE += [parcel("tc", "Lane", origin="DE", destination="FR", picked_up=t(12), delivered=t(11))]  # a fault of the record
DUE = [
    parcel("d1", "Due", promised_at=t(20), picked_up=t(18), delivered=t(20), complete="true"),
    parcel("d2", "Due", promised_at=t(20), picked_up=t(18), delivered=t(20), complete="false"),
    parcel("d3", "Due", promised_at=t(20), picked_up=t(18), delivered=t(20)),
    parcel("d4", "Due", promised_at=t(20), picked_up=t(18), delivered=t(21), complete="true"),
    parcel("d5", "Due", promised_at=t(20), picked_up=t(18)),  # due, and not there
    parcel("d6", "Due", promised_at=t(5, month=7), picked_up=t(28)),
]
LOST = [
    parcel("l1", "Lost", picked_up=t(1), delivered=t(3)),
    parcel("l2", "Lost", picked_up=t(1), lost=t(8)),
    parcel("l3", "Lost", picked_up=t(1), scanned=t(10)),  # silent for 20 days
    parcel("l4", "Lost", picked_up=t(1), scanned=t(25)),
    parcel("l5", "Lost", picked_up=t(1), damaged=t(2), delivered=t(3)),
    parcel("l6", "Lost", picked_up=t(1), customs_in=t(2)),
    parcel("l7", "Lost", picked_up=t(20), lost=t(22)),  # younger than 15 days
    parcel("l8", "Lost", planned=t(1)),  # never shipped
]
# four are released after 10, 20, 30 and 200 hours (the last told by its delivery), one has been held for 372
CUSTOMS = [
    parcel("c1", "Border", country="CH", customs_in=t(15), customs_out=after(t(15), 10)),
    parcel("c2", "Border", country="CH", customs_in=t(15), customs_out=after(t(15), 20)),
    parcel("c3", "Border", country="CH", customs_in=t(15), customs_out=after(t(15), 30)),
    parcel("c4", "Border", country="CH", customs_in=t(15), delivered=after(t(15), 200)),
    parcel("c5", "Border", country="CH", customs_in=t(15)),
    parcel("c6", "Border", country="CH", customs_out=t(16)),  # never scanned on its way in
]
ODD = [
    parcel("e1", "Odd", picked_up=t(10), exception=t(11), delivered=t(12)),
    parcel("e2", "Odd", picked_up=t(10), delivered=t(12)),
    parcel("e3", "Odd", scanned=t(10), delivered=t(12)),
    parcel("e4", "Odd", picked_up=t(29, "13:00:00"), exception=t(29, "14:00:00")),  # younger than two days
]
QUIET = [
    parcel("q1", "Quiet", origin="DE", destination="DE", picked_up=t(29, "11:00:00")),  # 25 hours, at home
    parcel("q2", "Quiet", origin="DE", destination="FR", picked_up=t(29, "11:00:00")),
    # from Friday 10:00 they are 98 hours, of which the weekend took 48
    parcel("q3", "Quiet", origin="DE", destination="FR", picked_up=t(26, "10:00:00")),
    parcel("q4", "Quiet", picked_up=t(25)),  # 84 hours of weekdays; nobody tells where to
    parcel("q5", "Quiet", picked_up=t(10), customs_in=t(11)),
    parcel("q6", "Quiet", picked_up=t(10), delivered=t(11)),
    parcel("q7", "Quiet", planned=t(10)),
]
FIELDS = ["shipment_id", "partner", "country", "origin", "destination", "pickup_by", "promised_at", "complete"]
KINDS = ["planned", "picked_up", "scanned", "customs_in", "customs_out", "delivered", "exception", "lost", "damaged"]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    parcels = SLOTS + LANE + DUE + LOST + CUSTOMS + ODD + QUIET
    source = (cases("shipments", FIELDS, KINDS), parcels)
    made = Network(tmp_path_factory.mktemp("logistics"), {"parcels": source}, SHIPPED_KPIS.read_text(encoding="utf-8"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def readings(network):
    return network.readings(None, *[kpi.key for kpi in network.settings.kpis if kpi.family == "logistics"])


@pytest.mark.parametrize(
    ("key", "partner", "value", "n"),
    [
        ("pickup_on_time", "Slots", 2 / 4, 4),
        ("transit_p90", "Lane", 91, 10),  # of 10 .. 100: what was lost is not in it
        # of twelve half arrive within 60 hours, when one was followed no longer; then 4/5, 3/4, 2/3 and 1/2 stay under way
        ("transit_cohort_p90", "Lane", 100, 12),
        ("otif", "Due", 2 / 5, 5),
        ("late_deliveries", "Due", 2 / 5, 5),
        ("lost_or_damaged", "Lost", 3 / 6, 6),
        ("exception_shipments", "Odd", 1 / 3, 3),
        ("silent_shipments", "Quiet", 2 / 4, 4),
    ],
)
def test_figures(readings, key, partner, value, n):
    reading = readings[key, (("partner", partner),)]
    assert (reading.value, reading.n) == (pytest.approx(value), n)


def test_every_kpi_of_the_family_is_judged(readings):
    judged = [reading for (_, slice_), reading in readings.items() if slice_ == ()]
    assert len(judged) == 9
    assert not [reading.kpi for reading in judged if reading.value is None]


def test_time_in_customs_counts_those_held(readings, network):
    reading = readings["customs_dwell_p90", (("country", "CH"),)]
    assert (reading.value, reading.n) == (
        15.5 * 24,
        5,
    )  # a fifth is held: nine of ten took at least as long as that one so far
    _, explained = network.explain("customs_dwell_p90", (("country", "CH"), ("partner", "Border")))
    rows = {row["key"]: (row["began_at"], row["ended_at"]) for row in explained["rows"]}
    assert rows["c4"] == (f"{t(15)}Z", f"{t(23, '08:00:00')}Z")
    assert rows["c5"] == (f"{t(15)}Z", None)


def test_lanes_are_told_apart(readings):
    home = readings["transit_cohort_p90", (("destination", "DE"), ("origin", "DE"))]
    assert (home.value, home.n) == (100, 11 + 1)  # one of them was fetched yesterday, by another carrier
    abroad = readings["transit_cohort_p90", (("destination", "FR"), ("origin", "DE"))]
    assert (abroad.value, abroad.n) == (98, 3)  # nobody has arrived: at least the longest so far


def test_losses_appear_by_themselves(network):
    """What nobody reports lost is so ten days after its last sign, and not before."""
    before = network.readings("2026-06-20T00:00:00+00:00", "lost_or_damaged")
    assert before["lost_or_damaged", (("partner", "Lost"),)].numerator == 3
    assert (
        network.readings("2026-06-20T00:00:01+00:00", "lost_or_damaged")[
            "lost_or_damaged", (("partner", "Lost"),)
        ].numerator
        == 4
    )
