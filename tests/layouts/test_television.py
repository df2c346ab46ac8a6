"""What a television does for months beside showing figures, in a real browser."""

from __future__ import annotations

import json

import httpx
import pytest
from test_browser import CONTRASTS, OVERFLOWS, OVERLAPS, SMALLEST, TOO_WIDE, show, text
from wall_boards import HOSTILE
from wall_served import Wall, until

from layouts.showing import Showing

OWN = {"Sec-Fetch-Site": "same-origin"}
EAR = """class Ear {
    constructor() { this.state = window.deaf ? "suspended" : "running"; this.currentTime = 0; this.destination = {}; }
    resume() { if (!window.deaf) this.state = "running"; return Promise.resolve(); }
    createOscillator() { return { frequency: {}, connect() {}, start() {}, stop() {} }; }
    createGain() { return { gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} }, connect() {} }; }
}
window.AudioContext = Ear;"""


class Standing(Wall):
    """A wall's server that goes on from test to test."""

    def start(self, board, **more):
        if self.process is None:
            return super().start(board, **more)
        before = self.version()
        self.say("free")
        self.say(f"board {board}")
        until(lambda: self.version() > before)
        return self

    def version(self):
        return httpx.get(f"{self.url}api/board/wall").json()["version"]


@pytest.fixture(scope="module")
def standing():
    made = Standing()
    yield made
    made.kill()


@pytest.fixture
def wall(standing):
    return standing


@pytest.fixture
def mortal():
    made = Wall()
    yield made
    made.kill()


def rung(page):
    return int(page.get_attribute("body", "data-rung") or 0)


def area(page, name, seconds=12):
    page.wait_for_selector(f'body[data-area="{name}"]', timeout=1000 * seconds)


# ---- rank and size, those turning red, who has it ----


def test_the_most_painful_is_the_largest_where_it_hurts_far_more(page, wall):
    show(page, wall, "outweighed")
    size = "(nodes) => nodes.map((node) => [node.offsetWidth, node.offsetHeight, parseFloat(getComputedStyle(node.querySelector('b')).fontSize)])"
    sizes = page.eval_on_selector_all(".tile", size)
    areas = [wide * high for wide, high, _ in sizes]
    assert areas[0] > 1.6 * areas[1] > 1.6 * areas[2]
    assert sizes[0][2] > sizes[1][2] > sizes[2][2]
    wall.say("board few")
    page.wait_for_selector(".tile.amber")
    first, second = page.eval_on_selector_all(".tile", size)[:2]
    assert first[0] == pytest.approx(second[0], abs=3), "64 customers hurt are not far more than 48"


def test_those_turning_red_stand_beside_red_with_their_day(page, wall):
    show(page, wall, "regions")
    lane = page.locator(".lane").bounding_box()
    reds = page.locator(".tile.red").all()
    assert all(red.bounding_box()["x"] + red.bounding_box()["width"] <= lane["x"] for red in reds)
    assert page.locator(".lane .tile.turning").count() == 3
    assert text(page, ".lane > .head") == "Turning red · 3"
    assert "red by Thursday, 71 %" in text(page, ".lane .tile >> nth=0")
    assert page.locator(".lane .spark .band").count() == 3
    wall.say("board turning")
    page.wait_for_selector("#counts:has-text('283 judged')")
    assert page.locator(".lane").count() == 0
    assert page.locator(".tile.turning .due").count() == 3


def test_who_has_acknowledged_it_stands_on_the_tile(page, wall):
    show(page, wall, "few")
    assert page.locator(".handled").count() == 0
    wall.say(f"taken {HOSTILE}")
    page.wait_for_selector(".tile >> nth=0 >> .handled", timeout=15_000)
    assert text(page, ".handled") == f"{HOSTILE} 2 h"
    assert page.locator("img").count() == 0
    assert page.get_attribute(".handled", "title") == f"Acknowledged by {HOSTILE}, 2 h ago"


def test_a_wall_that_polls_hears_of_acknowledgements_too(page, wall):
    page.add_init_script("delete window.EventSource")
    show(page, wall, "few")
    wall.say("taken Bo Ek")
    page.wait_for_selector(".handled:has-text('Bo Ek')", timeout=20_000)


# ---- codes ----


def test_every_tile_has_its_code_and_the_large_ones_one_to_scan(page, wall):
    show(page, wall, "few")
    codes = page.eval_on_selector_all(".tile .code", "(nodes) => nodes.map((node) => node.textContent)")
    assert len(set(codes)) == 9
    assert page.locator(".tile .qr").count() == 4
    for tile, code in enumerate(codes):
        target = httpx.get(f"{wall.url}t/{code}").headers["location"]
        assert target == page.get_attribute(f".tile >> nth={tile} >> .cover", "href")
    side = page.locator(".qr").first.bounding_box()["width"]
    assert side > 0.1 * 1080, "too small to be scanned from where one stands"


# ---- the tour ----


def test_a_tour_names_where_it_is_and_returns_to_the_whole_in_between(page, wall):
    show(page, wall, "regions", "?rotate=region&seconds=2")
    assert text(page, "#area") == "Whole network"
    whole = page.locator(".tile").count()
    seen = []
    for name in ("APAC", "Africa", "Americas"):
        area(page, name)
        seen.append(text(page, "#area"))
        assert text(page, "#counts").split(" · ")[0].endswith(f"judged of {name}")
        assert page.locator(".tile").count() < whole
        area(page, "")
    assert seen == ["APAC 1 of 4", "Africa 2 of 4", "Americas 3 of 4"]
    assert page.locator(".tile").count() == whole


def test_a_tour_is_held_and_moved_by_keys(page, wall):
    show(page, wall, "regions", "?rotate=region&seconds=3600")
    for key, name in (
        ("ArrowRight", "APAC"),
        ("ArrowRight", ""),
        ("ArrowRight", "Africa"),
        ("ArrowLeft", ""),
        ("ArrowLeft", "APAC"),
    ):
        page.keyboard.press(key)
        area(page, name, 2)
    page.keyboard.press("Space")
    assert "held" in text(page, "#area")
    page.keyboard.press("Space")
    assert "held" not in text(page, "#area")
    wall.say("board all_green")
    page.wait_for_selector("#statement.green")
    assert page.get_attribute("body", "data-area") == ""
    page.keyboard.press("ArrowRight")
    assert "all green" in text(page, "#statement")


def test_a_takeover_holds_the_tour(page, mortal):
    mortal.start("regions", engine_timeout=3.0)
    page.goto(f"{mortal.url}?rotate=region&seconds=3600")
    page.wait_for_selector('body[data-feed="live"]')
    page.keyboard.press("ArrowRight")
    area(page, "APAC")
    mortal.say("still")
    page.wait_for_selector("#takeover:visible", timeout=12_000)
    assert page.get_attribute("body", "data-area") == "APAC"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Nordics", "Nordics: 5 of 5 judged, all green, oldest feed 5 h old"),
        ("Atlantis", "Nothing was judged of Atlantis"),
    ],
)
def test_a_screen_may_stay_in_one_area(page, wall, name, said):
    show(page, wall, "regions", f"?region={name}")
    assert text(page, "#statement") == said
    assert text(page, "#area") == name
    assert text(page, "#counts").startswith(f"{5 if name == 'Nordics' else 0} judged of {name}")


def test_a_board_that_is_cut_otherwise_is_shown_whole(page, wall):
    page.route("**/api/board/**", lambda route: route.continue_(url=route.request.url.replace("by=region", "by=")))
    show(page, wall, "regions", "?region=EMEA")
    page.wait_for_selector(".tile.red")
    assert (text(page, "#area"), page.get_attribute("body", "data-area")) == ("", "")
    assert "EMEA" not in text(page, "#counts")


# ---- burn-in ----


def test_the_picture_moves_and_nothing_is_cut_off(page, wall):
    page.emulate_media(reduced_motion="reduce")
    show(page, wall, "busy", "?drift=1", feed="late")
    places = set()
    for _ in range(6):
        box = page.locator(".tile >> nth=0").bounding_box()
        places.add((round(box["x"], 1), round(box["y"], 1)))
        assert page.evaluate(OVERFLOWS) == 0
        edges = page.evaluate("""() => [...document.querySelectorAll(".tile, #head, #unknown")].map((node) => node.getBoundingClientRect())
            .filter((box) => box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight).length""")
        assert edges == 0
        page.wait_for_timeout(1000)
    assert len(places) >= 3
    moving = "() => document.getAnimations().length"
    assert page.evaluate(moving) == 0


# ---- sound ----


def test_a_new_red_rings_once_and_what_was_there_never_does(page, mortal):
    page.add_init_script(EAR)
    show(page, mortal, "single", "?sound=1")
    page.wait_for_selector("#sound:has-text('sound on')")
    assert rung(page) == 0
    mortal.say("board opened")
    page.wait_for_selector(".tile >> nth=1")
    assert rung(page) == 1
    mortal.say("board single")
    page.wait_for_selector(".tile >> nth=1", state="detached")
    assert rung(page) == 1
    page.reload()
    page.wait_for_selector(".tile")
    mortal.kill()
    page.wait_for_selector("#takeover:visible", timeout=15_000)
    mortal.start("opened")
    page.wait_for_selector(".tile >> nth=1", timeout=20_000)
    assert rung(page) == 0, "a screen that comes back rings for what opened while it was away"


def test_nothing_rings_in_quiet_hours(page, wall):
    page.add_init_script(EAR)
    show(page, wall, "single", "?sound=1&quiet=13:00-15:30")
    assert text(page, "#sound") == "no sound until 15:30"
    wall.say("board opened")
    page.wait_for_selector(".tile >> nth=1")
    assert rung(page) == 0


def test_a_browser_that_wants_a_touch_first_says_so(page, wall):
    page.add_init_script("window.deaf = true;" + EAR)
    show(page, wall, "single", "?sound=1")
    page.wait_for_selector("#sound:has-text('press any key for sound')")
    page.evaluate("window.deaf = false")
    page.keyboard.press("Shift")
    page.wait_for_selector("#sound:has-text('sound on')")


def test_without_being_asked_a_wall_is_silent(page, wall):
    page.add_init_script(EAR)
    show(page, wall, "single")
    wall.say("board opened")
    page.wait_for_selector(".tile >> nth=1")
    assert (rung(page), page.is_visible("#sound")) == (0, False)


# ---- pairing ----


def test_a_television_is_paired_shows_what_it_is_told_and_goes_blank(page, mortal):
    mortal.start("regions", walls="paired")
    page.goto(f"{mortal.url}screen")
    page.wait_for_selector("#pairing-code:has-text(' ')")
    assert page.locator("#pairing-qr .qr").count() == 1
    assert "painpoint.example.com/screens" in text(page, "#pairing-says")
    assert page.evaluate("() => document.documentElement.scrollHeight <= innerHeight")
    form = {
        "verb": "pair",
        "code": text(page, "#pairing-code"),
        "name": "Lobby",
        "by": "region",
        "area": "EMEA",
        "theme": "light",
        "language": "de",
    }
    assert httpx.post(f"{mortal.url}screens", data=form, headers=OWN).status_code == 303
    page.wait_for_selector('body[data-area="EMEA"]', timeout=15_000)
    assert page.get_attribute("html", "data-theme") == "light"
    assert page.get_attribute("html", "lang") == "de"
    assert "beurteilt von EMEA" in text(page, "#counts")
    assert "Kunden betroffen" in text(page, ".tile >> nth=0")
    (token,) = [cookie for cookie in page.context.cookies() if cookie["name"] == "painpoint_screen"]
    assert (token["httpOnly"], token["sameSite"]) == (True, "Lax")
    page.wait_for_timeout(5500)  # its first sign of life comes after some seconds
    listed = httpx.get(f"{mortal.url}screens").text
    assert "board 17, the newest" in listed and "1920x1080" in listed
    httpx.post(f"{mortal.url}screens", data={"verb": "revoke", "number": "1"}, headers=OWN)
    page.wait_for_timeout(5500)  # what is known of screens is some seconds old
    page.reload()
    assert "Diese Wand zeigen nur gekoppelte Schirme" in text(page, "main") or "paired screens only" in text(
        page, "main"
    )


def test_a_screen_whose_right_is_taken_away_says_so(page, wall):
    show(page, wall, "few")
    page.route(
        "**/",
        lambda route: route.fulfill(
            response=(got := route.fetch()), body=got.text().replace('"state":"free"', '"state":"revoked"')
        ),
    )
    page.reload()
    page.wait_for_selector("#takeover:visible", timeout=9000)
    assert "This screen is no longer paired." in text(page, "#takeover")
    assert "/screen on it" in text(page, "#takeover")


def test_a_screen_that_was_denied_by_mistake_comes_back_by_itself(page, wall):
    told = Showing().document()
    state = f'"state":"paired","name":"Lobby","showing":{json.dumps(told)}'
    answers = [(401, {"state": "revoked"}), (503, {"error": "?"}), (200, {"state": "paired", "showing": told})]
    beats = []

    def answer(route):
        status, said = answers[min(len(beats), 2)]
        beats.append(status)
        route.fulfill(status=status, json=said)

    def paired(route):
        route.fulfill(response=(got := route.fetch()), body=got.text().replace('"state":"free"', state))

    page.add_init_script(
        "const real = performance.now.bind(performance); performance.now = () => real() + (window.ahead || 0);"
    )
    page.route("**/api/screen/beat", answer)
    page.route(wall.start("few").url, paired)
    page.goto(wall.url)
    page.wait_for_selector("#takeover:has-text('no longer paired')", timeout=9000)
    for count in (2, 3):
        page.evaluate("window.ahead = (window.ahead || 0) + 301000")
        until(lambda n=count: page.wait_for_timeout(100) or len(beats) >= n)
        if count == 2:
            page.wait_for_selector("#takeover:has-text('no longer paired')")
    page.wait_for_selector("#takeover", state="hidden", timeout=15_000)
    page.wait_for_selector('body[data-feed="live"]')
    assert beats == [401, 503, 200]


# ---- everybody's eyes and hands ----


def test_a_phone_scrolls_and_is_legible(page, wall):
    page.set_viewport_size({"width": 390, "height": 844})
    show(page, wall, "busy", feed="late")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(OVERLAPS) == page.evaluate(TOO_WIDE) == 0
    assert page.evaluate(SMALLEST) * 3.9 >= 13
    assert page.evaluate(CONTRASTS) == []
    assert page.locator(".tile").count() == 30


def test_levels_differ_in_shape_and_word_not_in_colour_alone(page, wall):
    show(page, wall, "few")
    marks = page.eval_on_selector_all(
        ".tile",
        """(nodes) => nodes.map((node) =>
        [node.dataset.level, node.querySelector(".badge path").getAttribute("d"), node.querySelector(".badge").textContent])""",
    )
    assert len({level for level, _, _ in marks}) == len({path for _, path, _ in marks}) == 3
    assert {word.split()[0] for _, _, word in marks} == {"Red", "Turning", "Amber"}


def test_tiles_are_reached_by_keyboard_in_their_rank(page, wall):
    show(page, wall, "few")
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.closest('.tile')?.dataset.level"))
    assert reached == ["red"] * 4 + ["turning"] * 2 + ["amber"] * 3
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
