"""The templates of mails and pictures. Everything that is put into HTML and SVG is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

FOLDER = Path(__file__).parent / "templates"


def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=autoescape,  # noqa: S701  (the text part is plain text: there is nothing to escape)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


_MARKED = _environment(autoescape=True)
_PLAIN = _environment(autoescape=False)


def mjml(**values: Any) -> str:
    """Fill in the HTML part's template."""
    return _MARKED.get_template("letter.mjml.j2").render(**values)


def text(**values: Any) -> str:
    """Fill in the text part's template."""
    return _PLAIN.get_template("letter.txt.j2").render(**values)


def svg(**values: Any) -> str:
    """Fill in the picture's template."""
    return _MARKED.get_template("picture.svg.j2").render(**values)
