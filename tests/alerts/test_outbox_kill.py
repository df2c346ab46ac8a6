"""Judges and dispatchers that are killed, anywhere: every red reaches everybody or stands in the dead letters, and none is told twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

from alerts.tables import EPISODES, LETTERS, NOTICES, STATES, TRANSITIONS
from data.store import BOARDS as STORED
from tests.alerts.mail_server import MailServer
from tests.alerts.outbox_server import BOARDS, BOSS, GONE, HEAD, HUB

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("PAINPOINT_KILL_SEED", str(time.time_ns() % 1_000_000)))
MOMENTS = 100
LATER = 60
"""Minutes until the next start after a kill: every lease is over by then."""
OF_JUDGING = ("Board written", "episodes opened", "states written", "notices written", "before commit", "committed")
OF_SENDING = ("letter written", "letter leased", "letter handed over", "answer noted")
PARTNERS = ("A", "B")
TOLD = {("opened", "A"), ("recovered", "A"), ("opened", "B")}


class Lives:
    """The process whose forks live through the Boards; one at a time."""

    def __init__(self, process):
        self._process = process

    def ask(self, **request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def start(self, **request):
        self.ask(**request)
        return self.end()["pid"]

    def end(self):
        return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="module")
def lives(sqlite_stores):
    server = MailServer().start()
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("outbox_server.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        found = Lives(process)
        found.ask(url=sqlite_stores(), port=server.port, minutes=0, boundary=None)
        assert found.end() == "warm"
        found.server = server
        yield found
        process.stdin.close()
        process.wait(20)
    server.stop()


class Trial:
    """One network that is killed and started again: its store, and what the mail server took."""

    def __init__(self, lives, url):
        self.lives, self.url, self.server = lives, url, lives.server
        self.minutes = 0
        self.unnoted = Counter()
        """Letters that the server had taken when a kill came before the store knew, and how often."""
        self.server.handler.mails.clear()
        self.server.say.clear()
        self.server.say["RCPT", GONE] = ["550 5.1.1 no such user"] * 1000
        self.server.say["RCPT", HEAD] = ["451 4.7.1 greylisted"]
        self.engine = create_engine(url)

    def run(self, boundary=None, after=None):
        """Live on: to the end, to a boundary, or for so many seconds; give how it ended."""
        pid = self.lives.start(url=self.url, port=self.server.port, minutes=self.minutes, boundary=boundary)
        if after is not None:
            time.sleep(after)
            with suppress(ProcessLookupError):  # it had ended already
                os.kill(pid, signal.SIGKILL)
        ended = self.lives.end()
        self.minutes += LATER
        self._settle()
        if ended["status"] != 0:
            assert ended["status"] == -signal.SIGKILL
            letters = {row.message_id: row.status for row in self.rows(LETTERS)}
            self.unnoted.update(got for _, got, _ in self.taken() if letters[got] == "waiting")
        self.agrees()
        return ended

    def _settle(self):
        """Wait until mail server and database have noticed that the other side is gone."""
        until = time.monotonic() + 10
        while self.server.handler.open or self._busy():
            assert time.monotonic() < until
            time.sleep(0.002)

    def _busy(self):
        if self.engine.dialect.name != "postgresql":
            return False
        with self.engine.connect() as con:
            query = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return con.execute(query).scalar_one() > 1

    def rows(self, table):
        with self.engine.connect() as con:
            return con.execute(select(table)).all()

    def taken(self):
        """Give what the server took: (recipient, message id, what it told)."""
        found = []
        for to, mail in self.server.mails:
            told = [tuple(line.split()) for line in mail.get_content().splitlines()]
            found.append((to, mail["Message-ID"], told))
        return found

    def agrees(self):
        """Assert that the alerts are those of the stored Boards, no more and no less."""
        last = max((row.version for row in self.rows(STORED)), default=0)
        levels = BOARDS[last - 1] if last else {}
        reds = {partner for partner, level in levels.items() if level == "red"}
        episodes = {json.loads(row.slice)["partner"]: row for row in self.rows(EPISODES)}
        assert {partner for partner, row in episodes.items() if row.closed_at is None} == reds
        assert {json.loads(row.slice)["partner"] for row in self.rows(STATES) if row.value == "red"} == reds
        assert {row.version for row in self.rows(TRANSITIONS)} == set(range(1, last + 1))
        seen = [partner for partner in PARTNERS if any(board[partner] == "red" for board in BOARDS[:last])]
        assert sorted(episodes) == seen
        wanted = {("opened", partner) for partner in seen} | {("recovered", p) for p in seen if p not in reds}
        notices = defaultdict(set)
        names = {row.id: json.loads(row.slice)["partner"] for row in self.rows(EPISODES)}
        for row in self.rows(NOTICES):
            notices[row.recipient].add((row.kind, names[row.episode]))
        for recipient in (HUB, HEAD, GONE) if last else ():
            assert notices[recipient] == wanted, recipient

    def promised(self):
        """Assert what alerting promises; give the letters that the server took more than once."""
        times = Counter((to, got) for to, got, _ in self.taken())
        letters = defaultdict(set)
        for to, got, told in self.taken():
            for kind, partner, _ in told:
                letters[to, kind, partner].add(got)
        for recipient in (HUB, HEAD):
            assert {(k, p) for to, k, p in letters if to == recipient} == TOLD
        assert {(k, p) for to, k, p in letters if to == BOSS} == {("undelivered", partner) for partner in PARTNERS}
        assert {to for to, _, _ in letters} == {HUB, HEAD, BOSS}
        twice = {key: ids for key, ids in letters.items() if len(ids) > 1}
        assert not twice, "told in two different letters"
        rows = self.rows(LETTERS)
        assert {(row.status, row.recipient == GONE) for row in rows} == {("sent", False), ("dead", True)}
        dead = {row.id for row in rows if row.status == "dead"}
        names = {row.id: json.loads(row.slice)["partner"] for row in self.rows(EPISODES)}
        of_gone = {(n.kind, names[n.episode]) for n in self.rows(NOTICES) if n.letter in dead}
        assert of_gone == {("opened", partner) for partner in PARTNERS}
        assert all(row.status in ("told", "undeliverable", "dropped") for row in self.rows(NOTICES))
        raw = defaultdict(set)
        for (to, payload), (_, got, _) in zip(self.server.raw, self.taken(), strict=True):
            raw[to, got].add(payload)
        assert all(len(payloads) == 1 for payloads in raw.values()), "a letter that goes again is the same one"
        for (_, got), number in times.items():
            assert number <= 1 + self.unnoted[got], "sent again though the store knew"
        return [got for (_, got), number in times.items() if number > 1]

    def close(self):
        self.engine.dispose()


@pytest.fixture
def trial_on(lives):
    made = []

    def make(url):
        for trial in made[-1:]:
            trial.close()
        made.append(Trial(lives, url))
        return made[-1]

    yield make
    for trial in made[-1:]:
        trial.close()


@pytest.fixture(scope="module")
def undisturbed(lives, sqlite_stores):
    """Give how often each boundary is passed when nobody kills, and how many seconds it takes."""
    trial = Trial(lives, sqlite_stores())
    ended = trial.run()
    assert trial.promised() == []
    trial.close()
    return ended["seen"], ended["seconds"]


def test_the_boundaries_are_those_that_are_tested(undisturbed):
    assert set(undisturbed[0]) == {*OF_JUDGING, *OF_SENDING}


def at_a_boundary(trial, name, nth):
    assert trial.run([name, nth])["status"] == -signal.SIGKILL
    before = Counter(got for _, got, _ in trial.taken())
    assert trial.run()["status"] == 0
    again = trial.promised()
    wanted = set(trial.unnoted) if name == "letter handed over" else set()
    assert set(again) == wanted, (name, nth)
    assert set(trial.unnoted) == wanted
    assert all(before[got] for got in again)


@pytest.mark.parametrize("name", [*OF_JUDGING, *OF_SENDING])
def test_killed_at_any_boundary_nothing_is_lost_or_told_twice(trial_on, sqlite_stores, undisturbed, name):
    seen, _ = undisturbed
    for nth in range(1, seen[name] + 1):
        at_a_boundary(trial_on(sqlite_stores()), name, nth)


@pytest.mark.parametrize("name", [*OF_JUDGING, *OF_SENDING])
def test_killed_at_any_boundary_on_postgresql(trial_on, postgres_stores, undisturbed, name):
    at_a_boundary(trial_on(postgres_stores()), name, (undisturbed[0][name] + 1) // 2)


def at_any_moment(new_trial, moments, seconds):
    """Kill up to twice in a row: what makes good may be killed, too."""
    print(f"seed {SEED}, over {seconds:.2f} s")
    chance, died, trials = random.Random(SEED), 0, 0
    while died < moments:
        trial, trials = new_trial(), trials + 1
        for share in (0.9, 0.6):
            died += trial.run(after=chance.random() * share * seconds)["status"] == -signal.SIGKILL
        assert trial.run()["status"] == 0, f"seed {SEED}, trial {trials}"
        trial.promised()
        assert trials < 3 * moments, "most lives were over before they were to be killed"
    print(f"{died} were killed before their end, in {trials} trials")


def test_killed_at_any_moment_nothing_is_lost_or_told_twice(trial_on, sqlite_stores, undisturbed):
    at_any_moment(lambda: trial_on(sqlite_stores()), MOMENTS, undisturbed[1])


def test_killed_at_any_moment_on_postgresql(trial_on, postgres_stores, undisturbed):
    at_any_moment(lambda: trial_on(postgres_stores()), MOMENTS // 10, undisturbed[1])
