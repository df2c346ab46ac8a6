"""What a named measure is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from analytics.derived import Sight
    from analytics.kpi import Kpi, Reading
    from analytics.master import Master

Proof = Literal["share", "mean", "quantile", "odds", "limit"]


@dataclass(frozen=True)
class Named:
    """A measure that is a function of its own.

    `figures(sight, kpi, by)` gives an Ibis table with a row per slice (the columns `by`, none missing; for `by` = () exactly
    one row), and: `rows` and `n` (float64), `value` (float64, null where there is none), `num` and `den` (float64, null where
    they make no sense). With proof "mean" also `sd` (of single rows); with "quantile" also `over<i>` and `under<i>`, the
    rows beyond the i-th of `measure.edges(kpi)`, of n. Times: `sight.moments["now"]`, ["from"], ["to"] (the KPI's window, `to`
    exclusive; for the window "all" `from` compares with nothing) and ["watermark:<source>"].

    `of_readings(readings, master, kpi, by)` is given instead of `figures` by a measure that looks at the readings judged so
    far; it gives a frame with the same columns.

    `proof` says how sure a level is: "share" by a beta posterior of num of den, "mean" by t from value, sd and n, "quantile" by a
    beta of the rows beyond the limit against 1 - `q`, "odds" by a beta of num among num and `beside` times den, where den is
    what lies beside divided by that; "limit" 1 beyond the limit, else 0.
    `rows(sight, kpi)` gives the rows behind the figures for `explain`: `key`, the columns slices are made of, and what shows
    why a row counts. `needs` names fields, kinds and master data as `fact.name`, alternatives joined by `|`.
    `formula` is the sentence that `explain` and the documentation show, `source` where it comes from.
    `cohort` measures are a quantile of hours waited in which those still open count; their `rows` have `began_at`,
    `waited_hours` (as long as the row counts), `ended` (false: it waits beyond that), and `cause` and `cause_at`, how and when
    it ended in whatever way (missing while it is open).
    Measures that name one `base` look at the same rows first, and are asked together so that these are worked out once.
    """

    name: str
    formula: str
    source: str
    needs: tuple[str, ...]
    figures: Callable[[Sight, Kpi, tuple[str, ...]], Any] | None
    rows: Callable[[Sight, Kpi], Any]
    proof: Proof = "limit"
    q: float = 0.9
    beside: float = 1.0
    of_readings: Callable[[Sequence[Reading], Master, Kpi, tuple[str, ...]], pd.DataFrame] | None = None
    cohort: bool = False
    base: str | None = None
