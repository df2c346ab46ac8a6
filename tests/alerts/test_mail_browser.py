"""Mails as a reader sees them, in a real browser: at the width of a phone and of a desktop, in light and in dark."""

from __future__ import annotations

import base64

import pytest
from test_mail import ENGLISH, GERMAN, LATE, SAMPLES, compose, letter, notice, parts

POOR_CONTRASTS = """() => {
    const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const ground = (node) => {
        for (let at = node; at; at = at.parentElement) {
            const colour = rgb(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const poor = [];
    let seen = 0;
    while (walk.nextNode()) {
        const node = walk.currentNode.parentElement;
        const box = node.getBoundingClientRect();
        if (!walk.currentNode.data.trim() || !box.height || getComputedStyle(node).display === "none" || node.tagName === "STYLE") continue;
        seen += 1;
        const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(((a + 0.05) / (b + 0.05)).toFixed(2) + " " + walk.currentNode.data);
    }
    return [seen, poor];
}"""
OVERFLOWS = """() => [document.documentElement.scrollWidth - innerWidth,
    ...[...document.querySelectorAll("td, div, p, h2")].filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
        .map((node) => node.textContent.slice(0, 60))].filter((over) => typeof over === "string" || over > 0)"""
SMALLEST_TEXT = """() => Math.min(...[...document.querySelectorAll("p, li, td, h2, a, span")]
    .filter((node) => node.getClientRects().length && node.textContent.trim() && [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim()))
    .map((node) => parseFloat(getComputedStyle(node).fontSize)))"""


def opened(browser, mail, width, scheme):
    """Open a mail's HTML with its pictures in place; whatever it asked of the net would be an error."""
    _, _, html, pictures = parts(compose(mail))
    for part in pictures:
        data = base64.b64encode(part.get_content()).decode()
        html = html.replace(f"cid:{part['Content-ID'].strip('<>')}", f"data:image/png;base64,{data}")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if not request.url.startswith("data:") else None)
    page.set_content(html)
    assert not asked
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 800])
@pytest.mark.parametrize("to", [ENGLISH, GERMAN], ids=lambda to: to.language)
@pytest.mark.parametrize("name", ["outlook", "dead", "recovered", "digest"])
def test_mails_can_be_read(browser, name, to, width, scheme):
    page = opened(browser, SAMPLES[name](to), width, scheme)
    seen, poor = page.evaluate(POOR_CONTRASTS)
    assert seen > 8
    assert poor == []
    assert page.evaluate(OVERFLOWS) == []
    assert page.evaluate(SMALLEST_TEXT) >= 14
    buttons = [box.bounding_box() for box in page.query_selector_all(".k a")]
    assert buttons
    assert min(box["height"] for box in buttons) >= 44
    dark = page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor") == "rgb(22, 28, 37)"
    assert dark == (scheme == "dark")
    assert all(page.evaluate("[...document.images].map((image) => image.complete && image.naturalWidth === 960)"))
    page.close()


@pytest.mark.parametrize("width", [390, 800])
def test_names_without_a_space_do_not_widen_a_mail(browser, width):
    name = "Reparaturdienstleistungsgesellschaft" * 8
    reading = {
        **LATE,
        "title": name,
        "slice": {"partner": name},
        "drivers": [{"where": {"product": name}, "share": 0.4}],
    }
    many = [notice(reading, number=number) for number in range(12)]
    page = opened(browser, letter(*many, network=name), width, "light")
    assert page.evaluate(OVERFLOWS) == []
    page.close()


def test_the_level_is_told_by_word_and_shape(browser):
    page = opened(browser, SAMPLES["opened"](ENGLISH), 390, "light")
    assert page.inner_text(".b") == "■ Red"
    page.close()


def test_hostile_names_run_nothing(browser):
    name = "<img src=x onerror='window.ran = 1'><script>window.ran = 1</script>"
    reading = {
        **LATE,
        "title": name,
        "slice": {"partner": name},
        "drivers": [{"where": {"product": name}, "share": 0.4}],
    }
    page = opened(browser, letter(notice(reading, reason=name), network=name), 390, "light")
    assert page.evaluate("window.ran") is None
    assert name[:40] in page.inner_text("body")
    page.close()
