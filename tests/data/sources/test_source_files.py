import dataclasses
import gzip
import json
import os
import time
import zipfile

import fsspec
import pytest

from data.sources import FileMark, SourceError, columns, pending

OLD = time.time() - 3600


def write(path, content, *, age=3600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (time.time() - age,) * 2)
    return path


def names(source, marks=None):
    files, errors = pending(source, marks or {})
    return [file.name for file in files], [str(error) for error in errors]


def test_a_folder_gives_its_files_by_name_without_hidden_and_unfinished_ones(tmp_path, source_of):
    for name in ["in/b.csv", "in/a.csv", "in/.hidden", "in/c.csv.part", "in/d.TMP", "in/deep/e.csv"]:
        write(tmp_path / name, "id\n1\n")
    assert names(source_of("in")) == (["in/a.csv", "in/b.csv"], [])


def test_globs_and_files_outside_of_the_folder(tmp_path, source_of):
    for name in ["home/x[1].csv", "home/s/a.csv", "home/s/t/b.csv", "out/c.csv"]:
        write(tmp_path / name, "id\n1\n")
    home = tmp_path / "home"
    assert names(source_of("s/**/*.csv", folder=home))[0] == ["s/a.csv", "s/t/b.csv"]
    assert names(source_of("x[1].csv", folder=home))[0] == ["x[1].csv"]
    assert names(source_of("../out/*.csv", folder=home))[0] == [f"{tmp_path}/out/c.csv"]
    assert names(source_of(f"file://{tmp_path}/out/c.csv", folder=home))[0] == [f"{tmp_path}/out/c.csv"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.csv", "source feed: there is no file none.csv (in "),
        ("no/*.csv", "source feed: no file matches no/*.csv (in "),
        ("empty", "source feed: the folder empty holds no files (in "),
        ("memory://nothing/*.csv", "source feed: no file at memory://nothing/*.csv; put one there"),
        ("nowhere://x/y.csv", "source feed: nowhere://x/y.csv cannot be opened"),
    ],
)
def test_nothing_found_is_an_error_that_says_where(tmp_path, source_of, path, message):
    (tmp_path / "empty").mkdir()
    found, [error] = names(source_of(path))
    assert not found
    assert error.startswith(message)
    with pytest.raises(SourceError):
        columns(source_of(path))


def test_an_empty_file_is_named_and_the_others_go_on(tmp_path, source_of, load):
    write(tmp_path / "a.csv", "")
    write(tmp_path / "b.csv", "id\n1\n")
    write(tmp_path / "c.zip", "no zip")
    got = load(source_of("*"))
    assert [row["id"] for row in got.rows] == ["1"]
    assert got.errors[0].startswith("c.zip: the compressed file is damaged")
    assert got.errors[1] == "a.csv: the file is empty; have it sent again"


def test_unchanged_files_are_left_out_by_time_or_by_content(tmp_path, source_of, load):
    source = source_of("a.csv")
    path = write(tmp_path / "a.csv", "id\n1\n")
    marks = load(source).marks
    assert json.loads(json.dumps(dataclasses.asdict(marks["a.csv"])))["rows"] == 2
    assert FileMark(**dataclasses.asdict(marks["a.csv"])) == marks["a.csv"]
    assert load(source, marks).grown == []
    os.utime(path, (OLD - 5, OLD - 5))
    assert load(source, marks).grown == []
    write(path, "id\n2\n", age=100)
    assert load(source, marks).rows == [{"id": "2"}]
    assert load(source, marks, again=True).rows == [{"id": "2"}]


def test_a_rewrite_within_the_clocks_tick_is_seen(tmp_path, source_of, load):
    path = write(tmp_path / "a.csv", "id\n1\n", age=0)
    before = path.stat()
    marks = load(source_of("a.csv")).marks
    path.write_bytes(b"id\n2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load(source_of("a.csv"), marks).rows == [{"id": "2"}]


def big(start):
    return b"id,b\n" + b"".join(b"%d,%d\n" % (i, start) for i in range(600_000))


@pytest.mark.parametrize("change", ["rewritten", "truncated", "same size"])
def test_a_file_changed_while_it_is_read_is_an_error_to_try_again(tmp_path, source_of, change):
    path = write(tmp_path / "a.csv", big(1))
    [file], _ = pending(source_of("a.csv"), {})
    chunks = file.chunks()
    next(chunks)
    size = path.stat().st_size
    content = {"rewritten": big(1234), "truncated": b"id\n", "same size": b"id,b\n" + b"9,9\n" * ((size - 5) // 4)}[
        change
    ]
    with path.open("r+b") as target:
        target.truncate(0)
        target.write(content.ljust(size, b"\n") if change == "same size" else content)
    with pytest.raises(SourceError, match=r"a.csv: it changed while it was read; it is read again") as caught:
        list(chunks)
    assert not caught.value.permanent
    with pytest.raises(ValueError, match="not read to its end"):
        file.mark()


def test_a_file_replaced_or_appended_to_while_it_is_read_stays_consistent(tmp_path, source_of, load):
    path = write(tmp_path / "a.csv", big(1))
    [file], _ = pending(source_of("a.csv"), {})
    chunks = file.chunks()
    rows = len(next(chunks).frame)
    with path.open("ab") as target:
        target.write(b"7,7\n")
    rows += sum(len(chunk.frame) for chunk in chunks)
    assert rows == 600_000
    more = load(source_of("a.csv"), {"a.csv": file.mark()})
    assert (more.grown, more.rows, more.numbers) == ([True], [{"id": "7", "b": "7"}], [600_002])

    [file], _ = pending(source_of("a.csv"), {})
    chunks = file.chunks()
    next(chunks)
    write(tmp_path / "new", "id,b\n").replace(path)
    list(chunks)
    assert file.mark().rows == 600_002


def test_a_start_that_changes_before_the_tail_is_read_is_noticed(tmp_path, source_of, load):
    source = source_of("a.csv")
    path = write(tmp_path / "a.csv", "id\n1\n")
    marks = load(source).marks
    write(path, "id\n1\n2\n")
    [file], _ = pending(source, marks)
    assert file.grown
    write(path, "id\n9\n2\n")
    with pytest.raises(SourceError, match="changed while it was read"):
        list(file.chunks())


def test_members_of_a_zip_are_files(tmp_path, source_of, load):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("b.csv", "id\n1\n")
        packed.mkdir("sub")
        packed.writestr("sub/c.csv.gz", gzip.compress(b"id\n2\n"))
        packed.writestr(".DS_Store", "x")
        packed.writestr("__MACOSX/b.csv", "x")
        packed.writestr("empty.csv", "")
    got = load(source_of("*.zip"))
    assert sorted(got.marks) == ["a.zip/b.csv", "a.zip/sub/c.csv.gz"]
    assert [row["id"] for row in got.rows] == ["1", "2"]
    assert got.errors == ["a.zip/empty.csv: the file is empty; have it sent again"]
    os.utime(tmp_path / "a.zip", (OLD, OLD))
    assert load(source_of("*.zip"), got.marks).grown == []


def test_a_zip_replaced_before_it_is_read_is_noticed(tmp_path, source_of):
    for row in "12":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
            packed.writestr("b.csv", f"id\n{row}\n")
        if row == "1":
            [file], _ = pending(source_of("a.zip"), {})
    with pytest.raises(SourceError, match=r"a.zip/b.csv: it changed while it was read"):
        list(file.chunks())


def test_broken_zips_are_named(tmp_path, source_of, load):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("b.csv", "id\n" + "1\n" * 1000)
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(whole.replace(b"1\n1\n", b"2\n2\n", 1))
    with pytest.raises(SourceError, match=r"a.zip/b.csv: the compressed file is damaged"):
        load(source_of("a.zip"))
    (tmp_path / "a.zip").write_bytes(whole[:-30])
    assert names(source_of("a.zip"))[1][0].startswith("a.zip: the compressed file is damaged")
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    assert names(source_of("a.zip"))[1] == ["a.zip: the zip holds no file; have it sent again"]


def test_remote_addresses(source_of, load):
    system = fsspec.filesystem("memory")
    system.pipe("/feed/a.csv", b"id\n1\n")
    system.pipe("/feed/b.csv", b"id\n2\n")
    try:
        for path in ["memory://feed", "memory://feed/*.csv"]:
            got = load(source_of(path))
            assert list(got.marks) == ["memory:///feed/a.csv", "memory:///feed/b.csv"]
            assert [row["id"] for row in got.rows] == ["1", "2"]
            assert load(source_of(path), got.marks).grown == []
        system.pipe("/feed/a.csv", b"id\n1\n3\n")
        more = load(source_of("memory://feed"), got.marks)
        assert (more.grown, more.numbers, more.rows) == ([True], [3], [{"id": "3"}])
        assert columns(source_of("memory://feed/b.csv")) == ("id",)
    finally:
        system.rm("/feed", recursive=True)


def test_unreadable_places_are_sentences(tmp_path, source_of, load, monkeypatch):
    path = write(tmp_path / "a.csv", "id\n1\n")
    [file], _ = pending(source_of("a.csv"), {})
    path.unlink()
    with pytest.raises(SourceError, match=r"a.csv: it cannot be read: No such file or directory") as caught:
        list(file.chunks())
    assert not caught.value.permanent
    os.mkfifo(tmp_path / "pipe.csv")
    assert names(source_of("*.csv"))[1][0].startswith("source feed: no file matches")


def test_columns_come_from_the_first_file(tmp_path, source_of):
    write(tmp_path / "b.csv", "x,y\n")
    write(tmp_path / "a.csv", " id ;b\n1;2\n")
    assert columns(source_of("*.csv")) == ("id", "b")
    write(tmp_path / "a.json", '[{"a": {"b": 1}, "c": 2}]')
    assert columns(source_of("a.json", format="json")) == ("a.b", "c", "id")
