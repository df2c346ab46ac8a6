"""settings.toml and kpis.toml become the values they name, or every mistake in them is said at once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from analytics.kpi import Condition, LimitRule, Measure
from data.check import check, check_file
from data.settings import Extra, KindRule, Mail, Mapping, SettingsError, interval_seconds, load_settings, role_problem

BAD = Path(__file__).parent / "bad_settings"

EXAMPLE = """
[network]
name = "Acme after-sales"
timezone = "Europe/Berlin"
[warehouse]
url = "duckdb:///var/warehouse.duckdb"
[store]
url = "sqlite:///var/store.db"
[kpis]
path = "kpis.toml"
[web]
host = "127.0.0.1"
port = 8050
public_url = "https://painpoint.example.com"
[mail]
host = "localhost"
sender = "Painpoint <painpoint@example.com>"

[[source]]
name = "incidents"
fact = "repair_orders"
format = "csv"
path = "incidents/*.csv.gz"
every = "5 min"
fresh_within = "2 h"
timezone = "America/New_York"
datetime_format = "%d/%m/%Y %H:%M"
encoding = "latin-1"
missing = ["?", "N/A"]
[source.fields]
order_id = "number"
partner = "assignment_group"
country = { value = "US" }
outcome = { column = "status", map = { "Fixed" = "repaired", "End of life" = "unrepairable" } }
[source.extra]
made_sla = { column = "made_sla", type = "bool" }
[source.events]
received = "opened_at"
closed = "closed_at"

[[source]]
name = "log"
fact = "repair_orders"
format = "xes"
path = "log.xes"
at = "time:timestamp"
[source.fields]
order_id = "case:concept:name"
[[source.kinds]]
kind = "qc_failed"
when = { "concept:name" = "Test Repair", "lifecycle:transition" = "complete", "defectFixed" = false }
[[source.kinds]]
kind = "qc_passed"
when = { "concept:name" = ["Test Repair", "Test"] }
"""

KPIS = """
[kpi.late_repairs]
title = "Late repairs"
family = "speed"
fact = "repair_orders"
measure = { share = "late" }
where = [{ column = "channel", in = ["walk_in"] }]
day = "closed_at"
window = "28 d"
matures_after = "0 d"
by = [["partner"], ["country"], ["partner", "product"]]
better = "lower"
green = 0.05
red = 0.10
min_n = 30
unit = "%"
pain = "waits"
remedies = ["add_capacity", "swap", "reroute"]
[[kpi.late_repairs.limits]]
where = { country = "IN" }
red = 0.15
"""


def write(folder, settings, kpis=None):
    path = folder / "settings.toml"
    path.write_text(settings)
    if kpis is not None:
        (folder / "kpis.toml").write_text(kpis)
    return path


def load(folder, settings, kpis=None, **environ):
    return load_settings(write(folder, settings, kpis), environ)


def problems(folder, settings, kpis=None, **environ):
    with pytest.raises(SettingsError) as caught:
        load(folder, settings, kpis, **environ)
    return caught.value.problems


def source(more="", *, name="incidents", fields='order_id = "number"', events='received = "opened_at"'):
    return f"""
[[source]]
name = "{name}"
fact = "repair_orders"
format = "csv"
path = "orders.csv"
{more}
[source.fields]
{fields}
[source.events]
{events}
"""


def kpi(**keys):
    given = {
        "title": '"T"',
        "family": '"speed"',
        "fact": '"repair_orders"',
        "measure": '{ share = "late" }',
        "day": '"closed_at"',
        "better": '"lower"',
        "green": "0.05",
        "red": "0.1",
    } | keys
    return "[kpi.k]\n" + "\n".join(f"{key} = {value}" for key, value in given.items() if value is not None)


OWN_KPIS = '[kpis]\npath = "kpis.toml"\n'


@pytest.mark.parametrize("case", sorted(path.name for path in BAD.iterdir() if path.is_dir()))
def test_a_mistake_is_said_with_file_key_and_mend(case, monkeypatch):
    monkeypatch.chdir(BAD / case)
    with pytest.raises(SettingsError) as caught:
        load_settings(Path("settings.toml"), {})
    assert caught.value.problems == (BAD / case / "expected.txt").read_text().splitlines()


def test_every_mistake_is_said_at_once(tmp_path):
    settings = (
        '[network]\ntimezone = "Mars"\n[web]\nport = "x"\n'
        + OWN_KPIS
        + source("pth = 1", fields="order_id = 3\nparner = 'x'")
    )
    found = problems(tmp_path, settings, kpi(red="0.01"))
    assert [line.split(": ")[1] for line in found] == [
        "[network], key timezone",
        "[web], key port",
        '[[source]] "incidents", key fields.order_id',
        '[[source]] "incidents", key pth',
        '[[source]] "incidents", key fields.parner',
        "[kpi.k], key red",
    ]


def test_five_mistakes_are_five_sentences(tmp_path):
    settings = OWN_KPIS + source('every = "often"') + source('encoding = "x-1"', name="b", events='closd = "x"')
    found = problems(tmp_path, settings, kpi(measure='{ share = "lat" }', day=None))
    assert len(found) == 5


def test_the_example_of_the_design_loads(tmp_path):
    settings = load(tmp_path, EXAMPLE, KPIS)
    assert (settings.network, settings.timezone) == ("Acme after-sales", "Europe/Berlin")
    assert settings.warehouse_url == f"duckdb:///{tmp_path}/var/warehouse.duckdb"
    assert settings.store_url == f"sqlite:///{tmp_path}/var/store.db"
    assert settings.kpis_path == tmp_path / "kpis.toml"
    assert (settings.web_host, settings.web_port) == ("127.0.0.1", 8050)
    assert settings.public_url == "https://painpoint.example.com"
    assert settings.mail == Mail("localhost", 25, None, None, "none", "Painpoint <painpoint@example.com>")


def test_a_row_per_case_of_the_example(tmp_path):
    incidents, _ = load(tmp_path, EXAMPLE, KPIS).sources
    assert incidents.fields == (
        ("order_id", Mapping("number")),
        ("partner", Mapping("assignment_group")),
        ("country", Mapping(value="US")),
        ("outcome", Mapping("status", map=(("Fixed", "repaired"), ("End of life", "unrepairable")))),
    )
    assert incidents.events == (("received", "opened_at"), ("closed", "closed_at"))
    assert incidents.extra == (("made_sla", Extra("made_sla", "bool")),)
    assert incidents.fresh_within_seconds == 7200
    assert (incidents.timezone, incidents.datetime_format) == ("America/New_York", "%d/%m/%Y %H:%M")
    assert (incidents.encoding, incidents.missing) == ("latin-1", ("?", "N/A"))
    assert (incidents.folder, incidents.path) == (tmp_path, "incidents/*.csv.gz")


def test_a_row_per_event_of_the_example(tmp_path):
    _, log = load(tmp_path, EXAMPLE, KPIS).sources
    assert (log.at, log.timezone, log.every) == ("time:timestamp", "Europe/Berlin", "5 min")
    done = (("concept:name", ("Test Repair",)), ("lifecycle:transition", ("complete",)), ("defectFixed", ("false",)))
    assert log.kinds == (
        KindRule("qc_failed", done),
        KindRule("qc_passed", (("concept:name", ("Test Repair", "Test")),)),
    )


def test_the_kpi_of_the_example(tmp_path):
    (late,) = load(tmp_path, EXAMPLE, KPIS).kpis
    assert late.measure == Measure("share", "late")
    assert late.where == (Condition("channel", "in", ("walk_in",)),)
    assert (late.day, late.window_days, late.matures_days) == ("closed_at", 28, 0.0)
    assert late.by == (("partner",), ("country",), ("partner", "product"))
    assert (late.green, late.red, late.min_n, late.unit) == (0.05, 0.1, 30, "%")
    assert late.limits == (LimitRule((("country", "IN"),), None, 0.15),)
    assert late.remedies == ("add_capacity", "swap", "reroute")


def test_the_shipped_catalogue_is_used_without_a_path_of_ones_own(tmp_path):
    settings = load(tmp_path, source())
    assert settings.kpis_path == Path(__file__).parents[2] / "kpis.toml"
    assert settings.kpis


@pytest.mark.parametrize(
    ("measure", "min_n", "unit"),
    [
        ('{ share = "late" }', 30, "%"),
        ('{ mean = "tat_hours" }', 30, ""),
        ('{ quantile = "tat_hours", q = 0.9 }', 30, ""),
        ('{ ratio = ["cost", "handoffs"] }', 30, ""),
        ("{ count = true }", 0, ""),
        ('{ sum = "cost" }', 0, ""),
    ],
)
def test_defaults_follow_the_shape_of_the_measure(tmp_path, measure, min_n, unit):
    (found,) = load(tmp_path, OWN_KPIS, kpi(measure=measure)).kpis
    assert (found.min_n, found.unit, found.window_days) == (min_n, unit, 28)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("{ count = true }", Measure("count")),
        ('{ count = "open" }', Measure("count", "open")),
        ('{ quantile = "tat_hours", q = 0.9 }', Measure("quantile", "tat_hours", q=0.9)),
        ('{ ratio = ["cost", "handoffs"] }', Measure("ratio", "cost", denominator="handoffs")),
        (
            '{ share = { column = "reopened_count", above = 0 } }',
            Measure("share", condition=Condition("reopened_count", "above", 0)),
        ),
    ],
)
def test_shapes_of_measures(tmp_path, measure, expected):
    (found,) = load(tmp_path, OWN_KPIS, kpi(measure=measure)).kpis
    assert found.measure == expected


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-01", datetime(2026, 2, 28, 23, tzinfo=UTC)),
        ('"2026-03-01"', datetime(2026, 2, 28, 23, tzinfo=UTC)),
        ("2026-07-01T12:00:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ('"2026-07-01T12:00:00Z"', datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("2026-07-01T12:00:00-05:00", datetime(2026, 7, 1, 17, tzinfo=UTC)),
        ("2026-03-29T02:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # inside the gap: 03:30 in summer
        ("2026-10-25T02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # twice: the earlier one
    ],
)
def test_times_in_conditions_are_moments(tmp_path, written, moment):
    where = f'[{{ column = "closed_at", at_least = {written} }}]'
    settings = load(tmp_path, '[network]\ntimezone = "Europe/Berlin"\n' + OWN_KPIS, kpi(where=where))
    assert settings.kpis[0].where == (Condition("closed_at", "at_least", moment),)


def test_extra_columns_of_any_source_of_the_fact_are_columns_of_kpis(tmp_path):
    settings = OWN_KPIS + source() + '\n[source.extra]\nsla = { column = "s", type = "bool" }\n' + source(name="b")
    assert load(tmp_path, settings, kpi(measure='{ share = "sla" }')).kpis[0].measure.column == "sla"


def test_a_broken_extra_is_said_once(tmp_path):
    settings = OWN_KPIS + source() + '\n[source.extra]\nsla = { column = "s", type = "boo" }\n'
    (only,) = problems(tmp_path, settings, kpi(measure='{ share = "sla" }'))
    assert "extra.sla.type" in only


def test_a_snapshot_fact_is_booked_by_its_own_time(tmp_path):
    stock = kpi(fact='"stock_levels"', measure='{ sum = "on_hand" }', day=None, by='[["site", "part"]]')
    assert load(tmp_path, OWN_KPIS, stock).kpis[0].day == "at"


def test_a_tally_needs_its_name_and_time_only(tmp_path):
    settings = """
[[source]]
name = "monthly"
fact = "tallies"
format = "xlsx"
path = "monthly.xlsx"
at = "month"
[source.fields]
name = { value = "nps" }
numerator = "n"
"""
    (tallies,) = load(tmp_path, settings).sources
    assert tallies.fields[0] == ("name", Mapping(value="nps"))


def test_more_specific_rules_settle_what_others_leave_open(tmp_path):
    rules = [
        'where = { country = "IN" }\nred = 0.15',
        'where = { product = "P" }\nred = 0.2',
        'where = { country = "IN", product = "P" }\nred = 0.3',
    ]
    text = kpi(by='[["country", "product"]]') + "".join(f"\n[[kpi.k.limits]]\n{rule}" for rule in rules)
    assert len(load(tmp_path, OWN_KPIS, text).kpis[0].limits) == 3


def test_rules_that_no_slice_shares_do_not_clash(tmp_path):
    rules = ['where = { country = "IN" }\nred = 0.15', 'where = { product = "P" }\nred = 0.2']
    text = kpi(by='[["country"], ["product"]]') + "".join(f"\n[[kpi.k.limits]]\n{rule}" for rule in rules)
    assert len(load(tmp_path, OWN_KPIS, text).kpis[0].limits) == 2


def test_variables_are_read_from_the_environment(tmp_path):
    mail = '[mail]\nhost = "${HOST}"\nport = "${PORT}"\nuser = "me"\npassword = "a${SECRET}b"\ntls = "${TLS}"\n'
    settings = load(tmp_path, mail, HOST="mail", PORT="2525", TLS="tls", SECRET="${HOST}")  # noqa: S106  # no password of anyone
    assert settings.mail == Mail("mail", 2525, "me", "a${HOST}b", "tls")


@pytest.mark.parametrize(("tls", "port"), [("none", 25), ("starttls", 587), ("tls", 465)])
def test_mail_takes_the_usual_port(tmp_path, tls, port):
    assert load(tmp_path, f'[mail]\ntls = "{tls}"\n').mail.port == port


def test_four_slashes_are_absolute(tmp_path):
    settings = load(tmp_path, '[warehouse]\nurl = "duckdb:////data/w.duckdb"\n[store]\nurl = "postgresql://h/p"\n')
    assert (settings.warehouse_url, settings.store_url) == ("duckdb:////data/w.duckdb", "postgresql://h/p")


@pytest.mark.parametrize(
    ("url", "resolved", "allow"),
    [
        ("duckdb://", "duckdb://", ("",)),
        ("duckdb:///old.duckdb", "duckdb:///{}/old.duckdb", ("",)),
        ("sqlite:///old.db", "sqlite:///{}/old.db", ()),
        ("mysql+pymysql://me@erp/orders", "mysql+pymysql://me@erp/orders", ()),
    ],
)
def test_addresses_of_sql_sources(tmp_path, url, resolved, allow):
    settings = f"""
[[source]]
name = "erp"
fact = "repair_orders"
format = "sql"
url = "{url}"
query = "SELECT * FROM orders WHERE changed > :since"
cursor = "changed"
[source.fields]
order_id = "number"
[source.events]
received = "opened"
"""
    (erp,) = load(tmp_path, settings).sources
    assert erp.url == resolved.format(tmp_path)
    assert erp.allow == tuple(tmp_path / folder for folder in allow)


def test_a_missing_settings_file_is_said(tmp_path):
    with pytest.raises(SettingsError, match="the file cannot be read"):
        load_settings(tmp_path / "settings.toml", {})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10 s", 10), ("5 min", 300), ("2 h", 7200), ("1 d", 86400), ("1.5h", 5400), ("*/5 * * * *", None)],
)
def test_intervals(text, seconds):
    assert interval_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "5 minutes", "-1 s", "0 s", "* * * *", "99 * * * *"])
def test_what_is_no_interval(text):
    with pytest.raises(ValueError, match="no"):
        interval_seconds(text)


def test_roles_need_servers(tmp_path):
    settings = load(tmp_path, "")
    assert role_problem(settings, "all") is None
    assert "needs a ClickHouse or PostgreSQL warehouse and a PostgreSQL store" in role_problem(settings, "web")


def test_columns_that_the_source_lacks_are_said(tmp_path):
    (tmp_path / "orders.csv").write_text("numbr,opened_at\n1,2026-01-01\n")
    settings = load(tmp_path, source(fields='order_id = "number"\npartner = "zzz"'))
    place = f'{tmp_path}/settings.toml: [[source]] "incidents", key fields'
    assert check(settings) == [
        f'{place}.order_id: the source has no column "number"; did you mean "numbr"?',
        f'{place}.partner: the source has no column "zzz"; name one that it has: "numbr" or "opened_at"',
    ]


def test_a_source_that_is_not_there_is_said(tmp_path):
    (only,) = check(load(tmp_path, source()))
    assert only.startswith(f'{tmp_path}/settings.toml: [[source]] "incidents", key path: there is no file orders.csv')


def test_sound_sources_are_looked_at_beside_broken_ones(tmp_path):
    path = write(tmp_path, source() + source('every = "often"', name="b"))
    found = check_file(path, {})
    assert len(found) == 2
    assert "key every" in found[0]
    assert "key path" in found[1]
