"""A rehearsal tells what the live product would have told, at its times, and lets nothing leave."""

import re
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from alerts import gate
from alerts.programme import CLASSES, EXACT, classed
from alerts.rehearsal import Rehearsal
from analytics import routing
from analytics.board import Board
from analytics.kpi import Feed
from analytics.routing import Alerting, Digest, Escalation, Hours, Match, Rate, Recipient, Route, Silence
from tests.alerts.timeline import START, Timeline, reading

HUB, HEAD = "hub@example.com", "head@example.com"
ALL = Route("all", (HUB,))
BERLIN = (Recipient(HUB, HUB, timezone="Europe/Berlin"),)


class Told:
    """Tells a rehearsal of Boards, and asks for what came."""

    def __init__(self, *routes, **alerting):
        self.rehearsal = Rehearsal(Alerting(routes=routes or (ALL,), **alerting), "Test network")

    def judge(self, hours, *readings):
        at = START + timedelta(hours=hours)
        feeds = (Feed("repairs", "repair_orders", "fresh", START),)
        self.rehearsal.add(Board(at, 0, 1, "Test network", "UTC", feeds, readings))
        return self

    def at(self, hours):
        self.document = self.rehearsal.result(START + timedelta(hours=hours))
        return self

    def told(self):
        found = []
        for mail in self.document["mails"]:
            hours = (datetime.fromisoformat(mail["at"]) - START) / timedelta(hours=1)
            found.append((round(hours, 2), mail["recipient"], *mail["kinds"]))
        return found


def test_a_mail_says_when_to_whom_and_of_what():
    (mail,) = Told().judge(0, reading()).at(1).document["mails"]
    assert mail == {
        "at": "2026-10-05T08:00:30Z",
        "recipient": HUB,
        "routes": ["all"],
        "subject": "Red: late repairs 14.2 % at Fixpoint Lyon (limit 10 %)",
        "kinds": ["opened"],
        "episodes": [{"kpi": "late_repairs", "slice": {"partner": "Fixpoint Lyon"}}],
        "night": False,
        "digest": False,
    }


def test_subjects_are_in_the_recipients_language():
    german = (Recipient(HUB, HUB, language="de"),)
    (mail,) = (
        Told(recipients=german)
        .judge(0, reading(partner="Müllers Reparaturannahme in Düsseldorf"))
        .at(1)
        .document["mails"]
    )
    assert "Müllers Reparaturannahme in Düsseldorf" in mail["subject"]
    assert mail["subject"].startswith("Rot")


def test_reminders_and_escalations_come_at_their_times_though_days_pass_between_two_boards():
    route = replace(ALL, escalate=Escalation(7_200, (HEAD,)))
    told = Told(route).judge(0, reading()).judge(72, reading(level="green")).at(73).told()
    assert told[:4] == [
        (0.01, HUB, "opened"),
        (2.02, HEAD, "escalated"),
        (24.02, HUB, "reminder"),
        (26.02, HEAD, "reminder"),
    ]
    assert {each[1:] for each in told[-2:]} == {(HUB, "recovered"), (HEAD, "recovered")}


def test_quiet_hours_digests_and_silences_end_at_their_times():
    quiet = replace(ALL, quiet=Hours(time(6), time(17, 15), "UTC"))
    assert Told(quiet).judge(0, reading()).judge(24, reading()).at(24).told()[0] == (9.25, HUB, "opened")
    digest = replace(ALL, digest=Digest("day", time(8, 20), "UTC"), remind_after=None)
    late = Told(digest).judge(1, reading()).judge(48, reading()).at(48)
    assert late.told() == [(24.33, HUB, "opened")]
    assert late.document["mails"][0]["digest"]
    works = Silence("works", Match(), "works", START, START + timedelta(hours=5.5))
    assert Told(maintenance=(works,)).judge(0, reading()).at(24).told() == [(5.5, HUB, "opened")]


def test_the_rate_limit_counts_and_what_it_held_comes_later():
    many = Told(rate=Rate(2, 3_600.0))
    for minute in range(0, 60, 10):
        many.judge(minute / 60, *(reading(partner=f"P{n}") for n in range(minute // 10 + 1)))
    told = many.at(3).told()
    assert [each[0] for each in told] == [0.01, 0.17, 1.01]
    assert sum(len(each) - 2 for each in told) == 6


def test_a_rehearsal_tells_what_the_live_product_tells(tmp_path):
    """The same story, minute by minute and by jumps."""
    route = Route(
        "all", (HUB,), escalate=Escalation(7_200, (HEAD,)), quiet=Hours(time(20), time(6), "UTC"), remind_after=36_000
    )
    story = [
        (0, [reading(), reading(partner="B", pain=5)]),
        (3, [reading(pain=90), reading(partner="B", level="green")]),
        (13, [reading(level="green"), reading(partner="B")]),
        (23, [reading(), reading(partner="B")]),
    ]
    live = Timeline(f"sqlite:///{tmp_path}/live.db", route)
    heard = Told(route)
    for hours, readings in story:
        live.at(hours).judge(*readings)
        heard.judge(hours, *readings)
    live.at(26)
    heard.at(26)
    mine = sorted((at, who, kind) for at, who, *kinds in heard.told() for kind in kinds)
    assert [each[1:] for each in mine] == [(who, str(kind)) for _, who, kind in sorted(live.told())]
    for (at, *_), (then, *_) in zip(mine, sorted(live.told()), strict=True):
        assert at == pytest.approx(then, abs=0.2)  # the live dispatcher of the story looks every five minutes at times


def test_counts_per_route_and_recipient():
    routes = (
        ALL,
        Route("lyon", (HUB, HEAD), Match((("partner", ("Fixpoint Lyon",)),))),
        Route("none", ("x@example.com",), Match(kpis=("z",))),
    )
    told = Told(*routes, recipients=BERLIN)
    told.judge(12, reading(), reading(partner="B")).judge(14, reading(), reading(partner="B"), reading(partner="C"))
    counts = {(r["route"], r["recipient"]): r for r in told.at(15).document["recipients"]}
    assert counts["all", HUB] == {
        "route": "all", "recipient": HUB, "mails": 2, "notices": 3, "night": 2, "busiest_day": "2026-10-05", "most_on_a_day": 1,
    }  # fmt: skip
    assert counts["lyon", HEAD]["night"] == 0
    assert (counts["none", "x@example.com"]["mails"], counts["none", "x@example.com"]["busiest_day"]) == (0, None)


def test_flaps_are_openings_that_come_back_within_a_week():
    told = Told()
    for hours, level in ((0, "red"), (30, "green"), (60, "red"), (90, "green"), (300, "red")):
        told.judge(hours, reading(level=level))
    document = told.at(301).document
    assert document["flaps"] == 1
    assert document["flapping"] == [{"kpi": "late_repairs", "slice": {"partner": "Fixpoint Lyon"}, "flaps": 1}]


def test_what_was_not_told_is_counted_by_why():
    works = Silence("works", Match(kpis=("a",)), "works 12", START, START + timedelta(days=9))
    told = Told(replace(ALL, group_wait=600.0), maintenance=(works,))
    told.judge(0, reading("a"), reading("b")).judge(0.05, reading("a"), reading("b", level="green"))
    assert told.at(2).document["held"] == {
        "silenced": 1,
        "over before it was told": 1,
        "the beginning was not told": 1,
    }


def test_every_reason_of_the_checks_is_counted_as_something():
    source = Path(gate.__file__).read_text() + Path(routing.__file__).read_text()
    reasons = re.findall(r'(?:Ruling\(\s*"hold", |_drop\(|\(until, )f?"([^"]+)"', source)
    assert len(reasons) > 12
    for reason in reasons:
        said = reason.replace("{world.alerting.rate", "x").replace("{WISHED}", gate.WISHED)
        assert classed(said) in CLASSES.values(), reason
    assert set(EXACT) <= set(CLASSES.values())
    assert classed("") == "waits for what breaks together"


def test_nothing_leaves(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a rehearsal opened a connection")

    monkeypatch.setattr("socket.create_connection", refuse)
    chat = (Recipient("chat", "json://127.0.0.1:9/x"),)
    told = Told(Route("chat", ("chat", HUB)), recipients=chat).judge(0, reading()).at(1)
    assert {each[1] for each in told.told()} == {"chat", HUB}
