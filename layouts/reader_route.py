"""The route that lets a browser keep the language and the zone that its reader chose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import Route

from layouts.form import FaultError
from layouts.reader_menu import READER, back_of, chosen_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from layouts.pages import Pages
    from layouts.visit import Visit


class ReaderRoute:
    """Takes the form of the menu, from our own pages only."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def routes(self) -> list[Route]:
        return [Route(READER, self._pages.handler(self._choose), methods=["POST"])]

    def _choose(self, visit: Visit) -> Response:
        try:
            language, zone = chosen_of(visit.form)
        except FaultError as error:
            return self._pages.wrong(visit, error.status, str(error))
        response = RedirectResponse(back_of(visit.form), 303)
        visit.choose(response, language, zone)
        return response
