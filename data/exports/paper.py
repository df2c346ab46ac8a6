"""Paper for reports: A4, the shipped font, styles, page numbers, and bytes that depend on nothing but what is written.

Vera, which reportlab ships, knows Latin only. A character that it lacks is written as its code point in brackets, like
[U+4FEE], so that nothing is lost without being seen; the other forms of an export have the character itself.
"""

from __future__ import annotations

import io
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor  # type: ignore[import-untyped]
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]
from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]
from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]
from reportlab.platypus import Paragraph, SimpleDocTemplate  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN, BOLD = "Painpoint", "Painpoint-Bold"
WIDTH, HEIGHT = A4
MARGIN = 15 * mm
INNER = WIDTH - 2 * MARGIN
_FRAME = 6
"""Points that reportlab keeps free inside the margins."""
_CELL = 6
"""Points that the cells of our tables keep free, left and right together."""
INK, FAINT, RULE, BAND = HexColor(0x1B1F24), HexColor(0x5B6570), HexColor(0xC9CFD6), HexColor(0xF0F2F5)
STYLES = {
    "title": ParagraphStyle("title", fontName=BOLD, fontSize=16, leading=20, textColor=INK),
    "heading": ParagraphStyle(
        "heading", fontName=BOLD, fontSize=10, leading=13, spaceBefore=9, spaceAfter=3, textColor=INK
    ),
    "body": ParagraphStyle("body", fontName=PLAIN, fontSize=8.5, leading=11.5, textColor=INK),
    "cell": ParagraphStyle("cell", fontName=PLAIN, fontSize=7.5, leading=9.5, textColor=INK, splitLongWords=1),
    "strong": ParagraphStyle("strong", fontName=BOLD, fontSize=7.5, leading=9.5, textColor=INK, splitLongWords=1),
    "faint": ParagraphStyle("faint", fontName=PLAIN, fontSize=6.8, leading=8.6, textColor=FAINT, splitLongWords=1),
    "small": ParagraphStyle("small", fontName=PLAIN, fontSize=6.8, leading=8.6, textColor=INK, splitLongWords=1),
}


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    """Take up the shipped fonts; give the characters that they have in common."""
    fonts = [TTFont(PLAIN, "Vera.ttf"), TTFont(BOLD, "VeraBd.ttf")]
    for font in fonts:
        pdfmetrics.registerFont(font)
    pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=BOLD, italic=PLAIN, boldItalic=BOLD)
    return frozenset.intersection(*(frozenset(font.face.charToGlyph) for font in fonts)) - {0xFFFF}


@dataclass
class Pen:
    """Writes texts as the shipped font can; counts the characters that it had to spell."""

    spelled: set[str] = field(default_factory=set)

    def plain(self, text: str) -> str:
        """Give a text in characters that the font has."""
        return "".join(self._one(each) for each in unicodedata.normalize("NFC", text))

    def _one(self, character: str) -> str:
        if character in "\n\t":
            return character
        if ord(character) in _glyphs() and unicodedata.category(character) not in ("Cc", "Cf"):
            return character
        self.spelled.add(character)
        return f"[U+{ord(character):04X}]"

    def safe(self, text: str) -> str:
        """Give a text for a Paragraph, in which nothing is markup."""
        return escape(self.plain(text)).replace("\n", "<br/>").replace("\t", " ")

    def paragraph(self, text: str, style: str = "cell") -> Any:
        return Paragraph(self.safe(text), STYLES[style])

    def note(self) -> str:
        """Say what was spelled; "" if nothing was."""
        count = len(self.spelled)
        if not count:
            return ""
        one = count == 1
        return (
            f"{count} character{' is' if one else 's are'} not in this document's font and "
            f"written as code point{'' if one else 's'} of Unicode, like "
            f"[U+{ord(min(self.spelled)):04X}]; the CSV form has {'it' if one else 'them'} as told."
        )


def any_tall(rows: Sequence[Sequence[Sequence[Any]]], widths: Sequence[float]) -> bool:
    """Tell whether a row of cells may not fit on a page, and so must be split; the others stay in one piece."""
    return any(
        sum(part.wrap(width - _CELL, HEIGHT)[1] for part in cell) > HEIGHT / 2
        for row in rows
        for cell, width in zip(row, widths, strict=True)
    )


@dataclass(frozen=True)
class Written:
    """A PDF, and how many pages it has."""

    content: bytes
    pages: int


def written(flowables: Sequence[Any], title: str, subject: str, footer: Sequence[str]) -> Written:
    """Lay a document out on A4, with these lines and "page N of M" at the foot of every page."""
    _glyphs()
    content = io.BytesIO()
    room = (len(footer) + 1) * 3.4 * mm
    document = SimpleDocTemplate(
        content,
        pagesize=A4,
        leftMargin=MARGIN - _FRAME,
        rightMargin=MARGIN - _FRAME,
        topMargin=12 * mm,
        bottomMargin=8 * mm + room,
        title=title,
        author="Painpoint",
        subject=subject,
        creator="Painpoint",
        lang="en",
        invariant=1,
    )

    def canvas(*arguments: Any, **options: Any) -> Any:
        return _Numbered(footer, *arguments, **options)

    document.build(list(flowables), canvasmaker=canvas)
    return Written(content.getvalue(), document.page)


class _Numbered(Canvas):  # type: ignore[misc]  # reportlab is untyped
    """A canvas that knows how many pages there are when it writes their feet."""

    def __init__(self, footer: Sequence[str], *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._footer = footer
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802  # reportlab's name
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._kept, start=1):
            self.__dict__.update(page)
            self._foot(number, len(self._kept))
            super().showPage()
        super().save()

    def _foot(self, number: int, count: int) -> None:
        self.setStrokeColor(RULE)
        self.setLineWidth(0.5)
        top = 8 * mm + len(self._footer) * 3.4 * mm
        self.line(MARGIN, top, WIDTH - MARGIN, top)
        self.setFillColor(FAINT)
        self.setFont(PLAIN, 6.5)
        for i, text in enumerate(self._footer):
            self.drawString(MARGIN, top - (i + 1) * 3.4 * mm, text)
        self.drawRightString(WIDTH - MARGIN, top - 3.4 * mm, f"Page {number} of {count}")
