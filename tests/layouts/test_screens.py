"""Pairing, signs of life and closed walls, as browsers speak HTTP."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from list_desk import ListDesk
from list_screens import ListScreens
from test_web import events
from wall_boards import NOW, few, hostile
from wall_served import Served, until

from layouts import roster
from layouts.limiter import Limiter
from layouts.screens import CODE_LENGTH, LETTERS, TOKEN, hashed, new_code, read_pairing_code
from layouts.showing import Showing

OWN = {"Sec-Fetch-Site": "same-origin"}
FORM = {"name": "Lobby, Berlin", "by": "region", "theme": "light", "seconds": "", "quiet": "22:00-7:00", "sound": "1"}


@pytest.fixture
def house(monkeypatch):
    monkeypatch.setattr(roster, "FRESH", 0.0)
    monkeypatch.setattr(roster, "FLUSH", 0.0)
    with Served(desk=ListDesk(), screens=ListScreens()) as running:
        running.feed.publish(few())
        yield running


@pytest.fixture
def closed(monkeypatch):
    monkeypatch.setattr(roster, "FRESH", 0.0)
    with Served(desk=ListDesk(), screens=ListScreens(), walls="paired") as running:
        running.feed.publish(few())
        yield running


OPEN = []


@pytest.fixture(autouse=True)
def switched_off():
    yield
    while OPEN:
        OPEN.pop().close()


def browse(served, **more):
    OPEN.append(httpx.Client(base_url=served.url, **more))
    return OPEN[-1]


def television(served):
    """Ask for a code as a television does."""
    browser = browse(served, headers=OWN)
    told = browser.post("/api/screen/pairing").json()
    return browser, told["code"]


def post(served, **form):
    return httpx.post(f"{served.url}/screens", data=form, headers=OWN)


def paired(served, **form):
    browser, code = television(served)
    assert post(served, verb="pair", code=code, **(FORM | form)).status_code == 303
    return browser


def page(served):
    return httpx.get(f"{served.url}/screens").text


def test_codes_have_no_letters_that_are_taken_for_others():
    assert not set("B8S5Z2I1LO0") & set(LETTERS)
    assert {len(new_code()) for _ in range(50)} == {CODE_LENGTH}
    assert read_pairing_code(" ac9-m7x ") == "AC9M7X"


def test_a_television_is_paired_with_its_code_and_told_what_to_show(house):
    tv, code = television(house)
    assert tv.get("/api/screen/pairing").json() == {"state": "waiting"}
    answer = post(house, verb="pair", code=code.lower(), **FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/screens")
    assert tv.get("/api/screen/pairing").json() == {"state": "paired"}
    wall = tv.get("/")
    assert '"state":"paired","name":"Lobby, Berlin"' in wall.text
    assert '"quiet":"22:00-07:00"' in wall.text
    assert tv.get("/screen").headers["location"] == "/"


def test_the_token_is_kept_as_a_hash_and_out_of_reach_of_scripts(house):
    tv, _ = television(house)
    answer = paired(house).post("/api/screen/beat", json={"version": 17})
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said and "samesite=lax" in said and "max-age=34560000" in said
    token = answer.cookies[TOKEN]
    kept = house.app.state.screens.kept[0]
    assert kept["token"] == hashed(token)
    assert token not in repr(kept)
    assert tv.cookies[TOKEN] != token


def test_signs_of_life_are_listed_and_silence_is_a_sentence(house):
    tv = paired(house)
    assert "nothing heard yet" in page(house)
    assert (
        tv.post("/api/screen/beat", json={"version": 15, "feed": "late", "size": "1920x1080"}).json()["state"]
        == "paired"
    )
    text = page(house)
    assert "alive, heard 0 s ago" in text
    assert "board 15, 2 behind" in text
    assert "a source is late" in text
    assert "rotates by region every 20 s, light, sound, but not 22:00-07:00" in text
    house.later(hours=3)
    text = page(house)
    assert "dead for 3 h" in text
    assert "Lobby, Berlin is dead: nothing has been heard of it for 3 h, since Tue 24 Nov 14:03 CET." in text
    metrics = httpx.get(f"{house.url}/metrics").text.splitlines()
    assert {"painpoint_screens 1", "painpoint_screens_dead 1"} <= set(metrics)


def test_a_screen_that_never_spoke_is_dead_too(house):
    paired(house)
    house.later(minutes=4)
    assert "nothing has been heard of it since it was paired" in page(house)


def test_a_screen_is_changed_and_told_so(house):
    tv = paired(house)
    assert (
        post(house, verb="change", number="1", **(FORM | {"name": "Hall", "by": "", "theme": "dark"})).status_code
        == 303
    )
    told = tv.post("/api/screen/beat", json={}).json()
    assert (told["name"], told["showing"]["theme"], told["showing"]["by"]) == ("Hall", "dark", "")


def test_a_right_that_was_taken_away_is_over(house):
    tv = paired(house)
    assert post(house, verb="revoke", number="1").status_code == 303
    answer = tv.post("/api/screen/beat", json={})
    assert (answer.status_code, answer.json()) == (401, {"state": "revoked"})
    assert '"screen":{"state":"revoked"}' in tv.get("/").text
    assert "No longer paired" in page(house)
    assert post(house, verb="revoke", number="1").status_code == 409
    fresh = tv.post("/api/screen/pairing").json()["code"]
    assert post(house, verb="pair", code=fresh, **FORM).status_code == 303
    assert '"state":"paired"' in tv.get("/").text


def test_a_browser_that_only_asked_for_a_code_sees_the_open_wall(house):
    tv, _ = television(house)
    assert '"screen":{"state":"free"}' in tv.get("/").text


def test_codes_expire(house):
    tv, code = television(house)
    house.later(minutes=10)
    assert tv.get("/api/screen/pairing").json() == {"state": "expired"}
    answer = post(house, verb="pair", code=code, **FORM)
    assert answer.status_code == 400
    assert f"No screen shows the code {code} now" in answer.text
    assert 'value="Lobby, Berlin"' in answer.text, "what was typed is lost"


def test_codes_are_not_to_be_guessed(house):
    answers = [post(house, verb="pair", code="AAAAAA", **FORM).status_code for _ in range(22)]
    assert answers == [400] * 20 + [429] * 2
    _, code = television(house)
    assert post(house, verb="pair", code=code, **FORM).status_code == 429


def test_wrong_codes_of_one_address_keep_nobody_else_from_pairing(house):
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(transport=elsewhere, base_url=house.url, headers=OWN) as guesser:
        answers = [
            guesser.post("/screens", data=FORM | {"verb": "pair", "code": "AAAAAA"}).status_code for _ in range(21)
        ]
    assert answers == [400] * 20 + [429]
    paired(house)


def test_codes_are_not_asked_for_without_end(house):
    with httpx.Client(base_url=house.url, headers=OWN) as browser:
        answers = [browser.post("/api/screen/pairing").status_code for _ in range(122)]
    assert answers[:120] == [200] * 120
    assert answers[120:] == [429] * 2


def test_beats_are_bounded(house):
    tv = paired(house)
    assert tv.post("/api/screen/beat", content=b"x" * 2000).status_code == 400
    assert tv.post("/api/screen/beat", content=b"[1]").status_code == 400
    answers = [
        tv.post("/api/screen/beat", json={"version": 10**12, "feed": "<b>", "size": 7}).status_code for _ in range(5)
    ]
    assert answers == [200] * 4 + [429]
    kept = house.app.state.screens.kept[0]
    assert (kept["version"], kept["feed"], kept["size"]) == (None, None, None)
    assert httpx.post(f"{house.url}/api/screen/beat", json={}).status_code == 401


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}])
def test_no_other_site_pairs_or_asks(house, headers):
    for path in ("/screens", "/api/screen/pairing"):
        assert httpx.post(f"{house.url}{path}", data=FORM, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": " "}, "Give the screen a name"),
        ({"seconds": "2"}, "from 5 to 3600"),
        ({"seconds": "²"}, "from 5 to 3600"),
        ({"quiet": "late"}, "Write quiet hours like 22:00-07:00"),
        ({"quiet": "07:00-07:00"}, "Write quiet hours like 22:00-07:00"),
        ({"by": "", "area": "EMEA"}, "Say what kind of area it is"),
        ({"verb": "explode"}, "something that is not known here"),
    ],
)
def test_what_cannot_be_is_said(house, wrong, sentence):
    _, code = television(house)
    answer = post(house, **({"verb": "pair", "code": code} | FORM | wrong))
    assert answer.status_code == 400
    assert sentence in answer.text


def test_hostile_names_are_text(house):
    house.feed.publish(hostile())
    paired(house, name='<script>alert("1")</script>')
    assert "<script>" not in page(house)
    assert "&lt;script&gt;" in page(house)


def test_a_store_that_is_away_turns_no_television_off(house):
    tv = paired(house)
    assert tv.post("/api/screen/beat", json={}).status_code == 200
    house.app.state.screens.broken = True
    assert tv.post("/api/screen/beat", json={}).status_code == 200
    assert httpx.get(f"{house.url}/screens").status_code == 503
    assert "painpoint_viewers" in httpx.get(f"{house.url}/metrics").text


@pytest.mark.parametrize("walls", ["open", "paired"])
def test_a_screen_is_not_revoked_because_the_store_is_away_after_a_restart(monkeypatch, walls):
    monkeypatch.setattr(roster, "FRESH", 0.0)
    screens = ListScreens()
    with Served(desk=ListDesk(), screens=screens, walls=walls) as before:
        cookies = paired(before).cookies
    screens.broken = True
    with Served(desk=ListDesk(), screens=screens, walls=walls) as after:
        after.feed.publish(few())
        tv = browse(after, cookies=cookies)
        assert tv.post("/api/screen/beat", json={}).status_code == 503
        assert httpx.post(f"{after.url}/api/screen/beat", json={}).status_code == 401
        if walls == "paired":
            assert (tv.get("/api/board/wall").status_code, tv.get("/").status_code) == (503, 503)
            assert tv.get("/").headers["refresh"] == "10", "a television stays on the page that says so"
            assert httpx.get(f"{after.url}/api/board/wall").status_code == 401
        screens.broken = False
        assert tv.post("/api/screen/beat", json={}).json()["state"] == "paired"
        assert tv.get("/api/board/wall").status_code == 200
        screens.broken = True
        assert tv.post("/api/screen/beat", json={}).status_code == 200


# ---- closed walls ----


@pytest.mark.parametrize(
    "path", ["/api/board", "/api/board?all=1", "/api/board/wall", "/api/board/stream", "/api/board/handled"]
)
def test_a_closed_board_is_for_paired_screens(closed, path):
    answer = httpx.get(closed.url + path)
    assert (answer.status_code, "see /screens" in answer.json()["error"]) == (401, True)
    if "stream" not in path:
        assert paired(closed).get(path).status_code == 200


def test_a_closed_wall_says_how_to_get_in(closed):
    answer = httpx.get(closed.url)
    assert answer.status_code == 401
    assert 'href="/screen"' in answer.text and 'href="/screens"' in answer.text
    assert paired(closed).get("/").status_code == 200
    for path in ("/healthz", "/metrics", "/screen", "/screens"):
        assert httpx.get(closed.url + path).status_code == 200


def test_a_browser_is_let_in(closed):
    answer = post(closed, verb="browser", name="Ada's laptop")
    browser = browse(closed, cookies=answer.cookies)
    assert browser.get("/").status_code == 200
    assert post(closed, verb="revoke", number="1").status_code == 303
    assert browser.get("/api/board").status_code == 401


def test_an_open_stream_ends_with_its_right(closed):
    closed.feed.beat(NOW)
    with paired(closed).stream("GET", "/api/board/stream", timeout=20) as stream:
        lines = stream.iter_lines()
        next(line for line in lines if line.startswith("event: beat"))
        post(closed, verb="revoke", number="1")
        assert sum(line.startswith("event: beat") for line in lines) < 4


def test_pages_hear_the_pulse_of_a_closed_wall_and_nothing_else(closed):
    closed.feed.beat(NOW)
    with httpx.stream("GET", f"{closed.url}/api/pulse", timeout=20) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        (kind, version, told), (beat, _, pulse) = events(stream.iter_lines(), 2)
    assert (kind, version, beat, pulse["engine"]) == ("board", "17", "beat", "live")
    assert told == {"version": 17, "sources": [{"name": each.name, "state": each.state} for each in few().feeds]}


def test_tokens_are_read_from_the_store_seldom():
    with Served(desk=ListDesk(), screens=ListScreens(), walls="paired") as running:
        running.feed.publish(few())
        tv = paired(running)
        until(lambda: tv.get("/api/board").status_code == 200)
        reads = running.app.state.screens.reads
        assert {tv.get("/api/board").status_code for _ in range(50)} == {200}
        assert running.app.state.screens.reads - reads <= 2


def test_what_was_kept_by_another_version_is_read():
    assert Showing.of({"theme": "light", "hologram": True}) == Showing(theme="light")


def test_a_limiter_forgets_in_time_and_keeps_few():
    now = [0.0]
    limiter = Limiter(2, 10, lambda: now[0])
    assert [limiter.take("a") for _ in range(3)] == [True, True, False]
    assert limiter.take("b")
    now[0] = timedelta(seconds=11).total_seconds()
    assert limiter.take("a")
    for n in range(9000):
        limiter.take(str(n))
    assert len(limiter._times) <= 4096


def test_threads_that_ask_a_limiter_at_once_get_no_more_than_their_share():
    def slowly():
        time.sleep(0.002)
        return 0.0

    limiter = Limiter(5, 10, slowly)
    with ThreadPoolExecutor(20) as threads:
        assert sum(threads.map(limiter.take, ["a"] * 40)) == 5
