"""The times of a source: a row per case, a row per event, or a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.settings.draft import Draft, field_types, say_no_column
from data.settings.problems import Place, quoted
from data.settings.shapes import as_texts, unknown
from data.settings.values import KindRule

if TYPE_CHECKING:
    from analytics.facts import Fact


def say_shape(draft: Draft) -> None:
    """Report events, kinds and `at` that do not fit the fact or each other."""
    fact = draft.fact
    if fact is None:
        return
    if fact.snapshot:
        _say_snapshot_shape(draft, fact)
    else:
        _say_event_shape(draft, fact)
    if draft.shape.at == "":
        draft.place.at("at").say("it names no column", 'write e.g. at = "timestamp"')


def _say_snapshot_shape(draft: Draft, fact: Fact) -> None:
    for key in ("events", "kinds"):
        if getattr(draft.shape, key) is not None:
            what = "master data" if fact.master else "a snapshot"
            mend = "remove it" if fact.master else "remove it, and name `at`"
            draft.place.at(key).say(f"{fact.name} is {what} and has no events", mend)
    if not fact.master:
        draft.needs("at", 'at = "date" above the sub-tables of [[source]]')
    elif draft.shape.at is not None:
        draft.place.at("at").say(f"{fact.name} is master data and holds at any time", "remove it")


def _say_event_shape(draft: Draft, fact: Fact) -> None:
    shape, place = draft.shape, draft.place
    if shape.kinds is not None and shape.events is not None:
        place.at("kinds").say(
            "[source.events] and [[source.kinds]] exclude each other", "keep one: a row per case or per event"
        )
    elif shape.kinds is not None:
        draft.needs("at", 'at = "timestamp" above the sub-tables of [[source]]')
    elif shape.at is not None and not draft.broke("kinds"):
        if shape.events is not None:
            place.at("at").say("a row per case takes its times from [source.events]", "remove it")
        else:
            place.at("kinds").say(
                "`at` is named, but no kind of event", f'add [[source.kinds]] with kind = "{fact.kinds[0]}"'
            )
    elif shape.events is None and not draft.broke("events") and not draft.broke("kinds"):
        place.at("events").say("no time is named", f'add [source.events], e.g. {fact.kinds[0]} = "opened_at"')
    if shape.events == {} and not any(path[0] == "events" for path in draft.broken):
        place.at("events").say("the table is empty", f'name at least one time, e.g. {fact.kinds[0]} = "opened_at"')
    for kind, column in (shape.events or {}).items():
        say_unknown_kind(fact, kind, place.at("events", kind))
        say_no_column(column, place.at("events", kind))


def say_unknown_kind(fact: Fact, kind: str, place: Place) -> None:
    if kind in fact.kinds:
        return
    if kind in field_types(fact):
        place.say(f"{quoted(kind)} is a field of {fact.name}, not an event", "move it to [source.fields]")
    else:
        unknown(place, f"event kind of {fact.name}", kind, fact.kinds)


def read_kinds(draft: Draft) -> tuple[KindRule, ...]:
    """Check [[source.kinds]] and build its rules; one that comes after a rule for every row is never reached."""
    rules: list[KindRule] = []
    for index, shape in enumerate(draft.shape.kinds or []):
        place = draft.place.at("kinds", index)
        if shape.kind is None and not draft.broke("kinds", index, "kind"):
            place.at("kind").say("key is missing", 'write e.g. kind = "received"')
        if shape.kind is not None and draft.fact is not None and draft.fact.kinds:
            say_unknown_kind(draft.fact, shape.kind, place.at("kind"))
        when = tuple((column, as_texts(wanted, place.at("when", column))) for column, wanted in shape.when.items())
        if not draft.broke("kinds", index, "when"):
            _say_unreachable(when, rules, place)
        rules.append(KindRule(shape.kind or "", when))
    return tuple(rules)


def _say_unreachable(when: tuple[tuple[str, tuple[str, ...]], ...], rules: list[KindRule], place: Place) -> None:
    for number, rule in enumerate(rules, start=1):
        if not rule.when or sorted(rule.when) == sorted(when):
            place.say(
                f"entry {number} takes every row that would match here", "write the narrower rule first, or remove one"
            )
            return
