"""Cost: every KPI on a handful of rows whose answer a person can check; the moment is Tuesday 2026-06-30 12:00 UTC."""

from __future__ import annotations

import pytest
from small_network import Network, cases, identity, known

from data.settings.load import SHIPPED_KPIS

CATALOGUE = SHIPPED_KPIS.read_text(encoding="utf-8")
KEYS = ("cost_per_repair", "parts_cost_per_repair", "swap_rate", "claims_rejected", "warranty_denied")


def t(day, clock="00:00:00", month=6, year=2026):
    return f"{year}-{month:02d}-{day:02d}T{clock}"


def order(key, partner, **fields):
    return {"order_id": key, "partner": partner, "received": t(1, month=5)} | fields


PRICED = [
    order("k1", "Shop", closed=t(10), cost=100, parts_cost=40, currency="EUR"),
    order("k2", "Shop", closed=t(14, "23:59:59"), cost=100, parts_cost=0, currency="USD"),  # at 0.9
    order("k3", "Shop", closed=t(15), cost=100, currency="USD"),  # at 0.8, from this day on
    order("k4", "Shop", closed=t(10), cost=50, parts_cost=20),  # without a currency: the base one
    order("k5", "Shop", closed=t(10), cost=5, currency="JPY"),  # no rate
    order("k6", "Shop", closed=t(2), cost=9999, currency="EUR"),  # more than four weeks ago
    order("k7", "Shop", cost=9999, currency="EUR"),  # not closed
    order("k8", "Shop", closed=t(10), cost=9999, currency="GBP"),  # its rate begins later
]
SWAPS = [
    order("s1", "Swapper", closed=t(10), outcome="swapped"),
    order("s2", "Swapper", swapped=t(10)),  # never closed
    order("s3", "Swapper", closed=t(10), outcome="repaired"),
    order("s4", "Swapper", closed=t(10)),
    order("s5", "Swapper"),
    order("s6", "Swapper", swapped=t(1), closed=t(2)),  # more than four weeks ago
]
# in which country each order's device was sold, what it is, and when
SOLD = {
    "w1": ("DE", "Phone", t(10, year=2024)),
    "w2": ("DE", "Phone", t(9, year=2024)),
    "w3": ("DE", "Watch", t(9, year=2025)),
    "w4": (None, "Phone", t(1, year=2026)),
    "w5": ("DE", "Phone", None),
    "w6": ("CH", "Phone", t(1, year=2026)),
    "w7": ("DE", "Phone", t(1, month=1)),
}
WARRANTIES = [
    {"country": "DE", "product": "*", "months": 24},
    {"country": "DE", "product": "Watch", "months": 12},
    {"country": "FR", "product": "*", "months": 24},
]
RATES = [
    {"currency": "EUR", "valid_from": t(1, month=1), "rate": 1},
    {"currency": "USD", "valid_from": t(1, month=1), "rate": 0.9},
    {"currency": "USD", "valid_from": t(15), "rate": 0.8},
    {"currency": "GBP", "valid_from": t(20), "rate": 1.2},
]


def claim(key, order=None, partner="Claims", submitted=None, **fields):
    return {"claim_id": key, "partner": partner, "order_id": order, "submitted": submitted or t(10)} | fields


DECIDED = [
    claim("d1", rejected=t(12)),
    claim("d2", approved=t(12)),
    claim("d3", paid=t(12)),
    claim("d4"),  # pending
    claim("d5", rejected=t(12), approved=t(14)),  # granted on appeal
    claim("d6", approved=t(12), rejected=t(14)),
    claim("d7", submitted=t(1, month=4), rejected=t(20)),  # submitted long ago, decided now
    claim("d8", submitted=t(1, month=4), rejected=t(20, month=4)),
]
DENIED = [
    claim("w1", "w1", "Insurer", t(9, "23:59:59"), rejected=t(20)),  # on the last day of 24 months
    claim("w2", "w2", "Insurer", t(10), rejected=t(20)),  # a day too late
    claim("w3", "w3", "Insurer", t(10), rejected=t(20)),  # a watch has 12 months only
    claim("w4", "w4", "Insurer", t(10), rejected=t(20), country="FR"),  # the claim says the country
    claim("w5", "w5", "Insurer", t(10), rejected=t(20)),  # nobody knows when it was sold
    claim("w6", "w6", "Insurer", t(10), rejected=t(20)),  # no rule for the country
    claim("w7", "w7", "Insurer", t(10), approved=t(20)),
]
INSIDE = {"w1": True, "w2": False, "w3": False, "w4": True, "w5": None, "w6": None, "w7": None, "d1": None}
SALES = [
    order(key, "Seller", country=country, product=product, sold_at=sold)
    for key, (country, product, sold) in SOLD.items()
]
ORDER_FIELDS = ["order_id", "partner", "country", "product", "outcome", "cost", "parts_cost", "currency", "sold_at"]
MASTER = {
    "rates": (f'fact = "exchange_rates"\n{identity(["currency", "valid_from", "rate"])}', RATES),
    "warranties": (f'fact = "warranty_rules"\n{identity(["country", "product", "months"])}', WARRANTIES),
}


def orders(rows):
    return cases("repair_orders", ORDER_FIELDS, ["received", "swapped", "closed"]), rows


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    kinds = ["submitted", "approved", "rejected", "paid"]
    sources = {
        "orders": orders(PRICED + SWAPS + SALES),
        "claims": (cases("claims", ["claim_id", "partner", "country", "order_id"], kinds), DECIDED + DENIED),
    }
    made = Network(tmp_path_factory.mktemp("cost"), sources | MASTER, CATALOGUE)
    yield made
    made.close()


@pytest.fixture(scope="module")
def readings(network):
    return network.readings(None, *KEYS)


@pytest.mark.parametrize(
    ("key", "partner", "value", "n"),
    [
        ("cost_per_repair", "Shop", (100 + 90 + 80 + 50) / 4, 4),
        ("parts_cost_per_repair", "Shop", (40 + 0 + 20) / 3, 3),
        ("swap_rate", "Swapper", 2 / 4, 4),
        ("claims_rejected", "Claims", 3 / 6, 6),
        ("warranty_denied", "Insurer", 2 / 4, 4),
    ],
)
def test_figures(readings, key, partner, value, n):
    reading = readings[key, (("partner", partner),)]
    assert (reading.value, reading.n) == (pytest.approx(value), n)


def test_every_kpi_of_the_family_is_judged(readings):
    judged = [reading for (_, slice_), reading in readings.items() if slice_ == ()]
    assert len(judged) == len(KEYS)
    assert not [reading.kpi for reading in judged if reading.value is None]


def test_which_claims_were_denied_inside_the_warranty(network):
    facts = network.fact("claims", columns=("refused_in_warranty",))
    assert {key: known(facts.loc[key, "refused_in_warranty"]) for key in INSIDE} == INSIDE


def test_costs_in_the_base_currency(network):
    facts = network.fact("repair_orders", columns=("cost_base",))
    found = {key: known(facts.loc[key, "cost_base"]) for key in ("k1", "k2", "k3", "k4", "k5", "k7", "k8")}
    assert found == {"k1": 100, "k2": 90, "k3": 80, "k4": 50, "k5": None, "k7": None, "k8": None}


@pytest.mark.parametrize(
    ("currencies", "value", "n"),
    [(("EUR", "EUR"), 150, 2), (("INR", None), 150, 2), (("EUR", "USD"), None, 0), (("EUR", "USD", None), 300, 1)],
)
def test_costs_where_no_rates_are_loaded(tmp_path, currencies, value, n):
    """Amounts of one currency are taken as they are; those of several cannot be added up."""
    rows = [
        order(str(i), "Shop", closed=t(10), cost=100 * (i + 1), currency=currency)
        for i, currency in enumerate(currencies)
    ]
    fields = ["order_id", "partner", "cost", "currency"]
    network = Network(tmp_path, {"orders": (cases("repair_orders", fields, ["received", "closed"]), rows)}, CATALOGUE)
    reading = network.readings(None, "cost_per_repair")["cost_per_repair", ()]
    network.close()
    assert (reading.value, reading.n) == (value, n)
