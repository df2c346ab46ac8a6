"""Parts: every KPI on a handful of rows whose answer a person can check; the moment is Tuesday 2026-06-30 12:00 UTC."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from small_network import Network, cases, identity, known, snapshots

from analytics.kpi import Health
from data.settings.load import SHIPPED_KPIS


def t(day, clock="00:00:00", month=6, year=2026):
    return f"{year}-{month:02d}-{day:02d}T{clock}"


def after(start, hours):
    return (datetime.fromisoformat(start) + timedelta(hours=hours)).isoformat()


def line(key, partner, **known_):
    return {"line_id": key, "partner": partner} | known_


FILL = [
    line("f1", "Fill", requested=t(20), received=t(20, "12:00:00")),
    line("f2", "Fill", requested=t(20), backordered=t(20), received=t(20, "18:00:00")),
    line("f3", "Fill", requested=t(20), received=t(22)),
    line("f4", "Fill", requested=t(25)),
    line("f5", "Fill", requested=t(25), cancelled=t(25, "06:00:00")),  # called off in time: neither filled nor not
    line("f6", "Fill", requested=t(30, "10:00:00"), received=t(30, "11:00:00")),  # its day is not over
]
BACK = [
    line("b1", "Back", requested=t(20), promised_at=t(25)),
    line("b2", "Back", requested=t(20), promised_at=t(5, month=7)),
    line("b3", "Back", requested=t(20)),
    line("b4", "Back", requested=t(20), promised_at=t(25), received=t(28)),
    line("b5", "Back", requested=t(20), promised_at=t(25), cancelled=t(28)),
]
# ten lines come after 10, 20, .. 100 hours, two never, and one is cancelled after five
LEAD = [line(f"l{n}", "Lead", requested=t(10), received=after(t(10), 10 * n)) for n in range(1, 11)]
LEAD += [line("la", "Lead", requested=t(10)), line("lb", "Lead", requested=t(10))]
LEAD += [line("lc", "Lead", requested=t(10), cancelled=t(10, "05:00:00"))]
LEAD += [line("ld", "Lead", requested=t(2), received=t(1))]  # a fault of the record
SUPPLY = [
    line("s1", "Supply", requested=t(10), promised_at=t(20), received=t(20)),
    line("s2", "Supply", requested=t(10), promised_at=t(20), received=t(20, "00:00:01")),
    line("s3", "Supply", requested=t(10), promised_at=t(20)),  # due, and not there
    line("s4", "Supply", requested=t(10), promised_at=t(5, month=7)),  # not due yet
    line("s5", "Supply", requested=t(10), promised_at=t(20), cancelled=t(15)),  # never fell due
    line("s6", "Supply", requested=t(10), promised_at=t(20), cancelled=t(25)),
]
CORES = [
    line("c1", "Core", core_due=t(20), core_returned=t(25)),
    line("c2", "Core", core_due=t(20)),
    line("c3", "Core", installed=t(20)),  # nothing is due back
    line("c4", "Core", core_due=t(1)),
    line("c5", "Core", core_due=t(1, month=3)),  # before the 90 days
]


def asked(key, site, part, quantity, at=None, **known_):
    return line(key, "Maker", site=site, part=part, quantity=quantity, requested=at or t(15)) | known_


# 28 pieces in 28 days: one a day
DEMAND = [
    asked("d1", "X", "screen", 20),
    asked("d2", "X", "screen", 8, t(2, "12:00:01")),
    asked("d3", "X", "screen", 500, t(2, "12:00:00")),  # 28 days ago
    asked("d4", "X", "screen", 500, cancelled=t(16)),
    asked("d5", "Y", "screen", 28),
    asked("d6", "X", "battery", 27),
    asked("d7", "X", "battery", None),  # a line without a quantity is one piece
    asked("d8", "E", "slow", 10, t(1, month=3)),
    asked("d9", "E", "quick", 10, t(1, month=2)),
    asked("da", "E", "slow", 900, t(1, month=12, year=2025)),  # more than 180 days ago
]
# nine of ten screens come within five days
DEMAND += [asked(f"e{n}", "Depot", "screen", 1, t(12), received=t(17)) for n in range(10)]


def shelf(partner, site, part, on_hand, reserved=None, inbound=None, at=None):
    counts = {"on_hand": on_hand, "reserved": reserved, "inbound": inbound}
    return {"partner": partner, "site": site, "part": part, "at": at or t(30)} | counts


STOCK = [
    shelf("Cov", "X", "screen", 100, at=t(29)),
    shelf("Cov", "X", "screen", 6, 2),  # 4 days
    shelf("Cov", "Y", "screen", 6, 2, 1),  # 5 days, which is just enough
    shelf("Cov", "Z", "screen", 0),  # nobody asks for it there
    shelf("Cov", "X", "battery", 100),
    shelf("Out", "O", "a", 0),
    shelf("Out", "O", "b", 5),
    shelf("Out", "O", "c", 5, at=t(1)),
    shelf("Out", "O", "c", 0, at=t(2)),
    shelf("Out", "O", "d", 0, at=t(1)),
    shelf("Out", "O", "d", 3, at=t(2)),
    shelf("Exc", "E", "ended", 10),
    shelf("Exc", "E", "slow", 30),
    shelf("Exc", "E", "quick", 5),
    shelf("Exc", "E", "uncosted", 1000),
    shelf("Exc", "E", "unrated", 1000),
]
PARTS = [
    {"part": "ended", "unit_cost": 5, "currency": None, "ends_at": t(1)},
    {"part": "slow", "unit_cost": 2, "currency": "USD", "ends_at": t(1, month=12)},
    {"part": "quick", "unit_cost": 4, "currency": "EUR", "ends_at": None},
    {"part": "uncosted", "unit_cost": None, "currency": "EUR", "ends_at": None},
    {"part": "unrated", "unit_cost": 1, "currency": "JPY", "ends_at": None},
]
RATES = [
    {"currency": "EUR", "valid_from": t(1, month=1), "rate": 1},
    {"currency": "USD", "valid_from": t(1, month=1), "rate": 0.9},
    {"currency": "USD", "valid_from": t(1), "rate": 0.5},
    {"currency": "USD", "valid_from": t(1, month=7), "rate": 7},
]


def order(key, partner, **known_):
    return {"order_id": key, "partner": partner, "received": t(5)} | known_


WAITING = [
    order("w1", "Shop", part_requested=t(20)),
    order("w2", "Shop", part_requested=t(20), part_received=t(22)),
    order("w3", "Shop", part_requested=t(20), repair_started=t(21)),  # whoever works on it has what was missing
    order("w4", "Shop"),
    order("w5", "Shop", part_requested=t(20), completed=t(25)),
]
# order: (partner, product, fault, closed, parts installed)
FITTED = {
    "p1": ("Thrift", "P", "F", t(20), [1]),
    "p2": ("Thrift", "P", "F", t(20), [None]),
    "p3": ("Thrift", "Q", "F", t(20), [4]),
    "p4": ("Lavish", "P", "F", t(20), [2, 1]),
    "p5": ("Lavish", "P", "F", t(20), [3]),
    "p6": ("Lavish", "P", "F", t(1, month=5), [100]),  # out of the window
}
REPAIRS = [
    order(key, partner, product=product, fault=fault, received=t(1, month=4), closed=closed)
    for key, (partner, product, fault, closed, _) in FITTED.items()
]
INSTALLED = [
    line(f"{key}-{n}", "Maker", order_id=key, quantity=quantity, installed=t(19))
    for key, (*_, quantities) in FITTED.items()
    for n, quantity in enumerate(quantities)
]
INSTALLED += [line("p1-r", "Maker", order_id="p1", quantity=9, received=t(19, "01:00:00"))]  # lies there, not fitted

LINE_KINDS = ["requested", "received", "backordered", "cancelled", "installed", "core_due", "core_returned"]
ORDER_KINDS = ["received", "part_requested", "part_received", "repair_started", "completed", "closed"]


def network_of(folder, without=()):
    sources = {
        "lines": (
            cases(
                "part_orders", ["line_id", "partner", "site", "part", "order_id", "quantity", "promised_at"], LINE_KINDS
            ),
            FILL + BACK + LEAD + SUPPLY + CORES + DEMAND + INSTALLED,
        ),
        "orders": (cases("repair_orders", ["order_id", "partner", "product", "fault"], ORDER_KINDS), WAITING + REPAIRS),
        "stock": (snapshots("stock_levels", ["partner", "site", "part", "on_hand", "reserved", "inbound"]), STOCK),
        "parts": (f'fact = "parts"\n{identity(["part", "unit_cost", "currency", "ends_at"])}', PARTS),
        "rates": (f'fact = "exchange_rates"\n{identity(["currency", "valid_from", "rate"])}', RATES),
    }
    kept = {name: source for name, source in sources.items() if name not in without}
    return Network(folder, kept, SHIPPED_KPIS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    made = network_of(tmp_path_factory.mktemp("parts"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def readings(network):
    return network.readings(None, *[kpi.key for kpi in network.settings.kpis if kpi.family == "parts"])


def figures(readings, key, **slice_):
    reading = readings[key, tuple(sorted(slice_.items()))]
    return reading.value, reading.n


@pytest.mark.parametrize(
    ("key", "partner", "value", "n"),
    [
        ("parts_fill", "Fill", 1 / 4, 4),
        ("backorders", "Back", 1 / 2, 2),
        ("part_lead_p90", "Lead", 91, 10),  # of 10 .. 100, with nothing of the two that never came
        ("part_lead_cohort_p90", "Lead", 20.5 * 24, 13),  # two of twelve still wait: the longest wait so far
        ("supplier_on_time", "Supply", 1 / 4, 4),
        ("core_returns_overdue", "Core", 2 / 3, 3),
        ("stock_outs", "Out", 1 / 2, 4),
        ("stock_cover", "Cov", 1 / 3, 3),
        ("excess_stock", "Exc", 70 / 100, 3),
        ("waiting_for_parts", "Shop", 1 / 4, 4),
        ("consumption_index", "Thrift", 6 / 8, 3),
        ("consumption_index", "Lavish", 6 / 4, 2),
    ],
)
def test_figures(readings, key, partner, value, n):
    assert figures(readings, key, partner=partner) == (pytest.approx(value), n)


def test_every_kpi_of_the_family_is_judged(readings):
    assert len([key for key, slice_ in readings if slice_ == ()]) == 11
    assert not [r.kpi for (_, slice_), r in readings.items() if slice_ == () and r.value is None]


def test_cover_by_site_and_part(readings, network):
    assert figures(readings, "stock_cover", site="X") == (1 / 2, 2)
    assert figures(readings, "stock_cover", part="screen") == (1 / 2, 2)
    assert figures(readings, "stock_cover", site="Z") == (None, 0)  # no demand: no cover to speak of
    _, explained = network.explain("stock_cover", (("site", "X"),))
    screen = next(row for row in explained["rows"] if row["part"] == "screen")
    assert (screen["daily_demand"], screen["cover_days"], screen["lead_days"], screen["short"]) == (1, 4, 5, True)


def test_worth_of_what_is_too_much(readings, network):
    reading = readings["excess_stock", ((("partner", "Exc")),)]
    assert (reading.numerator, reading.denominator) == (70, 100)
    rows = {row["part"]: row for row in network.explain("excess_stock", (("partner", "Exc"),))[1]["rows"]}
    assert {part: (row["too_much"], row["excess_value"]) for part, row in rows.items() if part != "unrated"} == {
        "ended": (10, 50),
        "slow": (20, 20),  # at the rate of today
        "quick": (0, 0),
    }
    assert rows["unrated"]["value"] is None


def test_parts_of_the_whole_network_are_what_it_needs(readings, network):
    reading = readings["consumption_index", ()]
    assert (reading.value, reading.numerator, reading.denominator, reading.n) == (1, 12, 12, 5)
    # residuals -0.5, -0.5 and 1: sd = sqrt(1.5 / 2) * 3 / 8, t = (0.6 - 0.75) / (sd / sqrt(3)) with 2 degrees of freedom
    thrift = readings["consumption_index", (("partner", "Thrift"),)]
    assert thrift.health is Health.LOW_SAMPLE
    assert thrift.evidence == pytest.approx(0.254 + 0.023, abs=0.002)
    rows = {row["key"]: row for row in network.explain("consumption_index", (("partner", "Thrift"),))[1]["rows"]}
    assert {key: (row["fitted"], row["expected"]) for key, row in rows.items()} == {
        "p1": (1, 2),
        "p2": (1, 2),
        "p3": (4, 4),
    }


def test_amounts_without_rates(tmp_path):
    """Without any rate several currencies cannot be added up; one alone needs none."""
    mixed = network_of(tmp_path / "mixed", without=("rates",))
    reading = mixed.readings(None, "excess_stock")["excess_stock", ()]
    assert (reading.numerator, reading.denominator, reading.n) == (50, 50, 1)  # the part without a currency alone
    mixed.close()
    alone = [part | {"currency": "EUR"} for part in PARTS[1:3]]
    single = Network(
        tmp_path / "single",
        {
            "lines": (cases("part_orders", ["line_id", "site", "part", "quantity"], ["requested"]), DEMAND),
            "stock": (snapshots("stock_levels", ["partner", "site", "part", "on_hand"]), STOCK),
            "parts": (f'fact = "parts"\n{identity(["part", "unit_cost", "currency"])}', alone),
        },
        SHIPPED_KPIS.read_text(encoding="utf-8"),
    )
    reading = single.readings(None, "excess_stock")["excess_stock", ()]
    assert (reading.numerator, reading.denominator) == (40, 80)
    single.close()


def test_what_is_not_told_is_named(tmp_path):
    body = cases("part_orders", ["line_id"], ["requested"])
    network = Network(
        tmp_path, {"lines": (body, [{"line_id": "1", "requested": t(1)}])}, SHIPPED_KPIS.read_text(encoding="utf-8")
    )
    found = network.readings(None, "parts_fill", "consumption_index", "core_returns_overdue")
    network.close()
    assert {key: reading.reason for (key, _), reading in found.items()} == {
        "parts_fill": "No data: no source of part_orders maps received, which this KPI needs.",
        "consumption_index": "No data: no source feeds repair_orders.",
        "core_returns_overdue": "No data: no source of part_orders maps core_due, which this KPI needs.",
    }


def test_quantities_are_read_as_told(network):
    assert known(network.fact("part_orders").loc["d7", "quantity"]) is None
