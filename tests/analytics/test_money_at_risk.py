"""Bonus and malus at risk: of the contracts in force, at the day's rate, by the verdict on just the slice each names."""

from __future__ import annotations

import pytest
from small_network import Network

KPIS = """
[kpi.late]
title = "Late"
family = "speed"
fact = "repair_orders"
measure = { share = { column = "cost", above = 10 } }
day = "closed_at"
by = [["partner"]]
better = "lower"
green = 0.3
red = 0.5
min_n = 1
[kpi.malus]
title = "Malus at risk"
family = "cost"
fact = "contracts"
measure = { named = "malus_at_risk" }
day = "snapshot"
by = [["partner"]]
better = "lower"
green = 0.1
red = 0.2
min_n = 1
[kpi.bonus]
title = "Bonus at risk"
family = "cost"
fact = "contracts"
measure = { named = "bonus_at_risk" }
day = "snapshot"
by = [["partner"]]
better = "lower"
green = 0.1
red = 0.2
min_n = 1
"""
ORDERS = """fact = "repair_orders"
[source.fields]
order_id = "id"
partner = "partner"
cost = "cost"
[source.events]
closed = "closed"
"""
CONTRACTS = (
    'fact = "contracts"\n[source.fields]\n'
    + "".join(f'{name} = "{name}"\n' for name in ("contract", "partner", "kpi", "green", "red", "bonus", "malus"))
    + 'currency = "currency"\nvalid_from = "valid_from"\nvalid_to = "valid_to"\n'
)
RATES = 'fact = "exchange_rates"\n[source.fields]\ncurrency = "currency"\nvalid_from = "since"\nrate = "rate"\n'


def contract(name, partner, **more):
    fixed = {"contract": name, "partner": partner, "kpi": "late", "bonus": 100, "malus": 1000, "currency": "EUR"}
    return fixed | dict.fromkeys(("green", "red", "valid_from", "valid_to")) | more


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    # of 20 orders each: A has 20 late, B 8 (amber by the KPI's own limits), C none
    late = {"A": 20, "B": 8, "C": 0}
    rows = [
        {"id": f"{partner}{i}", "partner": partner, "cost": 20 if i < bad else 5, "closed": "2026-06-29T10:00:00Z"}
        for partner, bad in late.items()
        for i in range(20)
    ]
    contracts = [
        contract("A old", "A", malus=7777, valid_to="2026-06-01"),
        contract("A now", "A", valid_from="2026-06-01", currency="USD"),
        contract("B now", "B", malus=500),
        contract("C strict", "C", malus=1000, bonus=50),
        contract("D unseen", "D"),
    ]
    rates = [
        {"currency": "EUR", "since": "2020-01-01", "rate": 1},
        {"currency": "USD", "since": "2020-01-01", "rate": 0.5},
        {"currency": "USD", "since": "2026-06-15", "rate": 0.9},
        {"currency": "USD", "since": "2026-07-15", "rate": 9},
    ]
    sources = {"orders": (ORDERS, rows), "contracts": (CONTRACTS, contracts), "rates": (RATES, rates)}
    network = Network(tmp_path_factory.mktemp("money"), sources, KPIS)
    yield network
    network.close()


@pytest.mark.parametrize(
    ("kpi", "partner", "at_risk", "agreed"),
    [
        ("malus", "A", 900, 900),  # 1,000 USD at 0.9
        ("malus", "B", 0, 500),  # amber is not red
        ("malus", "C", 0, 1000),
        ("bonus", "A", 90, 90),
        ("bonus", "B", 100, 100),  # amber is not green
        ("bonus", "C", 0, 50),
        ("malus", None, 900, 2400),
        ("bonus", None, 190, 240),
    ],
)
def test_money_at_risk(network, kpi, partner, at_risk, agreed):
    reading = network.readings()[kpi, (("partner", partner),) if partner else ()]
    assert (reading.numerator, reading.denominator) == (at_risk, agreed)
    assert reading.value == pytest.approx(at_risk / agreed)


def test_a_contract_whose_kpi_is_not_judged_is_unknown(network):
    assert network.readings()["malus", (("partner", "D"),)].level == "unknown"


def test_explain_shows_the_contracts_in_force(network):
    _, found = network.explain("malus", (("partner", "A"),))
    assert [row["key"] for row in found["rows"]] == ["A now"]
