"""Hours in which a site was open: turnaround in business hours, and what happened outside of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation, as_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    from analytics.derived.derivation import Sight
    from analytics.facts import Type

_COLUMNS: dict[str, Type] = {"tat_business_hours": "number"}
_NEEDS = {"tat_business_hours": ("received", "completed|repaired|closed", "sites.opening")}


def with_place(rows: ir.Table, sight: Sight) -> ir.Table:
    """Add `place`: a row's site, or the only site of its partner where the row names none."""
    sites = sight.table("sites")
    known = sites.filter(sites.partner.notnull(), sites.site.notnull())
    alone = known.group_by(_partner=known.partner).agg(_sites=known.site.nunique(), _only=known.site.min())
    alone = alone.filter(alone["_sites"] == 1)
    found = rows.left_join(alone, rows.partner == alone["_partner"])
    return found.select(rows, place=rows.site.coalesce(alone["_only"]))


def with_hours(rows: ir.Table, times: Mapping[str, Any], sight: Sight) -> ir.Table:
    """Add, per named time of a row, how it lies in the opening hours of the row's `place` (see `with_place`).

    `<name>_inside`: whether the place was open then. `<name>_seconds`: the seconds it had been open by then, to be subtracted
    from another's. `<name>_begun` and `<name>_over`: how many of its open days had begun, and how many had ended. All are
    unknown where the time is, where the place has no opening hours, and before its calendar begins. Days are the site's
    own, with its clock changes and without its holidays.
    """
    calendar = sight.table("calendar")
    days = calendar.select(
        _place=calendar.site,
        _opens=calendar.opens_at,
        _closes=calendar.closes_at,
        _before=calendar.open_before,
        _number=calendar.number,
    )
    for name, at in times.items():
        joined = as_of(rows.mutate(_at=at), "_at", days, "_opens", {"place": "_place"})
        since = joined["_at"].epoch_seconds() - joined["_opens"].epoch_seconds()
        length = joined["_closes"].epoch_seconds() - joined["_opens"].epoch_seconds()
        rows = joined.mutate(
            **{
                f"{name}_inside": joined["_at"] < joined["_closes"],
                f"{name}_seconds": joined["_before"] + ibis.least(since, length),
                f"{name}_begun": joined["_number"],
                f"{name}_over": joined["_number"] - (joined["_at"] < joined["_closes"]).cast("int64"),
            }
        ).drop("_at", *days.columns)
    return rows


def _build(rows: Any, sight: Sight) -> Any:
    """Add `tat_business_hours`: `tat_hours`, counted while the site was open."""
    timed = with_hours(with_place(rows, sight), {"_came": rows.received_at, "_done": rows.done_at}, sight)
    took = (timed["_done_seconds"] - timed["_came_seconds"]) / 3600.0
    forwards = timed.done_at >= timed.received_at
    return timed.select("key", tat_business_hours=ibis.ifelse(forwards, took, ibis.null("float64")))


DERIVATIONS = (Derivation("hours", "repair_orders", _COLUMNS, _build, _NEEDS, linked=True, near=lambda _: []),)
