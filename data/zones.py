"""Local times to UTC, whole columns at once, DST gaps and overlaps included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SECOND = np.timedelta64(1, "s")
_DAY = timedelta(days=1)
_LAST_YEAR = 9999
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)


def to_utc(wall: NDArray[np.datetime64], zone: str) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Give the UTC instants (datetime64[us]) of local times, and which of them had to be adjusted.

    A time inside a gap moves forward by the gap; an ambiguous one takes the earlier of its two instants. NaT stays NaT.
    """
    known = ~np.isnat(wall)
    if not known.any():
        return wall, np.zeros(len(wall), dtype=bool)
    present = np.unique(wall[known].astype("datetime64[Y]").astype(int)) + 1970
    starts, offsets, lows = _offsets(zone, tuple(present.tolist()))
    # the last change whose gap or overlap begins at or before the time; if its end lies after it, the time is inside
    begun = np.searchsorted(lows, wall, side="right")
    ended = np.searchsorted(starts, wall, side="right")
    utc = wall - offsets[ended] * _SECOND
    adjusted = known & (begun > ended)
    utc[~known] = np.datetime64("NaT")
    return utc, adjusted


@lru_cache(maxsize=256)
def _offsets(zone: str, years: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Give the local times from which a new offset holds, the offsets between them, and where their gaps or overlaps begin.

    The offset before a change holds for every local time inside the gap or overlap it makes: that moves a time in a gap
    forward by the gap, and gives an ambiguous one its earlier instant.
    """
    around = sorted({near for year in years for near in (year - 1, year, year + 1) if 1 <= near <= _LAST_YEAR})
    offsets: list[int] = []
    starts, lows = [], []
    for year in around:
        first, changes = _year(zone, year)
        if year - 1 not in around:  # the years left out hold none of the times, nor do the edges of those around them
            if offsets:
                starts.append(np.datetime64(f"{year:04d}-01-01", "us"))
                lows.append(starts[-1])
            offsets.append(first)
        for instant, after in changes:
            before = offsets[-1]
            lows.append(instant + min(before, after) * _SECOND)
            starts.append(instant + max(before, after) * _SECOND)
            offsets.append(after)
    return np.array(starts, "datetime64[us]"), np.array(offsets, "int64"), np.array(lows, "datetime64[us]")


@lru_cache(maxsize=4096)
def _year(zone: str, year: int) -> tuple[int, tuple[tuple[Any, int], ...]]:
    """Give a zone's offset in seconds at the start of a year (UTC), and the instants in it at which another one begins.

    The changes are found to the second, by looking at every day and then closer.
    """
    info = ZoneInfo(zone)
    # the first and last days that Python can tell in every zone
    low = max(datetime(year, 1, 1, tzinfo=UTC), _FIRST)
    end = min(datetime(year, 12, 31, tzinfo=UTC), _LAST) + _DAY
    first = _offset(info, low)
    found = []
    while low < end:
        if _offset(info, low) != _offset(info, low + _DAY):
            left, right = low, low + _DAY
            while right - left > timedelta(seconds=1):
                middle = left + timedelta(seconds=int((right - left).total_seconds()) // 2)
                left, right = (middle, right) if _offset(info, middle) == _offset(info, left) else (left, middle)
            found.append((np.datetime64(right.replace(tzinfo=None), "us"), _offset(info, right)))
        low += _DAY
    return first, tuple(found)


def _offset(info: ZoneInfo, instant: datetime) -> int:
    offset = instant.astimezone(info).utcoffset()
    return int(offset.total_seconds()) if offset else 0
