"""How complete, fresh and consistent the data is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.named.named import Named

if TYPE_CHECKING:
    from analytics.derived import Sight
    from analytics.kpi import Kpi

FED = ("repair_orders", "shipments", "part_orders", "contacts")
HABIT = ibis.interval(days=28)
"""A feed's usual silences are those of the four weeks before its newest event."""
LEAST_EVENTS = 5
"""With fewer nothing is usual yet."""
LEAST_GAP = 4.0
"""Hours of silence that are nobody's trouble."""
_FEED = ["source", "partner", "country"]


def _feeds(sight: Sight) -> Any:
    """Give per fact, source, partner and country the newest event, its age in hours, the longest gap before it, and their ratio."""
    feeds = ibis.union(*(_feeds_of(sight, name) for name in FED))
    gap = ibis.greatest(feeds.longest, LEAST_GAP)
    age = (sight.moments["now"].epoch_seconds() - feeds.newest_at.epoch_seconds()) / 3600.0
    return feeds.mutate(age_hours=age, longest_gap_hours=gap, silence=age / gap)


def _feeds_of(sight: Sight, fact: str) -> Any:
    """Give per source, partner and country of a fact the newest event and the longest gap in hours before it."""
    rows = sight.fact(fact)
    heard = rows.select("source", "partner", "country", at="last_event_at")
    heard = heard.filter(heard.partner.notnull(), heard["at"].notnull())
    newest = heard.group_by(_FEED).agg(newest_at=heard["at"].max())
    newest = newest.rename({f"_{name}": name for name in _FEED})
    heard = heard.join(newest, [heard[name].identical_to(newest[f"_{name}"]) for name in _FEED])
    heard = heard.filter(heard["at"] >= heard.newest_at - HABIT)
    own = ibis.window(group_by=_FEED, order_by="at")
    heard = heard.mutate(gap=(heard["at"].epoch_seconds() - heard["at"].lag().over(own).epoch_seconds()) / 3600.0)
    feeds = heard.group_by([*_FEED, "newest_at"]).agg(events=heard.count(), longest=heard.gap.max())
    feeds = feeds.filter(feeds.events >= LEAST_EVENTS)
    return feeds.select(*_FEED, "newest_at", "longest", fact=ibis.literal(fact))


def _silence(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:  # noqa: ARG001  # one signature
    feeds = _feeds(sight)
    feeds = feeds.drop_null(list(by)) if by else feeds
    slowest = {"rows": feeds.count(), "value": feeds.silence.quantile(0.9)}
    found = feeds.group_by(list(by)).agg(**slowest) if by else feeds.agg(**slowest)
    count, nothing = found["rows"].cast("float64"), ibis.null("float64")
    return found.select(*by, rows=count, n=count, value=found["value"], num=nothing, den=nothing)


def _silent_rows(sight: Sight, kpi: Kpi) -> Any:  # noqa: ARG001  # one signature
    feeds = _feeds(sight)
    key = feeds.fact + " of " + feeds.source + ": " + feeds.partner + feeds.country.fill_null("")
    return feeds.select(
        "partner", "country", "source", "newest_at", "age_hours", "longest_gap_hours", "silence", key=key
    )


def _problems(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:  # noqa: ARG001  # one signature
    found = sight.table("master_problems")
    listed = sight.table("partners").select("partner")
    if by:
        found = found.drop_null(["partner"])
        counted = found.group_by(whose="partner").agg(problems=found.count())
        every = listed.union(found.select("partner"), distinct=True)
        every = every.left_join(counted, every.partner == counted.whose)
        count = every.problems.fill_null(0).cast("float64")
        rows = ibis.literal(1.0)
    else:
        every = found.agg(problems=found.count()).cross_join(listed.agg(partners=listed.count()))
        count = every.problems.cast("float64")
        rows = ibis.greatest(every.partners, every.problems, 1).cast("float64")
    nothing = ibis.null("float64")
    return every.select(*by, rows=rows, n=count, value=count, num=nothing, den=nothing)


def _problem_rows(sight: Sight, kpi: Kpi) -> Any:  # noqa: ARG001  # one signature
    found = sight.table("master_problems")
    return found.mutate(key=found.table_name + " " + found.entry)


MEASURES: tuple[Named, ...] = (
    Named(
        name="freshness",
        formula="age of the newest event of a partner's feed over its own longest silence in the four weeks before that event "
        "(at least 4 h); of several feeds the 0.9-quantile",
        source="domain.md D2",
        needs=("repair_orders.partner",),
        figures=_silence,
        rows=_silent_rows,
    ),
    Named(
        name="master_data_problems",
        formula="number of entries of the master data that contradict themselves or each other",
        source="domain.md D5",
        needs=("partners.partner",),
        figures=_problems,
        rows=_problem_rows,
    ),
)
