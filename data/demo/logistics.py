"""Parcels: slots, scans, customs, exceptions, losses and damage on the way to a repair and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from data.demo.cases import Cases
from data.demo.network import DAY, HOUR
from data.demo.places import COUNTRIES
from data.demo.plan import ABROAD, EXCEPTIONS, HELD, LOSSES
from data.demo.reporting import lagging

if TYPE_CHECKING:
    from data.demo.dice import Dice
    from data.demo.network import Network

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]
_SLOT = 3 * HOUR
_ON_TIME, _COMPLETE, _DAMAGES = 0.975, 0.993, 0.0002


@dataclass(frozen=True)
class Haul:
    """What became of the parcels of one leg: when each arrived, or was given up."""

    parcels: Cases
    arrived: Seconds
    lost: Seconds


def carried(
    network: Network, dice: Dice, leg: str, planned: Seconds, site: Array, order: Array, product: Array, abroad: Array
) -> Haul:
    """Carry the devices of a leg; `planned` is NaN where nothing is shipped, `abroad` tells what crosses a border."""
    country = network.country_of[site]
    carrier = _pairs(network)[country, dice.chance(0.5).astype(int)]
    slot = planned + _SLOT
    picked_up = np.where(
        dice.chance(_ON_TIME), planned + _SLOT * dice.uniform() ** 0.7, slot + dice.spread(5 * HOUR, 0.6)
    )
    exception = network.strength("courier_failure", "exception", picked_up, carrier=carrier)
    lost = network.strength("courier_failure", "lost", picked_up, carrier=carrier)
    trouble = dice.chance(EXCEPTIONS + exception)
    # An exception costs the parcel a day or two; most parcels of a good courier never see one.
    travel = dice.spread(9.5 * HOUR, 0.3) + np.where(trouble, dice.spread(34 * HOUR, 0.4), 0.0)
    entered = np.where(abroad, picked_up + 0.4 * travel, np.nan)
    held = dice.chance(HELD + network.strength("customs_jam", "held", entered, country=country))
    released = entered + np.where(held, dice.spread(84 * HOUR, 0.3), dice.spread(5 * HOUR, 0.35))
    arrival = picked_up + travel + np.nan_to_num(released - entered)
    gone = dice.chance(LOSSES + lost)
    damaged = dice.chance(_DAMAGES) & ~gone
    allowed = np.where(abroad, 3.0, 2.0) * DAY
    attributes = {
        "shipment": np.char.add(np.char.add("S", np.char.lstrip(order.astype(str), "R")), f"-{leg[0].upper()}"),
        "order": order,
        "carrier": carrier,
        "country": country,
        "product": product,
        "leg": np.full(len(site), leg),
        "abroad": abroad,
        "complete": dice.chance(_COMPLETE),
        "pickup_by": np.floor(slot),
        "promised": np.floor(planned + allowed),
    }
    times = {
        "planned": planned,
        "picked_up": picked_up,
        "first_scan": picked_up + 0.25 * travel,
        "customs_in": entered,
        "customs_out": released,
        "exception": np.where(trouble & ~gone, arrival - 0.45 * travel, np.nan),
        "last_scan": np.where(gone, np.nan, arrival - 0.3 * travel),
        "delivered": np.where(gone, np.nan, arrival),
        "damaged": np.where(damaged, arrival + HOUR, np.nan),
        "lost": np.where(gone, picked_up + 4 * DAY, np.nan),
    }
    at = np.column_stack(list(times.values()))
    parcels = Cases.of("shipment", attributes, times, lagging(dice.fork(1), at)).only(~np.isnan(planned))
    return Haul(parcels, times["delivered"], times["lost"])


def _pairs(network: Network) -> Array:
    codes = network.codes["carrier"]
    return np.array([[codes[name] for name in COUNTRIES[country].carriers] for country in network.countries])


def crossing(network: Network, dice: Dice, site: Array) -> Array:
    """Tell which devices come from beyond the customs border of their partner's country."""
    border = np.array([bool(COUNTRIES[country].neighbour) for country in network.countries])
    return np.asarray(border[network.country_of[site]] & dice.chance(ABROAD))
