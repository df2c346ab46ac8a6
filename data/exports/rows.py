"""The rows behind a number as a table: all of them, read from the warehouse part by part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analytics.adding_up import adding_up
from analytics.board import past, reading_json
from analytics.explain import formula
from analytics.integrity import why
from analytics.measure import SEPARATOR, ZONE
from analytics.rows_behind import behind_number, members
from analytics.wording import place
from data.asked import near, stored_board
from data.exports.tables import Column, Kind, Sheet
from data.reporting import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analytics.judge import Judge
    from analytics.kpi import Kpi, Slice
    from analytics.rows_behind import Question
    from data.asked import Seen
    from data.reporting import Reporter
    from data.session import Session
    from data.warehouse import Reader

PART = 20_000
"""Rows that are held in memory at a time."""


@dataclass(frozen=True)
class Looked:
    """A reading as JSON with what was seen of the network when it was judged."""

    reading: dict[str, Any]
    slices: Sequence[Slice]
    seen: Seen


def look(session: Session, view: Reader, judge: Judge, kpi: Kpi, slice_: Slice, seen: Seen) -> Looked:
    """Give the reading that was asked for: a stored Board's, or the one judged now. Raises UsageError if there is none."""
    if seen.version is not None:
        readings = stored_board(session, seen.version)["readings"]
    else:
        newest = session.store.newest()
        board = judge.board(view, seen.moment, 0, past(newest.document) if newest else None)
        readings = [reading_json(each) for each in board.readings if each.kpi == kpi.key]
    mine = {tuple(sorted(each["slice"].items())): each for each in readings if each["kpi"] == kpi.key}
    if slice_ not in mine:
        raise UsageError(_no_slice(kpi, mine, slice_))
    return Looked(mine[slice_], members(readings, kpi.key, slice_), seen)


def _no_slice(kpi: Kpi, mine: dict[Slice, Any], slice_: Slice) -> str:
    names = [name for name, _ in slice_]
    alike = {place(each): each for each in mine if [name for name, _ in each] == names}
    if not alike:
        groups = sorted({", ".join(name for name, _ in each) or "the whole network" for each in mine})
        return f"{kpi.key} is not judged by {', '.join(names) or 'the whole network'}; it is by {'; '.join(groups) or 'nothing'}."
    return f"{kpi.key} has no slice {place(slice_)}{near(place(slice_), alike)}."


def rows_sheet(session: Session, view: Reader, judge: Judge, kpi: Kpi, looked: Looked) -> Sheet:
    """Lay all rows behind a reading out as a table; they are worked out here and read when the table is written."""
    by = tuple(sorted(looked.reading["slice"]))
    by = next((each for each in ((), *kpi.by) if sorted(each) == list(by)), by)
    question = behind_number(judge, view, kpi, by, looked.slices, looked.seen.moment)
    columns = _laid(view, question)
    total = _total(view)
    timezone = session.settings.timezone
    identity = _identity(session, kpi, looked, view.batch, total)
    shown = tuple(column for column in columns if column.name != ZONE)
    told = shown if question.pack is None else (*shown, Column("why", width=60))
    return Sheet("Rows", told, _parts(view, columns, question, timezone), total, timezone, identity)


def _laid(view: Reader, question: Question) -> list[Column]:
    """Work the rows out into a table of the reader's own."""
    laid = view.keep("exported", question.key, question.build, question.times, question.texts)
    return [Column(name, _kind(type_)) for name, type_ in laid.items()]


def _kind(type_: str) -> Kind:
    if type_.startswith("timestamp"):
        return "time"
    if type_.startswith("int"):
        return "integer"
    kinds: dict[str, Kind] = {"boolean": "bool", "string": "text"}
    return kinds.get(type_.lstrip("!"), "number")


def _total(view: Reader) -> int:
    row = view.con.execute("SELECT count(*) FROM exported").fetchone()
    return int(row[0]) if row else 0


def _parts(view: Reader, columns: Sequence[Column], question: Question, timezone: str) -> Iterator[list[Sequence[Any]]]:
    names = [column.name for column in columns]
    answer = view.con.execute("SELECT * FROM exported ORDER BY key")
    while rows := answer.fetchmany(PART):
        yield [_told(dict(zip(names, row, strict=True)), question, timezone) for row in rows]


def _told(row: dict[str, Any], question: Question, timezone: str) -> list[Any]:
    """Give a row's values as they are shown, with the sentence of an evidence pack on the clock of its site."""
    zone = row.pop(ZONE, None) or timezone
    evidence = [] if question.pack is None else [why(question.pack, row, zone)]
    row["key"] = str(row["key"]).replace(SEPARATOR, " | ")
    return [*row.values(), *evidence]


def _identity(session: Session, kpi: Kpi, looked: Looked, batch: int, total: int) -> dict[str, Any]:
    reading, seen = looked.reading, looked.seen
    return {
        "kpi": kpi.key,
        "title": reading["title"],
        "place": place(tuple(reading["slice"].items())),
        "value": reading["value"],
        "numerator": reading["numerator"],
        "denominator": reading["denominator"],
        "n": reading["n"],
        "unit": reading["unit"] or None,
        "level": reading["level"],
        "window": " to ".join(filter(None, (reading["window"]["from"], reading["window"]["to"]))),
        "as of": seen.moment.isoformat().replace("+00:00", "Z"),
        "board": seen.version,
        "batch": batch,
        "network": session.settings.network,
        "formula": formula(kpi),
        "rows": total,
        "they add up": adding_up(kpi),
    }


def quiet_judge(session: Session, to: Reporter) -> Judge:
    """Give a judge that does not look into drivers, which rows have no use for."""
    return replace(session.judge(), looks_into=0, progress=to.progress)
