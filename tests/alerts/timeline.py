"""A network's alerts on a timeline: Boards written by hand, a clock that is passed in, and everything else real but the mail server."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from alerts.desk import Desk
from alerts.letter import Kind
from alerts.office import Office
from alerts.tables import EPISODES, LETTERS, NOTICES, TRANSITIONS
from alerts.transports import Answer
from analytics.board import Board, as_json
from analytics.kpi import Feed, Health, Level, Limits, Reading, Reversal, Standing, Told
from analytics.routing import Alerting, Route
from data.store import Store

START = datetime(2026, 10, 5, 8, tzinfo=UTC)
"""A Monday."""
TICK = timedelta(minutes=1)
SLOW_TICK, BUSY = timedelta(minutes=5), timedelta(minutes=30)
"""How often it looks once nothing has happened for a while, so that stories of days do not take minutes."""


def reading(
    kpi="late_repairs",
    level="red",
    *,
    partner="Fixpoint Lyon",
    pain=20.0,
    momentary=None,
    health="ok",
    part=None,
    turned=False,
    shared=None,
    stale=False,
    reason=None,
):
    """Give a reading as a judgement would; `momentary` is the level without persistence."""
    level = Level(level)
    value = {"red": 0.142, "amber": 0.07, "turning": 0.07}.get(level.value, 0.02)
    standing = Standing((Told("2026-10-05", Level(momentary or level), value),), level is Level.RED)
    where = {"partner": partner} if part is None else part
    reversals = (Reversal("2026-10-04", Level.RED, Level.GREEN, "late rows"),) if turned else ()
    return Reading(
        kpi=kpi,
        title=kpi.replace("_", " ").capitalize(),
        family="speed",
        slice=tuple(sorted(where.items())),
        value=value,
        numerator=48.0,
        denominator=338.0,
        n=338,
        unit="%",
        window=(START - timedelta(days=28), START),
        limits=Limits(0.05, 0.10),
        level=level,
        health=Health(health),
        stale=stale,
        reason=reason or f"{100 * value:.1f} % stands against the red limit of 10 %.",
        evidence=0.99,
        since=START,
        pain=pain if level is Level.RED else 0.0,
        history=(("2026-10-03", 0.05), ("2026-10-04", 0.09), ("2026-10-05", value)),
        customers=pain,
        standing=standing,
        reversed=reversals,
        shared=shared,
    )


class Sink:
    """A mail server that is a list; `answers` may hold, per address, what it says to the next mails."""

    def __init__(self):
        self.taken = []
        self.answers = {}

    def deliver(self, address, payload):
        waiting = self.answers.get(address, [])
        answer = waiting.pop(0) if waiting else Answer("accepted", "250 ok", 250)
        if answer.outcome in ("accepted", "unclear"):
            self.taken.append((address, payload))
        return answer

    def close(self):
        pass


class Timeline:
    """Tells a story: `at(hours)` lets time pass while the dispatcher works, `judge(...)` gives it a Board."""

    def __init__(self, url, *routes, **alerting):
        self.now = START
        self.store = Store(url)
        self.sink = Sink()
        wanted = routes or (Route("all", ("hub@example.com",)),)
        self.alerting = Alerting(routes=wanted, **alerting)
        self.open_office()
        self.partners = {}
        self.feeds = (Feed("repairs", "repair_orders", "fresh", START),)
        self.last = []

    def open_office(self):
        """Start alerts anew on the same store, as after a restart."""
        self.office = Office(
            self.store.engine,
            self.alerting,
            "Test network",
            "Painpoint <painpoint@example.com>",
            "https://painpoint.example.com",
            lambda: self.now,
            lambda: self.sink,
        )
        self.dispatcher = self.office.dispatcher()

    def under(self, *routes, **alerting):
        """Go on under other settings."""
        self.alerting = Alerting(routes=routes, **alerting)
        self.open_office()
        return self

    @property
    def desk(self) -> Desk:
        return self.office.desk()

    def at(self, hours):
        """Let time pass until so many hours after the start; the dispatcher looks often."""
        until = START + timedelta(hours=hours)
        begun = self.now
        while self.now < until:
            step = TICK if self.now - begun < BUSY else SLOW_TICK
            self.now = min(self.now + step, until)
            self.dispatcher.tick()
        return self

    def judge(self, *readings):
        """Judge now: the Board has these readings."""
        self.last = list(readings)
        board = Board(self.now, 0, 1, "Test network", "UTC", self.feeds, tuple(readings), partners=self.partners)
        from dataclasses import replace  # noqa: PLC0415

        self.store.add(
            self.now,
            1,
            live=True,
            document=as_json(board),
            also=lambda con, version: self.office.recorder.record(con, replace(board, version=version)),
        )
        return self

    def told(self, to=None):
        """Give what was really told, in order: (hours, recipient, kind)."""
        query = (
            select(NOTICES.c.recipient, NOTICES.c.kind, LETTERS.c.done_at)
            .join(LETTERS, NOTICES.c.letter == LETTERS.c.id)
            .where(NOTICES.c.status == "told")
            .order_by(LETTERS.c.done_at, NOTICES.c.id)
        )
        with self.store.engine.begin() as con:
            rows = con.execute(query).all()
        return [(_hours(r.done_at), r.recipient, Kind(r.kind)) for r in rows if to in (None, r.recipient)]

    def kinds(self, to="hub@example.com"):
        return [str(kind) for _, _, kind in self.told(to)]

    def why(self, to="hub@example.com"):
        """Give why notices wait or were dropped, per kind."""
        query = select(NOTICES).where(NOTICES.c.recipient == to, NOTICES.c.held != "").order_by(NOTICES.c.id)
        with self.store.engine.begin() as con:
            return [(r.kind, r.status, r.held) for r in con.execute(query)]

    def rows(self, table):
        with self.store.engine.begin() as con:
            return con.execute(select(table).order_by(*table.primary_key.columns)).all()

    def episodes(self):
        return self.rows(EPISODES)

    def transitions(self):
        return [(t.axis, t.before, t.after) for t in self.rows(TRANSITIONS)]


def _hours(moment):
    return round((moment - START).total_seconds() / 3600, 2)
