from __future__ import annotations

import pytest
from list_desk import ListDesk, episode
from list_inquiry import ListInquiry, board_json, view_of
from page_read import links, nodes, rows, said, tiles
from wall_boards import HOSTILE, board, hostile, nothing, reading

from analytics.kpi import Health, Level
from layouts.analysis import partner
from layouts.inquiry import AbsentError
from layouts.words import spoken

NAME = "Fixpoint Lyon"
AT = (("partner", NAME),)


def some():
    return board(
        [
            reading(0, AT, Level.AMBER, pain=2.0, customers=2.0),
            reading(3, AT, pain=30.0, customers=20.0, family="workload"),
            reading(2, AT, Level.GREEN, pain=0.0),
            reading(5, AT, Level.GREEN, pain=0.0),
            reading(
                6, AT, Level.UNKNOWN, health=Health.DEAD, reason="Source calls has been dead since 04:10.", pain=0.0
            ),
            reading(4, (*AT, ("product", "Aurora 6 Pro")), pain=5.0, customers=5.0),
            reading(0, (("partner", "Fixpoint Lille"),)),
            reading(0, (("country", "FR"),)),
        ],
        partners={NAME: {"country": "FR", "region": "West", "type": "repair", "tier": "1", "shore": "onshore"}},
    )


def view(name=NAME, search="", made=None, **changes):
    return view_of(ListInquiry(board_json(made or some())), f"/partner/{name}", search, **changes)


def page(name=NAME, search="", made=None, **changes):
    return partner.build(view(name, search, made, **changes))


def test_the_head_says_who_it_is_how_much_it_hurts_and_since_when():
    found = said(page())
    for told in (
        "27 customers hurt", "Red 2 |", "CountryFrance (FR)", "RegionWest", "Typerepair", "Tier1", "Shoreonshore", "Pain in all37",
        "What hurts mostDays of backlog Red", "So sinceSat 21 Nov 12:03 CET, for 3 d",
    ):  # fmt: skip
        assert told.replace(" |", "") in found, told
    assert page().title == NAME


def test_what_hurts_stands_in_tiles_by_family_the_worst_first():
    heads = [text for tag, _, children in nodes(page()) if tag == "title" and (text := children[0])]
    assert heads[:2] == ["Workload", "Speed"]
    assert tiles(page())[:2] == [
        ("backlog", {"partner": NAME}, "red"),
        ("late_repairs", {"partner": NAME}, "amber"),
    ]


def test_a_tile_says_figure_limit_level_course_sample_customers_and_driver():
    found = said(page())
    for told in (
        "Late repairs14.2 %red limit 10 %Amber",
        "2 customers hurt",
        "218 rows, worsening",
        "63 % of it: Aurora 6 Pro",
    ):
        assert told in found


def test_a_tile_leads_to_its_kpi_here():
    assert ("Days of backlog", "/kpi/backlog?partner=Fixpoint+Lyon&version=17") in links(page(search="?version=17"))


def test_parts_that_hurt_are_listed_and_others_are_not():
    assert ("Orders waiting for parts, Fixpoint Lyon, product Aurora 6 Pro",
            "/kpi/part_wait?partner=Fixpoint+Lyon&product=Aurora+6+Pro") in links(page())  # fmt: skip
    assert "Lille" not in said(page())


def test_greens_are_folded_and_counted():
    folds = [said_of for tag, props, said_of in nodes(page()) if tag == "details"]
    assert len(folds) == 2
    assert "2 green KPIs" in said(page())
    assert ("customs", {"partner": NAME}, "green") in tiles(page())


def test_what_could_not_be_judged_is_listed_with_its_reason():
    assert "1 figure that could not be judged" in said(page())
    assert rows(page(), -1)[1] == ["Calls abandoned", "Dead", "Source calls has been dead since 04:10."]


def test_files_are_of_this_board():
    assert links(page(), "a") == [
        ("PDF", "/export/scorecard.pdf?partner=Fixpoint+Lyon&version=17"),
        ("CSV", "/export/readings.csv?partner=Fixpoint+Lyon&version=17"),
        ("XLSX", "/export/readings.xlsx?partner=Fixpoint+Lyon&version=17"),
        ("PARQUET", "/export/readings.parquet?partner=Fixpoint+Lyon&version=17"),
    ]


# ---- the period before ----


def test_the_period_before_is_worked_out_afterwards():
    seen = view(search="?compare=before")
    seen.inquiry.befores["backlog"] = {
        AT: {"value": 3.25, "numerator": None, "denominator": None, "n": 120, "window": {}}
    }
    assert ("Without the period before", f"/partner/{NAME}") in [
        (t, to.replace("%20", " ")) for t, to in links(partner.build(seen))
    ]
    assert not any(asked[0] == "before" for asked in seen.inquiry.asked)
    found = partner.more(seen)
    drawn = type("Drawn", (), {"content": found, "tools": (), "subtitle": None})
    assert rows(drawn)[0][-1] == "Period before"
    assert rows(drawn)[1][0] == "Days of backlog, Fixpoint Lyon"
    assert rows(drawn)[1][-1] == "3.25 d of 120; +1 d since"
    assert rows(drawn)[2][-1] == "not known"


def test_without_comparing_nothing_is_worked_out_afterwards():
    assert ("Compare with the period before", "/partner/Fixpoint Lyon?compare=before") in links(page())
    assert not [props for _, props, _ in nodes(page()) if props.get("id") == "later"]


# ---- its alerts ----


def test_its_alerts_are_listed_those_still_open_first():
    kept = [
        episode(1, "Late repairs", NAME, closed_at="2026-11-22T10:00:00Z", value="green", level="green"),
        episode(2, "Days of backlog", NAME),
        episode(3, "Days of backlog", "Fixpoint Lille", reason=f"unlike {NAME}"),
        episode(4, "Calls abandoned", NAME, acknowledged_at="2026-11-22T10:00:00Z", acknowledged_by="Ada"),
    ]
    found = page(desk=ListDesk(kept))
    assert [to for _, to in links(found, "a") if to.startswith("/alerts/")] == ["/alerts/2", "/alerts/4", "/alerts/1"]
    assert "acknowledged by Ada" in said(found)


def test_without_alerts_that_is_said_and_without_a_desk_nothing():
    assert "No alert was made of it so far." in said(page(desk=ListDesk([])))
    assert "alert" not in said(page())


# ---- states ----


@pytest.mark.parametrize(
    ("asked", "near"),
    [("Fixpont Lyon", "Fixpoint Lyon, Fixpoint Lille"), ("fixpoint", "Fixpoint"), ("LYON", "Fixpoint Lyon")],
)
def test_one_who_is_not_there_is_told_with_who_is(asked, near):
    with pytest.raises(
        AbsentError, match=f"No partner is called {asked} on this board; nearly so are called: .*{near}"
    ):
        page(asked)


@pytest.mark.parametrize("made", [nothing, some])
def test_one_whom_nobody_resembles_is_told(made):
    with pytest.raises(AbsentError, match=r"No partner is called 修理 on this board\.$"):
        page("修理", made=made())


def test_one_of_whom_nothing_was_judged_is_unknown_and_not_green():
    made = board([], partners={"Idle": {"country": "PL"}})
    found = page("Idle", made=made)
    assert "Nobody is hurtUnknown" in said(found)
    assert "mark is-unknown" in [props.get("className") for _, props, _ in nodes(found)]
    assert "Nothing that could be judged hurts here." in said(found)


def test_hostile_names_are_text():
    found = page(HOSTILE, made=hostile())
    assert found.title == HOSTILE
    assert HOSTILE in said(found)
    assert not [p for t, p, _ in nodes(found) if t == "img" and not p["src"].startswith("data:image/svg+xml,%3Csvg")]


def test_it_speaks_german():
    with spoken("de"):
        found = said(page(desk=ListDesk([])))
    for told in ("Schmerz insgesamt", "2 grüne Kennzahlen", "Bewertungsbogen", "im Inland"):
        assert told in found
