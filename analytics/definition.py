"""Digests of what decides a KPI's rows and value, to tell whether a Board's figure still means what the catalogue says today."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from analytics.feeding import needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.judge import FeedRule
    from analytics.kpi import Kpi


def definitions(kpis: Sequence[Kpi], feeds: Sequence[FeedRule]) -> dict[str, str]:
    """Give the digest of each KPI by its key."""
    return {kpi.key: definition(kpi, feeds) for kpi in kpis}


def definition(kpi: Kpi, feeds: Sequence[FeedRule]) -> str:
    """Digest a KPI without its limits, words and remedies, with the sources of its fact and of those that it looks at."""
    facts = {kpi.fact} | {name.split(".")[0] for need in needed(kpi) for name in need.split("|")}
    sources = sorted((feed.fact, feed.name) for feed in feeds if feed.fact in facts)
    own = (kpi.fact, kpi.measure, kpi.where, kpi.day, kpi.window_days, kpi.matures_days, kpi.by, kpi.case_mix)
    return hashlib.blake2b(repr((own, sources)).encode(), digest_size=8).hexdigest()
