"""Boards that a wall may meet, judged as of `NOW`."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from analytics.board import Board, rank
from analytics.kpi import SMALL, Feed, Health, Level, Limits, Reading

NOW = datetime(2026, 11, 24, 13, 3, 10, tzinfo=UTC)
HOSTILE = '<img src=x onerror="window.owned=1">'

KPIS = [
    ("late_repairs", "Late repairs", "%", 0.05, 0.10, 0.142, "31 of 218 came back later than promised", "add_capacity"),
    (
        "tat_p90",
        "Repair time, slowest tenth",
        "h",
        72.0,
        120.0,
        171.0,
        "Parts for 40 % of the orders came late",
        "Swap 58 devices now",
    ),
    (
        "bounce_30d",
        "Back again within 30 days",
        "%",
        0.03,
        0.05,
        0.0713,
        "Half of them are screens by one supplier",
        "qc_gate",
    ),
    (
        "backlog",
        "Days of backlog",
        "d",
        2.4,
        2.85,
        4.25,
        "Intake exceeds output by 6 orders a day",
        "Bring output to 51.6 a day",
    ),
    (
        "part_wait",
        "Orders waiting for parts",
        "%",
        0.10,
        0.20,
        0.27,
        "Display A52 is out of stock at 3 sites",
        "expedite",
    ),
    (
        "customs",
        "Customs dwell, slowest tenth",
        "h",
        48.0,
        72.0,
        101.0,
        "Broker change on 12 November",
        "Pre-clear with papers a day ahead",
    ),
    ("abandoned", "Calls abandoned", "%", 0.05, 0.08, 0.117, "Mondays 8 to 10 are understaffed by 4", None),
    (
        "csat",
        "Customer satisfaction",
        "",
        4.2,
        3.9,
        3.61,
        "Mentions of waiting doubled in two weeks",
        "Call back the 31 unhappy",
    ),
]
PARTNERS = ["FixIt Berlin GmbH", "Mumbai Mobile Care", "iRepair Paris 11e", "QuickPhone Leeds", "Taller Central Madrid",
            "Kowalski Serwis Gdańsk", "Lagos Device Clinic", "São Paulo Assistência Técnica Autorizada", "Tokyo 修理センター", "Delhi Gadget Hospital"]  # fmt: skip


def feed(name, age, state="fresh", error=None):
    return Feed(name, "repair_orders", state, None if age is None else NOW - age, 7200.0, error)


FEEDS = (
    feed("incidents", timedelta(seconds=40)),
    feed("parcels_dhl", timedelta(minutes=4)),
    feed("parts_erp", timedelta(minutes=12)),
    feed("contact_centre", timedelta(minutes=2)),
    feed("stock", timedelta(hours=5), "unjudged"),
)


def driver(value, dimension="product", share=0.63):
    return {"where": {dimension: value}, "share": share, "low": share - 0.08, "high": min(share + 0.08, 1), "n": 120,
            "rate": 0.2, "expected": 0.05, "text": f"63 % of the excess is associated with {dimension} {value}"}  # fmt: skip


def reading(kpi=0, part=(("partner", "FixIt Berlin GmbH"),), level=Level.RED, **changes):
    key, title, unit, green, red, value, reason, remedy = KPIS[kpi % len(KPIS)]
    days = [
        (f"2026-11-{day:02d}", red * (0.7 + 0.028 * day + 0.09 * math.sin(day * 1.7 + kpi))) for day in range(1, 25)
    ]
    made = Reading(
        kpi=key, title=title, family="speed", slice=part, value=value, numerator=31, denominator=218, n=218, unit=unit,
        window=(NOW - timedelta(days=28), NOW), limits=Limits(green, red), level=level, health=Health.OK, stale=False,
        reason=reason, evidence=0.97, since=NOW - timedelta(days=3, hours=2), pain=16.4, history=tuple(days),
        trend="worsening", remedies=(remedy,) if remedy else (), drivers=(driver("Aurora 6 Pro"),) if kpi % 2 == 0 else (),
    )  # fmt: skip
    # a reading here hurts as many as its pain says, unless told otherwise
    return replace(made, **({"customers": changes.get("pain", 16.4)} | changes))


def greens(count, start=0):
    return [
        reading(0, (("partner", f"Partner {start + n:03d}"),), Level.GREEN, value=0.03, pain=0.0) for n in range(count)
    ]


def board(readings, version=17, feeds=FEEDS, **changes):
    made = Board(NOW, version, 5, "Acme after-sales", "Europe/Berlin", tuple(feeds), rank(list(readings)))
    return replace(made, **changes)


def pains(count, level, start=0):
    trends = ("worsening", "steady", "improving")
    for n in range(start, start + count):
        part = (("partner", PARTNERS[n % 10]),) if n % 4 else (("country", "IN"), ("product", f"A{50 + n} Pro"))
        part = () if n == 0 else part
        factor = 0.88 if level is not Level.RED else 1 + 0.4 / (1 + n)
        value = KPIS[n % 8][5] * factor
        yield reading(n, part, level, value=value, pain=64.2 / (1 + 0.35 * n), trend=trends[n % 3],
                      since=NOW - timedelta(hours=5 + 19 * n))  # fmt: skip


def unknowns():
    late = "Source contact_centre has been dead since 24 Nov 04:10."
    yield from (
        reading(0, (("partner", f"Tiny {n}"),), Level.UNKNOWN, health=Health.LOW_SAMPLE, reason="12 of 30 rows")
        for n in range(41)
    )
    yield from (
        reading(7, (("partner", f"Tiny {n}"),), Level.UNKNOWN, health=Health.LOW_SAMPLE, reason="2 of 30 rows")
        for n in range(9)
    )
    yield from (
        reading(n, (("partner", PARTNERS[n % 10]),), Level.UNKNOWN, health=Health.DEAD, reason=late)
        for n in (6, 7, 14, 15)
    )
    yield reading(2, (("partner", "QuickPhone Leeds"),), Level.UNKNOWN, health=Health.LATE,
                  reason="QuickPhone Leeds is silent for 9 h, its usual gap is 2 h")  # fmt: skip
    yield from (
        reading(3, (("partner", name),), Level.UNKNOWN, health=Health.NO_DATA, reason="No rows")
        for name in PARTNERS[:5]
    )


def all_green():
    return board(greens(312))


def busy():
    made = [*pains(18, Level.RED), *pains(5, Level.TURNING, 3), *pains(7, Level.AMBER, 1)]
    silent = "Source parcels_dhl is dead: nothing since 10:01"
    made[2] = replace(made[2], stale=True, health=Health.DEAD, reason=silent)
    made[7] = replace(made[7], stale=True, health=Health.LATE, reason="QuickPhone Leeds is silent for 9 h")
    feeds = (FEEDS[0], feed("parcels_dhl", timedelta(hours=3), "dead"), *FEEDS[2:])
    return board([*made, *greens(280), *list(unknowns())[40:55]], feeds=feeds)


def few():
    return board(
        [
            *pains(4, Level.RED),
            *pains(2, Level.TURNING, 5),
            *pains(3, Level.AMBER, 1),
            *greens(300),
            *list(unknowns())[40:55],
        ]
    )


def single():
    return board([reading(), *greens(311)])


def opened():
    """The lone red of `single`, and one that has just opened."""
    return board([reading(), reading(1, (("partner", "Mumbai Mobile Care"),), since=NOW), *greens(310)])


def dead_source():
    late = "Source contact_centre has been dead since 24 Nov 04:10."
    blind = [reading(n, (("partner", PARTNERS[n]),), Level.UNKNOWN, health=Health.DEAD, reason=late) for n in range(8)]
    red = reading(6, stale=True, health=Health.DEAD, reason=f"9 of 77 calls were abandoned. {late}")
    feeds = (*FEEDS[:3], feed("contact_centre", timedelta(hours=9), "dead", "connection refused"), FEEDS[4])
    return board([red, *pains(2, Level.RED, 1), *blind, *greens(301)], feeds=feeds)


def only_unknown():
    return board([*unknowns(), *greens(252)])


def nothing():
    return board([])


def hostile():
    part = (("partner", HOSTILE),)
    bad = {"title": HOSTILE, "reason": HOSTILE, "remedies": (HOSTILE,), "unit": "<b>", "drivers": (driver(HOSTILE),)}
    return board(
        [reading(0, part, **bad), reading(1, part, Level.UNKNOWN, health=Health.DEAD, reason=HOSTILE)],
        feeds=(feed(HOSTILE, timedelta(1), "dead", HOSTILE),),
        network=HOSTILE,
    )


def small_pool():
    return board([reading(0, (("partner", SMALL),))])


def wordy():
    """Everything longer than it should be."""
    reason = "31 of 218 repairs came back later than promised, mostly those that waited for displays. " * 3
    part = (
        ("partner", "Gesellschaft für Mobilgeräteservice und Reparatur mbH & Co. KG"),
        ("product", "A52 Pro 5G Enterprise"),
    )
    long = {"value": 123456.7, "unit": "EUR", "limits": Limits(90000.0, 100000.0), "pain": 12345.6, "reason": reason,
            "remedies": (reason,), "title": "Cost per repair including parts, labour and logistics",
            "since": NOW - timedelta(days=1234), "history": ()}  # fmt: skip
    hurting = [reading(n, part, Level.RED, stale=n % 3 == 0, **long) for n in range(20)]
    feeds = [
        feed(f"a_rather_long_source_name_{n}", timedelta(hours=n), ("dead", "late", "fresh")[n % 3]) for n in range(14)
    ]
    return board(
        [*hurting, *unknowns()], feeds=feeds, network="A worldwide after-sales service network of very many brands " * 2
    )


MASTER = {
    name: {"country": country, "region": region, "type": "repair shop"}
    for name, country, region in (
        ("FixIt Berlin GmbH", "DE", "EMEA"), ("Mumbai Mobile Care", "IN", "APAC"), ("iRepair Paris 11e", "FR", "EMEA"),
        ("QuickPhone Leeds", "GB", "EMEA"), ("Taller Central Madrid", "ES", "EMEA"), ("Kowalski Serwis Gdańsk", "PL", "EMEA"),
        ("Lagos Device Clinic", "NG", "Africa"), ("São Paulo Assistência Técnica Autorizada", "BR", "Americas"),
        ("Tokyo 修理センター", "JP", "APAC"), ("Delhi Gadget Hospital", "IN", "APAC"), ("Quiet Oslo", "NO", "Nordics"),
    )
}  # fmt: skip


def expecting(made, days=2, probability=0.71, ahead=10):
    """Give a reading an outlook that goes on from its last figure."""
    last = made.history[-1][1]
    band = [
        [(NOW + timedelta(days=n)).date().isoformat(), last * (1 + 0.005 * n), last * (1 + 0.04 * n)]
        for n in range(1, ahead + 1)
    ]
    day = (NOW + timedelta(days=days)).date().isoformat()
    return replace(made, outlook={"red_on": day, "probability": probability, "band": band})


def regions():
    """Reds in three regions, one of them by its country alone; a region that is green; turning ones with an outlook."""
    made = [
        *pains(6, Level.RED),
        reading(1, (("country", "NG"),), pain=9.0),
        *(expecting(each, 2 + n) for n, each in enumerate(pains(3, Level.TURNING, 5))),
        *pains(4, Level.AMBER, 1),
    ]
    calm = [reading(n, (("partner", "Quiet Oslo"),), Level.GREEN, pain=0.0) for n in range(5)]
    blind = [reading(2, (("partner", "Tokyo 修理センター"),), Level.UNKNOWN, health=Health.NO_DATA, reason="No rows")]
    return board([*made, *calm, *blind, *greens(200)], partners=MASTER)


def outweighed():
    """One pain that dwarfs all others."""
    made = list(pains(6, Level.RED))
    made[0] = replace(made[0], pain=400.0, customers=400.0)
    return board([*made, *greens(280)], partners=MASTER)


def turning():
    """Nothing is red yet."""
    return board([*(expecting(each, 3) for each in pains(3, Level.TURNING)), *greens(280)], partners=MASTER)


def worsening(kpi, part, customers, was=0.012, now=0.044, level=Level.GREEN, of=None):
    """Give a green that gets worse, as the watch tells it."""
    text = f"{100 * now:.1f} % in the last 14 days, after {100 * was:.1f} % in the weeks before"
    moved = {"from": was, "to": now, "days": 14, "chance": 1e-7, "customers": customers, "text": text}
    change = dict.fromkeys(("assurance", "chart", "value", "centre", "lower", "upper")) | {
        "variation": "worsening", "signals": text, "since": "2026-11-10", "of": of, "day": "2026-11-23", "moved": moved,
    }  # fmt: skip
    return reading(kpi, part, level, value=now, pain=0.0, worsening=True, change=change)


def _worse():
    """Seven KPIs that get worse: one in the whole network because of a partner, one of an amber, which has a tile already."""
    for n, partner in enumerate(PARTNERS[1:8]):
        yield worsening(
            n, (("partner", partner),), 90.0 - 10 * n, of="rows beyond the green limit" if n % 3 == 1 else None
        )
    yield worsening(0, (), 120.0)
    yield worsening(1, (("country", "IN"),), 20.0)
    yield worsening(7, (("partner", "Tokyo 修理センター"),), 500.0, level=Level.AMBER)


def worse():
    return board([*pains(4, Level.RED), *pains(2, Level.TURNING, 5), *_worse(), *greens(300)], partners=MASTER)


def worse_busy():
    made = busy()
    return board([*made.readings, *_worse()], feeds=made.feeds)


def worse_alone():
    return board([*(each for each in _worse() if each.level is Level.GREEN), *greens(300)])


BOARDS = {
    made.__name__: made
    for made in (
        regions,
        outweighed,
        turning,
        all_green,
        busy,
        few,
        single,
        opened,
        dead_source,
        only_unknown,
        nothing,
        hostile,
        small_pool,
        wordy,
        worse,
        worse_busy,
        worse_alone,
    )
}
