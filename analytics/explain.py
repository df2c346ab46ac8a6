"""Why a reading has its level: its formula in words, where its limits come from, and the rows behind the number."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from analytics.behind import behind, pooled
from analytics.driven import has_before, mix_rate, told
from analytics.integrity import why
from analytics.kpi import Level, dimensions, is_pool
from analytics.measure import ZONE, among, slice_text
from analytics.named import NAMED
from analytics.rows_behind import behind_number
from analytics.verdict import limits_for
from analytics.waiting import survival
from analytics.watch import charted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from analytics.behind import Behind
    from analytics.derived import Sight
    from analytics.integrity import Pack
    from analytics.judge import Judge, View
    from analytics.kpi import Condition, Kpi, Reading, Slice

MOST_ROWS = 1000
_METHODS = {
    "share": "beta posterior of the share (Jeffreys' prior)",
    "ratio": "beta posterior where the numerator is a part of the denominator, else 1 beyond the limit",
    "mean": "Student's t",
    "quantile": "beta posterior of the share of rows beyond the limit",
    "count": "1 beyond the limit, else 0",
    "sum": "1 beyond the limit, else 0",
    "odds": "beta posterior of the share of the one kind among both (Jeffreys' prior)",
    "limit": "1 beyond the limit, else 0",
}
_WORDS = {
    "is": "is",
    "in": "is one of",
    "above": ">",
    "below": "<",
    "at_least": ">=",
    "at_most": "<=",
}


def explanation(judge: Judge, view: View, kpi: Kpi, reading: Reading, moment: datetime) -> dict[str, Any]:
    """Give what `explain` adds to a reading; `rows` are at most 1,000 of the `rows_total` that it counts."""
    slices = _slices(judge, view, reading, moment)
    rows, total = _rows(judge, view, kpi, slices, dimensions(reading.slice), moment)
    change = judge.charts.charted(view, [kpi], judge.feeds, [reading], moment, judge.zone)
    return {
        "change": charted(reading, change[reading.kpi, reading.slice]),
        "rows": rows,
        "rows_total": total,
    } | reasons(judge, view, kpi, reading, moment, slices)


def reasons(
    judge: Judge, view: View, kpi: Kpi, reading: Reading, moment: datetime, slices: Sequence[Slice]
) -> dict[str, Any]:
    """Give why a reading has its level, without its rows; `slices` are those it is made of.

    `drivers` are looked for whatever the level, as long as it is not green; `mix_rate` splits the change since the window before,
    `survival` says how long its rows wait, where they do.
    """
    return {
        "survival": survival(judge, view, kpi, reading, moment),
        "formula": formula(kpi),
        "limits_from": limits_for(kpi, reading.slice, view.master)[1],
        "health_reason": reading.reason
        if reading.health.value != "ok"
        else "the data is fresh and the sample large enough",
        "evidence_method": _METHODS[
            NAMED[kpi.measure.name or ""].proof if kpi.measure.shape == "named" else kpi.measure.shape
        ],
    } | _driven(judge, view, kpi, reading, slices, moment)


def _driven(
    judge: Judge, view: View, kpi: Kpi, reading: Reading, slices: Sequence[Slice], moment: datetime
) -> dict[str, Any]:
    """Give what drives a reading, and how its change parts into mix and rate."""
    if reading.level is Level.GREEN or reading.value is None:
        return {"drivers": [], "mix_rate": None}
    identity = (reading.kpi, reading.slice)

    def looked_at(*, before: bool) -> Behind | None:
        found = behind(view, [kpi], judge.feeds, [reading], moment, judge.zone, pools={identity: slices}, before=before)
        return found.get(identity)

    rows = looked_at(before=False)
    if rows is None:
        return {"drivers": [], "mix_rate": None}
    split = mix_rate(kpi, rows, looked_at(before=True)) if has_before(kpi) else None
    return {"drivers": list(told(rows)), "mix_rate": split}


def formula(kpi: Kpi) -> str:
    """Write a KPI's measure as a sentence."""
    measure = kpi.measure
    if measure.shape == "named":
        return f"{NAMED[measure.name or ''].formula}; {_when(kpi)}"
    subject = _condition(measure.condition) if measure.condition else measure.column
    what = {
        "share": f"share of rows where {subject}, among those where that is known",
        "count": f"number of rows where {subject}" if subject else "number of rows",
        "mean": f"mean of {subject}",
        "sum": f"sum of {subject}",
        "quantile": f"{measure.q or 0:g}-quantile of {subject}",
        "ratio": f"sum of {subject} over sum of {measure.denominator}",
    }[measure.shape]
    scope_ = f"; only rows where {' and '.join(map(_condition, kpi.where))}" if kpi.where else ""
    mature = f", rows younger than {kpi.matures_days:g} d left out" if kpi.matures_days else ""
    return f"{what} of {kpi.fact}{scope_}; {_when(kpi)}{mature}"


def _when(kpi: Kpi) -> str:
    if kpi.day == "snapshot":
        return "the state at the moment"
    return f"booked by {kpi.day}, " + (f"the last {kpi.window_days} local days" if kpi.window_days else "all days")


def _condition(condition: Condition) -> str:
    if condition.operator == "missing":
        return f"{condition.column} is {'missing' if condition.value else 'known'}"
    value = ", ".join(map(str, condition.value)) if condition.operator == "in" else condition.value
    return f"{condition.column} {_WORDS[condition.operator]} {value}"


def _slices(judge: Judge, view: View, reading: Reading, moment: datetime) -> list[Slice]:
    """Name the slices that a reading is made of: its own, or those that were pooled."""
    if not is_pool(reading.slice):
        return [reading.slice]
    return pooled(judge.board(view, moment, 0).readings, [reading])[reading.kpi, reading.slice]


def _rows(
    judge: Judge, view: View, kpi: Kpi, slices: Sequence[Slice], by: tuple[str, ...], moment: datetime
) -> tuple[list[dict[str, Any]], int]:
    question = behind_number(judge, view, kpi, moment)
    pack = question.pack

    def build(sight: Sight) -> ir.Table:
        rows = question.build(sight)
        rows = rows.filter(among(rows, by, sight)) if by else rows
        counted = rows.mutate(rows_total=ibis._.count().over())
        telling = [counted[pack.first].desc(nulls_first=False)] if pack else []
        return counted.order_by(*telling, "key").limit(MOST_ROWS)

    texts = [slice_text(by, each) for each in slices] if by else []
    found = view.ask(("rows", question.key, by), build, question.times, texts)
    total = int(found["rows_total"].iloc[0]) if len(found) else 0
    records = found.drop(columns="rows_total").to_dict(orient="records")
    records = [_told(pack, record, judge.timezone) for record in records]
    return [{str(name): _plain(value) for name, value in record.items()} for record in records], total


def _told(pack: Pack | None, record: dict[Any, Any], timezone: str) -> dict[Any, Any]:
    """Add the sentence that says why a row is implausible, by the clock of its site."""
    zone = record.pop(ZONE, None) or timezone
    return record if pack is None else record | {"why": why(pack, record, zone)}


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return f"{value.isoformat()}Z" if isinstance(value, datetime) else value
