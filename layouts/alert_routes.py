"""The routes of alerts: the inbox, an episode, letters and silences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from layouts import card
from layouts.desk import VERBS, RefusedError
from layouts.episode import MORNING, TOMORROW, draw_episode
from layouts.filters import INBOX, PER_PAGE, Filters
from layouts.form import FaultError, actor_of, hours_of, reason_of
from layouts.inbox import NAME, Inbox, draw_inbox
from layouts.letters import LETTERS, draw_letter, draw_letters
from layouts.pulse import DEAD
from layouts.reader_route import ReaderRoute
from layouts.silences import SILENCES, Known, draw_silences, wanted_of
from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from layouts.pages import Pages
    from layouts.visit import Visit


class AlertRoutes:
    """What is looked at and done on our own pages."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def routes(self) -> list[Route]:
        page, both = self._pages.handler, ["GET", "POST"]
        return [
            Route(INBOX, page(self._inbox)),
            Route(NAME, page(self._name), methods=["POST"]),
            Route(LETTERS, page(self._letters)),
            Route(f"{LETTERS}/{{number:int}}", page(self._letter, self._send_again), methods=both),
            Route(SILENCES, page(self._silences, self._change_silences), methods=both),
            Route(f"{INBOX}/{{number:int}}", page(self._episode, self._act), methods=both),
            Route(f"{INBOX}/{{rest:path}}", page(self._pages.missing)),
            *ReaderRoute(self._pages).routes(),
        ]

    # ---- the inbox and its episodes ----

    def _inbox(self, visit: Visit, status: int = 200) -> Response:
        filters = Filters.read(visit.query)
        episodes, total = self._pages.desk.episodes(filters.state, filters.words, filters.page)
        if not episodes and total:  # the last one of the last page has just left it
            filters = filters.at(-(-total // PER_PAGE))
            episodes, total = self._pages.desk.episodes(filters.state, filters.words, filters.page)
        latest = self._pages.feed.latest
        inbox = Inbox(
            filters=filters,
            episodes=episodes,
            total=total,
            counts=self._pages.desk.counts(),
            judged=latest.board.counts() if latest else None,
            engine_dead=self._pages.pulse.engine == DEAD,
            actor=visit.form.get("actor") or visit.actor,
        )
        return self._pages.draw(visit, say("inbox.title"), draw_inbox(inbox, self._pages.times()), status=status)

    def _name(self, visit: Visit) -> Response:
        filters, on_letters = Filters.read(visit.query), visit.form.get("list") == "letters"
        try:
            actor = actor_of(visit.form)
        except FaultError as error:
            drawn = self._letters if on_letters else self._inbox
            return drawn(visit.refused(str(error)), error.status)
        target = LETTERS if on_letters else filters.address()
        return self._pages.go(visit, target, say("inbox.remembered", actor=actor), actor)

    def _episode(self, visit: Visit, number: int, status: int = 200) -> Response:
        episode = self._pages.desk.episode(number)
        if episode is None:
            return self._pages.missing(visit)
        filters, times = Filters.read(visit.query), self._pages.times()
        title = say("episode.title", title=card.title(episode), place=card.place(episode))
        content = draw_episode(episode, filters, times, visit.actor, visit.form)
        return self._pages.draw(visit, title, content, status=status)

    def _act(self, visit: Visit, number: int) -> Response:
        filters, from_list = Filters.read(visit.query), "list" in visit.form
        try:
            actor, sentence = self._acted(visit.form, number)
        except (FaultError, RefusedError) as error:
            status = error.status if isinstance(error, FaultError) else 409
            again = visit.refused(str(error))
            return self._inbox(again, status) if from_list else self._episode(again, number, status)
        return self._pages.go(visit, filters.address(INBOX if from_list else f"{INBOX}/{number}"), sentence, actor)

    def _acted(self, form: Mapping[str, str], number: int) -> tuple[str, str]:
        verb = form.get("verb", "")
        if verb not in VERBS:
            raise FaultError(400, say("form.no_verb"))
        actor = actor_of(form)
        reason = reason_of(form, required=verb == "silence")
        hours = hours_of(form.get("hours", "")) if verb == "silence" else None
        if verb == "snooze":
            hours = self._length(form)
        return actor, self._pages.desk.act(number, verb, actor, reason, hours)

    def _length(self, form: Mapping[str, str]) -> float:
        """Read how long to snooze: a number that was typed counts more than the list above it."""
        chosen = form.get("hours") or form.get("length", "")
        if chosen != TOMORROW:
            return hours_of(chosen)
        times = self._pages.times()
        return (times.tomorrow(MORNING) - times.now).total_seconds() / 3600

    # ---- letters and silences ----

    def _letters(self, visit: Visit, status: int = 200) -> Response:
        actor = visit.form.get("actor") or visit.actor
        content = draw_letters(self._pages.desk.dead_letters(), self._pages.times(), actor)
        return self._pages.draw(visit, say("letters.title"), content, here=LETTERS, status=status)

    def _letter(self, visit: Visit, number: int) -> Response:
        letter = self._pages.desk.letter(number)
        if letter is None:
            return self._pages.missing(visit)
        subject, text = letter
        return self._pages.draw(visit, say("letter.title", subject=subject), draw_letter(subject, text), here=LETTERS)

    def _send_again(self, visit: Visit, number: int) -> Response:
        try:
            actor = actor_of(visit.form)
            sentence = self._pages.desk.send_again(number, actor)
        except (FaultError, RefusedError) as error:
            status = error.status if isinstance(error, FaultError) else 409
            return self._letters(visit.refused(str(error)), status)
        return self._pages.go(visit, LETTERS, sentence, actor)

    def _silences(self, visit: Visit, status: int = 200) -> Response:
        latest = self._pages.feed.latest
        known = Known.of(latest.board if latest else None)
        content = draw_silences(self._pages.desk.silences(), known, self._pages.times(), visit.actor, visit.form)
        return self._pages.draw(visit, say("silences.title"), content, here=SILENCES, status=status)

    def _change_silences(self, visit: Visit) -> Response:
        form = visit.form
        try:
            actor = actor_of(form)
            if number := form.get("end"):
                sentence = self._pages.desk.end_silence(number, actor)
            else:
                wanted, hours = wanted_of(form), hours_of(form.get("hours", ""))
                sentence = self._pages.desk.silence(wanted, actor, reason_of(form, required=True), hours)
        except (FaultError, RefusedError) as error:
            status = error.status if isinstance(error, FaultError) else 409
            return self._silences(visit.refused(str(error)), status)
        return self._pages.go(visit, SILENCES, sentence, actor)
