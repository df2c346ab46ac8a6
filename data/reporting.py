"""How commands talk: results, tables, mistakes and progress, whoever listens; and their exit codes."""

from __future__ import annotations

from typing import Any, Protocol

import orjson

DONE, WRONG_INPUT, FAILED = 0, 1, 2


class Reporter(Protocol):
    """Where a command's words go: results to `out`, everything about the way there to the others."""

    def out(self, text: str) -> None: ...

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None: ...

    def err(self, text: str) -> None: ...

    def progress(self, done: int, total: int | None, what: str) -> None: ...


class UsageError(Exception):
    """What was asked for cannot be done as asked; the message says why and what can."""


def in_json(content: dict[str, Any]) -> str:
    """Write JSON; orjson turns NaN into null."""
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode()
