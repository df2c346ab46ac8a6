"""The table of partners: by pain or by whatever its reader sorts by, with their place by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dash import dcc, html
from orjson import dumps

from layouts import wording
from layouts.analysis.address import address, to_kpi, to_partner
from layouts.analysis.drawing import drawn
from layouts.analysis.look import NONE, badge, mark
from layouts.analysis.places import bounds, slice_of
from layouts.analysis.toll import LEVELS
from layouts.words import reader, say, word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from layouts.analysis.address import Filters
    from layouts.analysis.toll import Toll
    from layouts.analysis.view import View

PAIN, NAME = "pain", "name"
_MARKS = {"worse": "red", "better": "green", "peer": "waiting"}


@dataclass(frozen=True)
class Row:
    """A partner: its toll, its master data, its reading of the chosen KPI, its place there by chance and how that sorts."""

    toll: Toll
    master: Mapping[str, str]
    chosen: Mapping[str, Any] | None
    chance: str | None
    beyond: float

    @property
    def name(self) -> str:
        return self.toll.partner


_KEYS: dict[str, Callable[[Row], Any]] = {
    PAIN: lambda row: -row.toll.pain,
    NAME: lambda row: row.name.casefold(),
    "hurt": lambda row: -row.toll.customers,
    "chance": lambda row: -row.beyond,
    **{level: lambda row, level=level: -row.toll.counts[level] for level in LEVELS},  # type: ignore[misc]
}


def ordered(rows: Sequence[Row], filters: Filters) -> list[Row]:
    """Sort partners as the address says, the most painful first if it says nothing; equal ones by their pain, then by name."""
    name, reverse = _sorting(filters)
    usual = sorted(rows, key=lambda row: (-row.toll.pain, row.name))
    return sorted(usual, key=_KEYS[name], reverse=reverse)


def _sorting(filters: Filters) -> tuple[str, bool]:
    """Read a column of `_KEYS` from the address, with a minus for the other way round."""
    asked = filters.sort or PAIN
    name = asked.removeprefix("-")
    return (name, asked.startswith("-")) if name in _KEYS else (PAIN, False)


def league(rows: Sequence[Row], title: str, view: View) -> Any:
    """Draw partners as a table; `title` names the KPI they are set against chance by, "" if there is none."""
    table = html.Table([_head(title, view), html.Tbody([_row(row, view) for row in rows])], className="list league")
    region = {"aria-label": say("partners.table"), "role": "region", "tabIndex": "0"}
    return drawn(html.Div([table], className="scroll", **region))


def _head(title: str, view: View) -> Any:
    heads = [
        _sorted_by(NAME, say("league.name"), view),
        html.Th(say("league.worst"), scope="col", className="wide"),
        _sorted_by(PAIN, say("league.pain"), view, "number"),
        _sorted_by("hurt", say("league.hurt"), view, "number"),
        *(_sorted_by(level, word("level", level), view, "number", mark(level)) for level in LEVELS),
        html.Th(title or say("league.figure"), scope="col", className="number"),
        _sorted_by("chance", say("league.chance"), view),
    ]
    return html.Thead(html.Tr(heads))


def _sorted_by(name: str, text: str, view: View, look: str = "", *before: Any) -> Any:
    """Draw the head of a column that can be sorted by; once more turns it round."""
    now, reverse = _sorting(view.filters)
    to = f"-{name}" if now == name and not reverse else name
    link = dcc.Link([*before, text], href=address(view.path, view.filters.but(sort="" if to == PAIN else to)))
    falls = (name == NAME) == reverse
    sorting = {"aria-sort": "descending" if falls else "ascending"} if now == name else {}
    return html.Th(link, scope="col", className=look, **sorting)


def _row(row: Row, view: View) -> Any:
    toll = row.toll
    cells = [
        html.Th(
            [dcc.Link(row.name, href=to_partner(row.name, view.filters)), html.Small(_master(row.master))], scope="row"
        ),
        html.Td(_worst(toll, view)),
        html.Td(wording.figure(toll.pain) if toll.hurting else NONE, className="number"),
        html.Td(reader().whole(toll.customers) if toll.hurting else NONE, className="number"),
        *(_count(toll.counts[level]) for level in LEVELS),
        html.Td(_figure(row.chosen, view), className="number"),
        html.Td(_chance(row.chance)),
    ]
    data = {
        "data-kpi": toll.worst["kpi"] if toll.worst else "",
        "data-slice": dumps({"partner": row.name}).decode(),
        "data-level": toll.level,
    }
    return html.Tr(cells, **data)


def _master(master: Mapping[str, str]) -> str:
    """Say in one line where a partner is and what it does."""
    told = [
        master.get("country"),
        master.get("region"),
        word("partner_type", master["type"]) if "type" in master else None,
    ]
    tier = say("league.tier", tier=master["tier"]) if master.get("tier") else None
    return " · ".join(filter(None, [*told, tier]))


def _worst(toll: Toll, view: View) -> Any:
    """Name what hurts most, with its level; where nothing does, the level alone."""
    worst = toll.worst
    if worst is None:
        return badge(toll.level)
    shown, _ = wording.value_and_limit(worst["value"], bounds(worst["limits"]["red"]), worst["unit"])
    link = dcc.Link(wording.title(worst["title"]), href=to_kpi(worst["kpi"], slice_of(worst), view.filters))
    return [link, html.Div([badge(worst["level"], stale=worst["stale"]), f" {shown}"])]


def _count(number: int) -> Any:
    return html.Td(reader().whole(number), className="number" if number else "number soft")


def _figure(reading: Mapping[str, Any] | None, view: View) -> Any:
    if reading is None:
        return NONE
    shown, _ = wording.value_and_limit(reading["value"], bounds(reading["limits"]["red"]), reading["unit"])
    link = dcc.Link(shown, href=to_kpi(reading["kpi"], slice_of(reading), view.filters))
    doubted = reading["stale"] or reading["level"] == "unknown"
    return [link, html.Div(badge(reading["level"], stale=reading["stale"]))] if doubted else link


def _chance(standing: str | None) -> Any:
    if standing is None:
        return html.Span(say("league.chance.none"), className="soft")
    return html.Span([mark(_MARKS[standing]), say(f"league.chance.{standing}")], className=f"chance {standing}")
