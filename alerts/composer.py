"""Composes the next letter of a recipient: asks for every due notice whether it may leave, and freezes what may."""

from __future__ import annotations

import logging
import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP, default
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, func, select

from alerts.gate import OPENINGS, Due, Known, Ruling, World, muted, ruling
from alerts.letter import Kind, Letter, Links, Notice
from alerts.machine import SOURCE, Value
from alerts.mail import compose, short
from alerts.silences import preference_of, silences_at
from alerts.tables import EPISODES, LETTERS, NOTICES, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Row

    from alerts.tokens import Signer
    from analytics.routing import Alerting, Recipient

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=120)
GIVE_UP = timedelta(hours=24)
MOST_NOTICES = 1_000
"""Notices in one letter; what is beyond them comes with the next."""


@dataclass(frozen=True)
class Frozen:
    """A letter as it leaves; every try sends these bytes."""

    id: int
    recipient: Recipient
    payload: bytes
    attempts: int = 1


@dataclass(frozen=True)
class Composer:
    """Writes letters in the name of a network. `public_url` is where its pages are, without a slash at the end.

    `write` gives the bytes of a letter; whoever sends nothing may have shorter ones.
    """

    alerting: Alerting
    signer: Signer
    network: str
    sender: str
    public_url: str | None
    by: str
    has_mail: bool = True
    write: Callable[[Letter], bytes] = field(default_factory=lambda: _payload)

    def waiting(self, con: Connection, moment: datetime) -> list[str]:
        """Name the recipients for whom something is due, those who wait longest first."""
        due = (NOTICES.c.status == "waiting") & (NOTICES.c.not_before <= moment)
        longest = (func.min(NOTICES.c.not_before), func.min(NOTICES.c.id))
        query = select(NOTICES.c.recipient).where(due).group_by(NOTICES.c.recipient).order_by(*longest)
        return [str(name) for name in con.execute(query).scalars()]

    def next_letter(self, engine: Engine, name: str, moment: datetime) -> Frozen | None:
        """Compose and lease the next letter of a recipient; None if nothing may leave now.

        Why something may not is noted with the notice. What is written was still so when it was written: another dispatcher that
        was quicker makes this one write nothing.
        """
        with reading(engine) as con:
            dues = self._dues(con, name, moment)
            if not dues:
                return None
            recipient, world = self._world(con, name, dues, moment)
            rulings = [(due, ruling(due, world)) for due in dues]
            sent = [due for due, ruled in rulings if ruled.action == "send"]
            if not any(due.not_before <= moment for due in sent):  # none but company that still waits itself
                sent = []
            references = _references(con, name, {due.episode for due in sent})
        letter = self._letter(recipient, sent, references, moment) if sent else None
        payload = self.write(letter) if letter else b""
        with engine.begin() as con:
            still = select(NOTICES.c.id).where(
                NOTICES.c.id.in_([due.id for due in dues]), NOTICES.c.status == "waiting"
            )
            if len(con.execute(still.with_for_update()).all()) != len(dues):  # another was quicker: rule anew
                return None
            _note(con, [(d, r) for d, r in rulings if r.action != "send"], moment)
            return self._freeze(con, letter, payload, moment) if letter else None

    def muted(self, con: Connection, number: int, moment: datetime) -> Ruling | None:
        """Tell whether a letter that was refused for now must wait: all that it tells is muted meanwhile."""
        dues = [_due(row) for row in con.execute(_NOTICES.where(NOTICES.c.letter == number))]
        _, world = self._world(con, dues[0].recipient, dues, moment)
        rulings = [muted(due, world) for due in dues]
        held = [ruled for ruled in rulings if ruled is not None and ruled.action == "hold"]
        return min(held, key=lambda ruled: ruled.until or moment) if len(held) == len(rulings) else None

    def _dues(self, con: Connection, name: str, moment: datetime) -> list[Due]:
        """Give what is due, with what only waits for company: it breaks together."""
        query = (
            _NOTICES.where(NOTICES.c.status == "waiting", NOTICES.c.recipient == name)
            .where((NOTICES.c.not_before <= moment) | (NOTICES.c.held == ""))
            .order_by(None)
            .order_by(NOTICES.c.not_before > moment, NOTICES.c.id)
            .limit(MOST_NOTICES)
        )
        dues = [_due(row) for row in con.execute(query)]
        return dues if any(due.not_before <= moment for due in dues) else []

    def _world(self, con: Connection, name: str, dues: Sequence[Due], moment: datetime) -> tuple[Recipient, World]:
        recipient, preference = preference_of(con, self.alerting.recipient(name))
        openings: dict[int, set[str]] = defaultdict(set)
        known: dict[Any, Known] = {}
        dead: dict[str, Known] = {}
        first = NOTICES.c.kind.in_([str(kind) for kind in OPENINGS])
        query = (
            select(NOTICES.c.episode, NOTICES.c.status, NOTICES.c.held, *(EPISODES.c[n] for n in _OF_WORLD))
            .join(EPISODES, NOTICES.c.episode == EPISODES.c.id)
            .where(NOTICES.c.recipient == name, first | NOTICES.c.status.in_(("told", "written")))
            .where(EPISODES.c.closed_at.is_(None) | EPISODES.c.id.in_({due.episode for due in dues}))
        )
        for row in con.execute(query):
            openings[row.episode].add(row.status)
            heard = row.status in ("written", "told") or (row.status == "waiting" and not row.held)
            if row.closed_at is None and heard:
                slice_ = orjson.loads(row.slice)
                known[row.kpi, tuple(sorted(slice_.items()))] = Known(row.episode, slice_)
                if row.kpi == SOURCE:
                    dead[slice_[SOURCE]] = Known(row.episode, slice_)
        world = World(
            moment,
            self.alerting,
            preference,
            (*self.alerting.maintenance, *silences_at(con, moment)),
            {episode: frozenset(found) for episode, found in openings.items()},
            known,
            dead,
            self._free_at(con, name, moment),
            self.has_mail or not recipient.by_mail,
        )
        return recipient, world

    def _free_at(self, con: Connection, name: str, moment: datetime) -> datetime | None:
        """Give when the rate limit allows the next letter; None: now."""
        rate = self.alerting.rate
        since = moment - timedelta(seconds=rate.per)
        query = select(LETTERS.c.created_at).where(LETTERS.c.recipient == name, LETTERS.c.created_at > since)
        sent = list(con.execute(query.order_by(LETTERS.c.created_at)).scalars())
        return sent[-rate.most] + timedelta(seconds=rate.per) if len(sent) >= rate.most else None

    def _letter(
        self, recipient: Recipient, dues: Sequence[Due], references: dict[int, tuple[str, ...]], moment: datetime
    ) -> Letter:
        digests = {route.name for route in self.alerting.routes if route.digest is not None}
        domain = parseaddr(self.sender)[1].rpartition("@")[2] or "localhost"
        return Letter(
            recipient=recipient,
            sender=self.sender,
            network=self.network,
            message_id=f"<{secrets.token_hex(16)}@{domain}>",
            at=moment,
            notices=tuple(self._notice(due, references.get(due.episode, ())) for due in dues),
            digest=all(due.route in digests for due in dues),
            board_url=self.public_url,
            unsubscribe=self._act("unsubscribe", recipient.name),
        )

    def _notice(self, due: Due, references: tuple[str, ...]) -> Notice:
        acts = due.closed_at is None and due.kind is not Kind.UNDELIVERED
        links = Links(
            f"{self.public_url}/alerts/{due.episode}" if self.public_url else None,
            self._act("acknowledge", due.recipient, due.episode) if acts else None,
            self._act("snooze", due.recipient, due.episode) if acts else None,
        )
        return Notice(
            due.id,
            due.kind,
            due.episode,
            due.reading,
            due.opened_at,
            due.created_at,
            due.reason,
            links,
            references,
            due.unstable,
        )

    def _act(self, verb: Any, recipient: str, episode: int | None = None) -> str | None:
        if not self.public_url:
            return None
        page = "act" if episode is not None else verb
        return f"{self.public_url}/alerts/{page}/{self.signer.sign(verb, recipient, episode)}"

    def _freeze(self, con: Connection, letter: Letter, payload: bytes, moment: datetime) -> Frozen | None:
        done = con.execute(
            LETTERS.insert().values(
                message_id=letter.message_id,
                recipient=letter.recipient.name,
                subject=subject_of(letter, payload),
                digest=letter.digest,
                payload=payload,
                created_at=moment,
                status="waiting",
                not_before=moment,
                give_up_at=moment + GIVE_UP,
                lease_until=moment + LEASE,
                lease_by=self.by,
                attempts=1,
                said="",
            )
        )
        number = int(done.inserted_primary_key[0]) if done.inserted_primary_key else 0
        ids = [notice.id for notice in letter.notices]
        own = NOTICES.c.id.in_(ids) & (NOTICES.c.status == "waiting")
        taken = con.execute(NOTICES.update().where(own).values(status="written", letter=number, held=""))
        if taken.rowcount != len(ids):  # another dispatcher was quicker
            con.rollback()
            return None
        return Frozen(number, letter.recipient, payload)


_OF_WORLD = ("kpi", "slice", "closed_at")
_OF_EPISODES = (
    *("value", "opened_at", "closed_at", "acknowledged_by", "snoozed_until"),
    *("unstable", "inherited", "reading"),
)


_NOTICES = (
    select(NOTICES, *(EPISODES.c[n] for n in _OF_EPISODES))
    .join(EPISODES, NOTICES.c.episode == EPISODES.c.id)
    .order_by(NOTICES.c.id)
)


def _due(row: Row[Any]) -> Due:
    return Due(
        row.id,
        row.episode,
        row.recipient,
        row.route,
        Kind(row.kind),
        row.sequence,
        row.reason,
        row.created_at,
        row.not_before,
        row.held,
        tuple((at, why) for at, why in row.story),
        Value(row.value),
        row.opened_at,
        row.closed_at,
        row.acknowledged_by,
        row.snoozed_until,
        row.unstable,
        row.inherited,
        row.reading,
    )


def _note(con: Connection, rulings: Iterable[tuple[Due, Ruling]], moment: datetime) -> None:
    """Write down why notices do not leave."""
    rows = []
    for due, ruled in rulings:
        news = [] if ruled.reason == due.held else [[moment.isoformat(), ruled.reason]]
        rows.append(
            {
                "i": due.id,
                "_status": "waiting" if ruled.action == "hold" else "dropped",
                "_held": ruled.reason,
                "_not_before": ruled.until or due.not_before,
                "_story": [*map(list, due.story), *news],
            }
        )
    if rows:
        names = ("status", "held", "not_before", "story")
        values = {name: bindparam(f"_{name}", type_=NOTICES.c[name].type) for name in names}
        still = (NOTICES.c.id == bindparam("i")) & (NOTICES.c.status == "waiting")
        con.execute(NOTICES.update().where(still).values(values), rows)


def _references(con: Connection, name: str, episodes: set[int]) -> dict[int, tuple[str, ...]]:
    """Give per episode the ids of the mails that the recipient was really sent, the first one first."""
    query = (
        select(NOTICES.c.episode, LETTERS.c.message_id)
        .join(LETTERS, NOTICES.c.letter == LETTERS.c.id)
        .where(LETTERS.c.recipient == name, LETTERS.c.status == "sent", NOTICES.c.episode.in_(episodes))
        .order_by(LETTERS.c.id)
    )
    found: dict[int, list[str]] = defaultdict(list)
    for episode, message_id in con.execute(query):
        if message_id not in found[episode]:
            found[episode].append(message_id)
    return {episode: tuple(ids) for episode, ids in found.items()}


def _payload(letter: Letter) -> bytes:
    """Write the letter in full; should a template fail, then in a few words: a mail that is plain is better than none."""
    try:
        if letter.recipient.by_mail:
            return compose(letter)
        title, body = short(letter)
    except Exception:
        log.exception("letter %s could not be written in full", letter.message_id)
        if letter.recipient.by_mail:
            return _plain(letter)
        title, body = _words(letter)
    return orjson.dumps({"title": title, "body": body})


def _words(letter: Letter) -> tuple[str, str]:
    lines = [
        f"{n.kind}: {n.reading['title']} {n.reading['slice']}: {n.reason} {n.links.episode or ''}"
        for n in letter.notices
    ]
    title = f"{letter.network}: {len(lines)} alert{'' if len(lines) == 1 else 's'}"
    return " ".join(title.split()), "\n".join(lines)


def _plain(letter: Letter) -> bytes:
    mail = EmailMessage(policy=SMTP)
    title, body = _words(letter)
    mail["From"], mail["To"], mail["Subject"] = letter.sender, letter.recipient.address, title
    mail["Message-ID"], mail["Date"], mail["Auto-Submitted"] = (
        letter.message_id,
        format_datetime(letter.at),
        "auto-generated",
    )
    mail.set_content(body)
    return mail.as_bytes()


def subject_of(letter: Letter, payload: bytes) -> str:
    """Give what the recipient sees in the list of his mails."""
    if not letter.recipient.by_mail:
        return str(orjson.loads(payload)["title"])
    return str(BytesHeaderParser(policy=default).parsebytes(payload)["Subject"])
