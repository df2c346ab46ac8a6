"""Customer: every KPI on a handful of rows whose answer a person can check; the moment is Tuesday 2026-06-30 12:00 UTC."""

from __future__ import annotations

import pytest
from small_network import Network, cases

from analytics.kpi import Level
from data.settings.load import SHIPPED_KPIS


def t(day, clock="00:00:00", month=6):
    return f"2026-{month:02d}-{day:02d}T{clock}"


def survey(key, partner, country, csat=None, nps=None, ces=None, at=None):
    marks = {"csat": csat, "nps": nps, "ces": ces}
    return {"survey_id": key, "partner": partner, "country": country, "answered": at or t(20)} | marks


SURVEYS = [
    survey("s1", "Asked", "DE", 5, 10, 7),
    survey("s2", "Asked", "DE", 4, 9, 6),
    survey("s3", "Asked", "DE", 3, 8, 5),
    survey("s4", "Asked", "DE", None, 6, 2),
    survey("s5", "Asked", "JP", 1, 0, None),
    survey("s6", "Asked", "JP", 1, None, 1, t(2)),  # more than four weeks ago
    # 60 promoters, 20 passives and 20 detractors
    *[survey(f"n{i}", "Many", "FR", nps=10 if i < 60 else 7 if i < 80 else 6) for i in range(100)],
]


def order(key, partner, received, closed=None, country="DE", product="Phone"):
    return {
        "order_id": key,
        "partner": partner,
        "country": country,
        "product": product,
        "received": received,
        "closed": closed,
    }


# the cohort of the 28 days up to 31 May, 12:00; complaints come until today
ORDERS = [
    order("o1", "Blamed", t(10, month=5), t(20, month=5)),
    order("o2", "Blamed", t(10, month=5), t(12)),
    order("o3", "Blamed", t(31, "11:00:00", month=5), t(25)),
    order("o4", "Blamed", t(31, "13:00:00", month=5), t(20)),  # younger than 30 days
    order("o5", "Blamed", t(3, month=5), t(25), country="FR"),  # before the window
    order("o6", "Praised", t(20, month=5), country="FR"),
]


def said(key, order=None, offered=None, **known):
    at = offered or t(29)
    return {"contact_id": key, "partner": "Centre", "order_id": order, "offered": at, "country": "DE"} | known


CONTACTS = [
    said("c1", "o1", topic="Complaint", offered=t(28)),  # 49 days after the order came in
    said("c2", "o1", topic="complaint"),  # a second one about it
    said("c3", "o2", topic="advice"),
    said("c4", "o4", topic="complaint"),
    said("c5", None, topic="complaint"),  # about nobody's order
    said("p1", "o2", public="true", sentiment=-0.2),
    said("p2", None, public="true", sentiment=-1),
    said("p3", None, public="true", sentiment=0),
    said("p4", None, public="true", sentiment=-1, offered=t(2)),  # more than four weeks ago
    said("p5", None, public="false", sentiment=-1),
    said("p6", "o6", public="true", sentiment=-1),  # about an order in France
    said("now", offered=t(30, "12:00:00")),  # the contacts are told up to the moment
]


def helped(key, resolved, sold=None):
    return said(key, offered=resolved, partner="Shop", resolved=resolved, sold=sold)


SALES = [
    helped("h1", t(1), t(15)),  # after exactly 14 days
    helped("h2", t(1), t(15, "00:00:01")),
    helped("h3", t(1)),
    helped("h4", t(10), t(10)),
    helped("h5", t(20), t(21)),  # not 14 days ago
    said("h6", offered=t(1), partner="Shop", sold=t(2)),  # nothing was resolved
]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    fields = ["contact_id", "partner", "country", "order_id", "topic", "sentiment", "public"]
    sources = {
        "surveys": (cases("surveys", ["survey_id", "partner", "country", "csat", "nps", "ces"], ["answered"]), SURVEYS),
        "orders": (
            cases("repair_orders", ["order_id", "partner", "country", "product"], ["received", "closed"]),
            ORDERS,
        ),
        "contacts": (cases("contacts", fields, ["offered", "resolved", "sold"]), CONTACTS + SALES),
    }
    made = Network(tmp_path_factory.mktemp("customer"), sources, SHIPPED_KPIS.read_text(encoding="utf-8"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def readings(network):
    return network.readings(None, *[kpi.key for kpi in network.settings.kpis if kpi.family == "customer"])


@pytest.mark.parametrize(
    ("key", "slice_", "value", "n"),
    [
        ("csat_top2", {"partner": "Asked", "country": "DE"}, 2 / 3, 3),
        ("csat_top2", {"partner": "Asked"}, 2 / 4, 4),
        ("nps", {"partner": "Asked", "country": "DE"}, (100 + 100 + 0 - 100) / 4, 4),
        ("nps", {"partner": "Asked", "country": "JP"}, -100, 1),
        ("nps", {"country": "FR"}, 40, 100),
        ("effort_score", {"partner": "Asked"}, 5, 4),
        ("complaints", {"partner": "Blamed"}, 2 / 3, 3),
        ("complaints", {"partner": "Praised"}, 0, 1),
        ("negative_posts", {"country": "DE"}, 2 / 3, 3),
        ("negative_posts", {"country": "FR"}, 1, 1),
        ("sales_through_support", {"partner": "Shop"}, 2 / 4, 4),
    ],
)
def test_figures(readings, key, slice_, value, n):
    reading = readings[key, tuple(sorted(slice_.items()))]
    assert (reading.value, reading.n) == (pytest.approx(value), n)


def test_every_kpi_of_the_family_is_judged(readings):
    judged = [reading for (_, slice_), reading in readings.items() if slice_ == ()]
    assert len(judged) == 6
    assert not [reading.kpi for reading in judged if reading.value is None]


def test_how_sure_a_promoter_score_is(readings):
    """The standard error is sqrt((p+ + p- - (p+ - p-)^2) / n) = sqrt((0.6 + 0.2 - 0.16) / 100) = 8 points."""
    reading = readings["nps", (("country", "FR"),)]
    assert reading.level is Level.AMBER
    assert reading.evidence == pytest.approx(0.107, abs=0.002)  # P(Z < (30 - 40) / 8), by t with 99 degrees of freedom


def test_scores_are_compared_within_a_country(network):
    by = {kpi.key: kpi.by for kpi in network.settings.kpis if kpi.fact == "surveys"}
    assert all(("partner", "country") in groups and ("country",) in groups for groups in by.values())


def test_a_complaint_is_counted_on_the_day_of_its_order(network, readings):
    _, explained = network.explain("complaints", (("partner", "Blamed"),))
    assert [(row["key"], row["order_id"]) for row in explained["rows"]] == [("c1", "o1"), ("c2", "o1")]
    assert (readings["complaints", ()].numerator, readings["complaints", ()].denominator) == (2, 4)


def test_posts_name_no_repairer(network):
    assert not any(
        "partner" in group for kpi in network.settings.kpis if kpi.key == "negative_posts" for group in kpi.by
    )
    _, explained = network.explain("negative_posts", (("country", "DE"),))
    assert [row["key"] for row in explained["rows"]] == ["p1", "p2"]
