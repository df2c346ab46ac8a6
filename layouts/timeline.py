"""What happened to an episode, in order: transitions, notices, letters with every try, and every reason not to send."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from dash import html

from layouts import wording
from layouts.element import shape
from layouts.filters import INBOX
from layouts.times import read
from layouts.words import say, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from layouts.times import Times

CAUSE, NOTICE, HELD, WRITTEN, TRIED, ENDED = range(6)
"""What comes first of things that happened at the same moment."""

MARKS = {"accepted": "green", "refused": "dead", "dead": "dead", "put_off": "late", "failed": "late", "held": "waiting",
         "dropped": "waiting"}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One thing that happened. `kind` decides how it looks, `said` is a reason or the other side's answer."""

    at: str
    order: int
    kind: str
    text: str
    said: str = ""
    letter: int | None = None


def lines(episode: Mapping[str, Any]) -> list[Line]:
    """Merge everything that is on record of an episode, the oldest first."""
    found = [_transition(each) for each in episode["transitions"]]
    letters = {letter["id"]: letter for letter in episode["letters"]}
    for notice in episode["notices"]:
        found += _notice(notice, letters)
    for letter in letters.values():
        found += _letter(letter)
    return sorted(found, key=lambda line: (read(line.at), line.order))


def _transition(each: Mapping[str, Any]) -> Line:
    axis = each["axis"] if each["axis"] in {"value", "health", "handling"} else "value"
    before, after = word("value", str(each["before"])), word("value", str(each["after"]))
    text = say(f"line.{axis}", before=before, after=after) if before else after
    text = text[:1].upper() + text[1:] + (say("line.by", actor=each["actor"]) if each["actor"] else "")
    return Line(each["at"], CAUSE, axis, text, wording.sentence(str(each["reason"] or "")))


def _notice(notice: Mapping[str, Any], letters: Mapping[int, Mapping[str, Any]]) -> Iterator[Line]:
    kind, recipient = word("kind", notice["kind"]), notice["recipient"]
    yield Line(
        notice["created_at"],
        NOTICE,
        "notice",
        say("line.notice", kind=kind, recipient=recipient, route=notice["route"]),
    )
    story = [(at, str(reason)) for at, reason in notice["story"]]
    dropped, held = notice["status"] == "dropped", str(notice["held"] or "")
    if dropped and held and (not story or story[-1][1] != held):
        story.append((story[-1][0] if story else notice["created_at"], held))
    for number, (at, reason) in enumerate(story, 1):
        what = "dropped" if dropped and number == len(story) else "held"
        yield Line(at, HELD, what, say(f"line.{what}", kind=kind, recipient=recipient, reason=wording.sentence(reason)))
    letter = letters.get(notice["letter"]) if notice["letter"] is not None else None
    if notice["told_at"] and not (letter and letter["status"] == "sent"):
        yield Line(notice["told_at"], ENDED, "accepted", say("line.told", kind=kind, recipient=recipient))


def _letter(letter: Mapping[str, Any]) -> Iterator[Line]:
    recipient, number = letter["recipient"], int(letter["id"])
    subject = letter["subject"]
    yield Line(
        letter["created_at"], WRITTEN, "letter", say("line.letter", recipient=recipient, subject=subject), letter=number
    )
    tries = list(letter["tries"])
    for each in tries:
        what = outcome(each, ended=each is tries[-1] and letter["status"] == "sent")
        yield Line(each["at"], TRIED, what, say(f"line.{what}", recipient=recipient), answer(each))
    if letter["status"] == "dead" and letter["done_at"]:
        yield Line(letter["done_at"], ENDED, "dead", say("line.given_up", recipient=recipient))


def outcome(each: Mapping[str, Any], *, ended: bool) -> str:
    """Name how a try went by its SMTP code; chat channels give none, so their last try went as their letter did."""
    code = each["code"]
    if ended or (code is not None and 200 <= code < 300):
        return "accepted"
    if code is None:
        return "failed"
    return "refused" if code >= 500 else "put_off"


def answer(each: Mapping[str, Any]) -> str:
    """Give what the other side answered, its code first and once."""
    code, said = "" if each["code"] is None else str(each["code"]), str(each["said"] or "")
    return said if said.startswith(code) else f"{code} {said}".strip()


def draw_timeline(episode: Mapping[str, Any], times: Times) -> Any:
    """Draw it by days."""
    found = lines(episode)
    if not found:
        return html.P(say("episode.happened_nothing"), className="soft")
    days = groupby(found, lambda line: times.day(line.at))
    return html.Div(
        [html.Div([html.H3(day), html.Ol([_draw(line, times) for line in of_day])]) for day, of_day in days],
        className="timeline",
    )


def _draw(line: Line, times: Times) -> Any:
    said = html.Span(line.said, className="said-so") if line.said else None
    letter = html.A(say("line.read"), href=f"{INBOX}/letters/{line.letter}") if line.letter is not None else None
    return html.Li(
        [
            times.element(line.at, times.clock(line.at)),
            html.Span(shape(MARKS[line.kind]) if line.kind in MARKS else None, className="sign"),
            html.Span([line.text, ": " if said else "", said, " " if letter else "", letter], className="text"),
        ],
        className=f"event {line.kind}",
    )
