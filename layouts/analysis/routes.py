"""Which address is drawn by what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from layouts.analysis import kpi, kpis, order, partner, partners, search, sources, world
from layouts.analysis.address import named
from layouts.analysis.page import missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from layouts.analysis.page import Page
    from layouts.analysis.view import View
    from layouts.inquiry import Table, Wanted

_ALONE: dict[str, Callable[[View], Page]] = {
    "/partners": partners.build,
    "/kpis": kpis.build,
    "/map": world.build,
    "/sources": sources.build,
    "/search": search.build,
}
_NAMED: dict[str, Callable[[View], Page]] = {
    "/partner/": partner.build,
    "/kpi/": kpi.build,
    "/order/": order.build,
}
ADDRESSES = (*_ALONE, *(f"{prefix}{{name:path}}" for prefix in _NAMED))


def build_of(path: str) -> Callable[[View], Page]:
    """Give what draws an address."""
    if path in _ALONE:
        return _ALONE[path]
    return next((build for prefix, build in _NAMED.items() if path.startswith(prefix) and path != prefix), missing)


def name_of(path: str) -> str:
    """Give the name that an address of one thing holds, "" for the others."""
    prefix = next((prefix for prefix in _NAMED if path.startswith(prefix)), None)
    return named(path, prefix) if prefix else ""


def rows_of(view: View, wanted: Wanted) -> Table:
    """Give the rows of a page's table: those in quarantine, or those behind its number."""
    return sources.rows(view, wanted) if view.path == "/sources" else kpi.rows(view, wanted)


def more_of(view: View) -> list[Any]:
    """Draw the part of a page that takes a while."""
    more = {"/kpi/": kpi.more, "/partner/": partner.more}
    return next((draw(view) for prefix, draw in more.items() if view.path.startswith(prefix)), [])
