"""A KPI at a place: how it stands against its limits and chance, what drives it, its peers, its episodes and its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_mantine_components as dmc
from dash import html

from analytics.kpi import SMALL
from analytics.wording import place
from layouts import wording
from layouts.analysis import charts, choosing, grid
from layouts.analysis.address import address, to_kpi, to_partner
from layouts.analysis.look import NONE, badge, spark, tagged
from layouts.analysis.page import Page, empty, later, part
from layouts.analysis.places import bounds, compared, limits_of, listed, of_kpi, slice_of
from layouts.filters import PER_PAGE
from layouts.inquiry import AbsentError, Wanted
from layouts.words import reader, say, tongue, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.analysis.view import View
    from layouts.desk import Desk
    from layouts.inquiry import Table

LINKS = {"order_id": "order", "key": "order", "partner": "partner"}
MOST_PEERS = 12
MOST_EPISODES = 10
MOST_PAGES = 6
"""Of the desk's lists so many are looked through for a reading's episodes."""


def build(view: View) -> Page:
    """Draw what the Board knows at once; what must be worked out follows (`more`)."""
    readings = of_kpi(view.readings, view.name)
    if not readings:
        raise AbsentError(say("kpi.unknown", kpi=view.name))
    reading = _mine(readings, view)
    title = wording.title(reading["title"])
    return Page(
        say("kpi.title", title=title, place=wording.place(slice_of(reading))),
        [
            _verdict(reading, view),
            later("kpi"),
            _rows(view),
            _peers(readings, reading, view),
            _episodes(reading, view),
        ],
        tools=[_places(readings, reading, view), choosing.compare(view)],
        crumbs=[(say("nav.kpis"), address("/kpis", view.filters.going())), *_above(reading, view)],
    )


def _mine(readings: Sequence[Mapping[str, Any]], view: View) -> Mapping[str, Any]:
    found = next((each for each in readings if slice_of(each) == view.filters.where), None)
    if found is None:
        raise AbsentError(
            say("kpi.no_place", kpi=wording.title(readings[0]["title"]), place=wording.place(view.filters.where))
        )
    return found


def _above(reading: Mapping[str, Any], view: View) -> list[tuple[str, str]]:
    """Lead to the KPI of the whole network, and to the partner that this is about."""
    crumbs = [(wording.title(reading["title"]), to_kpi(view.name, (), view.filters))] if reading["slice"] else []
    partner = reading["slice"].get("partner")
    return [*crumbs, (partner, to_partner(partner, view.filters))] if partner and partner != SMALL else crumbs


def _verdict(reading: Mapping[str, Any], view: View) -> Any:
    """Draw the figure against its limits, with why it has its level."""
    shown, limit = wording.value_and_limit(reading["value"], bounds(reading["limits"]["red"]), reading["unit"])
    _, green = wording.value_and_limit(reading["value"], bounds(reading["limits"]["green"]), reading["unit"])
    facts = [
        (say("kpi.limits"), say("kpi.limits_says", green=green, red=limit)),
        (say("kpi.sample"), say("kpi.sample_says", n=round(reading["n"]))),
        (say("kpi.window"), _window(reading, view)),
        (say("kpi.evidence"), _evidence(reading)),
        (say("kpi.since"), view.times.element(reading["since"]) if reading["since"] else NONE),
        (say("kpi.hurt"), wording.hurt(reading["customers"]) or say("kpi.hurt_nobody")),
        (say("kpi.trend"), _course(reading)),
        (say("kpi.before"), compared(view, reading)) if view.filters.compare else None,
    ]
    figure = html.Div(
        [html.Span(shown, className="figure-value"), badge(reading["level"], stale=reading["stale"])],
        className="figure-line",
    )
    said = html.P(wording.sentence(reading["reason"]), className="reason")
    told = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in filter(None, facts)]
    turned = [html.P(_reversal(each), className="soft") for each in reading.get("reversed") or ()]
    return tagged(
        reading,
        figure,
        said,
        html.Dl(told, className="facts"),
        *turned,
        _drivers(reading),
        _remedies(reading),
        tag=html.Section,
        className="verdict panel",
    )


def _reversal(told: Mapping[str, Any]) -> str:
    """Say that late data turned the verdict of a day."""
    was, now = word("level", told["was"]), word("level", told["now"])
    return say("kpi.reversed", day=told["day"], was=was, now=now, reason=wording.sentence(told["reason"]))


def _window(reading: Mapping[str, Any], view: View) -> Any:
    first, last = reading["window"]["from"], reading["window"]["to"]
    if first is None:
        return say("kpi.window_until", last=view.times.when(last))
    return say("kpi.window_says", first=view.times.when(first), last=view.times.when(last))


def _evidence(reading: Mapping[str, Any]) -> str:
    return (
        NONE
        if reading["evidence"] is None
        else say("episode.evidence_says", share=reader().percent(reading["evidence"]))
    )


def _course(reading: Mapping[str, Any]) -> str:
    """Say what the control chart says of it: whether it varies beyond chance, and whether it will meet its limit."""
    change = reading.get("change")
    if not change or not change.get("variation"):
        return word("trend", reading["trend"])
    if reading.get("worsening"):
        return say("kpi.worsening", text=wording.sentence(change["moved"]["text"]))
    said = word("variation", change["variation"])
    if not change.get("assurance"):
        return said
    return say("kpi.course", variation=said, assurance=word("assurance", change["assurance"]))


def _drivers(reading: Mapping[str, Any]) -> Any:
    if not reading["drivers"]:
        return None
    lines = [html.Li(wording.driver(each)) for each in reading["drivers"]]
    return html.Div([html.H3(say("episode.drivers")), html.Ul(lines)], className="drivers")


def _remedies(reading: Mapping[str, Any]) -> Any:
    if not reading["remedies"] or reading["level"] not in ("red", "turning", "amber"):
        return None
    lines = [html.Li(wording.measure(each)) for each in reading["remedies"]]
    return html.Div([html.H3(say("episode.remedies")), html.Ul(lines)], className="remedies")


def more(view: View) -> list[Any]:
    """Draw what takes a while to work out: the control chart, how it came about, the formula."""
    told = view.inquiry.explained(view.version, view.name, view.filters.where)
    return [
        part("chart", say("kpi.chart"), _chart(told, view)),
        part("why", say("kpi.why"), *_why(told)),
    ]


def _chart(told: Mapping[str, Any], view: View) -> Any:
    """Draw the control chart; where a KPI has none, its past days."""
    chart = told.get("chart")
    if not chart or not chart["points"]:
        drawn = spark(
            told["history"], limits_of(told), label=say("kpi.history", n=len(told["history"])), width=900, height=160
        )
        return drawn or empty(say("kpi.no_chart"))
    figure = charts.control_chart(chart, unit=told["unit"], dark=view.dark, title=_charted(chart, told))
    signals = sum(bool(point.get("signal")) for point in chart["points"])
    text = say("kpi.chart_says", n=len(chart["points"]), signals=signals, course=_course(told))
    return charts.graph("control-chart", figure, text)


def _charted(chart: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    return wording.sentence(chart["of"]) if chart.get("of") else wording.title(told["title"])


def _why(told: Mapping[str, Any]) -> list[Any]:
    facts = [
        (say("kpi.formula"), wording.sentence(told["formula"])),
        (say("kpi.limits_from"), wording.sentence(told["limits_from"])),
        (say("kpi.health"), wording.sentence(told["health_reason"])),
        (say("kpi.method"), wording.sentence(told["evidence_method"])),
        (say("kpi.survival"), _survival(told["survival"])) if told.get("survival") else None,
        (say("kpi.mix_rate"), wording.sentence(told["mix_rate"]["text"])) if told.get("mix_rate") else None,
    ]
    found = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in filter(None, facts)]
    return [html.Dl(found, className="facts")]


def _survival(survival: Mapping[str, Any]) -> str:
    known = [
        say(f"kpi.survival.{name}", hours=wording.figure(survival[name]))
        for name in ("closed_only", "kaplan_meier")
        if survival.get(name) is not None
    ]
    return "; ".join([*known, say("kpi.survival.open", n=survival["still_open"])])


# ---- the rows ----


def rows(view: View, wanted: Wanted) -> Table:
    """Give the rows behind the number of the view."""
    return view.inquiry.rows(view.version, view.name, view.filters.where, wanted)


def _rows(view: View) -> Any:
    """Draw the table of the rows behind the number; it asks for them itself."""
    try:
        found = rows(view, Wanted(0, 1))
    except AbsentError as error:
        # the figure is the Board's own, and stands without them
        return part("rows", say("kpi.rows_absent"), empty(str(error)))
    title = say("kpi.rows", n=found.all)
    if not found.all:
        return part("rows", title, empty(say("kpi.no_rows")))
    drawn = grid.grid(
        found.columns, zone=view.times.zone, language=tongue(), links=_links(found), shown=view.filters.grid
    )
    adds_up = html.P(say("kpi.adds_up", how=wording.sentence(found.about["adds_up"])), className="soft")
    return part("rows", title, adds_up, drawn, beside=_exports(view))


def _links(found: Table) -> dict[str, str]:
    """Name the columns that lead on; the key does where it is that of an order."""
    names = {column.name for column in found.columns}
    own = found.about.get("fact") == "repair_orders"
    return {name: to for name, to in LINKS.items() if name in names and (name != "key" or own)}


def _exports(view: View) -> Any:
    kept = view.filters.but(version=view.version, compare=False, kpi="")
    return choosing.exports("rows", {"kpi": view.name}, kept, say("export.take"))


# ---- beside it ----


def _places(readings: Sequence[Mapping[str, Any]], reading: Mapping[str, Any], view: View) -> Any:
    """Let its reader choose another place of the same KPI."""
    every = {to_kpi(view.name, slice_of(each), view.filters): each for each in readings}
    data = [
        {"value": to, "label": f"{wording.place(slice_of(each))} · {word('level', each['level'])}"}
        for to, each in every.items()
    ]
    return dmc.Select(
        id={"type": "go", "of": "place"},
        data=data,
        value=to_kpi(view.name, slice_of(reading), view.filters),
        searchable=True,
        allowDeselect=False,
        size="sm",
        w=280,
        limit=200,
        **{"aria-label": say("kpi.place")},
    )


def _peers(readings: Sequence[Mapping[str, Any]], reading: Mapping[str, Any], view: View) -> Any:
    """Set a place beside its peers: those judged by the same dimensions, against chance where they are shares."""
    mine = slice_of(reading)
    dimensions = [name for name, _ in mine] or ["partner"]
    peers = [each for each in readings if sorted(each["slice"]) == dimensions and SMALL not in each["slice"].values()]
    title = say("kpi.peers", n=len(peers))
    if not peers:
        return None
    drawn: list[Any] = [listed(peers[:MOST_PEERS], view)]
    if len(peers) > MOST_PEERS:
        drawn.append(html.P(say("kpi.peers_more", n=len(peers) - MOST_PEERS), className="soft"))
    if charts.is_funnel(peers):
        names = [wording.place(slice_of(each)) for each in peers]
        figure = charts.funnel(peers, names, mine=mine, dark=view.dark)
        drawn.insert(0, charts.graph("funnel", figure, say("funnel.says", n=len(peers))))
    return part("peers", title, *drawn)


def _episodes(reading: Mapping[str, Any], view: View) -> Any:
    """List what alerts were made of it."""
    if view.desk is None:
        return None
    mine = _made_of(reading, view.desk)
    if not mine:
        return part("episodes", say("kpi.episodes"), html.P(say("kpi.no_episodes"), className="soft"))
    lines = [_episode(each, view) for each in mine[:MOST_EPISODES]]
    return part("episodes", say("kpi.episodes"), html.Ul(lines, className="lines"))


def _made_of(reading: Mapping[str, Any], desk: Desk) -> list[Mapping[str, Any]]:
    """Find the episodes of a reading among those whose titles and places hold its words."""
    own = place(slice_of(reading)) if reading["slice"] else ""
    mine: list[Mapping[str, Any]] = []
    for number in range(1, MOST_PAGES + 1):
        found, total = desk.episodes("all", f"{reading['title']} {own}".strip(), number)
        mine += [each for each in found if each["kpi"] == reading["kpi"] and slice_of(each) == slice_of(reading)]
        if len(mine) >= MOST_EPISODES or number * PER_PAGE >= total:
            break
    return mine


def _episode(episode: Mapping[str, Any], view: View) -> Any:
    opened = view.times.when(episode["opened_at"])
    ended = view.times.when(episode["closed_at"]) if episode["closed_at"] else say("kpi.episode_open")
    return html.Li(
        [
            html.A(say("kpi.episode", opened=opened, ended=ended), href=f"/alerts/{episode['id']}"),
            f" {wording.sentence(episode['reason'])}",
        ]
    )
