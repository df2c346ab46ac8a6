"""The fold against a plain-Python one: no order, repetition, split or moment may change what the facts say."""
# ruff: noqa: DTZ001  # the warehouse keeps UTC without a zone, and so do the answers here

import hashlib
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fold_reference import Said, facts, positioned, told
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import data
from analytics.facts import FACTS
from analytics.fold import FoldPlan, event_columns, fact_columns, fold, statement_columns
from analytics.moments import compile_template
from data.generations import Generation
from data.warehouse import Warehouse, building_code

ORDERS = FACTS["repair_orders"]
EXTRAS = {"made_sla": "bool", "score": "number"}
KNOWN = {("cases", "score"): "closed"}
CASES, LATER_CASES, EVENTS, MORE_EVENTS = "cases", "later cases", "events", "more events"
GENERATIONS = [
    Generation(CASES, 1, "repair_orders", "-", {"score": "closed"}, 1),
    Generation(LATER_CASES, 1, "repair_orders", "-", {}, 1),
    Generation(EVENTS, 1, "repair_orders", "-", {}, 1),
    Generation(MORE_EVENTS, 1, "repair_orders", "-", {}, 1),
]
DAY = datetime(2026, 3, 1)
LONG_AFTER = datetime(2027, 1, 1)
SLOW = settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# few values, so that keys, times and texts collide
keys = st.sampled_from(["A", "B"])
moments = st.integers(0, 8).map(lambda n: DAY + timedelta(hours=n))
maybe_moments = st.none() | moments
texts = st.none() | st.sampled_from(["X", "Y", "Z"])
numbers = st.none() | st.sampled_from([1.0, 2.5])
attributes = st.fixed_dictionaries(
    {
        "partner": texts,
        "outcome": st.none() | st.sampled_from(["repaired", "swapped"]),
        "cost": numbers,
        "promised_at": maybe_moments,
        "made_sla": st.none() | st.booleans(),
        "score": numbers,
    }
).map(lambda values: tuple(sorted(values.items())))
times = st.dictionaries(st.sampled_from(["received", "closed", "reopened"]), moments, min_size=1).map(
    lambda chosen: tuple(sorted(chosen.items()))
)
statement = st.builds(Said, st.just(""), st.just(0), st.just(0), keys, maybe_moments, times, attributes=attributes)
event = st.builds(
    Said, st.just(""), st.just(0), st.just(0), keys, maybe_moments,
    kind=st.sampled_from(["received", "closed", "reopened", "qc_failed"]), at=moments, attributes=attributes,
)  # fmt: skip
loads = st.lists(
    st.tuples(st.sampled_from([CASES, LATER_CASES]), st.lists(statement, min_size=1, max_size=4))
    | st.tuples(st.sampled_from([EVENTS, MORE_EVENTS]), st.lists(event, min_size=1, max_size=4)),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module")
def plan():
    return FoldPlan(ORDERS, EXTRAS, KNOWN)


@pytest.fixture(scope="module")
def warehouse():
    opened = Warehouse("duckdb:///:memory:")
    con = opened.cursor()
    for name, kind in EXTRAS.items():
        con.execute("INSERT INTO extras VALUES ('repair_orders', ?, ?)", [name, kind])
        for table in ("repair_orders", "repair_orders_statements", "repair_orders_events"):
            con.execute(f"ALTER TABLE {table} ADD COLUMN {name} {'BOOLEAN' if kind == 'bool' else 'DOUBLE'}")
    yield opened
    opened.close()


def lay(con, plan, rows):
    """Write rows into the two logs, in the order given."""
    con.execute("DELETE FROM repair_orders_statements")
    con.execute("DELETE FROM repair_orders_events")
    for said in rows:
        record = {
            "source": said.source, "generation": 1, "batch": said.batch, "row": said.row, "key": said.key,
            "recorded_at": said.recorded_at, "id": digest((said.content, said.recorded_at)), **dict(said.attributes),
        }  # fmt: skip
        if said.kind is None:
            record |= {f"{kind}_at": at for kind, at in said.times}
            table, columns = "repair_orders_statements", statement_columns(plan)
        else:
            record |= {"kind": said.kind, "at": said.at, "same": digest(said.content)}
            table, columns = "repair_orders_events", event_columns(plan)
        assert set(record) <= set(columns)
        names = ", ".join(f'"{name}"' for name in record)
        con.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(record))})", list(record.values()))


def digest(value):
    return int(hashlib.md5(repr(value).encode(), usedforsecurity=False).hexdigest()[:15], 16)


def rows_of(con, query, columns):
    """Give {key: {column: value}} without `source`, which no rule speaks of, and with missing values left out."""
    names = [name for name in columns if name != "source"]
    found = con.execute(f"SELECT {', '.join(chr(34) + n + chr(34) for n in names)} FROM ({query})").fetchall()
    named = [dict(zip(names, row, strict=True)) for row in found]
    assert len({row["key"] for row in named}) == len(named)
    return {row.pop("key"): present(row) for row in named}


def present(row):
    return {name: value for name, value in row.items() if value is not None}


def wanted(rows, moment=None, known=KNOWN, fact=ORDERS):
    return {key: present(row) for key, row in facts(fact, told(rows), known, moment).items()}


def stored(warehouse, con, plan, generations):
    warehouse.refold(con, "repair_orders", generations, None)
    return rows_of(con, "SELECT * FROM repair_orders", fact_columns(plan))


@SLOW
@given(loads=loads, data=st.data())
def test_any_order_and_repetition_of_positioned_rows_gives_the_facts_of_the_design(warehouse, plan, loads, data):
    rows = told(positioned(loads))
    events = [said for said in rows if said.kind]  # no two statements of a log share a place
    again = data.draw(st.lists(st.sampled_from(events), max_size=5)) if events else []
    laid = data.draw(st.permutations(rows + again))
    con = warehouse.cursor()
    lay(con, plan, laid)
    assert stored(warehouse, con, plan, GENERATIONS) == wanted(rows)


@pytest.fixture(scope="module")
def as_of(plan):
    """Compile the fold as of a moment over both logs."""

    def build(m):
        tables = [(statement_columns, "repair_orders_statements"), (event_columns, "repair_orders_events")]
        import ibis  # noqa: PLC0415

        return fold(plan, *[ibis.table(columns(plan), name=name) for columns, name in tables], m["now"])

    return compile_template(build)


@SLOW
@given(loads=loads, data=st.data(), half=st.integers(-1, 18))
def test_the_fold_as_of_a_moment_sees_only_what_was_known_then(warehouse, plan, as_of, loads, data, half):
    rows = told(positioned(loads))
    moment = DAY + timedelta(minutes=30 * half)
    con = warehouse.cursor()
    lay(con, plan, data.draw(st.permutations(rows)))
    assert rows_of(con, as_of.fill({"now": moment}), fact_columns(plan)) == wanted(rows, moment)


@pytest.fixture(scope="module")
def both_paths(plan):
    import ibis  # noqa: PLC0415

    def build(single, moment):
        table = ibis.table(statement_columns(plan), name="repair_orders_statements")
        events = ibis.table(event_columns(plan), name="repair_orders_events")
        return lambda m: fold(replace(plan, single=single), table, events, m["now"] if moment else None)

    return {
        (single, moment): compile_template(build(single, moment))
        for single in (True, False)
        for moment in (True, False)
    }


@SLOW
@given(rows=st.lists(st.lists(statement, min_size=1, max_size=4), min_size=1, max_size=4), half=st.integers(-1, 18))
def test_the_short_way_for_a_single_source_is_the_long_way(warehouse, plan, both_paths, rows, half):
    moment = DAY + timedelta(minutes=30 * half)
    laid = told(positioned([(CASES, load) for load in rows]))
    con = warehouse.cursor()
    lay(con, plan, laid)
    for at in (None, moment):
        short, long = (
            rows_of(con, both_paths[single, at is not None].fill({"now": at}), fact_columns(plan))
            for single in (True, False)
        )
        assert short == long == wanted(laid, at)


# the same through the loaders: rows in files, in any split, repeated, corrected, withdrawn and re-exported

SETTINGS = """
[network]
timezone = "UTC"
[warehouse]
url = "duckdb:///w.duckdb"
[store]
url = "sqlite:///s.db"
[[source]]
name = "cases"
fact = "repair_orders"
format = "csv"
path = "cases/*.csv"
[source.fields]
order_id = "key"
partner = "partner"
outcome = "outcome"
cost = "cost"
promised_at = "promised_at"
recorded_at = "recorded_at"
[source.extra]
made_sla = { column = "made_sla", type = "bool" }
score = { column = "score", type = "number", known_at = "closed" }
[source.events]
received = "received"
closed = "closed"
reopened = "reopened"
[[source]]
name = "events"
fact = "repair_orders"
format = "csv"
path = "events/*.csv"
at = "at"
[source.fields]
order_id = "key"
partner = "partner"
outcome = "outcome"
cost = "cost"
promised_at = "promised_at"
recorded_at = "recorded_at"
[source.extra]
made_sla = { column = "made_sla", type = "bool" }
score = { column = "score", type = "number" }
[[source.kinds]]
kind = "received"
when = { kind = "received" }
[[source.kinds]]
kind = "closed"
when = { kind = "closed" }
[[source.kinds]]
kind = "reopened"
when = { kind = "reopened" }
[[source.kinds]]
kind = "qc_failed"
when = { kind = "qc_failed" }
"""
UNDATED = st.builds(Said, st.just(""), st.just(0), st.just(0), keys, st.none(), times, attributes=attributes)
network_loads = st.lists(
    st.tuples(st.just(CASES), st.lists(statement | UNDATED, min_size=1, max_size=4))
    | st.tuples(st.just(EVENTS), st.lists(event, min_size=1, max_size=4)),
    min_size=1,
    max_size=5,
)


def apart(loads):
    """Move the events source's times a little, so that no rows of two sources claim an attribute for the same moment."""

    def later(said):
        return replace(said, at=said.at + timedelta(minutes=7)) if said.kind else said

    return [(source, [later(said) for said in rows]) for source, rows in loads]


def as_csv(source, rows):
    names = [name for name, _ in rows[0].attributes]
    heads = ["received", "closed", "reopened"] if source == CASES else ["kind", "at"]
    lines = [",".join(["key", "recorded_at", *heads, *names])]
    for said in rows:
        event_cells = dict(said.times) if source == CASES else {"kind": said.kind, "at": said.at}
        cells = [
            said.key,
            said.recorded_at,
            *[event_cells.get(h) for h in heads],
            *[value for _, value in said.attributes],
        ]
        lines.append(",".join(cell(value) for value in cells))
    return "\n".join(lines) + "\n"


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


@pytest.fixture
def network(network_of):
    return lambda: network_of(SETTINGS, LONG_AFTER.replace(tzinfo=UTC))


def load_all(network, loads):
    """Load each as a file of its own; give the facts after each batch."""
    after = {}
    for number, (source, rows) in enumerate(loads):
        path = network.folder / source / f"{number:03}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(as_csv(source, rows))
        loaded = network.load(source)
        assert loaded.error is None
        assert loaded.tally.read == len(rows) == loaded.tally.stored + loaded.tally.duplicate
        after[network.batch()] = network.facts("repair_orders")
    return after


@settings(SLOW, max_examples=12)
@given(loads=network_loads, data=st.data())
def test_any_split_into_batches_gives_the_same_facts(network, loads, data):
    loads = apart(loads)
    rows = positioned(loads)
    with network() as live:
        after = load_all(live, loads)
        assert live.facts("repair_orders") == wanted(rows)
        for batch, seen in after.items():
            assert live.reader_facts("repair_orders", batch=batch) == seen
        moment = DAY + timedelta(minutes=30 * data.draw(st.integers(-1, 18)))
        assert live.reader_facts("repair_orders", moment) == wanted(rows, moment)
        live.refold("repair_orders")
        assert live.facts("repair_orders") == wanted(rows)
    with network() as other:
        by_source = [(name, [s for source, some in loads if source == name for s in some]) for name in (EVENTS, CASES)]
        load_all(other, [load for load in by_source if load[1]])
        assert other.facts("repair_orders") == wanted(rows)


@settings(SLOW, max_examples=15)
@given(loads=network_loads, seed=st.integers(0, 999))
def test_exports_loaded_again_change_nothing(network, loads, seed):
    """All of a dated or an event log again, in any order; of an undated one its newest file."""
    loads = apart([(source, [replace(s, recorded_at=s.recorded_at or DAY) for s in rows]) for source, rows in loads])
    shuffled = random.Random(seed)
    with network() as live:
        load_all(live, loads)
        before, undated = live.facts("repair_orders"), live.books()
        for source, rows in shuffled.sample(loads, len(loads)):
            again = shuffled.sample(rows, len(rows))
            path = live.folder / source / f"again{shuffled.random()}.csv"
            path.write_text(as_csv(source, again))
            assert live.load(source).tally.stored == 0
        assert live.facts("repair_orders") == before
        assert live.books() == undated


def test_a_version_between_two_equal_ones_does_not_win(network):
    def said(outcome):
        return Said("", 0, 0, "A", None, (("received", DAY),), attributes=(("partner", "X"), ("outcome", outcome)))

    def see(*outcomes):
        return (CASES, [said(outcome) for outcome in outcomes])

    pad = ("cost", "promised_at", "made_sla", "score")
    with network() as live:
        for number, load in enumerate(
            [see("repaired"), see("repaired", "swapped", "repaired"), see("swapped", "repaired")]
        ):
            rows = [replace(s, attributes=(*s.attributes, *[(name, None) for name in pad])) for s in load[1]]
            (live.folder / "cases").mkdir(exist_ok=True)
            (live.folder / "cases" / f"{number}.csv").write_text(as_csv(CASES, rows))
            live.load(CASES)
            assert live.facts("repair_orders")["A"]["outcome"] == "repaired"


def test_an_undated_version_below_a_dated_one_is_stored_once(network):
    dated = Said("", 0, 0, "A", DAY, (("received", DAY),), attributes=(("partner", "X"),))
    undated = replace(dated, recorded_at=None, attributes=(("partner", "Y"),))
    pad = tuple((name, None) for name in ("outcome", "cost", "promised_at", "made_sla", "score"))
    rows = [replace(s, attributes=s.attributes + pad) for s in (dated, undated)]
    with network() as live:
        (live.folder / "cases").mkdir()
        for number, stored_rows in enumerate([2, 0, 0]):
            (live.folder / "cases" / f"{number}.csv").write_text(as_csv(CASES, rows))
            assert live.load(CASES).tally.stored == stored_rows
        assert live.facts("repair_orders")["A"]["partner"] == "X"


STOCK = """
[network]
timezone = "UTC"
[warehouse]
url = "duckdb:///w.duckdb"
[store]
url = "sqlite:///s.db"
[[source]]
name = "stock"
fact = "stock_levels"
format = "csv"
path = "stock/*.csv"
at = "at"
[source.fields]
site = "site"
part = "part"
on_hand = "on_hand"
recorded_at = "recorded_at"
"""
levels = st.tuples(
    st.sampled_from(["S", "T"]), moments | moments.map(lambda at: at.replace(hour=0)), st.integers(0, 3), maybe_moments
)


@settings(SLOW, max_examples=15)
@given(loads=st.lists(st.lists(levels, min_size=1, max_size=4), min_size=1, max_size=5), half=st.integers(-1, 18))
def test_the_newest_batch_of_a_snapshot_wins(network_of, loads, half):
    fact = FACTS["stock_levels"]
    rows = [
        Said("stock", batch, row, f"{site}\x1fp\x1f{at.isoformat(sep=' ', timespec='microseconds')}", recorded, at=at,
             attributes=(("site", site), ("part", "p"), ("on_hand", float(on_hand))))
        for batch, load in enumerate(loads) for row, (site, at, on_hand, recorded) in enumerate(load)
    ]  # fmt: skip
    with network_of(STOCK, LONG_AFTER.replace(tzinfo=UTC)) as live:
        (live.folder / "stock").mkdir()
        for number, load in enumerate(loads):
            lines = [",".join([site, "p", cell(at), str(n), cell(recorded)]) for site, at, n, recorded in load]
            (live.folder / "stock" / f"{number}.csv").write_text(
                "\n".join(["site,part,at,on_hand,recorded_at", *lines, ""])
            )
            live.load("stock")
        assert live.facts("stock_levels") == {key: present(row) for key, row in facts(fact, rows).items()}
        live.refold("stock_levels")
        assert live.facts("stock_levels") == {key: present(row) for key, row in facts(fact, rows).items()}


def test_what_was_compiled_is_forgotten_with_the_code_that_built_it():
    """The file remembers compiled expressions; built by other code they may say something else."""
    product = Path(data.__file__).parents[1]
    building = [
        path
        for part in ("analytics", "data", "layouts", "alerts")
        for path in (product / part).rglob("*.py")
        if re.search(r"^import ibis|^from ibis", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(building) > 20
    assert set(building) <= set(building_code())
