"""What is pushed to the product: who may, what can be read, and the answer once the rows are durable."""

from __future__ import annotations

import hmac
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from data.loaders import KeyReusedError
from data.sources.chunk import SourceError
from data.sources.push import Delivery, TooLargeError, readable, unpacked
from data.warehouse import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.session import Session
    from data.settings import Source

log = logging.getLogger(__name__)

MOST_BYTES = 16 << 20
MOST_WAITING = 100
"""Pushes to one source that wait for their turn; further ones are asked to come again."""
LONGEST_KEY = 255
_READ = "application/json, application/x-ndjson or text/csv"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: its status, its document, and headers."""

    status: int
    document: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def refused(status: int, sentence: str, **headers: str) -> Answer:
    return Answer(status, {"error": sentence}, {name.replace("_", "-"): value for name, value in headers.items()})


class Inbox:
    """Takes what is pushed. Pushes to one source take turns in their order, in a thread of that source's own."""

    most_bytes = MOST_BYTES

    def __init__(self, session: Session, after: Callable[[], None]) -> None:
        """`after` is called when rows were taken."""
        self._sources = {source.name: source for source in session.settings.sources if source.format == "push"}
        self._loader = session.loader()
        self._after = after
        self._threads = {name: ThreadPoolExecutor(1, f"push {name}") for name in self._sources}
        self._waiting = dict.fromkeys(self._sources, 0)
        self._counting = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Take nothing more; return when what is being stored is stored."""
        self._closed = True
        for thread in self._threads.values():
            thread.shutdown(wait=True, cancel_futures=True)

    def refusal(self, name: str, authorization: str, content_type: str, encoding: str) -> Answer | None:
        """Say why a push is refused before its body is read; None if it is not."""
        source = self._sources.get(name)
        if source is None:
            known = ", ".join(self._sources)
            return refused(
                404, f"There is no push source {name!r}; {f'there is {known}' if known else 'there is none'}."
            )
        if (problem := self._stranger(source, authorization)) is not None:
            return problem
        if not readable(content_type):
            wrong = f"A body of type {content_type!r} cannot be read" if content_type else "Content-Type is missing"
            return refused(415, f"{wrong}; send {_READ}.", Accept_Post=_READ.replace(" or", ","))
        if encoding.lower() not in ("", "identity", "gzip", "x-gzip"):
            return refused(415, f"Content-Encoding {encoding!r} cannot be unpacked; use gzip or none.")
        if self._closed:
            return _stopping()
        if self._waiting[name] >= MOST_WAITING:
            wrong = f"{MOST_WAITING} pushes to {name} wait already; come again, and send more rows at a time."
            return refused(503, wrong, Retry_After="1")
        return None

    def _stranger(self, source: Source, authorization: str) -> Answer | None:
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            wrong = f"Who pushes to {source.name} must say so; send the header Authorization: Bearer TOKEN."
            return refused(401, wrong, WWW_Authenticate="Bearer")
        # every token is compared, and each in constant time, so that the time taken tells nothing
        given = token.strip().encode()
        fits = {name: hmac.compare_digest(given, (s.token or "").encode()) for name, s in self._sources.items()}
        if fits[source.name]:
            return None
        if any(fits.values()):
            return refused(403, f"This token is another source's; push to {source.name} with its own.")
        wrong = f"This is not the token of {source.name}; use the one in its settings."
        return refused(401, wrong, WWW_Authenticate='Bearer error="invalid_token"')

    def take(self, name: str, content_type: str, encoding: str, key: str | None, body: bytes) -> Future[Answer]:
        """Store a body that was not refused; the answer follows when its rows are durable, or why they are not."""
        with self._counting:
            self._waiting[name] += 1
        try:
            future = self._threads[name].submit(self._answer, self._sources[name], content_type, encoding, key, body)
        except RuntimeError:  # shut down meanwhile
            self._done(name)
            future = Future()
            future.set_result(_stopping())
            return future
        future.add_done_callback(lambda _: self._done(name))
        return future

    def _done(self, name: str) -> None:
        with self._counting:
            self._waiting[name] -= 1

    def _answer(self, source: Source, content_type: str, encoding: str, key: str | None, body: bytes) -> Answer:
        try:
            return self._stored(source, content_type, encoding, key, body)
        except TooLargeError:
            return too_large()
        except SourceError as error:
            return refused(422, f"{str(error)[:1].upper()}{str(error)[1:]}.")
        except KeyReusedError:
            wrong = "This Idempotency-Key came with another body before; give every body a key of its own."
            return refused(422, wrong)
        except (WarehouseError, duckdb.Error, OSError):
            log.exception("what was pushed to %s could not be stored", source.name)
            return refused(
                503, "The warehouse cannot be written now; nothing was stored, send it again.", Retry_After="5"
            )
        except Exception:
            log.exception("what was pushed to %s could not be stored", source.name)
            return refused(500, "This failed through a fault of Painpoint's, nothing was stored; its log says more.")

    def _stored(self, source: Source, content_type: str, encoding: str, key: str | None, body: bytes) -> Answer:
        if key is not None and not 0 < len(key) <= LONGEST_KEY:
            return refused(422, f"An Idempotency-Key has 1 to {LONGEST_KEY} characters; shorten it, or leave it out.")
        if encoding.lower() in ("gzip", "x-gzip"):
            body = unpacked(body, self.most_bytes)
        tally = self._loader.receive(source, Delivery(body, content_type, key))
        if tally.stored or tally.quarantined:
            self._after()
        return Answer(202, asdict(tally))


def too_large() -> Answer:
    return refused(413, f"The body is larger than {MOST_BYTES >> 20} MB; split it into several.")


def _stopping() -> Answer:
    return refused(503, "Painpoint is stopping; send it again.", Retry_After="5")
