"""Addresses of databases, made absolute where they name a file."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from data.settings.problems import quoted, suggest

if TYPE_CHECKING:
    from pathlib import Path

    from data.settings.problems import Place

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_FILE_DATABASES = ("duckdb", "sqlite")


def absolute(path: str, folder: Path) -> Path:
    """Resolve a path that is relative to the settings file's folder."""
    return folder.__class__(os.path.abspath(folder / path))  # noqa: PTH100  # resolve() would follow links


def scheme_of(url: str) -> str | None:
    """Give the engine that an address names, its driver left out."""
    match = _SCHEME.fullmatch(url)
    return match["scheme"].partition("+")[0].lower() if match else None


def warehouse_url(url: str, folder: Path, place: Place) -> str:
    scheme = scheme_of(url)
    if scheme == "duckdb":
        return _file_url(url, folder, place)
    if scheme in ("clickhouse", "postgresql", "postgres"):
        name = "ClickHouse" if scheme == "clickhouse" else "PostgreSQL"
        wrong = f"a {name} warehouse is not available in this version yet"
        place.say(wrong, "use duckdb:///var/warehouse.duckdb")
    else:
        _unknown_scheme(scheme, ("duckdb", "clickhouse", "postgresql"), "duckdb:///var/warehouse.duckdb", place)
    return url


def store_url(url: str, folder: Path, place: Place) -> str:
    scheme = scheme_of(url)
    if scheme == "sqlite":
        return _file_url(url, folder, place)
    if scheme == "postgresql":
        return _checked(url, place)
    _unknown_scheme(scheme, ("sqlite", "postgresql"), "sqlite:///var/store.db or postgresql://USER@HOST/NAME", place)
    return url


def source_url(url: str, folder: Path, place: Place) -> str:
    """Resolve the address of an SQL source: `duckdb://` alone is SQL over files."""
    scheme = scheme_of(url)
    if scheme == "duckdb" and url.endswith("duckdb://"):
        return url
    if scheme in _FILE_DATABASES:
        return _file_url(url, folder, place)
    return _checked(url, place)


def web_url(url: str, place: Place) -> None:
    if not re.fullmatch(r"https?://[^/\s]+\S*", url):
        place.say("expected a web address", 'write it in full, e.g. "https://painpoint.example.com"')


def _unknown_scheme(scheme: str | None, known: tuple[str, ...], example: str, place: Place) -> None:
    if scheme is None:
        place.say("this is no address", f"write e.g. {example}")
        return
    mend = suggest(scheme, known)
    place.say(f"unknown database {quoted(scheme)}", mend if mend.startswith("did") else f"use {example}")


def _checked(url: str, place: Place) -> str:
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        place.say("this is no database address", "write it as ENGINE://USER:PASSWORD@HOST:PORT/NAME")
    return url


def _file_url(url: str, folder: Path, place: Place) -> str:
    """Make the path of a file database absolute: three slashes are relative to the settings file's folder."""
    scheme, _, rest = url.partition("://")
    path, mark, options = rest.removeprefix("/").partition("?")
    example = f'"{scheme}:///var/name" below this file, or "{scheme}:////var/name" for /var/name'
    if not rest.startswith("/") and path:
        place.say(f"{scheme}:// with two slashes names a host, not a file", f"write {example}")
    elif not path or path.endswith("/"):
        place.say("the address names no file", f"write {example}")
    elif path == ":memory:":
        place.say("a database in memory forgets everything at the end", f"write {example}")
    return f"{scheme}:///{absolute(path, folder)}{mark}{options}"
