"""Sorting and filtering on the server: the same rows in the same order as pandas gives, and nothing but that for odd input."""

from __future__ import annotations

import math
import re
import string
from typing import get_args

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.inquiring import Filter, Operator, Wanted
from data.exports.laid import Laid
from data.exports.tables import Column
from data.inquiry.narrowing import MOST_SORTS, narrowed
from data.inquiry.page import page

COLUMNS = (
    Column("key"),
    Column("who"),
    Column("cost", "number"),
    Column("count", "integer"),
    Column("late", "bool"),
    Column("at", "time"),
    Column('odd "name"'),
)
TEXTS = st.one_of(st.none(), st.text(string.ascii_letters + " %_'\"\\;-", min_size=1, max_size=6))
TIMES = st.none() | st.datetimes(pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-04")).map(
    lambda t: t.replace(minute=0, second=0, microsecond=0)
)
NUMBERS = st.none() | st.sampled_from([-1.5, 0.0, 2.0, 2.5, 1e300, math.nan])
ROWS = st.lists(
    st.tuples(TEXTS, NUMBERS, st.none() | st.integers(-3, 3), st.none() | st.booleans(), TIMES, TEXTS), max_size=25
)


def table_of(rows):
    con = duckdb.connect()
    con.execute(
        'CREATE TABLE t (key VARCHAR, who VARCHAR, cost DOUBLE, count BIGINT, late BOOLEAN, "at" TIMESTAMP, "odd ""name""" VARCHAR)'
    )
    told = [(f"K{i:03d}", *row) for i, row in enumerate(rows)]
    if told:
        con.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", told)
    return con, Laid("SELECT * FROM t", COLUMNS), pd.DataFrame(told, columns=[c.name for c in COLUMNS], dtype=object)


def keys(con, laid, wanted):
    return [row["key"] for row in page(con, laid, wanted, {}).rows]


def missing(value):
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def passes(kind, value, one):
    if one.operator in ("blank", "not_blank"):
        return (missing(value) or value == "") == (one.operator == "blank")
    negative = one.operator in ("not_contains", "not_equals")
    if missing(value):
        return negative
    if kind == "text":
        value, asked, high = value.lower(), one.value.lower(), (one.high or "").lower()
    elif kind == "time":
        asked, high = pd.Timestamp(one.value), pd.Timestamp(one.high) if one.high else None
    else:
        asked, high = one.value, one.high
    return {
        "contains": lambda: asked in value,
        "not_contains": lambda: asked not in value,
        "starts": lambda: value.startswith(asked),
        "ends": lambda: value.endswith(asked),
        "equals": lambda: value == asked,
        "not_equals": lambda: value != asked,
        "below": lambda: value < asked,
        "at_most": lambda: value <= asked,
        "above": lambda: value > asked,
        "at_least": lambda: value >= asked,
        "between": lambda: asked <= value < high if kind == "time" else asked <= value <= high,
    }[one.operator]()


ORDERED = ("equals", "not_equals", "below", "at_most", "above", "at_least", "between", "blank", "not_blank")
SOME = st.text(string.ascii_letters + " %_'\"\\;-", max_size=3)
# the hour keeps a bare midnight, which stands for a day, out of here
HOURS = st.integers(0, 71).map(lambda h: f"2026-01-{1 + h // 24:02d}T{h % 24:02d}:00:00")


@st.composite
def filters(draw):
    column = draw(st.sampled_from(COLUMNS[1:]))
    if column.kind == "text":
        operator = draw(st.sampled_from((*ORDERED, "contains", "not_contains", "starts", "ends")))
        return column, Filter(column.name, operator, draw(SOME), draw(SOME))
    if column.kind == "bool":
        return column, Filter(
            column.name, draw(st.sampled_from(("equals", "not_equals", "blank"))), draw(st.booleans())
        )
    values = HOURS if column.kind == "time" else st.sampled_from([-1.5, 0.0, 1, 2, 2.5, 3])
    return column, Filter(column.name, draw(st.sampled_from(ORDERED)), draw(values), draw(values))


SORTS = st.lists(
    st.tuples(st.sampled_from([c.name for c in COLUMNS]), st.booleans()), max_size=3, unique_by=lambda each: each[0]
)


def sorted_by(rows, sort):
    """Sort by the last column first: sorting keeps the order of equals, and what is missing comes last either way."""
    kinds = {c.name: c.kind for c in COLUMNS}
    for name, down in reversed([*sort, ("key", False)]):
        told = [row for row in rows if not missing(row[name])]
        lowered = [(row[name].lower() if kinds[name] == "text" else row[name], row) for row in told]
        ordered = [row for _, row in sorted(lowered, key=lambda each: each[0], reverse=down)]
        rows = [*ordered, *(row for row in rows if missing(row[name]))]
    return rows


@given(ROWS, st.lists(filters(), max_size=2), SORTS)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_rows_are_those_that_pandas_gives(rows, asked, sort):
    con, laid, frame = table_of(rows)
    expected = [r for r in frame.to_dict(orient="records") if all(passes(c.kind, r[c.name], one) for c, one in asked)]
    wanted = Wanted(0, 100, tuple(sort), tuple(one for _, one in asked))
    found = page(con, laid, wanted, {})
    assert (found.total, found.all) == (len(expected), len(rows))
    assert [row["key"] for row in found.rows] == [row["key"] for row in sorted_by(expected, sort)]


@given(ROWS, SORTS, st.integers(1, 7))
@settings(max_examples=30)
def test_pages_partition_the_whole(rows, sort, size):
    con, laid, _ = table_of(rows)
    whole = keys(con, laid, Wanted(0, 100, tuple(sort)))
    pages = [keys(con, laid, Wanted(i, i + size, tuple(sort))) for i in range(0, len(rows), size)]
    assert [key for each in pages for key in each] == whole
    assert len(set(whole)) == len(rows)


ODD = ["'; DROP TABLE t; --", '" OR 1=1 --', "%", "_", "\\", "' OR ''='", "$1", "?", "a\nb", "\u200b", "İ", "ß"]


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("operator", ["contains", "equals", "starts", "ends", "below"])
def test_values_are_never_read_as_sql(text, operator):
    con, laid, _ = table_of([(text, None, None, None, None, None), ("zzz", None, None, None, None, None)])
    found = keys(con, laid, Wanted(filters=(Filter("who", operator, text),)))
    assert ("K000" in found) == (operator != "below")
    if operator != "below":
        assert found == ["K000"]
    assert con.execute("SELECT count(*) FROM t").fetchone() == (2,)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(sort=(("who; DROP TABLE t", False),)), "There is no column 'who; DROP TABLE t'; there are key, who"),
        (Wanted(filters=(Filter("1=1 --", "equals", 1),)), "There is no column '1=1 --'"),
        (Wanted(filters=(Filter("cost", "equals", "cheap"),)), "cost: 'cheap' is not a number."),
        (Wanted(filters=(Filter("cost", "equals", float("nan")),)), "cost: nan is not a number."),
        (Wanted(filters=(Filter("cost", "between", 1, None),)), "cost between what? A value is missing."),
        (Wanted(filters=(Filter("cost", "contains", "1"),)), "cost holds numbers: only texts"),
        (Wanted(filters=(Filter("late", "equals", "perhaps"),)), "late: 'perhaps' is neither true nor false."),
        (Wanted(filters=(Filter("late", "above", True),)), "late is true or false"),
        (Wanted(filters=(Filter("at", "below", "soon"),)), "at: 'soon' is not an ISO 8601 time"),
        (Wanted(filters=(Filter("who", "equals", None),)), "who is what? A value is missing."),
        (Wanted(filters=(Filter("who", "equals", "\x00"),)), "who: '\\x00' holds characters"),
        (Wanted(filters=(Filter("who", "equals", "\ud800"),)), "holds characters"),
        (Wanted(filters=(Filter("who", "contains", "x" * 2_000),)), "a text of 2,000 characters is too long"),
        (Wanted(filters=(Filter("who", "like", "x"),)), "'like' is no way to filter"),
        (Wanted(start=-1), "Rows -1 to 100 are no page"),
        (Wanted(start=5, end=2), "Rows 5 to 2 are no page"),
        (Wanted(end=1_000_000), "A page has at most 10,000 rows"),
        (Wanted(start=1 << 70, end=(1 << 70) + 5), "No table has"),
    ],
)
def test_what_cannot_be_wanted_is_said(wanted, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        narrowed(wanted, COLUMNS)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
@pytest.mark.parametrize("operator", [each for each in get_args(Operator) if "blank" not in each])
def test_a_missing_value_is_said_of_every_column(column, operator):
    for value, high in ((None, None), (None, "2026-01-01"), *([("2026-01-01", None)] if operator == "between" else [])):
        with pytest.raises(ValueError, match="what\\? A value is missing\\."):
            narrowed(Wanted(filters=(Filter(column.name, operator, value, high),)), COLUMNS)


def test_it_is_sorted_by_each_column_once_and_by_eight_at_most():
    many = [Column("key"), *(Column(f"c{i}") for i in range(20))]
    sort = tuple((f"c{i}", i == 1) for i in (1, 0, 1, *range(20)))
    found = narrowed(Wanted(sort=(*sort, ("c1", False))), many)
    assert found.sorted_by == "c1 (descending), c0, c2, c3, c4, c5, c6, c7"
    assert found.order.count("NULLS LAST") == MOST_SORTS == 8
    assert found.order.endswith(', "key"')


def test_days_of_a_readers_own_zone_are_instants():
    times = [
        "2026-03-28 22:59:59.999999",
        "2026-03-28 23:00",
        "2026-03-29 12:00",
        "2026-03-29 21:59:59.999999",
        "2026-03-29 22:00",
    ]
    con, laid, _ = table_of([(None, None, None, None, pd.Timestamp(at).to_pydatetime(), None) for at in times])

    def found(operator, value, high=None):
        return [int(key[1:]) for key in keys(con, laid, Wanted(filters=(Filter("at", operator, value, high),)))]

    # the 29th of March in Berlin has 23 hours
    for start, end in (
        ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
        ("2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"),
        ("2026-03-28 23:00:00+00:00", "2026-03-29 22:00:00+00:00"),
    ):
        assert found("between", start, end) == [1, 2, 3]
        assert found("below", start) == [0]
        assert found("at_least", end) == [4]
    # a day in UTC begins with what a picker of dates writes as midnight, and an instant does not
    assert found("between", "2026-03-29", "2026-03-29T00:00:00Z") == []
    assert found("between", "2026-03-28T23:00:00Z", "2026-03-29") == [1, 2, 3, 4]


def test_a_date_alone_is_a_whole_day():
    times = [f"2026-01-0{day} {hour:02d}:00:00" for day in (1, 2, 3) for hour in (0, 23)]
    con, laid, _ = table_of([(None, None, None, None, pd.Timestamp(at).to_pydatetime(), None) for at in times])

    def found(operator, value, high=None):
        return [int(key[1:]) for key in keys(con, laid, Wanted(filters=(Filter("at", operator, value, high),)))]

    for day in ("2026-01-02", "2026-01-02 00:00:00"):
        assert found("equals", day) == [2, 3]
        assert found("not_equals", day) == [0, 1, 4, 5]
        assert found("below", day) == [0, 1]
        assert found("at_most", day) == [0, 1, 2, 3]
        assert found("above", day) == [4, 5]
        assert found("at_least", day) == [2, 3, 4, 5]
    assert found("between", "2026-01-01", "2026-01-02") == [0, 1, 2, 3]
    assert found("equals", "2026-01-02T00:00:00Z") == [2]
    assert found("equals", "2026-01-02T01:00:00+01:00") == [2]


def test_true_and_false_can_be_typed():
    con, laid, _ = table_of([(None, None, None, late, None, None) for late in (True, False, None)])
    assert keys(con, laid, Wanted(filters=(Filter("late", "contains", "TR"),))) == ["K000"]
    assert keys(con, laid, Wanted(filters=(Filter("late", "equals", "false"),))) == ["K001"]
