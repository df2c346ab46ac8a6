"""Decoys: partners at whom nothing is planted and whose figure looks odd all the same, by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data.demo.network import DAY
from data.demo.orders import NO_FAULT_FOUND
from data.demo.trouble import Trouble

if TYPE_CHECKING:
    import numpy.typing as npt

    from data.demo.network import Network
    from data.demo.world import World

_WINDOW = 28 * DAY
_ODD = 1.8
"""From so many standard errors on a figure looks odd."""


def decoys(world: World) -> list[Trouble]:
    """Give the oddest partner by each of some KPIs over the last four weeks of the history, if one looks odd."""
    network = world.network
    end = network.days * DAY
    candidates = [
        ("no_fault_found", *_no_fault(world, end)),
        ("csat_top2", *_unhappy(world, end)),
        ("claims_rejected", *_rejected(world, end)),
    ]
    return [found for kpi, hits, site in candidates if (found := _oddest(network, kpi, hits, site, end)) is not None]


Figure = tuple["npt.NDArray[np.bool_]", "npt.NDArray[np.intp]"]
"""Whether each row is a bad one, and whose it is."""


def _no_fault(world: World, end: float) -> Figure:
    closed = world.orders.times["closed"].to_numpy()
    rows = (closed > end - _WINDOW) & (closed <= end)
    what = world.orders.attributes[rows]
    return (what["outcome"] == NO_FAULT_FOUND).to_numpy(), what["site"].to_numpy()


def _unhappy(world: World, end: float) -> Figure:
    answered = world.surveys.times["answered"].to_numpy()
    what = world.surveys.attributes[(answered > end - _WINDOW) & (answered <= end)]
    return (what["csat"] < 4).to_numpy(), what["site"].to_numpy()


def _rejected(world: World, end: float) -> Figure:
    submitted, rejected = (world.claims.times[kind].to_numpy() for kind in ("submitted", "rejected"))
    rows = (submitted > end - 1.5 * _WINDOW) & (submitted <= end - 0.5 * _WINDOW)
    return ~np.isnan(rejected[rows]), world.claims.attributes["site"].to_numpy()[rows]


def _oddest(
    network: Network, kpi: str, hits: npt.NDArray[np.bool_], site: npt.NDArray[np.intp], end: float
) -> Trouble | None:
    if not len(hits):
        return None
    count = len(network.partners)
    n, bad = np.bincount(site, minlength=count), np.bincount(site, weights=hits, minlength=count)
    usual = hits.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (bad / n - usual) / np.sqrt(usual * (1 - usual) / n)
    troubled = {trouble.slice.get("partner") for trouble in network.troubles}
    free = [i for i, who in enumerate(network.partners) if who.name not in troubled and np.isfinite(z[i])]
    best = max(free, key=lambda i: float(z[i]), default=None)
    if best is None or z[best] < _ODD:
        return None
    return Trouble(
        id=f"decoy-{kpi}",
        kind="decoy",
        kpis=(kpi,),
        slice={"partner": network.partners[best].name},
        begins=max(0.0, end - _WINDOW),
        ends=end,
        size=round(float(z[best]), 1),
        decoy=True,
    )
