"""The two parts of a mail, drawn from the same content: HTML by way of MJML, and text."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import mrml

from alerts.mail import content, template
from alerts.mail.content import web
from alerts.mail.picture import described, picture
from alerts.mail.subject import subject
from analytics.speech import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alerts.letter import Letter
    from alerts.mail.content import Group
    from analytics.speech.language import Language

MOST_HTML = 88_000
"""Bytes of the HTML part. Gmail clips what is longer than 102 kB, and hides what stands below."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Image:
    """A picture of the mail and its words, by the content id that the HTML names it by."""

    cid: str
    filename: str
    png: bytes
    alt: str


@dataclass(frozen=True)
class Page:
    """Everything that the parts of a mail say. `drawn` has the pictures by the numbers of their blocks."""

    subject: str
    preheader: str
    heading: str
    counts: tuple[str, ...]
    groups: tuple[Group, ...]
    drawn: Mapping[int, Image]
    network: str
    board: str
    unsubscribe: str
    why: str
    at: str

    @property
    def is_single(self) -> bool:
        return sum(group.count for group in self.groups) == 1


def page(reader: Language, letter: Letter) -> Page:
    """Say what a letter tells, in the reader's words."""
    groups = content.groups(reader, letter)
    drawn = dict(_pictures(reader, letter, groups))
    at = reader.moment(letter.at)
    return Page(
        subject=subject(reader, letter),
        preheader=_preheader(groups),
        heading=reader.say("Digest of {at}", at=at) if letter.digest else "",
        counts=tuple(content.counts(reader, letter)),
        groups=groups,
        drawn=drawn,
        network=words.clean(letter.network),
        board=web(letter.board_url),
        unsubscribe=web(letter.unsubscribe),
        why=_why(reader, letter),
        at=at,
    )


def _pictures(reader: Language, letter: Letter, groups: tuple[Group, ...]) -> list[tuple[int, Image]]:
    """Draw the blocks that want a picture; one that cannot be drawn goes without."""
    found: list[tuple[int, Image]] = []
    key = hashlib.sha256(letter.message_id.encode("utf-8", "replace")).hexdigest()[:16]
    for block in (block for group in groups for block in group.blocks if block.pictured is not None):
        png = picture(block.pictured or {}, letter.recipient.language, letter.recipient.timezone)
        if png is not None:
            number = len(found) + 1
            alt = described(block.pictured or {}, reader)
            found.append((block.number, Image(f"picture-{number}.{key}@painpoint", f"picture-{number}.png", png, alt)))
    return found


def _preheader(groups: tuple[Group, ...]) -> str:
    """Give what mail programs show beside the subject: of one notice who is hurt and what drives it."""
    blocks = [block for group in groups for block in group.blocks]
    if len(blocks) == 1:
        block = blocks[0]
        return " · ".join([each for each in (block.hurt, *block.drivers[:1], *block.measures[:1]) if each]) or " ".join(
            block.status
        )
    return " · ".join(
        " ".join(each for each in (block.title, block.place, block.value) if each) for block in blocks[:4]
    )


def _why(reader: Language, letter: Letter) -> str:
    return reader.say(
        "You get this because a route of {network} names {recipient}.",
        network=words.clean(letter.network),
        recipient=words.clean(letter.recipient.address),
    )


def text(reader: Language, told: Page) -> str:
    """Write the text part."""
    written = template.text(say=reader.say, many=reader.many, page=told)
    lines = [line.rstrip() for line in written.strip().splitlines()]
    return "\n".join(line for line, before in zip(lines, ["", *lines], strict=False) if line or before) + "\n"


def html(reader: Language, told: Page) -> str | None:
    """Write the HTML part, as short as it must be; None where none can be made of it, which is logged."""
    try:
        return _fitting(reader, told)
    except Exception:  # a red must reach its reader: the text part says the same
        log.exception("No HTML of the mail %r", told.subject)
        return None


def _fitting(reader: Language, told: Page) -> str:
    """Leave out the links of rows, then rows that the text part has, until the page is no longer than mail programs show."""
    written = _rendered(reader, told, links=True, rows=None)
    if len(written.encode()) <= MOST_HTML:
        return written
    rows = max(len(group.rows) for group in told.groups)
    while len((written := _rendered(reader, told, links=False, rows=rows)).encode()) > MOST_HTML and rows:
        rows = rows * 3 // 4
    return written


def _rendered(reader: Language, told: Page, *, links: bool, rows: int | None) -> str:
    shown = replace(told, groups=tuple(replace(group, rows=group.rows[:rows]) for group in told.groups))
    left = sum(len(group.rows) for group in told.groups) - sum(len(group.rows) for group in shown.groups)
    markup = template.mjml(
        say=reader.say, many=reader.many, page=shown, links=links, left=left, image=shown.drawn.get, tag=reader.tag
    )
    return mrml.to_html(markup).content
