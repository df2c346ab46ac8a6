"""Survival curves where some are still waiting, as Ibis expressions: Kaplan and Meier's estimate (1958)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

NEVER = -1e4
"""Stands for the logarithm of a survival of 0: exp(-10000) is 0, and the logarithm of 0 is an error."""


def survival_steps(rows: ir.Table, by: Sequence[str], duration: Any, observed: Any) -> ir.Table:
    """Give the survival curve of every slice: a row per slice and distinct duration.

    `duration` is how long a row was followed, `observed` whether its end was seen then (else it is censored: followed no
    longer). Columns: `by`, `t`, `rows` (of this duration), `at_risk` (followed for t or longer), and `s`, the share that goes on
    beyond t: the product of 1 - ended / at risk over the durations up to t. Rows whose duration is unknown are left out.
    """
    seen = rows.select(*by, t=duration, ended=observed.cast("int64"))
    seen = seen.filter(seen.t.notnull())
    steps = seen.group_by([*by, "t"]).agg(rows=seen.count(), ended=seen.ended.sum())
    downwards = ibis.cumulative_window(group_by=list(by) or None, order_by=ibis.desc("t"))
    upwards = ibis.cumulative_window(group_by=list(by) or None, order_by=ibis.asc("t"))
    steps = steps.mutate(at_risk=steps.rows.sum().over(downwards))
    left = steps.at_risk - steps.ended
    steps = steps.mutate(log=ibis.ifelse(left > 0, (left / steps.at_risk).nullif(0.0).ln(), ibis.literal(NEVER)))
    return steps.mutate(s=steps.log.sum().over(upwards).exp()).drop("log", "ended")
