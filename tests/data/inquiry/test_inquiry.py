"""What pages ask: search, orders, why, before, the books, the quarantine, and files that are what is on screen."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow.parquet as pq
import pytest

from analytics.charts import Charts
from analytics.facts import MASTER
from analytics.inquiring import AbsentError, Filter, Wanted
from analytics.kpi import SMALL, Condition
from data.exports.laid import lay
from data.inquiry import Inquiry
from data.inquiry.reading import reading_of
from data.inquiry.sources import COUNTS
from data.session import Session
from data.settings import load_settings
from tests.analytics.small_network import HEAD, cases, write_csv
from tests.data.inquiry.conftest import slice_of


@pytest.fixture(scope="module")
def newest(asked):
    return asked.boards[-1]


def taken(file):
    return b"".join(file.chunks)


def lines_of(file):
    return list(csv.reader(io.StringIO(taken(file).decode("utf-8-sig"))))


# --- search ---


def names(found):
    return [(each["kind"], each["name"]) for each in found]


def test_an_order_is_found_by_its_number_however_it_is_typed(asked, all_rows):
    order = all_rows(None, "late_repairs", ())[0]["key"][0]
    for typed in (order, order.lower(), f"  {order} "):
        first = asked.inquiry.search(typed)[0]
        assert (first["kind"], first["name"], first["order"]) == ("order", order, order)
    assert ("order", order) in names(asked.inquiry.search(order[1:], 100))
    begun = [name for kind, name in names(asked.inquiry.search(order[:-2], 100)) if kind == "order"]
    assert order in begun
    assert all(each.startswith(order[:-2]) for each in begun)


def test_exact_names_come_before_those_that_begin_so_and_those_that_hold_it(asked):
    found = asked.inquiry.search("late_repairs")
    assert names(found)[0] == ("kpi", "late_repairs")
    ranks = [
        "late" not in each["name"][:4] and not each["detail"].lower().startswith("late")
        for each in asked.inquiry.search("late")
    ]
    assert ranks == sorted(ranks)


def test_everything_that_has_a_name_is_found(asked):
    con = asked.session.warehouse.cursor()
    for kind, fact in (
        ("shipment", "shipments"),
        ("part_order", "part_orders"),
        ("contact", "contacts"),
        ("claim", "claims"),
    ):
        key, order = con.execute(
            f"SELECT key, order_id FROM {fact} WHERE order_id IS NOT NULL ORDER BY key LIMIT 1"
        ).fetchone()
        assert {"kind": kind, "name": key, "order": order}.items() <= asked.inquiry.search(key)[0].items()
    device, count = con.execute(
        "SELECT device_id, count(*) FROM repair_orders GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
    ).fetchone()
    last = con.execute(
        "SELECT max_by(key, first_event_at) FROM repair_orders WHERE device_id = ?", [device]
    ).fetchone()[0]
    con.close()
    (one,) = [each for each in asked.inquiry.search(device) if each["kind"] == "device"]
    assert (one["name"], one["order"]) == (device, last)
    assert count > 1
    partner = next(iter(asked.boards[0]["partners"]))
    assert names(asked.inquiry.search(partner.upper()))[0] == ("partner", partner)


@pytest.mark.parametrize(
    "words",
    ["", "   ", "%", "_", "'", '"', "';--", "\x00", "R\x00", "\ud800", "x" * 5_000, "\\", "R%", "R_0", "*", "$1", "?"],
)
def test_odd_words_find_nothing_and_break_nothing(asked, words):
    for each in asked.inquiry.search(words):
        assert words.strip().casefold() in f"{each['name']} {each['detail']}".casefold()


def test_a_large_network_is_searched_by_fewer_spellings(asked, all_rows, monkeypatch):
    order = all_rows(None, "late_repairs", ())[0]["key"][0]
    usual = {words: names(asked.inquiry.search(words)) for words in (order[:-2], order[1:])}
    monkeypatch.setattr("data.inquiry.search.KEPT", -1)
    for typed in (order, order.lower()):
        assert names(asked.inquiry.search(typed))[0] == ("order", order)
    assert {words: names(asked.inquiry.search(words)) for words in usual} == usual
    device = asked.inquiry.order(order, None)["device"]
    assert ("device", device) in names(asked.inquiry.search(device))


def test_answers_are_bounded(asked):
    assert len(asked.inquiry.search("R", 7)) == 7
    assert len(asked.inquiry.search("R", 10_000)) <= 100
    assert asked.inquiry.search("R", 0) == []


# --- orders ---


def test_an_order_with_its_steps_and_the_other_orders_of_its_device(asked, newest):
    con = asked.session.warehouse.cursor()
    sql = (
        "SELECT device_id, list(key ORDER BY key) FROM repair_orders GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
    )
    device, orders = con.execute(sql).fetchone()
    con.close()
    told = asked.inquiry.order(orders[0], newest["version"])
    json.dumps(told, allow_nan=False)
    assert (told["device"], told["version"], told["as_of"]) == (device, newest["version"], newest["as_of"])
    assert [each["order"] for each in told["others"]] and {each["order"] for each in told["others"]} <= set(orders[1:])
    assert [step["number"] for step in told["steps"]] == list(range(1, len(told["steps"]) + 1))
    assert {"at", "fact", "kind", "standing_says", "source", "batch", "row", "loaded_at"} <= told["steps"][0].keys()
    assert told["steps"][0]["at"].endswith("Z")
    assert all(step["batch"] <= newest["batch"] for step in told["steps"])


def test_an_order_that_nobody_told_of(asked, newest):
    with pytest.raises(AbsentError, match="No source tells of an order 'nobody knows'"):
        asked.inquiry.order("nobody knows", newest["version"])


# --- why, and before ---


def reading(board, kpi, **slice_):
    return next(r for r in board["readings"] if r["kpi"] == kpi and r["slice"] == slice_)


@pytest.mark.parametrize("kpi", ["late_repairs", "tat_p90", "wip", "complaints"])
def test_why_a_reading_has_its_level(asked, newest, kpi):
    stored = reading(newest, kpi)
    told = asked.inquiry.explained(newest["version"], kpi, ())
    json.dumps(told, allow_nan=False)
    assert {name: told[name] for name in ("value", "n", "level", "reason", "limits")} == {
        name: stored[name] for name in ("value", "n", "level", "reason", "limits")
    }
    assert told["rows_total"] == asked.inquiry.rows(newest["version"], kpi, (), Wanted(0, 1)).all
    facts = {kpi.key: kpi.fact for kpi in asked.session.settings.kpis}
    assert told["sources"] == [feed["name"] for feed in newest["sources"] if feed["fact"] == facts[kpi]]
    assert told["better"] in ("lower", "higher", "between")


def test_the_chart_ends_as_the_judgement_of_change_says(asked, newest):
    judged = 0
    by_key = {kpi.key: kpi for kpi in asked.session.settings.kpis}
    for key in (
        "late_repairs",
        "tat_p90",
        "unsuccessful_repairs",
        "cost_per_repair",
        "within_24h",
        "nps",
        "promise_kept",
        "csat",
    ):
        stored = next((r for r in newest["readings"] if r["kpi"] == key and not r["slice"]), None)
        if stored is None:
            continue
        told = asked.inquiry.explained(newest["version"], key, ())
        judge, moment = asked.session.judge(), datetime.fromisoformat(newest["as_of"])
        with asked.session.warehouse.reader(asked.session.names, moment, newest["batch"]) as view:
            one = Charts().charted(view, [by_key[key]], judge.feeds, [reading_of(stored)], moment, judge.zone)[key, ()]
        points = {point["day"]: point for point in told["chart"]["points"]}
        if one is None:
            assert all(point["signal"] is None or point["low"] is not None for point in points.values())
            continue
        judged += 1
        last = points[one["day"]]
        wanted = (one["value"], one["centre"], one["lower"], one["upper"])
        assert (last["value"], last["centre"], last["low"], last["high"]) == pytest.approx(wanted, nan_ok=True)
        assert last["signal"] == one["signals"]
        assert last["improving"] is {"common cause": None, "improving": True, "worsening": False}[one["variation"]]
        assert max(points) == one["day"] or points[max(points)]["value"] is None
    assert judged >= 3


def test_a_states_chart_is_unknown(asked, newest):
    assert asked.inquiry.explained(newest["version"], "wip", ())["chart"] is None


def test_the_window_before_is_what_twice_the_window_holds_beyond_it(asked, newest):
    session, stored = asked.session, reading(newest, "late_repairs")
    before = asked.inquiry.before(newest["version"], "late_repairs")
    assert before[()]["window"]["to"] == stored["window"]["from"]
    kpi = next(kpi for kpi in session.settings.kpis if kpi.key == "late_repairs")
    moment, frames = datetime.fromisoformat(newest["as_of"]), []
    with session.warehouse.reader(session.names, moment, newest["batch"], session.settings.timezone) as view:
        for days in (kpi.window_days, 2 * kpi.window_days):
            laid = lay(view, session.judge(), replace(kpi, window_days=days), (), [()], moment)
            names = [column.name for column in laid.columns]
            frames.append(pd.DataFrame([row for part in laid.parts(view.con) for row in part], columns=names))
    earlier = frames[1][~frames[1]["key"].isin(frames[0]["key"])]
    members = {slice_of(r) for r in newest["readings"] if r["kpi"] == "late_repairs"}
    checked = 0
    for slice_ in {s for s in members if not any(value == SMALL for _, value in s)}:
        mine = earlier[[all(row[name] == value for name, value in slice_) for row in earlier.to_dict("records")]]
        if len(mine) or slice_ in before:
            assert (before[slice_]["n"], before[slice_]["numerator"]) == (len(mine), mine["counts_as"].sum()), slice_
            checked += 1
    assert checked > 5


ANSWERS = (
    lambda inquiry, version, kpi: inquiry.explained(version, kpi, ()),
    lambda inquiry, version, kpi: inquiry.before(version, kpi),
    lambda inquiry, version, kpi: inquiry.rows(version, kpi, (), Wanted(0, 1)),
    lambda inquiry, version, kpi: taken(inquiry.export("rows", "csv", version=version, kpi=kpi, slice_=())),
)
"""What is worked out from the rows behind a stored figure."""


@contextmanager
def under(session, change):
    """Give an Inquiry into the same Boards whose catalogue or sources were changed since."""
    retiring = session.warehouse.retiring
    inquiry = Inquiry(session.under(change(session.settings)))
    try:
        yield inquiry
    finally:
        inquiry.close()
        session.warehouse.retiring = retiring


def changed(key, **told):
    return lambda settings: replace(
        settings, kpis=[replace(kpi, **told) if kpi.key == key else kpi for kpi in settings.kpis]
    )


@pytest.mark.parametrize(
    "change",
    [
        changed("late_repairs", window_days=3),
        changed("late_repairs", where=(Condition("warranty", "is", "in"),)),
        lambda settings: replace(settings, sources=[s for s in settings.sources if s.fact != "repair_orders"]),
    ],
    ids=["window", "where", "sources"],
)
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_figure_that_was_defined_otherwise_has_no_rows(asked, newest, change, answer):
    title = reading(newest, "late_repairs")["title"]
    with under(asked.session, change) as inquiry:
        assert inquiry.board(newest["version"]) == newest
        said = f"{title} is defined otherwise since board {newest['version']} was judged: its rows are not shown; "
        with pytest.raises(AbsentError, match=re.escape(said)):
            answer(inquiry, newest["version"], "late_repairs")


def test_limits_and_words_change_no_rows(asked, newest, all_rows):
    expected = asked.inquiry.rows(newest["version"], "late_repairs", (), Wanted(0, 5))
    with under(asked.session, changed("late_repairs", green=0.9, red=0.95, title="Late", remedies=("x",))) as inquiry:
        assert inquiry.rows(newest["version"], "late_repairs", (), Wanted(0, 5)) == expected


def test_a_board_without_digests_is_answered_as_the_catalogue_is(asked, newest):
    session = asked.session
    document = {name: value for name, value in newest.items() if name != "definitions"}
    moment = datetime.fromisoformat(newest["as_of"])
    version = session.store.add(moment, newest["batch"], live=False, document=document).version
    try:
        with under(session, changed("late_repairs", window_days=3)) as inquiry:
            for answer in ANSWERS:
                answer(inquiry, version, "late_repairs")
    finally:
        with session.store.engine.begin() as con:
            con.exec_driver_sql(f"DELETE FROM boards WHERE version = {version}")


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_kpi_that_is_no_longer_in_the_catalogue_has_no_rows(asked, newest, answer):
    def without(settings):
        return replace(settings, kpis=[kpi for kpi in settings.kpis if kpi.key != "late_repairs"])

    with (
        under(asked.session, without) as inquiry,
        pytest.raises(AbsentError, match="The KPI 'late_repairs' is no longer in the catalogue"),
    ):
        answer(inquiry, newest["version"], "late_repairs")


def test_a_state_of_a_week_ago_is_that_of_the_board_of_then(asked):
    session, newest = asked.session, asked.boards[-1]
    assert asked.inquiry.before(newest["version"], "wip") == {}
    moment = datetime.fromisoformat(newest["as_of"]) - timedelta(days=7, hours=1)
    document = dict(newest) | {"as_of": moment.isoformat()}
    version = session.store.add(moment, 1, live=False, document=document).version
    with session.store.engine.begin() as con:
        con.exec_driver_sql(f"UPDATE boards SET live = true, version = 0 WHERE version = {version}")
    asked.inquiry._windows.forget()
    try:
        assert asked.inquiry.before(newest["version"], "wip")[()]["value"] == reading(newest, "wip")["value"]
    finally:
        with session.store.engine.begin() as con:
            con.exec_driver_sql("DELETE FROM boards WHERE version = 0")


# --- the books ---


def test_the_books_of_every_source_add_up(asked):
    books = {each["name"]: each for each in asked.inquiry.sources()}
    assert list(books) == asked.session.names
    json.dumps(list(books.values()), allow_nan=False)
    con = asked.session.warehouse.cursor()
    for name, each in books.items():
        counts = dict(
            zip(
                COUNTS,
                con.execute(
                    f"SELECT {', '.join(f'sum({chr(34)}{c}{chr(34)})' for c in COUNTS)} FROM batches WHERE source = ?",
                    [name],
                ).fetchone(),
                strict=True,
            )
        )
        assert each["counts"] == counts
        assert each["accounted"]
        assert each["timeless"] == (each["fact"] in MASTER)
        assert not each["timeless"] or each["watermark"] is None
        assert [b["batch"] for b in each["batches"]] == sorted((b["batch"] for b in each["batches"]), reverse=True)
        silent = [partner["silent_hours"] for partner in each["partners"]]
        assert silent == sorted(silent, reverse=True)
    con.close()
    assert {each["timeless"] for each in books.values()} == {True, False}
    assert sum(each["waiting"] for each in books.values()) == asked.inquiry.quarantine(None, Wanted()).total > 0
    lags = [each["lag"]["median"] for each in books.values() if each["lag"]["median"] is not None]
    assert lags
    assert all(0 <= lag <= 4 for lag in lags)


def test_books_that_do_not_add_up_are_shown_as_such(asked):
    con = asked.session.warehouse.cursor()
    name = asked.session.names[0]
    con.execute(
        'UPDATE batches SET "read" = "read" + 1 WHERE source = ? AND batch = (SELECT min(batch) FROM batches WHERE source = ?)',
        [name, name],
    )
    try:
        assert [each["name"] for each in asked.inquiry.sources() if not each["accounted"]] == [name]
    finally:
        con.execute(
            'UPDATE batches SET "read" = "read" - 1 WHERE source = ? AND batch = (SELECT min(batch) FROM batches WHERE source = ?)',
            [name, name],
        )
        con.close()


def test_the_quarantine_page_by_page(asked):
    every = asked.inquiry.quarantine(None, Wanted(0, 1_000))
    assert every.total == len(every.rows) > 3
    assert [row["id"] for row in every.rows] == sorted(row["id"] for row in every.rows)
    pages = [
        asked.inquiry.quarantine(None, Wanted(i, i + 2, (("reason", True),))).rows for i in range(0, every.total, 2)
    ]
    assert sorted(row["id"] for page in pages for row in page) == [row["id"] for row in every.rows]
    source = every.rows[0]["source"]
    mine = asked.inquiry.quarantine(
        source, Wanted(filters=(Filter("reason", "contains", every.rows[0]["reason"][:5]),))
    )
    assert 0 < mine.total <= mine.all == sum(row["source"] == source for row in every.rows)
    with pytest.raises(AbsentError, match="There is no source 'nobody'"):
        asked.inquiry.quarantine("nobody", Wanted())


def test_a_replay_stores_what_passes_by_now_and_wakes_the_engine(tmp_path):
    text = (
        HEAD.format(zone="UTC")
        + '\n[[source]]\nname = "hub"\nformat = "csv"\npath = "hub.csv"\n'
        + cases("repair_orders", ["order_id", "partner"], ["received"])
        + "\n"
    )
    (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
    (tmp_path / "kpis.toml").write_text("", encoding="utf-8")
    rows = [{"order_id": f"A/{i} ü", "partner": "Ann", "received": f"2026-06-0{i}T08:00Z"} for i in (1, 2, 3)]
    write_csv(tmp_path / "hub.csv", rows)
    clock, woken = [datetime(2026, 6, 2, 12, tzinfo=UTC)], []
    session = Session.open(load_settings(tmp_path / "settings.toml", {}), lambda: clock[0])
    inquiry = Inquiry(session, lambda: woken.append(1))
    try:
        assert session.loader().load(session.source("hub")).as_json()["quarantined"] == 1
        assert [row["row"] for row in inquiry.quarantine("hub", Wanted()).rows] == [4]
        assert inquiry.replay("hub")["stored"] == 0
        clock[0] += timedelta(days=2)
        told = inquiry.replay("hub")
        assert (told["read"], told["stored"], told["error"], woken) == (1, 1, None, [1, 1])
        (books,) = inquiry.sources()
        assert (books["waiting"], books["accounted"], books["counts"]["stored"], books["state"]) == (
            0,
            True,
            3,
            "unjudged",
        )
        with pytest.raises(AbsentError, match="No Board is stored yet"):
            inquiry.board(None)
        session.keep(session.look(session.judge()), live=True)
        assert inquiry.order("A/3 ü", None)["steps"][0]["kind"] == "received"
        assert names(inquiry.search("a/3 Ü"))[0] == ("order", "A/3 ü")
        with pytest.raises(AbsentError, match="There is no source 'nobody'; there are hub"):
            inquiry.replay("nobody")
    finally:
        inquiry.close()
        session.close()


# --- files ---


@pytest.mark.parametrize("kpi", ["late_repairs", "batch_closing"])
def test_a_file_of_rows_is_what_is_on_screen(asked, newest, all_rows, kpi):
    wanted = Wanted(5, 10, (("partner", True),), (Filter("partner", "not_equals", "x"), Filter("key", "contains", "1")))
    frame, table = all_rows(newest["version"], kpi, (), wanted)
    file = asked.inquiry.export("rows", "csv", version=newest["version"], kpi=kpi, slice_=(), wanted=wanted)
    (said,), head, *rows = lines_of(file)
    assert head == [column.name for column in table.columns]
    assert [row[0] for row in rows] == list(frame["key"])
    assert 0 < table.total < table.all or kpi == "batch_closing"
    for part in (
        "filters: partner is not x; key contains 1",
        f"rows shown: {table.total}",
        f"rows: {table.all}",
        "sorted by: partner (descending)",
        f"board: {newest['version']}",
    ):
        assert part in said
    assert (file.name, file.media_type) == (
        f"{kpi}-Whole-network-board-{newest['version']}.csv",
        "text/csv; charset=utf-8",
    )


def test_a_sentence_of_evidence_can_be_searched(asked, all_rows):
    board, found = next(
        (b, r) for b in reversed(asked.boards) for r in b["readings"] if r["kpi"] == "batch_closing" and r["n"] > 1
    )
    frame, _ = all_rows(board["version"], "batch_closing", slice_of(found))
    wanted = Wanted(sort=(("why", True),), filters=(Filter("why", "contains", "CLOSED AT"),))
    searched, table = all_rows(board["version"], "batch_closing", slice_of(found), wanted)
    assert list(searched["why"]) == sorted(frame["why"], key=str.lower, reverse=True)
    assert table.total == len(frame) > 0
    again, _ = all_rows(board["version"], "batch_closing", slice_of(found))
    assert again.equals(frame)


def test_files_of_every_sort(asked, newest):
    version, inquiry = newest["version"], asked.inquiry
    parquet = taken(inquiry.export("rows", "parquet", version=version, kpi="tat_p90", slice_=(), wanted=Wanted()))
    assert len(pq.read_table(io.BytesIO(parquet))) == reading(newest, "tat_p90")["n"]
    assert (
        taken(inquiry.export("rows", "xlsx", version=version, kpi="tat_p90", slice_=(), wanted=Wanted()))[:2] == b"PK"
    )
    _, *rows = lines_of(
        inquiry.export("readings", "csv", version=version, kpis=["late_repairs"], slice_=(), levels=["green", "red"])
    )
    assert len(rows) == sum(r["kpi"] == "late_repairs" and r["level"] in ("green", "red") for r in newest["readings"])
    order = inquiry.rows(version, "late_repairs", (), Wanted(0, 1)).rows[0]["key"]
    assert taken(inquiry.export("order", "pdf", order=order, version=version))[:5] == b"%PDF-"
    assert b"<trace>" in taken(inquiry.export("order", "xes", order=order, version=version))
    partner = next(
        r["slice"]["partner"]
        for r in newest["readings"]
        if list(r["slice"]) == ["partner"] and r["slice"]["partner"] != "(small)"
    )
    assert taken(inquiry.export("scorecard", "pdf", partner=partner, version=version))[:5] == b"%PDF-"
    waiting = inquiry.quarantine(None, Wanted()).total
    *_, last = lines_of(inquiry.export("quarantine", "csv", source=None, wanted=Wanted(sort=(("id", True),))))
    assert last[0] == "1"
    assert waiting == len(lines_of(inquiry.export("quarantine", "csv", source=None, wanted=Wanted()))) - 2


@pytest.mark.parametrize(
    ("what", "format_", "of", "error", "said"),
    [
        ("rows", "pdf", {"kpi": "late_repairs", "slice_": ()}, ValueError, "Rows cannot be had as 'pdf'; there are csv, xlsx, parquet."),
        ("rows", "csv", {"kpi": "late_repair", "slice_": ()}, AbsentError, "Board 3 has no KPI 'late_repair'; alike are 'late_repairs'"),
        ("rows", "csv", {"kpi": "wip", "slice_": (("partner", "zz"),)}, AbsentError, "Board 3 has no reading of wip for zz"),
        ("readings", "csv", {"levels": ["purple"]}, ValueError, "There is no level 'purple'"),
        ("readings", "csv", {"slice_": (("moon", "x"),)}, AbsentError, "Nothing is judged by 'moon'"),
        ("scorecard", "pdf", {"partner": "zz"}, AbsentError, "There is no partner 'zz' on this Board"),
        ("scorecard", "csv", {"partner": "zz"}, ValueError, "A scorecard cannot be had as 'csv'; there are pdf."),
        ("order", "csv", {"order": "zz"}, AbsentError, "No source tells of an order 'zz'"),
        ("moons", "csv", {}, ValueError, "There is no export of 'moons'"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_had(asked, what, format_, of, error, said):
    with pytest.raises(error) as raised:
        asked.inquiry.export(what, format_, version=3, **of)
    assert said in str(raised.value)
