"""The demo network lives the same life however it is written, and its settings and KPIs fit what it writes."""

from __future__ import annotations

import itertools
import json
import sqlite3
import tomllib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from analytics.facts import FACTS, column_types
from analytics.kpi import OPERATORS
from data.demo import LiveNetwork, write_network
from data.demo.life import live
from data.demo.network import DAY, Network
from data.settings import load_settings

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
SMALL = {"partners": 7, "days": 20}
KPIS = tomllib.loads((ROOT / "kpis.toml").read_text(encoding="utf-8"))["kpi"]
TABLES = {"hub.db": ("cases",), "brand.db": ("part_lines", "claims", "stock")}


def written(out: Path, now: datetime = NOW, **options) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    write_network(out, now=now, **(SMALL | options))
    return out


def content(out: Path) -> dict[str, object]:
    """Everything a partner's system says, in an order that does not depend on when it was written."""
    said: dict[str, object] = {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted((out / "systems").rglob("*"))
        if path.suffix in {".csv", ".ndjson"}
    }
    for database, tables in TABLES.items():
        with closing(sqlite3.connect(out / "systems" / database)) as connection:
            for table in tables:
                said[table] = sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
    return said


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return written(tmp_path_factory.mktemp("network"), partners=12, days=90)


@pytest.fixture(scope="module")
def settings(network):
    return tomllib.loads((network / "settings.toml").read_text(encoding="utf-8"))


def test_the_same_seed_gives_the_same_network(tmp_path):
    assert content(written(tmp_path / "a")) == content(written(tmp_path / "b"))


def test_another_seed_gives_another_network(tmp_path):
    assert content(written(tmp_path / "a")) != content(written(tmp_path / "b", seed=2))


def test_five_minutes_later_is_the_same_as_written_five_minutes_later(tmp_path):
    live_on = written(tmp_path / "a")
    assert LiveNetwork(live_on).advance(NOW + timedelta(minutes=5)) > 0
    assert content(live_on) == content(written(tmp_path / "b", NOW + timedelta(minutes=5)))


def test_many_small_steps_and_restarts_are_the_same_as_one_step(tmp_path):
    step_by_step = written(tmp_path / "a")
    for minutes in range(17, 9 * 60, 17):
        LiveNetwork(step_by_step).advance(NOW + timedelta(minutes=minutes))
    LiveNetwork(step_by_step).advance(NOW + timedelta(hours=9))
    assert content(step_by_step) == content(written(tmp_path / "b", NOW + timedelta(hours=9)))


def test_a_restart_after_days_catches_up(tmp_path):
    stopped, kept_on = written(tmp_path / "a"), written(tmp_path / "b")
    running = LiveNetwork(kept_on)
    rows = sum(running.advance(NOW + timedelta(hours=hours)) for hours in range(7, 85, 7))
    assert 0 < LiveNetwork(stopped).advance(NOW + timedelta(hours=84)) <= rows
    assert content(stopped) == content(kept_on)


def test_nothing_happens_twice_and_nothing_before_its_time(tmp_path):
    out = written(tmp_path / "a")
    before = content(out)
    assert LiveNetwork(out).advance(NOW) == 0
    assert LiveNetwork(out).advance(NOW - timedelta(hours=3)) == 0
    assert content(out) == before


def test_something_happens_in_most_minutes(tmp_path):
    out = written(tmp_path / "a", partners=12)
    running = LiveNetwork(out)
    rows = [running.advance(NOW + timedelta(minutes=minute)) for minute in range(1, 61)]
    assert sum(count > 0 for count in rows) > 45


def test_an_empty_start_and_a_single_partner_are_networks_too(tmp_path):
    out = written(tmp_path / "a", datetime(2026, 11, 18, tzinfo=UTC), partners=1, days=1)
    assert all((out / "systems" / database).exists() for database in TABLES)


def test_hundreds_of_partners_have_names_and_sites_of_their_own():
    partners = Network.before(NOW, 300, 1, 1).partners
    assert len({partner.name for partner in partners}) == 300
    assert len({partner.city for partner in partners}) == 300


@pytest.mark.parametrize("options", [{"partners": 0}, {"days": 0}, {"seed": -1}])
def test_impossible_networks_are_refused(tmp_path, options):
    with pytest.raises(ValueError, match="at least 1 partner"):
        written(tmp_path / "a", **options)


def test_other_peoples_files_are_left_alone(tmp_path):
    (tmp_path / "systems").mkdir()
    (tmp_path / "systems" / "mine.csv").write_text("a\n")
    with pytest.raises(FileExistsError, match="another folder"):
        written(tmp_path)
    assert (tmp_path / "systems" / "mine.csv").exists()


def test_writing_again_replaces_the_network(tmp_path):
    written(tmp_path / "a", seed=2)
    assert content(written(tmp_path / "a")) == content(written(tmp_path / "b"))


def test_progress_runs_from_nothing_to_all(tmp_path):
    steps: list[float] = []
    written(tmp_path / "a", progress=lambda share, _: steps.append(share))
    assert (steps[0], steps[-1]) == (0.0, 1.0)
    assert steps == sorted(steps)


def test_the_truth_names_known_kpis_and_real_slices(network):
    truth = json.loads((network / "truth.json").read_text(encoding="utf-8"))
    assert len(truth) >= 7
    for trouble in truth:
        assert set(trouble) >= {"id", "kind", "kpis", "slice", "from", "to", "size"}
        assert set(trouble["kpis"]) <= set(KPIS)
        fits = {frozenset(dims) for kpi in trouble["kpis"] for dims in KPIS[kpi]["by"]}
        assert not trouble["kpis"] or frozenset(trouble["slice"]) in fits
        assert datetime.fromisoformat(trouble["from"]) < NOW


def rows_of(network: Path, source) -> pd.DataFrame:
    if source["format"] == "sql":
        database = network / source["url"].removeprefix("sqlite:///")
        with closing(sqlite3.connect(database)) as connection:
            return pd.read_sql_query(source["query"], connection, params={"since": ""})
    frames = []
    for path in sorted(network.glob(source["path"])):
        if source["format"] == "csv":
            separator = ";" if "werkstatt" in source["path"] else ","
            frames.append(
                pd.read_csv(
                    path, sep=separator, dtype=str, encoding=source.get("encoding", "utf-8"), keep_default_na=False
                )
            )
        else:
            frames.append(pd.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]))
    return pd.concat(frames, ignore_index=True)


def columns_used(source) -> set[str]:
    used = set()
    for mapping in source["fields"].values():
        used |= {mapping} if isinstance(mapping, str) else {mapping["column"]} if "column" in mapping else set()
    used |= set(source.get("events", {}).values()) | {source[name] for name in ("at", "cursor") if name in source}
    return used | {column for rule in source.get("kinds", []) for column in rule.get("when", {})}


def test_the_sources_use_columns_that_exist_and_facts_that_are_known(network, settings):
    for source in settings["source"]:
        fact = FACTS[source["fact"]]
        rows = rows_of(network, source)
        assert columns_used(source) <= set(rows.columns), source["name"]
        assert set(source["fields"]) <= {*fact.key, *fact.field_names}, source["name"]
        assert {key for key in fact.key if key != "at"} <= set(source["fields"]), source["name"]
        kinds = {*source.get("events", {}), *(rule["kind"] for rule in source.get("kinds", []))}
        assert kinds <= set(fact.kinds), source["name"]
        assert len(rows) > 500


def test_every_mapped_word_is_written_and_hardly_any_other(network, settings):
    for source in settings["source"]:
        rows = rows_of(network, source)
        for mapping in source["fields"].values():
            if isinstance(mapping, dict) and "map" in mapping:
                said = rows[mapping["column"]].replace("", None).dropna()
                known = said.isin(list(mapping["map"]))
                assert set(said[known]) == set(mapping["map"]), source["name"]
                assert known.mean() > 0.99
        for rule in source.get("kinds", []):
            assert all((rows[column] == word).any() for column, word in rule.get("when", {}).items()), rule


def test_every_kpi_can_be_expressed_and_is_fed(settings):
    fed = {source["fact"] for source in settings["source"]}
    assert len(KPIS) >= 18
    for key, kpi in KPIS.items():
        types = column_types(kpi["fact"])
        assert kpi["fact"] in fed, key
        (shape, what), *rest = kpi["measure"].items()
        assert shape in {"share", "mean", "count", "quantile"}, key
        assert dict(rest).keys() == ({"q"} if shape == "quantile" else set()), key
        tests = [what, *kpi.get("where", [])] if isinstance(what, dict) else kpi.get("where", [])
        for test in tests:
            assert test["column"] in types, key
            assert len(test) == 2 and (set(test) - {"column"}) <= set(OPERATORS), key
        if isinstance(what, str):
            wanted = {"bool"} if shape in {"share", "count"} else {"number", "integer"}
            assert types[what] in wanted, key
        assert kpi["day"] == "snapshot" or types[kpi["day"]] == "time", key
        assert set(itertools.chain(*kpi["by"])) <= set(types), key
        better = (kpi["green"] <= kpi["red"]) if kpi["better"] == "lower" else (kpi["green"] >= kpi["red"])
        assert better, key


def test_the_systems_hold_some_dirt_but_not_much(network):
    lines = [
        line
        for path in (network / "systems/werkstatt").glob("*.csv")
        for line in path.read_text("latin-1").splitlines()[1:]
    ]
    assert 0 < sum(line.startswith("31.02.") for line in lines) < 0.002 * len(lines)
    assert 0 < sum(line[6:10] == "2099" for line in lines) < 0.002 * len(lines)
    assert 0 < sum(";In Klärung;" in line for line in lines) < 0.005 * len(lines)
    assert 0 < len(lines) - len(set(lines)) < 0.002 * len(lines)
    answers = (network / "systems/surveys/answers.ndjson").read_text().splitlines()
    assert 0 < sum('"csat":11' in answer for answer in answers) < 0.005 * len(answers)


def test_the_silent_partner_stops_while_the_hub_goes_on(network):
    truth = {trouble["kind"]: trouble for trouble in json.loads((network / "truth.json").read_text(encoding="utf-8"))}
    silent = truth["partner_silent"]
    with closing(sqlite3.connect(network / "systems" / "hub.db")) as connection:
        newest = dict(connection.execute("SELECT repairer, max(updated_at) FROM cases GROUP BY repairer"))
    assert newest.pop(silent["slice"]["partner"]) <= silent["from"]
    assert min(newest.values()) > "2026-11-18T"


def test_lives_keep_their_order():
    """What is written of an order never contradicts itself: its events happen in the order of a repair."""
    world = live(Network.before(NOW, 12, 60, 3), 60)
    at = world.orders.times
    for earlier, later in itertools.pairwise(
        [
            "created",
            "received",
            "diagnosed",
            "repair_started",
            "repaired",
            "qc_passed",
            "completed",
            "delivered",
            "closed",
        ]
    ):
        assert not (at[earlier] > at[later]).any(), (earlier, later)
    assert not (at["part_received"] > at["repair_started"]).any()
    assert at["cancelled"].isna()[at["delivered"].notna()].all()
    assert world.orders.attributes["order"].is_unique
    carried = world.shipments.times
    assert not (carried["first_scan"] > carried["last_scan"]).any()
    assert not (carried["customs_out"] > carried["delivered"]).any()
    assert (carried["delivered"].isna() == carried["lost"].notna()).all()


def test_planted_troubles_show_in_the_figures():
    network = Network.before(NOW, 12, 90, 1)
    world = live(network, 90)
    horizon = 90 * DAY
    carrier, times = world.shipments.attributes["carrier"], world.shipments.times
    lost = times["lost"].notna().groupby(carrier).mean()
    assert lost["NordCargo"] > 0.005 > lost.drop("NordCargo").max()
    what, at = world.orders.attributes, world.orders.times
    due = what["promised"].astype(float).between(horizon - 14 * DAY, horizon)
    late = (at["delivered"] > what["promised"].astype(float))[due].groupby(what["partner"][due]).mean()
    assert late.idxmax() == "Mendwell Leeds"
    assert late["Mendwell Leeds"] > 0.4
    assert late.median() < 0.06


def test_the_product_accepts_the_demo_settings(network):
    loaded = load_settings(network / "settings.toml", {})
    assert {kpi.key for kpi in loaded.kpis} == set(KPIS)
    assert {source.name for source in loaded.sources} >= {"repair-hub", "werkstatt", "tracking"}
