"""A row without a time is paired with nothing, whatever the engine makes of it; the moment is Tuesday 2026-06-30 12:00 UTC."""

from __future__ import annotations

import ibis
import pandas as pd
import pytest
from small_network import Network, cases, known

from analytics.derived.derivation import as_of

EARLY, NOON, LATE = (pd.Timestamp(2026, 6, 10, hour) for hour in (8, 12, 20))


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (False, {"before": None, "same": "at noon", "between": "at noon", "end": "late", "none": None, "nobody": None}),
        (True, {"before": "at noon", "same": "late", "between": "late", "end": None, "none": None, "nobody": None}),
    ],
)
def test_rows_are_paired_as_of_their_times(later, expected):
    # as the warehouse is set, see there: else the engine takes another way for so few rows
    engine = ibis.duckdb.connect(asof_loop_join_threshold="0")
    rows = {
        "before": ("A", EARLY),
        "same": ("A", NOON),
        "between": ("A", pd.Timestamp(2026, 6, 10, 15)),
        "end": ("A", LATE),
        "none": ("A", None),
        "nobody": (None, LATE),
    }
    left = pd.DataFrame([(key, *row) for key, row in rows.items()], columns=["key", "who", "time"])
    right = pd.DataFrame({"whose": ["A", "A", "B"], "since": [NOON, LATE, EARLY], "what": ["at noon", "late", "other"]})
    left, right = engine.create_table("l", left), engine.create_table("r", right)
    found = as_of(left, "time", right, "since", {"who": "whose"}, later=later).execute().set_index("key")
    assert {key: known(found.what[key]) for key in rows} == expected
    engine.disconnect()


def t(day, clock="00:00:00"):
    return f"2026-06-{day:02d}T{clock}"


def order(key, came, back=None, **more):
    return {"order_id": key, "partner": "Shop", "device_id": None, "received": came, "delivered": back} | more


ORDERS = {
    # (order, bounced within 30 days, fixed at first, risk of breaking its promise); no hand-back is no bounce, and no fix
    "held": (order("held", t(1), t(2), device_id="d1"), True, True, None),
    "open": (order("open", t(20), promised_at=t(19), device_id="d1"), None, None, 1.0),  # promised before it came
    "later": (order("later", t(25), promised_at=t(25), device_id="d1"), None, None, 1.0),
    "end": (
        order("end", None, t(22), device_id="d1"),
        True,
        False,
        None,
    ),  # never received, so not open; back in three days
    "unknown": (order("unknown", t(1), t(2)), None, True, None),
}
CONTACTS = {
    # (contact, settled at once): nobody knows when it was offered, so nobody knows what came after it
    "first": ({"offered": t(1), "answered": t(1)}, False),
    "untimed": ({"offered": None, "answered": t(2)}, None),
    "second": ({"offered": t(3), "answered": t(3)}, True),
}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    fields = ["order_id", "partner", "device_id", "promised_at"]
    calls = [{"contact_id": key, "customer": "Ann", "topic": "bill"} | row for key, (row, _) in CONTACTS.items()]
    sources = {
        "orders": (cases("repair_orders", fields, ["received", "delivered"]), [row for row, *_ in ORDERS.values()]),
        "calls": (cases("contacts", ["contact_id", "customer", "topic"], ["offered", "answered"]), calls),
    }
    made = Network(tmp_path_factory.mktemp("missing"), sources)
    yield made
    made.close()


def told(network, fact, column, keys):
    found = network.fact(fact, columns=(column,))[column]
    return {key: known(found[key]) for key in keys}


@pytest.mark.parametrize(("column", "place"), [("bounced_30d", 1), ("first_time_fix", 2), ("sla_risk", 3)])
def test_orders_without_a_time(network, column, place):
    assert told(network, "repair_orders", column, ORDERS) == {key: row[place] for key, row in ORDERS.items()}


def test_contacts_without_a_time(network):
    assert told(network, "contacts", "settled_at_once", CONTACTS) == {key: row[1] for key, row in CONTACTS.items()}
