"""The whole lives of orders, shipments, part lines, contacts, surveys and claims, drawn at their birth.

Everything born on a day hangs on that day's dice alone. What has happened up to a moment is a cut through lives that
are already complete, so the same network written in one go or in a thousand steps is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from data.demo import network as net
from data.demo.network import DAY, HOUR, MINUTE, WORKSHOP, Array, Mask, Network, Seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

WEEK = np.array([1.15, 1.1, 1.05, 1.0, 1.0, 0.9, 0.8])
"""How the days of the week differ in what they bring, Monday first."""
HOURS = np.array([0.75] * 6 + [0.95, 1.1] + [1.25] * 10 + [1.1, 1.0, 0.95, 0.9, 0.85, 0.8])
"""How the hours of a day differ; no hour is dead, so that a show at night shows something."""

_ORDER_DICE, _CONTACT_DICE = 64, 16
_ORDERS, _CONTACTS = 1, 2  # streams of dice


class Dice:
    """Turns columns of uniform draws, one after the other, into decisions for all rows at once."""

    def __init__(self, table: Array) -> None:
        self._columns = iter(table.T)

    def uniform(self) -> Array:
        return next(self._columns)

    def chance(self, probability: Any) -> Mask:
        hit: Mask = self.uniform() < probability
        return hit

    def spread(self, median: Any, sigma: float) -> Array:
        """Draw log-normal durations."""
        drawn: Array = median * np.exp(sigma * ndtri(np.clip(self.uniform(), 1e-9, 1 - 1e-9)))
        return drawn

    def pick(self, values: Sequence[str], shares: Sequence[float]) -> Array:
        edges = np.cumsum(shares)[:-1]
        picked: Array = np.array(values, dtype=object)[np.searchsorted(edges, self.uniform(), side="right")]
        return picked


@dataclass(frozen=True)
class Cases:
    """Lives with a key each: what they are, when each thing happens to them, and after when nobody reports it.

    `attributes` are object columns, `times` hold seconds (NaN: never) in the order in which things happen.
    """

    key: str
    attributes: pd.DataFrame
    times: pd.DataFrame
    silent: Seconds

    @classmethod
    def of(
        cls, key: str, attributes: dict[str, Array], times: dict[str, Seconds], silent: Seconds | None = None
    ) -> Cases:
        frame = pd.DataFrame({name: np.floor(at) for name, at in times.items()})
        mute = np.full(len(frame), np.inf) if silent is None else silent
        return cls(
            key, pd.DataFrame({name: np.asarray(v, dtype=object) for name, v in attributes.items()}), frame, mute
        )

    def only(self, mask: Mask) -> Cases:
        rows = np.flatnonzero(mask)
        return Cases(
            self.key,
            self.attributes.iloc[rows].reset_index(drop=True),
            self.times.iloc[rows].reset_index(drop=True),
            self.silent[rows],
        )

    def touched(self, after: float, now: float) -> Mask:
        """Tell to which cases something was reported to happen in (after, now]."""
        at = self.times.to_numpy()
        news: Mask = (at > after) & (at <= np.minimum(now, self.silent)[:, None])
        return np.asarray(news.any(axis=1))

    def reported(self, now: float) -> pd.DataFrame:
        """Give the times with all that has not happened, or was not reported, by `now` as NaN."""
        at = self.times.to_numpy()
        known = np.where(at <= np.minimum(now, self.silent)[:, None], at, np.nan)
        return pd.DataFrame(known, columns=self.times.columns)

    @cached_property
    def events(self) -> pd.DataFrame:
        """Give all that will ever be reported, a row per event: case, kind, at; ordered by time, key and kind."""
        at = self.times.to_numpy()
        case, kind = np.nonzero(at <= self.silent[:, None])
        seconds = at[case, kind]
        keys = self.attributes[self.key].to_numpy().astype(str)[case]
        order = np.lexsort((kind, keys, seconds))
        names = np.array(self.times.columns, dtype=object)
        return pd.DataFrame({"case": case[order], "kind": names[kind][order], "at": seconds[order]})

    def between(self, after: float, now: float) -> pd.DataFrame:
        at = self.events["at"].to_numpy()
        first, last = np.searchsorted(at, [after, now], side="right")
        return self.events.iloc[first:last]


@dataclass(frozen=True)
class World:
    """All that is born in a network up to the end of a day, counted from its first."""

    orders: Cases
    shipments: Cases
    parts: Cases
    contacts: Cases
    surveys: Cases
    claims: Cases


def live(network: Network, through: int) -> World:
    """Draw every life that begins on the days 0 to `through`."""
    births = _order_births(network, through)
    first = _Visit(network, births, Dice(births.table[:, :_ORDER_DICE]))
    again = _second_visits(network, births, first)
    second = _Visit(network, again, Dice(again.table[:, _ORDER_DICE : 2 * _ORDER_DICE]))
    visits = (first, second)
    return World(
        _join([visit.orders for visit in visits]),
        _join([visit.inbound for visit in visits] + [visit.outbound for visit in visits]),
        _join([visit.part_lines for visit in visits]),
        _contacts(network, through),
        _join([visit.surveys for visit in visits]),
        _join([visit.claims for visit in visits]),
    )


def _join(parts: list[Cases]) -> Cases:
    return Cases(
        parts[0].key,
        pd.concat([part.attributes for part in parts], ignore_index=True),
        pd.concat([part.times for part in parts], ignore_index=True),
        np.concatenate([part.silent for part in parts]),
    )


@dataclass(frozen=True)
class _Births:
    """Who is born where (an index), on which day as the how-manieth, at which moment, and with which dice."""

    who: Array
    day: Array
    number: Array
    at: Seconds
    table: Array
    suffix: str = ""


def _births(network: Network, stream: int, rates: Array, width: int) -> _Births:
    """Draw arrivals; `rates` has a row per day and a column per place."""
    who, day, number, tables = [], [], [], []
    for today, expected in enumerate(rates):
        rng = np.random.default_rng([network.seed, stream, today])
        counts = rng.poisson(expected * WEEK[(network.start.weekday() + today) % 7])
        places = np.repeat(np.arange(len(expected)), counts)
        who.append(places)
        day.append(np.full(len(places), today))
        number.append(np.arange(len(places)))
        tables.append(rng.random((len(places), width + 1)))
    table = np.concatenate(tables)
    days = np.concatenate(day)
    edges = np.concatenate([[0.0], np.cumsum(HOURS) / HOURS.sum()])
    at = days * DAY + np.interp(table[:, 0], edges, np.arange(25) * HOUR)
    return _Births(np.concatenate(who), days, np.concatenate(number), np.floor(at), table[:, 1:])


def _order_births(network: Network, through: int) -> _Births:
    rates = np.array([partner.volume for partner in network.partners]) * net.ORDERS_A_DAY
    return _births(network, _ORDERS, np.tile(rates, (through + 1, 1)), 2 * _ORDER_DICE + 3)


def _second_visits(network: Network, births: _Births, first: _Visit) -> _Births:
    """Bring back the devices whose repair does not last, to the same partner."""
    last = births.table[:, -2:]
    surge = network.hit(
        "re_repair_surge", first.delivered, partner=first.attributes["partner"], product=first.attributes["product"]
    )
    fails = last[:, 0] < np.where(surge, network.size("re_repair_surge"), 0.009)
    back = fails & (first.outcome == "repaired") & ~np.isnan(first.delivered)
    at = np.floor(first.delivered + 0.5 * DAY + 28 * DAY * last[:, 1] ** 1.5)
    return _Births(births.who[back], births.day[back], births.number[back], at[back], births.table[back], suffix="B")


class _Visit:
    """A device's stay at a partner, from its hand-in to its hand-back and what follows."""

    def __init__(self, network: Network, births: _Births, dice: Dice) -> None:
        self.network, self.births, self.dice = network, births, dice
        partners = network.partners
        self.country = _of([partner.country for partner in partners], births.who)
        self.pace = np.array([partner.pace for partner in partners])[births.who]
        self.walk_in = dice.chance(0.5)
        self.attributes = self._attributes()
        self.silent = np.where(
            self._hit("partner_silent", np.full(len(births.at), np.inf)), network.begins("partner_silent"), np.inf
        )
        self._live()

    def _hit(self, kind: str, at: Seconds) -> Mask:
        return self.network.hit(kind, at, **self.attributes, country=self.country)

    def _attributes(self) -> dict[str, Array]:
        births, dice = self.births, self.dice
        # Not of the visit's own dice: a second visit brings the same device.
        product = np.searchsorted(np.cumsum(net.PRODUCT_SHARES)[:-1], births.table[:, -3], side="right")
        self.product = product
        partners = self.network.partners
        keys = [f"{day:04d}-{number:03d}" for day, number in zip(births.day, births.number, strict=True)]
        bench = (dice.uniform() * 5).astype(int)
        return {
            "order": np.array([f"R{key}{births.suffix}" for key in keys], dtype=object),
            "partner": _of([partner.name for partner in partners], births.who),
            "city": _of([partner.city for partner in partners], births.who),
            "product": _of(net.PRODUCTS, product),
            "device": np.array([f"SN{key.replace('-', '')}" for key in keys], dtype=object),
            "fault": dice.pick(net.FAULTS, net.FAULT_SHARES),
            "technician": np.array(
                [f"T{who:02d}{n + 1}" for who, n in zip(births.who, bench, strict=True)], dtype=object
            ),
        }

    def _live(self) -> None:
        dice, walk_in, created = self.dice, self.walk_in, self.births.at
        self.promised = created + np.where(walk_in, 3 * DAY, np.where(_in(self.country, net.CUSTOMS), 7 * DAY, 5 * DAY))
        self.inbound, arrived, lost_in = self._haul("inbound", np.where(walk_in, np.nan, created))
        received = np.where(walk_in, created + dice.spread(10 * MINUTE, 0.5), arrived + dice.spread(HOUR, 0.4))
        diagnosed = received + dice.spread(np.where(walk_in, 0.8, 2.0) * HOUR, 0.5)
        out_of_warranty = dice.chance(0.25)
        quoted = np.where(out_of_warranty, diagnosed + 20 * MINUTE, np.nan)
        approved = quoted + dice.spread(2.0 * HOUR, 0.6)
        decided = np.fmax(diagnosed, approved)
        withdrawn = dice.chance(0.015)
        stuck = self._forgotten(created) | withdrawn
        self.outcome = self._outcome()
        repaired = self.outcome == "repaired"
        go = np.where(stuck, np.nan, decided)

        needs_part = repaired & dice.chance(np.where(walk_in, 0.06, 0.30))
        requested = np.where(needs_part, go + 10 * MINUTE, np.nan)
        self.part_lines, part_in = self._part_lines(requested)
        ready = np.fmax(go, part_in)
        started = ready + dice.spread(np.where(walk_in, 0.8, 4.0) * HOUR, 0.6) * self.pace + self._queue(ready)
        done = started + dice.spread(1.6 * HOUR, 0.5) * self.pace
        inspected = np.where(repaired, done + 0.5 * HOUR, np.nan)
        sloppy = self._hit("sloppy_repairs", inspected)
        fails = dice.chance(np.where(sloppy, self.network.size("sloppy_repairs"), 0.015))
        passed = inspected + np.where(fails, dice.spread(5 * HOUR, 0.4), 0.0)
        completed = np.fmax(done, passed) + 10 * MINUTE
        dispatched = np.where(walk_in, np.nan, completed + dice.spread(2 * HOUR, 0.5))
        self.outbound, home, lost_out = self._haul("outbound", dispatched)
        self.delivered = np.where(walk_in, completed + dice.spread(1.5 * HOUR, 0.7), home)
        replaced = lost_out + DAY
        self.outcome = np.where(np.isnan(replaced), self.outcome, "swapped")
        closed = np.fmax(self.delivered, replaced) + dice.spread(0.7 * HOUR, 0.5)
        reopened = np.where(
            dice.chance(0.006) & ~np.isnan(self.delivered), closed + dice.spread(1.5 * DAY, 0.5), np.nan
        )
        cancelled = np.fmax(np.where(withdrawn, decided + HOUR, np.nan), lost_in + DAY)
        self.outcome = np.where(np.isnan(cancelled), self.outcome, "cancelled")
        swapped = np.fmax(np.where(self.outcome == "swapped", completed, np.nan), replaced)
        cost = np.round(dice.spread(82.0, 0.3) + np.where(needs_part, 18.0, 0.0), 2)
        self.orders = Cases.of(
            "order",
            self.attributes
            | {
                "country": self.country,
                "channel": np.where(walk_in, "walk_in", "mail_in").astype(object),
                "warranty": np.where(out_of_warranty, "out", "in").astype(object),
                "outcome": self.outcome,
                "cost": cost,
                "promised": np.floor(self.promised),
                "workshop": _of([partner.system == WORKSHOP for partner in self.network.partners], self.births.who),
            },
            {
                "created": created,
                "received": received,
                "diagnosed": diagnosed,
                "quoted": quoted,
                "approved": approved,
                "part_requested": requested,
                "part_received": part_in,
                "repair_started": started,
                "repaired": np.where(repaired, done, np.nan),
                "qc_failed": np.where(fails, inspected, np.nan),
                "qc_passed": passed,
                "completed": completed,
                "returned_unrepaired": np.where(_in(self.outcome, ("not_repaired", "unrepairable")), completed, np.nan),
                "swapped": swapped,
                "dispatched": dispatched,
                "delivered": self.delivered,
                "closed": closed,
                "reopened": reopened,
                "closed_again": reopened + dice.spread(20 * HOUR, 0.5),
                "cancelled": cancelled,
            },
            self.silent,
        )
        self.surveys = self._surveys()
        self.claims = self._claims(closed, ~out_of_warranty & (self.outcome != "cancelled"), cost)

    def _forgotten(self, created: Seconds) -> Mask:
        """Find the orders that nobody ever touches again: the first few of a partner from some day on."""
        if self.births.suffix:
            return np.zeros(len(created), dtype=bool)
        candidates = self._hit("forgotten_orders", created) & (
            created < self.network.begins("forgotten_orders") + 2 * DAY
        )
        found: Mask = candidates & (np.cumsum(candidates) <= self.network.size("forgotten_orders"))
        return found

    def _outcome(self) -> Array:
        u = self.dice.uniform()
        doubtful = self._hit("no_fault_found", np.full(len(u), np.inf))
        none_found = np.where(doubtful, self.network.size("no_fault_found"), 0.12)
        edges = (0.006, 0.012, 0.04)
        outcome = np.select(
            [u < edges[0], u < edges[1], u < edges[2], u < edges[2] + none_found],
            ["not_repaired", "unrepairable", "swapped", "no_fault_found"],
            "repaired",
        )
        return outcome.astype(object)

    def _queue(self, ready: Seconds) -> Seconds:
        """Wait behind the backlog of a partner whose bench has shrunk: it grows with every day of the shortage."""
        wait = np.zeros(len(ready))
        for kind in self.network.troubles.keys() & {"capacity_loss", "backlog_growing"}:
            behind = np.minimum(self.network.size(kind) * (ready - self.network.begins(kind)), 20 * DAY)
            wait += np.where(self._hit(kind, ready), behind, 0.0)
        return wait

    def _haul(self, leg: str, planned: Seconds) -> tuple[Cases, Seconds, Seconds]:
        """Carry the devices of a leg; give the shipments, and per visit the time of delivery and of loss."""
        dice, network, country = self.dice, self.network, self.country
        pair = dice.chance(0.5).astype(int)
        carriers = np.array([net.CARRIERS[name] for name in country], dtype=object).reshape(-1, 2)
        carrier = carriers[np.arange(len(country)), pair]
        picked_up = planned + dice.spread(2 * HOUR, 0.4)
        failing = network.hit("carrier_failing", picked_up, partner=carrier)
        travel = dice.spread(12 * HOUR, 0.3) * np.where(failing, network.size("carrier_failing"), 1.0)
        trouble = dice.chance(np.where(failing, 0.20, 0.012))
        travel += np.where(trouble, dice.spread(8 * HOUR, 0.4), 0.0)
        customs_in = np.where(_in(country, net.CUSTOMS), picked_up + 0.4 * travel, np.nan)
        jammed = network.hit("customs_jam", customs_in, country=country) & (leg == "inbound")
        queue = dice.spread(np.where(jammed, network.size("customs_jam"), 5.0) * HOUR, 0.35)
        customs_out = customs_in + queue
        arrival = picked_up + travel + np.nan_to_num(customs_out - customs_in)
        misplaced = dice.chance(np.where(failing, 0.03, 0.0003))
        lost = np.where(misplaced, picked_up + 4 * DAY, np.nan)
        delivered = np.where(misplaced, np.nan, arrival)
        allowed = np.where(_in(country, net.CUSTOMS), 3 * DAY, 2 * DAY)
        ends = np.array([("customer", "workshop"), ("workshop", "customer")], dtype=object)[int(leg == "outbound")]
        cases = Cases.of(
            "shipment",
            {
                "shipment": np.array(
                    [f"S{order[1:]}-{leg[0].upper()}" for order in self.attributes["order"]], dtype=object
                ),
                "order": self.attributes["order"],
                "carrier": carrier,
                "country": country,
                "product": self.attributes["product"],
                "leg": np.full(len(country), leg, dtype=object),
                "mode": np.where(country == "GB", "air", "road").astype(object),
                "origin": np.full(len(country), ends[0], dtype=object),
                "destination": np.full(len(country), ends[1], dtype=object),
                "promised": np.floor(planned + allowed),
            },
            {
                "planned": planned,
                "picked_up": picked_up,
                "first_scan": picked_up + 0.25 * travel,
                "customs_in": customs_in,
                "customs_out": customs_out,
                "exception": np.where(trouble & ~misplaced, arrival - 0.45 * travel, np.nan),
                "last_scan": np.where(misplaced, np.nan, arrival - 0.3 * travel),
                "delivered": delivered,
                "lost": lost,
            },
        )
        return cases.only(~np.isnan(planned)), delivered, lost

    def _part_lines(self, requested: Seconds) -> tuple[Cases, Seconds]:
        """Order the parts that repairs wait for; give the lines, and per visit when its part is in."""
        dice, network = self.dice, self.network
        part = np.array(net.PARTS, dtype=object)[self.product, dice.chance(0.4).astype(int)]
        supplier = np.array([net.SUPPLIERS[name.split("-")[1]] for name in part], dtype=object)
        short = network.hit("part_shortage", requested, part=part)
        backordered = dice.chance(np.where(short, 0.9, 0.012))
        lead = dice.spread(24 * HOUR, 0.3) * np.where(short & backordered, network.size("part_shortage"), 1.0)
        lead += np.where(backordered & ~short, 20 * HOUR, 0.0)
        ordered = requested + 30 * MINUTE
        received = ordered + lead
        cases = Cases.of(
            "line",
            {
                "line": np.array([f"P{order[1:]}" for order in self.attributes["order"]], dtype=object),
                "order": self.attributes["order"],
                "supplier": supplier,
                "part": part,
                "country": self.country,
                "product": self.attributes["product"],
                "site": self.attributes["city"],
                "quantity": np.ones(len(part)),
                "promised": np.floor(requested + 60 * HOUR),
            },
            {
                "requested": requested,
                "ordered": ordered,
                "confirmed": ordered + 2 * HOUR,
                "backordered": np.where(backordered, ordered + 3 * HOUR, np.nan),
                "shipped": ordered + 0.5 * lead,
                "received": received,
            },
        )
        return cases.only(~np.isnan(requested)), received

    def _surveys(self) -> Cases:
        dice = self.dice
        asked = self.delivered + dice.spread(20 * HOUR, 0.5)
        asked = np.where(dice.chance(0.45) & (self.delivered <= self.silent), asked, np.nan)
        unhappy = self._hit("unhappy_customers", np.full(len(asked), np.inf))
        happy = np.where(unhappy, self.network.size("unhappy_customers"), 0.93)
        happy = np.where(self.delivered > self.promised, 0.6, happy)
        satisfied, u = dice.chance(happy), dice.uniform()
        csat = np.where(satisfied, 4 + (u < 0.6), 1 + np.floor(u * 3)).astype(int)
        surveys = Cases.of(
            "survey",
            {
                "survey": np.array([f"U{order[1:]}" for order in self.attributes["order"]], dtype=object),
                "order": self.attributes["order"],
                "partner": self.attributes["partner"],
                "country": self.country,
                "product": self.attributes["product"],
                "csat": csat,
                "nps": np.clip(np.round(2 * csat + 2 * dice.uniform() - 1), 0, 10).astype(int),
                "ces": np.clip(np.round(csat + 1 + dice.uniform()), 1, 7).astype(int),
            },
            {"answered": asked},
        )
        return surveys.only(~np.isnan(asked))

    def _claims(self, closed: Seconds, claimable: Mask, cost: Array) -> Cases:
        dice = self.dice
        submitted = np.where(claimable & (closed <= self.silent), closed + dice.spread(6 * HOUR, 0.5), np.nan)
        decided = submitted + dice.spread(60 * HOUR, 0.45)
        strict = self._hit("claims_rejected", np.full(len(closed), np.inf))
        rejected = dice.chance(np.where(strict, self.network.size("claims_rejected"), 0.009))
        approved = np.where(rejected, np.nan, decided)
        claims = Cases.of(
            "claim",
            {
                "claim": np.array([f"C{order[1:]}" for order in self.attributes["order"]], dtype=object),
                "order": self.attributes["order"],
                "device": self.attributes["device"],
                "partner": self.attributes["partner"],
                "country": self.country,
                "product": self.attributes["product"],
                "amount": cost,
                "reason": self.attributes["fault"],
            },
            {
                "submitted": submitted,
                "approved": approved,
                "rejected": np.where(rejected, decided, np.nan),
                "paid": approved + 5 * DAY,
            },
        )
        return claims.only(~np.isnan(submitted))


def _contacts(network: Network, through: int) -> Cases:
    rates = np.full((through + 1, len(net.CENTRES)), net.CONTACTS_A_DAY)
    begins, size = network.begins("contact_overload"), network.size("contact_overload")
    if size:
        overloaded = net.CENTRES.index(network.troubles["contact_overload"].slice["partner"])
        rates[np.arange(through + 1) * DAY >= begins - DAY / 2, overloaded] *= size
    births = _births(network, _CONTACTS, rates, _CONTACT_DICE)
    dice, offered = Dice(births.table), births.at
    centre = _of(net.CENTRES, births.who)
    countries = np.array([np.resize(np.array(names, dtype=object), 6) for names in net.CENTRE_COUNTRIES])
    channel = dice.pick(("phone", "chat", "social"), (0.82, 0.08, 0.10))
    phone, public = channel == "phone", channel == "social"
    overload = network.hit("contact_overload", offered, partner=centre)

    quick = dice.chance(np.where(overload, 0.50, 0.91))
    patience, wait = dice.uniform(), dice.spread(np.where(overload, 95.0, 38.0), 0.5)
    wait = np.where(quick, 2 + 16 * patience, wait)
    gives_up = phone & dice.chance(np.where(overload, 0.15, 0.022))
    wait = np.round(np.where(gives_up, 6 + 90 * patience, wait))
    handle = np.round(dice.spread(280.0, 0.5))
    answered = np.where(public | gives_up, np.nan, offered + wait)
    replied = np.where(public & dice.chance(0.985), offered + dice.spread(1.2 * HOUR, 0.7), np.nan)
    return Cases.of(
        "contact",
        {
            "contact": np.array(
                [f"K{d:04d}-{n:04d}" for d, n in zip(births.day, births.number, strict=True)], dtype=object
            ),
            "centre": centre,
            "country": countries[births.who, (dice.uniform() * 6).astype(int)],
            "channel": channel,
            "topic": dice.pick(net.TOPICS, (0.5, 0.2, 0.12, 0.18)),
            "customer": np.array([f"V{int(u * 90000) + 10000}" for u in dice.uniform()], dtype=object),
            "wait": wait,
            "handle": handle,
            "public": public,
            "sentiment": np.round(2 * dice.uniform() - 1, 2),
        },
        {
            "offered": offered,
            "answered": answered,
            "abandoned": np.where(gives_up, offered + wait, np.nan),
            "replied": replied,
            "resolved": answered + handle,
        },
    )


def _of(values: Sequence[Any], index: Array) -> Array:
    taken: Array = np.array(values, dtype=object)[index]
    return taken


def _in(column: Array, values: Sequence[str]) -> Mask:
    hit: Mask = np.isin(column.astype(str), values)
    return hit
