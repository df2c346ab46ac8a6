"""Every check that a due notice passes: when it objects, what it does then, and until when."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from alerts import gate
from alerts.gate import CHECKS, LOOK_AGAIN, RARELY, SELDOM, SEND, Due, Known, Preference, Ruling, World, ruling
from alerts.letter import Kind
from alerts.machine import Value
from alerts.transports import Answer
from analytics.routing import Alerting, Digest, Escalation, Hours, Match, Rate, Route, Silence
from tests.alerts.timeline import START, Timeline, reading

HUB, HEAD = "hub@example.com", "head@example.com"
ROUTE = Route("all", (HUB,), escalate=Escalation(60.0, (HEAD,)))
SOON = START + LOOK_AGAIN
READING = {
    "kpi": "late_repairs",
    "family": "speed",
    "slice": {"partner": "A"},
    "pain": 20.0,
    "reason": "a reason",
    "level": "red",
}
DUE = Due(
    id=1, episode=7, recipient=HUB, route="all", kind=Kind.OPENED, sequence=0, reason="a reason", created_at=START,
    not_before=START, held="", story=(), value=Value.RED, opened_at=START, closed_at=None, acknowledged_by=None,
    snoozed_until=None, unstable=False, inherited={"country": "FR"}, reading=READING,
)  # fmt: skip
WORLD = World(START, Alerting(routes=(ROUTE,), fallback="boss@example.com", rate=Rate(3, 60.0)))
ENDINGS = (Kind.RECOVERED, Kind.CORRECTED, Kind.WITHDRAWN)
OPENINGS = (Kind.OPENED, Kind.TURNING, Kind.ESCALATED)
OTHERS = (Kind.WORSENED, Kind.REMINDER, Kind.UNSTABLE)
LATER = START + timedelta(hours=3)


def due(kind=Kind.OPENED, **values):
    return replace(DUE, kind=kind, **values)


def world(**values):
    return replace(WORLD, **values)


def under(*routes, **alerting):
    return replace(WORLD, alerting=Alerting(routes=routes, **alerting))


def asked(check, one, about=WORLD):
    return getattr(gate, check)(one, about)


def hold(reason, until=SOON):
    return Ruling("hold", reason, until)


def drop(reason):
    return Ruling("drop", reason)


def told(*statuses):
    return world(openings={7: frozenset(statuses)})


SILENT = Silence("1", Match((("partner", ("A",)),)), "works", START, LATER, by="Ada")
NIGHT = Hours(time(22), time(10), "Europe/Berlin")
ENDS = datetime(2026, 10, 5, 8, tzinfo=UTC) + timedelta(0)
WIDER = {"shared": {"kpi": "late_repairs", "slice": {"country": "FR"}, "share": 0.9}}
STALE = {"stale": True, "reason": "Stale: source repairs is dead."}
COUNTRY = {("late_repairs", (("country", "FR"),)): Known(3, {"country": "FR"})}
UNNAMED = "no route takes it to this recipient any more"
STOP = "the recipient has stopped all mail on 2026-10-05"
SOMETIME = START + SELDOM
STOPPED = Preference(stopped_at=START)

ROWS = [
    ("_unrouted", due(), WORLD, None),
    ("_unrouted", due(recipient=HEAD), WORLD, None),
    ("_unrouted", due(recipient="x@example.com"), WORLD, hold(UNNAMED, SOMETIME)),
    ("_unrouted", due(route="renamed"), WORLD, None),
    ("_unrouted", due(Kind.RECOVERED, route="renamed"), WORLD, None),
    ("_unrouted", due(Kind.RECOVERED, recipient="x@example.com"), WORLD, drop(UNNAMED)),
    ("_unrouted", due(), under(Route("spain", (HUB,), Match((("country", ("ES",)),)))), hold(UNNAMED, SOMETIME)),
    ("_unrouted", due(Kind.RECOVERED), under(Route("spain", (HUB,), Match((("country", ("ES",)),)))), None),
    ("_unrouted", due(Kind.UNDELIVERED, recipient="boss@example.com", route=""), WORLD, None),
    ("_unrouted", due(Kind.UNDELIVERED, route=""), WORLD, drop("nobody is told of undeliverable mail any more")),
    ("_stopped", due(), WORLD, None),
    ("_stopped", due(), world(preference=STOPPED), hold(STOP, START + RARELY)),
    ("_stopped", due(Kind.RECOVERED), world(preference=STOPPED), hold(STOP, START + RARELY)),
    ("_over", due(), WORLD, None),
    ("_over", due(Kind.TURNING), WORLD, drop("it is red by now")),
    ("_over", due(Kind.TURNING, value=Value.TURNING), WORLD, None),
    *(("_over", due(k, closed_at=START), WORLD, drop("over before it was told")) for k in (*OPENINGS, *OTHERS)),
    *(("_over", due(k, closed_at=START), WORLD, None) for k in (*ENDINGS, Kind.UNDELIVERED)),
    *(("_unopened", due(k), WORLD, None) for k in (*OPENINGS, Kind.UNDELIVERED)),
    *(("_unopened", due(k), told("told", "waiting"), None) for k in (*ENDINGS, *OTHERS)),
    *(("_unopened", due(k), told("written"), hold("waits until the first mail has left")) for k in (*ENDINGS, *OTHERS)),
    *(("_unopened", due(k), told("waiting"), drop("the beginning was not told")) for k in ENDINGS),
    *(("_unopened", due(k), told("undeliverable"), drop("the beginning was not told")) for k in ENDINGS),
    *(("_unopened", due(k), told("waiting"), drop("the first mail, which is still to come, will say so")) for k in OTHERS),
    *(("_unopened", due(k), told("undeliverable"), None) for k in OTHERS),
    *(("_handled", due(k), WORLD, None) for k in Kind),
    ("_handled", due(Kind.REMINDER, acknowledged_by="Ada"), WORLD, drop("acknowledged by Ada")),
    ("_handled", due(Kind.ESCALATED, acknowledged_by="Ada"), WORLD, hold("acknowledged by Ada")),
    ("_handled", due(Kind.WORSENED, acknowledged_by="Ada"), WORLD, None),
    ("_handled", due(snoozed_until=LATER), WORLD, hold("snoozed")),
    ("_handled", due(snoozed_until=START + timedelta(seconds=9)), WORLD, hold("snoozed", START + timedelta(seconds=9))),
    ("_handled", due(snoozed_until=START), WORLD, None),
    *(("_handled", due(k, snoozed_until=LATER), WORLD, None) for k in (*ENDINGS, Kind.UNDELIVERED)),
    ("_silenced", due(), WORLD, None),
    *(("_silenced", due(k), world(silences=(SILENT,)), hold("silenced by Ada: works")) for k in Kind),
    ("_silenced", due(), world(silences=(SILENT,), moment=LATER), None),
    ("_silenced", due(), world(silences=(replace(SILENT, match=Match((("partner", ("B",)),))),)), None),
    ("_silenced", due(), world(silences=(replace(SILENT, match=Match((("country", ("FR",)),))),)), hold("silenced by Ada: works")),
    ("_inhibited", due(reading=READING | STALE), WORLD, None),
    ("_inhibited", due(reading=READING | STALE), world(dead={"repairs": Known(2, {})}), hold("its source repairs is dead, which is episode 2")),
    ("_inhibited", due(reading=READING | STALE), world(dead={"stock": Known(2, {})}), None),
    ("_inhibited", due(Kind.RECOVERED, reading=READING | STALE), world(dead={"repairs": Known(2, {})}), None),
    ("_inhibited", due(reading=READING | WIDER), world(known=COUNTRY), hold("has one cause with episode 3, which hurts the same customers")),
    ("_inhibited", due(reading=READING | WIDER, episode=3), world(known=COUNTRY), None),
    ("_inhibited", due(reading=READING | WIDER), WORLD, None),
    ("_inhibited", due(reading=READING | WIDER, inherited={"country": "DE"}), world(known=COUNTRY), None),
    ("_inhibited", due(reading=READING | {"shared": WIDER["shared"] | {"share": 0.79}}), world(known=COUNTRY), None),
    ("_small", due(), world(preference=Preference(pain_above=50.0)), hold("the recipient wants pains above 50 only")),
    ("_small", due(), world(preference=Preference(pain_above=19.0)), None),
    ("_small", due(Kind.WORSENED), world(preference=Preference(pain_above=50.0)), None),
    ("_small", due(reading=READING | {"kpi": "source"}), world(preference=Preference(pain_above=50.0)), None),
    ("_quiet", due(), WORLD, None),
    ("_quiet", due(), replace(under(replace(ROUTE, quiet=NIGHT)), moment=ENDS - timedelta(hours=1)), hold("waits for the end of the quiet hours", ENDS - timedelta(hours=1) + RARELY)),
    ("_quiet", due(), replace(under(replace(ROUTE, quiet=NIGHT)), moment=ENDS - timedelta(minutes=1)), hold("waits for the end of the quiet hours", ENDS)),
    ("_quiet", due(), under(replace(ROUTE, quiet=NIGHT), replace(ROUTE, name="too")), None),
    ("_quiet", due(), replace(under(replace(ROUTE, quiet=NIGHT, pain_above=19.0)), moment=ENDS - timedelta(hours=1)), None),
    ("_quiet", due(), replace(under(replace(ROUTE, quiet=NIGHT)), moment=ENDS), None),
    ("_quiet", due(), under(replace(ROUTE, digest=Digest("day", time(8), "UTC"))), hold("waits for the digest", START + RARELY)),
    ("_quiet", due(), replace(under(replace(ROUTE, digest=Digest("day", time(8), "UTC"))), moment=START + timedelta(days=1)), None),
    ("_quiet", due(), world(preference=Preference(NIGHT), moment=ENDS - timedelta(hours=1)), hold("waits for the end of the recipient's own quiet hours", ENDS - timedelta(hours=1) + RARELY)),
    ("_unreachable", due(), WORLD, None),
    ("_unreachable", due(), world(reachable=False), hold("no mail server is set: add [mail] to the settings")),
    ("_rate", due(), WORLD, None),
    ("_rate", due(), world(free_at=LATER), hold("rate limit of 3 in 60 s: told together in the next mail", LATER)),
]  # fmt: skip


@pytest.mark.parametrize(("check", "one", "about", "wanted"), ROWS)
def test_each_check_objects_to_this(check, one, about, wanted):
    assert asked(check, one, about) == wanted


def test_every_check_is_asked_about_here_and_objects_somewhere():
    names = {check.__name__ for check in CHECKS}
    assert {check for check, _, _, _ in ROWS} == names
    assert {check for check, _, _, wanted in ROWS if wanted is not None} == names


def test_every_ruling_that_does_not_send_has_a_reason():
    for _, one, about, _ in ROWS:
        found = ruling(one, about)
        assert found == SEND or found.reason
        assert found.action != "hold" or found.until > about.moment


def test_the_first_check_that_objects_decides():
    busy = world(preference=STOPPED, silences=(SILENT,), free_at=LATER, reachable=False)
    assert ruling(due(closed_at=START), busy).reason == "over before it was told"
    assert ruling(due(Kind.RECOVERED), busy).reason == "the beginning was not told"
    assert ruling(due(), busy).reason == STOP
    assert ruling(due(), replace(busy, preference=Preference())).reason == "silenced by Ada: works"
    assert ruling(due(), replace(busy, preference=Preference(), silences=())).reason.startswith("no mail server")
    assert ruling(due(), WORLD) == SEND


# a beginning that was put off is told when the reason is gone


@pytest.fixture
def story(tmp_path):
    s = Timeline(f"sqlite:///{tmp_path}/s.db", replace(ROUTE, escalate=None))
    yield s
    s.store.close()


def test_who_takes_his_unsubscribing_back_hears_of_what_is_still_red(story):
    sign = story.office.signer.sign
    story.desk.use(sign("unsubscribe", HUB), {})
    story.judge(reading(), reading(partner="B")).at(1)
    assert story.kinds() == []
    story.judge(reading(), reading(partner="B", level="green")).at(2)
    story.desk.use(sign("preferences", HUB), {})
    story.at(2.5)
    assert story.kinds() == ["opened"]
    story.judge(reading(level="green"), reading(partner="B", level="green")).at(3)
    assert story.kinds() == ["opened", "recovered"]


def test_a_route_that_was_gone_for_a_while_loses_no_red(story):
    late = replace(ROUTE, escalate=None, group_wait=600.0)
    story.under(late).judge(reading()).at(0.1)
    story.under(Route("other", (HEAD,))).at(1)
    assert story.why() == [("opened", "waiting", UNNAMED)]
    story.under(late).at(1.5)
    assert story.kinds() == ["opened"]


def test_an_escalation_that_was_acknowledged_away_comes_when_that_is_taken_back(story):
    lunch = Hours(time(9), time(11), "UTC")
    story.under(replace(ROUTE, escalate=Escalation(4_000.0, (HEAD,)), quiet=lunch)).judge(reading()).at(2)
    assert [why for _, _, why in story.why(HEAD)] == ["waits for the end of the quiet hours"]
    story.desk.act(1, "acknowledge", "Ada", "", None)
    story.at(3.5)
    assert (story.kinds(HEAD), [why for _, _, why in story.why(HEAD)]) == ([], ["acknowledged by Ada"])
    story.desk.act(1, "reopen", "Ada", "", None)
    story.at(3.6)
    assert story.kinds(HEAD) == ["escalated"]


def test_of_two_places_with_one_cause_each_recipient_hears_of_one(story):
    story.under(replace(ROUTE, escalate=None))
    story.partners = {"A": {"country": "FR"}}
    country = reading(part={"country": "FR"}, shared={"kpi": "late_repairs", "slice": {"partner": "A"}, "share": 0.9})
    partner = reading(partner="A", shared={"kpi": "late_repairs", "slice": {"country": "FR"}, "share": 0.9})
    story.judge(country, partner).at(0.5)
    assert story.kinds() == ["opened"]


def test_a_dead_letter_that_is_sent_again_when_all_is_over_is_followed_by_the_end(story):
    story.sink.answers = {HUB: [Answer("never", "no such user", 550)]}
    story.judge(reading()).at(0.1).judge(reading(level="green")).at(0.2)
    assert story.why() == [("recovered", "dropped", "the beginning was not told")]
    story.desk.send_again(1, "Ada")
    story.at(1)
    assert story.kinds() == ["opened", "recovered"]
