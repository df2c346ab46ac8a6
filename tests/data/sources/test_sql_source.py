import datetime as dt
import sqlite3

import duckdb
import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa

from data.sources import SourceError, SqlPull, columns, query_problem
from data.sources.query import with_absolute_files, without_since


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "a shop#%20.db"
    with sqlite3.connect(path) as db:
        db.execute("create table orders (id text, n integer, price real, odd, seen text)")
        db.executemany(
            "insert into orders values (?, ?, ?, ?, ?)",
            [
                ("A", 1, 1.5, 1, "2026-01-01 10:00:00"),
                ("B", None, None, "x", "2026-01-02 10:00:00"),
                ("C", 3, 3.0, b"\xff", None),
            ],
        )
    db.close()
    return path


def pull(source, since=None):
    run = SqlPull(source, since)
    rows = []
    for chunk in run.chunks():
        assert len(chunk.rows) == len(chunk.frame)
        for row in chunk.frame.astype(object).to_dict("records"):
            rows.append({key: None if pd.isna(value) else value for key, value in row.items()})
    return rows, run.cursor()


@pytest.fixture
def shop_source(source_of, shop, tmp_path):
    plain = tmp_path / "shop.db"
    plain.write_bytes(shop.read_bytes())

    def make(query, **more):
        values = {"format": "sql", "url": f"sqlite:///{plain}", "query": query, "columns": ("id",)} | more
        return source_of(None, **values)

    return make


def test_sqlite_rows_are_typed_and_mixed_columns_are_text(shop_source):
    rows, cursor = pull(shop_source("select * from orders order by id"))
    assert rows == [
        {"id": "A", "n": 1, "price": 1.5, "odd": "1", "seen": "2026-01-01 10:00:00"},
        {"id": "B", "n": None, "price": None, "odd": "x", "seen": "2026-01-02 10:00:00"},
        {"id": "C", "n": 3, "price": 3.0, "odd": "ff", "seen": None},
    ]
    assert cursor is None
    assert columns(shop_source("select id, n as m from orders")) == ("id", "m")


def test_the_cursor_moves_on_and_never_back(shop_source):
    source = shop_source("select id, seen from orders where seen > :since", cursor="seen")
    rows, cursor = pull(source)
    assert ([row["id"] for row in rows], cursor) == (["A", "B", "C"], "2026-01-02 10:00:00")
    rows, cursor = pull(source, "2026-01-01 10:00:00")
    assert ([row["id"] for row in rows], cursor) == (["B"], "2026-01-02 10:00:00")
    assert pull(source, "2027") == ([], "2027")
    # Colons in texts are no parameters.
    source = shop_source("select id, seen from orders where seen <> 'at :noon' and seen > :since", cursor="seen")
    assert [row["id"] for row in pull(source, "2026-01-01 10:00:00")[0]] == ["B"]


def test_sqlite_is_never_written_nor_created(shop_source, tmp_path):
    before = (tmp_path / "shop.db").read_bytes()
    source = shop_source("select id from orders")
    pull(source)
    assert (tmp_path / "shop.db").read_bytes() == before
    gone = shop_source("select 1 as id", url=f"sqlite:///{tmp_path}/gone.db")
    with pytest.raises(SourceError, match=r"source feed: there is no database file .*/gone.db; put it there") as caught:
        pull(gone)
    assert not caught.value.permanent
    assert not (tmp_path / "gone.db").exists()
    run = SqlPull(source, None)
    run._query = "insert into orders (id) values ('Z')"
    with pytest.raises(SourceError, match="attempt to write a readonly database"):
        list(run.chunks())


@pytest.mark.parametrize(
    ("query", "more", "message", "permanent"),
    [
        (
            "select id from gone_table",
            {},
            "the database refuses the query: no such table: gone_table; correct query",
            True,
        ),
        ("select n from orders", {}, "column 'id' is not in the header", True),
        ("select id, id from orders", {}, "names the column 'id' twice .*give one of them an alias", True),
        ("select id from orders", {"cursor": "seen"}, "has no column 'seen', which is the cursor", True),
        (
            "select id, odd from orders",
            {"cursor": "odd"},
            "the cursor 'odd' holds values that cannot be compared",
            True,
        ),
        ("delete from orders", {}, "the query starts with DELETE; write one SELECT", True),
        ("select id from orders", {"url": "klingon://x/y"}, "no driver knows klingon://", True),
        ("select id from orders", {"url": "klingon"}, "url is no database address", True),
        (
            "select id from orders",
            {"url": "mysql+pymysql://u:p@h/d"},
            r"driver of mysql\+pymysql is not installed",
            True,
        ),
        ("select id from orders", {"url": "sqlite://"}, "url names no file", True),
        ("select id from orders", {"url": None}, "set url and query", True),
        (
            "select id from orders",
            {"url": "postgresql+psycopg://me:s3cret%40x@127.0.0.1:1/db"},
            r"source feed: postgresql\+psycopg://me:\*\*\*@127.0.0.1:1/db cannot be read now: ",
            False,
        ),
    ],
)
def test_faults_are_sentences_without_passwords(shop_source, query, more, message, permanent):
    with pytest.raises(SourceError, match=message) as caught:
        pull(shop_source(query, **more))
    assert caught.value.permanent is permanent
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_sqlite_file(shop_source, tmp_path):
    (tmp_path / "bad.db").write_bytes(b"no database" * 1000)
    with pytest.raises(SourceError, match="file is not a database"):
        pull(shop_source("select id from orders", url=f"sqlite:///{tmp_path}/bad.db"))


def test_odd_file_names(source_of, shop):
    url = sa.URL.create("sqlite", database=str(shop)).render_as_string()
    assert len(pull(source_of(None, format="sql", url=url, query="select id from orders"))[0]) == 3


@pytest.mark.parametrize(
    "query",
    [
        "select 1",
        "select 1;",
        "  -- why\n select 1 -- then",
        "with a as (select 1 as x) select x from a",
        "select 1 union all select 2",
        "(select 1) except (select 2)",
        "select 'drop table x; delete from y' as t",
        "select id from t where at > :since order by at limit 5",
    ],
)
def test_one_select_is_a_query(query):
    for url in ["sqlite:///x", "postgresql://x", "mysql+pymysql://x", "duckdb://", "unheard://x"]:
        assert query_problem(query, url) is None


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("", "empty"),
        ("-- nothing", "empty"),
        ("select 1; select 2", "2 statements"),
        ("select 1; drop table x", "2 statements"),
        ("delete from x", "DELETE"),
        ("with x as (delete from t returning *) select * from x", "DELETE"),
        ("with x as (insert into t values (1) returning *) select * from x", "INSERT"),
        ("with x as (update t set a = 1 returning *) select * from x", "UPDATE"),
        ("with x as (select 1) delete from t", "DELETE"),
        ("select * into y from t", "INTO"),
        ("select * from t for update", "lock"),
        ("pragma table_info(x)", "PRAGMA"),
        ("copy (select 1) to 'x.csv'", "COPY"),
        ("copy t from 'x.csv'", "COPY"),
        ("attach 'x.db'", "ATTACH"),
        ("install httpfs", "INSTALL"),
        ("explain analyze select 1", "EXPLAIN"),
        ("call pg_sleep(1)", "CALL"),
        ("set search_path = x", "SET"),
        ("values (1)", "VALUES"),
        ("select (", "cannot be read as SQL"),
        ("select 'open", "cannot be read as SQL"),
    ],
)
def test_anything_else_is_none(query, word):
    for url in ["postgresql://x", "duckdb://"]:
        problem = query_problem(query, url)
        assert problem is not None
        assert word in problem
        assert "\n" not in problem


@pytest.mark.parametrize(
    ("query", "opened"),
    [
        ("SELECT a FROM t WHERE a > :since", "SELECT a FROM t WHERE TRUE"),
        ("SELECT a FROM t WHERE b = 1 AND a > :since", "SELECT a FROM t WHERE b = 1 AND TRUE"),
        ("SELECT a FROM t WHERE a > COALESCE(:since, '1970')", "SELECT a FROM t WHERE TRUE"),
        ("SELECT a FROM t WHERE :since IS NULL OR a > :since", "SELECT a FROM t WHERE TRUE OR TRUE"),
        ("SELECT a FROM t WHERE NOT (b AND a <= :since)", "SELECT a FROM t WHERE NOT (b AND FALSE)"),
        ("SELECT a FROM t WHERE a BETWEEN :since AND 9", "SELECT a FROM t WHERE TRUE"),
        ("SELECT a FROM t WHERE a IN (SELECT x FROM u WHERE x > :since)", "SELECT a FROM t WHERE a IN (SELECT x FROM u WHERE TRUE)"),
        ("SELECT :since AS s, a FROM t", "SELECT NULL AS s, a FROM t"),
    ],
)  # fmt: skip
def test_the_first_pull_leaves_conditions_on_since_open(query, opened):
    assert without_since(query, "postgres") == opened


def test_postgresql(source_of, postgres):
    with psycopg.connect(postgres) as db:
        db.execute(
            "create table orders (id int, price numeric(10,2), ok bool, at timestamp, seen timestamptz,"
            " day date, doc jsonb, tags text[], u uuid, raw bytea)"
        )
        db.execute(
            "insert into orders select i, i * 1.5, i % 2 = 0, '2026-01-01 12:00'::timestamp,"
            " '2026-01-01 12:00+02'::timestamptz + i * interval '1 s', '2026-01-01', '{\"a\": [1]}', '{x,y}',"
            " '00000000-0000-0000-0000-000000000001', '\\xff' from generate_series(1, 150000) i"
        )
        db.execute("insert into orders (id) values (null)")
        db.execute("create sequence numbers")
    url = postgres.replace("postgresql://", "postgresql+psycopg://")
    query = "select *, 'a%:b' as t from orders where seen > :since or seen is null order by id nulls last"
    source = source_of(None, format="sql", url=url, query=query, cursor="seen")
    rows, cursor = pull(source)
    assert len(rows) == 150_001
    assert rows[0] == {
        "id": 1,
        "price": "1.50",
        "ok": False,
        "at": pd.Timestamp("2026-01-01 12:00"),
        "seen": pd.Timestamp("2026-01-01 10:00:01", tz="UTC"),
        "day": pd.Timestamp("2026-01-01"),
        "doc": '{"a": [1]}',
        "tags": '["x", "y"]',
        "u": "00000000-0000-0000-0000-000000000001",
        "raw": "ff",
        "t": "a%:b",
    }
    assert {key for key, value in rows[-1].items() if value is not None} == {"t"}
    newest = dt.datetime.fromisoformat(cursor["time"])
    assert newest == dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC) + dt.timedelta(seconds=150_000)
    assert len(pull(source, cursor)[0]) == 1
    before = {"time": (newest - dt.timedelta(seconds=2)).isoformat()}
    rows, again = pull(source, before)
    assert ([row["id"] for row in rows], again["time"]) == ([149_999, 150_000, None], cursor["time"])

    exact = source_of(
        None, format="sql", url=url, query="select price as id from orders where price > :since", cursor="id"
    )
    assert pull(exact)[1] == {"decimal": "225000.00"}
    assert pull(exact, {"decimal": "224998.50"})[0] == [{"id": "225000.00"}]

    writing = source_of(None, format="sql", url=url, query="select nextval('numbers') as id")
    with pytest.raises(SourceError, match=r"cannot execute nextval.. in a read-only transaction"):
        pull(writing)
    missing = source_of(None, format="sql", url=url, query="select id from gone_table")
    with pytest.raises(SourceError, match='relation "gone_table" does not exist') as caught:
        pull(missing)
    assert caught.value.permanent


def test_a_duckdb_file_is_opened_read_only(source_of, tmp_path):
    with duckdb.connect(str(tmp_path / "w.duckdb")) as db:
        db.execute("create table t as select 1 as id, timestamp '2026-01-01' as seen")
    source = source_of(
        None,
        format="sql",
        url=f"duckdb:///{tmp_path}/w.duckdb",
        query="select * from t where seen > :since",
        cursor="seen",
    )
    assert pull(source) == ([{"id": 1, "seen": pd.Timestamp("2026-01-01")}], {"time": "2026-01-01T00:00:00"})
    assert pull(source, {"time": "2026-01-01T00:00:00"}) == ([], {"time": "2026-01-01T00:00:00"})
    run = SqlPull(source, None)
    run._query = "insert into t values (2, null)"
    with pytest.raises(SourceError, match="read-only"):
        list(run.chunks())
    with pytest.raises(SourceError, match="there is no database file") as caught:
        pull(source_of(None, format="sql", url=f"duckdb:///{tmp_path}/gone.duckdb", query="select 1 as id"))
    assert not caught.value.permanent


@pytest.fixture
def files(tmp_path, source_of):
    home = tmp_path / "home"
    (home / "in").mkdir(parents=True)
    (home / "in/a.csv").write_text("id,seen\n1,2026-01-01 10:00:00\n2,2026-01-02 10:00:00\n")
    (home / "in/b.csv").write_text("id,name\n1,x\n2,y\n")
    (tmp_path / "secret.csv").write_text("id\n9\n")

    def make(query, **more):
        return source_of(None, **({"format": "sql", "url": "duckdb://", "query": query, "folder": home} | more))

    return make


@pytest.mark.parametrize("url", ["duckdb://", "duckdb:///:memory:"])
def test_sql_over_files_joins_them(files, url):
    query = "select a.id, name, a.seen from 'in/a.csv' a join read_csv(['in/b.csv'], delim = ',') b using (id) where seen > :since order by 1"
    source = files(query, url=url, cursor="seen")
    rows, cursor = pull(source)
    assert rows == [
        {"id": 1, "name": "x", "seen": pd.Timestamp("2026-01-01 10:00")},
        {"id": 2, "name": "y", "seen": pd.Timestamp("2026-01-02 10:00")},
    ]
    assert cursor == {"time": "2026-01-02T10:00:00"}
    assert [row["id"] for row in pull(source, {"time": "2026-01-01T10:00:00"})[0]] == [2]
    assert columns(source) == ("id", "name", "seen")


def test_duckdb_kinds(files):
    rows, _ = pull(
        files(
            "select 1.50::decimal(5,2) as id, [1, 2] as l, {'a': 1, 'b': 'x'} as s, date '2026-01-01' as d, true as t,"
            " 7::hugeint as h, null as nothing, timestamptz '2026-01-01 12:00:00+02:00' as z, 'a'::blob as r,"
            " uuid '00000000-0000-0000-0000-000000000001' as u, 'q'::enum('q', 'r') as e, time '12:30' as c"
        )
    )
    assert rows == [
        {
            "id": "1.50", "l": "[1, 2]", "s.a": 1, "s.b": "x", "d": pd.Timestamp("2026-01-01"), "t": True, "h": "7",
            "nothing": None, "z": pd.Timestamp("2026-01-01 10:00", tz="UTC"), "r": "a",
            "u": "00000000-0000-0000-0000-000000000001", "e": "q", "c": "12:30:00",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('/etc/passwd')",
        "select content as id from read_text('/etc/passwd')",
        "select file as id from glob('/etc/*')",
        "select * from 'in/../../secret.csv'",
        "select * from '../secret.csv'",
        "select * from read_csv('{home}/../secret.csv')",
        "select * from read_csv('file:///etc/passwd')",
        "select * from 'https://example.com/a.csv'",
    ],
)
def test_nothing_outside_of_the_allowed_folders_is_read(files, tmp_path, query):
    with pytest.raises(SourceError, match=r"source feed: .*; files may lie in .* only") as caught:
        pull(files(query.format(home=tmp_path / "home")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "query", ["copy (select 1) to 'in/x.csv'", "copy (select 1) to '/tmp/x.csv'", "attach 'in/x.db'", "set threads = 1"]
)
def test_commands_are_refused_by_the_query_and_by_the_sandbox(files, tmp_path, query):
    with pytest.raises(SourceError, match="write one SELECT"):
        pull(files(query))
    if "in/x" not in query:
        run = SqlPull(files("select 1 as id"), None)
        run._query = query
        with pytest.raises(SourceError, match="source feed: "):
            list(run.chunks())
    assert not (tmp_path / "home/in/x.csv").exists()


def test_allow_replaces_the_settings_folder(files, tmp_path):
    with pytest.raises(SourceError, match="files may lie in"):
        pull(files("select id from 'in/a.csv'", allow=(tmp_path / "other",)))
    allowed = files(f"select id from '{tmp_path}/secret.csv'", allow=(tmp_path,))
    assert pull(allowed)[0] == [{"id": 9}]


def test_relative_files_are_placed_in_the_folder():
    query = "select 'a.csv' from 'it''s.csv' x join \"b.parquet\" using (k) where x = 'c.csv' and y in ('d.csv')"
    assert with_absolute_files(query, "/h") == (
        "select 'a.csv' from '/h/it''s.csv' x join \"/h/b.parquet\" using (k) where x = 'c.csv' and y in ('d.csv')"
    )
    assert with_absolute_files("from read_csv(['a', '/b'], sep = ';'), glob('*')", "/h") == (
        "from read_csv(['/h/a', '/b'], sep = ';'), glob('/h/*')"
    )
    assert with_absolute_files("from read_json('s3://x/y')", "/h") == "from read_json('s3://x/y')"


def test_bad_duckdb_queries_are_sentences(files):
    with pytest.raises(SourceError, match=r"DuckDB refuses the query: .*gone_table"):
        pull(files("select id from gone_table"))
    with pytest.raises(SourceError, match=r"source feed: DuckDB cannot read now: .*gone.csv"):
        pull(files("select id from 'in/gone.csv'"))
