"""What settings.toml and kpis.toml say, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from analytics.deserved import FALSE_DISCOVERIES
from analytics.routing import Alerting

if TYPE_CHECKING:
    from pathlib import Path

    from analytics.kpi import Kpi

Format = Literal["csv", "xlsx", "parquet", "json", "xes", "sql", "http", "push"]


@dataclass(frozen=True)
class Mapping:
    """Where a canonical field comes from: a column, a constant, or a column whose values are mapped."""

    column: str | None = None
    value: Any = None
    map: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True)
class Extra:
    """A further typed column of the fact; `known_at` names the event kind from which on it is known."""

    column: str
    type: Literal["text", "number", "integer", "bool", "time"] = "text"
    known_at: str | None = None


@dataclass(frozen=True)
class KindRule:
    """Rows whose columns hold one of the named texts are events of `kind`; without `when` every row is."""

    kind: str
    when: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Paging:
    """How an http source is asked for its next page; one of `page`, `offset`, `next` and `link` is set.

    `page` and `offset` name query parameters, `next` is the dotted path of a link in the page, or of a token that
    `parameter` takes, `link` is a relation in the Link header.
    """

    page: str | None = None
    size: str | None = None
    first: int = 1
    offset: str | None = None
    limit: str | None = None
    rows: int | None = None
    next: str | None = None
    parameter: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class Source:
    """One [[source]]: `events` is set for a row per case, `kinds` for a row per event, neither for a snapshot."""

    name: str
    fact: str
    format: Format
    fields: tuple[tuple[str, Mapping], ...]
    timezone: str
    folder: Path
    path: str | None = None
    every: str = "5 min"
    fresh_within_seconds: float | None = None
    datetime_format: str | None = None
    encoding: str = "utf-8"
    missing: tuple[str, ...] = ()
    extra: tuple[tuple[str, Extra], ...] = ()
    events: tuple[tuple[str, str], ...] = ()
    at: str | None = None
    kinds: tuple[KindRule, ...] = ()
    url: str | None = None
    query: str | None = None
    cursor: str | None = None
    allow: tuple[Path, ...] = ()
    records: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    paging: Paging | None = None
    token: str | None = field(default=None, repr=False)

    @property
    def tells(self) -> frozenset[str]:
        """The canonical fields, event kinds and further columns that the source tells of."""
        names = [name for name, _ in self.fields] + [name for name, _ in self.extra]
        return frozenset([*names, *(kind for kind, _ in self.events), *(rule.kind for rule in self.kinds)])

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the source that are read, each once, in the order of the settings."""
        named = [m.column for _, m in self.fields if m.column is not None]
        named += [extra.column for _, extra in self.extra]
        named += [column for _, column in self.events]
        named += [self.at] if self.at else []
        named += [column for rule in self.kinds for column, _ in rule.when]
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class Mail:
    """The server that mails are given to, or the folder that they are written to instead."""

    host: str = "localhost"
    port: int = 25
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Literal["none", "starttls", "tls"] = "none"
    sender: str = "Painpoint <painpoint@localhost>"
    folder: Path | None = None


@dataclass(frozen=True)
class Settings:
    """All of settings.toml and its KPIs. Addresses are resolved: file databases carry absolute paths."""

    path: Path
    network: str
    timezone: str
    warehouse_url: str
    store_url: str
    kpis_path: Path
    kpis: tuple[Kpi, ...]
    sources: tuple[Source, ...]
    false_discovery_rate: float = FALSE_DISCOVERIES
    web_host: str = "127.0.0.1"
    web_port: int = 8050
    public_url: str | None = None
    walls: Literal["open", "paired"] = "open"
    mail: Mail | None = None
    alerting: Alerting = field(default_factory=Alerting)


class SettingsError(Exception):
    """Every mistake found, one sentence each; `problems` holds them in the order of the files.

    `sources` are those without a mistake of their own, so that what lies behind them can be checked all the same.
    """

    def __init__(self, problems: list[str], sources: tuple[Source, ...] = ()) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.sources = sources
