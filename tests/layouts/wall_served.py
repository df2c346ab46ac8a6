"""Walls on loopback: one in a thread, on a clock that the test sets; one in a process, to be killed."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

from wall_boards import NOW

from layouts.feed import BoardFeed
from layouts.web import Server, build_app

HERE = Path(__file__).parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(true, seconds=15.0, pause=0.05):
    """Wait for something to become true; gives the seconds it took."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < seconds, "waited in vain"
        time.sleep(pause)
    return time.monotonic() - start


class Served:
    """The web app on loopback in a thread, on a clock that the test sets."""

    def __init__(self, engine_timeout=15.0, desk=None, public_url=None, **more):
        self.now = NOW
        self.feed = BoardFeed()
        self.desk = desk
        self.app = build_app(
            self.feed,
            title="Painpoint",
            public_url=public_url,
            clock=lambda: self.now,
            engine_timeout=engine_timeout,
            desk=desk,
            **more,
        )
        self.app.state.screens = more.get("screens")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = Server(self.app, host="127.0.0.1", port=self.port, log_level="warning")
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self):
        self.thread.start()
        until(lambda: self.server.started)
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive(), "an open stream kept the server from stopping"

    def later(self, **delta):
        self.now += timedelta(**delta)


class Wall:
    """A wall's server in a process of its own, so that a test can kill it."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.process = None

    def start(self, board, engine_timeout=15.0, walls="open"):
        command = [sys.executable, str(HERE / "wall_server.py"), str(self.port), board, str(engine_timeout), walls]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
        until(self._answers, 30)
        return self

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def say(self, order):
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process = None
