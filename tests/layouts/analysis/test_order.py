from __future__ import annotations

import json
import re

import pytest
from list_inquiry import HOSTILE, ListInquiry, ago, board_json, order, step, view_of, whole
from plotly.utils import PlotlyJSONEncoder

from analytics.facts import FACTS, told_columns
from analytics.record import STANDINGS
from layouts.analysis import order as order_page
from layouts.analysis.journey import Journey, bounce
from layouts.inquiry import AbsentError
from layouts.words import sentences, spoken


def drawn(page):
    return json.loads(json.dumps(list(page.content), cls=PlotlyJSONEncoder))


def texts(node):
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for each in node:
            yield from texts(each)
    elif isinstance(node, dict):
        yield from texts((node.get("props") or {}).get("children"))


def said(page):
    return " ".join(" ".join(texts(drawn(page))).split())


def nodes(node, type_):
    if isinstance(node, list):
        for each in node:
            yield from nodes(each, type_)
    elif isinstance(node, dict):
        if node.get("type") == type_:
            yield node["props"]
        yield from nodes((node.get("props") or {}).get("children"), type_)


def page_of(document, **changes):
    view = view_of(
        ListInquiry(board_json(), orders=[document]), f"/order/{changes.pop('path', document['order'])}", **changes
    )
    return order_page.build(view)


def test_an_order_says_how_it_went():
    text = said(page_of(order()))
    assert "Handed back after 13 d, late: 3 d past the promised time." in text
    assert "Longest wait: 6 d from “Requested, part order P-9” to “Contact came in, contact C-4”" in text
    assert "14 steps" in text
    assert "It came back here 11 d after that hand-over: a bounce within 30 days" in text
    assert "9f2c" * 16 in text


def test_every_step_is_there_with_its_number_standing_and_source():
    page = drawn(page_of(order()))
    steps = [each for each in nodes(page, "Li") if str(each.get("id", "")).startswith("step-")]
    assert [each["id"] for each in steps] == [f"step-{n}" for n in range(1, 15)]
    tenth = " ".join(texts(steps[9]["children"]))
    assert "superseded" in tenth
    assert "incidents_2026-11.csv.gz" in tenth
    ninth = " ".join(texts(steps[8]["children"]))
    assert "not repaired" in ninth
    assert "\N{RIGHTWARDS ARROW}" in ninth
    assert "CET" in ninth


def test_it_leads_on_and_keeps_the_board():
    page = page_of(order(), search="version=17")
    links = [each["href"] for each in nodes(drawn(page), "Link")]
    assert "/partner/Fixpoint%20Lyon?version=17" in links
    assert "/order/R%2F0900%20%C3%BC?version=17" in links
    assert "/sources?source=parcels&version=17" in links
    exports = [each["href"] for each in nodes(json.loads(json.dumps(list(page.tools), cls=PlotlyJSONEncoder)), "A")]
    assert [each.partition("?")[0] for each in exports] == [
        "/export/order.csv",
        "/export/order.xes",
        "/export/order.pdf",
    ]
    assert all("order=R-1001" in each and "version=17" in each for each in exports)


@pytest.mark.parametrize("number", ["R/0900 ü", "a b?c=d&e#f", "修理-1", "..", "R-1%2F"])
def test_odd_numbers_find_their_way(number):
    from urllib.parse import quote  # noqa: PLC0415

    page = page_of(order(number), path=quote(number, safe=""))
    assert number in page.title


def test_what_is_not_there_is_said():
    with pytest.raises(AbsentError):
        order_page.build(view_of(ListInquiry(board_json()), "/order/nope"))


def test_hostile_names_stay_text():
    page = order_page.build(view_of(whole(), "/order/" + HOSTILE.replace(" ", "%20")))
    text = json.dumps(drawn(page))
    assert "dangerously" not in text
    assert HOSTILE in said(page)


def test_hundreds_of_steps_are_folded_by_day_and_drawn_as_few_marks():
    page = drawn(order_page.build(view_of(whole(), "/order/R-LONG")))
    days = [each for each in nodes(page, "Details") if each.get("className") == "day"]
    assert len(days) > 10
    assert not any(each["open"] for each in days)
    marks = [each for each in nodes(page, "Span") if str(each.get("className", "")).startswith("lane-mark")]
    assert 10 < len(marks) < 100
    assert sum(str(each.get("id", "")).startswith("step-") for each in nodes(page, "Li")) == 400


def test_days_are_those_of_the_readers_clock():
    late = order(
        steps=[step(1, "received", at="2026-11-20T23:30:00Z"), step(2, "diagnosed", at="2026-11-20T22:30:00Z")]
    )
    assert "Saturday, 21 November 2026" in said(page_of(late))
    assert "Saturday, 21 November 2026" not in said(page_of(late, zone="UTC"))


STATES = [
    ([], "not_started", None),
    ([("created", 20)], "open", None),
    ([("received", 20)], "open_in_time", -1),
    ([("received", 20)], "open_late", 1),
    ([("received", 20), ("delivered", 10)], "back", None),
    ([("received", 20), ("delivered", 10)], "back_in_time", 9),
    ([("received", 20), ("delivered", 10)], "back_in_time", 10),
    ([("received", 20), ("delivered", 10)], "back_late", 11),
    ([("received", 20), ("completed", 12), ("delivered", 10)], "back_late", 11),
    ([("received", 20), ("cancelled", 10)], "ended", None),
    ([("received", 20), ("delivered", 10), ("reopened", 5)], "open", None),
    ([("received", 20), ("delivered", 10), ("reopened", 5), ("completed", 2)], "back", None),
]


@pytest.mark.parametrize(("events", "state", "promised"), STATES)
def test_the_state_follows_from_the_steps(events, state, promised):
    steps = [step(n, kind, at=ago(days=days)) for n, (kind, days) in enumerate(events, 1)]
    facts = {"promised_at": None if promised is None else ago(days=promised)}
    assert Journey.of(order(steps=steps, facts=facts)).state == state


def test_waits_are_those_of_the_customer():
    days = {"created": 20, "received": 19, "delivered": 10}
    steps = [step(n, kind, at=ago(days=of)) for n, (kind, of) in enumerate(days.items(), 1)]
    steps.append(step(4, "paid", "claims", at=ago(days=0)))
    longest = Journey.of(order(steps=steps, facts={})).waits(1)[0]
    assert (longest.first["kind"], longest.then["kind"]) == ("received", "delivered")


def test_an_open_order_waits_until_now():
    steps = [step(1, "received", at=ago(days=20)), step(2, "diagnosed", at=ago(days=19))]
    assert Journey.of(order(steps=steps, facts={})).waits(1)[0].then is None
    assert "Longest wait: 19 d since “Diagnosed, repair order R-1001”, and still waiting" in said(
        page_of(order(steps=steps))
    )


def test_what_was_taken_back_did_not_happen():
    steps = [step(1, "received"), step(2, "delivered", standing="withdrawn"), step(3, "closed", standing="duplicate")]
    assert Journey.of(order(steps=steps, facts={})).is_open


def test_events_of_other_facts_do_not_hand_an_order_back():
    assert Journey.of(order(steps=[step(1, "received"), step(2, "delivered", "shipments")], facts={})).is_open


@pytest.mark.parametrize(
    ("back", "again", "within"),
    [(20, 13, 7), (20, 8, 30), (100, 45, 60), (100, 5, None), (5, 20, None), (None, 1, None)],
)
def test_a_bounce_is_within_days(back, again, within):
    assert bounce(None if back is None else ago(days=back), ago(days=again)) == within


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_kind_fact_column_and_standing_has_its_word(language):
    known = sentences(language)
    kinds = {kind for fact in FACTS.values() for kind in fact.kinds}
    columns = {column for name in FACTS for column in told_columns(name)}
    wanted = {f"event.{each}" for each in (*kinds, "restated")} | {f"fact.{each}" for each in FACTS}
    wanted |= {f"{group}.{each}" for group in ("step_standing", "step_says") for each in STANDINGS}
    told = {name for name in columns if not re.fullmatch(r"\w+_(last_at|count)", name)}
    assert not (wanted | {f"column.{name}" for name in told}) - known.keys()


def test_in_german():
    with spoken("de", "Europe/Berlin"):
        text = said(page_of(order()))
    assert "Nach 13 Tg. zurückgegeben, verspätet: 3 Tg. nach dem zugesagten Termin." in text
    assert "überholt" in text
    assert "81,5" in text
