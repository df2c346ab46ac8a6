"""Finds orders, devices, partners and KPIs, as suggestions while one types and as a page."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import dcc, html

from layouts import wording
from layouts.analysis.address import Filters, address, to_kpi, to_order, to_partner
from layouts.analysis.frame import ENTRIES, PLAIN
from layouts.analysis.page import Page, empty, part
from layouts.analysis.places import slice_of
from layouts.codes import read_code
from layouts.inquiry import AbsentError
from layouts.words import USUAL, say, sentences, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from layouts.analysis.view import View

    Hit = Mapping[str, Any]

MOST_SUGGESTED = 20
MOST = 100


# ---- while one types ----


def suggestions(view: View, words: str) -> list[dict[str, Any]]:
    """Give what the words may mean, as Mantine's Select takes it: groups of addresses, each once, with their labels.

    The browser leaves out labels that do not hold what was typed, so every label does.
    """
    wanted = " ".join(words.split())
    if not wanted:
        return []
    hits = view.inquiry.search(wanted, MOST_SUGGESTED)
    everything = {"value": _to_search(wanted, view), "label": say("search.everything", words=words.strip())}
    groups = [
        ("code", _of_code(wanted, view)),
        ("page", _pages(wanted, view)),
        *_grouped(hits, view),
        ("all", [everything] if hits else []),
    ]
    return _once(groups, words.strip())


def _to_search(words: str, view: View) -> str:
    return address("/search", view.filters.going().but(q=words))


def _pages(wanted: str, view: View) -> list[dict[str, str]]:
    """Find pages by their names, also by the English ones."""
    found = []
    for name, path in ENTRIES:
        said = say(f"nav.{name}")
        if any(wanted.casefold() in each.casefold() for each in (said, str(sentences(USUAL)[f"nav.{name}"]))):
            found.append({"value": path if path in PLAIN else address(path, view.filters.going()), "label": said})
    return found


def _of_code(words: str, view: View) -> list[dict[str, str]]:
    """Find what a code from the wall names, on the Board that it was read from."""
    named = read_code(words)
    if named is None:
        return []
    version, rank = named
    try:
        reading = view.inquiry.board(version)["readings"][rank]
    except (AbsentError, IndexError):
        return []
    label = f"{wording.title(reading['title'])}, {wording.place(slice_of(reading))}"
    return [{"value": to_kpi(reading["kpi"], slice_of(reading), Filters(version=version)), "label": label}]


def _grouped(hits: Iterable[Hit], view: View) -> list[tuple[str, list[dict[str, str]]]]:
    """Group hits by their kinds, in the order in which the kinds come up."""
    groups: dict[str, list[dict[str, str]]] = {}
    for hit in hits:
        to = to_hit(hit, view.filters)
        if to is not None:
            groups.setdefault(hit["kind"], []).append({"value": to, "label": _label(hit)})
    return list(groups.items())


def _once(groups: Iterable[tuple[str, list[dict[str, str]]]], words: str) -> list[dict[str, Any]]:
    seen: set[str] = set()
    found = []
    for name, items in groups:
        fresh = []
        for item in items:
            if item["value"] not in seen:
                seen.add(item["value"])
                fresh.append({"value": item["value"], "label": _holding(item["label"], words)})
        if fresh:
            found.append({"group": word("search.group", name), "items": fresh})
    return found


def _holding(label: str, words: str) -> str:
    return label if words.lower() in label.lower() else say("search.found_for", label=label, words=words)


def _label(hit: Hit) -> str:
    name, detail = _named(hit)
    return f"{name} · {detail}" if detail else name


def _named(hit: Hit) -> tuple[str, str]:
    """Give what a hit is called, and what is told of it; a KPI is called by its title in the reader's language."""
    if hit["kind"] == "kpi":
        return wording.title(hit["detail"] or hit["name"]), hit["name"]
    return hit["name"], hit["detail"]


def to_hit(hit: Hit, filters: Filters) -> str | None:
    """Lead to what was found; None where it belongs to no order."""
    if hit["kind"] == "partner":
        return to_partner(hit["name"], filters)
    if hit["kind"] == "kpi":
        return to_kpi(hit["name"], (), filters)
    return to_order(hit["order"], filters) if hit["order"] else None


# ---- as a page ----


def build(view: View) -> Page:
    words = view.filters.q
    if not words:
        return Page(say("search.title"), [_field(view), empty(say("search.hint"), level="waiting")])
    hits = view.inquiry.search(words, MOST)
    found: Sequence[Any] = (
        _parts(hits, view) if hits else [empty(say("search.nothing", q=words), say("search.nothing_hint"))]
    )
    most = html.P(say("search.most", n=len(hits)), className="soft") if len(hits) >= MOST else None
    return Page(say("search.title_of", q=words), [_field(view), _found_pages(view), most, *found])


def _field(view: View) -> Any:
    return dmc.TextInput(
        id={"type": "words", "of": "q"},
        label=say("search.field"),
        description=say("search.enter"),
        value=view.filters.q,
        size="md",
        maw=640,
    )


def _found_pages(view: View) -> Any:
    pages = [*_of_code(view.filters.q, view), *_pages(view.filters.q, view)]
    if not pages:
        return None
    links = [
        html.A(each["label"], href=each["value"])
        if each["value"] in PLAIN
        else dcc.Link(each["label"], href=each["value"])
        for each in pages
    ]
    return part("found-pages", say("search.group.page"), html.Ul([html.Li(link) for link in links], className="lines"))


def _parts(hits: Sequence[Hit], view: View) -> list[Any]:
    """Draw hits by kind; the kind of the best hit comes first."""
    first = list(dict.fromkeys(hit["kind"] for hit in hits))
    ordered = sorted(hits, key=lambda hit: first.index(hit["kind"]))
    return [_part(kind, list(own), view) for kind, own in groupby(ordered, key=lambda hit: hit["kind"])]


def _part(kind: str, hits: Sequence[Hit], view: View) -> Any:
    title = word("search.group", kind)
    return part(f"found-{quote(kind)}", title, html.Ul([_hit(hit, view) for hit in hits], className="lines found"))


def _hit(hit: Hit, view: View) -> Any:
    name, detail = _named(hit)
    to = to_hit(hit, view.filters)
    link = dcc.Link(name, href=to) if to else html.B(name)
    leads = None
    if hit["kind"] not in ("order", "partner", "kpi"):
        leads = say("search.leads", order=hit["order"]) if hit["order"] else say("search.loose")
    told = [html.Span(each, className="soft") for each in (detail, leads) if each]
    return html.Li([link, *told])
