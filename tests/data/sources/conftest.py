"""A source over a folder, and everything that reading it once gives."""

from dataclasses import dataclass, field

import pandas as pd
import pytest

from data.settings import Mapping, Source
from data.sources import pending


@dataclass
class Load:
    rows: list = field(default_factory=list)
    numbers: list = field(default_factory=list)
    unreadable: list = field(default_factory=list)
    frames: list = field(default_factory=list)
    marks: dict = field(default_factory=dict)
    errors: list = field(default_factory=list)
    grown: list = field(default_factory=list)

    def take(self, chunk):
        assert len(chunk.rows) == len(chunk.frame)
        self.frames.append(chunk.frame)
        self.numbers += chunk.rows.tolist()
        self.unreadable += [(bad.row, bad.reason, bad.raw) for bad in chunk.unreadable]
        for row in chunk.frame.astype(object).to_dict("records"):
            self.rows.append({key: None if pd.isna(value) else value for key, value in row.items()})


@pytest.fixture
def source_of(tmp_path):
    def make(path=None, format="csv", columns=("id",), **more):  # noqa: A002 - as the settings call it
        fields = tuple((f"field_{i}", Mapping(column=column)) for i, column in enumerate(columns))
        values = {"name": "feed", "fact": "repair_orders", "timezone": "UTC", "folder": tmp_path} | more
        return Source(format=format, fields=fields, path=path, **values)

    return make


@pytest.fixture
def load():
    def run(source, marks=None, *, again=False):
        result = Load(marks=dict(marks or {}))
        files, errors = pending(source, result.marks, again=again)
        result.errors += [str(error) for error in errors]
        for file in files:
            for chunk in file.chunks():
                result.take(chunk)
            result.marks[file.name] = file.mark()
            result.grown.append(file.grown)
        return result

    return run
