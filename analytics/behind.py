"""The rows behind readings: how bad each is, whose order it belongs to, and in which dimensions it lies."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analytics.drivers import Column
from analytics.figures import q_of
from analytics.history import lay_windows, scan_times, stored, window
from analytics.kpi import Health, dimensions, is_pool
from analytics.measure import ZONE, Scan, slice_text, windows_table
from analytics.named.integrity import LEAST_CLOSINGS
from analytics.suspects import MOST_ROWS, TOLD, suspects, tells

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from analytics.judge import FeedRule, View
    from analytics.kpi import Kpi, Reading, Slice

Identity = tuple[str, "Slice"]
"""A KPI's key and a slice."""

_FIRST = (
    *("partner", "country", "product", "part", "supplier", "carrier", "fault", "service_type", "warranty", "channel"),
    *("topic", "reason", "leg", "mode", "origin", "destination", "lane", "region", "brand", "symptom", "level"),
    *("site", "technician"),
)
"""Where rows have the same values of two dimensions, the first of them is named: a partner's only site is the partner."""

WEEKDAY = "weekday"
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Behind:
    """The rows of one reading, as arrays with an entry per row.

    `observed` is 1 for a bad row and 0 for a good one, or (`amounts`) an amount of which more is worse; `expected` is what the
    green limit allows, for all rows alike or one by one. `weight` is what a row counts for: 1, of ratios its denominator. `hurt`
    tells the rows beyond the green limit. `orders` names the order that a row belongs to, "" where it is not known; keys are
    unique within the fact. `sign` is -1 where a smaller figure is worse.
    """

    keys: Any
    orders: Any
    observed: Any
    expected: Any
    weight: Any
    hurt: Any
    columns: tuple[Column, ...]
    amounts: bool
    sign: int


def behind(
    view: View,
    kpis: Iterable[Kpi],
    feeds: Sequence[FeedRule],
    wanted: Sequence[Reading],
    moment: datetime,
    zone: ZoneInfo,
    *,
    pools: Mapping[Identity, Sequence[Slice]] | None = None,
    before: bool = False,
) -> dict[Identity, Behind]:
    """Give the rows of the readings wanted, by one query per KPI and grouping; `pools` says which slices were pooled.

    With `before` it is the rows of the window that ends where the readings' own begins, as long as what has matured of that one.
    Left out are readings whose rows do not tell which of them are bad: named measures but those of `suspects.TOLD`.
    """
    named = {kpi.key: kpi for kpi in kpis}
    groups: dict[tuple[str, tuple[str, ...]], list[Reading]] = defaultdict(list)
    for reading in wanted:
        if tells(named[reading.kpi]):
            groups[reading.kpi, dimensions(reading.slice)].append(reading)
    found: dict[Identity, Behind] = {}
    lay_windows(view, [named[key] for key, _ in groups], moment, zone)
    for (key, by), readings in groups.items():
        slices = {r.slice: (pools or {}).get((key, r.slice), [r.slice]) for r in readings}
        asked = _Question(view, named[key], by, _sources(feeds, named[key]), moment, zone)
        frame = asked.frame([each for members in slices.values() for each in members], readings, before=before)
        found |= _sorted_out(named[key], by, frame, readings, slices, zone)
    return found


def _sources(feeds: Sequence[FeedRule], kpi: Kpi) -> tuple[str, ...]:
    return tuple(rule.name for rule in feeds if rule.fact == kpi.fact)


def pooled(readings: Iterable[Reading], wanted: Iterable[Reading]) -> dict[Identity, list[Slice]]:
    """Name for each pool that is wanted the slices that it is made of: those with rows, but too few to be judged alone."""
    pools = {(r.kpi, r.slice): (r.kpi, dimensions(r.slice)) for r in wanted if is_pool(r.slice)}
    small: dict[tuple[str, tuple[str, ...]], list[Slice]] = {group: [] for group in pools.values()}
    for r in readings if small else ():
        if r.health is Health.LOW_SAMPLE and r.n > 0 and (r.kpi, dimensions(r.slice)) in small and not is_pool(r.slice):
            small[r.kpi, dimensions(r.slice)].append(r.slice)
    return {identity: small[group] for identity, group in pools.items()}


@dataclass(frozen=True)
class _Question:
    """What one query asks for: the rows of a KPI in slices of one grouping."""

    view: View
    kpi: Kpi
    by: tuple[str, ...]
    sources: tuple[str, ...]
    moment: datetime
    zone: ZoneInfo

    def frame(self, slices: Sequence[Slice], readings: Sequence[Reading], *, before: bool) -> pd.DataFrame:
        """Give the rows with `key`, `order`, `value` (of ratios also `below`), `_slice`, `day`, their zone and their dimensions."""
        scan = Scan(self.kpi.fact, self.kpi.day, self.kpi.window_days, (self.by,), (self.kpi,))
        named = self.kpi.measure.shape == "named"
        table = None if named else self.view.fact(self.kpi.fact, scan.columns)
        # how many rows a count was taken from is not known beforehand
        many = self.kpi.measure.shape == "count" or any(r.n > MOST_ROWS for r in readings)
        times = scan_times(self.moment, self.kpi.window_days, self.zone, self.view.watermarks())
        if before:
            times |= lay_before(self.view, self.kpi, self.moment, self.zone)
        frame = self.view.ask(
            ("behind", scan, self.sources, many),
            lambda sight: suspects(scan, table, self.sources, sight, many=many),
            times,
            [slice_text(self.by, each) for each in slices] if self.by else [],
        )
        if before:
            lay_windows(self.view, [self.kpi], self.moment, self.zone)
        return frame


def lay_before(view: View, kpi: Kpi, moment: datetime, zone: ZoneInfo) -> dict[str, datetime | None]:
    """Lay the windows before beside the facts, in the place of the KPI's own; give the network's own, as `scan_times` has it."""
    days = kpi.window_days or 0
    both = 2 * days - round(kpi.matures_days)
    spans = {}
    for name in ("", *view.zones()):
        local = ZoneInfo(name) if name else zone
        start, end = window(moment, both, local)[0], window(moment, days, local)[0]
        spans[name] = stored({"from": start, "to": end})
    columns = windows_table(days).schema()
    rows = [(name, *span.values()) for name, span in spans.items()]
    frame = pd.DataFrame(rows, columns=list(columns)).astype({ZONE: "str"})
    view.put(windows_table(days).get_name(), frame, {name: str(type_) for name, type_ in columns.items()})
    return spans[""]


def _batches(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep of each slice the partner whose figure it is, that with the largest share of a day's closings in ten minutes.

    The other closings of that day are added, of which only the partner is known. Each partner is told by its own day, so that
    all rows of a partner say the same of it.
    """
    share = frame["value"] / frame["below"]
    judged = frame["below"] >= LEAST_CLOSINGS
    ranked = frame.assign(_share=share, _judged=judged).sort_values(["_judged", "_share", "partner"], ascending=False)
    first = ranked.drop_duplicates("_slice")
    worst = frame.merge(first[["_slice", "partner"]], on=["_slice", "partner"])
    kept = [name for name in ("_slice", "partner", "country", "region") if name in frame]
    others = (first["below"] - first["value"]).round().astype(int).clip(lower=0)
    rest = first.loc[first.index.repeat(others), kept].assign(value=0.0, key="", order=None)
    return pd.concat([worst.assign(value=1.0)[["value", "key", "order", *kept]], rest], ignore_index=True)


def _sorted_out(
    kpi: Kpi,
    by: tuple[str, ...],
    frame: pd.DataFrame,
    readings: Sequence[Reading],
    slices: Mapping[Slice, Sequence[Slice]],
    zone: ZoneInfo,
) -> dict[Identity, Behind]:
    """Split the rows of a query by reading; what rows say is looked at once for all of them."""
    shape = TOLD[kpi.measure.name or ""].shape if kpi.measure.shape == "named" else kpi.measure.shape
    frame = _batches(frame) if kpi.measure.name == "batch_closing" else frame
    frame["order"] = frame["order"].astype(object).where(frame["order"].notna(), "")
    columns = _columns(frame, zone)
    texts, known = pd.factorize(frame["_slice"])
    numbers = {text: number for number, text in enumerate(known)}
    found = {}
    for reading in readings:
        members = [numbers.get(slice_text(by, each) if by else "", -2) for each in slices[reading.slice]]
        inside = np.flatnonzero(np.isin(texts, members))
        if len(inside):
            found[reading.kpi, reading.slice] = _rows(kpi, shape, frame, columns, reading, inside)
    return found


def _columns(frame: pd.DataFrame, zone: ZoneInfo) -> list[Column]:
    skipped = {"key", "order", "value", "below", "waits", "_slice", "day", ZONE}
    texts = {str(name): frame[name] for name in frame if name not in skipped}
    if {"origin", "destination"} <= texts.keys():
        texts["lane"] = texts["origin"] + " > " + texts["destination"]
    rank = {name: place for place, name in enumerate(_FIRST)}
    found = [_column(name, texts[name]) for name in sorted(texts, key=lambda name: (rank.get(name, len(rank)), name))]
    return [*found, Column(WEEKDAY, _weekdays(frame, zone), _DAYS)] if "day" in frame else found


def _column(name: str, texts: pd.Series[Any]) -> Column:
    codes, values = pd.factorize(texts, sort=True)
    return Column(name, codes, tuple(map(str, values)))


def _weekdays(frame: pd.DataFrame, zone: ZoneInfo) -> Any:
    """Give the local weekday of each row's day, 0 being Monday and -1 unknown; a row's zone is its site's, else the network's."""
    days = frame["day"].dt.tz_localize(UTC)
    zones = frame[ZONE].fillna("") if ZONE in frame else pd.Series("", frame.index)
    found = np.full(len(frame), -1)
    for name in zones.unique():
        own = (zones == name).to_numpy()
        local = days[own].dt.tz_convert(ZoneInfo(name) if name else zone)
        found[own] = local.dt.day_of_week.fillna(-1).to_numpy().astype(int)
    return found


def _rows(
    kpi: Kpi, shape: str, frame: pd.DataFrame, columns: Sequence[Column], reading: Reading, inside: Any
) -> Behind:
    """Give the rows of one reading, held against its own green limit."""
    edge, above = missed(kpi, reading)
    value = frame["value"].to_numpy(dtype=float)[inside]
    if "waits" in frame:  # what still waits and is not beyond the limit yet may or may not get there
        told = (value > edge) | ~frame["waits"].to_numpy(dtype=bool)[inside]
        inside, value = inside[told], value[told]
    below = frame["below"].to_numpy(dtype=float)[inside] if "below" in frame else np.ones(len(inside))
    observed, expected, hurt = _held(kpi, shape, value, below, edge, above=above)
    fixed = {} if is_pool(reading.slice) else dict(reading.slice)
    return Behind(
        keys=frame["key"].to_numpy(dtype=object)[inside],
        orders=frame["order"].to_numpy(dtype=object)[inside],
        observed=observed,
        expected=expected,
        weight=below if shape == "ratio" else np.ones(len(inside)),
        hurt=hurt,
        columns=tuple(replace(c, codes=c.codes[inside]) for c in columns if c.name not in fixed),
        amounts=shape in {"mean", "sum", "ratio"},
        sign=1 if above else -1,
    )


def missed(kpi: Kpi, reading: Reading) -> tuple[float, bool]:
    """Give the end of the green limit that a reading misses, or would first miss, and whether what lies above it is bad."""
    green = reading.limits.green
    if not isinstance(green, tuple):
        return green, kpi.better == "lower"
    low, high = green
    value = (low + high) / 2 if reading.value is None else reading.value
    above = value - high >= low - value
    return (high if above else low), above


def _held(kpi: Kpi, shape: str, value: Any, below: Any, edge: float, *, above: bool) -> tuple[Any, Any, Any]:
    """Hold rows against a green limit: what was observed, what the limit allows, and which rows are beyond it."""
    n, sign = max(len(value), 1), 1 if above else -1
    if shape == "quantile":
        q = q_of(kpi)
        bad = value > edge if above else value < edge
        return bad.astype(float), 1 - q if above else q, bad
    if shape in {"share", "count", "heap"}:
        bad = np.nan_to_num(value if above else 1 - value)  # what is not in the state is not bad
        inside = np.count_nonzero(~np.isnan(value))
        # of a heap the figure is so many times a quarter of the closings beside it
        share = edge / max(int(inside), 1) if shape == "count" else edge / (edge + 4) if shape == "heap" else edge
        return bad, float(np.clip(share if above else 1 - share, 0, 1)) * inside / n, bad > 0
    due = edge / n if shape == "sum" else edge * below
    return sign * value, sign * due, sign * (value - due) > 0
