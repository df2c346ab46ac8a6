"""Bad master data: one sentence each and a reading, never a silent default; and which limits hold for whom."""

from __future__ import annotations

import pytest
from small_network import Network, cases, identity

from analytics.explain import explanation
from analytics.kpi import Level

KPIS = """
[kpi.late_repairs]
title = "Late repairs"
family = "speed"
fact = "repair_orders"
measure = { share = "late" }
day = "closed_at"
window = "28 d"
by = [["partner"], ["country"], ["partner", "product"]]
better = "lower"
green = 0.05
red = 0.10
min_n = 1
[[kpi.late_repairs.limits]]
where = { tier = "gold" }
red = 0.20
[[kpi.late_repairs.limits]]
where = { country = "IN" }
red = 0.30
[[kpi.late_repairs.limits]]
where = { country = "IN", tier = "gold" }
red = 0.35

[kpi.quick]
title = "Within a day"
family = "speed"
fact = "repair_orders"
measure = { share = "within_24h" }
day = "closed_at"
window = "28 d"
by = [["partner"]]
better = "higher"
green = 0.8
red = 0.6
min_n = 1
[[kpi.quick.limits]]
where = { partner = "Own" }
red = 0.5

[kpi.scaled]
title = "Repair time"
family = "speed"
fact = "repair_orders"
measure = { quantile = "tat_hours", q = 0.9 }
day = "closed_at"
window = "28 d"
by = [["partner"]]
better = "lower"
green = 1.0
red = 1.25
min_n = 1
limits_of = "contract"

[kpi.master_data_problems]
title = "Entries of the master data that contradict"
family = "data"
fact = "partners"
measure = { named = "master_data_problems" }
day = "snapshot"
window = "all"
by = [["partner"]]
better = "lower"
green = 0
red = 0
min_n = 0
"""
SITES = ("timezone", "country", "subdivision", "opening", "capacity")


def master(fact, rows, columns=()):
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    return f'fact = "{fact}"\n{identity(names)}', [dict.fromkeys(names) | row for row in rows]


def site(name="S1", **known):
    return {"site": name, "partner": "A"} | known


def contract(name, **known):
    return {"contract": name, "partner": "A", "kpi": "late_repairs", "green": 0.1, "red": 0.2} | known


ORDERS = [
    {
        "order_id": "o1",
        "partner": "A",
        "country": "DE",
        "product": "P",
        "promised_at": None,
        "received": "2026-06-20",
        "closed": "2026-06-21",
    }
]
ALONE = {"partners": master("partners", [{"partner": "A", "timezone": "Europe/Berlin"}])}

# what is wrong -> (further sources, the sentences expected, whose they are)
BAD = {
    "unknown_zone_of_a_site": (
        {"sites": master("sites", [site(timezone="Europe/Berln")])},
        ["site S1: there is no zone 'Europe/Berln'; write an IANA name such as Europe/Berlin, its days are cut by the network's zone until then"],
    ),
    "unknown_country": (
        {"sites": master("sites", [site(country="XQ")])},
        ["site S1: no holidays are known for country 'XQ'; write an ISO 3166 code such as DE"],
    ),
    "unknown_subdivision": (
        {"sites": master("sites", [site(country="DE", subdivision="ZZ")])},
        ["site S1: DE has no subdivision 'ZZ'; its holidays are those of the whole country"],
    ),
    "unreadable_opening_hours": (
        {"sites": master("sites", [site(opening="9 to 5")])},
        ["site S1: opening hours '9 to 5' cannot be read; write e.g. Mon-Fri 09:00-18:00; Sat 10:00-14:00"],
    ),
    "closes_before_it_opens": (
        {"sites": master("sites", [site(opening="Mon-Fri 18:00-09:00")])},
        ["site S1: opening hours 'Mon-Fri 18:00-09:00' close before they open; write e.g. Mon-Fri 09:00-18:00"],
    ),
    "capacity_below_zero": (
        {"sites": master("sites", [site(capacity=-5)])},
        ["site S1: capacity -5 is below 0, and not used; write 0 or more"],
    ),
    "two_rows_with_one_id": (
        {"partners": master("partners", [{"partner": "A", "name": "Acme"}, {"partner": "A", "name": "Apex"}])},
        ["source partners has two rows for A that differ in name; the last one is used: remove one"],
    ),
    "two_rows_that_agree": (
        {"partners": master("partners", [{"partner": "A", "name": "Acme"}, {"partner": "A", "name": "Acme"}])},
        [],
    ),
    "two_sources_that_differ": (
        {"erp": master("partners", [{"partner": "A", "name": "Acme", "timezone": "Europe/Berlin", "tier": "gold"}])},
        ["sources partners and erp differ on A in name, tier; partners is believed, for it stands first in the settings"],
    ),
    "site_of_an_unknown_partner": (
        {"sites": master("sites", [site(partner="B")])},
        ["site S1 belongs to partner B, whom partners do not list"],
    ),
    "contract_of_an_unknown_partner": (
        {"contracts": master("contracts", [contract("C1", partner="B")])},
        ["contract C1 is of partner B, whom partners do not list"],
    ),
    "contract_that_ends_before_it_begins": (
        {"contracts": master("contracts", [contract("C1", valid_from="2026-06-01", valid_to="2026-05-01")])},
        ["contract C1 ends before it begins; mend valid_from or valid_to"],
    ),
    "overlapping_contracts": (
        {"contracts": master("contracts", [
            contract("C1", valid_from="2026-01-01", valid_to="2026-07-01"), contract("C2", valid_from="2026-06-01"),
        ])},
        ["contracts C1 and C2 say the same thing of the same slice at the same time; C1 is used: end one before the other begins"],
    ),
    "contracts_that_follow_each_other": (
        {"contracts": master("contracts", [
            contract("C1", valid_from="2026-01-01", valid_to="2026-06-01"), contract("C2", valid_from="2026-06-01"),
        ])},
        [],
    ),
    "contracts_of_different_products": (
        {"contracts": master("contracts", [contract("C1", product="P"), contract("C2", product="Q")])},
        [],
    ),
}  # fmt: skip


def network(folder, sources):
    orders = (
        cases("repair_orders", ["order_id", "partner", "country", "product", "promised_at"], ["received", "closed"]),
        sources.pop("orders", ORDERS),
    )
    return Network(folder, {"orders": orders} | ALONE | sources, KPIS)


@pytest.mark.parametrize("case", BAD)
def test_each_mistake_is_one_sentence_and_one_reading(tmp_path, case):
    sources, expected = BAD[case]
    made = network(tmp_path, dict(sources))
    moment = made.moment()
    with made.warehouse.reader(made.names, moment, timezone=made.settings.timezone) as view:
        judge = made.judge("master_data_problems")
        (reading,) = [r for r in judge.board(view, moment, 1).readings if not r.slice]
        told = explanation(judge, view, judge.kpis[0], reading, moment)["rows"]
    made.close()
    assert [row["problem"] for row in told] == expected
    assert (reading.value, reading.level) == (len(expected), Level.RED if expected else Level.GREEN)
    assert [row["why"] for row in told] == expected


def late(partner, country, product=None, count=10):
    """Write orders of which every tenth is late."""
    return [
        {"order_id": f"{partner}{country}{product}{n}", "partner": partner, "country": country, "product": product,
         "received": "2026-06-20", "closed": "2026-06-22", "promised_at": "2026-06-21" if n == 0 else "2026-06-23"}
        for n in range(count)
    ]  # fmt: skip


LIMITED = {
    "orders": [
        *late("Agreed", "IN", "P"), *late("Own", "IN"), *late("Indian", "IN"), *late("Both", "IN"), *late("Golden", "DE"), *late("Plain", "DE"),
    ],
    "partners": master("partners", [
        {"partner": "Agreed", "country": "IN", "tier": "gold"}, {"partner": "Own"}, {"partner": "Indian", "country": "IN"},
        {"partner": "Both", "country": "IN", "tier": "gold"},
        {"partner": "Golden", "country": "DE", "tier": "gold"}, {"partner": "Plain", "country": "DE", "tier": "silver"},
    ]),
    "contracts": master("contracts", [
        {"contract": "C1", "partner": "Agreed", "kpi": "late_repairs", "green": 0.5, "red": 0.6, "valid_from": "2026-01-01"},
        {"contract": "C2", "partner": "Agreed", "product": "P", "kpi": "late_repairs", "red": 0.7, "valid_from": "2026-01-01"},
        {"contract": "C3", "partner": "Plain", "kpi": "late_repairs", "red": 0.9, "valid_from": "2026-01-01", "valid_to": "2026-06-30"},
        {"contract": "C4", "partner": "Plain", "kpi": "scaled", "target": 40},
        {"contract": "C5", "partner": "Golden", "kpi": "scaled", "target": 40, "red": 100},
        {"contract": "C6", "country": "IN", "kpi": "quick", "green": 0.85, "red": 0.75},
        {"contract": "C7", "partner": "Agreed", "kpi": "quick", "green": 0.9, "red": 0.7},
    ]),
}  # fmt: skip


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    made = network(tmp_path_factory.mktemp("limits"), dict(LIMITED))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("key", "slice_", "green", "red", "origin"),
    [
        ("late_repairs", {}, 0.05, 0.1, "kpi.late_repairs"),
        ("late_repairs", {"partner": "Agreed"}, 0.5, 0.6, "contract C1"),  # a contract before tier and country
        ("late_repairs", {"partner": "Agreed", "product": "P"}, 0.05, 0.7, "contract C2"),  # the one that says most
        ("quick", {"partner": "Own"}, 0.8, 0.5, "kpi.quick.limits where partner = Own"),
        ("quick", {"partner": "Indian"}, 0.85, 0.75, "contract C6"),  # its country's, where it has none of its own
        ("quick", {"partner": "Agreed"}, 0.9, 0.7, "contract C7"),
        ("quick", {"partner": "Plain"}, 0.8, 0.6, "kpi.quick"),
        ("late_repairs", {"partner": "Both"}, 0.05, 0.35, "kpi.late_repairs.limits where country = IN, tier = gold"),
        ("late_repairs", {"partner": "Indian"}, 0.05, 0.3, "kpi.late_repairs.limits where country = IN"),
        ("late_repairs", {"country": "IN"}, 0.05, 0.3, "kpi.late_repairs.limits where country = IN"),
        ("late_repairs", {"partner": "Golden"}, 0.05, 0.2, "kpi.late_repairs.limits where tier = gold"),
        ("late_repairs", {"partner": "Plain"}, 0.05, 0.1, "kpi.late_repairs"),  # C3 has ended
        ("scaled", {"partner": "Plain"}, 40, 50, "contract C4 (target 40)"),
        ("scaled", {"partner": "Golden"}, 40, 100, "contract C5 (target 40)"),
    ],
)
def test_limits_are_inherited(limited, key, slice_, green, red, origin):
    reading, told = limited.explain(key, tuple(sorted(slice_.items())))
    assert (reading.limits.green, reading.limits.red) == (pytest.approx(green), pytest.approx(red))
    assert told["limits_from"].rsplit("red: ", 1)[-1] == origin


def test_of_overlapping_contracts_the_one_named_is_used(tmp_path):
    contracts = [contract("C2", green=0.3, red=0.4), contract("C1")]
    made = network(tmp_path, {"contracts": master("contracts", contracts)})
    reading, told = made.explain("late_repairs", (("partner", "A"),))
    problem = made.explain("master_data_problems")[1]["rows"][0]["problem"]
    made.close()
    assert "contracts C2 and C1" in problem
    assert "C2 is used" in problem
    assert (reading.limits.red, told["limits_from"]) == (0.4, "contract C2")


def test_a_contract_holds_from_its_first_day_to_its_last(limited):
    reading, told = limited.explain("late_repairs", (("partner", "Plain"),), "2026-06-29T12:00:00+00:00")
    assert (reading.limits.red, told["limits_from"].rsplit("red: ", 1)[-1]) == (0.9, "contract C3")
