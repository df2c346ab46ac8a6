"""Where codes of tiles lead: to the drill-down they name, or to a page that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html
from starlette.responses import RedirectResponse
from starlette.routing import Route

from layouts.codes import PATH, Codes, Gone
from layouts.field import button, field
from layouts.form import clean
from layouts.page import heading
from layouts.words import say

if TYPE_CHECKING:
    from starlette.responses import Response

    from layouts.pages import Pages
    from layouts.visit import Visit

TYPED = "/t"
"""The page to type a code into."""


class CodeRoutes:
    """Short addresses, as scanned or typed."""

    def __init__(self, pages: Pages, codes: Codes) -> None:
        self._pages = pages
        self._codes = codes

    def routes(self) -> list[Route]:
        scanned = self._pages.handler(self._scanned)
        return [
            Route(f"{PATH}{{code}}", scanned),
            Route(f"{PATH.lower()}{{code}}", scanned),
            Route(TYPED, self._pages.handler(self._typed)),
        ]

    def _scanned(self, visit: Visit, code: str) -> Response:
        return self._lead(visit, code)

    def _typed(self, visit: Visit) -> Response:
        typed = clean(visit.query.get("code", ""), 40)
        return self._lead(visit, typed) if typed else self._draw(visit, "")

    def _lead(self, visit: Visit, code: str) -> Response:
        found = self._codes.resolve(code)
        if found is None:
            return self._draw(visit, code, say("codes.unknown", code=clean(code, 40)), 404)
        if isinstance(found, Gone):
            return self._draw(visit, code, say("codes.gone", version=found.version), 410)
        return RedirectResponse(found.address, 302)

    def _draw(self, visit: Visit, code: str, sentence: str = "", status: int = 200) -> Response:
        content: list[Any] = [
            heading(say("codes.title")),
            html.P(sentence or say("codes.says"), className="outcome" if sentence else "soft"),
            html.P(html.A(say("codes.newest"), href="/"), className="leads") if sentence else None,
            html.Form(
                [
                    field("code", "code", say("codes.code"), value=clean(code, 40), maxLength="12", autoComplete="off",
                          autoCapitalize="characters", className="short"),
                    button(say("codes.go")),
                ],
                method="get",
                action=TYPED,
                className="deed",
            ),
        ]  # fmt: skip
        return self._pages.draw(visit, say("codes.title"), content, here="", status=status)
