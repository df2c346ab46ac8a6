"""Alerts as their recipients live them, on a timeline."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from alerts.tables import LETTERS
from alerts.transports import Answer
from analytics.kpi import Feed, Level
from analytics.routing import Digest, Escalation, Hours, Match, Rate, Route, Silence
from tests.alerts.timeline import START, Timeline, reading

HUB, HEAD = "hub@example.com", "head@example.com"
ALL = Route("all", (HUB,))


@pytest.fixture
def story(tmp_path):
    number = iter(range(100))

    def begin(*routes, **alerting):
        return Timeline(f"sqlite:///{tmp_path}/s{next(number)}.db", *routes, **alerting)

    return begin


def test_a_red_is_told_once_reminded_of_and_ended(story):
    s = story().judge(reading()).at(1)
    assert s.kinds() == ["opened"]
    for hour in range(2, 50):
        s.judge(reading()).at(hour)
    assert s.kinds() == ["opened", "reminder", "reminder"]
    s.judge(reading(level="green")).at(60)
    assert s.kinds() == ["opened", "reminder", "reminder", "recovered"]
    s.judge(reading(level="green")).at(200)
    assert len(s.kinds()) == 4
    assert s.told()[0][0] == pytest.approx(0.02)


def test_what_breaks_together_is_one_mail(story):
    s = story().judge(*(reading(partner=f"P{n}", pain=n) for n in range(7))).at(1)
    assert len(s.kinds()) == 7
    assert len(s.sink.taken) == 1


def test_pending_is_not_told_and_recovering_is_no_recovery(story):
    s = story().judge(reading(level="amber", momentary="red")).at(1)
    assert s.kinds() == []
    s.judge(reading()).at(2).judge(reading(momentary="amber")).at(3).judge(reading()).at(4)
    assert s.kinds() == ["opened"]
    assert s.transitions() == [
        ("value", "green", "pending"),
        ("value", "pending", "red"),
        ("value", "red", "recovering"),
        ("value", "recovering", "red"),
    ]


def test_unknown_freezes_and_never_resolves(story):
    s = story().judge(reading()).at(1).judge(reading(level="unknown", health="dead")).at(5)
    assert s.kinds() == ["opened"]
    assert s.episodes()[0].closed_at is None
    assert ("health", "ok", "dead") in s.transitions()
    s.judge(reading(level="green")).at(6)
    assert s.kinds() == ["opened", "recovered"]


def test_over_before_it_was_told_is_told_to_nobody_with_the_reason(story):
    s = story(replace(ALL, group_wait=600.0)).judge(reading()).at(0.1).judge(reading(level="green")).at(2)
    assert s.kinds() == []
    assert s.why() == [
        ("opened", "dropped", "over before it was told"),
        ("recovered", "dropped", "the beginning was not told"),
    ]


def test_each_doubling_of_the_pain_is_told(story):
    s = story().judge(reading(pain=20)).at(1)
    for hour, pain in enumerate((25, 39, 41, 60, 79, 83), start=2):
        s.judge(reading(pain=pain)).at(hour)
    assert [(h, str(k)) for h, _, k in s.told()] == [(0.02, "opened"), (3.02, "worsened"), (6.02, "worsened")]


def test_nobody_acknowledges_so_it_escalates_and_an_acknowledgement_stops_both(story):
    route = replace(ALL, escalate=Escalation(2 * 3600, (HEAD,)))
    s = story(route).judge(reading()).at(1.9)
    assert s.kinds(HEAD) == []
    s.at(2.2)
    assert s.kinds(HEAD) == ["escalated"]
    s.judge(reading(level="green")).at(3)
    assert s.kinds(HEAD) == ["escalated", "recovered"]
    other = story(route).judge(reading()).at(1)
    other.desk.act(1, "acknowledge", "Ada", "", None)
    other.at(60)
    assert other.kinds(HEAD) == []
    assert other.kinds() == ["opened"]


def test_a_snooze_ends_with_a_reminder(story):
    s = story(replace(ALL, remind_after=None)).judge(reading()).at(1)
    s.desk.act(1, "snooze", "Ada", "", 6)
    s.judge(reading(pain=80)).at(6.9)
    assert s.kinds() == ["opened"]
    s.at(8)
    assert s.told()[1:] == [(7.0, HUB, "worsened")]


def test_at_the_end_of_a_silence_what_is_red_and_untold_is_told(story):
    window = Silence("night works", Match(), "night works", START, START + timedelta(hours=10))
    s = story(maintenance=(window,)).judge(reading(), reading(partner="B")).at(5)
    assert s.kinds() == []
    assert {held for _, _, held in s.why()} == {"silenced by the settings: night works"}
    s.judge(reading(), reading(partner="B", level="green")).at(11)
    assert s.kinds() == ["opened"]
    assert s.told()[0][0] == pytest.approx(10.0, abs=0.05)


def test_a_silence_made_and_ended_on_the_page(story):
    s = story()
    s.desk.silence({"partner": "Fixpoint Lyon"}, "Ada", "they move house", 48)
    s.judge(reading(), reading(partner="B")).at(3)
    assert len(s.kinds()) == 1
    (silence,) = s.desk.silences()
    assert silence["text"] == "partner Fixpoint Lyon"
    s.desk.end_silence(silence["id"], "Ada")
    s.at(3.1)
    assert len(s.kinds()) == 2


def test_reds_wait_for_the_morning_unless_they_hurt_much(story):
    route = replace(ALL, quiet=Hours(time(22), time(7), "Europe/Berlin"), pain_above=100)
    s = story(route).at(13).judge(reading(), reading(partner="B", pain=500)).at(14)  # 23:00 in Berlin
    assert [(h, r) for h, r, _ in s.told()] == [(13.02, HUB)]
    s.at(24)
    assert [h for h, _, _ in s.told()] == [13.02, 21.0]


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        ("2026-10-25", 6),  # the clocks went back in the night: 7:00 is 6:00 UTC
        ("2027-03-28", 5),  # they went ahead: 7:00 is 5:00 UTC
        ("2026-10-24", 5),
    ],
)
def test_quiet_hours_end_at_the_local_time_on_days_of_dst(story, day, utc):
    s = story(replace(ALL, quiet=Hours(time(22), time(7), "Europe/Berlin")))
    midnight = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    s.now = midnight + timedelta(minutes=30)
    s.judge(reading()).at((midnight - START) / timedelta(hours=1) + 12)
    (told,) = s.told()
    assert START + timedelta(hours=told[0]) == midnight + timedelta(hours=utc)


def test_a_digest_gathers_and_drops_nothing(story):
    route = replace(ALL, digest=Digest("day", time(8), "UTC"))
    s = story(route).at(1)
    for hour in range(1, 20):
        s.judge(*(reading(partner=f"P{n}") for n in range(hour))).at(hour + 0.5)
    assert s.kinds() == []
    s.at(25)
    assert s.kinds() == ["opened"] * 19
    assert len(s.sink.taken) == 1


def test_the_rate_limit_collapses_and_loses_nothing(story):
    s = story(rate=Rate(3, 3600))
    reds = []
    for minute in range(0, 60, 5):
        reds.append(reading(partner=f"P{minute}"))
        s.judge(*reds).at((minute + 4) / 60)
    assert len(s.sink.taken) == 3
    s.at(3)
    assert len(s.kinds()) == 12
    assert len(s.sink.taken) == 4


def test_flapping_is_told_as_unstable_and_then_rests(story):
    s = story()
    for hour in range(1, 24):
        s.judge(reading(level="red" if hour % 2 else "green")).at(hour + 0.5)
    assert s.kinds() == ["opened", "recovered", "opened", "unstable"]
    s.judge(reading(level="green"))
    for hour in range(24, 60):
        s.judge(reading(level="green")).at(hour + 0.5)
    assert s.kinds() == ["opened", "recovered", "opened", "unstable", "recovered"]


def test_late_rows_that_turn_a_told_verdict_are_a_correction(story):
    s = story().judge(reading()).at(1).judge(reading(level="green", turned=True)).at(2)
    assert s.kinds() == ["opened", "corrected"]


def test_a_dead_source_is_one_mail_and_stills_its_kpis(story):
    route = replace(ALL, remind_after=6 * 3600.0)
    s = story(route).judge(reading()).at(1)
    s.feeds = (Feed("repairs", "repair_orders", "dead", START),)
    stale = reading(stale=True, health="dead", reason="Stale: source repairs is dead.")
    blind = [
        reading(partner=f"P{n}", level="unknown", health="dead", reason="Source repairs is dead.") for n in range(30)
    ]
    s.judge(stale, *blind).at(6.9)
    assert s.kinds() == ["opened", "opened"]
    assert s.told()[1][0] == pytest.approx(1.02)
    s.at(7.5)
    # the dead source itself is reminded of, its KPI is not
    assert s.kinds() == ["opened", "opened", "reminder"]
    assert ("reminder", "waiting", "its source repairs is dead, which is episode 2") in s.why()
    s.feeds = (Feed("repairs", "repair_orders", "fresh", START),)
    s.judge(reading()).at(8)
    assert sorted(s.kinds()[3:]) == ["recovered", "reminder"]


def test_a_source_that_cannot_be_loaded_is_told_after_a_quarter_of_an_hour(story):
    s = story()
    s.feeds = (Feed("repairs", "repair_orders", "unjudged", START, error="no such file"),)
    for minute in range(0, 14, 2):
        s.judge().at(minute / 60)
    assert s.episodes() == []
    for minute in range(14, 30, 2):
        s.judge().at(minute / 60)
    assert s.kinds() == ["opened"]
    s.feeds = (Feed("repairs", "repair_orders", "unjudged", START),)
    s.judge().at(1)
    assert s.kinds() == ["opened", "recovered"]


def test_a_part_of_a_wider_episode_is_told_only_to_those_who_do_not_know_the_whole(story):
    country, partner = Route("france", (HUB,)), Route("lyon", (HEAD,), Match((("partner", ("Fixpoint Lyon",)),)))
    s = story(country, partner)
    s.partners = {"Fixpoint Lyon": {"country": "FR"}}
    whole = reading(part={"country": "FR"}, pain=90)
    part = reading(shared={"kpi": "late_repairs", "slice": {"country": "FR"}, "share": 0.95})
    s.judge(whole, part).at(2)
    assert len(s.kinds()) == 1
    assert s.kinds(HEAD) == ["opened"]
    assert ("opened", "waiting", "has one cause with episode 1, which hurts the same customers") in s.why()
    s.judge(reading(part={"country": "FR"}, level="green"), replace(part, shared=None)).at(3)
    assert sorted(s.kinds()) == ["opened", "opened", "recovered"]


def test_a_route_by_the_partners_country_takes_his_kpis(story):
    s = story(Route("india", (HUB,), Match((("country", ("IN",)),), levels=(Level.RED,))))
    s.partners = {"A": {"country": "IN"}, "B": {"country": "FR"}}
    s.judge(reading(partner="A"), reading(partner="B")).at(1)
    assert len(s.kinds()) == 1


def test_one_bad_address_stops_nobody_else_and_the_fallback_hears_of_it(story):
    s = story(Route("all", (HUB, HEAD)), fallback="boss@example.com")
    s.sink.answers = {HEAD: [Answer("never", "no such user", 550)]}
    s.judge(reading()).at(1)
    assert s.kinds() == ["opened"]
    assert s.kinds(HEAD) == []
    assert s.kinds("boss@example.com") == ["undelivered"]
    (dead,) = s.desk.dead_letters()
    assert (dead["recipient"], dead["said"]) == (HEAD, "no such user")
    assert "1 mail could not be delivered" in s.desk.status()["sentence"]
    s.desk.send_again(dead["id"], "Ada")
    s.at(1.1)
    assert s.kinds(HEAD) == ["opened"]
    assert s.desk.status()["sentence"] == ""


def test_a_refusal_for_now_is_tried_again_and_given_up_after_a_day(story):
    later = Answer("later", "mailbox is full", 452)
    s = story()
    s.sink.answers = {HUB: [later] * 3}
    s.judge(reading()).at(1)
    assert s.kinds() == ["opened"]
    lost = story()
    lost.sink.answers = {HUB: [later] * 200}
    lost.judge(reading()).at(30)
    (dead,) = lost.desk.dead_letters()
    assert dead["said"] == "given up; the last answer was: mailbox is full"
    assert 25 < dead["attempts"] < 40
    gaps = [t["at"] for t in dead["tries"]]
    assert len(gaps) == dead["attempts"]


def test_a_letter_whose_fate_is_unclear_goes_again_with_the_same_id(story):
    s = story()
    s.sink.answers = {HUB: [Answer("unclear", "line lost")]}
    s.judge(reading()).at(0.1).judge(reading(level="green")).at(2)
    ids = [payload.split(b"Message-ID: ")[1].split(b"\r\n")[0] for _, payload in s.sink.taken]
    assert ids[0] == ids[1]
    assert s.kinds() == ["opened", "recovered"]


def test_a_letter_certainly_not_taken_is_let_go_when_its_pain_is_over(story):
    s = story()
    s.sink.answers = {HUB: [Answer("later", "try later", 451)] * 10}
    s.judge(reading()).at(0.05).judge(reading(level="green")).at(3)
    assert s.kinds() == []
    assert s.why() == [
        ("opened", "dropped", "over before it could be sent"),
        ("recovered", "dropped", "the beginning was not told"),
    ]
    assert [row.status for row in s.rows(LETTERS)] == ["dropped"]


def test_a_letter_refused_for_now_is_not_tried_again_within_a_silence(story):
    s = story()
    s.sink.answers = {HUB: [Answer("later", "try later", 451)]}
    s.judge(reading()).at(0.02)
    s.desk.act(1, "silence", "Ada", "known", 5)
    s.at(4.9)
    assert s.kinds() == []
    assert [row.said for row in s.rows(LETTERS)] == ["not tried again now: silenced by Ada: known"]
    s.at(5.2)
    assert s.told() == [(pytest.approx(5.0, abs=0.05), HUB, "opened")]


def test_a_letter_sent_again_by_hand_goes_though_its_pain_is_over_and_its_end_follows(story):
    s = story()
    s.sink.answers = {HUB: [Answer("later", "mailbox is full", 452)] * 40}
    s.judge(reading()).at(30).judge(reading(level="green")).at(31)
    (dead,) = s.desk.dead_letters()
    s.sink.answers = {}
    s.desk.send_again(dead["id"], "Ada")
    s.at(32)
    assert s.kinds() == ["opened", "recovered"]


def test_who_was_told_of_the_beginning_hears_the_end_though_the_route_has_another_name(story):
    s = story().judge(reading()).at(1)
    s.under(Route("renamed", (HUB,))).judge(reading(level="green")).at(2)
    assert s.kinds() == ["opened", "recovered"]


def test_a_new_route_hears_of_what_is_open(story):
    s = story().judge(reading()).at(1)
    s.under(ALL, Route("more", (HEAD,))).at(2)
    assert s.kinds(HEAD) == ["opened"]
    assert s.kinds() == ["opened"]


def test_a_restart_tells_nothing_twice(story):
    s = story().judge(reading()).at(1)
    for hour in range(2, 6):
        s.open_office()
        s.judge(reading()).at(hour)
    assert s.kinds() == ["opened"]


def test_a_kpi_that_leaves_the_catalogue_is_withdrawn(story):
    s = story().judge(reading(), reading(kpi="other", level="green")).at(1)
    s.judge(reading(kpi="other", level="green")).at(2)
    assert s.kinds() == ["opened", "withdrawn"]


def test_turning_and_then_red_is_one_episode(story):
    s = story(replace(ALL, match=Match(levels=(Level.RED, Level.TURNING)))).judge(reading(level="turning")).at(1)
    s.judge(reading()).at(2).judge(reading(level="green")).at(3)
    assert s.kinds() == ["turning", "opened", "recovered"]
    assert len(s.episodes()) == 1


def test_without_a_mail_server_everything_waits_and_says_so(story):
    s = story()
    s.office.mail = None
    s.dispatcher = s.office.dispatcher()
    s.judge(reading()).at(1)
    assert s.why() == [("opened", "waiting", "no mail server is set: add [mail] to the settings")]
    s.open_office()
    s.at(1.1)
    assert s.kinds() == ["opened"]


def test_preferences_and_unsubscribing(story):
    s = story()
    link = s.office.signer.sign("preferences", HUB)
    s.desk.use(link, {"pain_above": "50", "language": "de"})
    s.judge(reading(pain=20), reading(partner="B", pain=70)).at(1)
    assert len(s.kinds()) == 1
    assert ("opened", "waiting", "the recipient wants pains above 50 only") in s.why()
    s.desk.use(s.office.signer.sign("unsubscribe", HUB), {})
    s.judge(reading(pain=200), reading(partner="B", pain=70), reading(partner="C", pain=70)).at(2)
    assert len(s.kinds()) == 1
    assert ("opened", "waiting", "the recipient has stopped all mail on 2026-10-05") in s.why()
    s.desk.use(link, {"language": "de"})
    s.at(3)
    assert len(s.kinds()) == 3


def test_a_links_deed_is_done_once(story):
    s = story().judge(reading()).at(1)
    token = s.office.signer.sign("acknowledge", HUB, 1)
    assert s.desk.token(token)["used_at"] is None
    assert "Acknowledged by hub@example.com" in s.desk.use(token, {})
    with pytest.raises(Exception, match="used already"):
        s.desk.use(token, {})
    with pytest.raises(Exception, match="not valid"):
        s.desk.use(token + "x", {})
    s.now += timedelta(days=15)
    assert s.desk.token(token)["used_at"] is not None
