"""The contracts of the facts: which rows go on, and the sentence for each that does not."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from data.contracts import failures, schema
from data.mapping import read_rows
from data.settings import Extra, Mapping, Source

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def judged(given, **columns):
    """Give the reasons per row, those of the mapping and those of the contract."""
    rows = pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})
    mapped = read_rows(given, rows)
    return mapped.problems | failures(mapped.frame, schema(given, NOW))


def source(fact="repair_orders", key="order_id", event="received", **more):
    fields = ((key, Mapping("id")), *more.pop("fields", ()))
    values = {"events": ((event, "in"),), "timezone": "UTC", "folder": Path()} | more
    return Source(name="feed", fact=fact, format="csv", fields=fields, **values)


SURVEYS = source(
    "surveys", "survey_id", "answered",
    fields=(("csat", Mapping("csat")), ("nps", Mapping("nps")), ("ces", Mapping("ces"))),
)  # fmt: skip
DAY = "2026-05-01"


@pytest.mark.parametrize(
    ("column", "good", "bad", "span"),
    [
        ("csat", ["1", "5", ""], ["0", "6", "11", "-1", "5.01"], "between 1 and 5"),
        ("nps", ["0", "10"], ["-1", "11"], "between 0 and 10"),
        ("ces", ["1", "7"], ["0", "8"], "between 1 and 7"),
    ],
)
def test_marks_outside_their_scale(column, good, bad, span):
    for value in good + bad:
        marks = {name: [""] for name in ("csat", "nps", "ces")} | {column: [value]}
        reasons = judged(SURVEYS, id=["s"], **{"in": [DAY]}, **marks)
        wanted = {0: f"{column} {float(value)} is not {span}"} if value in bad else {}
        assert reasons == wanted


def test_an_outcome_that_nobody_knows():
    given = source(fields=(("outcome", Mapping("status")),))
    reasons = judged(given, id=["a", "b", "c"], **{"in": [DAY] * 3}, status=["repaired", "Fixed", ""])
    known = "repaired, not_repaired, unrepairable, no_fault_found, swapped, cancelled"
    assert reasons == {1: f"outcome 'Fixed' is not one of {known}; map it"}


def test_a_negative_cost():
    given = source(fields=(("cost", Mapping("cost")),))
    reasons = judged(given, id=["a", "b"], **{"in": [DAY] * 2}, cost=["-0.5", "0"])
    assert reasons == {0: "cost -0.5 is not at least 0"}


def test_a_missing_key():
    assert judged(source(), id=["", "a", "  "], **{"in": [DAY] * 3}) == {
        0: "order_id is missing",
        2: "order_id is missing",
    }


def test_a_missing_part_of_a_key():
    given = Source(
        "feed", "stock_levels", "csv", (("site", Mapping("s")), ("part", Mapping("p"))), "UTC", Path(), at="in"
    )
    assert judged(given, s=["a", ""], p=["x", "x"], **{"in": [DAY] * 2}) == {1: "site and part and at is missing"}


def test_no_time_at_all():
    given = source(events=(("received", "in"), ("closed", "out")))
    reasons = judged(given, id=["a", "b"], **{"in": [DAY, ""]}, out=["", ""])
    assert reasons == {1: "no event time: received_at, closed_at are all missing"}
    assert judged(source(), id=["a"], **{"in": [""]}) == {0: "no event time: received_at is missing"}


def test_times_of_the_future_are_rejected_wherever_they_say_what_happened():
    given = source(
        events=(("received", "in"), ("closed", "out")),
        fields=(("recorded_at", Mapping("rec")), ("promised_at", Mapping("due"))),
    )
    late = "2026-06-01T12:00:00.000001"
    for column, name in {"in": "received_at", "out": "closed_at", "rec": "recorded_at", "due": None}.items():
        row = {"in": [DAY], "out": [""], "rec": [""], "due": [""]} | {column: [late]}
        reasons = judged(given, id=["a"], **row)
        wanted = f"{name} 2026-06-01 12:00:00Z lies in the future; mend the row or its time zone"
        assert reasons == ({} if name is None else {0: wanted})
        exactly_now = row | {column: ["2026-06-01T12:00:00"]}
        assert judged(given, id=["a"], **exactly_now) == {}


def test_a_time_of_an_extra_may_lie_ahead():
    given = source(extra=(("warranty_until", Extra("w", "time")),))
    assert judged(given, id=["a"], **{"in": [DAY]}, w=["2030-01-01"]) == {}


def test_several_failures_of_one_row_are_all_told():
    given = source(fields=(("cost", Mapping("cost")), ("outcome", Mapping("status"))))
    (reason,) = judged(given, id=[""], **{"in": ["2099-01-01"]}, cost=["-1"], status=["Fixed"]).values()
    for part in ("order_id is missing", "cost -1.0", "outcome 'Fixed'", "received_at 2099-01-01 00:00:00Z"):
        assert part in reason


def test_braces_in_a_value_stay_as_they_are():
    given = source(fields=(("outcome", Mapping("status")),))
    (reason,) = judged(given, id=["a"], **{"in": [DAY]}, status=["{0} {name}"]).values()
    assert "'{0} {name}'" in reason


def test_no_rows_break_no_contract():
    assert judged(source(), id=[], **{"in": []}) == {}


def test_rows_keep_their_places():
    given = source(fields=(("cost", Mapping("cost")),))
    reasons = judged(given, id=["a", "b", "c", "d"], **{"in": [DAY] * 4}, cost=["x", "-1", "1", "-2"])
    assert sorted(reasons) == [0, 1, 3]
