"""Stores of both kinds: SQLite in a file, and a database of its own on a real PostgreSQL."""

import shutil
from itertools import count

import psycopg
import pytest

from data.store import Store

_numbers = count(1)


@pytest.fixture(scope="module")
def sqlite_stores(tmp_path_factory):
    """Give a function that makes a new migrated store and gives its URL."""
    folder = tmp_path_factory.mktemp("stores")
    Store(f"sqlite:///{folder}/template.db").close()

    def make():
        file = folder / f"s{next(_numbers)}.db"
        shutil.copy(folder / "template.db", file)
        return f"sqlite:///{file}"

    return make


@pytest.fixture(scope="module")
def postgres_stores(postgres):
    """Give a function that makes a new migrated database and gives its URL."""

    def url_of(name):
        return postgres.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")

    def make(template=None):
        name = f"store_{next(_numbers)}"
        with psycopg.connect(postgres, autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return name

    with psycopg.connect(postgres, autocommit=True) as db:  # nothing here outlives a power cut
        db.execute("ALTER SYSTEM SET fsync = off")
        db.execute("SELECT pg_reload_conf()")
    template = make()
    Store(url_of(template)).close()
    return lambda: url_of(make(template))


@pytest.fixture(params=["sqlite", "postgres"])
def new_store(request):
    """Give a function that makes a new migrated store, on SQLite and then on PostgreSQL."""
    return request.getfixturevalue(f"{request.param}_stores")
