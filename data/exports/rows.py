"""The rows behind a number as a table: all of them, read from the warehouse part by part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analytics.adding_up import adding_up
from analytics.board import past, reading_json
from analytics.explain import formula
from analytics.rows_behind import members
from analytics.wording import place
from data.asked import near, stored_board
from data.exports.laid import ALL
from data.exports.tables import Sheet
from data.reporting import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.judge import Judge
    from analytics.kpi import Kpi, Slice
    from data.asked import Seen
    from data.exports.laid import Laid, Narrowed
    from data.reader import Reader
    from data.reporting import Reporter
    from data.session import Session


@dataclass(frozen=True)
class Looked:
    """A reading as JSON with what was seen of the network when it was judged."""

    reading: dict[str, Any]
    slices: Sequence[Slice]
    seen: Seen

    @property
    def by(self) -> tuple[str, ...]:
        return tuple(self.reading["slice"])


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


def rows_sheet(session: Session, view: Reader, kpi: Kpi, looked: Looked, laid: Laid, narrowed: Narrowed = ALL) -> Sheet:
    """Lay the rows behind a reading out as a table, all of them or those that filters leave; they are read when it is written."""
    every = laid.count(view.con)
    total = every if narrowed is ALL else laid.count(view.con, narrowed)
    identity = _identity(session, kpi, looked, view.batch, every) | _narrowing(narrowed, total)
    parts = laid.parts(view.con, narrowed)
    return Sheet("Rows", laid.columns, parts, total, session.settings.timezone, identity)


def _narrowing(narrowed: Narrowed, total: int) -> dict[str, Any]:
    """Say what was left out, so that nobody takes the rows shown for all of them."""
    said: dict[str, Any] = {"sorted by": narrowed.sorted_by} if narrowed.sorted_by else {}
    return said | ({"filters": narrowed.filters, "rows shown": total} if narrowed.filters else {})


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
