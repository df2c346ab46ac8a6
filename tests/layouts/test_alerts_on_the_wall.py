"""That alerts are not in order reaches every screen and the metrics, without holding anything up."""

from __future__ import annotations

import asyncio
import threading
import time

import httpx
import orjson
import pytest
from list_desk import ListDesk, letter
from wall_boards import NOW, all_green
from wall_served import Served, until

from layouts.watch import DeskWatch


def beats(stream):
    for line in stream.iter_lines():
        if line.startswith("data: {") and '"engine"' in line:
            yield orjson.loads(line.removeprefix("data: "))


@pytest.fixture
def wall():
    with Served(desk=ListDesk()) as running:
        running.feed.publish(all_green())
        running.feed.beat(NOW)
        yield running


def polled(wall):
    beat = httpx.get(f"{wall.url}/api/board/wall").headers["x-painpoint-beat"]
    return orjson.loads(beat)["alerts"]["sentence"]


def test_the_beat_says_what_is_wrong_and_when_it_is_over(wall):
    wall.desk.sentence = "2 mails could not be delivered, says André 修"
    with httpx.stream("GET", f"{wall.url}/api/board/stream", timeout=20) as stream:
        heard = beats(stream)
        next(beat for beat in heard if "André" in beat["alerts"]["sentence"])
        assert polled(wall) == wall.desk.sentence
        wall.desk.sentence = ""
        start = time.monotonic()
        next(beat for beat in heard if beat["alerts"]["sentence"] == "")
        assert time.monotonic() - start < 9


def test_a_desk_that_cannot_be_asked_is_said(wall):
    wall.desk.broken = True
    until(lambda: "unknown" in polled(wall))
    text = httpx.get(f"{wall.url}/metrics").text
    assert "painpoint_alerts_known 0" in text
    assert "painpoint_letters_dead" not in text
    assert httpx.get(f"{wall.url}/healthz").status_code == 200


def test_many_viewers_ask_once(wall):
    for _ in range(50):
        polled(wall)
    assert wall.desk.asked <= 2


def test_metrics_of_the_letters():
    with Served(desk=ListDesk(letters=[letter(), letter(2)])) as running:
        lines = httpx.get(f"{running.url}/metrics").text.splitlines()
    for line in ("painpoint_alerts_known 1", "painpoint_letters_dead 2", "painpoint_letters_waiting 4", "painpoint_dispatcher_live 1",
                 "painpoint_letters_oldest_waiting_seconds 12.5", "painpoint_dispatcher_age_seconds 2.0"):  # fmt: skip
        assert line in lines


def test_a_desk_that_hangs_is_unknown_and_holds_nothing_up():
    class Hanging(ListDesk):
        free = threading.Event()

        def status(self):
            self.asked += 1
            assert self.free.wait(20)
            return super().status()

    async def heard(true):
        for _ in range(500):
            if true():
                return
            await asyncio.sleep(0.01)

    async def story():
        desk, changes = Hanging(), []
        watch = DeskWatch(desk, lambda: changes.append(1), every=0.05, patience=0.2)
        start = time.monotonic()
        assert watch.sentence == ""
        assert time.monotonic() - start < 0.05
        await heard(lambda: watch.sentence)
        assert "unknown" in watch.sentence
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert watch.sentence
        assert desk.asked == 1, "a hanging desk was asked again"
        assert await watch.status() is None
        desk.free.set()
        await heard(lambda: not watch.sentence)
        assert (await watch.status())["dispatcher"] == "live"
        assert len(changes) == 2

    asyncio.run(asyncio.wait_for(story(), 15))


def test_a_wall_without_a_desk_says_nothing_of_alerts(served):
    assert "alerts" not in orjson.loads(httpx.get(f"{served.url}/api/board/wall").headers["x-painpoint-beat"])
    assert "painpoint_letters" not in httpx.get(f"{served.url}/metrics").text
