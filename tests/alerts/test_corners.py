"""Corners in which an alert could be lost, late or doubled; each was shown by a reviewer before it was mended."""

from dataclasses import replace
from datetime import time
from itertools import count

import pytest

from alerts.transports import Answer
from analytics.kpi import Feed, Level
from analytics.routing import Digest, Escalation, Hours, Match, Recipient, Route
from tests.alerts.timeline import Sink, Timeline, reading

HUB, HEAD, OPS = "hub@example.com", "head@example.com", "ops@example.com"
ALL = Route("all", (HUB,))


@pytest.fixture
def story(tmp_path):
    number = count()
    return lambda *routes, **alerting: Timeline(f"sqlite:///{tmp_path}/s{next(number)}.db", *routes, **alerting)


def test_pain_that_grows_breaks_the_quiet_hours(story):
    route = replace(ALL, quiet=Hours(time(22), time(7), "Europe/Berlin"), pain_above=100)
    s = story(route).at(13).judge(reading(pain=20)).at(14).judge(reading(pain=500)).at(15)
    assert s.kinds() == ["opened"]


def test_who_is_on_two_routes_is_told_by_the_first_that_may(story):
    s = story(
        Route("weekly", (HUB,), digest=Digest("week", time(8), "UTC", 0)),
        Route("urgent", (HUB,), Match(levels=(Level.RED,), pain_above=50)),
    )
    s.at(1).judge(reading(pain=500)).at(5)
    assert s.kinds() == ["opened"]


def test_the_second_route_of_a_recipient_escalates_too(story):
    s = story(Route("everything", (HUB,)), Route("india", (HUB,), escalate=Escalation(3600.0, (HEAD,))))
    s.judge(reading()).at(5)
    assert s.kinds(HEAD) == ["escalated"]


def test_quiet_hours_that_a_recipient_takes_back_end_at_once(story):
    s = story()
    link = s.office.signer.sign("preferences", HUB)
    s.desk.use(link, {"quiet": "06:00-23:00"})
    s.judge(reading()).at(1)
    s.desk.use(link, {})
    s.at(4)
    assert s.kinds() == ["opened"]


def test_a_digest_that_the_settings_lose_holds_nothing_any_more(story):
    s = story(replace(ALL, digest=Digest("week", time(8), "UTC", 0))).at(1).judge(reading()).at(2)
    s.under(ALL).at(5)
    assert s.kinds() == ["opened"]


def test_quiet_hours_that_the_settings_lose_hold_nothing_any_more(story):
    s = story(replace(ALL, quiet=Hours(time(7), time(23), "UTC"))).judge(reading()).at(2)
    s.under(ALL).at(5)
    assert s.kinds() == ["opened"]


def test_the_first_red_day_of_what_was_turning_is_no_recovery(story):
    s = story(replace(ALL, match=Match(levels=(Level.RED, Level.TURNING)))).judge(reading(level="turning")).at(1)
    s.judge(reading(level="amber", momentary="red")).at(2).judge(reading()).at(3)
    assert "recovered" not in s.kinds()


def test_a_reversal_of_days_before_the_episode_is_no_correction(story):
    s = story().at(48).judge(reading()).at(72).judge(reading()).at(96).judge(reading(level="green", turned=True)).at(97)
    assert "corrected" not in s.kinds()


def test_late_rows_take_back_an_episode_that_is_over_once(story):
    s = story().judge(reading()).at(1).judge(reading(level="green")).at(2)
    for hour in range(3, 6):
        s.judge(reading(level="green", turned=True)).at(hour)
    assert s.kinds() == ["opened", "recovered", "corrected"]
    assert s.transitions()[-1] == ("value", "recovered", "corrected")
    other = story(replace(ALL, group_wait=3600.0)).judge(reading(partner="B")).at(0.5)
    other.judge(reading(partner="B", level="green")).at(2).judge(reading(partner="B", level="green", turned=True)).at(3)
    assert "corrected" not in other.kinds()  # nobody was told of it


def test_a_fallback_recipient_who_is_also_routed_hears_the_end(story):
    s = story(
        Route("a", (HEAD,)),
        Route("b", (OPS,), Match(levels=(Level.RED,), pain_above=50), remind_after=3600.0),
        fallback=OPS,
    )
    s.sink.answers = {HEAD: [Answer("never", "no such user", 550)]}
    s.judge(reading(pain=20)).at(1).judge(reading(pain=100)).at(4).judge(reading(level="green")).at(5)
    assert s.kinds(OPS)[-1] == "recovered" and "reminder" in s.kinds(OPS)


def test_a_group_keeps_its_wait_though_another_red_is_silenced(story):
    s = story(replace(ALL, group_wait=600.0))
    s.desk.silence({"partner": "S"}, "Ada", "x", 48)
    reds = [reading(partner="S")]
    s.judge(*reds).at(1)
    for m in range(4):
        reds.append(reading(partner=f"P{m}"))
        s.judge(*reds).at(1 + (m + 1) * 2 / 60)
    s.at(2)
    assert len(s.sink.taken) == 1


def test_a_red_frozen_by_unknown_data_keeps_its_route(story):
    s = story(Route("much", (HUB,), Match(levels=(Level.RED,), pain_above=50)))
    s.desk.silence({"partner": "Fixpoint Lyon"}, "Ada", "x", 2)
    s.judge(reading(pain=90)).at(1).judge(reading(level="unknown", health="low sample" if False else "ok", pain=0)).at(
        4
    )
    assert s.kinds() == ["opened"]


def test_what_is_red_by_now_is_not_said_to_be_turning(story):
    s = story(replace(ALL, match=Match(levels=(Level.RED, Level.TURNING)), quiet=Hours(time(7), time(12), "UTC")))
    s.judge(reading(level="turning")).at(1).judge(reading()).at(6)
    assert s.kinds() == ["opened"]


def test_a_snooze_takes_an_acknowledgement_back(story):
    s = story(replace(ALL, remind_after=None)).judge(reading()).at(1)
    s.desk.act(1, "acknowledge", "Ada", "", None)
    s.desk.act(1, "snooze", "Ada", "", 2)
    s.judge(reading()).at(10)
    assert s.kinds() == ["opened", "reminder"]


def test_that_there_is_no_mail_server_is_said(story):
    s = story()
    s.office.mail = None
    s.dispatcher = s.office.dispatcher()
    s.judge(reading()).at(5)
    assert s.desk.status()["sentence"]


def test_it_escalates_though_the_only_recipient_has_stopped_all_mail(story):
    s = story(replace(ALL, escalate=Escalation(3600.0, (HEAD,))))
    s.desk.use(s.office.signer.sign("unsubscribe", HUB), {})
    s.judge(reading()).at(5)
    assert s.kinds(HEAD) == ["escalated"]


def test_a_long_group_wait_hides_nothing_that_is_due(story):
    s = story(
        Route("slow", (HUB,), Match(kpis=("a",), levels=(Level.RED,)), group_wait=3600.0),
        Route("fast", (HUB,), Match(kpis=("b",), levels=(Level.RED,))),
    )
    s.judge(*(reading("a", partner=f"P{n}") for n in range(1000)), reading("b")).at(0.1)
    assert s.kinds()


def test_an_acknowledged_forecast_does_not_stop_the_escalation_of_the_red(story):
    s = story(replace(ALL, match=Match(levels=(Level.RED, Level.TURNING)), escalate=Escalation(3600.0, (HEAD,))))
    s.judge(reading(level="turning")).at(1)
    s.desk.act(1, "acknowledge", "Ada", "", None)
    s.judge(reading()).at(8)
    assert s.kinds(HEAD) == ["escalated"]


def test_a_chat_recipient_who_is_removed_gets_no_mail(story):
    s = story(Route("all", ("ops",)), recipients=(Recipient("ops", "slack://secret/y/z"),))
    chat = Sink()
    chat.answers = {"slack://secret/y/z": [Answer("unclear", "x")]}
    s.dispatcher.chat = chat
    s.judge(reading()).at(0.02)
    s.under(ALL).at(1)
    assert all(a == HUB for a, p in s.sink.taken)


def test_a_master_source_that_is_mended_has_recovered(story):
    s = story()
    fresh = s.feeds
    for m in range(0, 30, 5):
        s.feeds = (*fresh, Feed("partners", "partners", "unjudged", None, error="no such file"))
        s.judge(reading("x", "amber")).at(m / 60)
    s.feeds = fresh  # analytics/judge.py: a master source is a feed only while it fails
    s.judge(reading("x", "amber")).at(1)
    assert s.kinds() == ["opened", "recovered"]


def test_a_pain_that_dips_for_a_moment_is_told(story):
    # pain_above route: reds below, crossing while held
    s = story(Route("much", (HUB,), Match(levels=(Level.RED,), pain_above=50), group_wait=120.0))
    s.judge(reading(pain=60)).at(0.01).judge(reading(pain=40)).at(0.05).judge(reading(pain=500)).at(0.1)
    assert s.kinds() == ["opened"]


def test_who_heard_only_that_it_worsened_hears_the_end(story):
    # OPENED dead (mailbox full for a day), WORSENED then sent, RECOVERED dropped
    s = story()
    s.sink.answers = {HUB: [Answer("never", "message content rejected", 554)]}
    s.judge(reading(pain=20)).at(1).judge(reading(pain=100)).at(2).judge(reading(level="green")).at(3)
    assert s.kinds()[-1:] != ["worsened"]
