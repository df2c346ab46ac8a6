"""Texts that many rows share are held as numbers with a type of their own, and nobody who asks can tell."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from analytics.board import as_json
from analytics.facts import FACTS, repeating
from data import reader

DIMENSIONS = ("partner", "country", "product", "channel", "fault")


def types_of(view, table=None):
    table = table or view.fact("repair_orders").get_name()
    return {name: type_ for name, type_, *_ in view.con.execute(f"DESCRIBE {table}").fetchall()}


def plain(value):
    """Round what the order of a sum leaves."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.fixture
def view_of(asked):
    def at(few, monkeypatch):
        monkeypatch.setattr(reader, "FEW", few)
        session = asked.session
        return session.warehouse.reader(session.names, asked.clock[0], timezone=session.settings.timezone)

    return at


def test_columns_of_few_texts_have_types_of_their_own(view_of, monkeypatch):
    with view_of(reader.FEW, monkeypatch) as view:
        types = types_of(view)
        assert all(types[name].startswith("ENUM") for name in DIMENSIONS)
        assert types["key"] == types["device_id"] == "VARCHAR"


def test_a_column_of_many_texts_is_left_as_it_is(view_of, monkeypatch):
    with view_of(8, monkeypatch) as view:
        types = types_of(view)
        assert types["partner"].startswith("ENUM")  # of six
        assert types["technician"] == "VARCHAR"


def test_a_judgement_is_the_same(asked, view_of, monkeypatch):
    found = []
    for few in (reader.FEW, 0):
        with view_of(few, monkeypatch) as view:
            assert types_of(view)["partner"].startswith("ENUM") is (few > 0)
            document = as_json(asked.session.judge().board(view, asked.clock[0], 1))
        found.append(plain(json.loads(json.dumps(document, default=str))))
    assert len(found[0]["readings"]) > 500
    assert found[0] == found[1]


def test_answers_hold_texts(view_of, monkeypatch):
    with view_of(reader.FEW, monkeypatch) as view:
        orders = view.fact("repair_orders")
        frame = view.ask("few texts", lambda _: orders.select("key", *DIMENSIONS), {})
        assert all(pd.api.types.is_string_dtype(frame[name].dtype) for name in DIMENSIONS)
        columns = view.keep("laid_few", "few texts", lambda _: orders.select("key", *DIMENSIONS), {})
        assert set(columns.values()) == {"string"}
        assert set(types_of(view, "laid_few").values()) == {"VARCHAR"}


def test_what_identifies_something_is_not_repeating():
    named = {name: repeating(name) for name in FACTS}
    assert {"partner", "source", "technician"} <= set(named["repair_orders"])
    assert not {"device_id", "replacement_device_id"} & set(named["repair_orders"])
    assert "customer" not in named["contacts"]
