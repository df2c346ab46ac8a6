"""One episode in a few words: its level by shape, word and colour, and what whoever looks after it must know."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dash import html

from layouts import wording
from layouts.element import shape
from layouts.times import is_for_ever
from layouts.words import say, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from layouts.times import Times

PULSING = {"recovering", "pending"}
"""States between red and green, which the level does not tell."""


def look(episode: Mapping[str, Any]) -> str:
    """Give the level that an episode is drawn with; one that is over is green, whatever was last read of it."""
    return "green" if episode["closed_at"] else str(episode["level"])


def level_badge(episode: Mapping[str, Any]) -> Any:
    level = look(episode)
    return html.Span([shape(level), word("level", "recovered" if episode["closed_at"] else level)], className="level")


def marks(episode: Mapping[str, Any]) -> dict[str, str]:
    """Give the attributes that every drawn tile carries."""
    return {
        "data-kpi": str(episode["kpi"]),
        "data-slice": json.dumps(dict(episode["slice"]), ensure_ascii=False),
        "data-level": str(episode["level"]),
    }


def title(episode: Mapping[str, Any]) -> str:
    return wording.title(str(episode["title"]))


def place(episode: Mapping[str, Any]) -> str:
    """Name where it hurts; an episode whose slice is not told has it in words."""
    return wording.place(episode["slice"]) if episode["slice"] else str(episode["place"])


def customers(episode: Mapping[str, Any]) -> str:
    """Say how many are hurt now; what is over hurts nobody."""
    return "" if episode["closed_at"] else wording.hurt(float(episode["customers"] or 0.0))


def figure(episode: Mapping[str, Any]) -> list[Any]:
    """Draw the figure against its limit; the episode of a source has neither."""
    shown, limit = _figures(episode)
    return [
        html.B(shown) if shown else None,
        " " if shown and limit else "",
        html.Span(say("inbox.limit", limit=limit)) if limit else None,
    ]


def _figures(episode: Mapping[str, Any]) -> tuple[str, str]:
    """Word a figure and its limit from the reading; without one, as they were stored."""
    reading = episode["reading"] or {}
    if not reading.get("limits") or "unit" not in reading:
        return str(episode["shown"] or ""), str(episode["limit"] or "")
    bound = reading["limits"]["red"]
    return wording.value_and_limit(
        reading["value"], tuple(bound) if isinstance(bound, list) else bound, reading["unit"]
    )


def since(episode: Mapping[str, Any], times: Times) -> list[Any]:
    """Say since when, both ways: how long, and on which day."""
    opened, closed = episode["opened_at"], episode["closed_at"]
    if closed:
        ended = say("inbox.closed", span=times.span(closed), time=times.when(closed))
        return [times.element(closed, ended), ", ", say("inbox.lasted", span=times.span(opened, closed))]
    return [times.element(opened, say("inbox.since", span=times.span(opened), time=times.when(opened)))]


def badges(episode: Mapping[str, Any], times: Times) -> list[Any]:
    """Draw what is out of the ordinary, and who has been told."""
    made = [_badge("state", word("value", episode["value"]))] if episode["value"] in PULSING else []
    if episode["unstable"]:
        made.append(_badge("unstable", say("inbox.unstable")))
    if (episode["reading"] or {}).get("stale"):
        made.append(_badge("stale", say("inbox.stale")))
    if times.is_ahead(episode["snoozed_until"]):
        made.append(_badge("quiet", say("inbox.snoozed", time=times.when(episode["snoozed_until"]))))
    if times.is_ahead(silenced := episode["silenced_until"]):
        for_ever = is_for_ever(silenced)
        text = say("inbox.silenced_for_ever") if for_ever else say("inbox.silenced", time=times.when(silenced))
        made.append(_badge("quiet", text))
    return made + _tellings(episode)


def _tellings(episode: Mapping[str, Any]) -> list[Any]:
    told, waiting, lost = (int(episode[name] or 0) for name in ("told", "waiting", "undeliverable"))
    made = [_badge("told", say("inbox.told", n=told))] if told else []
    if waiting:
        made.append(_badge("waiting", say("inbox.waiting", n=waiting)))
    if lost:
        made.append(_badge("lost", say("inbox.undeliverable", n=lost)))
    return made or [_badge("told", say("inbox.nobody"))]


def _badge(kind: str, text: str) -> Any:
    marked = {"lost": "dead", "unstable": "late", "stale": "late"}.get(kind)
    return html.Span([shape(marked) if marked else None, text], className=f"mark {kind}")


def acknowledged(episode: Mapping[str, Any], times: Times) -> Any:
    actor, at = episode["acknowledged_by"] or "?", episode["acknowledged_at"]
    return html.Span([shape("green"), times.element(at, say("inbox.acknowledged", actor=actor, span=times.span(at)))],
                     className="taken")  # fmt: skip
