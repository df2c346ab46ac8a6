"""The pages that links in mails lead to: they say what would happen, and do nothing until a button is pressed."""

from __future__ import annotations

import re
from datetime import time
from math import isfinite
from typing import TYPE_CHECKING, Any

from dash import html

from layouts import card, wording
from layouts.desk import RefusedError
from layouts.field import button, choice, field, hours_field, post, suggestions, tick
from layouts.filters import INBOX
from layouts.form import FaultError, clean
from layouts.page import heading
from layouts.reader import zones
from layouts.words import LANGUAGES, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from layouts.times import Times

ACT, UNSUBSCRIBE, PREFERENCES = "act", "unsubscribe", "preferences"
VERBS = {ACT: {"acknowledge", "snooze"}, UNSUBSCRIBE: {"unsubscribe"}, PREFERENCES: {"preferences"}}
"""Which tokens each page takes: a token is no right to anything else."""
ONE_CLICK = ("List-Unsubscribe", "One-Click")
"""What a mail program posts when its own button is pressed (RFC 8058)."""
_QUIET = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")


def require_page(right: Mapping[str, Any], page: str) -> None:
    """Refuse a token that belongs to another page."""
    if right["verb"] not in VERBS[page]:
        raise RefusedError(say("mailed.other"))


def title_of(right: Mapping[str, Any]) -> str:
    if right["verb"] == "snooze":
        return say("mailed.snooze", n=_round(right["hours"] or 1))
    return say(f"mailed.{right['verb']}") if right["verb"] != PREFERENCES else say("preferences.title")


def _round(hours: float) -> float:
    return int(hours) if float(hours).is_integer() else hours


def draw_deed(right: Mapping[str, Any], address: str, times: Times) -> list[Any]:
    """Draw what a link would do, with the button that does it."""
    title, episode = title_of(right), right["episode"]
    says = say(f"mailed.{right['verb']}_says", recipient=right["recipient"])
    return [
        heading(title),
        _episode(episode, times) if episode else None,
        html.P(says),
        post(address, [button(title)], name="deed"),
        html.P([say("mailed.nothing_yet"), " ", *_leads(episode)], className="soft"),
    ]


def draw_unsubscribe(right: Mapping[str, Any], address: str, network: str) -> list[Any]:
    return [
        heading(title_of(right)),
        html.P(say("mailed.unsubscribe_says", network=network, recipient=right["recipient"])),
        post(address, [button(say("mailed.unsubscribe_button"))], name="deed"),
        html.P(say("mailed.nothing_yet"), className="soft"),
    ]


def draw_done(sentence: str, right: Mapping[str, Any], times: Times) -> list[Any]:
    episode = right["episode"]
    return [
        heading(say("mailed.done")),
        html.P(wording.sentence(sentence), role="status", className="outcome"),
        _episode(episode, times) if episode else None,
        html.P(_leads(episode), className="leads") if episode else None,
    ]


def draw_used(right: Mapping[str, Any], times: Times) -> list[Any]:
    at, episode = right["used_at"], right["episode"]
    return [
        heading(say("mailed.used")),
        html.P(say("mailed.used_says", time=times.when(at), span=times.span(at))),
        _episode(episode, times) if episode else None,
        html.P(_leads(episode), className="leads"),
    ]


def _leads(episode: Mapping[str, Any] | None) -> list[Any]:
    if episode:
        return [html.A(say("mailed.see"), href=f"{INBOX}/{int(episode['id'])}")]
    return [html.A(say("mailed.see_all"), href=INBOX)]


def _episode(episode: Mapping[str, Any], times: Times) -> Any:
    return html.Article(
        [
            html.Div(
                [
                    card.level_badge(episode),
                    html.H2(card.title(episode)),
                    html.P(card.place(episode), className="place"),
                ],
                className="what",
            ),
            html.P(card.figure(episode), className="figure"),
            html.Div(
                [
                    html.P(card.since(episode, times), className="since"),
                    html.P(card.acknowledged(episode, times)) if episode["acknowledged_at"] else None,
                ],
                className="state",
            ),
        ],
        className=f"card {card.look(episode)}",
        **card.marks(episode),
    )


# ---- preferences ----


def draw_preferences(right: Mapping[str, Any], address: str, network: str, typed: Mapping[str, str]) -> list[Any]:
    chosen = {**_shown(right["preferences"] or {}), **({"stopped": "", **typed} if typed else {})}
    languages = [("", say("preferences.as_set")), *LANGUAGES.items()]
    if chosen["language"] and chosen["language"] not in LANGUAGES:
        languages.append((chosen["language"], chosen["language"]))
    return [
        heading(title_of(right)),
        html.P(say("preferences.says", recipient=right["recipient"], network=network)),
        post(
            address,
            [
                choice("chosen", "language", say("preferences.language"), languages, chosen["language"]),
                field("chosen", "timezone", say("preferences.timezone"), hint=say("preferences.timezone_hint"),
                      value=chosen["timezone"], list="zones", maxLength="80", autoComplete="off"),
                suggestions("zones", sorted(zones())),
                html.Fieldset(
                    [
                        html.Legend(say("preferences.quiet")),
                        field("chosen", "quiet_from", say("preferences.quiet_from"), type="time", value=chosen["quiet_from"]),
                        field("chosen", "quiet_to", say("preferences.quiet_to"), type="time", value=chosen["quiet_to"]),
                    ],
                    className="pairs",
                ),
                hours_field("chosen", "pain_above", say("preferences.pain"), chosen["pain_above"],
                            hint=say("preferences.pain_hint")),
                tick("chosen", "stopped", say("preferences.stopped"), ticked=bool(chosen["stopped"])),
                button(say("preferences.save")),
            ],
            name="deed",
            className="deed wide",
        ),
    ]  # fmt: skip


def _shown(preferences: Mapping[str, Any]) -> dict[str, str]:
    quiet = _QUIET.match(str(preferences.get("quiet") or ""))
    pain = preferences.get("pain_above")
    return {
        "language": str(preferences.get("language") or ""),
        "timezone": str(preferences.get("timezone") or ""),
        "quiet_from": quiet[1] if quiet else "",
        "quiet_to": quiet[2] if quiet else "",
        "pain_above": "" if pain is None else f"{pain:g}",
        "stopped": "1" if preferences.get("stopped") else "",
    }


def chosen_of(form: Mapping[str, str]) -> dict[str, str]:
    """Read what a recipient chose, as `Desk.use` takes it; "" is what the settings say. FaultError if it makes no sense."""
    language, zone = clean(form.get("language", ""), 20), clean(form.get("timezone", ""), 80)
    if zone and zone not in zones():
        raise FaultError(400, say("preferences.bad_zone", zone=zone))
    return {
        "language": language,
        "timezone": zone,
        "quiet": _quiet(form.get("quiet_from", ""), form.get("quiet_to", "")),
        "pain_above": _pain(form.get("pain_above", "")),
        "stopped": "1" if form.get("stopped") else "",
    }


def _quiet(start: str, end: str) -> str:
    if not start and not end:
        return ""
    try:
        begins, ends = time.fromisoformat(start), time.fromisoformat(end)
    except ValueError as error:
        raise FaultError(400, say("preferences.bad_quiet")) from error
    if begins == ends or begins.tzinfo or ends.tzinfo:
        raise FaultError(400, say("preferences.bad_quiet"))
    return f"{begins:%H:%M}-{ends:%H:%M}"


def _pain(text: str) -> str:
    if not text:
        return ""
    try:
        pain = float(text.replace(",", "."))
    except ValueError as error:
        raise FaultError(400, say("preferences.bad_pain", pain=text[:40])) from error
    if not isfinite(pain) or pain < 0:
        raise FaultError(400, say("preferences.bad_pain", pain=text[:40]))
    return f"{pain:g}"
