"""Figures worked out from exported rows in plain pandas, as the export says that they add up."""

from __future__ import annotations

import numpy as np
import pandas as pd

DAY = 86_400.0
PARTS = ("value", "numerator", "denominator", "n")


def figures(kpi, frame, reading, midnight):
    """Give the parts of a reading that its rows tell: value, numerator, denominator, n."""
    measure = kpi.measure
    if measure.shape == "named":
        return NAMED[measure.name](frame, reading, midnight)
    rows = len(frame)
    if measure.shape == "count":
        return {"value": rows, "n": rows}
    counts = frame["counts_as"].astype(float)
    if measure.shape == "share":
        return ratio(counts.sum(), rows) | {"n": rows}
    if measure.shape == "ratio":
        below = frame["out_of"].astype(float).sum()
        return ratio(counts.sum(), below) | {"n": below}
    if rows == 0:
        return {"value": None, "n": 0}
    value = {"mean": counts.mean, "sum": counts.sum, "quantile": lambda: counts.quantile(measure.q)}[measure.shape]()
    return {"value": value, "n": rows}


def ratio(numerator, denominator):
    value = numerator / denominator if denominator else None
    return {"value": value, "numerator": numerator, "denominator": denominator}


def cohort(frame, reading, _):
    """Give the 0.9-quantile of Kaplan and Meier's estimate; where it is not reached, nothing but n."""
    n = len(frame)
    waited, ended = frame["waited_hours"].to_numpy(float), frame["ended"].to_numpy(bool)
    alive = 1.0
    for t in np.unique(waited):
        alive *= 1 - (ended & (waited == t)).sum() / (waited >= t).sum()
        if alive <= 0.1 + 1e-9:
            return {"value": t, "n": n}
    return {"n": n}


def known_sum(name, below=None, n=None):
    def of(frame, reading, _):
        top = frame[name].astype(float).sum()
        bottom = float(frame[name].notna().sum()) if below is None else frame[below].astype(float).sum()
        return ratio(top, bottom) | {"n": bottom if n is None else float(frame[n].notna().sum())}

    return of


def numerator_of(name=None, *, capped=False):
    """Count rows, or those where a column holds; what is counted as a share is never more than its base."""

    def of(frame, reading, _):
        if reading["numerator"] is None:
            return {}
        rows = float(len(frame) if name is None else frame[name].astype(bool).sum())
        return {"numerator": min(rows, reading["denominator"]) if capped else rows}

    return of


def surprise(frame, reading, midnight):
    came = pd.to_datetime(frame["received_at"], utc=True)
    if came.isna().any():  # counted by their creation, which the rows do not show
        return {}
    week = np.floor((midnight - came).dt.total_seconds() / DAY / 7)
    weeks = [int((week == number).sum()) for number in range(9)]
    told = {"n": sum(weeks)}
    return told | ({"numerator": weeks[0] - sum(weeks[1:]) / 8} if reading["n"] else {})


def batches(frame, reading, _):
    if reading["slice"].keys() - {"partner"} or frame.empty:
        return {}
    days = frame.groupby("partner").agg(
        rows=("key", "size"), num=("closed_together", "first"), den=("closed_that_day", "first")
    )
    assert (days["rows"] == days["num"]).all()
    judged = days[days["den"] >= 20]
    if judged.empty:
        return {}
    share = (judged["num"] / judged["den"]).max()
    return {"value": share}


def heaps(frame, reading, _):
    just_before = float(frame["just_before"].astype(bool).sum())
    return ratio(just_before, max((len(frame) - just_before) / 4, 1.0)) if reading["n"] else {}


def silence(frame, reading, _):
    value = frame["silence"].astype(float).quantile(0.9) if len(frame) else None
    return {"value": value, "n": len(frame)}


def every_row(frame, reading, _):
    return {"value": len(frame), "n": len(frame)}


def by_working_days(frame, reading, _):
    """What comes and goes is booked by working days of a site, which rows do not show."""
    return {}


NAMED = {
    **dict.fromkeys(
        (
            "tat_cohort_p90",
            "e2e_cohort_p90",
            "part_lead_cohort_p90",
            "transit_cohort_p90",
            "customs_dwell_p90",
            "social_reply_p90",
        ),
        cohort,
    ),
    "expected_sla_breaches": known_sum("sla_risk"),
    "stock_cover": known_sum("short"),
    "excess_stock": known_sum("excess_value", "value", "value"),
    "consumption_index": known_sum("fitted", "expected", "fitted"),
    "throughput_per_technician": numerator_of(),
    "wip_to_capacity": numerator_of("actionable"),
    "days_of_backlog": numerator_of("actionable"),
    "status_chasers": numerator_of(capped=True),
    "complaints": numerator_of(capped=True),
    "negative_posts": numerator_of(capped=True),
    "load": by_working_days,
    "net_flow": by_working_days,
    "malus_at_risk": by_working_days,
    "bonus_at_risk": by_working_days,
    "intake_surprise": surprise,
    "batch_closing": batches,
    "sla_heaping": heaps,
    "freshness": silence,
    "master_data_problems": every_row,
}
