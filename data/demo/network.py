"""Who is in the simulated network, and the truth: what goes wrong where, from when on and by how much."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]
"""Moments in seconds since the network's first midnight (UTC); NaN is never."""
Mask = npt.NDArray[np.bool_]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
ORDERS_A_DAY = 8.0  # per partner of average size
CONTACTS_A_DAY = 110.0  # per contact centre

HUB, WORKSHOP = "hub", "workshop"
"""The two systems that partners report their orders with."""

REGIONS = {"DE": "Central", "CH": "Central", "PL": "East", "NL": "West", "FR": "West", "GB": "West", "ES": "South"}
CUSTOMS = ("CH", "GB")
CARRIERS = {
    "DE": ("Blitz Parcel", "Swiftline"),
    "CH": ("Blitz Parcel", "Swiftline"),
    "PL": ("NordCargo", "Blitz Parcel"),
    "NL": ("NordCargo", "Blitz Parcel"),
    "FR": ("Swiftline", "Correo Uno"),
    "GB": ("Blitz Parcel", "Swiftline"),
    "ES": ("Swiftline", "Correo Uno"),
}
"""The two carriers that share a country's parcels."""

PRODUCTS = ("Aurora 5", "Aurora 6 Pro", "Slate 11", "Pulse Watch")
PRODUCT_SHARES = (0.34, 0.30, 0.20, 0.16)
FAULTS = ("display", "battery", "no power", "water", "software")
FAULT_SHARES = (0.34, 0.24, 0.18, 0.08, 0.16)
PARTS = (
    ("A5-DISPLAY", "A5-BATTERY"),
    ("A6P-DISPLAY", "A6P-BATTERY"),
    ("S11-DISPLAY", "S11-BATTERY"),
    ("PW-GLASS", "PW-CELL"),
)
"""The two parts of each product that repairs wait for."""
SUPPLIERS = {"DISPLAY": "Kyo Panels", "GLASS": "Kyo Panels", "BATTERY": "Voltano Cells", "CELL": "Voltano Cells"}
CENTRES = ("Hallo Kontakt Leipzig", "Northern Voice Hull", "Linea Directa Porto")
CENTRE_COUNTRIES = (("DE", "CH", "PL"), ("GB", "NL"), ("FR", "ES"))
TOPICS = ("repair status", "booking", "complaint", "advice")

_PARTNERS = (
    ("Hansa Gerätedienst Hamburg", "Hamburg", "DE", WORKSHOP),
    ("Fixpoint Lyon", "Lyon", "FR", HUB),
    ("Mendwell Leeds", "Leeds", "GB", HUB),
    ("Alpenfix Zürich", "Zürich", "CH", HUB),
    ("Taller Giralda Sevilla", "Sevilla", "ES", HUB),
    ("Isarwerk München", "München", "DE", WORKSHOP),
    ("Wisła Serwis Kraków", "Kraków", "PL", HUB),
    ("Polder Repair Utrecht", "Utrecht", "NL", HUB),
    ("Atelier Garonne Toulouse", "Toulouse", "FR", HUB),
    ("Odra Serwis Wrocław", "Wrocław", "PL", HUB),
    ("Severn Devices Bristol", "Bristol", "GB", HUB),
    ("Jura Technik Basel", "Basel", "CH", HUB),
)
_MORE_NAMES = ("Quickmend", "Reparo", "Devicare", "Phonewerk", "Second Life", "Bench & Co")
_MORE_CITIES = (
    ("Bremen", "DE"),
    ("Nantes", "FR"),
    ("Cardiff", "GB"),
    ("Valencia", "ES"),
    ("Gdańsk", "PL"),
    ("Groningen", "NL"),
    ("Bern", "CH"),
    ("Dresden", "DE"),
    ("Lille", "FR"),
    ("Málaga", "ES"),
)


@dataclass(frozen=True)
class Partner:
    """A repair partner; `volume` and `pace` scale its intake and the time that its work takes."""

    name: str
    city: str
    country: str
    system: str
    volume: float
    pace: float


@dataclass(frozen=True)
class Trouble:
    """A planted trouble. `begins` counts from the network's first midnight; none of them ends by itself.

    `echoes` are slices that suffer with it, `expected` is the level that the KPIs of its own slice should reach.
    """

    kind: str
    kpis: tuple[str, ...]
    slice: dict[str, str]
    begins: float
    size: float
    echoes: tuple[dict[str, str], ...] = ()
    expected: str = "red"


@dataclass(frozen=True)
class Network:
    """A network is wholly given by its size, its seed and its first midnight."""

    partners_count: int
    days: int
    seed: int
    start: datetime
    partners: tuple[Partner, ...] = field(init=False)

    def __post_init__(self) -> None:
        if self.partners_count < 1 or self.days < 1 or self.seed < 0:
            raise ValueError("a demo network takes at least 1 partner and 1 day, and a seed of 0 or more")
        object.__setattr__(self, "partners", _partners(self.partners_count, self.seed))

    @classmethod
    def before(cls, now: datetime, partners: int, days: int, seed: int) -> Network:
        """Plan the network whose history fills the `days` before the UTC day of `now`."""
        if now.tzinfo is None:
            raise ValueError("now needs a time zone")
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(partners, days, seed, midnight - timedelta(days=days))

    def seconds(self, moment: datetime) -> float:
        return (moment - self.start).total_seconds()

    def moment(self, seconds: float) -> datetime:
        return self.start + timedelta(seconds=seconds)

    @cached_property
    def troubles(self) -> dict[str, Trouble]:
        return {trouble.kind: trouble for trouble in _troubles(self)}

    def hit(self, kind: str, at: Seconds, **columns: Array) -> Mask:
        """Tell which rows, at their moments, lie in the trouble's slice; dimensions not given count as met."""
        trouble = self.troubles.get(kind)
        if trouble is None:
            return np.zeros(len(at), dtype=bool)
        hit: Mask = at >= trouble.begins
        for dimension, value in trouble.slice.items():
            if dimension in columns:
                hit &= columns[dimension] == value
        return hit

    def size(self, kind: str) -> float:
        return self.troubles[kind].size if kind in self.troubles else 0.0

    def begins(self, kind: str) -> float:
        return self.troubles[kind].begins if kind in self.troubles else float("inf")

    def truth(self) -> list[dict[str, Any]]:
        """Give the planted troubles as truth.json holds them."""
        return [
            {
                "id": f"{number:02d}-{trouble.kind}",
                "kind": trouble.kind,
                "kpis": list(trouble.kpis),
                "slice": trouble.slice,
                "echoes": list(trouble.echoes),
                "expected": trouble.expected,
                "from": self.moment(trouble.begins).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "to": None,
                "size": trouble.size,
            }
            for number, trouble in enumerate(self.troubles.values(), start=1)
        ]


def _partners(count: int, seed: int) -> tuple[Partner, ...]:
    named = list(_PARTNERS[:count])
    for extra in range(count - len(named)):
        city, country = _MORE_CITIES[extra % len(_MORE_CITIES)]
        name = f"{_MORE_NAMES[extra // len(_MORE_CITIES) % len(_MORE_NAMES)]} {city}"
        series = extra // (len(_MORE_CITIES) * len(_MORE_NAMES))
        town = f"{city} {extra // len(_MORE_CITIES) + 1}"  # a site of one's own, for the stock on its shelves
        named.append((f"{name} {series + 1}" if series else name, town, country, HUB))
    rng = np.random.default_rng([seed, 0])
    volumes, paces = rng.uniform(0.85, 1.3, count), rng.uniform(0.9, 1.1, count)
    return tuple(
        Partner(*who, volume=float(volume), pace=float(pace))
        for who, volume, pace in zip(named, volumes, paces, strict=True)
    )


def _troubles(network: Network) -> list[Trouble]:
    def since(days: float) -> float:
        return max(0.0, (network.days - days) * DAY + 6 * HOUR)

    def partner(name: str) -> dict[str, str]:
        return {"partner": name}

    leeds, utrecht = partner("Mendwell Leeds"), partner("Polder Repair Utrecht")
    planned = [
        Trouble(
            "re_repair_surge",
            ("bounce_rate_30d", "early_bounce_7d"),
            {"partner": "Fixpoint Lyon", "product": "Aurora 6 Pro"},
            since(70),
            0.20,
            echoes=(partner("Fixpoint Lyon"), {"country": "FR"}, {"product": "Aurora 6 Pro"}),
        ),
        Trouble(
            "capacity_loss",
            ("late_repairs", "promise_kept", "tat_p90", "e2e_p90", "open_over_7d", "within_24h"),
            leeds,
            since(14),
            2.0,
            echoes=({"country": "GB"},),
        ),
        Trouble(
            "part_shortage",
            ("line_fill", "part_lead_p90", "supplier_on_time", "backorders", "stock_outs"),
            {"part": "A6P-DISPLAY"},
            since(9),
            5.5,
            echoes=(partner("Kyo Panels"), {}),
        ),
        Trouble(
            "customs_jam",
            ("customs_dwell_p90",),
            {"country": "CH"},
            since(16),
            90.0,
            echoes=(partner("Alpenfix Zürich"), partner("Jura Technik Basel"), {}),
        ),
        Trouble(
            "carrier_failing",
            ("transit_p90", "late_deliveries", "exceptions", "lost_shipments"),
            partner("NordCargo"),
            since(30),
            3.5,
            echoes=({"country": "PL"}, {"country": "NL"}),
        ),
        Trouble(
            "partner_silent", (), partner("Taller Giralda Sevilla"), since(4), 1.0, ({"country": "ES"},), "unknown"
        ),
        Trouble(
            "contact_overload",
            ("service_level_20s", "abandoned", "answer_wait"),
            partner("Hallo Kontakt Leipzig"),
            since(6),
            1.4,
            echoes=({},),
        ),
        Trouble("backlog_growing", ("late_repairs", "promise_kept"), utrecht, since(12), 0.15, expected="amber"),
        Trouble("forgotten_orders", ("open_over_30d",), partner("Atelier Garonne Toulouse"), since(38), 2),
        Trouble("no_fault_found", ("no_fault_found",), partner("Isarwerk München"), 0.0, 0.25, expected="amber"),
        Trouble("unhappy_customers", ("csat_top2",), partner("Odra Serwis Wrocław"), 0.0, 0.81, expected="amber"),
        Trouble("sloppy_repairs", ("failed_inspections",), partner("Jura Technik Basel"), 0.0, 0.065, expected="amber"),
        Trouble(
            "claims_rejected", ("claims_rejected",), partner("Severn Devices Bristol"), 0.0, 0.05, expected="amber"
        ),
    ]
    repairers = {who.name for who in network.partners}
    named = {name for name, *_ in _PARTNERS}
    countries = {who.country for who in network.partners}
    return [
        trouble
        for trouble in planned
        if trouble.slice.get("partner") not in named - repairers
        and trouble.slice.get("country", network.partners[0].country) in countries
        and (trouble.kind != "carrier_failing" or countries & {"PL", "NL"})
    ]
