"""Judged as of a moment, everything later does not exist: as if the log had been cut off there."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from small_network import Network, cases, happenings, known, snapshots, write_csv

from analytics.board import as_json

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
REPAIRS = """
[kpi.bounces]
title = "Bounces"
family = "quality"
fact = "repair_orders"
measure = { share = "bounced_7d" }
day = "hand_back_at"
window = "28 d"
matures_after = "7 d"
by = [["partner"], ["partner", "product"]]
better = "lower"
green = 0.03
red = 0.05
min_n = 5
unit = "%"

[kpi.unsuccessful]
title = "Unsuccessful"
family = "quality"
fact = "repair_orders"
measure = { share = "unsuccessful" }
day = "closed_at"
window = "14 d"
by = [["partner"], ["country"]]
better = "lower"
green = 0.05
red = 0.10
min_n = 3
unit = "%"

[kpi.open_old]
title = "Open for long"
family = "workload"
fact = "repair_orders"
measure = { share = { column = "age_hours", above = 72 } }
where = [{ column = "open", is = true }]
day = "snapshot"
window = "all"
by = [["partner"]]
better = "lower"
green = 0.1
red = 0.2
min_n = 2
unit = "%"
"""
OTHERS = """
[kpi.late_shipments]
title = "Late shipments"
family = "logistics"
fact = "shipments"
measure = { share = "late" }
day = "promised_at"
window = "14 d"
by = [["carrier"]]
better = "lower"
green = 0.1
red = 0.2
min_n = 3
unit = "%"

[kpi.lead]
title = "Lead time"
family = "parts"
fact = "part_orders"
measure = { quantile = "lead_hours", q = 0.9 }
day = "received_at"
window = "28 d"
by = [["part"]]
better = "lower"
green = 48
red = 72
min_n = 3
unit = "h"

[kpi.graded]
title = "Graded"
family = "parts"
fact = "part_orders"
measure = { count = { column = "grade", is = "A" } }
day = "requested_at"
window = "28 d"
better = "lower"
green = 5
red = 10
min_n = 0
unit = "lines"

[kpi.stock]
title = "Stock"
family = "parts"
fact = "stock_levels"
measure = { sum = "on_hand" }
day = "snapshot"
window = "all"
by = [["part"]]
better = "higher"
green = 10
red = 5
min_n = 1
unit = "pieces"
"""
KINDS = [
    "created",
    "received",
    "diagnosed",
    "qc_failed",
    "qc_passed",
    "completed",
    "delivered",
    "closed",
    "reopened",
    "assigned",
    "cancelled",
]
GRADE = '[source.extra]\ngrade = { column = "grade", known_at = "confirmed" }'
SOURCES = {
    "repairs": happenings(
        "repair_orders",
        ["order_id", "partner", "product", "country", "device_id", "outcome", "cost", "promised_at", "recorded_at"],
        KINDS,
        head='fresh_within = "8 h"',
    ),
    "parcels": cases(
        "shipments",
        ["shipment_id", "carrier", "partner", "promised_at", "recorded_at"],
        ["picked_up", "delivered", "lost"],
    ),
    "lines": cases(
        "part_orders", ["line_id", "part", "partner", "quantity"], ["requested", "confirmed", "received"], extra=GRADE
    ),
    "shelves": snapshots("stock_levels", ["site", "part", "on_hand"]),
}


class Log:
    """Rows with real times; `until` cuts them off at a moment as a partner's own system would have shown them then."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.repairs = [row for number in range(220) for row in self.order(number)]
        self.parcels = [row for number in range(90) for row in self.parcel(number)]
        self.lines = [self.line(number) for number in range(90)]
        drawn = {(r["site"], r["part"], r["at"]): r for r in (self.shelf() for _ in range(80))}
        self.shelves = list(drawn.values())

    def moment(self, days=35):
        return NOW - timedelta(minutes=self.rng.randrange(days * 1440))

    def order(self, number):
        rng = self.rng
        at = self.moment()
        partner = rng.choice(["A", "B", 'C, "c"'])
        for kind in ["received", *rng.sample(KINDS, rng.randint(1, 6))]:
            attributes = {
                "partner": rng.choice([partner, None]),
                "product": rng.choice(["phone", "tv", None]),
                "country": rng.choice([None, "DE", "FR"]),
                "device_id": f"d{number // 3}",
                "outcome": rng.choice([None, "repaired", "not_repaired"]) if kind in ("completed", "closed") else None,
                "cost": rng.choice([None, 10.5]),
                "promised_at": rng.choice([None, at + timedelta(days=2)]),
                "recorded_at": rng.choice([None, at, at + timedelta(minutes=rng.randrange(4000))]),
            }
            row = {"order_id": str(number), "kind": kind, "at": at} | attributes
            if at <= NOW and (row["recorded_at"] or at) <= NOW:
                yield row
            at += timedelta(minutes=rng.choice([0, 1, rng.randrange(6000)]))

    def parcel(self, number):
        """Give some versions of a parcel, each recorded after what it tells."""
        rng = self.rng
        times = {"picked_up": self.moment(), "delivered": None, "lost": None}
        for version in range(rng.randint(1, 3)):
            if version:
                times = times | {
                    rng.choice(["delivered", "lost"]): times["picked_up"] + timedelta(hours=rng.randrange(1, 90))
                }
            if rng.random() < 0.1:
                times = times | {"delivered": None}
            told = max(at for at in times.values() if at) + timedelta(hours=rng.randrange(30))
            row = {
                "shipment_id": str(number),
                "carrier": rng.choice(["X", "Y's"]),
                "partner": "P",
                "promised_at": times["picked_up"] + timedelta(days=1),
            }
            if told <= NOW:
                yield row | times | {"recorded_at": told}

    def line(self, number):
        rng = self.rng
        at = self.moment()
        row = {
            "line_id": str(number),
            "part": rng.choice(["p", "q"]),
            "partner": "S",
            "quantity": rng.choice([None, 1]),
            "grade": rng.choice([None, "A", "B"]),
        }
        for kind in ("requested", "confirmed", "received"):
            row[kind] = at if at <= NOW and rng.random() < 0.9 else None
            at += timedelta(hours=rng.randrange(1, 100))
        row["requested"] = row["requested"] or self.moment()
        return row

    def shelf(self):
        rng = self.rng
        return {
            "site": rng.choice("ST"),
            "part": rng.choice("pq"),
            "at": self.moment().replace(minute=0),
            "on_hand": rng.choice([None, 0, 4, 9]),
        }

    def until(self, moment):
        lines = []
        for row in self.lines:
            cut = row | {
                kind: at if (at := row[kind]) and at <= moment else None
                for kind in ("requested", "confirmed", "received")
            }
            if cut["confirmed"] is None:
                cut["grade"] = None  # known_at = "confirmed"
            if cut["requested"] or cut["confirmed"] or cut["received"]:
                lines.append(cut)
        return {
            "repairs": [r for r in self.repairs if r["at"] <= moment and (r["recorded_at"] or r["at"]) <= moment],
            "parcels": [r for r in self.parcels if r["recorded_at"] <= moment],
            "lines": lines,
            "shelves": [r for r in self.shelves if r["at"] <= moment],
        }

    def network(self, folder, moment):
        rows = {
            name: [{c: _text(v) for c, v in row.items()} for row in rows] for name, rows in self.until(moment).items()
        }
        return Network(
            folder,
            {name: (body, rows[name]) for name, body in SOURCES.items()},
            REPAIRS + OTHERS,
            "Europe/Berlin",
            moment.isoformat(),
        )


def _text(value):
    return value.isoformat() if isinstance(value, datetime) else value


def picture(network, moment):
    document = network.document(moment)
    del document["batch"]
    return document


def table(network, fact, moment):
    frame = network.fact(fact, moment, columns=("bounced_7d",) if fact == "repair_orders" else ())
    return frame.astype("object").where(frame.notna(), None)


@pytest.fixture(scope="module", params=[1])
def log(request, tmp_path_factory):
    made = Log(request.param)
    full = made.network(tmp_path_factory.mktemp("full"), NOW)
    yield made, full
    full.close()


@pytest.mark.parametrize(
    "cut", [timedelta(hours=5), timedelta(days=6, hours=1), timedelta(days=17, minutes=13)], ids=str
)
def test_later_events_do_not_exist(log, tmp_path, cut):
    made, full = log
    moment = NOW - cut
    then = made.network(tmp_path, moment)
    try:
        for fact in ("repair_orders", "shipments", "part_orders", "stock_levels"):
            pd.testing.assert_frame_equal(table(full, fact, moment), table(then, fact, moment), check_dtype=False)
        assert picture(full, moment) == picture(then, moment)
    finally:
        then.close()


def test_the_present_is_a_moment_like_any_other(log):
    """What was loaded is folded as it comes; a second after the last event a fold of the past gives the same."""
    _, full = log
    for fact in ("repair_orders", "shipments", "part_orders", "stock_levels"):
        with full.warehouse.reader(full.names, NOW) as view:
            assert view.as_loaded
            view.as_loaded = False
            folded = view.fact(fact)
            slow = (
                view.ask(("past", fact), lambda _, t=folded: t, {"now": NOW.replace(tzinfo=None)})
                .set_index("key")
                .sort_index()
            )
        fast = full.fact(fact)
        slow, fast = (f.astype("object").where(f.notna(), None) for f in (slow, fast))
        pd.testing.assert_frame_equal(slow, fast[list(slow.columns)], check_dtype=False)


# --- what was known when, by hand ---------------------------------------------------------------------------------------


def day(number):
    return f"2026-06-{number:02d}T00:00:00+00:00"


def seen(network, fact, key, columns, at):
    frame = network.fact(fact, at)
    if key not in frame.index:
        return None
    row = {name: known(frame.loc[key, name]) for name in columns}
    return {name: f"{value:%Y-%m-%d}" if hasattr(value, "strftime") else value for name, value in row.items()}


def test_in_a_row_per_case_results_wait_for_the_last_event(tmp_path):
    rows = [
        {
            "order_id": "1",
            "partner": "P",
            "outcome": "repaired",
            "cost": 5,
            "made_sla": "true",
            "note": "n",
            "received": "2026-06-01",
            "repaired": "2026-06-05",
            "closed": "2026-06-09",
        }
    ]
    extra = '[source.extra]\nmade_sla = { column = "made_sla", type = "bool", known_at = "repaired" }\nnote = { column = "note" }'
    body = cases(
        "repair_orders", ["order_id", "partner", "outcome", "cost"], ["received", "repaired", "closed"], extra=extra
    )
    network = Network(tmp_path, {"orders": (body, rows)}, now=day(20))
    columns = ["partner", "note", "made_sla", "outcome", "cost", "closed_at"]
    assert seen(network, "repair_orders", "1", columns, "2026-05-31T23:59:59+00:00") is None
    first = {"partner": "P", "note": "n", "made_sla": None, "outcome": None, "cost": None, "closed_at": None}
    assert seen(network, "repair_orders", "1", columns, day(1)) == first
    assert seen(network, "repair_orders", "1", columns, day(5)) == first | {"made_sla": True}
    assert seen(network, "repair_orders", "1", columns, "2026-06-08T23:59:59+00:00") == first | {"made_sla": True}
    last = first | {"made_sla": True, "outcome": "repaired", "cost": 5.0, "closed_at": "2026-06-09"}
    assert seen(network, "repair_orders", "1", columns, day(9)) == last
    assert seen(network, "repair_orders", "1", columns, day(20)) == last
    network.close()


def test_an_extra_whose_event_never_came_stays_unknown(tmp_path):
    rows = [{"order_id": "1", "made_sla": "true", "received": "2026-06-01", "repaired": None}]
    extra = '[source.extra]\nmade_sla = { column = "made_sla", type = "bool", known_at = "repaired" }'
    network = Network(
        tmp_path,
        {"orders": (cases("repair_orders", ["order_id"], ["received", "repaired"], extra=extra), rows)},
        now=day(20),
    )
    assert seen(network, "repair_orders", "1", ["made_sla"], day(20)) == {"made_sla": None}
    network.close()


def test_a_recorded_version_is_known_from_its_record(tmp_path):
    """A corrected row tells all it tells from the moment of its record, and withdraws what it leaves out."""
    version = {"order_id": "1", "outcome": None, "received": "2026-06-01", "closed": None}
    rows = [
        version | {"recorded_at": "2026-06-02"},
        version | {"closed": "2026-06-04", "outcome": "repaired", "recorded_at": "2026-06-06"},
        version | {"received": "2026-06-03", "recorded_at": "2026-06-10"},
    ]
    body = cases("repair_orders", ["order_id", "outcome", "recorded_at"], ["received", "closed"])
    network = Network(tmp_path, {"orders": (body, rows)}, now=day(20))
    columns = ["received_at", "closed_at", "outcome"]
    told = {at: seen(network, "repair_orders", "1", columns, day(at)) for at in (1, 2, 5, 6, 9, 10, 20)}
    opened = {"received_at": "2026-06-01", "closed_at": None, "outcome": None}
    closed = {"received_at": "2026-06-01", "closed_at": "2026-06-04", "outcome": "repaired"}
    mended = {"received_at": "2026-06-03", "closed_at": None, "outcome": None}
    assert told == {1: None, 2: opened, 5: opened, 6: closed, 9: closed, 10: mended, 20: mended}
    network.close()


def test_an_event_is_known_from_its_record(tmp_path):
    rows = [
        {"order_id": "1", "kind": "received", "at": "2026-06-01", "recorded_at": None},
        {"order_id": "1", "kind": "closed", "at": "2026-06-03", "recorded_at": "2026-06-07"},
    ]
    network = Network(
        tmp_path,
        {"log": (happenings("repair_orders", ["order_id", "recorded_at"], ["received", "closed"]), rows)},
        now=day(20),
    )
    told = {at: seen(network, "repair_orders", "1", ["closed_at", "open"], day(at)) for at in (3, 6, 7)}
    assert told == {
        3: {"closed_at": None, "open": True},
        6: {"closed_at": None, "open": True},
        7: {"closed_at": "2026-06-03", "open": False},
    }
    network.close()


def test_late_within_the_open_order_depends_on_the_moment(tmp_path):
    rows = [{"order_id": "1", "promised_at": "2026-06-05", "received": "2026-06-01", "closed": "2026-06-09"}]
    network = Network(
        tmp_path,
        {"orders": (cases("repair_orders", ["order_id", "promised_at"], ["received", "closed"]), rows)},
        now=day(20),
    )
    told = {at: seen(network, "repair_orders", "1", ["late"], day(at))["late"] for at in (1, 5, 6, 9)}
    assert told == {1: None, 5: None, 6: True, 9: True}
    network.close()


@pytest.mark.parametrize("shape", ["cases", "events"])
def test_up_to_a_batch(tmp_path, shape):
    """A Board is read again from the batches it saw, whatever was loaded since, at the very same moment."""
    kinds = ["received", "closed"]
    first = [
        {
            "order_id": str(n),
            "partner": "P",
            "received": "2026-06-20",
            "closed": None if n < 30 else "2026-06-21",
            "outcome": "not_repaired",
        }
        for n in range(60)
    ]
    second = [row | {"closed": "2026-06-22", "outcome": "repaired"} for row in first[:40]]
    write = {"cases": cases, "events": happenings}[shape]
    spell = (lambda rows: rows) if shape == "cases" else _spelled
    network = Network(
        tmp_path,
        {"orders": (write("repair_orders", ["order_id", "partner", "outcome"], kinds), spell(first))},
        REPAIRS,
        now=NOW.isoformat(),
    )
    before, fact = (
        network.board(None, "unsuccessful", "open_old"),
        network.fact("repair_orders", columns=("bounced_7d",)),
    )
    write_csv(tmp_path / "orders.csv", spell(first) + spell(second))
    network.load()
    after = network.board(None, "unsuccessful", "open_old")
    assert (before.batch, after.batch) == (1, 2)
    assert as_json(before)["readings"] != as_json(after)["readings"]
    with network.warehouse.reader(network.names, NOW, 1) as view:
        again = network.judge("unsuccessful", "open_old").board(view, NOW, 1)
        assert as_json(again) == as_json(before)
        seen_then = view.fact("repair_orders", frozenset({"bounced_7d"}))
        rows = view.ask(("then",), lambda _: seen_then, {}).set_index("key").sort_index()
    pd.testing.assert_frame_equal(rows, fact, check_dtype=False)
    network.close()


def _spelled(rows):
    return [
        {
            "order_id": row["order_id"],
            "partner": row["partner"],
            "outcome": row["outcome"],
            "kind": kind,
            "at": row[kind],
        }
        for row in rows
        for kind in ("received", "closed")
        if row[kind]
    ]
