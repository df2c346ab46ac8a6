"""Feeds at their boundaries, and partners that fall silent inside a living feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from small_network import Network, happenings

from analytics.health import FINE, LEAST_HOURS, State, best, feed, of_feed, silences, worst
from analytics.kpi import Health

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)  # a Tuesday
OK, LATE, DEAD = Health.OK, Health.LATE, Health.DEAD
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (0, "fresh"),
        (7199, "fresh"),
        (7200, "fresh"),
        (7201, "late"),
        (21600, "late"),
        (21601, "dead"),
        (10**8, "dead"),
        (-5, "fresh"),
    ],
)
def test_feed_at_its_boundaries(age, state):
    found = feed("x", "repair_orders", 7200, NOW - timedelta(seconds=age), NOW)
    assert found.state == state
    assert of_feed(found, NOW).health == {"fresh": OK, "late": LATE, "dead": DEAD}[state]


def test_a_feed_that_never_spoke_is_dead():
    found = feed("x", "repair_orders", 7200, None, NOW)
    assert found.state == "dead"
    assert of_feed(found, NOW) == State(DEAD, "source x has never delivered anything")


@pytest.mark.parametrize("watermark", [None, NOW, NOW - timedelta(days=4000)])
def test_without_a_limit_age_is_shown_not_judged(watermark):
    found = feed("x", "repair_orders", None, watermark, NOW)
    assert found.state == "unjudged"
    assert found.watermark == watermark
    assert of_feed(found, NOW) == FINE


def test_worst_and_best():
    late, dead = State(LATE, "l"), State(DEAD, "d")
    assert worst([late, FINE, dead]) is dead
    assert best([late, dead]) is late
    assert best([late, FINE]) is FINE
    assert worst([]) is best([]) is FINE


# --- silence ------------------------------------------------------------------------------------------------------


def hours(since, until, active):
    """List the full hours in [since, until] in which a partner is active."""
    found, at = [], since
    while at <= until:
        if active(at):
            found.append(at)
        at += HOUR
    return found


def silence(heard, watermark=NOW, timezone="UTC"):
    """Judge the partners of one source, given as {partner: its hours}."""
    rows = [("s", partner, at.replace(tzinfo=None)) for partner, times in heard.items() for at in times]
    pulses = pd.DataFrame(rows, columns=["source", "partner", "hour"]).astype({"hour": "datetime64[us]"})
    return {partner: state.health for (_, partner), state in silences(pulses, {"s": watermark}, timezone).items()}


def daily(at):
    return at.hour == 9


def office(at):
    return at.weekday() < 5 and 8 <= at.hour < 18


def hourly(_):
    return True


def weekly(at):
    return at.weekday() == 0 and at.hour == 7


START = NOW - timedelta(days=120)
BEAT = {"alive": hours(START, NOW, hourly)}


@pytest.mark.parametrize(
    ("active", "last", "expected"),
    [
        # once a day at nine, the moment is Tuesday noon
        (daily, "2026-06-30T09:00", OK),
        (daily, "2026-06-29T09:00", OK),  # today's is three hours overdue
        (daily, "2026-06-28T09:00", LATE),
        (daily, "2026-06-27T09:00", LATE),
        (daily, "2026-06-26T09:00", DEAD),
        (daily, "2026-06-10T09:00", DEAD),
        # around the clock
        (hourly, "2026-06-30T11:00", OK),
        (hourly, "2026-06-30T10:00", OK),
        (hourly, "2026-06-30T09:00", LATE),
        (hourly, "2026-06-29T12:00", DEAD),
        # office hours: nights and week-ends are no silence
        (office, "2026-06-30T11:00", OK),
        (office, "2026-06-30T08:00", LATE),
        (office, "2026-06-29T17:00", DEAD),  # silent since yesterday's end: four working hours
        (office, "2026-06-26T17:00", DEAD),
        # mondays only
        (weekly, "2026-06-29T07:00", OK),
        (weekly, "2026-06-22T07:00", OK),
        (weekly, "2026-06-15T07:00", LATE),
        (weekly, "2026-06-01T07:00", DEAD),
    ],
)
def test_silence_inside_a_living_feed(active, last, expected):
    until = datetime.fromisoformat(last).replace(tzinfo=UTC)
    found = silence(BEAT | {"quiet": hours(START, until, active)})
    assert found == {"alive": OK, "quiet": expected}


@pytest.mark.parametrize(
    "moment", ["2026-06-27T12:00", "2026-06-28T23:00", "2026-06-29T07:59", "2026-06-29T03:00", "2026-06-26T19:00"]
)
def test_nights_and_weekends_are_no_silence(moment):
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    heard = {
        "alive": hours(START, now, hourly),
        "office": hours(START, min(now, datetime(2026, 6, 26, 17, tzinfo=UTC)), office),
    }
    assert silence(heard, now) == {"alive": OK, "office": OK}


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_habits_are_the_same_in_every_zone(timezone):
    heard = BEAT | {"office": hours(START, datetime(2026, 6, 26, 17, tzinfo=UTC), office)}
    monday = datetime(2026, 6, 29, 7, 59, tzinfo=UTC)
    assert silence({"office": heard["office"], "alive": hours(START, monday, hourly)}, monday, timezone) == {
        "alive": OK,
        "office": OK,
    }
    assert silence(heard, NOW, timezone)["office"] == DEAD


def test_silence_is_measured_up_to_the_source_not_to_the_clock():
    """A source that stopped as a whole is judged by its own age; its partners have not fallen silent inside it."""
    stopped = datetime(2026, 5, 1, 12, tzinfo=UTC)
    heard = {"a": hours(START, stopped, hourly), "b": hours(START, stopped, daily)}
    assert silence(heard, stopped) == {"a": OK, "b": OK}
    assert silence(heard | BEAT, NOW) == {"alive": OK, "a": DEAD, "b": DEAD}


@pytest.mark.parametrize("count", range(1, LEAST_HOURS))
def test_new_partners_have_no_habits(count):
    few = [NOW - timedelta(days=60) + HOUR * n for n in range(count)]
    assert silence(BEAT | {"new": few})["new"] == OK


def test_a_partner_with_enough_hours_is_judged():
    few = [NOW - timedelta(days=60) + HOUR * n for n in range(LEAST_HOURS)]
    assert silence(BEAT | {"new": few})["new"] == DEAD


def test_irregular_partners_are_given_their_usual_gaps():
    rng = np.random.default_rng(7)
    wrong = 0
    for seed in range(40):
        gaps = rng.exponential(30, 120).astype(int) + 1
        times = NOW - HOUR * 5 - np.cumsum(gaps)[::-1] * HOUR
        wrong += silence(BEAT | {"rare": list(times)})["rare"] is not OK
        assert seed >= 0
    assert wrong == 0


def test_the_reason_names_partner_and_gap():
    pulses = pd.DataFrame(
        [
            ("s", p, at.replace(tzinfo=None))
            for p, ts in (BEAT | {"Quiet & Co": hours(START, datetime(2026, 6, 20, tzinfo=UTC), hourly)}).items()
            for at in ts
        ],
        columns=["source", "partner", "hour"],
    )
    state = silences(pulses, {"s": NOW}, "UTC")["s", "Quiet & Co"]
    assert (
        state.reason == "partner Quiet & Co has been silent for 10 d (since 2026-06-20); its longest usual gap is 1 h"
    )


# --- through a load and a judgement ---------------------------------------------------------------------------------

KPI = """
[kpi.orders]
title = "Orders"
family = "speed"
fact = "repair_orders"
measure = { share = { column = "closed_at", missing = true } }
day = "received_at"
window = "28 d"
by = [["partner"], ["country"], ["product"]]
better = "lower"
green = 0.05
red = 0.10
min_n = 1
unit = "%"
"""
PARTNERS = {
    # partner: (country, when heard, until)
    "steady": ("DE", hourly, "2026-06-30T11:00"),
    "gone_red": ("FR", daily, "2026-06-24T09:00"),
    "gone_green": ("FR", daily, "2026-06-24T09:00"),
    "quiet_german": ("DE", daily, "2026-06-24T09:00"),
    "weekly": ("IT", weekly, "2026-06-29T07:00"),
}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    rows = []
    for partner, (country, active, last) in PARTNERS.items():
        for number, at in enumerate(
            hours(NOW - timedelta(days=40), datetime.fromisoformat(last).replace(tzinfo=UTC), active)
        ):
            case = {"order_id": f"{partner}{number}", "partner": partner, "country": country, "product": "phone"}
            rows.append(case | {"kind": "received", "at": at.isoformat()})
            if partner != "gone_red":
                rows.append(case | {"kind": "closed", "at": at.isoformat()})
    body = happenings(
        "repair_orders",
        ["order_id", "partner", "country", "product"],
        ["received", "closed"],
        head='fresh_within = "2 h"',
    )
    made = Network(tmp_path_factory.mktemp("silent"), {"log": (body, rows)}, KPI, now="2026-07-30T12:00:00+00:00")
    yield made
    made.close()


def test_silent_partners_turn_unknown_and_reds_stay(network):
    found = {dict(s).get("partner"): r for (_, s), r in network.readings(NOW).items()}
    assert [(found[p].level, found[p].health) for p in ("steady", "weekly")] == [("green", "ok"), ("green", "ok")]
    assert (found["gone_green"].level, found["gone_green"].health) == ("unknown", "dead")
    assert (found["gone_red"].level, found["gone_red"].health, found["gone_red"].stale) == ("red", "dead", True)
    assert found["gone_green"].reason.startswith("Partner gone_green has been silent for 6 d (since 2026-06-24)")


def test_a_country_is_silent_when_all_its_partners_are(network):
    found = {dict(s).get("country"): r for (_, s), r in network.readings(NOW).items()}
    assert found["DE"].level == "green"
    assert (found["FR"].level, found["FR"].health, found["FR"].stale) == ("red", "dead", True)


def test_the_network_is_as_fresh_as_its_feeds(network):
    board = network.board(NOW)
    assert [f.state for f in board.feeds] == ["fresh"]
    assert {r.health.value for r in board.readings if r.slice == ()} == {"ok"}


@pytest.mark.parametrize(
    ("later", "state", "level"),
    [
        ("2026-06-30T13:00:00", "fresh", "green"),
        ("2026-06-30T13:00:01", "late", "unknown"),
        ("2026-06-30T17:00:00", "late", "unknown"),
        ("2026-06-30T17:00:01", "dead", "unknown"),
    ],
)
def test_a_stopped_feed_takes_every_green_with_it(network, later, state, level):
    board = network.board(later + "+00:00")
    assert [f.state for f in board.feeds] == [state]
    steady = next(r for r in board.readings if dict(r.slice).get("partner") == "steady")
    assert steady.level == level
    if state != "fresh":
        assert {r.level.value for r in board.readings} <= {"unknown", "red"}
        assert all(r.stale for r in board.readings if r.level == "red")


def test_a_silence_is_not_known_before_it_happened(network):
    found = {dict(s).get("partner"): r.health for (_, s), r in network.readings("2026-06-24T12:00:00+00:00").items()}
    assert found["gone_green"] == OK


def test_country_without_a_living_partner_is_unknown(tmp_path):
    rows = []
    for partner, country, last in (
        ("a", "DE", NOW),
        ("b", "FR", NOW - timedelta(days=9)),
        ("c", "FR", NOW - timedelta(days=8)),
    ):
        for number, at in enumerate(hours(NOW - timedelta(days=40), last, daily)):
            rows += [
                {
                    "order_id": f"{partner}{number}",
                    "partner": partner,
                    "country": country,
                    "product": "x",
                    "kind": kind,
                    "at": at.isoformat(),
                }
                for kind in ("received", "closed")
            ]
    body = happenings("repair_orders", ["order_id", "partner", "country", "product"], ["received", "closed"])
    network = Network(tmp_path, {"log": (body, rows)}, KPI, now=NOW.isoformat())
    found = {dict(s).get("country"): r for (_, s), r in network.readings().items()}
    network.close()
    assert (found["DE"].level, found["FR"].level, found["FR"].health) == ("green", "unknown", "dead")
