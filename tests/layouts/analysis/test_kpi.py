"""The page of a KPI, as pure functions draw it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from dash._utils import to_json
from list_inquiry import ListInquiry, ago, board_json, view_of
from page_read import links, nodes, said, text
from wall_boards import HOSTILE, busy

from analytics.kpi import SMALL
from layouts.analysis import kpi
from layouts.inquiry import AbsentError, Column, Table
from layouts.words import spoken

PLACE = "/kpi/bounce_30d"
SEARCH = "?partner=iRepair+Paris+11e"
PARIS = (("partner", "iRepair Paris 11e"),)
COLUMNS = (Column("key"), Column("partner"), Column("late", "bool"))


def inquiry(**changes):
    made = ListInquiry(board_json(replace(busy(), **changes)))
    made.tables = {
        "bounce_30d": Table(
            COLUMNS, [{"key": "R-1", "partner": "P", "late": True}], 1, 1, {"adds_up": "they are counted"}
        )
    }
    return made


def test_the_figure_stands_with_its_limits_its_sample_and_what_drives_it():
    page = kpi.build(view_of(inquiry(), PLACE, SEARCH))
    told = said(page)
    assert page.title == "Back again within 30 days, iRepair Paris 11e"
    for part in ("8.08 %", "stale", "green up to 3 %, red beyond 5 %", "218 rows", "38 customers hurt", "Aurora 6 Pro"):
        assert part in told


def test_what_is_drawn_says_what_it_is_of():
    page = kpi.build(view_of(inquiry(), PLACE, SEARCH))
    drawn = [props for tag, props, _ in nodes(page) if tag == "section" and props.get("data-kpi") == "bounce_30d"]
    assert [json.loads(each["data-slice"]) for each in drawn] == [{"partner": "iRepair Paris 11e"}]
    assert [each["data-level"] for each in drawn] == ["red"]


def test_rows_are_asked_for_at_the_version_of_the_page():
    made = inquiry()
    kpi.build(view_of(made, PLACE, SEARCH, newest=99))
    asked = [each for each in made.asked if each[0] == "rows"]
    assert {each[1] for each in asked} == {made.newest["version"]}


def test_exports_keep_the_version_and_the_place():
    page = kpi.build(view_of(inquiry(), PLACE, SEARCH))
    assert [text for text, _ in links(page, "a")][:3] == ["CSV", "XLSX", "PARQUET"]
    assert links(page, "a")[0][1] == "/export/rows.csv?kpi=bounce_30d&partner=iRepair+Paris+11e&version=17"


def test_peers_lead_to_their_own_pages_and_the_version_goes_along():
    page = kpi.build(view_of(inquiry(), PLACE, f"{SEARCH}&version=17"))
    leads = [address for _, address in links(page)]
    assert "/kpi/bounce_30d?partner=FixIt+Berlin+GmbH&version=17" in leads


@pytest.mark.parametrize(
    ("path", "search", "says"),
    [
        ("/kpi/nothing", "", "No KPI is called nothing"),
        (PLACE, "?partner=Nobody", "Back again within 30 days is not judged for Nobody"),
    ],
)
def test_what_is_not_there_is_said(path, search, says):
    with pytest.raises(AbsentError, match=says):
        kpi.build(view_of(inquiry(), path, search))


def test_a_figure_stands_though_its_rows_cannot_be_shown():
    made = inquiry()

    def absent(*_):
        raise AbsentError("bounce_30d is no longer in the catalogue.")

    made.rows = made.before = absent
    page = kpi.build(view_of(made, PLACE, f"{SEARCH}&compare=before"))
    assert "8.08 %" in said(page)
    assert "no longer in the catalogue" in said(page)


def test_keys_lead_to_orders_only_where_they_are_those_of_orders():
    columns = (Column("key"), Column("partner"))
    stock, orders = (
        Table(columns, [], 1, 1, {"fact": fact, "adds_up": "x"}) for fact in ("stock_levels", "repair_orders")
    )
    assert kpi._links(stock) == {"partner": "partner"}
    assert kpi._links(orders) == {"key": "order", "partner": "partner"}


def test_a_pool_is_no_peer():
    first = busy().readings[2]
    others = tuple(replace(first, slice=(("partner", name),)) for name in ("A", "B", SMALL))
    assert "Beside its 2 peers" in said(kpi.build(view_of(inquiry(readings=others), PLACE, "?partner=A")))


def test_names_stay_text():
    first = busy().readings[2]
    made = inquiry(readings=(replace(first, slice=(("partner", HOSTILE),)),))
    page = kpi.build(view_of(made, PLACE, "?partner=%3Cimg+src%3Dx+onerror%3D%22window.owned%3D1%22%3E"))
    assert HOSTILE in page.title


def test_a_pool_has_a_page_too():
    made = inquiry(readings=(replace(busy().readings[2], slice=(("partner", SMALL),)),))
    page = kpi.build(view_of(made, PLACE, f"?partner={SMALL}"))
    assert "too small to judge alone" in page.title


def compared(made):
    return said(kpi.build(view_of(made, PLACE, f"{SEARCH}&compare=before")))


def before(**figures):
    window = {"from": ago(days=56), "to": ago(days=28)}
    return {"bounce_30d": {PARIS: {"numerator": None, "denominator": None, "n": None, "window": window} | figures}}


def test_compared_with_the_period_before_the_change_is_in_points():
    made = inquiry()
    made.befores = before(value=0.0608, n=200)
    assert "6.08 % of 200; +2 points since" in compared(made)
    with spoken("de", "Europe/Berlin"):
        assert "+2 Prozentpunkte" in compared(made)


def test_a_state_is_compared_without_a_sample():
    made = inquiry()
    made.befores = before(value=0.1208)
    assert "12.1 %; \N{MINUS SIGN}4 points since" in compared(made)


def test_why_is_told_where_there_are_too_few_days_for_a_chart():
    made = inquiry()
    reading = next(each for each in made.newest["readings"] if each["slice"] == dict(PARIS))
    made.told["bounce_30d", PARIS] = reading | {
        "formula": "share of rows where bounced_30d", "limits_from": "kpi.bounce_30d", "health_reason": "fresh", "history": [],
        "evidence_method": "beta", "mix_rate": {"text": "The figure changed."}, "chart": None,
        "survival": {"closed_only": 24.0, "kaplan_meier": 300.0, "still_open": 7},
    }  # fmt: skip
    told = "".join(text(json.loads(to_json(each))) for each in kpi.more(view_of(made, PLACE, SEARCH)))
    for part in (
        "too few days",
        "bounced_30d",
        "The figure changed.",
        "with those still open (Kaplan-Meier): 300 h",
        "7 still open",
    ):
        assert part in told
