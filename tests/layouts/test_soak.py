"""A week of changes in half a minute: what a screen holds after the second half is what it held after the first."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from wall_served import free_port, until

BOARDS = 2016
"""A week, with a new board every five minutes."""
MOST_NODES = 1500
MOST_HEAP = 6_000_000
MOST_LISTENERS = 60


@pytest.fixture
def soak():
    port = free_port()
    command = [sys.executable, str(Path(__file__).parent / "soak_server.py"), str(port)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answers():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(answers, 60)
    assert process.stdout.readline().strip() == "1"
    yield process, f"http://127.0.0.1:{port}/"
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def weigh(page, devtools):
    """Give what a page holds once its garbage is gone: nodes, listeners, bytes of heap."""
    page.wait_for_timeout(1500)
    for _ in range(3):
        devtools.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(200)
    held = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
    return {name: held[name] for name in ("Nodes", "JSEventListeners", "JSHeapUsedSize")}


def pass_time(page, process, boards):
    """Let boards pass; give how many times the page drew."""
    before = page.evaluate("window.drawn")
    process.stdin.write(f"turn {boards}\n")
    process.stdin.flush()
    version = process.stdout.readline().strip()
    page.wait_for_selector(f"#judged:has-text('board {int(version):,}')", timeout=20_000)
    return page.evaluate("window.drawn") - before


def test_a_week_of_boards_leaves_nothing_behind(page, soak):
    process, url = soak
    # what ages is drawn by a timer of a second: here it runs ten times as fast, so that it passes through a week too
    page.add_init_script(
        "const slow = setInterval; window.setInterval = (work, pause) => slow(work, pause / 10); window.drawn = 0;"
    )
    page.goto(f"{url}?rotate=region&seconds=2&sound=1&drift=1")
    page.wait_for_selector("#counts > span")
    page.evaluate(
        "() => { new MutationObserver(() => { window.drawn += 1; }).observe(document.getElementById('tiles'), {childList: true}); }"
    )
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    drawn = [pass_time(page, process, BOARDS // 8)]  # caches of the browser fill first
    page.wait_for_timeout(300)
    weights = []
    for _ in range(2):
        drawn.append(pass_time(page, process, BOARDS // 2))
        process.stdin.write("turn 10\n")  # the same board stands at each weighing
        process.stdin.flush()
        version = int(process.stdout.readline()) % 10
        process.stdin.write(f"turn {10 - version or 10}\n")
        process.stdin.flush()
        process.stdout.readline()
        weights.append(weigh(page, devtools))
    first, second = weights
    print("after each half:", weights, "drawings:", drawn)
    assert sum(drawn) > 300, "hardly anything was drawn, so this says nothing"
    assert second["Nodes"] <= min(MOST_NODES, first["Nodes"] + 50)
    assert second["JSEventListeners"] <= min(MOST_LISTENERS, first["JSEventListeners"])
    assert second["JSHeapUsedSize"] <= min(MOST_HEAP, 1.1 * first["JSHeapUsedSize"] + 100_000)
