"""What the commands do, whoever runs them: the command line itself, or the running product on its behalf."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from analytics.board import past, reading_json
from analytics.explain import explanation
from analytics.wording import figure, place, value_and_limit
from data.asked import kpi_of, moment_of, slice_of, stored_board
from data.backtest import backtest
from data.exports import commands as exports
from data.reporting import DONE, FAILED, WRONG_INPUT, Reporter, UsageError, in_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytics.board import Board
    from data.loaders import Loaded
    from data.session import Session

__all__ = ["DONE", "FAILED", "WRONG_INPUT", "Reporter", "UsageError", "run_command"]

COUNTS = ("read", "stored", "duplicate", "ignored", "quarantined", "adjusted", "unmapped")


def run_command(name: str, options: dict[str, Any], session: Session, to: Reporter) -> int:
    """Run a command by its name; give its exit code."""
    try:
        return COMMANDS[name](session, options, to)
    except UsageError as error:
        to.err(str(error))
        return WRONG_INPUT


def load(session: Session, options: dict[str, Any], to: Reporter) -> int:
    """Pull each source once, or those that are named."""
    wanted = options["sources"] or session.names
    unknown = [name for name in wanted if session.source(name) is None]
    if unknown:
        raise UsageError(f"There is no source {unknown[0]!r}; the settings name {', '.join(session.names) or 'none'}.")
    loader = session.loader()
    done = []
    for source in session.settings.sources:
        if source.name in wanted:

            def progress(rows: int, what: str, name: str = source.name) -> None:
                to.progress(rows, None, f"{name}: {what}")

            done.append(loader.load(source, progress))
    return _report_loads(done, options["json"], to)


def _report_loads(done: list[Loaded], as_document: bool, to: Reporter) -> int:  # noqa: FBT001  # one caller, by name below
    if as_document:
        to.out(in_json({"sources": [each.as_json() for each in done]}))
    else:
        rows = []
        for each in done:
            counts = each.as_json()
            rows.append([each.name, *[f"{counts[name]:,}" for name in COUNTS], f"{each.seconds:.1f}"])
        to.table("Loaded", ["source", *COUNTS, "seconds"], rows)
    for each in done:
        if each.error:
            to.err(f"{each.name}: {each.error}")
    return FAILED if any(each.error for each in done) else DONE


def board(session: Session, options: dict[str, Any], to: Reporter) -> int:
    """Judge and print the pain points, or print a Board that was judged before."""
    keys = [kpi_of(session, key).key for key in options["kpis"]]
    if options["version"] is not None:
        document = stored_board(session, options["version"])
    else:
        judge = session.judge()
        judge.progress = to.progress
        judged = session.look(judge, moment_of(options["as_of"], session)).only(keys)
        document = session.keep(judged, live=options["as_of"] is None and not keys).document
    readings = [r for r in document["readings"] if not keys or r["kpi"] in keys]
    shown = [r for r in readings if options["all"] or r["level"] != "green"]
    # Boards of earlier versions do not know what gets worse
    worsening = [r for r in document.get("worsening", ()) if not keys or r["kpi"] in keys]
    document = document | {"readings": shown, "worsening": worsening}
    if options["json"]:
        to.out(in_json(document))
    else:
        _print_board(document, shown if options["all"] else [*shown, *worsening], to)
    return DONE


def _print_board(document: dict[str, Any], readings: list[dict[str, Any]], to: Reporter) -> None:
    rows = []
    for r in readings:
        where = place(tuple(r["slice"].items()))
        bound = r["limits"]["red"]
        worse = r["change"]["moved"]["text"] if r.get("worsening") else ""
        level = r["level"] + (" (stale)" if r["stale"] else "") + (" (worse)" if worse else "")
        value, shown = value_and_limit(r["value"], tuple(bound) if isinstance(bound, list) else bound, r["unit"])
        rows.append(
            [
                level,
                r["title"],
                where,
                value,
                shown,
                f"{r['pain']:.0f}",
                f"{r['n']:.0f}",
                f"{r['reason']} {worse}".strip(),
            ]
        )
    to.table(f"Board {document['version']} as of {document['as_of']}", _COLUMNS, rows)
    counts = document["counts"]
    unknown = ", ".join(f"{number} {why.replace('_', ' ')}" for why, number in counts["unknown_by"].items())
    to.out(
        f"{counts['judged']} judged: {counts['red']} red, {counts['turning']} turning, {counts['amber']} amber, "
        f"{counts['green']} green, {counts['unknown']} unknown" + (f" ({unknown})" if unknown else "")
    )
    for feed in document["sources"]:
        error = f"; last load failed: {feed['error']}" if feed["error"] else ""
        to.out(f"source {feed['name']}: {feed['state']}, newest event {feed['watermark'] or 'none'}{error}")


_COLUMNS = ["level", "KPI", "place", "value", "red limit", "customers", "n", "reason"]


def explain(session: Session, options: dict[str, Any], to: Reporter) -> int:
    """Say why a KPI of a slice has its level."""
    kpi = kpi_of(session, options["kpi"])
    slice_ = slice_of(options["slice"])
    judge = replace(session.judge(), looks_into=0)  # what the others are driven by is not asked
    moment = moment_of(options["as_of"], session) or session.clock()
    newest = session.store.newest() if options["as_of"] is None else None
    with session.warehouse.reader(session.names, moment, timezone=session.settings.timezone) as view:
        judged = judge.board(view, moment, 0, past(newest.document) if newest else None).only([kpi.key])
        reading = next((r for r in judged.readings if r.slice == slice_), None)
        if reading is None:
            raise UsageError(_no_slice(judged, slice_))
        document = reading_json(reading) | explanation(judge, view, kpi, reading, moment)
    if options["json"]:
        to.out(in_json(document))
        return DONE
    to.out(f"{reading.title}, {place(slice_)}: {reading.level.value}. {reading.reason}")
    for name in ("formula", "limits_from", "health_reason", "evidence_method"):
        to.out(f"{name.replace('_', ' ')}: {document[name]}")
    for line in _change(document["change"]), _survival(document["survival"]):
        if line:
            to.out(line)
    for driver in document["drivers"]:
        to.out(f"driver: {driver['text']}; {driver['n']:,} rows")
    if document["mix_rate"]:
        to.out(f"since the window before: {document['mix_rate']['text']}")
    rows = [[str(value) for value in row.values()] for row in document["rows"][:20]]
    columns = list(document["rows"][0]) if document["rows"] else ["key"]
    to.table(f"Rows behind it ({document['rows_total']} in all)", columns, rows)
    return DONE


def _change(change: dict[str, Any] | None) -> str:
    if change is None:
        return ""
    why = f" ({change['signals']} since {change['since']})" if change["signals"] and change["since"] else ""
    usual = f"; by its usual days it {change['assurance']} the green limit" if change["assurance"] else ""
    return f"change: {change['variation']}{why}{usual}"


def _survival(survival: dict[str, Any] | None) -> str:
    if survival is None:
        return ""
    known = [(name, survival[name]) for name in ("closed_only", "kaplan_meier") if survival[name] is not None]
    said = [f"{name.replace('_', ' ')} {figure(value)} h" for name, value in known]
    return "waiting: " + ", ".join([*said, f"{survival['still_open']:,} still open"])


def _no_slice(judged: Board, slice_: tuple[tuple[str, str], ...]) -> str:
    names = {name for name, _ in slice_}
    near = [place(r.slice) for r in judged.readings if {name for name, _ in r.slice} == names][:10]
    if not near:
        groups = sorted({", ".join(name for name, _ in r.slice) or "the whole network" for r in judged.readings})
        return f"This KPI is not judged by {', '.join(sorted(names))}; it is by {'; '.join(groups)}."
    return f"This KPI has no slice {place(slice_)}; among those it has are {'; '.join(near)}."


def quarantine(session: Session, options: dict[str, Any], to: Reporter) -> int:
    """List the rejected rows with their reasons."""
    con = session.warehouse.cursor()
    found = con.execute(
        "SELECT id, source, file, place, reason, raw, rejected_at, batch FROM quarantine WHERE closed_at IS NULL ORDER BY id"
    ).fetchall()
    con.close()
    names = ("id", "source", "file", "row", "reason", "raw", "rejected_at", "batch")
    rows = [dict(zip(names, row, strict=True)) | {"rejected_at": row[6].isoformat() + "Z"} for row in found]
    if options["json"]:
        to.out(in_json({"count": len(rows), "rows": rows}))
    elif rows:
        to.table(
            "Quarantine",
            ["source", "file", "row", "reason"],
            [[str(r[n]) for n in ("source", "file", "row", "reason")] for r in rows],
        )
        to.out(f"{len(rows)} rows. Mend the source or the settings; `quarantine replay` then tries them again.")
    else:
        to.out("The quarantine is empty.")
    return DONE


def replay(session: Session, options: dict[str, Any], to: Reporter) -> int:
    """Try the quarantined rows again under the present settings."""
    loader = session.loader()
    return _report_loads([loader.replay(source) for source in session.settings.sources], options["json"], to)


COMMANDS: dict[str, Callable[[Session, dict[str, Any], Reporter], int]] = {
    "load": load,
    "board": board,
    "explain": explain,
    "backtest": backtest,
    "quarantine": quarantine,
    "quarantine replay": replay,
    **exports.COMMANDS,
}
