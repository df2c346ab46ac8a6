"""Routes take what they match; quiet hours, digests and silences keep local time, on DST days too."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analytics.kpi import Level
from analytics.routing import Alerting, Digest, Hours, Match, Recipient, Route, Silence, Subject, subject_of

BERLIN, NEW_YORK, LORD_HOWE, KOLKATA = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"
ZONES = (BERLIN, NEW_YORK, LORD_HOWE, KOLKATA, "UTC")
NEVER = datetime.max.replace(tzinfo=UTC)
LATE = Subject("late_repairs", "speed", {"partner": "Fixpoint Lyon", "country": "FR"}, Level.RED, 40.0)
HUB = Subject("source", "data", {"source": "repair-hub"}, Level.RED, 0.0)

moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
zones = st.sampled_from(ZONES)
weekdays = st.lists(st.integers(0, 6), unique=True, max_size=6).map(lambda days: tuple(sorted(days)))


def at(text):
    return datetime.fromisoformat(text)


def hours(start, end, zone=BERLIN, weekdays=()):
    return Hours(time.fromisoformat(start), time.fromisoformat(end), zone, weekdays)


@pytest.mark.parametrize(
    ("stretch", "moment", "ends"),
    [
        # 2026-11-23 is a Monday; Berlin is at +01:00.
        (hours("09:00", "17:00"), "2026-11-23T07:59:59Z", None),
        (hours("09:00", "17:00"), "2026-11-23T08:00:00Z", "2026-11-23T16:00:00Z"),
        (hours("09:00", "17:00"), "2026-11-23T15:59:59Z", "2026-11-23T16:00:00Z"),
        (hours("09:00", "17:00"), "2026-11-23T16:00:00Z", None),
        # Over midnight: both evenings and mornings belong to it.
        (hours("22:00", "07:00"), "2026-11-23T21:00:00Z", "2026-11-24T06:00:00Z"),
        (hours("22:00", "07:00"), "2026-11-24T05:59:00Z", "2026-11-24T06:00:00Z"),
        (hours("22:00", "07:00"), "2026-11-24T06:00:00Z", None),
        (hours("22:00", "00:00"), "2026-11-23T22:30:00Z", "2026-11-23T23:00:00Z"),
        # 22:00 in Kolkata is 16:30 UTC.
        (hours("22:00", "07:00", KOLKATA), "2026-11-23T16:29:00Z", None),
        (hours("22:00", "07:00", KOLKATA), "2026-11-23T16:30:00Z", "2026-11-24T01:30:00Z"),
        # The weekday is the one on which a stretch begins: Friday's night ends on Saturday, Sunday's is not named.
        (hours("22:00", "07:00", BERLIN, (0, 1, 2, 3, 4)), "2026-11-28T05:00:00Z", "2026-11-28T06:00:00Z"),
        (hours("22:00", "07:00", BERLIN, (0, 1, 2, 3, 4)), "2026-11-28T22:00:00Z", None),
        (hours("22:00", "07:00", BERLIN, (0, 1, 2, 3, 4)), "2026-11-23T05:00:00Z", None),
        # A whole week-end is one stretch: what waits is not told at midnight in between.
        (hours("00:00", "00:00", BERLIN, (5, 6)), "2026-11-28T12:00:00Z", "2026-11-29T23:00:00Z"),
        (hours("00:00", "00:00", BERLIN, (5, 6)), "2026-11-29T12:00:00Z", "2026-11-29T23:00:00Z"),
        (hours("00:00", "00:00", BERLIN, (5, 6)), "2026-11-30T00:00:00Z", None),
        (hours("00:00", "00:00"), "2026-11-30T00:00:00Z", NEVER),
        # Berlin, 29 March 2026: 02:00 to 03:00 does not exist; 02:30 moves to 03:30 summer time, 01:30 UTC.
        (hours("22:00", "07:00"), "2026-03-28T23:00:00Z", "2026-03-29T05:00:00Z"),
        (hours("22:00", "02:30"), "2026-03-29T01:29:00Z", "2026-03-29T01:30:00Z"),
        (hours("22:00", "02:30"), "2026-03-29T01:30:00Z", None),
        (hours("02:30", "04:00"), "2026-03-29T01:29:00Z", None),
        (hours("02:30", "04:00"), "2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"),
        (hours("02:30", "03:00"), "2026-03-29T01:00:00Z", None),
        # The hour between two stretches falls into the gap, so that they touch.
        (hours("03:00", "02:00"), "2026-03-29T00:30:00Z", "2026-03-30T00:00:00Z"),
        # Berlin, 25 October 2026: 02:00 to 03:00 comes twice, first at 00:00 UTC; the first 02:30 counts.
        (hours("22:00", "07:00"), "2026-10-25T04:00:00Z", "2026-10-25T06:00:00Z"),
        (hours("22:00", "02:30"), "2026-10-25T00:29:00Z", "2026-10-25T00:30:00Z"),
        (hours("22:00", "02:30"), "2026-10-25T01:15:00Z", None),
        (hours("02:30", "04:00"), "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z"),
        # New York, 8 March 2026: 02:00 EST (07:00 UTC) becomes 03:00; 1 November: back at 06:00 UTC.
        (hours("22:00", "06:00", NEW_YORK), "2026-03-08T07:30:00Z", "2026-03-08T10:00:00Z"),
        (hours("22:00", "06:00", NEW_YORK), "2026-11-01T06:30:00Z", "2026-11-01T11:00:00Z"),
        # Lord Howe moves by half an hour: on 4 October 2026 02:00 +10:30 (15:30 UTC) becomes 02:30 +11:00.
        (hours("02:15", "05:00", LORD_HOWE), "2026-10-03T15:44:00Z", None),
        (hours("02:15", "05:00", LORD_HOWE), "2026-10-03T15:45:00Z", "2026-10-03T18:00:00Z"),
        (hours("22:00", "02:00", LORD_HOWE), "2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z"),
    ],
)  # fmt: skip
def test_hours_end_on_the_local_clock(stretch, moment, ends):
    assert stretch.until(at(moment)) == (at(ends) if isinstance(ends, str) else ends)


@given(times, times, zones, weekdays, moments)
def test_after_hours_end_they_no_longer_hold(start, end, zone, weekdays, moment):
    assume(start != end or weekdays)
    stretch = Hours(start, end, zone, weekdays)
    ends = stretch.until(moment)
    if ends is not None and ends != NEVER:
        assert ends > moment
        assert stretch.until(ends) is None
        assert stretch.until(ends - timedelta(seconds=1)) == ends


@given(times, times, zones, weekdays, moments)
def test_far_from_a_change_of_the_clock_hours_are_what_the_clock_says(start, end, zone, weekdays, moment):
    local, days = moment.astimezone(ZoneInfo(zone)), timedelta(days=2)
    assume(start != end)
    assume((moment - days).astimezone(local.tzinfo).utcoffset() == (moment + days).astimezone(local.tzinfo).utcoffset())
    now, today, yesterday = local.time(), local.weekday(), (local - timedelta(days=1)).weekday()
    wanted = weekdays or tuple(range(7))
    if start < end:
        covered = start <= now < end and today in wanted
    else:
        covered = (now >= start and today in wanted) or (now < end and yesterday in wanted)
    assert (Hours(start, end, zone, weekdays).until(moment) is not None) == covered


@pytest.mark.parametrize(
    ("digest", "moment", "expected"),
    [
        (Digest("day", time(8), BERLIN), "2026-11-23T06:59:59Z", "2026-11-23T07:00:00Z"),
        (Digest("day", time(8), BERLIN), "2026-11-23T07:00:00Z", "2026-11-24T07:00:00Z"),
        (Digest("day", time(8), BERLIN), "2026-03-28T07:00:00Z", "2026-03-29T06:00:00Z"),
        (Digest("day", time(8), BERLIN), "2026-10-24T06:00:00Z", "2026-10-25T07:00:00Z"),
        (Digest("day", time(2, 30), BERLIN), "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"),
        (Digest("day", time(2, 30), BERLIN), "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        (Digest("day", time(8), KOLKATA), "2026-11-23T00:00:00Z", "2026-11-23T02:30:00Z"),
        (Digest("week", time(8), BERLIN, 0), "2026-11-23T06:00:00Z", "2026-11-23T07:00:00Z"),
        (Digest("week", time(8), BERLIN, 0), "2026-11-23T07:00:00Z", "2026-11-30T07:00:00Z"),
        (Digest("week", time(8), NEW_YORK, 6), "2026-10-26T00:00:00Z", "2026-11-01T13:00:00Z"),
        (Digest("hour", time(0), "UTC"), "2026-11-23T07:00:00Z", "2026-11-23T08:00:00Z"),
        (Digest("hour", time(0, 30), BERLIN), "2026-11-23T07:29:59Z", "2026-11-23T07:30:00Z"),
        # Half past in Kolkata is the full hour of UTC.
        (Digest("hour", time(0, 30), KOLKATA), "2026-11-23T07:10:00Z", "2026-11-23T08:00:00Z"),
        (Digest("hour", time(0), KOLKATA), "2026-11-23T07:10:00Z", "2026-11-23T07:30:00Z"),
        # Lord Howe's clock passes over 02:00 on 4 October 2026: after 01:00 (14:30 UTC) comes 03:00 (16:00 UTC).
        (Digest("hour", time(0), LORD_HOWE), "2026-10-03T14:30:00Z", "2026-10-03T16:00:00Z"),
    ],
)  # fmt: skip
def test_a_digest_comes_at_its_local_time(digest, moment, expected):
    assert digest.next(at(moment)) == at(expected)


@given(st.sampled_from(("hour", "day", "week")), times, zones, st.integers(0, 6), moments)
def test_the_next_digest_is_the_first_one_after(every, when, zone, weekday, moment):
    digest = Digest(every, when, zone, weekday)
    found = digest.next(moment)
    assert found > moment
    assert digest.next(found - timedelta(seconds=1)) == found
    assert found - moment <= {"hour": timedelta(hours=1.5), "day": timedelta(days=1, hours=2)}.get(
        every, timedelta(days=7, hours=2)
    )


@given(times, zones, st.integers(0, 700))
def test_a_daily_digest_comes_exactly_once_a_day(when, zone, start):
    first = date(2026, 1, 1) + timedelta(days=start)
    moment = datetime.combine(first, time(0), ZoneInfo(zone)).astimezone(UTC) - timedelta(seconds=1)
    days = []
    for _ in range(370):
        moment = Digest("day", when, zone).next(moment)
        days.append(moment.astimezone(ZoneInfo(zone)).date())
    assert days == [first + timedelta(days=n) for n in range(370)]


@given(times, zones, st.integers(0, 6), moments)
def test_a_weekly_digest_never_skips_a_week(when, zone, weekday, moment):
    digest = Digest("week", when, zone, weekday)
    first = digest.next(moment)
    days = [(found.astimezone(ZoneInfo(zone)).date()) for found in (first, digest.next(first))]
    assert days[0].weekday() == weekday
    assert days[1] - days[0] == timedelta(days=7)


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        (Match(), True),
        (Match((("country", ("FR",)),)), True),
        (Match((("country", ("DE", "FR")),)), True),
        (Match((("country", ("DE",)),)), False),
        (Match((("product", ("Aurora 5",)),)), False),
        (Match((("country", ("FR",)), ("partner", ("Mendwell Leeds",)))), False),
        (Match(kpis=("late_repairs",)), True),
        (Match(kpis=("open_orders",)), False),
        (Match(families=("quality", "speed")), True),
        (Match(families=("quality",)), False),
        (Match(levels=(Level.RED, Level.TURNING)), True),
        (Match(levels=(Level.TURNING,)), False),
        (Match(pain_above=39.9), True),
        (Match(pain_above=40.0), False),
        (Match((("country", ("FR",)),), ("late_repairs",), ("speed",), (Level.RED,), 10.0), True),
        (Match((("country", ("FR",)),), ("late_repairs",), ("speed",), (Level.AMBER,), 10.0), False),
    ],
)
def test_all_conditions_of_a_match_must_hold(match, holds):
    assert match.holds(LATE) is holds


def taking(subject, **matches):
    """Give the names of the routes that a subject takes, of routes with these matches."""
    routes = tuple(Route(name, ("ops",), match) for name, match in matches.items())
    return [route.name for route in Alerting(routes).taking(subject)]


RED = (Level.RED,)
EVERYTHING, FRANCE, GERMANY = Match(levels=RED), Match((("country", ("FR",)),)), Match((("country", ("DE",)),))
THE_HUB, THE_DEPOT = Match((("source", ("repair-hub",)),)), Match((("source", ("depot",)),))


@pytest.mark.parametrize(
    ("subject", "matches", "names"),
    [
        (LATE, {"all": EVERYTHING, "france": FRANCE, "germany": GERMANY}, ["all", "france"]),
        (LATE, {"germany": GERMANY}, []),
        (LATE, {"hub": THE_HUB}, []),
        # A dead feed: those who name it, else those for everything, else all.
        (HUB, {"all": EVERYTHING, "france": FRANCE, "hub": THE_HUB}, ["hub"]),
        (HUB, {"all": EVERYTHING, "france": FRANCE, "depot": THE_DEPOT}, ["all"]),
        (HUB, {"turning": Match(levels=(Level.TURNING,)), "france": FRANCE}, ["turning"]),
        (HUB, {"france": FRANCE, "germany": GERMANY}, ["france", "germany"]),
        (HUB, {"depot": THE_DEPOT}, ["depot"]),
        (HUB, {}, []),
    ],
)
def test_a_subject_takes_every_route_that_matches_and_nobody_may_miss_a_dead_feed(subject, matches, names):
    assert taking(subject, **matches) == names


@given(st.lists(st.sampled_from((EVERYTHING, FRANCE, GERMANY, THE_HUB, THE_DEPOT)), min_size=1), st.sampled_from(Level))
def test_a_dead_feed_is_told_to_somebody_if_anybody_is_told_of_anything(matches, level):
    routes = tuple(Route(str(number), ("ops",), match) for number, match in enumerate(matches))
    assert Alerting(routes).taking(Subject("source", "data", {"source": "repair-hub"}, level, 0.0))


MONDAY, TUESDAY = at("2026-11-23T12:00:00Z"), at("2026-11-24T12:00:00Z")


@pytest.mark.parametrize(
    ("silence", "moment", "ends"),
    [
        (Silence("s", Match(), "", MONDAY, TUESDAY), "2026-11-23T11:59:59Z", None),
        (Silence("s", Match(), "", MONDAY, TUESDAY), "2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z"),
        (Silence("s", Match(), "", MONDAY, TUESDAY), "2026-11-24T12:00:00Z", None),
        (Silence("s", Match(), "", MONDAY), "2026-12-24T12:00:00Z", NEVER),
        (Silence("s", Match(), "", None, TUESDAY), "2020-01-01T00:00:00Z", "2026-11-24T12:00:00Z"),
        (Silence("s", Match(), ""), "2020-01-01T00:00:00Z", NEVER),
        (Silence("s", Match(), "", hours=hours("02:00", "04:00", BERLIN, (6,))), "2026-11-29T01:30:00Z", "2026-11-29T03:00:00Z"),
        (Silence("s", Match(), "", hours=hours("02:00", "04:00", BERLIN, (6,))), "2026-11-28T01:30:00Z", None),
    ],
)  # fmt: skip
def test_a_silence_holds_until_its_end(silence, moment, ends):
    assert silence.until(at(moment)) == (at(ends) if isinstance(ends, str) else ends)


NIGHT = hours("22:00", "07:00")


@pytest.mark.parametrize(
    ("route", "pain", "told"),
    [
        (Route("r", ("ops",)), 40, ("2026-11-23T23:00:00Z", "")),
        (Route("r", ("ops",), quiet=NIGHT), 40, ("2026-11-24T06:00:00Z", "waits for the end of the quiet hours")),
        (Route("r", ("ops",), quiet=NIGHT, pain_above=39), 40, ("2026-11-23T23:00:00Z", "")),
        (Route("r", ("ops",), quiet=NIGHT, pain_above=40), 40, ("2026-11-24T06:00:00Z", "waits for the end of the quiet hours")),
        (Route("r", ("ops",), digest=Digest("day", time(8), BERLIN)), 40, ("2026-11-24T07:00:00Z", "waits for the digest")),
    ],
)  # fmt: skip
def test_what_happens_at_night_waits_unless_it_hurts_enough(route, pain, told):
    until, why = route.holds_until(at("2026-11-23T23:00:00Z"), pain)
    assert (until, why) == (at(told[0]), told[1])


def test_an_address_that_is_no_name_stands_for_itself():
    alerting = Alerting(
        recipients=(Recipient("ops", "slack://token", "de", BERLIN),), language="en-GB", timezone=KOLKATA
    )
    assert not alerting.recipient("ops").by_mail
    assert alerting.recipient("boss@example.com") == Recipient("boss@example.com", "boss@example.com", "en-GB", KOLKATA)


def test_a_subject_carries_what_its_partner_has_unless_the_slice_says_otherwise():
    reading = {"kpi": "k", "family": "speed", "slice": {"partner": "P", "country": "FR"}, "level": "red", "pain": None}
    found = subject_of(reading, {"country": "DE", "tier": "2"})
    assert found == Subject("k", "speed", {"country": "FR", "tier": "2", "partner": "P"}, Level.RED, 0.0)
