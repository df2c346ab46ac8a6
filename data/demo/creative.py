"""Creative reporting: what some partners write down is not what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from data.demo.network import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from data.demo.calendars import Calendars, Groups
    from data.demo.dice import Dice
    from data.demo.network import Network

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]

GHOST_NUMBERS = 6000
"""The day's numbers of orders from this one on belong to repairs that were never done."""
_ODD_HOURS = 0.002
_FITTING = 0.6
"""The share of closings that can be put off until then: the site must be open."""
_PLAIN = 0.45
"""The share of repairs that are plain enough to be written down in one go."""


def ghosts(network: Network, through: int) -> Array:
    """Give how many orders each partner invents per real one, a row per day."""
    day = np.arange(through + 1, dtype=np.float64) * DAY + DAY / 2
    columns = [
        network.strength("ghost_claims", "share", day, partner=np.full(len(day), index))
        for index in range(len(network.partners))
    ]
    return np.column_stack(columns)


def heaped(
    network: Network,
    calendars: Calendars,
    groups: Groups,
    site: Array,
    dice: Dice,
    due: tuple[Seconds, Seconds],
    closed: Seconds,
) -> Seconds:
    """Put closings off until shortly before the order is due; `due` is from when until when time was given."""
    received, promised = due
    until = calendars.last_open(groups, received + (promised - received) * (0.92 + 0.075 * dice.uniform()))
    fits = (until > closed) & (until > received + 0.905 * (promised - received))
    share = network.strength("sla_heaping", "share", closed, partner=site) / _FITTING
    put_off = dice.chance(share) & fits
    return np.where(put_off, until, closed)


def batched(
    network: Network, calendars: Calendars, groups: Groups, site: Array, dice: Dice, closed: Seconds
) -> Seconds:
    """Close many orders in the last ten minutes of the day; a few of anyone's are closed at night."""
    share = network.strength("batch_closing", "share", closed, partner=site)
    swept, minutes = dice.chance(share), dice.uniform()
    evening = calendars.closing(groups, closed + 10 * MINUTE) - 9 * MINUTE + 8 * MINUTE * minutes
    night = dice.chance(_ODD_HOURS)
    return np.where(swept, evening, np.where(night, closed + 9 * HOUR, closed))


def impossible(network: Network, site: Array, dice: Dice, times: dict[str, Seconds]) -> dict[str, Seconds]:
    """Write whole repairs down within minutes, once they are done."""
    # of the moment of the hand-in: who lies about a repair has not told of its receipt before
    share = network.strength("impossible_turnaround", "share", times["created"], partner=site)
    plain = np.isnan(times["part_requested"]) & np.isnan(times["qc_failed"]) & np.isnan(times["quoted"])
    hit = dice.chance(0.0005 + share / _PLAIN) & plain & ~np.isnan(times["completed"])
    steps = ("received", "diagnosed", "repair_started", "repaired", "qc_passed")
    stated = dict(times)
    for number, step in enumerate(steps):
        minutes = (len(steps) - number) * (20 + 25 * dice.uniform())
        stated[step] = np.where(hit & ~np.isnan(times[step]), np.floor(times["completed"]) - minutes, times[step])
    return stated
