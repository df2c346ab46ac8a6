"""What drives readings, as Boards and `explain` tell it: their drivers, and a change split into mix and rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analytics.behind import WEEKDAY, Behind, behind, pooled
from analytics.customers import Counted, counted, hurt
from analytics.drivers import MixRate, associated, drivers_of_mean, drivers_of_share, mix_and_rate
from analytics.kpi import Level, changed
from analytics.rota import Now, Rota
from analytics.wording import plural, values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from analytics.drivers import Column, Driver
    from analytics.judge import FeedRule, View
    from analytics.kpi import Kpi, Reading

MOST_READINGS = 40
"""So many of the most painful reds are looked into: more than any screen holds."""

SURE = 3.0
"""A mix is told of that moved the figure by more than this many standard errors; among many dimensions two are chance."""


@dataclass(frozen=True)
class Found:
    """What is known of a reading's rows: its drivers as JSON, and what identifies the customers it hurts."""

    drivers: tuple[dict[str, Any], ...] = ()
    hurt: frozenset[str] = frozenset()


def attach(
    view: View,
    kpis: Sequence[Kpi],
    feeds: Sequence[FeedRule],
    readings: Sequence[Reading],
    moment: datetime,
    zone: ZoneInfo,
    kept: Rota[Found] | None = None,
    most: int = MOST_READINGS,
) -> tuple[list[Reading], Counted]:
    """Add drivers to the most painful reds, and tell which of the customers hurt stand under several of them.

    `kept` remembers what was found, and says for which it is looked for again.
    """
    reds = sorted((r for r in readings if r.level is Level.RED), key=lambda r: (-r.pain, r.kpi, r.slice))[:most]
    known: Rota[Found] = Rota() if kept is None else kept
    now = Now.of(moment, zone, view.batch)
    missing = known.due(reds, {kpi.key: kpi for kpi in kpis}, now)
    rows = behind(view, kpis, feeds, missing, moment, zone, pools=pooled(readings, missing))
    facts = {kpi.key: kpi.fact for kpi in kpis}
    for reading in missing:
        mine = rows.get((reading.kpi, reading.slice))
        known.keep(reading, Found(told(mine), hurt(mine, facts[reading.kpi])) if mine else None, now)
    found = {(r.kpi, r.slice): known.get((r.kpi, r.slice)) or Found() for r in reds}
    driven = [changed(r, drivers=found[r.kpi, r.slice].drivers) if (r.kpi, r.slice) in found else r for r in readings]
    return driven, counted(reds, {identity: one.hurt for identity, one in found.items()})


def told(rows: Behind) -> tuple[dict[str, Any], ...]:
    """Give the drivers of a reading's rows as the Board's JSON has them."""
    return tuple(as_json(each, rows.sign if rows.amounts else 1) for each in drivers(rows))


def drivers(rows: Behind) -> tuple[Driver, ...]:
    """Name what the excess of a reading over its green limit is associated with, strongest first."""
    search = drivers_of_mean if rows.amounts else drivers_of_share
    return search(rows.columns, rows.observed, rows.expected, owner="partner")


def as_json(driver: Driver, sign: int = 1) -> dict[str, Any]:
    """Give a driver for the Board's JSON; amounts of which less is worse were turned round for the search."""
    return {
        "where": dict(driver.where),
        "share": driver.share,
        "low": driver.low,
        "high": driver.high,
        "n": driver.n,
        "rate": sign * driver.rate,
        "expected": sign * driver.expected,
        "text": associated(driver),
    }


def has_before(kpi: Kpi) -> bool:
    """Tell whether there is a window before to hold a figure against, and the figure is a share or a mean of its rows."""
    return kpi.window_days is not None and kpi.day != "snapshot" and kpi.measure.name not in _NO_MEANS


_NO_MEANS = {"batch_closing", "sla_heaping"}


def mix_rate(kpi: Kpi, rows: Behind, before: Behind | None) -> dict[str, Any] | None:
    """Split the change since the rows `before` into mix and rate, along the dimension where the mix tells most.

    {"change", "mix", "rate", "simpson", "dimension", "text"}, in the KPI's own unit (of quantiles: of the share of rows beyond the
    green limit). `dimension` is None where no mix moved more than chance moves it. None if there was nothing before.
    """
    if before is None or not before.weight.sum() > 0 or not rows.weight.sum() > 0:
        return None
    splits = {c.name: _split(before, rows, c) for c in rows.columns if c.name != WEEKDAY}
    sure = {name: each for name, each in splits.items() if each is not None and each.sure}
    best = max(sure, key=lambda name: (sure[name].simpson, abs(sure[name].split.mix)), default=None)
    return _in_words(kpi, rows, before, sure[best] if best else None, best)


@dataclass(frozen=True)
class _Split:
    """A split along one dimension, with the standard errors of the change and of the mix that chance makes."""

    split: MixRate
    error: float
    mix_error: float

    @property
    def sure(self) -> bool:
        return abs(self.split.mix) > SURE * self.mix_error > 0

    @property
    def simpson(self) -> bool:
        """Tell a reversal that is more than noise: whole and parts moved by more than a standard error."""
        return self.split.simpson and self.sure and min(abs(self.split.change), abs(self.split.rate)) > self.error


def _split(before: Behind, rows: Behind, column: Column) -> _Split | None:
    earlier = next((c for c in before.columns if c.name == column.name), None)
    if earlier is None:
        return None
    x0, n0 = _by_value(before, earlier)
    x1, n1 = _by_value(rows, column)
    both = pd.concat([x0, n0, x1, n1], axis=1).fillna(0.0).to_numpy().T
    split = mix_and_rate(*both)
    scores = both[0] / np.where(both[1] > 0, both[1], 1) - both[0].sum() / both[1].sum()
    m = both[1] / both[1].sum()
    chance = 1 / max(len(before.observed), 1) + 1 / len(rows.observed)
    return _Split(
        split, float(np.sqrt(np.var(_per_weight(rows)) * chance)), float(np.sqrt((m * scores**2).sum() * chance))
    )


def _by_value(rows: Behind, column: Column) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Give the sums of what was observed and of the weights for each value; rows whose value is unknown are one of their own."""
    names = pd.Index(("", *column.values))  # noqa: PD011  # a Column is no frame
    sums = (np.bincount(column.codes + 1, each, len(names)) for each in (rows.observed, rows.weight))
    x, n = (pd.Series(each, names) for each in sums)
    return x[n > 0], n[n > 0]


def _per_weight(rows: Behind) -> Any:
    return rows.observed / np.where(rows.weight > 0, rows.weight, 1.0)


def _in_words(kpi: Kpi, rows: Behind, before: Behind, best: _Split | None, dimension: str | None) -> dict[str, Any]:
    """Write a split for JSON, in the direction of the KPI's own figure."""
    change = float(rows.observed.sum() / rows.weight.sum() - before.observed.sum() / before.weight.sum())
    sign = rows.sign if rows.amounts or kpi.measure.shape != "quantile" else 1
    mix = best.split.mix if best else 0.0
    simpson = bool(best and best.simpson)
    split = {"change": sign * change, "mix": sign * mix, "rate": sign * (change - mix), "simpson": simpson}
    return split | {"dimension": dimension, "text": _sentence(kpi, split, dimension, rows)}


_WHAT = {
    "share": "The figure",
    "mean": "The figure",
    "ratio": "The figure",
    "sum": "The figure per row",
    "count": "The share of rows that count",
}


def _sentence(kpi: Kpi, split: dict[str, Any], dimension: str | None, rows: Behind) -> str:
    def signed(name: str) -> str:
        if not rows.amounts:
            return f"{100 * split[name]:+.1f} points"
        (said,) = values(kpi.unit, split[name])
        return said if split[name] < 0 else f"+{said}"

    what = _WHAT.get(kpi.measure.shape, "The share of rows beyond the green limit")
    said = f"{what} changed by {signed('change')} against the window before"
    if dimension is None:
        return f"{said}; no mix of rows explains it, the rates themselves changed."
    parts = plural(dimension.replace("_", " "))
    if split["simpson"]:
        return (
            f"Beware, Simpson's paradox: {said[:1].lower()}{said[1:]}, but within {parts} it moved the other way "
            f"({signed('rate')}); the whole moved only because the mix of {parts} did ({signed('mix')})."
        )
    return f"{said}: {signed('rate')} within {parts}, {signed('mix')} by another mix of {parts}."
