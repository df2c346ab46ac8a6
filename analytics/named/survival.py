"""Times to completion in which those still waiting count: Kaplan and Meier's estimate (1958)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import hours
from analytics.measure import edges, narrowed, scope, within
from analytics.named.named import Named
from analytics.statistics.survival import survival_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from analytics.derived import Sight
    from analytics.kpi import Kpi

_HAIR = 1e-9
"""What sums of logarithms are off by; so much above 1 - q is 1 - q."""
GIVEN_UP = ("cancelled", "swapped", "returned_unrepaired")
"""The ways in which an order ends without what was hoped for."""


def cohort_quantile(
    rows: ir.Table, by: Sequence[str], start: Any, end: Any, censored_at: Any, kpi: Kpi, q: float = 0.9
) -> ir.Table:
    """Give the figures of a Kaplan-Meier quantile in hours, per slice of a cohort: `Named.figures` with proof "quantile".

    `rows` are the cohort, already inside the KPI's window (`measure.within`). `start`, `end` and `censored_at` are times of a
    row: when it began to wait, when it ended (missing: it has not), and until when it was followed if it has not ended
    (normally `now`, or when it was cancelled). Times that run backwards leave a row out of n.

    The value is the time by which the share q has ended. Where so many still wait that nobody can know it yet, the longest time
    observed is a lower bound of it: that is the value if it lies beyond every green limit already, for then the slice is at
    least amber, else there is none. Counting only what was completed would call a shop that leaves a tenth of its orders
    lying the fastest of all.

    `over<i>`: of n, those who wait longer than the i-th limit, n S(limit). As those censored before the limit say nothing of it,
    only m = (followed beyond it) / S(limit) rows do (Peto et al. 1977): the distance from 1 - q shrinks by sqrt(m / n), so
    that the evidence is what m rows give.
    """
    observed = was_seen(end, censored_at)
    followed = hours(start, ibis.ifelse(observed, end, censored_at))
    cohort = rows.select(*by, _t=followed, _observed=observed)
    cohort = cohort.drop_null(list(by)) if by else cohort
    steps = survival_steps(cohort, by, cohort["_t"], cohort["_observed"])
    found = steps.group_by(list(by)).agg(**_read_off(steps, kpi, q)) if by else steps.agg(**_read_off(steps, kpi, q))
    counted = cohort.group_by(list(by)).agg(rows=cohort.count()) if by else cohort.agg(rows=cohort.count())
    return _joined(counted, found, by)


def _read_off(steps: ir.Table, kpi: Kpi, q: float) -> dict[str, Any]:
    """Read the quantile and the shares beyond the limits off a curve."""
    n = steps.rows.sum().fill_null(0).cast("float64")
    reached = steps.t.min(where=steps.s <= 1 - q + _HAIR)
    longest = steps.t.max()
    early = ibis.ifelse(longest > _surely_not_green(kpi), longest, ibis.null("float64"))
    read: dict[str, Any] = {"n": n, "value": reached.coalesce(early)}
    for i, edge in enumerate(edges(kpi)):
        beyond, before = steps.t > edge, steps.t < edge
        survive = steps.s.min(where=~beyond).fill_null(1.0)
        ended = 1.0 - steps.s.min(where=before).fill_null(1.0)
        known = steps.rows.sum(where=beyond).fill_null(0) / survive.nullif(0.0)
        certain = ibis.least(known.fill_null(n) / n.nullif(0.0), 1.0).sqrt().fill_null(0.0)
        read[f"over{i}"] = n * ((1 - q) + (survive - (1 - q)) * certain)
        read[f"under{i}"] = n * (q + (ended - q) * certain)
    return read


def _surely_not_green(kpi: Kpi) -> float:
    """Give the time beyond which no slice is green, whatever its limits: a lower bound is a value only there."""
    greens = [kpi.green, *(rule.green for rule in kpi.limits if rule.green is not None), *kpi.agreed]
    return max(max(green) if isinstance(green, tuple) else green for green in greens)


def _joined(counted: ir.Table, found: ir.Table, by: Sequence[str]) -> ir.Table:
    """Lay the counts of rows beside the figures: a slice whose rows all run backwards still has rows."""
    if by:
        both = counted.left_join(found, list(by)).select(counted, *(c for c in found.columns if c not in by))
    else:
        both = counted.cross_join(found)
    parts = {name: ibis.null("float64") for name in ("num", "den")}
    return both.mutate(rows=both.rows.cast("float64"), n=both.n.fill_null(0.0), **parts)


def was_seen(end: Any, censored_at: Any) -> Any:
    """Tell whether the end of a row was seen before it was given up."""
    return (end <= censored_at).fill_null(end.notnull())


def cohort_rows(
    rows: ir.Table, kpi: Kpi, start: Any, end: Any, censored_at: Any, cause: Any, cause_at: Any
) -> ir.Table:
    """Give the rows that `cohort_quantile` counts with the columns of `Named.cohort`; what is open goes on waiting."""
    seen = was_seen(end, censored_at)
    waited = hours(start, ibis.ifelse(seen, end, censored_at))
    named = [name for each in kpi.by for name in each]
    told = {
        "began_at": start,
        "ended_at": end,
        "waited_hours": waited,
        "ended": seen,
        "cause": cause,
        "cause_at": cause_at,
    }
    rows = rows.select("key", *dict.fromkeys(named), **told)
    return rows.filter(rows.waited_hours.notnull())


def orders_of(sight: Sight, kpi: Kpi, columns: frozenset[str] = frozenset()) -> ir.Table:
    """Give the orders in the KPI's window that its `where` lets through, with these linked columns."""
    return _inside(sight.fact(kpi.fact, columns), sight, kpi)


def _inside(rows: ir.Table, sight: Sight, kpi: Kpi) -> ir.Table:
    if kpi.day != "snapshot":
        rows = within(rows, rows[kpi.day], kpi.window_days, sight)
    return rows.filter(scope(kpi, rows))


def _repair(rows: ir.Table, sight: Sight) -> tuple[Any, Any, Any]:
    """Give from receipt to the last completion; orders given up before it are followed until then."""
    done = rows.done_at.coalesce(rows.ended_at)
    undone = (rows.given_up_at <= done) | (rows.open & (rows.reopened_last_at > done))
    seen = ibis.ifelse(undone.fill_null(False), ibis.null("timestamp(6)"), done)
    return rows.received_at, seen, _until(rows, seen, rows.given_up_at, sight)


def _customer(rows: ir.Table, sight: Sight) -> tuple[Any, Any, Any]:
    """Give from hand-in to the first hand-back; orders that were cancelled before it are followed until then."""
    called_off = (rows.cancelled_at <= rows.hand_back_at).fill_null(False)
    seen = ibis.ifelse(called_off, ibis.null("timestamp(6)"), rows.hand_back_at)
    return rows.hand_in_at, seen, _until(rows, seen, rows.cancelled_at, sight)


def _until(rows: ir.Table, seen: Any, given_up: Any, sight: Sight) -> Any:
    """Give until when an order was followed: to its end, else until it was given up, else until now."""
    return seen.coalesce(ibis.ifelse(rows.open, sight.moments["now"], given_up.coalesce(rows.ended_at)))


def _cause(rows: ir.Table, seen: Any, until: Any, ended_as: str) -> Any:
    """Name how an order ended: as hoped for, or in which way it was given up; missing while it is open."""
    given_up = [
        ((until == rows[f"{kind}_at"]) | (until == rows[f"{kind}_last_at"]), ibis.literal(kind)) for kind in GIVEN_UP
    ]
    ways = [(seen, ibis.literal(ended_as)), (rows.open, ibis.null("string")), *given_up]
    return ibis.cases(*ways, else_="given_up")


def _cohort(kpi_name: str, what: str, times: Any, ended_as: str, needs: tuple[str, ...]) -> Named:
    def figures(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
        rows = sight.fact(kpi.fact)
        start, end, until = times(rows, sight)
        rows = _inside(narrowed(rows, kpi, *by, _start=start, _end=end, _until=until), sight, kpi)
        return cohort_quantile(rows, by, rows["_start"], rows["_end"], rows["_until"], kpi)

    def shown(sight: Sight, kpi: Kpi) -> Any:
        rows = orders_of(sight, kpi)
        start, end, until = times(rows, sight)
        cause = _cause(rows, was_seen(end, until), until, ended_as)
        ended_at = ibis.ifelse(
            cause.notnull(), ibis.ifelse(was_seen(end, until), end, until), ibis.null("timestamp(6)")
        )
        return cohort_rows(rows, kpi, start, end, until, cause, ended_at)

    return Named(
        kpi_name,
        f"the 0.9-quantile of the time {what}, of all orders that came in, by the Kaplan-Meier estimate: those still open have "
        "waited until now, those given up until they were",
        "Kaplan and Meier 1958; evidence by Peto's effective sample (1977)",
        needs,
        figures,
        shown,
        proof="quantile",
        cohort=True,
    )


def _risks(sight: Sight, kpi: Kpi) -> ir.Table:
    rows = orders_of(sight, kpi, frozenset({"sla_risk"}))
    return rows.filter(rows.sla_risk.notnull())


def _expected(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    """Give the sum of `sla_risk` over the open orders, as a share of them; a slice without open orders expects none."""
    rows = orders_of(sight, kpi, frozenset({"sla_risk"}))
    rows = rows.filter(*(rows[name].notnull() for name in by)) if by else rows
    n = rows.sla_risk.count().cast("float64")
    total = rows.sla_risk.sum().fill_null(0.0)
    columns = {"rows": rows.count().cast("float64"), "n": n, "value": total / n.nullif(0.0), "num": total, "den": n}
    return rows.group_by(list(by)).agg(**columns) if by else rows.agg(**columns)


def _expected_rows(sight: Sight, kpi: Kpi) -> Any:
    rows = _risks(sight, kpi)
    named = [name for each in kpi.by for name in each]
    return rows.select("key", *dict.fromkeys(named), "age_hours", "promised_at", "sla_risk")


_ORDERS = "repair_orders"
_BACK = f"{_ORDERS}.delivered|{_ORDERS}.dispatched|{_ORDERS}.completed|{_ORDERS}.closed"

MEASURES: tuple[Named, ...] = (
    _cohort(
        "tat_cohort_p90",
        "from receipt to the last completion",
        _repair,
        "completed",
        (f"{_ORDERS}.received", f"{_ORDERS}.completed|{_ORDERS}.repaired|{_ORDERS}.closed"),
    ),
    _cohort(
        "e2e_cohort_p90",
        "from hand-in to hand-back",
        _customer,
        "handed_back",
        (f"{_ORDERS}.created|{_ORDERS}.received", _BACK),
    ),
    Named(
        "expected_sla_breaches",
        "sum of sla_risk over the open orders, over their number: the share of them that is to be expected back too late",
        "conditional survival S(promise) / S(age) of the last 90 days, Kaplan and Meier 1958",
        (f"{_ORDERS}.created|{_ORDERS}.received", _BACK),
        _expected,
        _expected_rows,
        proof="share",
    ),
)
