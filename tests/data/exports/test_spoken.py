"""What a judged Board says has its words in German, too: a new reason without a template fails here."""

from __future__ import annotations

import re

from analytics.adding_up import adding_up
from analytics.explain import formula
from analytics.kpi import SMALL
from analytics.speech import words
from analytics.speech.language import is_shipped, language
from analytics.speech.sentence import known
from analytics.verdict import limits_for

GERMAN = language("de", "Europe/Berlin")
SAME_IN_BOTH = {"Net promoter score"}


def test_every_reason_has_its_words(board):
    reasons = {reading["reason"] for reading in board["readings"]}
    reasons |= {each["reason"] for reading in board["readings"] for each in reading["reversed"]}
    assert len(reasons) > 100
    assert {re.sub(r"[\d.,]+", "0", text) for text in reasons if known(GERMAN, text) is None} == set()


def test_every_driver_has_its_words(board):
    texts = {driver["text"] for reading in board["readings"] for driver in reading["drivers"]}
    assert texts
    assert [text for text in texts if known(GERMAN, text) is None] == []


def test_every_formula_and_origin_of_limits_has_its_words(demo, board):
    kpis = {kpi.key: kpi for kpi in demo.settings.kpis}
    texts = {formula(kpi) for kpi in kpis.values()} | {adding_up(kpi) for kpi in kpis.values()}
    slices = {(reading["kpi"], tuple(sorted(reading["slice"].items()))) for reading in board["readings"]}
    texts |= {limits_for(kpis[key], slice_)[1] for key, slice_ in slices}
    assert len(texts) > 150
    assert [text for text in texts if known(GERMAN, text) is None] == []


def test_every_title_and_place_has_its_words(board):
    readings = board["readings"]
    titles = {reading["title"] for reading in readings if is_shipped(reading["title"])} - SAME_IN_BOTH
    assert titles
    assert all(GERMAN.name("kpi", title) != title for title in titles)
    pools = [reading["slice"] for reading in readings if SMALL in reading["slice"].values()]
    assert not any("too small" in words.place(GERMAN, part) for part in pools)
