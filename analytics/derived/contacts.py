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

_HEARD: dict[str, Type] = {"waited_seconds": "number", "gave_up": "bool", "sold_14d": "bool"}
_AGES: dict[str, Type] = {"answered_20s": "bool", "case_age_hours": "number"}
_ENDED = "answered|abandoned"
_NEEDS = {
    "waited_seconds": (_ENDED, "wait_seconds|offered"),
    "answered_20s": ("offered", "answered", "wait_seconds|answered"),
    "gave_up": ("offered", "abandoned"),
    "case_age_hours": ("offered", "resolved"),
    "sold_14d": ("resolved", "sold"),
}


def _build(t: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    given_up = _given_up(t)
    waited = t.wait_seconds.coalesce(hours(t.offered_at, t.answered_at.coalesce(t.abandoned_at)) * 3600.0)
    t = t.mutate(waited_seconds=ibis.ifelse(t.answered_at.notnull() | given_up, waited, ibis.null("float64")))
    return t.mutate(
        gave_up=ibis.ifelse(t.offered_at.isnull() | _short(t), ibis.null("boolean"), given_up),
        sold_14d=ibis.ifelse(
            t.resolved_at.notnull(),
            (t.sold_at <= t.resolved_at + ibis.interval(days=SALE_DAYS)).fill_null(False),
            ibis.null("boolean"),
        ),
    )


def _given_up(t: Any) -> Any:
    return t.abandoned_at.notnull() & t.answered_at.isnull()


def _short(t: Any) -> Any:
    return _given_up(t) & (t.waited_seconds <= SHORT_SECONDS).fill_null(False)


def _ages(t: Any, sight: Sight) -> Any:
    """Add whether a contact has been answered in time so far, and how long its case has been open."""
    now = sight.moments["now"]
    given_up = _given_up(t)
    rings = t.offered_at + ibis.interval(seconds=ANSWER_SECONDS)
    waits = t.offered_at.notnull() & t.resolved_at.isnull() & ~t.public.fill_null(False)
    waits &= ~(given_up & t.replied_at.isnull())
    return t.mutate(
        answered_20s=either(
            (t.offered_at.isnull() | _short(t), ibis.null("boolean")),
            (t.answered_at.notnull(), t.waited_seconds <= ANSWER_SECONDS),
            (given_up | (now > rings), ibis.literal(False)),
        ),
        case_age_hours=ibis.ifelse(waits, hours(t.offered_at, now), ibis.null("float64")),
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
    Derivation("heard", "contacts", _HEARD, _build, _NEEDS),
    Derivation("hearing", "contacts", _AGES, _ages, _NEEDS, timed=True),
    Derivation(
        "repeats",
        "contacts",
        _REPEATS,
        _repeats,
        _REPEAT_NEEDS,
        linked=True,
        near=lambda rows: [rows.customer + "/" + rows.topic],
    ),
)
