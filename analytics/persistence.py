"""Persistence: a red is entered on the second of three days, and left beyond a recovery limit; what late data has reversed.

One-shot boards say the level of the moment, the live Board the persistent one; both remember the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from analytics.figures import sides
from analytics.integrity import advised
from analytics.kpi import Level, Reversal, Standing, Told, changed
from analytics.verdict import level_of
from analytics.wording import value_and_limit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from analytics.kpi import Before, Bound, Kpi, Limits, Reading

KEPT = 7
"""Days that are remembered of what was told, and on which late data may still reverse a verdict."""
BLATANT = 0.99
"""So sure that it is not green (without peers: that it is beyond red) a red is entered at once."""
CLEARANCE = 0.25
"""A red is left when its figure has come back by this share of the way from the red to the green limit."""
DRAWN = (Level.RED, Level.AMBER)


def settled(
    reading: Reading,
    kpi: Kpi,
    before: Before | None,
    points: Mapping[str, float | None],
    today: date,
    *,
    persistent: bool,
) -> Reading:
    """Remember what is told today, mark what late data has reversed, and give a `persistent` level if one is asked for.

    `reading` has the level of the moment, `points` the figures of the last days as known now.
    """
    if reading.level not in DRAWN and (before is None or before.standing is None):
        return reading
    past = [t for t in (_told(before) if before else ()) if t.day < today.isoformat()][-KEPT:]
    told = (*past, Told(today.isoformat(), reading.level, reading.value))
    entered = before is not None and before.standing is not None and before.standing.red
    level, why = _level(reading, kpi, told, points, today, entered=entered)
    remembered = level is Level.RED or any(t.level is Level.RED or _was_beyond(t, kpi, reading) for t in told)
    standing = Standing(told, level is Level.RED or (entered and level is Level.UNKNOWN)) if remembered else None
    done = changed(reading, standing=standing, reversed=_reversed(reading, kpi, past, points))
    if not persistent or level is reading.level:
        return done
    return changed(done, level=level, reason=advised(kpi, level, why))


def _told(before: Before) -> tuple[Told, ...]:
    """Give what was told of past days: of what is not remembered, the level it has had on the days since it has it."""
    if before.standing is not None:
        return before.standing.told
    since = before.since.date().isoformat() if before.since is not None else before.days[-1:][0] if before.days else ""
    return tuple(Told(day, before.level, None) for day in before.days if day >= since)


def _level(
    reading: Reading,
    kpi: Kpi,
    told: tuple[Told, ...],
    points: Mapping[str, float | None],
    today: date,
    *,
    entered: bool,
) -> tuple[Level, str]:
    """Give the persistent level and, where it differs from that of the moment, the reason."""
    said, red = value_and_limit(reading.value, reading.limits.red, reading.unit)
    if entered and reading.level in (Level.AMBER, Level.GREEN) and not recovered(kpi, reading):
        _, limit = value_and_limit(reading.value, recovery(kpi, reading), reading.unit)
        where = "still" if level_of(kpi, reading.value or 0.0, reading.limits) is Level.RED else "no longer"
        return Level.RED, f"{said} is {where} beyond the red limit of {red}; it stays red until it meets {limit}."
    if reading.level is not Level.RED or entered or _at_once(reading, kpi):
        return reading.level, reading.reason
    needed, of = kpi.enter
    known = _reds(reading, kpi, told, points, today, of)
    if sum(known) >= needed or len(known) == 1:
        return Level.RED, reading.reason
    days = "one day" if sum(known) == 1 else f"{sum(known)} days"
    return (
        Level.AMBER,
        f"{said} is beyond the red limit of {red}, so far for {days}: red from {needed} of {of} days on.",
    )


def _at_once(reading: Reading, kpi: Kpi) -> bool:
    """Tell whether a red is too clear to wait: a draw that is beyond doubt, a fact as far beyond red as red is beyond green."""
    if reading.trial is None:
        far = replace(reading.limits, red=_apart(reading.limits, 1.0))
        return level_of(kpi, reading.value or 0.0, far) is Level.RED
    sure = reading.evidence if reading.among_peers is None else reading.among_peers
    return sure is not None and sure >= BLATANT


def _reds(
    reading: Reading, kpi: Kpi, told: tuple[Told, ...], points: Mapping[str, float | None], today: date, of: int
) -> list[bool]:
    """Tell for those of the last days that anything is known of whether they were red, today first.

    Today's level counts; of the days before the figure that was told, however sure one was of it then; of days without a
    Board, what is known of them now.
    """
    by_day = {t.day: t.level is Level.RED or (t.day < today.isoformat() and _was_beyond(t, kpi, reading)) for t in told}
    found = []
    for back in range(of):
        day = (today.fromordinal(today.toordinal() - back)).isoformat()
        value = points.get(day)
        if day in by_day:
            found.append(by_day[day])
        elif value is not None:
            found.append(level_of(kpi, value, reading.limits) is Level.RED)
    return found


def _was_beyond(told: Told, kpi: Kpi, reading: Reading) -> bool:
    """Tell whether what was amber for want of certainty stood beyond the red limit all the same."""
    return (
        told.level is Level.AMBER and told.value is not None and level_of(kpi, told.value, reading.limits) is Level.RED
    )


def recovery(kpi: Kpi, reading: Reading) -> Bound:
    """Give the limit that a red figure must meet to be left: the KPI's own, or a quarter of the way from red to green."""
    return _apart(reading.limits, -CLEARANCE) if kpi.recovery is None else kpi.recovery


def _apart(limits: Limits, share: float) -> Bound:
    """Give the bound that lies beyond the red one by a share of its distance from the green one; before it, if negative."""
    green, red = limits.green, limits.red
    if isinstance(green, tuple) and isinstance(red, tuple):
        low, high = (r + share * (r - g) for g, r in zip(green, red, strict=True))
        return low, high
    assert not isinstance(green, tuple)  # noqa: S101  # the settings give both limits one shape
    assert not isinstance(red, tuple)  # noqa: S101
    return red + share * (red - green)


def recovered(kpi: Kpi, reading: Reading) -> bool:
    """Tell whether a figure meets the recovery limit."""
    if reading.value is None:
        return False
    low, high = sides(kpi, recovery(kpi, reading))
    return (low is None or reading.value >= low) and (high is None or reading.value <= high)


def _reversed(reading: Reading, kpi: Kpi, past: list[Told], points: Mapping[str, float | None]) -> tuple[Reversal, ...]:
    """Compare what was told of past days with what is known of them now: rows that came late may have turned a verdict."""
    found = []
    for told in past:
        value = points.get(told.day)
        if value is None or told.level is Level.UNKNOWN:
            continue
        now = level_of(kpi, value, reading.limits)
        then = told.level if told.value is None else level_of(kpi, told.value, reading.limits)
        # what chance and peers made of a figure is no matter of late data
        if (now is Level.RED) == (then is Level.RED):
            continue
        said = "" if told.value is None else f" with {value_and_limit(told.value, reading.limits.red, reading.unit)[0]}"
        later, _ = value_and_limit(value, reading.limits.red, reading.unit)
        why = f"{told.day} was told {told.level.value}{said}; with the rows that came later it is {later}, which is {now.value}."
        found.append(Reversal(told.day, told.level, now, why))
    return tuple(found)
