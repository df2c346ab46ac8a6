"""The scripts and styles of Dash and our own, packed once and kept: packing them per request would hold up every stream."""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
import threading
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from layouts.shell import ASSETS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from dash import Dash
    from starlette.requests import Request

SUITES, OWN = "/_dash-component-suites/", "/assets/"
FOR_EVER = "public, max-age=31536000, immutable"
ASKED_AGAIN = "no-cache"
_LEAST = 500
"""Bytes below which packing gains nothing."""


@dataclass(frozen=True)
class Packed:
    """A file as it is and, where that is smaller, packed."""

    media_type: str
    plain: bytes
    packed: bytes | None
    digest: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Packed:
        packed = gzip.compress(content, 9, mtime=0) if len(content) >= _LEAST else content
        return cls(
            media_type, content, packed if len(packed) < len(content) else None, sha256(content).hexdigest()[:32]
        )


class Suites:
    """Serves `/_dash-component-suites/*` and `/assets/*`: each file is read and packed in a thread, when first asked for."""

    def __init__(self, dash: Dash) -> None:
        self._dash = dash
        self._kept: dict[Hashable, Packed] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._changing = threading.Lock()

    def routes(self) -> list[Route]:
        """Give the routes; they belong before Dash's own."""
        return [
            Route(f"{SUITES}{{package}}/{{path:path}}", self._suite),
            Route(f"{OWN}{{path:path}}", self._own),
        ]

    async def _suite(self, request: Request) -> Response:
        from dash.fingerprint import check_fingerprint  # noqa: PLC0415  # where Dash keeps it is Dash's business

        package = request.path_params["package"]
        path, fingerprinted = check_fingerprint(request.path_params["path"])
        found = await asyncio.to_thread(self._known, (package, path), lambda: self._of_dash(package, path, request))
        return _answer(found, request, FOR_EVER if fingerprinted else ASKED_AGAIN)

    async def _own(self, request: Request) -> Response:
        path, query = request.path_params["path"], request.url.query
        found = await asyncio.to_thread(self._of_ours, path)
        return _answer(found, request, FOR_EVER if query.startswith(("v=", "m=")) else ASKED_AGAIN)

    def _of_dash(self, package: str, path: str, request: Request) -> Packed | None:
        """Let Dash read the file; it knows which ones may be asked for."""
        try:
            response = self._dash.backend.serve_component_suites(self._dash, package, path, request)
        except Exception:  # noqa: BLE001  # Dash raises several for what is not there; none may become a failure of ours
            return None
        return Packed.of(bytes(response.body), response.media_type) if response.status_code == 200 else None

    def _of_ours(self, path: str) -> Packed | None:
        file = ASSETS / path
        if "/" in path or "\\" in path or path.startswith(".") or not file.is_file():
            return None
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return self._known((path, file.stat().st_mtime_ns), lambda: Packed.of(file.read_bytes(), kind))

    def _known(self, name: Hashable, make: Callable[[], Packed | None]) -> Packed | None:
        """Give what was packed before, or pack it now; whoever asks for the same meanwhile waits instead of packing it too."""
        with self._changing:
            lock = self._locks.setdefault(name, threading.Lock()) if name not in self._kept else None
        if lock is None:
            return self._kept[name]
        with lock:
            found = self._kept.get(name) or make()
        with self._changing:
            self._locks.pop(name, None)
            if found is not None:
                self._kept[name] = found
        return found


def _answer(found: Packed | None, request: Request, caching: str) -> Response:
    if found is None:
        return PlainTextResponse("not found", 404, headers={"Cache-Control": "no-store"})
    headers = {"Cache-Control": caching, "Vary": "Accept-Encoding", "ETag": f'W/"{found.digest}"'}
    if found.digest in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if found.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(found.plain, media_type=found.media_type, headers=headers)


PACKED_HERE = (SUITES, OWN, "/export/")
"""What begins so is packed where it is made."""


def packs_itself(scope: Any) -> bool:
    return scope["type"] == "http" and str(scope["path"]).startswith(PACKED_HERE)
