"""Lengths of time and schedules as the settings write them."""

from __future__ import annotations

import re
from datetime import UTC

from apscheduler.triggers.cron import CronTrigger

_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)")
_CRON_FIELDS = 5
_LONGEST = 100 * 366 * 86400.0


def seconds(text: str) -> float:
    """Give the seconds of "10 s", "30 min", "2 h" or "1 d"; raise ValueError for anything else, or more than 100 years."""
    match = _LENGTH.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text}" is no length of time')
    length = float(match[1]) * _UNITS[match[2]]
    if length > _LONGEST:
        raise ValueError(f'"{text}" is longer than 100 years')
    return length


def interval_seconds(text: str) -> float | None:
    """Give the seconds between two loads, or None for a cron line; raise ValueError if it is neither."""
    if len(text.split()) == _CRON_FIELDS:
        try:
            CronTrigger.from_crontab(text, timezone=UTC)
        except ValueError as error:
            raise ValueError(f'"{text}" is no cron line ({error})') from error
        return None
    length = seconds(text)
    if length <= 0:
        raise ValueError(f'"{text}" is no time at all')
    return length
