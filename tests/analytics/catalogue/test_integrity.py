"""Integrity: every KPI on a handful of rows whose answer a person can check; the moment is Tuesday 2026-06-30 12:00 UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from small_network import Network, cases, identity, known

from analytics import integrity
from analytics.derived.records import STEPS
from analytics.kpi import Health, Level
from analytics.named import NAMED
from data.settings.load import SHIPPED_KPIS

CATALOGUE = SHIPPED_KPIS.read_text(encoding="utf-8")
ROOT = Path(integrity.__file__).parent.parent
GUILT = re.compile(r"guilt|fraud|cheat|crim|fake|liar|lying", re.IGNORECASE)


def t(day, clock="00:00:00", month=6):
    return f"2026-{month:02d}-{day:02d}T{clock}"


def after(start, hours):
    return (datetime.fromisoformat(start) + timedelta(hours=hours)).isoformat()


def order(key, partner, **known_):
    return {"order_id": key, "partner": partner} | known_


# F1: two orders of a device at once; (key, device, partner, in, back)
OVERLAPS = [
    ("v1", "V", "Over", t(5), t(8)),
    ("v2", "V", "Over", t(7), t(9)),  # while v1 was open
    ("v3", "V", "Over", t(9), t(10)),  # as v2 was handed back: a return
    ("v4", "V", "Other", t(11), t(20)),
    ("v5", "V", "Over", t(12), t(15)),  # within another partner's order: passed on to a second workshop
    ("v6", "V", "Over", t(19), t(22)),  # begins within another partner's order, and outlasts it
    ("w1", "U", "Other", t(1), t(20)),
    ("w2", "U", "Over", t(3), t(9)),  # passed on ...
    ("w3", "U", "Over", t(5), t(9)),  # ... and booked twice
    ("v7", "V", "Over", t(24), None),
    ("v8", "V", "Over", t(25), None),  # both are open still
    ("v9", None, "Over", t(25), None),
    ("va", "W", "Over", t(25), t(20)),  # ended before it came in: a fault of the record
]
OVERLAPPING = {
    "v1": False,
    "v2": True,
    "v3": False,
    "v4": False,
    "v5": False,
    "v6": True,
    "w1": False,
    "w2": False,
    "w3": True,
    "v7": False,
    "v8": True,
    "v9": None,
    "va": None,
}

# claims: (key, order, device, part, submitted, rejected) -> class, repeats which
CLAIMED_ORDERS = [
    ("d1", "D", "Dup", t(1), t(4)),
    ("d2", "D", "Dup", t(3), t(6)),  # while d1 was open
    ("d3", "D", "Dup", t(10), t(12)),  # a return
    ("d4", "E", "Dup", t(1), t(2)),
    ("d5", "F", "Dup", t(1), t(2)),
    ("d6", "G", "Dup", t(1), t(2)),
    ("d7", "H", "Dup", t(3, month=4), t(4, month=4)),
    ("d8", "H", "Dup", t(20), t(21)),  # more than 30 days later
]
CLAIMS = [
    ("c1", "d1", "D", None, t(8), None, ("only one", None)),
    ("c2", "d2", "D", None, t(9), None, ("duplicate", "c1")),
    ("c3", "d3", "D", None, t(15), None, ("after a return", None)),
    ("c4", "d4", None, "P-1", t(8), None, ("only one", None)),  # the device is known from the order
    ("c5", "d4", None, "P-2", t(8), None, ("only one", None)),  # another part line of the same order
    ("c6", "d4", None, "P-1", t(9), None, ("duplicate", "c4")),
    ("c7", "d5", "F", None, t(8), t(10), ("only one", None)),  # rejected ...
    ("c8", "d5", "F", None, t(11), None, ("only one", None)),  # ... and sent again
    ("c9", "d6", "G", None, t(8), None, ("only one", None)),
    ("ca", None, "G", None, t(20), None, ("duplicate", "c9")),  # of no order, within 30 days
    ("cb", "d7", "H", None, t(5, month=4), None, ("only one", None)),
    ("cc", "d8", "H", None, t(25), None, ("only one", None)),
    ("cd", None, None, None, t(25), None, (None, None)),  # neither a device nor an order
]

# ghosts: (key, partner, channel, received), the traces of each, and the answer
GHOSTS = {
    "g1": (("Ghost", "walk_in", t(10)), "", False),  # a receipt at the counter
    "g2": (("Ghost", "mail_in", t(10)), "scan", False),
    "g3": (("Ghost", "mail_in", t(10)), "", True),  # sent in, but nobody scanned it
    "g4": (("Ghost", "mail_in", t(10)), "part", False),
    "g5": (("Ghost", "mail_in", t(10)), "contact", False),
    "g6": (("Ghost", "mail_in", t(10)), "outbound", True),  # a scan on the way out is no arrival
    "g7": (("Ghost", "mail_in", t(10)), "planned", True),  # a pickup that was only planned
    "g8": (("Unscanned", "mail_in", t(10)), "", False),  # nobody scans there: a missing feed
    "g9": (("Ghost", "walk_in", None), "", True),  # never received
    "gx": (None, "", True),  # no such order
}

# closings at a site in Munich: Mon-Fri 09:00-18:00, Sat 10:00-14:00
CLOSED = {
    "h1": (t(10, "10:00:00"), "MUC", False),  # Wednesday 12:00
    "h2": (t(10, "16:20:00"), "MUC", False),  # 18:20: half an hour is free
    "h3": (t(10, "16:31:00"), "MUC", True),
    "h4": (t(10, "06:45:00"), "MUC", False),  # 08:45
    "h5": (t(10, "06:15:00"), "MUC", True),
    "h6": (t(14, "10:00:00"), "MUC", True),  # Sunday
    "h7": (t(4, "10:00:00"), "MUC", True),  # Corpus Christi, a holiday in Bavaria
    "h8": (t(4, "10:00:00"), "HAM", False),  # and not in Hamburg
    "h9": (t(10, "20:00:00"), "LIS", None),  # nobody told when it is open
    "ha": (t(10, "20:00:00"), None, None),  # a partner with two sites
    "hb": (t(30, "15:45:00", month=3), "MUC", False),  # the Monday after the clocks changed: 17:45
    "hc": (t(30, "16:40:00", month=3), "MUC", True),  # 18:40, an hour earlier it would be winter's 17:40
}

IMEIS = {
    "i1": ("490154203237518", "Phone", None),
    "i2": ("490154203237519", "Phone", "check digit"),
    "i3": ("49015420323751", "Phone", "length"),
    "i4": ("356938035643809", "Phone", "model"),  # a sound number of another model
    "i5": ("356938035643809", "Tablet", None),  # its second TAC
    "i6": ("356938035643809", "Unlisted", None),  # nothing is known of the model
    "i7": ("000000000000000", "Unlisted", "check digit"),
    "i8": ("SN12345678", "Phone", "unknown"),
    "i9": ("123456789", "Watch", "unknown"),  # a model without a TAC has serial numbers
    "ix": (None, "Phone", "unknown"),
}

# claims of parts: (product, claimed part, ordered parts) -> foreign part, or None
PARTS = {
    "p1": ("Phone", "screen", (), None),
    "p2": ("Phone", "engine", (), "engine"),
    "p3": ("Phone", "screen-3", (), None),  # it supersedes screen-2, which supersedes screen
    "p4": ("Phone", "glass-1", (), None),  # superseded by glass-2, which is listed
    "p5": ("Phone", None, ("screen", "wheel"), "wheel"),
    "p6": ("Phone", None, (), "unknown"),
    "p7": ("Tablet", "engine", (), "unknown"),  # no list was loaded for it
    "p8": ("Phone", "battery", ("screen",), None),
}

# job type Phone x screen: 200 take 5 hours, one takes 6 minutes
FAST = [
    order(f"f{n:03}", "Fast" if n < 40 else "Crowd", product="Phone", fault="screen", outcome="repaired",
          received=t(15, "08:00:00"), completed=after(t(15, "08:00:00"), 0.1 if n == 7 else 5), closed=t(16, "12:00:00"))
    for n in range(201)
]  # fmt: skip
FAST += [
    order("fq", "Fast", product="Phone", fault="screen", outcome="not_repaired", received=t(15), completed=t(15), closed=t(15)),
    order("fr", "Fast", product="Phone", fault="rare", outcome="repaired", received=t(15), completed=t(15), closed=t(15)),
]  # fmt: skip

# partner Batch closes 12 of 20 orders of 10 June between 18:00 and 18:10, and all 19 of 11 June at once
BATCH = [t(10, f"18:0{n}:30") for n in range(10)] + [t(10, "18:00:00"), t(10, "18:00:01"), t(10, "18:10:00")]
BATCH += [t(10, f"{8 + n}:00:00".zfill(8)) for n in range(7)] + [t(11, "17:00:00")] * 19
# partner Night, in Berlin, closes 12 orders before midnight there and 12 after it, of 20 each day
NIGHT = [t(16, "21:55:00")] * 12 + [t(16, f"{n + 9:02}:00:00") for n in range(8)]
NIGHT += [t(16, "22:02:00")] * 12 + [t(17, f"{n + 9:02}:00:00") for n in range(8)]

# partner Heap: how much of the time to the promise (or 72 h) had passed at the closing
HEAP = [0.5] * 32 + [0.75, 0.85, 0.9] + [0.95] * 8 + [0.901, 1.0] + [1.05] * 3 + [1.2, 1.1]


def closings(prefix, partner, times):
    return [order(f"{prefix}{n:03}", partner, received=after(at, -200), closed=at) for n, at in enumerate(times)]


def heap(n, used):
    start, allowed = t(15), 100 if n % 2 else 72
    due = after(start, allowed) if n % 2 else None
    return order(f"heap{n:02}", "Heap", received=start, closed=after(start, used * allowed), promised_at=due)


def orders():
    rows = [
        order(key, partner, device_id=device, received=came, delivered=back)
        for key, device, partner, came, back in (*OVERLAPS, *CLAIMED_ORDERS)
    ]
    for key, (told, *_) in GHOSTS.items():
        if told:
            rows.append(order(key, told[0], channel=told[1], created=t(9), received=told[2], delivered=t(12)))
    rows.append(order("g0", "Unscanned", channel="mail_in", received=t(9)))
    for key, (closed, site, _) in CLOSED.items():
        rows.append(order(key, "Hours", site=site, received=after(closed, -50), closed=closed))
    rows += [
        order(key, "Imei", device_id=number, product=model, received=t(20)) for key, (number, model, _) in IMEIS.items()
    ]
    rows += [order(key, "Parts", product=product, received=t(20)) for key, (product, *_) in PARTS.items()]
    rows += FAST + closings("b", "Batch", BATCH) + closings("n", "Night", NIGHT)
    return rows + [heap(n, used) for n, used in enumerate(HEAP)]


def claims():
    rows = [
        {
            "claim_id": key,
            "partner": "Dup",
            "order_id": of,
            "device_id": device,
            "part": part,
            "submitted": at,
            "rejected": no,
        }
        for key, of, device, part, at, no, _ in CLAIMS
    ]
    rows += [{"claim_id": f"claim {key}", "partner": "Ghost", "order_id": key, "submitted": t(20)} for key in GHOSTS]
    rows += [
        {"claim_id": key, "partner": "Parts", "order_id": key, "part": part, "submitted": t(22)}
        for key, (_, part, *_) in PARTS.items()
    ]
    return rows


def shipments():
    legs = {"scan": ("inbound", "scanned"), "outbound": ("outbound", "scanned"), "planned": ("inbound", "planned")}
    return [
        {"shipment_id": key, "order_id": key, "leg": legs[trace][0], legs[trace][1]: t(9)}
        for key, (_, trace, _) in GHOSTS.items()
        if trace in legs
    ]


def lines():
    rows = [
        {"line_id": key, "order_id": key, "part": "screen", "requested": t(10)}
        for key, (_, tr, _) in GHOSTS.items()
        if tr == "part"
    ]
    rows += [
        {"line_id": f"{key}-{part}", "order_id": key, "part": part, "requested": t(21)}
        for key, (_, _, ordered, _) in PARTS.items()
        for part in ordered
    ]
    return [*rows, {"line_id": "cancelled", "order_id": "p1", "part": "wheel", "requested": t(21), "cancelled": t(22)}]


def master(fact, rows):
    return f'fact = "{fact}"\n{identity(dict.fromkeys(name for row in rows for name in row))}', rows


ORDER_FIELDS = ["order_id", "partner", "site", "device_id", "product", "channel", "fault", "outcome", "promised_at"]
SOURCES = {
    "orders": (cases("repair_orders", ORDER_FIELDS, ["created", "received", "completed", "delivered", "closed"]), orders()),
    "claims": (cases("claims", ["claim_id", "partner", "order_id", "device_id", "part"], ["submitted", "rejected"]), claims()),
    "parcels": (cases("shipments", ["shipment_id", "order_id", "leg"], ["planned", "scanned"]), shipments()),
    "lines": (cases("part_orders", ["line_id", "order_id", "part"], ["requested", "cancelled"]), lines()),
    "calls": (cases("contacts", ["contact_id", "order_id"], ["offered"]), [{"contact_id": "k", "order_id": "g5", "offered": t(11)}]),
    "partners": master("partners", [{"partner": "Night", "timezone": "Europe/Berlin"}]),
    "sites": master("sites", [
        {"site": "MUC", "partner": "Hours", "timezone": "Europe/Berlin", "country": "DE", "subdivision": "BY", "opening": "Mon-Fri 09:00-18:00; Sat 10:00-14:00"},
        {"site": "HAM", "partner": "Hours", "timezone": "Europe/Berlin", "country": "DE", "subdivision": "HH", "opening": "Mon-Fri 09:00-18:00"},
        {"site": "LIS", "partner": "Hours", "timezone": "Europe/Lisbon", "country": "PT", "subdivision": None, "opening": None},
    ]),
    "models": master("models", [
        {"product": "Phone", "tac": "49015420"}, {"product": "Tablet", "tac": "86000000 35693803"}, {"product": "Watch", "tac": None},
    ]),
    "parts": master("parts", [
        {"part": "screen", "superseded_by": "screen-2"}, {"part": "screen-2", "superseded_by": "screen-3"},
        {"part": "screen-3", "superseded_by": None}, {"part": "glass-1", "superseded_by": "glass-2"},
    ]),
    "bom": master("bom", [{"product": "Phone", "part": part} for part in ("screen", "glass-2", "battery")]),
}  # fmt: skip
PARTNERS = {
    "duplicate_claims": "Dup",
    "overlapping_repairs": "Over",
    "impossible_turnaround": "Fast",
    "batch_closing": "Batch",
    "ghost_repairs": "Ghost",
    "closed_outside_hours": "Hours",
    "part_not_in_bom": "Parts",
    "invalid_imei": "Imei",
    "sla_heaping": "Heap",
}
ORDER_COLUMNS = ("overlapping", "implausibly_fast", "closed_outside_hours", "invalid_imei")
CLAIM_COLUMNS = ("duplicate", "ghost", "part_not_in_bom")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    made = Network(tmp_path_factory.mktemp("integrity"), SOURCES, CATALOGUE)
    yield made
    made.close()


@pytest.fixture(scope="module")
def readings(network):
    keys = [kpi.key for kpi in network.settings.kpis if kpi.family == "integrity"]
    return network.readings(None, *keys)


@pytest.fixture(scope="module")
def facts(network):
    return network.fact("repair_orders", columns=ORDER_COLUMNS), network.fact("claims", columns=CLAIM_COLUMNS)


def of(readings, key, partner):
    return readings[key, (("partner", partner),)]


@cache
def told(network, key, partner):
    _, explained = network.explain(key, (("partner", partner),))
    return {row["key"]: row for row in explained["rows"]}


def test_overlapping_repairs(network, readings, facts):
    assert {key: known(facts[0].loc[key, "overlapping"]) for key in OVERLAPPING} == OVERLAPPING
    reading = of(readings, "overlapping_repairs", "Over")
    assert (reading.value, reading.n, reading.level) == (4, 4, Level.RED)
    assert of(readings, "overlapping_repairs", "Other").value == 0
    rows = told(network, "overlapping_repairs", "Over")
    assert (
        rows["v2"]["why"]
        == "received 2026-06-07 00:00, during order v1 of the same device at Over, open until 2026-06-08 00:00"
    )
    assert rows["v8"]["why"].endswith("during order v7 of the same device at Over, which is open still")
    assert set(rows) == {"v2", "v6", "v8", "w3"}


def test_duplicate_claims(network, readings, facts):
    rows = facts[1]
    found = {key: (known(rows.loc[key, "claim_class"]), known(rows.loc[key, "duplicate_of"])) for key, *_ in CLAIMS}
    assert found == {key: expected for key, *_, expected in CLAIMS}
    reading = of(readings, "duplicate_claims", "Dup")
    assert (reading.value, reading.n, reading.level) == (3, 3, Level.RED)
    assert reading.reason.endswith("Investigate: there may be a good reason.")
    rows = told(network, "duplicate_claims", "Dup")
    assert rows["c2"]["why"] == (
        "its order came in on 2026-06-03 00:00, while order d1 of the same device, claimed by claim c1 of 2026-06-08 00:00, "
        "was open until 2026-06-04 00:00"
    )
    assert rows["c6"]["why"] == "order d4 was claimed before, by claim c4 of 2026-06-08 00:00"
    assert rows["ca"]["why"] == "the same device was claimed before, by claim c9 of 2026-06-08 00:00"


def test_impossible_turnaround(network, readings, facts):
    assert [key for key, fast in facts[0]["implausibly_fast"].items() if known(fast)] == ["f007"]
    assert known(facts[0].loc["f007", "usual_least_hours"]) == 5
    assert known(facts[0].loc["fq", "implausibly_fast"]) is None
    assert known(facts[0].loc["fr", "implausibly_fast"]) is None
    reading = of(readings, "impossible_turnaround", "Fast")
    assert (reading.value, reading.numerator, reading.n) == (1 / 40, 1, 40)
    first = next(iter(told(network, "impossible_turnaround", "Fast").values()))  # what tells something comes first
    assert first["why"] == (
        "completed 6 min after its receipt; of the network's jobs on Phone with fault screen all but one in 200 took 5 h or more"
    )


def test_batch_closing(network, readings):
    reading = of(readings, "batch_closing", "Batch")
    assert (reading.value, reading.numerator, reading.denominator, reading.n) == (0.6, 12, 20, 20)
    assert reading.level is Level.RED
    rows = told(network, "batch_closing", "Batch")
    assert len(rows) == 12
    assert rows["b010"]["why"] == "closed at 2026-06-10 18:00 with 11 others within ten minutes, of 20 that day"


def test_batch_closing_by_the_sites_own_days(network, readings):
    reading = of(readings, "batch_closing", "Night")
    assert (reading.value, reading.numerator, reading.n) == (0.6, 12, 20)
    whys = {row["why"] for row in told(network, "batch_closing", "Night").values()}
    assert whys == {"closed at 2026-06-17 00:02 with 11 others within ten minutes, of 20 that day"}


def test_batch_closing_needs_a_busy_day(readings):
    reading = of(readings, "batch_closing", "Hours")
    assert (reading.level, reading.n) == (Level.UNKNOWN, 7)  # seven on 10 June
    assert readings["batch_closing", ()].value == 1  # the crowd's 161 closings at the stroke of noon


def test_ghost_repairs(network, readings, facts):
    found = {key: known(facts[1].loc[f"claim {key}", "ghost"]) for key in GHOSTS}
    assert found == {key: expected for key, (*_, expected) in GHOSTS.items()}
    reading = of(readings, "ghost_repairs", "Ghost")
    assert (reading.value, reading.numerator, reading.n) == (0.5, 5, 10)
    rows = told(network, "ghost_repairs", "Ghost")
    assert rows["claim g3"]["why"] == "order g3 is known by its own record only: no arrival, no part and no contact"
    assert rows["claim gx"]["why"].startswith("order gx is not known to any source")
    assert rows["claim g1"]["why"] is None


def test_closed_outside_hours(network, readings, facts):
    found = {key: known(facts[0].loc[key, "closed_outside_hours"]) for key in CLOSED}
    assert found == {key: expected for key, (*_, expected) in CLOSED.items()}
    reading = of(readings, "closed_outside_hours", "Hours")
    assert (reading.value, reading.numerator, reading.n) == (4 / 8, 4, 8)
    whys = {key: row["why"] for key, row in told(network, "closed_outside_hours", "Hours").items()}
    assert whys["h6"] == "closed at 2026-06-14 12:00; the site was last open 2026-06-13 10:00 to 14:00"
    assert whys["h1"] is None


def test_part_not_in_bom(network, readings, facts):
    rows = facts[1]
    assert {key: known(rows.loc[key, "foreign_part"]) for key in PARTS} == {
        key: None if foreign == "unknown" else foreign for key, (*_, foreign) in PARTS.items()
    }
    assert {key for key in PARTS if known(rows.loc[key, "part_not_in_bom"]) is None} == {"p6", "p7"}
    reading = of(readings, "part_not_in_bom", "Parts")
    assert (reading.value, reading.numerator, reading.n) == (2 / 6, 2, 6)
    assert told(network, "part_not_in_bom", "Parts")["p5"]["why"].startswith("part wheel is not in the parts list")


def test_invalid_imei(network, readings, facts):
    rows = facts[0]
    assert {key: known(rows.loc[key, "imei_fault"]) for key in IMEIS} == {
        key: None if fault == "unknown" else fault for key, (*_, fault) in IMEIS.items()
    }
    assert {key for key in IMEIS if known(rows.loc[key, "invalid_imei"]) is None} == {"i8", "i9", "ix"}
    reading = of(readings, "invalid_imei", "Imei")
    assert (reading.value, reading.numerator, reading.n) == (4 / 7, 4, 7)
    whys = {key: row["why"] for key, row in told(network, "invalid_imei", "Imei").items()}
    assert whys["i3"] == "device 49015420323751 has 14 digits; an IMEI has 15"
    assert whys["i4"] == "356938035643809 begins with 35693803, which is no TAC of Phone"
    assert whys["i1"] is None


def test_sla_heaping(network, readings):
    reading = of(readings, "sla_heaping", "Heap")
    assert (reading.value, reading.numerator, reading.denominator, reading.n) == (5, 10, 2, 50)
    # ten of eighteen beside peers of whom hardly any heap: just not sure enough for a red, and too old for an amber
    assert reading.among_peers == pytest.approx(0.9495, abs=0.001)
    assert (reading.level, reading.health) == (Level.UNKNOWN, Health.DEAD)
    assert reading.reason.startswith("5 times is beyond the red limit of 2 times, but beside its peers")
    rows = told(network, "sla_heaping", "Heap")
    assert len(rows) == 18
    assert rows["heap35"]["why"] == "closed at 2026-06-18 23:00, after 95 % of the time it had until 2026-06-19 04:00"
    assert [row["just_before"] for row in rows.values()] == [True] * 10 + [False] * 8


def test_few_heaped_closings_prove_nothing(network, readings):
    reading = of(readings, "sla_heaping", "Heap")
    assert 0.8 < reading.evidence < 0.99  # 10 against 8 in four tenths


@pytest.mark.parametrize("key", PARTNERS)
def test_the_network_has_a_reading_of_each(readings, key):
    reading = readings[key, ()]
    assert reading.value is not None
    assert "investigate" in reading.title
    drawn = reading.level in (Level.RED, Level.AMBER)
    assert ("Investigate" in reading.reason, reading.remedies[:1]) == (drawn, ("investigate",) if drawn else ())


def test_every_kpi_of_the_family_is_here(network):
    assert {kpi.key for kpi in network.settings.kpis if kpi.family == "integrity"} == set(PARTNERS)


def shown_texts(network):
    for kpi in network.settings.kpis:
        if kpi.family in ("integrity", "data"):
            yield from (kpi.title, kpi.pitfall, *kpi.remedies)
            if kpi.measure.name:
                yield NAMED[kpi.measure.name].formula
    for path in (ROOT / "analytics" / "integrity.py", ROOT / "docs" / "facts.md"):
        yield path.read_text(encoding="utf-8")


def test_no_text_speaks_of_guilt(network, readings):
    for text in shown_texts(network):
        assert not GUILT.search(text), GUILT.search(text)
    for reading in readings.values():
        assert not GUILT.search(reading.reason + reading.title)
    for key, partner in PARTNERS.items():
        rows = told(network, key, partner)
        assert any(row["why"] for row in rows.values()), key
        assert not GUILT.search(str(rows))


def test_every_step_has_its_times_in_the_evidence():
    shown = set(integrity.PACKS["illegal_order"].columns)
    assert {f"{kind}_at" for step in STEPS for kind in step} <= shown
