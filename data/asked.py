"""What was asked for, read from a command's options: moments, KPIs, slices, formats and Boards; mistakes in one sentence."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from data.reporting import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from analytics.kpi import Kpi, Slice
    from data.reporting import Reporter
    from data.session import Session

_NEAR = 5


@dataclass(frozen=True)
class Seen:
    """Up to where an export sees: a moment, the highest batch (None: all that is loaded), and the Board it belongs to."""

    moment: datetime
    batch: int | None
    version: int | None


def seen(session: Session, options: dict[str, Any]) -> Seen:
    """Give the moment and batch that options name: those of a stored Board, of a past moment, or of now."""
    if options.get("version") is None:
        moment = moment_of(options.get("as_of"), session) or session.clock()
        return Seen(moment, options.get("batch"), None)
    _not_both(options)
    document = stored_board(session, options["version"])
    return Seen(datetime.fromisoformat(document["as_of"]), document["batch"], document["version"])


def board_of(session: Session, options: dict[str, Any], to: Reporter) -> dict[str, Any]:
    """Give the Board that options name as its JSON; without a version it is judged and stored, as `board` does."""
    if options.get("version") is not None:
        _not_both(options)
        return stored_board(session, options["version"])
    judge = session.judge()
    judge.progress = to.progress
    judged = session.look(judge, moment_of(options.get("as_of"), session))
    return session.keep(judged, live=options.get("as_of") is None).document


def _not_both(options: dict[str, Any]) -> None:
    if options.get("as_of") is not None or options.get("batch") is not None:
        raise UsageError("A stored Board has its own moment: name either --version or --as-of, not both.")


def stored_board(session: Session, version: int) -> dict[str, Any]:
    """Give a Board that was judged before as its JSON."""
    stored = session.store.board(version)
    if stored is None:
        known = session.store.versions()
        span = f"versions {known[0]} to {known[-1]} are (older ones thin out)" if known else "none is yet"
        raise UsageError(f"Board {version} is not stored; {span}.")
    return stored.document


def moment_of(text: str | None, session: Session) -> datetime | None:
    """Read an ISO time; without a zone it takes the network's."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not an ISO 8601 time; write it like 2026-11-22T14:00 or 2026-11-22T14:00Z."
        ) from error
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(session.settings.timezone))
    return zoned.astimezone(UTC)


def kpi_of(session: Session, key: str) -> Kpi:
    """Give a KPI of the catalogue by its key."""
    found = {kpi.key: kpi for kpi in session.settings.kpis}
    if key not in found:
        every = f"; the catalogue {session.settings.kpis_path} has {', '.join(found)}"
        raise UsageError(f"There is no KPI {key!r}{near(key, found) or every}.")
    return found[key]


def slice_of(pairs: Sequence[str]) -> Slice:
    """Read a slice from its name=value pairs."""
    return tuple(sorted(_pair(text) for text in pairs))


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise UsageError(f"--slice {text!r} is not of the form name=value; write e.g. --slice partner='Fixpoint Lyon'.")
    return name, value


def format_of(options: dict[str, Any], known: Sequence[str]) -> str:
    """Give the format asked for: the one named, else that of the file's ending, else the first."""
    name = options.get("format")
    if name is None:
        ending = str(options.get("out") or "").rpartition(".")[2].lower()
        return ending if ending in known else known[0]
    if name not in known:
        raise UsageError(f"--format {name!r} is none of {', '.join(known)}.")
    return str(name)


def near(name: str, known: Collection[str]) -> str:
    """Give the end of a sentence that says what else could have been meant; "" where nothing is alike."""
    lowered = {each.casefold(): each for each in known}
    found = [lowered[each] for each in difflib.get_close_matches(name.casefold(), lowered, _NEAR, 0.5)]
    holding = [each for each in sorted(known) if name.casefold() in each.casefold() and each not in found]
    return alike([*found, *holding][:_NEAR])


def alike(names: Sequence[str]) -> str:
    return f"; alike are {', '.join(map(repr, names))}" if names else ""
