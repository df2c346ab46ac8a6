"""The rows behind every number of the shipped catalogue add up to it again, as they stand in the exported file."""

from __future__ import annotations

import csv
import json
import tomllib
from datetime import datetime
from zoneinfo import ZoneInfo

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest

from analytics.kpi import SMALL
from data.asked import seen
from data.exports.laid import lay
from data.exports.rows import look, quiet_judge, rows_sheet
from data.exports.tables import write_sheet
from data.settings.load import SHIPPED_KPIS
from tests.data.exports.adding import PARTS, figures
from tests.data.exports.conftest import NOTHING, NOW, Heard

KPIS = sorted(tomllib.loads(SHIPPED_KPIS.read_text(encoding="utf-8"))["kpi"])
MIDNIGHT = pd.Timestamp(datetime(NOW.year, NOW.month, NOW.day, tzinfo=ZoneInfo("Europe/Berlin")))


@pytest.fixture(scope="module")
def exported(demo, board, tmp_path_factory):
    """Export the rows behind a reading of the Board as Parquet; give them as a frame, and what the file says of itself."""
    out = tmp_path_factory.mktemp("rows") / "rows.parquet"
    sight = seen(demo, NOTHING | {"version": board["version"]})
    judge, heard = quiet_judge(demo, Heard()), Heard()
    kpis = {kpi.key: kpi for kpi in demo.settings.kpis}
    with demo.warehouse.reader(demo.names, sight.moment, sight.batch, demo.settings.timezone) as view:

        def read(reading):
            kpi = kpis[reading["kpi"]]
            looked = look(demo, view, judge, kpi, tuple(sorted(reading["slice"].items())), sight)
            assert looked.reading == reading
            laid = lay(view, judge, kpi, looked.by, looked.slices, sight.moment)
            write_sheet(rows_sheet(demo, view, kpi, looked, laid), "parquet", {"out": str(out)}, heard)
            table = pq.read_table(out)
            return kpi, table.to_pandas(), json.loads(table.schema.metadata[b"painpoint"])

        yield read


def telling(board, key):
    """Give of each grouping the reading with the most rows, and the pool of those with too few."""
    found = {}
    for reading in board["readings"]:
        if reading["kpi"] == key:
            group = tuple(sorted(reading["slice"])), SMALL in reading["slice"].values()
            found[group] = max(found.get(group, reading), reading, key=lambda r: r["n"])
    return list(found.values())


@pytest.mark.parametrize("key", KPIS)
def test_rows_add_up_to_the_number(exported, board, key):
    readings = telling(board, key)
    assert readings
    for reading in readings:
        kpi, frame, identity = exported(reading)
        assert identity["rows"] == str(len(frame))
        assert frame["key"].is_monotonic_increasing
        for name, expected in figures(kpi, frame, reading, MIDNIGHT).items():
            assert name in PARTS
            if reading["value"] is None and name == "value":  # no figure follows, though rows may be there
                continue
            wanted = None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-9)
            assert reading[name] == wanted, (key, reading["slice"], name)


def test_enough_of_the_catalogue_has_rows_to_add_up(exported, board):
    filled = [key for key in KPIS if any(r["kpi"] == key and r["n"] > 0 for r in board["readings"])]
    assert len(filled) > 80, sorted(set(KPIS) - set(filled))


def test_the_file_says_what_it_is(demo, board, export, tmp_path):
    out = tmp_path / "rows.csv"
    options = {"kpi": "late_repairs", "out": str(out), "version": board["version"]}
    code, heard = export(demo, "rows", **options)
    reading = next(r for r in board["readings"] if r["kpi"] == "late_repairs" and not r["slice"])
    assert code == 0
    assert heard.wrong == [f"{reading['n']:,.0f} rows behind late_repairs = {reading['value']:.12g}."]
    with out.open(encoding="utf-8-sig", newline="") as file:
        (first,), head, *rows = csv.reader(file)
    for said in (
        "kpi: late_repairs; title: Late repairs; place: Whole network",
        f"value: {reading['value']}; numerator: {reading['numerator']}",
        f"board: {board['version']}; batch: {board['batch']}",
        "they add up: value = sum of counts_as / number of rows",
    ):
        assert said in first
    assert head[:2] == ["key", "partner"]
    assert len(rows) == reading["n"]
    assert sum(float(row[head.index("counts_as")]) for row in rows) == reading["numerator"]
    assert sum(row[head.index("late")] == "true" for row in rows) == reading["numerator"]


def test_a_worksheet_of_rows(demo, board, export, tmp_path):
    out = tmp_path / "rows.xlsx"
    code, _ = export(demo, "rows", kpi="tat_p90", out=str(out), version=board["version"])
    book = openpyxl.load_workbook(out)
    assert (code, book.sheetnames) == (0, ["Reading", "Rows"])
    told = {name.value: value.value for name, value in book["Reading"].iter_rows()}
    page = book["Rows"]
    assert page.freeze_panes == "A2"
    assert told["n"] == told["rows"] == page.max_row - 1
    assert told["value"] == next(r["value"] for r in board["readings"] if r["kpi"] == "tat_p90" and not r["slice"])


def test_without_a_version_it_is_judged_now(demo, board, export):
    code, heard = export(demo, "rows", kpi="late_repairs", slice=[])
    reading = next(r for r in board["readings"] if r["kpi"] == "late_repairs" and not r["slice"])
    assert code == 0
    assert f"value: {reading['value']}; " in heard.text
    assert "board" not in heard.text.partition("\n")[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"kpi": "late_repair"}, "There is no KPI 'late_repair'; alike are 'late_repairs'"),
        ({"kpi": "late_repairs", "slice": ["partner"]}, "--slice 'partner' is not of the form name=value"),
        (
            {"kpi": "late_repairs", "slice": ["carrier=x"]},
            "late_repairs is not judged by carrier; it is by country; partner;",
        ),
        ({"kpi": "late_repairs", "slice": ["country=D"]}, "late_repairs has no slice Country D; alike are 'Country "),
        ({"kpi": "late_repairs", "format": "xes"}, "--format 'xes' is none of csv, xlsx, parquet."),
        (
            {"kpi": "late_repairs", "format": "parquet"},
            "parquet is not text: name a file for it, like --out rows.parquet",
        ),
        ({"kpi": "late_repairs", "version": 999}, "Board 999 is not stored; versions 1 to "),
        ({"kpi": "late_repairs", "as_of": "soon"}, "'soon' is not an ISO 8601 time"),
        ({"kpi": "late_repairs", "as_of": "2026-05-01", "version": 1}, "name either --version or --as-of"),
    ],
)
def test_mistakes_are_one_sentence(demo, board, export, options, expected):
    options = {"version": None if "as_of" in options else board["version"]} | options
    code, heard = export(demo, "rows", **options)
    assert code == 1
    assert not heard.text
    (said,) = heard.wrong
    assert expected in said
    assert "\n" not in said
