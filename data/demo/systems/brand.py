"""The brand's own database: spare-part lines, warranty claims, and what lies on the partners' shelves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.demo import parts as stock_keeping
from data.demo import wares
from data.demo.network import DAY, HOUR
from data.demo.systems.database import upsert
from data.demo.systems.text import chosen, named, stamps, where

if TYPE_CHECKING:
    from pathlib import Path

    from data.demo.world import World

Array = npt.NDArray[Any]
_STEP = 12 * HOUR
_SUPPLIER = tuple(wares.SUPPLIERS[part % stock_keeping.KINDS] for part in range(len(wares.PARTS)))


def part_lines(systems: Path, world: World, after: float, until: float) -> int:
    network, cases = world.network, world.part_lines.news(after, until)
    if not len(cases):
        return 0
    what, at, partners = cases.attributes, cases.reported(until), network.partners
    order = what["order"].astype(object)
    table = pd.DataFrame(
        {
            "line_no": what["line"].astype(object),
            "case_no": where(order != "", order),
            "supplier": named(_SUPPLIER, what["part"]),
            "part": named(wares.PARTS, what["part"]),
            "country": named([partner.country for partner in partners], what["site"]),
            "site": named([partner.city for partner in partners], what["site"]),
            "model": named(wares.NAMES, what["product"]),
            "brand": named([each.brand for each in wares.PRODUCTS], what["product"]),
            "quantity": np.ones(len(what), dtype=int),
            "need_by": stamps(network, what["promised"]),
        }
        | {f"{kind}_at": stamps(network, at[kind]) for kind in at.columns}
        | {"updated_at": stamps(network, cases.updated(until))}
    )
    return upsert(systems / "brand.db", "part_lines", ("line_no",), table)


def claims(systems: Path, world: World, after: float, until: float) -> int:
    network, cases = world.network, world.claims.news(after, until)
    if not len(cases):
        return 0
    what, at, partners = cases.attributes, cases.reported(until), network.partners
    # a slip of the pen now and then: an amount that is none
    amount = np.where(chosen(4000, 6, at["submitted"], what["site"]), "n/a", what["amount"].astype(object))
    table = pd.DataFrame(
        {
            "claim_no": what["claim"].astype(object),
            "case_no": what["order"].astype(object),
            "serial_no": what["device"].astype(object),
            "partner": named([partner.name for partner in partners], what["site"]),
            "site": named([partner.city for partner in partners], what["site"]),
            "country": named([partner.country for partner in partners], what["site"]),
            "model": named(wares.NAMES, what["product"]),
            "brand": named([each.brand for each in wares.PRODUCTS], what["product"]),
            "amount": amount,
            "reason": named(wares.FAULTS, what["fault"]),
        }
        | {f"{kind}_at": stamps(network, at[kind]) for kind in at.columns}
        | {"updated_at": stamps(network, cases.updated(until))}
    )
    return upsert(systems / "brand.db", "claims", ("claim_no",), table)


def stock(systems: Path, world: World, after: float, until: float) -> int:
    """Count the shelves twice a day: all of them on Mondays, else those on which something changed."""
    network = world.network
    counts = np.arange(max(np.floor(after / _STEP) + 1, 0), np.floor(until / _STEP) + 1).astype(int)
    if not len(counts):
        return 0
    on_hand, inbound = _shelves(world, int(counts[-1]))
    at = counts * _STEP
    monday = ((network.start.weekday() + (at // DAY)) % 7 == 0) & (at % DAY == 0)
    changed = np.diff(on_hand, axis=1, prepend=0)[:, counts] != 0
    shelf, place = np.nonzero(changed | monday[None, :] | (counts == 0)[None, :])
    site, part = np.divmod(shelf, len(wares.PARTS))
    held, coming = on_hand[shelf, counts[place]], inbound[shelf, counts[place]]
    partners = network.partners
    table = pd.DataFrame(
        {
            "counted_at": stamps(network, at[place]),
            "site": named([partner.city for partner in partners], site),
            "part": named(wares.PARTS, part),
            "repairer": named([partner.name for partner in partners], site),
            "country": named([partner.country for partner in partners], site),
            "model": named(wares.NAMES, part // stock_keeping.KINDS),
            "on_hand": held,
            "reserved": np.minimum(held, (shelf + counts[place]) % 3 // 2),
            "inbound": coming,
            "swap": np.where(part % stock_keeping.KINDS == 0, 2 + (site + part) % 4, 0),
        }
    ).sort_values(["counted_at", "site", "part"], kind="stable")
    return upsert(systems / "brand.db", "stock", ("site", "part", "counted_at"), table)


def _shelves(world: World, last: int) -> tuple[Array, Array]:
    """Give what lies on each shelf, and what is on its way there, at every count up to the last one."""
    level = stock_keeping.stock_level(world.network).ravel()
    shelf = world.demand.site * len(wares.PARTS) + world.demand.part

    def by_count(at: Array) -> Array:
        place = np.ceil(at / _STEP)
        rows = place <= last
        cells = shelf[rows] * (last + 1) + place[rows].astype(int)
        found = np.bincount(cells, minlength=len(level) * (last + 1)).reshape(len(level), last + 1)
        return np.asarray(np.cumsum(found, axis=1))

    shelved, taken = by_count(world.supply.shelved), by_count(world.supply.got)
    return level[:, None] + shelved - taken, by_count(world.supply.ordered) - shelved
