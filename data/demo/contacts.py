"""Calls, chats and public posts: who asks the contact centres what, how long they wait, and who must ask again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from data.demo import wares
from data.demo.births import CONTACTS, WEEK, born, numbered
from data.demo.cases import Cases, joined
from data.demo.dice import Dice
from data.demo.network import CONTACTS_A_DAY, DAY, HOUR
from data.demo.places import COUNTRIES
from data.demo.plan import ABANDONS, SLOW_ANSWERS

if TYPE_CHECKING:
    from data.demo.network import Network
    from data.demo.orders import Stays

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]

PHONE, CHAT, SOCIAL = 0, 1, 2
CHANNELS = ("phone", "chat", "social")
STATUS, BOOKING, COMPLAINT, ADVICE, BILLING = range(5)
_CHANNEL_SHARES = (0.86, 0.08, 0.06)
_TOPIC_SHARES = (0.007, 0.393, 0.0, 0.40, 0.20)
_REPEATS, _SALES = 0.17, 0.035
_CHASED, _CHASED_LATE, _COMPLAINED, _COMPLAINED_LATE = 0.018, 0.3, 0.006, 0.05


@dataclass(frozen=True)
class _Calls:
    """Contacts as they begin: at which centre (its place), from where, when, by whom, about what, of which order."""

    centre: Array
    country: Array
    at: Seconds
    customer: Array
    topic: Array
    channel: Array
    order: Array
    name: Array

    def only(self, rows: Array) -> _Calls:
        return _Calls(*(getattr(self, field)[rows] for field in self.__dataclass_fields__))


def contacts(network: Network, stays: list[Stays], through: int) -> Cases:
    """Draw every contact of the days 0 to `through`, and those that the orders born on them lead to."""
    streams = [_general(network, through), *(_of_orders(network, stay, stream) for stream, stay in enumerate(stays))]
    found = []
    for calls, dice in streams:
        cases = _answered(network, calls, dice.fork(1))
        found += [cases, _answered(network, *_repeats(calls, cases, dice))]
    return joined(found)


def _serving(network: Network) -> Array:
    """Give each country's contact centre."""
    regions = {region: n for n, (_, _, regions) in reversed(list(enumerate(network.centres))) for region in regions}
    return np.array([regions.get(COUNTRIES[country].region, 0) for country in network.countries])


def _general(network: Network, through: int) -> tuple[_Calls, Dice]:
    """Draw the calls that belong to no order: as many as the centre serves countries, a hundred a day at least."""
    days = np.arange(through + 1, dtype=np.float64)
    served = np.bincount(_serving(network)[network.country_of], minlength=len(network.centres))
    volume = CONTACTS_A_DAY * np.maximum(1.0, served / 14)
    rates = np.outer(WEEK[(network.start.weekday() + days.astype(int)) % 7], volume)
    for column in range(rates.shape[1]):
        more = network.strength("contact_overload", "slow", days * DAY + DAY / 2, centre=np.full(len(days), column))
        rates[:, column] *= 1 + more
    births = born(network, CONTACTS, rates, np.zeros_like(rates) + 3600.0)
    dice = births.dice()
    by_centre = [np.flatnonzero(_serving(network) == n) for n in range(len(network.centres))]
    longest = max(1, *(len(own) for own in by_centre))
    table = np.array([np.resize(own if len(own) else np.array([0]), longest) for own in by_centre])
    country = table[births.who, (dice.uniform() * longest).astype(int)]
    calls = _Calls(
        births.who,
        country,
        births.at,
        np.char.add("V", (100_000 + dice.uniform() * 900_000).astype(int).astype(str)),
        dice.pick(_TOPIC_SHARES),
        dice.pick(_CHANNEL_SHARES),
        np.full(len(births.at), ""),
        numbered("K", births),
    )
    return calls, dice


def _of_orders(network: Network, stay: Stays, stream: int) -> tuple[_Calls, Dice]:
    """Draw who asks where a device is while it is away, and who complains when it is back: more often if it was late."""
    births, what, at = stay.births, stay.orders.attributes, stay.orders.times
    dice = births.dice().fork(50 + stream)
    created, back = at["created"].to_numpy(), stay.delivered
    promised = what["promised"].to_numpy()
    real = ~(what["ghost"].to_numpy() | what["refurbished"].to_numpy())
    away = np.where(np.isnan(back), np.inf, back)
    asks = created + (0.4 + 0.6 * dice.uniform()) * (promised - created)
    asks = np.where(dice.chance(_CHASED) & (asks < away), asks, np.nan)
    chases = promised + (0.1 + 1.4 * dice.uniform()) * DAY
    chases = np.where(dice.chance(_CHASED_LATE) & (chases < away), chases, np.nan)
    unhappy = dice.chance(np.where(back > promised, _COMPLAINED_LATE, _COMPLAINED)) & ~np.isnan(back)
    complains = np.where(unhappy, back + dice.spread(1.2 * DAY, 0.8), np.nan)
    moments = np.concatenate([asks, chases, complains])
    rows = np.flatnonzero(~np.isnan(moments) & np.tile(real, 3))
    whose = np.tile(np.arange(len(created)), 3)[rows]
    channel = np.concatenate([dice.pick(shares) for shares in ((0.8, 0.2, 0.0), (0.7, 0.1, 0.2), (0.62, 0.13, 0.25))])
    order = what["order"].to_numpy(dtype=str)
    number = np.char.lstrip(order, "R")
    country = network.country_of[births.who][whose]
    calls = _Calls(
        _serving(network)[country],
        country,
        np.floor(moments[rows]),
        np.char.add("W", number)[whose],
        np.repeat([STATUS, STATUS, COMPLAINT], len(created))[rows],
        channel[rows],
        order[whose],
        np.concatenate([np.char.add(letters, number) for letters in ("KS", "KL", "KC")])[rows],
    )
    keys = np.concatenate([births.keys + np.uint64(n) for n in range(3)])[rows]
    return calls, Dice(keys).fork(3)


def _repeats(calls: _Calls, cases: Cases, dice: Dice) -> tuple[_Calls, Dice]:
    """Draw who must ask the same again within a week: more of those who gave up waiting."""
    gave_up = ~np.isnan(cases.times["abandoned"].to_numpy())
    again = dice.fork(2)
    rows = np.flatnonzero(again.chance(np.where(gave_up, 0.5, _REPEATS)))
    more = calls.only(rows)
    wait = np.where(gave_up[rows], 0.2, 1.0) * again.spread(1.1 * DAY, 0.8)[rows]
    later = np.floor(more.at + 60.0 + np.minimum(wait, 6.9 * DAY))
    return _Calls(
        more.centre,
        more.country,
        later,
        more.customer,
        more.topic,
        np.where(more.channel == SOCIAL, PHONE, more.channel),
        more.order,
        np.char.add(more.name, "b"),
    ), dice.fork(4).only(rows)


def _answered(network: Network, calls: _Calls, dice: Dice) -> Cases:
    """Let the contacts be answered, given up, settled, and lead to a sale."""
    offered, phone, public = calls.at, calls.channel == PHONE, calls.channel == SOCIAL
    slow = SLOW_ANSWERS + network.strength("contact_overload", "slow", offered, centre=calls.centre)
    leaves = ABANDONS + network.strength("contact_overload", "abandon", offered, centre=calls.centre)
    patience = dice.uniform()
    wait = np.where(dice.chance(slow), dice.spread(60.0, 0.5), 2 + 15 * patience)
    gives_up = phone & dice.chance(leaves)
    wait = np.round(np.where(gives_up, 4 + 90 * patience, wait))
    wait = np.where(calls.channel == CHAT, np.round(dice.spread(45.0, 0.6)), wait)
    handle = np.round(dice.spread(280.0, 0.5))
    answered = np.where(public | gives_up, np.nan, offered + wait)
    replied = np.where(public & dice.chance(0.97), offered + dice.spread(0.35 * HOUR, 0.6), np.nan)
    # one in six is not settled at once but becomes a case of a day or two
    case = dice.chance(0.18)
    resolved = np.where(case, answered + dice.spread(15 * HOUR, 0.5), answered + handle)
    resolved = np.where(public, replied + dice.spread(2 * HOUR, 0.8), resolved)
    sold = np.where(dice.chance(_SALES) & (calls.topic != COMPLAINT), resolved + dice.spread(2 * DAY, 0.9), np.nan)
    mood = np.clip(0.42 + 0.45 * (2 * dice.uniform() - 1) - 0.85 * (calls.topic == COMPLAINT), -1, 1)
    return Cases.of(
        "contact",
        {
            "contact": calls.name,
            "centre": calls.centre,
            "country": calls.country,
            "channel": calls.channel,
            "topic": calls.topic,
            "customer": calls.customer,
            "order": calls.order,
            "wait": wait,
            "handle": handle,
            "sentiment": np.round(mood, 2),
        },
        {
            "offered": offered,
            "answered": answered,
            "abandoned": np.where(gives_up, offered + wait, np.nan),
            "replied": replied,
            "resolved": resolved,
            "sold": sold,
        },
    )


TOPICS = wares.TOPICS
