import csv as plain
import gzip
import io
import os
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.sources import SourceError, columns, csv, pending
from data.sources.csv import Header, read_block, read_slowly, record_end
from data.sources.text import Recoder

OLD = time.time() - 3600


def write(path, content, *, age=3600):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_text_stays_as_it_is_written(tmp_path, source_of, load):
    write(tmp_path / "a.csv", 'id, note ,x\n 1 ,NA,\n2,"say ""hi""\nthere",null\n')
    got = load(source_of("a.csv"))
    assert got.rows == [{"id": " 1 ", "note": "NA", "x": ""}, {"id": "2", "note": 'say "hi"\nthere', "x": "null"}]
    assert got.numbers == [2, 3]
    assert str(got.frames[0].dtypes.iloc[0]) == "str"
    mark = got.marks["a.csv"]
    assert (mark.tail, mark.rows, mark.size) == (mark.size, 3, (tmp_path / "a.csv").stat().st_size)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_splits_out_the_columns(tmp_path, source_of, load, delimiter):
    write(
        tmp_path / "a.csv",
        f"\ufeffid{delimiter}a,b{delimiter}c\r\n1{delimiter}x,y{delimiter}z\r\n"
        if delimiter != ","
        else "id,c\r\n1,z\r\n",
    )
    got = load(source_of("a.csv", columns=("id", "c")))
    assert [(row["id"], row["c"]) for row in got.rows] == [("1", "z")]


def test_blank_lines_are_no_rows_but_are_numbered(tmp_path, source_of, load):
    write(tmp_path / "a.csv", "\nid,b\n\n1,x\n\r\n\r\n,\n2,y\n\n")
    got = load(source_of("a.csv"))
    assert got.numbers == [4, 7, 8]
    assert [row["id"] for row in got.rows] == ["1", "", "2"]
    assert not got.unreadable


def test_one_column_keeps_quoted_empty_values(tmp_path, source_of, load):
    write(tmp_path / "a.csv", 'id\n1\n\n""\n3\n')
    got = load(source_of("a.csv"))
    assert (got.numbers, [row["id"] for row in got.rows]) == ([2, 4, 5], ["1", "", "3"])


def test_ragged_rows_are_unreadable_and_the_others_go_on(tmp_path, source_of, load):
    write(tmp_path / "a.csv", "id,b,c\n1,2,3\n1,2\n1,2,3,4\n" + "x" * 20_000 + "\n5,6,7\n")
    got = load(source_of("a.csv"))
    assert got.numbers == [2, 6]
    assert [(row, reason) for row, reason, _ in got.unreadable] == [
        (3, "has 2 fields where the header has 3"),
        (4, "has 4 fields where the header has 3"),
        (5, "has 1 field where the header has 3"),
    ]
    assert got.unreadable[0][2] == "1,2"
    assert len(got.unreadable[2][2]) == 10_000


def test_a_line_of_a_million_columns_is_one_unreadable_row(tmp_path, source_of, load):
    junk = ",".join(["junk7890"] * 1_000_000)
    write(tmp_path / "a.csv", f"id,b\n1,2\n{junk}\n3,4\n")
    got = load(source_of("a.csv"))
    assert [row["id"] for row in got.rows] == ["1", "3"]
    assert got.numbers == [2, 4]
    assert [(row, reason, len(raw)) for row, reason, raw in got.unreadable] == [
        (3, "has 1,000,000 fields where the header has 2", 10_000)
    ]


def test_a_line_longer_than_the_limit_is_passed_over(tmp_path, source_of, load, monkeypatch):
    monkeypatch.setattr(csv, "LONGEST_RECORD", 1 << 20)
    write(tmp_path / "a.csv", "id,b\n1,2\n" + "z" * (5 << 20) + "\n3,4\n")
    got = load(source_of("a.csv"))
    assert (got.numbers, [row["id"] for row in got.rows]) == ([2, 4], ["1", "3"])
    assert [(row, "is longer than 1 MB" in reason) for row, reason, _ in got.unreadable] == [(3, True)]


def test_a_million_columns_in_the_header_are_refused(tmp_path, source_of):
    write(tmp_path / "a.csv", ",".join(["c"] * 1_000_000) + "\n1\n")
    with pytest.raises(SourceError, match="the header has 1,000,000 columns, more than 5,000"):
        columns(source_of("a.csv"))


def test_nul_bytes_stay_in_values(tmp_path, source_of, load):
    write(tmp_path / "a.csv", b"id,b\n1\x00,x\n\x00\x00\n2,y\n")
    got = load(source_of("a.csv"))
    assert [row["id"] for row in got.rows] == ["1\x00", "2"]
    assert got.unreadable == [(3, "has 1 field where the header has 2", "\\x00\\x00")]


def test_a_stray_quote_does_not_swallow_the_rest(tmp_path, source_of, load):
    write(tmp_path / "a.csv", 'id,b\n1,15" screen\n2,"broken\n3,y\n4,z\n5,z\n')
    got = load(source_of("a.csv"))
    assert [row["id"] for row in got.rows] == ["1", "3", "4", "5"]
    assert got.numbers == [2, 4, 5, 6]
    assert [(row, raw) for row, _, raw in got.unreadable] == [(3, '2,"broken')]
    assert "never closed" in got.unreadable[0][1]


def test_a_missing_column_is_named_with_a_close_one(tmp_path, source_of):
    write(tmp_path / "a.csv", "ID,Status\n1,x\n")
    with pytest.raises(SourceError) as caught:
        load_one(source_of("a.csv", columns=("ID", "status_")))
    assert str(caught.value) == (
        "a.csv: column 'status_' is not in the header; did you mean 'Status'? the columns are ID, Status"
    )


def load_one(source):
    files, errors = pending(source, {})
    assert not errors
    return [chunk for file in files for chunk in file.chunks()]


def test_duplicate_columns_are_refused_and_unnamed_ones_are_named(tmp_path, source_of, load):
    write(tmp_path / "a.csv", "id,b, id \n1,2,3\n")
    with pytest.raises(SourceError, match=r"names the column 'id' twice \(columns 1 and 3\); rename one"):
        load_one(source_of("a.csv"))
    write(tmp_path / "b.csv", "id,,\n1,2,3\n")
    assert load(source_of("b.csv")).rows == [{"id": "1", "(column 2)": "2", "(column 3)": "3"}]


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (
            "id,größe\n".encode("latin-1"),
            "utf-8",
            r"a.csv: the header holds the byte 0xf6, which is not utf-8; set enc",
        ),
        (
            "id,b\n1,2\n".encode("utf-16"),
            "utf-8",
            'it starts with the mark of utf-16, but is read as utf-8; set encoding = "utf-16"',
        ),
        ("id,b\n1,2\n".encode("utf-32"), "utf-8", 'set encoding = "utf-32"'),
        ("id,b\n1,2\n".encode("utf-16-le"), "utf-8", 'set encoding = "utf-16"'),
        ("id,b\n1,2\n".encode("utf-8-sig"), "latin-1", 'set encoding = "utf-8"'),
        (b"id,b\n1,2\n", "utf-16", "it is not utf-16"),
        (b"id,b\n", "klingon", 'there is no encoding "klingon"'),
        (b"\n\n", "utf-8", "it holds no header"),
    ],
)
def test_undecodable_headers_suggest_the_mend(tmp_path, source_of, content, encoding, message):
    write(tmp_path / "a.csv", content)
    with pytest.raises(SourceError, match=message):
        load_one(source_of("a.csv", encoding=encoding))
    with pytest.raises(SourceError, match=message):
        columns(source_of("a.csv", encoding=encoding))


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "shift_jis", "utf-8-sig"])
def test_other_encodings_are_read(tmp_path, source_of, load, encoding):
    text = "id,b\n1,|\n2,x\n" if encoding == "shift_jis" else "id,ö\n1,ä|\n2,ß\n"
    write(tmp_path / "a.csv", text.encode(encoding))
    got = load(source_of("a.csv", encoding=encoding))
    assert [list(row.values()) for row in got.rows] == [line.split(",") for line in text.splitlines()[1:]]
    assert got.marks["a.csv"].tail == (
        len(text.encode(encoding)) if encoding in {"latin-1", "cp1252", "utf-8-sig"} else 0
    )


@pytest.mark.parametrize(("encoding", "byte"), [("utf-8", b"\xe4"), ("cp1252", b"\x81"), ("ascii", b"\xe4")])
def test_rows_that_cannot_be_decoded_are_unreadable(tmp_path, source_of, load, encoding, byte):
    write(tmp_path / "a.csv", b"id,b\n1,x\n2," + byte + b"\n3,y\n")
    got = load(source_of("a.csv", encoding=encoding))
    assert [row["id"] for row in got.rows] == ["1", "3"]
    assert got.numbers == [2, 4]
    [(row, reason, raw)] = got.unreadable
    assert (row, raw) == (3, f"2,\\x{byte.hex()}")
    assert f"holds the byte 0x{byte.hex()}, which is not {encoding}; set encoding" in reason


def test_a_whole_last_line_without_a_line_end_is_read_and_read_again_when_it_grows(tmp_path, source_of, load):
    path = write(tmp_path / "a.csv", "id,b\n1,x\n2,y", age=0)
    first = load(source_of("a.csv"))
    assert first.numbers == [2, 3]
    assert (first.marks["a.csv"].tail, first.marks["a.csv"].rows) == (9, 2)
    assert load(source_of("a.csv"), first.marks).grown == []
    with path.open("a") as file:
        file.write("z\n3,c\n")
    second = load(source_of("a.csv"), first.marks)
    assert second.grown == [True]
    assert (second.numbers, [list(row.values()) for row in second.rows]) == ([3, 4], [["2", "yz"], ["3", "c"]])


@pytest.mark.parametrize("half", ["2", '2,"y', '2,"y\n3,z\n'])
def test_half_a_last_line_waits_while_it_may_still_be_written(tmp_path, source_of, load, half):
    path = write(tmp_path / "a.csv", "id,b\n1,x\n" + half, age=0)
    young = load(source_of("a.csv"))
    assert (young.numbers, young.unreadable) == ([2], [])
    again = load(source_of("a.csv"), young.marks)
    assert (again.grown, again.numbers) == ([True], [])
    os.utime(path, (OLD, OLD))
    old = load(source_of("a.csv"), young.marks)
    assert old.unreadable[0][0] == 3
    assert load(source_of("a.csv"), old.marks).grown == []
    whole = path.read_bytes() + (b",y\n" if half == "2" else b'"\n')
    path.write_bytes(whole)
    mended = load(source_of("a.csv"), young.marks)
    assert mended.unreadable == []
    assert mended.numbers == [3]


def test_a_grown_file_reads_only_its_tail(tmp_path, source_of, load):
    source = source_of("a.csv", encoding="latin-1")
    path = write(tmp_path / "a.csv", "id,ö\n1,ä\n\n2,ü\n".encode("latin-1"))
    first = load(source)
    with path.open("ab") as file:
        file.write("3,ß\nbad\n".encode("latin-1"))
    second = load(source, first.marks)
    assert (second.grown, second.numbers, second.rows) == ([True], [5], [{"id": "3", "ö": "ß"}])
    assert second.unreadable[0][0] == 6
    assert load(source, second.marks).grown == []
    path.write_bytes(b"id,c\n9,9\n" + b"8,8\n" * 9)
    third = load(source, second.marks)
    assert (third.grown, third.numbers[0]) == ([False], 2)
    assert load(source, third.marks, again=True).grown == [False]


def test_many_chunks_are_numbered_on(tmp_path, source_of, load):
    lines = [f"{i},value {i}" for i in range(500_000)]
    lines[300_000] = "broken"
    write(tmp_path / "a.csv", "id,b\n" + "\n".join(lines) + "\n")
    got = load(source_of("a.csv"))
    assert len(got.frames) > 2
    assert max(len(frame) for frame in got.frames) < 300_000
    assert [row for row, _, _ in got.unreadable] == [300_002]
    assert np.array_equal(got.numbers, [n for n in range(2, 500_002) if n != 300_002])
    assert got.rows[-1] == {"id": "499999", "b": "value 499999"}


def test_gzip_is_read_and_a_broken_one_is_named(tmp_path, source_of, load):
    packed = gzip.compress(b"id,b\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(5000)))
    (tmp_path / "a.csv.gz").write_bytes(packed)
    got = load(source_of("a.csv.gz"))
    assert (len(got.rows), got.marks["a.csv.gz"].tail) == (5000, 0)
    (tmp_path / "a.csv.gz").write_bytes(packed[:-200])
    with pytest.raises(SourceError, match=r"a.csv.gz: the compressed file ends too early"):
        load_one(source_of("a.csv.gz"))
    (tmp_path / "a.csv.gz").write_bytes(b"id,b\n1,2\n")
    with pytest.raises(SourceError, match=r"a.csv.gz: the compressed file is damaged"):
        load_one(source_of("a.csv.gz"))


pieces = st.sampled_from(
    ["a", "b", '"', '""', ",", "\n", "\r\n", "\r", "\n\n", "x,y,z\n", '"q,\n""r",s,t\n', ",,\n", "é", "\0", " ", '5" tv,1,2\n', '"a"b,c,d\n']
)  # fmt: skip


@settings(max_examples=600)
@given(st.lists(pieces, max_size=30).map("".join))
def test_the_fast_and_the_slow_way_read_the_same(text):
    header, recoder = Header(("a", "b", "c"), ",", 1, 0), Recoder("utf-8", "f")
    block = text.encode()
    block = block[: record_end(block, ",", final=True)[0]]
    if not block:
        return
    (fast, fast_count), (slow, slow_count) = (
        read_block(block, header, 7, recoder),
        read_slowly(block, header, 7, recoder),
    )
    assert fast_count == slow_count
    assert fast.frame.equals(slow.frame)
    assert fast.rows.tolist() == slow.rows.tolist()
    assert fast.unreadable == slow.unreadable


@settings(max_examples=300)
@given(st.lists(pieces, max_size=30).map("".join), st.integers(0, 40))
def test_cutting_anywhere_reads_the_same_records(text, at):
    whole = text.encode()
    end, _ = record_end(whole, ",", final=True)
    first, _ = record_end(whole[:at], ",")
    assert first <= max(end, 0) or first == 0

    def records(block):
        return list(plain.reader(io.StringIO(block.decode(), newline="")))

    assert records(whole[:first]) + records(whole[first:end]) == records(whole[:end])


@settings(max_examples=100)
@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=3, max_size=3)))
def test_what_python_writes_is_read_back(rows):
    out = io.StringIO(newline="")
    plain.writer(out).writerows(rows)
    block = out.getvalue().encode()
    assert record_end(block, ",", final=True) == (len(block), False)
    if block:
        chunk, count = read_block(block, Header(("a", "b", "c"), ",", 1, 0), 1, Recoder("utf-8", "f"))
        assert count == len(rows)
        assert chunk.frame.to_numpy().tolist() == rows


def test_small_blocks_cut_no_record(tmp_path, source_of, load, monkeypatch):
    monkeypatch.setattr(csv, "_SMALLEST_BLOCK", 64)
    text = "id,b\n" + "".join(f'{i},"ä, ""q""\n{i}"\n' for i in range(3000))
    write(tmp_path / "a.csv", text)
    got = load(source_of("a.csv"))
    assert [row["b"] for row in got.rows] == [f'ä, "q"\n{i}' for i in range(3000)]
    write(tmp_path / "b.csv", text.encode("utf-16"))
    assert load(source_of("b.csv", encoding="utf-16")).rows == got.rows
