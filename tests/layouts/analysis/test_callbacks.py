from __future__ import annotations

import inspect
import threading
import time

import httpx
import pytest
from list_inquiry import ListInquiry, board_json, books, rejected
from serving import served

from layouts.analysis import frame, grid, replay


@pytest.fixture(scope="module")
def running():
    with served() as made:
        yield made


def test_no_callback_is_synchronous(running):
    httpx.get(f"{running.url}/sources")
    found = {name: each for name, each in running.app.state.dash.callback_map.items() if "callback" in each}
    assert len(found) >= 5
    for name, each in found.items():
        assert inspect.iscoroutinefunction(inspect.unwrap(each["callback"])), name


@pytest.mark.parametrize(
    "path",
    ["/partners", "/kpis", "/map", "/sources", "/search", "/sources?source=parcels", "/search?q=%3Cb%3E", "/partner/A%2FB%20%C3%BC",
     "/kpi/late_repairs?partner=A", "/order/R-1", "/order/R%2F09%20%C3%BC", "/order/%E4%BF%AE%E7%90%86", "/order/a?" + "x=1&" * 90],
)  # fmt: skip
def test_every_address_gives_the_shell(running, path):
    answer = httpx.get(running.url + path)
    assert answer.status_code == 200
    assert "_dash-config" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/partner", "/sourcesx", "/sources/x", "/orders/1", "/order/", "/order", "/_dash-nothing", "/export"],
)
def test_unknown_addresses_are_not_there(running, path):
    assert httpx.get(running.url + path, follow_redirects=True).status_code == 404


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_shell_is_in_the_readers_language(running, language):
    page = httpx.get(
        f"{running.url}/sources", headers={"Cookie": f"painpoint_language={language}; painpoint_theme=light"}
    ).text
    assert f'<html lang="{language}" data-mantine-color-scheme="light">' in page


def call(running, output, inputs, state=(), **headers):
    """Call a callback as Dash's renderer does: inputs and state are triples (id, property, value)."""
    ids = [{"id": id_, "property": name, "value": value} for id_, name, value in (*inputs, *state)]
    parts = output.strip(".").split("...")
    outputs = [dict(zip(("id", "property"), each.rsplit(".", 1), strict=True)) for each in parts]
    body = {
        "output": output,
        "outputs": outputs if output.startswith("..") else outputs[0],
        "inputs": ids[: len(inputs)],
        "state": ids[len(inputs) :],
        "changedPropIds": [f"{inputs[0][0]}.{inputs[0][1]}"],
    }
    return httpx.post(f"{running.url}/_dash-update-component", json=body, headers=headers, timeout=20)


def draw(running, path, search="", **headers):
    output = f"..{frame.CONTENT}.children...{frame.TITLE}.data.."
    named = next(each for each in running.app.state.dash.callback_map if each.startswith(f"..{frame.CONTENT}."))
    place = [(frame.LOCATION, "pathname", path), (frame.LOCATION, "search", search)]
    return call(running, named if named != output else output, place, **headers)


@pytest.mark.parametrize(
    ("path", "search", "text"),
    [
        ("/order/R-1001", "", "Order R-1001"),
        ("/order/R%2F0900%20%C3%BC", "", "Order R/0900 ü"),
        ("/order/nope", "", "Nothing is here"),
        ("/sources", "", "Quarantine: 2 rows"),
        ("/sources", "?source=nope", "No source is called nope"),
        ("/search", "?q=R", "Search: R"),
    ],
)
def test_pages_are_drawn_in_threads(running, path, search, text):
    answer = draw(running, path, search)
    assert answer.status_code == 200
    assert text in answer.json()["response"][frame.CONTENT]["children"].__str__()
    assert running.thread.name not in running.inquiry.threads


def test_while_one_types(running):
    answer = call(running, f"{frame.FIND}.data", [(frame.TYPED, "data", "R-10")], [(frame.LOCATION, "search", "")])
    assert answer.json()["response"][frame.FIND]["data"][0]["group"] == "Orders"


def rows_of(running, request, path="/sources", search="?source=parcels"):
    place = [(frame.LOCATION, "pathname", path), (frame.LOCATION, "search", search), (frame.SHOWN, "data", 17)]
    named = next(each for each in running.app.state.dash.callback_map if each.startswith(f"..{grid.ROWS}."))
    answer = call(running, named, [(grid.ROWS, "getRowsRequest", request)], place)
    assert answer.status_code == 200
    told = answer.json()["response"]
    return told[grid.ROWS]["getRowsResponse"]["rowCount"], told[grid.NOTE]["children"]


def test_a_table_asks_for_its_rows(running):
    assert rows_of(running, {"startRow": 0, "endRow": 100, "sortModel": [], "filterModel": {}}) == (2, "")


@pytest.mark.parametrize(
    "request_",
    [{"sortModel": [{}]}, [1], {"filterModel": {"a": {"filterType": "date", "type": "equals"}}}, {"startRow": "x"}],
)
def test_a_table_that_cannot_be_filled_says_so(running, request_):
    count, note = rows_of(running, request_)
    assert count == 0
    assert note


def test_a_page_whose_store_fails_says_so_instead_of_failing(running, monkeypatch):
    def broken(_):
        raise OSError("database is locked")

    monkeypatch.setattr(running.inquiry, "board", broken)
    answer = draw(running, "/kpis", "")
    assert answer.status_code == 200
    assert "This page could not be drawn" in str(answer.json()["response"][frame.CONTENT]["children"])


def again(running, search="?source=parcels", clicks=1, **headers):
    place = [(frame.LOCATION, "pathname", "/sources"), (frame.LOCATION, "search", search)]
    headers = headers or {"Sec-Fetch-Site": "same-origin"}
    return call(running, f"{replay.SAID}.children", [(replay.BUTTON, "n_clicks", clicks)], place, **headers)


def test_rejected_rows_are_tried_again(running):
    running.inquiry.done.clear()
    assert "Tried again: 2 = 1 stored" in again(running).text
    assert running.inquiry.done == [("replay", "parcels")]


def test_drawing_the_button_tries_nothing(running):
    running.inquiry.done.clear()
    again(running, clicks=None)
    assert running.inquiry.done == []


def test_another_sites_page_cannot_try_again(running):
    running.inquiry.done.clear()
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}):
        assert "nothing was done" in again(running, **headers).text
    assert running.inquiry.done == []


def test_without_a_source_nothing_is_tried(running):
    running.inquiry.done.clear()
    assert "Choose a source" in again(running, "").text
    assert running.inquiry.done == []


def test_what_fails_is_said(running):
    for failure, text in (({"read": 0, "error": "no such file"}, "no such file"), (OSError("secret"), "as before")):
        running.inquiry.replays["parcels"] = failure
        answer = again(running)
        assert text in answer.text
        assert "secret" not in answer.text
    del running.inquiry.replays["parcels"]


def test_a_second_click_waits_for_nothing_and_streams_go_on():
    inquiry = ListInquiry(board_json(), sources=books(), rejected=[rejected()])
    begun, end = threading.Event(), threading.Event()

    def slow():
        begun.set()
        end.wait(10)
        return {"read": 1, "stored": 1, "error": None}

    inquiry.replays["parcels"] = slow
    with served(inquiry) as running:
        first = threading.Thread(target=again, args=(running,))
        first.start()
        assert begun.wait(10)
        start = time.monotonic()
        assert "are being tried again already" in again(running).text
        assert httpx.get(f"{running.url}/healthz").status_code == 200
        assert time.monotonic() - start < 5
        end.set()
        first.join(10)
    assert inquiry.done == [("replay", "parcels")]
