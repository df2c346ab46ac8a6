from __future__ import annotations

import pytest
from dash import html

from layouts.element import SHAPES, Element
from layouts.shell import ASSETS, to_html, wall_page, wall_shell


def test_the_shell_has_a_place_for_everything():
    page = wall_page(wall_shell(title="Painpoint", public_url="https://pain.example.com/x"), title="Painpoint")
    for name in ("counts", "alerts", "feeds", "tiles", "unknown", "statement", "takeover"):
        assert f'id="{name}"' in page
    assert '<body data-feed="stale">' in page
    assert "pain.example.com" in page


def test_the_wall_loads_its_own_two_files_and_nothing_of_dash():
    page = wall_page(wall_shell(title="x", public_url=None), title="x")
    assert page.count("<script") == page.count('<link rel="stylesheet"') == 1
    assert "_dash" not in page


def test_text_and_attributes_are_escaped():
    made = to_html(html.Div(["<b>", html.Span("&", title='"><i>')], className="a b", hidden=False))
    assert made == '<div class="a b">&lt;b&gt;<span title="&quot;&gt;&lt;i&gt;">&amp;</span></div>'
    assert "<img" not in wall_page(wall_shell(title="<img>", public_url=None), title="<img>")


def test_elements_without_an_end_have_none():
    field = Element("input", type="text", value='"', required=True)
    assert (
        to_html([html.Label("a", htmlFor="b"), field])
        == '<label for="b">a</label><input type="text" value="&quot;" required>'
    )


def test_shapes_are_those_of_the_wall():
    drawn = (ASSETS / "wall.js").read_text(encoding="utf-8")
    assert all(f'"{path}"' in drawn for path in SHAPES.values())


def test_a_strange_attribute_is_refused():
    with pytest.raises(ValueError, match="no attribute name"):
        to_html(html.Div(**{"data-x onload": "1"}))
