"""The right that a link in a mail carries: one deed for one recipient, signed, and void after a time."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from sqlalchemy import select

from alerts.tables import SECRETS, insert_new

if TYPE_CHECKING:
    from sqlalchemy import Connection

Verb = Literal["acknowledge", "snooze", "unsubscribe", "preferences"]
LASTS = {"acknowledge": 14 * 86_400, "snooze": 14 * 86_400, "unsubscribe": 400 * 86_400, "preferences": 400 * 86_400}
"""Seconds for which a link works."""
ONCE = ("acknowledge", "snooze")
"""What a link does only once; that the others are done again changes nothing."""
_NAME = "tokens"


class InvalidError(Exception):
    """A token that is not ours, or `expired`; the message says which."""

    def __init__(self, sentence: str, *, expired: bool = False) -> None:
        super().__init__(sentence)
        self.expired = expired


@dataclass(frozen=True)
class Right:
    """What a token allows; `id` tells it from all others."""

    id: str
    verb: Verb
    recipient: str
    episode: int | None = None


@dataclass(frozen=True)
class Signer:
    """Writes and reads tokens with the store's own secret."""

    secret: str = field(repr=False)

    @classmethod
    def of(cls, con: Connection) -> Signer:
        """Read the secret from the store; it is made at the first need."""
        insert_new(con, SECRETS, [{"name": _NAME, "value": secrets.token_hex(32)}])
        return cls(str(con.execute(select(SECRETS.c.value).where(SECRETS.c.name == _NAME)).scalar_one()))

    def sign(self, verb: Verb, recipient: str, episode: int | None = None) -> str:
        right: dict[str, Any] = {"i": secrets.token_urlsafe(9), "v": verb, "r": recipient, "e": episode}
        return str(self._serializer(verb).dumps(right))

    def read(self, token: str) -> Right:
        """Read a token; InvalidError if it was not written here or is too old."""
        for verb, seconds in LASTS.items():
            try:
                right = self._serializer(verb).loads(token, max_age=seconds)
            except SignatureExpired as error:
                said = "This link is too old; open the episode on the alerts page instead."
                raise InvalidError(said, expired=True) from error
            except BadSignature:
                continue
            return Right(right["i"], right["v"], right["r"], right["e"])
        raise InvalidError("This link is not valid: it may have been cut on its way; copy all of it from the mail.")

    def _serializer(self, verb: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt=f"painpoint {verb}")
