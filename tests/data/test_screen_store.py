"""The screens in the store, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, inspect

from data.screens import MOST_ASKING, PAIRINGS, SCREENS, ScreenStore
from data.store import Store

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
GOOD = timedelta(minutes=10)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").replace("postgresql://", "postgresql+psycopg://")
    made = Store(url)
    yield made
    with made.engine.begin() as con:
        for table in (SCREENS, PAIRINGS):
            con.execute(table.delete())
    made.close()


@pytest.fixture
def screens(store):
    return ScreenStore(store.engine)


def test_the_migration_makes_what_the_tables_say(store):
    for table in (SCREENS, PAIRINGS):
        made = {column["name"]: column["nullable"] for column in inspect(store.engine).get_columns(table.name)}
        assert made == {column.name: column.nullable for column in table.columns}


def test_an_older_store_is_brought_up_to_date(tmp_path):
    path = f"sqlite:///{tmp_path}/store.db"
    Store(path).close()
    with create_engine(path).begin() as con:
        for table in ("screens", "pairings"):
            con.exec_driver_sql(f"DROP TABLE {table}")
        con.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")
    again = Store(path)
    assert ScreenStore(again.engine).screens() == []
    again.close()


def test_a_screen_is_paired_once_by_its_code(screens):
    assert screens.ask("ABC234", "t1", "Chrome", NOW, GOOD)
    assert screens.asked("t1", NOW) == "ABC234"
    number = screens.pair("ABC234", "Lobby", {"theme": "light"}, NOW)
    assert screens.pair("ABC234", "Thief", {}, NOW) is None
    assert screens.asked("t1", NOW) is None
    (kept,) = screens.screens()
    assert kept == {"id": number, "name": "Lobby", "token": "t1", "showing": {"theme": "light"}, "agent": "Chrome",
                    "paired_at": "2026-11-24T13:00:00Z", "revoked_at": None, "beat_at": None, "version": None, "feed": None,
                    "size": None}  # fmt: skip


def test_codes_end(screens):
    screens.ask("ABC234", "t1", "", NOW, GOOD)
    late = NOW + GOOD
    assert screens.asked("t1", late) is None
    assert screens.pair("ABC234", "Lobby", {}, late) is None
    assert screens.ask("ABC234", "t2", "", late, GOOD), "an old code is free again"


def test_a_code_is_taken_by_one_screen_and_a_screen_has_one_code(screens):
    screens.ask("ABC234", "t1", "", NOW, GOOD)
    assert not screens.ask("ABC234", "t2", "", NOW, GOOD)
    screens.ask("XYZ789", "t1", "", NOW, GOOD)
    assert screens.asked("t1", NOW) == "XYZ789"
    assert screens.pair("ABC234", "Lobby", {}, NOW) is None


def test_not_everybody_may_ask_at_once(screens):
    answers = [screens.ask(f"C{n}", f"t{n}", "", NOW, GOOD) for n in range(MOST_ASKING + 1)]
    assert answers == [True] * MOST_ASKING + [False]


def test_beats_changes_and_the_end_of_a_right(screens):
    first, second = (screens.add(f"t{n}", name, {}, "", NOW) for n, name in enumerate(("Berlin", "Atrium")))
    assert [screen["name"] for screen in screens.screens()] == ["Atrium", "Berlin"]
    told = {"version": 17, "feed": "live", "size": "1920x1080", "agent": "TV"}
    screens.heard([{"id": n, "at": NOW + timedelta(seconds=n), **told} for n in (first, second, 999)])
    assert {screen["version"] for screen in screens.screens()} == {17}
    assert screens.change(first, "Berlin 2", {"by": "region"})
    assert screens.revoke(first, NOW) == "Berlin 2"
    assert screens.revoke(first, NOW) is None
    assert not screens.change(first, "x", {})
    kept = next(screen for screen in screens.screens() if screen["id"] == first)
    assert (kept["revoked_at"], kept["showing"]) == ("2026-11-24T13:00:00Z", {"by": "region"})
    screens.revoke(second, NOW + timedelta(days=91))
    assert [screen["id"] for screen in screens.screens()] == [second]


def test_a_screen_that_is_paired_anew_is_one_screen(screens):
    for name in ("Old", "New"):
        screens.ask("ABC234", "t1", "", NOW, GOOD)
        screens.pair("ABC234", name, {}, NOW)
    assert [screen["name"] for screen in screens.screens()] == ["New"]
