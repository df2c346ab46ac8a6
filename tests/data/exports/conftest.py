"""A small demo network, loaded and judged once, and a listener that is lists."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from data.commands import run_command  # noqa: F401  # imported early: the first import is slow
from data.demo import write_network
from data.exports.commands import COMMANDS
from data.reporting import WRONG_INPUT, UsageError
from data.session import Session
from data.settings import load_settings

NOW = datetime(2026, 5, 20, 14, 30, tzinfo=UTC)
NOTHING = {
    "out": None,
    "format": None,
    "announced": False,
    "as_of": None,
    "version": None,
    "kpis": [],
    "slice": [],
    "levels": [],
    "all": False,
}


class Heard:
    """A Reporter that is lists; its output is what standard output would get."""

    def __init__(self):
        self.said, self.wrong, self.steps = [], [], []

    def out(self, text):
        self.said.append(text + "\n")

    def err(self, text):
        self.wrong.append(text)

    def table(self, title, columns, rows):
        raise AssertionError(f"exports print no tables: {title}, {columns}, {rows}")

    def progress(self, done, total, what):
        self.steps.append((done, total, what))

    @property
    def text(self):
        return "".join(self.said)


@pytest.fixture(scope="session")
def export():
    """Run an export command; give its exit code and what was heard."""

    def run(session, name, **options):
        heard = Heard()
        try:
            code = COMMANDS[f"export {name}"](session, NOTHING | options, heard)
        except UsageError as error:
            code = WRONG_INPUT
            heard.err(str(error))
        return code, heard

    return run


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """An open session over a loaded demo network."""
    folder = tmp_path_factory.mktemp("exported")
    write_network(folder, partners=8, days=60, seed=4, now=NOW)
    session = Session.open(load_settings(folder / "settings.toml", {}), lambda: NOW)
    loader = session.loader()
    for source in session.settings.sources:
        assert loader.load(source).error is None
    yield session
    session.close()


@pytest.fixture(scope="session")
def board(demo):
    """The stored Board of that network, as JSON."""
    return demo.keep(demo.look(replace(demo.judge(), looks_into=4)), live=True).document
