"""The inbox: episodes of one state, searched and paged by the address alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dash import html

from layouts import card
from layouts.desk import STATES
from layouts.element import Element, hidden, shape
from layouts.field import actor_field, button, post
from layouts.filters import INBOX, PER_PAGE, Filters
from layouts.page import heading
from layouts.wording import whole
from layouts.words import say, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.times import Times

NAME = f"{INBOX}/name"
"""Remembers the name of whoever acts."""


@dataclass(frozen=True)
class Inbox:
    """What the inbox draws: a page of episodes, how many there are in all, and how many of each state."""

    filters: Filters
    episodes: Sequence[Mapping[str, Any]]
    total: int
    counts: Mapping[str, int]
    judged: Mapping[str, Any] | None
    """The Board's counts; None before the first Board."""
    engine_dead: bool
    actor: str


def draw_inbox(inbox: Inbox, times: Times) -> list[Any]:
    return [
        heading(say("inbox.title"), _search(inbox.filters)),
        _tabs(inbox),
        _list(inbox, times) if inbox.episodes else _empty(inbox),
        _paging(inbox),
    ]


def _tabs(inbox: Inbox) -> Any:
    counts = {**inbox.counts, "all": sum(inbox.counts[state] for state in STATES if state != "all")}
    tabs = [
        html.A(
            [word("state", state), " ", html.Span(whole(counts[state]), className="count")],
            href=inbox.filters.of(state).address(),
            **({"aria-current": "page"} if state == inbox.filters.state else {}),
        )
        for state in STATES
    ]
    return html.Nav(tabs, id="counts", className="tabs", **{"aria-label": say("inbox.tabs")})


def _search(filters: Filters) -> Any:
    state = hidden("state", filters.state) if filters.state != STATES[0] else None
    words = Element("input", type="search", id="search-words", name="words", value=filters.words, maxLength="200")
    label = html.Label(say("inbox.words"), htmlFor="search-words")
    return html.Form(
        [state, html.Div([label, words], className="field"), button(say("inbox.search"), className="quiet")],
        action=INBOX, method="get", role="search",
    )  # fmt: skip


def _list(inbox: Inbox, times: Times) -> Any:
    cards = html.Ol([html.Li(_card(episode, inbox.filters, times)) for episode in inbox.episodes], className="cards")
    # One form around all cards: the name is asked for once. Its first button is what Enter in the name presses, so it
    # must be one that acts on no episode.
    return post(
        inbox.filters.address(NAME),
        [
            html.Div(
                [
                    actor_field("inbox", inbox.actor, say("inbox.actor")),
                    button(say("inbox.remember"), className="quiet"),
                ],
                className="who",
            ),
            hidden("list", "1"),
            hidden("verb", "acknowledge"),
            cards,
        ],
    )


def _card(episode: Mapping[str, Any], filters: Filters, times: Times) -> Any:
    title, place = card.title(episode), card.place(episode)
    hurt = card.customers(episode)
    return html.Article(
        [
            html.Div(
                [
                    card.level_badge(episode),
                    html.H2(html.A(title, href=episode_address(episode, filters))),
                    html.P(place, className="place"),
                ],
                className="what",
            ),
            html.P(card.figure(episode), className="figure"),
            html.Div(
                [
                    html.P(hurt, className="hurt") if hurt else None,
                    html.P(card.since(episode, times), className="since"),
                    html.P(card.badges(episode, times), className="marks"),
                ],
                className="state",
            ),
            html.Div(_handling(episode, filters, times), className="act"),
        ],
        className=f"card {card.look(episode)}",
        **card.marks(episode),
    )


def episode_address(episode: Mapping[str, Any], filters: Filters) -> str:
    return filters.address(f"{INBOX}/{int(episode['id'])}")


def _handling(episode: Mapping[str, Any], filters: Filters, times: Times) -> Any:
    if episode["acknowledged_at"]:
        return card.acknowledged(episode, times)
    if episode["closed_at"]:
        return None
    named = say("inbox.acknowledge_this", title=card.title(episode), place=card.place(episode))
    return button(say("inbox.acknowledge"), formAction=episode_address(episode, filters), **{"aria-label": named})


def _paging(inbox: Inbox) -> Any:
    page, total = inbox.filters.page, inbox.total
    if total <= PER_PAGE or not inbox.episodes:
        return None
    first = (page - 1) * PER_PAGE + 1
    newer = html.A(say("inbox.newer"), href=inbox.filters.at(page - 1).address(), rel="prev") if page > 1 else None
    older = html.A(say("inbox.older"), href=inbox.filters.at(page + 1).address(), rel="next")
    reach = html.Span(say("inbox.range", first=first, last=first + len(inbox.episodes) - 1, total=total))
    links = [newer, reach, older if page * PER_PAGE < total else None]
    return html.Nav(links, className="paging", **{"aria-label": say("inbox.pages")})


def _empty(inbox: Inbox) -> Any:
    filters = inbox.filters
    if filters.words:
        return html.Div(
            [
                html.P(say("inbox.no_match", words=filters.words)),
                html.P(html.A(say("inbox.clear"), href=Filters(filters.state).address())),
            ],
            className="empty",
        )
    acknowledged = inbox.counts["acknowledged"]
    if filters.state == "open" and acknowledged:
        text = say("inbox.none.open_but", n=acknowledged)
    else:
        text = say(f"inbox.none.{filters.state}")
    judged = inbox.judged is not None and inbox.judged["judged"] and not inbox.judged["red"]
    trusted = judged and not inbox.engine_dead and not acknowledged
    return html.Div(
        [html.P([shape("green" if trusted else "unknown"), text]), html.P(_judged(inbox))],
        className="empty",
    )


def _judged(inbox: Inbox) -> list[Any]:
    """Say on what ground nothing is here: an empty list is good news only if something was judged."""
    if inbox.engine_dead:
        return [say("inbox.judged_stale")]
    if inbox.judged is None or not inbox.judged["judged"]:
        return [say("inbox.not_judged")]
    red, unknown = inbox.judged["red"], inbox.judged["unknown"]
    return [
        say("inbox.judged", n=inbox.judged["judged"]),
        say("inbox.judged_red", n=red) if red else "",
        say("inbox.judged_unknown", n=unknown) if unknown else "",
        say("inbox.judged_see"),
        html.A(say("inbox.the_wall"), href="/"),
        ".",
    ]
