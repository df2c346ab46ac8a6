"""The examples give the known figures of their data, by the real command line, and so do the same rows in other formats.

What is expected is worked out here once more with pandas and lxml, and must also be what the data's own README says.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from lxml import etree

from data.settings import load_settings

ROOT = Path(__file__).parents[2]
DATASETS = ROOT.parent / "shared" / "datasets"
XES = {"x": "http://www.xes-standard.org/"}
ACCOUNTS = ("read", "stored", "duplicate", "ignored", "quarantined")

pytestmark = pytest.mark.skipif(
    not DATASETS.is_dir() and os.environ.get("CI") != "true", reason=f"the data sets are not at {DATASETS}"
)


class Network:
    """Settings in a folder of their own, with the commands run on them and the whole board."""

    def __init__(self, folder):
        self.folder = folder
        self.loads = [self.run("load"), self.run("load")]
        self.board = self.run("board", "--all")
        self.readings = {(r["kpi"], tuple(sorted(r["slice"].items()))): r for r in self.board["readings"]}

    def run(self, command, *options):
        arguments = [sys.executable, str(ROOT / "app.py"), command, *options, "--json", "--settings", "settings.toml"]
        environ = os.environ | {"PAINPOINT_DATASETS": str(DATASETS)}
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=self.folder, env=environ)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def accounts(self, load=0):
        (source,) = self.loads[load]["sources"]
        assert source["error"] is None
        return {name: source[name] for name in (*ACCOUNTS, "adjusted", "unmapped")}

    def whole(self, kpi):
        return self.readings[kpi, ()]

    def slices(self, kpi, *names):
        """Give the readings of one grouping by their values; the pool of small slices is left out."""
        found = {}
        for (key, slice_), reading in self.readings.items():
            values = tuple(dict(slice_).get(name) for name in names)
            if key == kpi and sorted(names) == sorted(dict(slice_)) and "(small)" not in values:
                found[values if len(names) > 1 else values[0]] = reading
        return found

    def figures(self):
        return {identity: (r["value"], r["n"], r["level"], r["health"]) for identity, r in self.readings.items()}


def copy_of(example, tmp_path_factory):
    folder = tmp_path_factory.mktemp(example)
    for name in ("settings.toml", "kpis.toml"):
        shutil.copy(ROOT / "examples" / example / name, folder)
    return folder


def assert_nothing_is_lost_and_nothing_read_twice(network, read):
    first, second = network.accounts(0), network.accounts(1)
    assert first["read"] == read == first["stored"] + first["duplicate"] + first["ignored"] + first["quarantined"]
    assert set(second.values()) == {0}


def assert_shares(readings, hits, known):
    """Compare every slice's share with the hits and the known rows that pandas counted."""
    assert {name: (r["numerator"], r["denominator"]) for name, r in readings.items() if r["denominator"]} == {
        name: (hits.get(name, 0), count) for name, count in known.items() if count
    }
    assert all(r["value"] == r["numerator"] / r["denominator"] for r in readings.values() if r["denominator"])
    # a group all of whose rows are unknown is on the board all the same
    assert set(readings) == set(known)


# --- deliveries of a health supply chain ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scms(tmp_path_factory):
    return Network(copy_of("scms", tmp_path_factory))


@pytest.fixture(scope="module")
def lines():
    frame = pd.read_csv(DATASETS / "scms" / "SCMS_Delivery_History_Dataset.csv", dtype=str, keep_default_na=False)
    frame = frame.apply(lambda column: column.str.strip())
    scheduled, delivered = (
        pd.to_datetime(frame[f"{name} Date"]) for name in ("Scheduled Delivery", "Delivered to Client")
    )
    return frame.assign(late=delivered > scheduled, year=scheduled.dt.year)


BY_YEAR = dict(enumerate([0, 2.1, 1.3, 3.6, 15.9, 23.5, 7.9, 17.9, 15.4, 11.8], start=2006))


def test_every_delivery_line_is_stored(scms):
    assert_nothing_is_lost_and_nothing_read_twice(scms, 10_324)
    assert scms.accounts()["stored"] == 10_324
    assert scms.accounts()["unmapped"] == scms.accounts()["adjusted"] == 0


def test_late_deliveries(scms, lines):
    reading = scms.whole("late_deliveries")
    assert (reading["numerator"], reading["denominator"], reading["n"]) == (1_186, 10_324, 10_324)
    assert (reading["numerator"], reading["denominator"]) == (lines.late.sum(), len(lines))
    assert reading["value"] == 1_186 / 10_324
    assert round(100 * reading["value"], 2) == 11.49


@pytest.mark.parametrize(("year", "percent"), BY_YEAR.items())
def test_late_deliveries_by_the_year_they_were_scheduled_in(scms, lines, year, percent):
    reading = scms.whole(f"late_deliveries_{year}")
    of_year = lines[lines.year == year]
    assert (reading["numerator"], reading["denominator"]) == (of_year.late.sum(), len(of_year))
    assert round(100 * reading["value"], 1) == percent


@pytest.mark.parametrize(("dimension", "column", "count"), [("partner", "Vendor", 73), ("country", "Country", 43)])
def test_late_deliveries_of_every_vendor_and_country(scms, lines, dimension, column, count):
    readings = scms.slices("late_deliveries", dimension)
    assert len(readings) == count
    assert_shares(readings, lines[lines.late][column].value_counts().to_dict(), lines[column].value_counts().to_dict())


def test_the_rows_behind_a_figure_add_up_to_it(scms, lines):
    explained = scms.run("explain", "late_deliveries", "--slice", "country=Haiti")
    of_country = lines[lines.Country == "Haiti"]
    assert (
        (explained["rows_total"], len(explained["rows"])) == (explained["n"], explained["n"]) == (len(of_country),) * 2
    )
    assert sum(row["late"] for row in explained["rows"]) == explained["numerator"] == of_country.late.sum()


@pytest.fixture(scope="module")
def years(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scms_sql")
    (folder / "settings.toml").write_text(f'''
[network]
timezone = "UTC"
[kpis]
path = "kpis.toml"

[[source]]
name = "deliveries"
fact = "shipments"
format = "sql"
url = "duckdb://"
allow = ["{DATASETS.as_posix()}/scms"]
query = """
SELECT *, CAST(year("Scheduled Delivery Date") AS VARCHAR) AS scheduled_year
FROM read_csv('{DATASETS.as_posix()}/scms/SCMS_Delivery_History_Dataset.csv', header = true)
"""
[source.fields]
shipment_id = "ID"
partner = "Vendor"
country = "Country"
promised_at = "Scheduled Delivery Date"
[source.extra]
scheduled_year = {{ column = "scheduled_year", known_at = "planned" }}
[source.events]
planned = "Scheduled Delivery Date"
delivered = "Delivered to Client Date"
''')
    (folder / "kpis.toml").write_text("""
[kpi.late_deliveries]
title = "Late deliveries"
family = "logistics"
fact = "shipments"
measure = { share = "late" }
day = "promised_at"
window = "all"
by = [["scheduled_year"], ["country"], ["scheduled_year", "country"]]
better = "lower"
green = 0.05
red = 0.10
""")
    return Network(folder)


def test_sql_over_the_file_gives_a_slice_per_year(years, lines):
    readings = years.slices("late_deliveries", "scheduled_year")
    assert {year: round(100 * r["value"], 1) for year, r in readings.items()} == {str(y): p for y, p in BY_YEAR.items()}
    known = lines.year.astype(str).value_counts().to_dict()
    assert_shares(readings, lines[lines.late].year.astype(str).value_counts().to_dict(), known)
    pairs = lines.groupby([lines.year.astype(str), "Country"]).late.agg(["sum", "size"])
    assert_shares(years.slices("late_deliveries", "scheduled_year", "country"), dict(pairs["sum"]), dict(pairs["size"]))


def test_sql_over_the_file_gives_the_figures_of_the_file(years, scms):
    # a query without a cursor is read as a whole every time, and then tells nothing new
    assert years.accounts()["stored"] == 10_324
    assert (years.accounts(1)["stored"], years.accounts(1)["duplicate"]) == (0, 10_324)
    figures = years.figures()
    assert figures["late_deliveries", ()] == scms.figures()["late_deliveries", ()]
    for country, reading in scms.slices("late_deliveries", "country").items():
        mine = years.slices("late_deliveries", "country")[country]
        assert (mine["numerator"], mine["denominator"]) == (reading["numerator"], reading["denominator"])


# --- community repairs ---------------------------------------------------------------------------------------------

OPENREPAIR = DATASETS / "openrepair" / "OpenRepairData_v0.3_RestartProject_202204.csv"
STATUS = {"fixed": ("Fixed", 12_409), "repairable": ("Repairable", 6_448), "end_of_life": ("End of life", 4_851)}
GROUPS = {"partner": ("group_identifier", 181), "country": ("country", 20)}


@pytest.fixture(scope="module")
def openrepair(tmp_path_factory):
    return Network(copy_of("openrepair", tmp_path_factory))


@pytest.fixture(scope="module")
def repairs():
    frame = pd.read_csv(OPENREPAIR, dtype=str, keep_default_na=False)
    return frame.apply(lambda column: column.str.strip())


def test_every_repair_is_stored(openrepair, repairs):
    assert_nothing_is_lost_and_nothing_read_twice(openrepair, 23_940)
    assert openrepair.accounts()["stored"] == 23_940 == len(repairs)
    assert openrepair.accounts()["unmapped"] == 232


@pytest.mark.parametrize("kpi", STATUS)
def test_outcomes(openrepair, repairs, kpi):
    status, count = STATUS[kpi]
    reading = openrepair.whole(kpi)
    assert reading["numerator"] == count == (repairs.repair_status == status).sum()
    assert reading["denominator"] == reading["n"] == 12_409 + 6_448 + 4_851


def test_outcomes_that_are_not_reported(openrepair, repairs):
    reading = openrepair.whole("outcome_unknown")
    assert reading["value"] == reading["n"] == 232 == (repairs.repair_status == "Unknown").sum()


def test_repairs_that_failed_for_want_of_parts(openrepair, repairs):
    wanting = repairs[repairs.repair_barrier_if_end_of_life == "Spare parts not available"]
    assert openrepair.whole("no_spare_parts")["value"] == 354 == len(wanting)
    found = {country: r["value"] for country, r in openrepair.slices("no_spare_parts", "country").items() if r["value"]}
    assert found == wanting.country.value_counts().to_dict()


@pytest.mark.parametrize("kpi", STATUS)
@pytest.mark.parametrize("dimension", GROUPS)
def test_outcomes_of_every_group_and_country(openrepair, repairs, kpi, dimension):
    column, count = GROUPS[dimension]
    readings = openrepair.slices(kpi, dimension)
    assert len(readings) == count == repairs[column].nunique()
    known = repairs[repairs.repair_status != "Unknown"][column].value_counts()
    hits = repairs[repairs.repair_status == STATUS[kpi][0]][column].value_counts()
    assert_shares(readings, hits.to_dict(), known.reindex(repairs[column].unique(), fill_value=0).to_dict())


def as_xlsx(frame, path):
    frame.assign(event_date=pd.to_datetime(frame.event_date)).to_excel(path, index=False)


def as_parquet(frame, path):
    frame.assign(event_date=pd.to_datetime(frame.event_date).dt.date).to_parquet(path, index=False)


def as_ndjson(frame, path):
    frame.to_json(path, orient="records", lines=True)


@pytest.mark.parametrize(
    ("form", "name", "write"),
    [
        ("xlsx", "repairs.xlsx", as_xlsx),
        ("parquet", "repairs.parquet", as_parquet),
        ("json", "repairs.ndjson", as_ndjson),
    ],
)
def test_the_same_rows_in_another_format_give_the_same_board(openrepair, tmp_path_factory, form, name, write):
    folder = copy_of("openrepair", tmp_path_factory)
    (source,) = load_settings(folder / "settings.toml", {"PAINPOINT_DATASETS": "."}).sources
    frame = pd.read_csv(OPENREPAIR, dtype=str, keep_default_na=False)
    write(frame[list(source.columns)], folder / name)
    text = (folder / "settings.toml").read_text().replace('format = "csv"', f'format = "{form}"')
    lines = [f'path = "{name}"' if line.startswith('path = "${') else line for line in text.splitlines()]
    (folder / "settings.toml").write_text("\n".join(lines))
    network = Network(folder)
    assert [network.accounts(0), network.accounts(1)] == [openrepair.accounts(0), openrepair.accounts(1)]
    assert network.figures() == openrepair.figures()


# --- the telephone repair log --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def phones(tmp_path_factory):
    return Network(copy_of("phone_repair_log", tmp_path_factory))


@pytest.fixture(scope="module")
def cases():
    """Give each case as its events in the order of the file, a dict of attributes each."""
    with gzip.open(DATASETS / "phone_repair_log" / "repairExample.xes.gz") as stream:
        log = etree.parse(stream)
    return [
        [{node.get("key"): node.get("value") for node in event} for event in trace.iterfind("x:event", XES)]
        for trace in log.iterfind(".//x:trace", XES)
    ]


def with_activity(cases, name):
    return [case for case in cases if any(event["concept:name"] == name for event in case)]


def test_every_event_is_stored_or_ignored(phones, cases):
    assert_nothing_is_lost_and_nothing_read_twice(phones, 11_855)
    events = [event for case in cases for event in case]
    begun = [e["concept:name"] for e in events if e["lifecycle:transition"] == "start"]
    starts = [activity for activity in begun if activity in {"Analyze Defect", "Test Repair"}]
    assert (len(cases), len(events)) == (1_104, 11_855)
    assert phones.accounts()["ignored"] == len(starts)
    assert phones.accounts()["stored"] == len(events) - len(starts)


def test_restarted_repairs(phones, cases):
    reading = phones.whole("restarted")
    assert (reading["numerator"], reading["denominator"]) == (293, 1_104)
    assert reading["numerator"] == len(with_activity(cases, "Restart Repair"))


def test_first_tests_passed(phones, cases):
    tested = [
        [event["defectFixed"] for event in case if event["concept:name"] == "Test Repair" and "defectFixed" in event]
        for case in cases
    ]
    first = [results[0] for results in tested if results]
    assert (first.count("true"), len(first)) == (809, 1_102)
    reading = phones.whole("qc_first_pass_fail")
    assert (reading["denominator"] - reading["numerator"], reading["denominator"]) == (809, 1_102)


def test_cases_that_were_never_archived(phones, cases):
    assert phones.whole("not_archived")["value"] == 104 == len(cases) - len(with_activity(cases, "Archive Repair"))


def test_median_time_from_the_first_to_the_last_event(phones, cases):
    times = [pd.to_datetime([event["time:timestamp"] for event in case], utc=True) for case in cases]
    minutes = pd.Series([(case.max() - case.min()).total_seconds() / 60 for case in times])
    assert minutes.median() == 61.5
    assert phones.whole("elapsed_p50")["value"] == 61.5 / 60
    assert phones.whole("elapsed_p50")["n"] == 1_104


# --- what the examples say of themselves ---------------------------------------------------------------------------


@pytest.mark.parametrize("example", ["scms", "openrepair", "phone_repair_log"])
def test_check_finds_no_mistake(example, tmp_path_factory):
    folder = copy_of(example, tmp_path_factory)
    arguments = [sys.executable, str(ROOT / "app.py"), "check", "--settings", str(folder / "settings.toml")]
    environ = os.environ | {"PAINPOINT_DATASETS": str(DATASETS)}
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout


FIGURES = {
    "scms": "10,324 1,186 11.49 73 43 0 2.1 1.3 3.6 15.9 23.5 7.9 17.9 15.4 11.8",
    "openrepair": "23,940 12,409 6,448 4,851 232 354 181 20",
    "phone_repair_log": "1,104 11,855 293 809 1,102 104 61.5",
}


@pytest.mark.parametrize("example", FIGURES)
def test_the_examples_readme_names_its_figures(example):
    words = (ROOT / "examples" / example / "README.md").read_text().replace("%", " ").split()
    said = {word.strip(".,:|()") for word in words}
    assert set(FIGURES[example].split()) <= said
