from __future__ import annotations

import threading

import pytest
from list_inquiry import HOSTILE, ListInquiry, ago, board_json, book, books, counts, rejected, view_of
from test_order import drawn, nodes, said

from layouts.analysis import replay, sources
from layouts.inquiry import AbsentError, Wanted
from layouts.words import spoken


def page_of(search="", *, told=None, waiting=(), **changes):
    inquiry = ListInquiry(board_json(), sources=books() if told is None else told, rejected=waiting)
    return sources.build(view_of(inquiry, "/sources", search, **changes))


def test_every_source_is_listed_the_worst_first():
    page = drawn(page_of())
    links = [each["href"] for each in nodes(page, "Link") if "/sources?" in each["href"]]
    assert links == [f"/sources?source={name}" for name in ("contact_centre", "parcels", "incidents", "never", "stock")]
    text = said(page_of())
    for word in (
        "Dead",
        "Late",
        "Fresh",
        "Not judged",
        "connection refused",
        "1.5 h / 26 h",
        "9 h ago",
        "nothing so far",
    ):
        assert word in text
    assert "1,200 = 1,100 stored + 60 duplicate + 30 ignored + 10 quarantined" in text
    assert "Every row that was read is accounted for." in text


def test_heads_of_tables_say_what_they_head():
    page = drawn(page_of("?source=incidents"))
    assert all(each.get("scope") in ("col", "row") for each in nodes(page, "Th"))


def test_rows_that_are_missing_are_said_loudly():
    bad = book("leaky", counts=counts(read=1203), accounted=False)
    text = said(page_of(told=[book(), bad]))
    assert "3 rows of leaky are not accounted for" in text
    assert "1,203 ≠ 1,100 stored" in text
    assert "Every row that was read is accounted for." not in text


def test_a_source_has_its_batches_partners_and_quarantine():
    text = said(page_of("?source=parcels", waiting=[rejected(1), rejected(2), rejected(3, "other")]))
    assert "Its newest 20 batches" in text
    assert "2 partners in it, the most silent first" in text
    assert "9 d" in text
    assert "Quarantine: 2 rows" in text
    assert "Yes, try 2 rows again" in text


def test_only_one_source_can_be_tried_again():
    assert "Choose a source to try its rows again." in said(page_of(waiting=[rejected()]))


def test_an_empty_quarantine_says_so():
    page = page_of("?source=incidents")
    assert "The quarantine is empty." in said(page)
    assert not list(nodes(drawn(page), "Button"))


def test_a_source_that_is_not_there():
    with pytest.raises(AbsentError, match="No source is called nope"):
        page_of("?source=nope")


def test_nothing_set_up_yet():
    assert "No source is set up yet." in said(page_of(told=[]))


def test_the_grid_starts_with_what_the_address_shows():
    shown = '{"f":{"reason":{"filterType":"text","type":"contains","filter":"time"},"gone":{}},"s":[["id","desc"]]}'
    from urllib.parse import quote  # noqa: PLC0415

    (grid,) = nodes(drawn(page_of(f"?source=parcels&grid={quote(shown)}", waiting=[rejected()])), "AgGrid")
    state = grid["dashGridOptions"]["initialState"]
    assert list(state["filter"]["filterModel"]) == ["reason"]
    assert state["sort"]["sortModel"] == [{"colId": "id", "sort": "desc"}]


@pytest.mark.parametrize("odd", ["{", "[]", "7", '{"f":[]}', '{"s":[["id","up"]]}', '{"f":{"reason":7}}', '{"s":7}'])
def test_a_grid_that_makes_no_sense_is_left_out(odd):
    from urllib.parse import quote  # noqa: PLC0415

    (grid,) = nodes(drawn(page_of(f"?grid={quote(odd)}", waiting=[rejected()])), "AgGrid")
    assert grid["dashGridOptions"]["initialState"] == {"partialColumnState": True}


def test_rows_are_those_of_the_chosen_source():
    inquiry = ListInquiry(board_json(), rejected=[rejected(1), rejected(2, "other")])
    assert sources.rows(view_of(inquiry, "/sources", "?source=other"), Wanted()).total == 1
    assert sources.rows(view_of(inquiry, "/sources"), Wanted()).total == 2


def test_hostile_names_stay_text():
    bad = book(
        HOSTILE,
        HOSTILE,
        error=HOSTILE,
        every=HOSTILE,
        fact=HOSTILE,
        partners=[{"partner": HOSTILE, "last_at": ago(days=1), "silent_hours": 1.0}],
    )
    with spoken("de"):
        assert HOSTILE in said(page_of(told=[bad]))


def test_counts_of_a_replay_are_told():
    told = drawn_of(
        replay.done({"read": 5, "stored": 3, "duplicate": 1, "ignored": 0, "quarantined": 1, "error": None}, "/sources")
    )
    assert "Tried again: 5 = 3 stored + 1 duplicate + 1 quarantined." in told
    assert "It failed: no such file" in drawn_of(replay.done({"read": 0, "error": "no such file"}, "/sources"))


def drawn_of(content):
    from layouts.analysis.page import Page  # noqa: PLC0415

    return said(Page("", content))


def test_a_source_is_tried_again_once_at_a_time():
    running = replay.Running()
    with running.of("a") as first, running.of("a") as second, running.of("b") as other:
        assert (first, second, other) == (True, False, True)
    with running.of("a") as again:
        assert again


def test_many_ask_at_once():
    running, free, gate = replay.Running(), [], threading.Barrier(8)

    def ask():
        with running.of("a") as mine:
            free.append(mine)
            gate.wait(5)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert free.count(True) == 1
