"""`test-alerts`: the shipped example passes, what fails says why, and every mistake in a file is one sentence with its mend."""

import json
import re
from pathlib import Path

import pytest

import app
from alerts.letter import Kind
from analytics.trial import KINDS
from data.settings.trial_shapes import DeedShape, ExpectShape, FileShape, ReadingShape, SourceTurnShape, TrialShape

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "alerts"
PARTNER = '{ partner = "Fixpoint Lyon" }'
GOOD = f"""
[[test]]
name = "lyon"
start = 2026-10-05T09:00:00
partners = {{ "Fixpoint Lyon" = {{ country = "FR" }} }}
[[test.reading]]
at = "0 h"
kpi = "late_repairs"
slice = {PARTNER}
value = 0.14
n = 340
[[test.expect]]
at = "0 h"
to = "ops"
kind = "opened"
"""


class Desk:
    """A folder with the example's settings, in which tests are written and played."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        (folder / "settings.toml").write_text((EXAMPLE / "settings.toml").read_text())

    def play(self, text, *options):
        file = self.folder / "t.toml"
        file.write_text(text if text.startswith("settings") else f'settings = "settings.toml"\n{text}')
        code = app.main(["test-alerts", str(file), *options])
        said = self.capsys.readouterr()
        return code, said.out, said.err.strip().replace(f"{file}", "t.toml")

    def document(self, text):
        code, out, err = self.play(text, "--json")
        assert not err
        document = json.loads(out)
        assert code == (1 if document["failed"] else 0)
        return document


@pytest.fixture
def desk(tmp_path, capsys):
    return Desk(tmp_path, capsys)


def test_the_shipped_example_passes(capsys):
    assert app.main(["test-alerts", str(EXAMPLE / "alerts.test.toml")]) == 0, capsys.readouterr().out
    assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 0 failed"


def test_the_readmes_test_runs(desk):
    text = re.search(
        r"<!-- test: a test of alert rules -->\n```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )[1]
    assert desk.document(text)["failed"] == 0


def test_every_key_stands_in_the_readme():
    text = (ROOT / "README.md").read_text()
    page = text[text.index("## Testing your alert rules") : text.index("## JSON and addresses")]
    for shape in (FileShape, TrialShape, ReadingShape, SourceTurnShape, DeedShape, ExpectShape):
        for name, field in shape.model_fields.items():
            assert re.search(rf"\b{field.alias or name}\b", page), name
    assert all(kind in page for kind in KINDS)


def test_kinds_are_those_of_letters():
    assert set(KINDS) == {str(kind) for kind in Kind}


def test_a_good_one_gives_its_mails(desk):
    document = desk.document(GOOD)
    (one,) = document["tests"]
    assert (document["passed"], document["failed"], one["passed"], one["failures"]) == (1, 0, True, [])
    (mail,) = one["mails"]
    assert (mail["recipient"], mail["kinds"], mail["after"]) == ("ops", ["opened"], "0.5 min")


def test_a_failure_says_what_came_what_did_not_and_how_it_was_judged(desk):
    text = (
        GOOD.replace("value = 0.14", "value = 0.14\npain = 20").replace("T09:00:00", "T23:00:00")
        + 'subject = "Leeds"\n'
    )
    code, out, err = desk.play(text)
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "FAILED  lyon",
        '  expected a mail "opened" to ops whose subject holds "Leeds" between 0 h and 10 min; none came',
        "  what came:",
        "    nothing",
        "  what was not told, and why:",
        "    0 h: ops, opened of late_repairs at Fixpoint Lyon: waits for the end of the quiet hours",
        "  how it was judged:",
        "    0 h: late_repairs at Fixpoint Lyon red: 14 % is beyond the red limit of 10 % (n = 340, over 99 % sure).",
        "0 passed, 1 failed",
    ]


def test_an_exact_number_is_exact(desk):
    (failure,) = desk.document(GOOD + '[[test.expect]]\nto = "ops"\nmails = 2\n')["tests"][0]["failures"]
    assert failure["expected"] == "expected 2 mails to ops; 1 came"
    assert [mail["subject"] for mail in failure["came"]] == ["Red: late repairs 14 % at Fixpoint Lyon (limit 10 %)"]
    assert desk.document(GOOD + '[[test.expect]]\nto = "head"\nmails = 0\n')["failed"] == 0


def reading(at, value, **more):
    extra = "".join(f"{key} = {json.dumps(each)}\n" for key, each in more.items())
    return f'[[test.reading]]\nat = "{at}"\nkpi = "late_repairs"\nslice = {PARTNER}\nvalue = {value}\n{extra}'


def expect(**keys):
    return "[[test.expect]]\n" + "".join(f"{key} = {json.dumps(each)}\n" for key, each in keys.items())


HEAD = '[[test]]\nname = "x"\nstart = 2026-10-05T08:00:00\npartners = { "Fixpoint Lyon" = { country = "FR" } }\n'


def levels(document):
    """Levels as they changed, with the day and local hour of each, from the failure that a test without mails makes."""
    return [(row["at"], row["level"]) for row in document["tests"][0]["failures"][0]["levels"]]


def judged(desk, *parts):
    return levels(desk.document(HEAD + "".join(parts) + expect(to="head", mails=9)))


def test_limits_samples_and_persistence_are_the_catalogues(desk):
    assert judged(desk, reading("0 h", 0.2, n=10)) == [("0 h", "unknown")]
    assert judged(desk, reading("0 h", 0.07)) == [("0 h", "amber")]
    assert judged(desk, reading("0 h", 0.12, n=40)) == [("0 h", "amber")]  # beyond, but not sure
    entered = judged(desk, reading("0 h", 0.02), reading("24 h", 0.12, n=340), reading("50 h", 0.12, n=340))
    assert entered == [("0 h", "green"), ("24 h", "amber"), ("40 h", "red")]  # at the next local midnight
    left = judged(desk, reading("0 h", 0.14, n=340), reading("1 h", 0.095), reading("2 h", 0.08))
    assert left == [("0 h", "red"), ("2 h", "amber")]  # 9.5 % is not yet a quarter of the way back


def test_deeds_and_sources(desk):
    red = reading("0 h", 0.14, n=340, pain=300)
    acts = '[[test.do]]\nat = "{}"\nverb = "{}"\nby = "Ada"\n{}'
    escalated = {"to": "head", "kind": "escalated"}
    assert desk.document(HEAD + red + expect(at="4 h", **escalated))["failed"] == 0
    seen = acts.format("1 h", "acknowledge", "")
    assert desk.document(HEAD + red + seen + expect(between=["0 h", "20 h"], to="head", mails=0))["failed"] == 0
    snoozed = acts.format("1 h", "snooze", 'for = "2 h"\n')
    assert desk.document(HEAD + red + snoozed + expect(at="3 h", to="ops", kind="reminder"))["failed"] == 0
    silent = acts.format("0 h", "silence", f'for = "5 h"\nslice = {PARTNER}\n')
    late = reading("1 h", 0.14, n=340, pain=300)
    assert desk.document(HEAD + silent + late + expect(at="5 h", to="ops", kind="opened"))["failed"] == 0
    (failure,) = desk.document(HEAD + reading("0 h", 0.01) + seen + expect(mails=0))["tests"][0]["failures"]
    assert failure["expected"] == "Ada wants to acknowledge at 1 h, but nothing of it is open then"
    broken = '[[test.source]]\nat = "1 h"\nname = "repair-hub"\nstate = "failing"\n'
    told = expect(at="1 h", within="2 h", to="ops", kind="opened", subject="repair-hub")
    assert desk.document(HEAD + reading("0 h", 0.01) + broken + told)["failed"] == 0


def test_other_settings_are_named_on_the_command_line(desk):
    quiet = desk.folder / "other.toml"
    quiet.write_text((EXAMPLE / "settings.toml").read_text().replace('to = ["ops"]', 'to = ["head"]'))
    assert desk.play(GOOD, "--settings", str(quiet))[0] == 1
    assert desk.play(GOOD)[0] == 0


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


MISTAKES = {
    "no test": ('settings = "settings.toml"\n', "t.toml: there is no test; write [[test]] and below it its readings"),
    "no TOML": ("settings = \n", "t.toml: line 1, column 12: this is not TOML (Invalid value)"),
    "unknown key": (GOOD + "wthin = 1\n", 't.toml: [[test]] "lyon", key expect, entry 1, wthin: unknown key; did you mean "within"?'),
    "unknown table": (GOOD + "[[test.redings]]\nat = 1\n", 't.toml: [[test]] "lyon", key redings: unknown key; did you mean "reading"?'),
    "no settings": ('settings = "nowhere.toml"\n' + GOOD, "key settings: there are no settings"),
    "no name": (changed('name = "lyon"\n', ""), "t.toml: [[test]] number 1, key name: key is missing"),
    "a name twice": (GOOD + GOOD, "another test has this name; give each test a name of its own"),
    "no start": (changed("start = 2026-10-05T09:00:00\n", ""), "key start: key is missing; write e.g. start = 2026-10-05T08:00:00"),
    "bad start": (changed("2026-10-05T09:00:00", '"soon"'), '"soon" is no time; write e.g. start = 2026-10-05T08:00:00'),
    "bad time": (changed('at = "0 h"\nkpi', 'at = "later"\nkpi'), 'key reading, entry 1, at: "later" is no time; write e.g. at = "30 h"'),
    "no time": (changed('at = "0 h"\nkpi', "kpi"), "key reading, entry 1, at: key is missing"),
    "too early": (changed('at = "0 h"\nkpi', "at = 2026-10-04T09:00:00\nkpi"), "lies before the start; let the test start earlier"),
    "unknown KPI": (changed("late_repairs", "late_repair"), 'kpi: unknown KPI "late_repair"; did you mean "late_repairs"?'),
    "no KPI": (changed('kpi = "late_repairs"\n', ""), "key reading, entry 1, kpi: key is missing"),
    "a share in percent": (changed("0.14", "14"), "value: 14 is no share; shares are fractions: write 0.14"),
    "no number": (changed("0.14", '"much"'), "key reading, entry 1, value: expected a number"),
    "unknown dimension": (changed("slice = { partner", "slice = { shop"), "late_repairs is not judged by shop; it is by"),
    "unknown field": (changed("country =", "land ="), 'unknown field of a partner "land"; use country, region, type, tier or shore'),
    "unknown recipient": (changed('to = "ops"', 'to = "opps"'), 'key expect, entry 1, to: unknown recipient "opps"; did you mean "ops"?'),
    "unknown kind": (changed('"opened"', '"opend"'), 'kind: unknown kind of mail "opend"; did you mean "opened"?'),
    "nothing expected": (GOOD[: GOOD.index("[[test.expect]]")], "it expects nothing; add [[test.expect]], with mails = 0"),
    "within nothing": (GOOD + '[[test.expect]]\nto = "ops"\nwithin = "1 h"\n', "there is no time that it counts from"),
    "at and between": (GOOD + 'between = ["0 h", "1 h"]\n', "between: at says when already; remove one of the two"),
    "one end": (changed('at = "0 h"\nto', 'between = ["0 h"]\nto'), 'expected two times; write e.g. between = ["0 h", "9 h"]'),
    "wrong order": (changed('at = "0 h"\nto', 'between = ["2 h", "1 h"]\nto'), "it ends before it begins; swap the two times"),
    "bad length": (GOOD + 'within = "a bit"\n', 'within: "a bit" is no length of time; write e.g. "4 h"'),
    "too short": (changed("partners", 'lasts = "0 h"\npartners') + '[[test.expect]]\nat = "5 h"\n', "ends before the last time that it names"),
    "unknown source": (GOOD + '[[test.source]]\nat = "1 h"\nname = "repairhub"\nstate = "dead"\n', 'unknown source "repairhub"; did you mean "repair-hub"?'),
    "unknown state": (GOOD + '[[test.source]]\nat = "1 h"\nname = "repair-hub"\nstate = "ded"\n', 'unknown state "ded"; did you mean "dead"?'),
    "unknown verb": (GOOD + '[[test.do]]\nat = "1 h"\nverb = "ack"\nby = "Ada"\n', 'key do, entry 1, verb: unknown verb "ack"'),
    "nobody": (GOOD + '[[test.do]]\nat = "1 h"\nverb = "acknowledge"\n', 'by: nobody does it; write e.g. by = "Ada"'),
    "no length": (GOOD + '[[test.do]]\nat = "1 h"\nverb = "snooze"\nby = "Ada"\n', "for: key is missing; write for how long to snooze"),
    "silence of what": (GOOD + '[[test.do]]\nat = "1 h"\nverb = "silence"\nfor = "1 h"\nby = "Ada"\n', "it does not say what to silence"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_with_its_mend(desk, mistake):
    text, said = MISTAKES[mistake]
    code, out, err = desk.play(text)
    assert (code, out) == (1, "")
    assert said in err
    assert len(err.splitlines()) == 1, err


def test_a_file_that_is_not_there(desk):
    code = app.main(["test-alerts", str(desk.folder / "none.toml")])
    assert code == 1
    assert "none.toml: the file cannot be read" in desk.capsys.readouterr().err


def test_several_mistakes_are_said_at_once(desk):
    _, _, err = desk.play(changed("late_repairs", "late_repair").replace('"ops"', '"opps"'))
    assert len(err.splitlines()) == 2
