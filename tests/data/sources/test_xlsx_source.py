import datetime as dt

import openpyxl
import pandas as pd
import pytest

from data.sources import SourceError, columns


def write(path, rows, *, start=1):
    book = openpyxl.Workbook()
    sheet = book.active
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            sheet.cell(start + i, 1 + j, cell)
    book.create_sheet("other").append(["no"])
    book.save(path)


def test_cells_become_text_and_columns_of_dates_stay_dates(tmp_path, source_of, load):
    day, moment = dt.date(2026, 3, 1), dt.datetime.fromisoformat("2026-03-01T12:30")
    write(
        tmp_path / "a.xlsx",
        [
            [" id ", "n", "ok", "at", "mixed", None],
            [12, 1.5, True, moment, day, None],
            [None] * 6,
            ["NA", 1e20, False, None, "x", "y"],
            [359881234567890, 2.0, None, day, dt.time(9, 5), None],
        ],
    )
    got = load(source_of("a.xlsx", format="xlsx"))
    assert got.numbers == [2, 4, 5]
    assert [row["id"] for row in got.rows] == ["12", "NA", "359881234567890"]
    assert [row["n"] for row in got.rows] == ["1.5", "1e+20", "2"]
    assert [row["ok"] for row in got.rows] == ["true", "false", None]
    assert str(got.frames[0]["at"].dtype) == "datetime64[us]"
    assert [row["at"] for row in got.rows] == [pd.Timestamp(moment), None, pd.Timestamp(day)]
    assert [row["mixed"] for row in got.rows][1:] == ["x", "09:05:00"]
    assert [row["(column 6)"] for row in got.rows] == [None, "y", None]
    assert columns(source_of("a.xlsx", format="xlsx")) == ("id", "n", "ok", "at", "mixed", "(column 6)")


def test_rows_are_numbered_as_in_the_sheet(tmp_path, source_of, load):
    write(tmp_path / "a.xlsx", [["id", "b"], [1, 2]], start=4)
    assert load(source_of("a.xlsx", format="xlsx")).numbers == [5]


@pytest.mark.parametrize("content", [b"id,b\n1,2\n", b"PK\x03\x04 broken", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 broken"])
def test_what_is_no_workbook_is_refused(tmp_path, source_of, load, content):
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(SourceError, match=r"a.xlsx: it is no readable Excel workbook"):
        load(source_of("a.xlsx", format="xlsx"))


def test_damage_anywhere_is_a_sentence(tmp_path, source_of, load):
    write(tmp_path / "a.xlsx", [["id", "b"], *([i, "x"] for i in range(50))])
    whole = (tmp_path / "a.xlsx").read_bytes()
    refused = 0
    for at in range(0, len(whole), 97):
        (tmp_path / "a.xlsx").write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            load(source_of("a.xlsx", format="xlsx"))
        except SourceError:
            refused += 1
    assert refused


def test_headers_are_checked(tmp_path, source_of, load):
    write(tmp_path / "a.xlsx", [["id", "id"]])
    with pytest.raises(SourceError, match="names the column 'id' twice"):
        load(source_of("a.xlsx", format="xlsx"))
    write(tmp_path / "a.xlsx", [["ids"], [1]])
    with pytest.raises(SourceError, match="column 'id' is not in the header; did you mean 'ids'"):
        load(source_of("a.xlsx", format="xlsx"))
    write(tmp_path / "a.xlsx", [])
    with pytest.raises(SourceError, match="its first sheet is empty"):
        load(source_of("a.xlsx", format="xlsx"))
