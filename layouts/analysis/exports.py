"""Files to take away: plain addresses that stream what a page shows, made and packed in threads."""

from __future__ import annotations

import logging
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dash import html
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Route

from layouts.analysis.address import Filters
from layouts.analysis.grid import wanted_shown
from layouts.inquiry import AbsentError
from layouts.shell import asset, to_html
from layouts.words import say, tongue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from layouts.inquiry import File, Inquiry, Wanted

PREFIX = "/export/"
WHOLE = ("rows", "readings", "order", "scorecard", "quarantine")
_PACKABLE = ("text/", "application/xml")
_SWIFT = 4
"""How hard files are packed (1 to 9): they are made once, for one reader, who waits for them."""
_log = logging.getLogger(__name__)


class Exports:
    """Answers `/export/<what>.<format>?...`; `work` does something in a thread, in the language of a request's reader."""

    def __init__(self, inquiry: Inquiry, work: Callable[[Request, Callable[[], Any]], Awaitable[Any]]) -> None:
        self._inquiry = inquiry
        self._work = work

    def route(self) -> Route:
        return Route(f"{PREFIX}{{name:path}}", self._answer)

    async def _answer(self, request: Request) -> Response:
        response: Response = await self._work(request, lambda: self._made(request))
        return response

    def _made(self, request: Request) -> Response:
        what, _, format_ = request.path_params["name"].rpartition(".")
        try:
            file = self._inquiry.export(what, format_, **_of(what, request.url.query, self._inquiry))
        except AbsentError as error:
            return _refused(404, say("export.absent"), str(error))
        except ValueError as error:
            return _refused(400, say("export.refused"), str(error))
        except Exception:  # noqa: BLE001  # whatever it is: a page that says so is worth more than a broken download
            _log.exception("%s could not be exported", what)
            return _refused(500, say("export.refused"), say("export.broke"))
        return _streamed(file, request.headers.get("accept-encoding", ""))


def _of(what: str, query: str, inquiry: Inquiry) -> dict[str, Any]:
    """Read what an address asks for. ValueError where it makes no sense, AbsentError for files of no kind."""
    if what not in WHOLE:
        raise AbsentError(say("export.no_such"))
    filters = Filters.read(query)
    where = dict(filters.where)
    if what == "rows":
        if not filters.kpi:
            raise ValueError(say("export.lacks", what="kpi"))
        return {"version": filters.version, "kpi": filters.kpi, "slice_": filters.where, "wanted": _wanted(filters)}
    if what == "readings":
        return {
            "version": filters.version,
            "kpis": _kpis(filters, inquiry),
            "slice_": filters.where,
            "levels": filters.levels,
        }
    if what == "quarantine":
        return {"source": where.get("source"), "wanted": _wanted(filters)}
    named = "partner" if what == "scorecard" else "order"
    if named not in where:
        raise ValueError(say("export.lacks", what=named))
    return {named: where[named], "version": filters.version}


def _wanted(filters: Filters) -> Wanted:
    try:
        return wanted_shown(filters.grid)
    except ValueError as error:
        raise ValueError(say("export.odd_grid")) from error


def _kpis(filters: Filters, inquiry: Inquiry) -> tuple[str, ...]:
    """Give the KPIs that are meant: the one that is named, those of the families, or () for all."""
    if filters.kpi:
        return (filters.kpi,)
    if not filters.families:
        return ()
    readings = inquiry.board(filters.version)["readings"]
    found = tuple(dict.fromkeys(each["kpi"] for each in readings if each["family"] in filters.families))
    if not found:
        raise AbsentError(say("export.no_such"))
    return found


def _streamed(file: File, accepted: str) -> Response:
    headers = {
        "Content-Disposition": disposition(file.name),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    packed = "gzip" in accepted and file.media_type.startswith(_PACKABLE)
    headers |= {"Content-Encoding": "gzip"} if packed else {}
    return StreamingResponse(
        _packed(file.chunks) if packed else file.chunks, headers=headers, media_type=file.media_type
    )


def _packed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pack as the chunks come; this runs in the thread that reads them."""
    packer = zlib.compressobj(_SWIFT, wbits=31)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


def disposition(name: str) -> str:
    """Write a Content-Disposition (RFC 6266): the name for those who read RFC 5987, and one of plain letters for the others."""
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "-_. ()+") else "_" for each in name)
    return f"attachment; filename=\"{plain or 'export'}\"; filename*=UTF-8''{quote(name, safe='')}"


_PAGE = """<!DOCTYPE html>
<html lang="{language}" data-mantine-color-scheme="light">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="{css}"></head>
<body>{body}</body>
</html>
"""


def _refused(status: int, title: str, sentence: str) -> HTMLResponse:
    """Say in a small page why there is no file."""
    said = [html.H1(title), html.P(sentence), html.P(html.A(say("nav.wall"), href="/"))]
    body = to_html(html.Main(said, className="content"))
    page = _PAGE.format(language=tongue(), title=to_html(title), css=asset("analysis.css"), body=body)
    return HTMLResponse(page, status, headers={"Cache-Control": "no-store"})
