"""Paired screens in the store: their tokens as hashes only, what they show, and when they were last heard of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Column, DateTime, Index, Integer, String, Table, Text, bindparam, func, select
from sqlalchemy.exc import IntegrityError

from analytics.board import instant
from data.store import METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Engine, Row

SCREENS = Table(
    "screens",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("token", String(64), nullable=False, unique=True),
    Column("showing", Text, nullable=False),
    Column("paired_at", DateTime, nullable=False),
    Column("revoked_at", DateTime),
    Column("beat_at", DateTime),
    Column("version", Integer),
    Column("feed", String(20)),
    Column("size", String(20)),
    Column("agent", Text, nullable=False),
)
PAIRINGS = Table(
    "pairings",
    METADATA,
    Column("code", String(12), primary_key=True),
    Column("token", String(64), nullable=False),
    Column("agent", Text, nullable=False),
    Column("expires_at", DateTime, nullable=False),
    Index("pairings_of", "token"),
)
MOST_ASKING = 400
REMEMBERED = timedelta(days=90)
"""For so long a screen whose right was taken away is listed."""


class ScreenStore:
    """Fulfils the pages' protocol of screens over the store's engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ask(self, code: str, token: str, agent: str, now: datetime, good_for: timedelta) -> bool:
        """Note that a screen asks to be paired; False if the code is taken or too many ask."""
        row = {"code": code, "token": token, "agent": agent, "expires_at": _naive(now + good_for)}
        try:
            with self._engine.begin() as con:
                over = (PAIRINGS.c.expires_at <= _naive(now)) | (PAIRINGS.c.token == token)
                con.execute(PAIRINGS.delete().where(over))
                if con.execute(select(func.count()).select_from(PAIRINGS)).scalar_one() >= MOST_ASKING:
                    return False
                con.execute(PAIRINGS.insert().values(row))
        except IntegrityError:
            return False
        return True

    def asked(self, token: str, now: datetime) -> str | None:
        """Give the code under which a screen asks, as long as it is good."""
        good = (PAIRINGS.c.token == token) & (PAIRINGS.c.expires_at > _naive(now))
        with self._reading() as con:
            code: str | None = con.execute(select(PAIRINGS.c.code).where(good)).scalar()
        return code

    def pair(self, code: str, name: str, showing: Mapping[str, Any], now: datetime) -> int | None:
        """Pair the screen that asks under a code; whoever deletes its question first has it."""
        good = (PAIRINGS.c.code == code) & (PAIRINGS.c.expires_at > _naive(now))
        with self._engine.begin() as con:
            asking = con.execute(PAIRINGS.delete().where(good).returning(PAIRINGS.c.token, PAIRINGS.c.agent)).first()
            if asking is None:
                return None
            row = _row(name, showing, now) | {"token": asking.token, "agent": asking.agent}
            # a television that was paired before is the same one under a new name
            con.execute(SCREENS.delete().where(SCREENS.c.token == asking.token))
            return _insert(con, row)

    def add(self, token: str, name: str, showing: Mapping[str, Any], agent: str, now: datetime) -> int:
        """Pair a screen that did not have to ask."""
        row = _row(name, showing, now) | {"token": token, "agent": agent}
        with self._engine.begin() as con:
            return _insert(con, row)

    def screens(self) -> Sequence[Mapping[str, Any]]:
        """Give all screens, by name."""
        with self._reading() as con:
            return [_document(row) for row in con.execute(select(SCREENS).order_by(SCREENS.c.name, SCREENS.c.id))]

    def heard(self, beats: Sequence[Mapping[str, Any]]) -> None:
        """Note signs of life."""
        told = ("version", "feed", "size", "agent")
        change = SCREENS.update().where(SCREENS.c.id == bindparam("key"))
        change = change.values(beat_at=bindparam("at"), **{name: bindparam(f"new_{name}") for name in told})
        rows = [
            {"key": beat["id"], "at": _naive(beat["at"])} | {f"new_{name}": beat[name] for name in told}
            for beat in beats
        ]
        with self._engine.begin() as con:
            con.execute(change, rows)

    def change(self, number: int, name: str, showing: Mapping[str, Any]) -> bool:
        """Rename a screen and change what it shows."""
        kept = {"name": name, "showing": orjson.dumps(dict(showing)).decode()}
        with self._engine.begin() as con:
            return con.execute(SCREENS.update().where(_having(number)).values(kept)).rowcount > 0

    def revoke(self, number: int, now: datetime) -> str | None:
        """Take a screen's right away; forget those that lost theirs long ago."""
        with self._engine.begin() as con:
            con.execute(SCREENS.delete().where(SCREENS.c.revoked_at < _naive(now - REMEMBERED)))
            name = con.execute(select(SCREENS.c.name).where(_having(number))).scalar()
            con.execute(SCREENS.update().where(_having(number)).values(revoked_at=_naive(now)))
        return name

    def _reading(self) -> Any:
        return self._engine.connect().execution_options(reads=True)


def _insert(con: Connection, row: Mapping[str, Any]) -> int:
    return int(con.execute(SCREENS.insert().values(row).returning(SCREENS.c.id)).scalar_one())


def _having(number: int) -> Any:
    return (SCREENS.c.id == number) & SCREENS.c.revoked_at.is_(None)


def _row(name: str, showing: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {"name": name, "showing": orjson.dumps(dict(showing)).decode(), "paired_at": _naive(now)}


def _document(row: Row[Any]) -> dict[str, Any]:
    times = {name: _iso(getattr(row, name)) for name in ("paired_at", "revoked_at", "beat_at")}
    return {**row._mapping, **times, "showing": orjson.loads(row.showing)}  # noqa: SLF001  # SQLAlchemy's own public name


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment.replace(tzinfo=UTC))


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
