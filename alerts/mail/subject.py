"""The subject of a letter: short, without brackets, and the worst first."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alerts.mail.content import counts, ordered
from analytics.speech import words
from analytics.speech.language import msgid

if TYPE_CHECKING:
    from alerts.letter import Letter, Notice
    from analytics.speech.language import Language

LONGEST = 140
SHORT_NAME = 48
"""Titles and places are cut to this where the whole would be too long."""

_LEADS = {
    "opened": msgid("{level}: {about}"),
    "turning": msgid("Turning red: {about}"),
    "worsened": msgid("Worse: {about}"),
    "escalated": msgid("Acknowledged by nobody for {open}: {about}"),
    "unstable": msgid("Unstable: {about}"),
    "reminder": msgid("Still red after {open}: {about}"),
    "corrected": msgid("Corrected: {about}"),
    "recovered": msgid("Over: {about}"),
    "withdrawn": msgid("No longer judged: {about}"),
    "undelivered": msgid("Mail not delivered: {about}"),
}
_SOURCE_LEADS = {
    "reminder": msgid("Still no news from source {source}"),
    "escalated": msgid("No news from source {source}, acknowledged by nobody"),
    "recovered": msgid("News again from source {source}"),
    "corrected": msgid("News again from source {source}"),
    "withdrawn": msgid("No longer watched: source {source}"),
    "undelivered": msgid("Mail not delivered: source {source}"),
}


def subject(reader: Language, letter: Letter) -> str:
    """Write the subject; names are cut at a word where it would be too long, and then the whole."""
    whole = _subject(reader, letter, words.LONGEST_NAME)
    return whole if len(whole) <= LONGEST else words.cut(_subject(reader, letter, SHORT_NAME), LONGEST)


def _subject(reader: Language, letter: Letter, most: int) -> str:
    notices = ordered(letter)
    if not notices:
        return reader.say("Nothing to tell")
    if len(notices) == 1:
        said = _single(reader, notices[0], most)
        return reader.say("Digest: {said}", said=said) if letter.digest else said
    counted = ", ".join(counts(reader, letter))
    worst, more = _worst(reader, notices[0], most), reader.whole(len(notices) - 1)
    if letter.digest:
        return reader.say("Digest: {counts}: {worst} and {more} more", counts=counted, worst=worst, more=more)
    return reader.say("{counts}: {worst} and {more} more", counts=counted, worst=worst, more=more)


def _worst(reader: Language, notice: Notice, most: int) -> str:
    return words.source(notice.reading) if words.is_source(notice.reading) else about(reader, notice, most)


def _single(reader: Language, notice: Notice, most: int) -> str:
    kind = str(notice.kind)
    if words.is_source(notice.reading):
        return _source(reader, notice, kind, most)
    limit = words.limit(reader, notice.reading)
    said = about(reader, notice, most)
    if limit and kind not in ("withdrawn", "undelivered"):
        said = reader.say("{about} (limit {limit})", about=said, limit=limit)
    return reader.say(_LEADS[kind], about=said, level=_level(reader, notice), open=_open(reader, notice))


def _source(reader: Language, notice: Notice, kind: str, most: int) -> str:
    source = words.cut(words.source(notice.reading), most)
    if kind in _SOURCE_LEADS:
        return reader.say(_SOURCE_LEADS[kind], source=source)
    if notice.reading.get("error"):
        return reader.say("Source {source} cannot be loaded", source=source)
    newest = words.instant(notice.reading.get("since"))
    if newest is None:
        return reader.say("No news from source {source}", source=source)
    return reader.say("No news from source {source} since {newest}", source=source, newest=reader.moment(newest))


def about(reader: Language, notice: Notice, most: int) -> str:
    """Name a pain within a subject: late repairs 14.2 % at Partner 14. Its names have at most so many letters."""
    reading = notice.reading
    title = words.cut(words.title_inside(reader, reading), most)
    where = words.cut(words.where(reader, reading["slice"]), most)
    if reading["value"] is None or str(notice.kind) in ("withdrawn", "undelivered"):
        return reader.say("{title} {where}", title=title, where=where)
    return reader.say("{title} {value} {where}", title=title, value=words.value(reader, reading), where=where)


def _level(reader: Language, notice: Notice) -> str:
    return reader.say(words.LEVELS.get(str(notice.reading["level"]), words.LEVELS["red"])[0])


def _open(reader: Language, notice: Notice) -> str:
    return reader.span(max(notice.at - notice.opened_at, timedelta(0)))
