"""The limits of a KPI: the two bounds, their order, and rules that must not contradict each other."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any

from analytics.kpi import Bound, LimitRule, Limits
from analytics.master import INHERITED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data.settings.problems import Place

_FROM_PARTNER = frozenset(INHERITED)
"""Dimensions that a slice of a partner has from the master data, though it does not name them."""


def read_bound(value: Any, better: str | None, place: Place, *, share: bool) -> Bound | None:
    """Check one bound: a number, or the two ends of a band where the KPI is better in between."""
    band = isinstance(value, list)
    if better is not None and band != (better == "between"):
        shape = "the two ends of a band" if better == "between" else "one number"
        example = "[0.8, 1.25]" if better == "between" else "0.05"
        place.say(f'better = "{better}" takes {shape}', f"write e.g. {example}")
        return None
    numbers = value if band else [value]
    if not all(_is_finite(number) for number in numbers) or (band and len(numbers) != 2):
        place.say("expected one finite number, or two in brackets", "write it without quotes, e.g. 0.05 or [0.8, 1.25]")
        return None
    if share and max(numbers) > 1:
        place.say(
            f"{max(numbers):g} is more than all: shares are fractions",
            f"write {max(numbers) / 100:g} for {max(numbers):g} %",
        )
        return None
    if band and numbers[0] > numbers[1]:
        place.say("the lower end lies above the upper one", f"write [{numbers[1]:g}, {numbers[0]:g}]")
        return None
    return (float(numbers[0]), float(numbers[1])) if band else float(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def contradiction(better: str, green: Bound, red: Bound) -> tuple[str, str] | None:
    """Say how red lies on the good side of green, and the mend; None if the two are in order."""
    if isinstance(green, tuple) and isinstance(red, tuple):
        if red[0] <= green[0] and green[1] <= red[1]:
            return None
        return f"the green band {_text(green)} reaches beyond the red band {_text(red)}", "widen red or narrow green"
    if isinstance(green, tuple) or isinstance(red, tuple):
        return None
    if better == "lower" and green > red:
        return f"green {green:g} lies above red {red:g} though lower is better", "make green at most red"
    if better == "higher" and green < red:
        return f"green {green:g} lies below red {red:g} though higher is better", "make green at least red"
    return None


def _text(bound: Bound) -> str:
    return f"[{bound[0]:g}, {bound[1]:g}]" if isinstance(bound, tuple) else f"{bound:g}"


Rules = list[tuple[int, LimitRule]]
"""Rules with the number of their entry, counted from 0."""


def say_contradictions(better: str, base: Limits, rules: Rules, by: Iterable[tuple[str, ...]], place: Place) -> None:
    """Report rules that clash, or that leave green and red in the wrong order, on a slice that they match.

    It is enough to look at the slices that one rule or two together describe: a clash is between two rules, and each of
    a slice's two bounds comes from one.
    """
    if found := contradiction(better, base.green, base.red):
        place.at("red").say(*found)
        return
    said: set[tuple[int, ...]] = set()
    for where in _shared(rules, [frozenset(group) for group in by]):
        matching = [(index, rule) for index, rule in rules if set(rule.where) <= where]
        greens, reds = (_most_specific(bound, matching) for bound in ("green", "red"))
        clash = _say_clash(greens, "green", place, said) or _say_clash(reds, "red", place, said)
        involved = tuple(sorted({winners[0][0] for winners in (greens, reds) if winners}))
        if clash or involved in said:
            continue
        merged = _merged(base, greens, reds)
        if found := contradiction(better, merged.green, merged.red):
            said.add(involved)
            place.at("limits", involved[-1]).say(*found)


def _shared(rules: Rules, groups: list[frozenset[str]]) -> list[frozenset[tuple[str, str]]]:
    """Give the slices that a rule names, and those that two rules name together."""
    alone = [frozenset(rule.where) for _, rule in rules]
    pairs = (one | other for one, other in combinations(alone, 2) if _can_meet(one | other, groups))
    return list(dict.fromkeys([*alone, *pairs]))


def _can_meet(where: frozenset[tuple[str, str]], groups: list[frozenset[str]]) -> bool:
    dimensions = [dimension for dimension, _ in where]
    return len(dimensions) == len(set(dimensions)) and any(set(dimensions) <= reach(group) for group in groups)


def reach(group: Iterable[str]) -> set[str]:
    """Give the dimensions that a slice of these has, named or by the partner it names."""
    return set(group) | (_FROM_PARTNER if "partner" in group else set())


def _most_specific(bound: str, rules: Rules) -> Rules:
    setting = [(index, rule) for index, rule in rules if getattr(rule, bound) is not None]
    most = max((len(rule.where) for _, rule in setting), default=0)
    return [(index, rule) for index, rule in setting if len(rule.where) == most]


def _say_clash(winners: Rules, bound: str, place: Place, said: set[tuple[int, ...]]) -> bool:
    if len({getattr(rule, bound) for _, rule in winners}) < 2:
        return False
    (first, one), (last, other) = winners[0], winners[-1]
    if (first, last) not in said:
        said.add((first, last))
        same = "names the same slices" if one.where == other.where else "is as specific and can match one slice too"
        values = _text(getattr(other, bound)), _text(getattr(one, bound))
        place.at("limits", last, bound).say(
            f"{values[0]} clashes with {values[1]} of entry {first + 1}, which {same}",
            "keep one, give both the same value, or add an entry that names both",
        )
    return True


def _merged(base: Limits, greens: Rules, reds: Rules) -> Limits:
    green = greens[0][1].green if greens else None
    red = reds[0][1].red if reds else None
    return Limits(base.green if green is None else green, base.red if red is None else red)
