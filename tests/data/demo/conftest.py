"""A demo network as `make run` writes it, once for all tests that only read it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import pytest

from data.demo import write_network

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    out = tmp_path_factory.mktemp("network")
    write_network(out, partners=24, days=75, now=NOW)
    return out


@pytest.fixture(scope="session")
def settings(network):
    return tomllib.loads((network / "settings.toml").read_text(encoding="utf-8"))
