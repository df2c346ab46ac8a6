"""Arrivals: who is born where on which day, with dice of their own; the week, holidays and launches shape how many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analytics.opening import public_holidays
from data.demo.dice import Dice, keyed
from data.demo.network import DAY, HOUR, ORDERS_A_DAY
from data.demo.wares import PRODUCTS

if TYPE_CHECKING:
    from data.demo.network import Network

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]

WEEK = np.array([1.15, 1.1, 1.05, 1.0, 1.0, 0.95, 0.75])
"""How the days of the week differ in what they bring, Monday first."""
_HOURS = np.array([0.45] * 6 + [0.8, 1.1] + [1.35] * 10 + [1.25, 1.1, 1.0, 0.9, 0.7, 0.55])
"""How the hours of a local day differ; no hour is dead, so that a show at night shows something."""
_HOLIDAY = 0.6
_LAUNCH = 0.12
"""How much more comes in during the weeks after a launch."""

ORDERS, CONTACTS, GHOSTS = 1, 2, 3
"""Streams of dice."""


@dataclass(frozen=True)
class Births:
    """Who is born where (an index), on which UTC day as the how-manieth, at which moment, and with which dice."""

    who: Array
    day: Array
    number: Array
    at: Seconds
    keys: Array

    def dice(self) -> Dice:
        return Dice(self.keys)

    def only(self, rows: Array, at: Seconds | None = None, who: Array | None = None) -> Births:
        return Births(
            self.who[rows] if who is None else who,
            self.day[rows],
            self.number[rows],
            self.at[rows] if at is None else at,
            self.keys[rows],
        )


@cache
def _of_the_day() -> Array:
    return np.concatenate([[0.0], np.cumsum(_HOURS) / _HOURS.sum()])


def born(network: Network, stream: int, rates: Array, offsets: Array) -> Births:
    """Draw arrivals; `rates` and `offsets` (of the clock, in seconds) have a row per day and a column per place."""
    who, number, days = [], [], []
    for today, expected in enumerate(rates):
        counts = np.random.default_rng([network.seed, stream, today]).poisson(expected)
        who.append(np.repeat(np.arange(len(expected)), counts))
        number.append(np.arange(counts.sum()))
        days.append(np.full(counts.sum(), today))
    places, day, numbers = np.concatenate(who), np.concatenate(days), np.concatenate(number)
    keys = keyed(network.seed, stream, day, numbers)
    clock = np.interp(Dice(keys).fork(0).uniform(), _of_the_day(), np.arange(25) * HOUR)
    at = day * DAY + np.mod(clock - offsets[day, places], DAY)
    return Births(places, day, numbers, np.floor(at), keys)


def order_rates(network: Network, through: int) -> Array:
    """Give how many orders each partner can expect on each day."""
    days = np.arange(through + 1)
    volumes = np.array([partner.volume for partner in network.partners]) * ORDERS_A_DAY
    rates = np.outer(WEEK[(network.start.weekday() + days) % 7] * _launched(network, days), volumes)
    dates = [network.moment(float(day) * DAY).date() for day in days]
    years = tuple(range(dates[0].year, dates[-1].year + 1))
    for column, partner in enumerate(network.partners):
        off = public_holidays(partner.country, partner.subdivision, years)
        rates[[date in off for date in dates], column] *= _HOLIDAY
    return rates


def _launched(network: Network, days: Array) -> Array:
    """Give the step in volume that a launch brings, fading over two months."""
    factor = np.ones(len(days))
    for product in PRODUCTS:
        age = days - network.launch(product)
        factor += np.where(age >= 0, _LAUNCH * np.exp(-np.maximum(age, 0) / 60), 0.0)
    return factor


def numbered(letter: str, births: Births, suffix: str = "") -> Array:
    """Give every birth a name by its day and number: R0005-0123."""
    days, numbers = np.char.mod(f"{letter}%04d-", births.day), np.char.mod(f"%04d{suffix}", births.number)
    named: Array = np.char.add(days, numbers)
    return named
