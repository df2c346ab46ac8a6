from __future__ import annotations

import pytest

from analytics.kpi import SMALL
from layouts import wording
from layouts.words import spoken


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.042, "0.042"), (4.25, "4.25"), (4.0, "4"), (14.16, "14.2"), (312.4, "312"), (12400, "12,400"),
     (-0.0001, "0"), (100, "100"), (float("nan"), "?")],
)  # fmt: skip
def test_figure(number, text):
    assert wording.figure(number) == text


@pytest.mark.parametrize(
    ("value", "bound", "unit", "said"),
    [
        (0.142, 0.10, "%", ("14.2 %", "10 %")),
        (30.0, 24.0, "h", ("30 h", "24 h")),
        (171.0, 120.0, "h", ("7.12 d", "5 d")),
        (20.0, 72.0, "h", ("0.833 d", "3 d")),
        (3.61, 3.9, "", ("3.61", "3.9")),
        (None, 0.1, "%", ("?", "10 %")),
        (1.7, (0.6, 1.6), "", ("1.7", "0.6 to 1.6")),
        (1240, 900, "EUR", ("1,240 EUR", "900 EUR")),
    ],
)
def test_a_value_and_its_limit_share_a_unit(value, bound, unit, said):
    assert wording.value_and_limit(value, bound, unit) == said


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ((), "Whole network"),
        ((("partner", "FixIt"),), "FixIt"),
        ((("partner", "iFix"), ("product", "A52")), "iFix, product A52"),
        ((("country", "IN"),), "Country IN"),
        ((("partner", SMALL),), "partners too small to judge alone"),
        ((("service_type", "walk in"),), "Service type walk in"),
    ],
)
def test_place(part, text):
    assert wording.place(part) == text


@pytest.mark.parametrize(
    ("pain", "text"),
    [
        (16.4, "16 customers hurt"),
        (1.2, "1 customer hurt"),
        (0.3, "under 1 customer hurt"),
        (0, ""),
        (1234, "1,234 customers hurt"),
    ],
)
def test_hurt(pain, text):
    assert wording.hurt(pain) == text


@pytest.mark.parametrize(
    ("remedy", "text"), [("add_capacity", "Add capacity"), ("Swap 58 now", "Swap 58 now"), ("", "")]
)
def test_measure(remedy, text):
    assert wording.measure(remedy) == text


@pytest.mark.parametrize(
    ("noun", "text"), [("partner", "partners"), ("country", "countries"), ("day", "days"), ("sales", "sales")]
)
def test_plural(noun, text):
    assert wording.plural(noun) == text


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ({"product": "Aurora 6 Pro"}, "63 % of it: Aurora 6 Pro"),
        ({"country": "FR"}, "63 % of it: Country FR"),
        ({"weekday": "Monday"}, "63 % of it: Monday"),
        ({"product": "Aurora 6 Pro", "partner": "Fixpoint Lyon"}, "63 % of it: Fixpoint Lyon, product Aurora 6 Pro"),
    ],
)
def test_a_driver_in_short(where, text):
    assert wording.driver({"where": where, "share": 0.632}) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ((), "Ganzes Netz"),
        ((("partner", "iFix"), ("product", "A52")), "iFix, Produkt A52"),
        ((("country", "IN"),), "Land IN"),
        ((("country", SMALL),), "Länder, einzeln zu klein für ein Urteil"),
        ((("service_type", "walk in"),), "Serviceart walk in"),
        ((("weekday", "Friday"),), "Wochentag Freitag"),
    ],
)
def test_place_in_german(part, text):
    with spoken("de"):
        assert wording.place(part) == text
        assert wording.place(dict(part)) == text
    assert wording.english_place(part) != text


def test_figures_in_german():
    with spoken("de"):
        assert wording.value_and_limit(0.142, 0.10, "%") == ("14,2 %", "10 %")
        assert wording.value_and_limit(171.0, 120.0, "h") == ("7,12 Tage", "5 Tage")
        assert wording.value_and_limit(1.7, (0.6, 1.6), "") == ("1,7", "0,6 bis 1,6")
        assert wording.value_and_limit(None, 0.1, "%") == ("?", "10 %")
        assert wording.values("h", 24.0, 1.5) == ["24 Std.", "1,5 Std."]
        assert [wording.percent(each) for each in (0.98, 0.999, 0.001)] == ["98 %", "> 99 %", "< 1 %"]
        assert [wording.whole(each) for each in (12400, 2.5)] == ["12.400", "2,5"]
        assert wording.figure(0.042) == "0,042"


def test_names_in_german():
    with spoken("de"):
        assert wording.title("Late repairs") == "Verspätete Reparaturen"
        assert wording.title("Our own figure") == "Our own figure"
        assert (wording.dimension("service_type"), wording.dimensions("country")) == ("Serviceart", "Länder")
        assert wording.hurt(1234) == "1.234 Kunden betroffen"
        assert (wording.measure("add_capacity"), wording.measure("Swap 58 now")) == ("Kapazität erhöhen", "Swap 58 now")
        assert wording.driver({"where": {"weekday": "Monday"}, "share": 0.632}) == "63 % davon: Montag"
        assert wording.driver({"where": {"country": "FR"}, "share": 0.632}) == "63 % davon: Land FR"
        assert (
            wording.sentence("14.2 % meets the green limit of 15 %.") == "14,2 %: innerhalb der grünen Grenze (15 %)."
        )
    assert wording.sentence("14.2 % meets the green limit of 15 %.") == "14.2 % meets the green limit of 15 %."
