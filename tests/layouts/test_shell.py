from __future__ import annotations

import json
import re

import pytest
from dash import html

from layouts.element import SHAPES, Element
from layouts.shell import ASSETS, browser_words, to_html, wall_page, wall_shell
from layouts.words import LANGUAGES, sentences, spoken


def test_the_shell_has_a_place_for_everything():
    page = wall_page(wall_shell(title="Painpoint", public_url="https://pain.example.com/x"), title="Painpoint")
    for name in ("counts", "alerts", "feeds", "tiles", "unknown", "statement", "takeover"):
        assert f'id="{name}"' in page
    assert '<body data-feed="stale">' in page
    assert "pain.example.com" in page


def test_the_wall_loads_its_own_four_files_and_nothing_of_dash():
    page = wall_page(wall_shell(title="x", public_url=None), title="x")
    assert (page.count("<script src="), page.count('<link rel="stylesheet"')) == (3, 1)
    assert "_dash" not in page


def test_text_and_attributes_are_escaped():
    made = to_html(html.Div(["<b>", html.Span("&", title='"><i>')], className="a b", hidden=False))
    assert made == '<div class="a b">&lt;b&gt;<span title="&quot;&gt;&lt;i&gt;">&amp;</span></div>'
    assert "<img" not in wall_page(wall_shell(title="<img>", public_url=None), title="<img>")


def test_what_is_given_to_a_page_cannot_end_its_element():
    given = {"state": "paired", "name": "</script><img src=x>"}
    page = wall_page(wall_shell(title="x", public_url=None), title="x", given=given)
    block = page.split('id="given">')[1].split("</script>")[0]
    assert "<" not in block
    assert json.loads(block)["screen"] == given


def test_no_sentence_is_written_in_the_scripts_and_none_is_missing():
    for language in LANGUAGES:
        with spoken(language):
            words = browser_words()
        for script in ASSETS.glob("wall*.js"):
            source = script.read_text(encoding="utf-8")
            asked = set(re.findall(r'say\((?:[^()"`]*\? )?"([a-z_.]+)"', source))
            asked |= (
                set(re.findall(r'(?:\? |: )"((?:sound|all|spark|short|level|counted)_?[a-z_.]*)"', source))
                & words.keys()
            )
            assert asked <= words.keys(), (script.name, asked - words.keys())
            assert not re.findall(r'textContent = "[A-Za-z]', source)


def test_every_word_of_the_wall_is_there_in_every_language():
    for area in ("wall.", "screens.", "codes.", "blind."):
        for language in LANGUAGES:
            assert {key for key in sentences("en") if key.startswith(area)} <= sentences(language).keys()


def test_elements_without_an_end_have_none():
    field = Element("input", type="text", value='"', required=True)
    assert (
        to_html([html.Label("a", htmlFor="b"), field])
        == '<label for="b">a</label><input type="text" value="&quot;" required>'
    )


def test_shapes_are_those_of_the_wall():
    drawn = (ASSETS / "wall_draw.js").read_text(encoding="utf-8")
    assert all(f'"{path}"' in drawn for path in SHAPES.values())


def test_a_strange_attribute_is_refused():
    with pytest.raises(ValueError, match="no attribute name"):
        to_html(html.Div(**{"data-x onload": "1"}))
