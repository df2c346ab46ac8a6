"""The master data as known at a moment: who belongs where, by which clock, under which contract, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from analytics.facts import FACTS, MASTER
from analytics.opening import OpeningError, opening_hours, subdivisions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from analytics.kpi import Bound, Kpi, Slice

SCOPE = ("partner", "country", "brand", "product", "channel", "service_type")
"""What a contract may be about; a missing one leaves it open."""
INHERITED = ("country", "region", "type", "tier", "shore")
"""What a slice has by the partner it names."""
TABLES: dict[str, dict[str, str]] = {
    "zones": {"site": "string", "partner": "string", "zone": "string"},
    "calendar": {
        "site": "string",
        "day": "date",
        "opens_at": "timestamp(6)",
        "closes_at": "timestamp(6)",
        "open_before": "float64",
        "number": "int64",
    },
    "master_problems": {"table_name": "string", "entry": "string", "partner": "string", "problem": "string"},
    "contracts_in_force": {
        "contract": "string",
        **dict.fromkeys(SCOPE, "string"),
        "kpi": "string",
        "currency": "string",
        **dict.fromkeys(("target", "green", "red", "bonus", "malus"), "float64"),
    },
}
"""Tables worked out from the master data, with their columns.

`zones`: the zone of a site, or of a partner where it has no site of its own (site is then null). `calendar`: per site and local
day that it is open, from when to when (UTC), the seconds it was open on all days before since the calendar's first, and which
of them it is (the first is 1).
`master_problems`: a row per thing that is wrong. `contracts_in_force`: the contracts that hold at the moment judged.
"""


@dataclass(frozen=True)
class Problem:
    """Something wrong in the master data: where, whose, and a sentence with the mend."""

    table: str
    entry: str
    partner: str | None
    sentence: str


@dataclass(frozen=True)
class Master:
    """Master data of a moment.

    `told` holds per table what each source last said: columns source, batch, row, key, and the fields; `sources` the sources in
    the order of the settings: where two say different things of one key the first is believed, and the conflict is a problem.
    """

    told: Mapping[str, pd.DataFrame]
    sources: tuple[str, ...]
    moment: datetime

    def at(self, moment: datetime) -> Master:
        """Give the same master data at another moment, with all that was worked out and no moment changes."""
        other = replace(self, moment=moment)
        for name in ("tables", "partners", "_inherited", "zones", "problems"):
            if name in vars(self):
                vars(other)[name] = vars(self)[name]
        return other

    @cached_property
    def now(self) -> pd.Timestamp:
        """Give the moment as the tables write times: UTC without a zone."""
        return pd.Timestamp(self.moment).tz_convert("UTC").tz_localize(None)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Give every table with one row per key, as the first source of the settings that knows the key says it."""
        return {name: _resolved(name, self.told.get(name), self.sources) for name in MASTER}

    @cached_property
    def partners(self) -> dict[str, dict[str, Any]]:
        return {row["partner"]: row for row in _records(self.tables["partners"])}

    def inherited(self, slice_: Slice) -> Slice:
        """Give a slice with what it has by the partner it names: its country, region, type, tier and shore."""
        if slice_ not in self._inherited:  # every KPI asks for the same slices
            self._inherited[slice_] = self._with_partner(slice_)
        return self._inherited[slice_]

    @property
    def dimensions(self) -> dict[str, dict[str, str]]:
        """Give what every partner has that its slices inherit."""
        return {
            partner: {name: str(row[name]) for name in INHERITED if row.get(name) is not None}
            for partner, row in sorted(self.partners.items())
        }

    @cached_property
    def _inherited(self) -> dict[Slice, Slice]:
        return {}

    def _with_partner(self, slice_: Slice) -> Slice:
        named = dict(slice_)
        row = self.partners.get(named.get("partner", ""), {})
        more = {name: str(row[name]) for name in INHERITED if name not in named and row.get(name) is not None}
        return tuple(sorted((named | more).items()))

    @cached_property
    def zones(self) -> pd.DataFrame:
        """Give the zone of every site that has one, and of every partner (with a missing site)."""
        rows = []
        own = {p: row["timezone"] for p, row in self.partners.items() if _is_zone(row["timezone"])}
        for site in _records(self.tables["sites"]):
            zone = site["timezone"] if _is_zone(site["timezone"]) else own.get(site["partner"])
            if zone:
                rows.append((site["site"], site["partner"], zone))
        rows += [(None, partner, zone) for partner, zone in own.items()]
        # a partner without a zone of its own whose sites share one lives by that
        for partner in dict.fromkeys(p for _, p, _ in rows if p is not None and p not in own):
            shared = {zone for _, p, zone in rows if p == partner}
            if len(shared) == 1:
                rows.append((None, partner, shared.pop()))
        return pd.DataFrame(rows, columns=["site", "partner", "zone"])

    @cached_property
    def contracts(self) -> list[dict[str, Any]]:
        """Give the contracts in force at the moment."""
        return [row for row in _records(self.tables["contracts"]) if _holds(row, self.now)]

    @cached_property
    def _binding(self) -> dict[tuple[str, str | None], list[tuple[dict[str, str], dict[str, Any]]]]:
        """Give the contracts in force per KPI and partner (None: about any), with what they are about.

        One about no partner and no country binds nobody.
        """
        found: dict[tuple[str, str | None], list[tuple[dict[str, str], dict[str, Any]]]] = {}
        for row in self.contracts:
            if row["partner"] is not None or row["country"] is not None:
                found.setdefault((row["kpi"], row["partner"]), []).append((_scope(row), row))
        return found

    def contract_for(self, kpi: Kpi, slice_: Slice) -> dict[str, Any] | None:
        """Give the contract that says most of a slice and this KPI, or None: each thing that it names must be the slice's."""
        partner = dict(slice_).get("partner")
        # one about the slice's own partner comes before one about any
        for whose in (partner, None) if partner is not None else (None,):
            contracts = self._binding.get((kpi.key, whose))
            if contracts:
                named = dict(self.inherited(slice_)).items()
                fits = [(scope, row) for scope, row in contracts if scope.items() <= named]
                if fits:
                    return max(fits, key=lambda fit: len(fit[0]))[1]
        return None

    def contract_bounds(self, kpi: Kpi, slice_: Slice) -> tuple[Bound | None, Bound | None, str] | None:
        """Give the green and red limit that a contract sets for a slice, and which contract it is.

        A contract's own green and red hold as they are; with `limits_of = "contract"` the KPI's limits are multiples of
        the contract's target.
        """
        row = self.contract_for(kpi, slice_)
        if row is None:
            return None
        origin = f"contract {row['contract']}"
        green, red = _bounds(kpi, row)
        if row["target"] is not None:
            origin += f" (target {row['target']:g})"
        return None if green is None and red is None else (green, red, origin)

    def scope_of(self, contract: Mapping[str, Any]) -> Slice:
        """Give the slice that a contract is about."""
        return tuple(sorted(_scope(contract).items()))

    def in_base(self, amount: float | None, currency: str | None) -> float | None:
        """Give an amount in the network's base currency at the rate of the moment; None where no rate is known.

        Without any rate, or without a currency, amounts are taken to be in the base currency.
        """
        if amount is None or currency is None or not self.rates:
            return amount
        rate = self.rates.get(currency)
        return None if rate is None else amount * rate

    @cached_property
    def rates(self) -> dict[str, float]:
        """Give the exchange rate of each currency in force at the moment."""
        known = [row for row in _records(self.tables["exchange_rates"]) if row["rate"] is not None]
        begun = [row for row in known if row["valid_from"] is None or row["valid_from"] <= self.now]
        begun.sort(key=lambda row: row["valid_from"] or pd.Timestamp.min)
        return {row["currency"]: row["rate"] for row in begun}

    def agreed(self, kpi: Kpi) -> tuple[float, ...]:
        """Give every limit that a contract in force sets for some slice of a KPI."""
        bounds: set[float] = set()
        for row in self.contracts:
            if row["kpi"] == kpi.key:
                bounds |= {bound for bound in _bounds(kpi, row) if bound is not None}
        return tuple(sorted(bounds))

    @cached_property
    def problems(self) -> list[Problem]:
        """Give everything that is wrong with the master data."""
        return [*self._double(), *self._bad_places(), *self._bad_contracts()]

    def frame(self, name: str) -> pd.DataFrame:
        """Give one of `TABLES` (the calendar is made by `analytics.opening`), or a table of master data."""
        if name == "zones":
            return self.zones
        if name == "master_problems":
            rows = [(p.table, p.entry, p.partner, p.sentence) for p in self.problems]
            return pd.DataFrame(rows, columns=list(TABLES[name]))
        if name == "contracts_in_force":
            return pd.DataFrame(self.contracts, columns=list(TABLES[name]))
        return self.tables[name]

    def _double(self) -> Iterator[Problem]:
        """Find keys that one batch of a source names twice, or that sources tell differently."""
        for name, rows in self.told.items():
            fields = list(FACTS[name].field_names)
            # hardly any key is told twice, and grouping all of them would take longer than a small judgement
            several = rows[rows["key"].duplicated(keep=False)]
            for key, group in several.groupby("key", sort=False):
                if len(group[fields].drop_duplicates()) < 2:
                    continue
                entry = str(key).replace("\x1f", ", ")
                differing = [c for c in fields if len(group[c].drop_duplicates()) > 1]
                sources = list(dict.fromkeys(group["source"]))
                partner = _text(group["partner"].iloc[0]) if "partner" in fields else None
                if len(sources) == 1:
                    yield Problem(
                        name,
                        entry,
                        partner,
                        f"source {sources[0]} has two rows for {entry} that differ in "
                        f"{', '.join(differing)}; the last one is used: remove one",
                    )
                else:
                    first = next(s for s in self.sources if s in sources)
                    yield Problem(
                        name,
                        entry,
                        partner,
                        f"sources {' and '.join(sources)} differ on {entry} in "
                        f"{', '.join(differing)}; {first} is believed, for it stands first in the settings",
                    )

    def _bad_places(self) -> Iterator[Problem]:
        for row in _records(self.tables["partners"]):
            yield from _bad_zone("partners", row["partner"], row)
        for row in _records(self.tables["sites"]):
            site, partner = row["site"], row["partner"]
            yield from _bad_zone("sites", site, row)
            yield from _bad_country(site, row)
            try:
                opening_hours(row["opening"] or "")
            except OpeningError as error:
                yield Problem("sites", site, partner, f"site {site}: {error}")
            for name in ("capacity", "capacity_l1", "capacity_l2", "capacity_l3", "capacity_l4"):
                if row[name] is not None and row[name] < 0:
                    yield Problem(
                        "sites",
                        site,
                        partner,
                        f"site {site}: {name} {row[name]:g} is below 0, and not used; write 0 or more",
                    )
            if partner is not None and self.partners and partner not in self.partners:
                yield Problem(
                    "sites", site, partner, f"site {site} belongs to partner {partner}, whom partners do not list"
                )

    def _bad_contracts(self) -> Iterator[Problem]:
        rows = _records(self.tables["contracts"])
        for row in rows:
            name, partner = row["contract"], row["partner"]
            if partner is not None and self.partners and partner not in self.partners:
                yield Problem(
                    "contracts", name, partner, f"contract {name} is of partner {partner}, whom partners do not list"
                )
            if row["valid_from"] is not None and row["valid_to"] is not None and row["valid_to"] <= row["valid_from"]:
                yield Problem(
                    "contracts", name, partner, f"contract {name} ends before it begins; mend valid_from or valid_to"
                )
        by_scope: dict[Any, list[dict[str, Any]]] = {}
        for row in rows:
            by_scope.setdefault((row["kpi"], tuple(sorted(_scope(row).items()))), []).append(row)
        for group in by_scope.values():
            for i, one in enumerate(group):
                for other in group[i + 1 :]:
                    if _overlap(one, other):
                        yield Problem(
                            "contracts",
                            one["contract"],
                            one["partner"],
                            f"contracts {one['contract']} and {other['contract']} say the same thing of the same slice at the "
                            f"same time; {one['contract']} is used: end one before the other begins",
                        )


def _bounds(kpi: Kpi, row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Give the green and red limit that a contract sets: its own, or multiples of its target."""
    green, red, target = row["green"], row["red"], row["target"]
    if isinstance(kpi.green, tuple) or isinstance(kpi.red, tuple):
        return None, None
    if kpi.limits_of == "contract" and target is not None:
        green = kpi.green * target if green is None else green
        red = kpi.red * target if red is None else red
    return green, red


def _resolved(name: str, told: pd.DataFrame | None, sources: Sequence[str]) -> pd.DataFrame:
    fields = list(FACTS[name].field_names)
    if told is None or told.empty:
        return pd.DataFrame({field: pd.Series(dtype="object") for field in fields})
    order = told["source"].map({source: i for i, source in enumerate(sources)})
    newest = told.assign(_order=order).sort_values(["_order", "batch", "row"], ascending=[True, False, False])
    # of what is told, the first is used: the tables keep the order in which that was
    believed = newest.drop_duplicates("key").sort_values(["_order", "batch", "row"])
    return believed[fields].reset_index(drop=True)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    clean = frame.astype("object").where(frame.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in clean.to_dict(orient="records")]


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _scope(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(row[name]) for name in SCOPE if row[name] is not None}


def _holds(row: Mapping[str, Any], now: pd.Timestamp) -> bool:
    begun = row["valid_from"] is None or row["valid_from"] <= now
    return begun and (row["valid_to"] is None or now < row["valid_to"])


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    first, last = pd.Timestamp.min, pd.Timestamp.max
    return bool(
        (one["valid_from"] or first) < (other["valid_to"] or last)
        and (other["valid_from"] or first) < (one["valid_to"] or last)
    )


def _is_zone(name: Any) -> bool:
    if not isinstance(name, str):
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _bad_zone(table: str, entry: str, row: Mapping[str, Any]) -> Iterator[Problem]:
    if row["timezone"] is not None and not _is_zone(row["timezone"]):
        what = "site" if table == "sites" else "partner"
        yield Problem(
            table,
            entry,
            row["partner"],
            f"{what} {entry}: there is no zone {row['timezone']!r}; write an IANA name such "
            "as Europe/Berlin, its days are cut by the network's zone until then",
        )


def _bad_country(site: str, row: Mapping[str, Any]) -> Iterator[Problem]:
    country, subdivision = row["country"], row["subdivision"]
    if country is None:
        return
    known = subdivisions()
    if country not in known:
        sentence = f"site {site}: no holidays are known for country {country!r}; write an ISO 3166 code such as DE"
        yield Problem("sites", site, row["partner"], sentence)
    elif subdivision is not None and subdivision not in known[country]:
        sentence = (
            f"site {site}: {country} has no subdivision {subdivision!r}; its holidays are those of the whole country"
        )
        yield Problem("sites", site, row["partner"], sentence)
