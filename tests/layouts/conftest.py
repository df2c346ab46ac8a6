"""A wall that can be cut off and brought back."""

from __future__ import annotations

import pytest
from wall_served import Served, Wall


@pytest.fixture
def served():
    with Served() as running:
        yield running


@pytest.fixture
def wall():
    made = Wall()
    yield made
    made.kill()


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
