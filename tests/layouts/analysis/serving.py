"""The analyst's pages on loopback, over an inquiry of lists."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from list_inquiry import whole
from wall_boards import busy
from wall_served import Served


@contextmanager
def served(inquiry=None, **more):
    made = inquiry or whole()
    with Served(inquiry=made, **more) as running:
        running.inquiry = made
        running.feed.publish(busy())
        running.feed.beat(running.now)
        yield running
