"""The page of one episode: what it is, what can be done, who was told or not and why, and what happened."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Any

from dash import html

from layouts import card, wording
from layouts.answers import draw_answers
from layouts.field import actor_field, button, choice, hours_field, post, reason_field, verb
from layouts.inbox import episode_address
from layouts.page import heading, section
from layouts.timeline import draw_timeline
from layouts.words import say, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.filters import Filters
    from layouts.times import Times

SNOOZES = ("1", "4", "24")
TOMORROW, MORNING = "tomorrow", time(8)


def draw_episode(
    episode: Mapping[str, Any], filters: Filters, times: Times, actor: str, typed: Mapping[str, str]
) -> list[Any]:
    """Draw the page; `typed` is what a form held that was refused, so that nobody types it twice."""
    return [
        html.P(html.A(say("episode.back"), href=filters.address()), className="back"),
        html.Article(
            [
                heading(card.title(episode), card.level_badge(episode)),
                html.P(card.place(episode), className="place"),
                html.P(card.figure(episode), className="figure"),
                html.P(wording.sentence(str(episode["reason"] or "")), className="reason"),
                html.P(card.badges(episode, times), className="marks"),
            ],
            className=f"episode {card.look(episode)}",
            **card.marks(episode),
        ),
        html.Div(
            [
                html.Div([_facts(episode, times), *_why(episode)], className="column"),
                section("act", say("episode.act"), *_forms(episode, filters, times, actor, typed)),
                section("told", say("episode.told"), draw_answers(episode, times)),
                section("happened", say("episode.happened"), draw_timeline(episode, times)),
            ],
            className="beside",
        ),
    ]


def _facts(episode: Mapping[str, Any], times: Times) -> Any:
    reading = episode["reading"] or {}
    rows = [
        (say("episode.state"), word("value", str(episode["value"]))),
        (say("episode.ended" if episode["closed_at"] else "episode.since"), card.since(episode, times)),
        (say("episode.customers"), card.customers(episode) or say("episode.no_customers")),
        (say("episode.pain"), _pain(episode)),
        (say("episode.sample"), _sample(reading)),
        (say("episode.evidence"), _evidence(reading)),
        (say("episode.window"), _window(reading, times)),
        (say("episode.handled"), _handled(episode, times)),
        (say("episode.version"), say("episode.version_says", version=int(episode["version"] or 0))),
    ]
    return html.Dl([html.Div([html.Dt(name), html.Dd(said)]) for name, said in rows if said], className="facts")


def _pain(episode: Mapping[str, Any]) -> str:
    pain, worst = float(episode["pain"] or 0), float(episode["worst_pain"] or 0)
    return say("episode.pain_says", pain=wording.figure(pain), worst=wording.figure(worst)) if worst else ""


def _sample(reading: Mapping[str, Any]) -> str:
    n = reading.get("n")
    return say("episode.rows", n=int(n) if float(n).is_integer() else n) if n else ""


def _evidence(reading: Mapping[str, Any]) -> str:
    evidence = reading.get("evidence")
    if evidence is None:
        return ""
    return say("episode.evidence_says", share=wording.percent(evidence))


def _window(reading: Mapping[str, Any], times: Times) -> str:
    window = reading.get("window") or {}
    if not window.get("from") or not window.get("to"):
        return ""
    return say("episode.window_says", first=times.when(window["from"]), last=times.when(window["to"]))


def _handled(episode: Mapping[str, Any], times: Times) -> str:
    at = episode["acknowledged_at"]
    if not at:
        return "" if episode["closed_at"] else say("episode.handled_not")
    return say("episode.handled_says", actor=episode["acknowledged_by"] or "?", time=times.when(at))


def _why(episode: Mapping[str, Any]) -> list[Any]:
    reading = episode["reading"] or {}
    drivers = [wording.sentence(str(driver["text"])) for driver in reading.get("drivers") or () if driver.get("text")]
    remedies = [wording.measure(remedy) for remedy in reading.get("remedies") or ()]
    made = []
    if drivers:
        made.append(section("drivers", say("episode.drivers"), html.Ul([html.Li(text) for text in drivers])))
    if remedies:
        made.append(section("remedies", say("episode.remedies"), html.Ul([html.Li(text) for text in remedies])))
    return made


def _forms(
    episode: Mapping[str, Any], filters: Filters, times: Times, actor: str, typed: Mapping[str, str]
) -> Sequence[Any]:
    address = episode_address(episode, filters)
    actor = typed.get("actor") or actor
    silence = _folded("silence", address, _silence(actor, typed), typed)
    if episode["closed_at"]:
        return [html.P(say("episode.over"), className="soft"), silence]
    first = "reopen" if episode["acknowledged_at"] else "acknowledge"
    return [
        _open(first, address, _plain(first, actor, typed)),
        _folded("snooze", address, _snooze(actor, typed, times), typed),
        silence,
    ]


def _open(name: str, address: str, content: Sequence[Any]) -> Any:
    return post(address, [html.P(say(f"form.{name}_says"), className="soft"), *content], name=name, className="deed")


def _folded(name: str, address: str, content: Sequence[Any], typed: Mapping[str, str]) -> Any:
    """Fold a form away that is seldom needed; one that was refused stays open."""
    opened = {"open": "open"} if typed.get("verb") == name else {}
    return html.Details([html.Summary(say(f"form.{name}")), _open(name, address, content)], **opened)


def _plain(name: str, actor: str, typed: Mapping[str, str]) -> list[Any]:
    return [verb(name), actor_field(name, actor), reason_field(name, typed), button(say(f"form.{name}"))]


def _snooze(actor: str, typed: Mapping[str, str], times: Times) -> list[Any]:
    tomorrow = say("form.snooze_tomorrow", time=times.when(times.tomorrow(MORNING).isoformat()))
    lengths = [(hours, say("form.snooze_hours", n=int(hours))) for hours in SNOOZES] + [(TOMORROW, tomorrow)]
    return [
        verb("snooze"),
        choice("snooze", "length", say("form.snooze_length"), lengths, typed.get("length", SNOOZES[1])),
        hours_field("snooze", "hours", say("form.snooze_other"), typed.get("hours", "")),
        actor_field("snooze", actor),
        reason_field("snooze", typed),
        button(say("form.snooze")),
    ]


def _silence(actor: str, typed: Mapping[str, str]) -> list[Any]:
    return [
        verb("silence"),
        hours_field("silence", "hours", say("form.hours"), typed.get("hours", "4"), required=True),
        reason_field("silence", typed, required=True),
        actor_field("silence", actor),
        button(say("form.silence")),
    ]
