"""Two shops with the same intake and the same capacity: one takes the oldest order first, one the easy ones."""

from __future__ import annotations

from datetime import datetime, timedelta

DAYS, EASY, HARD, CAPACITY = 28, 38, 6, 40
FIRST = datetime(2026, 6, 3, 8)  # noqa: DTZ001  # the zone is the network's, UTC
DONE_AFTER = timedelta(hours=10)
NOW = "2026-06-30T20:00:00+00:00"


def worked(*, cherries):
    """Give the (receipt, completion or None) of every order; all come in at 8, and what is done is done at 18."""
    queue, orders = [], []
    for day in range(DAYS):
        queue += [(day, hard) for hard in [False] * EASY + [True] * HARD]
        queue.sort(key=lambda order: (cherries and order[1], order[0]))
        orders += [(came, day) for came, _ in queue[:CAPACITY]]
        queue = queue[CAPACITY:]
    return [(_at(came), _at(day) + DONE_AFTER) for came, day in orders] + [(_at(came), None) for came, _ in queue]


def _at(day):
    return FIRST + timedelta(days=day)


def orders(partner, *, cherries):
    return [
        {"order_id": f"{partner}{i}", "partner": partner, "received": came, "completed": done}
        for i, (came, done) in enumerate(worked(cherries=cherries))
    ]
