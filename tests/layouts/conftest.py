"""A browser, and a wall that can be cut off and brought back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from wall_served import Served, Wall

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = "--no-sandbox --disable-gpu --disable-background-networking --no-first-run --disable-component-update --disable-sync"


@pytest.fixture
def served():
    with Served() as running:
        yield running


@pytest.fixture
def wall():
    made = Wall()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def browser():
    # For one module only: while it is open, Playwright keeps an event loop running in this thread, and nobody else
    # could call asyncio.run.
    if not CHROMIUM.exists():
        message = f"{CHROMIUM} is missing: the wall's browser tests need Debian's Chromium (apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (not needed where there is no browser)

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=SWITCHES.split())
        yield running
        running.close()


@pytest.fixture
def page(browser):
    """A 1080p screen that must not log a single script error."""
    screen = browser.new_page(viewport={"width": 1920, "height": 1080})
    errors = []
    screen.on("pageerror", lambda error: errors.append(str(error)))
    screen.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    yield screen
    screen.close()
    assert not errors
