"""A partner: what hurts there and since when, its figures by family, its alerts, and what could not be judged."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from dash import dcc, html

from layouts import wording
from layouts.analysis import choosing
from layouts.analysis.address import Filters, to_kpi, to_partners
from layouts.analysis.look import badge, mark, tagged
from layouts.analysis.page import Page, empty, later, part
from layouts.analysis.partners import said
from layouts.analysis.places import bounds, listed, slice_of
from layouts.analysis.tile import tile
from layouts.analysis.toll import HURTING, LEVELS, masters, tolls
from layouts.inquiry import AbsentError
from layouts.words import reader, say, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.analysis.toll import Toll
    from layouts.analysis.view import View

    Readings = Sequence[Mapping[str, Any]]

MASTER = ("country", "region", "type", "tier", "shore")
MOST_PARTS = 20
MOST_COMPARED = 12
"""A KPI's period before takes a second or two to be worked out."""
MOST_EPISODES = 8
MOST_NEAR = 3


def build(view: View) -> Page:
    """Draw what the Board knows of a partner, what hurts first. AbsentError for one that nobody knows."""
    toll = _toll(view)
    whole, parts = _cut(toll)
    return Page(
        view.name,
        [
            _head(toll, view),
            *_families(_hurting(whole), toll.level, view),
            later("partner") if view.filters.compare else _parts(_hurting(parts), view),
            _episodes(view),
            _greens([reading for reading in whole if reading["level"] == "green"], view),
            _unknowns([reading for reading in toll.readings if reading["level"] == "unknown"], view),
        ],
        tools=[choosing.compare(view), *_exports(view)],
        crumbs=[(say("nav.partners"), to_partners(view.filters.going()))],
    )


def more(view: View) -> list[Any]:
    """Draw what takes a while to work out: the figures that hurt beside those of the period before."""
    whole, parts = map(_hurting, _cut(_toll(view)))
    if not view.filters.compare or not whole:
        return [_parts(parts, view)]
    title = say("partner.before", n=min(len(whole), MOST_COMPARED))
    return [part("before", title, listed(whole[:MOST_COMPARED], view, titles=True)), _parts(parts, view)]


def _toll(view: View) -> Toll:
    every = tolls(view.board, view.readings)
    if view.name not in every:
        raise AbsentError(_absent(view.name, list(every)))
    return every[view.name]


def _cut(toll: Toll) -> tuple[Readings, Readings]:
    """Give the readings of the partner as a whole, and those of its parts."""
    whole = [reading for reading in toll.readings if len(reading["slice"]) == 1]
    return whole, [reading for reading in toll.readings if len(reading["slice"]) > 1]


def _hurting(readings: Readings) -> Readings:
    return [reading for reading in readings if reading["level"] in HURTING]


def _absent(name: str, names: Sequence[str]) -> str:
    """Say that nobody is called so, and who is called nearly so."""
    folded = {each.casefold(): each for each in names}
    holding = [each for lower, each in folded.items() if name.casefold() in lower]
    close = [folded[each] for each in get_close_matches(name.casefold(), folded, n=MOST_NEAR)]
    near = list(dict.fromkeys([*close, *sorted(holding)]))[:MOST_NEAR]
    if not near:
        return say("partner.unknown", name=name)
    return say("partner.unknown_near", name=name, near=", ".join(near))


# ---- the head ----


def _head(toll: Toll, view: View) -> Any:
    """Draw who it is and how it stands as a whole."""
    figure = html.P(
        [
            html.Span(wording.hurt(toll.customers) or say("partner.nobody_hurt"), className="figure-value"),
            badge(toll.level),
        ],
        className="figure-line",
    )
    told = [*_master(masters(view.board).get(view.name, {})), *_standing(toll, view)]
    facts = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in told]
    return html.Section(
        [figure, _counts(toll), html.Dl(facts, className="facts")],
        className=f"panel {toll.level}",
        **{"aria-label": say("partner.head")},
    )


def _master(master: Mapping[str, str]) -> list[tuple[str, Any]]:
    named = [(name, master[name]) for name in MASTER if master.get(name)]
    return [(word("master", name), said(name, value)) for name, value in named]


def _standing(toll: Toll, view: View) -> list[tuple[str, Any]]:
    told: list[tuple[str, Any]] = [(say("partner.pain"), wording.figure(toll.pain))]
    worst = toll.worst
    if worst is None:
        return told
    link = dcc.Link(
        f"{wording.title(worst['title'])}, {wording.place(slice_of(worst))}"
        if len(worst["slice"]) > 1
        else wording.title(worst["title"]),
        href=to_kpi(worst["kpi"], slice_of(worst), view.filters),
    )
    told.append((say("partner.worst"), [link, " ", badge(worst["level"], stale=worst["stale"])]))
    if worst["since"]:
        told.append(
            (
                say("partner.since"),
                say("partner.since_says", time=view.times.when(worst["since"]), span=view.times.span(worst["since"])),
            )
        )
    return told


def _counts(toll: Toll) -> Any:
    """Draw how many of its readings have which level, parts of it included."""
    drawn = [
        html.Li(
            [mark(level), f"{word('level', level)} ", html.B(reader().whole(toll.counts[level]))],
            className=f"level {level}",
        )
        for level in LEVELS
    ]
    return html.Ul(drawn, className="counts", **{"aria-label": say("partner.counts")})


def _exports(view: View) -> list[Any]:
    kept = Filters(version=view.version)
    of = {"partner": view.name}
    return [
        choosing.exports("scorecard", of, kept, say("partner.scorecard"), ("pdf",)),
        choosing.exports("readings", of, kept, say("partner.readings")),
    ]


# ---- figures ----


def _families(hurting: Readings, level: str, view: View) -> list[Any]:
    """Draw what hurts at the partner as a whole as tiles by family, the most painful family first."""
    if not hurting:
        return [part("pains", say("partner.pains"), empty(say("partner.no_pains"), level=level))]
    found: dict[str, list[Mapping[str, Any]]] = {}
    for reading in hurting:
        found.setdefault(reading["family"], []).append(reading)
    pains = {family: sum(reading["pain"] for reading in mine) for family, mine in found.items()}
    first = {family: HURTING.index(mine[0]["level"]) for family, mine in found.items()}
    return [
        _family(each, found[each], view) for each in sorted(found, key=lambda each: (first[each], -pains[each], each))
    ]


def _family(family: str, mine: Readings, view: View) -> Any:
    tiles = html.Div([tile(reading, view) for reading in mine], className="tiles")
    return part(f"family-{family}", word("family", family), tiles)


def _parts(hurting: Readings, view: View) -> Any:
    """List what hurts in parts of the partner, a product or a country."""
    if not hurting:
        return None
    drawn = [listed(hurting[:MOST_PARTS], view, titles=True)]
    if len(hurting) > MOST_PARTS:
        drawn.append(html.P(say("kpi.peers_more", n=len(hurting) - MOST_PARTS), className="soft"))
    return part("parts", say("partner.parts", n=len(hurting)), *drawn)


def _greens(greens: Readings, view: View) -> Any:
    """Fold the greens: they are counted, not hidden."""
    if not greens:
        return None
    summary = html.Summary([mark("green"), say("partner.greens", n=len(greens))])
    return html.Section(
        [html.Details([summary, listed(greens, _alone(view), titles=True)], className="fold")], className="part"
    )


def _alone(view: View) -> View:
    """Give the view without the period before, which takes too long to be worked out for what does not hurt."""
    return replace(view, filters=view.filters.but(compare=False))


def _unknowns(unknown: Readings, view: View) -> Any:
    """List what could not be judged, with why; none of it is green."""
    if not unknown:
        return None
    summary = html.Summary([mark("unknown"), say("partner.unknowns", n=len(unknown))])
    head = html.Tr([html.Th(say(f"partner.unknown.{name}"), scope="col") for name in ("kpi", "data", "reason")])
    table = html.Table([html.Thead(head), html.Tbody([_unknown(each, view) for each in unknown])], className="list")
    region = {"aria-label": say("partner.unknowns_says"), "role": "region", "tabIndex": "0"}
    scroll = html.Div([table], className="scroll", **region)
    return html.Section([html.Details([summary, scroll], className="fold")], className="part")


def _unknown(reading: Mapping[str, Any], view: View) -> Any:
    part_of = f", {wording.place(slice_of(reading))}" if len(reading["slice"]) > 1 else ""
    link = dcc.Link(
        f"{wording.title(reading['title'])}{part_of}", href=to_kpi(reading["kpi"], slice_of(reading), view.filters)
    )
    cells = [
        html.Th(link, scope="row"),
        html.Td(word("health", reading["health"])),
        html.Td(wording.sentence(reading["reason"])),
    ]
    return tagged(reading, *cells, tag=html.Tr)


# ---- its alerts ----


def _episodes(view: View) -> Any:
    """List its alerts, those that are still open first."""
    if view.desk is None:
        return None
    lines = [_episode(each, view) for each in _mine(view)[:MOST_EPISODES]]
    content = html.Ul(lines, className="lines") if lines else html.P(say("partner.no_episodes"), className="soft")
    return part("episodes", say("partner.episodes"), content)


def _mine(view: View) -> list[Mapping[str, Any]]:
    """Find its episodes; the desk finds words in titles and places, so other partners may be among them."""
    found = []
    for state in ("open", "acknowledged", "recovered"):
        told, _ = view.desk.episodes(state, view.name, 1) if view.desk else ((), 0)
        found += [each for each in told if dict(each["slice"]).get("partner") == view.name]
    return found


def _episode(episode: Mapping[str, Any], view: View) -> Any:
    shown, limit = _figures(episode)
    opened = view.times.when(episode["opened_at"])
    ended = view.times.when(episode["closed_at"]) if episode["closed_at"] else say("kpi.episode_open")
    handled = say("partner.acknowledged", actor=episode["acknowledged_by"]) if episode["acknowledged_at"] else ""
    level = "green" if episode["closed_at"] else episode["level"]
    told = [
        say("kpi.episode", opened=opened, ended=ended),
        f"{shown} ({say('tile.limit', limit=limit)})" if shown else "",
        handled,
    ]
    return html.Li(
        [
            badge(level),
            " ",
            html.A(wording.title(episode["title"]), href=f"/alerts/{episode['id']}"),
            f" {', '.join(filter(None, told))}",
        ]
    )


def _figures(episode: Mapping[str, Any]) -> tuple[str, str]:
    """Write an episode's figure and limit for whoever reads, from its reading where that is whole."""
    reading = episode["reading"] or {}
    if "limits" not in reading:
        return episode["shown"], episode["limit"]
    return wording.value_and_limit(reading["value"], bounds(reading["limits"]["red"]), reading["unit"])
