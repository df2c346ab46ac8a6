"""What a KPI is, and what judging one yields: frozen values without behaviour of their own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Slice = tuple[tuple[str, str], ...]
"""A part of the network as sorted (dimension, value) pairs; the empty tuple is the whole network."""

SMALL = "(small)"
"""The value that stands for the pool of slices whose own sample is too small."""


def is_pool(slice_: Slice) -> bool:
    """Tell whether a slice is a pool of others."""
    return any(value == SMALL for _, value in slice_)


def dimensions(slice_: Slice) -> tuple[str, ...]:
    """Give the dimensions that a slice is cut by, sorted."""
    return tuple(name for name, _ in slice_)


class Level(StrEnum):
    """How a reading stands against its limits, worst first."""

    RED = "red"
    TURNING = "turning"
    AMBER = "amber"
    UNKNOWN = "unknown"
    GREEN = "green"


class Health(StrEnum):
    """Whether the data behind a reading can be trusted."""

    OK = "ok"
    LATE = "late"
    DEAD = "dead"
    LOW_SAMPLE = "low_sample"
    NO_DATA = "no_data"


Operator = Literal["is", "in", "above", "below", "at_least", "at_most", "missing"]
OPERATORS: tuple[Operator, ...] = ("is", "in", "above", "below", "at_least", "at_most", "missing")


@dataclass(frozen=True)
class Condition:
    """A test of one column; `value` is a scalar, a tuple for `in`, a bool for `missing`."""

    column: str
    operator: Operator
    value: Any


Shape = Literal["share", "mean", "sum", "count", "quantile", "ratio", "named"]


@dataclass(frozen=True)
class Measure:
    """What is measured.

    `share` and `count` take `column` (a boolean column) or `condition`; `count` with neither counts rows; `ratio`
    is sum(`column`) over sum(`denominator`); `quantile` takes `q`; `named` takes `name`.
    """

    shape: Shape
    column: str | None = None
    condition: Condition | None = None
    denominator: str | None = None
    q: float | None = None
    name: str | None = None


Bound = float | tuple[float, float]
"""One limit, or the two ends of a band when the KPI is better in between."""


@dataclass(frozen=True)
class Limits:
    """`green`: at least this good is green. `red`: worse than this is red."""

    green: Bound
    red: Bound


@dataclass(frozen=True)
class LimitRule:
    """Limits for the slices that name all of `where`; None leaves that bound as it is."""

    where: Slice
    green: Bound | None = None
    red: Bound | None = None


@dataclass(frozen=True)
class Kpi:
    """One entry of kpis.toml. `window_days` None means all rows; `day` "snapshot" judges the state at the moment."""

    key: str
    title: str
    family: str
    fact: str
    measure: Measure
    day: str
    window_days: int | None
    better: Literal["lower", "higher", "between"]
    green: Bound
    red: Bound
    where: tuple[Condition, ...] = ()
    matures_days: float = 0.0
    by: tuple[tuple[str, ...], ...] = ()
    min_n: float = 30
    unit: str = ""
    pain: str = "waits"
    remedies: tuple[str, ...] = ()
    limits: tuple[LimitRule, ...] = ()
    pitfall: str = ""
    enter: tuple[int, int] = (2, 3)
    """A red is entered when it was red on so many of the last so many local days."""
    recovery: Bound | None = None
    """A red is left when the figure is at least this good; None: a quarter of the way to the green limit."""
    case_mix: tuple[str, ...] = ()
    """Columns whose mix a slice is not blamed for."""
    cohort: str | None = None
    """Of a figure of the closed ones alone: the key of the KPI that counts those still open too."""
    limits_of: Literal["contract"] | None = None
    agreed: tuple[float, ...] = ()
    """Limits that contracts in force set for some slices; known only once a judgement has read the master data."""


@dataclass(frozen=True)
class Trial:
    """A figure as a draw by chance, to ask whether its true share, rate or mean may still meet the green limit.

    `hits` of `n` rows (of counts: in `n` windows; of means: the mean of `n` rows with the standard deviation `spread`). Worse
    lies `above` the limit or below it. The figures of one KPI are comparable where their trials are of one `kind`.
    """

    kind: Literal["share", "count", "mean"]
    hits: float
    n: float
    limit: float
    above: bool
    spread: float = 0.0
    rows: float | None = None
    """The rows behind `n`, where those are others."""


@dataclass(frozen=True)
class Told:
    """What Boards said of one local day: the last level without persistence, and its figure."""

    day: str
    level: Level
    value: float | None


@dataclass(frozen=True)
class Standing:
    """What persistence remembers: what was told on the last days, oldest first, and whether red was entered and not left."""

    told: tuple[Told, ...] = ()
    red: bool = False


@dataclass(frozen=True)
class Reversal:
    """A verdict on a past day that late data has turned."""

    day: str
    was: Level
    now: Level
    reason: str


@dataclass(frozen=True)
class Reading:
    """One KPI of one slice at one moment, judged.

    `value` is in the KPI's own unit (shares are fractions), `n` in rows (for ratios the summed denominator), `evidence`
    is the probability that the true value lies beyond the red limit by the slice's own rows, `among_peers` that it misses the
    green one beside what its peers teach, `false_discovery` the share of false reds among those as sure as this.
    `customers` are those hurt beyond what the green limit allows, `pain` is their number weighted by the kind of pain and its age.
    """

    kpi: str
    title: str
    family: str
    slice: Slice
    value: float | None
    numerator: float | None
    denominator: float | None
    n: float
    unit: str
    window: tuple[datetime | None, datetime]
    limits: Limits
    level: Level
    health: Health
    stale: bool
    reason: str
    evidence: float | None
    since: datetime | None
    pain: float
    history: tuple[tuple[str, float | None], ...] = ()
    trend: Literal["improving", "worsening", "steady"] = "steady"
    drivers: tuple[Any, ...] = ()
    outlook: Any = None
    remedies: tuple[str, ...] = ()
    customers: float = 0.0
    pain_kind: str = ""
    """How the customers are hurt, as the KPI says: waits, not_fixed and so on."""
    trial: Trial | None = None
    among_peers: float | None = None
    false_discovery: float | None = None
    standing: Standing | None = None
    reversed: tuple[Reversal, ...] = ()
    change: Mapping[str, Any] | None = None
    """What a control chart of the days says: "variation" (improving, worsening, common cause), "assurance", its last point."""
    worsening: bool = False
    """It gets worse beyond chance although it is not red: `change` says from what to what ("moved"); see `analytics.watch`."""
    shared: Mapping[str, Any] | None = None
    """Which more painful reading holds most of the same orders, and the share that stands there: nobody is counted twice."""

    @property
    def slips(self) -> bool:
        """Tell a green that gets worse: no tile, but not hidden either."""
        return self.worsening and self.level is Level.GREEN


def changed(reading: Reading, **told: Any) -> Reading:
    """Give a reading of which some fields are told anew, as `dataclasses.replace` does.

    Every reading of a Board passes here, and `replace` spends more on naming thirty unchanged fields than the rest of judging.
    """
    if not told.keys() <= vars(reading).keys():
        raise TypeError(f"a reading has no {', '.join(sorted(told.keys() - vars(reading).keys()))}")
    new = object.__new__(Reading)
    vars(new).update(vars(reading), **told)
    return new


@dataclass(frozen=True)
class Before:
    """What an earlier Board said of a KPI and slice: its level, since when, the days before, and what persistence remembers."""

    level: Level
    since: datetime | None
    history: tuple[tuple[str, float | None], ...] = ()
    standing: Standing | None = None
    days: tuple[str, ...] = ()
    """The last local days that had a Board, oldest first."""


FeedState = Literal["fresh", "late", "dead", "unjudged"]


@dataclass(frozen=True)
class Feed:
    """How alive a source is at the moment judged: its newest event, and what that means."""

    name: str
    fact: str
    state: FeedState
    watermark: datetime | None
    fresh_within_seconds: float | None = None
    error: str | None = None
