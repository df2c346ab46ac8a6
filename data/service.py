"""Commands while the product runs: it alone holds the warehouse, so it does for others, over a local socket, what they ask.

A request is one line of JSON, {"command", "options", "settings", "environ"}; the answers are lines of JSON too: {"out"},
{"err"}, {"table"}, {"progress"}, and {"exit"} at the end.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.commands import FAILED, WRONG_INPUT, Reporter, run_command
from data.settings import SettingsError, load_settings
from data.warehouse import duckdb_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from data.session import Session
    from data.settings import Settings

NAME = "painpoint.sock"


def socket_folder(settings: Settings) -> Path | None:
    """Give the folder of the store, where the socket lies; of the warehouse, where the store is no file."""
    for url in (settings.store_url, settings.warehouse_url):
        path = duckdb_path(url) if "://" in url and not url.startswith("postgresql") else None
        if path:
            return Path(path).parent
    return None


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """Give a short name for the socket: the system allows about a hundred characters, folders may be deeper."""
    plain = str(folder / NAME)
    if len(plain.encode()) < 100 or not Path("/proc/self/fd").exists():
        yield plain
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{handle}/{NAME}"
    finally:
        os.close(handle)


def is_running(folder: Path | None) -> bool:
    """Tell whether the product runs on this store."""
    if folder is None or not folder.is_dir():
        return False
    with socket.socket(socket.AF_UNIX) as line, _address(folder) as address:
        return line.connect_ex(address) == 0


def ask(folder: Path | None, request: dict[str, Any], to: Reporter) -> int | None:
    """Let the running product do a command; None if none is running."""
    if folder is None or not folder.is_dir():
        return None
    with socket.socket(socket.AF_UNIX) as line, _address(folder) as address:
        try:
            line.connect(address)
        except OSError:
            return None
        with line.makefile("rw", encoding="utf-8") as stream:
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            for answer in stream:
                code = _pass_on(json.loads(answer), to)
                if code is not None:
                    return code
    to.err("The running product ended before it answered; try again.")
    return FAILED


def _pass_on(answer: dict[str, Any], to: Reporter) -> int | None:
    if "exit" in answer:
        return int(answer["exit"])
    if "out" in answer:
        to.out(answer["out"])
    elif "err" in answer:
        to.err(answer["err"])
    elif "table" in answer:
        to.table(**answer["table"])
    elif "progress" in answer:
        to.progress(*answer["progress"])
    return None


@dataclass
class _Wire:
    """A Reporter that writes to a client; one that went away is not missed."""

    stream: Any

    def _send(self, answer: dict[str, Any]) -> None:
        with suppress(OSError, ValueError):
            self.stream.write(json.dumps(answer) + "\n")
            self.stream.flush()

    def out(self, text: str) -> None:
        self._send({"out": text})

    def err(self, text: str) -> None:
        self._send({"err": text})

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        self._send({"table": {"title": title, "columns": columns, "rows": rows}})

    def progress(self, done: int, total: int | None, what: str) -> None:
        self._send({"progress": [done, total, what]})


class Service:
    """Serves the commands of other processes with the session of this one."""

    def __init__(self, session: Session, after: Callable[[str], None]) -> None:
        """`after` is told the name of every command that was done."""
        self._session = session
        self._after = after
        self._folder = socket_folder(session.settings)
        self._line: socket.socket | None = None

    def start(self) -> None:
        if self._folder is None:
            return
        self._line = socket.socket(socket.AF_UNIX)
        with _address(self._folder) as address:
            # whoever holds the warehouse is the only one who runs, so a socket found here is left over from a crash
            Path(self._folder / NAME).unlink(missing_ok=True)
            self._line.bind(address)
        Path(self._folder / NAME).chmod(0o600)
        self._line.listen()
        threading.Thread(target=self._accept, name="commands", daemon=True).start()

    def stop(self) -> None:
        if self._line is not None and self._folder is not None:
            self._line.close()
            Path(self._folder / NAME).unlink(missing_ok=True)

    def _accept(self) -> None:
        assert self._line is not None  # noqa: S101  # the thread is started by `start` only
        while True:
            try:
                client, _ = self._line.accept()
            except OSError:  # closed by `stop`
                return
            threading.Thread(target=self._serve, args=(client,), name="command", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # a client may go away at any moment, also one that only looked whether somebody is here
        with suppress(OSError), client, client.makefile("rw", encoding="utf-8") as stream:
            to = _Wire(stream)
            line = stream.readline()
            if not line:
                return
            try:
                request = json.loads(line)
                code = self._run(request, to)
            except Exception as error:  # noqa: BLE001  # whatever it was, the client must hear of it and the product go on
                to.err(f"The running product could not do this: {error}")
                code = FAILED
            to._send({"exit": code})  # noqa: SLF001  # the protocol's last word is not a Reporter's

    def _run(self, request: dict[str, Any], to: Reporter) -> int:
        try:
            settings = load_settings(Path(request["settings"]), request["environ"])
        except SettingsError as error:
            for problem in error.problems:
                to.err(problem)
            return WRONG_INPUT
        if settings.sources != self._session.settings.sources:
            to.err(
                f"{settings.path}: its sources differ from those that the running product was started with; start it anew."
            )
            return WRONG_INPUT
        code = run_command(request["command"], request["options"], self._session.under(settings), to)
        self._after(request["command"])
        return code
