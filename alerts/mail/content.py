"""What a letter says, as values that both its parts are drawn from: groups of blocks told in full, and rows told in short."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from analytics.speech import words
from analytics.speech.language import msgid, msgids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from alerts.letter import Letter, Notice
    from analytics.speech.language import Language

IN_FULL, IN_FULL_OF_DIGEST, PICTURES = 8, 3, 3
"""So many notices are told in full (a digest is an overview first), and so many of them with a picture; the others have a row."""
WITHOUT_PICTURE = ("withdrawn", "undelivered")


@dataclass(frozen=True)
class Section:
    """A heading under which notices of one kind stand; `counted` says how many they are, for one and for several."""

    key: str
    heading: str
    counted: tuple[str, str]


SECTIONS = (
    Section("opened", msgid("Newly red"), msgids("{n} red", "{n} red")),
    Section("source", msgid("Sources without news"), msgids("{n} source without news", "{n} sources without news")),
    Section("worsened", msgid("Worse"), msgids("{n} worse", "{n} worse")),
    Section("escalated", msgid("Acknowledged by nobody"), msgids("{n} escalated", "{n} escalated")),
    Section("turning", msgid("About to turn red"), msgids("{n} turning red", "{n} turning red")),
    Section("unstable", msgid("Unstable"), msgids("{n} unstable", "{n} unstable")),
    Section("reminder", msgid("Still red"), msgids("{n} still red", "{n} still red")),
    Section(
        "undelivered", msgid("Mails that could not be delivered"), msgids("{n} not delivered", "{n} not delivered")
    ),
    Section("corrected", msgid("Corrected"), msgids("{n} corrected", "{n} corrected")),
    Section("recovered", msgid("Over"), msgids("{n} over", "{n} over")),
    Section("withdrawn", msgid("No longer judged"), msgids("{n} no longer judged", "{n} no longer judged")),
)
"""In the order in which they are told."""


@dataclass(frozen=True)
class Button:
    """A link that is drawn as a button; `main` is the one that most readers want."""

    text: str
    url: str
    main: bool = False


@dataclass(frozen=True)
class Block:
    """One notice told in full. Empty texts are not drawn; `figures` are labels with what they say."""

    level: str
    word: str
    shape: str
    title: str
    place: str
    status: tuple[str, ...] = ()
    value: str = ""
    trend: str = ""
    figures: tuple[tuple[str, str], ...] = ()
    hurt: str = ""
    drivers: tuple[str, ...] = ()
    outlook: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    note: str = ""
    buttons: tuple[Button, ...] = ()
    stop: str = ""
    """The address that stops mails about this alone."""
    number: int = 0
    pictured: Mapping[str, Any] | None = field(default=None, repr=False)
    """The reading to draw; None where no picture is wanted."""


@dataclass(frozen=True)
class Row:
    """One notice told in short."""

    title: str
    place: str
    said: str
    since: str
    url: str


@dataclass(frozen=True)
class Group:
    """The notices of one section: how many in words, and the worst of them by name."""

    heading: str
    count: int
    counted: str
    worst: str
    blocks: tuple[Block, ...]
    rows: tuple[Row, ...]


def ordered(letter: Letter) -> list[Notice]:
    """Give the notices as they are told: by section, worst pain first."""
    ranks = {section.key: rank for rank, section in enumerate(SECTIONS)}
    return sorted(letter.notices, key=lambda n: (ranks[section_of(n)], -_pain(n), n.reading["kpi"], n.id))


def _pain(notice: Notice) -> float:
    return float(notice.reading.get("pain") or 0.0)


def section_of(notice: Notice) -> str:
    """Name the section of a notice: a source without news has its own, whatever is told of it."""
    kind = str(notice.kind)
    return "source" if words.is_source(notice.reading) and kind in _STILL else kind


def heading_of(notice: Notice) -> str:
    """Give the heading of a notice's section, untranslated."""
    return next(section.heading for section in SECTIONS if section.key == section_of(notice))


_STILL = ("opened", "worsened", "escalated", "reminder", "unstable", "turning")
"""Kinds that tell of a pain that goes on."""
_OVER = ("corrected", "recovered", "withdrawn")


def counts(reader: Language, letter: Letter) -> list[str]:
    """Count the notices of each section in words: 3 red, 1 over."""
    kinds = [section_of(notice) for notice in letter.notices]
    return [reader.many(*section.counted, kinds.count(section.key)) for section in SECTIONS if section.key in kinds]


def groups(reader: Language, letter: Letter) -> tuple[Group, ...]:
    """Tell every notice of a letter, the first ones in full."""
    notices = ordered(letter)
    most = IN_FULL_OF_DIGEST if letter.digest else IN_FULL
    drawn = [at for at, notice in enumerate(notices[:most]) if _is_drawn(notice)][:PICTURES]
    blocks = [block(reader, notice, number=at, drawn=at in drawn) for at, notice in enumerate(notices[:most])]
    return tuple(_groups(reader, notices, blocks))


def _groups(reader: Language, notices: Sequence[Notice], blocks: Sequence[Block]) -> Iterator[Group]:
    for section in SECTIONS:
        mine = [at for at, notice in enumerate(notices) if section_of(notice) == section.key]
        if mine:
            worst = name(reader, notices[mine[0]])
            yield Group(
                heading=reader.say(section.heading),
                count=len(mine),
                counted=reader.many(*section.counted, len(mine)),
                worst=worst if len(mine) == 1 else reader.say("worst: {worst}", worst=worst),
                blocks=tuple(blocks[at] for at in mine if at < len(blocks)),
                rows=tuple(row(reader, notices[at]) for at in mine if at >= len(blocks)),
            )


def name(reader: Language, notice: Notice) -> str:
    """Name what a notice is about: Late repairs, Partner 14."""
    reading = notice.reading
    if words.is_source(reading):
        return reader.say("Source {source}", source=words.source(reading))
    return ", ".join([words.title(reader, reading), words.place(reader, reading["slice"])])


def _is_drawn(notice: Notice) -> bool:
    return str(notice.kind) not in WITHOUT_PICTURE and not words.is_source(notice.reading)


def block(reader: Language, notice: Notice, *, number: int = 0, drawn: bool = False) -> Block:
    """Tell one notice in full; `number` is its place in the letter."""
    told = _source_block(reader, notice) if words.is_source(notice.reading) else _reading_block(reader, notice)
    return replace(told, number=number, pictured=notice.reading if drawn else None)


def _reading_block(reader: Language, notice: Notice) -> Block:
    reading, goes_on = notice.reading, str(notice.kind) in (*_STILL, "undelivered")
    level, word, shape = _level(reader, notice)
    return Block(
        level=level,
        word=word,
        shape=shape,
        title=words.title(reader, reading),
        place=words.place(reader, reading["slice"]),
        status=tuple(_status(reader, notice)),
        value=words.value(reader, reading) if reading["value"] is not None else "",
        trend=words.trend(reader, reading) if goes_on else "",
        figures=tuple(_figures(reader, reading)),
        hurt=words.hurt(reader, reading) if goes_on else "",
        drivers=words.drivers(reader, reading) if goes_on else (),
        outlook=words.outlook(reader, reading),
        measures=words.measures(reader, reading) if goes_on else (),
        note=_note(reader, notice),
        buttons=tuple(_buttons(reader, notice)),
        stop=web(notice.links.unsubscribe),
    )


def _source_block(reader: Language, notice: Notice) -> Block:
    level, word, shape = _level(reader, notice)
    return Block(
        level=level,
        word=word,
        shape=shape,
        title=name(reader, notice),
        place="",
        status=tuple(_source_status(reader, notice)),
        measures=words.measures(reader, _mended(notice.reading)) if level == "dead" else (),
        note=_note(reader, notice),
        buttons=tuple(_buttons(reader, notice)),
        stop=web(notice.links.unsubscribe),
    )


def _mended(reading: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a source's reading with what helps: somebody must ask whoever runs the feed."""
    return reading if reading.get("remedies") else {**reading, "remedies": ["data_ticket"]}


def _level(reader: Language, notice: Notice) -> tuple[str, str, str]:
    """Give the level's key, its word and its shape."""
    kind, key = str(notice.kind), str(notice.reading["level"])
    if kind == "undelivered":
        key = "undelivered"
    elif words.is_source(notice.reading) and kind in _STILL:
        key = "dead"
    word, shape = words.LEVELS.get(key, words.LEVELS["unknown"])
    return key, reader.say(word), shape


def _status(reader: Language, notice: Notice) -> Iterator[str]:
    """Say what is told, and since when it goes on."""
    kind = str(notice.kind)
    if kind in _TOLD:
        yield reader.say(_TOLD[kind], **_times(reader, notice))
    if kind == "undelivered":
        yield _reported(reader, notice.reason)
    elif kind in _STILL:
        yield reader.say(_SINCE.get(str(notice.reading["level"]), _OPEN), **_times(reader, notice))
    if notice.unstable and kind not in ("unstable", "recovered", "withdrawn"):
        yield reader.say("It has gone back and forth before.")
    if notice.reading.get("stale"):
        yield reader.say("Its data is stale: this is the last figure that is known.")


_SINCE = {
    "red": msgid("Red since {since} ({span})."),
    "turning": msgid("About to turn red since {since} ({span})."),
    "amber": msgid("Not green since {since} ({span})."),
}
_OPEN = msgid("Open since {opened} ({open}).")
_TOLD = {
    "worsened": msgid("It has become much worse since it was last told."),
    "escalated": msgid("Nobody has acknowledged it for {open}."),
    "unstable": msgid("It keeps going back and forth. It stays open until it has been steady for a day."),
    "recovered": msgid("It is over: it was told on {opened} and lasted {open}."),
    "corrected": msgid("Data that came late has changed the figures: what was told as red on {opened} was not."),
    "withdrawn": msgid("It is no longer judged. It was told on {opened}."),
    "undelivered": msgid(
        "A mail about this, open since {opened}, could not be delivered. Please tell whoever should have got it."
    ),
}


def _times(reader: Language, notice: Notice) -> dict[str, str]:
    since = began(notice)
    return {
        "since": reader.moment(since),
        "span": reader.span(notice.at - since),
        "opened": reader.moment(notice.opened_at),
        "open": reader.span(notice.at - notice.opened_at),
    }


def began(notice: Notice) -> datetime:
    """Give since when the level holds: as the reading says, else since it was told."""
    since = words.instant(notice.reading.get("since"))
    return since if since is not None and since <= notice.at else notice.opened_at


def _reported(reader: Language, reason: str) -> str:
    return reader.say("Reported as: {reason}", reason=words.cut(words.clean(reason), words.LONGEST_SENTENCE))


def _source_status(reader: Language, notice: Notice) -> Iterator[str]:
    """Say which source brings nothing, since when, and what cannot be seen because of it."""
    reading, kind = notice.reading, str(notice.kind)
    newest = words.instant(reading.get("since"))
    if kind == "undelivered":
        yield reader.say(_TOLD[kind], **_times(reader, notice))
        yield _reported(reader, notice.reason)
    if kind == "escalated":
        yield reader.say(_TOLD[kind], **_times(reader, notice))
    if kind not in (*_STILL, "undelivered"):
        yield reader.say(_SOURCE_OVER.get(kind, _SOURCE_OVER["recovered"]))
        if newest is not None:
            yield reader.say("Its newest event is of {newest}.", newest=reader.moment(newest))
        return
    if newest is None:
        yield reader.say("It has never brought any news.")
    else:
        yield reader.say(
            "No news since {newest} ({span}).", newest=reader.moment(newest), span=reader.span(notice.at - newest)
        )
    if reading.get("error"):
        yield reader.say("It could not be loaded.")
        yield _reported(reader, reading["error"])
    yield from _blind(reader, reading.get("blind"))


_SOURCE_OVER = {
    "recovered": msgid("It brings news again."),
    "withdrawn": msgid("It is no longer watched."),
}


def _blind(reader: Language, blind: Any) -> Iterator[str]:
    if isinstance(blind, int) and blind > 0:
        yield reader.many(
            "{n} figure is blind without it: it is shown as unknown or stale, never as green.",
            "{n} figures are blind without it: they are shown as unknown or stale, never as green.",
            blind,
        )
    elif isinstance(blind, list | tuple) and blind:
        named = ", ".join(words.clean(each) for each in blind)
        yield reader.say("Blind without it: {named}.", named=words.cut(named, words.LONGEST_SENTENCE))


def _figures(reader: Language, reading: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for label, level in ((msgid("Red limit"), "red"), (msgid("Green limit"), "green")):
        said = words.limit(reader, reading, level)
        if said:
            yield reader.say(label), said
    yield reader.say("Sample"), words.sample(reader, reading)


def _note(reader: Language, notice: Notice) -> str:
    """Give the reason in its own words to who reads English, where it says more than the reading does."""
    own = words.clean(notice.reason)
    told = str(notice.kind) == "undelivered" or words.is_source(notice.reading)
    known = own in words.clean(notice.reading.get("reason", ""))
    return "" if reader.key != "en" or told or known else words.cut(own, words.LONGEST_SENTENCE)


def _buttons(reader: Language, notice: Notice) -> Iterator[Button]:
    links = notice.links
    if web(links.episode):
        yield Button(reader.say("Open the episode"), web(links.episode), main=True)
    if str(notice.kind) in _OVER:
        return
    if web(links.acknowledge):
        yield Button(reader.say("Acknowledge"), web(links.acknowledge))
    if web(links.snooze):
        yield Button(reader.say("Snooze"), web(links.snooze))


def web(url: str | None) -> str:
    """Give an address of the web as it is; anything else is no link."""
    ok = url is not None and url.startswith(("https://", "http://")) and url == words.clean(url) and " " not in url
    return url if ok and url else ""


def row(reader: Language, notice: Notice) -> Row:
    """Tell one notice in short."""
    reading = notice.reading
    url = web(notice.links.episode)
    if words.is_source(reading):
        return Row(name(reader, notice), "", *_source_row(reader, notice), url)
    limit = words.limit(reader, reading)
    figure = words.value(reader, reading) if reading["value"] is not None else reader.say("no value")
    return Row(
        title=words.title(reader, reading),
        place=words.place(reader, reading["slice"]),
        said=reader.say("{value} (limit {limit})", value=figure, limit=limit) if limit else figure,
        since=_row_since(reader, notice),
        url=url,
    )


def _source_row(reader: Language, notice: Notice) -> tuple[str, str]:
    """Say in short that a source brings nothing, or brings news again, and since when."""
    if section_of(notice) != "source":
        return reader.say(heading_of(notice)), _row_since(reader, notice)
    newest, blind = words.instant(notice.reading.get("since")), notice.reading.get("blind")
    said = reader.many("{n} figure blind", "{n} figures blind", blind) if isinstance(blind, int) and blind else ""
    since = reader.say("since {since}", since=reader.moment(newest)) if newest else ""
    return ", ".join(each for each in (reader.say("No news"), said) if each), since


def _row_since(reader: Language, notice: Notice) -> str:
    if str(notice.kind) in _STILL:
        return reader.say("since {since}", since=reader.moment(began(notice)))
    return reader.say("told on {opened}", opened=reader.moment(notice.opened_at))
