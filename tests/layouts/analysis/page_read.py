"""A drawn page as a reader meets it: its texts, its links, the rows of its tables, and the tiles with their attributes."""

from __future__ import annotations

import json

from dash._utils import to_json


def nodes(page):
    """Give every element as (tag, attributes, children), of Dash components and of drawings alike."""
    content = [*page.content, *page.tools, page.subtitle]
    return [found for each in json.loads(to_json(content)) for found in _nodes(each)]


def _nodes(node):
    if isinstance(node, dict):
        props = dict(node["props"])
        if node["namespace"] == "painpoint":
            yield from _nodes(props["tree"])
            return
        children = props.pop("children", None)
        children = children if isinstance(children, list) else [children]
        yield node["type"].lower(), props, children
    elif isinstance(node, list) and node and isinstance(node[0], str):
        _, props, *children = node
        yield node[0], props, children
    else:
        return
    for child in children:
        yield from _nodes(child)


def text(node):
    """Give what an element says."""
    if isinstance(node, dict):
        props = node["props"]
        return text(props["tree"]) if node["namespace"] == "painpoint" else text_of(props.get("children"))
    if isinstance(node, list) and len(node) > 1 and isinstance(node[0], str) and isinstance(node[1], dict):
        return text_of(node[2:])
    return "" if node is None else str(node)


def text_of(children):
    return "".join(map(text, children)) if isinstance(children, list) else text(children)


def said(page):
    """Give all that a page says, parts apart."""
    content = [*page.content, *page.tools, page.subtitle]
    return " | ".join(text(each) for each in json.loads(to_json(content)))


def links(page, tag="link"):
    """Give the links as (text, address); those of plain pages have the tag "a"."""
    return [(text_of(children), props["href"]) for name, props, children in nodes(page) if name == tag]


def rows(page, at=0):
    """Give a table's rows as texts, the head first."""
    table = [children for name, _, children in nodes(page) if name == "table"][at]
    return [
        [text_of(cell) for _, cell in cells(row)]
        for name, _, row in (x for part in table for x in _nodes(part))
        if name == "tr"
    ]


def cells(children):
    for child in children:
        name, props, inner = next(iter(_nodes(child)))
        if name in ("td", "th"):
            yield props, inner


def tiles(page):
    """Give the attributes of what is drawn of readings: (KPI, slice, level)."""
    return [
        (props["data-kpi"], json.loads(props["data-slice"]), props["data-level"])
        for _, props, _ in nodes(page)
        if "data-level" in props
    ]


def attributes(page, tag):
    return [props for name, props, _ in nodes(page) if name == tag]


def choices(page, name):
    """Give the texts and addresses of a list to choose from."""
    select = next(p for t, p, _ in nodes(page) if t == "select" and p["id"]["of"] == name)
    return {each["label"]: each["value"] for each in select["data"]}, select["value"]
