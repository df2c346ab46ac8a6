"""What the analyst's pages say of a figure that gets worse although it meets its limit."""

import pytest

from layouts.analysis import kpi, tile
from layouts.words import spoken

READING = {
    "trend": "steady",
    "worsening": True,
    "change": {
        "variation": "worsening",
        "assurance": "will meet",
        "moved": {"text": "4.4 % in the last 14 days, after 1.2 % in the weeks before"},
    },
}


@pytest.mark.parametrize("course", [kpi._course, tile.course])
def test_pages_say_from_what_to_what(course):
    with spoken("en"):
        assert (
            course(READING) == "getting worse beyond chance: 4.4 % in the last 14 days, after 1.2 % in the weeks before"
        )
    with spoken("de"):
        assert "4,4 % in den letzten 14 Tagen, nach 1,2 % in den Wochen davor" in course(READING)


@pytest.mark.parametrize("course", [kpi._course, tile.course])
def test_what_does_not_get_worse_is_told_as_before(course):
    with spoken("en"):
        assert "beyond chance" not in course(READING | {"worsening": False})
