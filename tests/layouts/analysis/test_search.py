from __future__ import annotations

import pytest
from list_inquiry import HOSTILE, ListInquiry, board_json, hit, view_of, whole
from test_order import drawn, nodes, said

from layouts.analysis import search
from layouts.codes import code_of
from layouts.words import spoken


def suggested(words, hits=None, **changes):
    inquiry = whole() if hits is None else ListInquiry(board_json(), hits=hits)
    return search.suggestions(view_of(inquiry, "/search", changes.pop("search", ""), **changes), words)


def flat(groups):
    return [(group["group"], item["value"], item["label"]) for group in groups for item in group["items"]]


def test_suggestions_are_grouped_and_lead_on():
    assert flat(suggested("R-10")) == [
        ("Orders", "/order/R-1001", "R-1001 · Fixpoint Lyon"),
        ("All results", "/search?q=R-10", "Everything found for R-10"),
    ]


@pytest.mark.parametrize("words", ["r", "1", "S-7", " quick ", "late", "IMEI", "e"])
def test_labels_hold_what_was_typed_and_addresses_are_unique(words):
    found = flat(suggested(words))
    assert found
    assert all(words.strip().lower() in label.lower() for _, _, label in found)
    values = [value for _, value, _ in found]
    assert len(values) == len(set(values))


@pytest.mark.parametrize(
    ("words", "address"), [("sourc", "/sources"), ("MAP", "/map"), ("alert", "/alerts"), ("wall", "/")]
)
def test_pages_are_found_by_name(words, address):
    assert address in [value for _, value, _ in flat(suggested(words))]


def test_pages_are_found_by_their_german_and_their_english_names():
    with spoken("de"):
        for words in ("Quell", "sourc"):
            found = flat(suggested(words))
            assert "/sources" in [value for _, value, _ in found]
            assert all(words.lower() in label.lower() for _, _, label in found)


@pytest.mark.parametrize("words", ["", "   ", "\t"])
def test_nothing_typed_nothing_suggested(words):
    assert suggested(words) == []


def test_what_belongs_to_no_order_leads_nowhere():
    assert suggested("C-9", [hit("contact", "C-9")]) == [
        {"group": "All results", "items": [{"value": "/search?q=C-9", "label": "Everything found for C-9"}]}
    ]


def test_a_code_from_the_wall_leads_to_its_tile_at_its_board():
    inquiry = whole()
    version, reading = inquiry.newest["version"], inquiry.newest["readings"][1]
    (group, *_) = search.suggestions(view_of(inquiry, "/search"), code_of(version, 1).lower())
    assert group["group"] == "Codes of the wall"
    assert group["items"][0]["value"] == f"/kpi/{reading['kpi']}?partner=Mumbai+Mobile+Care&version={version}"
    assert not [
        each
        for each in search.suggestions(view_of(inquiry, "/search"), code_of(3, 1))
        if each["group"] == "Codes of the wall"
    ]


def test_the_board_goes_along():
    assert all("version=12" in value for _, value, _ in flat(suggested("R-10", search="?version=12&words=x")))


def test_kpis_are_called_by_their_titles_in_the_readers_language():
    with spoken("de"):
        labels = [label for _, value, label in flat(suggested("late_rep")) if value.startswith("/kpi/")]
    assert labels
    assert "late_repairs" in labels[0]


def test_the_page_lists_hits_by_kind():
    page = search.build(view_of(whole(), "/search", "?q=R"))
    text = said(page)
    assert "Orders" in text
    assert "KPIs" in text
    links = [each["href"] for each in nodes(drawn(page), "Link")]
    assert "/order/R%2F0900%20%C3%BC" in links
    (field,) = nodes(drawn(page), "TextInput")
    assert field["id"] == {"type": "words", "of": "q"}
    assert field["value"] == "R"


def test_nothing_found_and_nothing_asked():
    assert "Nothing is called zzz" in said(search.build(view_of(whole(), "/search", "?q=zzz")))
    assert "Type a number" in said(search.build(view_of(whole(), "/search")))


def test_a_hundred_at_most():
    hits = [hit("order", f"R-{n:04d}", order_=f"R-{n:04d}") for n in range(300)]
    page = search.build(view_of(ListInquiry(board_json(), hits=hits), "/search", "?q=R-"))
    assert len(list(nodes(drawn(page), "Link"))) == 100
    assert "The best 100" in said(page)


def test_hostile_names_stay_text():
    hits = [hit(kind, HOSTILE, HOSTILE, HOSTILE) for kind in ("order", "device", "partner", "kpi", "claim")]
    page = search.build(view_of(ListInquiry(board_json(), hits=hits), "/search", "?q=img"))
    assert HOSTILE in said(page)
    assert suggested(HOSTILE, hits)


def test_words_of_an_odd_kind():
    hits = [hit("spaceship", "X-1", order_="R-1")]
    assert "X-1" in said(search.build(view_of(ListInquiry(board_json(), hits=hits), "/search", "?q=X")))
