import gzip
import os
from pathlib import Path

import pytest

from data.sources import SourceError

REPAIRS = Path(__file__).parents[4] / "shared" / "datasets" / "phone_repair_log" / "repairExample.xes.gz"
LOG = """<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment -->
<log xes.version="1.0"{namespace}>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <global scope="event"><string key="concept:name" value="unknown"/></global>
  <string key="source" value="simulated"/>
  <trace>
    <string key="id" value=" 1 "><string key="nested" value="no"/></string>
    <!-- another -->
    <event>
      <date key="time:timestamp" value="2026-01-01T12:00:00.000+02:00"/>
      <float key="price" value="12.50"/><boolean key="ok" value="true"/>
      <list key="parts"><values><string key="part" value="x"/></values></list>
    </event>
    <event><string key="concept:name" value="B &amp; C"/></event>
  </trace>
  <trace><event/></trace>
  <event><string key="concept:name" value="alone"/></event>
</log>
"""


@pytest.mark.parametrize("namespace", ["", ' xmlns="http://www.xes-standard.org/"'])
def test_a_row_per_event_with_the_attributes_of_its_trace(tmp_path, source_of, load, namespace):
    (tmp_path / "a.xes").write_text(LOG.format(namespace=namespace))
    got = load(source_of("a.xes", format="xes", columns=("case:id", "never")))
    assert [{key: value for key, value in row.items() if value is not None} for row in got.rows] == [
        {"case:id": " 1 ", "time:timestamp": "2026-01-01T12:00:00.000+02:00", "price": "12.50", "ok": "true"},
        {"case:id": " 1 ", "concept:name": "B & C"},
        {},
        {"concept:name": "alone"},
    ]
    assert got.numbers == [1, 2, 3, 4]
    assert "never" in got.frames[0]


@pytest.mark.skipif(
    not REPAIRS.exists() and os.environ.get("CI") != "true", reason="the public repair log lies beside the checkout"
)
def test_the_public_repair_log(source_of, load):
    got = load(source_of(str(REPAIRS), format="xes", columns=("case:concept:name", "concept:name")))
    assert len(got.rows) == 11_855
    assert len({row["case:concept:name"] for row in got.rows}) == 1_104


def test_broken_xml_names_its_line(tmp_path, source_of, load):
    broken = LOG.format(namespace="").replace("</trace>", "</trac>", 1)
    (tmp_path / "a.xes.gz").write_bytes(gzip.compress(broken.encode()))
    with pytest.raises(
        SourceError,
        match=r"a.xes.gz: the XML is broken at line 16 \(Opening and ending tag mismatch: trace line 7 and trac\)",
    ):
        load(source_of("a.xes.gz", format="xes"))
    (tmp_path / "a.xes").write_text("<html></html>")
    with pytest.raises(SourceError, match="outermost element is <html>"):
        load(source_of("a.xes", format="xes"))


@pytest.mark.parametrize(
    "entity",
    [
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">',
        '<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "x">',
    ],
)
def test_entities_are_refused(tmp_path, source_of, load, entity):
    text = f'<!DOCTYPE log [{entity}]><log><trace><event><string key="id" value="&b;"/></event></trace></log>'
    (tmp_path / "a.xes").write_text(text)
    with pytest.raises(SourceError, match=r"a.xes: "):
        load(source_of("a.xes", format="xes"))


def test_many_traces_are_streamed(tmp_path, source_of, load):
    trace = '<trace><string key="id" value="c{0}"/>' + '<event><int key="n" value="{0}"/></event>' * 5 + "</trace>"
    (tmp_path / "a.xes").write_text("<log>" + "".join(trace.format(i) for i in range(30_000)) + "</log>")
    got = load(source_of("a.xes", format="xes", columns=("case:id", "n")))
    assert (len(got.frames), len(got.rows), got.numbers[-1]) == (2, 150_000, 150_000)
    assert got.rows[-1] == {"case:id": "c29999", "n": "29999"}
