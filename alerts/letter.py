"""What a recipient is told at once, as values: the composer makes a mail of it, the chat channel a short text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from analytics.routing import Recipient


class Kind(StrEnum):
    """Why somebody is told."""

    OPENED = "opened"
    TURNING = "turning"
    """It is about to turn red."""
    WORSENED = "worsened"
    REMINDER = "reminder"
    ESCALATED = "escalated"
    UNSTABLE = "unstable"
    RECOVERED = "recovered"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    """The KPI or the slice is no longer judged."""
    UNDELIVERED = "undelivered"
    """Told to the fallback recipient: a mail to somebody else could not be delivered."""


def is_mail(payload: bytes) -> bool:
    """Tell whether the bytes of a letter are a mail; else they are the title and body for a channel, as JSON."""
    return payload[:1] != b"{"


@dataclass(frozen=True)
class Links:
    """Addresses of one episode's pages, and those of the buttons; None where no public address is set."""

    episode: str | None = None
    acknowledge: str | None = None
    snooze: str | None = None
    unsubscribe: str | None = None


@dataclass(frozen=True)
class Notice:
    """One thing to tell. `reading` is the contract's JSON of the reading (of a dead source: kpi "source", slice {"source": name}).

    `opened_at` and `at` are aware UTC times: when the pain began to be told, and when this happened. `reason` is one English
    sentence.
    """

    id: int
    kind: Kind
    episode: int
    reading: Mapping[str, Any]
    opened_at: datetime
    at: datetime
    reason: str
    links: Links = Links()
    references: tuple[str, ...] = ()
    """Message ids of what this recipient was really sent of the episode, the first one first."""
    unstable: bool = False


@dataclass(frozen=True)
class Letter:
    """One message to one recipient. `message_id` has its angle brackets; `digest` tells that it was gathered for a set time."""

    recipient: Recipient
    sender: str
    network: str
    message_id: str
    at: datetime
    notices: tuple[Notice, ...]
    digest: bool = False
    board_url: str | None = None
    unsubscribe: str | None = None
    """The address that stops all mail to this recipient, by one POST."""
