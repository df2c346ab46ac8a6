from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pandera.pandas  # noqa: F401  # it asks pyarrow to drop zones, which must not reach a partner's times
import pyarrow as pa

from data.sources.frames import times_array

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))


def test_a_time_with_a_zone_keeps_its_instant_whatever_the_environment_asks_of_pyarrow(monkeypatch):
    for asked in ("", "1"):
        monkeypatch.setenv("PYARROW_IGNORE_TIMEZONE", asked)
        assert times_array([NOON, None]).to_pylist() == [datetime(2026, 1, 1, 10, tzinfo=UTC), None]


def test_no_library_makes_pyarrow_drop_zones():
    assert pa.array([NOON], pa.timestamp("us", "UTC"))[0].as_py() == pd.Timestamp("2026-01-01T10:00Z")
