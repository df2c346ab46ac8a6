"""The truth about a network, as truth.json holds it: what was planted, and what only looks as if it were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data.demo.network import Network
    from data.demo.trouble import Trouble

_DRIVERS = {
    "re_repair_surge": "repairs of this model do not last",
    "capacity_loss": "benches are missing, so that the queue grows",
    "part_shortage": "the supplier does not have the part",
    "customs_jam": "parcels are held for inspection",
    "courier_failure": "the courier misroutes and loses parcels",
    "dead_feed": "the system has stopped exporting",
    "partner_silent": "the partner has stopped reporting",
    "contact_overload": "too few agents answer",
    "batch_closing": "orders are closed together in the evening",
    "sla_heaping": "closings are put off until just before the order is due",
    "ghost_claims": "repairs are invented and claimed",
    "duplicate_claims": "repairs are claimed twice",
    "impossible_turnaround": "repairs are written down within minutes, when they are done",
    "slow_drift": "ever more devices go back without a fault found",
    "decoy": "nothing: chance",
}


def truth(network: Network, troubles: Iterable[Trouble]) -> list[dict[str, Any]]:
    return [_entry(network, trouble) for trouble in troubles]


def _entry(network: Network, trouble: Trouble) -> dict[str, Any]:
    return {
        "id": trouble.id,
        "kind": trouble.kind,
        "kpis": list(trouble.kpis),
        "slice": trouble.slice,
        "from": _iso(network, trouble.begins),
        "to": _iso(network, trouble.ends) if np.isfinite(trouble.ends) else None,
        "size": trouble.size,
        "onset": trouble.onset,
        "effects": {name: round(effect, 4) for name, effect in trouble.effects.items()},
        "driver": {"why": _DRIVERS[trouble.kind], **trouble.where},
        "echoes": list(trouble.echoes),
        "decoy": trouble.decoy,
    } | ({"source": trouble.source} if trouble.source else {})


def _iso(network: Network, seconds: float) -> str:
    return network.moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")
