"""What is pushed to a running web server: who may, what is read, and that 202 means durable."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import duckdb
import httpx
import pytest

from data import inbox as inboxes
from data.inbox import Inbox
from layouts.feed import BoardFeed
from layouts.web import Server, build_app

TOKEN, OTHER = "a-token-of-orders", "another-token-of-parts"
COUNTS = ("read", "stored", "duplicate", "ignored", "quarantined", "adjusted", "unmapped")
ORDERS = f"""
[[source]]
name = "orders"
fact = "repair_orders"
format = "push"
token = "{TOKEN}"
[source.fields]
order_id = "id"
partner = "shop.name"
cost = "cost"
outcome = {{ column = "result", map = {{ "Fixed" = "repaired" }} }}
[source.events]
received = "at"
"""
LOG = f"""
[[source]]
name = "a log"
fact = "repair_orders"
format = "push"
token = "{OTHER}"
at = "at"
[source.fields]
order_id = "id"
[[source.kinds]]
kind = "qc_failed"
when = {{ act = "bad" }}
"""
NOW = datetime(2027, 1, 1, tzinfo=UTC)


class Pushed:
    """A web server on loopback with the inbox of a network; `judged` counts how often a judgement was asked for."""

    def __init__(self, session):
        self.judged = 0
        self.feed = BoardFeed()
        self.inbox = Inbox(session, self._wake)
        app = build_app(self.feed, title="P", public_url=None, clock=lambda: NOW, door=self.inbox)
        self.door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.door.getsockname()[1]}"
        self.server = Server(app, host="127.0.0.1", port=0, log_level="warning")
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.door]})
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def _wake(self):
        self.judged += 1

    def __enter__(self):
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.client.close()
        self.server.should_exit = True
        self.thread.join(20)
        self.inbox.close()
        self.door.close()

    def post(self, body, name="orders", token=TOKEN, kind="application/json", **headers):
        body = body if isinstance(body, (bytes, str)) or not isinstance(body, (list, dict)) else json.dumps(body)
        said = {"Content-Type": kind, "Authorization": f"Bearer {token}"} | {
            key.replace("_", "-"): value for key, value in headers.items()
        }
        return self.client.post(
            f"/api/push/{name}", content=body, headers={k: v for k, v in said.items() if v is not None}
        )

    def well(self, *args, **how):
        answer = self.post(*args, **how)
        assert answer.status_code == 202, answer.text
        counts = answer.json()
        assert tuple(counts) == COUNTS
        assert counts["read"] == sum(counts[name] for name in COUNTS[1:5])
        return counts["read"], counts["stored"], counts["duplicate"], counts["quarantined"]


@pytest.fixture
def served(network_of):
    @contextmanager
    def make(settings=ORDERS):
        with network_of(settings, NOW) as live, Pushed(live.session) as web:
            yield live, web

    return make


def order(n, **more):
    return {"id": f"o{n}", "shop": {"name": "P"}, "at": "2026-01-01T08:00:00Z", "cost": n} | more


CSV = b"id,shop.name,cost,result,at\no1,P,1,Fixed,2026-01-01\no2,P,2,,2026-01-02\n"
TWO = [order(1), order(2)]


@pytest.mark.parametrize(
    ("body", "kind", "read"),
    [
        (order(1), "application/json", 1),
        (json.dumps(order(1), indent=2).encode(), "application/json; charset=utf-8", 1),
        (TWO, "application/json", 2),
        (TWO, "application/vnd.acme.orders+json", 2),
        ([], "application/json", 0),
        ("\n".join(map(json.dumps, TWO)), "application/json", 2),
        ("\n\n".join(map(json.dumps, TWO)), "application/x-ndjson", 2),
        (json.dumps(order(1)), "application/jsonl", 1),
        (CSV, "text/csv", 2),
        (CSV.replace(b",", b";"), "text/csv", 2),
        (CSV.decode().encode("utf-16"), "text/csv; charset=utf-16", 2),
        (json.dumps([order(1, shop={"name": "Gülle"})], ensure_ascii=False).encode("latin-1"),
         'application/json; charset="latin-1"', 1),
    ],
)  # fmt: skip
def test_every_kind_of_body_is_read_and_durable(served, body, kind, read):
    with served() as (live, web):
        assert web.well(body, kind=kind) == (read, read, 0, 0)
        assert len(live.facts("repair_orders")) == read
        assert web.judged == bool(read)
        assert web.well(body, kind=kind) == (read, 0, read, 0)
        assert live.batch() == (1 if read else None)


def test_packed_bodies_are_unpacked(served):
    with served() as (_, web):
        packed = gzip.compress(json.dumps(TWO).encode())
        assert web.well(packed, Content_Encoding="gzip") == (2, 2, 0, 0)
        assert web.post(packed[:-9], Content_Encoding="gzip").status_code == 422
        assert web.post(b"no gzip", Content_Encoding="gzip").status_code == 422
        assert web.post(gzip.compress(b" " * (17 << 20)), Content_Encoding="gzip").status_code == 413
        assert web.post(packed, Content_Encoding="br").status_code == 415


@pytest.mark.parametrize(
    ("body", "how", "status", "sentence"),
    [
        (TWO, {"token": None, "Authorization": None}, 401, "Who pushes to orders must say so; send the header Authorization: Bearer TOKEN."),
        (TWO, {"Authorization": "Basic b3JkZXJz"}, 401, "Who pushes to orders must say so; send the header Authorization: Bearer TOKEN."),
        (TWO, {"token": "a-token-of-orderz"}, 401, "This is not the token of orders; use the one in its settings."),
        (TWO, {"token": OTHER}, 403, "This token is another source's; push to orders with its own."),
        (TWO, {"name": "nobody"}, 404, "There is no push source 'nobody'; there is orders, a log."),
        (TWO, {"kind": None}, 415, "Content-Type is missing; send application/json, application/x-ndjson or text/csv."),
        (TWO, {"kind": "application/xml"}, 415, "A body of type 'application/xml' cannot be read; send application/json, application/x-ndjson or text/csv."),
        (b"", {}, 422, "The body is empty; send an object, a list of them, one per line, or CSV."),
        (b'{"id": 1', {}, 422, "The body is not JSON"),
        (b"5", {}, 422, "The body is a single value; send an object, or a list of them."),
        (b"[" * 100_000, {}, 422, "The body is nested too deeply"),
        (b'{"id": "\xff"}', {}, 422, "The body holds the byte 0xff, which is not utf-8; name its own charset in Content-Type."),
        (TWO, {"kind": "application/json; charset=klingon"}, 422, 'The body is in "klingon", which is no known encoding'),
        (b"id,at\n1,2026-01-01\n", {"kind": "text/csv"}, 422, "The body: column 'shop.name' is not in the header"),
        (TWO, {"Idempotency_Key": "k" * 256}, 422, "An Idempotency-Key has 1 to 255 characters"),
        (b" " * (17 << 20), {}, 413, "The body is larger than 16 MB; split it into several."),
    ],
)  # fmt: skip
def test_every_refusal_is_a_sentence_and_stores_nothing(served, body, how, status, sentence):
    with served(ORDERS + LOG) as (live, web):
        answer = web.post(body, **how)
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
        assert answer.json()["error"].startswith(sentence)
        assert ("www-authenticate" in answer.headers) == (status == 401)
        assert live.books()["repair_orders_statements"] == 0
        assert TOKEN not in answer.text
        assert web.well(TWO) == (2, 2, 0, 0)


def test_rows_are_pushed_with_post(served):
    with served() as (_, web):
        answer = web.client.get("/api/push/orders")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert web.client.get("/api/push").status_code == 404


def test_a_body_of_unknown_length_is_cut_off_too(served):
    with served() as (live, web):
        answer = web.client.post(
            "/api/push/orders", content=(b" " * (1 << 20) for _ in range(17)),
            headers={"Authorization": f"bearer {TOKEN}", "Content-Type": "application/json"},
        )  # fmt: skip
        assert answer.status_code == 413
        assert live.batch() is None


def test_two_megabytes_are_taken(served):
    rows = [order(n, note="x" * 180) for n in range(9000)]
    with served() as (live, web):
        assert len(json.dumps(rows)) > 2 << 20
        assert web.well(rows) == (9000, 9000, 0, 0)
        assert len(live.facts("repair_orders")) == 9000


def test_bad_rows_go_to_quarantine_with_their_number_and_once(served):
    lines = [
        json.dumps(order(1)),
        "{oops",
        json.dumps(order(2, cost="dear")),
        "",
        json.dumps(order(3, at="2099-01-01")),
    ]
    with served() as (live, web):
        for stored in (1, 0):
            assert web.well("\n".join(lines), kind="application/x-ndjson") == (4, stored, 1 - stored, 3)
        assert [(file, place) for file, place, *_ in live.quarantined()] == [("push", n) for n in (2, 3, 5)]
        assert live.quarantined()[0][3] == "{oops"
        assert web.well(CSV + b"o3,P\n", kind="text/csv") == (3, 2, 0, 1)
        assert live.quarantined()[-1][:2] == ("push", 4)
        web.well([order(2, result="Glued")])
        live.moment[0] = datetime(2100, 1, 1, tzinfo=UTC)
        assert live.replay("orders").tally.stored == 1


def test_events_and_rows_that_no_kind_matches(served):
    rows = [{"id": "o1", "at": "2026-01-01", "act": act} for act in ("bad", "good", "bad")]
    with served(ORDERS + LOG) as (live, web):
        answer = web.post(rows, name="a%20log", token=OTHER).json()
        assert [answer[name] for name in COUNTS[:5]] == [3, 1, 1, 1, 0]
        assert live.facts("repair_orders")["o1"]["qc_failed_count"] == 1


def test_an_idempotency_key_protects_against_a_late_repetition(served):
    first, second = order(1, result="Fixed"), order(1, result="", cost=5)
    with served() as (live, web):
        assert web.well(first, Idempotency_Key="a") == (1, 1, 0, 0)
        assert web.well(second, Idempotency_Key="b") == (1, 1, 0, 0)
        assert web.well(first, Idempotency_Key="a") == (1, 0, 1, 0)
        assert live.facts("repair_orders")["o1"]["cost"] == 5
        answer = web.post(second, Idempotency_Key="a")
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("This Idempotency-Key came with another body before")
        # without a key the newest statement speaks, as it does in files
        assert web.well(first) == (1, 1, 0, 0)
        assert live.facts("repair_orders")["o1"]["cost"] == 1


def test_concurrent_pushes_are_each_accounted_for(served):
    with served(ORDERS + LOG) as (live, web), ThreadPoolExecutor(12) as pool:
        bodies = [[order(n), order(n + 1), order(n, cost="dear")] for n in range(0, 40, 2)] * 2
        logs = [[{"id": f"o{n}", "at": "2026-01-01", "act": "bad"}] for n in range(10)]
        answers = [pool.submit(web.well, body) for body in bodies]
        answers += [pool.submit(web.well, body, name="a log", token=OTHER) for body in logs]
        found = [answer.result() for answer in answers]
        assert [sum(column) for column in zip(*found, strict=True)] == [130, 50, 40, 40]
        assert len(live.facts("repair_orders")) == 40
        assert live.books()["repair_orders_statements"] == 40
        assert web.inbox._waiting == {"orders": 0, "a log": 0}


def test_a_flood_is_asked_to_come_again_and_does_not_starve_the_wall(served, monkeypatch):
    monkeypatch.setattr(inboxes, "MOST_WAITING", 3)
    with served() as (live, web), ThreadPoolExecutor(16) as pool:
        turn = live.session.warehouse.turns["orders"]
        with turn:
            waiting = [pool.submit(web.post, [order(n)]) for n in range(12)]
            started = time.monotonic()
            for _ in range(50):
                assert web.client.get("/healthz").status_code == 200
            assert time.monotonic() - started < 5
            while sum(each.done() for each in waiting) < 6:
                time.sleep(0.01)
        answers = [each.result() for each in waiting]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert len(refused) >= 6
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        stored = [answer for answer in answers if answer.status_code == 202]
        assert len(stored) + len(refused) == 12
        assert len(live.facts("repair_orders")) == len(stored)


def test_what_cannot_be_written_is_not_called_taken(served, monkeypatch, caplog):
    with served() as (live, web):
        web.well(order(1))

        def full(step):
            if step == "logged":
                raise duckdb.IOException("No space left on device")

        monkeypatch.setattr(web.inbox._loader, "_boundary", full)
        answer = web.post(order(2))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["error"] == "The warehouse cannot be written now; nothing was stored, send it again."
        assert "No space left" in caplog.text
        monkeypatch.undo()
        assert web.well(order(2)) == (1, 1, 0, 0)
        assert set(live.facts("repair_orders")) == {"o1", "o2"}


def test_who_comes_while_it_stops_is_asked_to_come_again(served):
    with served() as (live, web):
        web.inbox.close()
        answer = web.post(order(1))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json() == {"error": "Painpoint is stopping; send it again."}
        assert live.batch() is None


def test_loading_a_push_source_does_nothing(served):
    with served() as (live, web):
        for _ in range(2):
            loaded = live.load("orders")
            assert (loaded.error, loaded.tally.read) == (None, 0)
        web.well(TWO)
        assert live.load("orders").tally.read == 0
        assert live.replay("orders").error is None


def test_a_changed_mapping_reads_anew_what_was_pushed(served):
    with served() as (live, web):
        web.well([order(1, cost=7), order(2, cost="dear")])
        web.well(CSV, kind="text/csv")
        web.well(order(3, model="X"))
        live.under(ORDERS.replace('cost = "cost"', 'product = "model"'))
        assert live.facts("repair_orders")["o1"]["cost"] == 1
        loaded = live.load("orders")
        assert (loaded.error, loaded.tally.read, loaded.tally.stored) == (None, 4, 3)
        facts = live.facts("repair_orders")
        assert {key: (row.get("product"), row.get("cost")) for key, row in facts.items()} == {
            "o1": (None, None), "o2": (None, None), "o3": ("X", None),
        }  # fmt: skip
        # a table that lacks the new column cannot be read anew, which its place in the quarantine says
        (file, place, reason, raw) = live.quarantined()[-1]
        assert (file, place, raw) == ("push", 1, CSV.decode())
        assert "column 'model' is not in the header" in reason
        assert live.load("orders").tally.read == 0


def test_a_push_after_a_changed_mapping_reads_the_others_anew_first(served, network_of):
    with network_of(ORDERS, NOW) as live:
        with Pushed(live.session) as web:
            web.well(TWO, Idempotency_Key="a")
        live.under(ORDERS.replace('cost = "cost"', ""))
        with Pushed(live.session) as web:
            assert web.well(TWO, Idempotency_Key="a") == (2, 0, 2, 0)
            assert web.well(order(3)) == (1, 1, 0, 0)
        assert {key: row.get("cost") for key, row in live.facts("repair_orders").items()} == dict.fromkeys(
            ("o1", "o2", "o3")
        )


def test_a_new_token_is_no_other_mapping(served, network_of):
    with network_of(ORDERS, NOW) as live:
        with Pushed(live.session) as web:
            web.well(TWO)
        live.under(ORDERS.replace(TOKEN, OTHER))
        with Pushed(live.session) as web:
            assert web.post(TWO).status_code == 401
            assert web.well(TWO, token=OTHER) == (2, 0, 2, 0)
        assert live.ask("SELECT max(generation) FROM generations") == [(1,)]
