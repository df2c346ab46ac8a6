"""What in a repair order's own records is implausible, for somebody to investigate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation, as_of
from analytics.derived.hours import with_place

if TYPE_CHECKING:
    from analytics.derived.derivation import Sight
    from analytics.facts import Type

LEAST_JOBS = 200
"""Fewer jobs of a type do not say what is impossible."""
LOOK_BACK = ibis.interval(days=180)
RARE = 0.005
"""The share of a job type's turnarounds that are shorter than anybody's usual work (`domain.md` F2)."""
GRACE = ibis.interval(minutes=30)
"""Who closes the day's last orders does so with the doors shut."""
_NEVER = 9_999_999_999
_WHEN_ENDED = "delivered|dispatched|completed|closed"

_OVERLAPS: dict[str, Type] = {
    "overlapping": "bool",
    "overlaps_order": "text",
    "overlaps_partner": "text",
    "overlaps_until": "time",
}


def _overlaps(rows: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    """Add whether an order came in while another order of its device was open, and which.

    It is the one that stayed open longest, of the same partner's if there is one.

    An order that lies within one of another partner is a job passed on to a second workshop, and none of these. Unknown
    without a device or a hand-in, and where the order ended before it came in.
    """
    ended = rows.hand_back_at.coalesce(rows.returned_unrepaired_at, rows.swapped_at, rows.cancelled_at)
    until = ibis.ifelse(rows.open, _NEVER, ended.epoch_seconds())
    own = rows.select("key", "device_id", "partner", since=rows.hand_in_at.epoch_seconds(), until=until)
    sound = own.filter(own.device_id.notnull(), own.since <= own.until)
    # most devices have one order, and sorting those would be for nothing
    again = sound.group_by("device_id").having(sound.count() > 1).agg()
    own = sound.semi_join(again, "device_id")
    # a time and a key in one text that sorts by the time, so that the greatest one names its order too
    own = own.mutate(packed=own.until.cast("string").lpad(12, "0") + own.key)
    before = {
        name: own.packed.max().over(ibis.window(group_by=group, order_by=["since", "key"], rows=(None, -1)))
        for name, group in {"anywhere": ["device_id"], "at_home": ["device_id", "partner"]}.items()
    }
    own = own.mutate(**before)
    at_home = (own.at_home.substr(0, 12).cast("int64") > own.since).fill_null(False)
    own = own.mutate(longest=ibis.ifelse(at_home, own.at_home, own.anywhere))
    others = own.select(overlaps_order="key", overlaps_partner="partner", other_until="until")
    found = own.mutate(overlaps_order=own.longest.substr(12)).left_join(others, "overlaps_order")
    beside = (found.other_until > found.since).fill_null(False)
    passed_on = (found.partner != found.overlaps_partner).fill_null(False) & (found.until <= found.other_until)
    overlapping = beside & ~passed_on
    nothing = ibis.null("string")
    shut = ibis.ifelse(found.other_until < _NEVER, found.other_until.as_timestamp("s"), ibis.null("timestamp"))
    found = found.select(
        "key",
        overlapping=overlapping,
        overlaps_order=ibis.ifelse(overlapping, found.overlaps_order, nothing),
        overlaps_partner=ibis.ifelse(overlapping, found.overlaps_partner, nothing),
        overlaps_until=ibis.ifelse(overlapping, shut, ibis.null("timestamp")).cast("timestamp(6)"),
    )
    joined = sound.select("key").left_join(found, "key")
    more = {name: joined[name] for name in _OVERLAPS if name != "overlapping"}
    return joined.select("key", overlapping=joined.overlapping.fill_null(False), **more)


_FAST: dict[str, Type] = {"implausibly_fast": "bool", "usual_least_hours": "number"}


def _fast(rows: Any, sight: Sight) -> Any:
    """Add whether the turnaround is below the 0.5th percentile of the job type, and that percentile in hours.

    A job type is a product and a fault; the percentile is the whole network's over the last 180 d, of at least 200 jobs.
    Unknown for rarer types, and for what was given back unrepaired: to say no takes no time.
    """
    job = rows["product"].notnull() & rows.fault.notnull() & rows.tat_hours.notnull()
    job &= rows.outcome.fill_null("repaired") == "repaired"
    recent = rows.filter(job, rows.closed_at >= sight.moments["now"] - LOOK_BACK)
    types = recent.group_by(job_product="product", job_fault="fault").agg(
        jobs=recent.count(), usual_least_hours=recent.tat_hours.quantile(RARE)
    )
    types = types.filter(types.jobs >= LEAST_JOBS)
    found = rows.inner_join(types, [rows["product"] == types.job_product, rows.fault == types.job_fault])
    below = ibis.ifelse(job, rows.tat_hours < found.usual_least_hours, ibis.null("boolean"))
    return found.select("key", implausibly_fast=below, usual_least_hours=found.usual_least_hours)


_HOURS: dict[str, Type] = {"closed_outside_hours": "bool", "opened_before_at": "time", "shut_before_at": "time"}


def _outside(rows: Any, sight: Sight) -> Any:
    """Add whether an order was closed while its site was shut, and from when to when that was last open.

    Half an hour before opening and after closing still counts as open. A partner with one site has its orders there.
    Unknown where the opening hours are.
    """
    closed = with_place(rows.filter(rows.closed_at.notnull()), sight)
    closed = closed.select("key", "place", "closed_at", reach=closed.closed_at + GRACE)
    days = sight.table("calendar").select(opens="site", opened_before_at="opens_at", shut_before_at="closes_at")
    found = as_of(closed, "reach", days, "opened_before_at", {"place": "opens"})
    return found.mutate(closed_outside_hours=found.closed_at > found.shut_before_at + GRACE).select("key", *_HOURS)


_IMEI: dict[str, Type] = {"invalid_imei": "bool", "imei_fault": "text"}


def _imei(rows: Any, sight: Sight) -> Any:
    """Add whether a device's number is no IMEI of its model (`domain.md` F6), and what is wrong with it.

    15 digits, the last one by Luhn's rule, the first eight (TAC) among the model's, where the models are known. Only numbers
    are looked at: what has a serial number has letters in it, or a model without a TAC.
    """
    models = sight.table("models")
    models = models.select(model="product", tacs="tac")
    any_tac = models.agg(tacs_known=models.tacs.notnull().any())
    # read as a number before anything is joined: else every one of its digits would be read anew
    found = rows.select("key", "device_id", "product", whole=rows.device_id.try_cast("int64"))
    found = found.filter(found.device_id.re_search("^[0-9]+$"))
    found = found.left_join(models, found["product"] == models.model).cross_join(any_tac)
    serial = found.model.notnull() & found.tacs.isnull() & found.tacs_known.fill_null(False)
    number = found.device_id
    foreign = ~(" " + found.tacs + " ").contains(" " + number.substr(0, 8) + " ")
    fault = ibis.cases(
        (serial, ibis.null("string")),
        (number.length() != 15, "length"),
        ((_luhn(found.whole) % 10 != 0) | (number.substr(0, 8) == "00000000"), "check digit"),
        (foreign.fill_null(False), "model"),
        else_="",
    )
    found = found.select("key", imei_fault=fault)
    return found.select("key", invalid_imei=found.imei_fault != "", imei_fault=found.imei_fault.nullif(""))


def _luhn(number: Any) -> Any:
    """Add up the 15 digits of a number, every second one doubled and its digits added up (ISO/IEC 7812-1)."""
    total = ibis.literal(0)
    for place in range(15):
        digit = (number // 10 ** (14 - place)) % 10
        total += digit * 2 - ibis.ifelse(digit > 4, 9, 0) if place % 2 else digit
    return total


DERIVATIONS = (
    Derivation(
        "overlaps",
        "repair_orders",
        _OVERLAPS,
        _overlaps,
        dict.fromkeys(_OVERLAPS, ("device_id", "created|received", _WHEN_ENDED)),
        linked=True,
        near=lambda rows: [rows.device_id],
    ),
    Derivation(
        "fast",
        "repair_orders",
        _FAST,
        _fast,
        dict.fromkeys(_FAST, ("product", "fault", "received", "closed")),
        linked=True,
        timed=True,
    ),
    Derivation(
        "outside",
        "repair_orders",
        _HOURS,
        _outside,
        dict.fromkeys(_HOURS, ("closed", "site|sites.partner", "sites.opening")),
        linked=True,
        near=lambda _: [],
    ),
    Derivation(
        "imei",
        "repair_orders",
        _IMEI,
        _imei,
        dict.fromkeys(_IMEI, ("device_id",)),
        linked=True,
        near=lambda _: [],
    ),
)
