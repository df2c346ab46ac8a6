"""The pages say what the code says: facts, settings, commands and KPIs; their examples run and their links lead somewhere.

`python -m tests.test_docs` writes docs/kpis.md anew.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import typer.main

import app
from analytics.derived import DERIVED
from analytics.explain import formula
from analytics.facts import FACTS
from analytics.feeding import needed
from analytics.kpi import OPERATORS, Shape
from analytics.named import NAMED
from data.settings import load_settings, shapes

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]
SETTINGS = ROOT / "docs" / "settings.md"
TABLES = {
    "[network]": shapes.Network,
    "[warehouse]": shapes.Warehouse,
    "[store]": shapes.Store,
    "[kpis]": shapes.Kpis,
    "[judging]": shapes.Judging,
    "[web]": shapes.Web,
    "[mail]": shapes.MailShape,
    "[[source]]": shapes.SourceShape,
    "[source.paging]": shapes.PagingShape,
    "[source.fields]": shapes.FieldShape,
    "[source.extra]": shapes.ExtraShape,
    "[[source.kinds]]": shapes.KindShape,
    "[kpi.KEY]": shapes.KpiShape,
    "[[kpi.KEY.limits]]": shapes.LimitShape,
}


def shipped():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "settings.toml").write_text("")
        return load_settings(Path(folder) / "settings.toml", {}).kpis


def kpi_page(kpis):
    """Render docs/kpis.md."""
    lines = [
        "# The shipped KPIs",
        "",
        "Written by `python -m tests.test_docs` from `kpis.toml`; do not edit. Every KPI judges the whole network, and the",
        "slices named here. Limits are the shipped defaults; a contract's own belong in `[[kpi.<key>.limits]]`.",
    ]
    for family in dict.fromkeys(kpi.family for kpi in kpis):
        lines += ["", f"## {family}"]
        for kpi in kpis:
            if kpi.family == family:
                lines += ["", *kpi_entry(kpi)]
    return "\n".join(lines) + "\n"


def kpi_entry(kpi):
    def side(name, bound):
        signs = {"lower": {"green": "at most", "red": "more than"}, "higher": {"green": "at least", "red": "less than"}}
        ends = bound if isinstance(bound, tuple) else (bound,)
        numbers = " to ".join(f"{100 * end:g}" if kpi.unit == "%" else f"{end:g}" for end in ends)
        sign = signs.get(kpi.better, {"green": "within", "red": "outside"})[name]
        return f"{name} {sign} {numbers} {kpi.unit}".strip()

    yield f"### `{kpi.key}`"
    yield ""
    yield f"{kpi.title}: {formula(kpi)}."
    yield ""
    yield f"- limits: {side('green', kpi.green)}, {side('red', kpi.red)}"
    for rule in kpi.limits:
        where = ", ".join(f"{name} = {value}" for name, value in rule.where)
        bounds = [side(name, bound) for name, bound in (("green", rule.green), ("red", rule.red)) if bound is not None]
        yield f"- limits where {where}: {', '.join(bounds)}"
    yield f"- by: {'; '.join(' and '.join(group) for group in kpi.by) or 'the whole network only'}"
    if kpi.limits_of:
        yield "- limits of a contract: these are multiples of the target that a contract in force sets for the slice"
    window = (
        "the state at the moment" if kpi.day == "snapshot" else f"{kpi.window_days} d" if kpi.window_days else "all"
    )
    yield f"- anchor: {kpi.day}; window: {window}; at least {kpi.min_n:g} rows"
    yield f"- needs: {', '.join(f'`{need}`' for need in needed(kpi)).replace('|', '` or `') or 'nothing beside its rows'}"
    if kpi.measure.shape == "named":
        yield f"- source of the formula: {NAMED[kpi.measure.name].source}"
    if kpi.cohort:
        yield f"- compared with: `{kpi.cohort}`, which counts those still open too"
    yield f"- pain: {kpi.pain}; measures: {', '.join(kpi.remedies) or 'none'}"
    yield f"- pitfall: {kpi.pitfall}"


def section(text, heading, mark):
    """Give the text below a heading, up to the next one of its rank or above."""
    parts = re.split(rf"^#{{1,{len(mark)}}} ", text, flags=re.MULTILINE)
    found = [part for part in parts if part.split("\n", 1)[0].strip() == heading]
    assert len(found) == 1, f"{heading!r} is a heading of {len(found)} sections"
    return found[0].split("\n", 1)[1]


def rows(text):
    """Give the cells of the first table in a text, its head left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def point(text, name):
    """Give the text of a list's item `- name: ...`."""
    found = re.search(rf"^- {name}: (.*(?:\n  .*)*)", text, flags=re.MULTILINE)
    return found[1] if found else ""


def names(text):
    return re.findall(r"`([^`]+)`", text)


def written(default):
    return "-" if default is None else f"`{json.dumps(default)}`"


def test_every_fact_with_its_key_kinds_and_fields_is_documented():
    page = (ROOT / "docs" / "facts.md").read_text()
    headings = re.findall(r"^## (\S+)$", page, flags=re.MULTILINE)
    assert headings == list(FACTS)
    for fact in FACTS.values():
        below = section(page, fact.name, "##")
        assert names(point(below, "Key")) == list(fact.key)
        assert names(point(below, "Kinds")) == (list(fact.kinds) or ["at"])
        assert names(point(below, "Repeatable")) == list(fact.repeatable)
        assert names(point(below, "Fields")) == list(fact.field_names)
        for field in fact.fields:
            assert all(choice in below for choice in field.choices)


def test_every_derived_column_is_documented_with_its_type():
    page = (ROOT / "docs" / "facts.md").read_text()
    for fact in FACTS:
        documented = {names(name)[0]: type_ for name, type_, _ in rows(section(page, fact, "##"))}
        assert documented == DERIVED.get(fact, {})


@pytest.mark.parametrize("heading", TABLES)
def test_every_settings_key_is_documented_with_its_default(heading):
    table = rows(section(SETTINGS.read_text(), heading, "###"))
    keys = {names(key)[0]: default for key, default, _ in table}
    assert keys == {name: written(field.default) for name, field in TABLES[heading].model_fields.items()}


def test_no_table_of_the_settings_is_left_out():
    every = {shape for shape in vars(shapes).values() if isinstance(shape, type) and issubclass(shape, shapes.Shape)}
    assert set(TABLES.values()) == every - {shapes.Shape}


def test_every_choice_measure_and_condition_is_documented():
    page = SETTINGS.read_text()
    choices = [
        choice
        for shape, key in ((shapes.KpiShape, "family"), (shapes.KpiShape, "better"), (shapes.SourceShape, "format"))
        for literal in get_args(shape.model_fields[key].annotation)
        for choice in (get_args(literal) or [literal])
        if isinstance(choice, str)
    ]
    assert {"quality", "between", "xes"} <= set(choices)
    assert set(choices) <= set(names(page))
    assert {names(name)[0] for name, _ in rows(section(page, "Conditions", "###"))} == set(OPERATORS)
    measures = [tomllib.loads(f"m = {names(cell)[0]}")["m"] for cell, _ in rows(section(page, "Measures", "###"))]
    assert {next(iter(measure)) for measure in measures} == set(get_args(Shape))


def test_every_command_and_option_is_in_the_readme():
    table = dict(rows(section((ROOT / "README.md").read_text(), "Commands", "##")))
    documented = {re.match(r"[a-z]+(-[a-z]+)*( [a-z]+)*", names(cell)[0])[0]: names(cell)[0] for cell in table}
    commands = dict(typer.main.get_command(app.app).commands)
    commands |= {f"quarantine {name}": command for name, command in commands["quarantine"].commands.items()}
    commands |= {f"export {name}": command for name, command in commands.pop("export").commands.items()}
    assert set(documented) == set(commands)
    for name, command in commands.items():
        said = set(re.findall(r"--[a-z-]+", documented[name]))
        known = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        assert said == known - {"--settings", "--help"}, name


def test_the_page_of_the_kpis_is_up_to_date():
    kpis = shipped()
    page = (ROOT / "docs" / "kpis.md").read_text()
    assert re.findall(r"^### `(\S+)`$", page, flags=re.MULTILINE) == [
        kpi.key for family in dict.fromkeys(k.family for k in kpis) for kpi in kpis if kpi.family == family
    ]
    assert page == kpi_page(kpis), "run python -m tests.test_docs"


def test_every_shipped_kpi_says_what_misleads_and_whom_it_hurts():
    pains = re.search(r"^\| `pain` \|.*?:(.*)\|$", SETTINGS.read_text(), flags=re.MULTILINE)[1]
    for kpi in shipped():
        assert kpi.pitfall.endswith("."), kpi.key
        assert kpi.pain in names(pains), kpi.key


def examples_of_the_readme():
    text = (ROOT / "README.md").read_text()
    return dict(re.findall(r"<!-- test: (.*?) -->\n```\w+\n(.*?)```", text, flags=re.DOTALL))


def test_the_readmes_settings_load_the_readmes_rows(tmp_path):
    found = examples_of_the_readme()
    (tmp_path / "exports").mkdir()
    for name in ("exports/orders.csv", "exports/tracking.csv"):
        (tmp_path / name).write_text(found[name])
    (tmp_path / "settings.toml").write_text(found["a row per case"] + found["a row per event"])
    command = [sys.executable, "-W", "error::SyntaxWarning", str(ROOT / "app.py")]
    settings = ["--settings", str(tmp_path / "settings.toml")]
    checked = subprocess.run([*command, "check", *settings], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
    loaded = subprocess.run(
        [*command, "load", "--json", *settings], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    for source in json.loads(loaded.stdout)["sources"]:
        assert (source["read"], source["stored"]) == (2, 2)


def test_the_readmes_web_api_and_push_source_are_in_order(tmp_path):
    (tmp_path / "settings.toml").write_text(examples_of_the_readme()["a web API and a push source"])
    environ = {"DESK_TOKEN": "x", "COUNTER_TOKEN": "0123456789abcdef"}
    assert [source.format for source in load_settings(tmp_path / "settings.toml", environ).sources] == ["http", "push"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_nothing_names_a_machine(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert "://" in target or (page.parent / target).exists(), target
    assert not re.search(r"(?<![\w.])/(work|root|home|tmp|usr)/", text)


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_is_short_and_whole(page):
    text = page.read_text()
    assert re.match(r"\d{4}-[a-z-]+\.md", page.name)
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert [text.count(f"**{part}.**") for part in ("Context", "Decision", "Consequences")] == [1, 1, 1]
    assert len(text.splitlines()) < 25


def test_the_screenshot_is_small():
    assert (ROOT / "docs" / "wall.png").stat().st_size < 300_000


if __name__ == "__main__":
    (ROOT / "docs" / "kpis.md").write_text(kpi_page(shipped()))
