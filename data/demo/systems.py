"""The partners' own systems: two databases and three folders of files, written as far as life has come."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import orjson
import pandas as pd

from data.demo import network as net
from data.demo.life import live
from data.demo.network import DAY, HOUR, Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from data.demo.life import World

    Progress = Callable[[float, str], None]

_STATE = "demo.json"
_TEMPLATE = Path(__file__).with_name("settings.toml")
_STOCK_STEP = 12 * HOUR


def write_network(
    out: Path,
    *,
    partners: int = 12,
    days: int = 90,
    seed: int = 1,
    now: datetime,
    progress: Callable[[float, str], None] | None = None,
) -> None:
    """Write a network's settings, its truth and its systems with all that happened in the `days` before `now`.

    A network that stands in `out` already is replaced; other people's files there are an error. Networks written at
    two moments of one UTC day share one history. Raises ValueError and FileExistsError.
    """
    network = Network.before(now, partners, days, seed)
    _clear(out)
    (out / "settings.toml").write_bytes(_TEMPLATE.read_bytes())
    (out / "truth.json").write_text(json.dumps(network.truth(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _keep(out, network, None)
    LiveNetwork(out).advance(now, progress=progress)


class LiveNetwork:
    """A written network that goes on living; it remembers on disk how far it has come."""

    def __init__(self, out: Path) -> None:
        """Open the network in `out`; raises FileNotFoundError if none was written there."""
        self._out = out
        state = json.loads((out / _STATE).read_text(encoding="utf-8"))
        start = datetime.fromisoformat(state["start"])
        self.network = Network(state["partners"], state["days"], state["seed"], start)
        written = state["written"]
        self._written = self.network.seconds(datetime.fromisoformat(written)) if written else -1.0
        self._through = -1
        self._world: World | None = None

    def advance(self, now: datetime, *, progress: Callable[[float, str], None] | None = None) -> int:
        """Write all that happened since the last call up to `now` into the systems; give the number of rows."""
        until = float(np.floor(self.network.seconds(now)))
        if until <= self._written:
            return 0
        if progress:
            progress(0.0, "living")
        world = self._live(int(until // DAY))
        rows = 0
        for number, (name, write) in enumerate(_SYSTEMS, start=1):
            if progress:
                progress(number / (len(_SYSTEMS) + 1), name)
            rows += write(self._out / "systems", self.network, world, self._written, until)
        _keep(self._out, self.network, self.network.moment(until))
        self._written = until
        if progress:
            progress(1.0, "written")
        return rows

    def _live(self, through: int) -> World:
        if self._world is None or through != self._through:
            self._world, self._through = live(self.network, through), through
        return self._world


def _clear(out: Path) -> None:
    systems = out / "systems"
    if systems.exists() and not (out / _STATE).exists():
        raise FileExistsError(f"{systems} was not written by the demo; choose another folder")
    shutil.rmtree(systems, ignore_errors=True)
    systems.mkdir(parents=True)


def _keep(out: Path, network: Network, written: datetime | None) -> None:
    state = {
        "partners": network.partners_count,
        "days": network.days,
        "seed": network.seed,
        "start": network.start.isoformat(),
        "written": written.isoformat() if written else None,
    }
    fresh = out / (_STATE + ".new")
    fresh.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    fresh.replace(out / _STATE)


def _stamps(network: Network, seconds: Any) -> Any:
    """Write moments as ISO 8601 in UTC; never is None."""
    at = np.asarray(seconds, dtype=float)
    never = np.isnan(at)
    whole = np.where(never, 0, at).astype("timedelta64[s]")
    stamps = np.datetime_as_string(np.datetime64(network.start.replace(tzinfo=None), "s") + whole, timezone="UTC")
    return _where(~never, stamps)


def _where(known: Any, values: Any) -> Any:
    """Give the values where they are known, else None."""
    kept = np.asarray(values, dtype=object).copy()
    kept[~np.asarray(known, dtype=bool)] = None
    return kept


def _one_in(count: int, *names: str) -> bool:
    """Choose one in `count` by name alone, so that the same rows are chosen whenever they are written."""
    return crc32("/".join(names).encode()) % count == 0


# --- the databases -----------------------------------------------------------------------------------------------

_HUB_TIMES = {
    "created": "opened_at",
    "received": "checked_in_at",
    "diagnosed": "diagnosed_at",
    "quoted": "quote_sent_at",
    "approved": "quote_accepted_at",
    "part_requested": "part_requested_at",
    "part_received": "part_in_at",
    "repair_started": "repair_started_at",
    "repaired": "repair_ended_at",
    "qc_failed": "check_failed_at",
    "qc_passed": "check_passed_at",
    "completed": "ready_at",
    "returned_unrepaired": "returned_at",
    "swapped": "swapped_at",
    "dispatched": "shipped_at",
    "delivered": "handed_over_at",
    "closed": "closed_at",
    "reopened": "reopened_at",
    "cancelled": "cancelled_at",
}
_HUB_RESULTS = {
    "repaired": "FIXED",
    "not_repaired": "NOT FIXED",
    "unrepairable": "BER",
    "no_fault_found": "NFF",
    "swapped": "EXCHANGED",
    "cancelled": "CANCELLED",
}


def _hub(systems: Path, network: Network, world: World, after: float, now: float) -> int:
    """Write the repair hub of most partners: a row per case that is updated in place."""
    theirs = world.orders.attributes["workshop"].to_numpy().astype(bool)
    cases = world.orders.only(~theirs & world.orders.touched(after, now))
    what, at = cases.attributes, cases.reported(now)
    updated = at.max(axis=1)
    ended = (at["closed"].notna() | at["cancelled"].notna()).to_numpy()
    # A reopened case is not closed until it is closed again.
    at["closed"] = np.where(at["reopened"].notna(), at["closed_again"], at["closed"])
    results = [
        "TBD" if _one_in(1999, order) else _HUB_RESULTS[outcome]
        for order, outcome in zip(what["order"], what["outcome"], strict=True)
    ]
    table = pd.DataFrame(
        {
            "case_no": what["order"],
            "repairer": what["partner"],
            "town": what["city"],
            "country": what["country"],
            "region": what["country"].map(net.REGIONS),
            "model": what["product"],
            "serial_no": what["device"],
            "channel": what["channel"],
            "warranty": what["warranty"],
            "symptom": what["fault"],
            "engineer": _where(at["diagnosed"].notna(), what["technician"]),
            "due_at": _stamps(network, what["promised"].astype(float)),
            "result": _where(ended, results),
            "cost_eur": _where(ended, what["cost"]),
        }
        | {column: _stamps(network, at[kind]) for kind, column in _HUB_TIMES.items()}
        | {"updated_at": _stamps(network, updated)}
    )
    return _upsert(systems / "hub.db", "cases", ("case_no",), table)


def _parts(systems: Path, network: Network, world: World, after: float, now: float) -> int:
    """Write the brand's spare-part orders."""
    cases = world.parts.only(world.parts.touched(after, now))
    what, at = cases.attributes, cases.reported(now)
    columns = {
        name: what[name] for name in ("line", "order", "supplier", "part", "country", "site", "product", "quantity")
    }
    times = {f"{kind}_at": _stamps(network, at[kind]) for kind in at.columns}
    need = {"need_by": _stamps(network, what["promised"].astype(float))}
    updated = {"updated_at": _stamps(network, at.max(axis=1))}
    table = pd.DataFrame(columns | need | times | updated).rename(columns={"line": "line_no", "order": "case_no"})
    return _upsert(systems / "brand.db", "part_lines", ("line_no",), table)


def _claims(systems: Path, network: Network, world: World, after: float, now: float) -> int:
    """Write the brand's warranty claims."""
    cases = world.claims.only(world.claims.touched(after, now))
    what, at = cases.attributes, cases.reported(now)
    names = {"claim": "claim_no", "order": "case_no", "device": "serial_no", "product": "model"}
    times = {f"{kind}_at": _stamps(network, at[kind]) for kind in at.columns}
    table = what.rename(columns=names).assign(**times, updated_at=_stamps(network, at.max(axis=1)))
    return _upsert(systems / "brand.db", "claims", ("claim_no",), table)


def _stock(systems: Path, network: Network, world: World, after: float, now: float) -> int:
    """Write what lies on every partner's shelves, counted twice a day."""
    del world
    counts = np.arange(np.floor(after / _STOCK_STEP) + 1, np.floor(now / _STOCK_STEP) + 1) * _STOCK_STEP
    parts = np.array([part for pair in net.PARTS for part in pair], dtype=object)
    when, site, which = (
        axis.ravel() for axis in np.meshgrid(counts, range(len(network.partners)), range(len(parts)), indexing="ij")
    )
    part = parts[which]
    used = (5 * site + 3 * which + when // _STOCK_STEP).astype(int) % 24
    empty = network.hit("part_shortage", when - 2 * DAY, part=part) & (site % 7 != 1)
    on_hand = np.where(empty, 0, 28 - used)
    names, cities, countries = (
        np.array([getattr(partner, field) for partner in network.partners], dtype=object)[site]
        for field in ("name", "city", "country")
    )
    table = pd.DataFrame(
        {
            "counted_at": _stamps(network, when),
            "site": cities,
            "part": part,
            "repairer": names,
            "country": countries,
            "on_hand": on_hand,
            "reserved": np.minimum(on_hand, used % 4),
            "inbound": np.where(used > 18, 24, 0),
            "swap": 3 + which % 3,
        }
    )
    return _upsert(systems / "brand.db", "stock", ("site", "part", "counted_at"), table)


def _upsert(path: Path, name: str, key: tuple[str, ...], table: pd.DataFrame) -> int:
    """Write rows over those with the same key, in one short transaction that no reader has to wait for."""
    columns = ", ".join(f'"{column}"' for column in table.columns)
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({columns}, PRIMARY KEY ({", ".join(key)}))')
        if "updated_at" in table.columns:
            connection.execute(f'CREATE INDEX IF NOT EXISTS "{name}_updated" ON "{name}" (updated_at)')
        rows = zip(*(table[column].astype(object).tolist() for column in table.columns), strict=True)
        marks = ", ".join("?" * len(table.columns))
        with connection:
            connection.executemany(f'INSERT OR REPLACE INTO "{name}" VALUES ({marks})', rows)  # noqa: S608 - our names
    return len(table)


# --- the folders of files ----------------------------------------------------------------------------------------

_WORKSHOP_EVENTS = {
    "created": "Angelegt",
    "received": "Wareneingang",
    "diagnosed": "Diagnose",
    "quoted": "Kostenvoranschlag",
    "approved": "Freigabe",
    "part_requested": "Ersatzteil angefordert",
    "part_received": "Ersatzteil erhalten",
    "repair_started": "Reparatur begonnen",
    "repaired": "Repariert",
    "qc_failed": "Prüfung nicht bestanden",
    "qc_passed": "Prüfung bestanden",
    "completed": "Fertig",
    "returned_unrepaired": "Unrepariert zurück",
    "swapped": "Gerätetausch",
    "dispatched": "Versandt",
    "delivered": "Übergeben",
    "closed": "Abgeschlossen",
    "reopened": "Wiedereröffnet",
    "closed_again": "Abgeschlossen",
    "cancelled": "Storniert",
}
_WORKSHOP_RESULTS = {
    "repaired": "repariert",
    "not_repaired": "nicht repariert",
    "unrepairable": "nicht reparierbar",
    "no_fault_found": "kein Fehler gefunden",
    "swapped": "getauscht",
    "cancelled": "storniert",
}
_WORKSHOP_WORDS = {"walk_in": "Annahme", "mail_in": "Einsendung", "in": "ja", "out": "nein"}
_WORKSHOP_FAULTS = {
    "display": "Display",
    "battery": "Akku",
    "no power": "kein Strom",
    "water": "Wasserschaden",
    "software": "Software",
}
_WORKSHOP_HEAD = (
    "Zeitpunkt;Auftrag;Ereignis;Werkstatt;Ort;Modell;Seriennummer;Annahmeart;Garantie;Fehlerbild;Techniker;Zugesagt;"
    "Ergebnis;Kosten"
)


def _workshops(systems: Path, network: Network, world: World, after: float, now: float) -> int:
    """Write the German workshops' export: a file per day, a line per event, local times to the minute, Latin-1."""
    events = world.orders.between(after, now)
    events = events[world.orders.attributes["workshop"].to_numpy()[events["case"]].astype(bool)]
    orders = world.orders.attributes.iloc[events["case"].to_numpy()]
    local = _local_stamps(network, events["at"])
    due = _local_stamps(network, orders["promised"].astype(float))
    lines: dict[str, list[str]] = {}
    for stamp, kind, order, promised in zip(local, events["kind"], orders.to_dict("records"), due, strict=True):
        ended = kind in ("closed", "closed_again", "cancelled")
        fields = (
            order["order"],
            _WORKSHOP_EVENTS[kind],
            order["partner"],
            order["city"],
            order["product"],
            order["device"],
            _WORKSHOP_WORDS[order["channel"]],
            _WORKSHOP_WORDS[order["warranty"]],
            _WORKSHOP_FAULTS[order["fault"]],
            "" if kind in ("created", "received") else order["technician"],
            promised,
            _WORKSHOP_RESULTS[order["outcome"]] if ended else "",
            f"{order['cost']:.2f}" if ended else "",
        )
        day = f"{stamp[6:10]}-{stamp[3:5]}-{stamp[:2]}"
        lines.setdefault(day, []).extend(_dirtied(stamp, fields))
    return sum(
        _append(systems / "werkstatt" / f"{day}.csv", _WORKSHOP_HEAD, rows, "latin-1") for day, rows in lines.items()
    )


def _dirtied(stamp: str, fields: tuple[str, ...]) -> Iterable[str]:
    """Yield a line, and now and then what real exports hold beside it."""
    order, kind = fields[:2]
    rest = ";".join(fields)
    yield f"{stamp};{rest}"
    if _one_in(2999, "repeated", order, kind):
        yield f"{stamp};{rest}"
    if _one_in(2999, "no such day", order, kind):
        yield f"31.02.{stamp[6:]};{rest}"
    if _one_in(2999, "from the future", order, kind):
        yield f"{stamp[:6]}2099{stamp[10:]};{rest}"
    if _one_in(999, "unknown status", order, kind):
        yield f"{stamp};{order};In Klärung;" + ";".join(fields[2:])


def _local_stamps(network: Network, seconds: Any) -> list[str]:
    moments = pd.Timestamp(network.start) + pd.to_timedelta(np.asarray(seconds, dtype=float), unit="s")
    return list(moments.tz_convert("Europe/Berlin").strftime("%d.%m.%Y %H:%M"))


_TRACKING_HEAD = "event_time,code,tracking_no,carrier,country,leg,mode,origin,destination,model,case_no,due"
_TRACKING_CODES = {
    "planned": "PLN",
    "picked_up": "PUP",
    "first_scan": "SCN",
    "customs_in": "CUI",
    "customs_out": "CUO",
    "exception": "EXC",
    "last_scan": "SCN",
    "delivered": "DLV",
    "lost": "LST",
}


def _tracking(systems: Path, network: Network, world: World, after: float, now: float) -> int:
    """Write the carriers' scans: a file per day, a line per scan."""
    events = world.shipments.between(after, now)
    what = world.shipments.attributes.iloc[events["case"].to_numpy()]
    table = pd.DataFrame(
        {
            "event_time": _stamps(network, events["at"]),
            "code": [_TRACKING_CODES[kind] for kind in events["kind"]],
            "tracking_no": [
                "" if _one_in(19_997, name, kind) else name
                for name, kind in zip(what["shipment"], events["kind"], strict=True)
            ],
        }
    )
    for name in ("carrier", "country", "leg", "mode", "origin", "destination", "product", "order"):
        table[name] = what[name].to_numpy()
    table["due"] = _stamps(network, what["promised"].to_numpy().astype(float))
    lines: dict[str, list[str]] = {}
    for row in zip(*(table[column].tolist() for column in table.columns), strict=True):
        lines.setdefault(row[0][:10], []).append(",".join(row))
    return sum(
        _append(systems / "tracking" / f"{day}.csv", _TRACKING_HEAD, rows, "utf-8") for day, rows in lines.items()
    )


def _contacts(systems: Path, network: Network, world: World, after: float, now: float) -> int:
    """Write the contact centres' log: a file per day, a JSON document per event."""
    events = world.contacts.between(after, now)
    what = world.contacts.attributes.iloc[events["case"].to_numpy()].to_dict("records")
    lines: dict[str, list[str]] = {}
    for stamp, kind, contact in zip(_stamps(network, events["at"]), events["kind"], what, strict=True):
        row = {
            "time": stamp,
            "event": kind,
            "id": contact["contact"],
            "centre": contact["centre"],
            "country": contact["country"],
            "channel": contact["channel"],
            "topic": contact["topic"],
            "customer": contact["customer"],
            "public": contact["public"],
            "wait_s": contact["wait"] if kind in ("answered", "abandoned") else None,
            "handle_s": contact["handle"] if kind == "resolved" else None,
            "sentiment": contact["sentiment"] if kind != "offered" or contact["public"] else None,
        }
        lines.setdefault(stamp[:10], []).append(_json(row))
    return sum(_append(systems / "contacts" / f"{day}.ndjson", None, rows, "utf-8") for day, rows in lines.items())


def _surveys(systems: Path, network: Network, world: World, after: float, now: float) -> int:
    """Write the answers to the brand's survey: one growing file of JSON documents."""
    events = world.surveys.between(after, now)
    what = world.surveys.attributes.iloc[events["case"].to_numpy()].to_dict("records")
    rows = []
    for stamp, answer in zip(_stamps(network, events["at"]), what, strict=True):
        row = {"id": answer["survey"], "answered": stamp, "case_no": answer["order"], "repairer": answer["partner"]}
        row |= {name: answer[name] for name in ("country", "product", "csat", "nps", "ces")}
        rows.append(_json(row))
        if _one_in(499, "off the scale", answer["survey"]):
            rows.append(_json(row | {"id": answer["survey"] + "-2", "csat": 11}))
    return _append(systems / "surveys" / "answers.ndjson", None, rows, "utf-8")


def _json(row: dict[str, Any]) -> str:
    return orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _append(path: Path, head: str | None, lines: list[str], encoding: str) -> int:
    """Append whole lines in one go, after the head if the file is new; give how many rows they are."""
    if not lines:
        return 0
    path.parent.mkdir(exist_ok=True)
    text = "\n".join([head, *lines] if head and not path.exists() else lines) + "\n"
    with path.open("ab") as file:
        file.write(text.encode(encoding))
        file.flush()
    return len(lines)


_SYSTEMS = (
    ("repair hub", _hub),
    ("workshops", _workshops),
    ("spare parts", _parts),
    ("claims", _claims),
    ("stock", _stock),
    ("tracking", _tracking),
    ("contacts", _contacts),
    ("surveys", _surveys),
)
