"""Which troubles are planted in a network: named ones for the wall, and a grid of all kinds, sizes and onsets in a large one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from data.demo import places, wares
from data.demo.network import CONTACTS_A_DAY, DAY, HOUR, UTILISATION
from data.demo.places import COUNTRIES
from data.demo.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from data.demo.network import Network, Partner

BOUNCES, BACKORDERS, HELD, EXCEPTIONS, LOSSES = 0.016, 0.012, 0.02, 0.012, 0.0003
SLOW_ANSWERS, ABANDONS, NO_FAULT, BATCHED, NEAR_SLA, INVENTED = 0.09, 0.03, 0.12, 0.10, 0.03, 0.004
"""The usual shares that troubles add to."""
SIZES = (1.0, 2.0, 4.0, 8.0)
PART_NEED = 0.78 * float(np.dot(wares.FAULT_SHARES, wares.NEEDS_PART))
"""How many parts a usual order takes."""
ABROAD = 0.6
"""How many of the parcels of a country with a customs border cross it."""


def error(share: float, weekly: float) -> float:
    """Give the standard error of a weekly share."""
    return float(np.sqrt(share * (1 - share) / max(weekly, 1.0)))


@dataclass(frozen=True)
class Kind:
    """How a kind of trouble is planted: its KPIs, the dimension of its slice, and its effects for a size."""

    kpis: tuple[str, ...]
    dimension: str
    effects: Callable[[Network, dict[str, str], float], dict[str, float]]


def _weekly(network: Network, **where: str) -> float:
    """Give the usual orders a week of the partners in a country, or with a name."""
    return sum(
        partner.orders_a_week
        for partner in network.partners
        if where.get("country", partner.country) == partner.country
        and where.get("partner", partner.name) == partner.name
    )


def _share_of(product: str) -> float:
    return next(each.share for each in wares.PRODUCTS if each.name == product)


def _bounces(network: Network, where: dict[str, str], size: float) -> dict[str, float]:
    weekly = 0.78 * _weekly(network, partner=where["partner"]) * _share_of(where["product"])
    return {"bounce": min(0.6, size * error(BOUNCES, weekly))}


def _loss(network: Network, where: dict[str, str], size: float) -> dict[str, float]:
    """Leave so little capacity that the week's completions fall short of the intake by `size` times its square root."""
    weekly = _weekly(network, partner=where["partner"])
    short = min(0.8, size / float(np.sqrt(weekly)))
    return {"loss": 1 - (1 - short) * float(np.mean(UTILISATION[:3]))}


def _shortage(network: Network, where: dict[str, str], size: float) -> dict[str, float]:
    product, kind = divmod(wares.PARTS.index(where["part"]), len(wares.PART_KINDS))
    faults = [n for n, part in enumerate(wares.PART_OF_FAULT) if part == kind]
    need = 0.78 * sum(wares.FAULT_SHARES[n] * wares.NEEDS_PART[n] for n in faults)
    return {"backorder": min(0.95, size * error(BACKORDERS, _weekly(network) * wares.PRODUCTS[product].share * need))}


def _jam(network: Network, where: dict[str, str], size: float) -> dict[str, float]:
    return {"held": min(0.9, size * error(HELD, 2 * 0.5 * ABROAD * _weekly(network, country=where["country"])))}


def _courier(network: Network, where: dict[str, str], size: float) -> dict[str, float]:
    served = [c for c in network.countries if where["carrier"] in COUNTRIES[c].carriers]
    weekly = 2 * 0.5 * 0.5 * sum(_weekly(network, country=country) for country in served)
    return {
        "exception": min(0.8, size * error(EXCEPTIONS, weekly)),
        "lost": min(0.1, size * error(LOSSES, weekly)),
    }


def _overload(network: Network, where: dict[str, str], size: float) -> dict[str, float]:  # noqa: ARG001  # every kind asks alike
    weekly = 7 * 0.82 * CONTACTS_A_DAY
    return {
        "slow": min(0.8, size * error(SLOW_ANSWERS, weekly)),
        "abandon": min(0.4, size * error(ABANDONS, weekly)),
    }


def _among_orders(effect: str, usual: float) -> Callable[[Network, dict[str, str], float], dict[str, float]]:
    def effects(network: Network, where: dict[str, str], size: float) -> dict[str, float]:
        return {effect: min(0.9, size * error(usual, _weekly(network, partner=where["partner"])))}

    return effects


def _none(network: Network, where: dict[str, str], size: float) -> dict[str, float]:  # noqa: ARG001
    return {}


KINDS: dict[str, Kind] = {
    "re_repair_surge": Kind(("bounce_rate_30d", "early_bounce_7d"), "partner", _bounces),
    "capacity_loss": Kind(
        ("late_repairs", "promise_kept", "tat_p90", "e2e_p90", "open_over_7d", "within_24h"), "partner", _loss
    ),
    "part_shortage": Kind(
        ("parts_fill", "part_lead_p90", "supplier_on_time", "backorders", "stock_outs"), "part", _shortage
    ),
    "customs_jam": Kind(("customs_dwell_p90",), "country", _jam),
    "courier_failure": Kind(("late_deliveries", "exception_shipments", "lost_or_damaged"), "partner", _courier),
    "dead_feed": Kind(("freshness", "reporting_lag_p90"), "source", _none),
    "partner_silent": Kind((), "partner", _none),
    "contact_overload": Kind(("service_level_20s", "abandoned", "answer_wait"), "partner", _overload),
    "batch_closing": Kind(("batch_closing",), "partner", _among_orders("share", BATCHED)),
    "sla_heaping": Kind(("sla_heaping",), "partner", _among_orders("share", NEAR_SLA)),
    "ghost_claims": Kind(("ghost_repairs",), "partner", _among_orders("share", INVENTED)),
    "duplicate_claims": Kind(("duplicate_claims",), "partner", _among_orders("share", INVENTED)),
    "impossible_turnaround": Kind(("impossible_turnaround",), "partner", _among_orders("share", INVENTED)),
    "slow_drift": Kind(("no_fault_found",), "partner", _among_orders("share", NO_FAULT)),
}
_SIMULATED = {"carrier": "partner", "centre": "partner"}
"""What the Board calls the partner that answers for a row, and the simulation a carrier or a centre."""


def _trouble(network: Network, kind: str, where: dict[str, str], since: float, size: float, **more: Any) -> Trouble:
    shape = KINDS[kind]
    named = {_SIMULATED.get(dimension, dimension): name for dimension, name in where.items() if dimension != "source"}
    return Trouble(
        id="",
        kind=kind,
        kpis=shape.kpis,
        slice=named,
        begins=max(0.0, (network.days - since) * DAY + 6 * HOUR),
        size=size,
        effects=shape.effects(network, where, size),
        where={dimension: name for dimension, name in where.items() if dimension != "source"},
        source=where.get("source", ""),
        **more,
    )


def _silence(network: Network, kind: str, where: dict[str, str], size: float, **more: Any) -> Trouble:
    """Silence a partner until now, or a feed for a while, for as long as `size` times the root of a week's orders takes.

    A feed that stays dead would leave the whole network's figures unknown; one that comes back tells all that it missed.
    """
    systems = {name: system for system, name in FEEDS.items()}
    weekly = sum(
        who.orders_a_week
        for who in network.partners
        if who.name == where.get("partner") or who.system == systems.get(where.get("source", ""))
    )
    days = 7 * size / float(np.sqrt(max(weekly, 1.0)))
    if kind == "partner_silent":
        return replace(_trouble(network, kind, where, min(days, network.days), size), **more)
    trouble = _trouble(network, kind, where, min(days + _BACK, network.days), size, **more)
    return replace(trouble, ends=trouble.begins + days * DAY)


FEEDS = {
    places.HUB: "repair-hub",
    places.WERKSTATT: "werkstatt",
    places.OFICINA: "oficina",
    places.SHURI: "shuri",
    places.SERVICE: "service-us",
    places.KARYA: "karya",
    places.DEPOT: "depot",
}
"""The name in the settings of each system that partners report with."""


def planned(network: Network) -> tuple[Trouble, ...]:
    """Give all troubles of a network, those first that its wall shows; each slice has one at most of a kind."""
    found = [*_for_the_wall(network), *_grid(network)]
    return tuple(replace(trouble, id=f"{number:02d}-{trouble.kind}") for number, trouble in enumerate(found, start=1))


def _for_the_wall(network: Network) -> Iterator[Trouble]:
    known = network.codes

    def fits(where: dict[str, str]) -> bool:
        feeds = {FEEDS[system] for system in network.systems}
        return all(name in (feeds if dim == "source" else known[dim]) for dim, name in where.items())

    for kind, where, since, size, more in _STORIES:
        if not fits(where):
            continue
        if kind in ("partner_silent", "dead_feed"):
            yield _silence(network, kind, where, size, **more)
        else:
            yield _trouble(network, kind, where, since, size, **more)


_LYON = {"partner": "Fixpoint Lyon"}
_STORIES: tuple[tuple[str, dict[str, str], float, float, dict[str, Any]], ...] = (
    (
        "re_repair_surge",
        _LYON | {"product": "Aurora 6 Pro"},
        70,
        8,
        {"echoes": (_LYON, {"country": "FR"}, {"product": "Aurora 6 Pro"})},
    ),
    ("capacity_loss", {"partner": "Mendwell Leeds"}, 14, 8, {"echoes": ({"country": "GB"},)}),
    ("part_shortage", {"part": "A6P-DISPLAY"}, 24, 16, {"echoes": ({"partner": "Kyo Panels"}, {})}),
    (
        "customs_jam",
        {"country": "CH"},
        21,
        16,
        {"echoes": ({"partner": "Blitz Parcel", "country": "CH"}, {"partner": "Swiftline", "country": "CH"}, {})},
    ),
    ("courier_failure", {"carrier": "NordCargo"}, 30, 16, {"echoes": ({"country": "PL"}, {"country": "NL"})}),
    ("partner_silent", {"partner": "Taller Giralda Sevilla"}, 0, 8, {"echoes": ({"country": "ES"},)}),
    ("dead_feed", {"source": "shuri"}, 0, 8, {"echoes": ({"partner": "Naniwa Shuri Osaka"}, {"country": "JP"})}),
    ("contact_overload", {"centre": "Hallo Kontakt Leipzig"}, 7, 16, {"echoes": ({},)}),
    ("batch_closing", {"partner": "Hudson Device Care New York"}, 35, 24, {}),
    ("sla_heaping", {"partner": "Polder Repair Utrecht"}, 35, 8, {}),
    ("ghost_claims", {"partner": "Wisła Serwis Kraków"}, 35, 16, {}),
    ("duplicate_claims", {"partner": "Atelier Garonne Toulouse"}, 45, 8, {}),
    ("impossible_turnaround", {"partner": "Odra Serwis Wrocław"}, 35, 8, {}),
    ("slow_drift", {"partner": "Severn Devices Bristol"}, 60, 8, {"onset": "creeping"}),
    ("slow_drift", {"partner": "Officina Lambro Milano"}, 50, 2, {"onset": "creeping"}),
    ("capacity_loss", {"partner": "Mälaren Service Stockholm"}, 21, 4, {"onset": "creeping"}),
    ("re_repair_surge", {"partner": "Han River Service Seoul", "product": "Aurora 5"}, 60, 4, {}),
    ("contact_overload", {"centre": "Linea Directa Porto"}, 10, 2, {}),
    ("courier_failure", {"carrier": "Andes Cargo"}, 28, 2, {"onset": "creeping"}),
)
"""Kind, slice, days before the end of the history, size, and what else. A wide slice is red from twice the largest size on."""

_BY_PARTNER = (
    "re_repair_surge",
    "capacity_loss",
    "slow_drift",
    "batch_closing",
    "sla_heaping",
    "ghost_claims",
    "duplicate_claims",
    "impossible_turnaround",
    "partner_silent",
)
_BACK = 6.0
"""For so many days before the end of the history every feed has been back."""
_SPARED = 3
"""One partner in so many is left without a trouble of its own, to compare with."""


def _grid(network: Network) -> Iterator[Trouble]:
    """Plant every kind at every size and onset, at partners of which nothing else is told, as far as there are such."""
    if len(network.partners) <= len(places.NAMED):
        return
    for kind, where, size, onset in _cells(network):
        if kind in ("partner_silent", "dead_feed"):
            yield _silence(network, kind, where, size)
            continue
        since = 60.0 if kind in ("re_repair_surge", "slow_drift") else 30.0
        trouble = _trouble(network, kind, where, min(since, network.days), size, onset=onset)
        # half of what creeps is over before the end, so that a history holds troubles with an end
        over = onset == "creeping" and size in (2.0, 8.0)
        yield replace(trouble, begins=trouble.begins / 3, ends=trouble.begins / 3 + 42 * DAY) if over else trouble


def _cells(network: Network) -> Iterator[tuple[str, dict[str, str], float, Any]]:
    told = {name for _, where, *_ in _STORIES for name in where.values()}
    rng = np.random.default_rng([network.seed, 9])
    free = [who for who in network.partners if who.system == places.HUB and who.name not in told]
    order = [free[n] for n in rng.permutation(len(free))]
    use = order[: len(order) - len(order) // _SPARED]
    wanted = [
        (kind, size, onset)
        for onset in ("sudden", "creeping")
        for size in SIZES[::-1]
        for kind in _BY_PARTNER
        if kind != "partner_silent" or onset == "sudden"
    ]
    for who, (kind, size, onset) in zip(use, wanted, strict=False):
        yield kind, _place(who, kind), size, onset
    yield from _elsewhere(network, told)


def _place(who: Partner, kind: str) -> dict[str, str]:
    return {"partner": who.name} | ({"product": "Aurora 5"} if kind == "re_repair_surge" else {})


def _elsewhere(network: Network, told: set[str]) -> Iterator[tuple[str, dict[str, str], float, Any]]:
    """Plant the kinds whose slices are few: countries with customs, carriers, parts and contact centres."""
    few = {
        "customs_jam": ("country", [code for code in network.countries if COUNTRIES[code].neighbour]),
        "courier_failure": ("carrier", list(network.carriers)),
        "part_shortage": (
            "part",
            [f"{p.prefix}-BATTERY" for p in wares.PRODUCTS if p.prefix in ("A5", "S11", "K1", "A6P")],
        ),
        "contact_overload": ("centre", [name for name, *_ in network.centres]),
        "dead_feed": ("source", [FEEDS[system] for system in sorted(network.systems - {places.HUB})]),
    }
    for kind, (dimension, names) in few.items():
        free = [name for name in names if name not in told]
        # the largest first: where slices are few, the clear ones come before the faint
        for number, (name, size) in enumerate(zip(free, SIZES[::-1], strict=False)):
            yield kind, {dimension: name}, size, "creeping" if number % 2 else "sudden"
