"""Derived columns against answers worked out by hand; the moment judged is 2026-06-30 12:00 UTC."""

from __future__ import annotations

import pytest
from small_network import Network, cases, happenings, known

from analytics.derived import DERIVATIONS, DERIVED, column_types, linked
from analytics.facts import FACTS

NOW = "2026-06-30T12:00:00+00:00"


def t(day, clock="00:00:00"):
    """Write a time of June 2026."""
    return f"2026-06-{day:02d}T{clock}"


# (what the case shows, {event kind: time or times}, attributes, expected columns)
ORDERS = {
    "handed_in_only": (
        {"created": t(30)},
        {},
        {
            "open": True,
            "age_hours": 12.0,
            "tat_hours": None,
            "e2e_hours": None,
            "within_24h": None,
            "hand_in_at": t(30),
            "hand_back_at": None,
        },
    ),
    "received_only_is_open_too": (
        {"received": t(29)},
        {},
        {"open": True, "age_hours": 36.0, "within_24h": False, "hand_in_at": t(29)},
    ),
    "known_by_other_events_only_is_not_open": (
        {"assigned": t(1), "diagnosed": t(2)},
        {},
        {
            "open": False,
            "age_hours": None,
            "tat_hours": None,
            "e2e_hours": None,
            "within_24h": None,
            "hand_in_at": None,
            "handoffs": 0,
        },
    ),
    "created_counts_before_received": (
        {"created": t(1), "received": t(2), "completed": t(3)},
        {},
        {"hand_in_at": t(1), "tat_hours": 24.0, "e2e_hours": 48.0, "within_24h": False, "open": False},
    ),
    **{
        f"{kind}_ends_it": ({"received": t(1), kind: t(1, "12:00:00")}, {}, {"open": False, "age_hours": None})
        for kind in ("completed", "dispatched", "delivered", "closed", "cancelled", "returned_unrepaired", "swapped")
    },
    **{
        f"{kind}_does_not_end_it": ({"received": t(30), kind: t(30, "06:00:00")}, {}, {"open": True, "age_hours": 12.0})
        for kind in (
            "diagnosed",
            "quoted",
            "approved",
            "part_requested",
            "part_received",
            "repair_started",
            "repaired",
            "qc_passed",
            "qc_failed",
        )
    },
    "reopened_since": (
        {"received": t(10), "closed": t(12), "reopened": t(14)},
        {},
        {"open": True, "age_hours": 492.0, "e2e_hours": 48.0},
    ),
    "reopened_and_closed_again": (
        {"received": t(10), "closed": [t(12), t(16)], "reopened": t(14)},
        {},
        {
            "open": False,
            "age_hours": None,
            "closed_at": t(12),
            "closed_last_at": t(16),
            "tat_hours": 144.0,
            "e2e_hours": 48.0,
        },
    ),
    "reopened_twice": (
        {"received": t(10), "closed": [t(12), t(16)], "reopened": [t(14), t(18)]},
        {},
        {"open": True, "reopened_count": 2, "reopened_at": t(14), "reopened_last_at": t(18)},
    ),
    "reopened_before_it_ended": (
        {"received": t(10), "reopened": t(11), "closed": t(12)},
        {},
        {"open": False, "reopened_count": 1},
    ),
    "turnaround_to_the_last_completion": (
        {"received": t(1), "completed": [t(2), t(4)], "closed": t(9)},
        {},
        {"tat_hours": 72.0, "completion_at": t(2), "hand_back_at": t(2), "e2e_hours": 24.0},
    ),
    "repaired_is_a_completion": (
        {"received": t(1), "repaired": t(3), "closed": t(9)},
        {},
        {"tat_hours": 48.0, "completion_at": t(3), "hand_back_at": t(9), "e2e_hours": 192.0},
    ),
    "completed_counts_before_repaired": (
        {"received": t(1), "repaired": t(5), "completed": t(3)},
        {},
        {"tat_hours": 48.0, "completion_at": t(3)},
    ),
    "turnaround_to_the_closing_without_a_completion": (
        {"received": t(1), "closed": t(3)},
        {},
        {"tat_hours": 48.0, "completion_at": None},
    ),
    "no_turnaround_without_a_receipt": (
        {"created": t(1), "completed": t(3)},
        {},
        {"tat_hours": None, "e2e_hours": 48.0},
    ),
    "ended_before_it_began_is_a_fault": (
        {"received": t(3), "completed": t(1)},
        {},
        {"tat_hours": None, "e2e_hours": None},
    ),
    "events_in_an_order_that_cannot_be": (
        {"received": t(3), "completed": t(1)},
        {},
        {"illegal_order": True, "illegal_step": "completed before received"},
    ),
    "all_mandatory_fields_but_one": (
        {"received": t(3)},
        {"partner": "A", "country": "DE", "product": "P", "device_id": "filled", "fault": "screen", "warranty": "n/a"},
        {"mandatory_filled": False, "missing_fields": "warranty", "illegal_order": None},
    ),
    "ended_as_it_began": (
        {"received": t(3), "completed": t(3)},
        {},
        {"tat_hours": 0.0, "e2e_hours": 0.0, "within_24h": True},
    ),
    "delivery_is_the_hand_back": (
        {"received": t(1), "completed": t(2), "dispatched": t(3), "delivered": t(4), "closed": t(5)},
        {},
        {"hand_back_at": t(4), "e2e_hours": 72.0},
    ),
    "dispatch_is_next": (
        {"received": t(1), "completed": t(2), "dispatched": t(3), "closed": t(5)},
        {},
        {"hand_back_at": t(3)},
    ),
    "then_completion": ({"received": t(1), "completed": t(2), "closed": t(5)}, {}, {"hand_back_at": t(2)}),
    "then_closing": ({"received": t(1), "closed": t(5)}, {}, {"hand_back_at": t(5)}),
    "back_within_exactly_a_day": ({"received": t(1), "closed": t(2)}, {}, {"within_24h": True}),
    "back_a_second_after_a_day": ({"received": t(1), "closed": t(2, "00:00:01")}, {}, {"within_24h": False}),
    "open_for_exactly_a_day": ({"received": t(29, "12:00:00")}, {}, {"within_24h": None, "age_hours": 24.0}),
    "open_for_a_second_more": ({"received": t(29, "11:59:59")}, {}, {"within_24h": False}),
    "cancelled_was_never_handed_back": (
        {"received": t(1), "cancelled": t(2)},
        {},
        {"within_24h": None, "e2e_hours": None, "hand_back_at": None},
    ),
    "kept_at_the_very_promise": ({"received": t(1), "closed": t(5)}, {"promised_at": t(5)}, {"late": False}),
    "broken_by_a_second": ({"received": t(1), "closed": t(5, "00:00:01")}, {"promised_at": t(5)}, {"late": True}),
    "no_promise": ({"received": t(1), "closed": t(5)}, {}, {"late": None}),
    "open_and_due_later": ({"received": t(1)}, {"promised_at": "2026-07-02T00:00:00"}, {"late": None}),
    "open_and_due_now": ({"received": t(1)}, {"promised_at": t(30, "12:00:00")}, {"late": None}),
    "open_and_overdue": ({"received": t(1)}, {"promised_at": t(30, "11:59:59")}, {"late": True}),
    **{
        f"outcome_{outcome}": (
            {"received": t(1), "closed": t(2)},
            {"outcome": outcome},
            {
                "unsuccessful": outcome in ("not_repaired", "unrepairable"),
                "no_fault_found": outcome == "no_fault_found",
            },
        )
        for outcome in ("repaired", "not_repaired", "unrepairable", "no_fault_found", "swapped", "cancelled")
    },
    "outcome_not_known": ({"received": t(1), "closed": t(2)}, {}, {"unsuccessful": None, "no_fault_found": None}),
    "never_assigned": ({"received": t(1)}, {}, {"handoffs": 0, "assigned_count": 0}),
    "assigned_once": ({"received": t(1), "assigned": t(2)}, {}, {"handoffs": 0, "assigned_count": 1}),
    "assigned_four_times": (
        {"received": t(1), "assigned": [t(2), t(3), t(4), t(5)]},
        {},
        {"handoffs": 3, "assigned_count": 4},
    ),
    "fixed_the_first_time": (
        {"received": t(1), "qc_passed": t(2), "closed": t(2)},
        {"outcome": "repaired"},
        {"first_time_fix": True},
    ),
    "one_part_is_no_second_part": (
        {"received": t(1), "part_requested": t(1), "closed": t(2)},
        {},
        {"first_time_fix": True},
    ),
    "two_parts": ({"received": t(1), "part_requested": [t(1), t(2)], "closed": t(3)}, {}, {"first_time_fix": False}),
    "failed_a_check": (
        {"received": t(1), "qc_failed": t(2), "qc_passed": t(3), "closed": t(3)},
        {},
        {"first_time_fix": False, "qc_failed_count": 1},
    ),
    "was_reopened": ({"received": t(1), "closed": t(2), "reopened": t(3)}, {}, {"first_time_fix": False}),
    "was_not_repaired": ({"received": t(1), "closed": t(2)}, {"outcome": "not_repaired"}, {"first_time_fix": False}),
    "not_handed_over_yet": (
        {"received": t(1)},
        {"device_id": "not_over"},
        {"first_time_fix": None, "bounced_30d": None},
    ),
    "failed_then_passed": (
        {"received": t(1), "qc_failed": t(2), "qc_passed": t(3)},
        {},
        {"qc_first_pass_failed": True},
    ),
    "passed_then_failed": (
        {"received": t(1), "qc_failed": t(4), "qc_passed": t(3)},
        {},
        {"qc_first_pass_failed": False},
    ),
    "only_failed": ({"received": t(1), "qc_failed": t(4)}, {}, {"qc_first_pass_failed": True}),
    "only_passed": ({"received": t(1), "qc_passed": t(4)}, {}, {"qc_first_pass_failed": False}),
    "never_checked": ({"received": t(1)}, {}, {"qc_first_pass_failed": None}),
    "back_within_exactly_three_days": (
        {"received": t(1), "closed": t(4)},
        {},
        {"within_3d": True, "within_24h": False},
    ),
    "open_for_three_days_and_a_second": ({"received": t(27, "11:59:59")}, {}, {"within_3d": False}),
    "open_for_less_than_three_days": ({"received": t(28)}, {}, {"within_3d": None}),
    "ready_when_dispatched": (
        {"received": t(1), "completed": t(2), "dispatched": t(3), "delivered": t(5), "closed": t(6)},
        {},
        {"ready_at": t(3), "rtat_hours": 48.0, "done_at": t(2), "ended_at": t(2), "given_up_at": None},
    ),
    "ready_when_completed": ({"received": t(1), "completed": t(2)}, {}, {"ready_at": t(2), "rtat_hours": 24.0}),
    "ended_when_it_was_given_up": (
        {"received": t(1), "cancelled": t(2), "closed": t(5)},
        {},
        {"given_up_at": t(2), "ended_at": t(2), "done_at": t(5)},
    ),
    "ended_since_it_was_reopened": (
        {"received": t(1), "completed": [t(3), t(9)], "closed": [t(4), t(10)], "reopened": t(6)},
        {},
        {"ended_at": t(9), "done_at": t(9)},
    ),
    "reopened_has_not_ended": ({"received": t(1), "closed": t(3), "reopened": t(6)}, {}, {"ended_at": None}),
    "waits_for_its_part": (
        {"received": t(1), "part_requested": t(2)},
        {},
        {"waiting_for_part": True, "waiting_for_customer": False, "actionable": False},
    ),
    "has_its_part": (
        {"received": t(1), "part_requested": t(2), "part_received": t(3)},
        {},
        {"waiting_for_part": False, "actionable": True},
    ),
    "waits_for_a_second_part": (
        {"received": t(1), "part_requested": [t(2), t(5)], "part_received": t(3)},
        {},
        {"waiting_for_part": True, "actionable": False},
    ),
    "is_worked_on_again_though_no_part_was_booked": (
        {"received": t(1), "part_requested": t(2), "qc_failed": t(3)},
        {},
        {"waiting_for_part": False, "actionable": True},
    ),
    "waits_for_the_customer": (
        {"received": t(1), "quoted": t(2)},
        {},
        {"waiting_for_customer": True, "actionable": False},
    ),
    "has_the_customers_word": (
        {"received": t(1), "quoted": t(2), "approved": t(3)},
        {},
        {"waiting_for_customer": False, "actionable": True},
    ),
    "waits_no_more_once_closed": (
        {"received": t(1), "part_requested": t(2), "closed": t(3)},
        {},
        {"waiting_for_part": False, "actionable": False},
    ),
    "cancelled_before_it_was_due": (
        {"received": t(1), "cancelled": t(2)},
        {"promised_at": t(3)},
        {"late": None},
    ),
    "cancelled_after_it_was_due": ({"received": t(1), "cancelled": t(4)}, {"promised_at": t(3)}, {"late": True}),
    "sent_back_in_time": ({"received": t(1), "returned_unrepaired": t(2)}, {"promised_at": t(3)}, {"late": False}),
    "dead_on_its_14th_day": ({"received": t(15)}, {"sold_at": t(1)}, {"dead_on_arrival": True}),
    "dead_a_second_later": ({"received": t(15, "00:00:01")}, {"sold_at": t(1)}, {"dead_on_arrival": False}),
    "sold_after_it_broke": ({"received": t(1)}, {"sold_at": t(2)}, {"dead_on_arrival": None}),
    "nobody_knows_when_it_was_sold": ({"received": t(1)}, {}, {"dead_on_arrival": None}),
    "first_checked_when_it_failed": (
        {"received": t(1), "qc_failed": t(4), "qc_passed": t(6)},
        {},
        {"first_check_at": t(4), "qc_first_pass_failed": True},
    ),
    "counts_are_never_unknown": (
        {"received": t(1)},
        {},
        {"qc_failed_count": 0, "reopened_count": 0, "part_requested_count": 0},
    ),
    "settled_by_closing": (
        {"received": t(1), "closed": t(4)},
        {"outcome": "swapped"},
        {"settled_at": "2026-06-04T00:00:00", "swapped": True},
    ),
    "settled_by_a_swap": (
        {"received": t(1), "swapped": t(3)},
        {},
        {"settled_at": "2026-06-03T00:00:00", "swapped": True},
    ),
    "settled_without_a_swap": ({"received": t(1), "closed": t(4)}, {}, {"swapped": False}),
    "not_settled": ({"received": t(1)}, {}, {"settled_at": None, "swapped": None}),
    "first_and_last_sign_of_life": (
        {"created": t(1), "diagnosed": t(9), "assigned": t(4)},
        {},
        {"first_event_at": t(1), "last_event_at": t(9), "elapsed_hours": 192.0},
    ),
}

DEVICES = {
    # order: (device, partner, received, handed over, expected bounces by days)
    "b1": ("back", "A", "2026-01-01", "2026-01-03", {7: True, 30: True, 60: True, 90: True}),
    "b2": (
        "back",
        "B",
        "2026-01-10",
        "2026-01-12",
        {7: False, 30: True, 60: True, 90: True},
    ),  # b1 came back after exactly 7 days
    "b3": (
        "back",
        "A",
        "2026-02-11",
        "2026-02-12",
        {7: False, 30: False, 60: True, 90: True},
    ),  # 30 days and one: too late for 30
    "b4": (
        "back",
        "A",
        "2026-04-13",
        "2026-04-14",
        {7: False, 30: False, 60: False, 90: False},
    ),  # after exactly 60 days
    "s1": ("same", "A", "2026-01-01", "2026-01-05", {7: False, 30: False, 60: False, 90: False}),
    "s2": (
        "same",
        "A",
        "2026-01-05",
        "2026-01-06",
        {7: False, 30: False, 60: False, 90: False},
    ),  # as s1 was handed over
    "o1": ("overlap", "A", "2026-01-01", "2026-01-20", {7: False, 30: False, 60: False, 90: False}),
    "o2": (
        "overlap",
        "A",
        "2026-01-10",
        "2026-01-15",
        {7: False, 30: False, 60: False, 90: False},
    ),  # before o1 was handed over
    "n1": (None, "A", "2026-01-01", "2026-01-02", dict.fromkeys((7, 30, 60, 90))),
    "n2": (None, "A", "2026-01-03", "2026-01-04", dict.fromkeys((7, 30, 60, 90))),
    "h1": ("hasty", "A", "2026-01-10", "2026-01-05", dict.fromkeys((7, 30, 60, 90))),  # handed over before it came in
    "y1": (
        "young",
        "A",
        "2026-06-20",
        "2026-06-29",
        {7: False, 30: False, 60: False, 90: False},
    ),  # `matures_after` leaves it out
    "w1": ("waiting", "A", "2026-06-01", None, dict.fromkeys((7, 30, 60, 90))),
    "c1": ("case", "A", "2026-01-01", "2026-01-02", {7: False, 30: False, 60: False, 90: False}),
    "c2": ("Case", "A", "2026-01-03", "2026-01-04", {7: False, 30: False, 60: False, 90: False}),  # another device
    "q1": ('o\'clock, "ü"', "A", "2026-01-01", "2026-01-02", {7: True, 30: True, 60: True, 90: True}),
    "q2": ('o\'clock, "ü"', "C", "2026-01-03", "2026-01-04", {7: False, 30: False, 60: False, 90: False}),
}

SHIPMENTS = {
    "on_time": (
        {"picked_up": t(1), "delivered": t(3)},
        {"promised_at": t(3)},
        {"late": False, "transit_hours": 48.0, "silent_hours": None},
    ),
    "late_by_a_second": ({"picked_up": t(1), "delivered": t(3, "00:00:01")}, {"promised_at": t(3)}, {"late": True}),
    "under_way": (
        {"picked_up": t(29), "scanned": t(30)},
        {"promised_at": "2026-07-01T00:00:00"},
        {"late": None, "transit_hours": None, "silent_hours": 12.0, "scanned_count": 1},
    ),
    "under_way_and_overdue": (
        {"picked_up": t(20), "exception": t(25)},
        {"promised_at": t(22)},
        {"late": True, "silent_hours": 132.0, "exception_count": 1},
    ),
    "known_by_scans_only": (
        {"scanned": [t(20), t(21)]},
        {"promised_at": t(22)},
        {"late": True, "silent_hours": 228.0, "scanned_count": 2},
    ),
    "planned_only": ({"planned": t(29)}, {"promised_at": t(29, "12:00:00")}, {"late": True, "silent_hours": 36.0}),
    "lost_before_its_promise": (
        {"picked_up": t(1), "lost": t(2)},
        {"promised_at": t(29)},
        {"late": True, "silent_hours": None},
    ),
    "no_promise": ({"picked_up": t(1), "delivered": t(2)}, {}, {"late": None}),
    "delivered_before_it_was_fetched": ({"picked_up": t(3), "delivered": t(2)}, {}, {"transit_hours": None}),
    "through_customs": (
        {"picked_up": t(1), "customs_in": t(2), "customs_out": t(4, "12:00:00")},
        {},
        {"customs_hours": 60.0},
    ),
    "in_customs": ({"picked_up": t(1), "customs_in": t(2)}, {}, {"customs_hours": None}),
    "in_customs_by_one_scan": ({"picked_up": t(1), "customs_out": t(2)}, {}, {"customs_hours": None}),
    "no_exceptions": ({"picked_up": t(1)}, {}, {"exception_count": 0, "scanned_count": 0}),
    "fetched_in_its_slot": (
        {"picked_up": t(3)},
        {"pickup_by": t(3)},
        {"pickup_late": False, "shipped_at": "2026-06-03T00:00:00"},
    ),
    "fetched_a_second_late": ({"picked_up": t(3, "00:00:01")}, {"pickup_by": t(3)}, {"pickup_late": True}),
    "never_fetched": ({"planned": t(1)}, {"pickup_by": t(3)}, {"pickup_late": True, "shipped_at": None}),
    "slot_to_come": ({"planned": t(1)}, {"pickup_by": "2026-07-01T00:00:00"}, {"pickup_late": None}),
    "scanned_within_its_slot": (
        {"scanned": t(2), "delivered": t(4)},
        {"pickup_by": t(3)},
        {"pickup_late": False, "shipped_at": "2026-06-02T00:00:00", "transit_hours": None},
    ),
    "without_a_slot": ({"picked_up": t(3)}, {}, {"pickup_late": None}),
    "in_full_and_on_time": (
        {"picked_up": t(1), "delivered": t(3)},
        {"promised_at": t(3), "complete": "true"},
        {"on_time_in_full": True},
    ),
    "on_time_and_not_in_full": (
        {"picked_up": t(1), "delivered": t(3)},
        {"promised_at": t(3), "complete": "false"},
        {"on_time_in_full": False, "late": False},
    ),
    "in_full_for_all_that_is_known": (
        {"picked_up": t(1), "delivered": t(3)},
        {"promised_at": t(3)},
        {"on_time_in_full": True},
    ),
    "due_and_not_there": ({"picked_up": t(28)}, {"promised_at": t(29)}, {"on_time_in_full": False}),
    "due_later": ({"picked_up": t(28)}, {"promised_at": "2026-07-01T00:00:00"}, {"on_time_in_full": None}),
    "silent_for_ten_days": ({"picked_up": t(20, "12:00:00")}, {}, {"lost_or_damaged": False}),
    "silent_for_longer": ({"picked_up": t(20, "11:59:59")}, {}, {"lost_or_damaged": True}),
    "held_by_customs_for_long": (
        {"picked_up": t(1), "customs_in": t(2)},
        {},
        {"lost_or_damaged": False, "silent": None, "domestic": False},
    ),
    "reported_lost": ({"picked_up": t(28), "lost": t(29)}, {}, {"lost_or_damaged": True, "silent": None}),
    "found_again": ({"picked_up": t(1), "lost": t(9), "delivered": t(20)}, {}, {"lost_or_damaged": False}),
    "damaged": ({"picked_up": t(1), "damaged": t(2), "delivered": t(3)}, {}, {"lost_or_damaged": True}),
    "never_sent": ({"planned": t(1)}, {}, {"lost_or_damaged": None, "silent": None, "domestic": None}),
    "within_a_country": (
        {"picked_up": t(29, "11:00:00")},
        {"origin": "DE-BE", "destination": "DE"},
        {"domestic": True, "silent": True},
    ),
    "abroad": (
        {"picked_up": t(29, "11:00:00")},
        {"origin": "DE", "destination": "FR"},
        {"domestic": False, "silent": False},
    ),
    "silent_for_a_day": ({"picked_up": t(29, "12:00:00")}, {"mode": "road"}, {"domestic": True, "silent": False}),
    # from Friday 06:00 to Tuesday 12:00 are 54 hours without the weekend, and 102 with it
    "silent_over_a_weekend": ({"picked_up": t(26, "06:00:00")}, {"mode": "air"}, {"domestic": False, "silent": False}),
    "silent_since_saturday": ({"picked_up": t(27, "06:00:00")}, {"mode": "road"}, {"silent": True}),  # 36 hours
    "silent_for_a_week": ({"picked_up": t(23)}, {"leg": "import"}, {"domestic": False, "silent": True}),
    "silent_nobody_knows_where": ({"picked_up": t(29)}, {}, {"domestic": None, "silent": False}),
    "named_places": (
        {"picked_up": t(29)},
        {"origin": "customer", "destination": "workshop", "leg": "domestic return"},
        {"domestic": True},
    ),
}

LINES = {
    "fitted": ({"received": t(1), "installed": t(2), "defective": t(3)}, {}, {"fitted_at": t(2)}),
    "never_fitted_for_it_was_broken": ({"received": t(1), "defective": t(3)}, {}, {"fitted_at": t(3)}),
    "on_time": (
        {"requested": t(1), "received": t(3)},
        {"promised_at": t(3)},
        {"late": False, "lead_hours": 48.0, "overdue": False},
    ),
    "late": (
        {"requested": t(1), "received": t(3, "00:00:01")},
        {"promised_at": t(3)},
        {"late": True, "overdue": False},
    ),
    "ordered_without_a_request": (
        {"ordered": t(2), "received": t(3)},
        {},
        {"late": None, "lead_hours": 24.0, "overdue": None},
    ),
    "waiting": (
        {"requested": t(1)},
        {"promised_at": "2026-07-03T00:00:00"},
        {"late": None, "lead_hours": None, "overdue": False},
    ),
    "waiting_and_due_now": ({"requested": t(1)}, {"promised_at": t(30, "12:00:00")}, {"late": None, "overdue": False}),
    "waiting_and_overdue": (
        {"requested": t(1), "backordered": t(2)},
        {"promised_at": t(30, "11:59:59")},
        {"late": True, "overdue": True},
    ),
    "cancelled": (
        {"requested": t(1), "cancelled": t(2)},
        {"promised_at": t(3)},
        {"late": None, "lead_hours": None, "overdue": False, "asked_at": "2026-06-01T00:00:00"},
    ),
    "cancelled_after_its_date": (
        {"requested": t(1), "cancelled": t(4)},
        {"promised_at": t(3)},
        {"late": True, "overdue": False, "awaited": False},
    ),
    "received_before_the_request": (
        {"requested": t(4), "received": t(3)},
        {},
        {"lead_hours": None, "filled_at_once": None},
    ),
    "from_the_shelf": ({"requested": t(1), "received": t(2)}, {}, {"filled_at_once": True}),
    "a_second_too_slow": ({"requested": t(1), "received": t(2, "00:00:01")}, {}, {"filled_at_once": False}),
    "backordered_and_quick": (
        {"requested": t(1), "backordered": t(1), "received": t(1, "09:00:00")},
        {},
        {"filled_at_once": False},
    ),
    "asked_a_day_ago": ({"requested": t(29, "12:00:00")}, {}, {"filled_at_once": None}),
    "asked_a_second_earlier": ({"requested": t(29, "11:59:59")}, {}, {"filled_at_once": False}),
    "called_off_at_once": ({"requested": t(1), "cancelled": t(2)}, {}, {"filled_at_once": None}),
    "called_off_later": ({"requested": t(1), "cancelled": t(3)}, {}, {"filled_at_once": False}),
    "core_not_due": ({"requested": t(1), "received": t(2)}, {}, {"core_overdue": None, "awaited": False}),
    "core_of_what_has_not_come": ({"requested": t(1)}, {}, {"core_overdue": None, "awaited": True}),
    "core_due": ({"requested": t(1), "core_due": t(20)}, {}, {"core_overdue": True}),
    "core_sent_back": ({"requested": t(1), "core_due": t(20), "core_returned": t(25)}, {}, {"core_overdue": False}),
}

TABLES = {"repair_orders": ORDERS, "shipments": SHIPMENTS, "part_orders": LINES}


def told(table, key):
    """Write a table as a row per event."""
    rows = []
    for name, (events, attributes, _) in table.items():
        for kind, times in events.items():
            for at in times if isinstance(times, list) else [times]:
                rows.append({key: name, "kind": kind, "at": at} | attributes)
    return rows


def stated(table, key):
    """Write what has no repeats as a row per case."""
    return [
        {key: name} | attributes | events
        for name, (events, attributes, _) in table.items()
        if not any(isinstance(times, list) for times in events.values())
    ]


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """Load every table as a row per event and as a row per case; give the frames by (fact, shape)."""
    found = {}
    for shape, write, body in (("events", told, happenings), ("cases", stated, cases)):
        sources = {}
        for fact, table in TABLES.items():
            key = FACTS[fact].key[0]
            rows = write(table, key)
            fields = [key, *sorted({a for _, attributes, _ in table.values() for a in attributes})]
            kinds = sorted({kind for events, _, _ in table.values() for kind in events})
            sources[f"{fact}_{shape}"] = (body(fact, fields, kinds), rows)
        network = Network(tmp_path_factory.mktemp(shape), sources, now=NOW)
        for fact in TABLES:
            found[fact, shape] = network.fact(fact, columns=tuple(DERIVED[fact]))
        network.close()
    return found


EVERY = [(fact, name) for fact, table in TABLES.items() for name in table]


@pytest.mark.parametrize(("fact", "name"), EVERY, ids=[f"{fact}-{name}" for fact, name in EVERY])
def test_derived_columns(facts, fact, name):
    events, _, expected = TABLES[fact][name]
    repeats = any(isinstance(times, list) for times in events.values())
    for shape in ("events",) if repeats else ("events", "cases"):
        row = facts[fact, shape].loc[name]
        assert {column: told_as(row[column]) for column in expected} == expected, shape


def told_as(value):
    value = known(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


@pytest.mark.parametrize("fact", TABLES)
def test_every_derived_column_has_a_case(fact):
    shown = {column for *_, expected in TABLES[fact].values() for column in expected}
    own = {column for each in DERIVATIONS[fact] if not each.linked for column in each.columns}
    assert own <= shown  # what looks at other rows has tests of its own


@pytest.mark.parametrize("fact", TABLES)
@pytest.mark.parametrize("shape", ["events", "cases"])
def test_columns_are_those_that_a_kpi_may_name(facts, fact, shape):
    assert set(column_types(fact)) <= set(facts[fact, shape].columns)


@pytest.fixture(scope="module")
def bounces(tmp_path_factory):
    rows = [
        {"order_id": key, "device_id": device, "partner": partner, "received": came, "delivered": went}
        for key, (device, partner, came, went, _) in DEVICES.items()
    ]
    body = cases("repair_orders", ["order_id", "device_id", "partner"], ["received", "delivered"])
    network = Network(tmp_path_factory.mktemp("bounces"), {"orders": (body, rows)}, now=NOW)
    found = network.fact("repair_orders", columns=("bounced_7d",))
    yield network, found
    network.close()


@pytest.mark.parametrize("key", DEVICES)
def test_bounces(bounces, key):
    row = bounces[1].loc[key]
    assert {days: known(row[f"bounced_{days}d"]) for days in (7, 30, 60, 90)} == DEVICES[key][-1]


def test_bounce_columns_add_no_rows(bounces):
    assert sorted(bounces[1].index) == sorted(DEVICES)


@pytest.mark.parametrize(
    ("key", "fixed"), [("b1", False), ("b2", True), ("n1", True), ("w1", None), ("o1", True), ("h1", True)]
)
def test_first_time_fix_looks_at_early_bounces(bounces, key, fixed):
    assert known(bounces[1].loc[key, "first_time_fix"]) is fixed


def test_a_bounce_does_not_exist_before_it_happened(bounces):
    before = bounces[0].fact("repair_orders", "2026-01-09T23:59:59+00:00", columns=("bounced_7d",))
    assert known(before.loc["b1", "bounced_7d"]) is False
    assert "b2" not in before.index
    after = bounces[0].fact("repair_orders", "2026-01-10T00:00:00+00:00", columns=("bounced_7d",))
    assert known(after.loc["b1", "bounced_7d"]) is True


def test_what_looks_at_other_orders_is_worked_out_only_when_it_is_asked_for():
    assert linked("repair_orders", frozenset({"late"})) == ()
    assert [each.name for each in linked("repair_orders", frozenset({"late", "bounced_7d"}))] == ["devices"]


def test_a_hand_in_without_receipt_is_a_return(tmp_path):
    """A partner that only reports creation and closing sees bounces all the same."""
    rows = [
        {"order_id": "1", "device_id": "d", "created": "2026-01-01", "closed": "2026-01-02"},
        {"order_id": "2", "device_id": "d", "created": "2026-01-05", "closed": "2026-01-06"},
    ]
    body = cases("repair_orders", ["order_id", "device_id"], ["created", "closed"])
    network = Network(tmp_path, {"orders": (body, rows)}, now=NOW)
    found = network.fact("repair_orders", columns=("bounced_7d",))
    network.close()
    assert found["bounced_7d"].tolist() == [True, False]
