"""Who is told of what, and when: routes, quiet hours, digests, silences and rate limits as values, decided without a clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from analytics.kpi import Level

if TYPE_CHECKING:
    from collections.abc import Mapping


DAY = timedelta(days=1)
MOST_DAYS = 8
"""Hours that go on for more whole days than this never end."""
GROUP_WAIT = 30.0
REMIND_AFTER = 86_400.0
MOST_MAILS, MAILS_PER = 20, 3_600.0
"""No recipient gets more than this many mails in this many seconds, unless the settings say otherwise; the rest is collapsed."""
SOURCE = "source"
"""The dimension whose values are sources: the pain of a dead feed."""


@dataclass(frozen=True)
class Subject:
    """What an episode is about, as routes and silences look at it. `slice` carries what its partner has in the master data."""

    kpi: str
    family: str
    slice: Mapping[str, str]
    level: Level
    pain: float


@dataclass(frozen=True)
class Match:
    """Conditions that must all hold; an empty tuple asks for nothing. `where` holds per dimension the values it may have."""

    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    kpis: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    pain_above: float | None = None

    def holds(self, subject: Subject) -> bool:
        return (
            all(subject.slice.get(name) in values for name, values in self.where)
            and (not self.kpis or subject.kpi in self.kpis)
            and (not self.families or subject.family in self.families)
            and (not self.levels or subject.level in self.levels)
            and (self.pain_above is None or subject.pain > self.pain_above)
        )

    @property
    def is_narrow(self) -> bool:
        """Tell whether it asks for some KPIs or places only."""
        return bool(self.where or self.kpis or self.families)


@dataclass(frozen=True)
class Hours:
    """A stretch of the local day, over midnight where it ends before it begins; on `weekdays` (0 is Monday) it begins."""

    start: time
    end: time
    timezone: str
    weekdays: tuple[int, ...] = ()

    def until(self, moment: datetime) -> datetime | None:
        """Give when the stretch that covers a moment ends (aware, UTC; `datetime.max` if never); None if none does.

        Stretches that touch are one: of whole days, or where a DST change leaves out what lies between two.
        """
        ends = self._end_of(moment)
        for _ in range(MOST_DAYS):
            further = None if ends is None else self._end_of(ends)
            if further is None:
                return ends
            ends = further
        return datetime.max.replace(tzinfo=UTC)

    def _end_of(self, moment: datetime) -> datetime | None:
        zone = ZoneInfo(self.timezone)
        today = moment.astimezone(zone).date()
        for day in (today - DAY, today):
            if self.weekdays and day.weekday() not in self.weekdays:
                continue
            last = day if self.start < self.end else day + DAY
            begins, ends = instant_of(day, self.start, zone), instant_of(last, self.end, zone)
            if begins <= moment < ends:
                return ends
        return None


@dataclass(frozen=True)
class Digest:
    """The local times at which what has gathered is told at once: every hour, every day, or on one weekday."""

    every: Literal["hour", "day", "week"]
    at: time
    timezone: str
    weekday: int = 0

    def next(self, moment: datetime) -> datetime:
        """Give the first such time after a moment (aware, UTC)."""
        zone = ZoneInfo(self.timezone)
        if self.every == "hour":
            return self._next_hour(moment, zone)
        today = moment.astimezone(zone).date()
        days = (today + timedelta(days=n) for n in range(-1, 9))
        wanted = (day for day in days if self.every == "day" or day.weekday() == self.weekday)
        return next(at for day in wanted if (at := instant_of(day, self.at, zone)) > moment)

    def _next_hour(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Look at every minute of two hours: some zones are half an hour off, or move by half an hour."""
        full = moment.astimezone(UTC).replace(second=0, microsecond=0)
        minutes = (full + timedelta(minutes=n) for n in range(1, 121))
        return next(at for at in minutes if at.astimezone(zone).minute == self.at.minute)


def instant_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Give a local time as an instant: one that a DST change leaves out moves forward by the gap, of two the first counts."""
    return datetime.combine(day, at, zone).astimezone(UTC)


@dataclass(frozen=True)
class Escalation:
    """Whom to tell as well if nobody has acknowledged for so many seconds."""

    after: float
    to: tuple[str, ...]


@dataclass(frozen=True)
class Route:
    """One [[route]]: what it takes, whom it tells, and when. Lengths are seconds; `remind_after` None: never."""

    name: str
    to: tuple[str, ...]
    match: Match = Match(levels=(Level.RED,))
    quiet: Hours | None = None
    pain_above: float | None = None
    """More pain than this breaks the quiet hours."""
    group_wait: float = GROUP_WAIT
    remind_after: float | None = REMIND_AFTER
    escalate: Escalation | None = None
    digest: Digest | None = None

    @property
    def everyone(self) -> tuple[str, ...]:
        return (*self.to, *(self.escalate.to if self.escalate else ()))

    def holds_until(self, moment: datetime, pain: float) -> tuple[datetime, str]:
        """Give the earliest time at which what happened at a moment may be told, and why it waits ("" if at once)."""
        if self.digest is not None:
            return self.digest.next(moment), "waits for the digest"
        loud = self.pain_above is not None and pain > self.pain_above
        until = None if loud or self.quiet is None else self.quiet.until(moment)
        return (moment, "") if until is None else (until, "waits for the end of the quiet hours")


@dataclass(frozen=True)
class Recipient:
    """Somebody who is told: `address` is a mail address, or an address of a chat channel or webhook as Apprise writes it."""

    name: str
    address: str = field(repr=False)
    language: str = "en"
    timezone: str = "UTC"

    @property
    def by_mail(self) -> bool:
        return "://" not in self.address


@dataclass(frozen=True)
class Silence:
    """What is not told of for a time: once from `begins` to `ends`, or again and again in `hours`."""

    id: str
    match: Match
    reason: str
    begins: datetime | None = None
    ends: datetime | None = None
    hours: Hours | None = None
    by: str = "the settings"

    def until(self, moment: datetime) -> datetime | None:
        """Give when the silence that covers a moment ends (aware, UTC; `datetime.max` if never); None if none does."""
        if self.hours is not None:
            return self.hours.until(moment)
        if (self.begins is not None and moment < self.begins) or (self.ends is not None and moment >= self.ends):
            return None
        return self.ends or datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Rate:
    """At most so many mails in so many seconds."""

    most: int = MOST_MAILS
    per: float = MAILS_PER


@dataclass(frozen=True)
class Alerting:
    """Everything the settings say of alerts. `fallback` names who is told of what could not be delivered."""

    routes: tuple[Route, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    maintenance: tuple[Silence, ...] = ()
    rate: Rate = Rate()
    fallback: str | None = None
    timezone: str = "UTC"
    language: str = "en"

    def recipient(self, name: str) -> Recipient:
        """Give the recipient of that name; an address that is no name stands for itself."""
        known = next((r for r in self.recipients if r.name == name), None)
        return known or Recipient(name, name, self.language, self.timezone)

    def taking(self, subject: Subject) -> tuple[Route, ...]:
        """Give the routes that a subject takes.

        A source takes those that name it, else those for everything, else all: nobody may miss that a feed is dead.
        """
        found = tuple(route for route in self.routes if route.match.holds(subject))
        if SOURCE not in subject.slice or found:
            named = tuple(r for r in found if any(name == SOURCE for name, _ in r.match.where))
            return named or found
        return tuple(route for route in self.routes if not route.match.is_narrow) or self.routes


def subject_of(
    reading: Mapping[str, Any], inherited: Mapping[str, str] | None = None, level: Level | None = None
) -> Subject:
    """Read the subject from a reading's JSON.

    `inherited` is what its partner has in the master data, `level` that of the episode, where the reading's own may be another.
    """
    slice_ = {**(inherited or {}), **reading["slice"]}
    told = level or Level(reading["level"])
    return Subject(reading["kpi"], reading["family"], slice_, told, float(reading["pain"] or 0.0))
