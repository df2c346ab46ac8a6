"""One request for a page, as plain values that a thread may work with, and the cookies that outlive it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from layouts import wording
from layouts.form import clean
from layouts.page import Said
from layouts.reader import LANGUAGE, ZONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

ACTOR, SAID = "painpoint_actor", "painpoint_said"
YEAR = 365 * 86_400
READ_WITHIN = 60
LONGEST_SAID, LONGEST_COOKIE = 600, 3_500
"""What is said must fit into a cookie, where a letter may take nine bytes."""


@dataclass(frozen=True)
class Visit:
    """What a browser asks for, with the name of whoever acts and what the last page said of it."""

    path: str
    query: Mapping[str, str]
    actor: str
    said: Said | None
    secure: bool
    again: str | None
    address: str = "/"
    """Where the browser is, to come back to."""
    form: Mapping[str, str] = field(default_factory=dict)
    client: str = ""
    """The network address that the browser asks from."""

    @classmethod
    def of(cls, request: Request) -> Visit:
        address, query = request.url.path, request.url.query
        here = f"{address}?{query}" if query else address
        return cls(
            path=address,
            query=dict(request.query_params),
            actor=clean(unquote(request.cookies.get(ACTOR, "")), 80),
            said=_said(request.cookies.get(SAID, "")),
            secure=request.url.scheme == "https",
            again=None if request.method == "POST" else here,
            address=here,
            client=request.client.host if request.client else "",
        )

    def refused(self, sentence: str) -> Visit:
        """Draw the same page again, with what is wrong on it."""
        return replace(self, said=Said(wording.sentence(sentence), wrong=True))

    def remember(self, response: Response, actor: str) -> None:
        """Let the browser fill in the name the next time."""
        response.set_cookie(ACTOR, quote(actor, safe=""), max_age=YEAR, secure=self.secure, samesite="lax")

    def choose(self, response: Response, language: str, zone: str) -> None:
        """Let the browser keep how its reader is spoken to; pages with scripts read and set these cookies too."""
        for name, value in ((LANGUAGE, language), (ZONE, zone)):
            if value:
                kept = quote(value, safe="")
                response.set_cookie(name, kept, max_age=YEAR, path="/", secure=self.secure, samesite="lax")
            else:
                response.delete_cookie(name, path="/", secure=self.secure, samesite="lax")

    def tell_next(self, response: Response, sentence: str) -> None:
        """Let the next page say what was done. In a cookie: an address that says it could be sent to anyone by anyone."""
        said = sentence[:LONGEST_SAID]
        while len(quote(said, safe="")) > LONGEST_COOKIE:
            said = f"{said[: len(said) * 3 // 4]}…"
        value = quote(said, safe="")
        response.set_cookie(
            SAID, value, max_age=READ_WITHIN, path=self._part, secure=self.secure, httponly=True, samesite="lax"
        )

    @property
    def _part(self) -> str:
        """The part of the pages that is visited, like "/alerts": what is said there is said nowhere else."""
        return f"/{self.path.split('/')[1]}"

    def forget_said(self, response: Response) -> None:
        response.delete_cookie(SAID, path=self._part, secure=self.secure, httponly=True, samesite="lax")


def _said(cookie: str) -> Said | None:
    text = clean(unquote(cookie), LONGEST_SAID)
    return Said(text) if text else None
