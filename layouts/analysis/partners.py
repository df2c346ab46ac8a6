"""All partners: where they stand among their peers beside what chance does, and what hurts at each; no ranking of noise."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from dash import html

from analytics.kpi import SMALL
from layouts import wording
from layouts.analysis import charts, choosing
from layouts.analysis.address import Filters, address, to_partner
from layouts.analysis.chance import better, by_chance
from layouts.analysis.league import Row, league, ordered
from layouts.analysis.page import Page, empty, part
from layouts.analysis.places import of_kpi
from layouts.analysis.toll import masters, tolls
from layouts.words import reader, say, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.analysis.toll import Toll
    from layouts.analysis.view import View

    Readings = Sequence[Mapping[str, Any]]

FUNNEL = "funnel-of-partners"
"""A click on a point of this graph leads to its partner."""
DIMENSIONS = ("country", "region", "type", "tier")
ENOUGH = 8
"""Among fewer peers chance explains almost anything, so that their funnel is worth a look only if there is no better one."""
FAINT = 0.18


def build(view: View) -> Page:
    """Draw the funnel of one KPI with every partner, and all partners by their pain."""
    peers = _peers(view)
    key = _chosen(peers, view)
    mine = peers.get(key, [])
    chance = by_chance(mine)
    every = tolls(view.board, _counted(view))
    shown = {name: toll for name, toll in every.items() if _stays(name, toll, view)}
    at_chosen = {reading["slice"]["partner"]: reading for reading in mine}
    rows = [
        Row(toll, masters(view.board).get(name, {}), at_chosen.get(name), chance.standing.get(name), chance.order(name))
        for name, toll in shown.items()
    ]
    return Page(
        say("partners.title"),
        [
            _controls(peers, key, every, view),
            _funnel(mine, shown, view),
            _league(ordered(rows, view.filters), key, mine, len(every), view),
        ],
        subtitle=html.P(say("partners.subtitle"), className="soft"),
        tools=_tools(key, mine, view),
    )


# ---- which KPI, which partners ----


def _counted(view: View) -> Readings:
    """Give the readings that are added up: those of the chosen families."""
    families = view.filters.families
    return [reading for reading in view.readings if not families or reading["family"] in families]


def _peers(view: View) -> dict[str, list[Mapping[str, Any]]]:
    """Give the readings of partners by KPI, of KPIs that can be set against chance: shares that have a better side."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for reading in _counted(view):
        own = set(reading["slice"]) == {"partner"} and reading["slice"]["partner"] != SMALL
        if own and reading["unit"] == "%" and better(reading) != "between":
            found[reading["kpi"]].append(reading)
    return {key: mine for key, mine in found.items() if charts.is_funnel(mine)}


def _chosen(peers: Mapping[str, Readings], view: View) -> str:
    """Give the KPI of the funnel: the one asked for, else the one that hurts most."""
    if view.filters.kpi:
        return view.filters.kpi
    enough = [key for key, mine in peers.items() if len(mine) >= ENOUGH] or list(peers)
    return max(enough, key=lambda key: (sum(reading["pain"] for reading in peers[key]), key), default="")


def _stays(name: str, toll: Toll, view: View) -> bool:
    master = masters(view.board).get(name, {})
    levels = view.filters.levels
    return (
        all(master.get(key) == value for key, value in view.filters.where)
        and (not levels or toll.level in levels)
        and choosing.matching(view.filters.words, name)
    )


# ---- controls ----


def _controls(peers: Mapping[str, Readings], key: str, every: Mapping[str, Toll], view: View) -> Any:
    levels = Counter(toll.level for toll in every.values())
    return choosing.bar(
        view,
        _kpis(peers, key, view),
        *(choosing.of_dimension(view, name, _values(name, view)) for name in DIMENSIONS),
        choosing.words(view, "partners", say("partners.words")),
        choosing.families(view, _families(view)),
        choosing.levels(view, levels),
    )


def _kpis(peers: Mapping[str, Readings], key: str, view: View) -> Any:
    """Let its reader choose the KPI of the funnel, those that hurt most first."""
    every = sorted(peers, key=lambda each: -sum(reading["pain"] for reading in peers[each]))
    asked = [key] if key and key not in peers else []
    data = [
        {"value": address(view.path, view.filters.but(kpi=each)), "label": _title(each, view)}
        for each in [*every, *asked]
    ]
    now = address(view.path, view.filters.but(kpi=key))
    return choosing.one_of("kpi", say("partners.kpi"), data, now, width=320)


def _title(key: str, view: View) -> str:
    found = of_kpi(view.readings, key)
    return wording.title(found[0]["title"]) if found else key


def _values(name: str, view: View) -> dict[str, str]:
    """Give the values of a dimension that the master data has, in words."""
    values = {master[name] for master in masters(view.board).values() if master.get(name)}
    return dict(sorted(((value, said(name, value)) for value in values), key=lambda pair: pair[1]))


def said(name: str, value: str) -> str:
    """Word a value of the master data."""
    if name == "country":
        return reader().country(value)
    if name == "type":
        return word("partner_type", value)
    return word("partner_shore", value) if name == "shore" else value


def _families(view: View) -> list[str]:
    return list(dict.fromkeys(reading["family"] for reading in view.readings if "partner" in reading["slice"]))


def _tools(key: str, mine: Readings, view: View) -> list[Any]:
    if not mine:
        return []
    return [
        choosing.exports(
            "readings", {"kpi": key}, Filters(version=view.version), say("partners.export", title=_title(key, view))
        )
    ]


# ---- the funnel ----


def _funnel(mine: Readings, shown: Mapping[str, Any], view: View) -> Any:
    """Draw the peers of one KPI; those that the filters leave out stay, faintly, for chance is judged among all."""
    if not mine:
        key = view.filters.kpi
        hint = say("partners.no_funnel_of", title=_title(key, view)) if key else ""
        return part("chance", say("partners.funnel"), empty(say("partners.no_funnel"), hint))
    names = [reading["slice"]["partner"] for reading in mine]
    figure = charts.funnel(mine, names, mine=None, dark=view.dark)
    for trace in figure["data"]:
        if trace["mode"] == "markers":
            trace["customdata"] = [to_partner(name, view.filters) for name in trace["text"]]
            trace["marker"]["opacity"] = [1.0 if name in shown else FAINT for name in trace["text"]]
    title = wording.title(mine[0]["title"])
    text = f"{say('funnel.says', n=len(mine))} {say(f'partners.side.{better(mine[0])}')} {say('partners.click')}"
    return part("chance", say("partners.funnel_of", title=title), charts.graph(FUNNEL, figure, text, height=380))


# ---- the table ----


def _league(rows: Sequence[Row], key: str, mine: Readings, every: int, view: View) -> Any:
    title = say("partners.count", n=len(rows))
    if not every:
        return part("league", title, empty(say("partners.nobody"), say("partners.nobody_hint")))
    if not rows:
        return part("league", title, empty(say("partners.none"), say("partners.none_hint")))
    left = [html.P(say("partners.left_out", n=every - len(rows)), className="soft")] if len(rows) < every else []
    return part("league", title, *left, league(rows, _title(key, view) if mine else "", view))
