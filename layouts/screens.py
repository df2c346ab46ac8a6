"""Televisions that show the wall, as a protocol: whoever keeps them fulfils it; and their tokens and pairing codes."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

TOKEN = "painpoint_screen"  # noqa: S105  # the cookie's name
LETTERS = "ACDEFGHJKMNPQRTUVWXY34679"
"""Of pairing codes: none is taken for another, neither read across a room nor told over a telephone."""
CODE_LENGTH = 6


class Screens(Protocol):
    """Keeps screens; any thread may call. Times that go in are aware, those that come out ISO 8601 texts in UTC with a Z, or None.

    A screen: {"id", "name", "token" (only its hash is known), "showing" (what it is told to show), "paired_at", "revoked_at",
    "beat_at", "version" and "feed" (what it showed at its last beat), "size" (of its window), "agent" (what its browser calls
    itself)}.
    """

    def ask(self, code: str, token: str, agent: str, now: datetime, good_for: timedelta) -> bool:
        """Note that the screen with this token's hash asks to be paired; False if the code is taken or too many ask."""

    def asked(self, token: str, now: datetime) -> str | None:
        """Give the code under which a screen asks, as long as it is good."""

    def pair(self, code: str, name: str, showing: Mapping[str, Any], now: datetime) -> int | None:
        """Pair the screen that asks under a code, once; give its number, or None if no screen asks so."""

    def add(self, token: str, name: str, showing: Mapping[str, Any], agent: str, now: datetime) -> int:
        """Pair a screen that did not have to ask: the browser that is used to pair others."""

    def screens(self) -> Sequence[Mapping[str, Any]]:
        """Give all screens, those lately revoked too, by name."""

    def heard(self, beats: Sequence[Mapping[str, Any]]) -> None:
        """Note signs of life: {"id", "at" (aware), "version", "feed", "size", "agent"}."""

    def change(self, number: int, name: str, showing: Mapping[str, Any]) -> bool:
        """Rename a screen and change what it shows; False if there is none of this number."""

    def revoke(self, number: int, now: datetime) -> str | None:
        """Take a screen's right away; give its name, or None if it had none."""


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """Give what is kept of a token. It is random and long, so a plain digest cannot be turned round."""
    return sha256(token.encode()).hexdigest()


def new_code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))


def read_pairing_code(text: str) -> str:
    """Read a code as typed: in any case, with gaps."""
    return "".join(letter for letter in text.upper() if letter.isalnum())[:CODE_LENGTH]
