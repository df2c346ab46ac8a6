"""Whether a notice that is due may leave now: a visible list of checks, each with a named reason why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from alerts.letter import Kind
from alerts.machine import SOURCE, Value, routed_level
from analytics.routing import subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from analytics.routing import Alerting, Hours, Route, Silence, Subject

LOOK_AGAIN = timedelta(seconds=30)
"""What waits for something that may end at any time is looked at again after this."""
SELDOM = timedelta(minutes=1)
"""What waits for the settings' change of mind is looked at again after this."""
RARELY = timedelta(minutes=5)
"""What waits for a set time is looked at again after this, for the pain may grow and hours may be changed."""
OPENINGS = (Kind.OPENED, Kind.TURNING, Kind.ESCALATED)
"""The kinds by which a recipient first hears of an episode."""
ENDINGS = (Kind.RECOVERED, Kind.CORRECTED, Kind.WITHDRAWN)
WISHED = "the recipient"
"""So begins the reason where the recipient's own wish holds something: others are told all the same."""
NO_WAY = "no mail server is set: add [mail] to the settings"
ONE_CAUSE = 0.8
"""Two episodes have one cause if at least this share of those that one hurts are hurt by the other too."""


@dataclass(frozen=True)
class Preference:
    """What a recipient has chosen for himself."""

    quiet: Hours | None = None
    pain_above: float | None = None
    stopped_at: datetime | None = None


@dataclass(frozen=True)
class Due:
    """A notice with its episode as it is now."""

    id: int
    episode: int
    recipient: str
    route: str
    kind: Kind
    sequence: int
    reason: str
    created_at: datetime
    not_before: datetime
    held: str
    story: tuple[tuple[str, str], ...]
    value: Value
    opened_at: datetime
    closed_at: datetime | None
    acknowledged_by: str | None
    snoozed_until: datetime | None
    unstable: bool
    inherited: Mapping[str, str] = field(repr=False)
    reading: Mapping[str, Any] = field(repr=False)

    @property
    def subject(self) -> Subject:
        return subject_of(self.reading, self.inherited, routed_level(self.value))


@dataclass(frozen=True)
class Known:
    """An open episode that the recipient was told of, or is about to be."""

    episode: int
    slice: Mapping[str, str]


@dataclass(frozen=True)
class World:
    """What the checks look at, all of one recipient and moment.

    `openings` gives per episode how far the notices of its beginning are, `known` the open episodes by KPI and text of the slice,
    `dead` those of dead sources by name, `free_at` when the rate limit allows the next letter.
    """

    moment: datetime
    alerting: Alerting
    preference: Preference = Preference()
    silences: tuple[Silence, ...] = ()
    openings: Mapping[int, frozenset[str]] = field(default_factory=dict)
    known: Mapping[tuple[str, tuple[tuple[str, str], ...]], Known] = field(default_factory=dict)
    dead: Mapping[str, Known] = field(default_factory=dict)
    free_at: datetime | None = None
    reachable: bool = True
    """There is a way to this recipient: a mail server, for a mail address."""

    def route(self, name: str) -> Route | None:
        return next((route for route in self.alerting.routes if route.name == name), None)


@dataclass(frozen=True)
class Ruling:
    """What is done with a notice, and why if it is not sent now; what is held is looked at again at `until`."""

    action: Literal["send", "hold", "drop"]
    reason: str = ""
    until: datetime | None = None


SEND = Ruling("send")


def _drop(reason: str) -> Ruling:
    return Ruling("drop", reason)


def _unrouted(due: Due, world: World) -> Ruling | None:
    if due.kind is Kind.UNDELIVERED:
        return (
            None if world.alerting.fallback == due.recipient else _drop("nobody is told of undeliverable mail any more")
        )
    ends = due.kind in ENDINGS  # of which everybody hears who heard of the beginning
    routes = world.alerting.routes if ends else world.alerting.taking(due.subject)
    if any(due.recipient in route.everyone for route in routes):
        return None
    why = "no route takes it to this recipient any more"
    return _drop(why) if ends else Ruling("hold", why, world.moment + SELDOM)


def _stopped(due: Due, world: World) -> Ruling | None:  # noqa: ARG001
    at = world.preference.stopped_at
    if at is None:
        return None
    return Ruling("hold", f"{WISHED} has stopped all mail on {at:%Y-%m-%d}", world.moment + RARELY)


def _over(due: Due, world: World) -> Ruling | None:  # noqa: ARG001
    if due.kind in (*ENDINGS, Kind.UNDELIVERED):
        return None
    if due.closed_at is not None:
        return _drop("over before it was told")
    return _drop("it is red by now") if due.kind is Kind.TURNING and due.value is not Value.TURNING else None


def _unopened(due: Due, world: World) -> Ruling | None:
    """Let an ending go only where the beginning did; what merely repeats waits for it, and says nothing new if it comes along."""
    if due.kind in OPENINGS or due.kind is Kind.UNDELIVERED:
        return None
    opening = world.openings.get(due.episode, frozenset())
    if "told" in opening:
        return None
    if "written" in opening:
        return Ruling("hold", "waits until the first mail has left", world.moment + LOOK_AGAIN)
    if due.kind in ENDINGS:
        return _drop("the beginning was not told")
    return _drop("the first mail, which is still to come, will say so") if "waiting" in opening else None


def _handled(due: Due, world: World) -> Ruling | None:
    if due.kind in (Kind.REMINDER, Kind.ESCALATED) and due.acknowledged_by is not None:
        why = f"acknowledged by {due.acknowledged_by}"
        # an escalation is told only once: it waits, for the acknowledgement may be taken back
        return _drop(why) if due.kind is Kind.REMINDER else Ruling("hold", why, world.moment + LOOK_AGAIN)
    snoozed = due.snoozed_until is not None and world.moment < due.snoozed_until
    if snoozed and due.kind not in (*ENDINGS, Kind.UNDELIVERED):
        return Ruling("hold", "snoozed", _soon(due.snoozed_until, world))
    return None


def _silenced(due: Due, world: World) -> Ruling | None:
    subject = due.subject
    for silence in world.silences:
        until = silence.until(world.moment) if silence.match.holds(subject) else None
        if until is not None:
            return Ruling("hold", f"silenced by {silence.by}: {silence.reason}", _soon(until, world))
    return None


def _inhibited(due: Due, world: World) -> Ruling | None:
    """Hold what a dead source makes doubtful, and what has one cause with a wider or closer episode that the recipient knows."""
    if due.kind in ENDINGS or due.kind is Kind.UNDELIVERED or due.reading["kpi"] == SOURCE:
        return None
    again = world.moment + LOOK_AGAIN
    if due.reading.get("stale"):
        for name, source in world.dead.items():
            if name in due.reading["reason"]:
                return Ruling("hold", f"its source {name} is dead, which is episode {source.episode}", again)
    shared = due.reading.get("shared")
    if shared and shared["share"] >= ONE_CAUSE and shared["kpi"] == due.reading["kpi"]:
        same = world.known.get((shared["kpi"], tuple(sorted(shared["slice"].items()))))
        if same and same.episode != due.episode and _nested(same, due):
            return Ruling("hold", f"has one cause with episode {same.episode}, which hurts the same customers", again)
    return None


def _nested(known: Known, due: Due) -> bool:
    """Tell whether one of two places lies in the other: a partner in its country, a partner's product in the partner."""
    own = dict(due.reading["slice"]).items()
    return known.slice.items() <= due.subject.slice.items() or own <= known.slice.items()


def _quiet(due: Due, world: World) -> Ruling | None:
    named = world.route(due.route)
    taking = [route for route in world.alerting.taking(due.subject) if due.recipient in route.everyone]
    routes = taking or ([named] if named is not None else [])
    waits = [found for route in routes if (found := _waits(route, due, world.moment)) is not None]
    if waits and len(waits) == len(routes):  # who is on several routes is told by the first that may
        until, why = min(waits)
        return Ruling("hold", why, min(until, world.moment + RARELY))
    own = world.preference.quiet.until(world.moment) if world.preference.quiet else None
    if own is None:
        return None
    return Ruling("hold", "waits for the end of the recipient's own quiet hours", min(own, world.moment + RARELY))


def _waits(route: Route, due: Due, moment: datetime) -> tuple[datetime, str] | None:
    """Give until when and why a route makes a notice wait; a digest takes what happened before its time."""
    until, why = route.holds_until(due.created_at if route.digest else moment, due.subject.pain)
    return (until, why) if why and until > moment else None


def _small(due: Due, world: World) -> Ruling | None:
    above = world.preference.pain_above
    if above is None or due.kind not in OPENINGS or due.reading["kpi"] == SOURCE or due.subject.pain > above:
        return None
    return Ruling("hold", f"{WISHED} wants pains above {above:g} only", world.moment + LOOK_AGAIN)


def _unreachable(due: Due, world: World) -> Ruling | None:  # noqa: ARG001
    if world.reachable:
        return None
    return Ruling("hold", NO_WAY, world.moment + LOOK_AGAIN)


def _rate(due: Due, world: World) -> Ruling | None:  # noqa: ARG001
    if world.free_at is None:
        return None
    rate = world.alerting.rate
    return Ruling("hold", f"rate limit of {rate.most} in {rate.per:g} s: told together in the next mail", world.free_at)


def _soon(until: datetime | None, world: World) -> datetime:
    """Look again soon at what a person may end earlier."""
    again = world.moment + LOOK_AGAIN
    return again if until is None else min(until, again)


CHECKS: tuple[Callable[[Due, World], Ruling | None], ...] = (
    _over,
    _unopened,
    _unrouted,
    _stopped,
    _handled,
    _silenced,
    _inhibited,
    _small,
    _quiet,
    _unreachable,
    _rate,
)


MUTES = (_unrouted, _stopped, _handled, _silenced, _quiet)
"""The checks that hold for a letter, too, that was refused for now and is about to be tried again."""


def muted(due: Due, world: World) -> Ruling | None:
    """Tell whether a notice that is in a letter already must wait now."""
    return next((found for check in MUTES if (found := check(due, world)) is not None), None)


def ruling(due: Due, world: World) -> Ruling:
    """Ask the checks in their order; the first that objects decides."""
    return next((found for check in CHECKS if (found := check(due, world)) is not None), SEND)
