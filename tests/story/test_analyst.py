"""From the wall to the orders: a trouble begins in a partner's system, its tile appears, and an analyst gets to the bottom of it."""

import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from data.demo import write_network
from tests.alerts.mail_server import free_port
from tests.story.test_running import PATIENCE, ROOT, wait_for

SOURCE = 'name = "repair-hub"'
HEAD = """
[network]
name = "Norda"
timezone = "Europe/Berlin"
[warehouse]
url = "duckdb:///var/warehouse.duckdb"
[store]
url = "sqlite:///var/store.db"
[kpis]
path = "kpis.toml"
"""
KPIS = """
[kpi.late_repairs]
title = "Late repairs"
family = "speed"
fact = "repair_orders"
measure = { share = "late" }
day = "closed_at"
window = "28 d"
by = [["partner"], ["country"]]
better = "lower"
green = 0.2
red = 0.3
min_n = 20
unit = "%"
pain = "waits"
remedies = ["add_capacity"]
[kpi.tat_mean]
title = "Repair time"
family = "speed"
fact = "repair_orders"
measure = { mean = "tat_hours" }
day = "completed_at"
window = "28 d"
by = [["partner"]]
better = "lower"
green = 400
red = 800
min_n = 20
unit = "h"
pain = "waits"
"""
TILE = "article.tile[data-kpi=late_repairs][data-level=red]"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Write a demo network of which the repair hub is read, every second."""
    folder = tmp_path_factory.mktemp("network")
    write_network(folder, partners=8, days=40, seed=11, now=datetime.now(UTC), quiet=True)
    blocks = (folder / "settings.toml").read_text().split("[[source]]")
    hub = next(block for block in blocks if SOURCE in block)
    hub = hub.replace('every = "5 s"', 'every = "1 s"')
    (folder / "settings.toml").write_text(f"{HEAD}[[source]]{hub}")
    (folder / "kpis.toml").write_text(KPIS)
    return folder


class Product:
    """The running product on a network; it can be killed and started again."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [
            sys.executable,
            ROOT / "app.py",
            "run",
            "--port",
            str(self.port),
            "--settings",
            self.folder / "settings.toml",
        ]
        with (self.folder / "run.log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        for _ in range(4):  # the first judgement compiles what it asks
            with suppress(AssertionError):
                wait_for(lambda: self.board()["counts"]["judged"], self.folder)
                return self
        raise AssertionError((self.folder / "run.log").read_text()[-4000:])

    def board(self):
        with urllib.request.urlopen(f"{self.url}/api/board?all=1", timeout=10) as answer:  # noqa: S310  # our own server
            return json.loads(answer.read())

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def product(network):
    running = Product(network)
    try:
        yield running.start()
    finally:
        running.kill()


def begin_trouble(folder):
    """Let the partner with the most closed cases close cases of one model much too late, in his own system."""
    hub = sqlite3.connect(folder / "systems" / "hub.db", timeout=20)
    partner, closed = hub.execute(
        "SELECT repairer, count(*) FROM cases WHERE closed_at <> '' GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    ).fetchone()
    names = [row[1] for row in hub.execute("PRAGMA table_info(cases)")]
    pattern = dict(
        zip(
            names,
            hub.execute("SELECT * FROM cases WHERE repairer = ? AND closed_at <> '' LIMIT 1", [partner]).fetchone(),
            strict=True,
        )
    )
    now = datetime.now(UTC)

    def at(**back):
        return (now - timedelta(**back)).strftime("%Y-%m-%dT%H:%M:%SZ")

    for number in range(2 * closed):
        late = pattern | {
            "case_no": f"LATE/{number:04}", "serial_no": f"35{number:013}", "model": "Aurora 9", "result": "FIXED",
            "opened_at": at(days=20), "checked_in_at": at(days=19), "due_at": at(days=12), "quote_sent_at": "", "quote_accepted_at": "",
            "repair_started_at": at(days=9), "repair_ended_at": at(days=5, minutes=number), "ready_at": at(days=5, minutes=number),
            "check_failed_at": "", "check_passed_at": "", "diagnosed_at": at(days=18), "part_requested_at": "", "part_in_at": "",
            "returned_at": "", "swapped_at": "", "shipped_at": "", "reopened_at": "", "cancelled_at": "",
            "handed_over_at": at(days=4, minutes=number), "closed_at": at(days=1 + number % 4, minutes=number % 60), "updated_at": at(seconds=0),
        }  # fmt: skip
        marks = ", ".join("?" * len(names))
        hub.execute(f"INSERT INTO cases VALUES ({marks})", [late[name] for name in names])
    hub.commit()
    hub.close()
    return partner


def tile_text(tile):
    return tile.locator(".value b").inner_text()


def test_from_a_trouble_in_a_partners_system_to_its_orders(product, browser, tmp_path):
    wall = browser.new_page(viewport={"width": 1920, "height": 1080})
    wall.goto(product.url)
    wall.wait_for_selector("#statement.green, .tile", timeout=60_000)
    assert not wall.locator(TILE).count()

    partner = begin_trouble(product.folder)
    mine = f"""{TILE}[data-slice='{json.dumps({"partner": partner}, ensure_ascii=False, separators=(",", ":"))}']"""
    wall.wait_for_selector(mine, timeout=120_000)
    tile = wall.locator(mine)
    shown, code = tile_text(tile), tile.locator(".code").inner_text()
    limit = tile.locator(".value .limit").inner_text()
    assert limit == "limit 30 %"

    # the analyst types the code that he reads from the wall
    context = browser.new_context(
        accept_downloads=True, timezone_id="Europe/Paris", viewport={"width": 1440, "height": 900}
    )
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(f"{product.url}/t/{code}")
    page.wait_for_selector("#content h1")
    version = int(page.locator(".standing").get_attribute("data-version"))
    assert f"version={version}" in page.url
    assert page.locator("h1").inner_text() == f"Late repairs, {partner}"
    assert page.locator(".figure-value").inner_text() == shown
    assert (
        "Europe/Paris" not in page.content() or "CE" in page.locator(".standing").inner_text()
    )  # the zone has its label
    assert "Aurora 9" in page.locator(".drivers").inner_text()
    page.wait_for_selector("#control-chart .main-svg", timeout=60_000)

    # the rows behind the number add up to it, at that version, though newer boards are there by now
    reading = next(
        r
        for r in board_of(product, version)["readings"]
        if r["kpi"] == "late_repairs" and r["slice"] == {"partner": partner}
    )
    with page.expect_download() as taken:
        page.locator("a.export", has_text="CSV").click()
    text = (tmp_path / "rows.csv").write_bytes(taken.value.path().read_bytes()) and (tmp_path / "rows.csv").read_text(
        "utf-8-sig"
    )
    _, *lines = text.splitlines()
    rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
    assert len(rows) == reading["n"]
    assert sum(float(row["counts_as"]) for row in rows) / len(rows) == pytest.approx(reading["value"], abs=1e-12)

    # narrowed in the table, the address says so, and so does the file
    page.locator(".ag-floating-filter-input input").first.fill("LATE/000")
    narrowed = page.locator(".ag-center-cols-container .ag-row")
    expect(narrowed).to_have_count(10, timeout=15_000)
    expect(page).to_have_url(re.compile("grid="))
    with page.expect_download() as taken:
        page.locator("a.export", has_text="CSV").click()
    assert len(taken.value.path().read_text("utf-8-sig").splitlines()) == 2 + 10
    page.reload()
    expect(narrowed).to_have_count(10, timeout=30_000)

    # one click more: the order, and back again
    page.locator(".ag-center-cols-container a", has_text="LATE/0003").first.click()
    page.wait_for_selector("#content h1:has-text('LATE/0003')")
    assert f"version={version}" in page.url
    assert partner in page.locator("#content").inner_text()
    page.go_back()
    page.wait_for_selector("#content h1:has-text('Late repairs')")
    page.locator(".crumbs a", has_text=partner).click()
    page.wait_for_selector(f"#content h1:has-text('{partner}')")
    assert f"version={version}" in page.url
    assert page.locator("[data-kpi=late_repairs][data-level=red]").count()
    assert not faults

    # the server dies: both screens say so by themselves, and come back by themselves
    product.kill()
    for screen in (wall, page):
        screen.wait_for_selector("body[data-feed=lost]", timeout=20_000)
    assert page.locator("#pulse").is_visible()
    product.start()
    for screen in (wall, page):
        screen.wait_for_selector("body:not([data-feed=lost])", timeout=30_000)
    wall.wait_for_selector(mine, timeout=60_000)
    context.close()
    wall.close()


def board_of(product, version):
    """Give a stored Board as the command line prints it."""
    command = [
        sys.executable,
        ROOT / "app.py",
        "board",
        "--version",
        str(version),
        "--all",
        "--json",
        "--settings",
        product.folder / "settings.toml",
    ]
    for _ in range(3):
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 2, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout)
        time.sleep(1)
    raise AssertionError(done.stderr)
