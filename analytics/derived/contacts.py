"""What follows for a contact: how it was heard, repeats of the same customer and topic, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation, as_of, either, hours

if TYPE_CHECKING:
    from analytics.derived.derivation import Sight
    from analytics.facts import Type

SHORT_SECONDS = 5
"""Who gives up within this time was not waiting for an answer (`domain.md` C1, C2)."""
ANSWER_SECONDS = 20
REPEAT_DAYS = 7
SALE_DAYS = 14

_COLUMNS: dict[str, Type] = {
    "waited_seconds": "number",
    "answered_20s": "bool",
    "gave_up": "bool",
    "case_age_hours": "number",
    "sold_14d": "bool",
}
_ENDED = "answered|abandoned"
_NEEDS = {
    "waited_seconds": (_ENDED, "wait_seconds|offered"),
    "answered_20s": ("offered", "answered", "wait_seconds|answered"),
    "gave_up": ("offered", "abandoned"),
    "case_age_hours": ("offered", "resolved"),
    "sold_14d": ("resolved", "sold"),
}


def _build(t: Any, sight: Sight) -> Any:
    now = sight.moments["now"]
    answered, given_up = t.answered_at.notnull(), t.abandoned_at.notnull() & t.answered_at.isnull()
    waited = t.wait_seconds.coalesce(hours(t.offered_at, t.answered_at.coalesce(t.abandoned_at)) * 3600.0)
    short = given_up & (waited <= SHORT_SECONDS).fill_null(False)
    rings = t.offered_at + ibis.interval(seconds=ANSWER_SECONDS)
    waits = t.offered_at.notnull() & t.resolved_at.isnull() & ~t.public.fill_null(False)
    waits &= ~(given_up & t.replied_at.isnull())
    return t.mutate(
        waited_seconds=ibis.ifelse(answered | given_up, waited, ibis.null("float64")),
        answered_20s=either(
            (t.offered_at.isnull() | short, ibis.null("boolean")),
            (answered, waited <= ANSWER_SECONDS),
            (given_up | (now > rings), ibis.literal(False)),
        ),
        gave_up=ibis.ifelse(t.offered_at.isnull() | short, ibis.null("boolean"), given_up),
        case_age_hours=ibis.ifelse(waits, hours(t.offered_at, now), ibis.null("float64")),
        sold_14d=ibis.ifelse(
            t.resolved_at.notnull(),
            (t.sold_at <= t.resolved_at + ibis.interval(days=SALE_DAYS)).fill_null(False),
            ibis.null("boolean"),
        ),
    )


_REPEATS: dict[str, Type] = {"settled_at_once": "bool"}
_REPEAT_NEEDS = {"settled_at_once": ("offered", "customer", "topic", "answered|replied|resolved")}


def _repeats(rows: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    """Add `settled_at_once`: heard, and not followed by the same customer with the same topic, on any channel, within 7 d.

    Unknown without a customer or a topic, and where nobody heard the customer: such a contact could settle nothing.
    """
    later = rows.select(again_customer=rows.customer, again_topic=rows.topic, again_at=rows.offered_at)
    later = later.filter(later.again_customer.notnull() & later.again_topic.notnull() & later.again_at.notnull())
    heard = rows.answered_at.notnull() | rows.replied_at.notnull() | rows.resolved_at.notnull()
    told = rows.customer.notnull() & rows.topic.notnull() & rows.offered_at.notnull()
    rows = rows.filter(heard & told)
    alike = {"customer": "again_customer", "topic": "again_topic"}
    rows = as_of(rows, "offered_at", later, "again_at", alike, later=True)
    repeated = (rows.again_at <= rows.offered_at + ibis.interval(days=REPEAT_DAYS)).fill_null(False)
    return rows.select("key", settled_at_once=~repeated)


DERIVATIONS = (
    Derivation("contacts", "contacts", _COLUMNS, _build, _NEEDS),
    Derivation("repeats", "contacts", _REPEATS, _repeats, _REPEAT_NEEDS, linked=True),
)
