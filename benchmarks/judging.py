"""Judging 40 KPIs over 5 million repair orders of 500 partners, beside minimal hand-written SQL for the same numbers, histories included."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb

from analytics.judge import FeedRule, Judge
from analytics.kpi import Condition, Kpi, Measure
from data.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = 5_000_000
PARTNERS = 500
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
GROUPINGS = (("partner",), ("country",), ("product",))


def kpis() -> list[Kpi]:
    """Make 40 KPIs: shares, means, quantiles and counts over closed orders of 28 days, some of them narrowed to a channel."""
    measures = [
        ("late", Measure("share", "late"), "lower", 0.30, 0.40),
        ("within", Measure("share", "within_24h"), "higher", 0.50, 0.30),
        ("unsuccessful", Measure("share", "unsuccessful"), "lower", 0.20, 0.40),
        ("expensive", Measure("share", condition=Condition("cost", "above", 250)), "lower", 0.4, 0.6),
        ("cost", Measure("mean", "cost"), "lower", 240.0, 260.0),
        ("tat", Measure("mean", "tat_hours"), "lower", 40.0, 45.0),
        ("tat_p90", Measure("quantile", "tat_hours", q=0.9), "lower", 90.0, 100.0),
        ("closed", Measure("count"), "higher", 10.0, 1.0),
    ]
    scopes = [(), *[(Condition("channel", "is", channel),) for channel in ("walk_in", "mail_in", "pickup", "onsite")]]
    return [
        Kpi(
            f"{name}_{i}",
            name,
            "speed",
            "repair_orders",
            measure,
            "closed_at",
            28,
            better,
            green,
            red,
            where,
            0.0,
            GROUPINGS,
        )
        for i, where in enumerate(scopes)
        for name, measure, better, green, red in measures
    ]


TESTS = ("true", *(f"channel = '{c}'" for c in ("walk_in", "mail_in", "pickup", "onsite")))
WINDOW = """
    SELECT partner, country, product, channel, cost, outcome IN ('not_repaired', 'unrepairable') AS uns, closed_at,
        closed_at > promised_at AS late, closed_at <= received_at + INTERVAL 24 HOUR AS within_24h,
        (epoch(closed_at) - epoch(received_at)) / 3600 AS tat
    FROM repair_orders WHERE closed_at >= TIMESTAMP '{start}' AND closed_at < TIMESTAMP '2026-07-01 22:00:00'"""


def minimal() -> list[str]:
    """Write the same figures by hand: per grouping one statement for today's and two for the histories of 14 days.

    Histories are added up from sums per day; quantiles, which do not add up, are asked per window.
    """
    today, ever = WINDOW.format(start="2026-06-03 22:00:00"), WINDOW.format(start="2026-05-21 22:00:00")
    days = "SELECT TIMESTAMP '2026-06-18 22:00:00' + to_days(i::INT) AS until, until - INTERVAL 28 DAY AS since FROM range(14) t(i)"
    statements = []
    for grouping in ("", "partner", "country", "product"):
        named, by = (f"{grouping}, ", f"GROUP BY {grouping}") if grouping else ("", "")
        both = f"{by}, day" if by else "GROUP BY day"
        statements += [
            f"SELECT {named}{', '.join(_sums() + _spread() + _quantiles())} FROM ({today}) {by}",
            f"SELECT {named}date_trunc('day', closed_at + INTERVAL 2 HOUR) AS day, {', '.join(_sums())} FROM ({ever}) {both}",
            (
                f"SELECT {named}until AS day, {', '.join(_quantiles(edges=False))} "
                f"FROM ({ever}) JOIN ({days}) ON closed_at >= since AND closed_at < until {both}"
            ),
        ]
    return statements


def _sums() -> list[str]:
    figures = []
    for i, test in enumerate(TESTS):
        for name, expression in (("late", "late"), ("within", "within_24h"), ("uns", "uns"), ("exp", "cost > 250")):
            figures += [
                f"count({expression}) FILTER ({test}) AS {name}{i}_n",
                f"count(*) FILTER ({test} AND {expression}) AS {name}{i}_x",
            ]
        for column in ("cost", "tat"):
            figures += [
                f"sum({column}) FILTER ({test}) AS {column}{i}_sum",
                f"count({column}) FILTER ({test}) AS {column}{i}_n",
            ]
        figures.append(f"count(*) FILTER ({test}) AS c{i}")
    return figures


def _spread() -> list[str]:
    columns = [(column, i, test) for i, test in enumerate(TESTS) for column in ("cost", "tat")]
    return [f"stddev_samp({column}) FILTER ({test}) AS {column}{i}_sd" for column, i, test in columns]


def _quantiles(*, edges: bool = True) -> list[str]:
    figures = []
    for i, test in enumerate(TESTS):
        figures.append(f"quantile_cont(tat, 0.9) FILTER ({test}) AS p90{i}")
        if edges:
            figures += [f"count(*) FILTER ({test} AND tat > {edge}) AS g{edge}{i}" for edge in (90, 100)]
    return figures


def fill(warehouse: Warehouse) -> None:
    """Write the orders straight into the fact, as folded: what is measured here is judging."""
    con = warehouse.cursor()
    con.execute(f"""
        INSERT INTO repair_orders (key, source, partner, country, product, channel, cost, outcome, received_at, received_last_at,
            closed_at, closed_last_at, promised_at, first_event_at, last_event_at, reopened_count, qc_failed_count, assigned_count,
            part_requested_count)
        SELECT 'R' || i, 'bench', 'partner ' || (i % {PARTNERS}), 'C' || (i % {PARTNERS} % 40), 'M' || (hash(i) % 20),
            ['walk_in', 'mail_in', 'pickup', 'onsite'][1 + (hash(i + 1) % 4)::INT], (hash(i + 2) % 500)::DOUBLE,
            ['repaired', 'not_repaired', 'unrepairable', 'no_fault_found'][1 + (hash(i + 3) % 4)::INT],
            opened, opened, closed, closed, opened + INTERVAL 60 HOUR, opened, closed, 0, 0, 1, 0
        FROM (SELECT i, opened, opened + to_seconds(-ln(0.000001 + (hash(i + 5) % 1000000) / 1000001.0) * 144000) AS closed
              FROM (SELECT i, TIMESTAMP '2026-01-01' + to_seconds((hash(i + 4) % 15552000)::BIGINT) AS opened
                    FROM range({ORDERS}) t(i)))
        WHERE closed < TIMESTAMP '2026-07-01 12:00:00'""")
    hours = "SELECT 'bench', 1, 1, partner, date_trunc('hour', closed_at), min(closed_at) FROM repair_orders"
    con.execute(f"INSERT INTO pulses {hours} GROUP BY partner, date_trunc('hour', closed_at)")
    con.execute("INSERT INTO generations VALUES ('bench', 1, 'repair_orders', 's', '{}', '[]', 1)")
    con.execute(
        "INSERT INTO batches SELECT 1, 'bench', 1, TIMESTAMP '2026-07-01 12:00:00', max(closed_at), max(closed_at), 1, 1, 0, 0, 0, 0, 0 FROM repair_orders"
    )
    con.execute("""INSERT OR REPLACE INTO meta VALUES ('folded', '[["bench", 1]]')""")
    con.close()


def judge(path: str) -> None:
    """Judge three times and print seconds and peak memory; runs in a process of its own so that the peak is its own."""
    warehouse = Warehouse(f"duckdb:///{path}")
    judge_ = Judge(kpis(), [FeedRule("bench", "repair_orders", 86400.0)], "Benchmark", "Europe/Berlin")
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        with warehouse.reader(["bench"], NOW) as view:
            board = judge_.board(view, NOW, 1)
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(seconds[0], min(seconds[1:]), peak, len(board.readings), board.counts()["red"])


def run(folder: Path) -> None:
    path = str(folder / "judging.duckdb")
    warehouse = Warehouse(f"duckdb:///{path}")
    fill(warehouse)
    warehouse.close()
    out = subprocess.run(
        [sys.executable, "-c", f"from benchmarks.judging import judge; judge({path!r})"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    first, seconds, peak = map(float, out[:3])
    con = duckdb.connect(path, read_only=True)
    by_hand = []
    for _ in range(3):
        start = time.perf_counter()
        for statement in minimal():
            con.execute(statement).fetchall()
        by_hand.append(time.perf_counter() - start)
    con.close()
    print(
        f"judging 40 KPIs, {ORDERS:,} orders, {PARTNERS} partners, {out[3]} readings ({out[4]} red): {seconds:.2f} s "
        f"(first, with compiling, {first:.2f} s); minimal SQL {min(by_hand):.2f} s; ratio {seconds / min(by_hand):.2f} (must be <= 1.5); "
        f"peak memory {peak:.0f} MB (must be < 2,000)"
    )
