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


def to_utc(wall: NDArray[np.datetime64], zone: str) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Give the UTC instants (datetime64[us]) of local times, and which of them had to be adjusted.

    A time inside a gap moves forward by the gap; an ambiguous one takes the earlier of its two instants. NaT stays NaT.
    """
    known = ~np.isnat(wall)
    if not known.any():
        return wall, np.zeros(len(wall), dtype=bool)
    years = wall[known].astype("datetime64[Y]").astype(int) + 1970
    starts, offsets, gaps, overlaps = _offsets(zone, int(years.min()) - 1, int(years.max()) + 1)
    position = np.searchsorted(starts, wall, side="right")
    utc = wall - offsets[position] * _SECOND
    adjusted = np.zeros(len(wall), dtype=bool)
    for low, high in (*gaps, *overlaps):
        adjusted |= (wall >= low) & (wall < high)
    utc[~known] = np.datetime64("NaT")
    return utc, adjusted


@lru_cache(maxsize=256)
def _offsets(zone: str, first: int, last: int) -> tuple[Any, Any, list[Any], list[Any]]:
    """Give the local times at which the offset changes, the offsets between them, the gaps and the overlaps.

    The offset before a change holds for every local time inside the gap or overlap it makes: that moves a time in a gap
    forward by the gap, and gives an ambiguous one its earlier instant.
    """
    info = ZoneInfo(zone)
    changes = _changes(info, first, last)
    start = datetime(max(first, 1), 1, 1, tzinfo=UTC)
    offsets = [_offset(info, start)]
    starts, gaps, overlaps = [], [], []
    for instant in changes:
        before, after = offsets[-1], _offset(info, instant)
        local = np.datetime64(instant.replace(tzinfo=None), "us")
        low = local + min(before, after) * _SECOND
        high = local + max(before, after) * _SECOND
        (gaps if after > before else overlaps).append((low, high))
        starts.append(high)
        offsets.append(after)
    return np.array(starts, dtype="datetime64[us]"), np.array(offsets, dtype="int64"), gaps, overlaps


def _offset(info: ZoneInfo, instant: datetime) -> int:
    offset = instant.astimezone(info).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _changes(info: ZoneInfo, first: int, last: int) -> list[datetime]:
    """Find the instants at which a zone's offset changes, to the second, by looking at every day and then closer."""
    day = timedelta(days=1)
    low = datetime(max(first, 1), 1, 1, tzinfo=UTC)
    end = datetime(min(last, 9998) + 1, 1, 1, tzinfo=UTC)
    found = []
    while low < end:
        if _offset(info, low) != _offset(info, low + day):
            left, right = low, low + day
            while right - left > timedelta(seconds=1):
                middle = left + timedelta(seconds=int((right - left).total_seconds()) // 2)
                left, right = (middle, right) if _offset(info, middle) == _offset(info, left) else (left, middle)
            found.append(right)
        low += day
    return found
