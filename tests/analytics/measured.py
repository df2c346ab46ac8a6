"""KPIs drawn at random over rows drawn at random, and their figures worked out in plain pandas."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
from small_network import Network, cases, snapshots

PARTNERS = [
    'O\'Neil "Q" & Söhne',
    "a, b; c",
    "修理店 Ünï",
    "'; DROP TABLE repair_orders; --",
    "back\\slash %s {0}",
    "two\nlines",
    "None",
    "nan",
    "TIMESTAMP '0002-01-01 00:00:00'",
    "lone",
]
PRODUCTS = ["phone", 'TV, 55"', "null", None]
OUTCOMES = ["repaired", "not_repaired", "unrepairable", None, None]
SHAPES = [
    {"share": "flag"},
    {"share": "late"},
    {"share": {"column": "cost", "above": 50}},
    {"share": {"column": "cost", "at_most": 50}},
    {"share": {"column": "outcome", "in": ["repaired", "unrepairable"]}},
    {"share": {"column": "grade", "is": 'it\'s, "B"'}},
    {"share": {"column": "promised_at", "missing": True}},
    {"share": {"column": "steps", "at_least": 3}},
    {"share": {"column": "received_at", "below": "RECEIVED"}},
    {"mean": "cost"},
    {"mean": "tat_hours"},
    {"sum": "cost"},
    {"count": True},
    {"count": "flag"},
    {"count": {"column": "steps", "below": 2}},
    {"quantile": "cost", "q": 0.9},
    {"quantile": "tat_hours", "q": 0.5},
    {"ratio": ["steps", "cost"]},
]
WHERES = [
    {"column": "country", "is": "NA"},
    {"column": "country", "in": ["NA", "DE"]},
    {"column": "cost", "above": 20},
    {"column": "cost", "below": 90},
    {"column": "steps", "at_least": 1},
    {"column": "steps", "at_most": 4},
    {"column": "grade", "missing": True},
    {"column": "grade", "missing": False},
    {"column": "flag", "is": False},
    {"column": "received_at", "above": "RECEIVED"},
]
BYS = [[], [["partner"]], [["partner", "product"], ["country"]], [["product"], ["product", "partner"]]]
FIELDS = ["order_id", "partner", "product", "country", "promised_at", "outcome", "cost"]
EXTRA = """
[source.extra]
flag = { column = "flag", type = "bool" }
steps = { column = "steps", type = "integer" }
grade = { column = "grade" }
"""


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def draw_kpis(rng, centre):
    """Draw one KPI per shape, and three of the facts without events."""
    received = centre.strftime("%Y-%m-%dT%H:%M:%SZ")
    made = {}
    for number in range(len(SHAPES)):
        day, window = rng.choice(
            [
                ("closed_at", "1 d"),
                ("closed_at", "7 d"),
                ("received_at", "28 d"),
                ("closed_at", "all"),
                ("snapshot", "all"),
            ]
        )
        matures = rng.choice(["0 d", "2 d", "36 h"]) if window in ("7 d", "28 d") else "0 d"
        made[f"k{number}"] = {
            "fact": "repair_orders",
            "measure": _dated(SHAPES[number], received),
            "where": [_dated(each, received) for each in rng.sample(WHERES, rng.choice([0, 1, 1, 2]))],
            "day": day,
            "window": window,
            "matures_after": matures,
            "by": rng.choice(BYS),
            "min_n": rng.choice([0, 3, 8, 30]),
        }
    made["tally"] = {
        "fact": "tallies",
        "measure": {"ratio": ["numerator", "denominator"]},
        "day": "at",
        "window": "7 d",
        "by": [["partner"]],
        "min_n": 10,
    }
    made["stock"] = {
        "fact": "stock_levels",
        "measure": {"share": {"column": "on_hand", "at_most": 0}},
        "day": "snapshot",
        "window": "all",
        "by": [["part"]],
        "min_n": 1,
    }
    made["shelves"] = {
        "fact": "stock_levels",
        "measure": {"sum": "on_hand"},
        "day": "snapshot",
        "window": "all",
        "by": [["site"]],
        "min_n": 1,
    }
    return made


def _dated(table, received):
    return json.loads(json.dumps(table).replace("RECEIVED", received))


def catalogue(kpis):
    text = ""
    for key, kpi in kpis.items():
        low = key == "stock" or "share" in kpi["measure"]
        shown = {
            "title": key,
            "family": "speed",
            "better": "lower",
            "green": 0.2 if low else 5,
            "red": 0.5 if low else 10,
            "unit": "",
        } | kpi
        text += f"[kpi.{key}]\n" + "".join(f"{name} = {toml(value)}\n" for name, value in shown.items())
    return text


def near_midnights(rng, zone, centre, days):
    """Draw a moment that often lies a second from a local midnight."""
    day = centre.astimezone(zone).date() + timedelta(days=rng.randint(-days, days))
    if rng.random() < 0.3:
        start = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        return start + timedelta(seconds=rng.choice([-1, 0, 1]))
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=rng.randrange(86400))


def draw_orders(rng, zone, centre, *, count, name, latest):
    rows = []
    for number in range(count):
        received = near_midnights(rng, zone, centre, 30)
        closed = (
            received + timedelta(seconds=rng.randrange(12 * 86400))
            if rng.random() < 0.5
            else near_midnights(rng, zone, centre, 8)
        )
        row = {
            "order_id": f"{name}{number}",
            "partner": rng.choice([*PARTNERS[:-1], PARTNERS[0], PARTNERS[1], None]),
            "product": rng.choice(PRODUCTS),
            "country": rng.choice(["NA", "DE", "it", None]),
            "promised_at": rng.choice([None, received + timedelta(days=3)]),
            "outcome": rng.choice(OUTCOMES),
            "cost": rng.choice([None, 0, 50, round(rng.uniform(0, 100), 2)]),
            "flag": rng.choice([True, False, None]),
            "steps": rng.choice([None, 0, 1, 2, 3, 5]),
            "grade": rng.choice([None, "A", 'it\'s, "B"']),
            "received": min(received, latest),
            "closed": rng.choice([closed, closed, closed, None]),
        }
        if row["closed"] is not None and row["closed"] > latest:
            row["closed"] = None
        rows.append(row)
    # a partner whose only rows lie far back: never absent, but without data in every window
    old = centre - timedelta(days=200)
    rows.append(
        rows[0]
        | {
            "order_id": f"{name}old",
            "partner": "lone",
            "country": "NA",
            "cost": 30,
            "steps": 2,
            "flag": False,
            "received": old,
            "closed": old,
        }
    )
    return rows


def draw_stock(rng, centre):
    drawn = {}
    for _ in range(120):
        site, part = rng.choice(["S1", "S'2", "S3"]), rng.choice(["p,1", "p2", "p3", "p4"])
        at = centre + timedelta(hours=rng.randint(-100, 60))
        drawn[site, part, at] = {"site": site, "part": part, "at": at, "on_hand": rng.choice([0, 0, 1, 7, None])}
    return list(drawn.values())


def draw_tallies(rng, zone, centre):
    rows = []
    for back in range(-3, 15):
        day = centre.astimezone(zone).date() - timedelta(days=back)
        at = datetime(day.year, day.month, day.day, 12, tzinfo=zone).astimezone(UTC)
        for partner in ("T1", "T,2", "T3"):
            rows.append(
                {
                    "name": "calls",
                    "partner": partner,
                    "at": at,
                    "numerator": rng.choice([None, 0, 3, 2.5]),
                    "denominator": rng.choice([None, 0, 4, 10]),
                }
            )
    return [row for row in rows if row["at"] <= centre + timedelta(days=2)]


def written(rows):
    """Write times as UTC texts, and booleans as contracts want them."""
    return [{name: _cell(value) for name, value in row.items()} for row in rows]


def _cell(value):
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value).lower() if isinstance(value, bool) else value


class Drawn:
    """A network drawn around a moment, with its rows as frames; loaded two days after the moment."""

    def __init__(self, folder, zone, centre, seed, *, live):
        rng = random.Random(seed)
        self.zone = ZoneInfo(zone)
        self.moment = datetime.fromisoformat(centre)
        latest = self.moment if live else self.moment + timedelta(days=2)
        self.rows = {
            "busy": draw_orders(rng, self.zone, self.moment, count=350, name="b", latest=latest),
            "slow": draw_orders(
                rng, self.zone, self.moment, count=120, name="s", latest=self.moment - timedelta(days=4)
            ),
            "stock": [row for row in draw_stock(rng, self.moment) if row["at"] <= latest],
            "tallies": [row for row in draw_tallies(rng, self.zone, self.moment) if row["at"] <= latest],
        }
        self.kpis = draw_kpis(rng, self.moment - timedelta(days=3))
        orders = cases("repair_orders", FIELDS, ["received", "closed"], extra=EXTRA)
        sources = {
            "busy": (orders, written(self.rows["busy"])),
            "slow": (orders, written(self.rows["slow"])),
            "stock": (snapshots("stock_levels", ["site", "part", "on_hand"]), written(self.rows["stock"])),
            "tallies": (
                snapshots("tallies", ["name", "partner", "numerator", "denominator"], zone),
                written(self.rows["tallies"]),
            ),
        }
        self.network = Network(folder, sources, catalogue(self.kpis), zone, latest.isoformat())

    # --- the same figures in pandas -------------------------------------------------------------------------------

    def frame(self, fact):
        """Give the rows of a fact as they were known at the moment."""
        if fact == "repair_orders":
            return pd.concat([self._orders("busy"), self._orders("slow")], ignore_index=True)
        frame = pd.DataFrame(self.rows["stock" if fact == "stock_levels" else "tallies"])
        return frame[frame["at"] <= self.moment].reset_index(drop=True)

    def _orders(self, source):
        rows = [
            row
            for row in self.rows[source]
            if row["received"] <= self.moment or (row["closed"] and row["closed"] <= self.moment)
        ]
        known = []
        for row in rows:
            times = {name: at for name in ("received", "closed") if (at := row[name]) is not None}
            last = max(times.values())
            result = last <= self.moment
            seen = {f"{name}_at": at if at <= self.moment else None for name, at in times.items()}
            known.append({"closed_at": None} | row | seen | ({} if result else {"outcome": None, "cost": None}))
        events = [at for row in known for at in (row["received_at"], row["closed_at"]) if at is not None]
        for row in known:
            row["watermark"] = max(events)
            row["late"] = self._late(row)
            both = (
                row["received_at"] is not None
                and row["closed_at"] is not None
                and row["closed_at"] >= row["received_at"]
            )
            row["tat_hours"] = (row["closed_at"] - row["received_at"]).total_seconds() / 3600 if both else None
        return pd.DataFrame(known).astype("object")

    def _late(self, row):
        if row["promised_at"] is None:
            return None
        if row["closed_at"] is not None:
            return row["closed_at"] > row["promised_at"]
        return True if row["received_at"] is not None and self.moment > row["promised_at"] else None

    def window(self, days):
        today = self.moment.astimezone(self.zone).date()
        return self.midnight(today - timedelta(days=days - 1)), self.midnight(today + timedelta(days=1))

    def midnight(self, day: date):
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def expected(self, key):
        """Give (n, value, numerator, denominator) per slice; a slice without rows in the window has a value of None."""
        kpi = self.kpis[key]
        frame = self.frame(kpi["fact"])
        where = kpi.get("where", [])
        scope = frame[[all(holds(row, each) is True for each in where) for row in frame.to_dict("records")]]
        # what a row is stays; the state it is in passes, and a slice must not vanish from the Board with it
        lasting = [each for each in where if _of_fields(each)]
        ever = frame[[all(holds(row, each) is True for each in lasting) for row in frame.to_dict("records")]]
        rows = self._inside(kpi, scope)
        found = {(): figures(kpi["measure"], rows)}
        for by in kpi["by"]:
            for values in {tuple(row[name] for name in by) for row in ever.to_dict("records")}:
                if not any(missing(value) for value in values):
                    found[tuple(sorted(zip(by, values, strict=True)))] = figures(
                        kpi["measure"], self._of(rows, by, [values])
                    )
            small = [
                s
                for s, (n, value, *_) in found.items()
                if {k for k, _ in s} == set(by) and value is not None and 0 < n < kpi["min_n"]
            ]
            if len(small) > 1:
                together = self._of(rows, by, [tuple(dict(s)[name] for name in by) for s in small])
                found[tuple(sorted((name, "(small)") for name in by))] = figures(kpi["measure"], together)
        return found

    def _of(self, rows, by, wanted):
        return rows[[tuple(row[name] for name in by) in wanted for row in rows.to_dict("records")]]

    def _inside(self, kpi, rows):
        if kpi["day"] == "snapshot":
            if kpi["fact"] != "stock_levels":
                return rows
            return rows.sort_values("at").groupby(["site", "part"]).tail(1)
        booked = rows[kpi["day"]]
        keep = [not missing(at) for at in booked]
        if kpi["window"] != "all":
            start, end = self.window(int(kpi["window"].split()[0]))
            keep = [k and start <= at < end for k, at in zip(keep, booked, strict=True)]
        matures = {"0 d": timedelta(0), "2 d": timedelta(days=2), "36 h": timedelta(hours=36)}[
            kpi.get("matures_after", "0 d")
        ]
        if matures:
            keep = [k and at <= mark - matures for k, at, mark in zip(keep, booked, rows["watermark"], strict=True)]
        return rows[keep]


def _of_fields(condition):
    values = condition.get("in", [condition.get("is")])
    return all(isinstance(value, str) for value in values)


def missing(value):
    return value is None or value is pd.NaT or value != value  # noqa: PLR0124  # NaN


def holds(row, condition):
    """Test one row: True, False, or None where the column is unknown."""
    value = row[condition["column"]]
    (operator,) = set(condition) - {"column"}
    wanted = condition[operator]
    if operator == "missing":
        return missing(value) == wanted
    if missing(value):
        return None
    if isinstance(value, datetime):
        wanted = datetime.fromisoformat(wanted)
    return {
        "is": lambda: value == wanted,
        "in": lambda: value in wanted,
        "above": lambda: value > wanted,
        "below": lambda: value < wanted,
        "at_least": lambda: value >= wanted,
        "at_most": lambda: value <= wanted,
    }[operator]()


def figures(measure, rows):
    """Give (n, value, numerator, denominator) of some rows."""
    records = rows.to_dict("records")
    (shape,) = set(measure) - {"q"}
    what = measure[shape]
    if shape in ("share", "count"):
        told = [True if what is True else holds(row, what) if isinstance(what, dict) else row[what] for row in records]
        told = [bool(each) for each in told if not missing(each)]
        if shape == "count":
            return (sum(told), float(sum(told)) if told else None, None, None)
        return (len(told), sum(told) / len(told) if told else None, sum(told), len(told))
    if shape == "ratio":
        both = [(row[what[0]], row[what[1]]) for row in records]
        both = [pair for pair in both if not missing(pair[0]) and not missing(pair[1])]
        above, below = sum(a for a, _ in both), sum(b for _, b in both)
        return (below, above / below if below else None, above, below)
    values = pd.Series([float(row[what]) for row in records if not missing(row[what])], dtype="float64")
    if values.empty:
        return (0, None, None, None)
    value = {"mean": values.mean, "sum": values.sum, "quantile": lambda: values.quantile(measure["q"])}[shape]()
    return (len(values), value, None, None)
