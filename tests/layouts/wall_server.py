"""Serves a wall for the browser tests; orders come as lines on stdin: `board NAME`, `beat`, `still`, `alerts SENTENCE`, `deaf`,
`taken ACTOR` (the first tile's episode), `free`.

Time runs from the boards' own moment on, so that ages are the same whenever the tests run.
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

from layouts.feed import BoardFeed
from layouts.web import Server, build_app


def main():
    port, name, timeout, walls = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4]
    started = time.monotonic()
    beating = threading.Event()
    feed = BoardFeed()
    desk = ListDesk()

    def clock():
        return NOW + timedelta(seconds=time.monotonic() - started)

    def publish(wanted):
        if wanted != "none":
            version = feed.latest.version + 1 if feed.latest else 17
            feed.publish(replace(BOARDS[wanted](), version=version))

    def engine():
        while True:
            if beating.is_set():
                feed.beat(clock())
            time.sleep(0.3)

    def obey():
        for line in sys.stdin:
            order, _, rest = line.strip().partition(" ")
            if order == "board":
                publish(rest)
            elif order == "beat":
                beating.set()
            elif order == "still":
                beating.clear()
            elif order in {"alerts", "deaf"}:
                desk.sentence, desk.broken = rest, order == "deaf"
            elif order == "free":
                desk.kept = []
            elif order == "taken":
                first = feed.latest.board.readings[0]
                desk.kept = [
                    episode(
                        1, kpi=first.kpi, slice=dict(first.slice), acknowledged_by=rest, acknowledged_at=ago(hours=2)
                    )
                ]

    beating.set()
    feed.beat(clock())
    publish(name)
    app = build_app(
        feed,
        title="Painpoint",
        public_url="https://painpoint.example.com",
        clock=clock,
        engine_timeout=timeout,
        desk=desk,
        screens=ListScreens(),
        walls=walls,
    )
    threading.Thread(target=engine, daemon=True).start()
    threading.Thread(target=obey, daemon=True).start()
    Server(app, host="127.0.0.1", port=port, log_level="warning").run()


if __name__ == "__main__":
    main()
