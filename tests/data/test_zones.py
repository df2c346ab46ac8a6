"""Local times to UTC against the standard library, for zones with every kind of change."""
# ruff: noqa: DTZ001  # the warehouse keeps UTC without a zone, and so do the answers here

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.zones import to_utc

ZONES = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",  # winter time is the exception there
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Caracas",
    "Australia/Lord_Howe",  # half an hour
    "Australia/Sydney",
    "Pacific/Apia",  # left out a day
    "Pacific/Kiritimati",
    "Africa/Casablanca",  # suspends summer time for Ramadan
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Pyongyang",
    "Antarctica/Troll",  # two hours
    "Etc/GMT+12",
]


def by_zoneinfo(wall, zone):
    """Give the instant of PEP 495's fold=0, which is what the design asks for, and whether the time is plain."""
    info = ZoneInfo(zone)
    utc = wall.replace(tzinfo=info, fold=0).astimezone(UTC).replace(tzinfo=None)
    exists = utc.replace(tzinfo=UTC).astimezone(info).replace(tzinfo=None) == wall
    other = wall.replace(tzinfo=info, fold=1).utcoffset()
    return utc, not exists or other != wall.replace(tzinfo=info, fold=0).utcoffset()


def converted(walls, zone):
    utc, adjusted = to_utc(np.array(walls, dtype="datetime64[us]"), zone)
    return utc.astype(object).tolist(), adjusted.tolist()


@settings(max_examples=300)
@given(
    zone=st.sampled_from(ZONES),
    walls=st.lists(st.datetimes(datetime(1895, 1, 1), datetime(2090, 1, 1)), min_size=1, max_size=5),
)
def test_any_local_time_is_what_zoneinfo_says(zone, walls):
    assert list(zip(*converted(walls, zone), strict=True)) == [by_zoneinfo(wall, zone) for wall in walls]


@pytest.mark.parametrize("zone", ZONES)
def test_every_quarter_hour_around_every_change_is_what_zoneinfo_says(zone):
    info = ZoneInfo(zone)
    day, walls = datetime(2005, 1, 1), []
    while day < datetime(2030, 1, 1):
        day += timedelta(days=1)
        if (day - timedelta(days=1)).replace(tzinfo=info).utcoffset() != day.replace(tzinfo=info).utcoffset():
            start = day - timedelta(days=2)
            walls += [start + timedelta(minutes=15 * n, microseconds=sub) for n in range(288) for sub in (-1, 0)]
    if walls:
        assert list(zip(*converted(walls, zone), strict=True)) == [by_zoneinfo(wall, zone) for wall in walls]


CASES = [
    ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30", True),  # 02:30 does not exist; 03:30 summer time
    ("Europe/Berlin", "2026-03-29T01:59:59.999999", "2026-03-29T00:59:59.999999", False),
    ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00", False),
    ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30", True),  # first of two
    ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00", False),
    ("Australia/Lord_Howe", "2026-10-04T02:10", "2026-10-03T15:40", True),  # half an hour later
    ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T22:00", True),  # a day that never was: the next one
    ("Africa/Casablanca", "2026-02-15T02:30", "2026-02-15T01:30", True),  # falls back at 03:00 before Ramadan
]


@pytest.mark.parametrize(("zone", "wall", "utc", "adjusted"), CASES)
def test_gaps_move_forward_and_doubtful_times_are_early(zone, wall, utc, adjusted):
    assert converted([wall], zone) == ([datetime.fromisoformat(utc)], [adjusted])


def test_missing_times_stay_missing():
    utc, adjusted = to_utc(np.array(["NaT", "2026-03-29T02:30"], "datetime64[us]"), "Europe/Berlin")
    assert np.isnat(utc).tolist() == [True, False]
    assert adjusted.tolist() == [False, True]
    utc, adjusted = to_utc(np.array(["NaT"], "datetime64[us]"), "Europe/Berlin")
    assert np.isnat(utc).all()
    assert not adjusted.any()


def test_times_far_apart_in_one_column():
    walls = ["0001-01-01", "2026-07-01", "9999-12-31T23:59:59"]
    for zone in ("Europe/Berlin", "America/New_York", "Pacific/Kiritimati"):
        utc, adjusted = to_utc(np.array(walls, "datetime64[us]"), zone)
        assert utc[1].astype(object) == by_zoneinfo(datetime(2026, 7, 1), zone)[0]
        assert not adjusted.any()
        assert abs(utc[2] - np.datetime64(walls[2])) <= np.timedelta64(15, "h")


def test_no_times_at_all():
    utc, adjusted = to_utc(np.array([], "datetime64[us]"), "Europe/Berlin")
    assert len(utc) == len(adjusted) == 0
