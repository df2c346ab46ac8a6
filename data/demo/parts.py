"""Spare parts: the lines that repairs ask for, the stock that fills them, and the suppliers that fill the stock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from data.demo import wares
from data.demo.cases import Cases
from data.demo.network import DAY, HOUR, MINUTE, ORDERS_A_DAY
from data.demo.plan import BACKORDERS

if TYPE_CHECKING:
    from data.demo.dice import Dice
    from data.demo.network import Network

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]

KINDS = len(wares.PART_KINDS)
_LEAD = 13 * HOUR
_LEAD_DAYS = 0.7
DEFECTIVE = 0.006
_RARELY = 0.02
"""A part that is asked for less often a day lies on the shelf once."""
_CORE_DAYS = 14.0
EVENTS = (
    "requested",
    "ordered",
    "confirmed",
    "backordered",
    "shipped",
    "received",
    "cancelled",
    "installed",
    "defective",
    "core_due",
    "core_returned",
)


@dataclass(frozen=True)
class Demand:
    """Who asks for which part, when, for which order; in no order of time."""

    site: Array
    part: Array
    at: Seconds
    order: Array


@dataclass(frozen=True)
class Supply:
    """What the stock of a site did for each request: when its part was in hand, and when what replaced it on the shelf came.

    `backordered` tells whose replacement the supplier did not have.
    """

    got: Seconds
    ordered: Seconds
    shelved: Seconds
    backordered: Array


def stock_level(network: Network) -> Array:
    """Give how many of each part a site keeps, a row per site: more where more is asked for, a hoard here and there."""
    need = np.array([share * wares.NEEDS_PART[n] for n, share in enumerate(wares.FAULT_SHARES)])
    by_kind = np.bincount(wares.PART_OF_FAULT, weights=need, minlength=KINDS)
    shares = np.repeat([product.share for product in wares.PRODUCTS], KINDS) * np.tile(by_kind, len(wares.PRODUCTS))
    daily = np.outer([ORDERS_A_DAY * partner.volume for partner in network.partners], shares) * 0.78
    level = np.where(daily < _RARELY, 1, 1 + np.ceil(daily * _LEAD_DAYS + 1.6 * np.sqrt(daily * _LEAD_DAYS)))
    site, part = np.indices(level.shape)
    return np.where((site * 7 + part * 5) % 61 == 0, level + 12, level).astype(int)


def supplied(network: Network, dice: Dice, demand: Demand) -> Supply:
    """Fill requests from the shelf; each one taken is ordered anew, one for one.

    The i-th request of a site for a part takes what came in place of the (i - stock)-th one.
    """
    ordered = demand.at + 30 * MINUTE
    short = network.strength("part_shortage", "backorder", demand.at, part=demand.part)
    backordered = dice.chance(BACKORDERS + short)
    lead = dice.spread(_LEAD, 0.24) + np.where(backordered, dice.spread(5.0 * DAY, 0.35), 0.0)
    shelved = ordered + lead
    return Supply(_in_hand(network, demand, shelved), ordered, shelved, backordered)


def _in_hand(network: Network, demand: Demand, shelved: Seconds) -> Seconds:
    """Give when each request has its part."""
    level = stock_level(network)[demand.site, demand.part]
    shelf = demand.site * len(wares.PARTS) + demand.part
    order = np.lexsort((demand.at, shelf))
    grouped, taken = shelf[order], np.arange(len(order)) - level[order]
    peg = np.maximum(taken, 0)
    from_stock = (taken < 0) | (grouped[peg] != grouped)
    came = np.where(from_stock, -np.inf, shelved[order][peg])
    got = np.empty(len(order))
    got[order] = np.maximum(demand.at[order], came) + 20 * MINUTE
    return got


def lines(
    dice: Dice, demand: Demand, supply: Supply, product: Array, used: Seconds, defective: Array
) -> tuple[Cases, Cases, Cases]:
    """Write the part lines: one per request of a repair, one per order of what goes back onto the shelf, and slips.

    `used` is when the part is fitted (NaN: never), `defective` tells which ones then proved so.
    """
    late = supply.got > demand.at + HOUR
    odd = dice.chance(0.002)
    part = np.where(odd, (demand.part + KINDS) % len(wares.PARTS), demand.part)
    number = np.char.lstrip(demand.order.astype(str), "R")
    common = {"site": demand.site, "part": part, "product": product}
    core = np.array(wares.CORES)[demand.part % KINDS] & ~np.isnan(used)
    back = used + np.where(dice.chance(0.965), 2 + 10 * dice.uniform(), 15 + 20 * dice.uniform()) * DAY
    back = np.where(dice.chance(0.985), back, np.nan)
    never = np.full(len(used), np.nan)
    ordered, confirmed = supply.ordered, supply.ordered + 2 * HOUR
    repairs = Cases.of(
        "line",
        {"line": np.char.add("P", number), "order": demand.order, **common, "promised": _due(demand.at, late)},
        dict.fromkeys(EVENTS, never)
        | {
            "requested": demand.at,
            "backordered": np.where(late, demand.at + 25 * MINUTE, np.nan),
            "received": supply.got,
            "installed": used,
            "defective": np.where(defective, used, np.nan),
            "core_due": np.where(core, used + _CORE_DAYS * DAY, np.nan),
            "core_returned": np.where(core, back, np.nan),
        },
    )
    shelves = Cases.of(
        "line",
        {
            "line": np.char.add("Q", number),
            "order": np.full(len(used), ""),
            **common,
            "promised": np.floor(ordered + 60 * HOUR),
        },
        dict.fromkeys(EVENTS, never)
        | {
            "requested": ordered,
            "ordered": ordered + 10 * MINUTE,
            "confirmed": confirmed,
            "backordered": np.where(supply.backordered, ordered + 3 * HOUR, np.nan),
            "shipped": ordered + 0.5 * (supply.shelved - ordered),
            "received": supply.shelved,
        },
    )
    # now and then something is ordered twice, and the second order taken back
    taken_back = dict.fromkeys(EVENTS, never) | {
        "requested": ordered,
        "ordered": ordered + 15 * MINUTE,
        "cancelled": ordered + 3 * HOUR,
    }
    same = {str(name): column.to_numpy() for name, column in shelves.attributes.items()}
    twice = Cases.of("line", same | {"line": np.char.add("X", number)}, taken_back)
    return repairs, shelves, twice.only(dice.chance(0.004))


def _due(at: Seconds, late: Array) -> Seconds:
    """Give the need date of a repair's line: the same day, two days on where the shelf was empty."""
    return np.floor(at + np.where(late, 60.0, 12.0) * HOUR)
