"""A warning where the figure of the closed ones alone and that of all, those still open included, tell two different stories.

Who closes the easy ones and leaves the others lying has the fastest closed ones. There are good reasons too, so that the
warning says what may be, of no one, and never changes a level.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from analytics.figures import q_of
from analytics.kpi import Level
from analytics.statistics.evidence import quantile_above
from analytics.verdict import SURE
from analytics.wording import values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytics.kpi import Kpi, Reading, Slice

_OPENING = "Of the closed ones alone it is"
_SENTENCE = re.compile(rf"{_OPENING} .+?\.(?= |$)")


def warned(readings: Sequence[Reading], kpis: Mapping[str, Kpi]) -> list[Reading]:
    """Give the readings in their order, with one more sentence in the reasons of both where two tell different stories.

    They do where, for one slice, the KPI that names a `cohort` has a better level than that one, whose figure is the longer one
    and beyond doubt worse: with the evidence that a red needs it lies beyond the limit that the other one meets.
    """
    at: dict[tuple[str, Slice], int] = {(r.kpi, r.slice): i for i, r in enumerate(readings)}
    told = list(readings)
    for i, closed in enumerate(readings):
        cohort = kpis[closed.kpi].cohort
        j = at.get((cohort, closed.slice)) if cohort is not None else None
        if j is None or not _differ(closed, readings[j], kpis[readings[j].kpi]):
            continue
        said = _sentence(closed, readings[j])
        told[i], told[j] = _with(told[i], said), _with(told[j], said)
    return told


def warning(reading: Reading) -> str | None:
    """Give the warning in a reading's reason, as `warned` wrote it."""
    found = _SENTENCE.search(reading.reason)
    return found[0] if found else None


def _differ(closed: Reading, cohort: Reading, kpi: Kpi) -> bool:
    if closed.value is None or cohort.value is None or cohort.value <= closed.value:
        return False
    if closed.level is Level.GREEN and cohort.level in (Level.AMBER, Level.RED):
        return _beyond_green(cohort, kpi) >= SURE
    if closed.level in (Level.AMBER, Level.TURNING) and cohort.level is Level.RED:
        return (cohort.evidence or 0.0) >= SURE
    return False


def _beyond_green(cohort: Reading, kpi: Kpi) -> float:
    """Give the probability that the true quantile of a cohort lies beyond its green limit.

    Its customers hurt are the rows beyond the green limit less the 1 - q that may lie there (`pain.customers_hurt`).
    """
    allowed = (1 - q_of(kpi)) * cohort.n
    return float(quantile_above(cohort.customers + allowed, cohort.n, q_of(kpi))) if cohort.customers > 0 else 0.0


def _sentence(closed: Reading, cohort: Reading) -> str:
    assert closed.value is not None  # noqa: S101  # without figures there are no stories
    assert cohort.value is not None  # noqa: S101
    alone, every = values(closed.unit, closed.value, cohort.value)
    return f"{_OPENING} {alone}; counting those still open it is {every}: the slow ones may be left waiting."


def _with(reading: Reading, said: str) -> Reading:
    return reading if warning(reading) else replace(reading, reason=f"{reading.reason} {said}")
