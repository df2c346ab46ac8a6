"""What truth.json says was planted is there in the written systems, recomputed in plain pandas from the written rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from demo_tables import DAY, NOW, documents, lines, planted, table, times, truth


@pytest.fixture(scope="module")
def hub(network):
    return times(table(network, "hub.db", "cases"))


@pytest.fixture(scope="module")
def scans(network):
    frame = lines(network, "tracking", "utf-8", ",")
    frame = frame[frame["tracking_no"] != ""].drop_duplicates()
    at = pd.to_datetime(frame["event_time"], utc=True, errors="coerce", format="ISO8601")
    return frame.assign(at=at)[at.notna()]


@pytest.fixture(scope="module")
def claims(network):
    return times(table(network, "brand.db", "claims"))


def begin(trouble):
    return pd.Timestamp(trouble["from"])


def share_by(mask, group):
    return mask.groupby(group).mean().sort_values()


def test_repairs_of_one_model_at_one_partner_do_not_last(network, hub):
    trouble = planted(network, "re_repair_surge", "Fixpoint Lyon")
    came = hub[["serial_no", "checked_in_at"]].dropna()
    back = hub[hub["handed_over_at"].between(begin(trouble), NOW - 30 * DAY) & (hub["result"] == "FIXED")]
    link = back["new_serial_no"].fillna(back["serial_no"])
    pairs = back.assign(link=link).merge(came, left_on="link", right_on="serial_no", suffixes=("", "_again"))
    again = pairs["checked_in_at_again"] - pairs["handed_over_at"]
    bounced = back["case_no"].isin(pairs.loc[again.between(pd.Timedelta(0), 30 * DAY, inclusive="right"), "case_no"])
    hit = (back["repairer"] == "Fixpoint Lyon") & (back["model"] == "Aurora 6 Pro")
    assert bounced[hit].mean() > 0.4 * trouble["effects"]["bounce"] > 4 * bounced[~hit].mean()


def test_a_partner_without_benches_is_late(network, hub):
    trouble = planted(network, "capacity_loss", "Mendwell Leeds")
    due = hub[hub["due_at"].between(begin(trouble) + 4 * DAY, NOW)]
    late = ~(due["handed_over_at"] <= due["due_at"]) & due["cancelled_at"].isna()
    by = share_by(late, due["repairer"])
    assert by.drop("Taller Giralda Sevilla").idxmax() == "Mendwell Leeds"  # who is silent seems late as well
    assert by["Mendwell Leeds"] > 0.2 > 4 * by.median()


def test_a_part_is_missing_everywhere(network):
    trouble = planted(network, "part_shortage")
    rows = times(table(network, "brand.db", "part_lines"))
    rows = rows[rows["requested_at"] >= begin(trouble)]
    missing = share_by(rows["backordered_at"].notna(), rows["part"])
    assert missing.idxmax() == trouble["slice"]["part"]
    assert missing.max() > 0.1 > 3 * missing.median()


def test_parcels_are_held_at_one_border(network, scans):
    trouble = planted(network, "customs_jam")
    edges = scans[scans["code"].isin(["CUI", "CUO"])].pivot_table(
        index=["tracking_no", "country"], columns="code", values="at", aggfunc="first"
    )
    edges = edges.dropna().reset_index()
    edges = edges[edges["CUI"] >= begin(trouble)]
    held = share_by(edges["CUO"] - edges["CUI"] > pd.Timedelta(hours=36), edges["country"])
    assert held.idxmax() == trouble["slice"]["country"]
    # those that are still held are not among them yet
    assert held.max() > 0.4 * trouble["effects"]["held"] > 3 * held.median()


def test_a_courier_fails(network, scans):
    trouble = planted(network, "courier_failure", "NordCargo")
    late = scans[scans["at"] >= begin(trouble)]
    sent = late[late["code"] == "PUP"].drop_duplicates("tracking_no")
    troubled = sent["tracking_no"].isin(late.loc[late["code"] == "EXC", "tracking_no"])
    by = share_by(troubled, sent["carrier"])
    assert by.idxmax() == "NordCargo"
    assert by["NordCargo"] > 0.6 * trouble["effects"]["exception"]
    lost = share_by(sent["tracking_no"].isin(late.loc[late["code"] == "LST", "tracking_no"]), sent["carrier"])
    assert lost.idxmax() == "NordCargo"


def test_a_contact_centre_is_overloaded(network):
    trouble = planted(network, "contact_overload", "Hallo Kontakt Leipzig")
    log = documents(network, "contacts/*.ndjson")
    calls = log[
        (log["channel"] == "phone") & (pd.to_datetime(log["time"], utc=True, format="ISO8601") >= begin(trouble))
    ]
    answered = calls[calls["event"] == "answered"]
    slow = share_by(answered["wait_s"] > 20, answered["centre"])
    assert slow.idxmax() == "Hallo Kontakt Leipzig"
    ends = calls[calls["event"].isin(["answered", "abandoned"])]
    assert share_by(ends["event"] == "abandoned", ends["centre"]).idxmax() == "Hallo Kontakt Leipzig"


def test_a_partner_is_silent_while_its_system_goes_on(network, hub):
    trouble = planted(network, "partner_silent")
    newest = pd.to_datetime(hub.groupby("repairer")["updated_at"].max(), utc=True)
    assert newest.pop(trouble["slice"]["partner"]) <= begin(trouble)
    assert (newest > NOW - pd.Timedelta(hours=20)).all()


def test_a_dead_feed_comes_back_and_tells_what_it_missed(network):
    trouble = planted(network, "dead_feed")
    rows = lines(network, trouble["source"], "cp932", ",")
    at, recorded = (
        pd.to_datetime(rows[name], format="%Y/%m/%d %H:%M:%S", errors="coerce").dt.tz_localize("Asia/Tokyo")
        for name in ("日時", "記録日時")
    )
    since, until = begin(trouble), pd.Timestamp(trouble["to"])
    assert not recorded.between(since, until, inclusive="left").any()
    assert (at.between(since, until) & (recorded >= until)).sum() > 20


def test_orders_are_closed_together(network):
    trouble = planted(network, "batch_closing")
    rows = lines(network, "service-us", "utf-8", ",")
    at = pd.to_datetime(rows["Timestamp"], format="%m/%d/%Y %I:%M %p", errors="coerce")
    closed = rows.assign(at=at)[(rows["Status"] == "Closed") & at.notna() & (at.dt.year < 2099)]
    closed = closed[closed["at"] >= begin(trouble).tz_convert("America/New_York").tz_localize(None)]
    minute = closed["at"].dt.hour * 60 + closed["at"].dt.minute
    by = share_by(minute.between(18 * 60 + 50, 19 * 60), closed["Service Center"])
    assert by[trouble["slice"]["partner"]] > 0.8 * trouble["effects"]["share"] > 3 * by.min()


def test_closings_are_put_off_until_just_before_they_are_due(network, hub):
    trouble = planted(network, "sla_heaping")
    done = hub[hub["closed_at"].notna() & (hub["checked_in_at"] >= begin(trouble))]
    used = (done["closed_at"] - done["checked_in_at"]) / (done["due_at"] - done["checked_in_at"])
    by = share_by(used.between(0.9, 1.0), done["repairer"])
    assert by.idxmax() == trouble["slice"]["partner"]
    assert by.max() > 0.5 * trouble["effects"]["share"] > 2 * by.median()


def test_repairs_are_invented(network, hub, scans):
    trouble = planted(network, "ghost_claims")
    mailed = hub[(hub["channel"] == "mail_in") & (hub["checked_in_at"] >= begin(trouble))]
    by = share_by(~mailed["case_no"].isin(scans["case_no"]), mailed["repairer"])
    assert by.idxmax() == trouble["slice"]["partner"]
    assert by.max() > 0.04 > 10 * by.median()


def test_repairs_are_claimed_twice(network, claims):
    trouble = planted(network, "duplicate_claims")
    twice = share_by(claims["case_no"].duplicated(), claims["partner"])
    assert twice.idxmax() == trouble["slice"]["partner"]
    assert twice.max() > 0.02 > 5 * twice.median()


def test_repairs_take_minutes(network, hub):
    trouble = planted(network, "impossible_turnaround")
    done = hub[hub["ready_at"].notna() & (hub["opened_at"] >= begin(trouble))]
    by = share_by(done["ready_at"] - done["checked_in_at"] < pd.Timedelta(minutes=6), done["repairer"])
    assert by.idxmax() == trouble["slice"]["partner"]
    assert by.max() > 0.02


def test_ever_more_devices_go_back_without_a_fault_found(network, hub):
    trouble = planted(network, "slow_drift", "Severn Devices Bristol")
    closed = hub[(hub["closed_at"] >= begin(trouble)) & (hub["repairer"] == "Severn Devices Bristol")]
    none_found = closed["result"] == "NFF"
    first = closed["closed_at"] < begin(trouble) + 10 * DAY
    last = closed["closed_at"] > NOW - 21 * DAY
    assert none_found[last].mean() > none_found[first].mean() + 0.15


def test_a_decoy_is_odd_by_chance_alone(network):
    troubled = {each["slice"].get("partner") for each in truth(network) if not each["decoy"]}
    decoys = [each for each in truth(network) if each["decoy"]]
    assert decoys
    for decoy in decoys:
        assert not decoy["effects"]
        assert decoy["slice"]["partner"] not in troubled
        assert np.isfinite(decoy["size"]) and decoy["size"] > 1.5
