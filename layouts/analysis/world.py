"""Countries in pain: a map, and the table that says the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dash import dcc, html
from orjson import dumps

from analytics.kpi import SMALL
from layouts import wording
from layouts.analysis import choosing, world_map
from layouts.analysis.address import address, to_kpi, to_partners
from layouts.analysis.drawing import drawn
from layouts.analysis.look import NONE, badge, mark
from layouts.analysis.page import Page, empty, part
from layouts.analysis.places import bounds, slice_of
from layouts.analysis.toll import HURTING, LEVELS, masters, tolls, worst_level
from layouts.words import reader, say, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from layouts.analysis.toll import Toll
    from layouts.analysis.view import View

    Box = tuple[float, float, float, float]

AREA = "area"
"""Stands in the address beside the dimensions: the part of the world that is shown."""
WHOLE = "world"


@dataclass(frozen=True)
class Country:
    """A country with its partners' tolls and the readings of itself, by the code that the data gives it."""

    code: str
    partners: Sequence[Toll]
    own: Sequence[Mapping[str, Any]]

    @cached_property
    def readings(self) -> Sequence[Mapping[str, Any]]:
        """Give its readings and its partners', the worst first: by level, then by pain."""
        every = [*self.own, *(reading for toll in self.partners for reading in toll.readings)]
        return sorted(every, key=lambda each: (LEVELS.index(each["level"]), -each["pain"]))

    @cached_property
    def counts(self) -> Mapping[str, int]:
        return Counter(each["level"] for each in self.readings)

    @property
    def level(self) -> str:
        return worst_level(self.counts)

    @property
    def worst(self) -> Mapping[str, Any] | None:
        return next((each for each in self.readings if each["level"] in HURTING), None)

    @cached_property
    def pain(self) -> float:
        return sum(toll.pain for toll in self.partners)

    @cached_property
    def customers(self) -> float:
        return sum(toll.customers for toll in self.partners)

    @property
    def iso(self) -> str:
        return self.code.upper()

    @property
    def name(self) -> str:
        return reader().country(self.code)


def build(view: View) -> Page:
    """Draw the countries that the filters keep on the map, and below it as a table."""
    every = countries(view)
    shown = [each for each in every if not view.filters.levels or each.level in view.filters.levels]
    placed = [each for each in shown if world_map.is_placed(each.iso)]
    return Page(
        say("map.title"),
        [
            _controls(every, view),
            _map(placed, view) if placed else empty(*_nothing(every)),
            *_left_out(shown, view),
            _table(shown, view),
        ],
        subtitle=html.P(say("map.subtitle"), className="soft"),
    )


def countries(view: View) -> list[Country]:
    """Give all countries that have a partner or a reading of their own, the most painful first."""
    families = view.filters.families
    readings = [each for each in view.readings if not families or each["family"] in families]
    partners: dict[str, list[Toll]] = defaultdict(list)
    own: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    master = masters(view.board)
    for name, toll in tolls(view.board, readings).items():
        if code := master.get(name, {}).get("country"):
            partners[code].append(toll)
    for reading in readings:
        if set(reading["slice"]) == {"country"} and reading["slice"]["country"] != SMALL:
            own[reading["slice"]["country"]].append(reading)
    found = [Country(code, partners[code], own[code]) for code in {*partners, *own}]
    return sorted(found, key=lambda each: (LEVELS.index(each.level), -each.pain, each.code))


# ---- controls ----


def _controls(every: Sequence[Country], view: View) -> Any:
    placed = [each.iso for each in every if world_map.is_placed(each.iso)]
    return choosing.bar(
        view,
        _areas(world_map.areas(placed), view),
        choosing.families(view, list(dict.fromkeys(each["family"] for each in view.readings))),
        choosing.levels(view, Counter(each.level for each in every)),
    )


def _areas(found: Iterable[str], view: View) -> Any:
    """Let its reader look at a part of the world."""
    data = [{"value": _looking(name, view), "label": word("area", name)} for name in (WHOLE, *found)]
    own = {"value": _looking("", view), "label": say("map.fit")}
    asked = _asked(view) if _asked(view) in (WHOLE, *found) else ""
    return choosing.one_of(AREA, say("map.look"), [own, *data], _looking(asked, view), width=230)


def _asked(view: View) -> str:
    return view.filters.area


def _looking(area: str, view: View) -> str:
    return address(view.path, view.filters.but(area=area))


def _box(placed: Sequence[Country], view: View) -> Box:
    """Give what is shown: what the address asks for, else all that is marked."""
    codes = [each.iso for each in placed]
    if _asked(view) == WHOLE:
        return world_map.WORLD
    return world_map.areas(codes).get(_asked(view)) or world_map.around(codes)


# ---- the map ----


def _map(placed: Sequence[Country], view: View) -> Any:
    spots = [
        world_map.Spot(each.iso, each.level, each.pain, _to(each, view), _says(each), _data(each)) for each in placed
    ]
    picture = world_map.picture(spots, _box(placed, view), say("map.says", n=len(spots)))
    return html.Figure(
        [
            html.Div([picture], className="scroll"),
            html.Figcaption([_legend(), html.Span(say("map.size"), className="soft")]),
        ],
        className="figure map",
        role="group",
        **{"aria-label": say("map.says", n=len(spots))},
    )


def _legend() -> Any:
    """Name the shape of each level."""
    levels = [html.Li([mark(level), word("level", level)], className=f"level {level}") for level in LEVELS]
    neutral = html.Li([html.Span(className="swatch", **{"aria-hidden": "true"}), say("map.neutral")])
    return html.Ul([*levels, neutral], className="counts", **{"aria-label": say("map.legend")})


def _says(country: Country) -> str:
    """Say of a country what its mark shows."""
    level = word("level", country.level)
    return say("map.spot", name=country.name, level=level, pain=wording.figure(country.pain), n=len(country.partners))


def _to(country: Country, view: View) -> str:
    """Lead to a country's partners; where it has none, to the figure that is worst there."""
    if country.partners:
        kept = view.filters.going().but(families=view.filters.families, where=(("country", country.code),))
        return to_partners(kept)
    first = country.readings[0]
    return to_kpi(first["kpi"], slice_of(first), view.filters)


def _data(country: Country) -> dict[str, str]:
    first = country.readings[0]["kpi"] if country.readings else ""
    return {
        "data-kpi": first,
        "data-slice": dumps({"country": country.code}).decode(),
        "data-level": country.level,
    }


def _nothing(every: Sequence[Country]) -> tuple[str, str]:
    return (say("map.none"), say("map.none_hint")) if every else (say("map.nothing"), say("map.nothing_hint"))


def _left_out(shown: Sequence[Country], view: View) -> list[Any]:
    """Say what the map cannot show: codes that no country has, and partners whose country nobody told."""
    strange = [each.code for each in shown if not world_map.is_placed(each.iso)]
    master = masters(view.board)
    homeless = sorted(name for name in tolls(view.board, view.readings) if not master.get(name, {}).get("country"))
    lines = []
    if strange:
        lines.append(say("map.strange", n=len(strange), codes=_few(strange)))
    if homeless:
        lines.append(say("map.homeless", n=len(homeless), names=_few(homeless)))
    return [html.P(line, className="soft") for line in lines]


def _few(names: Sequence[str], most: int = 5) -> str:
    listed = ", ".join(names[:most])
    return say("map.and_more", listed=listed, n=len(names) - most) if len(names) > most else listed


# ---- the table ----


def _table(shown: Sequence[Country], view: View) -> Any:
    if not shown:
        return None
    names = [("country", ""), ("level", ""), ("pain", "number"), ("hurt", "number"), ("partners", "number")]
    heads = [html.Th(say(f"map.head.{name}"), scope="col", className=look) for name, look in names]
    levels = [html.Th([mark(level), word("level", level)], scope="col", className="number") for level in LEVELS]
    head = html.Thead(html.Tr([*heads, *levels, html.Th(say("map.head.worst"), scope="col", className="wide")]))
    table = html.Table([head, html.Tbody([_row(each, view) for each in shown])], className="list lands")
    region = {"aria-label": say("map.table"), "role": "region", "tabIndex": "0"}
    return part("countries", say("map.countries", n=len(shown)), drawn(html.Div([table], className="scroll", **region)))


def _row(country: Country, view: View) -> Any:
    cells = [
        html.Th(dcc.Link(country.name, href=_to(country, view)), scope="row"),
        html.Td(badge(country.level)),
        html.Td(wording.figure(country.pain), className="number"),
        html.Td(reader().whole(country.customers), className="number"),
        html.Td(reader().whole(len(country.partners)), className="number"),
        *(html.Td(reader().whole(country.counts[level]), className="number") for level in LEVELS),
        html.Td(_worst(country, view)),
    ]
    return html.Tr(cells, **_data(country))


def _worst(country: Country, view: View) -> Any:
    worst = country.worst
    if worst is None:
        return NONE
    shown, _ = wording.value_and_limit(worst["value"], bounds(worst["limits"]["red"]), worst["unit"])
    text = f"{wording.title(worst['title'])}, {wording.place(slice_of(worst))}"
    link = dcc.Link(text, href=to_kpi(worst["kpi"], slice_of(worst), view.filters))
    return [link, html.Div([badge(worst["level"], stale=worst["stale"]), f" {shown}"])]
