"""settings.toml and its kpis.toml as one value, or every mistake in both."""

from __future__ import annotations

import os
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from analytics.facts import FACTS
from data.settings import shapes
from data.settings.addresses import absolute, store_url, warehouse_url, web_url
from data.settings.alert_shapes import AlertsShape
from data.settings.alerts import read_alerting
from data.settings.catalogue import Extras, read_catalogue
from data.settings.document import read_table, substitute
from data.settings.matches import Known
from data.settings.origin import say_unknown_zone
from data.settings.problems import Place, suggest
from data.settings.shapes import Shape, shaped
from data.settings.sources import read_sources
from data.settings.values import Mail, Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.kpi import Kpi
    from analytics.routing import Alerting
    from data.settings.document import Table
    from data.settings.draft import Draft

SHIPPED_KPIS = Path(__file__).parents[2] / "kpis.toml"
_LISTS = {
    "source": "sources",
    "recipient": "recipients",
    "route": "routes",
    "maintenance": "maintenance windows",
}
"""Tables that are written once per entry, and what many of them are called."""
_SECTIONS = ("network", "warehouse", "store", "kpis", "judging", "web", "mail", "alerts", *_LISTS)
_MAIL_PORTS = {"none": 25, "starttls": 587, "tls": 465}
AnyShape = TypeVar("AnyShape", bound=Shape)


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read settings.toml and its kpis.toml; raise SettingsError that names every mistake."""
    place = Place(str(path))
    table = read_table(path, place, "name the settings file with --settings")
    if table is None:
        raise SettingsError(place.problems)
    return _Reader(path, table, environ, place).read()


class _Reader:
    """The sections of one settings file, checked one after the other so that no mistake hides another."""

    def __init__(self, path: Path, table: Table, environ: Mapping[str, str], place: Place) -> None:
        self.path, self.table, self.environ, self.place = path, table, environ, place
        self.folder = Path(os.path.abspath(path)).parent  # noqa: PTH100  # resolve() would follow links

    def read(self) -> Settings:
        self._say_unknown_sections()
        network = self._network()
        warehouse = warehouse_url(
            self._section("warehouse", shapes.Warehouse).url, self.folder, self._at("warehouse", "url")
        )
        store = store_url(self._section("store", shapes.Store).url, self.folder, self._at("store", "url"))
        kpis_path, kpi_table = self._kpi_table()
        judging = self._section("judging", shapes.Judging)
        web = self._web()
        mail = self._mail()
        drafts, sources = read_sources(self._tables("source"), self.environ, self.place, self.folder, network.timezone)
        alerting = self._alerting(Known.of(kpi_table, _names(drafts)), network.timezone)
        kpis = self._kpis(kpis_path, kpi_table, drafts, network.timezone)
        if self.place.problems:
            raise SettingsError(self.place.problems, tuple(sources))
        return Settings(
            path=self.path,
            network=network.name,
            timezone=network.timezone,
            warehouse_url=warehouse,
            store_url=store,
            kpis_path=absolute(str(kpis_path), Path.cwd()),
            kpis=kpis,
            sources=tuple(sources),
            false_discovery_rate=judging.false_discovery_rate,
            web_host=web.host,
            web_port=web.port,
            public_url=web.public_url,
            walls=web.walls,
            mail=mail,
            alerting=alerting,
        )

    def _at(self, section: str, key: str) -> Place:
        return self.place.within(f"[{section}]").at(key)

    def _say_unknown_sections(self) -> None:
        for key in self.table:
            if key == "kpi":
                self.place.at(key).say("KPIs have a file of their own", "move them to kpis.toml and name it in [kpis]")
            elif key not in _SECTIONS:
                self.place.at(key).say("unknown key", suggest(key, _SECTIONS, call="the sections are"))

    def _section(self, name: str, shape: type[AnyShape]) -> AnyShape:
        place = self.place.within(f"[{name}]")
        table, broken = substitute(self.table.get(name, {}), self.environ, place)
        return shaped(shape, table, place, broken)

    def _network(self) -> shapes.Network:
        network = self._section("network", shapes.Network)
        if say_unknown_zone(network.timezone, self._at("network", "timezone")):
            return network.model_copy(update={"timezone": "UTC"})
        return network

    def _web(self) -> shapes.Web:
        web = self._section("web", shapes.Web)
        if web.public_url is not None:
            web_url(web.public_url, self._at("web", "public_url"))
        return web

    def _mail(self) -> Mail | None:
        if "mail" not in self.table:
            return None
        shape = self._section("mail", shapes.MailShape)
        if "@" not in parseaddr(shape.sender)[1]:
            self._at("mail", "sender").say("expected a mail address", 'write e.g. "Painpoint <painpoint@example.com>"')
        if shape.password is not None and shape.user is None:
            self._at("mail", "user").say("a password without a user", 'add user = "..." or remove the password')
        port = shape.port if "port" in shape.model_fields_set else _MAIL_PORTS[shape.tls]
        if shape.folder == "":
            self._at("mail", "folder").say("it names no folder", 'write e.g. folder = "mails"')
        folder = None if shape.folder is None else absolute(shape.folder, self.folder)
        return Mail(shape.host, port, shape.user, shape.password, shape.tls, shape.sender, folder)

    def _alerting(self, known: Known, timezone: str) -> Alerting:
        alerts = self._section("alerts", AlertsShape)
        tables = {kind: self._tables(kind) for kind in ("recipient", "route", "maintenance")}
        return read_alerting(alerts, tables, known, self.environ, self.place, timezone)

    def _tables(self, kind: str) -> list[Any]:
        tables = self.table.get(kind, [])
        if isinstance(tables, list):
            return tables
        self.place.at(kind).say(f"expected a list of {_LISTS[kind]}", f"write [[{kind}]] with two brackets")
        return [tables]

    def _kpi_table(self) -> tuple[Path, Table | None]:
        written = self._section("kpis", shapes.Kpis).path
        path = SHIPPED_KPIS if written is None else self.path.parent / written
        return path, read_table(
            path, self._at("kpis", "path"), "name a readable file, or leave it out for the shipped one"
        )

    def _kpis(self, path: Path, table: Table | None, drafts: list[Draft], timezone: str) -> tuple[Kpi, ...]:
        if table is None:
            return ()
        place = Place(str(path), self.place.problems)
        return read_catalogue(table, _extras(drafts), ZoneInfo(timezone), place)


def _names(drafts: list[Draft]) -> list[str]:
    return [draft.shape.name for draft in drafts if draft.shape.name]


def _extras(drafts: list[Draft]) -> Extras:
    extras: Extras = {name: {} for name in FACTS}
    for draft in drafts:
        if draft.fact is not None:
            for name, extra in draft.shape.extra.items():
                extras[draft.fact.name].setdefault(name, None if draft.broke("extra", name, "type") else extra.type)
            for path in draft.broken:
                if path[:1] == ("extra",) and len(path) > 1:
                    extras[draft.fact.name].setdefault(str(path[1]), None)
    return extras


def role_problem(settings: Settings, role: str) -> str | None:
    """Say why these settings cannot be split into `--role web` and `--role worker`; None if they can.

    Two processes share the warehouse and the store, and neither DuckDB nor SQLite serves two machines.
    """
    if role not in ("web", "worker"):
        return None
    needs = [
        (
            settings.warehouse_url.startswith(("clickhouse", "postgresql")),
            "[warehouse]",
            "a ClickHouse or PostgreSQL warehouse",
        ),
        (settings.store_url.startswith("postgresql"), "[store]", "a PostgreSQL store"),
    ]
    missing = [(section, need) for fits, section, need in needs if not fits]
    if not missing:
        return None
    sections = " and ".join(section for section, _ in missing)
    wanted = " and ".join(need for _, need in missing)
    return f"{settings.path}: {sections}, key url: --role {role} needs {wanted}; name one there, or use --role all"
