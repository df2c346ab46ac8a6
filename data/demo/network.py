"""Who is in the simulated network: wholly given by its size, its seed and its first midnight."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.demo import places, wares
from data.demo.places import COUNTRIES

Array = npt.NDArray[Any]
Seconds = npt.NDArray[np.float64]
"""Moments in seconds since the network's first midnight (UTC); NaN is never."""

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
ORDERS_A_DAY = 5.0  # per partner of average size
CONTACTS_A_DAY = 45.0  # per contact centre
LEVEL_SHARES = (0.34, 0.42, 0.17, 0.07)
"""How much of the work is of each skill level, L1 to L4."""
UTILISATION = (0.58, 0.60, 0.45, 0.35)
"""How much of each level's capacity the usual intake takes: few jobs need more slack."""

CENTRES = (
    ("Hallo Kontakt Leipzig", "DE", ("Central", "North")),
    ("Northern Voice Hull", "GB", ("West", "Africa")),
    ("Linea Directa Porto", "PT", ("South", "Americas")),
    ("Manila Care Line", "PH", ("Asia",)),
    ("Bosphorus Contact", "TR", ("East", "Middle East")),
    ("Coral Desk Brisbane", "AU", ("Pacific",)),
)
"""The contact centres, where they are, and the regions that they serve; the first three in any network."""
_LARGE = {"Hudson Device Care New York": 5.5}


@dataclass(frozen=True)
class Partner:
    """A repair partner; `volume` scales its intake, `pace` its work, `capacity` is in jobs a working day, L1 to L4."""

    name: str
    city: str
    country: str
    zone: str
    subdivision: str
    system: str
    opening: str
    volume: float
    pace: float
    capacity: tuple[float, float, float, float]

    @property
    def orders_a_week(self) -> float:
        return 7 * ORDERS_A_DAY * self.volume


@dataclass(frozen=True)
class Network:
    """A network is wholly given by its size, its seed, its first midnight, and whether it is quiet: without a planted trouble."""

    partners_count: int
    days: int
    seed: int
    start: datetime
    quiet: bool = False
    partners: tuple[Partner, ...] = field(init=False)

    def __post_init__(self) -> None:
        if self.partners_count < 1 or self.days < 1 or self.seed < 0:
            raise ValueError("a demo network takes at least 1 partner and 1 day, and a seed of 0 or more")
        object.__setattr__(self, "partners", _partners(self.partners_count, self.seed))

    @classmethod
    def before(cls, now: datetime, partners: int, days: int, seed: int, *, quiet: bool = False) -> Network:
        """Plan the network whose history fills the `days` before the UTC day of `now`."""
        if now.tzinfo is None:
            raise ValueError("now needs a time zone")
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(partners, days, seed, midnight - timedelta(days=days), quiet)

    def seconds(self, moment: datetime) -> float:
        return (moment - self.start).total_seconds()

    def moment(self, seconds: float) -> datetime:
        return self.start + timedelta(seconds=seconds)

    @cached_property
    def countries(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(partner.country for partner in self.partners))

    @cached_property
    def carriers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for country in self.countries for name in COUNTRIES[country].carriers))

    @cached_property
    def centres(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        regions = {COUNTRIES[country].region for country in self.countries}
        return tuple(centre for n, centre in enumerate(CENTRES) if n < 2 or regions & set(centre[2]))

    @cached_property
    def systems(self) -> frozenset[str]:
        return frozenset(partner.system for partner in self.partners)

    @cached_property
    def country_of(self) -> Array:
        """Give the index of every partner's country."""
        return np.array([self.countries.index(partner.country) for partner in self.partners])

    @cached_property
    def codes(self) -> dict[str, dict[str, int]]:
        """Give what each dimension's names are called in the simulation: their places in its lists."""
        names = {
            "partner": [partner.name for partner in self.partners],
            "country": self.countries,
            "product": wares.NAMES,
            "part": wares.PARTS,
            "carrier": self.carriers,
            "centre": [name for name, *_ in self.centres],
        }
        return {dimension: {name: code for code, name in enumerate(known)} for dimension, known in names.items()}

    @cached_property
    def troubles(self) -> tuple[Any, ...]:
        from data.demo.plan import planned  # noqa: PLC0415  # the plan asks the network what is usual

        return () if self.quiet else planned(self)

    def strength(self, kind: str, effect: str, at: Seconds, **codes: Array) -> Seconds:
        """Give what the troubles of a kind add to an effect, for rows at their moments with their codes."""
        total = np.zeros(len(at))
        for trouble in self.troubles:
            if trouble.kind == kind and effect in trouble.effects:
                total += trouble.effects[effect] * trouble.share(at, self.codes, codes)
        return total

    def launch(self, product: wares.Product) -> float:
        """Give the day on which a product is launched, counted from the first; long before it for most."""
        return -1000.0 if product.launched is None else float(self.days - product.launched)

    def shares(self, days: Array) -> Array:
        """Give each day's shares of the products, a row per day: what is new comes in a step and grows for a month."""
        table = np.empty((len(days), len(wares.PRODUCTS)))
        for column, product in enumerate(wares.PRODUCTS):
            age = days - self.launch(product)
            table[:, column] = product.share * np.where(age < 0, 0.0, np.clip(0.4 + age / 50, 0.0, 1.0))
        return table

    def offsets(self, through: int) -> Array:
        """Give the seconds by which each partner's clock is ahead of UTC, a row per day."""
        noon = pd.date_range(self.start + timedelta(hours=12), periods=through + 1, freq="D")
        zones = {partner.zone for partner in self.partners}
        ahead = {zone: _ahead(noon, zone) for zone in zones}
        return np.column_stack([ahead[partner.zone] for partner in self.partners])


def _ahead(noon: pd.DatetimeIndex, zone: str) -> Array:
    local = noon.tz_convert(zone).tz_localize(None)
    return np.asarray((local - noon.tz_localize(None)).total_seconds())


def _partners(count: int, seed: int) -> tuple[Partner, ...]:
    rng = np.random.default_rng([seed, 0])
    volumes, paces = rng.uniform(0.85, 1.3, count), rng.uniform(0.9, 1.1, count)
    return tuple(
        _partner(site, _LARGE.get(site[0], float(volume)), float(pace))
        for site, volume, pace in zip(places.sites(count), volumes, paces, strict=True)
    )


def _partner(site: places.Site, volume: float, pace: float) -> Partner:
    name, city, country, zone, subdivision = site
    land = COUNTRIES[country]
    days = 5.55 if "Sat" in land.opening and "Mon-Sat" not in land.opening else 6.0
    week = 7 * ORDERS_A_DAY * volume
    capacity = tuple(
        round(week * share / days / used, 1) for share, used in zip(LEVEL_SHARES, UTILISATION, strict=True)
    )
    return Partner(name, city, country, zone, subdivision, land.system, land.opening, volume, pace, capacity)  # type: ignore[arg-type] # four levels
