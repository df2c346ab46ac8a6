"""The commands `export ...`: an order's record, readings, the rows behind a number, and a partner's scorecard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data.asked import board_of, format_of, kpi_of, seen, slice_of
from data.exports.destination import announce, must_be_file, write_bytes
from data.exports.tables import FORMATS, write_sheet
from data.reporting import DONE

if TYPE_CHECKING:
    from data.reporting import Reporter
    from data.session import Session

ORDER_FORMATS = ("csv", "xes", "pdf")


def export_order(session: Session, options: dict[str, Any], to: Reporter) -> int:
    """Write an order's step record; its checksum is said beside it."""
    from data.exports.log import order_record  # noqa: PLC0415  # commands that draw nothing start faster without reportlab
    from data.exports.order_csv import checksum, order_csv  # noqa: PLC0415

    format_ = format_of(options, ORDER_FORMATS)
    must_be_file(options, format_, "order")
    record = order_record(session, seen(session, options), options["order"])
    if format_ == "csv":
        content = order_csv(record)
    elif format_ == "xes":
        from data.exports.xes import order_xes  # noqa: PLC0415

        content = order_xes(record)
    else:
        from data.exports.order_pdf import order_pdf  # noqa: PLC0415

        content = order_pdf(record, session.clock())
    write_bytes(options, content, to)
    announce(options, f"{len(record.steps)} steps of order {record.order}, SHA-256 {checksum(record)}", to)
    return DONE


def export_readings(session: Session, options: dict[str, Any], to: Reporter) -> int:
    """Write the readings of a Board, exactly as it has them."""
    from data.exports.readings import chosen, readings_sheet  # noqa: PLC0415

    format_ = format_of(options, FORMATS)
    must_be_file(options, format_, "readings")
    kpis = [kpi_of(session, key).key for key in options["kpis"]]
    slice_ = slice_of(options["slice"])
    document = board_of(session, options, to)
    wanted = chosen(document, kpis, slice_, options["levels"], greens=options["all"])
    write_sheet(readings_sheet(document, wanted), format_, options, to)
    hidden = "" if options["all"] or options["levels"] else "; greens are left out without --all"
    of = f"{len(wanted)} of {len(document['readings'])} readings of Board {document['version']} as of {document['as_of']}"
    announce(options, f"{of}{hidden}", to)
    return DONE


def export_rows(session: Session, options: dict[str, Any], to: Reporter) -> int:
    """Write all rows behind a number."""
    from data.exports.laid import lay  # noqa: PLC0415
    from data.exports.rows import look, quiet_judge, rows_sheet  # noqa: PLC0415

    format_ = format_of(options, FORMATS)
    must_be_file(options, format_, "rows")
    kpi, slice_, sight = kpi_of(session, options["kpi"]), slice_of(options["slice"]), seen(session, options)
    judge = quiet_judge(session, to)
    with session.warehouse.reader(session.names, sight.moment, sight.batch, session.settings.timezone) as view:
        looked = look(session, view, judge, kpi, slice_, sight)
        laid = lay(view, judge, kpi, looked.by, looked.slices, sight.moment)
        sheet = rows_sheet(session, view, kpi, looked, laid)
        write_sheet(sheet, format_, options, to)
    value = "no figure" if looked.reading["value"] is None else f"{looked.reading['value']:.12g}"
    announce(options, f"{sheet.total:,} rows behind {kpi.key} = {value}", to)
    return DONE


def export_scorecard(session: Session, options: dict[str, Any], to: Reporter) -> int:
    """Write a partner's scorecard."""
    from data.exports.scorecard import card_of, scorecard_pdf  # noqa: PLC0415

    must_be_file(options, "pdf", "scorecard")
    document = board_of(session, options, to)
    card = card_of(document, options["partner"])
    write_bytes(options, scorecard_pdf(card, session.clock()), to)
    announce(options, f"Scorecard of {card.partner}, Board {document['version']} as of {document['as_of']}", to)
    return DONE


COMMANDS = {
    "export order": export_order,
    "export readings": export_readings,
    "export rows": export_rows,
    "export scorecard": export_scorecard,
}
