"""Data: every KPI on a handful of rows whose answer a person can check; the moment is Tuesday 2026-06-30 12:00 UTC."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from small_network import Network, cases, happenings, identity, known

from analytics.kpi import Level
from data.settings.load import SHIPPED_KPIS

CATALOGUE = SHIPPED_KPIS.read_text(encoding="utf-8")
FULL = {"country": "DE", "product": "Phone", "device_id": "1", "fault": "screen", "warranty": "in"}


def t(day, clock="00:00:00"):
    return f"2026-06-{day:02d}T{clock}"


# D1: events as (kind, at, recorded at) -> hours from the newest event to its record
LAGS = {
    "l1": ([("received", t(10, "08:00:00"), t(12)), ("closed", t(12, "10:00:00"), t(12, "12:00:00"))], 2),
    "l2": ([("received", t(14), t(14)), ("closed", t(15), t(16, "06:00:00"))], 30),
    "l3": ([("received", t(14), t(14)), ("closed", t(15), t(14, "23:55:00"))], 0),  # a clock that is fast
    "l4": ([("received", t(14), None)], None),
}
# the same by a row per case: versions as (received, closed, cost, recorded at)
VERSIONS = [
    (t(10), None, None, t(11)),
    (t(10), t(13, "05:00:00"), None, t(13, "06:00:00")),
    (t(10), t(13, "05:00:00"), 80, t(20)),  # a later correction is no late report
]

# D2: partner -> (closings, age over the longest silence before)
FEEDS = {
    "Live": ([f"2026-06-{day:02d}T{hour}:00:00" for day in range(12, 31) for hour in ("06", "18")][:-1], 6 / 12),
    "Silent": ([t(day, hour) for day in range(12, 29) for hour in ("00:00:00", "12:00:00")] + [t(29)], 36 / 12),
    "Weekdays": ([t(day, "12:00:00") for day in range(8, 30) if day % 7 not in (6, 0)], 24 / 72),
    "New": ([t(1), t(2), t(3)], None),  # too few events to know what is usual
}

FIELDS = {
    "m1": ({}, None),
    "m2": ({"fault": None}, "fault"),
    "m3": ({"warranty": " N/A "}, "warranty"),
    "m4": ({"product": "Unknown", "device_id": None}, "product, device"),
    "m5": ({"country": None}, "country"),
}

# D4: times in hours -> the step that cannot be
STEPS = {
    "s1": (
        {"received": 10, "repair_started": 12, "qc_passed": 14, "completed": 15, "delivered": 20, "closed": 21},
        None,
    ),
    "s2": ({"received": 10, "completed": 9}, "completed before received"),
    "s3": ({"received": 10, "completed": 9.9}, None),  # six minutes: two clocks
    "s4": ({"received": 10, "repair_started": 12, "qc_failed": 11}, "qc_failed before repair_started"),
    "s5": ({"received": 10, "completed": 30, "delivered": 20}, "delivered before completed"),
    "s6": ({"received": 10, "completed": 30, "delivered": 20, "swapped": 20}, None),  # swapped in advance
    "s7": ({"received": 10, "closed": 5}, "closed before received"),
    "s8": ({"received": 10, "closed": 12, "reopened": 14, "completed": 16}, None),
    "s9": ({"received": 10}, "unknown"),
    "sx": ({"delivered": 5, "dispatched": 8}, "delivered before dispatched"),
}

# D5: what an order names, and the parts ordered for it -> the entry that is missing
KNOWN = {
    "k1": ({"partner": "Known", "product": "Phone"}, (), None),
    "k2": ({"partner": "Known", "product": "Phone-2"}, (), "product Phone-2"),
    "k3": ({"partner": "Nowhere", "product": "Phone"}, (), "partner Nowhere"),
    "k4": ({"partner": "Known", "product": "Phone"}, ("screen", "wheel"), "part wheel"),
    "k5": ({"partner": "Known", "product": "Phone"}, ("screen",), None),
    "k6": ({"partner": "Known", "product": "Phone", "site": "any"}, (), None),  # no sites were loaded
    "k7": ({"partner": None, "product": None}, (), "unknown"),
}


def hours(count):
    return (datetime.fromisoformat(t(10)) + timedelta(hours=count)).isoformat()


def orders():
    rows = []
    for partner, (times, _) in FEEDS.items():
        rows += [
            {"order_id": f"{partner}{n}", "partner": partner, "closed": at} | FULL | {"country": "XX"}
            for n, at in enumerate(times)
        ]
    rows += [{"order_id": key, "partner": "Fields", "received": t(20)} | FULL | own for key, (own, _) in FIELDS.items()]
    for key, (times, _) in STEPS.items():
        rows.append({"order_id": key, "partner": "Steps"} | FULL | {kind: hours(at) for kind, at in times.items()})
    return rows + [{"order_id": key, "received": t(20)} | FULL | own for key, (own, *_) in KNOWN.items()]


def table(rows):
    return list(dict.fromkeys(name for row in rows for name in row))


def master(fact, rows):
    return f'fact = "{fact}"\n{identity(table(rows))}', rows


KINDS = list(dict.fromkeys(kind for times, _ in STEPS.values() for kind in times))
EVENTS = [
    {"order_id": key, "partner": "Lag", "kind": kind, "at": at, "recorded_at": recorded}
    for key, (events, _) in LAGS.items()
    for kind, at, recorded in events
]
STATED = [
    {"order_id": "l5", "partner": "Lag", "received": came, "closed": closed, "cost": cost, "recorded_at": recorded}
    for came, closed, cost, recorded in VERSIONS
]
LINES = [
    {"line_id": f"{key}{part}", "order_id": key, "part": part, "requested": t(21)}
    for key, (_, parts, _) in KNOWN.items()
    for part in parts
]
PARTNERS = ["Live", "Silent", "Weekdays", "New", "Fields", "Steps", "Lag", "Known"]
SOURCES = {
    "orders": (cases("repair_orders", ["order_id", "partner", "site", *FULL], KINDS), orders()),
    "events": (happenings("repair_orders", ["order_id", "partner", "recorded_at"], ["received", "closed"]), EVENTS),
    "stated": (cases("repair_orders", ["order_id", "partner", "cost", "recorded_at"], ["received", "closed"]), STATED),
    "lines": (cases("part_orders", ["line_id", "order_id", "part"], ["requested"]), LINES),
    "partners": master("partners", [{"partner": name, "timezone": "Mars/Base" if name == "Lag" else "UTC"} for name in PARTNERS]),
    "models": master("models", [{"product": "Phone", "brand": "A"}]),
    "parts": master("parts", [{"part": "screen", "name": "Screen"}]),
    "contracts": master("contracts", [{"contract": "C1", "partner": "Gone", "kpi": "tat_p90", "green": 10, "red": 20}]),
}  # fmt: skip
COLUMNS = ("reporting_lag_hours", "unknown_master")
KPIS = ["reporting_lag_p90", "freshness", "mandatory_fields", "illegal_transitions", "unknown_master_data", "master_data_problems"]  # fmt: skip


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    made = Network(tmp_path_factory.mktemp("data"), SOURCES, CATALOGUE)
    yield made
    made.close()


@pytest.fixture(scope="module")
def readings(network):
    return network.readings(None, *KPIS)


@pytest.fixture(scope="module")
def facts(network):
    return network.fact("repair_orders", columns=COLUMNS)


def of(readings, key, partner):
    return readings[key, (("partner", partner),)]


def whys(network, key, slice_):
    _, explained = network.explain(key, slice_)
    return {row["key"]: row["why"] for row in explained["rows"]}


def test_every_kpi_of_the_family_is_here(network, readings):
    assert {kpi.key for kpi in network.settings.kpis if kpi.family == "data"} == set(KPIS)
    assert all(readings[key, ()].value is not None for key in KPIS)


def test_reporting_lag(network, readings, facts):
    expected = {key: hours_ for key, (_, hours_) in LAGS.items()} | {"l5": 1}
    assert {key: known(facts.loc[key, "reporting_lag_hours"]) for key in expected} == expected
    reading = of(readings, "reporting_lag_p90", "Lag")
    assert (reading.value, reading.n) == (pytest.approx(2 + 0.7 * 28), 4)  # of 0, 1, 2 and 30
    told = whys(network, "reporting_lag_p90", (("partner", "Lag"),))
    assert told["l2"] == "its newest event was recorded on 2026-06-16 06:00, 30 h after it happened"
    assert list(told) == ["l2", "l1", "l5", "l3"]


def test_what_was_not_recorded_yet_has_no_lag_yet(network):
    before = network.fact("repair_orders", "2026-06-15T12:00:00+00:00", columns=COLUMNS)
    assert known(before.loc["l2", "reporting_lag_hours"]) == 0  # its closing was recorded the day after


def test_freshness(network, readings):
    assert {partner: of(readings, "freshness", partner).value for partner in FEEDS} == {
        partner: expected if expected is None else pytest.approx(expected) for partner, (_, expected) in FEEDS.items()
    }
    assert of(readings, "freshness", "Silent").level is Level.RED
    reading = readings["freshness", (("country", "XX"),)]
    assert (reading.value, reading.n) == (pytest.approx(0.5 + 0.8 * 2.5), 3)
    told = whys(network, "freshness", (("country", "XX"),))
    assert next(iter(told.values())) == (
        "newest event of 2026-06-29 00:00, 36 h ago; in the four weeks before it was never silent for longer than 12 h"
    )


def test_mandatory_fields(network, readings, facts):
    assert {key: known(facts.loc[key, "missing_fields"]) for key in FIELDS} == {
        key: gap for key, (_, gap) in FIELDS.items()
    }
    reading = of(readings, "mandatory_fields", "Fields")
    assert (reading.value, reading.numerator, reading.n) == (1 / 5, 1, 5)
    told = whys(network, "mandatory_fields", (("partner", "Fields"),))
    assert (told["m4"], told["m1"]) == ("says nothing of product, device", None)


def test_illegal_transitions(network, readings, facts):
    assert {key: known(facts.loc[key, "illegal_step"]) for key in STEPS} == {
        key: None if step == "unknown" else step for key, (_, step) in STEPS.items()
    }
    assert known(facts.loc["s9", "illegal_order"]) is None
    reading = of(readings, "illegal_transitions", "Steps")
    assert (reading.value, reading.numerator, reading.n) == (5 / 9, 5, 9)
    told = whys(network, "illegal_transitions", (("partner", "Steps"),))
    assert told["s4"] == "quality check failed at 2026-06-10 11:00, but repair started at 2026-06-10 12:00 only"
    assert told["s1"] is None


def test_unknown_master_data(network, readings, facts):
    assert {key: known(facts.loc[key, "unknown_entry"]) for key in KNOWN} == {
        key: None if entry == "unknown" else entry for key, (*_, entry) in KNOWN.items()
    }
    reading = of(readings, "unknown_master_data", "Known")
    assert (reading.value, reading.numerator, reading.n) == (2 / 5, 2, 5)
    assert of(readings, "unknown_master_data", "Nowhere").value == 1
    told = whys(network, "unknown_master_data", (("partner", "Known"),))
    assert (told["k4"], told["k5"]) == ("part wheel is not in the master data", None)


def test_master_data_problems(network, readings):
    assert (readings["master_data_problems", ()].value, readings["master_data_problems", ()].level) == (2, Level.RED)
    assert {p: of(readings, "master_data_problems", p).value for p in ("Lag", "Gone", "Live")} == {
        "Lag": 1,
        "Gone": 1,
        "Live": 0,
    }
    assert of(readings, "master_data_problems", "Live").level is Level.GREEN
    told = whys(network, "master_data_problems", ())
    assert "there is no zone 'Mars/Base'" in told["partners Lag"]
    assert told["contracts C1"] == "contract C1 is of partner Gone, whom partners do not list"


def test_fields_that_no_source_maps_are_named(tmp_path):
    rows = [{"order_id": "1", "partner": "A", "received": t(20)}]
    alone = Network(
        tmp_path, {"orders": (cases("repair_orders", ["order_id", "partner"], ["received"]), rows)}, CATALOGUE
    )
    readings = alone.readings(None, *KPIS)
    alone.close()
    reasons = {key: readings[key, ()].reason for key in KPIS}
    assert reasons["mandatory_fields"] == "No data: no source of repair_orders maps country, which this KPI needs."
    assert reasons["reporting_lag_p90"] == "No data: no source of repair_orders maps recorded_at, which this KPI needs."
    assert reasons["master_data_problems"] == "No data: no source feeds partners."
    assert "maps" in reasons["unknown_master_data"]
