"""Repair orders: a device's stay at a partner, from its hand-in to its hand-back, and the second stays that follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from data.demo import creative, logistics, parts, wares
from data.demo.births import GHOSTS, ORDERS, Births, born, numbered, order_rates
from data.demo.calendars import Calendars, grouped
from data.demo.cases import Cases, joined
from data.demo.dice import keyed
from data.demo.network import DAY, HOUR, MINUTE
from data.demo.places import COUNTRIES
from data.demo.plan import BOUNCES, NO_FAULT
from data.demo.reporting import told

if TYPE_CHECKING:
    from data.demo.dice import Dice
    from data.demo.network import Network

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]

WALK_IN, MAIL_IN, TRADE = 0, 1, 2
CHANNELS = ("walk_in", "mail_in", "b2b")
REPAIRED, NOT_REPAIRED, UNREPAIRABLE, NO_FAULT_FOUND, SWAPPED, CANCELLED = range(6)
OUTCOMES = ("repaired", "not_repaired", "unrepairable", "no_fault_found", "swapped", "cancelled")
LEVELS = ("L1", "L2", "L3", "L4")
_LEVELS_OF = np.array([[0.40, 0.57, 0.03, 0.0], [0.27, 0.31, 0.29, 0.13], [0.3, 0.4, 0.2, 0.1]])
_REFURBISHED, _ALTERED, _LATE_BOUNCES = 0.035, 0.4, 0.007
_UNITS_A_DAY = 10_000


@dataclass(frozen=True)
class Stays:
    """All that came of some births: their orders and what hangs on them."""

    births: Births
    orders: Cases
    hauls: tuple[Cases, ...]
    part_lines: tuple[Cases, ...]
    demand: parts.Demand
    supply: parts.Supply
    delivered: Seconds
    closed: Seconds
    unit: Array


@dataclass(frozen=True)
class _Devices:
    """What came in: product, unit (its number within the product), purchase, identity."""

    product: Array
    unit: Array
    sold: Seconds
    swapped_before: Array


class _Stay:
    """The steps of a stay, drawn for many at once. Second stays go to a bench for returns and pass the queue by."""

    def __init__(self, network: Network, calendars: Calendars, births: Births, devices: _Devices, suffix: str) -> None:
        self.network, self.calendars, self.births, self.devices = network, calendars, births, devices
        self.suffix = suffix
        self.site = births.who
        self.groups = grouped(self.site, len(network.partners))
        self.dice = births.dice().fork(len(suffix) + 1)
        self.ghost = births.number >= creative.GHOST_NUMBERS
        self.pace = np.array([partner.pace for partner in network.partners])[self.site]

    def hit(self, kind: str, effect: str, at: Seconds) -> Seconds:
        return self.network.strength(kind, effect, at, partner=self.site, product=self.devices.product)

    def after(self, at: Seconds, work: Seconds) -> Seconds:
        return self.calendars.after(self.groups, at, work)

    def lived(self) -> Stays:
        self._arrive()
        self._decide()
        self._repair()
        self._leave()
        return Stays(
            self.births,
            self._orders(),
            (self.inbound.parcels, self.outbound.parcels),
            self.lines,
            self.demand,
            self.supply,
            self.delivered,
            self.closed,
            self.devices.unit,
        )

    def _arrive(self) -> None:
        """Hand the device in: over the counter while the site is open, else by mail."""
        births, dice = self.births, self.dice.fork(1)
        share = 0.02 + 0.9 * dice.uniform()
        counter = (
            self.calendars.opens(self.groups, births.at)
            if self.suffix
            else self.calendars.within_day(self.groups, np.floor(births.at / DAY), share)
        )
        by_hand = dice.chance(0.56) & ~np.isnan(counter) & ~self.ghost
        self.refurbished = dice.chance(_REFURBISHED) & ~self.ghost & (self.suffix == "")
        self.channel = np.where(self.refurbished, TRADE, np.where(by_hand, WALK_IN, MAIL_IN))
        walk_in = self.channel == WALK_IN
        self.created = np.where(walk_in, counter, births.at)
        self.abroad = logistics.crossing(self.network, dice, self.site)
        self.order = numbered("R", births, self.suffix)
        shipped = (self.channel == MAIL_IN) & ~self.ghost
        self.inbound = logistics.carried(
            self.network,
            self.dice.fork(2),
            "inbound",
            np.where(shipped, self.created + 0.5 * HOUR, np.nan),
            self.site,
            self.order,
            self.devices.product,
            self.abroad,
        )
        by_hand_at = self.created + dice.spread(6 * MINUTE, 0.5)
        in_bulk = self.created + dice.spread(4 * HOUR, 0.4)
        arrived = np.where(shipped, self.inbound.arrived, in_bulk)
        self.received = np.where(walk_in, by_hand_at, arrived + dice.spread(0.8 * HOUR, 0.4))
        wait = np.select([walk_in, self.channel == TRADE, self.abroad], [3.0, 12.0, 9.0], 7.0)
        self.promised = np.floor(self.created + wait * DAY)

    def _decide(self) -> None:
        """Diagnose, quote what is out of warranty, and settle what will become of it."""
        dice = self.dice.fork(3)
        walk_in = self.channel == WALK_IN
        self.fault = dice.pick(wares.FAULT_SHARES)
        self.symptom = dice.uniform()
        self.level = dice.pick(_LEVELS_OF[self.channel])
        self.diagnosed = self.after(self.received, dice.spread(np.where(walk_in, 0.25, 0.8) * HOUR, 0.5))
        self._warrant(dice)
        self.quoted = np.where(self.out, self.after(self.diagnosed, np.full(len(self.out), 10 * MINUTE)), np.nan)
        self.approved = self.quoted + dice.spread(np.where(walk_in, 0.3, 2.0) * HOUR, 0.6)
        self.decided = np.fmax(self.diagnosed, self.approved)
        self.withdrawn = dice.chance(np.where(self.out, 0.045, 0.002)) & ~self.refurbished
        none_found = NO_FAULT + self.hit("slow_drift", "share", self.diagnosed)
        self.outcome = self._outcome(dice.uniform(), none_found)
        self.go = np.where(self.withdrawn, np.nan, self.decided)

    def _warrant(self, dice: Dice) -> None:
        """Tell what is out of warranty; one in some hundred is denied although the country's rule still covers it."""
        months = np.array([COUNTRIES[partner.country].warranty_months for partner in self.network.partners])[self.site]
        age = (self.created - self.devices.sold) / (30.4375 * DAY)
        self.out = (age > months) | dice.chance(0.003)

    def _outcome(self, u: Array, none_found: Array) -> Array:
        poor = np.where(self.refurbished, 0.09, 0.0)
        edges = [u < 0.012, u < 0.024 + poor, u < 0.074 + poor, u < 0.074 + poor + none_found]
        plain = np.select(edges, [NOT_REPAIRED, UNREPAIRABLE, SWAPPED, NO_FAULT_FOUND], REPAIRED)
        return np.where(self.refurbished & (plain >= NO_FAULT_FOUND), REPAIRED, plain)

    def _repair(self) -> None:
        """Wait for a part and for the bench, repair, inspect, and repair again what fails."""
        dice, walk_in = self.dice.fork(4), self.channel == WALK_IN
        repaired = self.outcome == REPAIRED
        self.needs = repaired & dice.chance(np.array(wares.NEEDS_PART)[self.fault]) & ~np.isnan(self.go) & ~self.ghost
        self.requested = np.where(self.needs, self.go + 5 * MINUTE, np.nan)
        self._fetch_parts()
        ready = np.fmax(self.go, self.part_in)
        turn = self._turn(ready, dice)
        work = dice.spread(np.where(walk_in, 0.45, 0.6) * HOUR, 0.35) * self.pace
        self.defective = self.needs & dice.chance(parts.DEFECTIVE)
        self.started = self.calendars.opens(self.groups, turn)
        self.ended = self.after(self.started, work + np.where(self.defective, 5 * HOUR, 0.0))
        self.part_again = np.where(self.defective, self.started + 20 * MINUTE, np.nan)
        self.inspected = np.where(repaired, self.after(self.ended, np.full(len(work), 10 * MINUTE)), np.nan)
        self.fails = dice.chance(0.022) & repaired & ~self.ghost
        rework = np.where(self.fails, dice.spread(2.5 * HOUR, 0.4), 0.0)
        self.passed = np.where(self.fails, self.after(self.inspected, rework), self.inspected)
        done = np.fmax(self.ended, self.passed)
        self.completed = done + 5 * MINUTE
        used = np.where(self.needs, self.started + 0.6 * (self.ended - self.started), np.nan)
        rows = np.flatnonzero(self.needs)
        self.lines = parts.lines(
            self.dice.fork(6).only(rows),
            self.demand,
            self.supply,
            self.devices.product[rows],
            used[rows],
            self.defective[rows],
        )

    def _fetch_parts(self) -> None:
        rows = np.flatnonzero(self.needs)
        kind = np.array(wares.PART_OF_FAULT)[self.fault[rows]]
        self.part = self.devices.product[rows] * parts.KINDS + kind
        self.demand = parts.Demand(self.site[rows], self.part, self.requested[rows], self.order[rows])
        self.supply = parts.supplied(self.network, self.dice.fork(5).only(rows), self.demand)
        self.part_in = np.full(len(self.site), np.nan)
        self.part_in[rows] = self.supply.got

    def _turn(self, ready: Seconds, dice: Dice) -> Seconds:
        """Give when the bench turns to each: in the order of readiness, but returns and what was invented do not queue."""
        jobs = dice.spread(0.95, 0.3)
        if self.suffix:
            return self.after(ready, 0.5 * HOUR * jobs)
        queued = np.where(self.ghost, np.nan, ready)
        turn = self.calendars.queue(self.groups, queued, self.level, jobs)
        return np.where(self.ghost, self.after(ready, 2 * HOUR * jobs), turn)

    def _leave(self) -> None:
        """Send the device back, or let it be fetched; replace what is lost; close, and now and then open again."""
        dice, walk_in = self.dice.fork(7), self.channel == WALK_IN
        sent = (self.channel == MAIL_IN) & ~self.ghost
        fetched = self.after(self.completed, dice.spread(np.where(walk_in, 0.5, 1.0) * HOUR, 0.6))
        self.dispatched = np.where(walk_in, np.nan, fetched)
        self.outbound = logistics.carried(
            self.network,
            self.dice.fork(8),
            "outbound",
            np.where(sent, self.dispatched, np.nan),
            self.site,
            self.order,
            self.devices.product,
            self.abroad,
        )
        by_bulk = self.dispatched + dice.spread(10 * HOUR, 0.3)
        self.delivered = np.select([walk_in, sent], [fetched, self.outbound.arrived], by_bulk)
        replaced = self.outbound.lost + DAY
        self.outcome = np.where(np.isnan(replaced), self.outcome, SWAPPED)
        settled = self.after(np.fmax(self.delivered, replaced), dice.spread(0.5 * HOUR, 0.5))
        place = (self.network, self.calendars, self.groups, self.site, dice)
        self.closed = creative.heaped(*place, (self.received, self.promised), creative.batched(*place, settled))
        again = dice.chance(0.006) & ~np.isnan(self.delivered)
        self.reopened = np.where(again, self.after(self.closed, dice.spread(6 * HOUR, 0.5)), np.nan)
        self.closed_again = self.after(self.reopened, dice.spread(7 * HOUR, 0.5))
        self.cancelled = np.fmax(np.where(self.withdrawn, self.decided + HOUR, np.nan), self.inbound.lost + DAY)
        self.outcome = np.where(np.isnan(self.cancelled), self.outcome, CANCELLED)
        self.swapped = np.fmax(np.where(self.outcome == SWAPPED, self.completed, np.nan), replaced)
        board = (self.outcome == REPAIRED) & self.needs & (np.array(wares.PART_OF_FAULT)[self.fault] == 2)
        self.exchanged = (self.outcome == SWAPPED) | (board & dice.chance(_ALTERED))

    def _orders(self) -> Cases:
        dice = self.dice.fork(9)
        times = creative.impossible(self.network, self.site, self.dice.fork(10), self._times())
        part_cost = np.array(wares.PART_COSTS)[np.array(wares.PART_OF_FAULT)[self.fault]]
        parts_cost = np.where(self.needs, np.round(part_cost * (1 + self.defective) * dice.spread(1.0, 0.08), 2), 0.0)
        bench = np.maximum(3, np.round([4 * partner.volume for partner in self.network.partners])).astype(int)[
            self.site
        ]
        attributes = {
            "order": self.order,
            "site": self.site,
            "product": self.devices.product,
            "device": identity(self.devices.product, self.devices.unit, swapped=self.devices.swapped_before),
            "replacement": np.where(
                self.exchanged, identity(self.devices.product, self.devices.unit, swapped=True), ""
            ),
            "channel": self.channel,
            "refurbished": self.refurbished,
            "out": self.out,
            "fault": self.fault,
            "symptom": self.symptom,
            "level": self.level,
            "technician": (dice.uniform() * bench).astype(int) + 1,
            "outcome": self.outcome,
            "cost": np.round(dice.spread(68.0, 0.25) + 0.45 * parts_cost, 2),
            "parts_cost": parts_cost,
            "sold": self.devices.sold,
            "promised": self.promised,
            "ghost": self.ghost,
        }
        order_dice = self.dice.fork(11)
        return Cases.of("order", attributes, times, told(self.network, order_dice, self.site, times))

    def _times(self) -> dict[str, Seconds]:
        repaired = self.outcome == REPAIRED
        given_back = (self.outcome == NOT_REPAIRED) | (self.outcome == UNREPAIRABLE)
        return {
            "created": self.created,
            "received": self.received,
            "diagnosed": self.diagnosed,
            "quoted": self.quoted,
            "approved": np.where(self.withdrawn, np.nan, self.approved),
            "part_requested": self.requested,
            "part_received": self.part_in,
            "repair_started": self.started,
            "part_again": self.part_again,
            "repaired": np.where(repaired, self.ended, np.nan),
            "qc_failed": np.where(self.fails, self.inspected, np.nan),
            "qc_passed": self.passed,
            "completed": self.completed,
            "returned_unrepaired": np.where(given_back, self.completed, np.nan),
            "swapped": self.swapped,
            "dispatched": self.dispatched,
            "delivered": self.delivered,
            "closed": self.closed,
            "reopened": self.reopened,
            "closed_again": self.closed_again,
            "cancelled": self.cancelled,
        }


def identity(product: Array, unit: Array, *, swapped: Array | bool) -> Array:
    """Give the units' IMEIs; one in a thousand was mistyped when it was sold, in its check digit or a digit too short."""
    spare = np.array([int(each.tacs[-1]) for each in wares.PRODUCTS])[product]
    regular = np.array([[int(tac) for tac in each.tacs[:2]] for each in wares.PRODUCTS])[product, unit // 1_000_000 % 2]
    serial = (unit.astype(np.int64) * 387_420_489 + 130_457) % 1_000_000
    number = wares.imei(np.where(swapped, spare, regular), serial)
    slip = keyed(77, product, unit) % np.uint64(2000)
    number = np.where(slip == 0, number // 10 * 10 + (number + 3) % 10, number)
    text = number.astype(str)
    return np.where(slip == 1, text.astype("U14"), text)


def lives(network: Network, calendars: Calendars, through: int) -> list[Stays]:
    """Draw every stay of the devices that first come in on the days 0 to `through`."""
    first = _first(network, calendars, through)
    return [first, _second(network, calendars, first)]


def _first(network: Network, calendars: Calendars, through: int) -> Stays:
    offsets = network.offsets(through)
    rates = order_rates(network, through)
    births = born(network, ORDERS, rates, offsets)
    ghosts = born(network, GHOSTS, rates * creative.ghosts(network, through), offsets)
    births = _with(births, replace(ghosts, number=ghosts.number + creative.GHOST_NUMBERS))
    dice = births.dice().fork(90)
    product = dice.pick(network.shares(births.day.astype(float)))
    # more than three years of ages, so that every warranty runs out for some; nobody owns what is not yet sold
    age = (2.0 + 1100 * dice.uniform() ** 1.35) * DAY
    launches = np.array([network.launch(each) for each in wares.PRODUCTS])[product] * DAY
    sold = np.floor(np.maximum(births.at - age, np.minimum(launches + 2 * DAY * dice.uniform(), births.at - 0.2 * DAY)))
    unit = births.day * _UNITS_A_DAY + births.number
    devices = _Devices(product, unit, sold, np.zeros(len(product), dtype=bool))
    return _Stay(network, calendars, births, devices, "").lived()


def _with(births: Births, more: Births) -> Births:
    """Join births in the order of their days, so that what is born later stands behind."""
    order = np.argsort(np.concatenate([births.day, more.day]), kind="stable")
    columns = (
        np.concatenate([getattr(births, name), getattr(more, name)])[order]
        for name in ("who", "day", "number", "at", "keys")
    )
    return Births(*columns)


def _second(network: Network, calendars: Calendars, first: Stays) -> Stays:
    """Bring back the devices whose repair does not last: mostly to the same partner, else to another in the country."""
    what = first.orders.attributes
    dice = first.births.dice().fork(91)
    outcome = what["outcome"].to_numpy()
    site, product = first.births.who, what["product"].to_numpy()
    surge = network.strength("re_repair_surge", "bounce", first.delivered, partner=site, product=product)
    u, wait = dice.uniform(), dice.uniform()
    early = u < BOUNCES + surge
    mended = (
        ((outcome == REPAIRED) | (outcome == SWAPPED)) & ~what["refurbished"].to_numpy() & ~what["ghost"].to_numpy()
    )
    rows = np.flatnonzero((early | (u < BOUNCES + surge + _LATE_BOUNCES)) & mended & ~np.isnan(first.delivered))
    days = np.where(early, 0.5 + 29 * wait**1.5, 30 + 58 * wait)[rows]
    at = np.floor(first.delivered[rows] + days * DAY)
    elsewhere = _neighbours(network)[site[rows]]
    who = np.where(dice.uniform()[rows] < 0.2, elsewhere, site[rows])
    births = first.births.only(rows, at, who)
    altered = what["replacement"].to_numpy(dtype=object)[rows] != ""
    devices = _Devices(product[rows], first.unit[rows], what["sold"].to_numpy()[rows], altered)
    return _Stay(network, calendars, births, devices, "B").lived()


def _neighbours(network: Network) -> Array:
    """Give each partner's nearest other in the list of its country, or itself."""
    found = np.arange(len(network.partners))
    for country in range(len(network.countries)):
        mine = np.flatnonzero(network.country_of == country)
        found[mine] = np.roll(mine, 1)
    return found


def all_of(stays: list[Stays], what: str) -> Cases:
    """Join a kind of lives of all stays."""
    if what == "orders":
        return joined([stay.orders for stay in stays])
    return joined([cases for stay in stays for cases in getattr(stay, what)])
