"""What tables ask for, as the server understands it."""

from __future__ import annotations

import pytest

from layouts.analysis.grid import wanted_of, wanted_shown
from layouts.inquiry import Filter, Wanted
from layouts.words import spoken


def day(kind, first="2026-11-22 00:00:00", last=None):
    model = {"filterType": "date", "type": kind, "dateFrom": first, "dateTo": last}
    return wanted_of({"filterModel": {"closed_at": model}}).filters


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("equals", Filter("closed_at", "between", "2026-11-21T23:00:00+00:00", "2026-11-22T23:00:00+00:00")),
        ("lessThan", Filter("closed_at", "below", "2026-11-21T23:00:00+00:00")),
        ("greaterThan", Filter("closed_at", "at_least", "2026-11-22T23:00:00+00:00")),
        ("blank", Filter("closed_at", "blank")),
    ],
)
def test_days_begin_where_their_reader_is(kind, wanted):
    with spoken("en", "Europe/Berlin"):
        assert day(kind) == (wanted,)


def test_a_day_on_which_the_clock_changes_has_25_hours():
    with spoken("en", "Europe/Berlin"):
        (found,) = day("inRange", "2026-10-24", "2026-10-25")
    assert (found.value, found.high) == ("2026-10-23T22:00:00+00:00", "2026-10-25T23:00:00+00:00")


def test_what_is_no_day_is_said():
    with spoken("en", "UTC"), pytest.raises(ValueError, match="None is no day"):
        day("equals", None)


def test_a_table_asks_for_rows_sorted_and_narrowed():
    asked = {
        "startRow": 100, "endRow": 200, "sortModel": [{"colId": "late", "sort": "desc"}],
        "filterModel": {"key": {"filterType": "text", "type": "startsWith", "filter": "R-"}},
    }  # fmt: skip
    assert wanted_of(asked) == Wanted(100, 200, (("late", True),), (Filter("key", "starts", "R-"),))


def test_nobody_gets_more_than_a_thousand_rows_at_once():
    assert wanted_of({"startRow": 0, "endRow": 10**9}).end == 1000


@pytest.mark.parametrize("shown", ["[1]", "{", '{"f": 3}', '{"s": [["a", "up"]]}', '{"f": {"a": {"type": "magic"}}}'])
def test_an_address_that_makes_no_sense_is_refused(shown):
    with pytest.raises(ValueError, match=r"nothing that a table shows|nobody understands"):
        wanted_shown(shown)
