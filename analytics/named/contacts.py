"""What customers ask for, how often, and how long they wait for a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.named.cohorts import waiting
from analytics.named.named import Named

if TYPE_CHECKING:
    from analytics.derived import Sight
    from analytics.kpi import Kpi

STATUS = "repair status"


def about(contacts: Any, topic: str) -> Any:
    """Tell whether a contact has a topic, however it is written: "Repair_Status" is "repair status"."""
    return contacts.topic.lower().replace("_", " ") == topic


def of_orders(contacts: Any, orders: Any, by: tuple[str, ...]) -> Any:
    """Give contacts with the slices of the order they are about; the contact's own where no order is known.

    But `partner` and `site` of a contact are those of the contact centre, which is not to blame for the repair.
    """
    mine = orders.select(of_order=orders.key, **{f"order_{name}": orders[name] for name in by})
    joined = contacts.left_join(mine, contacts.order_id == mine.of_order)
    own = {
        name: joined[f"order_{name}"]
        if name in ("partner", "site")
        else joined[f"order_{name}"].coalesce(joined[name] if name in contacts.columns else None)
        for name in by
    }
    return joined.select("key", "order_id", "offered_at", "customer", "topic", "sentiment", **own)


def _chasers(sight: Sight, by: tuple[str, ...]) -> Any:
    contacts = sight.fact("contacts")
    begin, now = sight.moments["from"], sight.moments["now"]
    asked = contacts.filter(about(contacts, STATUS), contacts.offered_at >= begin, contacts.offered_at <= now)
    return of_orders(asked, sight.fact("repair_orders"), by)


def _open_days(sight: Sight, by: tuple[str, ...]) -> Any:
    """Give the orders that were open in the window, with the days of it that they were."""
    orders = sight.fact("repair_orders")
    begin, now = sight.moments["from"], sight.moments["now"]
    until = ibis.least(orders.ended_at.coalesce(now), now)
    since = ibis.greatest(orders.hand_in_at, begin)
    days = (until.epoch_seconds() - since.epoch_seconds()) / 86400.0
    lived = orders.filter(orders.hand_in_at.notnull(), until > since)
    return lived.select("key", *by, open_days=days)


def rates(events: Any, base: Any, by: tuple[str, ...]) -> Any:
    """Give the figures of events per unit of a base: `base` has columns by, `rows` and `den`, one row per slice.

    Evidence treats them as a share (rare events: Poisson and binomial agree), so that `num` is never more than `den`.
    """
    if by:
        events = events.drop_null(list(by))
        counted = events.group_by(list(by)).agg(events=events.count())
        both = base.left_join(counted, list(by)).select(base, counted.events)
    else:
        both = base.cross_join(events.agg(events=events.count()))
    seen = both.events.fill_null(0).cast("float64")
    return both.mutate(
        n=both.den, num=ibis.least(seen, both.den), value=seen / both.den.nullif(0.0), rows=both.rows.cast("float64")
    ).drop("events")


def _chaser_figures(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:  # noqa: ARG001  # one signature
    days = _open_days(sight, by)
    if by:
        days = days.drop_null(list(by))
        base = days.group_by(list(by)).agg(rows=days.count(), den=days.open_days.sum())
    else:
        base = days.agg(rows=days.count(), den=days.open_days.sum().fill_null(0.0))
    return rates(_chasers(sight, by), base, by)


def _chaser_rows(sight: Sight, kpi: Kpi) -> Any:
    return _chasers(sight, tuple(dict.fromkeys(name for by in kpi.by for name in by)))


def _reply(rows: Any) -> tuple[Any, Any, Any]:
    return rows.offered_at, rows.replied_at, ibis.null("timestamp(6)")


MEASURES: tuple[Named, ...] = (
    Named(
        "status_chasers",
        "contacts with the topic repair status, over the days that orders were open in the window (10 orders open for a week "
        "are 70 days); a contact counts where its order is, without one where it came from",
        "domain C5",
        ("contacts.offered", "contacts.topic", "repair_orders.created|repair_orders.received"),
        _chaser_figures,
        _chaser_rows,
        "share",
    ),
    waiting(
        "social_reply_p90",
        "hours by which 90 % of the posts have a first reply; those without one still wait",
        "contacts",
        _reply,
        ("offered", "replied"),
        "replied",
    ),
)
