"""The picture in a mail: the same bytes for the same reading, small, and never in the way of the mail."""

from __future__ import annotations

import re
import struct
from importlib import import_module
from itertools import pairwise

import pytest
from test_mail import LATE, OUTLOOK, SLOW, SWAPS

from alerts.mail import picture
from alerts.mail.language import language
from alerts.mail.picture import LABEL_GAP, Label, described, drawing, render, spread

ENGLISH, GERMAN = language("en", "Europe/Berlin"), language("de", "Europe/Berlin")
ZERO = {
    **LATE,
    "kpi": "open_over_21d",
    "unit": "orders",
    "value": 3.0,
    "limits": {"green": 0, "red": 0},
    "history": [["2026-11-19", 0.0], ["2026-11-20", 3.0]],
}


@pytest.mark.parametrize("reading", [LATE, SLOW, SWAPS, ZERO, {**LATE, "outlook": OUTLOOK}], ids=lambda r: r["kpi"])
def test_pictures_are_repeatable_small_and_twice_their_size(reading):
    png = picture(reading, "de", "Europe/Berlin")
    assert png == picture(reading, "de", "Europe/Berlin")
    assert len(png) < 30_000
    assert struct.unpack(">II", png[16:24]) == (960, 460)


def texts(drawn):
    return re.findall(r"<text[^>]*>([^<]*)</text>", drawn)


def test_what_is_drawn():
    drawn = drawing({**LATE, "outlook": OUTLOOK}, GERMAN)
    assert texts(drawn) == [
        "Verspätete Reparaturen", "n = 296", "Prognose", "14,2 %", "Grenze 10 %", "grün 5 %", "7. Nov.", "13. Nov.", "20. Nov.",
    ]  # fmt: skip
    assert drawn.count("<polyline") == 2, "two days are missing: a gap, no line over it"
    assert drawn.count("<polygon") == 1
    assert "<polygon" not in drawing(LATE, GERMAN)


def test_every_day_lies_in_order_and_every_limit_within():
    drawn = drawing(LATE, ENGLISH)
    points = [
        tuple(map(float, pair.split(","))) for line in re.findall(r'points="([^"]*)"', drawn) for pair in line.split()
    ]
    assert len(points) == len(LATE["history"])
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    values, days = [value for _, value in LATE["history"]], range(len(points))
    assert sorted(days, key=lambda day: values[day]) == sorted(days, key=lambda day: -points[day][1])


@pytest.mark.parametrize(("limits", "zones"), [
    ({"green": 0.05, "red": 0.1}, 1), ({"green": 0.2, "red": 0.1}, 1), ({"green": [0.04, 0.06], "red": [0.03, 0.1]}, 2), (None, 0), ({}, 0),
])  # fmt: skip
def test_the_zone_beyond_the_limit_is_shaded(limits, zones):
    drawn = drawing({**LATE, "limits": limits}, ENGLISH)
    assert drawn.count("#fde3e3") == zones
    depths = [float(depth) for depth in re.findall(r'height="([\d.]+)" fill="#fde3e3"', drawn)]
    assert all(0 <= depth <= 142 for depth in depths)
    assert render(drawn)


def test_labels_never_cover_each_other():
    moved = spread(
        [
            Label("a", 100, "red"),
            Label("b", 101, "green"),
            Label("c", 193, "last"),
            Label("d", 193, "red"),
            Label("e", 30, "red"),
        ]
    )
    ys = [label.y for label in moved]
    assert [label.text for label in moved] == ["e", "a", "b", "c", "d"]
    assert all(after - before >= LABEL_GAP - 0.01 for before, after in pairwise(ys))
    assert min(ys) >= 50 and max(ys) <= 194


@pytest.mark.parametrize(
    "history",
    [
        None,
        [],
        [["2026-11-20", 0.1]],
        [["2026-11-19", None], ["2026-11-20", 0.1]],
        [["2026-11-19", float("nan")], ["2026-11-20", 1.0]],
    ],
)
def test_without_a_course_there_is_no_picture(history, caplog):
    assert picture({**LATE, "history": history}, "en", "UTC") is None
    assert not caplog.records


@pytest.mark.parametrize(
    "change",
    [
        {"history": [["soon", 1], ["later", 2]]},
        {"limits": {"red": "high"}},
        {"value": "?", "unit": "h"},
        {"outlook": {"band": [[1]]}},
    ],
)
def test_a_failure_is_logged_and_there_is_no_picture(change, caplog):
    assert picture({**LATE, **change}, "en", "UTC") is None
    assert "No picture of late_repairs" in caplog.text


def test_a_renderer_that_fails_is_logged_too(monkeypatch, caplog):
    monkeypatch.setattr(import_module("alerts.mail.picture"), "render", lambda _: 1 / 0)
    assert picture(LATE, "en", "UTC") is None
    assert "No picture of late_repairs" in caplog.text


@pytest.mark.parametrize("title", ["修理の遅れ", "Опоздания", "</text><script>", "\x00\ud800", "Żółw & Ħal", "x" * 500])
def test_letters_that_the_font_lacks_break_nothing(title):
    reading = {**LATE, "title": title, "unit": title[:9]}
    assert picture(reading, "en", "UTC")
    assert "<script" not in drawing(reading, ENGLISH)


def test_unchanging_figures_are_drawn():
    flat = {
        **LATE,
        "value": 0.0,
        "limits": {"green": 0, "red": 0},
        "history": [[f"2026-11-{day}", 0.0] for day in range(10, 20)],
    }
    assert picture(flat, "en", "UTC")


def test_its_words_say_what_it_shows():
    assert described(LATE, ENGLISH) == (
        "Late repairs, Partner 14: line from 7 Nov 2026, 4.2 %, to 20 Nov 2026, 14.2 %. Red limit 10 %. Green limit 5 %."
    )
    assert described(SWAPS, GERMAN) == (
        "Getauschte statt reparierte Geräte, Nordlicht Service, Produkt Aurora 6: Linie vom 18.11.2026, 6 %, bis zum 20.11.2026, 10,5 %. "
        "Rote Grenze 3 % bis 7 %. Grüne Grenze 4 % bis 6 %."
    )
