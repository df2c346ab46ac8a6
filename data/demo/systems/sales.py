"""What the sales department sold: a workbook a month, with a row per model, country and day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data.demo import wares
from data.demo.network import DAY, ORDERS_A_DAY
from data.demo.systems.workbook import workbook

if TYPE_CHECKING:
    from pathlib import Path

    from data.demo.network import Network
    from data.demo.world import World

_SOLD_PER_REPAIR = 14.0
_HEAD = ("Day", "Country", "Brand", "Model", "Units")


def units_sold(systems: Path, world: World, after: float, until: float) -> int:
    """Write the months of all days that have ended since, anew."""
    network = world.network
    ended = range(max(int(after // DAY), 0), int(until // DAY))
    months = sorted({network.moment(day * DAY).strftime("%Y-%m") for day in ended})
    rows = 0
    for month in months:
        days = [day for day in range(int(until // DAY)) if network.moment(day * DAY).strftime("%Y-%m") == month]
        table = [row for day in days for row in _day(network, day)]
        folder = systems / "sales"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{month}.xlsx.part").write_bytes(workbook(_HEAD, table))
        (folder / f"{month}.xlsx.part").replace(folder / f"{month}.xlsx")
        rows += len(table)
    return rows


def _day(network: Network, day: int) -> list[tuple[str, str, str, str, int]]:
    rng = np.random.default_rng([network.seed, 5, day])
    share = network.shares(np.array([float(day)]))[0]
    volume = np.bincount(network.country_of, weights=[partner.volume for partner in network.partners])
    units = rng.poisson(np.outer(volume * ORDERS_A_DAY * _SOLD_PER_REPAIR, share / share.sum()))
    date = f"{network.moment(day * DAY):%Y-%m-%d}"
    return [
        (date, country, product.brand, product.name, int(units[row, column]))
        for row, country in enumerate(network.countries)
        for column, product in enumerate(wares.PRODUCTS)
        if units[row, column]
    ]
