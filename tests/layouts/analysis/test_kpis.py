from __future__ import annotations

import pytest
from list_inquiry import ListInquiry, board_json, view_of
from page_read import attributes, links, nodes, rows, said, tiles
from wall_boards import HOSTILE, NOW, board, hostile, nothing, reading

from analytics.kpi import Health, Level
from layouts.analysis import kpis
from layouts.words import spoken


def some():
    return board(
        [
            reading(0, (), Level.GREEN, value=0.04, numerator=40, denominator=1000, n=1000, pain=0.0),
            reading(0, (("partner", "Alpha"),), pain=9.0),
            reading(0, (("partner", "Beta"),), Level.AMBER, pain=20.0),
            reading(0, (("partner", "Gamma"),), Level.UNKNOWN, health=Health.LOW_SAMPLE, pain=0.0),
            reading(
                1, (), Level.UNKNOWN, value=None, numerator=None, denominator=None, n=3, pain=0.0, window=(None, NOW)
            ),
            reading(1, (("partner", "Alpha"),), Level.UNKNOWN, pain=0.0),
            reading(7, (("partner", "Beta"),), Level.GREEN, family="own", pain=0.0),
        ]
    )


def page(search="", made=None):
    return kpis.build(view_of(ListInquiry(board_json(made or some())), "/kpis", search))


def test_a_kpi_stands_with_its_network_its_places_by_level_and_the_worst():
    assert rows(page())[:3] == [
        ["KPI", "Whole network", "Value", "Red limit", "Red", "Turning red", "Amber", "Unknown", "Green", "Worst place"],
        ["Late repairs40 of 1,000 · 28 days · lower is better", "Green", "4 %", "10 %", "1", "0", "1", "1", "0", "AlphaRed 14.2 %"],
        ["Repair time, slowest tenth3 rows · lower is better", "Unknown", "?", "5 d", "0", "0", "0", "1", "0", "could not be judged"],
    ]  # fmt: skip


def test_one_that_is_not_judged_for_the_whole_network_is_there_too():
    row = rows(page(), 1)[1]
    assert row[1:3] == ["not judged", kpis.NONE]
    assert row[-1] == "nowhere that was judged"


def test_families_stand_in_the_order_of_an_orders_way_and_a_users_own_behind():
    assert [children[0] for tag, _, children in nodes(page()) if tag == "title"] == ["Speed", "own"]


def test_a_kpi_leads_to_the_network_and_to_its_worst_place():
    to = dict(links(page("?version=17")))
    assert to["Late repairs"] == "/kpi/late_repairs?version=17"
    assert to["Alpha"] == "/kpi/late_repairs?partner=Alpha&version=17"
    assert to["Customer satisfaction"] == "/kpi/csat?partner=Beta&version=17"


@pytest.mark.parametrize(
    ("search", "keys"),
    [
        ("", ["late_repairs", "tat_p90", "csat"]),
        ("?level=red", ["late_repairs"]),
        ("?level=unknown", ["late_repairs", "tat_p90"]),
        ("?level=green", ["late_repairs", "csat"]),
        ("?family=own", ["csat"]),
        ("?words=TIME+slow", ["tat_p90"]),
        ("?words=tat_p", ["tat_p90"]),
        ("?family=own&level=red", []),
    ],
)
def test_filters_of_the_address_narrow_it(search, keys):
    assert [tile[0] for tile in tiles(page(search))] == keys


def test_what_is_shown_is_counted():
    assert "3 KPIs are judged." in said(page())
    assert "1 of 3 KPIs that are judged." in said(page("?level=red"))
    assert "No KPI is like that." in said(page("?family=nowhere"))
    assert ("Show everything", "/kpis") in links(page("?family=nowhere"))


def test_switches_count_the_kpis_that_have_a_level_somewhere():
    to = dict(links(page("?level=red&version=17")))
    assert to["Red 1 (chosen)"] == "/kpis?version=17"
    assert to["Unknown 2"] == "/kpis?level=red&level=unknown&version=17"


def test_heads_have_their_scope():
    assert {head["scope"] for head in attributes(page(), "th")} == {"col", "row"}


def test_an_empty_board_says_so():
    assert "Nothing has been judged yet." in said(page(made=nothing()))


def test_hostile_names_are_text():
    found = page(made=hostile())
    assert HOSTILE in said(found)
    assert not [tag for tag, _, _ in nodes(found) if tag == "img"]


def test_it_speaks_german():
    with spoken("de"):
        found = said(page())
    for told in ("Verspätete Reparaturen40 von 1.000 · 28 Tage · weniger ist besser", "3 Kennzahlen werden bewertet."):
        assert told in found
