"""[source.extra]: further typed columns of a fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics.derived import column_types
from data.settings.draft import Draft, field_types, say_no_column
from data.settings.problems import Place, quoted, suggest
from data.settings.shapes import unknown
from data.settings.values import Extra

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOG_COLUMNS = ("at", "kind", "key", "source", "generation", "batch", "row", "file", "place", "id", "same")
_FOLD_COLUMNS = ("recorded_at", "first_event_at", "last_event_at", "t", "seq", "first", "last", "version", "known_from")
_SCAN_COLUMNS = (
    "watermark",
    "again_at",
    "again_device",
    "bounce_known",
    "rows_total",
)


def read_extra(draft: Draft, name: str) -> Extra:
    extra, place, fact = draft.shape.extra[name], draft.place.at("extra", name), draft.fact
    if extra.column is None and not any(path[:2] == ("extra", name) for path in draft.broken):
        place.at("column").say("key is missing", f'write e.g. {{ column = "made_sla", type = "{extra.type}" }}')
    say_no_column(extra.column, place.at("column"))
    if not name.strip():
        place.say("the column has no name", 'write e.g. made_sla = { column = "made_sla" }')
    elif not name.isidentifier():
        place.say("the column has no plain name", "use letters, digits and _ only")
    if fact is not None:
        taken = {
            known.casefold()
            for known in (*column_types(fact.name), *field_types(fact), *_LOG_COLUMNS, *_FOLD_COLUMNS, *_SCAN_COLUMNS)
        }
        if name.casefold() in taken:
            mend = "map it in [source.fields]" if name in field_types(fact) else "choose another name"
            place.say(f"{fact.name} has a column {quoted(name)} of its own", mend)
    _say_same_letters(name, draft.shape.extra, place)
    _say_known_at(draft, extra.known_at, place.at("known_at"))
    return Extra(extra.column or "", extra.type, extra.known_at)


def _say_same_letters(name: str, names: Iterable[str], place: Place) -> None:
    for other in names:
        if other == name:
            return
        if other.casefold() == name.casefold():
            place.say(f"it differs from {quoted(other)} in case only", "choose another name")


def _say_known_at(draft: Draft, kind: str | None, place: Place) -> None:
    fact, shape = draft.fact, draft.shape
    if kind is None or fact is None:
        return
    named = [*(shape.events or {}), *(rule.kind for rule in shape.kinds or [])]
    read = [name for name in named if name in fact.kinds]
    if fact.snapshot:
        place.say(f"{fact.name} is a snapshot and has no events", "remove it")
    elif kind not in fact.kinds:
        unknown(place, f"event kind of {fact.name}", kind, fact.kinds)
    elif kind not in read and not draft.broke("events") and not draft.broke("kinds"):
        place.say(f"this source reads no event {quoted(kind)}", suggest(kind, read))
