"""One order: how it stands, a picture of its course, every step that was told of it, and what became of its device."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from dash import dcc, html

from layouts.analysis.address import address, to_order, to_partner
from layouts.analysis.choosing import exports
from layouts.analysis.journey import Journey, bounce
from layouts.analysis.lanes import SHAPES, lanes, sort_of
from layouts.analysis.look import mark
from layouts.analysis.page import Page, empty, part
from layouts.analysis.told import changes, value
from layouts.words import say, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.analysis.journey import Step, Wait
    from layouts.analysis.view import View

EXPORTS = ("csv", "xes", "pdf")
MOST_WAITS = 5
MOST_OPEN = 40
"""Steps that are shown at once; of more than that the days are folded, and open one by one."""
FIRST = ("partner", "site", "product", "device_id", "fault", "outcome", "warranty", "promised_at")
"""Attributes in the order in which they are asked for; the others follow."""
MARKS = {
    "open": "waiting",
    "open_in_time": "waiting",
    "open_late": "late",
    "back": "unknown",
    "back_in_time": "green",
    "back_late": "late",
    "ended": "waiting",
    "not_started": "unknown",
}
_LEVELS = {"late": "amber", "green": "green", "waiting": "soft", "unknown": "unknown"}


def build(view: View) -> Page:
    order = view.inquiry.order(view.name, view.version)
    journey = Journey.of(order)
    waits = journey.waits(MOST_WAITS)
    return Page(
        say("order.title", order=order["order"]),
        [
            _head(order, journey, waits[0] if waits else None, view),
            _course(journey, waits, view),
            _steps(order["steps"], view),
            _others(order, journey, view),
            _record(order, view),
        ],
        tools=[_exports(order, view)],
        crumbs=_crumbs(order, view),
    )


def _crumbs(order: Mapping[str, Any], view: View) -> list[tuple[str, str]]:
    partner = order["facts"].get("partner")
    every = (say("nav.partners"), address("/partners", view.filters.going()))
    return [every, (partner, to_partner(partner, view.filters))] if partner else [every]


def _exports(order: Mapping[str, Any], view: View) -> Any:
    version = order["version"] if order["version"] is not None else view.filters.version
    kept = view.filters.going().but(version=version, compare=False)
    return exports("order", {"order": order["order"]}, kept, say("order.take"), EXPORTS)


# ---- how it stands ----


def _head(order: Mapping[str, Any], journey: Journey, longest: Wait | None, view: View) -> Any:
    shape = MARKS[journey.state]
    line = html.P([mark(shape), _state(journey, view)], className=f"order-state {_LEVELS[shape]}")
    facts = [(word("column", name), _fact(name, order["facts"], view)) for name in _named(order["facts"])]
    times = [
        (say(f"order.{name}"), _time(at, view))
        for name, at in (("in", journey.handed_in), ("back", journey.handed_back))
    ]
    told = [html.Div([html.Dt(name), html.Dd(said)]) for name, said in [*times, *facts]]
    wait = html.P(say("order.longest", wait=_wait(longest, view)), className="soft") if longest else None
    return html.Section(
        [line, wait, html.Dl(told, className="facts")], className="panel", **{"aria-label": say("order.stands")}
    )


def _state(journey: Journey, view: View) -> str:
    """Say in a sentence whether it is open, for how long, and how that stands to what was promised."""
    end = journey.as_of if journey.is_open else journey.handed_back
    taken = view.times.span(journey.handed_in, end) if journey.handed_in and end else "?"
    beyond = view.times.span(journey.promised_at, end) if journey.promised_at and end else "?"
    return say(f"order.state.{journey.state}", taken=taken, beyond=beyond)


def _time(at: str | None, view: View) -> Any:
    return view.times.element(at) if at else say("order.not_yet")


def _named(facts: Mapping[str, Any]) -> list[str]:
    known = [name for name, said in facts.items() if said is not None]
    return [*(name for name in FIRST if name in known), *sorted(set(known) - set(FIRST))]


def _fact(name: str, facts: Mapping[str, Any], view: View) -> Any:
    said = facts[name]
    if name == "partner":
        return dcc.Link(str(said), href=to_partner(str(said), view.filters))
    return value(name, said, view)


# ---- its course ----


def _course(journey: Journey, waits: Sequence[Wait], view: View) -> Any:
    drawn = lanes(journey, waits[0] if waits else None, view)
    if drawn is None:
        return part("course", say("order.course"), empty(say("order.nothing")))
    listed = [html.Li(_wait(wait, view)) for wait in waits]
    told = [html.H3(say("order.waits")), html.Ol(listed, className="waits")] if listed else []
    return part("course", say("order.course"), drawn, *told)


def _wait(wait: Wait, view: View) -> str:
    span = view.times.span(wait.first["at"], wait.until)
    if wait.then is None:
        return say("order.wait_now", span=span, first=_event(wait.first))
    return say("order.wait", span=span, first=_event(wait.first), then=_event(wait.then))


def _event(step: Step) -> str:
    return say("order.event", event=word("event", step["kind"]), fact=word("fact", step["fact"]), key=step["key"])


# ---- its steps ----


def _steps(steps: Sequence[Step], view: View) -> Any:
    days = [(day, list(own)) for day, own in groupby(steps, key=lambda step: view.times.day(step["at"]))]
    folded = len(steps) > MOST_OPEN
    drawn = [_day(day, own, view, folded=folded) for day, own in days]
    hint = html.P(say("order.folded"), className="soft") if folded else None
    return part(
        "steps", say("order.steps", n=len(steps)), html.P(say("order.steps_says"), className="soft"), hint, *drawn
    )


def _day(day: str, steps: Sequence[Step], view: View, *, folded: bool) -> Any:
    title = html.Summary([html.H3(day), html.Span(say("order.day", n=len(steps)), className="soft")])
    listed = html.Ol([_step(step, view) for step in steps], className="steps")
    return html.Details([title, listed], open=not folded, className="day")


def _step(step: Step, view: View) -> Any:
    counts = step["standing"] == "counts"
    name = [_shape(step), html.B(word("event", step["kind"])), html.Span(_thing(step), className="soft")]
    time = view.times.element(step["at"], view.times.clock(step["at"]))
    said = [
        html.Div([html.Span(str(step["number"]), className="step-number"), time], className="step-when"),
        html.Div([html.P(name), changes(step, view), _source(step, view)], className="step-what"),
        html.P(_standing(step), className="step-standing"),
    ]
    return html.Li(said, id=f"step-{step['number']}", className="step" if counts else f"step off {step['standing']}")


def _shape(step: Step) -> Any:
    return html.Span(mark(SHAPES[sort_of(step)]), className=sort_of(step))


def _thing(step: Step) -> str:
    return f" {word('fact', step['fact'])} {step['key']}"


def _standing(step: Step) -> list[Any]:
    """Say whether a step counts; what does not has a shape too."""
    shape = "green" if step["standing"] == "counts" else "waiting" if step["standing"] == "repeat" else "dead"
    return [mark(shape), html.Span(word("step_standing", step["standing"]), title=word("step_says", step["standing"]))]


def _source(step: Step, view: View) -> Any:
    """Say which row of which file told of it."""
    known = [
        ("batch", step["batch"]),
        ("row", step["row"]),
        ("file", step["file"]),
        ("line", step["line"]),
        ("recorded_at", step["recorded_at"]),
        ("loaded_at", step["loaded_at"]),
    ]
    told = [
        html.Div([html.Dt(word("column", name)), html.Dd(value(name, said, view))])
        for name, said in known
        if said is not None
    ]
    books = dcc.Link(
        step["source"], href=address("/sources", view.filters.going().but(where=(("source", step["source"]),)))
    )
    source = html.Div([html.Dt(word("column", "source")), html.Dd(books)])
    return html.Details(
        [html.Summary(say("order.told_by", source=step["source"])), html.Dl([source, *told], className="facts")]
    )


# ---- beside it ----


def _others(order: Mapping[str, Any], journey: Journey, view: View) -> Any:
    if order["device"] is None:
        return None
    title = say("order.others", device=order["device"])
    if not order["others"]:
        return part("others", title, html.P(say("order.no_others"), className="soft"))
    return part("others", title, html.Ul([_other(each, journey, view) for each in order["others"]], className="lines"))


def _other(other: Mapping[str, Any], journey: Journey, view: View) -> Any:
    link = dcc.Link(other["order"], href=to_order(other["order"], view.filters))
    told = say(
        "order.other",
        partner=other["partner"] or "?",
        outcome=word("outcome", other["outcome"]) if other["outcome"] else say("order.no_outcome"),
        received=view.times.when(other["received_at"]) if other["received_at"] else "?",
        back=view.times.when(other["handed_back_at"]) if other["handed_back_at"] else say("order.not_yet"),
    )
    return html.Li([link, f" {told} ", *_bounced(other, journey, view)])


def _bounced(other: Mapping[str, Any], journey: Journey, view: View) -> list[Any]:
    """Say how soon after being handed back the device came again, here or there."""
    ways = (
        ("this", other["handed_back_at"], journey.handed_in),
        ("that", journey.handed_back, other["received_at"]),
    )
    for which, back, again in ways:
        within = bounce(back, again)
        if within is not None and back and again:
            text = say(f"order.bounced_{which}", span=view.times.span(back, again), days=within)
            return [html.Span([mark("late"), text], className="level amber bounce")]
    return []


def _record(order: Mapping[str, Any], view: View) -> Any:
    known = say("order.known", time=view.times.when(order["as_of"], seconds=True))
    digest = html.P([say("order.checksum"), " ", html.Code(order["checksum"])], className="checksum")
    return part(
        "record", say("order.record"), html.P(known), digest, html.P(say("order.checksum_says"), className="soft")
    )
