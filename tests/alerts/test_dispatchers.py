"""Several dispatchers on one store, a dispatcher that was too slow, and the tables on both databases."""

import threading
import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from alerts.composer import LEASE
from alerts.tables import ATTEMPTS, LETTERS, METADATA, NOTICES, PREFERENCES
from alerts.transports import Answer
from analytics.routing import Rate, Route
from data.store import METADATA as OF_BOARDS
from data.store import Store
from tests.alerts import test_story
from tests.alerts.outbox_server import write
from tests.alerts.timeline import START, Timeline, reading

HUB, HEAD = "hub@example.com", "head@example.com"
PEOPLE = tuple(f"p{number}@example.com" for number in range(6))
PLACES = tuple(f"P{number}" for number in range(5))


@pytest.fixture
def story(new_store):
    told = []

    def begin(*routes, **alerting):
        told.append(Timeline(new_store(), *routes, **alerting))
        return told[-1]

    yield begin
    for s in told:
        s.store.close()


class Shared:
    """A mail server that several dispatchers talk to at once; what it takes takes a moment."""

    def __init__(self):
        self.taken, self.refusals, self._lock = [], Counter(), threading.Lock()

    def deliver(self, address, payload):
        time.sleep(0.002)
        letter = payload.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
        with self._lock:
            self.refusals[letter] += 1
            if self.refusals[letter] == 1 and address == PEOPLE[0]:
                return Answer("later", "451 greylisted", 451)
            if address == PEOPLE[1]:
                return Answer("never", "550 no such user", 550)
            self.taken.append((address, letter))
        return Answer("accepted", "250 ok", 250)

    def close(self):
        pass


@pytest.mark.parametrize("number", [2, 4])
def test_several_dispatchers_send_everything_once(story, number):
    s = story(Route("all", PEOPLE, group_wait=0.0), rate=Rate(1_000, 3_600.0))
    sink, over, failed = Shared(), threading.Event(), []

    def dispatch():
        s.sink = sink
        dispatcher = s.office.dispatcher()
        dispatcher.composer = replace(dispatcher.composer, write=write)
        while not over.is_set():
            try:
                dispatcher.tick()
            except Exception as error:
                failed.append(error)
            time.sleep(0.001)

    threads = [threading.Thread(target=dispatch) for _ in range(number)]
    s.sink = sink
    for thread in threads:
        thread.start()
    try:
        for count in range(1, len(PLACES) + 1):
            s.judge(*(reading(partner=place) for place in PLACES[:count]))
            s.now += timedelta(seconds=31)
            time.sleep(0.05)
        until = time.monotonic() + 30
        while any(row.status in ("waiting", "written") for row in s.rows(NOTICES)) and time.monotonic() < until:
            time.sleep(0.01)
            s.now += timedelta(seconds=1)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failed == []
    assert max(Counter(sink.taken).values()) == 1
    told = Counter((row.recipient, row.status) for row in s.rows(NOTICES))
    wanted = {person: "undeliverable" if person == PEOPLE[1] else "told" for person in PEOPLE}
    assert told == {(person, status): len(PLACES) for person, status in wanted.items()}
    letters = {row.message_id for row in s.rows(LETTERS) if row.status == "sent"}
    assert {letter for _, letter in sink.taken} == letters
    outcomes = defaultdict(list)
    for row in s.rows(ATTEMPTS):
        outcomes[row.letter].append(row.outcome)
    assert all(len(each) == len(set(each)) for each in outcomes.values())


class Slow:
    """A mail server that lets somebody else go first before it answers."""

    def __init__(self, answer, meanwhile):
        self.answer, self.meanwhile, self.taken = answer, meanwhile, []

    def deliver(self, _, payload):
        self.meanwhile()
        self.taken.append(payload)
        return self.answer

    def close(self):
        pass


ACCEPTED = Answer("accepted", "250 ok", 250)
LATER = Answer("later", "451 later", 451)
NEVER = Answer("never", "550 no such user", 550)
UNCLEAR = Answer("unclear", "line lost")


def too_slow(s, first, second):
    """Let one dispatcher lose its lease while it sends, and another answer in its place; give what the second one sent."""
    fast = Slow(second, lambda: None)

    def meanwhile():
        s.now += LEASE + timedelta(seconds=1)
        s.sink = fast
        s.office.dispatcher().tick()

    slow = Slow(first, meanwhile)
    s.judge(reading())
    s.now += timedelta(minutes=1)
    s.sink = slow
    s.office.dispatcher().tick()
    return slow.taken, fast.taken


def test_a_lease_that_is_over_is_taken_by_another_with_the_same_letter(story):
    s = story()
    slow, fast = too_slow(s, ACCEPTED, ACCEPTED)
    assert slow == fast
    assert len(fast) == 1
    s.at(3)
    assert s.kinds() == ["opened"]
    assert [row.outcome for row in s.rows(ATTEMPTS)] == ["accepted", "accepted"]


@pytest.mark.parametrize("first", [ACCEPTED, LATER, NEVER, UNCLEAR])
def test_what_another_has_brought_to_its_end_stays_so(story, first):
    s = story()
    too_slow(s, first, ACCEPTED)
    (letter,) = s.rows(LETTERS)
    assert (letter.status, letter.lease_until) == ("sent", None)
    assert s.kinds() == ["opened"]


@pytest.mark.parametrize("second", [LATER, UNCLEAR, NEVER])
def test_what_was_accepted_late_is_told_all_the_same(story, second):
    s = story()
    too_slow(s, ACCEPTED, second)
    (letter,) = s.rows(LETTERS)
    assert letter.status == "sent"
    assert s.kinds() == ["opened"]


@pytest.mark.parametrize("answer", [LATER, NEVER, UNCLEAR])
def test_the_late_answer_of_one_does_not_take_the_lease_of_another(story, answer):
    s = story().judge(reading())
    s.now += timedelta(minutes=1)
    s.sink = Slow(answer, lambda: None)
    first = s.office.dispatcher()
    letter = first.composer.next_letter(s.store.engine, HUB, s.now)
    during = []

    def the_first_answers():
        s.now += timedelta(seconds=5)
        first._send(letter)
        during.extend(s.rows(LETTERS))

    s.now += LEASE + timedelta(seconds=1)
    s.sink = Slow(ACCEPTED, the_first_answers)
    s.office.dispatcher().tick()
    assert [(row.status, row.lease_until > s.now) for row in during] == [("waiting", True)]
    assert [row.status for row in s.rows(LETTERS)] == ["sent"]


def test_a_lease_that_lasts_is_respected(story):
    s = story().judge(reading())
    s.now += timedelta(minutes=1)
    first = s.office.dispatcher()
    assert first.composer.next_letter(s.store.engine, HUB, s.now) is not None
    s.now += LEASE - timedelta(seconds=1)
    assert s.office.dispatcher().tick() == 0
    s.now += timedelta(seconds=1)
    assert s.office.dispatcher().tick() == 1


def test_one_recipient_of_whom_nothing_can_be_composed_holds_nobody_up(story, caplog):
    s = story(Route("all", (HUB, HEAD)))
    row = {"recipient": HUB, "quiet": "no hours at all", "changed_at": START}
    with s.store.engine.begin() as con:
        con.execute(PREFERENCES.insert().values(row))
    s.judge(reading()).at(0.1)
    assert s.kinds(HEAD) == ["opened"]
    assert "hub@example.com" in caplog.text


def test_who_waits_longest_comes_first(story):
    s = story(Route("all", PEOPLE)).judge(reading())
    s.now += timedelta(minutes=1)
    with s.store.engine.begin() as con:
        late = NOTICES.c.recipient.in_(PEOPLE[:3])
        con.execute(NOTICES.update().where(late).values(not_before=s.now))
        assert s.dispatcher.composer.waiting(con, s.now) == [*PEOPLE[3:], *PEOPLE[:3]]


# both databases


def test_migrations_lead_to_the_tables_as_they_are_written(new_store):
    url = new_store()
    engine = create_engine(url)
    with engine.connect() as con:
        for metadata in (OF_BOARDS, METADATA):
            others = {t.name for t in (*OF_BOARDS.tables.values(), *METADATA.tables.values())} - set(metadata.tables)

            def ours(thing, name, kind, *_, skip=others):
                table = thing if kind == "table" else thing.table
                return table.name not in skip

            context = MigrationContext.configure(con, opts={"compare_type": True, "include_object": ours})
            assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_store_is_migrated_once(new_store):
    url = new_store()
    for _ in range(2):
        Store(url).close()


TOLD = (
    test_story.test_what_breaks_together_is_one_mail,
    test_story.test_unknown_freezes_and_never_resolves,
    test_story.test_each_doubling_of_the_pain_is_told,
    test_story.test_a_silence_made_and_ended_on_the_page,
    test_story.test_the_rate_limit_collapses_and_loses_nothing,
    test_story.test_one_bad_address_stops_nobody_else_and_the_fallback_hears_of_it,
    test_story.test_a_letter_whose_fate_is_unclear_goes_again_with_the_same_id,
)


@pytest.mark.parametrize("tell", TOLD, ids=lambda tell: tell.__name__.removeprefix("test_"))
def test_the_same_stories_are_told_on_postgresql(postgres_stores, tell):
    told = []

    def begin(*routes, **alerting):
        told.append(Timeline(postgres_stores(), *routes, **alerting))
        return told[-1]

    tell(begin)
    for s in told:
        s.store.close()
