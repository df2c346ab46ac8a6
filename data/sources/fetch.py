"""One page from a web server: tried again while that may help, never larger than is sound, and each failure a sentence."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self

import httpx

from data.sources.chunk import SourceError
from data.sources.text import shown

if TYPE_CHECKING:
    import threading

    from data.settings import Source

LARGEST_PAGE = 64 << 20
SLOWEST_PAGE = 300.0
"""Seconds for one page, however slowly it trickles."""
SILENCE = httpx.Timeout(60.0, connect=10.0)
MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_SECRET_WORDS = ("auth", "key", "token", "secret")


@dataclass(frozen=True)
class Patience:
    """How often a page is tried, the longest first pause, and how many seconds in all may be waited for one page."""

    tries: int = 5
    pause: float = 1.0
    longest: float = 120.0


@dataclass(frozen=True)
class Page:
    """What a server answered; `address` is where it came from after redirects, `links` its Link header by relation."""

    address: httpx.URL
    body: bytes
    content_type: str
    links: dict[str, str]


class _PassingError(Exception):
    """A failure that may be over soon; `wait` is how long the server asks to be left alone."""

    def __init__(self, said: str, wait: float | None = None) -> None:
        super().__init__(said)
        self.wait = wait


class Fetcher:
    """Gets the pages of one source over one connection, its headers sent to the host of its url only."""

    def __init__(self, source: Source, stopping: threading.Event, patience: Patience) -> None:
        self._name = source.name
        self._headers = dict(source.headers)
        self._stopping = stopping
        self._patience = patience
        self.home, sign_in = _without_user(source.url or "")
        if sign_in is not None and not any(name.lower() == "authorization" for name in self._headers):
            self._headers["Authorization"] = sign_in
        accepted = "application/json, application/x-ndjson;q=0.9, */*;q=0.1"
        self._client = httpx.Client(
            timeout=SILENCE, follow_redirects=False, headers={"Accept": accepted, "User-Agent": "Painpoint"}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, address: httpx.URL) -> Page:
        """Get a page. Raises SourceError once trying again has not helped."""
        waited = 0.0
        for attempt in range(1, self._patience.tries + 1):
            if self._stopping.is_set():
                raise self._stopped()
            try:
                return self._once(address)
            except _PassingError as error:
                pause = error.wait
                if pause is None:  # a random part of a doubling span, so that many clients do not come back together
                    pause = random.uniform(0.1, 1.0) * self._patience.pause * 2 ** (attempt - 1)  # noqa: S311
                if attempt == self._patience.tries or waited + pause > self._patience.longest:
                    raise self._error(str(error), permanent=False, wait=error.wait or 0.0) from None
            pause = max(pause, 0.05)
            waited += pause
            if self._stopping.wait(pause):
                raise self._stopped()
        raise AssertionError("unreachable: the last try returns or raises")

    def _stopped(self) -> SourceError:
        return self._error("its pull was ended because Painpoint stops; it goes on at the next load", permanent=False)

    def _error(self, said: str, *, permanent: bool = True, key: str | None = None, wait: float = 0.0) -> SourceError:
        return SourceError(f"source {self._name}: {said}", permanent=permanent, key=key, wait=wait)

    def _once(self, address: httpx.URL) -> Page:
        place = shown_address(address)
        for _ in range(MOST_REDIRECTS + 1):
            try:
                request = self._client.build_request("GET", address, headers=self._headers_for(address))
                response = self._client.send(request, stream=True)
                try:
                    if response.status_code in _REDIRECTS:
                        address = self._redirected(response)
                        continue
                    return self._page(response)
                finally:
                    response.close()
            except (httpx.InvalidURL, httpx.UnsupportedProtocol):
                raise self._error(f"{place} leads to {shown_address(address)}, which is no web address") from None
            except httpx.RequestError as error:
                raise self._unreached(shown_address(address), error) from None
        raise self._error(f"{place} redirects more than {MOST_REDIRECTS} times; correct url", key="url")

    def _headers_for(self, address: httpx.URL) -> dict[str, str]:
        """Give the source's headers where they belong: they may hold secrets, which no other host is told."""
        upgraded = self.home.scheme == "http" and address.scheme == "https"
        plain_ports = self.home.port is None and address.port is None
        same = (address.host, address.scheme, address.port) == (self.home.host, self.home.scheme, self.home.port)
        return self._headers if same or (address.host == self.home.host and upgraded and plain_ports) else {}

    def _redirected(self, response: httpx.Response) -> httpx.URL:
        target = response.headers.get("location")
        if not target:
            wrong = f"{shown_address(response.url)} answers {response.status_code} without saying where to go"
            raise self._error(f"{wrong}; correct url", key="url")
        return response.url.join(target)

    def _page(self, response: httpx.Response) -> Page:
        if response.status_code >= 300:
            raise self._refused(response)
        links = {
            key: link["url"] for rel, link in response.links.items() if "url" in link for key in (rel or "").split()
        }
        return Page(response.url, self._body(response), response.headers.get("content-type", ""), links)

    def _body(self, response: httpx.Response, most: int = LARGEST_PAGE) -> bytes:
        started, size, blocks = time.monotonic(), 0, []
        for block in response.iter_bytes():
            blocks.append(block)
            size += len(block)
            if size > most:
                wrong = f"{shown_address(response.url)} is a page of more than {most >> 20} MB"
                raise self._error(f"{wrong}; ask for fewer rows at a time with paging", key="paging")
            if time.monotonic() - started > SLOWEST_PAGE:
                raise _PassingError(
                    f"{shown_address(response.url)} takes longer than {SLOWEST_PAGE:.0f} s for a page; "
                    "ask for fewer rows at a time with paging"
                )
            if self._stopping.is_set():
                raise self._stopped()
        return b"".join(blocks)

    def _refused(self, response: httpx.Response) -> Exception:
        """Give what a status other than success means."""
        status, place = response.status_code, shown_address(response.url)
        if status in _PASSING:
            wait = _retry_after(response)
            if status == 429:
                asked = f" for {wait:,.0f} s" if wait else ""
                return _PassingError(f"{place} asks to be left alone{asked} (429); load it less often with every", wait)
            return _PassingError(f"{place} cannot answer now ({status}); it is tried again", wait)
        if status in (401, 403):
            return self._forbidden(response)
        if status in (404, 410):
            return self._error(f"there is nothing at {place} ({status}); correct url or paging", key="url")
        if status >= 500:
            return self._error(f"{place} cannot answer ({status}); ask whoever runs it", permanent=False)
        return self._error(f"{place} refuses the request ({status}){self._said(response)}; correct url", key="url")

    def _forbidden(self, response: httpx.Response) -> SourceError:
        status, place = response.status_code, shown_address(response.url)
        sent = self._headers_for(response.url)
        if self._headers and not sent:
            wrong = f"{place} wants to know who asks ({status}), but the headers are sent to {self.home.host} only"
            return self._error(f"{wrong}; put the address that it redirects to into url", key="url")
        if not sent:
            mend = 'set headers = { Authorization = "Bearer ${NAME}" }'
            return self._error(f"{place} wants to know who asks ({status}); {mend}", key="headers")
        names = [name for name in sent if any(word in name.lower() for word in _SECRET_WORDS)] or list(sent)
        named = f"the header {names[0]}" if len(names) == 1 else f"the headers {', '.join(names)}"
        does = "does not accept" if status == 401 else "does not allow this to"
        return self._error(f"{place} {does} {named} ({status}); renew it, or ask for access", key="headers")

    def _said(self, response: httpx.Response) -> str:
        """Give the start of what the server says about a refusal, without our secrets."""
        try:
            text = " ".join(next(response.iter_text(2000), "").split())
        except (httpx.HTTPError, UnicodeError):
            return ""
        for value in self._headers.values():
            text = text.replace(value, "***").replace(value.rpartition(" ")[2], "***")
        return f": {shown(text)[:200]}" if text else ""

    def _unreached(self, place: str, error: httpx.RequestError) -> Exception:
        reason = " ".join(str(error).split()) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            wrong = f"the certificate of {place} is not trusted ({reason.partition('] ')[2] or reason})"
            mend = "correct url, or name the file of your authority's certificate in the environment as SSL_CERT_FILE"
            return self._error(f"{wrong}; {mend}", key="url")
        if isinstance(error, httpx.TimeoutException):
            return _PassingError(f"{place} does not answer in time; it is tried again")
        if isinstance(error, httpx.DecodingError):
            return _PassingError(f"{place} sends a damaged page ({reason}); it is tried again")
        return _PassingError(f"{place} cannot be reached ({reason}); check that it is up, and url")


def shown_address(address: httpx.URL) -> str:
    """Write an address without what may be secret: who signs in, and what is asked."""
    return str(address.copy_with(username=None, password=None, query=None, fragment=None))


def _without_user(url: str) -> tuple[httpx.URL, str | None]:
    """Split the user and password off an address, as the header that they stand for."""
    address = httpx.URL(url)
    if not address.userinfo:
        return address, None
    request = httpx.Request("GET", address)
    signed = next(httpx.BasicAuth(address.username, address.password).auth_flow(request))
    return address.copy_with(username=None, password=None), signed.headers["Authorization"]


def _retry_after(response: httpx.Response) -> float | None:
    """Read Retry-After: seconds, or a date (RFC 9110, 10.2.3)."""
    written = response.headers.get("retry-after", "").strip()
    if written.isdecimal():
        return float(written)
    try:
        then = parsedate_to_datetime(written)
    except ValueError:
        return None
    try:  # by the server's own clock, where it tells it
        sent = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
    except ValueError:
        sent = time.time()
    return max(0.0, (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - sent)
