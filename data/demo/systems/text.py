"""Moments and codes as the systems write them, many at once."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from data.demo.dice import keyed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from data.demo.network import Network

Array = npt.NDArray[Any]
_DAILY = 14
EXTRA = "\x01"
"""Stands for a delimiter too many, until the line is written."""


def named(names: Sequence[Any], codes: Any) -> Array:
    """Give each code's name."""
    taken: Array = np.array(names, dtype=object)[np.asarray(codes)]
    return taken


def where(known: Any, values: Any) -> Array:
    """Give the values where they are known, else None."""
    kept = np.array(values, dtype=object)
    kept[~np.asarray(known, dtype=bool)] = None
    return kept


def stamps(network: Network, seconds: Any) -> Array:
    """Write moments as ISO 8601 in UTC; never is None."""
    at = np.asarray(seconds, dtype=float)
    known = np.isfinite(at)
    whole = np.where(known, at, 0).astype("timedelta64[s]")
    text = np.datetime_as_string(np.datetime64(network.start.replace(tzinfo=None), "s") + whole, timezone="UTC")
    return where(known, text)


def local_stamps(network: Network, seconds: Any, zone: str, date_format: str, time_format: str) -> Array:
    """Write moments in a zone's local time; never is the empty text."""
    at = np.asarray(seconds, dtype=float)
    known = np.isfinite(at)
    moments = pd.Timestamp(network.start) + pd.to_timedelta(np.where(known, at, 0), unit="s")
    local = pd.DatetimeIndex(moments).tz_convert(zone).tz_localize(None).as_unit("s").asi8
    days, which = np.unique(local // 86400, return_inverse=True)
    dates = pd.to_datetime(days * 86400, unit="s").strftime(date_format).to_numpy(dtype=object)
    times, clock = np.unique(local % 86400, return_inverse=True)
    hours = pd.to_datetime(times, unit="s").strftime(time_format).to_numpy(dtype=object)
    return np.asarray(np.where(known, dates[which] + " " + hours[clock], ""))


def chosen(one_in: int, salt: int, *columns: Any) -> Array:
    """Choose one row in so many by what it is alone, so that the same are chosen whenever they are written."""
    whole = [np.nan_to_num(np.asarray(column, dtype=float)).astype(np.int64) for column in columns]
    picked: Array = keyed(salt, *whole) % np.uint64(one_in) == 0
    return picked


def drops(network: Network, told: Any, zone: str = "UTC") -> Iterator[tuple[str, slice]]:
    """Cut rows in the order in which they were told into the files that hold them: their names, and their rows.

    There is a file per local day; of what lies back longer than two weeks at the end of the history, one per month.
    """
    days = np.char.strip(local_stamps(network, told, zone, "%Y-%m-%d", "").astype(str))
    if len(days):
        kept = f"{network.start + timedelta(days=network.days - _DAILY):%Y-%m-%d}"
        names = np.where(days < kept, days.astype("U7"), days)
        cuts = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1), len(names)]
        for first, last in itertools.pairwise(cuts):
            yield str(names[first]), slice(int(first), int(last))


def lines(columns: dict[str, Any], delimiter: str) -> bytes:
    """Write columns of text as lines, with EXTRA as one more delimiter. No value holds a delimiter or a quote."""
    table = pa.table(
        {name: pa.array(np.asarray(values, dtype=object), pa.string()) for name, values in columns.items()}
    )
    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False, delimiter=delimiter, quoting_style="none"))
    written: bytes = sink.getvalue().to_pybytes()
    return written.replace(EXTRA.encode(), delimiter.encode())


def append(path: Path, head: str, body: bytes, encoding: str = "utf-8") -> None:
    """Append whole lines in one go, after the head if the file is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (head + "\n").encode() + body if head and not path.exists() else body
    with path.open("ab") as file:
        file.write(text if encoding == "utf-8" else text.decode().encode(encoding))
        file.flush()


def with_dirt(columns: dict[str, Array], changes: list[tuple[Array, dict[str, Any]]]) -> tuple[dict[str, Array], Array]:
    """Put beside some rows what real exports hold beside them; give the columns, and each row's place in the clean ones.

    A change is a mask of rows and what the copies of these rows say instead (columns of text, for all rows).
    """
    count = len(next(iter(columns.values())))
    places = np.concatenate([np.arange(count), *(np.flatnonzero(mask) for mask, _ in changes)])
    if len(places) == count:
        return columns, places
    order = np.argsort(places, kind="stable")
    found = {}
    for name, values in columns.items():
        copies = [np.asarray(other.get(name, values), dtype=object)[np.flatnonzero(mask)] for mask, other in changes]
        found[name] = np.concatenate([np.asarray(values, dtype=object), *copies])[order]
    return found, places[order]
