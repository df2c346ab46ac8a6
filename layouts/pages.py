"""What every server-drawn page needs around it: its handler, its frame, and an honest page where it fails.

The desk's methods are database calls, and drawing fifty episodes takes a while: all of it runs in threads, never on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response

from analytics.board import instant
from layouts import wording
from layouts.desk import Desk, RefusedError
from layouts.filters import INBOX
from layouts.form import FaultError, read_form, require_own_page
from layouts.letters import LETTERS
from layouts.page import PAGE_POLICY, Entry, Frame, draw_page, sentence_page
from layouts.pulse import DEAD
from layouts.reader import Reader
from layouts.silences import SILENCES
from layouts.times import Times
from layouts.visit import Visit
from layouts.words import reader, say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from starlette.requests import Request

    from layouts.feed import BoardFeed
    from layouts.pulse import Pulse

MOST_NUMBER = 2**31 - 1
"""Greater numbers are none of ours, and some databases refuse to look for them."""

_log = logging.getLogger(__name__)


class Pages:
    """What the pages of one app share; `public_url` is an address that forms may come from beside the one that was asked."""

    def __init__(
        self,
        desk: Desk,
        feed: BoardFeed,
        pulse: Pulse,
        *,
        network: str,
        public_url: str | None,
        clock: Callable[[], datetime],
    ) -> None:
        self.desk = desk
        self.feed = feed
        self.pulse = pulse
        self.network = network
        self._hosts = [urlsplit(public_url).netloc] if public_url else []
        self._clock = clock
        self.further: list[Callable[[], Entry]] = []
        """Entries of the navigation behind those of alerts, made for each page in its language."""
        self.analysis: list[str] = []
        """The names of the analyst's pages, where there are any."""

    def handler(
        self, drawn: Callable[..., Response], done: Callable[..., Response] | None = None, *, own_pages: bool = True
    ) -> Callable[[Request], Any]:
        """Make a handler that draws at GET and does at POST; with `own_pages` only for forms of our own pages.

        The link of a mail is a right by itself, so whoever has it may post from anywhere.
        """

        async def handle(request: Request) -> Response:
            with Reader.of(request.cookies, request.headers, self.zone()).spoken():
                return await answer(request)

        async def answer(request: Request) -> Response:
            visit, work = Visit.of(request), drawn
            parts = dict(request.path_params)
            try:
                if request.method == "POST":
                    work = done or drawn
                    if own_pages:
                        require_own_page(request, self._hosts)
                    visit = replace(visit, form=await read_form(request))
                response = await asyncio.to_thread(self._guarded, work, visit, parts)
            except FaultError as error:
                response = await asyncio.to_thread(self.wrong, visit, error.status, str(error))
            if visit.said is not None and request.method == "GET":
                visit.forget_said(response)
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
            return response

        return handle

    def _guarded(self, work: Callable[..., Response], visit: Visit, parts: Mapping[str, Any]) -> Response:
        try:
            if parts.get("number", 0) > MOST_NUMBER:
                return self.missing(visit)
            return work(visit, **parts)
        except FaultError as error:
            return self.wrong(visit, error.status, str(error))
        except RefusedError as error:
            return self.wrong(visit, 409, str(error))
        except Exception:  # noqa: BLE001  # whatever it is: a page that says so is worth more than none
            _log.exception("%s could not be answered", visit.path.split("/")[1:3])
            return self._failed(visit)

    def zone(self) -> str:
        """Give the network's zone, which is the clock of whoever has chosen no other."""
        latest = self.feed.latest
        return latest.board.timezone if latest else "UTC"

    def times(self) -> Times:
        """Give times on the clock of whoever reads."""
        return Times(self._clock(), str(reader().zone))

    def draw(
        self, visit: Visit, title: str, content: Sequence[Any], *, here: str = INBOX, status: int = 200
    ) -> Response:
        return HTMLResponse(draw_page(self.frame(visit, here), title, content), status)

    def frame(self, visit: Visit, here: str = "") -> Frame:
        counts, trouble = self._standing()
        times = self.times()
        entries = [
            Entry("/", say("frame.wall")),
            *(Entry(f"/{name}", say(f"nav.{name}")) for name in self.analysis),
            Entry(INBOX, say("frame.alerts"), counts["open"]),
            Entry(SILENCES, say("frame.silences")),
            Entry(LETTERS, say("frame.letters"), counts["dead"]),
            *(entry() for entry in self.further),
        ]
        troubles = [text for text in (trouble, self._engine(times)) if text]
        return Frame(
            self.network, times, self._state(), entries, troubles, visit.said, here, visit.again, visit.address
        )

    def _standing(self) -> tuple[Mapping[str, int], str]:
        """Give the counts of the navigation and what is wrong with alerts; that it cannot be known is wrong too."""
        try:
            return self.desk.counts(), wording.sentence(str(self.desk.status()["sentence"] or ""))
        except Exception:  # noqa: BLE001  # the page's own content says more, or fails with a page of its own
            _log.exception("The state of alerts cannot be read")
            return {"open": 0, "dead": 0}, say("frame.desk_unknown")

    def _engine(self, times: Times) -> str:
        if self.pulse.engine != DEAD:
            return ""
        judged = instant(self.feed.judged)
        if judged is None:
            return say("frame.engine_never")
        return say("frame.engine_dead", time=times.when(judged), ago=times.span(judged))

    def _state(self) -> str:
        latest = self.feed.latest
        if latest is None or self.pulse.engine == DEAD:
            return "stale"
        return "late" if any(feed.state in {"late", "dead"} for feed in latest.board.feeds) else "live"

    def wrong(self, visit: Visit, status: int, sentence: str) -> Response:
        page = sentence_page(
            self.frame(replace(visit, again=None)),
            say("wrong.refused"),
            [wording.sentence(sentence)],
            (say("mailed.see_all"), INBOX),
        )
        return HTMLResponse(page, status)

    def missing(self, visit: Visit, **_: Any) -> Response:
        if visit.path == f"{INBOX}/":
            return RedirectResponse(INBOX, 307)
        says = say("wrong.missing_says", path=visit.path)
        links = (say("mailed.see_all"), INBOX), (say("inbox.the_wall").capitalize(), "/")
        return HTMLResponse(sentence_page(self.frame(visit), say("wrong.missing"), [says], *links), 404)

    def _failed(self, visit: Visit) -> Response:
        page = sentence_page(self.frame(visit), say("wrong.desk"), [say("wrong.desk_says")])
        return HTMLResponse(page, 503, {"Retry-After": "10"})

    def go(self, visit: Visit, address: str, sentence: str, actor: str = "") -> Response:
        """Send the browser to a page, which says what was done."""
        response = RedirectResponse(address, 303)
        visit.tell_next(response, wording.sentence(sentence))
        if actor:
            visit.remember(response, actor)
        return response
