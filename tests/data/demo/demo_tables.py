"""The written systems as plain pandas frames, read without any of the product's own code."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from xml.etree import ElementTree as ET

import pandas as pd

NOW = pd.Timestamp("2026-11-18T14:30Z")
DAY = pd.Timedelta(days=1)

HUB_RESULTS = {
    "FIXED": "repaired",
    "NOT FIXED": "not_repaired",
    "BER": "unrepairable",
    "NFF": "no_fault_found",
    "EXCHANGED": "swapped",
    "CANCELLED": "cancelled",
}


KEYS = {
    "repair_orders": "order_id",
    "shipments": "shipment_id",
    "part_orders": "line_id",
    "contacts": "contact_id",
    "surveys": "survey_id",
    "claims": "claim_id",
}


def table(network, database, name):
    with closing(sqlite3.connect(network / "systems" / database)) as connection:
        return pd.read_sql_query(f"SELECT * FROM {name}", connection)


def times(frame, suffix="_at"):
    """The columns that hold times, as such."""
    return frame.assign(
        **{column: pd.to_datetime(frame[column], utc=True) for column in frame.columns if column.endswith(suffix)}
    )


def lines(network, folder, encoding, separator):
    """The lines of an export, without those that a real reader rejects; each once, whatever was sent twice."""
    frames = [
        pd.read_csv(path, sep=separator, dtype=str, encoding=encoding, keep_default_na=False, on_bad_lines="skip")
        for path in sorted((network / "systems" / folder).glob("*.csv"))
    ]
    return pd.concat(frames, ignore_index=True)


def documents(network, pattern):
    rows = []
    for path in sorted((network / "systems").glob(pattern)):
        rows += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return pd.DataFrame(rows)


def truth(network):
    return json.loads((network / "truth.json").read_text(encoding="utf-8"))


def planted(network, kind, partner=None):
    """The trouble of a kind that the wall shows, or the one of a partner."""
    found = [each for each in truth(network) if each["kind"] == kind]
    return next(each for each in found if partner is None or each["slice"].get("partner") == partner)


def rows_of(network, source):
    """A source's rows as text, in whatever format; what is ragged or sent under another name again is left out."""
    pattern = source.get("path", "").removeprefix("systems/")
    if source["format"] == "sql":
        query = source["query"].partition(" WHERE ")[0]
        with closing(sqlite3.connect(network / source["url"].removeprefix("sqlite:///"))) as connection:
            return pd.read_sql_query(query, connection)
    if source["format"] == "json":
        return documents(network, pattern)
    if source["format"] == "xes":
        return pd.DataFrame([row for path in sorted((network / "systems").glob(pattern)) for row in _log(path)])
    folder = pattern.partition("/")[0]
    first = min((network / "systems" / folder).glob("*.csv"))
    head = first.read_text(encoding=source.get("encoding", "utf-8")).partition("\n")[0]
    return lines(network, folder, source.get("encoding", "utf-8"), ";" if ";" in head else ",")


def _log(path):
    space = "{http://www.xes-standard.org/}"
    for trace in ET.fromstring(gzip.decompress(path.read_bytes())).iter(space + "trace"):  # noqa: S314  # our own file
        case = {f"case:{each.get('key')}": each.get("value") for each in trace if each.tag != space + "event"}
        for event in trace.iter(space + "event"):
            yield case | {each.get("key"): each.get("value") for each in event}


def moments(column, source):
    """Times in UTC; what is none is missing."""
    pattern = source.get("datetime_format")
    at = pd.to_datetime(column, format=pattern or "ISO8601", errors="coerce", utc=pattern is None)
    if pattern is not None:
        at = at.dt.tz_localize(source["timezone"], ambiguous=True, nonexistent="shift_forward")
    return at.dt.tz_convert("UTC")


def field(rows, mapping):
    """A canonical field of a source's rows, as text."""
    if isinstance(mapping, str):
        mapping = {"column": mapping}
    if "value" in mapping:
        return pd.Series(mapping["value"], index=rows.index)
    column = rows[mapping["column"]].replace("", None)
    return column.map(mapping["map"]) if "map" in mapping else column


def cases_of(network, source, until):
    """A source's cases, a row each: fields, and the first (`_at`) and last (`_last_at`) time of each kind by `until`."""
    rows = rows_of(network, source)
    fields = pd.DataFrame({name: field(rows, mapping) for name, mapping in source["fields"].items()})
    for name in ("promised_at", "sold_at", "pickup_by"):
        if name in fields:
            fields[name] = moments(fields[name], source)
    key = KEYS[source["fact"]]
    if "events" in source:
        times_ = {kind: moments(rows[column], source) for kind, column in source["events"].items()}
        both = {f"{kind}{edge}": at for kind, at in times_.items() for edge in ("_at", "_last_at")}
        return fields.assign(**both).set_index(key)
    kind = pd.Series(None, index=rows.index, dtype=object)
    for rule in source["kinds"][::-1]:
        ((column, words),) = rule["when"].items()
        kind[rows[column].isin([words] if isinstance(words, str) else words)] = rule["kind"]
    at = moments(rows[source["at"]], source)
    good = at.notna() & (at <= until) & kind.notna() & fields[key].notna()
    log = pd.DataFrame({"key": fields[key], "kind": kind, "at": at})[good]
    edges = log.groupby(["key", "kind"])["at"].agg(["min", "max"]).unstack("kind")  # noqa: PD010  # of two columns
    found = fields[good].assign(_at=at).sort_values("_at", kind="stable").groupby(key).last().drop(columns="_at")
    for wanted in {rule["kind"] for rule in source["kinds"]}:
        for edge, name in (("min", "_at"), ("max", "_last_at")):
            found[wanted + name] = edges[edge].get(wanted)
    return found
