"""The routes that links in mails lead to; whoever has such a link may use it, and only a POST does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from layouts import mailed, wording
from layouts.desk import RefusedError
from layouts.filters import INBOX
from layouts.form import FaultError
from layouts.page import sentence_page
from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from layouts.pages import Pages
    from layouts.visit import Visit


class MailRoutes:
    """What a token of the desk is the right to; they stand before the routes of alerts, which know no other address."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def routes(self) -> list[Route]:
        return [
            self._route(mailed.ACT, self._deed, self._do),
            self._route(mailed.UNSUBSCRIBE, self._leave, self._left),
            self._route(mailed.PREFERENCES, self._choices, self._choose),
        ]

    def _route(self, page: str, drawn: Callable[..., Response], done: Callable[..., Response]) -> Route:
        handler = self._pages.handler(drawn, done, own_pages=False)
        return Route(f"{INBOX}/{page}/{{token}}", handler, methods=["GET", "POST"])

    def _with_right(
        self, visit: Visit, token: str, page: str, work: Callable[[Mapping[str, Any]], Response]
    ) -> Response:
        """Do something with a token's right; one that is no longer or never was a right gets a page that says so."""
        try:
            right = self._pages.desk.token(token)
            mailed.require_page(right, page)
            return work(right)
        except RefusedError as error:
            told = wording.sentence(str(error))
            title, status = ("mailed.expired", 410) if error.gone else ("mailed.invalid", 400)
            says = [told] if error.gone else [told, say("mailed.invalid_hint")]
            quiet = self._pages.frame(replace(visit, again=None))
            return HTMLResponse(sentence_page(quiet, say(title), says, (say("mailed.see_all"), INBOX)), status)

    def _plain(self, visit: Visit, title: str, content: Sequence[Any], status: int = 200) -> Response:
        return self._pages.draw(replace(visit, again=None), title, content, here="", status=status)

    def _deed(self, visit: Visit, token: str) -> Response:
        def draw(right: Mapping[str, Any]) -> Response:
            if right["used_at"]:
                return self._used(visit, right)
            return self._plain(visit, mailed.title_of(right), mailed.draw_deed(right, visit.path, self._pages.times()))

        return self._with_right(visit, token, mailed.ACT, draw)

    def _do(self, visit: Visit, token: str) -> Response:
        def do(right: Mapping[str, Any]) -> Response:
            if right["used_at"]:
                return self._used(visit, right)
            sentence = self._pages.desk.use(token, {})
            episode = right["episode"] and self._pages.desk.episode(right["episode"]["id"])
            content = mailed.draw_done(sentence, {**right, "episode": episode}, self._pages.times())
            return self._plain(visit, say("mailed.done"), content)

        return self._with_right(visit, token, mailed.ACT, do)

    def _used(self, visit: Visit, right: Mapping[str, Any]) -> Response:
        return self._plain(visit, say("mailed.used"), mailed.draw_used(right, self._pages.times()), 410)

    def _leave(self, visit: Visit, token: str) -> Response:
        def draw(right: Mapping[str, Any]) -> Response:
            if _stopped(right):
                return self._gone_already(visit, right)
            content = mailed.draw_unsubscribe(right, visit.path, self._pages.network)
            return self._plain(visit, mailed.title_of(right), content)

        return self._with_right(visit, token, mailed.UNSUBSCRIBE, draw)

    def _left(self, visit: Visit, token: str) -> Response:
        name, value = mailed.ONE_CLICK

        def leave(right: Mapping[str, Any]) -> Response:
            # Mail programs post more than once; what is so already is no fault.
            already = say("mailed.unsubscribed", recipient=right["recipient"])
            sentence = already if _stopped(right) else self._pages.desk.use(token, {})
            if visit.form.get(name) == value:
                return PlainTextResponse(wording.sentence(sentence))
            return self._plain(visit, say("mailed.done"), mailed.draw_done(sentence, right, self._pages.times()))

        return self._with_right(visit, token, mailed.UNSUBSCRIBE, leave)

    def _gone_already(self, visit: Visit, right: Mapping[str, Any]) -> Response:
        sentence = say("mailed.unsubscribed", recipient=right["recipient"])
        return self._plain(visit, say("mailed.done"), mailed.draw_done(sentence, right, self._pages.times()))

    def _choices(self, visit: Visit, token: str, status: int = 200) -> Response:
        def draw(right: Mapping[str, Any]) -> Response:
            content = mailed.draw_preferences(right, visit.path, self._pages.network, visit.form)
            return self._plain(visit, mailed.title_of(right), content, status)

        return self._with_right(visit, token, mailed.PREFERENCES, draw)

    def _choose(self, visit: Visit, token: str) -> Response:
        def choose(_: Mapping[str, Any]) -> Response:
            try:
                sentence = self._pages.desk.use(token, mailed.chosen_of(visit.form))
            except (FaultError, RefusedError) as error:
                if isinstance(error, RefusedError) and error.gone:
                    raise
                return self._choices(visit.refused(str(error)), token, 400)
            return self._pages.go(visit, visit.path, sentence)

        return self._with_right(visit, token, mailed.PREFERENCES, choose)


def _stopped(right: Mapping[str, Any]) -> bool:
    return bool((right["preferences"] or {}).get("stopped"))
