"""The full demo network, 300 partners over 180 days: written, loaded and judged, with seconds, peak memory and the accounts.

The board's command compiles its expressions; a running product has them, so judging is timed once more when they are at hand:
with the statistics of what deserves a red and without them, in turn, with nothing kept; and once more as it runs, where what lasts
is kept: every five seconds, while nothing is loaded, and, once a minute, after a load of what that minute brought. That is told
of the whole catalogue, and of 50 of its KPIs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from data.demo import LiveNetwork
from data.schedule import TURNS, lasting
from data.session import Session
from data.settings import load_settings
from data.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.judge import Judge

APP = Path(__file__).parent.parent / "app.py"
STEPS = {
    "demo": ["demo", "--out", "{out}", "--partners", "300", "--days", "180", "--seed", "7"],
    "load": ["load", "--json"],
    "board": ["board", "--all", "--json"],
}


WARM = 3
"""Judgements of which the fastest is told, with and without statistics; and loads, with what follows."""
TARGET = 3.0
"""Seconds that a judgement may take as it runs."""
SOME = 50
"""So many KPIs, taken evenly from the catalogue, are judged beside all of it: what is asked for is 300 partners and 50 KPIs."""


def _run(arguments: list[str], folder: Path, name: str) -> tuple[float, float, int]:
    """Run one command in a process of its own; give seconds, peak memory in MB and the exit code."""
    start = time.perf_counter()
    with (folder / f"{name}.json").open("wb") as out, (folder / f"{name}.log").open("wb") as log:
        to = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, log.fileno(), 2)]
        process = os.posix_spawn(sys.executable, [sys.executable, *arguments], dict(os.environ), file_actions=to)
        _, status, usage = os.wait4(process, 0)
    return time.perf_counter() - start, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def _accounts(loaded: dict[str, Any]) -> str:
    total = {name: sum(source[name] for source in loaded["sources"]) for name in ("read", "stored", "duplicate")}
    total |= {name: sum(source[name] for source in loaded["sources"]) for name in ("ignored", "quarantined")}
    parts = total["stored"] + total["duplicate"] + total["ignored"] + total["quarantined"]
    uneven = [
        s["name"]
        for s in loaded["sources"]
        if s["read"] != s["stored"] + s["duplicate"] + s["ignored"] + s["quarantined"]
    ]
    said = ", ".join(f"{count:,} {name}" for name, count in total.items())
    return f"{said}; {'adds up for every source' if not uneven and parts == total['read'] else f'does not add up: {uneven}'}"


@contextmanager
def _without_statistics() -> Iterator[None]:
    """Take every red as it is: no peers, false discoveries or case-mix, no persistence, no drivers and charts."""
    with (
        patch("analytics.judge.deserved", lambda readings, *_: list(readings)),
        patch("analytics.judge.mixes", lambda *_: {}),
        patch("analytics.judge.settled", lambda reading, *_, **__: reading),
    ):
        yield


def _judged(
    session: Session, *, statistics: bool = True, running: Judge | None = None, shelf: Shelf | None = None
) -> tuple[float, float]:
    """Judge once, with a judge that remembers nothing or one that is running; give seconds and CPU seconds."""
    judge_ = running or session.judge()
    judge_.looks_into = judge_.looks_into if statistics else 0
    with nullcontext() if statistics else _without_statistics():
        start, worked = time.perf_counter(), time.process_time()
        session.look(judge_, shelf=shelf)
        return time.perf_counter() - start, time.process_time() - worked


def judge(settings: str) -> None:
    """Judge the loaded network again and again, and print seconds and CPU seconds as JSON; runs in a process of its own."""
    clock = [datetime.now(UTC)]
    session = Session.open(load_settings(Path(settings), dict(os.environ)), lambda: clock[0])
    _judged(session)  # compiles
    rounds = [[_judged(session, statistics=each) for each in (True, False)] for _ in range(WARM)]
    live, kpis = LiveNetwork(Path(settings).parent), session.settings.kpis
    some = tuple(kpis[n * len(kpis) // SOME] for n in range(SOME))
    running = [
        _running(session.under(replace(session.settings, kpis=each)), live, clock) | {"kpis": len(each)}
        for each in (kpis, some)
    ]
    session.close()
    print(json.dumps({"best": [min(times) for times in zip(*rounds, strict=True)], "running": running}))


def _running(session: Session, live: LiveNetwork, clock: list[datetime]) -> dict[str, Any]:
    """Judge as the product does, between loads and after them; give the seconds of both, and how many rows the loads told."""
    running, shelf, told = lasting(session.judge()), Shelf(session.warehouse), []
    idle, busy = [], []
    for _ in range(1 + WARM):
        # what follows a load in turn has followed it when the next one comes
        for _ in range(TURNS):
            clock[0] += timedelta(seconds=5)
            idle.append(_judged(session, running=running, shelf=shelf))
        clock[0] += timedelta(seconds=60 - 5 * TURNS)
        live.advance(clock[0])
        told.append(_loaded(session))
        busy.append(_judged(session, running=running, shelf=shelf))
    # what follows a load is compiled with the first one
    return {"idle": idle[TURNS:], "busy": busy[1:], "told": told[1:]}


def _loaded(session: Session) -> int:
    """Load from every source; give how many rows were new."""
    loader = session.loader()
    return sum(loader.load(source).tally.stored for source in session.settings.sources)


def _middle(times: list[tuple[float, float]]) -> str:
    seconds, cpu = (sorted(each) for each in zip(*times, strict=True))
    return f"median {median(seconds):.2f} s, slowest {seconds[-1]:.2f} s, {median(cpu):.1f} s of CPU"


def run(folder: Path) -> None:
    out = folder / "network"
    for name, arguments in STEPS.items():
        filled = [each.format(out=out) for each in arguments]
        settings = [] if name == "demo" else ["--settings", str(out / "settings.toml")]
        seconds, peak, code = _run([str(APP), *filled, *settings], folder, name)
        more = ""
        if name == "load":
            more = "; " + _accounts(json.loads((folder / "load.json").read_bytes()))
        elif name == "board":
            counts = json.loads((folder / "board.json").read_bytes())["counts"]
            more = "; " + ", ".join(
                f"{counts[level]:,} {level}" for level in ("judged", "red", "amber", "green", "unknown")
            )
        print(f"{name}: {seconds:.1f} s, peak memory {peak:,.0f} MB, exit code {code}{more}")
    again = f"from benchmarks.network import judge; judge({str(out / 'settings.toml')!r})"
    seconds, peak, code = _run(["-c", again], folder, "warm")
    found = json.loads((folder / "warm.json").read_bytes())
    (warm, cpu), (bare, bare_cpu) = found["best"]
    print(
        f"judging warm: with nothing kept {warm:.2f} s, {cpu:.1f} s of CPU; without the statistics {bare:.2f} s, {bare_cpu:.1f} s "
        f"of CPU: they take {warm / bare:.2f} times as long, {cpu / bare_cpu:.2f} times the CPU; peak memory {peak:,.0f} MB, "
        f"exit code {code}, all in {seconds:.0f} s"
    )
    for each in found["running"]:
        print(
            f"as it runs (must be <= {TARGET:g} s), {each['kpis']} KPIs: {_middle(each['idle'])} while nothing is loaded; "
            f"{_middle(each['busy'])} after a minute's load of {' / '.join(f'{rows:,}' for rows in each['told'])} rows"
        )
