"""A source's own rows in canonical names and types, or the reason why not."""
# ruff: noqa: DTZ001  # the warehouse keeps UTC without a zone, and so do the answers here

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.mapping import read_rows
from data.settings import Extra, KindRule, Mapping, Source

KEY = ("order_id", Mapping("id"))


def source(**more):
    values = {
        "name": "feed", "fact": "repair_orders", "format": "csv", "fields": (KEY,), "timezone": "Europe/Berlin",
        "folder": Path(), "events": (("received", "in"),),
    }  # fmt: skip
    return Source(**values | more)


def frame(**columns):
    size = max(len(values) for values in columns.values())
    base = {"id": [f"o{n}" for n in range(size)], "in": ["2026-01-15"] * size} | columns
    return pd.DataFrame(
        {name: v if isinstance(v, pd.Series) else pd.Series(v, dtype="str") for name, v in base.items()}
    )


def read(given=None, **columns):
    return read_rows(given or source(), frame(**columns))


def column(mapped, name):
    return [None if pd.isna(value) else value for value in mapped.frame[name].tolist()]


def with_field(name, mapping, **more):
    return source(fields=(KEY, (name, mapping)), **more)


def with_extra(kind, **more):
    return source(extra=(("x", Extra("col", kind)),), **more)


# text

TEXTS = ["NA", "null", "None", "nan", "-", "?", "", "   ", "  A B  ", "\u00a0X\u00a0", "007"]


def test_only_empty_text_is_missing_and_text_is_trimmed():
    mapped = read(with_field("country", Mapping("col")), col=TEXTS)
    assert column(mapped, "country") == ["NA", "null", "None", "nan", "-", "?", None, None, "A B", "X", "007"]
    assert mapped.problems == {}


def test_what_the_settings_list_is_missing_too():
    mapped = read(with_field("country", Mapping("col"), missing=("?", "-")), col=TEXTS)
    assert column(mapped, "country")[4:6] == [None, None]
    assert column(mapped, "country")[0] == "NA"


def test_listed_numbers_and_times_are_missing_in_typed_columns_too():
    given = source(
        fields=(KEY, ("cost", Mapping("cost"))),
        events=(("received", "in"), ("closed", "out")),
        missing=("-1", "1900-01-01"),
    )
    out = pd.Series(pd.to_datetime(["1900-01-01", "2026-02-01"]))
    mapped = read(given, cost=pd.Series([-1.0, 5.0]), out=out)
    assert column(mapped, "cost") == [None, 5.0]
    assert pd.isna(mapped.frame["closed_at"].tolist()[0])


# maps and constants


def test_a_map_compares_trimmed_text_as_written_and_counts_what_it_does_not_name():
    mapping = Mapping("status", map=(("Fixed", "repaired"), ("End of life", "unrepairable")))
    mapped = read(with_field("outcome", mapping), status=["Fixed", " End of life ", "fixed", "Lost", "", "   "])
    assert column(mapped, "outcome") == ["repaired", "unrepairable", None, None, None, None]
    assert mapped.unmapped == 2


def test_a_map_to_nothing_is_missing():
    mapped = read(with_field("country", Mapping("col", map=(("n/a", ""), ("D", "DE")))), col=["n/a", "D"])
    assert column(mapped, "country") == [None, "DE"]
    assert mapped.unmapped == 0


def test_a_map_compares_numbers_and_booleans_as_a_person_writes_them():
    mapping = Mapping("code", map=(("1", "repaired"), ("2", "swapped")))
    for values in (pd.Series([1, 2]), pd.Series([1.0, 2.0]), pd.Series([1, 2], dtype="Int64")):
        assert column(read(with_field("outcome", mapping), code=values), "outcome") == ["repaired", "swapped"]
    yes = Mapping("ok", map=(("true", "repaired"), ("false", "not_repaired")))
    for values in (pd.Series([True, False]), pd.Series([True, False], dtype="boolean")):
        assert column(read(with_field("outcome", yes), ok=values), "outcome") == ["repaired", "not_repaired"]


def test_a_map_may_give_numbers_and_booleans():
    cost = Mapping("col", map=(("low", "5"), ("high", "7.5")))
    assert column(read(with_field("cost", cost), col=["low", "high", "?"]), "cost") == [5.0, 7.5, None]
    public = source(
        fact="contacts", fields=(("contact_id", Mapping("id")), ("public", Mapping("col", map=(("Y", "true"), ("N", "false"))))),
        events=(("offered", "in"),),
    )  # fmt: skip
    assert column(read(public, col=["Y", "N", "?", ""]), "public") == [True, False, None, None]


def test_constants():
    given = source(fields=(KEY, ("country", Mapping(value="US")), ("cost", Mapping(value=5))))
    mapped = read(given, id=["a", "b"])
    assert column(mapped, "country") == ["US", "US"]
    assert column(mapped, "cost") == [5.0, 5.0]


# numbers


def test_numbers():
    good = ["1", " 2.5 ", "-3", "+4", "1e3", ".5", "5.", "", "0"]
    assert column(read(with_field("cost", Mapping("col")), col=good), "cost") == [1, 2.5, -3, 4, 1000, 0.5, 5, None, 0]


@pytest.mark.parametrize("text", ["1,000", "1.000,5", "1 000", "1'000", "12 EUR", "inf", "-inf", "Infinity", "nan", "NaN", "1e999", "0x10", "1_000", "١٢", "--1"])  # fmt: skip
def test_what_is_no_number_is_told_with_column_and_value(text):
    mapped = read(with_field("cost", Mapping("col")), col=["1", text])
    assert column(mapped, "key") == ["o0"]
    assert list(mapped.problems) == [1]
    assert mapped.problems[1].startswith(f"cost '{text}' is not a number")


def test_infinite_typed_numbers_are_no_numbers():
    mapped = read(with_field("cost", Mapping("col")), col=pd.Series([1.0, np.inf, np.nan]))
    assert list(mapped.problems) == [1]
    assert column(mapped, "cost") == [1.0, None]


def test_whole_numbers():
    mapped = read(with_extra("integer"), col=["1", "2.0", "2.5", "x"])
    assert column(mapped, "x") == [1, 2]
    assert "x '2.5' is not a whole number" in mapped.problems[2]
    assert mapped.problems[3].startswith("x 'x' is not a number")


def test_a_thousand_rows_name_only_the_bad_one():
    values = [str(n) for n in range(1000)]
    values[500] = "1,5"
    mapped = read(with_field("cost", Mapping("col")), col=values)
    assert list(mapped.problems) == [500]
    assert len(mapped.frame) == 999


# booleans


def test_booleans():
    mapped = read(with_extra("bool"), col=["true", "FALSE", "True", "", "yes", "1"])
    assert column(mapped, "x") == [True, False, True, None]
    assert mapped.problems[4].startswith("x 'yes' is not true or false")
    assert list(mapped.problems) == [4, 5]


@pytest.mark.parametrize(
    "values", [pd.Series([1, 0]), pd.Series([1.0, 0.0]), pd.Series([True, False]), pd.Series([1, 0], dtype="Int64")]
)
def test_typed_booleans(values):
    assert column(read(with_extra("bool"), col=values), "x") == [True, False]


def test_a_typed_number_that_is_no_boolean():
    mapped = read(with_extra("bool"), col=pd.Series([1, 2]))
    assert mapped.problems == {1: "x '2' is not true or false"}


# times


def instants(texts, **more):
    mapped = read(source(**more), **{"in": texts})
    return [str(value) for value in mapped.frame["received_at"].tolist()], mapped


TIMES = [
    ("2026-01-15", "2026-01-14 23:00:00"),  # local midnight
    ("2026-01-15 10:00", "2026-01-15 09:00:00"),
    ("2026-07-15T10:00:00", "2026-07-15 08:00:00"),
    ("2026-01-15T10:00:00Z", "2026-01-15 10:00:00"),
    ("2026-01-15T10:00:00+05:30", "2026-01-15 04:30:00"),
    ("2026-01-15 10:00:00 -0800", "2026-01-15 18:00:00"),
    ("2026-01-15T10:00:00-08", "2026-01-15 18:00:00"),
    ("2026-01-15T10Z", "2026-01-15 10:00:00"),
    ("20260115T100000Z", "2026-01-15 10:00:00"),
    ("20260115", "2026-01-14 23:00:00"),
    ("2026-01-15T10:00:00.1234567", "2026-01-15 09:00:00.123456"),
]


@pytest.mark.parametrize(("text", "instant"), TIMES)
def test_iso_times(text, instant):
    assert instants([text])[0] == [instant]


def test_many_ways_to_write_a_time_in_one_column():
    found, mapped = instants([text for text, _ in TIMES])
    assert found == [instant for _, instant in TIMES]
    assert mapped.problems == {}


@pytest.mark.parametrize("text", ["15.01.2026", "01/15/2026", "2026-13-01", "2026-02-30", "now", "1700000000", "2026", "2026-01", "NaT", "2026-01-15T25:00", "2026-01-15T10:00 CET"])  # fmt: skip
def test_what_is_no_time_is_told_with_column_and_value(text):
    mapped = read(**{"in": ["2026-01-15", text]})
    assert mapped.problems[1].startswith(f"received_at '{text}' is not a time")
    assert len(mapped.frame) == 1


def test_changes_of_the_clock_are_counted():
    found, mapped = instants(["2026-03-29T02:30", "2026-10-25T02:30", "2026-10-25T02:30+01:00", "2026-06-01"])
    assert found == ["2026-03-29 01:30:00", "2026-10-25 00:30:00", "2026-10-25 01:30:00", "2026-05-31 22:00:00"]
    assert mapped.adjusted == 2


def test_a_datetime_format():
    found, mapped = instants(
        ["15/07/2026 10:00", " 15/01/2026 10:00 ", "2026-01-15 10:00"], datetime_format="%d/%m/%Y %H:%M"
    )
    assert found == ["2026-07-15 08:00:00", "2026-01-15 09:00:00"]
    assert mapped.problems == {2: "received_at '2026-01-15 10:00' is not a time written like %d/%m/%Y %H:%M"}


def test_a_datetime_format_with_an_offset():
    texts = ["15/01/2026 10:00 +0100", "15/01/2026 10:00 -0500", "15/01/2026 10:00 Z", "15/01/2026 10:00"]
    found, mapped = instants(texts, datetime_format="%d/%m/%Y %H:%M %z")
    assert found == ["2026-01-15 09:00:00", "2026-01-15 15:00:00", "2026-01-15 10:00:00"]
    assert list(mapped.problems) == [3]
    assert mapped.adjusted == 0


def test_a_date_format_means_local_midnight():
    assert instants(["15.07.2026"], datetime_format="%d.%m.%Y")[0] == ["2026-07-14 22:00:00"]


def test_typed_times():
    walls = pd.Series(pd.to_datetime(["2026-07-15 10:00", None]).astype("datetime64[ns]"))
    mapped = read(
        source(events=(("received", "in"), ("closed", "id"))), **{"in": walls, "id": ["2026-01-01", "2026-01-02"]}
    )
    assert str(mapped.frame["received_at"].tolist()[0]) == "2026-07-15 08:00:00"
    aware = pd.Series(pd.to_datetime(["2026-07-15 10:00"]).tz_localize("America/New_York"))
    assert [str(t) for t in read(**{"in": aware}).frame["received_at"]] == ["2026-07-15 14:00:00"]


def test_a_column_of_times_and_texts():
    mixed = pd.Series(
        [datetime(2026, 7, 15, 10), "2026-07-15 10:00", datetime(2026, 7, 15, 10, tzinfo=UTC)], dtype="object"
    )
    found = [str(t) for t in read(**{"in": mixed}).frame["received_at"]]
    assert found == ["2026-07-15 08:00:00", "2026-07-15 08:00:00", "2026-07-15 10:00:00"]


def test_never_is_kept_within_what_can_be_told():
    never = with_field("promised_at", Mapping("col"), timezone="America/New_York")
    mapped = read(never, col=["9999-12-31T23:59:59", "0001-01-01", "9999-12-31T23:59:59-05:00"])
    assert mapped.problems == {}
    assert all(1 <= at.year <= 9999 for at in mapped.frame["promised_at"])


# typed keys


@pytest.mark.parametrize("ids", [pd.Series([12, 13]), pd.Series([12.0, 13.0]), pd.Series([12, 13], dtype="Int64")])
def test_a_typed_key_is_text_as_a_person_writes_it(ids):
    assert column(read(id=ids), "key") == ["12", "13"]


def test_a_time_as_text_does_not_depend_on_its_neighbours():
    given = with_field("fault", Mapping("col"))
    alone = read(given, col=pd.Series(pd.to_datetime(["2026-01-15"])))
    beside = read(given, col=pd.Series(pd.to_datetime(["2026-01-15 00:00", "2026-01-16 10:00"])))
    assert column(alone, "fault")[0] == column(beside, "fault")[0]


@pytest.mark.parametrize("other", ["2026-01-16", "2026-01-16T10:00", "2026-01-16T10:00:00.5"])
def test_the_key_of_a_snapshot_does_not_depend_on_its_neighbours(other):
    given = source(
        fact="stock_levels", fields=(("site", Mapping("s")), ("part", Mapping("p"))), events=(), at="in", timezone="UTC"
    )
    key = read(given, s=["a", "a"], p=["x", "x"], **{"in": ["2026-01-15", other]}).frame["key"].tolist()[0]
    assert key == "a\x1fx\x1f2026-01-15 00:00:00.000000"


def test_the_key_of_a_tally_is_its_local_day_and_slice():
    given = source(
        fact="tallies",
        events=(),
        at="in",
        fields=(("name", Mapping("n")), ("partner", Mapping("p")), ("numerator", Mapping("v"))),
    )
    texts = ["2026-01-15T00:30", "2026-01-15", "2026-01-14T23:30Z"]
    keys = read(given, n=["bounce"] * 3, p=["A", "A", "A"], v=["1", "2", "3"], **{"in": texts}).frame["key"].tolist()
    assert keys == ["bounce\x1f2026-01-15\x1fA"] * 3


def test_a_missing_part_of_a_snapshot_key():
    given = source(fact="stock_levels", fields=(("site", Mapping("s")), ("part", Mapping("p"))), events=(), at="in")
    mapped = read(given, s=["a", "", "a"], p=["x", "x", ""], **{"in": ["2026-01-15"] * 3})
    assert mapped.frame["key"].isna().tolist() == [False, True, True]


# kinds

KINDS = (
    KindRule("qc_failed", (("act", ("Test",)), ("ok", ("false", "0")))),
    KindRule("qc_passed", (("act", ("Test",)),)),
    KindRule("closed", (("act", ("Close", "Archive")),)),
)


def by_event(kinds):
    return source(events=(), at="in", kinds=kinds)


def test_the_first_kind_that_matches_counts_and_others_are_ignored():
    mapped = read(
        by_event(KINDS), act=["Test", " Test ", "Test", "Archive", "test", ""], ok=["false", "0", "", "x", "false", ""]
    )
    assert column(mapped, "kind") == ["qc_failed", "qc_failed", "qc_passed", "closed"]
    assert mapped.ignored == 2


def test_a_kind_without_when_matches_every_row():
    mapped = read(by_event((*KINDS, KindRule("assigned"))), act=["Test", "Else", ""], ok=["true", "", ""])
    assert column(mapped, "kind") == ["qc_passed", "assigned", "assigned"]
    assert mapped.ignored == 0


def test_typed_columns_in_when():
    given = by_event((KindRule("qc_failed", (("ok", ("false",)), ("n", ("1",)))),))
    assert read(given, ok=pd.Series([False, True]), n=pd.Series([1.0, 1.0])).ignored == 1


def test_a_row_that_no_kind_matches_is_ignored_whatever_else_is_wrong_with_it():
    mapped = read(by_event(KINDS), act=["Else", "Test"], ok=["", ""], **{"in": ["rubbish", "rubbish"]})
    assert mapped.ignored == 1
    assert list(mapped.problems) == [1]


# several problems


def test_all_that_is_wrong_with_a_row_is_told():
    given = source(fields=(KEY, ("cost", Mapping("cost")), ("promised_at", Mapping("due"))))
    mapped = read(given, cost=["a lot"], due=["soon"])
    assert "cost 'a lot' is not a number" in mapped.problems[0]
    assert "promised_at 'soon' is not a time" in mapped.problems[0]


def test_a_long_value_is_shown_shortened():
    mapped = read(with_field("cost", Mapping("col")), col=["x" * 5000])
    assert len(mapped.problems[0]) < 250


def test_no_rows():
    mapped = read_rows(with_field("cost", Mapping("col")), frame(col=["1"]).iloc[:0])
    assert mapped.frame.empty
    assert mapped.problems == {}
