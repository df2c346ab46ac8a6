from __future__ import annotations

import pytest
from list_desk import ago, episode, letter, notice, step
from wall_boards import NOW

from layouts.answers import answers
from layouts.timeline import answer, lines, outcome
from layouts.times import Times


def said(made):
    return [(line.kind, line.text) for line in lines(made)]


@pytest.mark.parametrize(
    ("code", "ended", "kind"),
    [(250, False, "accepted"), (451, False, "put_off"), (550, False, "refused"), (None, False, "failed"), (None, True, "accepted"),
     (421, False, "put_off"), (599, False, "refused")],
)  # fmt: skip
def test_a_try_is_named_by_its_code(code, ended, kind):
    assert outcome({"code": code, "said": "", "at": ago()}, ended=ended) == kind


@pytest.mark.parametrize(
    ("code", "text", "shown"),
    [
        (550, "5.1.1 no", "550 5.1.1 no"),
        (550, "550 no", "550 no"),
        (None, "timed out", "timed out"),
        (250, "", "250"),
        (None, None, ""),
    ],
)
def test_an_answer_has_its_code_once(code, text, shown):
    assert answer({"code": code, "said": text}) == shown


def test_what_happened_at_one_moment_stands_in_the_order_of_cause():
    moment = {"hours": 5}
    accepted = {"at": ago(**moment), "code": 250, "said": "OK"}
    made = episode(
        transitions=[step("value", "pending", "red", "", **moment)],
        notices=[
            notice(
                created_at=ago(**moment), letter=1, story=[[ago(**moment), "waits for others"]], told_at=ago(**moment)
            )
        ],
        letters=[letter(created_at=ago(**moment), tries=[accepted], done_at=ago(**moment))],
    )
    assert [kind for kind, _ in said(made)] == ["value", "notice", "held", "letter", "accepted"]


def test_a_drop_is_told_once_though_its_story_tells_it_too():
    dropped = notice(
        status="dropped", held="snoozed", told_at=None, story=[[ago(hours=3), "grouped"], [ago(hours=2), "snoozed"]]
    )
    assert [text for _, text in said(episode(notices=[dropped]))[1:]] == [
        "Opening not sent to Ada yet because: grouped",
        "Opening not sent to Ada because: snoozed",
    ]
    unsaid = notice(status="dropped", held="silenced", told_at=None, story=[[ago(hours=3), "grouped"]])
    assert said(episode(notices=[unsaid]))[-1] == ("dropped", "Opening not sent to Ada because: silenced")


def test_whoever_was_told_without_a_letter_on_record_was_told():
    assert ("accepted", "Opening told to Ada") in said(episode(notices=[notice(letter=77)]))


def test_an_open_episode_without_records_has_no_lines():
    assert lines(episode()) == []


@pytest.mark.parametrize(
    ("changes", "letters", "text"),
    [
        ({"status": "waiting", "held": ""}, [], "Opening: not sent yet."),
        ({"status": "undeliverable", "held": ""}, [], "Opening: could not be delivered."),
        ({"status": "dropped", "held": "rate limit."}, [], "Opening: not sent because: rate limit."),
        (
            {"status": "written", "letter": 1},
            [letter(status="waiting", tries=[{"at": ago(), "code": 451, "said": "come again"}])],
            "Opening: the mail is written; the last try was answered: 451 come again. Another one follows.",
        ),
        ({"status": "something_new"}, [], "Opening: not sent yet."),
    ],
)
def test_every_recipient_has_an_answer(changes, letters, text):
    made = episode(notices=[notice(**changes)], letters=letters)
    assert [sentence for _, sentence, _ in answers(made, Times(NOW, "UTC"))["Ada"]] == [text]
