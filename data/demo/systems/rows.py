"""A row per event of a repair order, in the words of whoever exports it; unknown things are empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from data.demo import wares
from data.demo.orders import CHANNELS, LEVELS, OUTCOMES
from data.demo.systems.hub import symptom, technicians
from data.demo.systems.text import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from data.demo.cases import Cases
    from data.demo.network import Network

Array = npt.NDArray[Any]
SERVICES, WARRANTY = ("repair", "refurbishment"), ("in", "out")


def event_rows(
    network: Network,
    cases: Cases,
    events: pd.DataFrame,
    *,
    words: dict[str, str],
    channels: Sequence[str] = CHANNELS,
    services: Sequence[str] = SERVICES,
    warranty: Sequence[str] = WARRANTY,
    faults: Sequence[str] = wares.FAULTS,
    outcomes: Sequence[str] = OUTCOMES,
    rate: float = 1.0,
) -> dict[str, Array]:
    """Give the columns that do not depend on how times are written. What is not known at an event is empty."""
    kinds = np.array(cases.times.columns, dtype=object)[events["kind"].to_numpy()]
    what = cases.attributes.iloc[events["case"].to_numpy()]
    site, product = what["site"].to_numpy(), what["product"].to_numpy()
    partners = network.partners
    ended = np.isin(kinds.astype(str), ["closed", "closed_again", "cancelled"])
    looked_at = ~np.isin(kinds.astype(str), ["created", "received"])
    technician = technicians(what)
    return {
        "order": what["order"].to_numpy(dtype=object),
        "event": np.array([words[kind] for kind in cases.times.columns], dtype=object)[events["kind"].to_numpy()],
        "partner": named([partner.name for partner in partners], site),
        "site": named([partner.city for partner in partners], site),
        "country": named([partner.country for partner in partners], site),
        "product": named(wares.NAMES, product),
        "device": what["device"].to_numpy(dtype=object),
        "replacement": _known(ended, what["replacement"]),
        "channel": named(channels, what["channel"]),
        "service": named(services, what["refurbished"].astype(int)),
        "warranty": named(warranty, what["out"].astype(int)),
        "fault": named(faults, what["fault"]),
        "symptom": symptom(what),
        "technician": _known(looked_at, technician),
        "level": _known(looked_at, named(LEVELS, what["level"])),
        "outcome": _known(ended, named(outcomes, what["outcome"])),
        "cost": _known(ended, _money(what["cost"], rate)),
        "parts_cost": _known(ended, _money(what["parts_cost"], rate)),
    }


def _known(known: Array, values: Any) -> Array:
    return np.where(known, np.asarray(values, dtype=object), "")


def _money(amounts: Any, rate: float) -> Array:
    return np.asarray(np.char.mod("%.2f", np.round(np.asarray(amounts) * rate, 2)).astype(object))
