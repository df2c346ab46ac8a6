from __future__ import annotations

import threading
from dataclasses import replace

import httpx
import orjson
import pytest
from wall_boards import NOW, all_green, busy, dead_source, hostile
from wall_served import Served, until

from analytics.board import as_json
from layouts.feed import encode


def events(lines, count):
    """Read `count` events as (event, id, data)."""
    found, current = [], {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            current[name] = value
        elif "event" in current:
            found.append((current["event"], current.get("id"), orjson.loads(current["data"])))
            current = {}
            if len(found) == count:
                break
        else:
            assert current == {"retry": "1000"}
            current = {}
    return found


def test_before_the_first_board(served):
    answer = httpx.get(f"{served.url}/api/board")
    assert (answer.status_code, "error" in answer.json()) == (503, True)
    assert httpx.get(f"{served.url}/readyz").status_code == 503
    assert httpx.get(f"{served.url}/healthz").status_code == 200
    assert httpx.get(f"{served.url}/").status_code == 200
    assert httpx.get(f"{served.url}/api/board/wall").json() is None


def test_the_board_is_the_contract_without_its_greens(served):
    served.feed.publish(busy())
    assert httpx.get(f"{served.url}/api/board").json() == orjson.loads(encode(as_json(busy(), greens=False)))
    assert httpx.get(f"{served.url}/api/board?all=1").json() == orjson.loads(encode(as_json(busy())))
    assert httpx.get(f"{served.url}/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/api/board", "/api/board?all=1", "/api/board/wall"])
def test_an_unchanged_board_costs_no_body(served, path):
    served.feed.publish(busy())
    first = httpx.get(served.url + path)
    assert first.headers["cache-control"] == "no-cache"
    again = httpx.get(served.url + path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (
        httpx.get(served.url + path, headers={"If-None-Match": '"other", ' + first.headers["etag"]}).status_code == 304
    )
    served.feed.publish(replace(busy(), version=18))
    assert httpx.get(served.url + path, headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_bodies_are_compressed_for_those_who_can_read_it(served):
    served.feed.publish(busy())
    packed = httpx.get(f"{served.url}/api/board", headers={"Accept-Encoding": "gzip"})
    plain = httpx.get(f"{served.url}/api/board", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    page = httpx.get(f"{served.url}/", headers={"Accept-Encoding": "gzip"})
    assert page.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_the_stream_tells_the_board_at_once_and_every_change(served, encoding):
    served.feed.publish(all_green())
    served.feed.beat(NOW)
    with httpx.stream("GET", f"{served.url}/api/board/stream", headers={"Accept-Encoding": encoding}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["x-accel-buffering"] == "no"
        lines = stream.iter_lines()
        (kind, version, data), (beat, _, pulse) = events(lines, 2)
        assert (kind, version, data["counts"]["green"]) == ("board", "17", 312)
        assert beat == "beat"
        assert pulse == {"now": "2026-11-24T13:03:10Z", "as_of": "2026-11-24T13:03:10Z", "judged": "2026-11-24T13:03:10Z",
                         "version": 17, "engine": "live"}  # fmt: skip
        served.feed.publish(replace(busy(), version=18))
        assert next(
            (kind, version) for kind, version, _ in iter(lambda: events(lines, 1)[0], None) if kind == "board"
        ) == ("board", "18")


def test_who_has_the_version_is_not_sent_it_again(served):
    served.feed.publish(all_green())
    with httpx.stream("GET", f"{served.url}/api/board/stream", headers={"Last-Event-ID": "17"}) as stream:
        assert [kind for kind, _, _ in events(stream.iter_lines(), 2)] == ["beat", "beat"]


def test_a_slow_viewer_gets_the_newest_and_not_the_ones_between(served):
    served.feed.publish(all_green())
    with httpx.stream("GET", f"{served.url}/api/board/stream") as stream:
        lines = stream.iter_lines()
        events(lines, 2)
        for version in range(18, 318):
            served.feed.publish(replace(all_green(), version=version))
        seen = []
        while not seen or seen[-1] != 317:
            seen += [data["version"] for kind, _, data in events(lines, 1) if kind == "board"]
    assert seen == sorted(seen)


def test_a_dead_engine_is_told_to_everyone(served):
    served.feed.publish(all_green())
    served.feed.beat(NOW)
    assert httpx.get(f"{served.url}/healthz").json()["status"] == "ok"
    with httpx.stream("GET", f"{served.url}/api/board/stream") as stream:
        lines = stream.iter_lines()
        assert events(lines, 2)[1][2]["engine"] == "live"
        served.later(seconds=15.1)
        assert events(lines, 1)[0][2]["engine"] == "dead"
    answer = httpx.get(f"{served.url}/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "engine dead")
    assert answer.json()["last_judged"] == "2026-11-24T13:03:10Z"
    served.feed.beat(served.now)
    assert httpx.get(f"{served.url}/healthz").status_code == 200


def test_an_engine_that_never_speaks_is_dead_too(served):
    served.later(seconds=16)
    assert httpx.get(f"{served.url}/healthz").status_code == 503


def test_metrics(served):
    served.feed.publish(dead_source())
    served.feed.beat(NOW)
    served.later(seconds=5)
    text = httpx.get(f"{served.url}/metrics").text
    for line in (
        "painpoint_board_version 17",
        'painpoint_readings{level="red"} 3',
        'painpoint_readings{level="unknown"} 8',
        'painpoint_source_age_seconds{source="incidents"} 45.000',
        "painpoint_engine_age_seconds 5.000",
        "painpoint_viewers 0",
    ):
        assert line in text.splitlines()


def test_metrics_survive_hostile_names(served):
    served.feed.publish(hostile())
    assert r'source="<img src=x onerror=\"window.owned=1\">"' in httpx.get(f"{served.url}/metrics").text


@pytest.mark.parametrize("path", ["/", "/api/board", "/_dash-layout", "/nowhere"])
def test_security_headers_stand_everywhere(served, path):
    headers = httpx.get(served.url + path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"] or path != "/"


def test_an_unknown_address_is_not_found(served):
    assert httpx.get(f"{served.url}/nowhere").status_code == 404
    assert httpx.get(f"{served.url}/api/nowhere").status_code == 404
    assert httpx.get(f"{served.url}/docs").status_code == 404


def test_every_address_answers_head(served):
    served.feed.publish(all_green())
    for path in ("/", "/api/board", "/healthz", "/readyz", "/metrics"):
        assert httpx.head(served.url + path).status_code == 200


def test_the_first_paint_is_small(served):
    page = httpx.get(f"{served.url}/")
    files = [part.split('"')[0] for part in page.text.split('"/assets/')[1:]]
    assert len(files) == 4
    weight = 0
    for path in ("/", *(f"/assets/{name}" for name in files)):
        with httpx.stream("GET", served.url + path, headers={"Accept-Encoding": "gzip"}) as answer:
            weight += len(b"".join(answer.iter_raw()))
            if path != "/":
                assert "immutable" in answer.headers["cache-control"]
    assert weight < 28_000


def test_dash_is_mounted_with_no_sync_callbacks(served):
    assert httpx.get(f"{served.url}/_dash-layout").json()["props"]["id"] == "wall"
    assert httpx.get(f"{served.url}/_dash-dependencies").json() == []


def test_open_streams_do_not_keep_the_server_from_stopping():
    with Served() as running:
        running.feed.publish(all_green())
        gone = threading.Event()

        def watch():
            with httpx.stream("GET", f"{running.url}/api/board/stream") as stream:
                for _ in stream.iter_lines():
                    pass
            gone.set()

        threading.Thread(target=watch, daemon=True).start()
        until(lambda: "painpoint_viewers 1" in httpx.get(f"{running.url}/metrics").text)
    assert gone.wait(5)


def test_viewers_who_leave_are_forgotten(served):
    with httpx.stream("GET", f"{served.url}/api/board/stream") as stream:
        events(stream.iter_lines(), 1)
    until(lambda: "painpoint_viewers 0" in httpx.get(f"{served.url}/metrics").text)
