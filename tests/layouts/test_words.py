from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from layouts.words import say, sentences, word

ENGLISH = sentences("en")

LAYOUTS = Path(__file__).parents[2] / "layouts"
SOURCE = "\n".join(file.read_text(encoding="utf-8") for file in LAYOUTS.glob("*.py") if file.name != "words.py")
GROUPS = {"level", "value", "state", "kind", "why.status"}
"""Groups whose words are asked for by `word`, and keys that are put together from names."""
BUILT = {"line", "why", "form", "mailed", "inbox.none"}


def test_every_sentence_that_is_said_is_there():
    said = set(re.findall(r'say\(\s*"([a-z_.]+)"', SOURCE))
    assert len(said) > 100
    assert not said - ENGLISH.keys()


def test_no_sentence_is_left_over():
    quoted = set(re.findall(r'"([a-z_]+\.[a-z_.]+)"', SOURCE))
    over = {key for key in ENGLISH.keys() - quoted if key.rpartition(".")[0] not in GROUPS | BUILT}
    assert not over


def test_one_and_several_take_the_same_values():
    for key, text in ENGLISH.items():
        if isinstance(text, tuple):
            one, several = ({name for _, name, _, _ in string.Formatter().parse(each) if name} for each in text)
            assert one == several, key
            assert "n" in several, key


@pytest.mark.parametrize(
    ("n", "text"), [(1, "1 KPI is judged"), (0, "0 KPIs are judged"), (1234, "1,234 KPIs are judged")]
)
def test_numbers_choose_their_sentence(n, text):
    assert say("inbox.judged", n=n) == text


def test_braces_in_a_name_are_part_of_the_name():
    assert say("inbox.no_match", words="{n} {0} {") == "No episode here has all of these words: {n} {0} {."


def test_a_word_that_nobody_worded_is_spelled_out():
    assert word("kind", "opened") == "Opening"
    assert word("kind", "half_open") == "half open"
