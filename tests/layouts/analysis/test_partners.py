from __future__ import annotations

import time

import pytest
from list_inquiry import ListInquiry, board_json, view_of
from page_read import attributes, choices, links, nodes, rows, said, tiles
from wall_boards import HOSTILE, board, hostile, nothing, reading

from analytics.kpi import SMALL, Health, Level
from layouts.analysis import partners
from layouts.analysis.league import NONE
from layouts.analysis.toll import tolls
from layouts.words import spoken

MASTER = {
    "Alpha": {"country": "DE", "region": "North", "type": "repair", "tier": "1"},
    "Beta": {"country": "FR", "region": "South", "type": "repair", "tier": "2"},
    "Gamma": {"country": "DE", "region": "North", "type": "carrier", "tier": "1"},
    "Idle": {"country": "PL"},
}


def share(name, hits, n, level=Level.GREEN, kpi=0, **changes):
    told = {"numerator": hits, "denominator": n, "n": n, "value": hits / n, "pain": 0.0} | changes
    return reading(kpi, (("partner", name),), level, **told)


def peers(count=30, n=200, hits=10):
    return [share(f"Peer {number:03}", hits + number % 3, n) for number in range(count)]


def some():
    """Alpha is far beyond its peers, Beta and Gamma hurt a little, Idle is known by name only."""
    return board(
        [
            share("Alpha", 90, 200, Level.RED, pain=50.0, customers=40.0),
            share("Beta", 14, 200, Level.AMBER, pain=4.0, customers=4.0),
            share("Gamma", 12, 200),
            reading(3, (("partner", "Gamma"),), Level.UNKNOWN, health=Health.DEAD, reason="No news", pain=0.0),
            reading(3, (("partner", "Beta"),), Level.RED, family="workload", pain=9.0, customers=8.0),
            reading(1, (("partner", SMALL),), Level.RED, pain=99.0),
            *peers(),
        ],
        partners=MASTER,
    )


def page(search="", made=None):
    return partners.build(view_of(ListInquiry(board_json(made or some())), "/partners", search))


def league(found):
    return {row[0].partition(" · ")[0]: row for row in rows(found)[1:]}


def names(found):
    return [text for text, to in links(found) if to.startswith("/partner/")]


# ---- the table ----


def test_partners_stand_by_their_pain_with_counts_worst_figure_and_place_by_chance():
    found = rows(page())
    assert found[0] == [
        "Partner", "What hurts most", "Pain", "Customers hurt", "Red", "Turning red", "Amber", "Unknown", "Green",
        "Late repairs", "By chance",
    ]  # fmt: skip
    assert found[1:4] == [
        ["AlphaDE · North · repair · tier 1", "Late repairsRed 45 %", "50", "40", "1", "0", "0", "0", "0", "45 %",
         "worse than chance allows"],
        ["BetaFR · South · repair · tier 2", "Days of backlogRed 4.25 d", "13", "12", "1", "0", "1", "0", "0", "7 %",
         "as its peers"],
        ["GammaDE · North · carrier · tier 1", "Unknown", NONE, NONE, "0", "0", "0", "1", "1", "6 %", "as its peers"],
    ]  # fmt: skip


def test_a_partner_of_the_master_data_that_nothing_was_judged_of_is_there_and_not_green():
    idle = next(row for row in rows(page())[1:] if row[0].startswith("Idle"))
    assert idle == ["IdlePL", "Unknown", NONE, NONE, "0", "0", "0", "0", "0", NONE, "not compared"]


def test_the_pool_of_those_too_small_is_no_partner():
    assert not any(SMALL in row[0] for row in rows(page()))


def test_every_row_says_what_it_is_drawn_of():
    assert tiles(page())[0] == ("late_repairs", {"partner": "Alpha"}, "red")


def test_heads_have_their_scope_and_the_sorted_one_says_so():
    heads = attributes(page(), "th")
    assert {head["scope"] for head in heads} == {"col", "row"}
    assert [head["aria-sort"] for head in heads if "aria-sort" in head] == ["descending"]


@pytest.mark.parametrize(
    ("sort", "first"),
    [("name", "Alpha"), ("-name", "Peer 029"), ("red", "Alpha"), ("chance", "Alpha"), ("hurt", "Alpha"), ("unknown", "Gamma"),
     ("-pain", "Gamma"), ("nonsense", "Alpha")],
)  # fmt: skip
def test_it_is_sorted_as_the_address_says(sort, first):
    assert names(page(f"?sort={sort}"))[0] == first


def test_a_head_keeps_the_filters_and_turns_its_own_order_round():
    to = dict(links(page("?country=DE&level=red&sort=name&version=17")))
    assert to["Partner"] == "/partners?country=DE&sort=-name&level=red&version=17"
    assert to["Pain"] == "/partners?country=DE&level=red&version=17"
    assert to["Red"] == "/partners?country=DE&sort=red&level=red&version=17"


# ---- filters ----


@pytest.mark.parametrize(
    ("search", "shown"),
    [
        ("?country=DE", ["Alpha", "Gamma"]),
        ("?country=DE&type=carrier", ["Gamma"]),
        ("?region=South", ["Beta"]),
        ("?tier=1&level=red", ["Alpha"]),
        ("?words=ALPH", ["Alpha"]),
        ("?level=unknown&words=a", ["Gamma"]),
        ("?country=DE&words=nobody", []),
        ("?colour=blue", []),
    ],
)
def test_filters_of_the_address_narrow_the_table(search, shown):
    assert sorted(names(page(search))) == shown


def test_what_is_left_out_is_counted_and_can_be_shown_again():
    found = page("?country=DE&kpi=late_repairs&sort=name")
    assert "32 are left out by the filters." in said(found)
    assert ("Show everything", "/partners?sort=name&kpi=late_repairs") in links(found)
    assert "Show everything" not in said(page("?sort=name"))


def test_only_the_chosen_families_are_added_up():
    beta = next(row for row in rows(page("?family=workload"))[1:] if row[0].startswith("Beta"))
    assert beta[2:9] == ["9", "8", "1", "0", "0", "0", "0"]


def test_choosing_a_country_keeps_the_rest_of_the_address():
    found, now = choices(page("?region=North&level=red&country=DE"), "country")
    assert found == {
        "All countries": "/partners?region=North&level=red",
        "Germany (DE)": "/partners?country=DE&region=North&level=red",
        "France (FR)": "/partners?country=FR&region=North&level=red",
        "Poland (PL)": "/partners?country=PL&region=North&level=red",
    }
    assert now == "/partners?country=DE&region=North&level=red"


def test_a_switch_takes_its_level_in_and_out():
    to = dict(links(page("?level=red&family=speed")))
    assert to["Red 1 (chosen)"] == "/partners?family=speed"
    assert to["Amber 1"] == "/partners?level=red&level=amber&family=speed"


def test_partners_carry_version_and_comparison_along():
    to = dict(links(page("?version=17&compare=before&country=DE")))
    assert to["Alpha"] == "/partner/Alpha?compare=before&version=17"


# ---- the funnel ----


def funnel(found):
    return next(props["figure"] for tag, props, _ in nodes(found) if tag == "graph")


def test_every_partner_is_a_point_with_the_shape_of_its_level_that_leads_to_it():
    dots = {trace["name"]: trace for trace in funnel(page())["data"] if trace["mode"] == "markers"}
    assert dots["Red"]["customdata"] == ["/partner/Alpha"]
    assert dots["Red"]["marker"]["symbol"] == "square"
    assert sum(len(trace["x"]) for trace in dots.values()) == 33


def test_partners_that_the_filters_leave_out_stay_faintly_for_chance_is_judged_among_all():
    dots = [trace for trace in funnel(page("?country=FR"))["data"] if trace["mode"] == "markers"]
    clear = [
        name for trace in dots for name, o in zip(trace["text"], trace["marker"]["opacity"], strict=True) if o == 1
    ]
    assert clear == ["Beta"]


def test_the_most_painful_share_is_chosen_unless_the_address_says_another():
    made = board(
        [share(f"P{n}", 5, 100, kpi=0, pain=1.0) for n in range(9)]
        + [share(f"P{n}", 5, 100, kpi=4, pain=2.0) for n in range(9)]
    )
    assert "Orders waiting for parts, beside chance" in said(page(made=made))
    assert "Late repairs, beside chance" in said(page("?kpi=late_repairs", made))
    found, now = choices(page("?kpi=late_repairs&country=DE", made), "kpi")
    assert list(found) == ["Orders waiting for parts", "Late repairs"]
    assert now == "/partners?country=DE&kpi=late_repairs"


def test_better_and_worse_depend_on_which_side_is_good():
    high = {"limits": reading(7).limits, "unit": "%"}
    made = board(
        [
            share("Low", 20, 200, **high),
            share("High", 199, 200, **high),
            *(share(f"P{n}", 150 + n % 5, 200, **high) for n in range(30)),
        ]
    )
    found = {row[0]: row[-1] for row in rows(page(made=made))[1:]}
    assert (found["Low"], found["High"], found["P3"]) == (
        "worse than chance allows",
        "better than chance explains",
        "as its peers",
    )


@pytest.mark.parametrize("kpi", ["backlog", "nowhere", HOSTILE])
def test_what_is_no_share_of_three_partners_is_said_and_the_table_stays(kpi):
    found = page(f"?kpi={kpi}")
    assert "There is nothing to set against chance here." in said(found)
    assert "Alpha" in names(found)


# ---- each customer once ----


@pytest.mark.parametrize(
    ("shared", "pain"),
    [
        (None, 30.0),
        ({"kpi": "late_repairs", "slice": {"partner": "Alpha"}, "share": 0.75}, 22.5),  # 20 + 10 * 0.25
        (
            {"kpi": "late_repairs", "slice": {"country": "DE"}, "share": 0.75},
            30.0,
        ),  # the country's customers are Alpha's too
        ({"kpi": "late_repairs", "slice": {"partner": "Beta"}, "share": 0.75}, 30.0),
    ],
)
def test_a_customer_is_counted_once_as_far_as_the_board_knows(shared, pain):
    made = board(
        [reading(0, (("partner", "Alpha"),), pain=20.0), reading(1, (("partner", "Alpha"),), pain=10.0, shared=shared)]
    )
    told = board_json(made)
    assert tolls(told, told["readings"])["Alpha"].pain == pytest.approx(pain)


def test_a_part_of_a_partner_adds_nothing_to_a_kpi_that_hurts_there_as_a_whole():
    part = (("partner", "Alpha"), ("product", "A5"))
    whole = reading(0, (("partner", "Alpha"),), Level.AMBER, pain=20.0)
    told = board_json(board([whole, reading(0, part, Level.AMBER, pain=7.0), reading(1, part, Level.AMBER, pain=3.0)]))
    assert tolls(told, told["readings"])["Alpha"].pain == 23.0


# ---- states ----


def test_hostile_names_are_text():
    found = page(made=hostile())
    assert HOSTILE in [text for text, _ in links(found)]
    assert tiles(found)[0][1] == {"partner": HOSTILE}
    assert not [tag for tag, _, _ in nodes(found) if tag == "img"]


def test_an_empty_board_says_so():
    found = page(made=nothing())
    assert "No partner is known yet." in said(found)
    assert "There is nothing to set against chance here." in said(found)


def test_filters_that_nobody_passes_say_so():
    assert "No partner is like that." in said(page("?country=XX"))


def test_three_hundred_partners_are_drawn_at_once():
    made = board_json(board([share(f"Partner {n:03}", n % 17, 200, kpi=kpi) for n in range(300) for kpi in range(8)]))
    view = view_of(ListInquiry(made), "/partners")
    start = time.process_time()
    found = partners.build(view)
    assert time.process_time() - start < 3.0  # a tenth of it on an idle machine
    assert len(rows(found)) == 301


def test_files_hold_the_readings_of_the_chosen_kpi_at_this_board():
    to = dict(links(page("?kpi=late_repairs&level=red&country=DE"), "a"))
    assert to["CSV"] == "/export/readings.csv?kpi=late_repairs&version=17"
    assert set(to) == {"CSV", "XLSX", "PARQUET"}


def test_it_speaks_german():
    with spoken("de"):
        found = said(page("?country=DE"))
    assert "Was am meisten schmerzt" in found
    assert "What" not in found
