"""The store: what must outlive a restart beside the facts (SQLAlchemy Core, migrated by Alembic).

Boards are kept here; the tables of alerting are `alerts.tables`, and what is written to them goes with the Board it is about.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

METADATA = MetaData()
BOARDS = Table(
    "boards",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("as_of", DateTime, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("boards_live", "live", "version"),
)
HEAD = "0003"
KEEP_VERSIONS = 500
KEEP_HOURLY = timedelta(days=30)
_TRIES = 5
_BUSY_MS = 30_000


class StoreError(Exception):
    """The store cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Stored:
    """A Board as it was stored: its JSON of the contract, greens included."""

    version: int
    document: dict[str, Any]


class Store:
    """Keeps every Board that was judged, immutable and numbered."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.folder: Path | None = None
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            self.folder = Path(str(parsed.database)).parent
            self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.engine = create_engine(url)
            if parsed.get_backend_name() == "sqlite":
                _take_turns(self.engine)
            self._migrate()
        except (SQLAlchemyError, ImportError) as error:
            shown = parsed.render_as_string(hide_password=True)
            raise StoreError(f"[store] url {shown} cannot be opened: {str(error).splitlines()[0]}") from error

    def _migrate(self) -> None:
        """Bring the tables to the newest form; Alembic is only woken where they are not."""
        with self.engine.begin() as con:
            known = inspect(con).has_table("alembic_version")
            if known and con.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD:
                return
            from alembic import command  # noqa: PLC0415  # costs a third of a second and is needed once
            from alembic.config import Config  # noqa: PLC0415

            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.attributes["connection"] = con
            command.upgrade(config, "head")

    def close(self) -> None:
        self.engine.dispose()

    def add(
        self,
        as_of: datetime,
        batch: int,
        *,
        live: bool,
        document: dict[str, Any],
        also: Callable[[Connection, int], object] | None = None,
    ) -> Stored:
        """Store a Board under the next version, which is written into its document.

        `also` is called with the transaction and the version; what it writes is kept with the Board or not at all.
        """
        for _ in range(_TRIES):
            with self.engine.begin() as con:
                version = (con.execute(select(func.max(BOARDS.c.version))).scalar() or 0) + 1
                document = document | {"version": version}
                body = zlib.compress(orjson.dumps(document), 3)
                try:
                    row = {"version": version, "as_of": _naive(as_of), "batch": batch, "live": live, "body": body}
                    con.execute(BOARDS.insert().values(row))
                except IntegrityError:  # another process took the number
                    con.rollback()
                    continue
                if also is not None:
                    also(con, version)
            return Stored(version, document)
        raise StoreError("no version number could be had for a Board: too many processes write to the store at once")

    def board(self, version: int) -> Stored | None:
        """Give a Board by its version."""
        return self._one(select(BOARDS.c.version, BOARDS.c.body).where(BOARDS.c.version == version))

    def newest(self) -> Stored | None:
        """Give the newest Board that was judged live."""
        query = select(BOARDS.c.version, BOARDS.c.body).where(BOARDS.c.live)
        return self._one(query.order_by(BOARDS.c.version.desc()).limit(1))

    def versions(self) -> list[int]:
        with self.engine.connect().execution_options(reads=True) as con:
            return list(con.execute(select(BOARDS.c.version).order_by(BOARDS.c.version)).scalars())

    def _one(self, query: Any) -> Stored | None:
        with self.engine.connect().execution_options(reads=True) as con:
            row = con.execute(query).first()
        return Stored(row[0], orjson.loads(zlib.decompress(row[1]))) if row else None

    def prune(self, now: datetime) -> int:
        """Drop old Boards but for the newest ones, the first of every hour for a month, and the first of every day."""
        with self.engine.begin() as con:
            rows = con.execute(select(BOARDS.c.version, BOARDS.c.as_of).order_by(BOARDS.c.version)).all()
            seen: set[str] = set()
            gone = []
            for version, as_of in rows[:-KEEP_VERSIONS]:
                hourly = _naive(now) - as_of <= KEEP_HOURLY
                slot = f"{as_of:%Y-%m-%d %H}" if hourly else f"{as_of:%Y-%m-%d}"
                if slot in seen:
                    gone.append(version)
                seen.add(slot)
            for start in range(0, len(gone), 500):
                con.execute(BOARDS.delete().where(BOARDS.c.version.in_(gone[start : start + 500])))
        return len(gone)


def _take_turns(engine: Engine) -> None:
    """Let every SQLite transaction that may write take its turn at its beginning: one that reads first could not later.

    See https://docs.sqlalchemy.org/en/21/dialects/sqlite.html on the driver's own transactions, which begin too late.
    """

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begin(con: Connection) -> None:
        con.exec_driver_sql("BEGIN" if con.get_execution_options().get("reads") else "BEGIN IMMEDIATE")


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
