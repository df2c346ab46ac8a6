"""What http and push sources say beside the keys of all sources: the request, its pages, and the token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from data.settings.problems import listed, quoted
from data.settings.values import Paging

if TYPE_CHECKING:
    from data.settings.draft import Draft
    from data.settings.shapes import PagingShape

SINCE = ":since"
SHORTEST_TOKEN = 16
_EXAMPLE = "https://api.example.com/orders"
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_WAYS = ("page", "offset", "next", "link")
_BELONGS = {"size": "page", "first": "page", "limit": "offset", "parameter": "next"}


def say_request(draft: Draft) -> None:
    """Report what no request can be made of."""
    shape, place = draft.shape, draft.place
    if shape.format != "http":
        return
    if shape.url and (wrong := _url_problem(shape.url)):
        place.at("url").say(*wrong)
    if SINCE in unquote(shape.url or "") and shape.cursor is None and not draft.broke("cursor"):
        place.at("cursor").say("the url uses :since, but no cursor is named", 'write e.g. cursor = "updated_at"')
    if shape.cursor == "":
        place.at("cursor").say("it names no column", "write the column's name")
    if shape.records == "":
        place.at("records").say("the path is empty", 'write e.g. records = "data.items", or leave it out')
    for name, value in (shape.headers or {}).items():
        if not _HEADER_NAME.fullmatch(name):
            place.at("headers", name).say("this is no name of a header", "use letters, digits and - only")
        elif not value:
            place.at("headers", name).say("the header is empty", 'write e.g. "Bearer ${NAME}", or remove it')
        elif not (value.isascii() and value.isprintable()):
            odd = "the value holds a line end or a letter that no header can carry"
            place.at("headers", name).say(odd, "write it in ASCII, on one line")


def _url_problem(url: str) -> tuple[str, str] | None:
    """Give what is wrong with the address of an http source, and the mend."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"this is no web address ({error})", f'write it in full, e.g. "{_EXAMPLE}"'
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", url):
        return "this is no web address", f'write it in full, e.g. "{_EXAMPLE}"'
    if SINCE in unquote(url.partition("?")[0]):
        return ":since stands in no query parameter", f'write e.g. "{_EXAMPLE}?changed_since=:since"'
    if any(SINCE in unquote(part.partition("=")[0]) for part in parts.query.split("&")):
        return ":since stands for no value", f'write e.g. "{_EXAMPLE}?changed_since=:since"'
    if parts.fragment:
        return "what follows # is never sent", "remove it"
    return None


def read_paging(draft: Draft) -> Paging | None:
    """Check how pages follow each other, and build the value; None where all comes in one."""
    shape = draft.shape.paging
    if shape is None or draft.shape.format != "http":
        return None
    _say_paging(draft, shape)
    return Paging(**shape.model_dump())


def _say_paging(draft: Draft, shape: PagingShape) -> None:
    place = draft.place.at("paging")
    if any(path[:1] == ("paging",) and len(path) > 1 for path in draft.broken):
        return
    ways = [key for key in _WAYS if getattr(shape, key) is not None]
    if len(ways) != 1:
        wrong = f"{listed(ways, last='and')} exclude each other" if ways else "it does not say how pages follow"
        place.say(wrong, f"name one of {listed(_WAYS)}")
        return
    written = shape.model_fields_set
    for key in sorted(written):
        if getattr(shape, key) == "":
            place.at(key).say("the text is empty", "write a name, or remove it")
        if key in _BELONGS and _BELONGS[key] != ways[0]:
            place.at(key).say(f"it goes with {_BELONGS[key]}, not with {ways[0]}", "remove it")
    sized = next((key for key in ("size", "limit") if getattr(shape, key) is not None), None)
    if sized and shape.rows is None:
        place.at("rows").say(f"{sized} is sent the number of rows, which is missing", "write e.g. rows = 500")
    elif shape.rows is not None and shape.rows < 1:
        place.at("rows").say(f"a page of {shape.rows} rows holds nothing", "write e.g. rows = 500")
    elif shape.rows is not None and sized is None:
        wanted = "limit" if ways[0] == "offset" else "size"
        mend = f'name the parameter that takes it, e.g. {wanted} = "{wanted}"' if ways[0] in ("page", "offset") else ""
        place.at("rows").say("it is sent nowhere", mend or "remove it, or write it into the url")


def say_token(draft: Draft) -> None:
    """Report a token that anybody could guess, or that nobody could send. It is never shown."""
    token, place = draft.shape.token, draft.place.at("token")
    if draft.shape.format != "push" or not token:
        return
    if not (token.isascii() and token.isprintable()) or " " in token:
        place.say("the token holds what no header can carry", "use letters and digits")
    elif len(token) < SHORTEST_TOKEN:
        mend = "make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
        place.say(f"the token is shorter than {SHORTEST_TOKEN} characters, so it can be guessed", mend)
    if "/" in (draft.shape.name or ""):
        wrong = f"{quoted(draft.shape.name)} is part of the address to push to, where / parts names"
        draft.place.at("name").say(wrong, "leave it out of the name")
