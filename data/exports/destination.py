"""Where an export goes: a file that appears only when it is whole, or, for texts, standard output."""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.reporting import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from data.reporting import Reporter

TEXTS = ("csv", "xes")
"""The formats that are text; the others need a file or a pipe."""
_BLOCK = 1 << 20


@contextmanager
def asked_destination(out: Path | None, format_: str | None) -> Iterator[dict[str, Any]]:
    """Give the options that say where an export is to be written, for whoever asks on a command line.

    Paths are those of whoever asks, wherever the product that answers was started. What is no text goes through a file of
    our own to a standard output that was redirected.
    """
    if out is not None:
        yield {"out": str(out.absolute()), "announced": True}
        return
    if format_ in (None, *TEXTS) or sys.stdout.isatty():
        yield {"out": None, "announced": False}
        return
    with tempfile.TemporaryDirectory(prefix="painpoint-") as folder:
        passing = Path(folder) / "export"
        yield {"out": str(passing), "announced": False}
        if passing.exists():
            with passing.open("rb") as whole:
                shutil.copyfileobj(whole, sys.stdout.buffer, _BLOCK)


def must_be_file(options: dict[str, Any], format_: str, example: str) -> None:
    """Refuse to print what is no text."""
    if format_ not in TEXTS and options.get("out") is None:
        raise UsageError(f"{format_} is not text: name a file for it, like --out {example}.{format_}")


@contextmanager
def whole_file(name: str) -> Iterator[Path]:
    """Give a file to write to; it takes its place, and that of an older one, once it is whole. Raises UsageError."""
    path = Path(name)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it with --out.")
    passing = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}")
    try:
        with passing.open("xb"):
            yield passing
        passing.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; name another file with --out.") from error
    finally:
        passing.unlink(missing_ok=True)


def write_bytes(options: dict[str, Any], content: bytes, to: Reporter) -> None:
    """Write a whole export: to its file, or as text to whoever listens."""
    if options.get("out") is None:
        to.out(content.decode().removesuffix("\n"))
        return
    with whole_file(options["out"]) as path:
        path.write_bytes(content)


def write_texts(options: dict[str, Any], texts: Iterable[str], to: Reporter) -> None:
    """Write texts of whole lines as they come; what is printed ends each with the end of its last line."""
    if options.get("out") is None:
        for text in texts:
            to.out(text.removesuffix("\n"))
        return
    with whole_file(options["out"]) as path, path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(texts)


def announce(options: dict[str, Any], what: str, to: Reporter) -> None:
    """Say what was written, beside the result."""
    to.err(f"{what}: {options['out']}" if options.get("announced") else f"{what}.")
