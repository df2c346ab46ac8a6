"""How long shipments are under way and in customs, those that have not arrived included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.named.cohorts import waiting

if TYPE_CHECKING:
    from analytics.named.named import Named

_NEVER = ibis.null("timestamp(6)")


def _transit(rows: Any) -> tuple[Any, Any, Any]:
    return rows.shipped_at, rows.delivered_at, _NEVER  # what was lost has not arrived: it goes on waiting


def _customs(rows: Any) -> tuple[Any, Any, Any]:
    # a parcel that was delivered has left customs, though nobody scanned it there
    return rows.customs_in_at, rows.customs_out_at.coalesce(rows.delivered_at), _NEVER


MEASURES: tuple[Named, ...] = (
    waiting(
        "transit_cohort_p90",
        "hours after its pickup (else its first scan) by which 90 % of the shipments are delivered; those under way and "
        "those lost still wait",
        "shipments",
        _transit,
        ("picked_up|scanned", "delivered"),
        "delivered",
        {"lost": "lost_at"},
    ),
    waiting(
        "customs_dwell_p90",
        "hours after its entry by which customs have released 90 % of the shipments; those still held wait",
        "shipments",
        _customs,
        ("customs_in", "customs_out|delivered"),
        "released",
    ),
)
