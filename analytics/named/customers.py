"""What customers say in public and complain about, held against the orders it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.measure import lasting, scope, within
from analytics.named.cohorts import matured
from analytics.named.contacts import about, of_orders, rates
from analytics.named.named import Named

if TYPE_CHECKING:
    from analytics.derived import Sight
    from analytics.kpi import Kpi

COMPLAINT = "complaint"


def _counted(rows: Any, by: tuple[str, ...]) -> Any:
    """Count rows per slice, as a base of `rates`."""
    if by:
        rows = rows.drop_null(list(by))
        return rows.group_by(list(by)).agg(rows=rows.count(), den=rows.count().cast("float64"))
    return rows.agg(rows=rows.count(), den=rows.count().cast("float64"))


def _cohort(sight: Sight, kpi: Kpi) -> Any:
    """Give the orders of the window that are old enough for late complaints to have come."""
    orders = lasting(sight.fact("repair_orders"), kpi)
    orders = within(orders, orders[kpi.day], kpi.window_days, sight)
    orders = matured(orders, "contacts", sight)
    return orders.filter(scope(kpi, orders)).drop("watermark")


def _complaints(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    """Give the complaints about the orders of the cohort, whenever they came."""
    contacts, orders = sight.fact("contacts"), _cohort(sight, kpi)
    said = contacts.filter(about(contacts, COMPLAINT)).select(contact=contacts.key, of_order=contacts.order_id)
    found = orders.inner_join(said, orders.key == said.of_order)
    return found.select(*by, key=found.contact, order_id=found.of_order)


def _complaint_figures(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    return rates(_complaints(sight, kpi, by), _counted(_cohort(sight, kpi), by), by)


def _posts(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    contacts = lasting(sight.fact("contacts"), kpi, "contacts")
    bad = contacts.filter(contacts.public.fill_null(False), contacts.sentiment < 0)
    return of_orders(within(bad, bad.offered_at, kpi.window_days, sight), sight.fact("repair_orders"), by)


def _post_figures(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    orders = lasting(sight.fact("repair_orders"), kpi)
    back = within(orders, orders[kpi.day], kpi.window_days, sight)
    return rates(_posts(sight, kpi, by), _counted(back.filter(scope(kpi, back)), by), by)


def _slices(kpi: Kpi) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for by in kpi.by for name in by))


MEASURES: tuple[Named, ...] = (
    Named(
        "complaints",
        "contacts with the topic complaint about the orders of a cohort, whenever they came, over the orders of that cohort",
        "domain U4",
        ("contacts.topic", "contacts.order_id", "repair_orders.created|repair_orders.received"),
        _complaint_figures,
        lambda sight, kpi: _complaints(sight, kpi, _slices(kpi)),
        "share",
    ),
    Named(
        "negative_posts",
        "public posts with a sentiment below 0, over the devices handed back in the same days",
        "domain U5",
        (
            "contacts.public",
            "contacts.sentiment",
            "repair_orders.delivered|repair_orders.dispatched|repair_orders.completed|repair_orders.closed",
        ),
        _post_figures,
        lambda sight, kpi: _posts(sight, kpi, _slices(kpi)),
        "share",
    ),
)
