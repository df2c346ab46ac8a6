"""Draws every page of a running network in both themes and all sizes: `python -m tests.screenshots URL [NAME ...]` writes docs/screens.

One sheet per page: 1280x720, 1920x1080 and 3840x2160 screens and a phone, dark above light, each made smaller to the same height.
"""

from __future__ import annotations

import io
import json
import sys
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlencode

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.conftest import CHROMIUM, SWITCHES

SIZES = ((1280, 720), (1920, 1080), (3840, 2160), (390, 844))
HEIGHT, GAP, COLOURS = 400, 8, 128
FOLDER = Path(__file__).parents[1] / "docs" / "screens"
READY = ".tile, #statement.green, #content h1, main h1"


def pages(url: str) -> dict[str, str]:
    """Give the addresses to draw; of one KPI, partner and order that hurt."""
    with urllib.request.urlopen(f"{url}/api/board", timeout=30) as answer:  # noqa: S310  # our own server
        board = json.loads(answer.read())
    reds = [reading for reading in board["readings"] if reading["level"] == "red" and "partner" in reading["slice"]]
    worst = next(
        (each for each in reds if each["unit"] == "%" and each["kpi"] in {"late_repairs", "within_3d"}), reds[0]
    )
    return {
        "wall": "/",
        "partners": "/partners",
        "partner": f"/partner/{quote(worst['slice']['partner'], safe='')}",
        "kpis": "/kpis",
        "kpi": f"/kpi/{worst['kpi']}?{urlencode(worst['slice'])}",
        "order": f"/order/{quote(_order(url, worst), safe='')}",
        "map": "/map",
        "sources": "/sources",
        "search": "/search?q=" + quote(worst["slice"]["partner"].split()[0]),
        "alerts": "/alerts",
        "screens": "/screens",
    }


def _order(url: str, reading: dict) -> str:
    query = urlencode({"kpi": reading["kpi"], **reading["slice"]})
    with urllib.request.urlopen(f"{url}/export/rows.csv?{query}", timeout=120) as answer:  # noqa: S310  # our own server
        lines = answer.read().decode("utf-8-sig").splitlines()
    return lines[-1].split(",")[0].strip('"')


def sheet(browser, url: str, path: str) -> Image.Image:
    shots = [[_shot(browser, url, path, theme, *size) for size in SIZES] for theme in ("dark", "light")]
    width = sum(shot.width + GAP for shot in shots[0]) - GAP
    whole = Image.new("RGB", (width, 2 * HEIGHT + GAP), "#808080")
    for row, line in enumerate(shots):
        left = 0
        for shot in line:
            whole.paste(shot, (left, row * (HEIGHT + GAP)))
            left += shot.width + GAP
    return whole.quantize(COLOURS)


def _shot(browser, url: str, path: str, theme: str, width: int, height: int) -> Image.Image:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    context.add_cookies([{"name": "painpoint_theme", "value": theme, "url": url}])
    page = context.new_page()
    page.goto(f"{url}{path}{'?theme=light' if path == '/' and theme == 'light' else ''}")
    page.wait_for_selector(READY, timeout=60_000)
    page.wait_for_timeout(4000)  # charts and tables come after the first paint
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    context.close()
    return shot.resize((round(width * HEIGHT / height), HEIGHT), Image.Resampling.LANCZOS)


def main() -> None:
    url, *names = sys.argv[1:]
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=SWITCHES.split())
        for name, path in pages(url.rstrip("/")).items():
            if not names or name in names:
                sheet(browser, url.rstrip("/"), path).save(FOLDER / f"{name}.png", optimize=True)
                print(name, path, (FOLDER / f"{name}.png").stat().st_size)
        browser.close()


if __name__ == "__main__":
    main()
