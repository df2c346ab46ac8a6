import json
import os
import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.settings import Mapping, Source
from data.sources import SourceError, pending
from data.sources import json as reader

NUMBERS = '{"id": 12, "a": 12.50, "b": 89490200001234567890123, "c": true, "d": null, "e": -1e5, "f": "t\\u00e4"}'


def write(path, content, *, age=3600):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.mark.parametrize(
    "text",
    [
        f"[{NUMBERS}]",
        f" \ufeff [\n{NUMBERS}\n]\n".replace(" \ufeff ", "\ufeff"),
        NUMBERS,
        NUMBERS + "\n",
        f'{{"count": 1, "meta": {{"tags": ["[", "{{"]}}, "rows": [{NUMBERS}]}}\n',
        f'{{\n "names": ["a"],\n "rows": [\n{NUMBERS}\n]\n}}\n',
    ],
)
def test_values_are_text_as_written_in_every_shape(tmp_path, source_of, load, text):
    write(tmp_path / "a.json", text)
    got = load(source_of("a.json", format="json"))
    assert got.rows == [
        {"id": "12", "a": "12.50", "b": "89490200001234567890123", "c": "true", "d": None, "e": "-1e5", "f": "tä"}
    ]
    assert got.numbers == [1]


def test_nested_objects_are_flattened_and_lists_stay_json(tmp_path, source_of, load):
    write(tmp_path / "a.json", '[{"id": {"x": {"y": 1}}, "l": [1.0, "ü\\"", {"k": [true, null]}]}, {"z": {}}]')
    got = load(source_of("a.json", format="json", columns=("id.x.y", "l")))
    assert got.rows == [{"id.x.y": "1", "l": '[1.0,"ü\\"",{"k":[true,null]}]'}, {"id.x.y": None, "l": None}]


def test_bad_lines_are_unreadable_and_the_others_go_on(tmp_path, source_of, load):
    lines = ['{"id": 1}', '{"id": }', "", "[1]", '{"id": "\\ud800"}', "[" * 100_000, '{"id": 2}']
    write(tmp_path / "a.json", "\n".join(lines).encode() + b'\n{"id": "\xe4"}\n{"id": 3}\r\n')
    got = load(source_of("a.json", format="json"))
    assert ([row["id"] for row in got.rows], got.numbers) == (["1", "2", "3"], [1, 7, 9])
    assert [(row, reason.partition(":")[0]) for row, reason, _ in got.unreadable] == [
        (2, "is no JSON"),
        (4, "is not a JSON object"),
        (5, "holds half of a character (a lone \\ud800 to \\udfff)"),
        (6, "is nested too deeply"),
        (8, "holds the byte 0xe4, which is not utf-8; set encoding to the one the file is written in"),
    ]
    assert len(got.unreadable[3][2]) == 10_000


def test_bad_elements_of_a_list_are_unreadable(tmp_path, source_of, load):
    write(tmp_path / "a.json", '[{"id": 1}, {"id": }, 7, {"id": 2} {"id": 3}, {"id": 4},]')
    got = load(source_of("a.json", format="json"))
    assert ([row["id"] for row in got.rows], got.numbers) == (["1", "4"], [1, 5])
    assert [row for row, _, _ in got.unreadable] == [2, 3, 4, 6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"id": 1}, {"id"', "a.json: the JSON ends before it is complete"),
        ('{"rows": [{"id": 1}', "a.json: the JSON ends before it is complete"),
        ('{"a": [{"id": 1}],\n "b": [{"id": 2}]}', "more than one list of objects"),
        ('{"a": {"id": 1},\n "b": [1, 2]}', "one object without a list of objects"),
        ('[{"id": 1}]\n[{"id": 2}]', "text follows the end of its list"),
        ("<html>", "does not start like JSON"),
        (" \n ", "it holds no JSON"),
    ],
)
def test_other_shapes_are_refused_with_a_sentence(tmp_path, source_of, load, text, message):
    write(tmp_path / "a.json", text)
    with pytest.raises(SourceError, match=message):
        load(source_of("a.json", format="json"))


def test_empty_lists_are_no_rows(tmp_path, source_of, load):
    for text in ["[]", "[ ]", '{"rows": []}', '{"other": [],\n"rows": []}']:
        write(tmp_path / "a.json", text)
        assert load(source_of("a.json", format="json")).rows == []


def test_a_lone_object_with_a_list_is_a_row_if_it_has_the_columns(tmp_path, source_of, load):
    write(tmp_path / "a.json", '{"id": 1, "parts": [{"p": 2}]}')
    assert load(source_of("a.json", format="json")).rows == [{"id": "1", "parts": '[{"p":2}]'}]


def test_lines_grow_and_half_a_line_waits(tmp_path, source_of, load):
    source = source_of("a.ndjson", format="json")
    path = write(tmp_path / "a.ndjson", '{"id": 1}\n\n{"id": 2', age=0)
    first = load(source)
    assert (first.numbers, first.unreadable) == ([1], [])
    assert (first.marks["a.ndjson"].tail, first.marks["a.ndjson"].rows) == (11, 2)
    with path.open("a") as file:
        file.write('0}\n{"id": 3}')
    second = load(source, first.marks)
    assert (second.grown, second.numbers, [row["id"] for row in second.rows]) == ([True], [3, 4], ["20", "3"])
    os.utime(path, (0, 0))
    path.write_text(path.read_text() + "x")
    os.utime(path, (0, 0))
    assert [row for row, _, _ in load(source, second.marks).unreadable] == [4]


def test_other_encodings(tmp_path, source_of, load):
    write(tmp_path / "a.json", '[{"id": "ä"}]'.encode("utf-16"))
    assert load(source_of("a.json", format="json", encoding="utf-16")).rows == [{"id": "ä"}]
    with pytest.raises(SourceError, match='set encoding = "utf-16"'):
        load(source_of("a.json", format="json"))


def test_too_many_keys_are_refused(tmp_path, source_of, load):
    write(tmp_path / "a.json", json.dumps([{f"k{i}": 1} for i in range(6000)]))
    with pytest.raises(SourceError, match="more than 5,000 different keys"):
        load(source_of("a.json", format="json"))


texts = st.text(st.sampled_from('ab"\\[]{},: \n\u00e4'), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda inner: st.lists(inner, max_size=3), max_leaves=4
)


@settings(max_examples=150)
@given(
    st.lists(st.dictionaries(texts, values, max_size=3), max_size=12),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.integers(1, 40),
)
def test_every_shape_reads_the_same_in_blocks_of_any_size(tmp_path_factory, rows, indent, wrapped, block):
    folder = tmp_path_factory.mktemp("json")
    wanted = [{key: None if value is None else _text(value) for key, value in row.items()} for row in rows]
    document = {"n": [1], "rows": rows} if wrapped else rows
    write(folder / "list.json", json.dumps(document, indent=indent, ensure_ascii=False))
    write(folder / "lines.json", "".join(json.dumps({"": 0} | row, ensure_ascii=False) + "\n" for row in rows) or "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_BLOCK", block)
        assert _rows(folder, "list.json") == wanted
        if len(rows) > 1:  # a lone object with a list may be a document as well
            assert _rows(folder, "lines.json") == [{"": "0"} | row for row in wanted]


def _text(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _rows(folder, name):
    source = Source("s", "f", "json", (("k", Mapping(value=1)),), "UTC", folder, path=name)
    files, errors = pending(source, {})
    assert not errors
    found = []
    for chunk in files[0].chunks():
        assert not chunk.unreadable
        for record in chunk.frame.astype(object).to_dict("records"):
            found.append({key: None if pd.isna(value) else value for key, value in record.items()})
    originals = json.loads((folder / name).read_text()) if name == "list.json" else None
    if originals is None:
        originals = [json.loads(line) for line in (folder / name).read_text().split("\n") if line]
    rows = originals["rows"] if isinstance(originals, dict) else originals
    return [{key: row.get(key) for key in original} for row, original in zip(found, rows, strict=True)]
