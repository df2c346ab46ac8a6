"""Survival curves against an independent computation."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.stats import CensoredData, ecdf

from analytics.kpi import Kpi, LimitRule, Measure
from analytics.named.survival import cohort_quantile
from analytics.statistics.evidence import quantile_above
from analytics.statistics.survival import survival_steps

NOW = pd.Timestamp("2026-06-30")


def kpi(green=24.0, red=36.0, limits=()):
    measure = Measure("named", name="tat_cohort_p90")
    return Kpi("k", "K", "speed", "repair_orders", measure, "start", 28, "lower", green, red, limits=limits)


def drawn(seed, partners=3, count=200):
    """Draw waits of about a day, rounded so that many are equal, of which a third is not over yet."""
    rng = np.random.default_rng(seed)
    partner = rng.integers(0, partners, count)
    waited = np.round(rng.exponential(12.0 * (1 + partner), count), 0) + 1
    followed = np.round(rng.exponential(40.0, count), 0) + 1
    start = NOW - pd.to_timedelta(followed, unit="h")
    end = start + pd.to_timedelta(waited, unit="h")
    return pd.DataFrame({"partner": partner.astype(str), "start": start, "end": end.where(end <= NOW)})


def curve(frame):
    """Give the survival curve as scipy has it."""
    hours = (frame["end"].fillna(NOW) - frame["start"]).dt.total_seconds() / 3600
    seen = frame["end"].notna()
    return ecdf(CensoredData(uncensored=hours[seen], right=hours[~seen])).sf


def figures(frame, by=(), **limits):
    con = ibis.duckdb.connect()
    rows = con.create_table("rows", frame)
    found = con.execute(cohort_quantile(rows, by, rows.start, rows.end, ibis.literal(NOW), kpi(**limits)))
    con.disconnect()
    return found.set_index(list(by)).sort_index() if by else found.iloc[0]


@pytest.mark.parametrize("seed", range(4))
def test_curves_are_those_of_scipy(seed):
    frame = drawn(seed)
    con = ibis.duckdb.connect()
    rows = con.create_table("rows", frame)
    waited = (rows.end.coalesce(ibis.literal(NOW)).epoch_seconds() - rows.start.epoch_seconds()) / 3600
    seen = rows.end.notnull()  # noqa: PD004  # Ibis has no notna
    steps = con.execute(survival_steps(rows, ("partner",), waited, seen)).sort_values("t")
    con.disconnect()
    for partner, part in frame.groupby("partner"):
        mine, theirs = steps[steps["partner"] == partner], curve(part)
        assert mine["t"].tolist() == theirs.quantiles.tolist()
        assert mine["s"].to_numpy() == pytest.approx(theirs.probabilities)


@pytest.mark.parametrize("seed", range(4))
def test_quantiles_are_those_of_scipy(seed):
    frame = drawn(seed)
    found = figures(frame, ("partner",))
    for partner, part in frame.groupby("partner"):
        theirs = curve(part)
        below = theirs.quantiles[theirs.probabilities <= 0.1 + 1e-9]
        assert found.loc[partner, "value"] == (below[0] if len(below) else theirs.quantiles[-1])
        assert found.loc[partner, "n"] == len(part)


def test_without_anyone_waiting_every_row_is_evidence():
    """Ten of a hundred wait longer than the red limit: n S is ten, and ninety lie under it."""
    hours = [10.0] * 90 + [40.0] * 10
    start = NOW - pd.Timedelta(days=10)
    frame = pd.DataFrame({"start": [start] * 100, "end": [start + pd.Timedelta(hours=h) for h in hours]})
    found = figures(frame)
    assert (found["value"], found["n"]) == (10, 100)
    assert found["over1"] == pytest.approx(10)
    assert found["under1"] == pytest.approx(90)


def test_those_who_could_not_wait_so_long_yet_are_no_evidence():
    """96 came in an hour ago; of four that came long ago all wait. Only four rows say anything of 36 hours."""
    old, new = NOW - pd.Timedelta(days=5), NOW - pd.Timedelta(hours=1)
    found = figures(pd.DataFrame({"start": [old] * 4 + [new] * 96, "end": pd.to_datetime([None] * 100)}))
    assert found["value"] == 120  # a lower bound that is red already
    # the distance from a tenth shrinks by sqrt(4 / 100)
    assert found["over1"] == pytest.approx(100 * (0.1 + 0.9 * 0.2))
    assert quantile_above(found["over1"], 100, 0.9) < quantile_above(100, 100, 0.9)


def test_a_lower_bound_is_told_only_where_no_slice_would_be_green():
    """The longest wait is 30 h: beyond 24 h, but not beyond the 48 h that some slice is allowed."""
    start = NOW - pd.Timedelta(hours=30)
    frame = pd.DataFrame({"start": [start] * 5, "end": pd.to_datetime([None] * 5)})
    assert figures(frame)["value"] == 30
    wider = (LimitRule((("channel", "mail_in"),), green=48.0, red=60.0),)
    assert pd.isna(figures(frame, limits=wider)["value"])


def test_rows_that_run_backwards_are_left_out():
    start = NOW - pd.Timedelta(hours=30)
    frame = pd.DataFrame(
        {"start": [start, start], "end": [start + pd.Timedelta(hours=1), start - pd.Timedelta(hours=1)]}
    )
    found = figures(frame)
    assert (found["value"], found["n"], found["rows"]) == (1, 1, 2)


def test_a_slice_without_rows():
    frame = pd.DataFrame({"start": pd.to_datetime([]), "end": pd.to_datetime([])}).astype("datetime64[us]")
    found = figures(frame)
    assert (found["rows"], found["n"]) == (0, 0)
    assert pd.isna(found["value"])
