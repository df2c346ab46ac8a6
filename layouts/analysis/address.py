"""What an analyst's page shows, kept in its address and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from layouts.form import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from layouts.inquiry import Slice

LONGEST = 300
"""Letters of a value in an address; no honest name is longer."""
LONGEST_TABLE = 6000
"""Letters of what a table shows (`grid`): filters of many columns are."""
MOST_FIELDS = 60
_DIMENSION = re.compile(r"[a-z][a-z0-9_]{0,60}")


@dataclass(frozen=True)
class Filters:
    """A Board's version (None: the newest), a place, levels, families, words, the KPI of a chart, and whether to compare.

    `compare` sets figures beside those of the period before; `sort` is the column that a list is sorted by, with a minus the other
    way round; `area` the part of the world on a map; `q` what is searched for; `grid` what a table shows, as JSON of `analysis.js`.
    Whatever makes no sense in an address is as if it were left out.
    """

    version: int | None = None
    where: Slice = ()
    levels: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    words: str = ""
    kpi: str = ""
    compare: bool = False
    sort: str = ""
    area: str = ""
    q: str = ""
    grid: str = ""

    @classmethod
    def read(cls, search: str) -> Filters:
        """Read the part of an address behind its question mark."""
        pairs = [(name, clean(value, _LONGEST.get(name, LONGEST))) for name, value in _fields(search)]
        one = dict(pairs)
        number = one.get("version", "")
        where = {_dimension(name): value for name, value in pairs if _dimension(name) and value}
        return cls(
            version=int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None,
            where=tuple(sorted(where.items())),
            levels=tuple(dict.fromkeys(value for name, value in pairs if name == "level")),
            families=tuple(dict.fromkeys(value for name, value in pairs if name == "family")),
            words=one.get("words", ""),
            kpi=one.get("kpi", ""),
            compare=one.get("compare") == "before",
            sort=one.get("sort", ""),
            area=one.get("area", ""),
            q=one.get("q", ""),
            grid=one.get("grid", ""),
        )

    def pairs(self) -> list[tuple[str, str]]:
        """Give what stands in an address, in its order; what is as usual is left out."""
        kept = written(self.where)
        kept += [("sort", self.sort)] * bool(self.sort) + [("area", self.area)] * bool(self.area)
        kept += [("level", level) for level in self.levels] + [("family", family) for family in self.families]
        kept += [("words", self.words)] * bool(self.words) + [("kpi", self.kpi)] * bool(self.kpi)
        kept += [("compare", "before")] * self.compare
        kept += [("q", self.q)] * bool(self.q) + [("grid", self.grid)] * bool(self.grid)
        return kept + ([("version", str(self.version))] if self.version is not None else [])

    def but(self, **changes: Any) -> Filters:
        return replace(self, **changes)

    def going(self) -> Filters:
        """Give what goes along to a page about something else: when, and whether to compare."""
        return Filters(version=self.version, compare=self.compare)


def written(place: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give a place as it stands in an address: dimensions that are called like something else there have `in.` before them."""
    return [(name if _is_plain(name) else f"{_IN}{name}", value) for name, value in place]


def _dimension(name: str) -> str:
    """Read a dimension from its name in an address; "" if it is none."""
    return name.removeprefix(_IN) if name.startswith(_IN) else name * _is_plain(name)


def _is_plain(name: str) -> bool:
    return name not in _OWN and bool(_DIMENSION.fullmatch(name))


_IN = "in."
_OWN = {"version", "level", "family", "words", "kpi", "compare", "sort", "area", "theme", "grid", "lang", "q"}
_LONGEST = {"grid": LONGEST_TABLE}


def _fields(search: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(search.lstrip("?"), max_num_fields=MOST_FIELDS)
    except ValueError:
        return []


def address(path: str, filters: Filters) -> str:
    """Write a whole address."""
    query = urlencode(filters.pairs())
    return f"{path}?{query}" if query else path


def to_partner(name: str, filters: Filters) -> str:
    return address(f"/partner/{quote(name, safe='')}", filters.going())


def to_kpi(key: str, slice_: Slice, filters: Filters) -> str:
    """Lead to a KPI at a place."""
    return address(f"/kpi/{quote(key, safe='')}", filters.going().but(where=slice_))


def to_order(order: str, filters: Filters) -> str:
    return address(f"/order/{quote(order, safe='')}", filters.going())


def to_partners(filters: Filters) -> str:
    return address("/partners", filters)


def to_export(what: str, format_: str, of: Mapping[str, Any], filters: Filters) -> str:
    """Lead to a file: `of` goes into the query beside the filters."""
    told = [(name, str(value)) for name, value in of.items() if value not in (None, "")]
    return f"/export/{what}.{format_}?{urlencode([*told, *filters.pairs()])}"


def named(path: str, prefix: str) -> str:
    """Give the name that an address of one thing holds: "/partner/Fixpoint%20Lyon" -> "Fixpoint Lyon"."""
    return clean(unquote(path.removeprefix(prefix)), LONGEST)
