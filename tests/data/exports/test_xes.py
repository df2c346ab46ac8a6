"""An order's record as XES: built as IEEE 1849-2016 wants it, and read again by Painpoint's own source."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from lxml import etree

from analytics.record import Place, Record, Told, steps_of
from data.exports.order_csv import checksum
from data.exports.xes import SPACE, order_xes
from data.loaders import Loader
from data.settings import load_settings
from data.warehouse import Warehouse
from tests.analytics.small_network import HEAD

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
TYPES = {
    "string": str,
    "date": datetime.fromisoformat,
    "int": int,
    "float": float,
    "boolean": {"true": True, "false": False}.__getitem__,
}
SOURCE = """
[[source]]
name = "log"
fact = "repair_orders"
format = "xes"
path = "*.xes"
at = "time:timestamp"
[source.fields]
order_id = "case:concept:name"
partner = "partner"
cost = "cost"
outcome = "outcome"
promised_at = "promised_at"
"""


def at(day, hour=8, microsecond=0):
    return datetime(2026, 6, day, hour, 0, 0, microsecond)  # noqa: DTZ001


def version(batch, times, **values):
    return Told("repair_orders", "A1", Place(batch, 0, "hub"), "hub.csv", 2, None, at(20, batch), values, times=times)


@pytest.fixture
def record():
    """A case whose completion was corrected and withdrawn, and a parcel."""
    partner = "修理店 & <Söhne>\x07"
    known = {"partner": partner, "promised_at": at(9)}
    rows = [
        version(1, {"received": at(1), "completed": at(2)}, **known, cost=1.5),
        version(2, {"received": at(1), "completed": at(3)}, **known, cost=1.5),
        version(3, {"received": at(1), "closed": at(4, microsecond=250)}, **known, cost=2.0, outcome="repaired"),
        Told(
            "shipments", "S1", Place(4, 7, "tracking"), None, None, at(2, 9), None,
            {"order_id": "A1", "carrier": "Swift", "complete": True}, "scanned", at(2, 7),
        ),
    ]  # fmt: skip
    moment = at(30, 12)
    facts = {"partner": partner, "cost": 2.0, "outcome": "repaired", "promised_at": at(9)}
    return Record("A1", "Acme", "Europe/Berlin", moment.replace(tzinfo=UTC), 4, 9, facts, steps_of(rows, "A1", moment))


def local(element):
    return etree.QName(element).localname


def test_the_structure_is_that_of_the_standard(record):
    log = etree.fromstring(order_xes(record))
    assert log.tag == f"{{{SPACE}}}log"
    assert float(log.get("xes.version")) == 1849.2016
    order = [local(child) for child in log]
    ranks = ["extension", "global", "classifier", *TYPES, "trace"]
    placed = [min(ranks.index(each), ranks.index("string")) if each in TYPES else ranks.index(each) for each in order]
    assert placed == sorted(placed)
    prefixes = {each.get("prefix") for each in log if local(each) == "extension"}
    for element in log.iter():
        if local(element) not in TYPES:
            continue
        assert set(element.attrib) == {"key", "value"}
        TYPES[local(element)](element.get("value"))  # it is of its type
        name, _, rest = element.get("key").partition(":")
        assert not rest or name in prefixes
        assert re.fullmatch(r"[A-Za-z_:][\w:.-]*", element.get("key"))  # an XML name
    for element in log.iter(f"{{{SPACE}}}event", f"{{{SPACE}}}trace", f"{{{SPACE}}}global"):
        keys = [child.get("key") for child in element if local(child) in TYPES]
        assert len(keys) == len(set(keys))


def test_what_is_global_is_everywhere(record):
    log = etree.fromstring(order_xes(record))
    for scope in ("trace", "event"):
        (told,) = (each for each in log if local(each) == "global" and each.get("scope") == scope)
        wanted = {(local(child), child.get("key")) for child in told}
        for element in log.iter(f"{{{SPACE}}}{scope}"):
            assert wanted <= {(local(child), child.get("key")) for child in element}


def attributes(element):
    return {c.get("key"): TYPES[local(c)](c.get("value")) for c in element if local(c) in TYPES}


def test_every_step_with_where_it_stands(record):
    log = etree.fromstring(order_xes(record))
    events = [attributes(each) for each in log.iter(f"{{{SPACE}}}event")]
    assert [each["concept:name"] for each in events] == [
        "repair_orders.received",
        "shipments.scanned",
        "repair_orders.completed",
        "repair_orders.completed",
        "repair_orders.closed",
    ]
    assert [each["lifecycle:transition"] for each in events] == [
        "complete",
        "complete",
        "withdraw",
        "withdraw",
        "complete",
    ]
    scanned = events[1]
    assert scanned["time:timestamp"] == datetime(2026, 6, 2, 7, tzinfo=UTC)
    assert (scanned["org:resource"], scanned["carrier"], scanned["complete"]) == ("Swift", "Swift", True)
    assert (scanned["painpoint:source"], scanned["painpoint:batch"], scanned["painpoint:row"]) == ("tracking", 4, 7)
    assert scanned["painpoint:recorded_at"] == datetime(2026, 6, 2, 9, tzinfo=UTC)
    assert [each["painpoint:step"] for each in events] == [1, 2, 3, 4, 5]
    assert events[3]["painpoint:replaced_by"] == "hub batch 3 row 0"
    (trace,) = log.iter(f"{{{SPACE}}}trace")
    case = attributes(trace)
    assert (case["concept:name"], case["cost"], case["painpoint:board"]) == ("A1", 2.0, 9)
    assert case["partner"] == "修理店 & <Söhne>\ufffd"
    assert attributes(log)["painpoint:sha256"] == checksum(record)


def test_painpoint_reads_it_again(record, tmp_path):
    (tmp_path / "order.xes").write_bytes(order_xes(record))
    rules = "".join(
        f'[[source.kinds]]\nkind = "{kind}"\n'
        f'when = {{ "concept:name" = "repair_orders.{kind}", "lifecycle:transition" = "complete" }}\n'
        for kind in ("received", "completed", "closed")
    )
    (tmp_path / "settings.toml").write_text(HEAD.format(zone="UTC") + SOURCE + rules, encoding="utf-8")
    (tmp_path / "kpis.toml").write_text("")
    settings = load_settings(tmp_path / "settings.toml", {})
    warehouse = Warehouse(settings.warehouse_url)
    try:
        loaded = Loader(warehouse, settings.sources, lambda: NOW).load(settings.sources[0])
        assert loaded.error is None
        counts = loaded.as_json()
        assert (counts["read"], counts["stored"], counts["ignored"]) == (5, 2, 3)
        sql = "SELECT key, partner, cost, outcome, promised_at, received_at, completed_at, closed_at FROM repair_orders"
        (row,) = warehouse.cursor().execute(sql).fetchall()
    finally:
        warehouse.close()
    assert row == ("A1", "修理店 & <Söhne>\ufffd", 2.0, "repaired", at(9), at(1), None, at(4, microsecond=250))
