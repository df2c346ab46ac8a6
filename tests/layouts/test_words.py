"""The catalogues of the pages: every sentence is there, in every language, and nowhere else."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from layouts.words import LANGUAGES, USUAL, say, sentences, spoken, word

ENGLISH = sentences("en")
OTHERS = [language for language in LANGUAGES if language != USUAL]

LAYOUTS = Path(__file__).parents[2] / "layouts"
FILES = [file for file in sorted(LAYOUTS.rglob("*.py")) if file.name != "words.py"]
SOURCE = "\n".join(file.read_text(encoding="utf-8") for file in FILES)
SCRIPTS = "\n".join(file.read_text(encoding="utf-8") for file in LAYOUTS.glob("assets/*.js"))
NAMES = re.compile(r"""word\(\s*["']([a-z_.]+)["']""")
BUILT = re.compile(r"""f(["'])([a-z_]+\.(?:[a-z_.]|\{(?:(?!\1)[^}])*\})*)\1""")
FOR_PROGRAMS = {"push.py", "web.py", "suites.py"}
"""What they say is read by programs and by whoever runs them, so that it is English."""
AMONG_DOCUMENTS = {"common cause", "rows beyond the green limit"}
"""Words of the Board's JSON that are compared, not shown."""
SAME_IN_BOTH = {
    "inbox.range", "episode.title", "line.value", "line.handling", "reader.title", "kpi.title", "time.minute", "time.second",
    "time.seconds", "time.minutes", "wall.minutes", "wall.seconds",
}  # fmt: skip


def forms(text):
    return (text,) if isinstance(text, str) else text


def placeholders(text):
    return {(name, spec) for _, name, spec, _ in string.Formatter().parse(text) if name}


def test_every_sentence_that_is_said_is_there():
    said = set(re.findall(r"""say\(\s*["']([a-z_.0-9]+)["']""", SOURCE))
    assert len(said) > 300
    assert not said - ENGLISH.keys()


def test_no_sentence_is_left_over():
    quoted = set(re.findall(r"""["']([a-z_0-9]+\.[a-z_.0-9 ]+)["']""", SOURCE))
    quoted |= {f"wall.{key}" for key in re.findall(r'"([a-z_.]+)"', SCRIPTS)}
    groups = {f"{re.escape(group)}\\..+" for group in NAMES.findall(SOURCE)} | {r"wall\..+"}
    built = {re.sub(r"\\\{.*?\\\}", "[a-z_0-9 ]+", re.escape(key)) for _, key in BUILT.findall(SOURCE)}
    known = re.compile("|".join(groups | built))
    assert sorted(key for key in ENGLISH.keys() - quoted if not known.fullmatch(key)) == []


def test_no_area_says_what_another_says():
    for language in LANGUAGES:
        found: dict[str, str] = {}
        for path in sorted((LAYOUTS / "language" / language).glob("*.po")):
            with path.open("rb") as file:
                for message in read_po(file):
                    key = forms(message.id)[0]
                    assert not key or found.setdefault(key, path.name) == path.name, f"{key} is in {path.name} too"


def test_one_and_several_take_the_same_values():
    for language in LANGUAGES:
        for key, text in sentences(language).items():
            if isinstance(text, tuple):
                names = [{name for name, _ in placeholders(each)} | {"n"} for each in text]
                assert all(each == names[0] for each in names), key
                assert "n" in {name for name, _ in placeholders(text[-1])}, key


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_there_in_every_language(language):
    told = sentences(language)
    assert sorted(ENGLISH.keys() - told.keys()) == []
    assert sorted(told.keys() - ENGLISH.keys()) == []


@pytest.mark.parametrize("language", OTHERS)
def test_translations_take_the_same_values_and_forms(language):
    for key, text in sentences(language).items():
        own, english = forms(text), forms(ENGLISH[key])
        assert isinstance(text, str) == isinstance(ENGLISH[key], str), key
        names = {name for name, _ in placeholders(english[-1])}
        assert {name for name, _ in placeholders(own[-1])} == names, key
        assert all({name for name, _ in placeholders(each)} | {"n"} == names for each in own[:-1]), key
        assert all(each.strip() for each in own), key
        # where English sets off a link or a second half with spaces, so must the others
        assert (own[0][0] == " ", own[0][-1] == " ") == (english[0][0] == " ", english[0][-1] == " "), key


@pytest.mark.parametrize("language", OTHERS)
def test_sentences_are_translated(language):
    told = sentences(language)
    same = {
        key for key, text in ENGLISH.items() if text == told.get(key) and re.search("[a-z]{3} [a-z]{2}", forms(text)[0])
    }
    assert same - SAME_IN_BOTH == set()


def hard_coded(tree):
    """Find texts of two words or more that are no docstring, log, error of a programmer, pattern or class."""
    quiet = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            quiet.add(id(node.value))
        elif isinstance(node, ast.Call):
            of = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            named = of.id if isinstance(of, ast.Name) else ""
            silent = named in {"_log", "re", "ValueError", "TypeError"}
            quieted = [node] if silent else [k for k in node.keywords if k.arg in {"className", "style", "rel"}]
            quiet |= {id(each) for part in quieted for each in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet:
            markup = re.search(r"[<'\"={]", node.value)
            if not markup and re.search(r"[A-Za-z]+ [a-z]{2,}", node.value) and node.value not in AMONG_DOCUMENTS:
                yield node.lineno, node.value


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(LAYOUTS)))
def test_no_page_has_english_of_its_own(file):
    if file.name not in FOR_PROGRAMS:
        assert list(hard_coded(ast.parse(file.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    ("n", "text"), [(1, "1 KPI is judged"), (0, "0 KPIs are judged"), (1234, "1,234 KPIs are judged")]
)
def test_numbers_choose_their_sentence(n, text):
    assert say("inbox.judged", n=n) == text


def test_numbers_are_written_as_people_there_do():
    with spoken("de"):
        assert say("inbox.judged", n=1234) == "1.234 Kennzahlen sind beurteilt"
        assert say("inbox.range", first=951, last=1000, total=12345) == "951 bis 1.000 von 12.345"
        assert say("form.slow", seconds=10.0).endswith("binnen 10 s.")


def test_braces_in_a_name_are_part_of_the_name():
    assert say("inbox.no_match", words="{n} {0} {") == "No episode here has all of these words: {n} {0} {."


def test_a_word_that_nobody_worded_is_spelled_out():
    assert word("kind", "opened") == "Opening"
    assert word("kind", "half_open") == "half open"
