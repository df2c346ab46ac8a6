"""Web APIs on loopback: real servers that page, limit, fail, die and lie."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from data.check import check_file
from data.sources import http
from data.sources.chunk import SourceError
from data.sources.fetch import Patience
from data.sources.http import at_path, newest

CERTIFICATE = Path(__file__).with_name("localhost.pem")


class Api:
    """A server whose `answer(path, query, headers)` gives (status, headers, body) or a body; `seen` are its requests."""

    def __init__(self, context=None):
        self.seen, self.headers, self.answer = [], [], lambda *_: []
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                parts = urlsplit(self.path)
                api.seen.append(self.path)
                api.headers.append(dict(self.headers))
                found = api.answer(parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()}, self.headers)
                if found is None:  # die without an answer
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, body = found if isinstance(found, tuple) else (200, {}, found)
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        scheme = "http"
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def api(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(http, "Patience", lambda: Patience(pause=0.01, longest=3.0))
    with Api() as running:
        yield running


def settings(url, more="", fields='order_id = "id"\npartner = "shop.name"'):
    return f"""
[[source]]
name = "api"
fact = "repair_orders"
format = "http"
url = "{url}"
{more}
[source.fields]
{fields}
[source.events]
received = "at"
"""


def record(n, **more):
    return {"id": f"o{n}", "shop": {"name": f"P{n % 3}"}, "at": f"2026-01-{n % 28 + 1:02}T08:00:00Z", "n": n} | more


def tally(loaded):
    assert loaded.tally.read == sum(
        getattr(loaded.tally, name) for name in ("stored", "duplicate", "ignored", "quarantined")
    )
    return loaded.tally.read, loaded.tally.stored, loaded.tally.duplicate


def well(loaded):
    assert loaded.error is None
    return tally(loaded)


def stored(live):
    return {key: row["partner"] for key, row in live.facts("repair_orders").items()}


def numbered(rows, size, first=1):
    def answer(_, query, __):
        start = (int(query.get("page", first)) - first) * size
        return rows[start : start + size]

    return answer


RECORDS = [record(n) for n in range(25)]
ALL = {f"o{n}": f"P{n % 3}" for n in range(25)}


def by_number(api):
    api.answer = numbered(RECORDS, 10)
    return 'paging = { page = "page", size = "per_page", rows = 10 }'


def by_number_from_zero_with_a_cap(api):
    api.answer = numbered(RECORDS, 7, 0)  # it gives fewer rows than it is asked for
    return 'paging = { page = "page", size = "per_page", rows = 500, first = 0 }'


def by_offset_with_a_cap(api):
    api.answer = lambda _, query, __: RECORDS[int(query["skip"]) :][: min(int(query["take"]), 7)]
    return 'paging = { offset = "skip", limit = "take", rows = 500 }'


def by_link_in_the_body(api):
    def answer(_, query, __):
        start = int(query.get("from", 0))
        rest = f"/orders?from={start + 10}" if start < 20 else None
        return {"data": {"items": RECORDS[start : start + 10]}, "@odata.next": rest}

    api.answer = answer
    return 'records = "data.items"\npaging = { next = "@odata.next" }'


def by_token_in_the_body(api):
    def answer(_, query, __):
        start = int(query.get("after", 0))
        return {"items": RECORDS[start : start + 10], "meta": {"next": start + 10 if start < 20 else 0 or ""}}

    api.answer = lambda *args: answer(*args) | {"x": 1}
    return 'records = "items"\npaging = { next = "meta.next", parameter = "after" }'


def by_link_header(api):
    def answer(_, query, __):
        start = int(query.get("from", 0))
        link = f'<{api.url}/orders?from=0>; rel="first"'
        link += f', <?from={start + 10}>; title="a, b"; rel="next"' if start < 20 else ""
        return 200, {"Link": link}, RECORDS[start : start + 10]

    api.answer = answer
    return 'paging = { link = "next" }'


def as_lines(api):
    lines = b"\n".join(json.dumps(row).encode() for row in RECORDS)
    api.answer = lambda *_: (200, {"Content-Type": "application/x-ndjson"}, lines + b"\n\n")
    return ""


def as_lines_of_no_type(api):
    api.answer = lambda *_: b"\xef\xbb\xbf" + b"\n".join(json.dumps(row).encode() for row in RECORDS)
    return ""


def gzipped(api):
    packed = gzip.compress(json.dumps(RECORDS).encode())
    api.answer = lambda *_: (200, {"Content-Encoding": "gzip", "Content-Type": "application/json"}, packed)
    return ""


@pytest.mark.parametrize(
    "how",
    [
        by_number,
        by_number_from_zero_with_a_cap,
        by_offset_with_a_cap,
        by_link_in_the_body,
        by_token_in_the_body,
        by_link_header,
        as_lines,
        as_lines_of_no_type,
        gzipped,
    ],
)
def test_every_kind_of_paging_gives_every_record_once(network_of, api, how):
    with network_of(settings(f"{api.url}/orders?state=any%20one", how(api))) as live:
        assert well(live.load("api")) == (25, 25, 0)
        assert stored(live) == ALL
        assert api.seen[0].startswith("/orders?state=any%20one")
        assert well(live.load("api")) == (25, 0, 25)
        assert live.batch() == 1


def since(rows, column="n", at_least=True):  # noqa: FBT002
    def answer(_, query, __):
        last = query.get("since")
        found = [r for r in rows if last is None or str(r[column]) > last or (at_least and str(r[column]) == last)]
        return sorted(found, key=lambda r: str(r[column]), reverse=True)

    return answer


def test_the_cursor_moves_on_over_several_loads_and_is_sent_as_it_was_written(network_of, api):
    rows = [record(n, changed=f"2026-02-{n + 1:02}T10:00:00+01:00") for n in range(3)]
    api.answer = since(rows, "changed")
    text = settings(f"{api.url}/orders?a=1&since=:since&b=2", 'cursor = "changed"')
    with network_of(text) as live:
        assert well(live.load("api")) == (3, 3, 0)
        rows.append(record(7, changed="2026-02-03T10:00:00+01:00"))  # the very value that the cursor stands at
        assert well(live.load("api")) == (2, 1, 1)
        rows[1] = record(1, changed="2026-02-09T10:00:00+01:00", shop={"name": "P9"})
        assert well(live.load("api")) == (3, 1, 2)
        assert stored(live) == {"o0": "P0", "o1": "P9", "o2": "P2", "o7": "P1"}
        assert well(live.load("api")) == (1, 0, 1)
        assert live.batch() == 3
    asked = [f"&since=2026-02-{day}T10%3A00%3A00%2B01%3A00" for day in ("03", "03", "09")]
    assert api.seen == [f"/orders?a=1{part}&b=2" for part in ("", *asked)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["9", "10", "8"], "10"),
        (["1e3", "999.5"], "1e3"),
        (["2026-01-02", "2026-01-01T23:59:59Z"], "2026-01-02"),
        (["2026-01-01T10:00:00+05:00", "2026-01-01T06:00:00Z"], "2026-01-01T06:00:00Z"),
        (["2026-03-01T00:00:00.123456789Z", "2026-03-01T00:00:00.123456788Z"], "2026-03-01T00:00:00.123456789Z"),
        (["00a3", "00b1", "0091"], "00b1"),
        (["2099-01-01", "2026-01-01"], "2026-01-01"),
        (["2099-01-01"], None),
        ([], None),
    ],
)
def test_which_value_of_a_cursor_is_the_newest(source_of, values, expected):
    source = source_of(format="http", cursor="c")
    now = datetime(2027, 1, 1, tzinfo=UTC)
    assert newest(None, set(values), source, now) == expected
    assert newest(expected, set(values), source, now) == expected
    assert newest(expected, set(), source, now) == expected


def test_a_cursor_in_the_sources_own_format_and_one_that_is_not_always_a_time(source_of):
    source = source_of(format="http", cursor="c", datetime_format="%d/%m/%Y", timezone="Europe/Berlin")
    now = datetime(2027, 1, 1, tzinfo=UTC)
    assert newest("31/01/2026", {"01/02/2026"}, source, now) == "01/02/2026"
    with pytest.raises(SourceError, match=r'holds "soon", which is no time as "2026-01-01" is; list it in missing'):
        newest(None, {"2026-01-01", "soon"}, source, now)


def test_a_cursor_from_the_future_does_not_hide_what_follows(network_of, api):
    rows = [record(1, changed="2026-02-01"), record(2, changed="2099-01-01")]
    api.answer = since(rows, "changed")
    with network_of(settings(f"{api.url}/?since=:since", 'cursor = "changed"')) as live:
        assert well(live.load("api")) == (2, 2, 0)
        rows.append(record(3, changed="2026-02-02"))
        assert well(live.load("api")) == (3, 1, 2)


def test_a_server_that_asks_for_patience_gets_it(network_of, api):
    answers = [
        (429, {"Retry-After": "1"}, b""),
        (503, {}, b"down"),
        None,
        (429, {"Retry-After": format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)}, b""),
        RECORDS,
    ]
    api.answer = lambda *_: answers.pop(0)
    with network_of(settings(f"{api.url}/orders")) as live:
        started = time.monotonic()
        assert well(live.load("api")) == (25, 25, 0)
        assert 1.0 <= time.monotonic() - started < 3.5
        assert len(api.seen) == 5


def test_who_asks_for_too_much_patience_is_left_alone(network_of, api):
    api.answer = lambda *_: (429, {"Retry-After": "3600"}, b"")
    with network_of(settings(f"{api.url}/orders")) as live:
        loaded = live.load("api")
        wanted = f"source api: {api.url}/orders asks to be left alone for 3,600 s (429); load it less often with every"
        assert (loaded.error, loaded.permanent, loaded.wait) == (wanted, False, 3600.0)
        assert len(api.seen) == 1


def test_what_was_read_before_a_page_failed_is_kept_and_nothing_is_lost(network_of, api):
    rows = [record(n) for n in range(99, -1, -1)]  # newest first, so that the cursor must not move on half way
    dead = []

    def answer(_, query, __):
        page = int(query["page"])
        if page in dead:
            return None
        found = [r for r in rows if r["n"] >= int(query.get("since", 0))]
        return found[(page - 1) * 10 : page * 10]

    api.answer = answer
    text = settings(f"{api.url}/orders?since=:since", 'cursor = "n"\npaging = { page = "page" }')
    with network_of(text) as live:
        dead.append(6)
        loaded = live.load("api")
        assert f"{api.url}/orders cannot be reached" in loaded.error
        assert not loaded.permanent
        assert tally(loaded) == (50, 50, 0)
        assert live.ask("SELECT count(*) FROM cursors") == [(0,)]
        dead.clear()
        assert well(live.load("api")) == (100, 50, 50)
        assert live.ask("SELECT value FROM cursors") == [('"99"',)]
        assert well(live.load("api")) == (1, 0, 1)
        assert len(stored(live)) == 100


def test_pages_are_committed_as_they_come(network_of, api, monkeypatch):
    monkeypatch.setattr(http, "CHUNK_ROWS", 10)
    monkeypatch.setattr("data.loaders.BATCH_ROWS", 10)
    more = 'cursor = "n"\n' + by_number(api)
    with network_of(settings(f"{api.url}/orders?since=:since", more)) as live:
        assert well(live.load("api")) == (25, 25, 0)
        assert live.ask('SELECT "read" FROM batches ORDER BY batch') == [(10,), (10,), (5,)]
        assert live.ask("SELECT batch, value FROM cursors") == [(3, '"24"')]


def test_a_changed_mapping_reads_anew_and_the_old_rows_count_until_it_is_complete(network_of, api):
    api.answer = numbered(RECORDS, 10)
    more = 'cursor = "n"\npaging = { page = "page" }'
    with network_of(settings(f"{api.url}/orders?since=:since", more)) as live:
        assert well(live.load("api")) == (25, 25, 0)
        changed = settings(f"{api.url}/orders?since=:since", more, 'order_id = "id"\npartner = "id"')
        live.under(changed)
        api.answer = lambda _, query, __: numbered(RECORDS, 10)(_, query, __) if query["page"] != "3" else None
        assert "cannot be reached" in live.load("api").error
        assert stored(live) == ALL
        api.answer = numbered(RECORDS, 10)
        assert well(live.load("api")) == (25, 5, 20)
        assert stored(live) == {key: key for key in ALL}


def test_another_token_or_page_size_is_no_other_mapping(network_of, api):
    api.answer = numbered(RECORDS, 10)
    first, second = (
        settings(f"{api.url}/orders", f'headers = {{ X-Key = "{key}" }}\npaging = {{ page = "page"{more} }}')
        for key, more in (("a", ""), ("b", ", first = 1"))
    )
    with network_of(first) as live:
        live.load("api")
        live.under(second)
        assert well(live.load("api")) == (25, 0, 25)
        assert live.ask("SELECT max(generation) FROM generations") == [(1,)]


def test_odd_records_are_quarantined_and_every_row_is_accounted_for(network_of, api):
    api.answer = lambda *_: [record(1), 5, None, [record(2)], {"at": "2026-01-01"}, {"id": "o3", "at": "soon"}]
    with network_of(settings(f"{api.url}/orders")) as live:
        loaded = live.load("api")
        assert (loaded.error, loaded.tally.read, loaded.tally.stored, loaded.tally.quarantined) == (None, 6, 1, 5)
        assert [(file, place) for file, place, *_ in live.quarantined()] == [("api", n) for n in (2, 3, 4, 5, 6)]
        assert live.quarantined()[0][2:] == ("is not a JSON object", "5")


def test_an_api_that_changes_its_shape_is_told_and_nothing_moves(network_of, api):
    rows = [record(n) for n in range(3)]
    api.answer = lambda *_: {"items": rows}
    more = 'records = "items"\ncursor = "n"'
    with network_of(settings(f"{api.url}/orders?since=:since", more)) as live:
        assert well(live.load("api")) == (3, 3, 0)
        api.answer = lambda *_: {"orders": rows, "error": "moved"}
        wanted = 'the page has nothing at "items", where its list should be; it has a list at orders; correct records'
        assert live.load("api").error == f"source api: {wanted}"
        renamed = [record(n) for n in range(3, 6)]
        for row in renamed:
            row["number"] = row.pop("n")
        api.answer = lambda *_: {"items": renamed}
        assert 'no record has "n", which is the cursor; name one of id, shop.name, at, number' in live.load("api").error
        assert live.ask("SELECT value FROM cursors") == [('"2"',)]
        api.answer = lambda *_: {"items": None}  # how some say that there is nothing
        assert well(live.load("api")) == (0, 0, 0)


def fails(network_of, url, more=""):
    with network_of(settings(url, more)) as live:
        loaded = live.load("api")
        assert tally(loaded) in {(0, 0, 0), (25, 25, 0)}
        return loaded.error.removeprefix("source api: ")


@pytest.mark.parametrize(
    ("answer", "more", "expected"),
    [
        ((401, {}, b""), "", 'wants to know who asks (401); set headers = { Authorization = "Bearer ${NAME}" }'),
        ((401, {}, b""), 'headers = { Authorization = "Bearer s3cret" }', "does not accept the header Authorization (401)"),
        ((403, {}, b""), 'headers = { X-Api-Key = "s3cret", X-Other = "1" }', "not allow this to the header X-Api-Key (403)"),
        ((404, {}, b""), "", "there is nothing at URL (404); correct url or paging"),
        ((400, {}, b"no s3cret here"), 'headers = { A = "s3cret" }', "refuses the request (400): no *** here; correct url"),
        ((500, {}, b""), "", "cannot answer now (500); it is tried again"),
        ((302, {}, b""), "", "answers 302 without saying where to go; correct url"),
        ((302, {"Location": "/orders"}, b""), "", "redirects more than 5 times; correct url"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "", "which is no web address"),
        (b"<html>Log in</html>", "", 'not JSON (Expecting value in line 1, column 1, which starts with "<html>Log in</html>")'),
        (b'[{"id": 1}, {"id"', "", "is not JSON"),
        (b"[" * 100_000, "", "is nested too deeply"),
        (b'[{"id": "\xff"}]', "", "holds the byte 0xff, which is not utf-8; name its own charset in Content-Type"),
        ((200, {"Content-Type": "application/json; charset=klingon"}, b"[]"), "", '"klingon", which is no known encoding'),
        ((200, {"Content-Encoding": "gzip"}, b"no gzip"), "", "sends a damaged page"),
        ((200, {"Content-Length": "99", "Connection": "close"}, b"[]"), "", "cannot be reached"),
        ({"data": {"rows": RECORDS}}, "", 'no list of records but an object with data; name its list, e.g. records = "data.rows"'),
        ({"data": {}}, 'records = "data"', 'the page has an empty object at "data"'),
        (RECORDS, 'records = "data"', "the page is the list of records itself; remove records"),
        (b"5", "", "the page is no list of records but a single value"),
        (RECORDS, 'paging = { page = "page" }', "URL gives the same page again, so its pages would never end; correct paging"),
        ({"r": RECORDS, "next": "/orders"}, 'records = "r"\npaging = { next = "next" }', "the same page again"),
        ({"r": RECORDS, "next": "http://a:b/"}, 'records = "r"\npaging = { next = "next" }', "is no web address"),
        (RECORDS, 'cursor = "changed"', 'no record has "changed", which is the cursor'),
    ],
)  # fmt: skip
def test_every_failure_is_a_sentence_with_its_mend(network_of, api, answer, more, expected):
    api.answer = lambda *_: answer
    said = fails(network_of, f"{api.url}/orders", more)
    assert expected in said.replace(f"{api.url}/orders", "URL")
    assert "s3cret" not in said
    assert "\n" not in said


def test_a_server_that_is_not_there_is_told(network_of, api):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "cannot be reached (" in fails(network_of, f"http://me:s3cret@127.0.0.1:{port}/orders")


def test_a_page_without_end_is_cut_off(network_of, api, monkeypatch):
    monkeypatch.setattr(http.Fetcher._body, "__defaults__", (1 << 20,))
    packed = gzip.compress(b"[" + b" " * (50 << 20) + b"]")
    api.answer = lambda *_: (200, {"Content-Encoding": "gzip"}, packed)
    assert "is a page of more than 1 MB; ask for fewer rows at a time with paging" in fails(network_of, api.url)


def test_headers_go_to_their_own_host_only(network_of, api):
    with Api() as other:
        other.answer = lambda *_: {"r": RECORDS, "next": f"{other.url.replace('127.0.0.1', 'localhost')}/more"}
        api.answer = lambda path, *_: (302, {"Location": f"{other.url}/orders"}, b"") if path == "/orders" else []
        text = settings(
            f"{api.url.replace('//', '//me:s3cret@')}/orders",
            'headers = { X-Key = "s3cret" }\nrecords = "r"\npaging = { next = "next" }',
        )
        with network_of(text) as live:
            live.load("api")
    assert [(seen["X-Key"], seen["Authorization"]) for seen in api.headers] == [("s3cret", "Basic bWU6czNjcmV0")]
    assert len(other.headers) >= 2
    assert "s3cret" not in str(other.headers)
    assert not any("Authorization" in seen for seen in other.headers)


def test_a_redirect_within_the_host_keeps_the_headers(network_of, api):
    api.answer = lambda path, *_: (308, {"Location": "orders/v2"}, b"") if path == "/orders" else RECORDS
    with network_of(settings(f"{api.url}/orders", 'headers = { X-Key = "s3cret" }')) as live:
        assert well(live.load("api")) == (25, 25, 0)
    assert [seen["X-Key"] for seen in api.headers] == ["s3cret"] * 2
    assert api.seen == ["/orders", "/orders/v2"]


def test_certificates_are_verified(network_of, api, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with Api(context) as secure:
        secure.answer = lambda *_: RECORDS
        assert "certificate of https://127.0.0.1" in (said := fails(network_of, f"{secure.url}/orders"))
        assert "SSL_CERT_FILE" in said
        assert secure.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        with network_of(settings(f"{secure.url}/orders")) as live:
            assert well(live.load("api")) == (25, 25, 0)


def test_an_endless_feed_ends_where_it_names_itself(network_of, api):
    def answer(path, *_):
        return (200, {"Link": '</end>; rel="next"'}, RECORDS if path == "/orders" else [])

    api.answer = answer
    with network_of(settings(f"{api.url}/orders", 'paging = { link = "next" }')) as live:
        assert well(live.load("api")) == (25, 25, 0)
    assert api.seen == ["/orders", "/end"]


def test_a_pull_ends_when_the_product_stops(network_of, api):
    def answer(_, query, __):
        loader.stopping.set()
        return numbered(RECORDS, 10)(_, query, __)

    api.answer = answer
    with network_of(settings(f"{api.url}/orders", 'paging = { page = "page" }')) as live:
        loader = live.session.loader()
        loaded = loader.load(live.session.source("api"))
        assert "ended because Painpoint stops" in loaded.error
        assert not loaded.permanent
        assert len(api.seen) == 1


def test_check_looks_at_the_first_page(tmp_path, api):
    path = tmp_path / "settings.toml"
    place = f'{path}: [[source]] "api", key'
    api.answer = lambda *_: RECORDS
    path.write_text(settings(f"{api.url}/orders?since=:since", 'cursor = "n"'))
    assert check_file(path, {}) == []
    path.write_text(settings(f"{api.url}/orders?since=:since", 'cursor = "nn"'))
    (said,) = check_file(path, {})
    assert said.startswith(f'{place} cursor: the source has no column "nn"; ')
    api.answer = lambda *_: (401, {}, b"")
    (said,) = check_file(path, {})
    assert said.startswith(f"{place} headers: {api.url}/orders wants to know who asks (401)")
    api.answer = lambda *_: {"a": []}
    assert check_file(path, {})[0].startswith(f"{place} records: the page is no list of records")
    api.answer = lambda *_: []
    assert check_file(path, {}) == []


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.b", 1), ("@odata.next", 2), ("c.d.e", 3), ("a.b.c", None), ("a.x", None), ("x", None), ("@odata", None)],
)
def test_paths_may_hold_keys_with_dots(path, found):
    document = {"a": {"b": 1}, "@odata.next": 2, "c.d": {"e": 3}}
    assert at_path(document, path) is (http._NOTHING if found is None else found)
