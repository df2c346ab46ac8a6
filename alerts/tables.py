"""The tables of alerting in the store; `data/migrations` makes them, a test holds the two together."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Dialect, Engine

METADATA = MetaData()
_AT_ONCE = 5_000
"""Rows that are inserted at once: a storm may make a million."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC time, kept as UTC without a zone, which every database orders alike."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC)


class Document(TypeDecorator[Any]):
    """A JSON value."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        return None if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else orjson.loads(value)


EPISODES = Table(
    "episodes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kpi", String(200), nullable=False),
    Column("slice", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("value", String(20), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", Text),
    Column("snoozed_until", Instant),
    Column("unstable", Boolean, nullable=False),
    Column("told_pain", Float, nullable=False),
    Column("worst_pain", Float, nullable=False),
    Column("version", Integer, nullable=False),
    Column("inherited", Document, nullable=False),
    Column("reading", Document, nullable=False),
    Index("episodes_open", "closed_at"),
    Index("episodes_of", "kpi", "slice"),
)
"""One continuous pain of one KPI and slice; `reading` is its newest one, `version` the Board it was opened with."""

STATES = Table(
    "alert_states",
    METADATA,
    Column("kpi", String(200), primary_key=True),
    Column("slice", Text, primary_key=True),
    Column("value", String(20), nullable=False),
    Column("health", String(20), nullable=False),
    Column("since", Instant, nullable=False),
    Column("turns", Document, nullable=False),
    Column("episode", Integer, ForeignKey("episodes.id")),
)
"""How every KPI and slice stands that is not simply green; `turns` are the times it lately began or ceased to be red."""

TRANSITIONS = Table(
    "transitions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("episode", Integer, ForeignKey("episodes.id"), index=True),
    Column("kpi", String(200), nullable=False),
    Column("slice", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("axis", String(20), nullable=False),
    Column("before", String(40), nullable=False),
    Column("after", String(40), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text),
    Column("version", Integer),
)
"""Append-only: what changed, on which axis (value, health, handling), and why."""

LETTERS = Table(
    "letters",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("message_id", String(200), nullable=False, unique=True),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("digest", Boolean, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("status", String(20), nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("give_up_at", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("lease_by", Text),
    Column("attempts", Integer, nullable=False),
    Column("done_at", Instant),
    Column("said", Text, nullable=False),
    Index("letters_due", "status", "not_before"),
    Index("letters_to", "recipient", "created_at"),
)
"""What leaves: frozen when it was composed. `status`: waiting, sent or dead; `said` is the last answer of the other side."""

NOTICES = Table(
    "notices",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", String(400), nullable=False, unique=True),
    Column("episode", Integer, ForeignKey("episodes.id"), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("status", String(20), nullable=False),
    Column("held", Text, nullable=False),
    Column("story", Document, nullable=False),
    Column("letter", Integer, ForeignKey("letters.id")),
    Index("notices_due", "status", "not_before"),
    Index("notices_of", "episode"),
    Index("notices_in", "letter"),
)
"""That somebody is to be told of something. `status`: waiting, written (in a letter), told, undeliverable or dropped.

`held` says why it waits or was dropped, `story` every such reason so far with its time.
"""

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("letter", Integer, ForeignKey("letters.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("code", Integer),
    Column("said", Text, nullable=False),
    Column("by", Text, nullable=False),
)
"""Every try to hand a letter over that came to an end: accepted, later, never or unclear."""

SILENCES = Table(
    "silences",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("match", Document, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("begins", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
)

PREFERENCES = Table(
    "preferences",
    METADATA,
    Column("recipient", String(400), primary_key=True),
    Column("language", Text),
    Column("timezone", Text),
    Column("quiet", Text),
    Column("pain_above", Float),
    Column("stopped_at", Instant),
    Column("changed_at", Instant, nullable=False),
)
"""What a recipient has chosen; None: what the settings say. `stopped_at`: wants no mail."""

USED = Table(
    "used_tokens",
    METADATA,
    Column("token", String(64), primary_key=True),
    Column("verb", String(20), nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

PULSES = Table(
    "pulses",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("said", Text, nullable=False),
)
"""The last sign of life of every dispatcher."""

SECRETS = Table(
    "secrets", METADATA, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False)
)


def reading(engine: Engine) -> Connection:
    """Give a connection that only reads, and so never waits for those who write."""
    return engine.connect().execution_options(reads=True)


def insert_new(con: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> int:
    """Insert rows but for those that a unique key has already; give how many there were to insert."""
    insert = postgresql.insert if con.dialect.name == "postgresql" else sqlite.insert
    waiting, count = iter(rows), 0
    while some := list(islice(waiting, _AT_ONCE)):
        con.execute(insert(table).on_conflict_do_nothing(), some)
        count += len(some)
    return count
