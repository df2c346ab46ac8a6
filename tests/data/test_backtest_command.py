"""`backtest` on a network whose troubles are known by the hour: who would have got which mail, under one or two settings."""

import json
from datetime import UTC, datetime, timedelta

import pytest

import app
from alerts.rehearsal import Rehearsal
from data.commands import run_command
from data.service import Service
from data.session import Session
from data.settings import load_settings
from data.store import Store
from tests.analytics.small_network import Network, cases

KPIS = """
[kpi.received]
title = "Orders received"
family = "workload"
fact = "repair_orders"
measure = { count = true }
day = "received_at"
window = "1 d"
by = [["partner"]]
better = "lower"
green = 3
red = 5
min_n = 0
unit = "orders"
pain = "waits"
"""
ROUTES = """
[[recipient]]
name = "ops"
address = "ops@example.com"
[[route]]
name = "partners"
match = { partner = ["Ann", "Bob"] }
to = ["ops"]
"""
QUIET = ROUTES + 'quiet = "22:00-06:00"\n'
FIRST, LAST, NOW = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC), "2026-06-30T12:00:00+00:00"
BUSY = range(10, 13)
"""The days of June on which Ann gets 60 orders, one every 24 minutes; on all others everybody gets two at noon."""


def orders():
    number = 0
    for day in range((LAST - FIRST).days + 1):
        midnight = FIRST + timedelta(days=day)
        for partner in ("Ann", "Bob"):
            busy = partner == "Ann" and midnight.day in BUSY
            for n in range(60 if busy else 2):
                number += 1
                at = midnight + (timedelta(minutes=24 * n + 1) if busy else timedelta(hours=12, minutes=n))
                yield {"order_id": f"o{number}", "partner": partner, "received": at.isoformat()}


class Heard:
    """A Reporter that is lists."""

    def __init__(self):
        self.said, self.wrong, self.tables, self.steps = [], [], {}, []

    def out(self, text):
        self.said.append(text)

    def err(self, text):
        self.wrong.append(text)

    def table(self, title, columns, rows):
        self.tables[title] = [columns, *rows]

    def progress(self, *step):
        self.steps.append(step[:2])


class Setup:
    def __init__(self, folder):
        body = cases("repair_orders", ("order_id", "partner"), ("received",))
        self.network = Network(folder, {"orders": (body, list(orders()))}, KPIS, now=NOW)
        self.folder = folder
        self.store = Store(self.network.settings.store_url)
        self.plain = (folder / "settings.toml").read_text()
        self.write("settings.toml", ROUTES)
        self.write("quiet.toml", QUIET)

    def write(self, name, routes, **changed):
        text = self.plain
        for old, new in changed.items():
            text = text.replace(old, new)
        (self.folder / name).write_text(text + routes)
        return self.folder / name

    def session(self, name="settings.toml"):
        return Session(
            load_settings(self.folder / name, {}), self.network.warehouse, self.store, lambda: self.network.now,
            lambda settings: Rehearsal(settings.alerting, settings.network),
        )  # fmt: skip

    def run(self, name="settings.toml", **options):
        heard = Heard()
        wanted = {
            "from": "2026-06-05",
            "to": "2026-06-16",
            "truth": None,
            "every": "1 d",
            "against": None,
            "environ": {},
        }
        code = run_command("backtest", wanted | {"json": True} | options, self.session(name), heard)
        return code, heard

    def document(self, name="settings.toml", **options):
        code, heard = self.run(name, **options)
        assert code == 0, heard.wrong
        return json.loads(heard.said[0])


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    made = Setup(tmp_path_factory.mktemp("network"))
    yield made
    made.store.close()
    made.network.close()


@pytest.fixture(scope="module")
def daily(setup):
    return setup.document()


def told(document):
    return [(mail["at"][5:16], mail["recipient"], *mail["kinds"]) for mail in document["mails"]]


def test_once_a_day_mails_stand_at_the_judged_moment(daily):
    assert told(daily) == [
        ("06-11T00:00", "ops", "opened"),
        ("06-12T00:00", "ops", "reminder"),
        ("06-13T00:01", "ops", "reminder"),
        ("06-14T00:00", "ops", "recovered"),
    ]
    assert daily["judgements"] == 12
    whole, episode = daily["episodes"]
    assert (whole["slice"], whole["days"]) == ({}, 3)
    assert (episode["slice"], episode["days"], episode["from"][:10]) == ({"partner": "Ann"}, 3, "2026-06-10")
    (mine,) = daily["recipients"]
    assert (mine["route"], mine["recipient"], mine["mails"], mine["notices"]) == ("partners", "ops", 4, 4)


def test_the_contract_holds(daily):
    assert {"judgements", "episodes", "mails", "forecasts", "scores", "recipients", "flaps", "held"} <= set(daily)
    assert set(daily["mails"][0]) == {"at", "recipient", "routes", "subject", "kinds", "episodes", "night", "digest"}
    assert daily["mails"][0]["subject"].startswith("Red: Orders received 60 orders at Ann")
    assert daily["mails"][0]["episodes"] == [{"kpi": "received", "slice": {"partner": "Ann"}}]
    assert "against" not in daily


def test_several_times_a_day_gives_the_times_and_counts_days_all_the_same(setup):
    found = setup.document(every="4 h")
    assert found["judgements"] == 12 * 6
    assert told(found)[0] == ("06-10T04:00", "ops", "opened")
    episode = next(e for e in found["episodes"] if e["slice"])
    assert (episode["from"][5:16], episode["to"][5:16], episode["days"]) == ("06-10T04:00", "06-13T04:00", 3)
    assert found["scores"]["judged"]["state_changes_per_pair_month"] == pytest.approx(30 * 2 / (2 * 11.833), rel=0.01)
    assert found["mails"][0]["night"]
    assert found["recipients"][0]["night"] == sum(mail["night"] for mail in found["mails"])


def test_two_settings_that_judge_alike_are_judged_once_and_rehearsed_twice(setup):
    code, heard = setup.run(every="4 h", against=str(setup.folder / "quiet.toml"))
    assert code == 0, heard.wrong
    document = json.loads(heard.said[0])
    other = document["against"]
    assert heard.steps[-1] == (72, 72)
    assert (other["episodes_only_here"], other["episodes_only_there"]) == ([], [])
    assert other["episodes_in_both"] == document["episodes"]
    assert told(document)[0][0] == "06-10T04:00"
    assert told(other)[0][0] == "06-10T06:00"
    assert other["recipients"][0]["night"] == 0
    assert other["scores"] == document["scores"]


def test_other_limits_are_judged_by_themselves(setup):
    (setup.folder / "loose.toml").write_text(KPIS.replace("red = 5", "red = 500"))
    path = setup.write("other.toml", ROUTES, **{"kpis.toml": "loose.toml"})
    code, heard = setup.run(against=str(path))
    assert code == 0, heard.wrong
    document = json.loads(heard.said[0])
    assert heard.steps[-1] == (24, 24)
    assert document["against"]["episodes_only_here"] == document["episodes"]
    assert document["against"]["mails"] == []
    assert document["against"]["settings"] == str(path)
    assert document["against"]["recipients"][0]["mails"] == 0


def test_both_are_printed_side_by_side(setup):
    code, heard = setup.run(against=str(setup.folder / "quiet.toml"), json=False)
    assert code == 0, heard.wrong
    assert heard.tables["Who would have got what"][1][:3] == ["partners", "ops", "4"]
    side = {row[0]: row[1:] for row in heard.tables["Side by side"]}
    assert side["mails to ops"] == ["4", "4"]
    assert side["mails at night"] == ["-", "-"]
    assert side["red under both"] == ["2", "2"]
    assert any("Judged once a day" in said for said in heard.said)
    _, heard = setup.run(every="8 h", json=False)
    assert any(said.startswith("Mails between 22:00 and 06:00") for said in heard.said)


def test_without_routes_nobody_would_have_been_told(setup):
    setup.write("silent.toml", "")
    assert setup.document("silent.toml")["mails"] == []
    _, heard = setup.run("silent.toml", json=False)
    assert "Nobody would have been told: the settings have no [[route]]." in heard.said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every": "often"}, '--every often: "often" is no length of time; write e.g. --every "4 h".'),
        ({"every": "2 d"}, "--every 2 d is too long"),
        ({"every": "1 s"}, "--every 1 s is too short"),
        ({"against": "nowhere.toml"}, "nowhere.toml: the file cannot be read"),
        ({"from": "2026-06-31"}, "--from 2026-06-31"),
        ({"from": "2026-06-20"}, "lies before --from"),
        ({"from": "2027-06-20", "to": "2027-06-21"}, "lies in the future"),
    ],
)
def test_what_cannot_be_replayed_is_said(setup, options, said):
    code, heard = setup.run(**options)
    assert code == 1
    assert said in "\n".join(heard.wrong)


def test_other_sources_cannot_be_held_against(setup):
    path = setup.write("moved.toml", ROUTES, **{"orders.csv": "elsewhere.csv"})
    code, heard = setup.run(against=str(path))
    assert code == 1
    (said,) = heard.wrong
    assert said == (
        f"{path}: its sources differ from those of {setup.folder / 'settings.toml'} (orders); both replay the same rows, so "
        "give both files the same [[source]] tables."
    )


def test_today_is_replayed_as_far_as_it_has_come(setup):
    assert setup.document(**{"from": "2026-06-29", "to": "2026-07-03"})["to"].startswith("2026-06-30T12:00:00")


def test_the_running_product_replays_for_others_and_finds_the_other_file_where_they_are(setup, monkeypatch, capsys):
    service = Service(setup.session(), lambda _: None)
    service.start()
    monkeypatch.chdir(setup.folder)
    days = ["--from", "2026-06-09", "--to", "2026-06-11"]
    try:
        code = app.main(["backtest", *days, "--against", "quiet.toml", "--json", "--settings", "settings.toml"])
    finally:
        service.stop()
    said = capsys.readouterr()
    assert code == 0, said.err
    assert json.loads(said.out)["against"]["settings"] == str(setup.folder / "quiet.toml")
