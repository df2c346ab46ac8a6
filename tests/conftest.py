"""A real browser, for whatever is drawn."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = "--no-sandbox --disable-gpu --disable-background-networking --no-first-run --disable-component-update --disable-sync"


@pytest.fixture(scope="module")
def browser():
    # For one module only: while it is open, Playwright keeps an event loop running in this thread, and nobody else
    # could call asyncio.run.
    if not CHROMIUM.exists():
        message = f"{CHROMIUM} is missing: browser tests need Debian's Chromium (apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (not needed where there is no browser)

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=SWITCHES.split())
        yield running
        running.close()
