"""The German of the mails: everything that a mail can say has a translation, with the same placeholders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from jinja2 import nodes

from alerts.letter import Kind
from alerts.mail import content, subject, template
from alerts.mail.language import FOLDER
from analytics.speech.language import catalogue

HERE = Path(content.__file__).parent
GERMAN = catalogue("de", FOLDER)
SHARED = catalogue("de")
SAME_IN_BOTH = {"{level}: {about}", "{title} {where}", "{title} {value} {where}"}


def placeholders(text):
    return sorted(re.findall(r"\{(\w+)\}", text))


def of_code():
    keywords = {"say": None, "many": (1, 2), "msgid": None, "msgids": (1, 2)}
    for _, _, message, _, _ in extract_from_dir(HERE, [("**.py", "python")], keywords=keywords, options_map={}):
        yield message if isinstance(message, str) else message[:2]


def of_templates():
    for name in template._MARKED.list_templates():
        parsed = template._MARKED.parse((template.FOLDER / name).read_text())
        for call in parsed.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in ("say", "many"):
                said = tuple(each.value for each in call.args if isinstance(each, nodes.Const))
                yield said[0] if call.node.name == "say" else said[:2]


MESSAGES = sorted(set(of_code()) | set(of_templates()), key=str)


def test_the_messages_are_found():
    assert len(MESSAGES) > 100
    assert "What drives it" in MESSAGES
    assert ("{n} figure blind", "{n} figures blind") in MESSAGES


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_every_sentence_has_a_translation_with_the_same_placeholders(message):
    forms = (message,) if isinstance(message, str) else message
    found = GERMAN.get(forms[0]) or SHARED.get(forms[0])
    assert found is not None and found.string, f"{message!r} is missing in alerts/mail/de.po"
    told = (found.string,) if isinstance(found.string, str) else found.string
    assert all(each and placeholders(each) == placeholders(forms[-1]) for each in told)
    assert (
        forms[0] in SAME_IN_BOTH or told[0] != forms[0] or not re.search("[a-z]{5}", re.sub(r"\{\w+\}", "", forms[0]))
    )
    if len(forms) == 2 and forms[0] != forms[1]:
        assert found.id == forms
        assert len(told) == 2


def test_nothing_in_the_catalogue_is_left_over():
    known = {each if isinstance(each, str) else each[0] for each in MESSAGES}
    spoken = {message.id if isinstance(message.id, str) else message.id[0] for message in GERMAN if message.id}
    assert spoken <= known
    assert not any(message.context or message.fuzzy for message in GERMAN if message.id)


def test_every_kind_has_a_section_and_a_subject():
    assert {section.key for section in content.SECTIONS} == {*map(str, Kind), "source"}
    assert set(subject._LEADS) == set(map(str, Kind))
