"""A TOML file as tables, and the environment variables that its texts name."""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING, Any

from data.settings.problems import Place, Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Table = dict[str, Any]
Steps = tuple[Step, ...]
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_POSITION = re.compile(r"^(?P<what>.*) \(at (?P<where>.*)\)$", re.DOTALL)


class FromEnvironment(str):
    """A text that is the value of an environment variable and nothing else, so that it may stand for a number."""

    __slots__ = ()


def read_table(path: Path, place: Place, mend: str) -> Table | None:
    """Read a TOML file; report at `place` that it cannot be read, or in it what is no TOML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        what = path if place.table else "the file"
        place.say(f"{what} cannot be read ({os.strerror(error.errno or 0)})", mend)
        return None
    except UnicodeDecodeError:
        Place(str(path), place.problems).say("the file is not in UTF-8", "save it as UTF-8")
        return None
    return _parse(text, Place(str(path), place.problems))


def _parse(text: str, place: Place) -> Table | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _POSITION.match(str(error))
        what, where = (match["what"], match["where"]) if match else (str(error), "somewhere")
        place.within(_line(where, text)).say(
            f"this is not TOML ({what})", "put texts in quotes, close every bracket and write each key and table once"
        )
        return None


def _line(where: str, text: str) -> str:
    return where if where.startswith("line") else f"line {len(text.splitlines())}, {where}"


def substitute(table: Any, environ: Mapping[str, str], place: Place) -> tuple[Any, set[Steps]]:
    """Replace every `${NAME}` in the texts of a table; give also the keys whose variables are not set."""
    broken: set[Steps] = set()

    def walk(value: Any, steps: Steps) -> Any:
        if isinstance(value, dict):
            return {key: walk(inner, (*steps, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner, (*steps, index)) for index, inner in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        names = _VARIABLE.findall(value)
        unset = [name for name in dict.fromkeys(names) if name not in environ]
        for name in unset:
            place.at(*steps).say(f"the environment variable {name} is not set", f"set {name}, or write the value here")
        if malformed := len(names) != value.count("${"):
            place.at(*steps).say("a ${ names no environment variable", "write ${NAME} with letters, digits and _ only")
        if unset or malformed:
            broken.add(steps)
            return value
        replaced = _VARIABLE.sub(lambda match: environ[match[1]], value)
        return FromEnvironment(replaced) if _VARIABLE.fullmatch(value) else replaced

    return walk(table, ()), broken
