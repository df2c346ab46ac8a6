"""The PDFs: the same bytes for the same record, the checksum and "page N of M" on every page, and nothing that breaks them."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.kpi import SMALL
from analytics.record import Place, Record, Told, steps_of
from data.exports.drawing import WORDS, shape, sparkline
from data.exports.order_csv import checksum, order_csv
from data.exports.order_pdf import order_pdf
from data.exports.paper import Pen
from data.exports.scorecard import MOST_PAGES, card_of, scorecard_pdf
from data.reporting import UsageError

MADE = datetime(2026, 6, 30, 13, tzinfo=UTC)
FIRST = datetime(2026, 6, 1, 8)  # noqa: DTZ001  # UTC without a zone, as the warehouse keeps it


def record_of(steps=3, order="A1", **values):
    rows = [
        Told(
            "repair_orders", order, Place(1, n, "hub"), "hub.csv", n + 2, None, FIRST + timedelta(days=20),
            {"partner": "Ann"} | values, "assigned", FIRST + timedelta(hours=n),
        )
        for n in range(steps)
    ]  # fmt: skip
    moment = datetime(2026, 6, 30, 12)  # noqa: DTZ001
    facts = {"partner": "Ann"} | values
    return Record(
        order, "Acme", "Europe/Berlin", moment.replace(tzinfo=UTC), 5, None, facts, steps_of(rows, order, moment)
    )


def pages(pdf):
    """Give the texts drawn on each page; plain ASCII stands in the pages as it is."""
    found = []
    for content in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            drawn = zlib.decompress(base64.a85decode(content.strip().removesuffix(b"~>")))
        except (ValueError, zlib.error):
            continue
        if b" Tf" in drawn:
            texts = re.findall(rb"\(((?:\\.|[^\\)])*)\) Tj", drawn)
            found.append(" ".join(each.decode("latin-1").replace("\\(", "(").replace("\\)", ")") for each in texts))
    return found


def test_the_same_record_gives_the_same_bytes():
    assert order_pdf(record_of(), MADE) == order_pdf(record_of(), MADE)
    assert order_pdf(record_of(), MADE) != order_pdf(record_of(cost=1.0), MADE)


def test_every_page_has_the_checksum_and_its_number():
    record = record_of(steps=60)
    found = pages(order_pdf(record, MADE))
    assert len(found) > 2
    for number, text in enumerate(found, start=1):
        assert f"SHA-256 {checksum(record)}" in text
        assert f"Page {number} of {len(found)}" in text
    assert checksum(record) == hashlib.sha256(order_csv(record)).hexdigest()


def test_it_says_when_it_was_made_of_what_and_how_to_check_it():
    text = " ".join(pages(order_pdf(record_of(), MADE)))
    for said in (
        "2026-06-01 10:00:00 CEST",
        "2026-06-01 08:00:00 UTC",
        "up to batch 5",
        "Made at",
        "batch 1, row 2",
        "line 4 of hub.csv",
    ):
        assert said in text
    words = re.sub(r"\s+", " ", text)
    assert "--format csv --as-of 2026-06-30T12:00:00Z --batch 5 | sha256sum" in words


def test_what_was_made_when_is_no_part_of_the_checksum():
    record = record_of()
    digest = checksum(record)
    assert all(digest in page for made in (MADE, MADE + timedelta(days=3)) for page in pages(order_pdf(record, made)))


@pytest.mark.parametrize(
    "value",
    [
        "x" * 20_000,
        "word " * 5_000,
        "修理店" * 300,
        "مصلح",
        "a\x00b\x1fc",
        "<b>&amp;</i>",
        "line\nline\ttab",
        "\U0001f4a5",
    ],
)
def test_no_value_breaks_it(value):
    found = pages(order_pdf(record_of(fault=value, order=f"A{value[:50]}"), MADE))
    assert all(f"of {len(found)}" in page for page in found)


@settings(max_examples=15)
@given(st.text(max_size=60))
def test_no_text_breaks_it(text):
    assert order_pdf(record_of(steps=1, fault=text), MADE).startswith(b"%PDF")


def test_what_the_font_lacks_is_spelled_and_said():
    pen = Pen()
    assert pen.plain("Söhne \u0142 修\u202e") == "Söhne \u0142 [U+4FEE][U+202E]"
    assert pen.note().startswith(
        "2 characters are not in this document's font and written as code points of Unicode, like [U+"
    )
    assert pen.plain("e\u0301") == "é"
    assert Pen().note() == ""
    assert "[U+4FEE]" in " ".join(pages(order_pdf(record_of(fault="修"), MADE)))


# --- the scorecard ------------------------------------------------------------------------------------------------


def partner_of(board):
    """Name the partner with the most troubles."""
    mine = [
        r["slice"]["partner"]
        for r in board["readings"]
        if list(r["slice"]) == ["partner"] and r["level"] in ("red", "amber")
    ]
    return max((name for name in set(mine) if name != SMALL), key=lambda name: (mine.count(name), name))


def test_a_scorecard_has_every_figure_of_its_partner(board):
    card = card_of(board, partner_of(board))
    content = scorecard_pdf(card, MADE)
    found = pages(content)
    assert len(found) <= MOST_PAGES
    assert content == scorecard_pdf(card, MADE)
    text = " ".join(found)
    for reading in card.whole:
        assert reading["title"].split()[0] in text
    assert sum(text.count(word) for word in WORDS.values()) >= len(card.whole)
    for health in {reading["health"] for reading in card.whole if reading["level"] == "unknown"}:
        said = {"low_sample": "Too few rows", "no_data": "No data", "late": "late", "dead": "fallen silent"}[health]
        assert said in text


def test_peers_are_the_others_with_enough_rows(board):
    partner = partner_of(board)
    card = card_of(board, partner)
    kpi = next(iter(card.medians))
    values = sorted(
        r["value"]
        for r in board["readings"]
        if r["kpi"] == kpi
        and list(r["slice"]) == ["partner"]
        and r["slice"]["partner"] not in (partner, SMALL)
        and r["health"] not in ("low_sample", "no_data")
        and r["value"] is not None
    )
    middle = len(values) // 2
    median = values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
    assert card.medians[kpi] == (pytest.approx(median), len(values))
    assert len(values) >= 3


def test_a_partner_without_troubles_and_one_without_figures(board):
    name = partner_of(board)
    quiet = board | {"readings": [r for r in board["readings"] if r["level"] == "green"]}
    assert "Nothing that could be judged is red or amber" in " ".join(pages(scorecard_pdf(card_of(quiet, name), MADE)))
    empty = board | {"readings": []}
    assert len(pages(scorecard_pdf(card_of(empty, name), MADE))) == 1


def test_the_command(demo, board, export, tmp_path):
    out = tmp_path / "card.pdf"
    options = {"version": board["version"], "out": str(out)}
    assert export(demo, "scorecard", partner=partner_of(board), **options)[0] == 0
    assert out.read_bytes().startswith(b"%PDF")
    code, heard = export(demo, "scorecard", partner=partner_of(board)[:-2], **options)
    assert code == 1
    assert f"alike are {partner_of(board)!r}" in heard.wrong[0]


def test_an_unknown_partner(board):
    with pytest.raises(UsageError, match="There is no partner 'Zzz' on this Board"):
        card_of(board, "Zzz")


@pytest.mark.parametrize("level", WORDS)
def test_every_level_has_a_shape(level):
    assert len(shape(level).contents) == 1


@pytest.mark.parametrize(
    ("history", "lines"),
    [
        ([], 0),
        ([["2026-06-01", 1.0]], 0),
        ([["2026-06-01", None], ["2026-06-02", None]], 0),
        ([["2026-06-01", 1.0], ["2026-06-02", 2.0]], 1),
        ([["2026-06-01", 1.0], ["2026-06-02", 2.0], ["2026-06-03", None], ["2026-06-04", 2.0], ["2026-06-05", 2.0]], 2),
        ([["2026-06-01", 2.0], ["2026-06-02", 2.0]], 1),
    ],
)
def test_a_sparkline_breaks_where_days_are_missing(history, lines):
    drawn = sparkline(history, {"red": 2.0, "green": 1.0}, "red", 80, 15)
    assert sum(type(each).__name__ == "PolyLine" for each in drawn.contents) == lines
