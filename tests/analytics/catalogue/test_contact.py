"""Contact: every KPI on a handful of rows whose answer a person can check; the moment is Tuesday 2026-06-30 12:00 UTC."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from small_network import Network, cases

from data.settings.load import SHIPPED_KPIS


def t(day, clock="00:00:00", month=6):
    return f"2026-{month:02d}-{day:02d}T{clock}"


def after(start, seconds):
    return (datetime.fromisoformat(start) + timedelta(seconds=seconds)).isoformat()


def contact(key, partner, **known):
    return {"contact_id": key, "partner": partner} | known


def call(key, offered, answered=None, given_up=None, **known):
    """Write a call with the seconds until it was answered or given up."""
    times = {
        "answered": None if answered is None else after(offered, answered),
        "abandoned": None if given_up is None else after(offered, given_up),
    }
    return contact(key, "Calls", channel="phone", offered=offered) | times | known


CALLS = [
    call("c1", t(29), 20, handle_seconds=100, resolved=t(29, "01:00:00")),
    call("c2", t(29), 21, handle_seconds=300, resolved=t(29, "01:00:00")),
    call("c3", t(29), 60, wait_seconds=10, handle_seconds=200, resolved=t(29, "01:00:00")),  # what is told goes first
    call("c4", t(29), None, 5, handle_seconds=9000),  # a short one: not offered at all
    call("c5", t(29), None, 6),
    call("c6", t(29)),  # neither
    call("c7", t(30, "11:59:50")),  # rings for ten seconds
    call("c8", t(20), 500, handle_seconds=9000, resolved=t(21)),  # more than a week ago
    contact("c9", "Calls", channel="chat", offered=t(29), answered=t(29, "01:00:00"), resolved=t(29, "02:00:00")),
]


def asked(key, customer, topic, offered, *, heard=True, channel="phone"):
    return contact(
        key,
        "Desk",
        customer=customer,
        topic=topic,
        offered=offered,
        channel=channel,
        resolved=offered if heard else None,
    )


DESK = [
    asked("f1", "Ann", "advice", t(1)),
    asked("f2", "Ann", "advice", t(8), channel="mail"),  # exactly seven days later: f1 settled nothing
    asked("f3", "Ann", "booking", t(9)),  # another topic
    asked("f4", "Bob", "advice", t(10)),
    asked("f5", "Bob", "advice", t(17, "00:00:01")),  # a second too late for f4
    asked("f6", "Eve", "advice", t(10), heard=False),  # given up: settles nothing, and is not counted
    asked("f7", "Eve", "advice", t(11)),
    asked("f8", None, "advice", t(11)),
    asked("f9", "Ida", None, t(11)),
    asked("fa", "Ned", "advice", t(26)),  # not a week ago
]
# two orders are open in the week of 24 to 30 June: one for 6.5 days, one for 3.5
ORDERS = [
    {"order_id": "o1", "partner": "Shop", "country": "DE", "received": t(1)},
    {"order_id": "o2", "partner": "Shop", "country": "DE", "received": t(1), "closed": t(27, "12:00:00")},
    {"order_id": "o3", "partner": "Shop", "country": "DE", "received": t(1), "closed": t(20)},
    {"order_id": "o4", "partner": "Other", "country": "FR", "received": t(28)},  # for 2.5 days
]


def chase(key, order=None, offered=None, topic="repair status", country="DE"):
    at = offered or t(28)
    return contact(key, "Centre", order_id=order, topic=topic, offered=at, country=country, resolved=at)


CHASES = [
    chase("s1", "o1"),
    chase("s2", "o2", topic="Repair_Status"),
    chase("s3", "o3", country="FR"),  # of the order's country
    chase("s4", None),  # nobody's, in Germany
    chase("s5", "o1", topic="complaint"),
    chase("s6", "o1", t(23, "23:59:59")),  # before the week
    chase("s7", "unknown", country="FR"),
]
CASES = [
    contact("b1", "Cases", channel="mail", offered=t(28, "11:59:59")),
    contact("b2", "Cases", channel="mail", offered=t(28, "12:00:00")),  # 48 hours
    contact("b3", "Cases", channel="phone", offered=t(10), answered=t(10)),  # somebody owes him an answer
    contact("b4", "Cases", channel="phone", offered=t(10), abandoned=t(10)),
    contact("b5", "Cases", channel="mail", offered=t(10), resolved=t(20)),
    contact("b6", "Cases", channel="social", offered=t(10), public="true"),
]


def post(key, offered, replied=None, sentiment=None):
    return contact(
        key,
        "Posts",
        country="NL",
        channel="social",
        public="true",
        offered=offered,
        replied=replied,
        sentiment=sentiment,
    )


POSTS = [
    post("p1", t(20), t(20, "01:00:00"), 1),
    post("p2", t(20), t(20, "02:00:00"), -0.5),
    post("p3", t(20), t(20, "08:00:00"), -1),
    post("p4", t(20), None, -0.7),  # 252 hours without a reply
    post("p5", t(30, "10:00:00")),  # younger than a day
    contact("p6", "Posts", channel="mail", public="false", offered=t(20), sentiment=-1),
]
FIELDS = [
    "contact_id",
    "partner",
    "country",
    "channel",
    "order_id",
    "customer",
    "topic",
    "wait_seconds",
    "handle_seconds",
]
KINDS = ["offered", "answered", "abandoned", "replied", "resolved"]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    rows = CALLS + DESK + CHASES + CASES + POSTS
    sources = {
        "contacts": (cases("contacts", [*FIELDS, "sentiment", "public"], KINDS), rows),
        "orders": (cases("repair_orders", ["order_id", "partner", "country"], ["received", "closed"]), ORDERS),
    }
    made = Network(tmp_path_factory.mktemp("contact"), sources, SHIPPED_KPIS.read_text(encoding="utf-8"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def readings(network):
    return network.readings(None, *[kpi.key for kpi in network.settings.kpis if kpi.family == "contact"])


@pytest.mark.parametrize(
    ("key", "partner", "value", "n"),
    [
        ("service_level_20s", "Calls", 2 / 5, 5),  # c1 and c3 of c1, c2, c3, c5, c6
        ("abandoned", "Calls", 1 / 6, 6),  # the call that still rings was offered
        ("answer_wait", "Calls", (20 + 21 + 10) / 3, 3),
        ("handle_time", "Calls", 200, 3),
        ("first_contact_resolution", "Desk", 5 / 6, 6),
        ("status_chasers", "Shop", 3 / 10, 10),
        ("status_chasers", "Other", 0, 2.5),
        ("case_backlog", "Cases", 2 / 3, 3),
        ("social_answered", "Posts", 3 / 4, 4),
        ("social_reply_p90", "Posts", 252, 5),  # a quarter never had a reply
    ],
)
def test_figures(readings, key, partner, value, n):
    reading = readings[key, (("partner", partner),)]
    assert (reading.value, reading.n) == (pytest.approx(value), n)


def test_every_kpi_of_the_family_is_judged(readings):
    judged = [reading for (_, slice_), reading in readings.items() if slice_ == ()]
    assert len(judged) == 10
    assert not [reading.kpi for reading in judged if reading.value is None]


def test_mood_is_that_of_public_posts(readings):
    reading = readings["net_sentiment", (("country", "NL"),)]
    assert (reading.value, reading.n) == (pytest.approx(-1.2 / 4), 4)


def test_status_calls_belong_to_the_order_they_are_about(readings, network):
    germany, france = (readings["status_chasers", (("country", name),)] for name in ("DE", "FR"))
    assert (germany.value, germany.n) == (pytest.approx(4 / 10), 10)  # with the one that names no order
    assert (france.value, france.n) == (pytest.approx(1 / 2.5), 2.5)
    everywhere = readings["status_chasers", ()]
    assert (everywhere.numerator, everywhere.denominator) == (5, 12.5)
    assert ("status_chasers", (("partner", "Centre"),)) not in readings  # a contact centre opens no orders
    _, explained = network.explain("status_chasers", (("partner", "Shop"),))
    assert [row["key"] for row in explained["rows"]] == ["s1", "s2", "s3"]


def test_a_repeat_is_not_known_before_it_happened(network):
    """On 8 June at noon the repeat of f1 has just come; the contacts of the last week have not matured."""
    day = network.readings("2026-06-07T12:00:00+00:00", "first_contact_resolution")
    assert day["first_contact_resolution", (("partner", "Desk"),)].n == 0
    day = network.readings("2026-06-08T12:00:00+00:00", "first_contact_resolution")
    assert day["first_contact_resolution", (("partner", "Desk"),)].value == 0
