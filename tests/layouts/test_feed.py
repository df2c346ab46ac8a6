from __future__ import annotations

import asyncio
import gzip
import threading
import zlib

import orjson
from wall_boards import all_green, board, busy, few, reading, regions

from layouts.edition import AREAS, Edition
from layouts.feed import GZIP_HEADER, MOST_EDITIONS, MOST_ORIGINS, BoardFeed, Event, Snapshot
from layouts.words import LANGUAGES

PLAIN = Edition()


def test_bodies_are_the_same_plain_and_packed():
    snapshot = Snapshot(busy())
    for body in (snapshot.edition(PLAIN).body, snapshot.api, snapshot.whole()):
        assert gzip.decompress(body.packed) == body.plain
    assert orjson.loads(snapshot.edition(PLAIN).event.plain.split(b"data: ")[1]) == orjson.loads(
        snapshot.edition(PLAIN).body.plain
    )


def test_packed_events_join_to_one_stream_in_any_order():
    events = [Event.of("beat", b'{"n":%d}' % n) for n in range(20)] + [Snapshot(few()).edition(PLAIN).event]
    for order in (events, events[::-1]):
        stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        stream.decompress(GZIP_HEADER)
        for event in order:  # each must come out whole, without waiting for the next
            assert stream.decompress(event.packed) == event.plain


def test_greens_are_prepared_once_and_only_when_asked_for():
    snapshot = Snapshot(all_green())
    assert orjson.loads(snapshot.api.plain)["readings"] == []
    assert "_whole" not in vars(snapshot)
    assert snapshot.whole() is snapshot.whole()
    assert len(orjson.loads(snapshot.whole().plain)["readings"]) == 312


def test_boards_of_one_version_differ_in_their_etag():
    assert Snapshot(all_green()).edition(PLAIN).body.etag != Snapshot(board([reading()])).edition(PLAIN).body.etag
    assert Snapshot(all_green()).edition(PLAIN).body.etag == Snapshot(all_green()).edition(PLAIN).body.etag


def test_a_change_from_another_thread_wakes_every_viewer_once():
    async def story():
        feed = BoardFeed()
        bells = [feed.bell() for _ in range(100)]
        assert len(set(map(id, bells))) == 1
        threading.Thread(target=feed.publish, args=(all_green(),)).start()
        await asyncio.wait_for(bells[0], 5)
        assert feed.latest.version == 17
        assert feed.bell() is not bells[0]

    asyncio.run(story())


def test_a_closed_loop_does_not_disturb_the_judging_thread():
    feed = BoardFeed()

    async def leave():
        feed.bell()

    asyncio.run(leave())
    feed.publish(all_green())
    assert feed.latest is not None


def test_editions_that_are_looked_at_are_prepared_with_the_next_board():
    feed = BoardFeed()
    feed.publish(all_green())
    asked = Edition("region", "https://pain.example.com", "de")
    assert feed.latest.ready(asked) is None
    assert feed.latest.edition(asked) is feed.latest.edition(asked)
    feed.publish(few())
    assert feed.latest.ready(asked)
    assert orjson.loads(feed.latest.ready(asked).body.plain)["by"] == "region"


def test_an_edition_that_nobody_looks_at_is_dropped():
    feed = BoardFeed()
    feed.publish(all_green())
    feed.latest.edition(Edition("region"))
    for _ in range(2):
        feed.publish(few())
        feed.latest.edition(PLAIN)
    assert feed.latest.ready(Edition("region")) is None


def test_nobody_can_ask_for_any_number_of_editions():
    snapshot = Snapshot(all_green())
    made = [snapshot.edition(Edition(origin=f"http://host{n}")) for n in range(3 * MOST_EDITIONS)]
    assert len(set(map(id, made))) <= MOST_EDITIONS
    assert made[-1] is snapshot.edition(PLAIN)


def test_whoever_else_asks_no_screen_loses_its_areas_or_its_language():
    snapshot = Snapshot(regions())
    for n in range(2 * MOST_EDITIONS):
        snapshot.edition(Edition(origin=f"http://host{n}"))
    for by in ("", *AREAS):
        for language in LANGUAGES:
            given = snapshot.edition(Edition(by, "https://pain.example.com", language))
            assert given is snapshot.edition(Edition(by, "", language))
            assert orjson.loads(given.body.plain)["by"] == by
    german = orjson.loads(snapshot.edition(Edition("region", "https://pain.example.com", "de")).body.plain)
    assert "Kunden betroffen" in german["areas"][0]["tiles"][0]["hurt"]


def test_of_many_origins_only_those_asked_for_most_are_prepared_again():
    feed = BoardFeed()
    feed.publish(all_green())
    ours = Edition("region", "https://pain.example.com")
    for n in range(MOST_EDITIONS // 2):
        feed.latest.edition(Edition(origin=f"http://host{n}"))
    for _ in range(2):
        feed.latest.edition(ours)
    feed.latest.edition(Edition("country"))
    wanted = feed.latest.wanted
    assert {ours, Edition("country")} <= wanted
    assert len({edition.origin for edition in wanted if edition.origin}) == MOST_ORIGINS
