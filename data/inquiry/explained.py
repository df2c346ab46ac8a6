"""Why a reading has its level, and what it was in the window before, as documents."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from analytics.before import before
from analytics.charts import Charts, course
from analytics.explain import reasons
from analytics.kpi import is_pool
from analytics.rows_behind import members
from data.inquiry.plain import instant
from data.inquiry.reading import reading_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.judge import Judge
    from analytics.kpi import Kpi, Slice
    from data.inquiry.boards import Boards, Kept
    from data.inquiry.sights import Sight

WEEK = timedelta(days=7)
NEAR_ENOUGH = timedelta(hours=12)
"""A Board of so much before or after a week ago tells the state one week earlier."""
_SURVIVAL = ("closed_only", "kaplan_meier", "still_open")


def explained(board: Kept, sight: Sight, judge: Judge, kpi: Kpi, slice_: Slice) -> dict[str, Any]:
    """Give a stored reading with why it has its level; nothing else is judged again."""
    stored = board.reading(kpi.key, slice_)
    reading, view, moment = reading_of(stored), sight.view, board.moment
    slices = members(board.document["readings"], kpi.key, slice_)
    found = reasons(judge, view, kpi, reading, moment, slices)
    change = stored.get("change")
    if change is None:
        charted = Charts().charted(view, [kpi], judge.feeds, [reading], moment, judge.zone)
        change = charted[reading.kpi, reading.slice]
    survival = found["survival"]
    return (
        dict(stored)
        | found
        | {
            "drivers": stored["drivers"] or found["drivers"],
            "survival": survival and {name: survival[name] for name in _SURVIVAL},
            "change": change,
            "chart": course(view, kpi, judge.feeds, reading, moment, judge.zone),
            "rows_total": sight.behind.of(kpi, slice_, slices).count(view.con),
            "better": kpi.better,
            "sources": [feed["name"] for feed in board.document["sources"] if feed["fact"] == kpi.fact],
        }
    )


def earlier(board: Kept, sight: Sight, judge: Judge, kpi: Kpi) -> dict[Slice, dict[str, Any]]:
    """Give a booked KPI's figures over the window just before."""
    pools = {
        slice_: members(board.document["readings"], kpi.key, slice_) for slice_ in board.of(kpi.key) if is_pool(slice_)
    }
    found = before(judge, sight.view, kpi, board.moment, pools)
    window = {"from": instant(found.window[0]), "to": instant(found.window[1])}
    return {
        slice_: {
            "value": figures.value,
            "numerator": figures.numerator,
            "denominator": figures.denominator,
            "n": figures.n,
            "window": window,
        }
        for slice_, figures in found.figures.items()
    }


def week_ago(board: Kept, boards: Boards, kpi: Kpi) -> Mapping[Slice, dict[str, Any]]:
    """Give a state as the Board of one week earlier had it; where none is stored, what readings remember of that day."""
    then = board.moment - WEEK
    stored = boards.near(then, NEAR_ENOUGH)
    if stored is not None and kpi.key in stored.readings:
        names = ("value", "numerator", "denominator", "n", "window")
        return {slice_: {name: each[name] for name in names} for slice_, each in stored.of(kpi.key).items()}
    return _remembered(board, kpi)


def _remembered(board: Kept, kpi: Kpi) -> dict[Slice, dict[str, Any]]:
    day = (board.local_day - WEEK).isoformat()
    found = {}
    for slice_, reading in board.of(kpi.key).items():
        values = {at: value for at, value, *_ in reading["history"]}
        if values.get(day) is not None:
            nothing = {"numerator": None, "denominator": None, "n": None, "window": {"from": None, "to": day}}
            found[slice_] = {"value": values[day], **nothing}
    return found
