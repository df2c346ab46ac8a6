"""`POST /api/push/NAME`: rows that others send, handed to whoever stores them and never handled on the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from layouts.feed import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from starlette.requests import Request

MOST_HELD = 128 << 20
"""Bytes of all bodies that wait together; whoever sends more is asked to come again."""
SLOWEST_BODY = 60.0
DRAINED = 64 << 20


class Answer(Protocol):
    """An HTTP answer."""

    @property
    def status(self) -> int: ...
    @property
    def document(self) -> Mapping[str, Any]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class Door(Protocol):
    """Who decides what is taken, and stores it; `most_bytes` is the largest body."""

    most_bytes: int

    def refusal(self, name: str, authorization: str, content_type: str, encoding: str) -> Answer | None: ...

    def take(self, name: str, content_type: str, encoding: str, key: str | None, body: bytes) -> Future[Any]: ...


class _RefusedError(Exception):
    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.response = _json({"error": sentence}, status, {n.replace("_", "-"): v for n, v in headers.items()})


class PushRoute:
    """The route of one app, with the bytes that it holds; `closing` tells whether its server is about to stop."""

    def __init__(self, door: Door, closing: Callable[[], bool]) -> None:
        self._door = door
        self._closing = closing
        self._held = 0

    def route(self) -> Route:
        return Route("/api/push/{name}", self.push, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])

    async def push(self, request: Request) -> Response:
        name, said = request.path_params["name"], request.headers
        if request.method != "POST":
            return _json({"error": "Rows are pushed with POST."}, 405, {"Allow": "POST"})
        kind, encoding = said.get("content-type", ""), said.get("content-encoding", "")
        if (refusal := self._door.refusal(name, said.get("authorization", ""), kind, encoding)) is not None:
            return await _drained(request, _json(refusal.document, refusal.status, refusal.headers))
        body = bytearray()
        try:
            async with asyncio.timeout(SLOWEST_BODY):
                await self._read(request, body)
            taken = self._door.take(name, kind, encoding, said.get("idempotency-key"), bytes(body))
            answer: Answer = await asyncio.wrap_future(taken)
        except _RefusedError as error:
            return await _drained(request, error.response)
        except TimeoutError:
            return _json({"error": f"The body did not come within {SLOWEST_BODY:.0f} s; send less at a time."}, 408, {})
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        finally:
            self._held -= len(body)
        return _json(answer.document, answer.status, answer.headers)

    async def _read(self, request: Request, body: bytearray) -> None:
        most = self._door.most_bytes
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > most:
            raise _large(most)
        async for block in request.stream():
            body += block
            self._held += len(block)
            if len(body) > most:
                raise _large(most)
            if self._held > MOST_HELD:
                raise _RefusedError(503, "More is sent than can be stored at once; come again.", Retry_After="1")
        if self._closing():
            raise _RefusedError(503, "Painpoint is stopping; send it again.", Retry_After="5")


def _large(most: int) -> _RefusedError:
    return _RefusedError(413, f"The body is larger than {most >> 20} MB; split it into several.")


async def _drained(request: Request, response: Response) -> Response:
    """Read on for a while before refusing: a client that still sends would lose the connection, and the answer with it."""
    left = DRAINED
    try:
        async with asyncio.timeout(5):
            async for block in request.stream():
                left -= len(block)
                if left < 0:
                    break
    except (TimeoutError, ClientDisconnect, RuntimeError):  # the last: it was read to its end already
        pass
    return response


def _json(document: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> Response:
    return Response(encode(document), status, {"Cache-Control": "no-store", **headers}, "application/json")
