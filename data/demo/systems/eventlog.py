"""The event logs of the Indian partners: XES, packed, one a week of the past, then one every six hours."""

from __future__ import annotations

import gzip
import itertools
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np

from data.demo import places
from data.demo.network import DAY, HOUR
from data.demo.systems.rows import event_rows
from data.demo.systems.text import local_stamps

if TYPE_CHECKING:
    from pathlib import Path

    from data.demo.cases import Cases
    from data.demo.network import Network
    from data.demo.world import World

_STEP, _WEEK = 6 * HOUR, 7 * DAY
_ZONE, _OFFSET = "Asia/Kolkata", "+05:30"
_TRACE = (
    "order", "partner", "site", "country", "product", "device", "channel", "service", "warranty", "fault", "symptom", "sold",
    "promised",
)  # fmt: skip
_EVENT = ("replacement", "technician", "level", "outcome", "cost", "parts_cost", "recorded")


def event_logs(systems: Path, world: World, after: float, until: float) -> int:
    cases = world.by_system.get(places.KARYA)
    if cases is None:
        return 0
    rows = 0
    edges = _edges(world.network, until)
    for begin, end in itertools.pairwise(edges):
        if after < end <= until:
            rows += _log(systems / "karya", world.network, cases, begin, end)
    return rows


def _edges(network: Network, until: float) -> list[float]:
    """Give where one log ends and the next begins: weekly in the history, every six hours from its last week on."""
    weeks = max((network.days - 7) // 7, 0)
    steps = int(max(until - weeks * _WEEK, 0) // _STEP)
    return [week * _WEEK for week in range(weeks + 1)] + [weeks * _WEEK + step * _STEP for step in range(1, steps + 1)]


def _log(folder: Path, network: Network, cases: Cases, begin: float, end: float) -> int:
    """Write what was told in (begin, end]: the systems tell at a log's end, so that its end belongs to it."""
    events = cases.between(begin or -1.0, end)
    if not len(events):
        return 0
    what = cases.attributes.iloc[events["case"].to_numpy()]
    columns = event_rows(network, cases, events, words={kind: _word(kind) for kind in cases.times.columns}, rate=102.0)
    for name, seconds in (
        ("at", events["at"]),
        ("recorded", events["told"]),
        ("sold", what["sold"]),
        ("promised", what["promised"]),
    ):
        columns[name] = local_stamps(network, seconds, _ZONE, "%Y-%m-%dT", "%H:%M:%S" + _OFFSET)
        columns[name] = np.array([text.replace(" ", "") for text in columns[name]], dtype=object)
    order = np.argsort(events["case"].to_numpy(), kind="stable")
    body = _xes({name: values[order] for name, values in columns.items()})
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{network.moment(end):%Y-%m-%dT%H}.xes.gz"
    (folder / f"{name}.part").write_bytes(gzip.compress(body.encode(), 5, mtime=0))
    (folder / f"{name}.part").replace(folder / name)
    return len(events)


def _word(kind: str) -> str:
    """Name an activity as the log does."""
    plain = {"part_again": "part_requested", "closed_again": "closed"}.get(kind, kind)
    return plain.replace("_", " ").capitalize()


def _xes(columns: dict[str, Any]) -> str:
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1.0" xmlns="http://www.xes-standard.org/">']
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    last = None
    for row in rows:
        if row["order"] != last:
            parts += ["</trace>"] if last else []
            parts.append("<trace>" + _text("concept:name", row["order"]))
            parts += [_text(name, row[name]) for name in _TRACE[1:]]
        last = row["order"]
        parts.append(
            "<event>" + _text("concept:name", row["event"]) + f'<date key="time:timestamp" value="{row["at"]}"/>'
        )
        parts += [_text(name, row[name]) for name in _EVENT if row[name]]
        parts.append("</event>")
    return "\n".join([*parts, "</trace>", "</log>"]) + "\n"


def _text(key: str, value: str) -> str:
    return f'<string key="{key}" value={quoteattr(value)}/>'
