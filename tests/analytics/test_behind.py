"""The rows behind readings, their drivers, and customers counted once: small networks, answers worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from small_network import Network, cases, known

from analytics.behind import behind, pooled
from analytics.customers import counted, hurt
from analytics.driven import Behind, attach, drivers, mix_rate, told
from analytics.drivers import Column
from analytics.kpi import Kpi, Measure
from analytics.rota import Rota

NOW = "2026-06-30T12:00:00+00:00"
FIELDS = ["order_id", "partner", "country", "product", "channel", "cost", "outcome", "site", "promised_at"]
KINDS = ["received", "closed"]
HEAD = 'family = "speed"\nfact = "repair_orders"\nday = "closed_at"\nmin_n = 1\nby = [["partner"], ["country"]]\n'
KPIS = {
    "share": 'measure = { share = "unsuccessful" }\nbetter = "lower"\ngreen = 0.1\nred = 0.2\nwindow = "28 d"',
    "kept": 'measure = { share = { column = "outcome", is = "repaired" } }\nbetter = "higher"\ngreen = 0.9\nred = 0.8\nwindow = "28 d"',
    "slow": 'measure = { quantile = "tat_hours", q = 0.9 }\nbetter = "lower"\ngreen = 48\nred = 60\nwindow = "28 d"',
    "cost": 'measure = { mean = "cost" }\nbetter = "lower"\ngreen = 50\nred = 60\nwindow = "28 d"',
    "worth": 'measure = { mean = "cost" }\nbetter = "higher"\ngreen = 90\nred = 80\nwindow = "28 d"',
    "failed": 'measure = { count = "unsuccessful" }\nbetter = "lower"\ngreen = 2\nred = 3\nwindow = "28 d"',
    "cohort": 'measure = { named = "tat_cohort_p90" }\nbetter = "lower"\ngreen = 48\nred = 60\nwindow = "28 d"',
}
CATALOGUE = "".join(f'[kpi.{key}]\ntitle = "{key}"\n{HEAD}{body}\n' for key, body in KPIS.items())
CATALOGUE += """[kpi.waiting]
title = "waiting"
family = "speed"
fact = "repair_orders"
measure = { share = { column = "age_hours", above = 168 } }
where = [{ column = "open", is = true }]
day = "snapshot"
window = "all"
min_n = 1
by = [["partner"]]
better = "lower"
green = 0.1
red = 0.2
"""


def order(
    number, *, day=-3, partner="A", product="X", hours=24, outcome="repaired", cost=40, country="DE", closed=True
):
    end = datetime.fromisoformat(NOW) + timedelta(days=day)
    return {
        "order_id": f"R{number:04d}",
        "partner": partner,
        "country": country,
        "product": product,
        "channel": "walk_in",
        "cost": cost,
        "outcome": outcome if closed else None,
        "site": f"{partner}-1",
        "promised_at": None,
        "received": (end - timedelta(hours=hours)).isoformat(),
        "closed": end.isoformat() if closed else None,
    }


def spread(bad, *, n=240, **changes):
    """Give orders of two partners, three products and four days; `bad(i)` tells which of them differ by `changes`."""
    rows = []
    for i in range(n):
        usual = {"partner": "AB"[i % 2], "product": "XYZ"[i // 2 % 3], "day": -2 - i // 6 % 4}
        rows.append(order(i, **usual | (changes if bad(i) else {})))
    return rows


def network(folder, rows, *, zone="UTC", **more):
    return Network(
        folder, {"orders": (cases("repair_orders", FIELDS, KINDS), rows), **more}, CATALOGUE, zone=zone, now=NOW
    )


def looked(net, key, slice_=(), *, before=False):
    """Give a reading and the rows behind it."""
    judge = net.judge()
    with net.warehouse.reader(net.names, net.now, timezone=net.settings.timezone) as view:
        readings = judge.board(view, net.now, 1).readings
        (reading,) = [r for r in readings if (r.kpi, r.slice) == (key, slice_)]
        pools = pooled(readings, readings)
        found = behind(view, judge.kpis, judge.feeds, [reading], net.now, judge.zone, pools=pools, before=before)
        return reading, found.get((key, slice_))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Of 240 orders the 40 of partner A's product Y failed, were slow and dear; 7 of partner B failed too."""
    rows = spread(lambda i: i % 6 == 2, outcome="not_repaired", hours=72, cost=120)
    for i in (1, 31, 61, 91, 121, 151, 181):
        rows[i] |= {"outcome": "not_repaired"}
    rows.append(order(900, outcome=None, cost=None))  # nobody knows how it ended
    rows.append(order(901, day=-40, outcome="not_repaired"))  # before the window
    rows[0]["partner"] = None
    made = network(tmp_path_factory.mktemp("mixed"), rows)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("key", "n", "observed", "expected", "beyond"),
    [
        ("share", 240, 47, 0.1, 47),
        ("kept", 240, 47, 0.1, 47),
        ("slow", 241, 40, 0.1, 40),
        ("cost", 240, 200 * 40 + 40 * 120, 50, 40),
        ("worth", 240, -(200 * 40 + 40 * 120), -90, 200),
        ("failed", 240, 47, 2 / 240, 47),
        ("cohort", 241, 40, 0.1, 40),
    ],
)
def test_what_is_bad_about_rows_by_hand(mixed, key, n, observed, expected, beyond):
    _, rows = looked(mixed, key)
    assert (len(rows.observed), rows.observed.sum()) == (n, pytest.approx(observed))
    assert np.mean(rows.expected) == pytest.approx(expected)
    assert rows.hurt.sum() == beyond
    assert rows.sign == (-1 if key in ("kept", "worth") else 1)


def test_rows_are_those_of_the_reading(mixed):
    for key in ("share", "kept", "slow", "cost"):
        for slice_ in ((), (("partner", "B"),), (("country", "DE"),)):
            reading, rows = looked(mixed, key, slice_)
            assert len(rows.keys) == reading.n
            if key == "share":
                assert rows.observed.mean() == pytest.approx(reading.value)
            if key == "kept":
                assert 1 - rows.observed.mean() == pytest.approx(reading.value)


def test_orders_and_dimensions(mixed):
    _, rows = looked(mixed, "share", (("partner", "B"),))
    assert set(rows.orders) == set(rows.keys)
    names = [column.name for column in rows.columns]
    assert "partner" not in names, "the slice says it already"
    assert {"product", "country", "channel", "site", "weekday", "part"} <= set(names)
    assert not {"order_id", "device_id", "outcome", "currency"} & set(names)
    _, whole = looked(mixed, "share")
    partner = next(column for column in whole.columns if column.name == "partner")
    assert (partner.values, (partner.codes == -1).sum()) == (("A", "B"), 1)


@pytest.mark.parametrize("key", ["share", "kept", "slow", "cost", "cohort", "failed"])
def test_the_driver_is_named(mixed, key):
    _, rows = looked(mixed, key)
    first = drivers(rows)[0]
    assert first.where == (("partner", "A"), ("product", "Y"))
    json.dumps(told(rows))


def test_a_smaller_figure_that_is_worse_keeps_its_sign(tmp_path):
    rows = spread(lambda i: i % 6 == 2, cost=-20)
    for i, row in enumerate(rows):
        row["cost"] = 20 + i % 3 if i // 2 % 3 == 1 else 95 + i % 5
    net = network(tmp_path, rows)
    _, found = looked(net, "worth")
    net.close()
    (first,) = told(found)
    assert first["where"] == {"product": "Y"}
    assert (first["rate"], first["expected"]) == (pytest.approx(21), 90)


def test_weekdays_are_the_sites_own(tmp_path):
    """Closed at 22:30 UTC on a Sunday: Sunday in Lisbon, Monday in Berlin and by the network's clock."""
    rows = [order(i, partner=p, day=0) for i, p in enumerate("ABC")]
    for row in rows:
        row["closed"], row["received"] = "2026-06-28T22:30:00+00:00", "2026-06-27T10:00:00+00:00"
    partners = [{"partner": "A", "timezone": "Europe/Lisbon"}, {"partner": "B", "timezone": "Europe/Berlin"}]
    body = 'fact = "partners"\n[source.fields]\npartner = "partner"\ntimezone = "timezone"\n'
    net = network(tmp_path, rows, zone="Europe/Paris", partners=(body, partners))
    _, found = looked(net, "cost")
    net.close()
    days = {c.name: c for c in found.columns}
    names = {
        days["partner"].values[p]: days["weekday"].values[d]
        for p, d in zip(days["partner"].codes, days["weekday"].codes, strict=True)
    }
    assert names == {"A": "Sunday", "B": "Monday", "C": "Monday"}


def test_of_a_state_what_came_lately_is_held_against_it(tmp_path):
    """12 orders wait for too long, all of product Y; 4 wait for a day; 60 came and went, 20 of each product."""
    rows = [order(i, product="XYZ"[i % 3], day=-5) for i in range(60)]
    rows += [order(100 + i, product="Y", day=0, hours=240, closed=False) for i in range(12)]
    rows += [order(200 + i, product="XZ"[i % 2], day=0, hours=24, closed=False) for i in range(4)]
    rows += [order(300, product="X", day=-60)]  # not lately
    net = network(tmp_path, rows)
    reading, found = looked(net, "waiting")
    net.close()
    assert (reading.n, reading.value) == (16, 0.75)
    assert (len(found.observed), found.observed.sum(), found.hurt.sum()) == (76, 12, 12)
    assert found.expected == pytest.approx(0.1 * 16 / 76)
    assert drivers(found)[-1].where == (("product", "Y"),)


def test_who_has_nearly_all_rows_is_named_first():
    bad = np.arange(200) < 60
    columns = (
        Column("partner", np.where(np.arange(200) < 195, 0, 1), ("A", "B")),
        Column("site", np.where(np.arange(200) < 195, 0, 1), ("A-1", "B-1")),
        Column("product", (np.arange(200) >= 80).astype(int), ("X", "Y")),
    )
    found = drivers(rows_like(bad, columns))
    assert [each.where for each in found] == [(("partner", "A"),), (("product", "X"),)]


def rows_like(bad, columns=(), n=None):
    count = len(bad)
    keys = np.array([f"R{i}" for i in range(count)], dtype=object)
    return Behind(keys, keys, bad.astype(float), 0.05, np.ones(count), bad, columns, amounts=False, sign=1)


KPI = Kpi("k", "K", "speed", "repair_orders", Measure("share", "late"), "closed_at", 28, "lower", 0.05, 0.1, unit="%")


def stones(counts):
    """Give rows of (size, hits, n): Charig et al. (1986), kidney stones."""
    codes = np.concatenate([np.full(n, code) for code, _, n in counts])
    bad = np.concatenate([np.arange(n) < hits for _, hits, n in counts])
    return rows_like(bad, (Column("size", codes, ("small", "large")),))


def test_a_paradox_is_told():
    """Ten times the stones: puncture fails less, 17 % against 22 %, and more often at either size."""
    before = stones([(0, 60, 870), (1, 710, 2630)])
    after = stones([(0, 360, 2700), (1, 250, 800)])
    split = mix_rate(KPI, after, before)
    assert split["change"] == pytest.approx(610 / 3500 - 770 / 3500)
    assert split["change"] == pytest.approx(split["mix"] + split["rate"])
    assert (split["simpson"], split["dimension"]) == (True, "size")
    assert split["rate"] > 0 > split["change"]
    assert split["text"].startswith("Beware, Simpson's paradox")


def test_without_a_change_of_the_mix_the_rates_did_it():
    before, after = stones([(0, 20, 500), (1, 50, 500)]), stones([(0, 60, 500), (1, 150, 500)])
    split = mix_rate(KPI, after, before)
    assert (split["dimension"], split["simpson"], split["mix"]) == (None, False, 0)
    assert split["change"] == split["rate"] == pytest.approx(0.14)
    assert mix_rate(KPI, after, None) is None


def test_the_window_before_ends_where_the_reading_begins(tmp_path):
    """28 local days up to 30 June begin on 3 June; the 28 before on 6 May."""
    days = {"inside": "2026-06-03", "before": "2026-06-02", "first": "2026-05-06", "older": "2026-05-05"}
    rows = [
        order(i) | {"closed": f"{day}T12:00:00+00:00", "received": "2026-05-01"} for i, day in enumerate(days.values())
    ]
    net = network(tmp_path, rows, zone="Europe/Berlin")
    names = dict(zip([row["order_id"] for row in rows], days, strict=True))
    assert [names[key] for key in looked(net, "cost")[1].keys] == ["inside"]  # no dict
    earlier = looked(net, "cost", before=True)[1]
    assert sorted(names[key] for key in earlier.keys) == ["before", "first"]
    net.close()


def test_reds_get_drivers_and_a_batch_is_remembered(mixed):
    judge, kept = mixed.judge(), Rota(fresh_for=timedelta(minutes=1))
    with mixed.warehouse.reader(mixed.names, mixed.now, timezone="UTC") as view:
        readings = judge.board(view, mixed.now, 1).readings
        once, counted_ = attach(view, judge.kpis, judge.feeds, readings, mixed.now, judge.zone, kept)
        again, same = attach(view, judge.kpis, judge.feeds, readings, mixed.now, judge.zone, kept)
    assert (once, counted_) == (again, same)
    for before, after in zip(readings, once, strict=True):
        assert replace(after, drivers=before.drivers) == before
        assert not after.drivers or after.level == "red"
    named = {(r.kpi, r.slice): r.drivers for r in once if r.drivers}
    assert named["failed", (("partner", "A"),)][0]["where"] == {"product": "Y"}
    assert set(counted_.shared) == {(r.kpi, r.slice) for r in readings if r.level == "red"}


def pained(key, pain, slice_=()):
    reading = next(iter(REDS))
    return replace(reading, kpi=key, pain=pain, slice=slice_)


REDS = []


@pytest.fixture(autouse=True)
def _a_red(mixed):
    REDS[:] = [next(r for r in mixed.board().readings if r.kpi == "share")]


def test_customers_are_counted_once_by_hand():
    """Late 10 orders, slow 8 of which 6 are late, dear 5 of which 2 are slow and 1 is late; 2 callers without an order."""
    reds = [pained("dear", 1), pained("late", 9), pained("slow", 8), pained("calls", 2)]
    orders = {"late": range(10), "slow": [*range(6), 20, 21], "dear": [20, 21, 9, 30, 31], "calls": []}
    found = {(key, ()): frozenset(f"order {n}" for n in numbers) for key, numbers in orders.items()}
    found["calls", ()] |= {"contacts 1", "contacts 2"}
    result = counted(reds, found)
    assert result.shared["late", ()] is None
    assert result.shared["slow", ()] == {"kpi": "late", "slice": {}, "share": 6 / 8}
    assert result.shared["dear", ()] == {"kpi": "slow", "slice": {}, "share": 2 / 5}
    assert result.shared["calls", ()] is None
    assert result.customers == 10 + 2 + 2 + 2


def test_hurt_are_orders_else_the_rows_themselves():
    rows = rows_like(np.array([True, True, False]))
    rows = replace(
        rows, orders=np.array(["R7", "", "R8"], dtype=object), keys=np.array(["s1", "s2", "s3"], dtype=object)
    )
    assert hurt(rows, "shipments") == {"order R7", "shipments s2"}
    assert hurt(rows, "stock_levels") == frozenset()


def test_shipments_belong_to_orders_and_have_lanes(tmp_path):
    fields = ["shipment_id", "order_id", "partner", "origin", "destination", "promised_at"]
    rows = [
        {
            "shipment_id": f"S{i}",
            "order_id": f"R{i}" if i else None,
            "partner": "NordCargo",
            "origin": "PL",
            "destination": "DE",
            "promised_at": "2026-06-20",
            "picked_up": "2026-06-18",
            "delivered": "2026-06-21" if i % 2 else "2026-06-19",
        }
        for i in range(6)
    ]
    kpis = '[kpi.parcels]\ntitle = "p"\nfamily = "speed"\nfact = "shipments"\nmeasure = { share = "late" }\nday = "promised_at"\n'
    kpis += 'window = "28 d"\nmin_n = 1\nbetter = "lower"\ngreen = 0.1\nred = 0.2\n'
    net = Network(tmp_path, {"tms": (cases("shipments", fields, ["picked_up", "delivered"]), rows)}, kpis, now=NOW)
    reading, found = looked(net, "parcels")
    assert known(reading.value) == 0.5
    assert hurt(found, "shipments") == {"order R1", "order R3", "order R5"}
    assert sorted(found.orders) == ["", "R1", "R2", "R3", "R4", "R5"]
    lane = next(column for column in found.columns if column.name == "lane")
    assert lane.values == ("PL > DE",)
    net.close()
