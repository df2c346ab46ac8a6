"""What the carriers scan, the contact centres log and the customers answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data.demo import wares
from data.demo.contacts import CHANNELS, SOCIAL
from data.demo.places import COUNTRIES
from data.demo.systems.text import EXTRA, append, chosen, drops, lines, named, stamps, where, with_dirt

if TYPE_CHECKING:
    from pathlib import Path

    from data.demo.world import World

_HEAD = "event_time,code,tracking_no,carrier,country,leg,mode,origin,destination,model,case_no,pickup_by,due,complete,logged"
_CODES = {
    "planned": "PLN",
    "picked_up": "PUP",
    "first_scan": "SCN",
    "customs_in": "CUI",
    "customs_out": "CUO",
    "exception": "EXC",
    "last_scan": "SCN",
    "delivered": "DLV",
    "damaged": "DMG",
    "lost": "LST",
}
_BLOCK = 400_000


def tracking(systems: Path, world: World, after: float, until: float) -> int:
    """Write the carriers' scans: a file per day, a line per scan."""
    network, events = world.network, world.shipments.between(after, until)
    for start in range(0, len(events), _BLOCK):
        block = events.iloc[start : start + _BLOCK]
        columns, told = _scans(world, block)
        for day, rows in drops(network, told):
            body = lines({name: values[rows] for name, values in columns.items()}, ",")
            append(systems / "tracking" / f"{day}.csv", _HEAD, body)
    return len(events)


def _scans(world: World, events: pd.DataFrame) -> tuple[dict[str, Any], Any]:
    network, kind = world.network, events["kind"].to_numpy()
    what = world.shipments.attributes.iloc[events["case"].to_numpy()]
    inbound = (what["leg"] == "inbound").to_numpy()
    home = named(network.countries, what["country"])
    away = where(what["abroad"], named([COUNTRIES[code].neighbour for code in network.countries], what["country"]))
    away = np.where(what["abroad"], away, home)
    kinds = list(world.shipments.times.columns)
    delivered = kind == kinds.index("delivered")
    columns: dict[str, Any] = {
        "event_time": stamps(network, events["at"]),
        "code": named([_CODES[name] for name in kinds], kind),
        "tracking_no": what["shipment"].to_numpy(dtype=object),
        "carrier": named(network.carriers, what["carrier"]),
        "country": home,
        "leg": what["leg"].to_numpy(dtype=object),
        "mode": np.where(what["abroad"], "air", "road").astype(object),
        "origin": np.where(inbound, away, home),
        "destination": np.where(inbound, home, away),
        "model": named(wares.NAMES, what["product"]),
        "case_no": what["order"].to_numpy(dtype=object),
        "pickup_by": stamps(network, what["pickup_by"]),
        "due": stamps(network, what["promised"]),
        "complete": np.where(delivered, np.where(what["complete"], "true", "false"), ""),
        "logged": stamps(network, events["told"]),
    }
    nowhere = np.full(len(events), "", dtype=object)
    bad_day = np.array(["2026-13-45" + text[10:] for text in columns["event_time"]], dtype=object)

    def one_in(count: int, salt: int) -> Any:
        return chosen(count, salt, events["at"], kind, events["told"])

    dirty, source = with_dirt(
        columns,
        [
            (one_in(9999, 21), {}),
            (one_in(14_999, 22), {"tracking_no": nowhere}),
            (one_in(9999, 23), {"code": np.full(len(events), "X99", dtype=object)}),
            (one_in(14_999, 24), {"event_time": bad_day}),
            (one_in(14_999, 25), {"logged": columns["logged"] + EXTRA}),
        ],
    )
    return dirty, events["told"].to_numpy()[source]


def contact_log(systems: Path, world: World, after: float, until: float) -> int:
    """Write the contact centres' log: a file per day, a JSON document per event."""
    network, events = world.network, world.contacts.between(after, until)
    for start in range(0, len(events), _BLOCK):
        block = events.iloc[start : start + _BLOCK]
        table = _contacts(world, block)
        for day, rows in drops(network, block["told"]):
            body = table.iloc[rows].to_json(orient="records", lines=True, force_ascii=False)
            append(systems / "contacts" / f"{day}.ndjson", "", body.encode())
    return len(events)


def _contacts(world: World, events: pd.DataFrame) -> pd.DataFrame:
    network, kind = world.network, events["kind"].to_numpy()
    what = world.contacts.attributes.iloc[events["case"].to_numpy()]
    kinds = list(world.contacts.times.columns)
    word = named(kinds, kind)
    public = (what["channel"] == SOCIAL).to_numpy()
    waited = (word == "answered") | (word == "abandoned")
    order = what["order"].to_numpy(dtype=object)
    name = where(~chosen(19_997, 31, events["at"], kind), what["contact"])
    table = {
        "time": stamps(network, events["at"]),
        "event": word,
        "id": name,
        "centre": named([centre for centre, *_ in network.centres], what["centre"]),
        "country": named(network.countries, what["country"]),
        "channel": named(CHANNELS, what["channel"]),
        "topic": named(wares.TOPICS, what["topic"]),
        "customer": what["customer"].to_numpy(dtype=object),
        "case_no": where(order != "", order),
        "public": public,
        "wait_s": where(waited & ~public, what["wait"].astype(int)),
        "handle_s": where((word == "resolved") & ~public, what["handle"].astype(int)),
        "sentiment": where((word != "offered") | public, what["sentiment"]),
    }
    return pd.DataFrame(table, dtype=object)


def survey_answers(systems: Path, world: World, after: float, until: float) -> int:
    """Write the answers to the brand's survey: one growing file of JSON documents."""
    network, events = world.network, world.surveys.between(after, until)
    if not len(events):
        return 0
    what = world.surveys.attributes.iloc[events["case"].to_numpy()]
    columns = {
        "id": what["survey"].to_numpy(dtype=object),
        "answered": stamps(network, events["at"]),
        "case_no": what["order"].to_numpy(dtype=object),
        "repairer": named([partner.name for partner in network.partners], what["site"]),
        "country": named(network.countries, what["country"]),
        "product": named(wares.NAMES, what["product"]),
        "csat": what["csat"].to_numpy(dtype=object),
        "nps": what["nps"].to_numpy(dtype=object),
        "ces": what["ces"].to_numpy(dtype=object),
    }
    off_the_scale = chosen(499, 41, events["at"], what["site"])
    again = np.asarray(columns["id"] + "-2", dtype=object)
    eleven = np.full(len(what), 11, dtype=object)
    dirty, _ = with_dirt(
        columns, [(off_the_scale, {"id": again, "csat": eleven}), (chosen(1499, 42, events["at"]), {})]
    )
    body = pd.DataFrame(dirty, dtype=object).to_json(orient="records", lines=True, force_ascii=False)
    append(systems / "surveys" / "answers.ndjson", "", body.encode())
    return len(events)
