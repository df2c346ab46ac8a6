"""The depots' API gives page by page what their files hold, and the http source reads it from there."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager

import httpx

from data.demo import api


@contextmanager
def served(out):
    with api.server(out, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def events(out):
    files = sorted((out / "systems" / "depot").glob("*.ndjson"), key=lambda path: (path.stem[:7], path.stem))
    return [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def read(root, address):
    found = []
    while address:
        answer = httpx.get(root + address).json()
        assert len(answer["events"]) <= api.PAGE
        found += answer["events"]
        address = answer["next"]
    return found


def test_its_pages_hold_every_event_once_and_in_order(network):
    with served(network) as root:
        assert read(root, "/events") == events(network)


def test_its_cursor_gives_what_was_recorded_since(network):
    since = "2026-11-17T00:00:00Z"
    with served(network) as root:
        found = read(root, f"/events?since={since}")
    assert found == [event for event in events(network) if event["recorded"] >= since]
    assert 0 < len(found) < 2000


def test_other_addresses_are_unknown(network):
    with served(network) as root:
        assert httpx.get(root + "/orders").status_code == 404
        assert httpx.get(root + "/events?after=x").status_code == 404
