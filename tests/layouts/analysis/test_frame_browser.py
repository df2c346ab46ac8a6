"""What an analyst's page does by itself in a real browser: it notices, offers, remembers, and goes on by keyboard."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

sys.path.insert(0, str(Path(__file__).parents[1]))

from list_inquiry import board_json, whole
from list_screens import ListScreens
from wall_boards import busy
from wall_served import Served


@pytest.fixture
def served():
    inquiry = whole()
    board = replace(busy(), version=17)
    with Served(inquiry=inquiry) as running:
        inquiry.newest = board_json(board)
        running.inquiry = inquiry
        running.feed.publish(board)
        running.feed.beat(running.now)
        yield running


@pytest.fixture
def page(browser):
    """Give a screen in Tokyo that must log no fault; the server's content policy holds."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="Asia/Tokyo", locale="en-GB")
    screen = context.new_page()
    faults = []
    screen.on("pageerror", lambda error: faults.append(str(error)))
    screen.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    yield screen
    context.close()
    assert not faults


def open_page(page, served, address="/kpis"):
    page.goto(f"{served.url}{address}")
    expect(page.locator("#content h1")).to_be_visible(timeout=20_000)


def test_times_are_of_the_viewers_zone_and_say_so(page, served):
    open_page(page, served)
    expect(page.locator(".standing")).to_contain_text(re.compile(r"22:03:10 (JST|UTC\+0?9)"))


def test_a_page_beside_closed_walls_hears_the_server(page):
    inquiry, board = whole(), replace(busy(), version=17)
    with Served(inquiry=inquiry, screens=ListScreens(), walls="paired") as served:
        inquiry.newest = board_json(board)
        served.feed.publish(board)
        served.feed.beat(served.now)
        open_page(page, served)
        expect(page.locator('body[data-feed="late"]')).to_be_attached()
        page.goto("about:blank")


def test_a_newer_board_is_offered_and_never_forced(page, served):
    open_page(page, served)
    newer = replace(busy(), version=18)
    served.inquiry.newest = board_json(newer)
    served.feed.publish(newer)
    offer = page.locator(".newer")
    expect(offer).to_have_text("Board 18 is newer: show it", timeout=10_000)
    expect(page.locator(".standing")).to_contain_text("Board 17")
    offer.click()
    expect(page.locator(".standing")).to_contain_text("Board 18", timeout=20_000)


def test_a_page_of_a_pinned_board_says_how_to_get_to_the_newest(page, served):
    old = board_json(replace(busy(), version=12))
    served.inquiry.boards[12] = old
    open_page(page, served, "/kpis?version=12&family=speed")
    page.get_by_text("Show the newest").click()
    expect(page.locator(".standing")).to_contain_text("Board 17", timeout=20_000)
    assert page.url.endswith("/kpis?family=speed")
    page.go_back()
    expect(page.locator(".standing")).to_contain_text("Board 12", timeout=20_000)


def test_a_dead_engine_and_a_lost_server_are_said_at_once(page, served):
    open_page(page, served)
    expect(page.locator("body[data-feed=late]")).to_have_count(1, timeout=10_000)
    served.later(seconds=60)
    served.feed.nudge()
    expect(page.locator("#pulse")).to_have_text(
        "The engine has stopped: what stands here may be out of date.", timeout=15_000
    )
    served.feed.beat(served.now)
    served.feed.nudge()
    expect(page.locator("#pulse")).to_be_hidden(timeout=15_000)


def test_the_language_is_chosen_and_remembered(page, served):
    open_page(page, served)
    page.locator(".menu summary").click()
    page.locator("#choose-language").click()
    page.get_by_role("option", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de", timeout=15_000)
    expect(page.locator("#content h1")).to_have_text("Kennzahlen", timeout=20_000)
    open_page(page, served, "/partners")
    expect(page.locator("#pages")).to_contain_text("Quellen")


def test_the_search_is_a_key_away_and_leads_on(page, served):
    open_page(page, served)
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("R-1001", delay=20)
    option = page.get_by_role("option", name=re.compile("R-1001")).first
    expect(option).to_be_visible(timeout=15_000)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/order/R-1001"), timeout=15_000)
    expect(page.locator("#content h1")).to_contain_text("R-1001", timeout=20_000)


def test_focus_follows_to_the_new_page(page, served):
    open_page(page, served, "/kpis")
    link = page.locator("#content a").first
    link.focus()
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("/kpis$"), timeout=15_000)
    expect(page.locator("#content")).to_be_focused(timeout=15_000)


def test_a_page_that_is_not_there_says_so(page, served):
    open_page(page, served, "/partner/Nobody%20%3Cimg%3E")
    expect(page.locator("#content h1")).to_have_text("Nothing is here")
