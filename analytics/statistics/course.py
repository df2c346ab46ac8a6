"""The whole control chart of one series of days, drawn by the rules by which its last point is judged (see `change`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analytics.statistics.change import HELD_OUT, RARE, baseline_of, middling, reach
from analytics.statistics.cusum import cusum
from analytics.statistics.season import Calendar, season
from analytics.statistics.signals import Signal
from analytics.statistics.spc import guarded, observed, p_chart, pooled, u_chart, xmr

if TYPE_CHECKING:
    from analytics.statistics.signals import Array
    from analytics.statistics.spc import Chart


@dataclass(frozen=True, eq=False)
class Course:
    """One chart's days, oldest first, an element per day; NaN where nothing is known.

    `kind` says what a point is: a single value (xmr), a share (p) or a count (u). Where events are rare a signal is that of a
    CUSUM, and the limits are where the day may lie by what the baseline teaches. `signals` are flags of `Signal`, `side` what
    they speak for (1 high, -1 low, 0 none).
    """

    kind: Literal["xmr", "p", "u"]
    value: Array
    centre: Array
    lower: Array
    upper: Array
    signals: Array
    side: Array


def course_of_means(values: Any, days: Calendar, *, window: int | None = None) -> Course:  # noqa: ARG001  # as `latest_means`
    """Chart daily means by XmR; `values` and the calendar are those of one series, as one line of a table."""
    (line,), own = np.asarray(values, float), _own(days)
    baseline = baseline_of(line, HELD_OUT)
    adjusted = season(line, own, baseline=baseline, kind="additive").adjusted
    return _of_chart(guarded(xmr(adjusted, baseline=baseline)), "xmr")


def course_of_shares(events: Any, sizes: Any, days: Calendar, *, window: int | None = None) -> Course:  # noqa: ARG001  # as above
    """Chart daily shares on the rarer outcome, and turn them back."""
    (hits,), (of,) = observed(events, sizes, None)[:2]
    baseline = baseline_of(hits, HELD_OUT)
    usual = bool(pooled(hits, of, baseline & ~np.isnan(hits)) > 0.5)
    found = _of_events(of - hits if usual else hits, of, _own(days), baseline, "share")
    return _turned(found) if usual else found


def course_of_counts(events: Any, sizes: Any, days: Calendar, *, window: int | None = None) -> Course:  # noqa: ARG001  # as above
    """Chart daily counts."""
    (hits,), (of,) = observed(events, sizes, None)[:2]
    return _of_events(hits, of, _own(days), baseline_of(hits, HELD_OUT), "count")


def _own(days: Calendar) -> Calendar:
    return days if days.holidays is None else Calendar(days.weekdays, days.holidays[0])


def _of_events(
    events: Array, sizes: Array, days: Calendar, baseline: Array, shape: Literal["share", "count"]
) -> Course:
    factors = season(events / sizes, days, sizes=sizes, baseline=baseline).effect
    events, sizes, factors = observed(events, sizes, factors)
    rate = pooled(events, sizes * factors, baseline & ~np.isnan(events))
    kind: Literal["p", "u"] = "p" if shape == "share" else "u"
    if not middling(rate[..., None] * sizes * factors, baseline) < RARE:
        charted = p_chart if shape == "share" else u_chart
        return _of_chart(guarded(charted(events, sizes, baseline=baseline, factors=factors)), kind)
    sums = cusum(events, sizes, shape=shape, baseline=baseline, factors=factors)
    lower, upper = reach(sums, sizes * factors, 1.0 if shape == "share" else np.inf)
    known = ~np.isnan(upper)
    side = np.where(known, sums.side, 0)
    return Course(
        kind,
        events / sizes,
        np.where(known, sums.rate, np.nan),
        lower,
        upper,
        np.where(side != 0, int(Signal.CUSUM), 0),
        side,
    )


def _of_chart(chart: Chart, kind: Literal["xmr", "p", "u"]) -> Course:
    known = ~np.isnan(chart.sigma)
    lower, upper = (np.where(known, each, np.nan) for each in (chart.lower, chart.upper))
    return Course(kind, chart.values, chart.centre, lower, upper, chart.signals, chart.side)


def _turned(found: Course) -> Course:
    """Give a share's complement back as the share itself."""
    return Course(
        found.kind,
        1 - found.value,
        1 - found.centre,
        1 - found.upper,
        1 - found.lower,
        found.signals,
        -found.side,
    )
