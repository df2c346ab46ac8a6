from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from layouts.analysis.address import _OWN, Filters, address, named, to_kpi, to_order, to_partner
from layouts.analysis.routes import name_of
from layouts.codes import drilldown
from layouts.shell import ASSETS

names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40)


def test_an_address_is_read_as_it_was_written():
    filters = Filters(
        version=17,
        where=(("country", "DE"), ("partner", "A & B=C")),
        levels=("red", "amber"),
        families=("speed",),
        compare=True,
    )
    assert Filters.read(address("/partners", filters).partition("?")[2]) == filters


def test_what_makes_no_sense_is_left_out():
    found = Filters.read("?version=-1&version=x&Partner=X&country=&compare=yes&level=red")
    assert found == Filters(levels=("red",))


def test_nothing_stands_in_the_address_of_what_is_usual():
    assert address("/partners", Filters()) == "/partners"


@given(names)
def test_a_name_comes_back_from_its_address(name):
    for lead in (to_partner, to_order):
        path = lead(name, Filters()).partition("?")[0]
        assert name_of(path) == named(path, f"/{path.split('/')[1]}/") == name.strip()


def test_names_with_slashes_and_spaces_stay_one_part_of_the_address():
    assert to_partner("Fix & Go / Lyon", Filters()) == "/partner/Fix%20%26%20Go%20%2F%20Lyon"
    assert name_of("/partner/Fix%20%26%20Go%20%2F%20Lyon") == "Fix & Go / Lyon"


def test_the_version_and_the_comparison_go_along_and_the_place_does_not():
    filters = Filters(version=3, where=(("country", "DE"),), levels=("red",), words="x", compare=True)
    assert to_kpi("late", (("partner", "P"),), filters) == "/kpi/late?partner=P&compare=before&version=3"
    assert to_partner("P", filters) == "/partner/P?compare=before&version=3"


@given(
    st.sampled_from(["version", "level", "area", "q", "grid", "PartnerType", "in", "partner"]),
    names.filter(lambda name: name == name.strip()),
)
def test_a_dimension_may_be_called_like_anything_else_in_an_address(dimension, value):
    filters = Filters(version=3, where=((dimension, value),))
    assert Filters.read(address("/kpi/x", filters).partition("?")[2]) == filters


def test_the_wall_writes_places_as_pages_read_them():
    script = (ASSETS / "wall_draw.js").read_text()
    told = re.search(r"const OWN = new Set\((\[.*?\])\)", script).group(1)
    assert set(json.loads(told)) == _OWN
    assert drilldown("late", {"level": "gold", "partner": "P"}, 3) == "/kpi/late?in.level=gold&partner=P&version=3"
