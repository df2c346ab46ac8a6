"""Master data as the brand keeps it: CSV files, and a few tables in its database; not without a contradiction or two."""

from __future__ import annotations

import csv
import unicodedata
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from data.demo import parts as stock_keeping
from data.demo import wares
from data.demo.places import COUNTRIES, RATES
from data.demo.systems.database import upsert

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from data.demo.network import Network

_SLA, _BORDER_SLA = 48, 72
_MAKERS = (("Kyo Panels", "JP"), ("Voltano Cells", "DE"), ("Meridian Boards", "SG"), ("Optika Lens", "CZ"))
Row = tuple[Any, ...]
_PARTNER = ("partner", "name", "type", "tier", "shore", "country", "region", "timezone")


def master_data(systems: Path, network: Network) -> None:
    """Write all master data of a network, once: it does not change while the network lives."""
    folder = systems / "master"
    folder.mkdir(parents=True)
    for name, (head, rows) in _tables(network).items():
        _write(folder / f"{name}.csv", head, rows)
    rules = pd.DataFrame(_warranty_rules(network), columns=["country", "model", "months"])
    upsert(systems / "brand.db", "warranty_rules", ("country", "model"), rules)
    # the purchasing department's own list of partners knows one tier otherwise
    theirs = list(_partners(network))
    name, tier = theirs[0][0], theirs[0][3]
    theirs[0] = (name, *theirs[0][1:3], "3" if tier != "3" else "1", *theirs[0][4:])
    upsert(systems / "brand.db", "partner_list", ("partner",), pd.DataFrame(theirs, columns=list(_PARTNER)))


def _tables(network: Network) -> dict[str, tuple[Sequence[str], Sequence[Row]]]:
    capacity = [f"capacity_l{level}" for level in range(1, 5)]
    return {
        "partners": (
            _PARTNER,
            list(_partners(network)),
        ),
        "sites": (
            ("site", "partner", "timezone", "country", "subdivision", "opening", "capacity", *capacity),
            list(_sites(network)),
        ),
        "authorisations": (
            ("partner", "brand"),
            [(who.name, brand) for who in network.partners for brand in wares.BRANDS],
        ),
        "models": (("model", "brand", "tac", "launched_at", "ends_at"), list(_models(network))),
        "parts": (("part", "name", "superseded_by", "unit_cost", "currency", "ends_at"), list(_parts(network))),
        "bom": (("model", "part"), [(product, part) for product, part in _bill()]),
        "carriers": (("carrier", "country", "sla_hours"), [(name, "", _SLA) for name in network.carriers]),
        "lanes": (("carrier", "origin", "destination", "sla_hours"), list(_lanes(network))),
        "contracts": (_CONTRACT, list(_contracts(network))),
        "exchange_rates": (("currency", "valid_from", "rate"), list(_rates(network))),
        "people": (("person", "name", "email", "role", "partner", "country", "escalates_to"), list(_people(network))),
    }


def _write(path: Path, head: Sequence[str], rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def _tier(volume: float) -> str:
    return "1" if volume > 1.15 else "2" if volume > 0.95 else "3"


def _partners(network: Network) -> Iterator[Row]:
    for who in network.partners:
        land = COUNTRIES[who.country]
        yield who.name, who.name, "repair", _tier(who.volume), land.shore, who.country, land.region, who.zone
    for name in network.carriers:
        yield name, name, "carrier", "1", "", "", "", ""
    for name, country in _MAKERS:
        yield name, name, "supplier", "1", COUNTRIES[country].shore, country, COUNTRIES[country].region, ""
    for name, country, _ in network.centres:
        yield name, name, "contact_centre", "1", COUNTRIES[country].shore, country, COUNTRIES[country].region, ""


def _sites(network: Network) -> Iterator[Row]:
    for who in network.partners:
        total = round(sum(who.capacity), 1)
        yield who.city, who.name, who.zone, who.country, who.subdivision, who.opening, total, *who.capacity


def _day(network: Network, day: float) -> date:
    return network.start.date() + timedelta(days=int(day))


def _models(network: Network) -> Iterator[Row]:
    for number, product in enumerate(wares.PRODUCTS):
        launched = _day(network, max(network.launch(product), -900 + 90 * number))
        ends = _day(network, network.days + 400) if product.prefix == "A5" else ""
        yield product.name, product.brand, " ".join(product.tacs), launched, ends


def _parts(network: Network) -> Iterator[Row]:
    for number, part in enumerate(wares.PARTS):
        product, kind = divmod(number, stock_keeping.KINDS)
        name = f"{wares.PART_KINDS[kind].capitalize()} of {wares.PRODUCTS[product].name}"
        yield part, name, "A5-CAMERA-B" if part == "A5-CAMERA" else "", wares.PART_COSTS[kind], "EUR", ""
    yield (
        "A5-CAMERA-B",
        "Camera of Aurora 5, second source",
        "",
        wares.PART_COSTS[3],
        "EUR",
        _day(network, network.days + 700),
    )


def _bill() -> Iterator[tuple[str, str]]:
    for number, part in enumerate(wares.PARTS):
        yield wares.PRODUCTS[number // stock_keeping.KINDS].name, part
    yield "Aurora 5", "A5-CAMERA-B"


def _lanes(network: Network) -> Iterator[Row]:
    for code in network.countries:
        land = COUNTRIES[code]
        for carrier in land.carriers:
            yield carrier, code, code, _SLA
            if land.neighbour:
                yield carrier, land.neighbour, code, _BORDER_SLA
                yield carrier, code, land.neighbour, _BORDER_SLA


_CONTRACT = (
    "contract", "partner", "country", "brand", "model", "channel", "service_type", "kpi", "target", "green", "red", "valid_from",
    "valid_to", "bonus", "malus", "currency",
)  # fmt: skip
_FAR = ("IN", "JP", "KR", "AE", "BR")
"""Where distances are great, contracts allow four days for a repair, elsewhere three."""


def _contracts(network: Network) -> Iterator[Row]:
    before, since, until = _day(network, -400), _day(network, -35), _day(network, network.days + 330)
    for number, who in enumerate(network.partners, start=1):
        hours = 96 if who.country in _FAR else 72
        terms: tuple[Row, ...] = (
            ("tat_p90", hours, hours, 1.25 * hours, 1.5, 4.0),
            ("csat_top2", 0.85, 0.85, 0.75, 1.0, 0.0),
            ("bounce_rate_30d", 0.03, 0.03, 0.05, 0.0, 12.0),
        )
        for letter, (kpi, target, green, red, bonus, malus) in zip("abc", terms, strict=True):
            yield _contract(f"C{number:03d}{letter}", who.name, kpi, target, green, red, since, until, bonus, malus)
        # what was agreed before, with another limit: it must no longer count
        first = terms[0]
        yield _contract(
            f"C{number:03d}a-1",
            who.name,
            first[0],
            hours + 24,
            hours + 24,
            hours + 60,
            before,
            _day(network, -36),
            1,
            3,
        )
    for number, name in enumerate(network.carriers, start=1):
        yield _contract(f"L{number:02d}", name, "late_deliveries", 0.05, 0.05, 0.10, since, until, 0, 0.5)
    for number, (name, _) in enumerate(_MAKERS, start=1):
        yield _contract(f"S{number:02d}", name, "supplier_on_time", 0.95, 0.95, 0.90, since, until, 0, 1.0)
    for number, (name, *_) in enumerate(network.centres, start=1):
        yield _contract(f"K{number:02d}", name, "service_level_20s", 0.80, 0.80, 0.70, since, until, 0, 0.2)
    # two slips: a renewal that begins before the old one ends, and a partner that nobody knows
    last = network.partners[-1].name
    yield _contract("C999a", last, "csat_top2", 0.88, 0.88, 0.78, _day(network, network.days - 10), until, 1.0, 0.0)
    yield _contract("C999b", "Reparaturdienst Unbekannt", "tat_p90", 72, 72, 90, since, until, 1.5, 4.0)


def _contract(
    name: str, partner: str, kpi: str, target: Any, green: Any, red: Any, since: date, until: date, *money: Any
) -> Row:
    return name, partner, "", "", "", "", "", kpi, target, green, red, since, until, *money, "EUR"


def _rates(network: Network) -> Iterator[Row]:
    used = dict.fromkeys(["EUR", "USD", *(COUNTRIES[code].currency for code in network.countries)])
    for currency in used:
        yield currency, _day(network, -400), RATES[currency]
        if currency != "EUR":
            yield currency, _day(network, network.days // 2), round(RATES[currency] * 1.01, 6)


def _people(network: Network) -> Iterator[Row]:
    yield "P000", "Ada Lindqvist", "ada.lindqvist@example.com", "head of after-sales", "", "", ""
    regions = list(dict.fromkeys(COUNTRIES[code].region for code in network.countries))
    for number, region in enumerate(regions, start=1):
        name = f"Region lead {region}"
        yield f"P{number:03d}", name, f"{_plain(region)}@example.com", "regional manager", "", "", "P000"
    for number, who in enumerate(network.partners, start=100):
        lead = f"P{regions.index(COUNTRIES[who.country].region) + 1:03d}"
        yield (
            f"P{number:03d}",
            f"Service lead {who.city}",
            f"{_plain(who.city)}@example.com",
            "service lead",
            who.name,
            who.country,
            lead,
        )
    for number, (name, country, _) in enumerate(network.centres, start=900):
        yield f"P{number:03d}", f"Team lead {name}", f"{_plain(name)}@example.com", "team lead", name, country, "P000"


def _plain(name: str) -> str:
    ascii_ = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return ".".join(ascii_.lower().split())


def _warranty_rules(network: Network) -> list[Row]:
    return [
        *((code, "*", COUNTRIES[code].warranty_months) for code in network.countries),
        *((code, "Pulse Watch", COUNTRIES[code].warranty_months) for code in network.countries[:1]),
    ]
