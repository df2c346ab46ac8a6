"""What a derivation is: a group of a fact's columns that are worked out together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import ibis
import ibis.expr.datatypes as dt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import ibis.expr.types as ir

    from analytics.facts import Type
    from analytics.moments import Moments


class Sight(Protocol):
    """What an expression may look at beside the rows it is given."""

    @property
    def moments(self) -> Moments:
        """Placeholder times: `now` everywhere; in measures also `from`, `to` and `watermark:<source>`."""
        ...

    def fact(self, name: str, columns: frozenset[str] = frozenset()) -> ir.Table:
        """Give another fact with its derived columns; linked ones (see `Derivation`) only where they are named."""
        ...

    def table(self, name: str) -> ir.Table:
        """Give master data (a row per key; no rows where none was loaded) or one of `analytics.master.TABLES`."""
        ...

    def log(self, name: str) -> ir.Table:
        """Give when each event of a fact was first told of (see `analytics.fold.told_when`): key, at, recorded_at."""
        ...


@dataclass(frozen=True)
class Derivation:
    """Derived columns that are built together.

    `build` takes rows of the fact with all columns of the derivations before it and gives them back with exactly `columns`
    added, one row per `key` as before. `linked` says that it looks at other rows or tables: it is then worked out only for
    KPIs that ask for one of its columns, once per judgement, and gives `key` and `columns` alone; of the rows that it leaves
    out they are unknown.
    `needs` names per column the fields, kinds (`received`) or master data (`sites.opening`) without which it is unknown,
    alternatives joined by `|`; a column without an entry needs nothing. `timed` says that the columns depend on the moment
    judged, beyond what has happened and been told by then: of others it is known that time alone changes nothing.
    `near` gives, of rows of the fact, texts: rows that share one are all that each other's columns depend on, beside master
    data and their own log. No texts: a row depends on itself alone. None: it may depend on any row, or on other facts.
    """

    name: str
    fact: str
    columns: Mapping[str, Type]
    build: Callable[[Any, Sight], Any]
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    linked: bool = False
    timed: bool = False
    near: Callable[[Any], Sequence[Any]] | None = None


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def epoch_us(at: dt.timestamp) -> dt.int64:
    """Give the microseconds since 1970 of a time."""


def hours(start: Any, end: Any) -> Any:
    """Give the hours between two times, unknown where the end lies before the start: such an order of events is a fault."""
    between = (end.epoch_seconds() - start.epoch_seconds()) / 3600.0
    return ibis.ifelse(end >= start, between, ibis.null("float64"))


def as_of(rows: Any, at: str, table: Any, since: str, pairs: Mapping[str, str], *, later: bool = False) -> Any:
    """Join to each row the newest row of a table whose `since` is not after the row's `at`; its columns are missing if none is.

    `later` asks for the oldest row whose `since` is after `at` instead. `pairs` maps columns of the rows to those of the table
    that must equal them. A row without a time, or without one of the pairs, is paired with nothing.
    """
    (own, other), *more = pairs.items()
    time = rows[at]
    in_time = time < table[since] if later else time >= table[since]
    # the engine pairs a missing time with the newest row of those that fit; nothing fits a missing key
    fits = [ibis.ifelse(time.notnull(), rows[own], None) == table[other]]
    return rows.asof_join(table, on=in_time, predicates=[*fits, *(rows[left] == table[right] for left, right in more)])


def either(*cases: tuple[Any, Any]) -> Any:
    """Give the value of the first case that holds, else unknown."""
    return ibis.cases(*cases, else_=None)


def lateness(done: Any, promised: Any, waiting: Any, now: Any) -> Any:
    """Late: done strictly after the promise, or still waiting past it; unknown without a promise or before it is due."""
    after = (done > promised).fill_null(False)
    return either(
        (promised.isnull(), ibis.null("boolean")),
        (after | (waiting & (now > promised)), ibis.literal(True)),
        (waiting, ibis.null("boolean")),
        (ibis.literal(True), ibis.literal(False)),
    )
