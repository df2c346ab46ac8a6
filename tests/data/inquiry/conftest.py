"""A small demo network that was loaded and judged again and again, and an Inquiry into its Boards."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

from analytics.inquiring import Wanted
from data.commands import run_command  # noqa: F401  # imported early: the first import is slow
from data.demo import LiveNetwork, write_network
from data.inquiry import Inquiry
from data.session import Session
from data.settings import load_settings

NOW = datetime(2026, 5, 20, 14, 30, tzinfo=UTC)
LATER = (timedelta(0), timedelta(minutes=40), timedelta(hours=3))
"""When the network was judged; between those its partners went on, and were loaded."""


@pytest.fixture(scope="session")
def asked(tmp_path_factory):
    """Give the session, an Inquiry into it, and its Boards as JSON, the oldest first; after the last one more was loaded."""
    folder = tmp_path_factory.mktemp("asked")
    write_network(folder, partners=6, days=40, seed=4, now=NOW)
    clock = [NOW]
    session = Session.open(load_settings(folder / "settings.toml", {}), lambda: clock[0])
    inquiry, live = Inquiry(session), LiveNetwork(folder)
    boards = []
    for passed in LATER:
        clock[0] = NOW + passed
        live.advance(clock[0])
        load(session)
        boards.append(
            session.keep(session.look(replace(session.judge(), looks_into=0, draws_charts=False)), live=True).document
        )
    clock[0] = NOW + timedelta(hours=4)
    live.advance(clock[0])
    load(session)
    yield SimpleNamespace(session=session, inquiry=inquiry, boards=boards, folder=folder, clock=clock, live=live)
    inquiry.close()
    session.close()


def load(session):
    loader = session.loader()
    for source in session.settings.sources:
        loaded = loader.load(source)
        assert loaded.error is None


def slice_of(reading):
    return tuple(sorted(reading["slice"].items()))


@pytest.fixture(scope="session")
def all_rows(asked):
    """Give all rows behind a reading as a frame, read page by page."""

    def read(version, kpi, slice_, wanted=Wanted(), size=2_000):  # noqa: B008  # frozen
        rows, start = [], 0
        while True:
            table = asked.inquiry.rows(version, kpi, slice_, replace(wanted, start=start, end=start + size))
            rows += table.rows
            start += size
            if start >= table.total:
                assert len(rows) == table.total
                return pd.DataFrame(rows, columns=[column.name for column in table.columns]), table

    return read


@contextmanager
def opened(folder, now=NOW):
    """Give a session over a folder, and an Inquiry into it."""
    session = Session.open(load_settings(folder / "settings.toml", {}), lambda: now)
    inquiry = Inquiry(session)
    try:
        yield session, inquiry
    finally:
        inquiry.close()
        session.close()
