"""Serves a wall on which months pass in seconds: boards at the pace that is asked for, on a clock that runs as fast.

Orders come as lines on stdin: `turn N` publishes N boards of a week's changes, a screen's breath apart; each is answered when done.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta

from list_desk import ListDesk, ago, episode
from list_screens import ListScreens
from wall_boards import BOARDS, NOW

from analytics.kpi import Level
from layouts.feed import BoardFeed
from layouts.web import Server, build_app

WEEK = (
    "busy",
    "few",
    "all_green",
    "regions",
    "dead_source",
    "only_unknown",
    "outweighed",
    "turning",
    "single",
    "wordy",
)
STEP = timedelta(minutes=5)


def _light(board):
    """Leave most greens out: they are not drawn, and what takes time here is to be the browser's drawing."""
    greens = [reading for reading in board.readings if reading.level is Level.GREEN]
    return replace(board, readings=tuple(each for each in board.readings if each not in greens[12:]))


def main():
    feed, desk, passed = BoardFeed(), ListDesk(), [timedelta()]
    made = {name: _light(BOARDS[name]()) for name in WEEK}

    def clock():
        return NOW + passed[0]

    def turn(count):
        for _ in range(count):
            version = feed.latest.version + 1 if feed.latest else 1
            passed[0] += STEP
            now, name = clock(), WEEK[version % len(WEEK)]
            feed.publish(replace(made[name], version=version, as_of=now))
            feed.beat(now)
            desk.sentence = "2 mails could not be delivered" if version % 7 == 0 else ""
            first = made[name].readings[0]
            desk.kept = [
                episode(1, kpi=first.kpi, slice=dict(first.slice), acknowledged_by="Bo", acknowledged_at=ago())
            ]
            time.sleep(0.005)
        print(feed.latest.version, flush=True)

    def obey():
        for line in sys.stdin:
            turn(int(line.split()[1]))

    def live():
        while True:
            feed.beat(clock())
            time.sleep(0.5)

    turn(1)
    app = build_app(
        feed, title="Soak", public_url="https://pain.example.com", clock=clock, desk=desk, screens=ListScreens()
    )
    for work in (obey, live):
        threading.Thread(target=work, daemon=True).start()
    Server(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning").run()


if __name__ == "__main__":
    main()
