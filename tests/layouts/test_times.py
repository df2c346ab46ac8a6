from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from list_desk import ago
from wall_boards import NOW

from layouts.times import Times, is_for_ever
from layouts.words import spoken


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "Tue 24 Nov 14:03 CET"),
        ("Asia/Kolkata", "Tue 24 Nov 18:33 IST"),
        ("America/Sao_Paulo", "Tue 24 Nov 10:03 UTC-03:00"),
        ("Asia/Kathmandu", "Tue 24 Nov 18:48 UTC+05:45"),
        ("Pacific/Kiritimati", "Wed 25 Nov 03:03 UTC+14:00"),
        ("No/Where", "Tue 24 Nov 13:03 UTC"),
        ("../etc/passwd", "Tue 24 Nov 13:03 UTC"),
    ],
)
def test_a_time_carries_the_label_of_its_zone(zone, text):
    assert Times(NOW, zone).when(ago()) == text


def test_another_year_is_named():
    assert Times(NOW, "UTC").when("2025-12-31T23:59:59Z") == "Wed 31 Dec 2025 23:59 UTC"


@pytest.mark.parametrize(
    ("delta", "text"),
    [({"seconds": 5}, "5 s"), ({"seconds": 90}, "1 min"), ({"minutes": 89}, "89 min"), ({"hours": 47}, "47 h"),
     ({"days": 2}, "2 d"), ({"days": 1234}, "1,234 d"), ({"hours": -3}, "3 h")],
)  # fmt: skip
def test_spans(delta, text):
    assert Times(NOW, "UTC").span(ago(**delta)) == text


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (datetime(2026, 3, 28, 7, tzinfo=UTC), 23),  # the clocks go forward in the night to come
        (datetime(2026, 10, 24, 6, tzinfo=UTC), 25),  # and back
        (datetime(2026, 6, 1, 6, tzinfo=UTC), 24),
    ],
)
def test_tomorrow_at_eight_knows_the_clock_changes(now, hours):
    times = Times(now, "Europe/Berlin")
    assert (times.tomorrow(time(8)) - now).total_seconds() / 3600 == hours


def test_what_ends_in_the_last_year_has_no_end():
    assert is_for_ever("9999-12-31T23:59:59.999999Z")
    assert not is_for_ever(ago())


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "Di. 24. Nov. 14:03 MEZ"),
        ("Asia/Kolkata", "Di. 24. Nov. 18:33 IST"),
        ("America/Sao_Paulo", "Di. 24. Nov. 10:03 UTC-03:00"),
        ("No/Where", "Di. 24. Nov. 13:03 UTC"),
    ],
)
def test_a_time_in_german_carries_the_label_of_its_zone_too(zone, text):
    with spoken("de", "Asia/Tokyo"):
        assert Times(NOW, zone).when(ago()) == text


def test_other_times_in_german():
    times = Times(NOW, "Europe/Berlin")
    with spoken("de"):
        assert times.when("2025-07-01T12:00:07Z", seconds=True) == "Di. 1. Juli 2025 14:00:07 MESZ"
        assert times.day(ago()) == "Dienstag, 24. November 2026"
        assert times.clock(ago()) == "14:03:10 MEZ"
        assert [times.span(ago(**delta)) for delta in ({"seconds": 5}, {"hours": 47}, {"days": 1234})] == [
            "5 s", "47 Std.", "1.234 Tg.",
        ]  # fmt: skip
