"""What follows for a repair order from the orders beside it: who was passed, who is forgotten, and who will be late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation, as_of, epoch_us, hours
from analytics.derived.hours import with_hours, with_place
from analytics.facts import FACTS
from analytics.statistics.survival import survival_steps

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analytics.derived.derivation import Sight

FORGOTTEN_DAYS = 30
"""After so many days an order stands in no queue any more: one that is never closed must not make every completion a breach."""
LOOK_BACK_DAYS = 90
"""What was usual lately is learned from so many days."""
FEW = 50
"""A partner with fewer orders in that time is expected to be as fast as the network."""
DEFAULT_SLA_HOURS = 72
_KINDS = 32
"""There are fewer kinds of events than this."""
_HOUR = 3_600_000_000
_DWELLS = 20
"""Of a status that fewer orders left lately nobody knows what is usual."""
_HAND_IN = "created|received"
_NEVER = ibis.literal("9999-01-01", "timestamp(6)")
"""When an order that is still open leaves the line: after everything that has happened."""


def _passing(rows: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    """Add `fifo_breach`: completed before an older order of the same partner and product that could be worked on all the time.

    An order could be worked on from its receipt until it first waited for a part or for the customer, and again from when its
    last wait was over until it ended. Unknown before the completion, and without a partner or a product.
    """
    came = rows.received_at.coalesce(rows.created_at)
    gone = ibis.ifelse(rows.open, _NEVER, rows.ended_at)
    over = ibis.greatest(rows.part_received_last_at, rows.approved_last_at)
    waiting = rows.part_requested_last_at.notnull() & ~(
        rows.part_received_last_at >= rows.part_requested_last_at
    ).fill_null(False)
    waiting |= rows.quoted_last_at.notnull() & ~(rows.approved_last_at >= rows.quoted_last_at).fill_null(False)
    queue = rows.select(
        "key",
        "partner",
        "product",
        came=came,
        first=ibis.least(gone, rows.part_requested_at, rows.quoted_at),
        again=ibis.ifelse(waiting, ibis.null("timestamp(6)"), over),
        gone=gone,
        done=ibis.ifelse(rows.open, ibis.null("timestamp(6)"), rows.done_at),
    )
    queue = queue.filter(queue.partner.notnull(), queue.product.notnull(), queue.came.notnull())
    stayed = queue.came + ibis.interval(days=FORGOTTEN_DAYS)
    slice_ = ("partner", "product")
    nobody, nothing = ibis.null("string"), ibis.null("timestamp(6)")
    done = queue.filter(queue.done >= queue.came)
    done = done.select(*slice_, key=done.key, at=done.came, done=done.done, until=nothing, turn=0)
    whole = queue.select(
        *slice_, key=nobody, at=queue.came, done=nothing, until=ibis.least(queue.first, stayed), turn=1
    )
    rejoined = queue.filter(queue.again.notnull())
    rejoined = rejoined.select(
        *slice_,
        key=nobody,
        at=ibis.greatest(rejoined.again, rejoined.came),
        done=nothing,
        until=ibis.least(rejoined.gone, rejoined.came + ibis.interval(days=FORGOTTEN_DAYS)),
        turn=1,
    )
    line = ibis.union(done, whole, rejoined)
    # whoever came at the same instant is no older: completions look at the line before those of their instant join it
    before = ibis.cumulative_window(group_by=slice_, order_by=[line["at"], line.turn])
    line = line.mutate(longest=line.until.max().over(before))
    return line.filter(line.turn == 0).select("key", fifo_breach=(line.longest > line.done).fill_null(False))


def _forgetting(rows: Any, sight: Sight) -> Any:
    """Add `stalled`: open, and without an event for longer than is usual in its status, and than two business days.

    A status is the kind of the last event. Usual is what 95 % of the orders that left that status in the last 90 days took, if
    at least 20 did. Two business days are two whole open days of the site, or four days where its hours are not known, so that
    a weekend is no stall. Unknown unless open.
    """
    now = sight.moments["now"]
    kinds = FACTS["repair_orders"].kinds
    usual = _dwells(rows, kinds, now)
    rows = rows.filter(rows.open)
    status = ibis.cases(
        *[(rows[f"{kind}_last_at"] == rows.last_event_at, kind) for kind in reversed(kinds)], else_=None
    )
    timed = with_place(rows, sight).mutate(status=status)
    timed = with_hours(timed, {"_last": timed.last_event_at, "_now": now}, sight)
    timed = timed.left_join(usual, timed.status == usual["_status"])
    silent = hours(timed.last_event_at, now)
    short = ibis.coalesce(timed["_now_over"] - timed["_last_begun"] < 2, silent <= 96)
    stalled = ~short & (silent > timed["_usual"].fill_null(0.0))
    return timed.select("key", stalled=stalled)


def _dwells(rows: ir.Table, kinds: tuple[str, ...], now: Any) -> ir.Table:
    """Give the hours within which 95 % of the orders left each status (`_status`, `_usual`).

    An order's events are sorted as one list of numbers, each a time and a kind: to sort them as rows takes twice as long.
    """
    since = now - ibis.interval(days=LOOK_BACK_DAYS)
    ordered = sorted(kinds)
    recent = rows.filter(rows.last_event_at >= since)
    events = ibis.array([epoch_us(recent[f"{kind}_at"]) * _KINDS + i for i, kind in enumerate(ordered)])
    lines = recent.select(_line=events.filter(lambda each: each.notnull()).sort())
    steps = lines.select(_came=lines["_line"].unnest(), _left=lines["_line"][1:].unnest())
    steps = steps.filter(steps["_came"] >= epoch_us(since) * _KINDS)
    dwell = ((steps["_left"] // _KINDS) - (steps["_came"] // _KINDS)) / _HOUR
    steps = steps.select(_kind=steps["_came"] % _KINDS, _dwell=dwell)
    usual = steps.group_by("_kind").agg(_usual=steps["_dwell"].quantile(0.95), _left=steps["_dwell"].count())
    usual = usual.filter(usual["_left"] >= _DWELLS)
    status = ibis.cases(*[(usual["_kind"] == i, kind) for i, kind in enumerate(ordered)], else_=None)
    return usual.select(_status=status, _usual=usual["_usual"])


def _foreseeing(rows: Any, sight: Sight) -> Any:
    """Add `sla_risk`: the probability that an open order is handed back after its promise, given how long it has been open.

    1 once the promise is broken; before, S(promise) / S(age) by the survival curve (hand-in to hand-back, Kaplan-Meier) of all
    orders that came in to the partner in the last 90 days, or to the network where the partner had fewer than 50. Without a
    promise 72 h count as promised. Nobody of an age beyond every hand-back seen is expected in time. Unknown unless open.
    """
    now = sight.moments["now"]
    due = rows.promised_at.coalesce(rows.hand_in_at + ibis.interval(hours=DEFAULT_SLA_HOURS))
    curves, own = _curves(rows, now)
    rows = rows.filter(rows.open, rows.hand_in_at.notnull())
    timed = rows.left_join(own, rows.partner == own["_own"])
    timed = timed.select(rows, _curve=own["_own"].fill_null(""), _due=hours(rows.hand_in_at, due))
    # the curves are read at both times at once: read one after the other, the engine would draw them twice
    times = {"age": timed.age_hours, "due": timed["_due"]}
    read = ibis.union(*(timed.select("key", "_curve", _at=at, _time=ibis.literal(name)) for name, at in times.items()))
    read = as_of(read, "_at", curves, "_t", {"_curve": "_who"})
    told = {f"_{name}": read["_at"].max(where=read["_time"] == name) for name in times}
    left = {f"_{name}_s": read["_s"].max(where=read["_time"] == name).fill_null(1.0) for name in times}
    risks = read.group_by("key").agg(**told, **left)
    ahead = (risks["_due_s"] / risks["_age_s"].nullif(0.0)).fill_null(1.0)
    broken = risks["_due"].isnull() | (risks["_age"] > risks["_due"])
    return risks.select("key", sla_risk=ibis.ifelse(broken, 1.0, ibis.least(ahead, 1.0)))


def _curves(rows: ir.Table, now: Any) -> tuple[ir.Table, ir.Table]:
    """Give the survival curves (`_who` is "" for the network, `_t`, `_s`), and the partners that have one (`_own`)."""
    start = now - ibis.interval(days=LOOK_BACK_DAYS)
    cohort = rows.filter(rows.hand_in_at >= start)
    back = ibis.ifelse((cohort.cancelled_at <= cohort.hand_back_at).fill_null(False), None, cohort.hand_back_at)
    until = back.coalesce(cohort.ended_at, now)
    cohort = cohort.mutate(_wait=hours(cohort.hand_in_at, until), _seen=back.notnull())
    named = cohort.filter(cohort.partner.notnull())
    sizes = named.group_by(_own=named.partner).agg(_size=named.count())
    own = sizes.filter(sizes["_size"] >= FEW).select("_own")
    large = cohort.semi_join(own, cohort.partner == own["_own"])
    mine = survival_steps(large, ("partner",), large["_wait"], large["_seen"])
    every = survival_steps(cohort, (), cohort["_wait"], cohort["_seen"])
    mine = mine.select(_who=mine.partner, _t=mine.t, _s=mine.s)
    return ibis.union(mine, every.select(_who=ibis.literal(""), _t=every.t, _s=every.s)), own


DERIVATIONS = (
    Derivation(
        "passing",
        "repair_orders",
        {"fifo_breach": "bool"},
        _passing,
        {"fifo_breach": (_HAND_IN, "completed|repaired|closed", "partner", "product")},
        linked=True,
        near=lambda rows: [rows.partner + "/" + rows["product"]],
    ),
    Derivation(
        "forgetting",
        "repair_orders",
        {"stalled": "bool"},
        _forgetting,
        {"stalled": (_HAND_IN,)},
        linked=True,
        timed=True,
    ),
    Derivation(
        "foreseeing",
        "repair_orders",
        {"sla_risk": "number"},
        _foreseeing,
        {"sla_risk": (_HAND_IN, "delivered|dispatched|completed|closed")},
        linked=True,
        timed=True,
    ),
)
