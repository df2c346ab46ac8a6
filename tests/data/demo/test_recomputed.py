"""What the Board says of the demo, recomputed in plain pandas from the written systems: no code of the product is asked."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from demo_tables import cases_of, rows_of

from data.demo import write_network

ROOT = Path(__file__).parents[3]
NOW = pd.Timestamp("2026-05-20T14:30Z")
HOUR = pd.Timedelta(hours=1)
HOME = "Europe/Berlin"
ENDS = ("completed", "dispatched", "delivered", "closed", "cancelled", "returned_unrepaired", "swapped")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("recomputed")
    write_network(out, partners=18, days=40, now=datetime(2026, 5, 20, 14, 30, tzinfo=UTC))
    return out


@pytest.fixture(scope="module")
def loaded(demo):
    """What `load --json` said."""
    return json.loads(command("load", "--settings", demo / "settings.toml", "--json"))["sources"]


@pytest.fixture(scope="module")
def board(demo, loaded):
    keys = [each for key in FIGURES for each in ("--kpi", key)]
    as_of = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    said = command("board", "--all", "--json", *keys, "--as-of", as_of, "--settings", demo / "settings.toml")
    return {(reading["kpi"], json.dumps(reading["slice"])): reading for reading in json.loads(said)["readings"]}


def command(*arguments):
    ran = subprocess.run(
        [sys.executable, ROOT / "app.py", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


@pytest.fixture(scope="module")
def facts(demo):
    settings = tomllib.loads((demo / "settings.toml").read_text(encoding="utf-8"))["source"]
    found = {}
    for name in ("repair_orders", "shipments", "part_orders", "contacts", "surveys", "claims"):
        sources = [source for source in settings if source["fact"] == name]
        found[name] = zoned(demo, pd.concat([cases_of(demo, source, NOW) for source in sources]))
    (stock,) = (source for source in settings if source["fact"] == "stock_levels")
    found["stock_levels"] = rows_of(demo, stock)
    found["repair_orders"] = opened(found["repair_orders"])
    return found


def zoned(demo, frame):
    """Add each row's zone: its site's, else its partner's, else the network's."""
    sites = pd.read_csv(demo / "systems/master/sites.csv")
    partners = pd.read_csv(demo / "systems/master/partners.csv")
    zone = frame["partner"].map(partners.set_index("partner")["timezone"]).astype(object)
    if "site" in frame:
        zone = frame["site"].map(sites.set_index("site")["timezone"]).astype(object).fillna(zone)
    return frame.assign(zone=zone.fillna(HOME))


def opened(orders):
    ended = orders[[f"{kind}_last_at" for kind in ENDS]].max(axis=1)
    begun = orders["received_at"].notna() | orders["created_at"].notna()
    still = ended.isna() | (orders["reopened_last_at"] > ended)
    back = (
        orders["delivered_at"]
        .fillna(orders["dispatched_at"])
        .fillna(orders["completed_at"])
        .fillna(orders["closed_at"])
    )
    return orders.assign(
        open=begun & still, back=back, ended=ended, hand_in=orders["created_at"].fillna(orders["received_at"])
    )


def lately(frame, column, days=28):
    """The rows whose time lies in the last days of their own zone, all of today among them."""
    kept = []
    for zone, rows in frame.groupby("zone"):
        today = NOW.tz_convert(zone).normalize().tz_localize(None)
        begin, end = ((today + pd.Timedelta(days=step)).tz_localize(zone) for step in (1 - days, 1))
        kept.append(rows[(rows[column] >= begin) & (rows[column] < end)])
    return pd.concat(kept)


def share(mask):
    return float(mask.mean())


def late(frame, done, waiting):
    """Late or not: done after the promise, or still waiting past it; unknown while it waits and is not due."""
    missed = (done > frame["promised_at"]) | (waiting & (frame["promised_at"] < NOW))
    return missed[frame["promised_at"].notna() & (missed | ~waiting)]


def outcome_is(*outcomes):
    def figure(facts):
        closed = lately(facts["repair_orders"], "closed_at")
        return share(closed["outcome"].dropna().isin(outcomes))

    return figure


def turnaround(q):
    def figure(facts):
        orders = facts["repair_orders"]
        done = orders["completed_last_at"].fillna(orders["repaired_last_at"]).fillna(orders["closed_last_at"])
        orders = orders.assign(completion=orders["completed_at"].fillna(orders["repaired_at"]), done=done)
        orders = lately(orders, "completion")
        hours = (orders["done"] - orders["received_at"]) / HOUR
        return float(np.quantile(hours[hours >= 0], q))

    return figure


def late_orders(column, promised_kept):
    def figure(facts):
        orders = lately(facts["repair_orders"], column)
        # what was called off before it was due was neither kept nor broken
        done = orders["back"].fillna(orders["ended"])
        off = orders["cancelled_at"].notna() & orders["back"].isna() & ~orders["open"] & (done <= orders["promised_at"])
        found = late(orders[~off], done[~off], orders.loc[~off, "open"])
        return share(~found) if promised_kept else share(found)

    return figure


def open_over(days):
    def figure(facts):
        still = facts["repair_orders"][facts["repair_orders"]["open"]]
        return share(NOW - still["hand_in"] > pd.Timedelta(days=days))

    return figure


def transit(facts):
    parcels = lately(facts["shipments"], "delivered_at")
    hours = (parcels["delivered_at"] - parcels["picked_up_at"]) / HOUR
    return float(np.quantile(hours[hours >= 0], 0.9))


def late_parcels(facts):
    parcels = lately(facts["shipments"], "promised_at")
    return share(late(parcels, parcels["delivered_at"], parcels["delivered_at"].isna()))


def lead_time(facts):
    rows = lately(facts["part_orders"], "received_at")
    hours = (rows["received_at"] - rows["requested_at"].fillna(rows["ordered_at"])) / HOUR
    return float(np.quantile(hours[hours >= 0], 0.9))


def on_time(facts):
    rows = lately(facts["part_orders"], "promised_at")
    kept = rows[rows["cancelled_at"].isna() | (rows["cancelled_at"] > rows["promised_at"])]
    return share(~late(kept, kept["received_at"], kept["received_at"].isna()))


def overdue(facts):
    waiting = facts["part_orders"][facts["part_orders"][["received_at", "cancelled_at"]].isna().all(axis=1)]
    return share(waiting["promised_at"] < NOW)


def empty_shelves(facts):
    newest = facts["stock_levels"].sort_values("counted_at").groupby(["site", "part"]).last()
    return share(newest["on_hand"] <= 0)


def answered_calls(facts):
    calls = lately(facts["contacts"], "offered_at", 7)
    return calls[(calls["channel"] == "phone") & calls["answered_at"].notna()]


def handle_time(facts):
    return float(answered_calls(facts)["handle_seconds"].astype(float).mean())


def sentiment(facts):
    posts = lately(facts["contacts"], "offered_at")
    return float(posts.loc[posts["public"].astype(bool), "sentiment"].astype(float).mean())


def answers(facts):
    """The surveys of the window whose answers lie on their scales."""
    rows = lately(facts["surveys"], "answered_at")
    return rows[rows["csat"].astype(float) <= 5]


def satisfied(facts):
    return share(answers(facts)["csat"].astype(float) >= 4)


def promoters(facts):
    score = answers(facts)["nps"].astype(float)
    return 100 * (share(score >= 9) - share(score <= 6))


def effort(facts):
    return float(answers(facts)["ces"].astype(float).mean())


def refused(facts):
    rows = facts["claims"][facts["claims"]["amount"] != "n/a"]
    rows = lately(rows.assign(decided=rows[["approved_at", "rejected_at", "paid_at"]].max(axis=1)), "decided")
    return share(rows["rejected_at"].notna())


FIGURES = {
    "unsuccessful_repairs": outcome_is("not_repaired", "unrepairable"),
    "no_fault_found": outcome_is("no_fault_found"),
    "tat_p90": turnaround(0.9),
    "tat_median": turnaround(0.5),
    "promise_kept": late_orders("promised_at", promised_kept=True),
    "late_repairs": late_orders("closed_at", promised_kept=False),
    "wip": lambda facts: float(facts["repair_orders"]["open"].sum()),
    "open_over_7d": open_over(7),
    "transit_p90": transit,
    "late_deliveries": late_parcels,
    "part_lead_p90": lead_time,
    "supplier_on_time": on_time,
    "backorders": overdue,
    "stock_outs": empty_shelves,
    "handle_time": handle_time,
    "net_sentiment": sentiment,
    "csat_top2": satisfied,
    "nps": promoters,
    "effort_score": effort,
    "claims_rejected": refused,
}


@pytest.mark.parametrize("key", FIGURES)
def test_the_board_says_what_the_systems_say(key, board, facts):
    reading = board[key, "{}"]
    assert reading["level"] != "unknown" or reading["health"] == "low_sample", reading["reason"]
    assert reading["value"] == pytest.approx(FIGURES[key](facts), rel=1e-6, abs=1e-9)


def test_every_feed_loads_and_its_rows_add_up(loaded):
    assert len(loaded) == 27
    for source in loaded:
        assert source["error"] is None
        parts = sum(source[name] for name in ("stored", "duplicate", "ignored", "quarantined"))
        assert source["read"] == parts > 0, source["name"]


def test_the_dirt_of_the_systems_is_met_and_is_little(loaded):
    total = {name: sum(source[name] for source in loaded) for name in ("read", "duplicate", "ignored", "quarantined")}
    assert 0 < total["quarantined"] < 0.002 * total["read"]
    assert 0 < total["ignored"] < 0.001 * total["read"]
    assert 0 < total["duplicate"] < 0.1 * total["read"]
    assert sum(source["unmapped"] for source in loaded) > 0
    assert sum(source["quarantined"] > 0 for source in loaded) >= 5
