"""An open network: its settings with the warehouse, the store, the loaders and the judge that belong to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from analytics.board import as_json, past
from analytics.judge import FeedRule, Judge
from data.loaders import Loader
from data.store import Store, Stored
from data.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from analytics.board import Board
    from data.settings import Settings, Source
    from data.shelf import Shelf


class Rehearsed(Protocol):
    """Takes the Boards of a replay in their order; `result` gives what everybody would have got until a moment."""

    def add(self, board: Board) -> None: ...

    def result(self, until: datetime) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Session:
    """What every command works with. `clock` gives aware UTC times; only the composition root makes one.

    `rehearse` makes rehearsals of the alerts of settings; None where nothing is joined to alerts.
    """

    settings: Settings
    warehouse: Warehouse
    store: Store
    clock: Callable[[], datetime]
    rehearse: Callable[[Settings], Rehearsed] | None = None

    @classmethod
    def open(
        cls,
        settings: Settings,
        clock: Callable[[], datetime],
        rehearse: Callable[[Settings], Rehearsed] | None = None,
    ) -> Self:
        store = Store(settings.store_url)
        session = cls(settings, Warehouse(settings.warehouse_url), store, clock, rehearse)
        session.follow()
        return session

    def under(self, settings: Settings) -> Session:
        """Give the same warehouse and store under settings read anew, as when a limit was edited meanwhile."""
        return replace(self, settings=settings)

    def close(self) -> None:
        self.warehouse.close()
        self.store.close()

    @property
    def names(self) -> list[str]:
        return [source.name for source in self.settings.sources]

    def follow(self) -> None:
        """Let the facts follow the settings, where sources were taken up or dropped since the last time."""
        con = self.warehouse.cursor()
        with self.warehouse.writer(con):
            self.warehouse.follow(con, self.names)
        con.close()

    def loader(self) -> Loader:
        return Loader(self.warehouse, self.settings.sources, self.clock)

    def source(self, name: str) -> Source | None:
        return next((source for source in self.settings.sources if source.name == name), None)

    def judge(self) -> Judge:
        """Give a judge over the catalogue: over all of it, for whether a red is deserved depends on the whole board."""
        feeds = feed_rules(self.settings)
        rate = self.settings.false_discovery_rate
        return Judge(
            self.settings.kpis, feeds, self.settings.network, self.settings.timezone, false_discovery_rate=rate
        )

    def look(
        self,
        judge: Judge,
        as_of: datetime | None = None,
        errors: dict[str, str] | None = None,
        shelf: Shelf | None = None,
    ) -> Board:
        """Judge now, or as of a past moment; the Board is not stored and has version 0."""
        newest = self.store.newest() if as_of is None else None
        moment = self.clock() if as_of is None else as_of
        with self.warehouse.reader(self.names, moment, timezone=self.settings.timezone, shelf=shelf) as view:
            return judge.board(view, moment, 0, past(newest.document) if newest else None, errors)

    def keep(self, board: Board, *, live: bool) -> Stored:
        """Store a Board; it gets its version here."""
        return self.store.add(board.as_of, board.batch, live=live, document=as_json(board))


def feed_rules(settings: Settings) -> list[FeedRule]:
    """Give what judging needs to know of the sources."""
    return [FeedRule(s.name, s.fact, s.fresh_within_seconds, s.tells) for s in settings.sources]


def same_picture(document: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two Boards show the same, whenever and under whatever number they were judged."""
    skipped = ("as_of", "version", "batch")
    return all(document.get(name) == other.get(name) for name in document.keys() | other.keys() if name not in skipped)
