"""From a number to the rows behind it: pages of rows over 5 million repair orders, beside plain SQL over a ready flat table.

The orders come from a Parquet file through the product's own loader and are judged by its shipped catalogue. First looks are
a KPI and slice that nobody asked for under that version: every KPI of the Board that has rows, over the whole network, one partner
and the finest slices it has. The newest Board is looked into while its judgement's view is at hand, and once more as a "recent" one:
after another batch and judgement made it the one before, and after its view was closed ("cold").
"""

from __future__ import annotations

import random
import resource
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb

from analytics.inquiring import Filter, Wanted
from data.inquiry import Inquiry
from data.inquiry.behind import is_dear
from data.session import Session
from data.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

ORDERS = 5_000_000
LATER = 5_000
PARTNERS = 300
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SETTINGS = """
[network]
name = "Drill-down"
timezone = "Europe/Berlin"
[warehouse]
url = "duckdb:///var/warehouse.duckdb"
[store]
url = "sqlite:///var/store.db"
[[source]]
name = "orders"
fact = "repair_orders"
format = "parquet"
path = "orders/*.parquet"
fresh_within = "7 d"
[source.fields]
order_id = "order_id"
partner = "partner"
site = "site"
country = "country"
product = "product"
channel = "channel"
brand = "brand"
device_id = "device_id"
service_type = "service_type"
fault = "fault"
technician = "technician"
outcome = "outcome"
cost = "cost"
parts_cost = "parts_cost"
currency = "currency"
sold_at = "sold_at"
promised_at = "promised_at"
[source.events]
created = "created"
received = "received"
repair_started = "repair_started"
qc_passed = "qc_passed"
qc_failed = "qc_failed"
repaired = "repaired"
completed = "completed"
dispatched = "dispatched"
delivered = "delivered"
closed = "closed"
reopened = "reopened"
"""


def orders(first: int, last: int) -> str:
    """Write the SELECT of a year's repair orders, the newest of them still open."""
    moment = f"TIMESTAMP '{NOW:%Y-%m-%d %H:%M:%S}'"

    def draw(salt: int, below: int) -> str:
        return f"(hash(i + {salt}0000000) % {below})::BIGINT"

    def until(name: str) -> str:
        return f"CASE WHEN {name} < {moment} THEN {name} END"

    return f"""
        SELECT 'R' || lpad(i::VARCHAR, 8, '0') AS order_id, 'partner ' || p AS partner, 'site ' || (p * 2 + i % 2) AS site,
            'C' || (p % 40) AS country, 'M' || {draw(1, 20)} AS product,
            ['walk_in', 'mail_in', 'pickup', 'onsite'][1 + {draw(2, 4)}] AS channel, 'B' || {draw(1, 20)} % 5 AS brand,
            'D' || {draw(3, 4_000_000)} AS device_id,
            ['repair', 'refurbishment'][1 + ({draw(4, 10)} = 0)::INT] AS service_type,
            'F' || {draw(5, 30)} AS fault, 'T' || (p * 10 + {draw(6, 10)}) AS technician,
            CASE WHEN closed < {moment} THEN
                ['repaired', 'repaired', 'repaired', 'repaired', 'repaired', 'repaired', 'no_fault_found', 'repaired', 'unrepairable',
                 'not_repaired'][1 + {draw(7, 10)}] END AS outcome,
            ({draw(8, 500)})::DOUBLE AS cost, ({draw(8, 500)} * 0.4)::DOUBLE AS parts_cost, 'EUR' AS currency,
            opened - to_hours({draw(9, 20_000)}::INT) AS sold_at, opened + INTERVAL 72 HOUR AS promised_at,
            opened AS created, {until("received")} AS received, {until("started")} AS repair_started,
            CASE WHEN {draw(10, 30)} > 0 THEN {until("done")} END AS qc_passed,
            CASE WHEN {draw(10, 30)} = 0 THEN {until("done")} END AS qc_failed,
            {until("done")} AS repaired, {until("done")} AS completed, {until("sent")} AS dispatched,
            {until("closed")} AS delivered, {until("closed")} AS closed,
            CASE WHEN {draw(11, 40)} = 0 THEN {until("closed + INTERVAL 30 HOUR")} END AS reopened
        FROM (SELECT *, started + to_seconds(({draw(12, 150_000)})) AS done, done + to_hours(4) AS sent,
                  sent + to_seconds({draw(13, 100_000)}) AS closed
              FROM (SELECT *, opened + to_minutes({draw(14, 300)}::INT) AS received,
                        received + to_seconds((-ln((1 + {draw(15, 1_000_000)}) / 1000001.0) * 60000)::BIGINT) AS started
                    FROM (SELECT i, {draw(16, PARTNERS)} AS p, {moment} - to_seconds(1 + {draw(17, 365 * 86_400)}) AS opened
                          FROM range({first}, {last}) t(i))))"""


def write(folder: Path, first: int = 0, last: int = ORDERS) -> None:
    """Write orders as a partner's system exports them."""
    (folder / "orders").mkdir(exist_ok=True)
    path = folder / "orders" / f"orders-{first}.parquet"
    duckdb.sql(f"COPY ({orders(first, last)}) TO '{path}' (FORMAT parquet)")


def run(folder: Path) -> None:
    clock = [NOW]
    (folder / "settings.toml").write_text(SETTINGS)
    write(folder)
    session = Session.open(load_settings(folder / "settings.toml", {}), lambda: clock[0])
    seconds, _ = _timed(lambda: session.loader().load(session.settings.sources[0]))
    print(f"loading {ORDERS:,} orders: {seconds:.0f} s")
    dear = {kpi.key for kpi in session.settings.kpis if is_dear(kpi)}
    inquiry = Inquiry(session)
    version = _judged(session, "the first Board")
    _prepared(inquiry, version)
    looks = _looks(inquiry, version, random.Random(1))
    _first_looks(inquiry, version, looks, "first looks, newest Board")
    _pages(inquiry, version, looks)
    _peer(session, looks)
    _searches(inquiry)

    clock[0] += timedelta(minutes=2)
    write(folder, ORDERS, ORDERS + LATER)
    session.loader().load(session.settings.sources[0])
    newer = _judged(session, f"the next Board, after a batch of {LATER:,}")
    again = [look for look in _looks(inquiry, version, random.Random(2)) if look not in looks]
    _first_looks(inquiry, version, again, "first looks, the Board before the newest, whose view is open")
    inquiry.close()
    inquiry = Inquiry(session)
    cold = [look for look in _looks(inquiry, version, random.Random(3)) if look[0] not in dear]
    _first_looks(
        inquiry, version, cold, f"first looks, the Board before Board {newer}, its view closed: KPIs of one scan"
    )
    inquiry.close()
    session.close()
    print(f"peak memory of all this {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


Look = tuple[str, tuple[tuple[str, str], ...]]


def _timed(what: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    answer = what()
    return time.perf_counter() - start, answer


class _Times:
    """Seconds of calls, and of CPU, which say what a call costs where others use the machine too."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.work = time.process_time()

    def add(self, what: Callable[[], Any]) -> Any:
        seconds, answer = _timed(what)
        self.seconds.append(seconds)
        return answer

    def tell(self, what: str, target: float | None = None) -> None:
        ordered, work = sorted(self.seconds), time.process_time() - self.work
        aim = f" (must be <= {1000 * target:.0f})" if target else ""
        print(
            f"{what}: {len(ordered)} calls, p50 {1000 * ordered[len(ordered) // 2]:.0f} ms, "
            f"p95 {1000 * ordered[int(0.95 * len(ordered))]:.0f} ms{aim}, longest {1000 * ordered[-1]:.0f} ms; "
            f"CPU {1000 * work / len(ordered):.0f} ms a call",
            flush=True,
        )


def _judged(session: Session, what: str) -> int:
    """Judge and store a Board as the running product does."""
    seconds, board = _timed(lambda: session.look(session.judge()))
    version = session.keep(board, live=True).version
    print(f"judging {what}: {seconds:.0f} s, {len(board.readings):,} readings", flush=True)
    return version


def _prepared(inquiry: Inquiry, version: int) -> None:
    """Wait until the judgement's view was taken over and what is dear lies there, as it does soon after a Board is published."""
    seconds, ready = _timed(lambda: inquiry.prepared(version, 600))
    assert ready
    print(f"rows that are dear to work out, laid out in the background: {seconds:.0f} s", flush=True)


def _looks(inquiry: Inquiry, version: int, draw: random.Random) -> list[Look]:
    """Choose for every KPI with rows the whole network, a partner, and a slice of each other grouping."""
    found: dict[tuple[str, tuple[str, ...]], list[Look]] = {}
    for reading in inquiry.board(version)["readings"]:
        if reading["n"] > 0:
            slice_ = tuple(sorted(reading["slice"].items()))
            found.setdefault((reading["kpi"], tuple(reading["slice"])), []).append((reading["kpi"], slice_))
    looks = [draw.choice(each) for each in found.values()]
    draw.shuffle(looks)
    return looks


def _first_looks(inquiry: Inquiry, version: int, looks: Iterable[Look], what: str) -> None:
    times, rows = _Times(), 0
    for kpi, slice_ in looks:
        table = times.add(partial(inquiry.rows, version, kpi, slice_, Wanted(0, 100)))
        rows += table.all
        assert len(table.rows) == min(100, table.all)
    times.tell(f"{what}, {rows:,} rows behind them", 0.5)


def _pages(inquiry: Inquiry, version: int, looks: list[Look]) -> None:
    """Scroll, sort and filter in tables that are laid out: those of the whole network, which are the largest."""
    times = _Times()
    for kpi, slice_ in [look for look in looks if not look[1]][:15]:
        columns = {column.name for column in inquiry.rows(version, kpi, slice_, Wanted(0, 1)).columns}
        for wanted in (
            Wanted(10_000, 10_100),
            Wanted(0, 100, (("key", True),), (Filter("key", "contains", "42"),)),
            Wanted(100, 200, (("partner", False), ("key", True)), (Filter("partner", "starts", "partner 1"),)),
        ):
            if {name for name, _ in wanted.sort} <= columns:
                times.add(partial(inquiry.rows, version, kpi, slice_, wanted))
    times.tell("later pages, sorted and filtered, whole network", 0.5)


def _peer(session: Session, looks: list[Look]) -> None:
    """Ask plain SQL for as many pages of a flat table with the derived columns worked out beforehand."""
    con = session.warehouse.cursor()
    con.execute(
        "CREATE TEMP TABLE flat AS SELECT key, partner, country, product, channel, closed_at, received_at, "
        "coalesce(delivered_at, closed_at) > promised_at AS late FROM repair_orders"
    )
    times = _Times()
    for _, slice_ in looks:
        names = [(name, value) for name, value in slice_ if name in ("partner", "country", "product", "channel")]
        test = "".join(f" AND {name} = ?" for name, _ in names)
        inside = f"FROM flat WHERE closed_at >= TIMESTAMP '2026-06-03 22:00:00' AND late IS NOT NULL{test}"
        times.add(partial(_two, con, inside, [value for _, value in names]))
    con.close()
    times.tell("named peer: DuckDB SQL over a ready flat table, count and first page of the same slices")


def _two(con: duckdb.DuckDBPyConnection, inside: str, values: list[str]) -> None:
    con.execute(f"SELECT count(*) {inside}", values).fetchall()
    con.execute(f"SELECT *, late::DOUBLE {inside} ORDER BY key LIMIT 100", values).fetchall()


def _searches(inquiry: Inquiry) -> None:
    times = _Times()
    for words in (
        "R00012345",
        "r00012345",
        "R000123",
        "345678",
        "D765432",
        "partner 17",
        "late",
        "R",
        "nothing like it",
        "00%'_",
    ):
        times.add(partial(inquiry.search, words))
    times.tell("searches", 0.3)
