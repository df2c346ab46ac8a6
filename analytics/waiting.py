"""What `explain` shows of a time in which those still open count: its curve, how rows ended, and the figure of the closed ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.answers import listed, slices
from analytics.derived.derivation import hours
from analytics.figures import from_row, q_of, sides
from analytics.history import lay_windows, scan_times
from analytics.kpi import dimensions, is_pool
from analytics.measure import Scan, aggregate, among, edges, slice_text
from analytics.named import NAMED
from analytics.statistics.competing import aalen_johansen, kaplan_meier
from analytics.two_stories import warning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import ibis.expr.types as ir
    import pandas as pd

    from analytics.derived import Sight
    from analytics.judge import Judge, View
    from analytics.kpi import Kpi, Reading
    from analytics.named import Named

MOST_POINTS = 50
_HAIR = 1e-9
"""What shares are off by after many multiplications."""


def survival(judge: Judge, view: View, kpi: Kpi, reading: Reading, moment: datetime) -> dict[str, Any] | None:
    """Give the survival of a reading's cohort as JSON; None if its KPI neither is one nor names one, and for pools of slices.

    `closed_only` is the figure of the KPI of the closed ones alone (null if there is none), `kaplan_meier` that of the cohort,
    `still_open` the rows that have not ended in any way, `curve` the share that waits for longer than so many hours. On it those
    given up are followed until they were, as in `kaplan_meier`. `by_limit` says what has become of all by the red limit, where
    being given up is an end like others; null if nobody was followed for so long. All come from all rows of the cohort.
    """
    closed, cohort = _pair(kpi, judge.kpis)
    if cohort is None or is_pool(reading.slice):
        return None
    asked = _Asked(judge, view, reading, moment)
    rows = asked.rows(replace(cohort, by=(asked.by,) if asked.by else ()))
    return {
        "closed_only": reading.value if kpi is closed else asked.scanned(closed) if closed else None,
        "kaplan_meier": reading.value if kpi is cohort else asked.cohort_value(cohort),
        "still_open": int(rows["cause"].isna().sum()),
        "by_limit": by_limit(rows, _limit(kpi, reading)),
        "curve": curve(rows, 1 - q_of(cohort)),
        "warning": warning(reading),
    }


def by_limit(rows: pd.DataFrame, limit: float) -> dict[str, float] | None:
    """Give the share that ended in each way within `limit` hours, and as `open` the rest.

    `rows` have `cause` (missing: open still) and `cause_hours` (until it ended, else until now). None if nobody is known to have
    waited for so long while somebody waits.
    """
    if rows.empty:
        return None
    ends = aalen_johansen(rows["cause_hours"], rows["cause"].astype(object).where(rows["cause"].notna(), None))
    left = ends.waiting_at(limit)
    if left > _HAIR and ends.times[-1] < limit:
        return None
    return ends.ended_at(limit) | {"open": left}


def curve(rows: pd.DataFrame, crossing: float, most: int = MOST_POINTS) -> list[list[float]]:
    """Give [hours, share that waits for longer] at not more than `most` steps, from [0, 1] on.

    `rows` have `waited_hours` and `ended`. Kept are the first and the last, and the one where the share first is no more than
    `crossing`, which is what the quantile is read off; the others are spread evenly over the steps.
    """
    if rows.empty:
        return []
    times, waiting = kaplan_meier(rows["waited_hours"], rows["ended"])
    times, waiting = np.concatenate(([0.0], times)), np.concatenate(([1.0], waiting))
    # at 0 h all wait at first, and the last point says how far anybody was followed
    steps = np.flatnonzero(np.diff(waiting, prepend=2.0) != 0)
    steps = np.union1d(steps, [len(times) - 1])
    crossed = steps[waiting[steps] <= crossing + _HAIR][:1]
    spread = steps[np.unique(np.linspace(0, len(steps) - 1, most - 1).round().astype(int))]
    kept = np.union1d(spread, crossed)
    return [[float(t), float(s)] for t, s in zip(times[kept], waiting[kept], strict=True)]


def _pair(kpi: Kpi, kpis: Sequence[Kpi]) -> tuple[Kpi | None, Kpi | None]:
    """Give the KPI of the closed ones alone and that of the cohort, of which `kpi` is one."""
    if kpi.cohort is not None:
        return kpi, next((each for each in kpis if each.key == kpi.cohort), None)
    if kpi.measure.shape == "named" and _named(kpi).cohort:
        return next((each for each in kpis if each.cohort == kpi.key), None), kpi
    return None, None


def _named(kpi: Kpi) -> Named:
    return NAMED[kpi.measure.name or ""]


def _limit(kpi: Kpi, reading: Reading) -> float:
    low, high = sides(kpi, reading.limits.red)
    limit = high if high is not None else low
    assert limit is not None  # noqa: S101  # a limit has at least one side
    return limit


class _Asked:
    """What is asked of the facts for one slice at one moment."""

    def __init__(self, judge: Judge, view: View, reading: Reading, moment: datetime) -> None:
        self.judge, self.view, self.moment, self.slice = judge, view, moment, reading.slice
        self.by = dimensions(reading.slice)
        self.texts = [slice_text(self.by, reading.slice)] if self.by else []

    def rows(self, kpi: Kpi) -> pd.DataFrame:
        """Give `waited_hours`, `ended`, `cause` and `cause_hours` of every row of the slice's cohort."""

        def build(sight: Sight) -> ir.Table:
            rows = _named(kpi).rows(sight, kpi)
            rows = rows.filter(among(rows, self.by, sight)) if self.by else rows
            cause_hours = hours(rows.began_at, rows.cause_at).coalesce(rows.waited_hours)
            return rows.select("waited_hours", "ended", "cause", cause_hours=cause_hours)

        return self.view.ask(("waits", kpi, self.by), build, self._times(kpi), self.texts)

    def scanned(self, kpi: Kpi) -> float | None:
        """Give the figure of a KPI that is measured by a scan."""
        scan = Scan(kpi.fact, kpi.day, kpi.window_days, (self.by,), (kpi,))
        sources = tuple(rule.name for rule in self.judge.feeds if rule.fact == kpi.fact)
        table = self.view.fact(kpi.fact, scan.columns)
        found = self.view.ask(
            ("scan", scan, sources, bool(self.by)),
            lambda sight: aggregate(scan, table, sources, sight, together=bool(self.by)),
            self._times(kpi),
            self.texts,
        )
        figures = {str(name).removeprefix("k0_"): value for name, value in found.iloc[0].items()} if len(found) else {}
        return from_row(kpi, figures, self.slice, edges(kpi)).value

    def cohort_value(self, kpi: Kpi) -> float | None:
        """Give the figure of a named measure."""
        kpi = replace(kpi, agreed=self.view.master.agreed(kpi))
        figures = _named(kpi).figures
        assert figures is not None  # noqa: S101  # a cohort is a function of the facts
        found = self.view.ask(("named", kpi, self.by), lambda sight: figures(sight, kpi, self.by), self._times(kpi))
        records = found.to_dict(orient="records")
        own = next((r for s, r in zip(slices(listed(found), self.by), records, strict=True) if s == self.slice), {})
        return from_row(kpi, {str(name): value for name, value in own.items()}, self.slice, edges(kpi)).value

    def _times(self, kpi: Kpi) -> dict[str, datetime | None]:
        lay_windows(self.view, [kpi], self.moment, self.judge.zone)
        return scan_times(self.moment, kpi.window_days, self.judge.zone, self.view.watermarks())
