"""The repair hub of most partners: a database with a row per case that is updated in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data.demo import places, wares
from data.demo.orders import CHANNELS, LEVELS
from data.demo.systems.database import upsert
from data.demo.systems.text import chosen, named, stamps, where

if TYPE_CHECKING:
    from pathlib import Path

    from data.demo.cases import Cases
    from data.demo.network import Network
    from data.demo.world import World

TIMES = {
    "created": "opened_at",
    "received": "checked_in_at",
    "diagnosed": "diagnosed_at",
    "quoted": "quote_sent_at",
    "approved": "quote_accepted_at",
    "part_requested": "part_requested_at",
    "part_received": "part_in_at",
    "repair_started": "repair_started_at",
    "repaired": "repair_ended_at",
    "qc_failed": "check_failed_at",
    "qc_passed": "check_passed_at",
    "completed": "ready_at",
    "returned_unrepaired": "returned_at",
    "swapped": "swapped_at",
    "dispatched": "shipped_at",
    "delivered": "handed_over_at",
    "closed": "closed_at",
    "reopened": "reopened_at",
    "cancelled": "cancelled_at",
}
_RESULTS = ("FIXED", "NOT FIXED", "BER", "NFF", "EXCHANGED", "CANCELLED")
_SKEW = 3 * 3600.0


def hub(systems: Path, world: World, after: float, until: float) -> int:
    cases = world.by_system.get(places.HUB)
    if cases is None:
        return 0
    cases = cases.news(after, until)
    return upsert(systems / "hub.db", "cases", ("case_no",), _table(world.network, cases, until)) if len(cases) else 0


def _table(network: Network, cases: Cases, until: float) -> pd.DataFrame:
    what, at = cases.attributes, cases.reported(until)
    ended = (at["closed"].notna() | at["cancelled"].notna()).to_numpy()
    fixed = at["repaired"].notna().to_numpy() | ended
    # A reopened case is not closed until it is closed again.
    at["closed"] = np.where(at["reopened"].notna(), at["closed_again"], at["closed"])
    site, promised, kind = what["site"], what["promised"], what["product"]
    # one clock in some hundred runs behind
    at["diagnosed"] -= np.where(chosen(500, 1, promised, site), _SKEW, 0.0)
    return pd.DataFrame(
        {"case_no": what["order"].astype(object)}
        | _places(network, site)
        | _device(network, what, fixed)
        | {
            "channel": named(CHANNELS, what["channel"]),
            "service": np.where(what["refurbished"], "refurbishment", "repair").astype(object),
            "engineer": where(at["diagnosed"].notna(), technicians(what)),
            "level": where(at["diagnosed"].notna(), named(LEVELS, what["level"])),
            "due_at": stamps(network, promised),
            "result": where(ended, np.where(chosen(2000, 2, promised, kind), "TBD", named(_RESULTS, what["outcome"]))),
            "cost_eur": where(ended, what["cost"]),
            "parts_eur": where(fixed, what["parts_cost"]),
        }
        | {column: stamps(network, at[event]) for event, column in TIMES.items()}
        | {"updated_at": stamps(network, cases.updated(until))}
    )


def _places(network: Network, site: Any) -> dict[str, Any]:
    partners = network.partners
    return {
        "repairer": named([partner.name for partner in partners], site),
        "town": named([partner.city for partner in partners], site),
        "country": named([partner.country for partner in partners], site),
        "region": named([places.COUNTRIES[partner.country].region for partner in partners], site),
    }


def _device(network: Network, what: pd.DataFrame, fixed: Any) -> dict[str, Any]:
    site, promised, product = what["site"], what["promised"], what["product"]
    model = named(wares.NAMES, product)
    symptoms = symptom(what)
    return {
        "brand": named([each.brand for each in wares.PRODUCTS], product),
        "model": np.where(chosen(900, 3, promised, site), model + " EU", model),
        "serial_no": where(~chosen(900, 4, promised, site), what["device"]),
        "new_serial_no": where(fixed & (what["replacement"] != "").to_numpy(), what["replacement"]),
        "sold_at": stamps(network, what["sold"]),
        "warranty": np.where(what["out"], "out", "in").astype(object),
        "fault": where(~chosen(600, 5, promised, site), named(wares.FAULTS, what["fault"])),
        "symptom": symptoms,
    }


def symptom(what: pd.DataFrame) -> Any:
    """Give the symptom that the customer names, by fault and dice."""
    names = [name for group in wares.SYMPTOMS for name in group]
    sizes = np.array([len(group) for group in wares.SYMPTOMS])
    fault = what["fault"].to_numpy()
    place = np.concatenate([[0], np.cumsum(sizes)])[fault] + (what["symptom"].to_numpy() * sizes[fault]).astype(int)
    return named(names, place)


def technicians(what: pd.DataFrame) -> Any:
    """Give the technicians' names: the site's number and their own."""
    site, number = (what[name].to_numpy() for name in ("site", "technician"))
    return np.char.add(np.char.mod("T%03d-", site), np.char.mod("%d", number)).astype(object)
