"""A letter for a chat channel or a webhook: a title and a few plain lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.mail import content
from alerts.mail.content import web
from alerts.mail.language import language
from alerts.mail.subject import subject
from analytics.speech import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alerts.letter import Letter, Notice
    from analytics.speech.language import Language

LONGEST = 1500
IN_FULL = 3
"""More notices than these are told in one line each, so that more of them are named."""
_ROOM = 200
"""Kept for the line that says how many more there are."""
_LINE = 270


def short(letter: Letter) -> tuple[str, str]:
    """Give the title and the body of a short message, without any markup; what does not fit is counted, and stands on the board."""
    reader = language(letter.recipient.language, letter.recipient.timezone)
    notices = content.ordered(letter)
    lines = _lines if len(notices) <= IN_FULL else _line
    told: list[str] = []
    for notice in notices:
        entry = "\n".join(lines(reader, notice))
        if told and sum(len(each) + 2 for each in told) + len(entry) > LONGEST - _ROOM:
            break
        told.append(entry)
    told += _rest(reader, letter, len(notices) - len(told))
    return subject(reader, letter), "\n\n".join(told)


def _rest(reader: Language, letter: Letter, left: int) -> list[str]:
    said = [reader.many("and {n} more", "and {n} more", left)] if left else []
    return ["\n".join(each for each in (*said, web(letter.board_url)) if each)] if said else []


def _line(reader: Language, notice: Notice) -> Iterator[str]:
    row = content.row(reader, notice)
    heading = reader.say(content.heading_of(notice))
    told = ", ".join(each for each in (content.name(reader, notice), row.said, row.since) if each)
    yield words.cut(f"{heading}: {told}", _LINE)
    if row.url:
        yield row.url


def _lines(reader: Language, notice: Notice) -> Iterator[str]:
    block, row = content.block(reader, notice), content.row(reader, notice)
    figure = row.said if block.value else ""
    yield words.cut(
        f"{block.shape} {block.word}: {', '.join(each for each in (content.name(reader, notice), figure) if each)}",
        _LINE,
    )
    yield words.cut(" ".join(block.status), _LINE)
    more = [each.rstrip(".") for each in (block.hurt, *block.drivers[:1], *block.outlook[:1]) if each]
    if more:
        yield words.cut(". ".join(more) + ".", _LINE)
    if block.measures:
        yield words.cut(reader.say("Do: {measures}", measures="; ".join(block.measures)), _LINE)
    if row.url:
        yield row.url
