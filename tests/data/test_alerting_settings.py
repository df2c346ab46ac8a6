"""Routes, recipients, maintenance and rates become the values they name; the page of the settings says every key of theirs."""

import json
import re
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from analytics.kpi import Level
from analytics.master import INHERITED
from analytics.routing import SOURCE, Alerting, Digest, Escalation, Hours, Match, Rate, Recipient, Route, Silence
from data.demo.live import write_network
from data.settings import SettingsError, alert_shapes, load_settings
from data.settings.matches import OWN
from data.settings.shapes import Shape

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
README = Path(__file__).parents[2] / "README.md"
TABLES = {
    "[alerts]": alert_shapes.AlertsShape,
    "[[recipient]]": alert_shapes.RecipientShape,
    "[[route]]": alert_shapes.RouteShape,
    "[route.escalate]": alert_shapes.EscalateShape,
    "[[maintenance]]": alert_shapes.MaintenanceShape,
}
BERLIN = '[network]\ntimezone = "Europe/Berlin"\n'

EXAMPLE = """
[network]
timezone = "Europe/Berlin"
[mail]
folder = "mails"
[alerts]
rate = "5 per 10 min"
fallback = "ops-lead"
language = "en-GB"

[[recipient]]
name = "ops-lead"
address = "lead@example.com"
[[recipient]]
name = "ops-india"
address = "ops-india@example.com"
language = "en-IN"
timezone = "Asia/Kolkata"
[[recipient]]
name = "werkstatt"
address = "slack://${CHAT}"
language = "de"

[[route]]
name = "india"
match = { country = "IN", level = ["red", "turning"] }
to = ["ops-india", "boss@example.com"]
quiet = "22:00-07:00 Asia/Kolkata"
pain_above = 200
group_wait = "1 min"
remind_after = "never"
escalate = { after = "2 h", to = ["head@example.com"] }
[[route]]
name = "digest"
to = ["werkstatt"]
digest = "weekly Mon 08:00"

[[maintenance]]
name = "inventory"
match = { partner = "Fixpoint Lyon" }
reason = "yearly stock-taking"
from = 2026-12-31T18:00:00
to = "2027-01-02T06:00"
[[maintenance]]
name = "backup"
every = "Sun 02:00-04:00 UTC"
"""


def alerting(folder, text, **environ):
    (folder / "settings.toml").write_text(text)
    return load_settings(folder / "settings.toml", environ).alerting


def problems(folder, text):
    with pytest.raises(SettingsError) as caught:
        alerting(folder, text)
    return caught.value.problems


def route(folder, keys):
    text = f'{BERLIN}[[route]]\nname = "r"\nto = ["ops@example.com"]\n{keys}\n'
    return alerting(folder, text).routes[0]


def window(folder, keys):
    return alerting(folder, f'{BERLIN}[[maintenance]]\nname = "m"\n{keys}\n').maintenance[0]


def test_the_whole_example(tmp_path):
    found = alerting(tmp_path, EXAMPLE, CHAT="a/b/c")
    assert found == Alerting(
        routes=(
            Route(
                name="india",
                to=("ops-india", "boss@example.com"),
                match=Match((("country", ("IN",)),), levels=(Level.RED, Level.TURNING)),
                quiet=Hours(time(22), time(7), "Asia/Kolkata"),
                pain_above=200,
                group_wait=60,
                remind_after=None,
                escalate=Escalation(7200, ("head@example.com",)),
            ),
            Route("digest", ("werkstatt",), digest=Digest("week", time(8), "Europe/Berlin", 0)),
        ),
        recipients=(
            Recipient("ops-lead", "lead@example.com", "en-GB", "Europe/Berlin"),
            Recipient("ops-india", "ops-india@example.com", "en-IN", "Asia/Kolkata"),
            Recipient("werkstatt", "slack://a/b/c", "de", "Europe/Berlin"),
        ),
        maintenance=(
            Silence(
                id="maintenance inventory",
                match=Match((("partner", ("Fixpoint Lyon",)),)),
                reason="yearly stock-taking",
                begins=datetime(2026, 12, 31, 17, tzinfo=UTC),
                ends=datetime(2027, 1, 2, 5, tzinfo=UTC),
            ),
            Silence("maintenance backup", Match(), "backup", hours=Hours(time(2), time(4), "UTC", (6,))),
        ),
        rate=Rate(5, 600),
        fallback="ops-lead",
        timezone="Europe/Berlin",
        language="en-GB",
    )


def test_nobody_is_told_unless_somebody_is_named(tmp_path):
    assert alerting(tmp_path, "") == Alerting()
    assert alerting(tmp_path, BERLIN) == Alerting(timezone="Europe/Berlin")


def test_a_route_waits_half_a_minute_and_reminds_daily_of_reds_unless_it_says_otherwise(tmp_path):
    assert route(tmp_path, "") == Route(
        "r", ("ops@example.com",), Match(levels=(Level.RED,)), group_wait=30.0, remind_after=86_400.0
    )


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("20 per h", Rate(20, 3600)),
        ("5 per 10 min", Rate(5, 600)),
        ("100 per d", Rate(100, 86_400)),
        ("1 per 1.5 h", Rate(1, 5400)),
        ("3 per 60 s", Rate(3, 60)),
    ],
)
def test_rates(tmp_path, written, rate):
    assert alerting(tmp_path, f'[alerts]\nrate = "{written}"\n').rate == rate


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("22:00-07:00", Hours(time(22), time(7), "Europe/Berlin")),
        ("22:00 - 07:00", Hours(time(22), time(7), "Europe/Berlin")),
        ("9:30-17:00 America/New_York", Hours(time(9, 30), time(17), "America/New_York")),
        ("Mon-Fri 22:00-06:00", Hours(time(22), time(6), "Europe/Berlin", (0, 1, 2, 3, 4))),
        ("Sat,Sun 00:00-24:00", Hours(time(0), time(0), "Europe/Berlin", (5, 6))),
        ("sat, sun 00:00-24:00 UTC", Hours(time(0), time(0), "UTC", (5, 6))),
        ("Fri-Mon 20:00-24:00", Hours(time(20), time(0), "Europe/Berlin", (0, 4, 5, 6))),
        ("Mon,Wed-Thu 01:00-02:00 Etc/GMT+5", Hours(time(1), time(2), "Etc/GMT+5", (0, 2, 3))),
    ],
)
def test_quiet_hours_and_maintenance_are_written_alike(tmp_path, written, hours):
    assert route(tmp_path, f'quiet = "{written}"').quiet == hours
    assert window(tmp_path, f'every = "{written}"').hours == hours


@pytest.mark.parametrize(
    ("quiet", "moment", "ends"),
    [
        # Local hours, before and after the clocks change; 2026-11-28 is a Saturday.
        ("22:00-07:00", "2026-03-28T23:00:00Z", "2026-03-29T05:00:00Z"),
        ("22:00-07:00", "2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"),
        ("22:00-07:00 Asia/Kolkata", "2026-03-28T23:00:00Z", "2026-03-29T01:30:00Z"),
        ("Sat,Sun 00:00-24:00", "2026-11-28T12:00:00Z", "2026-11-29T23:00:00Z"),
        ("Mon-Fri 22:00-07:00", "2026-11-28T05:00:00Z", "2026-11-28T06:00:00Z"),
    ],
)
def test_quiet_hours_keep_local_time(tmp_path, quiet, moment, ends):
    found = route(tmp_path, f'quiet = "{quiet}"').quiet
    assert found.until(datetime.fromisoformat(moment)) == datetime.fromisoformat(ends)


@pytest.mark.parametrize(
    ("written", "digest"),
    [
        ("hourly", Digest("hour", time(0), "Europe/Berlin")),
        ("hourly :30", Digest("hour", time(0, 30), "Europe/Berlin")),
        ("hourly :30 Asia/Kolkata", Digest("hour", time(0, 30), "Asia/Kolkata")),
        ("daily 08:00", Digest("day", time(8), "Europe/Berlin")),
        ("daily 08:00 Asia/Kolkata", Digest("day", time(8), "Asia/Kolkata")),
        ("weekly Mon 08:00", Digest("week", time(8), "Europe/Berlin", 0)),
        ("weekly sun 18:15 UTC", Digest("week", time(18, 15), "UTC", 6)),
    ],
)
def test_digests(tmp_path, written, digest):
    assert route(tmp_path, f'digest = "{written}"').digest == digest


@pytest.mark.parametrize(
    ("written", "match"),
    [
        ("{}", Match(levels=(Level.RED,))),
        ('{ level = "turning" }', Match(levels=(Level.TURNING,))),
        ('{ level = ["red", "turning"] }', Match(levels=(Level.RED, Level.TURNING))),
        ('{ kpi = "late_repairs" }', Match(kpis=("late_repairs",), levels=(Level.RED,))),
        ('{ family = ["speed", "quality"] }', Match(families=("speed", "quality"), levels=(Level.RED,))),
        ("{ pain_above = 200 }", Match(levels=(Level.RED,), pain_above=200.0)),
        ('{ partner = ["A", "B"] }', Match((("partner", ("A", "B")),), levels=(Level.RED,))),
        ('{ tier = 2, origin = "DE" }', Match((("tier", ("2",)), ("origin", ("DE",))), levels=(Level.RED,))),
    ],
)
def test_matches(tmp_path, written, match):
    assert route(tmp_path, f"match = {written}").match == match


def test_a_route_may_name_a_source(tmp_path):
    text = """
[[route]]
name = "feeds"
match = { source = "orders" }
to = ["it@example.com"]
[[source]]
name = "orders"
fact = "repair_orders"
format = "csv"
path = "orders.csv"
[source.fields]
order_id = "number"
[source.events]
received = "opened"
"""
    assert alerting(tmp_path, text).routes[0].match == Match((("source", ("orders",)),), levels=(Level.RED,))


@pytest.mark.parametrize(
    ("keys", "begins", "ends"),
    [
        ("from = 2026-07-01T12:00:00\nto = 2026-07-01T18:00:00", "2026-07-01T10:00:00Z", "2026-07-01T16:00:00Z"),
        ("from = 2026-07-01T12:00:00Z\nto = 2026-07-01T18:00:00+05:30", "2026-07-01T12:00:00Z", "2026-07-01T12:30:00Z"),
        ("from = 2026-12-31\nto = 2027-01-02", "2026-12-30T23:00:00Z", "2027-01-01T23:00:00Z"),
        ('from = "2026-12-31 18:00"\nto = "2027-01-02T06:00Z"', "2026-12-31T17:00:00Z", "2027-01-02T06:00:00Z"),
        # Inside the gap of 29 March, and the first of the two on 25 October.
        ('from = "2026-03-29T02:30"\nto = "2026-10-25T02:30"', "2026-03-29T01:30:00Z", "2026-10-25T00:30:00Z"),
    ],
)  # fmt: skip
def test_maintenance_takes_the_networks_zone_where_it_names_none(tmp_path, keys, begins, ends):
    found = window(tmp_path, keys)
    assert (found.begins, found.ends) == (datetime.fromisoformat(begins), datetime.fromisoformat(ends))
    assert found.begins.tzinfo is UTC


@pytest.mark.parametrize(
    ("written", "language"), [("en", "en"), ("de", "de"), ("en-GB", "en-GB"), ("de_CH", "de-CH"), ("EN-us", "en-US")]
)
def test_languages_are_written_as_in_the_web(tmp_path, written, language):
    text = f'[[recipient]]\nname = "r"\naddress = "r@example.com"\nlanguage = "{written}"\n'
    assert alerting(tmp_path, text).recipients[0].language == language
    assert alerting(tmp_path, f'[alerts]\nlanguage = "{written}"\n').language == language


def test_an_address_of_a_recipient_stands_for_the_recipient(tmp_path):
    text = '[[recipient]]\nname = "ops"\naddress = "Ops@example.com"\nlanguage = "de"\n[[route]]\nname = "r"\n'
    found = alerting(tmp_path, text + 'to = ["ops@example.com"]\n[alerts]\nfallback = "ops@example.com"\n')
    assert (found.routes[0].to, found.fallback) == (("ops",), "ops")


def test_addresses_may_come_from_the_environment_and_are_not_shown(tmp_path):
    text = '[[recipient]]\nname = "chat"\naddress = "msteams://${CHAT}/"\n[[route]]\nname = "r"\nto = ["chat", "${BOSS}"]\n'
    found = alerting(tmp_path, text, CHAT="secret", BOSS="boss@example.com")
    assert found.recipient("chat").address == "msteams://secret/"
    assert found.routes[0].to == ("chat", "boss@example.com")
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    "keys",
    [
        '[alerts]\nfallback = "slack://secret"\n',
        '[[recipient]]\nname = "chat"\naddress = "slack:secret"\n',
        '[[route]]\nname = "r"\nto = ["slack://secret"]\n',
    ],
)
def test_a_mistake_in_an_address_does_not_repeat_its_token(tmp_path, keys):
    (only,) = problems(tmp_path, keys)
    assert "secret" not in only


def test_every_mistake_of_alerts_is_said_at_once(tmp_path):
    text = """
[alerts]
rate = "often"
[[recipient]]
address = "nobody"
[[route]]
name = "r"
to = []
match = { level = "green", kpi = "late" }
quiet = "late"
group_wait = "soon"
[[maintenance]]
name = "m"
every = "Sunday"
"""
    found = problems(tmp_path, text)
    assert [line.split(": ")[1] for line in found] == [
        "[[recipient]] number 1, key name",
        "[[recipient]] number 1, key address",
        "[alerts], key rate",
        '[[route]] "r", key to',
        '[[route]] "r", key match.kpi',
        '[[route]] "r", key match.level',
        '[[route]] "r", key quiet',
        '[[route]] "r", key group_wait',
        '[[maintenance]] "m", key every',
    ]


@pytest.mark.parametrize("kpis", ["[kpi.k]\nby = [['partner'], ['lane']]\n", "no toml", None])
def test_a_mistake_in_the_kpis_is_not_said_again_of_routes(tmp_path, kpis):
    if kpis is not None:
        (tmp_path / "kpis.toml").write_text(kpis)
    text = (
        '[kpis]\npath = "kpis.toml"\n[[route]]\nname = "r"\nto = ["o@example.com"]\nmatch = { kpi = "k", lane = "x" }\n'
    )
    assert not any("[[route]]" in line for line in problems(tmp_path, text))


def test_mails_may_be_written_to_a_folder_beside_the_settings(tmp_path):
    (tmp_path / "settings.toml").write_text('[mail]\nfolder = "out/mails"\n')
    assert load_settings(tmp_path / "settings.toml", {}).mail.folder == tmp_path / "out" / "mails"
    (tmp_path / "settings.toml").write_text("[mail]\n")
    assert load_settings(tmp_path / "settings.toml", {}).mail.folder is None


@pytest.mark.parametrize("partners", [1, 24])
def test_the_demo_tells_somebody_whatever_its_size(tmp_path, partners):
    write_network(tmp_path / "demo", partners=partners, days=2, seed=3, now=datetime(2026, 11, 23, tzinfo=UTC))
    settings = load_settings(tmp_path / "demo" / "settings.toml", {})
    assert settings.mail.folder == tmp_path / "demo" / "mails"
    everything, france, morning = settings.alerting.routes
    assert everything.quiet is not None and everything.match == Match(levels=(Level.RED,))
    assert france.escalate is not None
    assert settings.alerting.recipient(morning.to[0]).language == "de" and morning.digest is not None
    assert settings.alerting.maintenance[0].hours is not None


def test_the_example_of_the_readme_loads(tmp_path):
    (found,) = re.findall(r"<!-- test: who is told -->\n```\w+\n(.*?)```", README.read_text(), flags=re.DOTALL)
    read = alerting(tmp_path, found, SLACK_TOKEN="x")  # noqa: S106  # no token of anyone
    assert [route.name for route in read.routes] == ["everything", "india", "management"]
    assert len(read.recipients) == 3 and len(read.maintenance) == 2


def documented(heading):
    """Give the first two cells of every row of the table below a heading of the settings' page."""
    (below,) = re.findall(rf"^### {re.escape(heading)}$(.*?)(?=^##)", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in below.splitlines() if line.startswith("|")][2:]
    return dict([cell.strip() for cell in line.split("|")[1:3]] for line in lines)


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_is_documented_with_its_default(heading):
    assert documented(heading) == {
        f"`{field.alias or name}`": "-" if field.default is None else f"`{json.dumps(field.default)}`"
        for name, field in TABLES[heading].model_fields.items()
    }


def test_every_condition_of_a_match_is_documented():
    assert [name.strip("`") for name in documented("Matches")] == ["a dimension", SOURCE, *OWN]
    said = PAGE.read_text()
    assert ", ".join(f"`{name}`" for name in INHERITED) in said


def test_no_table_is_left_out():
    every = {each for each in vars(alert_shapes).values() if isinstance(each, type) and issubclass(each, Shape)}
    assert set(TABLES.values()) == every - {Shape, alert_shapes.NamedShape}
