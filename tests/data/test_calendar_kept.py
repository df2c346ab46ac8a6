"""The opening days of all sites are kept between judgements for as long as nothing that they follow from has changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics.facts import FACTS
from analytics.master import Master
from analytics.opening import calendar
from data.warehouse import CALENDAR_BACK, Warehouse

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


def master(at=NOON, opening="Mon-Fri 08:00-18:00", sources=("sites",)):
    row = dict.fromkeys(FACTS["sites"].field_names) | {"site": "S1", "opening": opening, "timezone": "Europe/Berlin"}
    return Master({"sites": pd.DataFrame([{"source": "sites", "batch": 1, "row": 1, "key": "S1"} | row])}, sources, at)


@pytest.fixture
def warehouse():
    built = Warehouse("duckdb://")
    yield built
    built.close()


def fresh(master_, zone="UTC"):
    return calendar(master_, zone, master_.moment.date() - CALENDAR_BACK)


def test_is_kept_while_nothing_changes(warehouse):
    first = warehouse.calendar(master(), "UTC")
    assert not first.empty
    assert warehouse.calendar(master(NOON + timedelta(hours=3)), "UTC") is first


@pytest.mark.parametrize(
    ("changed", "zone"),
    [
        (master(NOON + timedelta(days=1)), "UTC"),
        (master(opening="Mon-Sat 08:00-18:00"), "UTC"),
        (master(sources=("other", "sites")), "UTC"),
        (Master({}, ("sites",), NOON), "UTC"),
        (master(), "Asia/Tokyo"),
    ],
    ids=["day", "hours", "sources", "no_sites", "zone"],
)
def test_is_worked_out_anew(warehouse, changed, zone):
    first = warehouse.calendar(master(), "UTC")
    found = warehouse.calendar(changed, zone)
    assert found is not first
    pd.testing.assert_frame_equal(found, fresh(changed, zone))
    pd.testing.assert_frame_equal(warehouse.calendar(master(), "UTC"), first)
