"""An inquiry that keeps its answers in lists, and the Boards, orders and sources that pages may meet."""

from __future__ import annotations

import sys
import threading
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import orjson
from wall_boards import HOSTILE, NOW, busy

from analytics.board import as_json
from layouts.analysis.address import Filters
from layouts.analysis.routes import name_of
from layouts.analysis.view import View
from layouts.inquiry import AbsentError, Column, File, Table
from layouts.times import Times


def ago(**delta):
    return (NOW - timedelta(**delta)).isoformat().replace("+00:00", "Z")


def board_json(board=None):
    """Give a Board as an inquiry does: its JSON, with the greens."""
    return orjson.loads(orjson.dumps(as_json(board or busy()), option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=str))


class ListInquiry:
    """Fulfils the Inquiry's protocol; `done` notes what was replayed and exported, `threads` who asked."""

    def __init__(
        self, board=None, *, orders=(), sources=(), hits=(), tables=None, rejected=(), boards=None, files=None
    ):
        self.boards = dict(boards or {})
        self.newest = board if board is not None else next(iter(self.boards.values()), None)
        self.orders = {each["order"]: each for each in orders}
        self.books = list(sources)
        self.hits = list(hits)
        self.tables = dict(tables or {})
        self.rejected = list(rejected)
        self.files = dict(files or {})
        self.replays = {}
        self.done = []
        self.asked = []
        self.threads = set()
        self.befores = {}
        self.told = {}

    def _work(self, *asked):
        self.threads.add(threading.current_thread().name)
        self.asked.append(asked)

    def board(self, version):
        self._work("board", version)
        if version is None and self.newest is not None:
            return self.newest
        if version in self.boards:
            return self.boards[version]
        if self.newest is not None and self.newest["version"] == version:
            return self.newest
        raise AbsentError(f"Board {version} is not stored." if version is not None else "No board is stored yet.")

    def explained(self, version, kpi, slice_):
        self._work("explained", version, kpi, slice_)
        return self.told[kpi, slice_]

    def before(self, version, kpi):
        self._work("before", version, kpi)
        return self.befores.get(kpi, {})

    def rows(self, version, kpi, slice_, wanted):
        self._work("rows", version, kpi, slice_, wanted)
        return self.tables.get(kpi, Table((Column("key"),), [], 0, 0, {"adds_up": "they are counted"}))

    def order(self, order, version):
        self._work("order", order, version)
        if order not in self.orders:
            raise AbsentError(f"No source tells of an order {order!r}.")
        return self.orders[order]

    def search(self, words, most=20):
        self._work("search", words, most)
        wanted = words.casefold().strip()
        return [each for each in self.hits if wanted in each["name"].casefold()][:most]

    def sources(self):
        self._work("sources")
        return self.books

    def quarantine(self, source, wanted):
        self._work("quarantine", source, wanted)
        mine = [each for each in self.rejected if source in (None, each["source"])]
        return Table(REJECTED, mine[wanted.start : wanted.end], len(mine), len(mine), {})

    def replay(self, source):
        self._work("replay", source)
        self.done.append(("replay", source))
        answer = self.replays.get(
            source, {"read": 2, "stored": 1, "duplicate": 0, "ignored": 0, "quarantined": 1, "error": None}
        )
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    def export(self, what, format_, **of):
        self._work("export", what, format_, of)
        self.done.append((what, format_, of))
        found = self.files.get((what, format_))
        if isinstance(found, Exception):
            raise found
        if found is None:
            raise ValueError(f"{what} cannot be written as {format_}.")
        name, kind, chunks = found
        return File(name, kind, iter(chunks))


REJECTED = (
    Column("id", "integer"), Column("source"), Column("file"), Column("row", "integer"), Column("reason"), Column("raw"),
    Column("rejected_at", "time"), Column("batch", "integer"),
)  # fmt: skip


def view_of(inquiry, path, search="", **changes):
    """Give a visit of a page by its address, as the app makes it."""
    times = Times(changes.pop("now", NOW), changes.pop("zone", "Europe/Berlin"))
    given = {"name": name_of(path), "filters": Filters.read(search), "desk": None, "newest": 17} | changes
    return View(path=path, times=times, inquiry=inquiry, **given)


# ---- orders ----


def step(number, kind, fact="repair_orders", key="R-1001", standing="counts", **changes):
    return {
        "number": number, "at": ago(days=20), "fact": fact, "key": key, "kind": kind, "standing": standing,
        "standing_says": "holds", "after": {}, "before": {}, "source": "incidents", "batch": 3, "row": 40 + number,
        "file": "incidents_2026-11.csv.gz", "line": 41 + number, "recorded_at": None, "loaded_at": ago(days=1),
    } | changes  # fmt: skip


def order(number="R-1001", steps=None, **changes):
    """Give the record of an order that waited for a part, was handed back late, and whose device came before."""
    facts = {"partner": "Fixpoint Lyon", "site": "Lyon 3", "country": "FR", "product": "Aurora 6 Pro", "brand": "Aurora",
             "device_id": "IMEI-356938035643809", "service_type": "walk-in", "warranty": "in", "fault": "screen", "outcome": "repaired",
             "promised_at": ago(days=10), "cost": 81.5, "currency": "EUR", "technician": "T-17"}  # fmt: skip
    own = [
        step(1, "created", at=ago(days=20), after={"fault": "screen", "partner": "Fixpoint Lyon"}),
        step(2, "picked_up", "shipments", "S-77", at=ago(days=19, hours=20), source="parcels", after={"carrier": "DHL"}),
        step(3, "delivered", "shipments", "S-77", at=ago(days=19), source="parcels"),
        step(4, "received", at=ago(days=19), after={"site": "Lyon 3"}),
        step(5, "diagnosed", at=ago(days=18, hours=12)),
        step(6, "requested", "part_orders", "P-9", at=ago(days=18, hours=11), source="parts_erp", after={"part": "Display A52"}),
        step(7, "offered", "contacts", "C-4", at=ago(days=12), source="calls", after={"topic": "where is my phone"}),
        step(8, "received", "part_orders", "P-9", at=ago(days=9), source="parts_erp"),
        step(9, "repaired", at=ago(days=8), after={"outcome": "repaired"}, before={"outcome": "not_repaired"}),
        step(10, "completed", at=ago(days=8), standing="superseded", standing_says="superseded by a later statement"),
        step(11, "completed", at=ago(days=7, hours=20)),
        step(12, "delivered", at=ago(days=7)),
        step(13, "submitted", "claims", "K-1", at=ago(days=6), source="claims", after={"amount": 81.5}),
        step(14, "answered", "surveys", "Q-1", at=ago(days=5), source="surveys", after={"csat": 2.0}),
    ]  # fmt: skip
    others = [{"order": "R/0900 ü", "received_at": ago(days=60), "handed_back_at": ago(days=31), "partner": "QuickPhone Leeds",
               "outcome": "repaired"}]  # fmt: skip
    return {
        "order": number, "facts": facts, "device": facts["device_id"], "others": others, "steps": own if steps is None else steps,
        "checksum": "9f2c" * 16, "as_of": NOW.isoformat().replace("+00:00", "Z"), "version": 17,
    } | changes  # fmt: skip


def long_order(count=400):
    """Give an order with hundreds of steps over many days."""
    steps = [step(1, "received", at=ago(days=30))]
    steps += [step(n + 2, "scanned", "shipments", f"S-{n % 7}", at=ago(hours=700 - n)) for n in range(count - 1)]
    return order("R-LONG", steps)


def hostile_order():
    facts = dict.fromkeys(("partner", "site", "device_id", "fault", "outcome"), HOSTILE)
    own = step(
        1,
        HOSTILE,
        HOSTILE,
        HOSTILE,
        HOSTILE,
        after={HOSTILE: HOSTILE},
        before={"fault": HOSTILE},
        file=HOSTILE,
        source=HOSTILE,
    )
    other = {"order": HOSTILE, "received_at": None, "handed_back_at": None, "partner": HOSTILE, "outcome": HOSTILE}
    return order(HOSTILE, [own], facts=facts, others=[other], device=HOSTILE)


# ---- sources ----


def counts(**changes):
    return {
        "read": 1200,
        "stored": 1100,
        "duplicate": 60,
        "ignored": 30,
        "quarantined": 10,
        "adjusted": 4,
        "unmapped": 7,
    } | changes


def book(name="incidents", state="fresh", **changes):
    """Give a source's books."""
    return {
        "name": name, "fact": "repair_orders", "format": "csv", "every": "5 min", "state": state, "watermark": ago(minutes=40),
        "fresh_within_seconds": 7200.0, "error": None, "counts": counts(), "accounted": True, "lag": {"median": 1.5, "p90": 26.0},
        "loaded_at": ago(minutes=3), "waiting": 0,
        "batches": [{"batch": 40 - n, "loaded_at": ago(minutes=3 + 5 * n),
                     "counts": counts(read=40, stored=30, duplicate=8, ignored=1, quarantined=1, adjusted=0, unmapped=0)}
                    for n in range(20)],
        "partners": [{"partner": "QuickPhone Leeds", "last_at": ago(days=9), "silent_hours": 216.0},
                     {"partner": "Fixpoint Lyon", "last_at": ago(hours=2), "silent_hours": 2.0}],
    } | changes  # fmt: skip


def books():
    return [
        book("contact_centre", "dead", watermark=ago(hours=9), error="connection refused", waiting=0),
        book("parcels", "late", watermark=ago(hours=3), waiting=2),
        book(),
        book("stock", "unjudged", fresh_within_seconds=None, lag={"median": None, "p90": None}),
        book(
            "never",
            "unjudged",
            watermark=None,
            loaded_at=None,
            batches=[],
            partners=[],
            counts=dict.fromkeys(counts(), 0),
        ),
    ]


def rejected(number=1, source="parcels", **changes):
    return {"id": number, "source": source, "file": "parcels.csv", "row": 7, "reason": "delivered: the time is ahead of now",
            "raw": '{"id": "S-1"}', "rejected_at": ago(hours=5), "batch": 40} | changes  # fmt: skip


def hit(kind, name, detail="", order_=None):
    return {"kind": kind, "name": name, "detail": detail, "order": order_}


def whole():
    """Give an inquiry that knows something of everything."""
    return ListInquiry(
        board_json(),
        orders=[order(), order("R/0900 ü"), long_order(), hostile_order()],
        sources=books(),
        rejected=[rejected(n) for n in range(1, 3)],
        hits=[
            hit("order", "R-1001", "Fixpoint Lyon", "R-1001"),
            hit("order", "R/0900 ü", "QuickPhone Leeds", "R/0900 ü"),
            hit("device", "IMEI-356938035643809", "2 orders", "R-1001"),
            hit("shipment", "S-77", "DHL", "R-1001"),
            hit("partner", "QuickPhone Leeds"),
            hit("kpi", "late_repairs", "Late repairs"),
        ],
        files={
            ("rows", "csv"): ("rows Zürich.csv", "text/csv; charset=utf-8", [b"a;b\n", b"1;2\n"]),
            ("order", "pdf"): ("order.pdf", "application/pdf", [b"%PDF"]),
        },
    )
