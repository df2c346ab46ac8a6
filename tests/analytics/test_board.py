"""The Board's JSON, its order and its counts; histories that end in the figure they belong to."""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from small_network import Network, cases

from analytics.board import Board, as_json, past, rank
from analytics.kpi import Feed, Health, Level, Limits, Reading

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
READING = {
    "customers",
    "pain_kind",
    "among_peers",
    "false_discovery",
    "standing",
    "reversed",
    "shared",
    "worsening",
    "change",
    "kpi", "title", "family", "slice", "value", "numerator", "denominator", "n", "unit", "window", "limits", "level", "health", "stale",
    "reason", "evidence", "since", "history", "trend", "pain", "drivers", "outlook", "remedies",
}  # fmt: skip
KPIS = """
[kpi.late_repairs]
title = "Late repairs"
family = "speed"
fact = "repair_orders"
measure = { share = "late" }
day = "closed_at"
window = "28 d"
by = [["partner"], ["partner", "product"]]
better = "lower"
green = 0.05
red = 0.10
min_n = 10
unit = "%"
remedies = ["swap", "reroute"]
[[kpi.late_repairs.limits]]
where = { partner = "P1" }
red = 0.30

[kpi.slowest]
title = "Slowest tenth"
family = "speed"
fact = "repair_orders"
measure = { quantile = "tat_hours", q = 0.9 }
day = "closed_at"
window = "7 d"
by = [["partner"]]
better = "lower"
green = 72
red = 90
min_n = 5
unit = "h"

[kpi.open_orders]
title = "Open orders"
family = "workload"
fact = "repair_orders"
measure = { count = "open" }
day = "snapshot"
window = "all"
better = "lower"
green = 5
red = 10
min_n = 0
unit = "orders"

[kpi.cost]
title = "Cost"
family = "cost"
fact = "repair_orders"
measure = { mean = "cost" }
day = "closed_at"
window = "all"
by = [["partner"]]
better = "between"
green = [40, 60]
red = [20, 80]
min_n = 2
unit = "EUR"
"""


def orders(seed=3, count=400):
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        partner = rng.choice(["P1", "P2", "P2", 'Ünï, "P3"', "P'4", "P'4", "tiny", None])
        if partner == "tiny" and rng.random() < 0.6:
            partner = "P2"
        came = NOW - timedelta(days=rng.uniform(1, 45))
        went = came + timedelta(hours=rng.expovariate(1 / 50))
        rows.append(
            {
                "order_id": str(number),
                "partner": partner,
                "product": rng.choice(["phone", "tv", None]),
                "cost": rng.choice([None, round(rng.gauss(50 + (partner == "P'4") * 45, 9), 2)]),
                "promised_at": (came + timedelta(hours=96)).isoformat(),
                "received": came.isoformat(),
                "closed": went.isoformat() if went <= NOW else None,
            }
        )
    return rows


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    body = cases(
        "repair_orders",
        ["order_id", "partner", "product", "cost", "promised_at"],
        ["received", "closed"],
        head='fresh_within = "12 h"',
    )
    made = Network(
        tmp_path_factory.mktemp("board"), {"orders": (body, orders())}, KPIS, "Europe/Berlin", NOW.isoformat()
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def document(network):
    return network.document()


def test_every_level_is_there(document):
    assert {"red", "amber", "green", "unknown"} <= {r["level"] for r in document["readings"]}


def test_names_are_the_contracts(document):
    assert {"as_of", "version", "counts", "sources", "readings"} <= set(document)
    assert set(document["counts"]) == {"judged", "red", "turning", "amber", "green", "unknown", "unknown_by"}
    for source in document["sources"]:
        assert {"name", "state", "watermark"} <= set(source)
    for reading in document["readings"]:
        assert set(reading) == READING
        assert set(reading["window"]) == {"from", "to"}
        assert set(reading["limits"]) == {"green", "red"}
        assert reading["level"] in {"red", "turning", "amber", "green", "unknown"}
        assert reading["health"] in {"ok", "late", "dead", "low_sample", "no_data"}
        assert reading["trend"] in {"improving", "worsening", "steady"}


def test_it_is_strict_json_without_nan(document):
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_times_are_utc_with_a_z(document):
    assert document["as_of"] == "2026-06-30T12:00:00Z"
    for reading in document["readings"]:
        for text in (reading["window"]["from"], reading["window"]["to"], reading["since"]):
            assert text is None or (text.endswith("Z") and datetime.fromisoformat(text).tzinfo)
    ends = {r["window"]["to"] for r in document["readings"]}
    assert ends == {"2026-06-30T22:00:00Z"}  # midnight in Berlin


def test_counts_add_up(document):
    counts = document["counts"]
    assert counts["judged"] == len(document["readings"])
    assert counts["judged"] == sum(counts[level] for level in ("red", "turning", "amber", "green", "unknown"))
    assert counts["unknown"] == sum(counts["unknown_by"].values())
    for level in ("red", "amber", "green", "unknown"):
        assert counts[level] == sum(r["level"] == level for r in document["readings"])


def test_without_greens_the_counts_stay(network, document):
    hidden = as_json(network.board(), greens=False)
    assert hidden["counts"] == document["counts"]
    assert hidden["readings"] == [r for r in document["readings"] if r["level"] != "green"]


def test_worst_come_first(document):
    order = {"red": 0, "turning": 1, "amber": 2, "unknown": 3, "green": 4}
    keys = [(order[r["level"]], -r["pain"]) for r in document["readings"]]
    assert keys == sorted(keys)


def test_slices_are_texts_and_come_once(document):
    seen = [(r["kpi"], json.dumps(r["slice"], sort_keys=True)) for r in document["readings"]]
    assert len(seen) == len(set(seen))
    assert all(isinstance(value, str) and value for r in document["readings"] for value in r["slice"].values())
    assert {r["kpi"] for r in document["readings"] if r["slice"] == {}} == {
        "late_repairs",
        "slowest",
        "open_orders",
        "cost",
    }


def test_shares_are_fractions_of_their_parts(document):
    for r in document["readings"]:
        if r["kpi"] == "late_repairs" and r["value"] is not None:
            assert r["value"] == r["numerator"] / r["denominator"]
            assert r["n"] == r["denominator"]
        elif r["kpi"] in ("slowest", "cost", "open_orders"):
            assert r["numerator"] is r["denominator"] is None
        if r["kpi"] == "open_orders":
            assert r["value"] == r["n"]


def test_levels_follow_from_what_the_reading_says(document):
    """A reading carries all that its level needs, so that anybody can check it."""
    for r in document["readings"]:
        green, red = (x if isinstance(x, list) else [-math.inf, x] for x in (r["limits"]["green"], r["limits"]["red"]))
        if r["health"] != "ok":
            assert r["level"] == "unknown" or r["stale"]
        elif not red[0] <= r["value"] <= red[1]:
            peers, false = (1.0 if r["among_peers"] is None else r["among_peers"]), r["false_discovery"] or 0.0
            assert r["level"] == ("red" if min(r["evidence"], peers) >= 0.8 and false <= 0.1 else "amber")
        else:
            assert r["level"] == ("green" if green[0] <= r["value"] <= green[1] else "amber")
        assert (r["pain"] > 0) <= (r["level"] in ("red", "amber"))


def test_a_limit_of_a_slice_applies_to_finer_slices_too(document):
    for r in document["readings"]:
        if r["kpi"] == "late_repairs":
            assert r["limits"]["red"] == (0.30 if r["slice"].get("partner") == "P1" else 0.10)


def test_small_slices_share_a_pool(document):
    pools = [r for r in document["readings"] if "(small)" in r["slice"].values()]
    assert [r["slice"] for r in pools if r["kpi"] == "late_repairs"] == [{"partner": "(small)", "product": "(small)"}]
    (pool,) = (r for r in pools if r["kpi"] == "late_repairs")
    small = [
        r
        for r in document["readings"]
        if r["kpi"] == "late_repairs" and len(r["slice"]) == 2 and r["health"] == "low_sample" and r is not pool
    ]
    assert pool["n"] == sum(r["n"] for r in small)
    assert pool["numerator"] == sum(r["numerator"] for r in small)


def test_histories_end_in_the_figure(document):
    drawn = [r for r in document["readings"] if r["level"] in ("red", "amber") and r["kpi"] != "open_orders"]
    assert len(drawn) > 3
    for r in drawn:
        if "(small)" not in r["slice"].values():
            assert [day for day, _ in r["history"]] == [f"2026-06-{day}" for day in range(17, 31)]
        assert r["history"][-1] == ["2026-06-30", pytest.approx(r["value"])]


def test_histories_are_what_was_judged_then(network, document):
    """Orders, once closed, do not change in this network, so a point is the figure of that day's own judgement."""
    day = network.document("2026-06-25T21:59:59+00:00", "late_repairs")
    then = {json.dumps(r["slice"]): r["value"] for r in day["readings"]}
    compared = 0
    for r in document["readings"]:
        if r["kpi"] == "late_repairs" and r["history"] and "(small)" not in r["slice"].values():
            value = dict(map(tuple, r["history"]))["2026-06-25"]
            assert value == pytest.approx(then[json.dumps(r["slice"])])
            compared += 1
    assert compared


def test_since_is_the_start_of_the_run_of_days(document):
    for r in document["readings"]:
        if r["level"] == "red" and r["since"] is not None:
            since = datetime.fromisoformat(r["since"])
            assert since.astimezone(UTC).hour == 22  # a midnight in Berlin
            assert since <= NOW


def test_the_next_board_continues_since(network):
    first = network.board()
    before = past(as_json(first))
    with network.warehouse.reader(network.names, network.now) as view:
        second = network.judge().board(view, network.now + timedelta(minutes=5), 2, before)
    for one, two in zip(first.readings, second.readings, strict=True):
        assert (one.kpi, one.slice, one.level, one.since) == (two.kpi, two.slice, two.level, two.since)


def test_the_same_moment_gives_the_same_board(network):
    assert as_json(network.board()) == as_json(network.board())


def test_one_kpi_alone_has_the_same_readings(network, document):
    alone = network.document(None, "slowest")
    assert alone["readings"] == [r for r in document["readings"] if r["kpi"] == "slowest"]


# --- made by hand ---------------------------------------------------------------------------------------------------


def reading(level, pain=0.0, kpi="k", slice_=(), health=Health.OK):
    return Reading(
        kpi,
        "K",
        "speed",
        slice_,
        0.5,
        1.0,
        2.0,
        2.0,
        "%",
        (None, NOW),
        Limits((0.1, 0.2), (0.0, 0.3)),
        level,
        health,
        False,
        "r",
        0.9,
        None,
        pain,
    )


def test_ranking():
    made = [
        reading(Level.GREEN),
        reading(Level.AMBER, 99),
        reading(Level.UNKNOWN),
        reading(Level.RED, 1, "b"),
        reading(Level.RED, 1, "a", (("partner", "y"),)),
        reading(Level.RED, 1, "a", (("partner", "x"),)),
        reading(Level.TURNING, 0),
        reading(Level.RED, 7),
    ]
    for seed in range(5):
        random.Random(seed).shuffle(made)
        ranked = [(r.level.value, r.pain, r.kpi, dict(r.slice).get("partner")) for r in rank(made)]
        assert ranked == [
            ("red", 7, "k", None),
            ("red", 1, "a", "x"),
            ("red", 1, "a", "y"),
            ("red", 1, "b", None),
            ("turning", 0, "k", None),
            ("amber", 99, "k", None),
            ("unknown", 0.0, "k", None),
            ("green", 0.0, "k", None),
        ]


def test_counts_say_why_things_are_unknown():
    levels = [
        reading(Level.UNKNOWN, health=h) for h in (Health.DEAD, Health.LOW_SAMPLE, Health.LOW_SAMPLE, Health.NO_DATA)
    ]
    board = Board(NOW, 3, 7, "N", "UTC", (), (*levels, reading(Level.RED, health=Health.DEAD)))
    counts = board.counts()
    assert counts["unknown_by"] == {"dead": 1, "low_sample": 2, "no_data": 1}
    assert (counts["judged"], counts["unknown"], counts["red"], counts["green"]) == (5, 4, 1, 0)


def test_bands_and_open_windows_as_json():
    board = Board(NOW, 3, 7, "N", "UTC", (Feed("f", "repair_orders", "unjudged", None),), (reading(Level.AMBER),))
    made = as_json(board)
    assert made["readings"][0]["limits"] == {"green": [0.1, 0.2], "red": [0.0, 0.3]}
    assert made["readings"][0]["window"] == {"from": None, "to": "2026-06-30T12:00:00Z"}
    assert made["sources"][0]["watermark"] is None
    assert made["version"] == 3
    assert made["definitions"] == {}


def test_definitions_stand_beside_the_readings_and_not_in_them():
    made = as_json(Board(NOW, 3, 7, "N", "UTC", (), (reading(Level.RED),), definitions={"k": "d1"}))
    assert made["definitions"] == {"k": "d1"}
    assert "d1" not in str(made["readings"])
    assert past(made) == past({name: value for name, value in made.items() if name != "definitions"})
