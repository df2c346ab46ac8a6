"""When events are reported: at once, late, or never, because a feed is dead or a partner in it has fallen silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from data.demo import places
from data.demo.network import DAY, HOUR, MINUTE
from data.demo.plan import FEEDS

if TYPE_CHECKING:
    from data.demo.dice import Dice
    from data.demo.network import Network

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]

_LATE = 0.012
"""One report in eighty comes hours or days after the fact."""
_STEPS = {places.HUB: 0.0, places.SERVICE: 5 * MINUTE, places.WERKSTATT: 10 * MINUTE, places.KARYA: 6 * HOUR}
"""How often the systems export; the hub tells things as they happen."""


def lagging(dice: Dice, at: Seconds) -> Seconds:
    """Give when a scanner's readings come in: within a minute, a few of them hours later."""
    lags = []
    for _ in range(at.shape[1]):
        late = dice.chance(_LATE)
        lags.append(np.where(late, dice.spread(5 * HOUR, 0.9), 5 + 50 * dice.uniform()))
    return np.asarray(np.floor(at) + np.column_stack(lags))


def told(network: Network, dice: Dice, site: Array, times: dict[str, Seconds]) -> Seconds:
    """Give when each event of the orders is reported, in the shape of the times."""
    step = np.array([_STEPS.get(partner.system, 15 * MINUTE) for partner in network.partners])[site]
    silent, back = (edge[site, None] for edge in _silenced(network))
    at = np.column_stack(list(times.values()))
    lags = []
    for _ in times:
        late = dice.chance(_LATE)
        lags.append(np.where(late, np.minimum(dice.spread(8 * HOUR, 1.1), 6 * DAY), 5 + 50 * dice.uniform()))
    known = np.floor(at) + np.column_stack(lags)
    exported = np.ceil(known / np.maximum(step, 1.0)[:, None]) * step[:, None]
    known = np.where(step[:, None] > 0, exported, known)
    known = np.where((known >= silent) & (known < back), back + 60, known)
    return np.where(np.isnan(at), np.nan, known)


def _silenced(network: Network) -> tuple[Seconds, Seconds]:
    """Give from when until when nothing is reported by each partner; what was missed is told afterwards."""
    silent = np.full(len(network.partners), np.inf)
    back = np.full(len(network.partners), np.inf)
    for trouble in network.troubles:
        if trouble.kind not in ("partner_silent", "dead_feed"):
            continue
        for index, partner in enumerate(network.partners):
            if partner.name == trouble.where.get("partner") or FEEDS[partner.system] == trouble.source:
                silent[index], back[index] = trouble.begins, trouble.ends
    return silent, back
