"""What is drawn in one go: SVG, which Dash has no components for, and tables so long that a component a cell would be slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Tree = list[Any]
"""[tag, attributes, child ...]; children are trees and texts. The tag "link" is a link to another of the analyst's pages."""
_OTHER = {"Link": "link"}


class Drawing:
    """A tree that `assets/analysis.js` draws as it is, without a Dash component for every part; nothing in it calls back."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def to_plotly_json(self) -> dict[str, Any]:
        return {"type": "Drawing", "namespace": "painpoint", "props": {"tree": self.tree}}


def drawn(component: Any) -> Drawing:
    """Draw a tree of Dash's HTML components and links in one go."""
    return Drawing(tree(component))


def tree(component: Any) -> Tree:
    """Write a Dash component as a tree."""
    document = component.to_plotly_json()
    props = dict(document["props"])
    children = props.pop("children", None)
    tag = _OTHER.get(document["type"], document["type"].lower())
    return [tag, props, *_children(children)]


def _children(children: Any) -> Sequence[Any]:
    if children is None:
        return []
    every = children if isinstance(children, (list, tuple)) else [children]
    return [tree(each) if hasattr(each, "to_plotly_json") else each for each in every if each is not None]
