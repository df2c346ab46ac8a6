"""A network's alerts from its first Board to its last, on demand, each in a fork of this process.

A trial then does not wait for the imports. The first line of stdin is a request that is served here, so that what is only imported
at need is imported before the first fork; the answer is "warm". A request is {"url", "port", "minutes", "boundary": [name, how often] or null}; the
answers are {"pid"} and, when it ended, {"status", "seconds", "seen": {boundary: how often}}.
"""

import json
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from email import policy
from email.message import EmailMessage

import psycopg  # noqa: F401  # before the first fork
from sqlalchemy import event

from alerts.office import Office
from alerts.transports import Smtp
from analytics.board import Board, as_json
from analytics.routing import Alerting, Route
from data.store import Store
from tests.alerts.timeline import START, reading

HUB, HEAD, GONE, BOSS = (f"{name}@example.com" for name in ("hub", "head", "gone", "boss"))
ALERTING = Alerting(routes=(Route("all", (HUB, HEAD, GONE), group_wait=0.0),), fallback=BOSS)
BOARDS = ({"A": "red", "B": "green"}, {"A": "green", "B": "red"})
"""The level of each partner's KPI on each Board."""
STEP = timedelta(minutes=10)
COMPILED = {}
"""The statements of each dialect, compiled before the first fork."""


def write(letter):
    """Write a letter in a few words: what it tells, one thing a line."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = letter.sender, letter.recipient.address, "Alerts"
    mail["Message-ID"] = letter.message_id
    mail.set_content("\n".join(f"{n.kind} {n.reading['slice']['partner']} {n.episode}" for n in letter.notices))
    return mail.as_bytes()


def live(url, port, minutes, pass_by):
    """Judge what is not judged yet and send what is due; every Board's alerts leave before the next Board is judged."""
    now = [START + timedelta(minutes=minutes)]
    store = Store(url)
    quicken(store.engine)
    office = Office(
        store.engine, ALERTING, "Test network", "painpoint@example.com", None,
        lambda: now[0], lambda: Smtp("127.0.0.1", port, "painpoint@example.com", timeout=5.0),
    )  # fmt: skip
    office.recorder.pass_by = pass_by
    dispatcher = office.dispatcher()
    dispatcher.composer = replace(dispatcher.composer, write=write)
    dispatcher.pass_by = pass_by
    for number, levels in enumerate(BOARDS, start=1):
        if len(store.versions()) < number:
            judge(store, office, now[0], levels, pass_by)
            pass_by("committed")
        for _ in range(2):
            now[0] += timedelta(seconds=31)
            dispatcher.tick()
        now[0] += STEP
    dispatcher.close()
    store.close()


def quicken(engine):
    """Let statements be compiled once, and nothing wait for the disk: what a killed process wrote is not lost by that."""
    engine._compiled_cache = COMPILED.setdefault(engine.dialect.name, engine._compiled_cache)
    if engine.dialect.name == "sqlite":
        engine.dispose()
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))


def judge(store, office, now, levels, pass_by):
    readings = tuple(reading(partner=name, level=level) for name, level in levels.items())
    board = Board(now, 0, 1, "Test network", "UTC", (), readings)

    def also(con, version):
        pass_by("Board written")
        office.recorder.record(con, replace(board, version=version))
        pass_by("before commit")

    store.add(now, 1, live=True, document=as_json(board), also=also)


def serve(request, out):
    seen, boundary = Counter(), request["boundary"]

    def pass_by(name):
        seen[name] += 1
        if boundary and name == boundary[0] and seen[name] == boundary[1]:
            os.kill(os.getpid(), signal.SIGKILL)

    live(request["url"], request["port"], request["minutes"], pass_by)
    os.write(out, json.dumps(seen).encode())


def main():
    reader, writer = os.pipe()
    serve(json.loads(sys.stdin.readline()), writer)
    os.read(reader, 10_000)
    sys.stdout.write('"warm"\n')
    sys.stdout.flush()
    for line in sys.stdin:
        started = time.perf_counter()
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                serve(json.loads(line), writer)
            except BaseException as error:  # the parent's loop must not run on in the child
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                os._exit(1)
            os._exit(0)
        os.close(writer)
        sys.stdout.write(json.dumps({"pid": pid}) + "\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        seen = json.loads(os.read(reader, 10_000) or b"{}")
        os.close(reader)
        ended = {"status": os.waitstatus_to_exitcode(status), "seconds": time.perf_counter() - started, "seen": seen}
        sys.stdout.write(json.dumps(ended) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
