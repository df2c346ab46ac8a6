"""An edition of the wall: which of the prepared payloads a screen shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layouts.words import LANGUAGES, USUAL

if TYPE_CHECKING:
    from starlette.requests import Request

AREAS = ("region", "country", "type", "tier", "shore")
"""What the master data says of partners, and so what the network can be cut into."""

_HOST = re.compile(r"[a-z0-9.\-]{1,100}(:\d{1,5})?|\[[0-9a-f:]{2,40}\](:\d{1,5})?")


@dataclass(frozen=True)
class Edition:
    """How a Board is prepared: cut into areas of a dimension or not at all, with QR codes that lead to an origin, in a language."""

    by: str = ""
    origin: str = ""
    language: str = USUAL

    @classmethod
    def of(cls, request: Request, public_url: str | None) -> Edition:
        """Read what a screen asks for; anything strange is left out, for editions are kept and must stay few."""
        by, language = (request.query_params.get(name, "") for name in ("by", "lang"))
        return cls(
            by if by in AREAS else "",
            origin_of(request, public_url),
            language if language in LANGUAGES else USUAL,
        )


def origin_of(request: Request, public_url: str | None) -> str:
    """Give the address that people know us by: the one of the settings, else the one that was asked; "" if that is strange."""
    if public_url:
        return public_url.rstrip("/")
    host = request.headers.get("host", "").lower()
    return f"{request.url.scheme}://{host}" if _HOST.fullmatch(host) else ""
