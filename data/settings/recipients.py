"""Whom alerts reach: every [[recipient]], and the names and mail addresses by which routes call them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from babel import Locale, UnknownLocaleError

from analytics.routing import Recipient
from analytics.speech.language import SPOKEN
from data.settings.origin import say_unknown_zone
from data.settings.problems import closest, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data.settings.alert_shapes import RecipientShape
    from data.settings.draft import Entry
    from data.settings.problems import Place

_MAIL = re.compile(r"[^@\s<>,;:\"()\[\]]+@[^@\s<>,;:\"()\[\]/]+")
_CHAT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


@dataclass(frozen=True)
class Contacts:
    """Recipients without a mistake, and the names of all that are written."""

    recipients: tuple[Recipient, ...]
    names: tuple[str, ...]

    def everyone(self, written: Sequence[str], place: Place) -> tuple[str, ...]:
        """Check the recipients of a route; an address that a recipient has stands for that recipient."""
        found = [self.one(each, place.at(index)) for index, each in enumerate(written)]
        for index, name in enumerate(found):
            if name in found[:index]:
                place.at(index).say("the same recipient is named before", "remove it")
        return tuple(found)

    def one(self, written: str, place: Place) -> str:
        """Check a recipient's name or a mail address, and give the name; addresses of chats are not repeated."""
        if written in self.names:
            return written
        if "://" in written:
            mend = "name it in a [[recipient]] and write that name here"
            place.say("this is the address of a chat channel, and pages show what stands here", mend)
        elif _MAIL.fullmatch(written):
            return next((r.name for r in self.recipients if r.address.casefold() == written.casefold()), written)
        else:
            place.say(f"{quoted(written)} is neither a recipient nor a mail address", self._mend(written))
        return written

    def _mend(self, written: str) -> str:
        if near := closest(written, self.names):
            return f"did you mean {quoted(near)}?"
        names = f"one of the recipients {listed(self.names, last='and')}" if self.names else "a [[recipient]]"
        return f'write e.g. "ops@example.com", or name {names}'


def read_contacts(entries: Sequence[Entry[RecipientShape]], language: str, timezone: str) -> Contacts:
    """Check every [[recipient]]; `language` and `timezone` are those of recipients that name none."""
    names = tuple(entry.shape.name for entry in entries if entry.shape.name)
    found = (_recipient(entry, language, timezone) for entry in entries)
    return Contacts(tuple(each for each in found if each is not None), names)


def _recipient(entry: Entry[RecipientShape], language: str, timezone: str) -> Recipient | None:
    shape, place = entry.shape, entry.place
    if entry.broke():
        return None
    entry.needs("address", 'address = "ops@example.com"')
    if shape.name and ("://" in shape.name or not shape.name.isprintable()):
        place.at("name").say("pages and mails show the name", 'write a plain one, e.g. name = "ops"')
    if shape.address is not None and not (_MAIL.fullmatch(shape.address) or _CHAT.fullmatch(shape.address)):
        mend = 'write e.g. "ops@example.com" or "slack://${SLACK_TOKEN}"'
        place.at("address").say("this is neither a mail address nor the address of a chat channel", mend)
    spoken = language if shape.language is None else read_language(shape.language, language, place.at("language"))
    zone = timezone if shape.timezone is None else shape.timezone
    if shape.timezone is not None:
        say_unknown_zone(zone, place.at("timezone"))
    return Recipient(shape.name, shape.address, spoken, zone) if shape.name and shape.address else None


def read_language(written: str, otherwise: str, place: Place) -> str:
    """Check a language such as "de" or "en-GB", which needs texts of its own; give `otherwise` for a mistake."""
    mend = 'write e.g. "en", "en-GB" or "de"'
    try:
        locale = Locale.parse(written.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        place.say(f"unknown language {quoted(written)}", mend)
        return otherwise
    if locale.language not in SPOKEN:
        place.say(f"alerts have no texts in {locale.english_name or quoted(written)} yet", mend)
        return otherwise
    return str(locale).replace("_", "-")
