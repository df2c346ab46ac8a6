"""The depots' JSON API: `python -m data.demo.api DIR` serves what a written demo's depots report, a page at a time.

`GET /events?since=TIME&after=N` gives {"events": [...], "next": "/events?..." or null}: the events recorded at or after
`since`, at most `PAGE` of them, without the first N.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

PAGE = 1000
PORT = 8051


def page(folder: Path, since: str, after: int) -> dict[str, Any]:
    """Give one page of the events in a folder of files of JSON lines, which lie there in the order of their recording."""
    events: list[Any] = []
    skipped, rows = 0, 0
    for file in sorted(folder.glob("*.ndjson"), key=_begins):
        for line in file.read_bytes().splitlines():
            event = orjson.loads(line)
            if event["recorded"] < since:
                continue
            rows += 1
            if skipped < after:
                skipped += 1
            elif len(events) < PAGE:
                events.append(event)
    more = rows > after + len(events)
    following = "/events?" + urlencode({"since": since, "after": after + len(events)}) if more else None
    return {"events": events, "next": following}


def _begins(file: Path) -> str:
    """Put a month's file before the days' that follow it in the same month."""
    return file.stem + "-00" * (len(file.stem) == len("2026-01"))


class _Handler(BaseHTTPRequestHandler):
    folder: Path

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = parse_qs(address.query)
        after = asked.get("after", ["0"])[0]
        known = address.path == "/events" and after.isdecimal()
        body = orjson.dumps(
            page(self.folder, asked.get("since", [""])[0], int(after)) if known else {"error": "unknown"}
        )
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the library's
        """Say nothing: a poll every few seconds is no news."""


def server(out: Path, port: int = PORT) -> ThreadingHTTPServer:
    """Give a server of a written demo's depots on this machine alone; port 0 takes any free one."""
    handler = type("Handler", (_Handler,), {"folder": out / "systems" / "depot"})
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


if __name__ == "__main__":
    with server(Path(sys.argv[1])) as serving:
        serving.serve_forever()
