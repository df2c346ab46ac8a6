"""A picture of an order: a lane per sort of thing that happened, and on it a mark per event with its shape and its word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dash import html

from layouts.analysis.look import mark
from layouts.times import read
from layouts.words import say, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from layouts.analysis.journey import Journey, Step, Wait
    from layouts.analysis.view import View

LANES = {
    "repair": ("repair_orders",),
    "parts": ("part_orders",),
    "shipments": ("shipments",),
    "contacts": ("contacts",),
    "voice": ("claims", "surveys"),
}
BAD = {
    *("qc_failed", "cancelled", "returned_unrepaired", "reopened", "exception", "lost", "damaged", "backordered"),
    *("defective", "rejected", "abandoned"),
}
DONE = {
    "qc_passed",
    "repaired",
    "completed",
    "delivered",
    "closed",
    "swapped",
    "resolved",
    "approved",
    "paid",
    "installed",
}
SHAPES = {"bad": "dead", "done": "green", "way": "amber"}
TICKS = 5
_PER_LETTER = 0.82
"""Percent of the picture's narrowest width that a letter takes."""
_BESIDE = 2.2
_ROWS = 3
_TOGETHER = 1.2
"""Marks of one kind that stand closer than so many percent are drawn as one."""
_AGAIN = 14.0
"""Percent within which a word is not written a second time."""


@dataclass(frozen=True)
class _Span:
    """From when to when the picture goes."""

    first: datetime
    last: datetime

    def part(self, at: str) -> float:
        """Give where a time lies, in percent."""
        return 100 * (read(at) - self.first) / (self.last - self.first)


@dataclass(frozen=True)
class _Placed:
    """A mark on its lane: where it begins in percent, and the row of its word; None where there is no room for one."""

    step: Step
    at: float
    row: int | None
    count: int = 1


def lanes(journey: Journey, longest: Wait | None, view: View) -> Any:
    """Draw an order's lanes over the axis of its time; None where nothing happened."""
    steps = journey.happened
    if not steps:
        return None
    span = _span(steps, journey.as_of if journey.is_open else None)
    drawn = [
        _lane(name, [step for step in steps if step["fact"] in facts], span, view) for name, facts in LANES.items()
    ]
    gap = [_gap(longest, span, view)] if longest is not None else []
    picture = html.Div(
        [*gap, *drawn, _axis(span, view)], className="lanes", role="img", **{"aria-label": _says(steps, view)}
    )
    return html.Div([html.Div(picture, className="scroll", tabIndex="0"), _legend()], className="figure")


def _span(steps: Sequence[Step], now: str | None) -> _Span:
    times = [read(step["at"]) for step in steps] + ([] if now is None else [read(now)])
    first, last = min(times), max(times)
    return _Span(first, last if last > first else first + timedelta(hours=1))


def _says(steps: Sequence[Step], view: View) -> str:
    first, last = (view.times.when(steps[end]["at"]) for end in (0, -1))
    return say("order.lanes_says", n=len(steps), first=first, last=last)


def _lane(name: str, steps: Sequence[Step], span: _Span, view: View) -> Any:
    label = html.Div(say(f"order.lane.{name}"), className="lane-name")
    if not steps:
        return html.Div(
            [label, html.Div(say("order.lane_empty"), className="lane empty-lane soft")], className="lane-row"
        )
    placed = _placed(steps, span)
    ends = [each.at for each in placed]
    line = html.Span(
        className="lane-line", style={"left": f"{min(ends):.2f}%", "width": f"{max(ends) - min(ends):.2f}%"}
    )
    return html.Div(
        [label, html.Div([line, *(_drawn(each, view) for each in placed)], className="lane")], className="lane-row"
    )


def _placed(steps: Sequence[Step], span: _Span) -> list[_Placed]:
    """Find room for the words of a lane: each stands in the first row that is free where it begins."""
    free = [-100.0] * _ROWS
    said: dict[str, float] = {}
    placed = []
    for step, at, count in _together(steps, span):
        if at - said.get(step["kind"], -100.0) < _AGAIN:
            placed.append(_Placed(step, at, None, count))
            continue
        width = _width(step, count)
        start = at if at + width <= 100 else at - width
        row = next((row for row in range(_ROWS) if free[row] <= start), None)
        if row is not None:
            free[row], said[step["kind"]] = start + width + 0.5, at
        placed.append(_Placed(step, at, row, count))
    return placed


def _together(steps: Iterable[Step], span: _Span) -> list[tuple[Step, float, int]]:
    """Draw events of one kind that happened at nearly the same time as one."""
    found: list[tuple[Step, float, int]] = []
    for step in sorted(steps, key=lambda step: read(step["at"])):
        at = span.part(step["at"])
        if found and found[-1][0]["kind"] == step["kind"] and at - found[-1][1] < _TOGETHER:
            found[-1] = (found[-1][0], found[-1][1], found[-1][2] + 1)
        else:
            found.append((step, at, 1))
    return found


def _width(step: Step, count: int) -> float:
    """Give how many percent of the picture a mark with its word takes, at its narrowest."""
    return _BESIDE + _PER_LETTER * len(_name(step, count))


def _name(step: Step, count: int) -> str:
    said = word("event", step["kind"])
    return f"{say('order.times', n=count)} {said}" if count > 1 else said


def sort_of(step: Mapping[str, Any]) -> str:
    """Tell whether an event is bad, done or a mere step."""
    return "bad" if step["kind"] in BAD else "done" if step["kind"] in DONE else "way"


def _drawn(placed: _Placed, view: View) -> Any:
    step, sort = placed.step, sort_of(placed.step)
    name = _name(step, placed.count)
    title = f"{name}, {word('fact', step['fact'])} {step['key']}, {view.times.when(step['at'], seconds=True)}"
    side = " to-left" if placed.at + _width(step, placed.count) > 100 else ""
    said = html.Span(name, className="lane-word") if placed.row is not None else None
    row = "" if placed.row is None else f" row-{placed.row}"
    return html.Span(
        [mark(SHAPES[sort]), said],
        className=f"lane-mark {sort}{row}{side}",
        title=title,
        style={"left": f"{placed.at:.2f}%"},
    )


def _gap(wait: Wait, span: _Span, view: View) -> Any:
    """Shade the longest wait, and say in the picture how long it was."""
    first, then = span.part(wait.first["at"]), span.part(wait.until)
    text = say("order.waited", span=view.times.span(wait.first["at"], wait.until))
    area = html.Div(
        html.Span(text),
        className="lane-gap to-left" if first > 60 else "lane-gap",
        style={"left": f"{first:.2f}%", "width": f"{then - first:.2f}%"},
    )
    return html.Div(
        [html.Div(className="lane-name"), html.Div(area, className="lane gap-lane")], className="lane-row gap-row"
    )


def _axis(span: _Span, view: View) -> Any:
    """Draw some times of the reader's clock below the lanes."""
    step = (span.last - span.first) / (TICKS - 1)
    ticks = [
        html.Span(
            view.times.when((span.first + step * number).isoformat()),
            className="tick",
            style={"left": f"{100 * number / (TICKS - 1):.2f}%"},
        )
        for number in range(TICKS)
    ]
    return html.Div([html.Div(className="lane-name"), html.Div(ticks, className="lane axis")], className="lane-row")


def _legend() -> Any:
    told = [html.Li([mark(shape), say(f"order.sort.{sort}")], className=sort) for sort, shape in SHAPES.items()]
    return html.Ul(told, className="legend")
