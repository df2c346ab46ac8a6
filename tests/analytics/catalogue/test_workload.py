"""Workload: every KPI on a handful of rows whose answer a person can check; the moment is Tuesday 2026-06-30 12:00 UTC."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from small_network import Network, cases, identity, known

from analytics.kpi import Level
from data.settings.load import SHIPPED_KPIS


def t(day, clock="00:00:00", month=6):
    return f"2026-{month:02d}-{day:02d}T{clock}"


def weekdays(first, last):
    """Give the days of June from first to last that are no weekend."""
    return [day for day in range(first, last + 1) if date(2026, 6, day).weekday() < 5]


COUNT = iter(range(10_000))


def orders(partner, count, came, done=None, **known_):
    return [
        {"order_id": f"{partner}-{next(COUNT)}", "partner": partner, "received": came, "completed": done} | known_
        for _ in range(count)
    ]


def daily(partner, days, count, **known_):
    """Write orders that come at ten and are done at three."""
    return [row for day in days for row in orders(partner, count, t(day, "14:00:00"), t(day, "20:00:00"), **known_)]


FLOW = {"site": "F", "country": "X"}
# two a day, three on the last two working days; seven more lie open, one of which came on a Saturday and one today, and two
# that wait for parts. 28 came on the nine working days of the fortnight, the Saturday's with Friday's
ROWS = [
    *daily("Flow", weekdays(1, 25), 2, **FLOW),
    *daily("Flow", [26, 29], 3, **FLOW),
    *orders("Flow", 2, t(26, "11:00:00"), **FLOW),
    *orders("Flow", 1, t(27, "11:00:00"), **FLOW),
    *orders("Flow", 3, t(29, "11:00:00"), **FLOW),
    *orders("Flow", 1, t(30, "10:00:00"), **FLOW),
    *orders("Flow", 2, t(29, "11:00:00"), part_requested=t(29, "12:00:00"), **FLOW),
]
# did four a day when it had them, then got one a day; yesterday eight came
IDLE = {"site": "I", "country": "X"}
ROWS += daily("Idle", weekdays(1, 5), 4, **IDLE) + daily("Idle", weekdays(8, 26), 1, **IDLE)
ROWS += orders("Idle", 8, t(29, "10:00:00"), **IDLE)
# has done nothing since April
ROWS += orders("Dead", 12, t(1, month=4))
# no opening hours are known: 30 came at once, and two are done on each of the last ten days
for partner, site in (("Bare", None), ("Capped", "K")):
    ROWS += [row for day in range(20, 30) for row in orders(partner, 2, t(10), t(day, "12:00:00"), site=site)]
    ROWS += orders(partner, 10, t(10), site=site)
# works, and has nothing left to do
ROWS += [row for day in range(24, 30) for row in orders("Empty", 2, t(day, "08:00:00"), t(day, "12:00:00"))]
# one a day, but for Juneteenth, a Friday
ROWS += daily("Yank", [day for day in weekdays(1, 29) if day != 19], 1, site="Y")


def weekly(product, counts):
    """Write the orders that came in weeks, the last whole week first; it ended yesterday."""
    rows = []
    for week, count in enumerate(counts):
        day = date(2026, 6, 27) - timedelta(days=7 * week)
        rows += orders("Intake", count, f"{day}T10:00:00", f"{day}T11:00:00", product=product)
    return rows


ROWS += weekly("wave", [12, *[4] * 8])
ROWS += weekly("swing", [8, *[2, 6] * 4])
ROWS += weekly("fresh", [9, 9])
ROWS += orders("Intake", 50, t(30, "09:00:00"), t(30, "10:00:00"), product="wave")  # today is not over

ROWS += orders("Tech", 3, t(14), t(15, "10:00:00"), technician="t1")
ROWS += orders("Tech", 1, t(14), t(16, "10:00:00"), technician="t1")
ROWS += orders("Tech", 2, t(14), t(15, "23:00:00"), technician="t2")
ROWS += orders("Tech", 5, t(14), t(15, "10:00:00"))  # nobody knows by whom
# nine in the evening of New York is the next day in the network's zone
ROWS += orders("Night", 1, t(14), t(15, "20:00:00"), technician="n", site="Y")
ROWS += orders("Night", 1, t(14), t(16, "01:00:00"), technician="n", site="Y")


def queued(key, product, came, done=None, **known_):
    return {"order_id": key, "partner": "Queue", "product": product, "received": came, "completed": done} | known_


QUEUE = [
    queued("a", "phone", t(1), t(20)),
    queued("b", "phone", t(5), t(10)),  # passes a
    queued("c", "phone", t(2), part_requested=t(3)),  # waits, and may be passed
    queued("d", "phone", t(6), t(25)),  # a is done before it, and c waits
    queued("e", "phone", t(21), t(22)),  # passes d
    queued("f", "watch", t(1)),  # nobody of its kind passes it
    queued("g", "tablet", t(1), part_requested=t(2), part_received=t(8)),
    queued("h", "tablet", t(5), t(9)),  # g could not be worked on when h came
    queued("i", "tablet", t(10), t(12)),  # passes g, which has its part
    queued("j", "old", t(1, month=5)),
    queued("k", "old", t(5), t(7)),  # j has been forgotten for more than 30 days
    queued("l", None, t(5), t(7)),
]
SITES = [
    {"site": "F", "partner": "Flow", "timezone": "UTC", "opening": "Mon-Fri 09:00-21:00", "capacity": 4},
    {"site": "I", "partner": "Idle", "timezone": "UTC", "opening": "Mon-Fri 09:00-21:00", "capacity": 5},
    {"site": "K", "partner": "Capped", "timezone": "UTC", "opening": None, "capacity": 1},
    {
        "site": "Y",
        "partner": "Yank",
        "timezone": "America/New_York",
        "country": "US",
        "opening": "Mon-Fri 09:00-18:00",
        "capacity": -3,  # a fault of the master data
    },
]
SITES = [{"country": None} | site for site in SITES]
FIELDS = ["order_id", "partner", "site", "country", "product", "technician"]
KINDS = ["received", "part_requested", "part_received", "completed"]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    sources = {
        "orders": (cases("repair_orders", FIELDS, KINDS), ROWS + QUEUE),
        "sites": (f'fact = "sites"\n{identity(list(SITES[0]))}', SITES),
    }
    made = Network(tmp_path_factory.mktemp("workload"), sources, SHIPPED_KPIS.read_text(encoding="utf-8"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def readings(network):
    return network.readings(None, *[kpi.key for kpi in network.settings.kpis if kpi.family == "workload"])


FIGURES = [
    ("wip", {"partner": "Flow"}, 9, 9),
    ("wip", {"partner": "Empty"}, 0, 0),
    # declares 4, but nine days of ten it did 2
    ("wip_to_capacity", {"partner": "Flow"}, 7 / 6, 10),
    ("wip_to_capacity", {"partner": "Idle"}, 8 / 12, 10),
    ("wip_to_capacity", {"partner": "Bare"}, 10 / 6, 10),
    ("wip_to_capacity", {"partner": "Capped"}, 10 / 3, 10),
    ("wip_to_capacity", {"partner": "Dead"}, 12 / (3 / 28), 12),
    ("wip_to_capacity", {"partner": "Empty"}, 0, 10),
    ("wip_to_capacity", {"country": "X"}, 15 / 18, 15),
    ("days_of_backlog", {"partner": "Flow"}, 7 / 2, 10),
    ("days_of_backlog", {"partner": "Idle"}, 8 / 4, 10),  # starved: its median is 1, what it is able to do 4
    ("days_of_backlog", {"partner": "Bare"}, 10 / 2, 10),
    ("days_of_backlog", {"partner": "Dead"}, 12 * 28, 12),
    ("days_of_backlog", {"partner": "Empty"}, 0, 10),
    ("days_of_backlog", {"country": "X"}, 15 / (2 + 4), 15),
    ("load", {"partner": "Flow"}, 28 / 18, 28),
    ("load", {"partner": "Yank"}, 1, 9),  # nine open days, for a holiday is none
    ("load", {"partner": "Empty"}, 1, 12),
    # 8 - 3, 6 - 3 and three days without a change, over 5 days of 2
    ("net_flow", {"partner": "Flow"}, 8 / 10, 5),
    ("net_flow", {"partner": "Idle"}, 8 / 20, 5),
    ("net_flow", {"country": "X"}, 16 / 30, 5),
    ("intake_surprise", {"product": "wave"}, (12 - 4) / 2, 44),
    ("intake_surprise", {"product": "swing"}, (8 - 4) / (32 / 7) ** 0.5, 40),  # phi = 8/7, for eight weeks vary by 32/7
    ("intake_surprise", {"product": "fresh"}, None, 18),
    ("throughput_per_technician", {"partner": "Tech"}, 6 / 3, 3),
    ("throughput_per_technician", {"partner": "Night"}, 2 / 1, 1),
    ("fifo_breach", {"partner": "Queue"}, 3 / 7, 7),
    ("fifo_breach", {"product": "phone"}, 2 / 4, 4),
]


@pytest.mark.parametrize(("key", "slice_", "value", "n"), FIGURES)
def test_figures(readings, key, slice_, value, n):
    reading = readings[key, tuple(slice_.items())]
    assert (reading.value, reading.n) == (value if value is None else pytest.approx(value), n)


def test_every_kpi_of_the_family_is_shown(network, readings):
    family = [kpi for kpi in network.settings.kpis if kpi.family == "workload"]
    assert {key for key, *_ in FIGURES} == {kpi.key for kpi in family}
    assert not [kpi.key for kpi in family if not kpi.pitfall.endswith(".")]
    assert not [key for (key, slice_), reading in readings.items() if slice_ == () and reading.value is None]


def test_an_empty_shop_that_works_is_green(readings):
    for key in ("days_of_backlog", "wip_to_capacity"):
        assert readings[key, (("partner", "Empty"),)].level is Level.GREEN


def test_a_shop_that_stands_still_is_red(readings):
    for key in ("days_of_backlog", "wip_to_capacity"):
        assert readings[key, (("partner", "Dead"),)].level is Level.RED


def test_five_days_of_flow_prove_little(readings):
    """5/2, 3/2, 0, 0, 0 of a day's capacity: t = (0.8 - 0.05) / (sd / sqrt 5) with sd 1.15 is 1.45, which is 89 % sure."""
    reading = readings["net_flow", (("partner", "Flow"),)]
    assert reading.evidence == pytest.approx(0.89, abs=0.01)


def test_who_was_passed_is_named(network):
    found = network.fact("repair_orders", columns=("fifo_breach",))["fifo_breach"]
    passed = {key: known(found[key]) for key in "abcdefghijkl"}
    assert {key for key, value in passed.items() if value} == {"b", "e", "i"}
    assert {key for key, value in passed.items() if value is None} == set("cfgjl")


def test_rows_behind_a_backlog(network):
    _, explained = network.explain("days_of_backlog", (("partner", "Flow"),))
    assert len(explained["rows"]) == 9
    assert sum(row["actionable"] for row in explained["rows"]) == 7


@pytest.mark.parametrize("key", ["load", "net_flow", "intake_surprise", "throughput_per_technician", "wip_to_capacity"])
def test_every_figure_shows_its_rows(network, key):
    partner = "Tech" if key == "throughput_per_technician" else "Flow"
    assert network.explain(key, (("partner", partner),))[1]["rows_total"] > 0
