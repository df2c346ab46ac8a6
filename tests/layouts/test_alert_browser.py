"""The pages of alerts, and the wall's banner, as people meet them in a real browser."""

from __future__ import annotations

import pytest
from list_desk import DESKS
from test_browser import CONTRASTS, OVERFLOWS, OVERLAPS, SMALLEST, show
from wall_boards import BOARDS, NOW, busy
from wall_served import Served

PAGES = ["/alerts?state=all", "/alerts/1", "/alerts/5", "/alerts/letters", "/alerts/letters/7", "/alerts/silences", "/alerts/act/ack",
         "/alerts/act/used", "/alerts/act/none", "/alerts/unsubscribe/stop", "/alerts/preferences/choose", "/alerts/nowhere"]  # fmt: skip

PAGE_CONTRASTS = CONTRASTS.replace('document.getElementById("wall")', "document.body")

UNNAMED = """() => [...document.querySelectorAll("input:not([type=hidden]),select,button,a")]
    .filter((node) => !(node.getAttribute("aria-label") || node.textContent.trim() || (node.labels && node.labels.length)))
    .map((node) => node.outerHTML)"""


@pytest.fixture
def site():
    with Served(desk=DESKS["everything"]()) as running:
        running.feed.publish(busy())
        running.feed.beat(NOW)
        yield running


@pytest.fixture
def strict(page):
    """A screen on which nothing at all may be logged; pages that say so answer with 400 and more, which browsers log."""
    logged = []
    page.on("console", lambda said: logged.append(said.text) if "Failed to load resource" not in said.text else None)
    yield page
    assert not logged


def focused(page):
    return page.evaluate(
        "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent || document.activeElement.id"
    )


def tab_to(page, name):
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused(page) == name:
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


def test_an_episode_is_acknowledged_by_keyboard_alone(strict, site):
    strict.goto(f"{site.url}/alerts?words=late")
    tab_to(strict, "inbox-actor")
    strict.keyboard.type("Ada Berg")
    tab_to(strict, "Acknowledge Late repairs, Fixpoint Lyon")
    strict.keyboard.press("Enter")
    strict.wait_for_selector(".said.done:has-text('Late repairs: acknowledge by Ada Berg.')")
    assert site.desk.done == [(1, "acknowledge", "Ada Berg", "", None)]
    assert strict.url.endswith("/alerts?words=late")
    assert strict.locator(".card").count() == 0
    tab_to(strict, "Acknowledged 2")
    strict.keyboard.press("Enter")
    strict.wait_for_selector(".taken:has-text('Acknowledged by Ada Berg')")
    assert strict.input_value("#inbox-actor") == "Ada Berg"


def test_enter_in_the_name_acknowledges_nothing(strict, site):
    strict.goto(f"{site.url}/alerts")
    strict.fill("#inbox-actor", "Ada")
    strict.press("#inbox-actor", "Enter")
    strict.wait_for_selector(".said.done")
    assert not site.desk.done


def test_nothing_is_acknowledged_without_a_name(strict, site):
    strict.goto(f"{site.url}/alerts")
    strict.click("text=Acknowledge >> nth=-1")
    assert strict.evaluate("document.querySelector('#inbox-actor:invalid') !== null")
    assert not site.desk.done


def test_the_search_keeps_the_state(strict, site):
    strict.goto(f"{site.url}/alerts?state=all")
    strict.fill("#search-words", "lyon late")
    strict.press("#search-words", "Enter")
    strict.wait_for_selector(".tabs a[aria-current]:has-text('All')")
    assert strict.url.endswith("/alerts?state=all&words=lyon+late")
    assert strict.locator(".card").count() == 1


def test_a_snooze_and_a_silence_from_the_page(strict, site):
    strict.goto(f"{site.url}/alerts/1")
    strict.click("summary:has-text('Snooze')")
    strict.select_option("#snooze-length", "24")
    strict.fill("#snooze-actor", "Ada")
    strict.click("#snooze button")
    strict.wait_for_selector(".said.done")
    strict.click("summary:has-text('Silence')")
    assert strict.input_value("#silence-actor") == "Ada"
    strict.click("#silence button")
    assert strict.evaluate("document.querySelector('#silence-reason:invalid') !== null")
    strict.fill("#silence-reason", "they move")
    strict.click("#silence button")
    strict.wait_for_selector(".said.done:has-text('silence')")
    assert site.desk.done == [(1, "snooze", "Ada", "", 24.0), (1, "silence", "Ada", "they move", 4.0)]


def test_a_link_of_a_mail_is_used_with_its_button(strict, site):
    strict.goto(f"{site.url}/alerts/act/ack")
    assert not site.desk.done
    strict.click("#deed button")
    strict.wait_for_selector(".outcome")
    assert site.desk.done == [("use", "ack", {})]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_page_is_legible_at_every_size(browser, site, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text) if "Failed to load" not in message.text else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for size in ((390, 844), (1280, 720), (1920, 1080), (3840, 2160)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        for path in PAGES:
            page.goto(site.url + path)
            for folded in page.query_selector_all("summary"):
                folded.click()
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (path, size)
            assert page.evaluate(PAGE_CONTRASTS) == [], (path, size)
            assert page.evaluate(UNNAMED) == [], (path, size)
    context.close()
    assert not said


def test_hostile_names_stay_names(strict):
    with Served(desk=DESKS["hostile"]()) as running:
        for width in (390, 1280):
            strict.set_viewport_size({"width": width, "height": 800})
            for path in ("/alerts?state=all", "/alerts/1", "/alerts/letters", "/alerts/silences"):
                strict.goto(running.url + path)
                assert strict.evaluate("window.owned") is None
                assert strict.locator("img").count() == 0
                assert strict.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (path, width)


# ---- the wall's banner ----


def test_the_wall_says_within_seconds_that_alerts_are_not_in_order(page, wall):
    show(page, wall, "few")
    assert not page.is_visible("#alerts")
    wall.say("alerts 2 mails could not be delivered <b>")
    page.wait_for_selector("#alerts:has-text('2 mails could not be delivered <b>')", timeout=9000)
    assert page.get_attribute("body", "data-feed") == "live"
    wall.say("deaf")
    page.wait_for_selector("#alerts:has-text('Whether alerts are in order is unknown')", timeout=9000)
    wall.say("alerts")
    page.wait_for_selector("#alerts", state="hidden", timeout=9000)
    assert page.locator(".tile").count() == 9


def test_a_polling_wall_says_it_too(page, wall):
    page.add_init_script("delete window.EventSource")
    wall.start("all_green")
    wall.say("alerts Nobody sends mail: the dispatcher has stopped since 14:05, says 修")
    page.goto(wall.url)
    page.wait_for_selector("#alerts:has-text('the dispatcher has stopped since 14:05, says 修')", timeout=12_000)


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (3840, 2160)])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_banner_leaves_the_wall_legible(page, wall, size, theme):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    wall.start("none")
    wall.say(
        "alerts "
        + "12 mails could not be delivered, and nobody sends any since 14:05: the dispatcher has stopped. " * 3
    )
    page.goto(f"{wall.url}?theme={theme}")
    page.wait_for_selector("#alerts:has-text('12 mails')", timeout=12_000)
    for board in ("busy", "few", "dead_source", "only_unknown", "single", "all_green", "wordy"):
        wall.say(f"board {board}")
        counts = BOARDS[board]().counts()
        begin = f"{counts['judged']} judged · {counts['red']} red · {counts['turning']} turning"
        page.wait_for_selector(f"#counts:has-text('{begin}')", timeout=8000)
        page.wait_for_timeout(150)
        assert page.is_visible("#alerts")
        assert page.evaluate(OVERFLOWS) == 0, board
        assert page.evaluate(OVERLAPS) == 0, board
        assert page.evaluate(SMALLEST) >= 1.89, board
        assert page.evaluate(CONTRASTS) == [], board
