from __future__ import annotations

import threading

import httpx
import pytest
from serving import served

from layouts.analysis.exports import disposition
from layouts.inquiry import AbsentError, Filter, Wanted


@pytest.fixture(scope="module")
def running():
    with served() as made:
        made.inquiry.files |= {
            ("scorecard", "pdf"): ("card.pdf", "application/pdf", [b"%PDF" + b"0" * 5000]),
            ("quarantine", "csv"): ("q.csv", "text/csv; charset=utf-8", [b"row\n"] * 4000),
            ("readings", "csv"): ("r.csv", "text/csv; charset=utf-8", [b"x"]),
            ("order", "csv"): AbsentError("No source tells of it."),
            ("readings", "xlsx"): OSError("the disk is full of <b>"),
        }
        yield made


def get(running, path, **headers):
    return httpx.get(running.url + path, headers=headers)


def test_rows_come_as_they_are_shown(running):
    grid = '{"f":{"partner":{"filterType":"text","type":"contains","filter":"Zür"}},"s":[["closed_at","desc"]]}'
    answer = httpx.get(
        f"{running.url}/export/rows.csv",
        params={"kpi": "late_repairs", "partner": "Zürich", "version": 17, "grid": grid},
    )
    assert (answer.status_code, answer.content) == (200, b"a;b\n1;2\n")
    wanted = Wanted(0, 100, (("closed_at", True),), (Filter("partner", "contains", "Zür"),))
    assert running.inquiry.done[-1] == (
        "rows", "csv", {"version": 17, "kpi": "late_repairs", "slice_": (("partner", "Zürich"),), "wanted": wanted}
    )  # fmt: skip


def test_a_file_says_its_name_and_kind(running):
    answer = get(running, "/export/rows.csv?kpi=late_repairs")
    assert (
        answer.headers["content-disposition"]
        == "attachment; filename=\"rows Z_rich.csv\"; filename*=UTF-8''rows%20Z%C3%BCrich.csv"
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "done"),
    [
        ("/export/order.pdf?order=R%2F1&version=4", ("order", "pdf", {"order": "R/1", "version": 4})),
        ("/export/scorecard.pdf?partner=A+%26+B", ("scorecard", "pdf", {"partner": "A & B", "version": None})),
        ("/export/quarantine.csv?source=parcels", ("quarantine", "csv", {"source": "parcels", "wanted": Wanted()})),
        (
            "/export/readings.csv?kpi=a&level=red&level=amber&country=IN",
            (
                "readings",
                "csv",
                {"version": None, "kpis": ("a",), "slice_": (("country", "IN"),), "levels": ("red", "amber")},
            ),
        ),
        ("/export/readings.csv", ("readings", "csv", {"version": None, "kpis": (), "slice_": (), "levels": ()})),
    ],
)
def test_each_sort_is_asked_for_as_its_address_says(running, path, done):
    assert get(running, path).status_code == 200
    assert running.inquiry.done[-1] == done


def test_a_family_stands_for_its_kpis(running):
    assert get(running, "/export/readings.csv?family=speed").status_code == 200
    assert "late_repairs" in running.inquiry.done[-1][2]["kpis"]
    assert get(running, "/export/readings.csv?family=nothing").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/export/order.csv?order=R-1", 404),
        ("/export/nothing.csv", 404),
        ("/export/rows", 404),
        ("/export/", 404),
        ("/export/rows.exe?kpi=a", 400),
        ("/export/rows.csv", 400),
        ("/export/order.pdf", 400),
        ("/export/scorecard.pdf", 400),
        ("/export/rows.csv?kpi=a&grid=%7B", 400),
        ("/export/rows.csv?kpi=a&grid=7", 400),
        ('/export/rows.csv?kpi=a&grid={"f":{"x":{"type":"magic"}}}', 400),
        ("/export/readings.xlsx", 500),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(running, path, status):
    answer = get(running, path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    assert "content-disposition" not in answer.headers
    assert "disk" not in answer.text


def test_a_refusal_is_in_the_readers_language_and_text_stays_text(running):
    answer = get(running, "/export/nothing.csv", cookie="painpoint_language=de")
    assert "Eine solche Datei gibt es hier nicht." in answer.text
    assert "<b>" not in get(running, "/export/rows.%3Cb%3E?kpi=a").text


def test_texts_are_packed_in_a_thread_and_others_stay_as_they_are(running):
    packed = get(running, "/export/quarantine.csv", **{"Accept-Encoding": "gzip"})
    assert (packed.headers["content-encoding"], packed.content) == ("gzip", b"row\n" * 4000)
    plain = get(running, "/export/quarantine.csv", **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    pdf = get(running, "/export/scorecard.pdf?partner=a", **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in pdf.headers
    assert pdf.content.startswith(b"%PDF")


def test_chunks_are_read_in_threads(running):
    names = set()

    def chunks():
        for _ in range(3):
            names.add(threading.current_thread().name)
            yield b"x" * 10

    running.inquiry.files["rows", "parquet"] = ("a.parquet", "application/vnd.apache.parquet", chunks())
    assert get(running, "/export/rows.parquet?kpi=a").content == b"x" * 30
    assert running.thread.name not in names


def test_names_of_all_kinds_can_stand_in_a_header():
    for name in ('a"b\\c.csv', "修理.csv", "a\r\nSet-Cookie: x.csv", "\N{LATIN SMALL LETTER U WITH DIAERESIS}"):
        header = disposition(name)
        assert header.isascii()
        assert "\n" not in header
        assert header.count('"') == 2


def test_without_an_inquiry_there_are_no_exports():
    from wall_served import Served  # noqa: PLC0415

    with Served() as bare:
        assert httpx.get(f"{bare.url}/export/rows.csv?kpi=a").status_code == 404
