"""Speed: every KPI on a handful of rows whose answer a person can check; the moment is Tuesday 2026-06-30 12:00 UTC."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from small_network import Network, happenings, identity, known

from analytics.kpi import Health, Level
from data.settings.load import SHIPPED_KPIS

NOW = "2026-06-30T12:00:00"


def t(day, clock="00:00:00", month=6):
    return f"2026-{month:02d}-{day:02d}T{clock}"


def after(start, hours):
    return (datetime.fromisoformat(start) + timedelta(hours=hours)).isoformat()


def order(key, partner, came, done=None, **known_):
    """Write an order with its receipt and, so many hours after it, its completion."""
    row = {"order_id": key, "partner": partner, "received": came}
    return row | ({"completed": after(came, done)} if done is not None else {}) | known_


# ten orders done after 10, 20, .. 100 hours: the p90 of a finished cohort is the ninth
STEADY = [order(f"s{n}", "Steady", t(10), 10 * n) for n in range(1, 11)]
# a shop that takes the easy ones first: of ten, five are done in a day, one is called off after 30 h, two are done after 48 h,
# one after 100 h and one lies there. S: 5/10 at 24 h, 5/10 * 2/4 at 48 h, 1/4 * 1/2 at 100 h, and 1/8 is not yet 1/10
CHERRY = [order(f"c{n}", "Cherry", t(10), 24) for n in range(5)]
CHERRY += [order("c5", "Cherry", t(10), cancelled=after(t(10), 30))]
CHERRY += [order("c6", "Cherry", t(10), 48), order("c7", "Cherry", t(10), 48), order("c8", "Cherry", t(10), 100)]
CHERRY += [order("c9", "Cherry", t(10))]
YOUNG = [order(f"y{n}", "Young", t(29, "16:00:00")) for n in range(3)]  # 20 hours old: nobody can know
# done, and brought back in: it waits; received after it was done: a fault of the record
ODD = [order("o1", "Odd", t(10), 24, reopened=t(12)), order("o2", "Odd", t(10), -24), order("o3", "Odd", t(10), 48)]
# the way there and back: handed in on the 8th, received on the 10th, done, dispatched and delivered
WAYS = [
    order("w1", "Way", t(10), 24, created=t(8), dispatched=t(12), delivered=t(13), channel="mail_in"),
    order("w2", "Way", t(10), 24, created=t(8), dispatched=t(11), delivered=t(15), channel="mail_in"),
    order("w3", "Way", t(10), created=t(8), cancelled=t(9), channel="mail_in"),
]
# walk-ins: exactly a day, a second more, two days, open, and today's, which has not had its day
QUICK = [
    order("q1", "Quick", t(10), 24, channel="walk_in"),
    order("q2", "Quick", t(10), channel="walk_in", completed=t(11, "00:00:01")),
    order("q3", "Quick", t(10), 72, channel="walk_in"),
    order("q4", "Quick", t(20), channel="walk_in"),
    order("q5", "Quick", t(30, "10:00:00"), 1, channel="walk_in"),
    order("q6", "Quick", t(28), 5, channel="walk_in"),  # has had its day, not its three
]
PROMISES = [
    order("p1", "Word", t(10), 24, promised_at=t(11), closed=t(12)),
    order("p2", "Word", t(10), 24, promised_at=t(10, "23:59:59"), closed=t(12)),
    order("p3", "Word", t(10), promised_at=t(12)),  # open past it: broken, though it was never closed
    order("p4", "Word", t(10), promised_at=t(5, month=7)),  # not due
    order("p5", "Word", t(10), promised_at=t(12), cancelled=t(11)),  # never fell due
    order("p6", "Word", t(10), promised_at=t(12), cancelled=t(13)),  # called off when it was late
    order("p7", "Word", t(10), 24, closed=t(12)),  # nothing was promised
]
# open for 7 d, for 7 d and a second, for 22 d and for 31 d
LYING = [
    order("l1", "Lying", t(23, "12:00:00")),
    order("l2", "Lying", t(23, "11:59:59")),
    order("l3", "Lying", t(8, "12:00:00")),
    order("l4", "Lying", t(30, "12:00:00", month=5)),
    order("l5", "Lying", t(1), 24),
]
# diagnosed: on Thursday, so that Friday and Monday went by; on Friday; 97 and 95 hours ago where no hours are known
STALL = [
    order("f1", "Berlin", t(20), diagnosed=t(25, "10:00:00"), site="B"),
    order("f2", "Berlin", t(20), diagnosed=t(26, "10:00:00"), site="B"),
    order("f3", "Berlin", t(20), diagnosed=t(25, "10:00:00")),  # the partner has but one site
    order("f4", "Nowhere", t(20), diagnosed=t(26, "11:00:00")),
    order("f5", "Nowhere", t(20), diagnosed=t(26, "13:00:00")),
    order("f6", "Nowhere", t(20), 24),
    # 20 others waited ten days for their parts: eight are no stall, eleven are
    order("f7", "Parts", t(20), part_requested=t(22, "12:00:00")),
    order("f8", "Parts", t(18), part_requested=t(19, "12:00:00")),
    *(order(f"g{n}", "Usual", t(1), part_requested=t(2), part_received=t(12), completed=t(13)) for n in range(20)),
]
# 63 orders came: 30 were back after 24 h, 20 after 60 h, 10 after 100 h, and three are open
RISK = [order(f"r{n}", "Risk", t(1), 24 if n < 30 else 60 if n < 50 else 100) for n in range(60)]
RISK += [
    order(
        "ra", "Risk", after(NOW, -48)
    ),  # 72 h count as promised: S(72)/S(48) = 1 - 20/31, for ra left the risk at 48 h
    order("rb", "Risk", after(NOW, -200)),  # broken
    order("rc", "Risk", after(NOW, -12), promised_at=after(NOW, 12)),  # S(24)/S(12) = 1 - 30/62, for rc left it at 12 h
]
# Berlin, Mon-Fri 9 to 18: over a weekend on which the clock changes, over May Day, and in on a Sunday
HOURS = {
    "h1": ("2026-03-27T16:00:00", "2026-03-30T08:00:00", "B", 2.0),
    "h2": ("2026-04-30T15:00:00", "2026-05-04T08:00:00", "B", 2.0),
    "h3": ("2026-06-14T10:00:00", "2026-06-15T08:00:00", "B", 1.0),
    "h4": ("2026-06-15T08:00:00", "2026-06-17T08:00:00", "B", 18.0),
    "h5": ("2026-06-15T20:00:00", "2026-06-15T21:00:00", "B", 0.0),
    "h6": ("2026-06-15T08:00:00", "2026-06-17T08:00:00", None, 18.0),  # at the partner's only site
    "h7": ("2026-03-28T11:00:00", "2026-03-30T10:00:00", "A", 47.0),  # always open, on the weekend that lacks an hour
    "h8": ("2026-06-15T08:00:00", "2026-06-17T08:00:00", "C", None),  # nobody knows its hours
    "h9": ("2026-06-17T08:00:00", "2026-06-15T08:00:00", "B", None),  # backwards
}
TIMED = [order(key, "Berlin", came, site=site, completed=done) for key, (came, done, site, _) in HOURS.items()]
SITES = [
    {"site": "B", "partner": "Berlin", "timezone": "Europe/Berlin", "country": "DE", "opening": "Mon-Fri 09:00-18:00"},
    {"site": "A", "partner": "Always", "timezone": "Europe/Berlin", "country": None, "opening": "Mon-Sun 00:00-24:00"},
    {"site": "C", "partner": "Closed", "timezone": "Europe/Berlin", "country": "DE", "opening": None},
]
ORDERS = STEADY + CHERRY + YOUNG + ODD + WAYS + QUICK + PROMISES + LYING + STALL + RISK + TIMED
FIELDS = ["order_id", "partner", "site", "channel", "promised_at"]
KINDS = ["created", "received", "diagnosed", "part_requested", "part_received"]
KINDS += ["completed", "dispatched", "delivered", "closed", "cancelled", "reopened"]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    events = [
        {name: row.get(name) for name in FIELDS} | {"kind": kind, "at": row[kind]}
        for row in ORDERS
        for kind in KINDS
        if row.get(kind)
    ]
    sources = {
        "orders": (happenings("repair_orders", FIELDS, KINDS), events),
        "sites": (f'fact = "sites"\n{identity(list(SITES[0]))}', SITES),
    }
    made = Network(tmp_path_factory.mktemp("speed"), sources, SHIPPED_KPIS.read_text(encoding="utf-8"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def readings(network):
    return network.readings(None, *[kpi.key for kpi in network.settings.kpis if kpi.family == "speed"])


SHARES = [
    ("within_24h", {"partner": "Quick"}, 2, 5),
    ("within_3d", {"partner": "Quick"}, 3, 4),
    ("promise_kept", {"partner": "Word"}, 1, 4),
    ("late_repairs", {"partner": "Word"}, 1, 2),
    ("open_over_7d", {"partner": "Lying"}, 3, 4),
    ("stalled", {"partner": "Berlin"}, 2, 3),
    ("stalled", {"partner": "Nowhere"}, 1, 2),
    ("stalled", {"partner": "Parts"}, 1, 2),
    ("expected_sla_breaches", {"partner": "Risk"}, 11 / 31 + 1 + 32 / 62, 3),
    ("expected_sla_breaches", {"partner": "Lying"}, 4, 4),
]
VALUES = [
    # interpolated between the ninth and the tenth, as quantiles of what is complete are
    ("tat_p90", {"partner": "Steady"}, 91, 10),
    ("tat_p90", {"partner": "Cherry"}, 48 + 0.3 * 52, 8),
    ("tat_median", {"partner": "Steady"}, 55, 10),
    ("tat_median", {"partner": "Cherry"}, 24, 8),
    ("tat_cohort_p90", {"partner": "Steady"}, 90, 10),
    ("tat_cohort_p90", {"partner": "Cherry"}, 492, 10),  # the longest wait so far: 20 days and a half
    ("tat_cohort_p90", {"partner": "Young"}, None, 3),
    ("tat_cohort_p90", {"partner": "Odd"}, 492, 2),
    ("rtat_p90", {"partner": "Way"}, 24 + 0.9 * 24, 2),
    ("e2e_p90", {"partner": "Way"}, 120 + 0.9 * 48, 2),
    ("e2e_cohort_p90", {"partner": "Way"}, 168, 3),
    ("e2e_cohort_p90", {"channel": "mail_in"}, 168, 3),
    ("e2e_cohort_p90", {"partner": "Young"}, None, 3),
    ("open_over_21d", {"partner": "Lying"}, 2, 2),
    ("open_over_30d", {"partner": "Lying"}, 1, 1),
]


@pytest.mark.parametrize(("key", "slice_", "hits", "n"), SHARES)
def test_shares(readings, key, slice_, hits, n):
    reading = readings[key, tuple(slice_.items())]
    assert (reading.numerator, reading.denominator, reading.n) == (pytest.approx(hits), n, n)
    assert reading.value == pytest.approx(hits / n)


@pytest.mark.parametrize(("key", "slice_", "value", "n"), VALUES)
def test_values(readings, key, slice_, value, n):
    reading = readings[key, tuple(slice_.items())]
    assert (reading.value, reading.n) == (value if value is None else pytest.approx(value), n)


def test_every_kpi_of_the_family_is_shown(network, readings):
    family = [kpi for kpi in network.settings.kpis if kpi.family == "speed"]
    assert {key for key, *_ in (*SHARES, *VALUES)} == {kpi.key for kpi in family}
    assert not [kpi.key for kpi in family if not kpi.pitfall.endswith(".")]
    assert not [key for (key, slice_), reading in readings.items() if slice_ == () and reading.value is None]


def test_the_shop_that_picks_the_easy_ones_is_the_slower_one(readings):
    """Closed orders alone would rank it first."""
    by_partner = {
        key: {p: readings[key, (("partner", p),)].value for p in ("Steady", "Cherry")}
        for key in ("tat_p90", "tat_cohort_p90")
    }
    assert by_partner["tat_p90"]["Cherry"] < by_partner["tat_p90"]["Steady"]
    assert by_partner["tat_cohort_p90"]["Cherry"] > by_partner["tat_cohort_p90"]["Steady"]


def test_nobody_is_judged_on_a_cohort_that_is_too_young(readings):
    reading = readings["tat_cohort_p90", (("partner", "Young"),)]
    assert (reading.level, reading.health) == (Level.UNKNOWN, Health.NO_DATA)
    assert reading.reason == "No data: of the 3 rows there are, no figure follows yet."


def test_rows_behind_a_cohort(network):
    _, explained = network.explain("tat_cohort_p90", (("partner", "Cherry"),))
    rows = {row["key"]: (row["waited_hours"], row["ended"]) for row in explained["rows"]}
    assert rows["c5"] == (30, False)  # called off: followed until then
    assert rows["c8"] == (100, True)
    assert rows["c9"] == (492, False)
    assert len(rows) == 10


def test_rows_behind_expected_breaches(network):
    _, explained = network.explain("expected_sla_breaches", (("partner", "Risk"),))
    assert {row["key"]: row["sla_risk"] for row in explained["rows"]} == {
        "ra": pytest.approx(11 / 31),
        "rb": 1,
        "rc": pytest.approx(32 / 62),
    }


def test_business_hours(network):
    found = network.fact("repair_orders", columns=("tat_business_hours",))["tat_business_hours"]
    assert {key: known(found[key]) for key in HOURS} == {key: expected for key, (*_, expected) in HOURS.items()}
