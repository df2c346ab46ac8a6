"""A letter as a mail: a text part, an HTML part and its pictures, the same bytes whenever the same letter is composed."""

from __future__ import annotations

import hashlib
from email.message import EmailMessage
from typing import TYPE_CHECKING

from alerts.mail import envelope, page
from alerts.mail.language import language

if TYPE_CHECKING:
    from alerts.letter import Letter
    from alerts.mail.page import Page


def compose(letter: Letter) -> bytes:
    """Give the complete message of a letter (RFC 5322, lines end with CRLF).

    ValueError where the recipient's or the sender's address is none. The message has UTF-8 in its headers (RFC 6532) only where
    the part of an address before its @ has letters beyond ASCII, which no other way can write.
    """
    reader = language(letter.recipient.language, letter.recipient.timezone)
    told = page.page(reader, letter)
    message = EmailMessage(policy=envelope.policy(letter))
    envelope.address(message, letter, told.subject)
    message.set_content(page.text(reader, told), cte="quoted-printable")
    _add_html(message, told, page.html(reader, told))
    message["Content-Language"] = reader.tag  # after the parts: those take the content headers that stand before them
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{_digest(letter)}_{number}")
    return message.as_bytes()


def _add_html(message: EmailMessage, told: Page, html: str | None) -> None:
    """Add the HTML part with its pictures; a mail of which no HTML can be made goes out with its text."""
    if html is None:
        return
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    part = list(message.iter_parts())[1]
    for each in told.drawn.values():
        part.add_related(each.png, "image", "png", cid=f"<{each.cid}>", disposition="inline", filename=each.filename)


def _digest(letter: Letter) -> str:
    return hashlib.sha256(letter.message_id.encode("utf-8", "replace")).hexdigest()[:24]
