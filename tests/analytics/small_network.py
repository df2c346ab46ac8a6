"""A network in a folder: settings, catalogue and CSV files as users write them, loaded and judged by the real parts."""

from __future__ import annotations

import csv
import json
from datetime import datetime

import pandas as pd

from analytics.board import as_json
from analytics.explain import explanation
from analytics.judge import FeedRule, Judge
from data.loaders import Loader
from data.settings import load_settings
from data.tables import naive
from data.warehouse import Warehouse

HEAD = """
[network]
name = "Test"
timezone = "{zone}"
[warehouse]
url = "duckdb:///warehouse.duckdb"
[store]
url = "sqlite:///store.db"
[kpis]
path = "kpis.toml"
"""


class Network:
    """`sources` maps a source's name to (its TOML below [[source]], its rows as dicts); rows become one CSV file."""

    def __init__(self, folder, sources, kpis="", zone="UTC", now="2026-06-30T12:00:00+00:00"):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.now = datetime.fromisoformat(now)
        text = HEAD.format(zone=zone)
        for name, (body, rows) in sources.items():
            write_csv(folder / f"{name}.csv", rows)
            text += f'\n[[source]]\nname = "{name}"\nformat = "csv"\npath = "{name}.csv"\n{body}\n'
        (folder / "settings.toml").write_text(text, encoding="utf-8")
        (folder / "kpis.toml").write_text(kpis, encoding="utf-8")
        self.settings = load_settings(folder / "settings.toml", {})
        self.names = [source.name for source in self.settings.sources]
        self.warehouse = Warehouse(self.settings.warehouse_url)
        self.loaded = self.load()

    def load(self):
        loader = Loader(self.warehouse, self.settings.sources, lambda: self.now)
        loaded = {source.name: loader.load(source) for source in self.settings.sources}
        for each in loaded.values():
            assert each.error is None, each.error
        return loaded

    def close(self):
        self.warehouse.close()

    def judge(self, *keys):
        kpis = [kpi for kpi in self.settings.kpis if not keys or kpi.key in keys]
        feeds = [FeedRule(s.name, s.fact, s.fresh_within_seconds, s.tells) for s in self.settings.sources]
        return Judge(kpis, feeds, self.settings.network, self.settings.timezone)

    def moment(self, at=None):
        return self.now if at is None else datetime.fromisoformat(at) if isinstance(at, str) else at

    def board(self, at=None, *keys):
        moment = self.moment(at)
        with self.warehouse.reader(self.names, moment, timezone=self.settings.timezone) as view:
            return self.judge().board(view, moment, 1).only(keys)

    def readings(self, at=None, *keys):
        """Give the readings of a judgement by (kpi, slice as a dict's sorted items)."""
        return {(r.kpi, r.slice): r for r in self.board(at, *keys).readings}

    def document(self, at=None, *keys):
        return as_json(self.board(at, *keys))

    def explain(self, key, slice_=(), at=None):
        moment = self.moment(at)
        judge = self.judge()
        with self.warehouse.reader(self.names, moment, timezone=self.settings.timezone) as view:
            reading = {r.slice: r for r in judge.board(view, moment, 1).only([key]).readings}[slice_]
            kpi = next(kpi for kpi in judge.kpis if kpi.key == key)
            return reading, explanation(judge, view, kpi, reading, moment)

    def fact(self, name, at=None, columns=()):
        """Give the fact with its derived columns as a frame indexed by key; missing is None or NaT."""
        moment = self.moment(at)
        with self.warehouse.reader(self.names, moment, timezone=self.settings.timezone) as view:
            table = view.fact(name, frozenset(columns))
            key = ("test", name, tuple(columns), tuple(table.columns))
            frame = view.ask(key, lambda _: table, {"now": naive(moment)})
        return frame.set_index("key").sort_index()


def write_csv(path, rows):
    """Write dicts as CSV; None becomes an empty cell."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def identity(names):
    """Write [source.fields] that maps canonical fields to columns of the same name."""
    return "[source.fields]\n" + "".join(f"{name} = {json.dumps(name)}\n" for name in names)


def cases(fact, fields, kinds, *, zone="UTC", extra="", head=""):
    """Write a source with a row per case; each kind's column is called like the kind."""
    events = "[source.events]\n" + "".join(f'{kind} = "{kind}"\n' for kind in kinds)
    return f'fact = "{fact}"\ntimezone = "{zone}"\n{head}\n{identity(fields)}{extra}\n{events}'


def happenings(fact, fields, kinds, *, zone="UTC", head="", extra=""):
    """Write a source with a row per event: columns `kind` and `at`."""
    rules = "".join(f'[[source.kinds]]\nkind = "{kind}"\nwhen = {{ kind = "{kind}" }}\n' for kind in kinds)
    return f'fact = "{fact}"\ntimezone = "{zone}"\nat = "at"\n{head}\n{identity(fields)}{extra}\n{rules}'


def snapshots(fact, fields, zone="UTC", head=""):
    return f'fact = "{fact}"\ntimezone = "{zone}"\nat = "at"\n{head}\n{identity(fields)}'


def known(value):
    """Give a cell as plain Python; every kind of missing is None."""
    return None if pd.isna(value) else value.item() if hasattr(value, "item") else value
