"""Letters: those that were given up, with another try, and what one says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dash import html

from layouts.element import hidden, shape
from layouts.field import actor_field, button, post
from layouts.filters import INBOX
from layouts.inbox import NAME
from layouts.page import heading
from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.times import Times

LETTERS = f"{INBOX}/letters"
_RIGHTS = re.compile(r"\S*/alerts/(?:act|unsubscribe|preferences)/[^\s>)\]]+")
"""Addresses whose token is the right to do something: who may read a letter here is not who may use them."""


def draw_letters(letters: Sequence[Mapping[str, Any]], times: Times, actor: str) -> list[Any]:
    if not letters:
        return [
            heading(say("letters.title")),
            html.Div(html.P([shape("green"), say("letters.none")]), className="empty"),
        ]
    cards = html.Ol([html.Li(_card(letter, times)) for letter in letters], className="cards")
    who = html.Div(
        [actor_field("letters", actor, say("inbox.actor")), button(say("inbox.remember"), className="quiet")],
        className="who",
    )
    return [
        heading(say("letters.title")),
        html.P(say("letters.says"), className="soft"),
        # As in the inbox: Enter in the name presses the first button, which sends nothing.
        post(NAME, [who, hidden("list", "letters"), cards]),
    ]


def _card(letter: Mapping[str, Any], times: Times) -> Any:
    number, subject, recipient = int(letter["id"]), str(letter["subject"]), str(letter["recipient"])
    said = say("letters.said", said=letter["said"]) if letter["said"] else say("letters.said_nothing")
    again = say("letters.again_this", recipient=recipient, subject=subject)
    return html.Article(
        [
            html.Div(
                [
                    html.H2(html.A(subject, href=f"{LETTERS}/{number}")),
                    html.P(say("letters.to", recipient=recipient), className="place"),
                ],
                className="what",
            ),
            html.Div(
                [
                    html.P(said, className="answered"),
                    html.P(_times(letter, times), className="since"),
                    html.P(_episodes(letter["episodes"]), className="since") if letter["episodes"] else None,
                ],
                className="state",
            ),
            html.Div(
                button(say("letters.again"), formAction=f"{LETTERS}/{number}", **{"aria-label": again}), className="act"
            ),
        ],
        className="card letter",
    )


def _times(letter: Mapping[str, Any], times: Times) -> list[Any]:
    done, made = letter["done_at"], letter["created_at"]
    if done:
        first = times.element(done, say("letters.given_up", span=times.span(done), time=times.when(done)))
    else:
        first = times.element(made, say("letters.written", time=times.when(made)))
    return [say("letters.tries", n=int(letter["attempts"] or 0)), ", ", first]


def _episodes(numbers: Sequence[int]) -> list[Any]:
    links: list[Any] = [say("letters.of")]
    for place, number in enumerate(numbers):
        links += [", " if place else "", html.A(say("letters.episode", number=number), href=f"{INBOX}/{int(number)}")]
    return links


def draw_letter(subject: str, text: str) -> list[Any]:
    return [
        html.P(html.A(say("letter.back"), href=LETTERS), className="back"),
        heading(subject),
        html.P(say("letter.says"), className="soft"),
        html.Pre(without_rights(text), className="paper"),
    ]


def without_rights(text: str) -> str:
    """Leave out the links that do something in the recipient's name."""
    return _RIGHTS.sub(say("letter.hidden"), text)
