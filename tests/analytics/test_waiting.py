"""What explain shows of a cohort: by hand on a few rows, and of two shops of which the closed orders rank the worse one first."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import shops
from hypothesis import given
from hypothesis import strategies as st
from small_network import Network, cases, happenings

from analytics.kpi import Level
from analytics.two_stories import warned, warning
from analytics.waiting import MOST_POINTS, by_limit, curve, survival
from data.settings.load import SHIPPED_KPIS

KEYS = (
    "tat",
    "tat_cohort",
    "e2e",
    "e2e_cohort",
    "part_lead",
    "part_lead_cohort",
    "transit",
    "transit_cohort",
    "tat_median",
)
START = "2026-06-10T00:00:00"


def after(hours, start=START):
    return (datetime.fromisoformat(start) + timedelta(hours=hours)).isoformat()


def catalogue():
    """Give the pairs of the shipped catalogue, and one KPI that has no part in them."""
    wanted = "|".join(f"{key}_p90" for key in KEYS[:-1]) + "|tat_median"
    parts = re.split(r"^(?=\[)", SHIPPED_KPIS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return "".join(part for part in parts if re.match(rf"\[\[?kpi\.({wanted})[.\]]", part))


def order(key, partner="Cherry", came=START, **ends):
    return {"order_id": key, "partner": partner, "received": came} | {kind: after(h, came) for kind, h in ends.items()}


# of ten that came 492 h ago five are done in a day, one is cancelled after 30 h, two are done after 48 h and one after 100
CHERRY = [order(f"c{n}", completed=24) for n in range(5)]
CHERRY += [order("c5", cancelled=30), order("c6", completed=48), order("c7", completed=48), order("c8", completed=100)]
CHERRY += [order("c9")]
# given up in every way; one that was cancelled and brought back in waits still, as does one brought back when it was done
WAYS = [order("w0", "Ways", completed=10), order("w1", "Ways", swapped=20), order("w2", "Ways", returned_unrepaired=20)]
WAYS += [
    order("w3", "Ways", cancelled=40),
    order("w4", "Ways", cancelled=20, reopened=30),
    order("w5", "Ways", completed=95),
]
WAYS += [order("w6", "Ways", completed=20, reopened=50), order("w7", "Ways", completed=20, reopened=50, cancelled=60)]
WAYS += [order("w8", "Ways", completed=-5), order("w9", "Ways", swapped=20, delivered=30)]
YOUNG = [order(f"y{n}", "Young", "2026-06-29T16:00:00") for n in range(3)]
KINDS = ["received", "completed", "delivered", "cancelled", "returned_unrepaired", "swapped", "reopened"]
LINES = [{"line_id": f"l{n}", "partner": "Lead", "requested": START, "received": after(10 * n)} for n in range(1, 8)]
LINES += [{"line_id": "la", "partner": "Lead", "requested": START, "cancelled": after(5)}]
LINES += [{"line_id": "lb", "partner": "Lead", "requested": START, "cancelled": after(50), "received": after(60)}]
LINES += [{"line_id": "lc", "partner": "Lead", "requested": START}]
PARCELS = [{"shipment_id": f"s{n}", "partner": "Fast", "picked_up": START, "delivered": after(24)} for n in range(3)]
PARCELS += [{"shipment_id": "s3", "partner": "Fast", "picked_up": START, "lost": after(50)}]
PARCELS += [{"shipment_id": "s4", "partner": "Fast", "picked_up": START, "lost": after(50), "delivered": after(70)}]
PARCELS += [{"shipment_id": "s5", "partner": "Fast", "picked_up": START}]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    events = [
        {"order_id": row["order_id"], "partner": row["partner"], "kind": kind, "at": row[kind]}
        for row in CHERRY + WAYS + YOUNG
        for kind in KINDS
        if kind in row
    ]
    sources = {
        "orders": (happenings("repair_orders", ["order_id", "partner"], KINDS), events),
        "lines": (cases("part_orders", ["line_id", "partner"], ["requested", "received", "cancelled"]), LINES),
        "parcels": (cases("shipments", ["shipment_id", "partner"], ["picked_up", "delivered", "lost"]), PARCELS),
    }
    made = Network(tmp_path_factory.mktemp("waiting"), sources, catalogue())
    yield made
    made.close()


@pytest.fixture(scope="module")
def two_shops(tmp_path_factory):
    rows = shops.orders("Cherry", cherries=True) + shops.orders("Fifo", cherries=False)
    source = cases("repair_orders", ["order_id", "partner"], ["received", "completed"])
    made = Network(tmp_path_factory.mktemp("shops"), {"orders": (source, rows)}, catalogue(), now=shops.NOW)
    yield made
    made.close()


def told(network, key, slice_):
    """Give a reading, warned, and what survival says of it."""
    judge, moment = network.judge(), network.now
    kpis = {kpi.key: kpi for kpi in judge.kpis}
    with network.warehouse.reader(network.names, moment, timezone=network.settings.timezone) as view:
        readings = warned(judge.board(view, moment, 1).readings, kpis)
        reading = next(r for r in readings if (r.kpi, r.slice) == (key, slice_))
        return reading, survival(judge, view, kpis[key], reading, moment)


def partner(name):
    return (("partner", name),)


@pytest.mark.parametrize("key", ["tat_p90", "tat_cohort_p90"])
def test_a_table_by_hand(network, key):
    """The red limit is 90 h. S: 5/10 at 24 h, 5/10 * 2/4 at 48 h, 1/4 * 1/2 at 100 h; 492 h is as long as anybody waited."""
    _, found = told(network, key, partner("Cherry"))
    assert found == {
        "closed_only": pytest.approx(48 + 0.3 * 52),
        "kaplan_meier": 492,
        "still_open": 1,
        "by_limit": {"cancelled": pytest.approx(0.1), "completed": pytest.approx(0.7), "open": pytest.approx(0.2)},
        "curve": [
            [0, 1],
            [24, 0.5],
            [48, pytest.approx(0.25)],
            [100, pytest.approx(0.125)],
            [492, pytest.approx(0.125)],
        ],
        "warning": None,  # of ten rows nothing is known yet
    }


def test_every_way_to_end_is_told(network):
    """Nine count, as w8 runs backwards: at 90 h w0 and w7 are done, w1, w2, w3 and w9 given up, and w4, w5 and w6 wait."""
    _, found = told(network, "tat_cohort_p90", partner("Ways"))
    shares = {"completed": 2, "swapped": 2, "returned_unrepaired": 1, "cancelled": 1, "open": 3}
    assert found["by_limit"] == {cause: pytest.approx(n / 9) for cause, n in shares.items()}
    assert found["still_open"] == 2
    _, explained = network.explain("tat_cohort_p90", partner("Ways"))
    causes = {row["key"]: (row["cause"], row["cause_at"]) for row in explained["rows"]}
    assert causes == {
        "w0": ("completed", f"{after(10)}Z"),
        "w1": ("swapped", f"{after(20)}Z"),
        "w2": ("returned_unrepaired", f"{after(20)}Z"),
        "w3": ("cancelled", f"{after(40)}Z"),
        "w4": (None, None),
        "w5": ("completed", f"{after(95)}Z"),
        "w6": (None, None),
        "w7": ("completed", f"{after(20)}Z"),  # done before it was brought back and called off
        "w9": ("swapped", f"{after(20)}Z"),
    }


def test_to_the_customer_a_swap_that_came_home_is_a_hand_back(network):
    _, explained = network.explain("e2e_cohort_p90", partner("Ways"))
    causes = {row["key"]: row["cause"] for row in explained["rows"]}
    assert (causes["w0"], causes["w9"], causes["w1"], causes["w4"]) == ("handed_back", "handed_back", "swapped", None)


def test_lines_are_received_or_cancelled(network):
    """By 90 h seven lines came, and two were cancelled, one of which came all the same."""
    _, found = told(network, "part_lead_cohort_p90", partner("Lead"))
    assert found["by_limit"] == {
        "cancelled": pytest.approx(0.2),
        "open": pytest.approx(0.1),
        "received": pytest.approx(0.7),
    }
    assert (found["still_open"], found["kaplan_meier"]) == (1, 492)
    # as many came in the end as are closed: 10, 20, .. 70 and 60 h
    assert found["closed_only"] == pytest.approx(60 + 0.3 * 10)


def test_parcels_are_delivered_or_lost(network):
    """Within 60 h: three of six are there, two are lost, one of which turns up later and so was delivered, 70 h on."""
    _, found = told(network, "transit_cohort_p90", partner("Fast"))
    assert found["by_limit"] == {
        "delivered": pytest.approx(3 / 6),
        "lost": pytest.approx(1 / 6),
        "open": pytest.approx(2 / 6),
    }
    assert found["still_open"] == 1  # what is lost is not open, but waits for ever on the curve
    assert found["curve"] == [[0, 1], [24, 0.5], [70, pytest.approx(2 / 6)], [492, pytest.approx(2 / 6)]]


def test_nobody_knows_of_the_limit_what_no_one_has_lived_through(network):
    _, found = told(network, "tat_cohort_p90", partner("Young"))
    assert (found["kaplan_meier"], found["closed_only"], found["by_limit"], found["still_open"]) == (
        None,
        None,
        None,
        3,
    )
    assert found["curve"] == [[0, 1], [20, 1]]


def test_other_kpis_have_no_survival(network):
    assert told(network, "tat_median", partner("Cherry"))[1] is None


@pytest.mark.parametrize(("keys", "known"), [(("tat_cohort_p90",), True), (("tat_p90",), False)])
def test_without_the_other_one_of_a_pair(network, keys, known):
    """A cohort stands by itself, as the time in customs does; a figure of the closed ones alone has none then."""
    judge, moment = network.judge(*keys), network.now
    with network.warehouse.reader(network.names, moment, timezone=network.settings.timezone) as view:
        reading = next(r for r in judge.board(view, moment, 1).readings if r.slice == partner("Cherry"))
        found = survival(judge, view, judge.kpis[0], reading, moment)
    assert (found is not None) == known
    assert found is None or (found["closed_only"], found["kaplan_meier"]) == (None, 492)


def test_of_the_whole_network(network):
    reading, found = told(network, "tat_cohort_p90", ())
    assert found["kaplan_meier"] == reading.value
    assert found["still_open"] == 1 + 2 + 3
    assert reading.n == 10 + 9 + 3


def test_a_slice_that_only_the_closed_ones_are_judged_by(tmp_path):
    """The cohort is asked for the slice of the reading, whatever it is judged by itself."""
    kpis = catalogue().replace('by = [["partner"], ["country"], ["product"]]', 'by = [["partner"], ["product"]]', 1)
    kpis = kpis.replace('by = [["partner"], ["country"], ["product"]]', 'by = [["country"]]')
    rows = [row | {"product": "P"} for row in CHERRY]
    source = cases("repair_orders", ["order_id", "partner", "product"], ["received", "completed", "cancelled"])
    network = Network(tmp_path, {"orders": (source, rows)}, kpis)
    reading, found = told(network, "tat_p90", (("product", "P"),))
    assert found["kaplan_meier"] == 492
    assert found["closed_only"] == reading.value
    network.close()


def test_the_closed_orders_rank_the_worse_shop_first(two_shops):
    """Intake and backlog are the same: 44 a day come, 40 are done, and 112 wait in the end."""
    cherry, fifo = (told(two_shops, "tat_cohort_p90", partner(name)) for name in ("Cherry", "Fifo"))
    assert [found["still_open"] for _, found in (cherry, fifo)] == [112, 112]
    assert [found["closed_only"] for _, found in (cherry, fifo)] == [10, 58]
    assert [found["kaplan_meier"] for _, found in (cherry, fifo)] == [274, 58]
    assert [reading.level for reading, _ in (cherry, fifo)] == [Level.RED, Level.GREEN]


def test_only_the_shop_that_leaves_some_waiting_is_warned_of(two_shops):
    said = "Of the closed ones alone it is 0.417 d; counting those still open it is 11.4 d: the slow ones may be left waiting."
    for key in ("tat_p90", "tat_cohort_p90"):
        reading, found = told(two_shops, key, partner("Cherry"))
        assert found["warning"] == warning(reading) == said
        assert told(two_shops, key, partner("Fifo"))[1]["warning"] is None
    assert told(two_shops, "tat_p90", partner("Cherry"))[0].level is Level.GREEN


def test_the_curve_is_short_and_holds_the_figure(two_shops):
    for slice_ in (partner("Cherry"), partner("Fifo"), ()):
        reading, found = told(two_shops, "tat_cohort_p90", slice_)
        assert len(found["curve"]) <= MOST_POINTS
        assert next(hours for hours, share in found["curve"] if share <= 0.1 + 1e-9) == reading.value


def frame(waits):
    rows = [{"waited_hours": float(h), "ended": c is not None, "cause": c, "cause_hours": float(h)} for h, c in waits]
    return pd.DataFrame(rows, columns=["waited_hours", "ended", "cause", "cause_hours"])


WAITS = st.lists(st.tuples(st.integers(0, 400), st.sampled_from([None, "done", "cancelled"])), min_size=1, max_size=120)


@given(WAITS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(waits, random):
    mixed = random.sample(waits, len(waits))
    assert curve(frame(mixed), 0.1) == curve(frame(waits), 0.1)
    assert by_limit(frame(mixed), 90) == by_limit(frame(waits), 90)


@given(WAITS, st.sampled_from([0.5, 4.0]))
def test_scaling_hours_scales_the_curve(waits, scale):
    scaled = frame([(h * scale, c) for h, c in waits])
    assert curve(scaled, 0.1) == [[h * scale, s] for h, s in curve(frame(waits), 0.1)]
    assert by_limit(scaled, 90 * scale) == by_limit(frame(waits), 90)


@given(WAITS)
def test_the_shares_by_the_limit_are_all(waits):
    found = by_limit(frame(waits), 90)
    if found is None:
        assert max(h for h, _ in waits) < 90
    else:
        assert sum(found.values()) == pytest.approx(1)


@given(WAITS)
def test_a_curve_falls_and_is_short(waits):
    points = curve(frame(waits), 0.1)
    assert len(points) <= MOST_POINTS
    assert points[0] == [0, 1]
    assert points[-1][0] == max(h for h, _ in waits)
    assert all(np.diff([h for h, _ in points]) >= 0)
    assert all(np.diff([s for _, s in points]) <= 0)


def test_the_step_that_a_quantile_is_read_off_is_always_shown():
    """Of 997 steps at most fifty are shown; the p90 is the 898th, for 897 leave a share of 100/997."""
    points = curve(frame([(h, "done") for h in range(1, 998)]), 0.1)
    assert [898, pytest.approx(99 / 997)] in points
    assert len(points) == MOST_POINTS


def test_nobody():
    assert (curve(frame([]), 0.1), by_limit(frame([]), 90)) == ([], None)
