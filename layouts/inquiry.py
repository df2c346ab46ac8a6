"""What the analyst's pages ask for, as a protocol: whoever keeps Boards, facts and books fulfils it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from analytics.inquiring import AbsentError, Column, File, Filter, Operator, Table, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["AbsentError", "Column", "File", "Filter", "Inquiry", "Operator", "Slice", "Table", "Wanted"]

Slice = tuple[tuple[str, str], ...]
"""Pairs (dimension, value), sorted by dimension; the whole network is ()."""


class Inquiry(Protocol):
    """Times in the documents are ISO 8601 texts in UTC with a Z, or None. All methods may be called from any thread.

    `version` names a stored Board; None stands for the newest. AbsentError where it, or what is asked of it, is not there.
    """

    def board(self, version: int | None) -> Mapping[str, Any]:
        """Give a Board as the contract's JSON, with the greens."""

    def explained(self, version: int | None, kpi: str, slice_: Slice) -> Mapping[str, Any]:
        """Give why a reading has its level.

        The reading's own JSON, and {"formula", "limits_from", "health_reason", "evidence_method", "rows_total", "drivers" (as in
        the reading), "mix_rate" (None or as `explain` has it), "survival" (None or {"closed_only", "kaplan_meier", "still_open"}),
        "change" (None or what the control chart says), "chart" (None or {"kind" (xmr p u g), "points": [{"day", "value", "n",
        "centre", "low", "high", "signal" (name or None), "improving" (bool or None)}]}), "better" (lower higher between),
        "sources": [names of what its rows came from]}.
        """

    def before(self, version: int | None, kpi: str) -> Mapping[Slice, Mapping[str, Any]]:
        """Give a KPI over the window just before a Board's: {"value", "numerator", "denominator", "n", "window": {"from", "to"}}.

        A KPI that judges the state of the moment gives the state one week earlier, where it is known.
        """

    def rows(self, version: int | None, kpi: str, slice_: Slice, wanted: Wanted) -> Table:
        """Give the rows behind a number; without filters they add up to it. `key` is the key of the fact; `order_id` leads on."""

    def order(self, order: str, version: int | None) -> Mapping[str, Any]:
        """Give all that is known of an order.

        {"order", "facts" (its attributes), "device", "others" (other orders of the device: [{"order", "received_at",
        "handed_back_at", "partner", "outcome"}]),
        "steps": [{"number", "at", "fact", "key", "kind", "standing", "standing_says", "after", "before",
        "source", "batch", "row", "file", "line", "recorded_at", "loaded_at"}], "checksum", "as_of", "version"}.
        """

    def search(self, words: str, most: int = 20) -> Sequence[Mapping[str, Any]]:
        """Find orders, devices, shipments, part orders, contacts, claims, partners and KPIs by name, key or the beginning of one.

        {"kind" (order device shipment part_order contact claim partner kpi), "name", "detail", "order" (the order it leads to, or
        None)}, the best first: exact ones, then those that begin so, then those that hold it.
        """

    def sources(self) -> Sequence[Mapping[str, Any]]:
        """Give each source's books.

        {"name", "fact", "timeless" (master data: it tells of no times, so that it has no watermark), "format", "every", "state",
        "watermark", "fresh_within_seconds", "error", "counts" ({"read", "stored", "duplicate", "ignored", "quarantined",
        "adjusted", "unmapped"} over all batches), "accounted" (read = stored + duplicate + ignored + quarantined), "lag":
        {"median", "p90"} (hours from an event to its loading, None if unknown), "loaded_at" (of its newest batch), "waiting" (rows
        in quarantine now), "batches": the newest 20 [{"batch", "loaded_at", "counts": {...}}], "partners": [{"partner", "last_at",
        "silent_hours"}] the most silent first}.
        """

    def quarantine(self, source: str | None, wanted: Wanted) -> Table:
        """Give rejected rows that still wait: id, source, file, row, reason, raw, rejected_at, batch."""

    def replay(self, source: str) -> Mapping[str, Any]:
        """Try a source's rejected rows again under the present settings; give the counts, and "error" (a sentence or None)."""

    def export(self, what: str, format_: str, **of: Any) -> File:
        """Write a file to take away.

        `what` takes `of`: "rows" version, kpi, slice_, wanted (as on screen, but all of it); "readings" version, kpis, slice_,
        levels; "order" order, version; "scorecard" partner, version; "quarantine" source, wanted.

        AbsentError where that is not there; ValueError, with a sentence, for a format that it cannot have.
        """
