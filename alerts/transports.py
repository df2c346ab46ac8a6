"""How a letter leaves: by SMTP, into a folder, or by Apprise to a chat channel or webhook; each try gives an answer."""

from __future__ import annotations

import json
import logging
import os
import re
import smtplib
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import unquote

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 25.0
"""Seconds that a server may take for one answer; for the last one, which it may give after checking the mail, it has longer."""
LAST_ANSWER = 2.4
"""So many times longer: a minute."""
PATIENCE = 30.0
"""Seconds within which a letter must be at the point of being handed over; what comes after stays within its lease then."""
LETTERS_A_LINE = 100
"""Letters sent over one connection before a new one is made; servers limit it."""
Outcome = Literal["accepted", "later", "never", "unclear"]


@dataclass(frozen=True)
class Answer:
    """What became of a try.

    `later`: certainly not taken, may be taken another time. `never`: refused for good. `unclear`: the line was lost after the
    letter had been handed over, so that it may have been taken. `code` is the SMTP code where there was one.
    """

    outcome: Outcome
    said: str
    code: int | None = None
    wide: bool = False
    """It was not about this letter: the others would fare no better now."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "said", self.said[:500])


class Transport(Protocol):
    """Hands one letter over; whatever goes wrong is an Answer, not an exception."""

    def deliver(self, address: str, payload: bytes) -> Answer: ...

    def close(self) -> None: ...


@dataclass
class Smtp:
    """A mail server; its line is kept open over several letters. `tls` is "none", "starttls" or "tls"."""

    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: str = "none"
    timeout: float = TIMEOUT
    _line: smtplib.SMTP | None = field(default=None, repr=False)
    _sent: int = 0

    def deliver(self, address: str, payload: bytes) -> Answer:
        """Hand a mail to the server for one recipient. What its codes say of the recipient is final, of ourselves it is not."""
        started = time.monotonic()
        try:
            line = self._open()
        except smtplib.SMTPResponseException as error:
            self.close()
            return Answer("later", f"{self._name}: {_text(error.smtp_error)}", error.smtp_code, wide=True)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return Answer("later", f"{self._name} cannot be reached: {error}", wide=True)
        answer = self._converse(line, address, payload, started + PATIENCE)
        self._sent += 1
        if answer.outcome in ("later", "unclear") or self._sent >= LETTERS_A_LINE:
            self.close()
        else:
            self._reset(line, answer)
        return answer

    @property
    def _name(self) -> str:
        return f"mail server {self.host}:{self.port}"

    def _open(self) -> smtplib.SMTP:
        if self._line is not None:
            with suppress(smtplib.SMTPException, OSError):
                if self._line.noop()[0] == 250:
                    return self._line
            self.close()
        context = ssl.create_default_context() if self.tls != "none" else None
        if self.tls == "tls":
            line: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        else:
            line = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        self._line, self._sent = line, 0
        if self.tls == "starttls":
            line.starttls(context=context)
        line.ehlo_or_helo_if_needed()
        if self.user is not None:
            line.login(self.user, self.password or "")
        return line

    def _converse(self, line: smtplib.SMTP, address: str, payload: bytes, until: float) -> Answer:
        beyond_ascii = not (address.isascii() and payload.isascii())
        options = ["SMTPUTF8", "BODY=8BITMIME"] if beyond_ascii and line.has_extn("smtputf8") else []
        try:
            code, said = line.mail(parseaddr(self.sender)[1], options)
            if code // 100 != 2:  # it is the sender that it does not want: ours to mend, not the recipient's fault
                return Answer("later", f"sender refused: {_text(said)}", code, wide=True)
            code, said = line.rcpt(address)
            if code // 100 != 2:
                return Answer(_by(code), _text(said), code)
            code, said = line.docmd("DATA")
            if code != 354:
                return Answer(_by(code), _text(said), code)
            if time.monotonic() > until:  # breaking off here takes the letter back
                return Answer("later", f"{self._name} answers too slowly", wide=True)
        except (OSError, smtplib.SMTPException) as error:
            return Answer("later", f"{self._name} broke off: {error}")
        except UnicodeEncodeError:
            return Answer("never", f"{self._name} takes no addresses with letters beyond ASCII")
        try:
            line.send(_dotted(payload))
            if line.sock is not None:
                line.sock.settimeout(LAST_ANSWER * self.timeout)
            code, said = line.getreply()
            if line.sock is not None:
                line.sock.settimeout(self.timeout)
        except (OSError, smtplib.SMTPException) as error:
            return Answer("unclear", f"{self._name} broke off after the mail was handed over: {error}")
        return Answer("accepted" if code // 100 == 2 else _by(code), _text(said), code)

    def _reset(self, line: smtplib.SMTP, answer: Answer) -> None:
        if answer.outcome != "accepted":
            with suppress(OSError, smtplib.SMTPException):
                line.rset()

    def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            with suppress(OSError, smtplib.SMTPException):
                line.quit()
            line.close()


def _by(code: int) -> Outcome:
    """Judge by the code (RFC 5321, 4.2.1): 5yz is final, everything else is worth another try."""
    return "never" if code // 100 == 5 else "later"


def _text(said: bytes | str) -> str:
    """Give one printable line: PostgreSQL keeps no NUL, and an answer that cannot be noted would be asked for again for ever."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _dotted(payload: bytes) -> bytes:
    """Write a mail as DATA wants it: CRLF line ends, doubled leading dots, and the closing one (RFC 5321, 4.5.2)."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", payload)
    stuffed = re.sub(rb"(?m)^\.", b"..", lines)
    return stuffed + (b"" if stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n"


@dataclass
class Folder:
    """A folder that mails are written to as files, for trying things out."""

    path: Path

    def deliver(self, address: str, payload: bytes) -> Answer:
        name = re.sub(r"[^\w.@-]", "_", address)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = self.path / f"{_message_id(payload)}-{name}.eml"
            fresh = file.with_suffix(".part")
            fresh.write_bytes(payload)
            os.replace(fresh, file)  # noqa: PTH105  # Path.replace says the same
        except OSError as error:
            return Answer("later", f"{self.path}: {error.strerror}", wide=True)
        return Answer("accepted", f"written to {file.name}")

    def close(self) -> None:
        pass


def _message_id(payload: bytes) -> str:
    found = re.search(rb"(?im)^message-id:\s*<([^@>\s]+)", payload)
    return re.sub(r"[^\w.-]", "_", found[1].decode()) if found else "mail"


@dataclass
class Chat:
    """Chat channels and webhooks. Apprise says only whether it went, so that a refusal is tried again until time is up."""

    def deliver(self, address: str, payload: bytes) -> Answer:
        """Send the title and body of the payload, a JSON object, to an address as Apprise writes it."""
        import apprise  # noqa: PLC0415  # half a second that only those pay who have a channel

        text = json.loads(payload)
        logging.getLogger("apprise").propagate = False  # it would write addresses, and so tokens, into the log
        channel = apprise.Apprise()
        try:
            with apprise.LogCapture(level=logging.WARNING) as heard:  # type: ignore[no-untyped-call]
                if not channel.add(address):
                    return Answer("never", "Apprise knows no such kind of address, or a part of it is missing")
                sent = channel.notify(title=text["title"], body=text["body"], body_format=apprise.NotifyFormat.TEXT)
                said = _veiled(_text(heard.getvalue()), address)
        except Exception as error:  # noqa: BLE001  # plugins raise what they like
            return Answer("later", _veiled(_text(f"{type(error).__name__}: {error}"), address))
        return Answer("accepted", "taken") if sent else Answer("later", said or "not taken")

    def close(self) -> None:
        pass


def _veiled(text: str, address: str) -> str:
    """Take an address and all parts of it that may be a secret out of a text."""
    parts = {part for whole in (address, unquote(address)) for part in (whole, *re.split(r"[/:@?&=,\s]+", whole))}
    for part in sorted((part for part in parts if len(part) > 5), key=len, reverse=True):
        text = text.replace(part, "...")
    return text
