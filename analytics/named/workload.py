"""Work in progress against capacity, per site and working day, and added up from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import as_of
from analytics.derived.hours import with_hours, with_place
from analytics.measure import narrowed, scope, within
from analytics.named.named import Named

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from analytics.derived import Sight
    from analytics.kpi import Kpi

SLA_DAYS = 3
"""Within so many days a repair is promised where no contract says otherwise."""
LOOK_BACK = 28
"""Working days that tell what a shop is able to do."""
RECENT = 10
"""Working days over which its output is taken."""
BUSY = 3
"""A shop that had enough to do on fewer of these was starved: its output says little of what it could do."""
FLOW_DAYS = 5
"""Working days of the net flow: every day of a week once."""
INTAKE_DAYS = 14
WEEKS = 8
"""Weeks before the last one that tell how much comes in."""
FEW = 10
"""So many orders are enough to judge a shop that has less work than that."""
_MOVES_BACK = 50
_CALENDAR_BACK = 80
"""Calendar days looked at: LOOK_BACK working days with their holidays, and more of the calendar, so that each finds its day."""
_DAY = 86400.0
_UNIT = ("_partner", "place")


_TOLD = ("partner", "site", "open", "actionable", "received_at", "created_at", "ended_at")


def _orders(sight: Sight, kpi: Kpi, by: Sequence[str]) -> ir.Table:
    """Give the orders with when they came and left, and where: units are the sites, or what is known of them.

    They are the same for every grouping, so that what is worked out of them is worked out once.
    """
    rows = narrowed(sight.fact(kpi.fact), kpi, *by, *_TOLD)
    rows = with_place(rows.filter(scope(kpi, rows)), sight)
    return rows.select(
        *dict.fromkeys([*_named(kpi), *by]),
        "open",
        "actionable",
        _partner=rows.partner.fill_null(""),
        place=rows.place.fill_null(""),
        came=rows.received_at.coalesce(rows.created_at),
        left=rows.ended_at,
    )


def _working_days(sight: Sight) -> ir.Table:
    """Give every site's last working days: `_site`, `_number` (0 is the newest that is over, -1 runs), `_opens`, `_ago` (days)."""
    now = sight.moments["now"]
    days = sight.table("calendar")
    days = days.filter(days.opens_at <= now, days.opens_at > now - ibis.interval(days=_CALENDAR_BACK))
    running = (days.closes_at > now).cast("int64").sum().over(group_by=days.site)
    newest_first = ibis.row_number().over(group_by=days.site, order_by=days.opens_at.desc())
    ago = (now.epoch_seconds() - days.opens_at.epoch_seconds()) / _DAY
    return days.select(_site=days.site, _number=newest_first - running, _opens=days.opens_at, _ago=ago)


def _moves(orders: ir.Table, unit: Sequence[str], sight: Sight) -> ir.Table:
    """Give what came and left per unit and day: `_day` numbers working days where there are opening hours, else calendar days.

    Day 0 is the newest that is over, day -1 runs. What comes or goes while a site is closed belongs to the working day before.
    """
    now = sight.moments["now"]
    dimensions = [name for name in orders.columns if name not in ("open", "actionable", "came", "left")]
    came = orders.select(*dimensions, at=orders.came, came=1, left=0)
    left = orders.select(*dimensions, at=orders.left, came=0, left=1)
    moves = ibis.union(came, left)
    moves = moves.filter(moves["at"] <= now, moves["at"] > now - ibis.interval(days=_MOVES_BACK))
    days = _working_days(sight)
    moves = as_of(moves, "at", days, "_opens", {"place": "_site"})
    day = moves["_number"].coalesce(_days_before_today(moves["at"], sight))
    moves = moves.select(*dimensions, "came", "left", _day=day, _hours_known=moves["_site"].notnull())
    moves = _within(moves, unit)
    return moves.group_by([*unit, "_hours_known", "_day"]).agg(came=moves.came.sum(), left=moves.left.sum())


def _within(rows: ir.Table, unit: Sequence[str]) -> ir.Table:
    """Keep the rows that lie in a unit of a grouping; whoever lacks one of its columns counts in the network only."""
    return rows.drop_null(list(unit))


def _days_before_today(at: Any, sight: Sight) -> Any:
    """Give how many of the network's days lie between a time and today: 0 is yesterday, -1 today."""
    today = sight.moments["to"].epoch_seconds() - _DAY
    return ((today - at.epoch_seconds()) / _DAY).floor().cast("int64")


def _grid(orders: ir.Table, unit: Sequence[str], sight: Sight) -> ir.Table:
    """Give a row per unit and working day, quiet ones too: `number` (0 the newest that is over), `ago`, `came`, `left`.

    Working days are the open days of the site; where its hours are not known, those on which anything came or left there. Days
    before a unit's first order of the time looked at are none of its own.
    """
    moves = _moves(orders, unit, sight)
    days = _working_days(sight)
    told = days.select(place=days["_site"], _day=days["_number"], number=days["_number"], ago=days["_ago"])
    guessed = moves.filter(~moves["_hours_known"]).select(*_UNIT, "_day").distinct()
    running = (guessed["_day"] < 0).cast("int64").sum().over(group_by=list(_UNIT))
    rank = ibis.row_number().over(group_by=list(_UNIT), order_by="_day")
    guessed = guessed.mutate(number=rank - running, ago=guessed["_day"].cast("float64"))
    units = moves.group_by([*unit, "_hours_known"]).agg(_first=moves["_day"].max())
    columns = [*unit, "_first", "_day", "number", "ago"]
    known = units.filter(units["_hours_known"]).inner_join(told, "place").select(columns)
    unknown = units.filter(~units["_hours_known"]).inner_join(guessed, list(_UNIT)).select(columns)
    grid = ibis.union(known, unknown)
    grid = grid.filter(grid["_day"] <= grid["_first"])
    joined = grid.left_join(moves, [*unit, "_day"])
    counts = {name: moves[name].fill_null(0) for name in ("came", "left")}
    return joined.select(*(grid[name] for name in (*unit, "number", "ago")), **counts)


def _units(sight: Sight, kpi: Kpi, by: Sequence[str]) -> ir.Table:
    """Give a row per unit: `rows`, `open`, `actionable`, `done` and `known` (days) of the look-back, `intake`, `days`.

    And in orders per working day: `capacity` is what the site declares, or the busiest tenth of its days where that is less or
    nothing is declared. `output` is the median of the last working days on which a day's work was at hand; a shop that hardly
    had such days was starved, and is believed its capacity. Neither falls below one order in the days looked at: a shop
    that stands still would be infinitely far behind.
    """
    unit = (*by, *_UNIT)
    orders = _orders(sight, kpi, by)
    held = _within(orders, unit)
    held = held.group_by(list(unit)).agg(rows=held.count(), open=held.open.sum(), actionable=held.actionable.sum())
    days = _grid(orders, unit, sight)
    days = days.filter(days.number < LOOK_BACK)
    past, fortnight = days.number >= 0, (days.number >= 0) & (days.ago < INTAKE_DAYS)
    done = days.group_by(list(unit)).agg(
        peak=days.left.quantile(0.9, where=past),
        done=days.left.sum(where=past),
        known=past.sum(),
        intake=days.came.sum(where=fortnight),
        days=fortnight.sum(),
    )
    lately = _with_stock(days.filter(days.number < RECENT), held, unit)
    lately = lately.left_join(done, list(unit)).select(lately, peak=done.peak)
    busy = (lately.number >= 0) & (lately.stock >= ibis.greatest(lately.peak, 1.0))
    usual = lately.group_by(list(unit)).agg(usual=lately.left.quantile(0.5, where=busy), busy=busy.sum())
    found = held.left_join(done, list(unit)).select(
        held, *(done[c] for c in ("peak", "done", "known", "intake", "days"))
    )
    found = found.left_join(usual, list(unit)).select(found, usual=usual.usual, busy=usual.busy)
    return _paced(found, sight)


def _with_stock(days: ir.Table, held: ir.Table, unit: Sequence[str]) -> ir.Table:
    """Add `stock`: what lay there when a day began and what came on it, which is today's less what came since, plus what left.

    Each day is paired with those since: the engine would cut a running sum into far more parts than there are days.
    """
    each = days.group_by([*unit, "number"]).agg(_came=days.came.sum(), _left=days.left.sum())
    own, since = each.select(*unit, "number"), each.select(*unit, "_came", "_left", _number=each.number)
    pairs = own.inner_join(since, [*unit, since["_number"] <= own.number])
    added = pairs.group_by([*unit, "number"]).agg(_came=pairs["_came"].sum(), _left=pairs["_left"].sum())
    days = days.left_join(added, [*unit, "number"]).select(days, added["_came"], added["_left"])
    joined = days.left_join(held, list(unit))
    return joined.select(days, stock=held.open + days["_left"] - days["_came"] + days.came).drop("_left", "_came")


def _paced(units: ir.Table, sight: Sight) -> ir.Table:
    """Add `capacity` and `output`, in orders per working day."""
    sites = sight.table("sites")
    declared = ibis.ifelse(sites.capacity >= 0, sites.capacity, ibis.null("float64"))
    units = units.left_join(sites, units.place == sites.site).select(units, declared=declared)
    floor = 1.0 / LOOK_BACK
    realised = units.peak.nullif(0.0)
    # a shop too young to have finished anything is believed what it declares, one that stopped working is not
    stopped = realised.isnull() & (units.open > 0) & (units.known.isnull() | (units.known >= RECENT))
    able = ibis.least(units.declared, realised).fill_null(floor)
    capacity = ibis.ifelse(stopped, floor, ibis.greatest(able, floor))
    starved = (units.busy < BUSY).fill_null(True)
    units = units.mutate(capacity=capacity, starved=starved)
    return units.mutate(output=ibis.ifelse(starved, units.capacity, ibis.greatest(units.usual, floor)))


def _over_units(sight: Sight, kpi: Kpi, by: tuple[str, ...], above: str, below: Any) -> Any:
    """Give the sum of `above` over the sum of `below` of all units of a slice."""
    units = _units(sight, kpi, by)
    units = units.mutate(_below=below(units))
    top, bottom = units[above].sum().cast("float64"), units["_below"].sum()
    work = units.actionable.sum().fill_null(0)
    # an empty shop that is known to work is judged, and found empty; one of which nothing is known is not
    enough = ibis.greatest(work, ibis.least(work + units.done.sum().fill_null(0), FEW))
    columns = {
        "rows": units.rows.sum().fill_null(0).cast("float64"),
        "n": (units.intake.sum().fill_null(0) if above == "intake" else enough).cast("float64"),
        "value": top / bottom.nullif(0.0),
        "num": top,
        "den": bottom,
    }
    return units.group_by(list(by)).agg(**columns) if by else units.agg(**columns)


def _to_capacity(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    return _over_units(sight, kpi, by, "actionable", lambda units: units.capacity * SLA_DAYS)


def _backlog(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    return _over_units(sight, kpi, by, "actionable", lambda units: units.output)


def _load(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    return _over_units(sight, kpi, by, "intake", lambda units: units.capacity * units.days)


def _net_flow(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    """Give the mean over the last working days of (what came - what left) / capacity; n counts the days."""
    unit = (*by, *_UNIT)
    orders = _orders(sight, kpi, by)
    days = _grid(orders, unit, sight)
    days = days.filter(days.number >= 0, days.number < FLOW_DAYS)
    flows = days.group_by([*by, "number"]).agg(net=(days.came - days.left).sum(), moves=(days.came + days.left).sum())
    # added up in whole orders before anything is divided: floats that cancel leave a noise on either side of a limit of 0
    total = {
        "net": flows.net.sum(),
        "sd": flows.net.std(how="sample"),
        "days": flows.count(),
        "moves": flows.moves.sum(),
    }
    flows = flows.group_by(list(by)).agg(**total) if by else flows.agg(**total)
    units = _units(sight, kpi, by)
    able = units.group_by(list(by)).agg(able=units.capacity.sum()) if by else units.agg(able=units.capacity.sum())
    flows = flows.left_join(able, list(by)) if by else flows.cross_join(able)
    able = flows.able.nullif(0.0)
    return flows.select(
        *by,
        rows=flows.moves.fill_null(0).cast("float64"),
        n=ibis.ifelse(able.notnull(), flows.days, 0).cast("float64"),
        value=flows.net.cast("float64") / flows.days / able,
        sd=flows.sd / able,
        num=ibis.null("float64"),
        den=ibis.null("float64"),
    )


def _surprise(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    """Give (last week's intake - the mean of the weeks before) / sqrt(phi mean), phi their variance over their mean, at least 1."""
    orders = _within(_orders(sight, kpi, by), (*by, *_UNIT))
    orders = orders.mutate(week=(_days_before_today(orders.came, sight) / 7).floor())
    counts = {f"w{week}": (orders.week == week).sum().fill_null(0) for week in range(WEEKS + 1)}
    older = (orders.week >= WEEKS).any().fill_null(False)
    found = orders.group_by(list(by)).agg(older=older, **counts) if by else orders.agg(older=older, **counts)
    before = [found[f"w{week}"] for week in range(1, WEEKS + 1)]
    total = sum(before[1:], before[0])
    found = found.mutate(usual=total / WEEKS, total=total)
    spread = [(found[f"w{week}"] - found.usual) ** 2 for week in range(1, WEEKS + 1)]
    variance = sum(spread[1:], spread[0]) / (WEEKS - 1)
    phi = ibis.greatest(variance / found.usual.nullif(0.0), 1.0)
    n = (found.w0 + found.total).cast("float64")
    # a slice that was not there for all those weeks has no usual intake yet
    deviation = ibis.ifelse(found.older, (phi * found.usual.nullif(0.0)).sqrt(), ibis.null("float64"))
    surprise = found.w0 - found.usual
    # a figure in standard deviations is known to one of them
    return found.select(*by, rows=n, n=n, value=surprise / deviation, num=surprise, den=deviation, sd=n.sqrt())


def _completions(sight: Sight, kpi: Kpi, by: Sequence[str] = ()) -> ir.Table:
    """Give the completions of the window by known technicians, each with the technician's working day as a text."""
    rows = narrowed(sight.fact(kpi.fact), kpi, *by, "partner", "site", "technician")
    rows = within(rows, rows[kpi.day], kpi.window_days, sight)
    rows = rows.filter(scope(kpi, rows), rows.technician.notnull())
    rows = with_hours(with_place(rows, sight), {"_day": rows[kpi.day]}, sight)
    day = rows["_day_begun"].coalesce(-1 - _days_before_today(rows[kpi.day], sight))
    return rows.mutate(technician_day=rows.partner.fill_null("") + "/" + rows.technician + "/" + day.cast("string"))


def _throughput(sight: Sight, kpi: Kpi, by: tuple[str, ...]) -> Any:
    rows = _completions(sight, kpi, by)
    rows = rows.drop_null(list(by)) if by else rows
    done, days = rows.count().cast("float64"), rows.technician_day.nunique().cast("float64")
    columns = {"rows": done, "n": days, "value": done / days.nullif(0.0), "num": done, "den": days}
    return rows.group_by(list(by)).agg(**columns) if by else rows.agg(**columns)


def _named(kpi: Kpi) -> list[str]:
    return list(dict.fromkeys(name for each in kpi.by for name in each))


def _open_rows(sight: Sight, kpi: Kpi) -> Any:
    rows = sight.fact(kpi.fact)
    rows = rows.filter(scope(kpi, rows), rows.open)
    shown = ("actionable", "waiting_for_part", "waiting_for_customer", "age_hours")
    return rows.select("key", *dict.fromkeys([*_named(kpi), "site", *shown]))


def _moved_rows(sight: Sight, kpi: Kpi, days: int) -> Any:
    rows = sight.fact(kpi.fact)
    came = rows.received_at.coalesce(rows.created_at)
    since = sight.moments["now"] - ibis.interval(days=days)
    rows = rows.filter(scope(kpi, rows), (came >= since) | (rows.ended_at >= since).fill_null(False))
    return rows.select("key", *dict.fromkeys([*_named(kpi), "site", "received_at", "ended_at"]))


def _completed_rows(sight: Sight, kpi: Kpi) -> Any:
    return _completions(sight, kpi).select("key", *dict.fromkeys([*_named(kpi), "technician", kpi.day]))


_CAME = "repair_orders.created|repair_orders.received"
_LEFT = "repair_orders.completed|repair_orders.closed|repair_orders.delivered|repair_orders.dispatched"
_LITTLE = "Little 1961; domain.md W2, W3"
_SHOPS = "shops"
_CAPACITY = (
    "the capacity that its sites declare, or the busiest tenth of their last 28 working days where that is less or nothing is "
    "declared"
)

MEASURES: tuple[Named, ...] = (
    Named(
        "wip_to_capacity",
        f"open orders that can be worked on, over {SLA_DAYS} days of {_CAPACITY}",
        _LITTLE,
        (_CAME, _LEFT),
        _to_capacity,
        _open_rows,
        base=_SHOPS,
    ),
    Named(
        "days_of_backlog",
        "open orders that can be worked on, over what leaves in a working day: the median of the last ten working days on which "
        f"a day's work was at hand, or {_CAPACITY} if there were fewer than {BUSY} such days",
        _LITTLE,
        (_CAME, _LEFT),
        _backlog,
        _open_rows,
        base=_SHOPS,
    ),
    Named(
        "load",
        f"orders received in the last {INTAKE_DAYS} days, over the working days in them times {_CAPACITY}",
        "domain.md W4",
        (_CAME, _LEFT),
        _load,
        lambda sight, kpi: _moved_rows(sight, kpi, INTAKE_DAYS),
        base=_SHOPS,
    ),
    Named(
        "net_flow",
        f"mean over the last {FLOW_DAYS} working days of the orders received less those that left, over {_CAPACITY}",
        "domain.md W5",
        (_CAME, _LEFT),
        _net_flow,
        lambda sight, kpi: _moved_rows(sight, kpi, 2 * FLOW_DAYS),
        proof="mean",
        base=_SHOPS,
    ),
    Named(
        "intake_surprise",
        f"orders received in the last 7 whole days less the mean of the {WEEKS} weeks before, in standard deviations of an "
        "over-dispersed Poisson count",
        "domain.md W6; over-dispersion as in McCullagh and Nelder 1989, 6.2",
        (_CAME,),
        _surprise,
        lambda sight, kpi: _moved_rows(sight, kpi, 7 * (WEEKS + 1) + 1),
        proof="mean",
    ),
    Named(
        "throughput_per_technician",
        "completed orders over the days on which their technicians completed any",
        "domain.md W7",
        ("repair_orders.technician", "repair_orders.completed|repair_orders.repaired|repair_orders.closed"),
        _throughput,
        _completed_rows,
    ),
)
