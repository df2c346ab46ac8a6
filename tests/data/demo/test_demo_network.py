"""The demo network lives the same life however it is written, and its settings fit what it writes."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
import tomllib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import holidays
import numpy as np
import pytest

from data.demo import LiveNetwork, wares, write_network
from data.demo.network import Network
from data.demo.places import COUNTRIES
from data.demo.world import live
from data.settings import load_settings

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
SMALL = {"partners": 17, "days": 16}
KPIS = tomllib.loads((ROOT / "kpis.toml").read_text(encoding="utf-8"))["kpi"]


def written(out: Path, now: datetime = NOW, **options) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    write_network(out, now=now, **(SMALL | options))
    return out


def content(out: Path) -> dict[str, object]:
    """Everything a partner's system says, in an order that does not depend on when it was written."""
    said: dict[str, object] = {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted((out / "systems").rglob("*"))
        if path.suffix in {".csv", ".ndjson", ".gz", ".xlsx"}
    }
    for path in sorted((out / "systems").glob("*.db")):
        with closing(sqlite3.connect(path)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                said[table] = sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
    return said


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small network, written once; whoever lets it live on takes a copy."""
    return written(tmp_path_factory.mktemp("small") / "a")


@pytest.fixture
def copy(small, tmp_path):
    return Path(shutil.copytree(small, tmp_path / "copy"))


def test_the_same_seed_gives_the_same_network(small, tmp_path):
    assert content(small) == content(written(tmp_path / "b"))


def test_another_seed_gives_another_network(small, tmp_path):
    assert content(small) != content(written(tmp_path / "b", seed=2))


def test_five_minutes_later_is_the_same_as_written_five_minutes_later(copy, tmp_path):
    assert LiveNetwork(copy).advance(NOW + timedelta(minutes=5)) > 0
    assert content(copy) == content(written(tmp_path / "b", NOW + timedelta(minutes=5)))


def test_many_small_steps_and_restarts_are_the_same_as_one_step(copy, tmp_path):
    later = NOW + timedelta(hours=58)
    at_once = Path(shutil.copytree(copy, tmp_path / "at once"))
    LiveNetwork(at_once).advance(later)
    stepping = LiveNetwork(copy)
    for minutes in range(97, 57 * 60, 97):
        if minutes % 11 == 0:
            stepping = LiveNetwork(copy)
        stepping.advance(NOW + timedelta(minutes=minutes))
    stepping.advance(later)
    assert content(copy) == content(at_once)


def test_nothing_happens_twice_and_nothing_before_its_time(copy):
    before = content(copy)
    assert LiveNetwork(copy).advance(NOW) == 0
    assert LiveNetwork(copy).advance(NOW - timedelta(hours=3)) == 0
    assert content(copy) == before


def test_something_happens_in_most_minutes(copy):
    running = LiveNetwork(copy)
    rows = [running.advance(NOW + timedelta(minutes=minute)) for minute in range(1, 61)]
    assert sum(count > 0 for count in rows) > 45


def test_an_empty_start_and_a_single_partner_are_networks_too(tmp_path):
    out = written(tmp_path / "a", datetime(2026, 11, 18, tzinfo=UTC), partners=1, days=1)
    assert (out / "systems" / "brand.db").exists()
    assert load_settings(out / "settings.toml", {}).sources[0].name == "werkstatt"


def test_hundreds_of_partners_work_in_many_countries_under_names_of_their_own():
    partners = Network.before(NOW, 300, 1, 1).partners
    assert len({partner.name for partner in partners}) == 300
    assert len({partner.city for partner in partners}) == 300
    assert len({partner.country for partner in partners}) >= 30
    assert len({partner.country for partner in partners[:24]}) >= 12
    assert {"US", "BR", "IN", "JP", "AU", "ZA"} <= {partner.country for partner in partners[:24]}


def test_every_site_has_a_zone_holidays_and_a_subdivision_that_they_know():
    for partner in Network.before(NOW, 300, 1, 1).partners:
        supported = holidays.list_supported_countries(include_aliases=False)[partner.country]
        assert not partner.subdivision or partner.subdivision in supported, partner
        assert partner.country in COUNTRIES


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


def test_writing_again_replaces_the_network(small, tmp_path):
    written(tmp_path / "a", seed=2, partners=3)
    assert content(written(tmp_path / "a")) == content(small)


def test_progress_runs_from_nothing_to_all(tmp_path):
    steps: list[float] = []
    written(tmp_path / "a", partners=2, days=3, progress=lambda share, _: steps.append(share))
    assert (steps[0], steps[-1]) == (0.0, 1.0)
    assert steps == sorted(steps)


def test_the_truth_names_kpis_slices_and_times(network):
    truth = json.loads((network / "truth.json").read_text(encoding="utf-8"))
    assert len({trouble["id"] for trouble in truth}) == len(truth) >= 15
    for trouble in truth:
        assert set(trouble) >= {"id", "kind", "kpis", "slice", "from", "to", "size", "onset", "decoy"}
        assert datetime.fromisoformat(trouble["from"]) < NOW
        for kpi in set(trouble["kpis"]) & set(KPIS):
            groups = {frozenset(dims) for dims in KPIS[kpi].get("by", [])} | {frozenset()}
            assert not trouble["slice"] or any(set(trouble["slice"]) <= group for group in groups), (trouble["id"], kpi)


def test_no_two_troubles_of_a_kind_share_a_slice_and_a_large_network_has_every_size():
    troubles = Network.before(NOW, 300, 180, 7).troubles
    slices = [(trouble.kind, tuple(sorted(trouble.where.items())), trouble.source) for trouble in troubles]
    assert len(set(slices)) == len(slices)
    by_partner = [trouble.where["partner"] for trouble in troubles if "partner" in trouble.where]
    assert len(set(by_partner)) == len(by_partner)
    sizes = {}
    for trouble in troubles:
        sizes.setdefault(trouble.kind, set()).add(trouble.size)
    few = {"dead_feed"}
    assert all({1, 2, 4, 8} <= found for kind, found in sizes.items() if kind not in few), sizes
    assert {trouble.onset for trouble in troubles} == {"sudden", "creeping"}
    assert any(np.isfinite(trouble.ends) for trouble in troubles)


def test_the_product_accepts_the_demo_settings(network):
    loaded = load_settings(network / "settings.toml", {})
    assert {source.name for source in loaded.sources} >= {
        "repair-hub",
        "werkstatt",
        "tracking",
        "partners",
        "contracts",
    }


def test_identities_have_their_check_digit_and_the_models_allocation_code():
    network = Network.before(NOW, 24, 60, 1)
    what = live(network, 60).orders.attributes
    device = what["device"].astype(str)
    sound = device.str.len() == 15
    digits = device[sound].map(lambda text: [int(digit) for digit in text])
    total = digits.map(lambda row: sum(row[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in row[1::2]))
    wrong = 1 - (sound.sum() - (total % 10 != 0).sum()) / len(device)
    assert 0.0002 < wrong < 0.003
    tacs = [set(product.tacs) for product in wares.PRODUCTS]
    assert all(text[:8] in tacs[product] for text, product in zip(device, what["product"], strict=True))
    given = what["replacement"].astype(str)
    assert (given[given != ""].str[:8] == [wares.PRODUCTS[p].tacs[-1] for p in what["product"][given != ""]]).all()


def test_lives_keep_their_order():
    """What is written of an order never contradicts itself: its events happen in the order of a repair."""
    world = live(Network.before(NOW, 24, 60, 3), 60)
    at = world.orders.times
    steps = [
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
    hurried = at["received"] > at["completed"] - 600  # written down in minutes, when it was done
    for earlier, later in itertools.pairwise(steps):
        assert not (at[earlier] > at[later])[~hurried].any(), (earlier, later)
    assert not (at["part_received"] > at["repair_started"])[~hurried].any()
    assert at["cancelled"].isna()[at["delivered"].notna()].all()
    assert world.orders.attributes["order"].is_unique
    assert world.contacts.attributes["contact"].is_unique
    assert world.claims.attributes["claim"].is_unique
    assert world.part_lines.attributes["line"].is_unique
    carried = world.shipments.times
    assert world.shipments.attributes["shipment"].is_unique
    assert not (carried["first_scan"] > carried["last_scan"]).any()
    assert not (carried["customs_out"] > carried["delivered"]).any()
    assert (carried["delivered"].isna() == carried["lost"].notna()).all()


def test_what_is_reported_is_reported_after_it_happened():
    world = live(Network.before(NOW, 24, 30, 3), 30)
    for cases in (world.orders, world.shipments, world.part_lines, world.contacts, world.surveys, world.claims):
        at = cases.times.to_numpy()
        assert not (cases.told < at).any()
        assert (np.isnan(cases.told) == np.isnan(at)).all()
