"""Sources and the quality of their data: where every row that was read went, how old it is, and what waits in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from layouts import wording
from layouts.analysis import grid, replay
from layouts.analysis.address import address, to_partner
from layouts.analysis.choosing import exports
from layouts.analysis.gone import GONE, accounts, gone
from layouts.analysis.look import mark
from layouts.analysis.page import Page, empty, part, warning
from layouts.inquiry import AbsentError, Wanted
from layouts.words import reader, say, tongue, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layouts.analysis.view import View
    from layouts.inquiry import Table

    Book = Mapping[str, Any]

WORST_FIRST = ("dead", "late", "fresh", "unjudged")
MARKS = {"fresh": "green", "late": "late", "dead": "dead", "unjudged": "waiting"}
MOST_PARTNERS = 30


def build(view: View) -> Page:
    books = view.inquiry.sources()
    chosen = chosen_of(view)
    if chosen is None:
        return Page(say("sources.title"), [*_accounts(books), _table(books, view), _quarantine(None, view)])
    book = next((each for each in books if each["name"] == chosen), None)
    if book is None:
        raise AbsentError(say("sources.unknown", name=chosen))
    return Page(
        say("sources.one", name=chosen),
        [
            *_accounts([book]),
            _standing(book, view),
            _quarantine(book, view),
            _batches(book, view),
            _partners(book, view),
        ],
        crumbs=[(say("sources.title"), address("/sources", view.filters.going()))],
    )


def chosen_of(view: View) -> str | None:
    """Give the name of the source that the address asks for; None for all of them."""
    return dict(view.filters.where).get("source")


def rows(view: View, wanted: Wanted) -> Table:
    """Give the rows in quarantine, of the source that is chosen or of all."""
    return view.inquiry.quarantine(chosen_of(view), wanted)


def _accounts(books: Sequence[Book]) -> list[Any]:
    """Say loudly which rows are missing from the books, or that none is."""
    lost = [book for book in books if not book["accounted"]]
    if not lost:
        return []
    return [warning(say("sources.lost", n=abs(_missing(book)), name=book["name"]), state="dead") for book in lost]


def _missing(book: Book) -> int:
    return int(book["counts"]["read"] - sum(book["counts"][name] for name in GONE))


# ---- all of them ----


def _table(books: Sequence[Book], view: View) -> Any:
    if not books:
        return empty(say("sources.none"), say("sources.none_hint"))
    names = ("name", "state", "watermark", "every", "lag", "rows", "adjusted", "unmapped", "waiting", "error")
    head = html.Thead(html.Tr([_heading(name) for name in names]))
    body = html.Tbody([_row(book, view) for book in sorted(books, key=_trouble)])
    table = _scrolling(html.Table([head, body], className="list sources"), say("sources.table"))
    said = html.P(say("sources.all_accounted"), className="soft") if all(book["accounted"] for book in books) else None
    return part("sources", say("sources.all", n=len(books)), said, table)


def _trouble(book: Book) -> tuple[Any, ...]:
    return book["accounted"], WORST_FIRST.index(book["state"]) if book["state"] in WORST_FIRST else 0, book["name"]


def _heading(name: str) -> Any:
    says = say(f"sources.{name}_says") if name in ("adjusted", "unmapped", "waiting") else None
    return html.Th(say(f"sources.{name}"), scope="col", **({"title": says} if says else {}))


def _scrolling(table: Any, label: str) -> Any:
    return html.Div(table, className="scroll", tabIndex="0", role="region", **{"aria-label": label})


def _row(book: Book, view: View) -> Any:
    counts = book["counts"]
    return html.Tr(
        [
            html.Th(dcc.Link(book["name"], href=_to_source(book["name"], view)), scope="row"),
            html.Td(_state(book)),
            html.Td(_newest(book, view)),
            html.Td(_every(book)),
            html.Td(_lag(book)),
            html.Td(_equation(counts)),
            html.Td(wording.whole(counts["adjusted"]), className="number"),
            html.Td(wording.whole(counts["unmapped"]), className="number"),
            html.Td(wording.whole(book["waiting"]), className="number"),
            html.Td(_error(book)),
        ]
    )


def _to_source(name: str, view: View) -> str:
    return address("/sources", view.filters.going().but(where=(("source", name),)))


def _state(book: Book) -> Any:
    state = book["state"]
    return html.Span([mark(MARKS.get(state, "unknown")), word("feed", state)], className=f"level feed-{state}")


def _age(at: str | None, view: View) -> Any:
    if at is None:
        return say("sources.nothing")
    return html.Span(
        [say("sources.age", ago=view.times.span(at)), " ", html.Small(view.times.element(at))], className="age"
    )


def _newest(book: Book, view: View) -> Any:
    """Say how old its newest event is; master data has no events."""
    if book["watermark"] is None and book.get("timeless"):
        return html.Span(say("sources.timeless"), className="soft")
    return _age(book["watermark"], view)


def _every(book: Book) -> str:
    return str(book["every"]) if book["every"] else say("sources.pushed")


def _lag(book: Book) -> str:
    lag = book["lag"]
    if lag["median"] is None or lag["p90"] is None:
        return say("sources.unknown_lag")
    median, late = wording.values("h", lag["median"], lag["p90"])
    return say("sources.pair", median=median, p90=late)


def _equation(counts: Mapping[str, int]) -> Any:
    """Write where the rows went as an equation; one that does not hold says so by its sign and its shape."""
    holds = counts["read"] == sum(counts[name] for name in GONE)
    text = accounts(counts) if holds else say("sources.not_equal", read=counts["read"], gone=gone(counts))
    return (
        html.Span(text, className="equation")
        if holds
        else html.Strong([mark("dead"), text], className="equation wrong level red")
    )


def _error(book: Book) -> Any:
    return wording.sentence(book["error"]) if book["error"] else html.Span(say("sources.no_error"), className="soft")


# ---- one of them ----


def _standing(book: Book, view: View) -> Any:
    within = book["fresh_within_seconds"]
    fresh = wording.values("h", within / 3600)[0] if within else say("sources.not_judged")
    facts = [
        ("state", _state(book)),
        ("watermark", _newest(book, view)),
        ("fresh_within", fresh),
        ("loaded", _age(book["loaded_at"], view)),
        ("every", _every(book)),
        ("lag", _lag(book)),
        ("fact", word("fact", book["fact"])),
        ("format", str(book["format"])),
        ("adjusted", wording.whole(book["counts"]["adjusted"])),
        ("unmapped", wording.whole(book["counts"]["unmapped"])),
        ("error", _error(book)),
    ]
    told = [html.Div([html.Dt(say(f"sources.{name}")), html.Dd(said)]) for name, said in facts]
    rows = html.P([html.Span(f"{say('sources.rows')}: ", className="soft"), _equation(book["counts"])])
    return html.Section([rows, html.Dl(told, className="facts")], className="panel", **{"aria-label": book["name"]})


def _batches(book: Book, view: View) -> Any:
    batches = book["batches"]
    if not batches:
        return part("batches", say("sources.batches", n=0), html.P(say("sources.no_batches"), className="soft"))
    head = html.Thead(html.Tr([_heading(name) for name in ("batch", "loaded", "rows", "adjusted", "unmapped")]))
    body = html.Tbody([_batch(each, view) for each in batches])
    title = say("sources.batches", n=len(batches))
    return part("batches", title, _scrolling(html.Table([head, body], className="list"), title))


def _batch(batch: Mapping[str, Any], view: View) -> Any:
    counts = batch["counts"]
    return html.Tr(
        [
            html.Th(reader().whole(batch["batch"]), scope="row"),
            html.Td(_age(batch["loaded_at"], view)),
            html.Td(_equation(counts)),
            html.Td(wording.whole(counts["adjusted"]), className="number"),
            html.Td(wording.whole(counts["unmapped"]), className="number"),
        ]
    )


def _partners(book: Book, view: View) -> Any:
    """List the partners inside a source by their silence: one file may carry hundreds, and one of them may be gone."""
    partners = book["partners"]
    title = say("sources.partners", n=len(partners))
    if not partners:
        return part("silent", title, html.P(say("sources.no_partners"), className="soft"))
    head = html.Thead(html.Tr([_heading(name) for name in ("partner", "last", "silent")]))
    body = html.Tbody([_partner(each, view) for each in partners[:MOST_PARTNERS]])
    table = _scrolling(html.Table([head, body], className="list"), title)
    more = len(partners) - MOST_PARTNERS
    return part(
        "silent", title, table, html.P(say("sources.partners_more", n=more), className="soft") if more > 0 else None
    )


def _partner(partner: Mapping[str, Any], view: View) -> Any:
    last = partner["last_at"]
    return html.Tr(
        [
            html.Th(dcc.Link(partner["partner"], href=to_partner(partner["partner"], view.filters)), scope="row"),
            html.Td(view.times.element(last) if last else say("sources.never")),
            html.Td(wording.values("h", partner["silent_hours"])[0], className="number"),
        ]
    )


# ---- what waits ----


def _quarantine(book: Book | None, view: View) -> Any:
    """Draw the rejected rows of a source, or of all, with a way to try those of one source again."""
    found = rows(view, Wanted(0, 1))
    title = say("sources.quarantine", n=found.all)
    if not found.all:
        return part(
            "quarantine",
            title,
            empty(say("sources.quarantine_empty"), say("sources.quarantine_empty_hint"), level="green"),
        )
    name = None if book is None else book["name"]
    again = html.P(say("sources.choose"), className="soft") if name is None else replay.ask(name, found.all)
    drawn = grid.grid(
        found.columns,
        zone=view.times.zone,
        language=tongue(),
        links={},
        shown=view.filters.grid,
        height=_height(found.all),
        wide=_WIDE,
    )
    taken = exports("quarantine", {}, view.filters.but(version=None), say("sources.take"))
    return part(
        "quarantine", title, html.P(say("sources.quarantine_says"), className="soft"), again, drawn, beside=taken
    )


def _height(rows: int) -> int:
    """Give room for some rows below the heads and filters, in pixels."""
    return 130 + 34 * min(max(rows, 3), 10)


_WIDE = {"reason": 380, "raw": 520}
"""Columns of sentences, in pixels."""
