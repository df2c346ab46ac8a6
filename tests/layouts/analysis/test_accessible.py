"""Nothing on any page hinders whoever cannot see it, or has no mouse: axe-core finds no serious violation, in both themes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from list_desk import ListDesk
from list_inquiry import board_json, whole
from list_screens import ListScreens
from wall_boards import busy
from wall_served import Served

from layouts.inquiry import Column, Table

PAGES = [
    "/partners", "/partners?kpi=late_repairs&level=red", "/partner/QuickPhone%20Leeds", "/kpis",
    "/kpi/bounce_30d?partner=iRepair+Paris+11e", "/kpi/nothing", "/map", "/sources", "/sources?source=parcels",
    "/order/R-1001", "/order/nothing", "/search?q=R", "/partner/nobody",
]  # fmt: skip
PLAIN = [
    "/", "/alerts", "/alerts/1", "/alerts/silences", "/alerts/letters", "/alerts/letters/7", "/alerts/act/ack",
    "/alerts/unsubscribe/stop", "/alerts/preferences/choose", "/alerts/nowhere", "/screens", "/screen", "/t", "/t/nothing",
]  # fmt: skip
RULES = "() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"


def told(inquiry):
    """Let the inquiry explain every reading, with a control chart and rows."""
    points = [
        {"day": f"2026-11-{day:02}", "value": 0.05 + day / 200, "n": 40, "centre": 0.1, "low": 0.02, "high": 0.2,
         "signal": "beyond the limits of chance" if day > 20 else None, "improving": False} for day in range(1, 24)
    ]  # fmt: skip
    for reading in inquiry.newest["readings"]:
        inquiry.told[reading["kpi"], tuple(sorted(reading["slice"].items()))] = reading | {
            "formula": "share of rows where late", "limits_from": "kpi.late_repairs", "health_reason": "the data is fresh",
            "evidence_method": "beta", "rows_total": 3, "mix_rate": None, "survival": None, "change": None, "better": "lower",
            "chart": {"kind": "p", "of": None, "limits": {"green": 0.05, "red": 0.1}, "points": points}, "sources": ["incidents"],
        }  # fmt: skip
    rows = [
        {"key": f"R-{n}", "partner": "QuickPhone Leeds", "closed_at": "2026-11-20T10:00:00Z", "late": n % 3 == 0}
        for n in range(30)
    ]
    columns = (Column("key"), Column("partner"), Column("closed_at", "time"), Column("late", "bool"))
    inquiry.tables = {
        reading["kpi"]: Table(columns, rows, 30, 30, {"adds_up": "they are counted"})
        for reading in inquiry.newest["readings"]
    }
    return inquiry


@pytest.fixture(scope="module")
def served():
    inquiry = told(whole())
    board = busy()
    with Served(desk=ListDesk(), screens=ListScreens(), inquiry=inquiry) as running:
        inquiry.newest = board_json(board)
        running.feed.publish(board)
        running.feed.beat(running.now)
        yield running


@pytest.fixture(scope="module", params=["dark", "light"])
def screen(request, browser, served, axe):
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, bypass_csp=True, color_scheme=request.param, reduced_motion="reduce"
    )
    context.add_cookies([{"name": "painpoint_theme", "value": request.param, "url": served.url}])
    page = context.new_page()
    page.theme, page.axe = request.param, axe
    yield page
    context.close()


def hindrances(page):
    """Give what axe-core takes for serious or critical, as lines that say where."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.add_script_tag(path=str(page.axe))
    found = page.evaluate(RULES)["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for each in serious
        for node in each["nodes"][:3]
    ]


@pytest.mark.parametrize("address", PAGES)
def test_an_analysts_page_hinders_nobody(screen, served, address):
    screen.goto(f"{served.url}{address}")
    screen.wait_for_selector("#content h1")
    if address.startswith("/kpi/bounce"):
        screen.wait_for_selector("#control-chart .main-svg")
        screen.wait_for_selector(".ag-row a")
    assert not hindrances(screen)


@pytest.mark.parametrize("address", PLAIN)
def test_a_plain_page_hinders_nobody(screen, served, address):
    wall = address == "/"
    screen.goto(f"{served.url}{address}{f'?theme={screen.theme}' if wall else ''}")
    screen.wait_for_selector(".tile" if wall else "h1")
    assert not hindrances(screen)


def test_the_menu_and_the_search_hinder_nobody_when_open(screen, served):
    screen.goto(f"{served.url}/kpis")
    screen.wait_for_selector("#content h1")
    screen.click(".menu summary")
    screen.keyboard.press("Escape")
    screen.fill("#find", "R-1001")
    screen.wait_for_selector("[role=option]")
    assert not hindrances(screen)
