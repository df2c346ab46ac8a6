"""When sites are open and how much they can do then: holidays, opening hours, capacity, and the queue in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analytics.opening import open_days, opening_hours

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.demo.network import Network

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]
"""Moments in seconds since the network's first midnight (UTC); NaN is never."""
HOUR, DAY = 3600.0, 86400.0
AHEAD = 150
"""Days that calendars reach beyond the last birth: a queue may be long."""


@dataclass(frozen=True)
class Pace:
    """How much is done by when: `amounts` are done evenly between `starts` and `ends`, nothing in between."""

    starts: Seconds
    ends: Seconds
    amounts: Seconds
    after: Seconds

    @classmethod
    def of(cls, starts: Seconds, ends: Seconds, amounts: Seconds) -> Pace:
        return cls(starts, ends, amounts, np.cumsum(amounts))

    def done(self, at: Seconds) -> Seconds:
        """Give how much is done by each moment."""
        i = np.maximum(np.searchsorted(self.starts, at, side="right") - 1, 0)
        share = np.clip((at - self.starts[i]) / (self.ends[i] - self.starts[i]), 0.0, 1.0)
        return np.asarray(self.after[i] - self.amounts[i] + share * self.amounts[i])

    def begins(self, amount: Seconds) -> Seconds:
        """Give the moment when work on what lies beyond the amount begins: not before the next opening."""
        return self._moment(amount, "right")

    def ends_at(self, amount: Seconds) -> Seconds:
        """Give the moment when the amount is done."""
        return self._moment(amount, "left")

    def _moment(self, amount: Seconds, side: Any) -> Seconds:
        i = np.minimum(np.searchsorted(self.after, amount, side=side), len(self.after) - 1)
        into = np.clip((amount - (self.after[i] - self.amounts[i])) / np.maximum(self.amounts[i], 1e-12), 0.0, 1.0)
        return np.asarray(self.starts[i] + into * (self.ends[i] - self.starts[i]))


def _spans(network: Network, index: int, through: int) -> tuple[Seconds, Seconds]:
    """Give the opening and closing moments of a site, day after day in its own zone."""
    partner = network.partners[index]
    first = network.start.date() - timedelta(days=3)
    last = first + timedelta(days=through + AHEAD + 3)
    week = opening_hours(partner.opening)
    days = open_days(week, partner.zone, partner.country, partner.subdivision, first, last)
    since = np.datetime64(network.start.replace(tzinfo=None))
    edges = np.array([each[1:] for each in days], dtype="datetime64[s]") - since
    opens, closes = np.ascontiguousarray((edges / np.timedelta64(1, "s")).T)
    return opens, closes


Groups = list[npt.NDArray[np.intp]]


def grouped(who: Array, count: int) -> Groups:
    """Give the rows of each of `count` places."""
    order = np.argsort(who, kind="stable")
    return np.split(order, np.searchsorted(who[order], np.arange(1, count)))


class Calendars:
    """The opening hours and the capacity of every site of a network."""

    def __init__(self, network: Network, through: int) -> None:
        self.hours: list[Pace] = []
        self.capacity: list[list[Pace]] = []
        for index, partner in enumerate(network.partners):
            starts, ends = _spans(network, index, through)
            length = ends - starts
            self.hours.append(Pace.of(starts, ends, length))
            loss = network.strength("capacity_loss", "loss", starts, partner=np.full(len(starts), index))
            day = (1.0 - np.clip(loss, 0.0, 0.95)) * length / length.max()
            self.capacity.append([Pace.of(starts, ends, day * jobs) for jobs in partner.capacity])

    def after(self, groups: Groups, at: Seconds, work: Seconds) -> Seconds:
        """Give when work that takes so many opening seconds is done, if it comes at these moments."""
        return _each(groups, at, lambda site, rows: self._after(site, at[rows], work[rows]))

    def _after(self, site: int, at: Seconds, work: Seconds) -> Seconds:
        hours = self.hours[site]
        return np.maximum(hours.ends_at(hours.done(at) + work), at)

    def opens(self, groups: Groups, at: Seconds) -> Seconds:
        """Give the first moment from each on when the site is open."""
        return _each(
            groups,
            at,
            lambda site, rows: np.maximum(self.hours[site].begins(self.hours[site].done(at[rows])), at[rows]),
        )

    def last_open(self, groups: Groups, at: Seconds) -> Seconds:
        """Give the last moment until each when the site was open."""
        return _each(groups, at, lambda site, rows: self.hours[site].ends_at(self.hours[site].done(at[rows])))

    def closing(self, groups: Groups, at: Seconds) -> Seconds:
        """Give when the site closes next."""

        def next_end(site: int, rows: Array) -> Seconds:
            ends = self.hours[site].ends
            return ends[np.minimum(np.searchsorted(ends, at[rows], side="left"), len(ends) - 1)]

        return _each(groups, at, next_end)

    def within_day(self, groups: Groups, day: Array, share: Seconds) -> Seconds:
        """Spread moments over the opening hours of their UTC days; NaN where the site does not open that day."""

        def spread(site: int, rows: Array) -> Seconds:
            hours = self.hours[site]
            first, last = hours.done(day[rows] * DAY), hours.done((day[rows] + 1) * DAY)
            return np.where(last > first + HOUR, hours.ends_at(first + share[rows] * (last - first)), np.nan)

        return _each(groups, day.astype(float), spread)

    def queue(self, groups: Groups, ready: Seconds, level: Array, jobs: Seconds) -> Seconds:
        """Take jobs in the order in which they are ready, at each site and level; give when their turn comes.

        Lindley's recursion in the time of the bench: turn(i) = max(ready(i), turn(i-1) + jobs(i-1)).
        """

        def turns(site: int, rows: Array) -> Seconds:
            found = np.full(len(rows), np.nan)
            for skill, bench in enumerate(self.capacity[site]):
                mine = np.flatnonzero(level[rows] == skill)
                mine = mine[np.argsort(ready[rows[mine]], kind="stable")]
                found[mine] = _turns(bench, ready[rows[mine]], jobs[rows[mine]])
            return found

        return _each(groups, ready, turns)


def _turns(bench: Pace, ready: Seconds, jobs: Seconds) -> Seconds:
    if not len(ready):
        return ready
    before = np.cumsum(jobs) - jobs
    turn = before + np.maximum.accumulate(bench.done(ready) - before)
    return np.maximum(bench.begins(turn), ready)


def _each(groups: Groups, at: Seconds, answer: Callable[[int, Array], Seconds]) -> Seconds:
    """Ask every site about its rows whose moment is known."""
    found = np.full(len(at), np.nan)
    known = ~np.isnan(at)
    for site, rows in enumerate(groups):
        mine = rows[known[rows]]
        if len(mine):
            found[mine] = answer(site, mine)
    return found
