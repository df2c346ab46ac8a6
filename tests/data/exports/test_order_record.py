"""An order's step record: in time order, numbered, with its sources; what was corrected stays and is shown as such."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from analytics.record import RECORDED, steps_of, values_of
from data.asked import Seen
from data.exports.log import _rows, order_record
from data.exports.order_csv import checksum, order_csv
from data.session import Session
from data.settings import load_settings
from data.tables import naive
from tests.analytics.small_network import HEAD, cases, happenings, write_csv

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
SOURCES = {
    "hub": cases(
        "repair_orders",
        ["order_id", "partner", "cost", "outcome", "promised_at", "recorded_at"],
        ["received", "completed", "closed", "delivered"],
    ),
    "tracking": happenings(
        "shipments", ["shipment_id", "order_id", "carrier", "recorded_at"], ["planned", "scanned", "delivered"]
    ),
    "calls": happenings("contacts", ["contact_id", "order_id", "topic"], ["offered", "answered"]),
}
COLUMNS = {
    "hub": [
        "order_id",
        "partner",
        "cost",
        "outcome",
        "promised_at",
        "recorded_at",
        "received",
        "completed",
        "closed",
        "delivered",
    ],
    "tracking": ["shipment_id", "order_id", "carrier", "recorded_at", "kind", "at"],
    "calls": ["contact_id", "order_id", "topic", "kind", "at"],
}


class Folder:
    """A network in a folder whose systems are written and loaded again and again."""

    def __init__(self, folder):
        self.folder = folder
        text = HEAD.format(zone="Europe/Berlin")
        for name, body in SOURCES.items():
            text += f'\n[[source]]\nname = "{name}"\nformat = "csv"\npath = "{name}.csv"\n{body}\n'
        (folder / "settings.toml").write_text(text, encoding="utf-8")
        (folder / "kpis.toml").write_text("", encoding="utf-8")
        self.clock = NOW - timedelta(days=1)
        self.session = Session.open(load_settings(folder / "settings.toml", {}), lambda: self.clock)

    def tell(self, name, *rows):
        """Let a system write its file, and load it; every load is an hour after the one before."""
        self.clock += timedelta(hours=1)
        write_csv(self.folder / f"{name}.csv", [dict.fromkeys(COLUMNS[name]) | row for row in rows])
        loaded = self.session.loader().load(self.session.source(name))
        assert loaded.error is None
        assert loaded.as_json()["quarantined"] == 0

    def record(self, order="A1", at=NOW, batch=None):
        return order_record(self.session, Seen(at, batch, None), order)

    def steps(self, **how):
        """Give the steps as (time, fact, kind, standing, what they changed, what that was before)."""
        return [
            (f"{s.at:%m-%d %H:%M}", s.fact, s.kind, s.standing, dict(s.after), dict(s.before))
            for s in self.record(**how).steps
        ]


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path)
    yield made
    made.session.close()


def case(**more):
    return {"order_id": "A1", "partner": "Ann"} | more


def test_the_first_version_tells_its_events_and_when_its_values_became_known(folder):
    folder.tell("hub", case(received="2026-06-01T08:00Z", closed="2026-06-03T08:00Z", outcome="repaired", cost="10"))
    assert folder.steps() == [
        ("06-01 08:00", "repair_orders", "received", "counts", {"partner": "Ann"}, {}),
        ("06-03 08:00", "repair_orders", "closed", "counts", {"outcome": "repaired", "cost": 10.0}, {}),
    ]
    record = folder.record()
    assert [step.number for step in record.steps] == [1, 2]
    assert record.facts == {"partner": "Ann", "outcome": "repaired", "cost": 10.0}
    (place,) = {step.told.place for step in record.steps}
    assert (place.source, place.batch, place.row) == ("hub", 1, 0)
    assert record.steps[0].told.file == "hub.csv"


def test_a_corrected_time_supersedes_the_step_and_a_cleared_one_withdraws_it(folder):
    folder.tell("hub", case(received="2026-06-01T08:00Z", completed="2026-06-02T08:00Z", cost="10"))
    folder.tell("hub", case(received="2026-06-01T08:00Z", completed="2026-06-02T09:00Z", cost="10"))
    folder.tell("hub", case(received="2026-06-01T08:00Z", completed="", cost="10"))
    first, moved = datetime(2026, 6, 2, 8), datetime(2026, 6, 2, 9)  # noqa: DTZ001
    assert folder.steps() == [
        ("06-01 08:00", "repair_orders", "received", "counts", {"partner": "Ann"}, {}),
        ("06-02 08:00", "repair_orders", "completed", "superseded", {"cost": 10.0}, {}),
        ("06-02 09:00", "repair_orders", "completed", "withdrawn", {"completed_at": moved}, {"completed_at": first}),
        ("06-29 15:00", "repair_orders", "restated", "counts", {"completed_at": None}, {"completed_at": moved}),
    ]
    steps = folder.record().steps
    assert [step.replaced_by and step.replaced_by.batch for step in steps] == [None, 2, 3, None]
    assert steps[3].basis == "loaded"
    # an earlier batch knew nothing of the corrections
    assert [step[3] for step in folder.steps(batch=1)] == ["counts", "counts"]


def test_a_changed_value_is_a_step_of_its_own_when_it_was_recorded(folder):
    told = case(received="2026-06-01T08:00Z", closed="2026-06-02T08:00Z")
    folder.tell("hub", told | {"cost": "10", "recorded_at": "2026-06-02T09:00Z"})
    folder.tell("hub", told | {"cost": "12", "recorded_at": "2026-06-05T10:00Z"})
    assert folder.steps()[-1] == ("06-05 10:00", "repair_orders", "restated", "counts", {"cost": 12.0}, {"cost": 10.0})
    assert folder.record().steps[-1].basis == "recorded"
    # before it was recorded nobody knew
    before = folder.record(at=datetime(2026, 6, 4, tzinfo=UTC))
    assert len(before.steps) == 2
    assert before.facts["cost"] == 10.0


def test_events_that_have_not_come_are_not_told(folder):
    folder.tell("hub", case(received="2026-06-01T08:00Z", closed="2026-06-03T08:00Z", outcome="repaired"))
    assert folder.steps(at=datetime(2026, 6, 2, tzinfo=UTC)) == [
        ("06-01 08:00", "repair_orders", "received", "counts", {"partner": "Ann"}, {})
    ]


def scan(kind, at, shipment="S1", **more):
    return {"shipment_id": shipment, "order_id": "A1", "kind": kind, "at": at} | more


def test_events_of_all_facts_lie_in_one_order_of_time(folder):
    folder.tell("hub", case(received="2026-06-02T08:00Z", delivered="2026-06-06T08:00Z"))
    folder.tell(
        "tracking",
        scan("planned", "2026-06-01T08:00Z", carrier="Swift"),
        scan("scanned", "2026-06-03T08:00Z"),
        scan("scanned", "2026-06-04T08:00Z", carrier="Slow"),
        scan("delivered", "2026-06-05T08:00Z"),
        scan("delivered", "2026-06-05T09:00Z"),
    )
    folder.tell(
        "calls", {"contact_id": "C1", "order_id": "A1", "kind": "offered", "at": "2026-06-04T09:00Z", "topic": "where"}
    )
    assert [step[:4] for step in folder.steps()] == [
        ("06-01 08:00", "shipments", "planned", "counts"),
        ("06-02 08:00", "repair_orders", "received", "counts"),
        ("06-03 08:00", "shipments", "scanned", "counts"),
        ("06-04 08:00", "shipments", "scanned", "counts"),
        ("06-04 09:00", "contacts", "offered", "counts"),
        ("06-05 08:00", "shipments", "delivered", "counts"),
        ("06-05 09:00", "shipments", "delivered", "repeat"),
        ("06-06 08:00", "repair_orders", "delivered", "counts"),
    ]
    changed = folder.record().steps[3]
    assert (changed.after, changed.before) == ({"carrier": "Slow"}, {"carrier": "Swift"})


def test_one_event_recorded_twice_is_shown_twice_and_counts_once(folder):
    event = scan("scanned", "2026-06-03T08:00Z", carrier="Swift")
    folder.tell("tracking", event | {"recorded_at": "2026-06-03T09:00Z"}, event | {"recorded_at": "2026-06-03T10:00Z"})
    assert [step[3] for step in folder.steps()] == ["counts", "duplicate"]


def test_what_was_given_to_another_order_is_kept_and_said(folder):
    folder.tell("tracking", scan("planned", "2026-06-01T08:00Z"))
    folder.tell("tracking", scan("planned", "2026-06-01T08:00Z"), scan("scanned", "2026-06-02T08:00Z", order_id="B2"))
    assert [step[3] for step in folder.steps()] == ["elsewhere", "elsewhere"]
    assert [step[3] for step in folder.steps(order="B2")] == ["counts", "counts"]
    assert [step[3] for step in folder.steps(batch=1)] == ["counts"]


# --- the canonical form -------------------------------------------------------------------------------------------


def told(folder):
    folder.tell(
        "hub", case(partner="=2+3 修理店", received="2026-06-01T08:00Z", closed="2026-06-03T08:00:00.25Z", cost="0.1")
    )
    folder.tell(
        "calls",
        {"contact_id": "C;1\n", "order_id": "A1", "kind": "offered", "at": "2026-06-02T08:00Z", "topic": 'a "b"'},
    )


def test_the_csv_is_the_record_and_its_bytes_are_what_the_checksum_is_over(folder):
    told(folder)
    record = folder.record()
    content = order_csv(record)
    assert content == order_csv(folder.record())
    assert checksum(record) == hashlib.sha256(content).hexdigest()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["step"] for row in rows] == ["0", "1", "2", "3"]
    facts, received, called, closed = rows
    assert json.loads(facts["after"]) == {"cost": 0.1, "partner": "=2+3 修理店"}
    assert (received["time"], received["time_utc"]) == ("2026-06-01T10:00:00+02:00", "2026-06-01T08:00:00Z")
    assert (called["fact"], called["key"]) == ("contacts", "C;1")
    assert json.loads(called["after"]) == {"order_id": "A1", "topic": 'a "b"'}
    assert closed["time_utc"] == "2026-06-03T08:00:00.250000Z"
    assert {(row["order"], row["zone"], row["up_to_batch"], row["board"]) for row in rows} == {
        ("A1", "Europe/Berlin", "2", "")
    }
    assert [(row["source"], row["batch"], row["row"], row["file"]) for row in rows[1:]] == [
        ("hub", "1", "0", "hub.csv"),
        ("calls", "2", "0", "calls.csv"),
        ("hub", "1", "0", "hub.csv"),
    ]
    assert received["standing"] == "holds"


def test_the_command_prints_the_very_bytes(folder, export, tmp_path):
    told(folder)
    options = {"order": "A1", "as_of": "2026-06-30T12:00Z", "batch": 2}
    code, heard = export(folder.session, "order", **options)
    assert code == 0
    assert heard.text.encode() == order_csv(folder.record(batch=2))
    assert checksum(folder.record(batch=2)) in heard.wrong[0]
    export(folder.session, "order", **options, out=str(tmp_path / "a.csv"))
    assert (tmp_path / "a.csv").read_bytes() == heard.text.encode()
    # later batches change nothing about it
    folder.tell("hub", case(received="2026-06-01T07:00Z"))
    assert export(folder.session, "order", **options)[1].text == heard.text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"order": "a11"}, "No source tells of an order 'a11' at that moment; alike are 'A1'."),
        ({"order": "zzz"}, "No source tells of an order 'zzz' at that moment."),
        ({"order": "A1", "as_of": "2026-05-01"}, "No source tells of an order 'A1' at that moment"),
        ({"order": "A1", "format": "docx"}, "--format 'docx' is none of csv, xes, pdf."),
        ({"order": "A1", "format": "pdf"}, "pdf is not text: name a file for it, like --out order.pdf"),
        ({"order": "A1", "version": 3}, "Board 3 is not stored; none is yet."),
    ],
)
def test_mistakes_are_one_sentence(folder, export, options, expected):
    told(folder)
    code, heard = export(folder.session, "order", **options)
    assert (code, heard.text, len(heard.wrong)) == (1, "", 1)
    assert expected in heard.wrong[0]


# --- the same as the fold -----------------------------------------------------------------------------------------


def draw(rng, day):
    """Draw a version of the case, or events, of a day; some repeat, some correct, some clear."""
    at = lambda: f"2026-06-{rng.randint(1, day):02}T{rng.randint(0, 23):02}:00Z"  # noqa: E731
    recorded = rng.choice([{}, {"recorded_at": f"2026-06-{day:02}T23:30Z"}])
    version = case(
        received=rng.choice([at(), ""]), completed=rng.choice([at(), ""]), closed=rng.choice([at(), ""]),
        cost=rng.choice(["", "1", "2"]), outcome=rng.choice(["", "repaired", "swapped"]), partner=rng.choice(["Ann", "Bob"]),
    )  # fmt: skip
    events = [
        scan(rng.choice(["planned", "scanned", "delivered"]), at(), carrier=rng.choice(["", "x", "y"])) | recorded
        for _ in range(rng.randint(1, 3))
    ]
    return version | recorded, events


@pytest.mark.parametrize("seed", range(4))
def test_its_values_and_times_are_those_of_the_facts(folder, seed):
    rng = random.Random(seed)
    every = []
    for day in (5, 12, 20):
        version, events = draw(rng, day)
        if any(version[kind] for kind in ("received", "completed", "closed")):
            folder.tell("hub", version)
        every += events
        folder.tell("tracking", *every)
    session = folder.session
    newest = session.warehouse.cursor().execute("SELECT max(batch) FROM batches").fetchone()[0]
    for moment in (datetime(2026, 6, 11, tzinfo=UTC), datetime(2026, 6, 21, tzinfo=UTC), NOW):
        for batch in range(1, newest + 1):
            with session.warehouse.reader(session.names, moment, batch, "Europe/Berlin") as view:
                rows = list(_rows(view, "A1"))
                facts = {(name, row["key"]): row for name in RECORDED[:2] for row in folded(view, name)}
            steps = steps_of(rows, "A1", naive(moment))
            holding = [s for s in steps if s.standing in ("counts", "repeat", "duplicate") and s.kind != "restated"]
            for (name, key), row in facts.items():
                mine = values_of(rows, name, key, naive(moment))
                assert mine == {
                    n: row[n] for n in ("partner", "cost", "outcome", "order_id", "carrier") if row.get(n) is not None
                }
                for kind in ("received", "completed", "closed", "planned", "scanned", "delivered"):
                    times = [s.at for s in holding if (s.fact, s.key, s.kind) == (name, key, kind)]
                    assert min(times, default=None) == row.get(f"{kind}_at"), (moment, batch, kind)
            assert {(s.fact, s.key) for s in holding} == set(facts)


def folded(view, name):
    table = view.fact(name).get_name()
    answer = view.con.execute(f"SELECT * FROM {table}")
    names = [each[0] for each in answer.description]
    for row in answer.fetchall():
        found = dict(zip(names, row, strict=True))
        if name == "repair_orders":
            found.pop("order_id")
        yield found
