"""Mistakes as sentences: where something is wrong, what is wrong, and the mend."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_BARE = re.compile(r"[A-Za-z0-9_-]+")
Step = str | int
"""One step into a TOML table: a key, or the index of a list counted from 0."""


@dataclass(frozen=True)
class Place:
    """A spot in a file, with the list that collects what is wrong anywhere in the files."""

    file: str
    problems: list[str] = field(default_factory=list)
    table: str = ""
    steps: tuple[Step, ...] = ()

    def within(self, table: str) -> Place:
        return replace(self, table=table, steps=())

    def at(self, *steps: Step) -> Place:
        return replace(self, steps=(*self.steps, *steps))

    def say(self, wrong: str, mend: str) -> None:
        self.problems.append(f"{self}: {wrong}; {mend}")

    def __str__(self) -> str:
        key = f"key {key_name(self.steps)}" if self.steps else ""
        where = ", ".join(part for part in (self.table, key) if part)
        return ": ".join(part for part in (self.file, where) if part)


def key_name(steps: Iterable[Step]) -> str:
    """Write steps as people say them: ("kinds", 0, "when", "a:b") is 'kinds, entry 1, when."a:b"'."""
    parts: list[str] = []
    dotted = False
    for step in steps:
        text = f"entry {step + 1}" if isinstance(step, int) else _key(step)
        if dotted and not isinstance(step, int):
            parts[-1] += f".{text}"
        else:
            parts.append(text)
        dotted = not isinstance(step, int)
    return ", ".join(parts)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else quoted(key)


def quoted(text: object) -> str:
    """Put a value between quotes, shortened if nobody would read all of it."""
    shown = str(text)
    return f'"{shown if len(shown) <= 60 else shown[:57] + "..."}"'  # three dots keep it at 60 characters


def suggest(written: str, known: Iterable[str], *, call: str = "use") -> str:
    """Give the mend for an unknown name: the one probably meant, else all there are."""
    names = list(dict.fromkeys(known))
    if match := closest(written, names):
        return f"did you mean {quoted(match)}?"
    if not names:
        return "remove it"
    return f"{call} {listed(names)}"


def closest(written: str, known: Iterable[str]) -> str | None:
    """Find the name that somebody who wrote this probably meant."""
    folded = {name.casefold(): name for name in known}
    match = get_close_matches(written.casefold(), folded, n=1, cutoff=0.6)
    return folded[match[0]] if match else None


def listed(names: Iterable[str], *, last: str = "or") -> str:
    """Join names as a sentence does: a, b or c."""
    *most, final = names
    return f"{', '.join(most)} {last} {final}" if most else final
