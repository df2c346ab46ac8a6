"""Stock, cover and consumption of spare parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from analytics.derived.money import with_rate
from analytics.measure import lasting, scope, within
from analytics.named.cohorts import waiting
from analytics.named.named import Named

if TYPE_CHECKING:
    from analytics.derived import Sight
    from analytics.kpi import Kpi

DEMAND_DAYS = 28
LEAD_DAYS = 90
LEAD_LINES = 10
"""A part with fewer lines received in the last days is given the lead time of all parts."""
EXCESS_DAYS = 180
_SHELF = ("site", "part")


def _shelves(sight: Sight) -> Any:
    """Give the newest count of every part at every site."""
    rows = sight.fact("stock_levels").drop_null(list(_SHELF))
    newest = rows.group_by(list(_SHELF)).agg(at=rows["at"].max())
    return rows.semi_join(newest, [*_SHELF, "at"])


def _demand(sight: Sight, days: int) -> Any:
    """Give the pieces asked for at every site in the last days, cancelled lines left out; a line without a quantity is one."""
    lines = sight.fact("part_orders")
    since = sight.moments["now"] - ibis.interval(days=days)
    lines = lines.filter(lines.asked_at > since, lines.cancelled_at.isnull())
    asked = lines.group_by(list(_SHELF)).agg(wanted=lines.quantity.fill_null(1.0).sum())
    return asked.select(wanted_site=asked.site, wanted_part=asked.part, wanted=asked.wanted)


def _lead_times(sight: Sight) -> tuple[Any, Any]:
    """Give the days in which nine of ten lines came: per part, and of all parts."""
    lines = sight.fact("part_orders")
    lines = lines.filter(
        lines.received_at > sight.moments["now"] - ibis.interval(days=LEAD_DAYS), lines.lead_hours.notnull()
    )
    days = lines.lead_hours.quantile(0.9) / 24.0
    own = lines.group_by("part").agg(own_lead=days, lines=lines.count())
    own = own.filter(own.lines >= LEAD_LINES).select(lead_part=own.part, own_lead=own.own_lead)
    return own, lines.agg(any_lead=days)


def _cover(sight: Sight) -> Any:
    """Give the shelves with demand: their daily demand, their cover and their part's lead time in days, and `short`."""
    shelves, demand = _shelves(sight), _demand(sight, DEMAND_DAYS)
    own, every = _lead_times(sight)
    shelves = shelves.inner_join(demand, [shelves.site == demand.wanted_site, shelves.part == demand.wanted_part])
    shelves = shelves.filter(shelves.wanted > 0)
    shelves = shelves.left_join(own, shelves.part == own.lead_part).cross_join(every)
    at_hand = shelves.on_hand - shelves.reserved.fill_null(0.0) + shelves.inbound.fill_null(0.0)
    daily = shelves.wanted / float(DEMAND_DAYS)
    shelves = shelves.mutate(
        daily_demand=daily, cover_days=at_hand / daily, lead_days=shelves.own_lead.coalesce(shelves.any_lead)
    )
    return shelves.mutate(short=shelves.cover_days < shelves.lead_days)


def _cover_figures(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    shelves = _cover(sight)
    shelves = shelves.filter(scope(kpi, shelves))
    known = _.short.count().cast("float64")
    short = _.short.sum().fill_null(0).cast("float64")
    return _grouped(shelves, by, num=short, den=known, n=known, value=short / known.nullif(0.0))


def _cover_rows(sight: Sight, kpi: Kpi) -> Any:
    shelves = _cover(sight)
    shown = ("daily_demand", "on_hand", "reserved", "inbound", "cover_days", "lead_days", "short")
    return shelves.filter(scope(kpi, shelves)).select("key", *_slices(kpi, "site", "part"), *shown)


def _grouped(rows: Any, by: tuple[str, ...], **figures: Any) -> Any:
    figures = {"rows": _.count().cast("float64"), **figures}
    return rows.drop_null(list(by)).group_by(list(by)).agg(**figures) if by else rows.agg(**figures)


def _slices(kpi: Kpi, *always: str) -> list[str]:
    return list(dict.fromkeys([*(name for by in kpi.by for name in by), *always]))


def _excess(sight: Sight) -> Any:
    """Give the shelves whose part has a cost: the worth of what lies there, and of what is too much, in the base currency.

    Too much is all of a part that has ended, else what lies beyond the demand of 180 days; where the network has told of
    part orders for a shorter time only, what they took is scaled up.
    """
    now = sight.moments["now"]
    shelves, demand, lines = _shelves(sight), _demand(sight, EXCESS_DAYS), sight.fact("part_orders")
    first = lines.agg(first_asked=lines.asked_at.min())
    parts = sight.table("parts")
    parts = parts.filter(parts.unit_cost.notnull()).mutate(valued_at=now)
    parts = with_rate(parts, "valued_at", sight)
    parts = parts.select(
        cost_part=parts.part, ended=(parts.ends_at <= now).fill_null(False), worth=parts.unit_cost * parts.rate
    )
    shelves = shelves.inner_join(parts, shelves.part == parts.cost_part).cross_join(first)
    shelves = shelves.left_join(demand, [shelves.site == demand.wanted_site, shelves.part == demand.wanted_part])
    known_days = (now.epoch_seconds() - shelves.first_asked.epoch_seconds()) / 86400.0
    scale = EXCESS_DAYS / ibis.greatest(ibis.least(known_days, float(EXCESS_DAYS)), 1.0)
    wanted = shelves.wanted.fill_null(0.0) * scale
    lying = ibis.greatest(shelves.on_hand, 0.0)
    too_much = ibis.ifelse(shelves.ended, lying, ibis.greatest(lying - wanted, 0.0))
    return shelves.mutate(
        demand_180d=wanted, too_much=too_much, value=lying * shelves.worth, excess_value=too_much * shelves.worth
    )


def _excess_figures(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    shelves = _excess(sight)
    shelves = shelves.filter(scope(kpi, shelves), shelves.value.notnull())
    worth, excess = _.value.sum(), _.excess_value.sum()
    return _grouped(shelves, by, num=excess, den=worth, n=_.count().cast("float64"), value=excess / worth.nullif(0.0))


def _excess_rows(sight: Sight, kpi: Kpi) -> Any:
    shelves = _excess(sight)
    shown = ("on_hand", "demand_180d", "ended", "too_much", "value", "excess_value")
    return shelves.filter(scope(kpi, shelves)).select("key", *_slices(kpi, "site", "part"), *shown)


def _consumption(sight: Sight, kpi: Kpi) -> Any:
    """Give the orders of the window with the parts fitted, and those that the network fits for their product and fault."""
    lines, orders = sight.fact("part_orders"), lasting(sight.fact("repair_orders"), kpi)
    lines = lines.filter(lines.installed_at.notnull())
    fitted = lines.group_by("order_id").agg(fitted=lines.quantity.fill_null(1.0).sum())
    fitted = fitted.select(of_order=fitted.order_id, fitted=fitted.fitted)
    orders = within(orders, orders[kpi.day], kpi.window_days, sight)
    orders = orders.filter(scope(kpi, orders))
    orders = orders.left_join(fitted, orders.key == fitted.of_order)
    orders = orders.mutate(fitted=orders.fitted.fill_null(0.0))
    alike = ibis.window(group_by=[orders.product, orders.fault])
    return orders.mutate(expected=orders.fitted.mean().over(alike))


def _consumption_figures(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    orders = _consumption(sight, kpi)
    f, e = _.fitted, _.expected
    sums = _grouped(
        orders,
        by,
        n=_.count().cast("float64"),
        num=f.sum(),
        den=e.sum(),
        squares=(f * f).sum(),
        products=(f * e).sum(),
        expected_squares=(e * e).sum(),
    )
    index = sums.num / sums.den.nullif(0.0)
    # the spread of single orders around what the index foretells of them, in units of the index: the ratio estimator's
    spread = sums.squares - 2 * index * sums.products + index * index * sums.expected_squares
    deviation = (ibis.greatest(spread, 0.0) / (sums.n - 1).nullif(0.0)).sqrt() * sums.n / sums.den.nullif(0.0)
    return sums.mutate(value=index, sd=deviation).drop("squares", "products", "expected_squares")


def _consumption_rows(sight: Sight, kpi: Kpi) -> Any:
    return _consumption(sight, kpi).select("key", *_slices(kpi, "product", "fault"), "fitted", "expected")


def _lead(rows: Any) -> tuple[Any, Any, Any]:
    return rows.asked_at, rows.received_at, rows.cancelled_at


_ASKED = "part_orders.requested|part_orders.ordered"
MEASURES: tuple[Named, ...] = (
    waiting(
        "part_lead_cohort_p90",
        "hours after the request by which 90 % of the lines are received; open lines still wait, cancelled ones until then",
        "part_orders",
        _lead,
        ("requested|ordered", "received"),
        "received",
        {"cancelled": "cancelled_at"},
    ),
    Named(
        "stock_cover",
        "share of parts at a site, of those asked for there in the last 28 d, whose cover is shorter than the part's lead time: "
        "(on hand - reserved + inbound) / daily demand of those days, against the days in which nine of ten lines of the part "
        "came in the last 90 d (of all parts, where fewer than ten lines of it came)",
        "domain S6",
        (_ASKED, "part_orders.received", "part_orders.site", "part_orders.part", "stock_levels.on_hand"),
        _cover_figures,
        _cover_rows,
        "share",
    ),
    Named(
        "excess_stock",
        "worth of stock beyond 180 d of demand, or of a part that has ended, over the worth of all stock whose unit cost is "
        "known, in the base currency",
        "domain S7",
        (_ASKED, "part_orders.site", "part_orders.part", "stock_levels.on_hand", "parts.unit_cost"),
        _excess_figures,
        _excess_rows,
    ),
    Named(
        "consumption_index",
        "parts fitted, over those that the network fits on average for orders of the same product and fault",
        "domain S5; ratio estimator (Cochran 1977)",
        (
            "part_orders.installed",
            "part_orders.order_id",
            "repair_orders.closed",
            "repair_orders.product|repair_orders.fault",
        ),
        _consumption_figures,
        _consumption_rows,
        "mean",
    ),
)
