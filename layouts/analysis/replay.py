"""Trying rejected rows again: asked for, confirmed, shown while it runs, and told how it went."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dash import dcc, html

from layouts import wording
from layouts.analysis.gone import GONE, accounts
from layouts.analysis.look import mark
from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BUTTON, RUNS, SAID = "replay", "replay-runs", "replay-said"


def ask(source: str, rows: int) -> Any:
    """Draw the question, folded up until somebody asks; the button in it is the confirmation."""
    button = html.Button(
        say("replay.do", n=rows), id=BUTTON, className="button", type="button", **{"data-source": source}
    )
    runs = html.P([html.Span(className="turning-round"), say("replay.runs")], id=RUNS, hidden=True, role="status")
    question = [html.P(say("replay.says", n=rows, name=source)), button, runs, html.Div(id=SAID, role="status")]
    return html.Details([html.Summary(say("replay.ask")), html.Div(question, className="panel")], className="replay")


def done(counts: Mapping[str, Any], address: str) -> list[Any]:
    """Say where the rows went."""
    if counts.get("error"):
        return failed(say("replay.failed", error=wording.sentence(str(counts["error"]))))
    said = accounts({name: int(counts.get(name) or 0) for name in ("read", *GONE)})
    anew = dcc.Link(say("replay.anew"), href=address, refresh=True, className="button")
    return [html.P([mark("green"), " ", say("replay.done", counts=said)]), html.P(anew)]


def failed(sentence: str) -> list[Any]:
    return [html.P([mark("dead"), " ", sentence], className="level red")]


class Running:
    """Sources whose rows are being tried again; none is at the same time twice, whoever asks."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._changing = threading.Lock()

    @contextmanager
    def of(self, source: str) -> Iterator[bool]:
        """Tell whether it may begin; within, nobody else may begin with the same source."""
        with self._changing:
            free = source not in self._names
            self._names.add(source)
        try:
            yield free
        finally:
            if free:
                with self._changing:
                    self._names.discard(source)
