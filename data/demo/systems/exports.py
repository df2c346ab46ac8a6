"""The workshops' exports: a file per day, a line per event, in the language, zone and encoding of the country."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from data.demo import places
from data.demo.network import DAY
from data.demo.systems.dialects import DIALECTS, FIELDS, Dialect
from data.demo.systems.rows import event_rows
from data.demo.systems.text import EXTRA, append, chosen, drops, lines, local_stamps, stamps, with_dirt

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from data.demo.cases import Cases
    from data.demo.network import Network
    from data.demo.world import World

_REPEATED = 9
"""One day in so many is exported a second time, under another name."""


def exports(systems: Path, world: World, after: float, until: float) -> int:
    rows = 0
    for dialect in DIALECTS:
        cases = world.by_system.get(dialect.system)
        if cases is not None:
            rows += _export(systems / dialect.folder, world.network, cases, dialect, after, until)
    depot = world.by_system.get(places.DEPOT)
    return rows + (0 if depot is None else _documents(systems / "depot", world.network, depot, after, until))


def _export(folder: Path, network: Network, cases: Cases, dialect: Dialect, after: float, until: float) -> int:
    events = cases.between(after, until)
    if len(events):
        columns, told = _columns(network, cases, events, dialect)
        for day, rows in drops(network, told, dialect.zone):
            body = lines({name: values[rows] for name, values in columns.items()}, dialect.delimiter)
            append(folder / f"{day}.csv", dialect.head, body, dialect.encoding)
    return len(events) + _repeat(folder, network, after, until)


def _columns(network: Network, cases: Cases, events: pd.DataFrame, dialect: Dialect) -> tuple[dict[str, Any], Any]:
    def written(seconds: Any) -> Any:
        return local_stamps(network, seconds, dialect.zone, dialect.date, dialect.time)

    what = cases.attributes.iloc[events["case"].to_numpy()]
    columns = event_rows(
        network,
        cases,
        events,
        words=dialect.events,
        channels=dialect.channels,
        services=dialect.services,
        warranty=dialect.warranty,
        faults=dialect.faults,
        outcomes=dialect.outcomes,
        rate=dialect.rate,
    )
    columns["at"], columns["recorded"] = written(events["at"]), written(events["told"])
    columns["promised"], columns["sold"] = written(what["promised"]), written(what["sold"])
    ordered = {field: columns[field] for field in FIELDS}
    dirty, source = with_dirt(ordered, _dirt(ordered, events, dialect))
    return dirty, events["told"].to_numpy()[source]


def _dirt(columns: dict[str, Any], events: pd.DataFrame, dialect: Dialect) -> list[tuple[Any, dict[str, Any]]]:
    """Give what stands beside some lines: repeats, days that never were, the future, unknown words, no key, a field too many."""
    at = columns["at"]
    no_day = np.array([_no_such_day(text, dialect) for text in at], dtype=object)
    future = np.array([_next_century(text, dialect) for text in at], dtype=object)
    unclear = np.full(len(at), dialect.unclear, dtype=object)
    ragged = np.asarray(columns["recorded"] + EXTRA, dtype=object)

    def one_in(count: int, salt: int) -> Any:
        return chosen(count, salt, events["at"], events["kind"], events["told"])

    return [
        (one_in(2999, 11), {}),
        (one_in(2999, 12), {"at": no_day}),
        (one_in(2999, 13), {"at": future}),
        (one_in(999, 14), {"event": unclear}),
        (one_in(4999, 15), {"order": np.full(len(at), "", dtype=object)}),
        (one_in(3999, 16), {"recorded": ragged}),
    ]


def _no_such_day(text: str, dialect: Dialect) -> str:
    """Replace day and month by a 31st of February."""
    return {"d.": "31.02." + text[6:], "d/": "31/02/" + text[6:], "m/": "02/31/" + text[6:]}.get(
        dialect.date[1:3], text[:5] + "02/31" + text[10:]
    )


def _next_century(text: str, dialect: Dialect) -> str:
    return "2099" + text[4:] if dialect.date.startswith("%Y") else text[:6] + "2099" + text[10:]


def _repeat(folder: Path, network: Network, after: float, until: float) -> int:
    """Send some days' files again, once their day is over everywhere."""
    for day in range(max(int(after // DAY) - 2, 1), int(until // DAY) + 1):
        over = (day + 1.5) * DAY
        if after < over <= until and (day + network.seed) % _REPEATED == 5:
            file = folder / f"{network.moment(day * DAY):%Y-%m-%d}.csv"
            if file.exists():
                shutil.copy(file, folder / f"{file.stem} (2).csv")
    return 0


def _documents(folder: Path, network: Network, cases: Cases, after: float, until: float) -> int:
    """Write the depot's feed: a JSON document per event, a file per UTC day; its API serves the same."""
    events = cases.between(after, until)
    if not len(events):
        return 0
    what = cases.attributes.iloc[events["case"].to_numpy()]
    columns = event_rows(network, cases, events, words={kind: kind for kind in cases.times.columns})
    table = {
        "recorded": stamps(network, events["told"]),
        "time": stamps(network, events["at"]),
        **columns,
        "sold": stamps(network, what["sold"]),
        "promised": stamps(network, what["promised"]),
    }
    import pandas as pd  # noqa: PLC0415

    for day, rows in drops(network, events["told"]):
        part = pd.DataFrame({name: np.asarray(values, dtype=object)[rows] for name, values in table.items()})
        body = part.replace("", None).to_json(orient="records", lines=True, force_ascii=False)
        append(folder / f"{day}.ndjson", "", body.encode())
    return len(events)
