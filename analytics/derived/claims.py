"""What follows for a claim: repeats of the same device, traces of the work it is for, and parts that do not belong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation, either

if TYPE_CHECKING:
    from analytics.derived.derivation import Sight
    from analytics.facts import Type

REPEAT_DAYS = 30
"""Two claims for one device within this time need a reason (`domain.md` F1)."""
SENT_IN = ("mail_in", "pickup")
"""Channels of devices that travel to the repairer, so that somebody scans them on the way."""
SUPERSESSIONS = 5
"""No part is followed through more successors than this."""
_NEVER = 9_999_999_999
"""Seconds of a time that has not come: an order that is still open."""
_EARLIER = {"rows": (None, -1)}

_REPEATS: dict[str, Type] = {
    "duplicate": "bool",
    "claim_class": "text",
    "duplicate_of": "text",
    "came_in_at": "time",
    "other_order": "text",
    "other_claimed_at": "time",
    "other_back_at": "time",
}
_DEVICE = ("device_id|repair_orders.device_id", "submitted")


def _repeats(claims: Any, sight: Sight) -> Any:
    """Add whether a claim repeats another one for the same device, and which.

    A duplicate is a second claim for the same order and part, a claim for an order that came in while another claimed order
    of the device was still open, or one within 30 d of another where the orders are not known. Where the earlier order was
    handed back before the later one came in, the claim is "after a return": a bounce, not a duplicate. Rejected claims are
    nobody's earlier claim. All claims of one order and different parts are lines of one.
    """
    known = _with_orders(claims, sight)
    lines = _with_same_line(known)
    units = _units(known)
    found = lines.join(units, (lines.device == units.unit_device) & (lines.unit == units.unit), how="left")
    earlier = found.same_line.coalesce(found.open_beside, found.shortly_before)
    device = found.device.notnull()
    again = found.last_before.notnull() & (found.at <= found.last_before + ibis.interval(days=REPEAT_DAYS))
    class_ = either(
        (earlier.notnull(), "duplicate"), (device & again, "after a return"), (device, "only one"), (True, None)
    )
    found = found.mutate(claim_class=class_, duplicate_of=_packed_key(earlier))
    found = found.mutate(duplicate=found.claim_class == "duplicate")
    others = known.select(
        other_key=known.key, other_order=known.claimed_order, other_claimed_at=known["at"], other_back_at=known.back_at
    )
    found = found.left_join(others, found.duplicate_of == others.other_key)
    return found.select("key", *_REPEATS)


def _with_orders(claims: Any, sight: Sight) -> Any:
    """Give the claims with what their orders say: the device, and from when to when the repairer had it."""
    orders = sight.fact("repair_orders")
    ended = orders.hand_back_at.coalesce(orders.returned_unrepaired_at, orders.swapped_at, orders.cancelled_at)
    orders = orders.select(
        own_order=orders.order_id,
        own_device=orders.device_id,
        came_in_at=orders.hand_in_at,
        back_at=ibis.ifelse(orders.open, ibis.null("timestamp(6)"), ended),
    )
    rows = claims.select(
        "key",
        "part",
        "device_id",
        claimed_order="order_id",
        at=claims.submitted_at.coalesce(claims.first_event_at),
        live=claims.rejected_at.isnull(),
    )
    rows = rows.left_join(orders, rows.claimed_order == orders.own_order)
    placed = rows.came_in_at.notnull()
    return rows.mutate(
        device=rows.device_id.coalesce(rows.own_device),
        placed=placed,
        unit=ibis.ifelse(placed, rows.claimed_order, "\x1f" + rows.key),
    )


def _with_same_line(rows: Any) -> Any:
    """Add `same_line`: the latest earlier claim of the same order and part, packed; nothing where a claim names no order."""
    own = rows.filter(rows.claimed_order.notnull()).select("key", "at", "live", line=_line(rows))
    # most lines are claimed once, and sorting those would be for nothing
    own = own.semi_join(own.group_by("line").having(own.count() > 1).agg(), "line")
    alike = ibis.window(group_by="line", order_by=["at", "key"], **_EARLIER)
    packed = ibis.ifelse(own.live, _packed(own["at"].epoch_seconds(), own.key), ibis.null("string"))
    before = own.select(line_key="key", same_line=packed.max().over(alike))
    return rows.left_join(before, rows.key == before.line_key).drop("line_key")


def _line(rows: Any) -> Any:
    """Write the order and part of a claim as one text; claims without a part are of one line."""
    return rows.claimed_order + ibis.ifelse(rows.part.isnull(), "", "\x1f" + rows.part.cast("string"))


def _units(rows: Any) -> Any:
    """Give, per device and order claimed, the claimed order of the device that was open when it came in, and the last claim before.

    Orders stand in the order in which they came in. A claim whose order is not known stands for itself, for 30 d.
    """
    rows = rows.filter(rows.device.notnull())
    # most devices are claimed once, and sorting those would be for nothing
    rows = rows.semi_join(rows.group_by("device").having(rows.count() > 1).agg(), "device")
    month = REPEAT_DAYS * 86400
    at = rows["at"].epoch_seconds()
    until = ibis.ifelse(rows.placed, rows.back_at.epoch_seconds().coalesce(_NEVER), at + month)
    rows = rows.mutate(since=rows.came_in_at.coalesce(rows["at"]).epoch_seconds(), until=until, seconds=at)
    units = rows.group_by(unit_device=rows.device, unit=rows.unit).agg(
        since=rows.since.min(),
        until=rows.until.max(),
        claimed=rows.seconds.min(),
        placed=rows.placed.any(),
        first=_packed(rows.seconds, rows.key).min(),
        live=rows.live.any(),
    )
    before = ibis.window(group_by="unit_device", order_by=["since", "claimed", "unit"], **_EARLIER)
    nothing = ibis.null("string")
    longest = ibis.ifelse(units.live, _packed(units.until, _packed_key(units["first"])), nothing).max().over(before)
    latest = ibis.ifelse(units.live, units["first"], nothing).max().over(before)
    units = units.mutate(longest=longest, latest=latest)
    beside = ibis.ifelse(_packed_seconds(units.longest) > units.since, units.longest, nothing)
    recent = ~units.placed & (_packed_seconds(units.latest) + month >= units.claimed)
    return units.select(
        "unit_device",
        "unit",
        open_beside=beside,
        shortly_before=ibis.ifelse(recent, units.latest, nothing),
        last_before=_packed_seconds(units.latest).as_timestamp("s"),
    )


def _packed(seconds: Any, key: Any) -> Any:
    """Write a time and a key as one text that sorts by the time, so that the greatest one names its key too."""
    return seconds.cast("string").lpad(12, "0") + key


def _packed_seconds(text: Any) -> Any:
    return text.substr(0, 12).cast("int64")


def _packed_key(text: Any) -> Any:
    return text.substr(12)


_TRACES: dict[str, Type] = {"ghost": "bool", "order_known": "bool"}


def _traces(claims: Any, sight: Sight) -> Any:
    """Add whether nothing but the claim itself tells of the repair that it is for (`domain.md` F4).

    A trace is an arrival, a part ordered for it, or a contact about it. An arrival is a scan on the way in or a receipt; of a
    device that was sent in a receipt alone does not do where the repairer's other arrivals are scanned.
    """
    orders, shipments = sight.fact("repair_orders"), sight.fact("shipments")
    inbound = shipments.filter((shipments.leg != "outbound").fill_null(True), shipments.order_id.notnull())
    seen = ibis.coalesce(inbound.picked_up_at, inbound.scanned_at, inbound.customs_in_at, inbound.delivered_at)
    scans = inbound.filter(seen.notnull()).select(trace=inbound.order_id).distinct()
    scanned = orders.semi_join(scans, orders.order_id == scans.trace)
    scanned = scanned.filter(scanned.partner.notnull()).select(scanning=scanned.partner).distinct()
    told = orders.left_join(scanned, orders.partner == scanned.scanning)
    demanded = told.channel.isin(SENT_IN).fill_null(False) & told.scanning.notnull()
    told = told.select(
        trace=told.order_id,
        known=True,
        received=told.received_at.notnull() & ~demanded,
        parted=told.part_requested_at.notnull() | told.part_received_at.notnull(),
    )
    rows = claims.select("key", "order_id").left_join(told, [("order_id", "trace")]).drop("trace")
    parts, contacts = sight.fact("part_orders"), sight.fact("contacts")
    for name, others in (
        ("scan", scans),
        ("line", parts.select(trace=parts.order_id).distinct()),
        ("contact", contacts.select(trace=contacts.order_id).distinct()),
    ):
        marked = others.mutate(**{name: True})
        rows = rows.left_join(marked, [("order_id", "trace")]).drop("trace")
    traces = [rows[name].fill_null(False) for name in ("received", "parted", "scan", "line", "contact")]
    return rows.select(
        "key",
        ghost=ibis.ifelse(rows.order_id.isnull(), ibis.null("boolean"), ~ibis.or_(*traces)),
        order_known=rows.known.fill_null(False),
    )


_PARTS: dict[str, Type] = {"part_not_in_bom": "bool", "foreign_part": "text"}


def _parts(claims: Any, sight: Sight) -> Any:
    """Add whether a part claimed, or ordered for the claim's order, is not in the product's parts list (`domain.md` F5).

    A part belongs if it, a part that it supersedes or one that supersedes it is listed. Unknown where no part is named, or
    nothing is listed for the product.
    """
    orders, lines, bom = sight.fact("repair_orders"), sight.fact("part_orders"), sight.table("bom")
    orders = orders.select(own_order=orders.order_id, own_product=orders["product"])
    rows = claims.select("key", "order_id", "part", claimed="product")
    rows = rows.left_join(orders, rows.order_id == orders.own_order)
    rows = rows.mutate(of=rows.claimed.coalesce(rows.own_product))
    ordered = lines.filter(lines.part.notnull(), lines.cancelled_at.isnull()).select(line_order="order_id", line="part")
    ordered = rows.join(ordered, rows.order_id == ordered.line_order).select("key", "of", used="line")
    used = rows.filter(rows.part.notnull()).select("key", "of", used="part").union(ordered).distinct()
    listed = _newest_part(bom.select(listed_of="product", listed="part"), "listed", sight)
    fits = listed.select("listed_of", "listed_newest").distinct().mutate(fits=True)
    used = _newest_part(used, "used", sight).semi_join(fits, [("of", "listed_of")])
    used = used.left_join(fits, [("of", "listed_of"), ("used_newest", "listed_newest")])
    foreign = used.fits.isnull()
    return used.group_by("key").agg(part_not_in_bom=foreign.any(), foreign_part=used.used.min(where=foreign))


def _newest_part(rows: Any, column: str, sight: Sight) -> Any:
    """Add `<column>_newest`: the part that has superseded the one in a column, and is superseded by none."""
    parts = sight.table("parts")
    parts = parts.filter(parts.superseded_by.notnull()).select(older="part", newer="superseded_by")
    rows = rows.mutate(**{f"{column}_newest": rows[column]})
    for _ in range(SUPERSESSIONS):
        rows = rows.left_join(parts, rows[f"{column}_newest"] == parts.older)
        newest = rows.newer.coalesce(rows[f"{column}_newest"])
        rows = rows.mutate(**{f"{column}_newest": newest}).drop("older", "newer")
    return rows


_PART = "part|part_orders.part"
DERIVATIONS = (
    Derivation("claim_repeats", "claims", _REPEATS, _repeats, dict.fromkeys(_REPEATS, _DEVICE), linked=True),
    Derivation("claim_traces", "claims", _TRACES, _traces, dict.fromkeys(_TRACES, ("order_id",)), linked=True),
    Derivation(
        "claim_parts",
        "claims",
        _PARTS,
        _parts,
        dict.fromkeys(_PARTS, ("bom.part", "bom.product", _PART, "product|repair_orders.product")),
        linked=True,
    ),
)
