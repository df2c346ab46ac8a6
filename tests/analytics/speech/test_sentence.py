"""The core's sentences in German: whatever a Board or an explanation says has its template."""

from __future__ import annotations

import string

import pytest

from analytics.explain import _METHODS
from analytics.named import NAMED
from analytics.record import STANDINGS
from analytics.speech.language import catalogue, language
from analytics.speech.sentence import BOOK, SLOTS, _kind, known, translated
from analytics.statistics.signals import IN_WORDS

GERMAN = language("de", "Europe/Berlin")


def slots(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("message", [m for m in catalogue("de", BOOK) if m.id], ids=lambda m: str(m.id)[:60])
def test_every_template_has_known_slots_and_a_translation_with_the_same(message):
    assert message.string
    assert slots(message.id) == slots(message.string)
    assert {_kind(slot) for slot in slots(message.id)} - {"first", "second"} <= SLOTS.keys()


@pytest.mark.parametrize(("english", "german"), [
    (
        "14.2 % is beyond the red limit of 10 % (n = 1296, over 99 % sure). Stale: source incidents is dead: its newest event is 5 h old, allowed are 30 min.",
        "14,2 %: jenseits der roten Grenze (10 %), n = 1.296, zu über 99 % sicher. Veraltet: Quelle incidents ist ausgefallen: Alter ihres neuesten Ereignisses 5 Stunden, erlaubt 30 Minuten.",
    ),
    (
        "Partner Kowalski S. A. Serwis has been silent for 12 d (since 2026-11-02); its longest usual gap is 3 d.",
        "Partner Kowalski S. A. Serwis schweigt seit dem 02.11.2026 (12 Tage); längste übliche Pause: 3 Tage.",
    ),
    (
        "63 % (48 to 77 %) of the excess is associated with product Aurora 6 and weekday Friday",
        "63 % (48 bis 77 %) des Überschusses hängen zusammen mit Produkt Aurora 6 und Wochentag Freitag",
    ),
    (
        "2026-11-12 was told amber with 4 %; with the rows that came later it is 12 %, which is red.",
        "Für den 12.11.2026 hieß es gelb (4 %); mit den später gekommenen Zeilen sind es 12 %, also rot.",
    ),
    (
        "10.5 % is no longer beyond the red limit of 3 % to 7 %; it stays red until it meets 4 % to 6 %.",
        "10,5 %: nicht mehr jenseits der roten Grenze (3 % bis 7 %); bleibt rot bis zur Erholung (4 % bis 6 %).",
    ),
    (
        "Of the closed ones alone it is 3 d; counting those still open it is 7.12 d: the slow ones may be left waiting.",
        "Nur über die abgeschlossenen sind es 3 Tage; mit den noch offenen sind es 7,12 Tage: Die langsamen bleiben womöglich liegen.",
    ),
    (
        "10 % is beyond the red limit of 5 %, but with the usual mix of product and fault it would be 4.25 %. Investigate: there may be a good reason.",
        "10 %: jenseits der roten Grenze (5 %), aber bei der üblichen Mischung (Produkt und Fehler) wären es 4,25 %. Bitte prüfen: Es kann einen guten Grund geben.",
    ),
    (
        "The figure changed by +3.2 points against the window before: +1.0 points within countries, +2.2 points by another mix of countries.",
        "Die Zahl änderte sich um +3,2 Punkte gegenüber dem Zeitraum davor: +1,0 Punkte innerhalb (Länder), +2,2 Punkte durch eine andere Mischung (Länder).",
    ),
    (
        "share of rows where late, among those where that is known of repair_orders; only rows where channel is one of walk_in, mail and closed_at is known; booked by closed_at, the last 28 local days",
        "Anteil der Zeilen mit late an allen, wo das bekannt ist, aus repair_orders; nur Zeilen mit channel = walk_in, mail und closed_at bekannt; gebucht nach closed_at, die letzten 28 Ortstage",
    ),
    (
        "Source incidents is late: its newest event is 2 d old, allowed are 2 h.",
        "Quelle incidents ist verspätet: Alter ihres neuesten Ereignisses 2 Tage, erlaubt 2 Stunden.",
    ),
    ("Source incidents has never delivered anything.", "Quelle incidents hat noch nie etwas geliefert."),
    ("Partner FixIt has been silent for more than 400 d.", "Partner FixIt schweigt seit mehr als 400 Tagen."),
    ("Only 12 of the 30 rows that a judgement needs.", "Nur 12 der 30 Zeilen, die ein Urteil braucht."),
    ("No data: no rows in the last 28 d (by closed_at).", "Keine Daten: keine Zeilen in den letzten 28 Tagen (nach closed_at)."),
    (
        "10 % is beyond the red limit of 5 %, but of as many figures some lie there by chance: to call it red one would accept that all of such reds are false.",
        "10 %: jenseits der roten Grenze (5 %), aber von so vielen Zahlen liegen einige zufällig dort: Wer dies rot nennt, nimmt hin, dass von solchen Roten alle falsch sind.",
    ),
    (
        "10 % is beyond the red limit of 5 %, so far for one day: red from 2 of 3 days on.",
        "10 %: jenseits der roten Grenze (5 %), bisher an einem Tag; rot ab 2 von 3 Tagen.",
    ),
    ("1 orders meets the green limit of 2 orders.", "1 Auftrag: innerhalb der grünen Grenze (2 Aufträge)."),
    ("green: kpi.late; red: contract C-1 (target 0.95)", "grün: kpi.late; rot: Vertrag C-1 (Ziel 0,95)"),
    ("Snoozed by Ada until 2026-11-24T14:00:00Z: then, if it is still red, it is told again.", "Zurückgestellt von Ada bis 24.11.2026, 15:00 MEZ: Ist es dann noch rot, wird wieder gemeldet."),
])  # fmt: skip
def test_sentences_in_german(english, german):
    assert known(GERMAN, english) == german


@pytest.mark.parametrize(
    "text", ["", "Somebody wrote this.", "{n} {figure}", "14.2 % is {n}", "x" * 5000, "a at " * 300]
)
def test_what_no_template_fits_stays_as_it_is(text):
    assert translated(GERMAN, text) == text


def test_english_stays_english():
    assert (
        translated(language("en", "UTC"), "14.2 % meets the green limit of 15 %.")
        == "14.2 % meets the green limit of 15 %."
    )


@pytest.mark.parametrize(
    "text",
    [*_METHODS.values(), *STANDINGS.values(), *IN_WORDS.values(), *(m.formula for m in NAMED.values() if m.formula)],
)
def test_fixed_sentences_have_their_words(text):
    assert known(GERMAN, text), text
