"""All that is born in a network up to the end of a day.

Everything born on a day hangs on that day's dice and on all that came before. What has happened up to a moment is a cut
through lives that are complete already, so the same network written in one go or in a thousand steps is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from data.demo import aftermath, orders
from data.demo.calendars import Calendars
from data.demo.cases import Cases, joined
from data.demo.contacts import contacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.demo.network import Network
    from data.demo.parts import Demand, Supply


@dataclass(frozen=True)
class World:
    """The lives of a network, and what was asked of its shelves."""

    network: Network
    orders: Cases
    shipments: Cases
    part_lines: Cases
    contacts: Cases
    surveys: Cases
    claims: Cases
    demand: Demand
    supply: Supply

    @cached_property
    def by_system(self) -> dict[str, Cases]:
        """Give the orders that each system tells of."""
        system = np.array([partner.system for partner in self.network.partners])
        mine = system[self.orders.attributes["site"].to_numpy()]
        return {name: self.orders.only(mine == name) for name in sorted(self.network.systems)}


def live(network: Network, through: int, progress: Callable[[float, str], None] = lambda _, __: None) -> World:
    """Draw every life that begins on the days 0 to `through`."""
    progress(0.0, "calendars")
    calendars = Calendars(network, through)
    progress(0.1, "repairs")
    stays = orders.lives(network, calendars, through)
    progress(0.6, "contacts, surveys and claims")
    return World(
        network,
        orders.all_of(stays, "orders"),
        orders.all_of(stays, "hauls"),
        orders.all_of(stays, "part_lines"),
        contacts(network, stays, through),
        joined([aftermath.surveys(network, stay) for stay in stays]),
        joined([aftermath.claims(network, stay) for stay in stays]),
        stays[0].demand,
        stays[0].supply,
    )
