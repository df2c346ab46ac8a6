"""A small network in a folder, with a clock that stands still and the facts as plain values."""

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analytics.facts import FACTS
from analytics.fold import fact_columns
from data.commands import quarantine  # noqa: F401  # imported early: the first import is slow
from data.generations import active_generations
from data.session import Session
from data.settings import load_settings

LATE = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass
class Network:
    """An open session over a folder."""

    folder: Path
    session: Session
    moment: list

    def load(self, name, **how):
        return self.session.loader().load(self.session.source(name), **how)

    def replay(self, name):
        return self.session.loader().replay(self.session.source(name))

    def under(self, settings):
        """Read the settings anew, as a command after an edit does."""
        (self.folder / "settings.toml").write_text(settings)
        self.session = self.session.under(load_settings(self.folder / "settings.toml", {}))
        self.session.follow()

    def ask(self, query, *values):
        con = self.session.warehouse.cursor()
        try:
            return con.execute(query, list(values)).fetchall()
        finally:
            con.close()

    def batch(self):
        return self.ask("SELECT max(batch) FROM batches")[0][0]

    def facts(self, fact):
        con = self.session.warehouse.cursor()
        try:
            return self._facts(con, fact, f"SELECT * FROM {fact}")
        finally:
            con.close()

    def reader_facts(self, fact, moment=None, batch=None):
        moment = (moment or self.moment[0]).replace(tzinfo=UTC)
        with self.session.warehouse.reader(self.session.names, moment, batch) as view:
            return self._facts(view.con, fact, f"SELECT * FROM {view.fact(fact).get_name()}")

    def _facts(self, con, fact, query):
        plan = self.session.warehouse.plan(con, fact, ())
        names = [name for name in fact_columns(plan) if name != "source"]
        rows = con.execute(f"SELECT {', '.join(chr(34) + n + chr(34) for n in names)} FROM ({query})").fetchall()
        named = [dict(zip(names, row, strict=True)) for row in rows]
        assert len({row["key"] for row in named}) == len(named)
        return {row.pop("key"): {n: v for n, v in row.items() if v is not None} for row in named}

    def books(self):
        """Give how many rows each log holds."""
        tables = [f"{name}_statements" for name in FACTS] + [
            f"{name}_events" for name, fact in FACTS.items() if fact.kinds
        ]
        return {table: self.ask(f"SELECT count(*) FROM {table}")[0][0] for table in tables}

    def quarantined(self):
        return self.ask("SELECT file, place, reason, raw FROM quarantine WHERE closed_at IS NULL ORDER BY id")

    def refold(self, fact):
        con = self.session.warehouse.cursor()
        with self.session.warehouse.writer(con):
            active = active_generations(con, self.session.names)
            self.session.warehouse.refold(con, fact, active, None)
        con.close()


@pytest.fixture(scope="session")
def remembered():
    """Keep compiled expressions across the networks of a run, as a warehouse does across commands."""
    return {}


@pytest.fixture
def network_of(remembered):
    @contextmanager
    def make(settings, moment=LATE, environ=os.environ):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "settings.toml").write_text(settings)
            clock = [moment]
            session = Session.open(load_settings(folder / "settings.toml", environ), lambda: clock[0])
            session.warehouse._templates = remembered
            try:
                yield Network(folder, session, clock)
            finally:
                session.close()

    return make
