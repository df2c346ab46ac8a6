"""kpis.toml: every KPI checked against the columns of its fact, and the frozen values they become."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from analytics.derived import column_types
from analytics.facts import FACTS, Type
from analytics.figures import q_of
from analytics.kpi import Bound, Kpi, LimitRule, Limits, Slice
from analytics.master import INHERITED
from analytics.named import NAMED
from analytics.persistence import KEPT
from data.settings.durations import seconds
from data.settings.limits import contradiction, reach, read_bound, say_contradictions
from data.settings.measures import Columns, read_condition, read_measure
from data.settings.problems import Place, key_name, listed, quoted
from data.settings.shapes import KpiShape, LimitShape, shaped, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from zoneinfo import ZoneInfo

    from data.settings.document import Steps, Table
    from data.settings.limits import Rules

_KEY = re.compile(r"[A-Za-z0-9_-]+")
_WINDOW = re.compile(r"([1-9]\d*)\s*d")
_ENTER = re.compile(r"(\d+)\s*of\s*(\d+)\s*d")
_DAY = 86400.0
_NEEDED = {
    "title": 'title = "Late repairs"',
    "family": 'family = "speed"',
    "fact": 'fact = "repair_orders"',
    "measure": 'measure = { share = "late" }',
    "better": 'better = "lower"',
    "green": "green = 0.05",
    "red": "red = 0.10",
}
_ALWAYS_ENOUGH = ("count", "sum")
"""Shapes whose every figure is what it is, however few the rows."""

_COHORTS = [name for name, each in NAMED.items() if each.cohort]
_SAME = ("fact", "where", "better", "unit")
"""What a KPI of the closed ones alone and its cohort must have in common, for their figures to be compared."""

Extras = dict[str, dict[str, Type | None]]
"""The further columns that the sources give each fact, with their types (None: reported as wrong)."""


def read_catalogue(table: Table, extras: Extras, zone: ZoneInfo, place: Place) -> tuple[Kpi, ...]:
    """Check every [kpi.<key>]; what is wrong is reported, and such KPIs are left out."""
    for key in table:
        if key != "kpi":
            place.at(key).say("unknown key", "kpis.toml holds only tables named [kpi.<key>]")
    entries = table.get("kpi", {})
    if not isinstance(entries, dict):
        place.at("kpi").say("expected tables named [kpi.<key>]", "write e.g. [kpi.late_repairs]")
        return ()
    found = [_kpi(key, entry, extras, zone, place) for key, entry in entries.items()]
    kpis = {kpi.key: kpi for kpi in found if kpi is not None}
    for kpi in kpis.values():
        if kpi.cohort is not None:
            _check_cohort(kpi, kpi.cohort, kpis, entries, place.within(_table(kpi.key)).at("cohort"))
    return tuple(kpis.values())


def _kpi(key: str, table: Any, extras: Extras, zone: ZoneInfo, root: Place) -> Kpi | None:
    place = root.within(_table(key))
    before = len(place.problems)
    if not _KEY.fullmatch(key):
        place.say("the key of a KPI goes into addresses", "use letters, digits, _ and - only")
    broken: set[Steps] = set()
    shape = shaped(KpiShape, table, place, broken)
    if () in broken:
        return None
    _say_missing(shape, broken, place)
    columns = _columns(shape, extras, zone, place)
    measure = read_measure(shape.measure, columns, place.at("measure")) if shape.measure is not None else None
    where = [read_condition(entry, columns, place.at("where", index)) for index, entry in enumerate(shape.where)]
    day = _day(shape, columns, broken, place.at("day"))
    window, matures = _window(shape, place)
    by = _by(shape, columns, place)
    limits = _limits(shape, by, columns, broken, place)
    enter, recovery = _enter(shape, place.at("enter")), _recovery(shape, limits, place.at("recovery"))
    for index, name in enumerate(shape.case_mix):
        _find_text(columns, name, place.at("case_mix", index))
    if shape.case_mix and measure is not None and measure.shape != "share":
        place.at("case_mix").say("only a share is compared with what its mix of cases makes one expect", "remove it")
    if shape.limits_of is not None and shape.better == "between":
        place.at("limits_of").say(
            "a band is not scaled by contracts", "remove it, or give the contract a green and a red"
        )
    if len(place.problems) > before or measure is None or limits is None or day is None:
        return None
    assert shape.title is not None  # noqa: S101  # reported above, as is whatever else is needed
    assert shape.family is not None  # noqa: S101
    assert shape.fact is not None  # noqa: S101
    assert shape.better is not None  # noqa: S101
    return Kpi(
        key=key,
        title=shape.title,
        family=shape.family,
        fact=shape.fact,
        measure=measure,
        day=day,
        window_days=window,
        better=shape.better,
        green=limits[0].green,
        red=limits[0].red,
        where=tuple(condition for condition in where if condition is not None),
        matures_days=matures,
        by=by,
        min_n=shape.min_n if shape.min_n is not None else 0 if measure.shape in _ALWAYS_ENOUGH else 30,
        unit=shape.unit if shape.unit is not None else "%" if measure.shape == "share" else "",
        pain=shape.pain,
        remedies=tuple(shape.remedies),
        limits=limits[1],
        limits_of=shape.limits_of,
        pitfall=shape.pitfall,
        enter=enter,
        recovery=recovery,
        case_mix=tuple(shape.case_mix),
        cohort=shape.cohort,
    )


def _table(key: str) -> str:
    return f"[kpi.{key_name([key])}]"


def _check_cohort(kpi: Kpi, name: str, kpis: Mapping[str, Kpi], written: Iterable[str], place: Place) -> None:
    """Check that a KPI of the closed ones alone names one that counts the same rows, and those still open too."""
    other = kpis.get(name)
    if name == kpi.key:
        place.say("a KPI cannot be its own cohort", "name the one that counts those still open too, or remove it")
    elif other is None:
        if name not in written:  # else it was left out for a mistake of its own, which was said
            unknown(place, "KPI", name, [each.key for each in kpis.values() if _measures_cohort(each)])
    elif not _measures_cohort(other):
        wrong = f"{quoted(name)} measures no cohort in which those still open count"
        place.say(wrong, f"name a KPI whose measure is {listed(_COHORTS)}")
    elif kpi.measure.shape != "quantile" or kpi.measure.q != q_of(other):
        place.say(
            f"{quoted(name)} is the {q_of(other):g}-quantile, and this KPI is not", "name one of the same quantile"
        )
    elif differ := [each for each in _SAME if getattr(kpi, each) != getattr(other, each)]:
        place.say(f"{quoted(name)} has another {listed(differ, last='and')}", "the two must have the same")


def _measures_cohort(kpi: Kpi) -> bool:
    return kpi.measure.shape == "named" and NAMED[kpi.measure.name or ""].cohort


def _say_missing(shape: KpiShape, broken: set[Steps], place: Place) -> None:
    for key, example in _NEEDED.items():
        if shape.better == "between" and key in ("green", "red"):
            example = "green = [0.8, 1.25]" if key == "green" else "red = [0.6, 1.6]"  # noqa: PLW2901  # a band's own example
        if getattr(shape, key) is None and not _broke(broken, key):
            place.at(key).say("key is missing", f"write e.g. {example}")
        elif getattr(shape, key) == "":
            place.at(key).say("the text is empty", f"write e.g. {example}")


def _broke(broken: set[Steps], key: str) -> bool:
    return any(path[0] == key for path in broken if path)


def _columns(shape: KpiShape, extras: Extras, zone: ZoneInfo, place: Place) -> Columns:
    if shape.fact is None or shape.fact not in FACTS:
        if shape.fact:
            unknown(place.at("fact"), "fact", shape.fact, FACTS)
        return Columns(None, {}, zone)
    return Columns(shape.fact, {**extras.get(shape.fact, {}), **column_types(shape.fact)}, zone)


def _day(shape: KpiShape, columns: Columns, broken: set[Steps], place: Place) -> str | None:
    """Give the time column that books a row into a day; a snapshot fact has but one."""
    snapshot = columns.fact is not None and FACTS[columns.fact].snapshot
    if shape.day is None:
        if not snapshot and not _broke(broken, "day") and columns.fact is not None:
            place.say("key is missing", 'name the time that books a row, e.g. day = "closed_at", or "snapshot"')
        return "at" if snapshot else None
    if shape.day != "snapshot":
        mend = 'name a time column, or "snapshot"'
        columns.find(shape.day, place, ("time",), "a day needs a time", mend)
    return shape.day


def _window(shape: KpiShape, place: Place) -> tuple[int | None, float]:
    """Give the days of the window (None: all) and those a row takes to mature, which must be fewer."""
    days = None
    match = _WINDOW.fullmatch(shape.window.strip())
    if match:
        days = int(match[1])
    elif shape.window != "all":
        place.at("window").say(f"{quoted(shape.window)} is no window", 'write e.g. "28 d", or "all"')
    try:
        matures = seconds(shape.matures_after) / _DAY
    except ValueError as error:
        place.at("matures_after").say(str(error), 'write e.g. "7 d" or "36 h"')
        return days, 0.0
    if days is not None and matures >= days:
        wrong = f"rows mature after {quoted(shape.matures_after)}, but the window holds {quoted(shape.window)} only"
        place.at("matures_after").say(f"{wrong}, so nothing could ever be judged", "widen the window")
    return days, matures


def _enter(shape: KpiShape, place: Place) -> tuple[int, int]:
    """Give on how many of how many last days a red is entered."""
    match = _ENTER.fullmatch(shape.enter.strip())
    needed, of = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= needed <= of <= KEPT:
        place.say(f"{quoted(shape.enter)} is no number of days", f'write e.g. "2 of 3 d", of {KEPT} days at most')
        return 2, 3
    return needed, of


def _recovery(shape: KpiShape, limits: tuple[Limits, tuple[LimitRule, ...]] | None, place: Place) -> Bound | None:
    """Give the limit that a red must meet to be left, which is no worse than red."""
    recovery: Bound | None = _bound_reader(shape)(shape.recovery, place)
    if recovery is not None and limits is not None and shape.better is not None:
        wrong = contradiction(shape.better, recovery, limits[0].red)
        if wrong is not None:
            place.say("it lies beyond the red limit, so that a red would be left while it holds", "write a better one")
    return recovery


def _by(shape: KpiShape, columns: Columns, place: Place) -> tuple[tuple[str, ...], ...]:
    seen: list[set[str]] = []
    for index, group in enumerate(shape.by):
        for position, column in enumerate(group):
            _find_text(columns, column, place.at("by", index, position))
        spot = place.at("by", index)
        if not group:
            spot.say("it names no column", "remove it; the whole network is always judged")
        elif len(set(group)) < len(group):
            spot.say("it names a column twice", "name each once")
        elif set(group) in seen:
            spot.say("these slices are named before", "remove it")
        seen.append(set(group))
    return tuple(tuple(group) for group in shape.by)


def _find_text(columns: Columns, column: str, place: Place) -> None:
    columns.find(column, place, ("text",), "slices need a text", "name a text column, e.g. partner")


def _limits(
    shape: KpiShape, by: tuple[tuple[str, ...], ...], columns: Columns, broken: set[Steps], place: Place
) -> tuple[Limits, tuple[LimitRule, ...]] | None:
    """Give the limits of all slices and the rules for some; None if green or red are missing or wrong."""
    bound = _bound_reader(shape)
    green, red = bound(shape.green, place.at("green")), bound(shape.red, place.at("red"))
    rules: Rules = []
    for index, entry in enumerate(shape.limits):
        spot = place.at("limits", index)
        where = _where(entry, by, columns, any(path[:3] == ("limits", index, "where") for path in broken), spot)
        _say_empty(entry, any(path[:2] == ("limits", index) for path in broken), spot)
        rule = LimitRule(where, bound(entry.green, spot.at("green")), bound(entry.red, spot.at("red")))
        if where:
            rules.append((index, rule))
    if green is None or red is None:
        return None
    if shape.better is not None:
        say_contradictions(shape.better, Limits(green, red), rules, by, place)
    return Limits(green, red), tuple(rule for _, rule in rules)


def _bound_reader(shape: KpiShape) -> Callable[[Any, Place], Any]:
    share = shape.measure is not None and "share" in shape.measure
    return lambda value, place: None if value is None else read_bound(value, shape.better, place, share=share)


def _say_empty(entry: LimitShape, broken: bool, place: Place) -> None:  # noqa: FBT001  # private, and named at its caller
    if entry.green is None and entry.red is None and not broken:
        place.say("it sets neither green nor red", "add one, or remove the entry")


def _where(entry: LimitShape, by: tuple[tuple[str, ...], ...], columns: Columns, broken: bool, place: Place) -> Slice:  # noqa: FBT001  # as above
    """Check which slices a rule is for: dimensions of the fact that some slice names, or has by its partner."""
    spot = place.at("where")
    if not entry.where:
        if not broken:
            spot.say("it names no slice", 'write e.g. where = { country = "IN" }')
        return ()
    before = len(place.problems)
    for dimension in entry.where:
        if dimension not in INHERITED or not any("partner" in group for group in by):
            _find_text(columns, dimension, spot.at(dimension))
    if len(place.problems) == before and not any(set(entry.where) <= reach(group) for group in by):
        spot.say("no slice of this KPI names that", f"add {_group(entry.where)} to by")
    return tuple(sorted(entry.where.items()))


def _group(where: dict[str, str]) -> str:
    return "[" + ", ".join(quoted(dimension) for dimension in where) + "]"
