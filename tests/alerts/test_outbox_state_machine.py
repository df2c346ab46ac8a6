"""Alerts under everything that may happen to them, in any order: what always holds, whatever came before."""

import os
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from alerts.gate import ENDINGS, OPENINGS
from alerts.tables import EPISODES, LETTERS, METADATA, NOTICES
from alerts.transports import Answer
from analytics.kpi import Feed, Level
from analytics.routing import Digest, Escalation, Hours, Match, Rate, Route
from data.store import BOARDS
from tests.alerts.outbox_server import quicken
from tests.alerts.timeline import START, Timeline, reading

BERLIN = ZoneInfo("Europe/Berlin")
HUB, HEAD, EXTRA, BOSS = (f"{name}@example.com" for name in ("hub", "head", "extra", "boss"))
PEOPLE = (HUB, HEAD, EXTRA)
RATE = Rate(2, 7_200.0)
LOUD = 100.0
GRACE = timedelta(seconds=62)
"""Two looks of the dispatcher: whatever is due is done by then, or waits with a reason."""
RED_AND_TURNING = (Level.RED, Level.TURNING)
NIGHT = Hours(time(22), time(7), "Europe/Berlin")
ROUTES = (
    (Route("all", (HUB, HEAD)),),
    (
        Route("all", (HUB,), quiet=NIGHT, pain_above=LOUD, escalate=Escalation(7_200.0, (HEAD,))),
        Route("a", (EXTRA,), Match((("partner", ("A",)),)), digest=Digest("day", time(8), "Europe/Berlin")),
    ),
    (Route("all", (HUB,), remind_after=21_600.0), Route("soon", (HEAD, EXTRA), Match(levels=RED_AND_TURNING))),
)
CHOICES = {
    "nothing": {},
    "lunch": {"quiet": "12:00-13:00", "timezone": "Europe/Berlin"},
    "much": {"pain_above": "50"},
    "stopped": {"stopped": "yes"},
}
ANSWERS = {
    "later": Answer("later", "451 greylisted", 451),
    "never": Answer("never", "550 no such user", 550),
    "unclear": Answer("unclear", "line lost"),
    "down": Answer("later", "cannot be reached", None, wide=True),
}
STARTS = (
    START,
    datetime(2026, 10, 24, 19, 30, tzinfo=UTC),  # the clocks go back in the night
    datetime(2027, 3, 27, 20, 30, tzinfo=UTC),  # they go ahead
)
LOOKS = {
    "green": {"level": "green"},
    "pending": {"level": "amber", "momentary": "red"},
    "turning": {"level": "turning"},
    "red": {"level": "red"},
    "easing": {"level": "red", "momentary": "amber"},
    "unknown": {"level": "unknown", "health": "dead", "reason": "Source repairs is dead."},
    "stale": {"level": "red", "stale": True, "health": "dead", "reason": "Stale: source repairs is dead."},
    "turned": {"level": "green", "turned": True},
}
REDS = ("red", "easing", "stale")
PLACES = (("late_repairs", "A"), ("late_repairs", "B"), ("no_shows", "A"))


def write(letter):
    told = orjson.dumps([notice.id for notice in letter.notices]).decode()
    return f"Subject: Alerts\r\nMessage-ID: {letter.message_id}\r\n\r\n{told}\r\n".encode()


class Sink:
    """A mail server that notes every try, and whether it should have been made."""

    def __init__(self, machine):
        self.machine = machine
        self.answers = defaultdict(list)
        self.tries = []
        """(when, recipient, letter, what it tells, answer), in order."""

    def deliver(self, address, payload):
        letter = payload.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
        ids = tuple(orjson.loads(payload.rpartition(b"\r\n\r\n")[2]))
        if all(known != letter for _, _, known, _, _ in self.tries):
            try:
                self.machine.judge_first_try(address, ids)
            except Exception as error:  # the dispatcher would take it for a lost line
                self.machine.wrong.append(error)
        answer = self.answers[address].pop(0) if self.answers[address] else Answer("accepted", "250 ok", 250)
        self.tries.append((self.machine.s.now, address, letter, ids, answer.outcome))
        return answer

    def close(self):
        pass


class Alerts(RuleBasedStateMachine):
    """What people and partners' systems do to alerts; what is told is looked at from outside, and in the store."""

    url = ""

    @initialize(start=st.sampled_from(STARTS), routes=st.sampled_from(ROUTES))
    def begin(self, start, routes):
        self.wrong = []
        self._seen = {}
        self.silences = {}
        self.chosen = {}
        self.looks = {}
        self.feed = "fresh"
        self.s = Timeline(self.url, *routes, rate=RATE, fallback=BOSS)
        quicken(self.s.store.engine)
        self.wipe()
        self.s.now = start
        self.s.sink = Sink(self)
        self.restart()

    def wipe(self):
        with self.s.store.engine.begin() as con:
            for table in (*reversed(METADATA.sorted_tables), BOARDS):
                con.execute(table.delete())

    def teardown(self):
        if hasattr(self, "s"):
            self.s.store.close()

    # what happens

    @rule(
        changes=st.dictionaries(
            st.sampled_from(PLACES),
            st.tuples(st.sampled_from(sorted(LOOKS)), st.sampled_from((3.0, 20.0, 45.0, 130.0))),
            min_size=1,
        )
    )
    def judge(self, changes):
        self.looks |= changes
        self.s.judge(
            *(reading(kpi, partner=p, pain=pain, **LOOKS[look]) for (kpi, p), (look, pain) in self.looks.items())
        )
        self.settle()

    @rule(place=st.sampled_from(PLACES), pain=st.sampled_from((20.0, 130.0)))
    def one_breaks(self, place, pain):
        self.judge({place: ("red", pain)})

    @rule(place=st.sampled_from(PLACES))
    def one_heals(self, place):
        self.judge({place: ("green", 0.0)})

    @rule()
    def all_heal(self):
        self.judge(dict.fromkeys(PLACES, ("green", 0.0)))

    @rule(minutes=st.sampled_from((1, 4, 15, 40)))
    def minutes_pass(self, minutes):
        self.let_pass(timedelta(minutes=minutes), 3)

    @rule(hours=st.sampled_from((2, 5, 9, 26, 72)))
    def hours_pass(self, hours):
        self.let_pass(timedelta(hours=hours), 8)

    def let_pass(self, length, looks):
        for _ in range(looks):
            self.s.now += length / looks
            self.s.dispatcher.tick()
        self.settle()

    def settle(self):
        """Let the dispatcher look twice more, as it does within a minute."""
        for _ in range(3):
            self.s.dispatcher.tick()
            self.s.now += timedelta(seconds=31)
        self.s.dispatcher.tick()

    @rule(state=st.sampled_from(("fresh", "dead")))
    def source(self, state):
        self.s.feeds = (Feed("repairs", "repair_orders", state, START),)
        self.feed = state

    @precondition(lambda self: self.open_episodes())
    @rule(data=st.data(), verb=st.sampled_from(("acknowledge", "snooze", "reopen")), hours=st.sampled_from((0.5, 6.0)))
    def handle(self, data, verb, hours):
        episode = data.draw(st.sampled_from([row.id for row in self.open_episodes()]))
        self.s.desk.act(episode, verb, "Ada", "", hours)
        self.settle()

    @rule(partner=st.sampled_from(("A", "B")), hours=st.sampled_from((0.3, 3.0, 30.0)))
    def silence(self, partner, hours):
        before = {s["id"] for s in self.s.desk.silences()}
        self.s.desk.silence({"partner": partner}, "Ada", "works", hours)
        (new,) = {s["id"] for s in self.s.desk.silences()} - before
        self.silences[new] = (partner, self.s.now, self.s.now + timedelta(hours=hours))
        self.settle()

    @precondition(lambda self: self.s.desk.silences())
    @rule(data=st.data())
    def end_silence(self, data):
        number = data.draw(st.sampled_from(sorted(s["id"] for s in self.s.desk.silences())))
        self.s.desk.end_silence(number, "Ada")
        self.silences[number] = (*self.silences[number][:2], self.s.now)
        self.settle()

    @rule(person=st.sampled_from(PEOPLE), choice=st.sampled_from(sorted(CHOICES)))
    def choose(self, person, choice):
        token = self.s.office.signer.sign("preferences", person)
        self.s.desk.use(token, CHOICES[choice])
        self.chosen[person] = choice
        self.settle()

    @rule(
        person=st.sampled_from((*PEOPLE, BOSS)),
        answers=st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=3),
    )
    def the_next_mails_meet(self, person, answers):
        self.s.sink.answers[person] += [ANSWERS[name] for name in answers]

    @precondition(lambda self: self.s.desk.dead_letters())
    @rule(data=st.data())
    def send_again(self, data):
        self.s.desk.send_again(data.draw(st.sampled_from([d["id"] for d in self.s.desk.dead_letters()])), "Ada")
        self.settle()

    @rule()
    def restart(self):
        self.s.open_office()
        self.s.dispatcher.composer = replace(self.s.dispatcher.composer, write=write)

    @rule(routes=st.sampled_from(ROUTES))
    def under(self, routes):
        self.s.under(*routes, rate=RATE, fallback=BOSS)
        self.restart()
        self.settle()

    # what is known

    def rows(self, table):
        return self._seen.get(table.name) or self.read(table)

    def read(self, table):
        with self.s.store.engine.connect().execution_options(reads=True) as con:
            return con.execute(select(table).order_by(table.c.id)).all()

    def open_episodes(self):
        return [row for row in self.rows(EPISODES) if row.closed_at is None]

    def routed(self, episode):
        """Name those who are to hear of a red now."""
        partner = orjson.loads(episode.slice).get("partner")
        return {to for route in self.s.alerting.routes if route.name != "a" or partner == "A" for to in route.to}

    def is_silenced(self, partner, since, until):
        return any(p == partner and begins <= until and ends > since for p, begins, ends in self.silences.values())

    def judge_first_try(self, address, ids):
        """Note what should not have been told now, or not so soon."""
        now, sink = self.s.now, self.s.sink
        episodes = {row.id: row for row in self.rows(EPISODES)}
        routes = {route.name: route for route in self.s.alerting.routes}
        clock = now.astimezone(BERLIN).time()
        choice = self.chosen.get(address, "nothing")
        for notice in self.rows(NOTICES):
            if notice.id not in ids:
                continue
            episode = episodes[notice.episode]
            told = (now, address, notice.kind, episode.id)
            if self.is_silenced(orjson.loads(episode.slice).get("partner"), now, now):
                self.wrong.append(("told in a silence", *told))
            if notice.kind not in (*ENDINGS, "undelivered") and episode.snoozed_until and now < episode.snoozed_until:
                self.wrong.append(("told in a snooze", *told))
            if notice.kind not in (*ENDINGS, "undelivered") and episode.closed_at is not None:
                self.wrong.append(("told though it is over", *told))
            route = routes.get(notice.route)
            night = not time(7) <= clock < time(22)
            if route and route.quiet and night and episode.reading["pain"] <= LOUD:
                self.wrong.append(("told in the night", *told))
            if choice == "lunch" and clock.hour == 12:
                self.wrong.append(("told at lunch", *told))
            if choice == "stopped":
                self.wrong.append(("told though stopped", *told))
            small = choice == "much" and notice.kind in OPENINGS and episode.reading["pain"] <= 50
            if small and episode.kpi != "source":
                self.wrong.append(("told though small", *told))
        first = {letter: at for at, to, letter, _, _ in reversed(sink.tries) if to == address}
        lately = [at for at in first.values() if now - at < timedelta(seconds=RATE.per)]
        if len(lately) >= RATE.most:
            self.wrong.append(("told too often", now, address))

    def arrived(self):
        """Give what has arrived, in order: (recipient, letter, kind, episode)."""
        notices = {row.id: row for row in self.rows(NOTICES)}
        return [
            (to, letter, notices[number].kind, notices[number].episode)
            for _, to, letter, ids, outcome in self.s.sink.tries
            if outcome in ("accepted", "unclear")
            for number in ids
        ]

    # what always holds

    @invariant()
    def all_holds(self):
        self._seen = {table.name: self.read(table) for table in (EPISODES, NOTICES, LETTERS)}
        self.nothing_is_told_in_a_mute_or_too_often()
        self.what_is_red_is_open_and_what_is_green_is_not()
        self.every_red_has_one_opening_for_everybody_who_is_routed()
        self.nothing_is_told_twice_but_what_may_have_been_lost()
        self.no_ending_without_a_beginning_and_only_one()
        self.who_heard_of_a_beginning_hears_of_the_end()
        self.whatever_is_not_told_is_on_its_way_or_has_a_reason()
        self.every_letter_leaves_or_dies()
        self.keys_are_said_once()
        self._seen = {}

    def is_barred(self):
        """Tell whether the mail server was known to take nothing a moment ago."""
        return any(until > self.s.now - GRACE for until, _ in self.s.dispatcher._rests.values())

    def nothing_is_told_in_a_mute_or_too_often(self):
        assert not self.wrong

    def what_is_red_is_open_and_what_is_green_is_not(self):
        episodes = {(row.kpi, orjson.loads(row.slice).get("partner")): row for row in self.open_episodes()}
        for place, (look, _) in self.looks.items():
            if look in REDS:
                assert episodes[place].value in ("red", "recovering")
            elif look in ("green", "turned", "pending"):
                assert place not in episodes or episodes[place].unstable

    def every_red_has_one_opening_for_everybody_who_is_routed(self):
        arrived = {(to, kind, episode) for to, _, kind, episode in self.arrived()}
        letters = {row.id: row for row in self.rows(LETTERS)}
        openings = {(n.episode, n.recipient): n for n in self.rows(NOTICES) if n.kind == "opened"}
        for episode in self.open_episodes():
            if episode.value == "turning" or self.s.now - episode.opened_at < GRACE:
                continue
            for person in self.routed(episode):
                notice = openings[episode.id, person]
                if notice.status == "told":
                    assert (person, "opened", episode.id) in arrived
                elif notice.status == "undeliverable":
                    assert letters[notice.letter].status == "dead"
                elif notice.status == "written":
                    assert letters[notice.letter].status == "waiting"
                else:
                    assert notice.status == "waiting", notice.held
                    assert notice.held or self.is_barred()

    def nothing_is_told_twice_but_what_may_have_been_lost(self):
        times, lost, letters = Counter(), Counter(), defaultdict(set)
        for _, to, letter, ids, outcome in self.s.sink.tries:
            times[to, letter] += outcome in ("accepted", "unclear")
            lost[to, letter] += outcome == "unclear"
            if outcome in ("accepted", "unclear"):
                for number in ids:
                    letters[number].add(letter)
        assert all(number <= 1 + lost[key] for key, number in times.items())
        assert all(len(found) == 1 for found in letters.values())

    def no_ending_without_a_beginning_and_only_one(self):
        begun, ended = set(), {}
        for to, letter, kind, episode in self.arrived():
            if kind in OPENINGS:
                begun.add((to, episode))
            if kind in ENDINGS:
                assert (to, episode) in begun
                assert ended.setdefault((to, episode), (letter, kind)) == (letter, kind)

    def who_heard_of_a_beginning_hears_of_the_end(self):
        notices = self.rows(NOTICES)
        names = {route.name for route in self.s.alerting.routes}
        endings = {(n.episode, n.recipient): n for n in notices if n.kind in ENDINGS}
        closed = {row.id for row in self.rows(EPISODES) if row.closed_at is not None}
        for notice in notices:
            told = notice.kind in OPENINGS and notice.status == "told" and notice.episode in closed
            if told and notice.route in names and (notice.episode, notice.recipient) in endings:
                ending = endings[notice.episode, notice.recipient]
                assert ending.status != "dropped" or "stopped" in ending.held or "no route" in ending.held

    def whatever_is_not_told_is_on_its_way_or_has_a_reason(self):
        letters = {row.id: row for row in self.rows(LETTERS)}
        barred = self.is_barred()
        for notice in self.rows(NOTICES):
            if notice.status == "waiting":
                assert notice.letter is None
                assert notice.held or self.s.now - notice.created_at < GRACE or barred
                assert notice.not_before > self.s.now - GRACE or barred, notice
            elif notice.status == "dropped":
                assert notice.held
                assert notice.letter is None or letters[notice.letter].status == "dropped"
            else:
                wanted = {"written": "waiting", "told": "sent", "undeliverable": "dead"}[notice.status]
                assert letters[notice.letter].status == wanted
            if notice.status == "waiting" and notice.held.startswith("silenced"):
                partner = orjson.loads(self.episode(notice.episode).slice).get("partner")
                assert barred or self.is_silenced(partner, self.s.now - GRACE, self.s.now)

    def episode(self, number):
        return next(row for row in self.rows(EPISODES) if row.id == number)

    def every_letter_leaves_or_dies(self):
        barred = self.is_barred()
        for letter in self.rows(LETTERS):
            if letter.status == "waiting":
                assert letter.lease_until is None
                assert letter.give_up_at > self.s.now - timedelta(hours=26)
                assert self.s.now - GRACE < letter.not_before <= self.s.now + timedelta(hours=1) or barred

    def keys_are_said_once(self):
        keys = [row.key for row in self.rows(NOTICES)]
        assert len(keys) == len(set(keys))


def run(url, examples, steps):
    class OnThisStore(Alerts):
        pass

    OnThisStore.url = url
    run_state_machine_as_test(
        OnThisStore,
        settings=settings(
            max_examples=int(os.environ.get("PAINPOINT_EXAMPLES", examples)),
            derandomize="PAINPOINT_EXAMPLES" not in os.environ,
            stateful_step_count=steps, database=None, suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],  # making a failure smaller takes minutes
        ),
    )  # fmt: skip


def test_whatever_happens_on_sqlite(sqlite_stores):
    run(sqlite_stores(), 60, 30)


@pytest.mark.parametrize("examples", [6])
def test_whatever_happens_on_postgresql(postgres_stores, examples):
    run(postgres_stores(), examples, 20)
