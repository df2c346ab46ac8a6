"""What follows for a settled order or claim in money and in law: costs in one currency, swaps, decisions, warranty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation, as_of

if TYPE_CHECKING:
    from analytics.derived.derivation import Sight
    from analytics.facts import Type


def with_rate(rows: Any, at: str, sight: Sight) -> Any:
    """Add `rate`: units of the base currency for one unit of a row's `currency`, in force at its time `at` (a column).

    A row without a currency is in the base currency. Where no rates are loaded, amounts of one single currency are taken as
    they are (rate 1), but amounts of several are unknown: adding them up would be worse than no figure.
    """
    rates = sight.table("exchange_rates")
    rates = rates.filter(rates.rate.notnull() & rates.currency.notnull())
    known = rates.select(rate_currency=rates.currency, rate_from=rates.valid_from, rate=rates.rate)
    rows = rows.cross_join(rows.agg(currencies=rows.currency.nunique()), known.agg(rates_known=known.count()))
    rows = as_of(rows, at, known, "rate_from", {"currency": "rate_currency"})
    alone = (rows.rates_known == 0) & (rows.currencies <= 1)
    rate = ibis.ifelse(rows.currency.isnull() | alone, 1.0, rows.rate)
    return rows.mutate(rate=rate).drop("currencies", "rates_known", "rate_currency", "rate_from")


_SETTLED: dict[str, Type] = {"settled_at": "time", "swapped": "bool"}
_SETTLED_NEEDS = {"settled_at": ("closed|swapped",), "swapped": ("swapped|outcome",)}


def _settled(t: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    """Add when an order was settled, and whether by a swap: an order that ends in a swap is often never closed."""
    settled = t.closed_at.coalesce(t.swapped_at)
    swapped = t.swapped_at.notnull() | (t.outcome == "swapped").fill_null(False)
    return t.mutate(settled_at=settled, swapped=ibis.ifelse(settled.notnull(), swapped, ibis.null("boolean")))


_COSTS: dict[str, Type] = {"cost_base": "number", "parts_cost_base": "number"}
_COST_NEEDS = {"cost_base": ("cost",), "parts_cost_base": ("parts_cost",)}


def _costs(rows: Any, sight: Sight) -> Any:
    """Add costs in the base currency, at the rate in force on the day of booking: when the order was closed."""
    rated = with_rate(rows, "closed_at", sight)
    return rated.select("key", cost_base=rated.cost * rated.rate, parts_cost_base=rated.parts_cost * rated.rate)


_DECISIONS: dict[str, Type] = {"adjudicated_at": "time", "refused": "bool"}
_DECIDED = "approved|rejected|paid"
_DECISION_NEEDS = {"adjudicated_at": (_DECIDED,), "refused": ("rejected", "approved|paid")}


def _decisions(t: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    """Add the last decision on a claim, for one that was refused may be granted on appeal; pending claims have none."""
    granted = ibis.greatest(t.approved_last_at, t.paid_last_at)
    refused = t.rejected_at.notnull() & ~(granted >= t.rejected_last_at).fill_null(False)
    decided = ibis.greatest(granted, t.rejected_last_at)
    return t.mutate(adjudicated_at=decided, refused=ibis.ifelse(decided.notnull(), refused, ibis.null("boolean")))


_WARRANTY: dict[str, Type] = {"refused_in_warranty": "bool"}
_WARRANTY_NEEDS = {
    "refused_in_warranty": (
        "submitted",
        "rejected",
        "order_id",
        "repair_orders.sold_at",
        "country|repair_orders.country",
        "warranty_rules.months",
    )
}


def _warranty(rows: Any, sight: Sight) -> Any:
    """Add whether a refused claim was for a device that the country's warranty still covered when it was submitted.

    The order of the claim says when the device was sold; the rule of its product comes before the country's rule for all ("*").
    Unknown for claims that were not refused, and where the sale or the rule is not known.
    """
    orders = sight.fact("repair_orders")
    orders = orders.select(
        of_order=orders.key, sold=orders.sold_at, order_country=orders.country, order_product=orders.product
    )
    rows = rows.filter(rows.refused)
    rules = sight.table("warranty_rules")
    rules = rules.filter(rules.months.notnull())
    own = rules.select(own_country=rules.country, own_product=rules.product, own_months=rules.months)
    every = rules.filter(rules.product == "*").select(all_country=rules.country, all_months=rules.months)
    found = rows.left_join(orders, rows.order_id == orders.of_order)
    found = found.mutate(
        where_sold=found.country.coalesce(found.order_country), what=found.product.coalesce(found.order_product)
    )
    found = found.left_join(own, [found.where_sold == own.own_country, found.what == own.own_product])
    found = found.left_join(every, found.where_sold == every.all_country)
    months = found.own_months.coalesce(found.all_months)
    covered_until = found.sold + months.round().cast("int64").as_interval("M")
    return found.select("key", refused_in_warranty=found.submitted_at < covered_until)


DERIVATIONS = (
    Derivation("settlement", "repair_orders", _SETTLED, _settled, _SETTLED_NEEDS),
    Derivation("costs", "repair_orders", _COSTS, _costs, _COST_NEEDS, linked=True),
    Derivation("decisions", "claims", _DECISIONS, _decisions, _DECISION_NEEDS),
    Derivation("warranty", "claims", _WARRANTY, _warranty, _WARRANTY_NEEDS, linked=True),
)
