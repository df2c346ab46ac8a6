"""Exported readings carry exactly the figures of their Board, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.exports.cells import csv_cell, quoted
from data.exports.readings import readings_sheet
from data.exports.tables import Column, Sheet, write_sheet
from data.reporting import UsageError
from tests.data.exports.conftest import Heard

BERLIN = ZoneInfo("Europe/Berlin")
FIGURES = ("value", "numerator", "denominator", "n", "evidence", "customers", "pain", "among_peers", "false_discovery")


def table(text):
    """Read CSV as dicts."""
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def number(cell):
    return float(cell) if cell else None


def test_csv_has_the_figures_of_the_board(demo, board, export):
    code, heard = export(demo, "readings", version=board["version"], all=True)
    rows = table(heard.text)
    assert code == 0
    assert len(rows) == len(board["readings"])
    for row, reading in zip(rows, board["readings"], strict=True):
        assert (row["kpi"], row["level"], row["health"]) == (reading["kpi"], reading["level"], reading["health"])
        assert {n.removeprefix("slice_"): v for n, v in row.items() if n.startswith("slice_") and v} == reading["slice"]
        assert [number(row[name]) for name in FIGURES] == [reading[name] for name in FIGURES]
        for name in ("green", "red"):
            bound = reading["limits"][name]
            ends = [number(row[f"{name}_low"]), number(row[f"{name}_high"])]
            assert bound == (ends if isinstance(bound, list) else number(row[name]))
        assert datetime.fromisoformat(row["window_to"]) == datetime.fromisoformat(reading["window"]["to"])
        assert row["window_to"].endswith("+02:00")
        assert row["board"] == str(board["version"])
        assert row["reason"] == quoted(reading["reason"])


def test_what_is_green_is_left_out_but_on_request(demo, board, export):
    levels = [reading["level"] for reading in board["readings"]]
    _, heard = export(demo, "readings", version=board["version"])
    assert len(table(heard.text)) == sum(level != "green" for level in levels)
    assert heard.wrong[0].endswith("greens are left out without --all.")
    _, heard = export(demo, "readings", version=board["version"], levels=["green", "red"])
    assert len(table(heard.text)) == sum(level in ("green", "red") for level in levels)


def test_filters(demo, board, export):
    partner = next(r["slice"]["partner"] for r in board["readings"] if list(r["slice"]) == ["partner", "product"])
    options = {"version": board["version"], "all": True, "slice": [f"partner={partner}"]}
    rows = table(export(demo, "readings", **options)[1].text)
    assert {row["slice_partner"] for row in rows} == {partner}
    assert {bool(row["slice_product"]) for row in rows} == {True, False}
    rows = table(export(demo, "readings", **options, kpis=["late_repairs", "tat_p90"])[1].text)
    assert {row["kpi"] for row in rows} == {"late_repairs", "tat_p90"}


def test_a_worksheet_is_typed_frozen_and_percentages_are_percentages(demo, board, export, tmp_path):
    out = tmp_path / "readings.xlsx"
    export(demo, "readings", version=board["version"], all=True, out=str(out))
    page = openpyxl.load_workbook(out)["Readings"]
    head = [cell.value for cell in page[1]]
    assert page.freeze_panes == "A2"
    assert page.column_dimensions["G"].width == 32
    assert "as_of (Europe/Berlin)" in head
    rows = [dict(zip(head, row, strict=True)) for row in page.iter_rows(min_row=2)]
    for row, reading in zip(rows, board["readings"], strict=True):
        assert row["value"].value == reading["value"]
        assert row["value"].number_format == (
            "0.0%" if reading["unit"] == "%" and reading["value"] is not None else "General"
        )
        assert all(cell.data_type != "f" for cell in row.values())
    assert rows[0]["as_of (Europe/Berlin)"].value == datetime.fromisoformat(board["as_of"]).astimezone(BERLIN).replace(
        tzinfo=None
    )


def test_parquet_is_typed(demo, board, export, tmp_path):
    out = tmp_path / "readings.parquet"
    export(demo, "readings", version=board["version"], all=True, out=str(out))
    found = pq.read_table(out)
    assert {str(found.schema.field(name).type) for name in FIGURES} == {"double"}
    assert str(found.schema.field("as_of").type) == "timestamp[us, tz=UTC]"
    assert found.column("value").to_pylist() == [reading["value"] for reading in board["readings"]]


def test_without_a_version_a_board_is_judged_and_stored(demo, board, export):
    _, heard = export(demo, "readings", kpis=["late_repairs"], all=True)
    version = int(table(heard.text)[0]["board"])
    assert version > board["version"]
    kept = {(r["kpi"], str(r["slice"])): r["value"] for r in demo.store.board(version).document["readings"]}
    assert kept["late_repairs", "{}"] == number(table(heard.text)[0]["value"]) or len(table(heard.text)) > 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"levels": ["orange"]}, "--level 'orange' is none of red, turning, amber, unknown, green."),
        ({"kpis": ["late"]}, "There is no KPI 'late'; alike are "),
        ({"slice": ["planet=Mars"]}, "Nothing is judged by 'planet'; it is by "),
        ({"slice": ["country=Mars"]}, "No country is called 'Mars' on this Board"),
        ({"format": "xlsx"}, "xlsx is not text: name a file for it, like --out readings.xlsx"),
        (
            {"out": "/nowhere/at/all.csv"},
            "/nowhere/at/all.csv cannot be written: No such file or directory; name another",
        ),
    ],
)
def test_mistakes_are_one_sentence(demo, board, export, options, expected):
    code, heard = export(demo, "readings", **({"version": board["version"]} | options))
    assert (code, heard.text, len(heard.wrong)) == (1, "", 1)
    assert expected in heard.wrong[0]


# --- cells --------------------------------------------------------------------------------------------------------

NASTY = ["=1+1", "+49 30 1", "-5", "@SUM(A1)", "\tx", "\rx", "\nx", "\uff1d1", '=HYPERLINK("http://x")', "'=1"]


@pytest.mark.parametrize("text", NASTY)
def test_no_text_is_a_formula(text):
    assert quoted(text)[0] == "'"
    assert csv_cell(text, BERLIN)[0] == "'"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-5, "-5"),
        (-0.1, "-0.1"),
        (1e300, "1e+300"),
        (math.nan, ""),
        (math.inf, ""),
        (None, ""),
        (True, "true"),
        ("", ""),
        ("a=b", "a=b"),
        (datetime(2026, 1, 5, 12, tzinfo=UTC), "2026-01-05T13:00:00+01:00"),
        (datetime(2026, 7, 5, 12), "2026-07-05T14:00:00+02:00"),  # noqa: DTZ001
    ],
)
def test_cells(value, expected):
    assert csv_cell(value, BERLIN) == expected


def written(rows, columns, format_, path, **more):
    sheet = Sheet("Rows", columns, [rows], len(rows), "Europe/Berlin", **more)
    write_sheet(sheet, format_, {"out": str(path)}, Heard())
    return path


COLUMNS = (Column("text"), Column("number", "number"))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(max_examples=15)
@given(st.lists(st.tuples(TEXTS, st.floats(width=64)), max_size=5))
def test_what_is_written_is_read_again(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("cells")
    known = [(text, number if math.isfinite(number) else None) for text, number in rows]
    found = pq.read_table(written(rows, COLUMNS, "parquet", folder / "a.parquet"))
    assert list(zip(*(found.column(name).to_pylist() for name in ("text", "number")), strict=True)) == known
    with written(rows, COLUMNS, "csv", folder / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        read = list(csv.reader(file))[1:]
    assert [(text, float(cell) if cell else None) for text, cell in read] == [(quoted(t), n) for t, n in known]
    page = openpyxl.load_workbook(written(rows, COLUMNS, "xlsx", folder / "a.xlsx"))["Rows"]
    for line, (text, number_) in zip(page.iter_rows(min_row=2), known, strict=True):
        assert line[1].value == number_
        assert not line[0].value or line[0].value[0] not in "=+-@\t\r\n"
        assert len(line[0].value or "") in (len(text), len(quoted(text)), len(text) - text.count("\r\n"))


def test_what_xml_cannot_hold_and_errors_are_texts_in_a_worksheet(tmp_path):
    rows = [("a\x1fb", 1.0), ("#N/A", 2.0), ("x" * 40_000, 3.0), ("", None)]
    page = openpyxl.load_workbook(written(rows, COLUMNS, "xlsx", tmp_path / "a.xlsx"))["Rows"]
    cells = [row[0] for row in page.iter_rows(min_row=2)]
    assert [cell.value for cell in cells[:2]] == ["a\ufffdb", "#N/A"]
    assert len(cells[2].value) == 32_767


def test_too_many_rows_for_a_worksheet(tmp_path):
    sheet = Sheet("Rows", COLUMNS, [], 2_000_000, "UTC")
    with pytest.raises(
        UsageError, match=r"holds 1,048,575 rows and these are 2,000,000; write them with --format parquet"
    ):
        write_sheet(sheet, "xlsx", {"out": str(tmp_path / "a.xlsx")}, Heard())
    assert not list(tmp_path.iterdir())


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("before")

    def parts():
        yield [("a", 1.0)]
        raise RuntimeError("the warehouse is gone")

    with pytest.raises(RuntimeError):
        write_sheet(Sheet("Rows", COLUMNS, parts(), 2, "UTC"), "csv", {"out": str(path)}, Heard())
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_progress_is_told(tmp_path):
    heard = Heard()
    sheet = Sheet("Rows", COLUMNS, [[("a", 1.0)], [("b", 2.0), ("c", 3.0)]], 3, "UTC")
    write_sheet(sheet, "csv", {"out": str(tmp_path / "a.csv")}, heard)
    assert heard.steps == [(1, 3, "writing rows"), (3, 3, "writing rows")]


def test_bands_have_two_ends(board):
    band = next(reading for reading in board["readings"] if isinstance(reading["limits"]["green"], list))
    sheet = readings_sheet(board, [band])
    ((row,),) = sheet.parts
    told = dict(zip([column.name for column in sheet.columns], row, strict=True))
    assert [told["green_low"], told["green_high"]] == band["limits"]["green"]
    assert told["green"] is None
