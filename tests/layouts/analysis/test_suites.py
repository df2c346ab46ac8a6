from __future__ import annotations

import gzip
import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from serving import served

from layouts.analysis.suites import FOR_EVER, Packed


@pytest.fixture(scope="module")
def running():
    with served() as made:
        yield made


@pytest.fixture(scope="module")
def scripts(running):
    page = httpx.get(f"{running.url}/sources").text
    return re.findall(r'(?:src|href)="(/(?:_dash-component-suites|assets)/[^"]+)"', page)


def raw(url, encoding):
    """Give the headers and the bytes as they come over the wire."""
    with httpx.stream("GET", url, headers={"Accept-Encoding": encoding}) as answer:
        return answer, b"".join(answer.iter_raw())


def test_the_page_loads_our_own_scripts_at_the_first_visit(scripts):
    assert any("/assets/analysis.js" in each for each in scripts)
    assert any("/assets/analysis.css" in each for each in scripts)


def test_every_script_is_packed_and_kept_for_ever(running, scripts):
    for path in scripts:
        plain, content = raw(running.url + path, "identity")
        packed, body = raw(running.url + path, "gzip")
        assert plain.status_code == packed.status_code == 200, path
        assert "content-encoding" not in plain.headers
        assert packed.headers.get("content-encoding") == ("gzip" if len(content) >= 500 else None), path
        assert (gzip.decompress(body) if len(content) >= 500 else body) == content, path
        assert packed.headers["cache-control"] == FOR_EVER, path
        assert packed.headers["content-type"] == plain.headers["content-type"]
        assert packed.headers["vary"] == "Accept-Encoding"
        assert packed.headers["x-content-type-options"] == "nosniff"


def test_the_second_time_costs_nothing(running, scripts):
    large = next(each for each in scripts if "dash_ag_grid" in each or "dash_mantine" in each)
    raw(running.url + large, "gzip")
    start = time.monotonic()
    for _ in range(5):
        raw(running.url + large, "gzip")
    assert time.monotonic() - start < 1.5


def test_without_a_fingerprint_it_is_asked_again(running, scripts):
    path = next(each for each in scripts if "dash_renderer" in each)
    bare = re.sub(r"\.v[\w]+m\d+", "", path)
    answer = httpx.get(running.url + bare)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    again = httpx.get(running.url + bare, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_our_own_without_a_digest_are_asked_again(running):
    answer = httpx.get(f"{running.url}/assets/analysis.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "path",
    [
        "/_dash-component-suites/dash/nothing.js",
        "/_dash-component-suites/os/path.py",
        "/_dash-component-suites/dash/dash.py",
        "/_dash-component-suites/nothing/a.js",
        "/assets/nothing.js",
        "/assets/..%2Fweb.py",
        "/assets/../web.py",
        "/assets/.hidden",
        "/assets/",
    ],
)
def test_nothing_else_is_given_away(running, path):
    answer = httpx.get(running.url + path)
    assert answer.status_code == 404
    assert "import" not in answer.text


def test_many_at_once_get_the_same(running, scripts):
    with ThreadPoolExecutor(6) as pool:
        bodies = list(pool.map(lambda path: raw(running.url + path, "gzip")[1], [scripts[-1]] * 12))
    assert len(set(bodies)) == 1


def test_what_does_not_shrink_stays_as_it_is():
    assert Packed.of(b"short", "text/plain").packed is None
    assert Packed.of(gzip.compress(bytes(range(256)) * 40, mtime=0), "x/y").packed is None
    assert Packed.of(b"a" * 1000, "text/plain").packed is not None


def test_other_answers_are_packed_as_before(running):
    assert (
        httpx.get(f"{running.url}/sources", headers={"Accept-Encoding": "gzip"}).headers["content-encoding"] == "gzip"
    )
