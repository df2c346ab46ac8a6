import datetime as dt
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.sources import SourceError, columns


def test_types_stay_and_odd_ones_become_text(tmp_path, source_of, load):
    zone = dt.timezone(dt.timedelta(hours=2))
    table = pa.table(
        {
            "id": pa.array([1, None], pa.int32()),
            "price": pa.array([Decimal("12.50"), None]),
            "ok": [True, None],
            "at": pa.array([dt.datetime.fromisoformat("2026-01-01T12:00"), None], pa.timestamp("ns")),
            "zoned": pa.array([dt.datetime(2026, 1, 1, 12, tzinfo=zone), None], pa.timestamp("ms", "+02:00")),
            "day": pa.array([dt.date(2026, 1, 1), None]),
            "name": pa.array(["a", None]).dictionary_encode(),
            "place": pa.array([{"city": "Ulm", "geo": {"x": 1.5}}, None]),
            "tags": pa.array([["a", "b"], None]),
            "raw": pa.array([b"\xff", None]),
            "none": pa.nulls(2),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    got = load(source_of("a.parquet", format="parquet", columns=("id", "place.geo.x")))
    assert got.rows[0] == {
        "id": 1,
        "price": "12.50",
        "ok": True,
        "at": pd.Timestamp("2026-01-01 12:00"),
        "zoned": pd.Timestamp("2026-01-01 10:00", tz="UTC"),
        "day": pd.Timestamp("2026-01-01"),
        "name": "a",
        "place.city": "Ulm",
        "place.geo.x": 1.5,
        "tags": '["a", "b"]',
        "raw": "ff",
        "none": None,
    }
    assert set(got.rows[1].values()) == {None}
    assert str(got.frames[0]["id"].dtype) == "Int64"
    assert columns(source_of("a.parquet", format="parquet"))[7:9] == ("place.city", "place.geo.x")


def test_batches_are_counted_on(tmp_path, source_of, load):
    pq.write_table(pa.table({"id": range(450_000)}), tmp_path / "a.parquet")
    got = load(source_of("a.parquet", format="parquet"))
    assert len(got.frames) == 3
    assert got.numbers == list(range(1, 450_001))


def test_damaged_files_and_missing_columns_are_sentences(tmp_path, source_of, load):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(SourceError, match=r"a.parquet: it is no readable Parquet file"):
        load(source_of("a.parquet", format="parquet"))
    with pytest.raises(SourceError, match=r"a.parquet: it is no readable Parquet file"):
        columns(source_of("a.parquet", format="parquet"))
    pq.write_table(pa.table({"ID": [1]}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="column 'id' is not in the header; did you mean 'ID'"):
        load(source_of("a.parquet", format="parquet"))
