from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from wall_boards import (
    BOARDS,
    NOW,
    all_green,
    board,
    busy,
    driver,
    expecting,
    feed,
    greens,
    pains,
    reading,
    regions,
    unknowns,
    worse,
    worse_busy,
    worsening,
)

from analytics.board import as_json
from analytics.kpi import SMALL, Health, Level
from layouts.edition import Edition
from layouts.feed import encode
from layouts.wall import MOST_LINES, MOST_TILES, unknown_lines, wall_payload
from layouts.words import spoken


def test_figures_are_those_of_the_api():
    made = busy()
    api = {(r["kpi"], str(r["slice"]), r["level"]): r for r in as_json(made)["readings"]}
    payload = wall_payload(made)
    assert payload["counts"] == as_json(made)["counts"]
    for tile in payload["tiles"]:
        same = api[tile["kpi"], str(tile["slice"]), tile["level"]]
        for name in ("value", "pain", "reason", "since", "trend", "unit", "stale", "title"):
            assert tile[name] == same[name]
        assert tile["limits"] == [same["limits"]["red"]]


def test_no_green_is_drawn_and_tiles_keep_their_rank():
    tiles = wall_payload(busy())["tiles"]
    assert [tile["level"] for tile in tiles] == ["red"] * 18 + ["turning"] * 5 + ["amber"] * 7
    reds = [tile["pain"] for tile in tiles if tile["level"] == "red"]
    assert reds == sorted(reds, reverse=True)


def test_what_does_not_fit_is_counted():
    payload = wall_payload(board([*pains(58, Level.RED), *pains(4, Level.TURNING), *pains(19, Level.AMBER)]))
    assert len(payload["tiles"]) == MOST_TILES[Level.RED] + 4 + MOST_TILES[Level.AMBER]
    assert payload["more"] == {"red": 58 - MOST_TILES[Level.RED], "turning": 0, "amber": 19 - MOST_TILES[Level.AMBER]}


def test_a_stale_tile_is_dated_by_the_feed_its_reason_names():
    feeds = (feed("parcels", timedelta(hours=1), "late"), feed("parcels_dhl", timedelta(hours=3), "dead"))
    named = reading(stale=True, health=Health.DEAD, reason="parcels_dhl is dead")
    silent = reading(1, stale=True, health=Health.LATE, reason="The partner is silent")
    tiles = wall_payload(board([named, silent], feeds=feeds))["tiles"]
    assert {tile["kpi"]: tile["data_at"] for tile in tiles} == {"late_repairs": "2026-11-24T10:03:10Z", "tat_p90": None}


def test_a_tile_names_its_first_driver():
    drivers = (driver("Aurora 6 Pro"), driver("Monday", "weekday", 0.2))
    tiles = wall_payload(board([reading(0, drivers=drivers), reading(1, drivers=())]))["tiles"]
    assert {tile["kpi"]: tile["driver"] for tile in tiles} == {
        "late_repairs": "63 % of it: Aurora 6 Pro",
        "tat_p90": None,
    }


def test_all_green_has_nothing_to_draw():
    payload = wall_payload(all_green())
    assert (payload["tiles"], payload["unknown"]) == ([], [])
    assert payload["counts"]["green"] == payload["counts"]["judged"] == 312


def test_unknowns_are_folded_by_cause_and_by_kpi():
    assert [(line["health"], line["count"], line["text"]) for line in unknown_lines(unknowns())] == [
        ("dead", 4, "4 blind: Source contact_centre has been dead since 24 Nov 04:10. Affects Calls abandoned, Customer satisfaction"),
        ("late", 1, "Back again within 30 days: QuickPhone Leeds is silent for 9 h, its usual gap is 2 h."),
        ("no_data", 5, "Days of backlog: 5 partners without data (FixIt Berlin GmbH, Mumbai Mobile Care, iRepair Paris 11e and 2 more)"),
        ("low_sample", 41, "Late repairs: 41 partners with too small a sample"),
        ("low_sample", 9, "Customer satisfaction: 9 partners with too small a sample"),
    ]  # fmt: skip


def test_one_unknown_is_named():
    (line,) = unknown_lines([reading(level=Level.UNKNOWN, health=Health.LOW_SAMPLE)])
    assert line["text"] == "Late repairs: FixIt Berlin GmbH with too small a sample"


def test_forty_silent_partners_are_one_line():
    silent = [
        reading(0, (("partner", f"P{n}"),), Level.UNKNOWN, health=Health.DEAD, reason=f"P{n} is silent for {n} h")
        for n in range(40)
    ]
    (line,) = unknown_lines(silent)
    assert line["count"] == 40
    assert line["text"].startswith("Late repairs: 40 partners: ")


HEALTHS = st.sampled_from([Health.LATE, Health.DEAD, Health.LOW_SAMPLE, Health.NO_DATA])


@given(
    st.lists(st.tuples(st.integers(0, 7), st.text(max_size=3), HEALTHS, st.sampled_from(["a", "b", ""])), max_size=60)
)
def test_no_unknown_is_ever_left_out_of_the_counts(rows):
    readings = [
        reading(kpi, (("partner", name),), Level.UNKNOWN, health=health, reason=reason)
        for kpi, name, health, reason in rows
    ]
    payload = wall_payload(board(readings))
    assert sum(line["count"] for line in payload["unknown"]) + payload["unknown_more"] == len(rows)
    assert len(payload["unknown"]) <= MOST_LINES


def test_every_board_is_json_without_nan():
    for name, make in BOARDS.items():
        assert b"NaN" not in encode(wall_payload(make())), name
    odd = replace(reading(), value=math.nan, history=(("2026-11-01", math.nan), ("2026-11-02", None)), pain=math.inf)
    assert b"NaN" not in encode(wall_payload(board([odd])))


def test_a_full_wall_stays_small():
    payload = wall_payload(board([*pains(200, Level.RED), *greens(3000), *unknowns()], as_of=NOW))
    assert len(encode(payload)) < 60_000


def test_a_chart_knows_better_where_a_figure_goes_than_a_week_does():
    for variation, shown in (("worsening", "worsening"), ("common cause", "steady"), (None, "improving")):
        one = reading(trend="improving", change={"variation": variation})
        (tile,) = wall_payload(board([one]))["tiles"]
        assert tile["trend"] == shown


def test_one_cause_takes_one_of_the_first_places():
    same = {"kpi": "late_repairs", "slice": {}, "share": 0.9}
    reds = [reading(0, pain=100.0), reading(1, pain=90.0, shared=same), reading(2, pain=20.0)]
    assert [tile["pain"] for tile in wall_payload(board(reds))["tiles"]] == [100.0, 20.0, 90.0]


def test_areas_are_those_of_the_slice_or_of_its_partner():
    payload = wall_payload(regions(), Edition("region"))
    areas = {area["name"]: area for area in payload["areas"]}
    assert list(areas) == ["APAC", "Africa", "Americas", "EMEA", "Nordics"]
    assert next(tile["place"] for tile in areas["Africa"]["tiles"]) == "Country NG"
    assert areas["Nordics"]["counts"] | {"unknown_by": 0} == {"judged": 5, "red": 0, "turning": 0, "amber": 0, "unknown": 0,
                                                              "green": 5, "unknown_by": 0}  # fmt: skip
    assert areas["APAC"]["counts"]["unknown"] == areas["APAC"]["unknown"][0]["count"] == 1
    assert sum(area["counts"]["judged"] for area in areas.values()) < payload["counts"]["judged"]


def test_those_too_small_to_be_judged_alone_are_no_area():
    payload = wall_payload(
        board([reading(0, (("region", SMALL),)), reading(0, (("region", "EMEA"),))]), Edition("region")
    )
    assert SMALL not in {area["name"] for area in payload["areas"]}
    assert payload["counts"]["red"] == 2


def test_codes_are_the_same_in_the_whole_and_in_an_area():
    payload = wall_payload(regions(), Edition("country"))
    whole = {(tile["kpi"], str(tile["slice"]), tile["level"]): tile["code"] for tile in payload["tiles"]}
    for area in payload["areas"]:
        for tile in area["tiles"]:
            assert whole.get((tile["kpi"], str(tile["slice"]), tile["level"]), tile["code"]) == tile["code"]


def test_an_outlook_is_drawn_as_days_after_the_history():
    (tile,) = wall_payload(board([expecting(reading(level=Level.TURNING))]))["tiles"]
    assert (tile["outlook"]["red_on"], tile["outlook"]["probability"]) == ("2026-11-26", 0.71)
    assert [point[0] for point in tile["outlook"]["band"]] == list(range(1, 11))
    for strange in (None, "soon", {}, {"band": None}, {"red_on": None, "probability": None}):
        (tile,) = wall_payload(board([reading(outlook=strange)]))["tiles"]
        assert not tile["outlook"] or not tile["outlook"]["red_on"]


def test_a_wall_speaks_german():
    with spoken("de"):
        payload = wall_payload(board([reading(), *unknowns()]))
    assert payload["tiles"][0]["shown"] == "14,2 %"
    assert payload["tiles"][0]["hurt"] == "16 Kunden betroffen"
    assert any("mit zu kleiner Stichprobe" in line["text"] for line in payload["unknown"])


def test_greens_that_get_worse_are_drawn_beside_the_tiles_one_of_each_kpi():
    made = worse()
    payload = wall_payload(made)
    assert payload["worsening"] == sum(r.worsening and r.level is Level.GREEN for r in made.readings) == 9
    lines = payload["worse"]
    assert {line["level"] for line in lines} == {"green"}
    assert [line["kpi"] for line in lines] == [
        "late_repairs",
        "tat_p90",
        "bounce_30d",
        "backlog",
        "part_wait",
        "customs",
    ]
    # the network is worse because of a partner, who holds more than half of it
    assert lines[0]["slice"] == {"partner": "Mumbai Mobile Care"}
    assert (lines[0]["was"], lines[0]["now"]) == ("1.2 %", "4.4 %")
    assert (lines[1]["was"], lines[1]["now"]) == (
        "1.2 %",
        "4.4 %",
    )  # of rows beyond a limit, though the KPI is in hours
    assert payload["counts"] == made.counts()
    assert "green" not in {tile["level"] for tile in payload["tiles"]}


def test_a_worse_slice_that_is_a_small_part_of_it_does_not_stand_for_the_network():
    small = worsening(0, (("partner", "FixIt Berlin GmbH"),), 40.0)
    (line,) = wall_payload(board([worsening(0, (), 120.0), small]))["worse"]
    assert line["slice"] == {}


def test_areas_have_their_own_that_get_worse_and_german_has_its_words():
    with spoken("de"):
        payload = wall_payload(worse(), Edition("region"))
    asia = next(area for area in payload["areas"] if area["name"] == "APAC")
    assert asia["worsening"] == len(asia["worse"]) == 2
    assert asia["worse"][0]["reason"] == "4,4 % in den letzten 14 Tagen, nach 1,2 % in den Wochen davor"


def test_without_any_that_get_worse_there_is_no_lane():
    payload = wall_payload(busy())
    assert (payload["worse"], payload["worsening"]) == ([], 0)
    assert wall_payload(worse_busy())["worsening"] == 9
