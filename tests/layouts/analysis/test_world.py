from __future__ import annotations

import json
import math

import pytest
from list_inquiry import ListInquiry, board_json, view_of
from page_read import attributes, choices, links, nodes, rows, said, tiles
from wall_boards import HOSTILE, board, hostile, nothing, reading

from analytics.kpi import SMALL, Level
from layouts.analysis import world, world_map
from layouts.analysis.world_shapes import SHAPES, projected
from layouts.words import spoken

MASTER = {
    "Alpha": {"country": "DE"},
    "Beta": {"country": "DE"},
    "Gamma": {"country": "SG"},
    "Delta": {"country": "uk"},
    "Carrier": {},
}


def some():
    return board(
        [
            reading(0, (("partner", "Alpha"),), pain=20.0, customers=10.0),
            reading(1, (("partner", "Beta"),), Level.AMBER, pain=5.0, customers=4.0),
            reading(1, (("partner", "Gamma"),), Level.GREEN, pain=0.0),
            reading(2, (("partner", "Delta"),), Level.UNKNOWN, pain=0.0),
            reading(2, (("partner", "Carrier"),), pain=99.0),
            reading(0, (("country", "FR"),), Level.AMBER, pain=7.0),
            reading(0, (("country", SMALL),), pain=7.0),
            reading(3, (("country", "DE"),), Level.RED, pain=50.0, family="workload"),
        ],
        partners=MASTER,
    )


def page(search="", made=None):
    return world.build(view_of(ListInquiry(board_json(made or some())), "/map", search))


def marks(found):
    return {
        json.loads(props["data-slice"])["country"]: props
        for tag, props, _ in nodes(found)
        if tag == "link" and "data-level" in props
    }


# ---- the map ----


def test_a_country_has_its_worst_level_and_the_pain_of_its_partners():
    assert rows(page())[1:4] == [
        ["Germany (DE)", "Red", "25", "14", "2", "2", "0", "1", "0", "0", "Days of backlog, Country DERed 4.25 d"],
        ["France (FR)", "Amber", "0", "0", "0", "0", "0", "1", "0", "0", "Late repairs, Country FRAmber 14.2 %"],
        ["uk", "Unknown", "0", "0", "1", "0", "0", "0", "1", "0", world.NONE],
    ]


def test_every_country_with_figures_is_a_mark_that_leads_on_and_says_what_it_shows():
    found = marks(page("?version=17"))
    assert set(found) == {"DE", "FR", "SG"}
    assert found["DE"]["aria-label"] == "Germany (DE): Red, pain 25, 2 partners"
    assert found["DE"]["href"] == "/partners?country=DE&version=17"
    assert found["FR"]["href"] == "/kpi/late_repairs?country=FR&version=17"
    assert "tabIndex" not in found["DE"]


def test_a_mark_has_the_shape_of_its_level_and_names_its_country():
    assert {name: props["className"] for name, props in marks(page()).items()} == {
        "DE": "mark-of red",
        "FR": "mark-of amber",
        "SG": "mark-of green",
    }
    assert [children[0] for tag, _, children in nodes(page()) if tag == "text"] == ["DE", "FR", "SG"]


def test_the_larger_the_pain_the_larger_the_mark():
    sizes = [props["r"] for props in attributes(page(), "circle")]
    assert sizes[0] > 2 * sizes[1] == 2 * sizes[2]


def test_land_is_coloured_once_and_the_keyboard_passes_it_by():
    land = [props["className"] for tag, props, _ in nodes(page()) if tag == "path" and "land" in props["className"]]
    assert sorted(set(land)) == ["land", "land amber", "land red"]  # Singapore is too small to have a shape
    assert [props["tabIndex"] for tag, props, _ in nodes(page()) if tag == "link" and "data-level" not in props and "tabIndex" in props] == [-1, -1]  # fmt: skip


def test_every_level_is_named_in_the_legend():
    legend = next(
        children
        for tag, props, children in nodes(page())
        if tag == "ul" and props.get("aria-label") == "Levels and their shapes"
    )
    assert len(legend) == 6


@pytest.mark.parametrize("count", [2, 12, 40])
def test_marks_do_not_lie_upon_each_other(count):
    codes = [code for code in world_map.world()["countries"] if world_map.is_placed(code)][:count]
    radii = [30.0 + n % 7 for n in range(count)]
    view = (0.0, 0.0, 5000.0, 2200.0)
    places = world_map._apart([world_map.at(code) for code in codes], radii, view)
    for i in range(count):
        for j in range(i):
            assert math.dist(places[i], places[j]) > radii[i] + radii[j]


def test_countries_at_the_same_place_are_pushed_apart_too():
    one, other = world_map._apart([(500.0, 500.0)] * 2, [20.0, 20.0], (0.0, 0.0, 1000.0, 1000.0))
    assert math.dist(one, other) > 40


# ---- what is left out ----


def test_what_is_not_on_the_map_is_said():
    found = said(page())
    assert "1 country code is not on the map: uk." in found
    assert "1 partner is not on the map, for no country of it is known: Carrier." in found


def test_the_pool_of_countries_too_small_is_no_country():
    assert not [row for row in rows(page()) if SMALL in row[0]]


# ---- parts of the world, filters ----


def test_only_parts_of_the_world_that_hold_something_can_be_chosen():
    found, now = choices(page("?area=europe&level=red"), "area")
    assert list(found) == ["Where the partners are", "Whole world", "Europe", "Asia"]
    assert now == found["Europe"] == "/map?area=europe&level=red"
    assert found["Where the partners are"] == "/map?level=red"


@pytest.mark.parametrize(
    ("search", "shown"),
    [("?area=europe", {"DE", "FR"}), ("?area=asia", {"SG"}), ("?area=world", {"DE", "FR", "SG"}), ("?area=moon", {"DE", "FR", "SG"}),
     ("?level=red", {"DE"}), ("?family=workload", {"DE", "SG"})],
)  # fmt: skip
def test_the_address_says_what_is_shown(search, shown):
    assert set(marks(page(search))) == shown


def test_families_go_along_to_the_partners():
    assert marks(page("?family=speed&level=red"))["DE"]["href"] == "/partners?country=DE&family=speed"


# ---- the shapes ----


def test_the_shapes_are_small_and_know_every_country_that_partners_may_have():
    assert SHAPES.stat().st_size < 120_000
    for code in ("DE", "IN", "US", "SG", "HK", "MT", "LU", "XK", "TW", "BR", "ZA", "NZ", "MU", "BH"):
        assert world_map.is_placed(code), code
    assert not world_map.is_placed("UK")


def test_places_lie_where_they_should():
    x, y = projected(0.0, 0.0)
    assert (x, round(y)) == (2500.0, 1217)
    assert projected(10.0, 50.0)[0] > x
    assert projected(10.0, 50.0)[1] < y
    left, top = world_map.at("US")
    assert left < world_map.at("FR")[0] < world_map.at("JP")[0]
    assert top < world_map.at("BR")[1]


# ---- states ----


def test_without_countries_it_says_so():
    assert "No country is known of any partner." in said(page(made=nothing()))
    assert "No country is like that." in said(page("?level=turning"))


def test_hostile_names_are_text():
    made = hostile()
    told = board_json(made)
    told["partners"] = {HOSTILE: {"country": HOSTILE}}
    found = world.build(view_of(ListInquiry(told), "/map"))
    assert HOSTILE in said(found)
    assert tiles(found)[0][1] == {"country": HOSTILE}
    assert not [tag for tag, _, _ in nodes(found) if tag == "img"]


def test_heads_have_their_scope():
    assert {head["scope"] for head in attributes(page(), "th")} == {"col", "row"}


def test_links_of_the_table_lead_where_the_marks_lead():
    assert dict(links(page()))["Germany (DE)"] == marks(page())["DE"]["href"]


def test_it_speaks_german():
    with spoken("de"):
        found = said(page())
    for told in (
        "Deutschland (DE)",
        "Ganze Welt" if False else "Umrisse: Natural Earth",
        "1 Ländercode ist nicht auf der Karte: uk.",
    ):
        assert told in found
