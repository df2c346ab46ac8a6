"""What a browser sends with POST: read with a limit, and only if one of our own pages sent it."""

from __future__ import annotations

import asyncio
import unicodedata
from email import message_from_bytes, policy
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import ClientDisconnect

from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.requests import Request

MOST_BYTES = 16 << 10
MOST_FIELDS = 60
DRAINED = 1 << 20
"""Of a body that is too large so much is read and thrown away, so that its sender hears why instead of a broken connection."""
SLOWEST = 10.0
_TURNING = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Marks that turn the direction of what follows them, also outside the name that they stand in."""


class FaultError(Exception):
    """A request that is answered with a sentence and a status of 400 to 499."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def clean(text: str, most: int) -> str:
    """Drop what nobody types and no database takes, and everything beyond `most` characters."""
    kept = "".join(
        c for c in text if c in "\n\t" or (unicodedata.category(c) not in {"Cc", "Cs"} and c not in _TURNING)
    )
    return kept.strip()[:most].strip()


def require_own_page(request: Request, hosts: Collection[str]) -> None:
    """Refuse what another site's page sent (FaultError 403).

    `hosts` are names with their ports by which we are known beside the request's own Host. The browser's own word
    (Sec-Fetch-Site) counts most, as no proxy changes it; browsers say it to https and localhost only.
    """
    said = request.headers
    if site := said.get("sec-fetch-site"):
        own = site in {"same-origin", "none"}
    else:
        if not _is_ours(said.get("host", ""), hosts):
            raise FaultError(403, say("form.strange_host"))
        source = said.get("origin") or said.get("referer") or ""
        known = {host.lower() for host in (*hosts, said.get("host", "")) if host}
        own = urlsplit(source).netloc.lower() in known
    if not own:
        raise FaultError(403, say("form.foreign"))


def _is_ours(host: str, hosts: Collection[str]) -> bool:
    """Tell whether a name can be ours: any other may have been bound to our address by somebody else (DNS rebinding)."""
    name = urlsplit(f"//{host}").hostname or ""
    known = {urlsplit(f"//{each}").hostname for each in hosts if each}
    return name == "localhost" or name in known or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


async def read_form(request: Request) -> dict[str, str]:
    """Read a form, urlencoded or multipart, of at most 16 kB; FaultError if it is none."""
    try:
        async with asyncio.timeout(SLOWEST):
            body = await _body(request)
    except TimeoutError as error:
        raise FaultError(408, say("form.slow", seconds=SLOWEST)) from error
    except ClientDisconnect as error:
        raise FaultError(400, say("form.strange")) from error
    kind = request.headers.get("content-type", "")
    return {name: clean(value, MOST_BYTES) for name, value in _fields(kind, body)}


async def _body(request: Request) -> bytes:
    body, size = bytearray(), 0
    async for block in request.stream():
        size += len(block)
        if size <= MOST_BYTES:
            body += block
        elif size > DRAINED:
            break
    if size > MOST_BYTES:
        raise FaultError(413, say("form.large"))
    return bytes(body)


def _fields(kind: str, body: bytes) -> list[tuple[str, str]]:
    form = kind.partition(";")[0].strip().lower()
    try:
        if form == "multipart/form-data":
            return _parts(kind, body)
        if form == "application/x-www-form-urlencoded" or not body:
            text = body.decode("utf-8", "replace")
            return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError as error:
        raise FaultError(400, say("form.strange")) from error
    raise FaultError(415, say("form.strange"))


def _parts(kind: str, body: bytes) -> list[tuple[str, str]]:
    message = message_from_bytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body, policy=policy.HTTP)
    found = []
    for part in message.iter_parts() if message.is_multipart() else ():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found.append((name, content.decode("utf-8", "replace")))
    if len(found) > MOST_FIELDS or not found:
        raise ValueError("too many fields, or none")
    return found


def actor_of(form: Mapping[str, str]) -> str:
    """Give the name of whoever acts, on one line; FaultError if it is missing."""
    actor = " ".join(clean(form.get("actor", ""), 80).split())
    if not actor:
        raise FaultError(400, say("form.no_name"))
    return actor


def reason_of(form: Mapping[str, str], *, required: bool = False) -> str:
    reason = clean(form.get("reason", ""), 500)
    if required and not reason:
        raise FaultError(400, say("form.no_reason"))
    return reason


MOST_HOURS = 24 * 366


def hours_of(text: str) -> float:
    """Read a number of hours, with a point or a comma; FaultError unless it is above 0 and at most a year."""
    try:
        hours = float(text.strip().replace(",", "."))
    except ValueError:
        hours = 0.0
    if not 0 < hours <= MOST_HOURS:  # neither holds for NaN
        raise FaultError(400, say("form.no_hours", most=MOST_HOURS))
    return hours
