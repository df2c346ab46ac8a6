"""Per recipient, the answer to "why did I (not) get a mail"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from layouts import wording
from layouts.element import shape
from layouts.filters import INBOX
from layouts.timeline import answer
from layouts.words import say, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.times import Times

WORST_FIRST = ("undeliverable", "waiting", "written", "told", "dropped")
MARKS = {"told": "green", "written": "waiting", "waiting": "waiting", "undeliverable": "dead", "dropped": "waiting"}


def answers(episode: Mapping[str, Any], times: Times) -> dict[str, list[tuple[str, str, int | None]]]:
    """Give per recipient what became of each notice, in order: its status, a sentence, and its letter if there is one."""
    letters = {letter["id"]: letter for letter in episode["letters"]}
    found: dict[str, list[tuple[str, str, int | None]]] = {}
    for notice in sorted(episode["notices"], key=lambda notice: (notice["created_at"], notice["id"])):
        letter = letters.get(notice["letter"])
        said = (notice["status"], _sentence(notice, letter, times), notice["letter"])
        found.setdefault(notice["recipient"], []).append(said)
    return found


def _sentence(notice: Mapping[str, Any], letter: Mapping[str, Any] | None, times: Times) -> str:
    kind, status, held = (
        word("kind", notice["kind"]),
        notice["status"],
        wording.sentence(str(notice["held"] or "")).rstrip("."),
    )
    if status == "told":
        at = notice["told_at"] or (letter or {}).get("done_at") or notice["created_at"]
        return say("why.told", kind=kind, time=times.when(at, seconds=True))
    if status == "written":
        tried = letter["tries"][-1] if letter and letter["tries"] else None
        return say("why.written_tried", kind=kind, said=answer(tried)) if tried else say("why.written", kind=kind)
    if status == "waiting" and held:
        return say("why.waiting_held", kind=kind, reason=held, time=times.when(notice["not_before"]))
    if status == "undeliverable":
        said = str((letter or {}).get("said") or held).rstrip(".")
        return say("why.undeliverable_said", kind=kind, said=said) if said else say("why.undeliverable", kind=kind)
    if status == "dropped" and held:
        return say("why.dropped_held", kind=kind, reason=held)
    return say(f"why.{status}" if status in {"waiting", "dropped"} else "why.waiting", kind=kind)


def draw_answers(episode: Mapping[str, Any], times: Times) -> Any:
    found = answers(episode, times)
    if not found:
        return html.P(say("episode.told_nobody"), className="soft")
    return html.Ul([_recipient(name, said) for name, said in found.items()], className="answers")


def _recipient(name: str, said: Sequence[tuple[str, str, int | None]]) -> Any:
    status = min((status for status, _, _ in said), key=_badness)
    badge = html.Span([shape(MARKS.get(status, "unknown")), word("why.status", status)], className=f"fate {status}")
    return html.Li([html.B(name), " ", badge, html.Ul([_said(text, letter) for _, text, letter in said])])


def _badness(status: str) -> int:
    return WORST_FIRST.index(status) if status in WORST_FIRST else 0


def _said(text: str, letter: int | None) -> Any:
    link = html.A(say("line.read"), href=f"{INBOX}/letters/{int(letter)}") if letter is not None else None
    return html.Li([text, " " if link else "", link])
