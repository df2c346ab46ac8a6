"""The German of names and words: whatever mails and pages both say has a translation, with the same placeholders."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.extract import extract_from_dir

from analytics.behind import _FIRST, WEEKDAY
from analytics.speech import words
from analytics.speech.language import FOLDER, catalogue, form_of, language
from analytics.wording import plural

KPIS = tomllib.loads((Path(__file__).parents[3] / "kpis.toml").read_text())["kpi"]
GERMAN = catalogue("de")
SAME_IN_BOTH = {"in {place}"}


def placeholders(text):
    return sorted(re.findall(r"\{(\w+)\}", text))


def of_code():
    keywords = {"say": None, "many": (1, 2), "msgid": None, "msgids": (1, 2)}
    for _, _, message, _, _ in extract_from_dir(FOLDER, [("**.py", "python")], keywords=keywords, options_map={}):
        yield message if isinstance(message, str) else message[:2]


MESSAGES = sorted(set(of_code()), key=str)


def test_the_messages_are_found():
    assert len(MESSAGES) > 40
    assert ("{n} customer hurt", "{n} customers hurt") in MESSAGES
    assert "Add capacity: more shifts or technicians" in MESSAGES


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_every_word_has_a_translation_with_the_same_placeholders(message):
    forms = (message,) if isinstance(message, str) else message
    found = GERMAN.get(forms[0])
    assert found is not None and found.string, f"{message!r} is missing in analytics/speech/de.po"
    told = (found.string,) if isinstance(found.string, str) else found.string
    assert all(each and placeholders(each) == placeholders(forms[-1]) for each in told)
    assert forms[0] in SAME_IN_BOTH or told[0] != forms[0]
    assert len(told) == len(forms)


@pytest.mark.parametrize("key", KPIS)
def test_every_shipped_title_and_unit_has_a_translation(key):
    kpi = KPIS[key]
    assert GERMAN.get(kpi["title"], "kpi").string
    assert not kpi["unit"] or GERMAN.get(kpi["unit"], "unit").string


def test_every_measure_and_pain_of_the_catalogue_has_its_words():
    assert {remedy for kpi in KPIS.values() for remedy in kpi["remedies"]} == set(words.MEASURES)
    assert {kpi["pain"] for kpi in KPIS.values()} == set(words.PAINS)


@pytest.mark.parametrize(
    "dimension", sorted({*(d for kpi in KPIS.values() for by in kpi["by"] for d in by), *_FIRST, WEEKDAY})
)
def test_every_dimension_has_a_translation(dimension):
    spoken = dimension.replace("_", " ")
    assert GERMAN.get(spoken, "dimension").string
    assert GERMAN.get(plural(spoken), "dimensions").string


def test_nothing_in_the_catalogue_is_left_over():
    known = {each if isinstance(each, str) else each[0] for each in MESSAGES}
    spoken = {
        message.id if isinstance(message.id, str) else message.id[0]
        for message in GERMAN
        if message.id and not message.context
    }
    assert spoken == known
    assert {message.id for message in GERMAN if message.context == "kpi"} == {
        "Source",
        *(kpi["title"] for kpi in KPIS.values()),
    }
    assert not any(message.fuzzy for message in GERMAN if message.id)


def test_titles_that_are_not_ours_stay_as_they_are():
    reader = language("de", "UTC")
    assert words.title(reader, {"title": "Our own figure"}) == "Our own figure"
    assert words.title(reader, {"title": "Late repairs"}) == "Verspätete Reparaturen"
    assert words.title_inside(language("en", "UTC"), {"title": "Our own figure"}) == "Our own figure"
    assert words.title_inside(language("en", "UTC"), {"title": "Late repairs"}) == "late repairs"


@pytest.mark.parametrize(("part", "heading", "inside"), [
    ({}, "Ganzes Netz", "im ganzen Netz"),
    ({"partner": "Nordlicht"}, "Nordlicht", "bei Nordlicht"),
    ({"country": "IN"}, "Indien (IN)", "in Indien (IN)"),
    ({"country": "Atlantis"}, "Atlantis", "in Atlantis"),
    ({"country": "DE", "partner": "Nordlicht"}, "Nordlicht, Deutschland (DE)", "bei Nordlicht, Deutschland (DE)"),
    ({"service_type": "mail_in"}, "Serviceart mail_in", "für Serviceart mail_in"),
    ({"weekday": "Friday"}, "Wochentag Freitag", "für Wochentag Freitag"),
    ({"country": "(small)"}, "Länder, die einzeln zu klein für ein Urteil sind", "bei: Länder, die einzeln zu klein für ein Urteil sind"),
    ({"own_thing": "x"}, "Own thing x", "für own thing x"),
])  # fmt: skip
def test_places_in_german(part, heading, inside):
    reader = language("de", "UTC")
    assert words.place(reader, part) == heading
    assert words.where(reader, part) == inside


@pytest.mark.parametrize(("customers", "said"), [
    (0.0, ""), (None, ""), (float("nan"), ""), (0.3, "under 1 customer hurt"), (1.2, "1 customer hurt"), (1234.5, "1,234 customers hurt"),
])  # fmt: skip
def test_customers_in_words(customers, said):
    assert words.hurt(language("en", "UTC"), {"customers": customers}) == said


def test_the_kind_of_pain_is_told_where_it_is_known():
    assert (
        words.hurt(language("de", "UTC"), {"customers": 2.0, "pain_kind": "waits"}) == "2 Kunden betroffen: sie warten"
    )


def test_a_number_has_the_digits_it_has_on_every_page():
    english, german = language("en", "UTC"), language("de", "UTC")
    numbers = (0.042, 4.25, 14.2, 312, 12400, -0.5, 0.0, float("nan"), 99.96)
    assert [english.number(n) for n in numbers] == ["0.042", "4.25", "14.2", "312", "12,400", "-0.5", "0", "?", "100"]
    assert [german.number(n) for n in numbers] == ["0,042", "4,25", "14,2", "312", "12.400", "-0,5", "0", "?", "100"]


@pytest.mark.parametrize(("spec", "english", "german"), [
    (",", "1,234.5", "1.234,5"), (".1f", "1234.5", "1234,5"), (",.0f", "1,234", "1.234"), (".2f", "1234.50", "1234,50"), ("", "1234.5", "1234,5"),
])  # fmt: skip
def test_a_number_is_written_as_its_format_asks(spec, english, german):
    assert language("en", "UTC").formatted(1234.5, spec) == english
    assert language("de", "UTC").formatted(1234.5, spec) == german


@pytest.mark.parametrize(("tag", "n", "form"), [
    ("en", 1, "a"), ("en", 0, "b"), ("de", 1, "a"), ("de", 2, "b"),
])  # fmt: skip
def test_a_number_chooses_its_form(tag, n, form):
    assert form_of(language(tag, "UTC").locale, ("a", "b"), n) == form


@pytest.mark.parametrize(("tag", "n", "form"), [
    ("pl", 1, "a"), ("pl", 3, "b"), ("pl", 5, "c"), ("pl", 22, "b"), ("fr", 0, "a"), ("fr", 2, "b"), ("ja", 1, "a"), ("ja", 7, "a"),
])  # fmt: skip
def test_languages_to_come_choose_among_their_own_forms(tag, n, form):
    assert form_of(Locale.parse(tag), {"pl": ("a", "b", "c"), "fr": ("a", "b"), "ja": ("a",)}[tag], n) == form
