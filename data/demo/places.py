"""Where the network lives: its countries, cities, zones, ways of opening, and the partners' names."""

from __future__ import annotations

from dataclasses import dataclass

EU = "Mon-Fri 09:00-18:00; Sat 09:00-14:00"
LONG = "Mon-Sat 09:00-19:00"
SOUTH = "Mon-Fri 09:00-19:00; Sat 09:00-14:00"
GULF = "Sun-Thu 09:00-18:00; Sat 10:00-16:00"

HUB, WERKSTATT, OFICINA, SHURI, SERVICE, KARYA, DEPOT = (
    "hub",
    "werkstatt",
    "oficina",
    "shuri",
    "service",
    "karya",
    "depot",
)
"""The systems that partners report their orders with."""


@dataclass(frozen=True)
class Country:
    """A country: `shore` as seen from the brand, `neighbour` is where devices come from that cross its customs."""

    code: str
    region: str
    shore: str
    opening: str
    currency: str
    carriers: tuple[str, str]
    neighbour: str = ""
    system: str = HUB
    warranty_months: int = 24


def _c(
    code: str, region: str, shore: str, opening: str, currency: str, carriers: str, **more: str | int
) -> tuple[str, Country]:
    first, second = carriers.split("/")
    return code, Country(code, region, shore, opening, currency, (first, second), **more)  # type: ignore[arg-type] # checked by name


COUNTRIES: dict[str, Country] = dict(
    (
        _c("DE", "Central", "onshore", EU, "EUR", "Blitz Parcel/Swiftline", system=WERKSTATT),
        _c("CH", "Central", "onshore", EU, "CHF", "Blitz Parcel/Swiftline", neighbour="LI"),
        _c("AT", "Central", "onshore", EU, "EUR", "Blitz Parcel/Swiftline"),
        _c("CZ", "Central", "nearshore", EU, "CZK", "NordCargo/Blitz Parcel"),
        _c("HU", "Central", "nearshore", EU, "HUF", "NordCargo/Blitz Parcel"),
        _c("PL", "East", "nearshore", EU, "PLN", "NordCargo/Blitz Parcel"),
        _c("RO", "East", "nearshore", EU, "RON", "NordCargo/Blitz Parcel"),
        _c("BG", "East", "nearshore", EU, "BGN", "NordCargo/Blitz Parcel"),
        _c("NL", "West", "onshore", LONG, "EUR", "NordCargo/Blitz Parcel"),
        _c("BE", "West", "onshore", EU, "EUR", "Swiftline/Blitz Parcel"),
        _c("FR", "West", "onshore", EU, "EUR", "Swiftline/Correo Uno"),
        _c("GB", "West", "onshore", LONG, "GBP", "Blitz Parcel/Swiftline", neighbour="IE"),
        _c("IE", "West", "onshore", LONG, "EUR", "Blitz Parcel/Swiftline"),
        _c("ES", "South", "onshore", SOUTH, "EUR", "Swiftline/Correo Uno"),
        _c("PT", "South", "onshore", SOUTH, "EUR", "Swiftline/Correo Uno"),
        _c("IT", "South", "onshore", SOUTH, "EUR", "Swiftline/Correo Uno"),
        _c("GR", "South", "nearshore", SOUTH, "EUR", "Swiftline/Correo Uno"),
        _c("SE", "North", "onshore", EU, "SEK", "Fjord Express/Blitz Parcel"),
        _c("DK", "North", "onshore", EU, "DKK", "Fjord Express/Blitz Parcel"),
        _c("FI", "North", "onshore", EU, "EUR", "Fjord Express/Blitz Parcel"),
        _c("NO", "North", "onshore", EU, "NOK", "Fjord Express/Blitz Parcel", neighbour="SE", warranty_months=60),
        _c("TR", "Middle East", "nearshore", LONG, "TRY", "Sahara Freight/Swiftline", neighbour="GE"),
        _c("AE", "Middle East", "offshore", LONG, "AED", "Sahara Freight/Swiftline", warranty_months=12),
        _c("SA", "Middle East", "offshore", GULF, "SAR", "Sahara Freight/Swiftline", warranty_months=24),
        _c("EG", "Africa", "offshore", GULF, "EGP", "Sahara Freight/Swiftline", warranty_months=12),
        _c(
            "ZA",
            "Africa",
            "offshore",
            EU,
            "ZAR",
            "Sahara Freight/Swiftline",
            neighbour="BW",
            system=DEPOT,
            warranty_months=12,
        ),
        _c("KE", "Africa", "offshore", LONG, "KES", "Sahara Freight/Swiftline", warranty_months=12),
        _c("US", "Americas", "offshore", LONG, "USD", "Liberty Ground/Swiftline", system=SERVICE, warranty_months=12),
        _c("CA", "Americas", "offshore", LONG, "CAD", "Liberty Ground/Swiftline", warranty_months=12),
        _c("MX", "Americas", "offshore", LONG, "MXN", "Andes Cargo/Liberty Ground", warranty_months=12),
        _c(
            "BR",
            "Americas",
            "offshore",
            SOUTH,
            "BRL",
            "Andes Cargo/Swiftline",
            neighbour="UY",
            system=OFICINA,
            warranty_months=12,
        ),
        _c("AR", "Americas", "offshore", SOUTH, "ARS", "Andes Cargo/Swiftline", warranty_months=12),
        _c("CL", "Americas", "offshore", SOUTH, "CLP", "Andes Cargo/Swiftline", warranty_months=12),
        _c("CO", "Americas", "offshore", LONG, "COP", "Andes Cargo/Swiftline", warranty_months=12),
        _c(
            "IN",
            "Asia",
            "offshore",
            LONG,
            "INR",
            "Monsoon Couriers/Kaze Express",
            neighbour="NP",
            system=KARYA,
            warranty_months=12,
        ),
        _c("JP", "Asia", "offshore", LONG, "JPY", "Kaze Express/Monsoon Couriers", system=SHURI, warranty_months=12),
        _c("KR", "Asia", "offshore", LONG, "KRW", "Kaze Express/Monsoon Couriers", warranty_months=24),
        _c("SG", "Asia", "offshore", LONG, "SGD", "Kaze Express/Monsoon Couriers", warranty_months=12),
        _c("TH", "Asia", "offshore", LONG, "THB", "Monsoon Couriers/Kaze Express", warranty_months=12),
        _c("PH", "Asia", "offshore", LONG, "PHP", "Monsoon Couriers/Kaze Express", warranty_months=12),
        _c("AU", "Pacific", "offshore", EU, "AUD", "Coral Freight/Kaze Express", system=DEPOT),
        _c("NZ", "Pacific", "offshore", EU, "NZD", "Coral Freight/Kaze Express", system=DEPOT),
    )
)
CARRIERS = tuple(dict.fromkeys(name for country in COUNTRIES.values() for name in country.carriers))
RATES = {  # one unit in euro, as on the network's first day
    "EUR": 1.0, "CHF": 1.05, "CZK": 0.04, "HUF": 0.0026, "PLN": 0.235, "RON": 0.201, "BGN": 0.511, "GBP": 1.15, "SEK": 0.09,
    "DKK": 0.134, "NOK": 0.086, "TRY": 0.021, "AED": 0.235, "SAR": 0.23, "EGP": 0.018, "ZAR": 0.05, "KES": 0.0067, "USD": 0.86,
    "CAD": 0.62, "MXN": 0.047, "BRL": 0.16, "ARS": 0.0006, "CLP": 0.0009, "COP": 0.00021, "INR": 0.0098, "JPY": 0.0056,
    "KRW": 0.0006, "SGD": 0.66, "THB": 0.0265, "PHP": 0.0148, "AUD": 0.56, "NZD": 0.49,
}  # fmt: skip

Site = tuple[str, str, str, str, str]
"""A partner's name, city, country, zone and subdivision ("" where the country's holidays know none)."""

NAMED: tuple[Site, ...] = (
    ("Hansa Gerätedienst Hamburg", "Hamburg", "DE", "Europe/Berlin", "HH"),
    ("Fixpoint Lyon", "Lyon", "FR", "Europe/Paris", ""),
    ("Mendwell Leeds", "Leeds", "GB", "Europe/London", "ENG"),
    ("Alpenfix Zürich", "Zürich", "CH", "Europe/Zurich", "ZH"),
    ("Taller Giralda Sevilla", "Sevilla", "ES", "Europe/Madrid", "AN"),
    ("Isarwerk München", "München", "DE", "Europe/Berlin", "BY"),
    ("Wisła Serwis Kraków", "Kraków", "PL", "Europe/Warsaw", ""),
    ("Polder Repair Utrecht", "Utrecht", "NL", "Europe/Amsterdam", ""),
    ("Atelier Garonne Toulouse", "Toulouse", "FR", "Europe/Paris", ""),
    ("Odra Serwis Wrocław", "Wrocław", "PL", "Europe/Warsaw", ""),
    ("Severn Devices Bristol", "Bristol", "GB", "Europe/London", "ENG"),
    ("Jura Technik Basel", "Basel", "CH", "Europe/Zurich", "BS"),
    ("Hudson Device Care New York", "New York", "US", "America/New_York", "NY"),
    ("Oficina Paulista São Paulo", "São Paulo", "BR", "America/Sao_Paulo", "SP"),
    ("Karya Mobile Bengaluru", "Bengaluru", "IN", "Asia/Kolkata", "KA"),
    ("Naniwa Shuri Osaka", "Osaka", "JP", "Asia/Tokyo", ""),
    ("Harbour Repairs Sydney", "Sydney", "AU", "Australia/Sydney", "NSW"),
    ("Highveld Electronics Johannesburg", "Johannesburg", "ZA", "Africa/Johannesburg", ""),
    ("Officina Lambro Milano", "Milano", "IT", "Europe/Rome", "MI"),
    ("Sunset Phone Lab Los Angeles", "Los Angeles", "US", "America/Los_Angeles", "CA"),
    ("Taller Anáhuac Ciudad de México", "Ciudad de México", "MX", "America/Mexico_City", ""),
    ("Mälaren Service Stockholm", "Stockholm", "SE", "Europe/Stockholm", ""),
    ("Creek Device Clinic Dubai", "Dubai", "AE", "Asia/Dubai", ""),
    ("Han River Service Seoul", "Seoul", "KR", "Asia/Seoul", ""),
)
CITIES: tuple[tuple[str, str, str, str], ...] = (
    ("Wien", "AT", "Europe/Vienna", "9"), ("Praha", "CZ", "Europe/Prague", ""), ("Budapest", "HU", "Europe/Budapest", ""),
    ("București", "RO", "Europe/Bucharest", ""), ("Sofia", "BG", "Europe/Sofia", ""), ("Antwerpen", "BE", "Europe/Brussels", ""),
    ("Dublin", "IE", "Europe/Dublin", ""), ("Lisboa", "PT", "Europe/Lisbon", "11"), ("Athina", "GR", "Europe/Athens", ""),
    ("København", "DK", "Europe/Copenhagen", ""), ("Helsinki", "FI", "Europe/Helsinki", ""), ("Oslo", "NO", "Europe/Oslo", ""),
    ("İstanbul", "TR", "Europe/Istanbul", ""), ("Riyadh", "SA", "Asia/Riyadh", ""), ("Cairo", "EG", "Africa/Cairo", ""),
    ("Nairobi", "KE", "Africa/Nairobi", ""), ("Toronto", "CA", "America/Toronto", "ON"),
    ("Buenos Aires", "AR", "America/Argentina/Buenos_Aires", ""),
    ("Santiago", "CL", "America/Santiago", ""), ("Bogotá", "CO", "America/Bogota", ""), ("Singapore", "SG", "Asia/Singapore", ""),
    ("Bangkok", "TH", "Asia/Bangkok", ""), ("Manila", "PH", "Asia/Manila", ""), ("Auckland", "NZ", "Pacific/Auckland", "AUK"),
    ("Bremen", "DE", "Europe/Berlin", "HB"), ("Nantes", "FR", "Europe/Paris", ""), ("Cardiff", "GB", "Europe/London", "WLS"),
    ("Valencia", "ES", "Europe/Madrid", "VC"), ("Gdańsk", "PL", "Europe/Warsaw", ""), ("Groningen", "NL", "Europe/Amsterdam", ""),
    ("Bern", "CH", "Europe/Zurich", "BE"), ("Chicago", "US", "America/Chicago", "IL"), ("Recife", "BR", "America/Recife", "PE"),
    ("Mumbai", "IN", "Asia/Kolkata", "MH"), ("Nagoya", "JP", "Asia/Tokyo", ""), ("Melbourne", "AU", "Australia/Melbourne", "VIC"),
    ("Cape Town", "ZA", "Africa/Johannesburg", ""), ("Napoli", "IT", "Europe/Rome", "NA"), ("Dresden", "DE", "Europe/Berlin", "SN"),
    ("Lille", "FR", "Europe/Paris", ""), ("Málaga", "ES", "Europe/Madrid", "AN"), ("Göteborg", "SE", "Europe/Stockholm", ""),
    ("Guadalajara", "MX", "America/Mexico_City", ""), ("Vancouver", "CA", "America/Vancouver", "BC"),
    ("Denver", "US", "America/Denver", "CO"),
    ("Porto", "PT", "Europe/Lisbon", "13"), ("Łódź", "PL", "Europe/Warsaw", ""), ("Graz", "AT", "Europe/Vienna", "6"),
    ("Brno", "CZ", "Europe/Prague", ""), ("Cork", "IE", "Europe/Dublin", ""), ("Glasgow", "GB", "Europe/London", "SCT"),
    ("Torino", "IT", "Europe/Rome", "TO"), ("Delhi", "IN", "Asia/Kolkata", "DL"), ("Fukuoka", "JP", "Asia/Tokyo", ""),
    ("Perth", "AU", "Australia/Perth", "WA"), ("Durban", "ZA", "Africa/Johannesburg", ""), ("Ankara", "TR", "Europe/Istanbul", ""),
    ("Bergen", "NO", "Europe/Oslo", ""), ("Busan", "KR", "Asia/Seoul", ""), ("Abu Dhabi", "AE", "Asia/Dubai", ""),
)  # fmt: skip
HOUSES = ("Quickmend", "Reparo", "Devicare", "Phonewerk", "Second Life", "Bench & Co")


def sites(count: int) -> list[Site]:
    """Name the partners of a network: those with a story first, then one in every country, then ever more."""
    named = list(NAMED[:count])
    for extra in range(count - len(named)):
        city, country, zone, subdivision = CITIES[extra % len(CITIES)]
        round_ = extra // len(CITIES)
        house, series = HOUSES[(extra + round_) % len(HOUSES)], round_ // len(HOUSES)
        name = f"{house} {city}" + (f" {series + 1}" if series else "")
        # a site of one's own, for the stock on its shelves
        named.append((name, city if not round_ else f"{city} {round_ + 1}", country, zone, subdivision))
    return named
