"""Tables of any length: the server sorts, filters and hands out rows page by page; what they show stands in the address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dash_ag_grid as dag
import orjson
from dash import html

from layouts.inquiry import Filter, Wanted
from layouts.words import reader, say, sentences, tongue, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from layouts.inquiry import Column, Table

ROWS, NOTE = "rows-grid", "rows-note"
PAGE = 100
_FILTERS = {"number": "agNumberColumnFilter", "integer": "agNumberColumnFilter", "time": "agDateColumnFilter"}
_OPERATORS = {
    "contains": "contains",
    "notContains": "not_contains",
    "equals": "equals",
    "notEqual": "not_equals",
    "startsWith": "starts",
    "endsWith": "ends",
    "lessThan": "below",
    "lessThanOrEqual": "at_most",
    "greaterThan": "above",
    "greaterThanOrEqual": "at_least",
    "inRange": "between",
    "blank": "blank",
    "notBlank": "not_blank",
}


def grid(
    columns: Sequence[Column],
    *,
    zone: str,
    language: str,
    links: Mapping[str, str],
    shown: str = "",
    height: int = 560,
    wide: Mapping[str, int] | None = None,
) -> Any:
    """Draw an empty table that asks for its rows; `links` names columns whose values lead to "order", "partner" and so on.

    `shown` is what the address keeps of it: it starts with those filters and that sorting. `wide` gives widths in pixels of
    columns that hold sentences.
    """
    drawn = dag.AgGrid(
        id=ROWS,
        columnDefs=[_column(column, links.get(column.name), (wide or {}).get(column.name)) for column in columns],
        defaultColDef={"sortable": True, "filter": True, "floatingFilter": True, "resizable": True, "minWidth": 110},
        rowModelType="infinite",
        dashGridOptions={
            "cacheBlockSize": PAGE,
            "maxBlocksInCache": 20,
            "rowBuffer": 0,
            "infiniteInitialRowCount": 1,
            "suppressMultiSort": False,
            "enableCellTextSelection": True,
            "ensureDomOrder": True,
            "rowHeight": 34,
            "headerHeight": 38,
            "context": {"zone": zone, "language": language},
            "localeText": texts(),
            "initialState": _initial(shown, {column.name for column in columns}),
        },
        className="ag-theme-painpoint",
        style={"height": height, "width": "100%"},
    )
    return html.Div([drawn, html.P(id=NOTE, className="soft", role="status")])


def texts() -> dict[str, str]:
    """Give the table's own words in its reader's language."""
    every = sentences(tongue())
    return {key.removeprefix("grid.text."): str(text) for key, text in every.items() if key.startswith("grid.text.")}


def _column(column: Column, link: str | None, width: int | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "field": column.name,
        "headerName": word("column", column.name),
        "headerTooltip": column.name,
        "filter": _FILTERS.get(column.kind, "agTextColumnFilter"),
        "filterParams": {"maxNumConditions": 1, "buttons": ["reset"], "debounceMs": 400},
        "cellDataType": False,
    }
    if column.kind in ("number", "integer"):
        told |= {"type": "rightAligned", "valueFormatter": {"function": "painpointNumber(params)"}}
    if column.kind == "time":
        told["filterParams"] |= {"filterOptions": ["equals", "lessThan", "greaterThan", "inRange", "blank", "notBlank"]}
        told |= {"minWidth": 190, "valueFormatter": {"function": "painpointTime(params)"}}
    if width:
        told |= {"width": width, "tooltipField": column.name}
    if link:
        told |= {"cellRenderer": "PainpointLink", "cellRendererParams": {"to": link}}
    return told


def _initial(shown: str, names: AbstractSet[str]) -> dict[str, Any]:
    """Give the state that a table starts in; whatever makes no sense of it is left out."""
    try:
        filters, sort = _kept(shown)
    except ValueError:
        filters, sort = {}, []
    filters = {name: model for name, model in filters.items() if name in names}
    sort = [each for each in sort if each["colId"] in names]
    return {
        "partialColumnState": True,
        **({"filter": {"filterModel": filters}} if filters else {}),
        **({"sort": {"sortModel": sort}} if sort else {}),
    }


def _kept(shown: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Read the filters and the sorting that an address keeps, as `tabled` of analysis.js writes them; ValueError for all else."""
    try:
        told = orjson.loads(shown or "{}")
        filters = {str(name): dict(model) for name, model in told.get("f", {}).items()}
        return filters, [{"colId": str(name), "sort": _WAYS[way]} for name, way in told.get("s", [])]
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"{shown[:60]!r} is nothing that a table shows") from error


_WAYS = {"asc": "asc", "desc": "desc"}


def wanted_shown(shown: str) -> Wanted:
    """Read which rows an address's table shows, all of them. ValueError where that makes no sense."""
    filters, sort = _kept(shown)
    wanted = wanted_of({"filterModel": filters, "sortModel": sort})
    if len(wanted.filters) < len(filters):
        raise ValueError("a filter that nobody understands would give more rows than were asked for")
    return wanted


NOTHING: Mapping[str, Any] = {"rowData": [], "rowCount": 0}


def answer(table: Table) -> dict[str, Any]:
    """Answer a table's request for rows."""
    return {"rowData": list(table.rows), "rowCount": table.total}


def wanted_of(request: Mapping[str, Any]) -> Wanted:
    """Read what a table asks for, as AG Grid writes it."""
    start = int(request.get("startRow") or 0)
    end = min(int(request.get("endRow") or start + PAGE), start + 1000)
    sort = tuple((str(each["colId"]), each["sort"] == "desc") for each in request.get("sortModel") or ())
    filters = [_filter(name, model) for name, model in (request.get("filterModel") or {}).items()]
    return Wanted(start, end, sort, tuple(each for each in filters if each is not None))


def _filter(name: str, model: Mapping[str, Any]) -> Filter | None:
    operator = _OPERATORS.get(str(model.get("type")))
    if operator is None:
        return None
    if model.get("filterType") == "date":
        return _of_days(name, operator, model)
    return Filter(name, operator, model.get("filter"), model.get("filterTo"))  # type: ignore[arg-type]


def _of_days(name: str, operator: str, model: Mapping[str, Any]) -> Filter | None:
    """Read whole days, which begin and end where their reader is; the table shows times so, too."""
    if operator in ("blank", "not_blank"):
        return Filter(name, operator)  # type: ignore[arg-type]
    first = _midnight(model.get("dateFrom"))
    last = _midnight(model.get("dateTo") or model.get("dateFrom"), days=1)
    if operator in ("equals", "between"):
        return Filter(name, "between", first, last)
    if operator == "below":
        return Filter(name, "below", first)
    return Filter(name, "at_least", last) if operator == "above" else None


def _midnight(day: Any, *, days: int = 0) -> str:
    """Give when a day begins for its reader, or one so many days later, as an instant. ValueError if it is no day."""
    try:
        local = datetime.fromisoformat(str(day)[:10]) + timedelta(days=days)
    except (ValueError, OverflowError) as error:
        raise ValueError(say("grid.no_day", day=str(day)[:20])) from error
    return local.replace(tzinfo=reader().zone).astimezone(UTC).isoformat()
