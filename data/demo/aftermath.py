"""What follows a repair: the customer's answers to the survey, and the partner's claim for its pay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from data.demo.cases import Cases, joined
from data.demo.network import DAY, HOUR
from data.demo.orders import CANCELLED
from data.demo.plan import INVENTED

if TYPE_CHECKING:
    from data.demo.dice import Dice
    from data.demo.network import Network
    from data.demo.orders import Stays

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]
_ANSWER, _HAPPY = 0.45, 0.925
_HOPED, _REJECTED, _REJECTED_OUT = 0.04, 0.0002, 0.9
"""Some claim what is out of warranty, and are found out; what is in warranty is hardly ever refused."""


def surveys(network: Network, stay: Stays) -> Cases:
    """Ask who got a device back; who got it late is less happy."""
    what, dice = stay.orders.attributes, stay.births.dice().fork(60)
    known = stay.orders.told[:, list(stay.orders.times.columns).index("delivered")]
    asked = np.where(np.isfinite(known), stay.delivered, np.nan) + dice.spread(20 * HOUR, 0.5)
    real = ~(what["ghost"].to_numpy() | what["refurbished"].to_numpy())
    asked = np.where(dice.chance(_ANSWER) & real, asked, np.nan)
    late = stay.delivered > what["promised"].to_numpy()
    satisfied, u = dice.chance(np.where(late, 0.6, _HAPPY)), dice.uniform()
    csat = np.where(satisfied, 4 + (u < 0.66), 1 + np.floor(u * 3)).astype(int)
    order = what["order"].to_numpy(dtype=str)
    cases = Cases.of(
        "survey",
        {
            "survey": np.char.add("U", np.char.lstrip(order, "R")),
            "order": order,
            "site": what["site"].to_numpy(),
            "country": network.country_of[stay.births.who],
            "product": what["product"].to_numpy(),
            "csat": csat,
            "nps": np.clip(np.round(2 * csat + 2 * dice.uniform() - 1), 0, 10).astype(int),
            "ces": np.clip(np.round(csat + 1 + dice.uniform()), 1, 7).astype(int),
        },
        {"answered": asked},
    )
    return cases.only(~np.isnan(asked))


def claims(network: Network, stay: Stays) -> Cases:
    """Claim what the warranty pays, and now and then what it does not; some partners claim it twice."""
    what, dice = stay.orders.attributes, stay.births.dice().fork(61)
    at = stay.orders.told[:, list(stay.orders.times.columns).index("closed")]
    covered = ~what["out"].to_numpy() | dice.chance(_HOPED)
    due = covered & (what["outcome"].to_numpy() != CANCELLED) & ~what["refurbished"].to_numpy()
    submitted = np.where(due & np.isfinite(at), at + dice.spread(6 * HOUR, 0.5), np.nan)
    doubled = network.strength("duplicate_claims", "share", submitted, partner=stay.births.who)
    again = np.where(dice.chance(INVENTED / 8 + doubled), submitted + (4 + 16 * dice.uniform()) * DAY, np.nan)
    return joined([_claims(network, stay, dice.fork(n), when, "D" * n) for n, when in enumerate((submitted, again))])


def _claims(network: Network, stay: Stays, dice: Dice, submitted: Seconds, suffix: str) -> Cases:
    what = stay.orders.attributes
    decided = submitted + dice.spread(60 * HOUR, 0.45)
    rejected = dice.chance(np.where(what["out"].to_numpy(), _REJECTED_OUT, _REJECTED))
    approved = np.where(rejected, np.nan, decided)
    order = what["order"].to_numpy(dtype=str)
    cases = Cases.of(
        "claim",
        {
            "claim": np.char.add(np.char.add("C", np.char.lstrip(order, "R")), suffix),
            "order": order,
            "device": what["device"].to_numpy(dtype=str),
            "site": what["site"].to_numpy(),
            "country": network.country_of[stay.births.who],
            "product": what["product"].to_numpy(),
            "amount": what["cost"].to_numpy(),
            "fault": what["fault"].to_numpy(),
        },
        {
            "submitted": submitted,
            "approved": approved,
            "rejected": np.where(rejected, decided, np.nan),
            "paid": approved + 5 * DAY,
        },
    )
    return cases.only(~np.isnan(submitted))
