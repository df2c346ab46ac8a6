"""The running product tells of a red by real mail, once, whatever happens to it, and does what the mail's links say."""

import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from tests.alerts.mail_server import MailServer, free_port
from tests.story.test_running import KPIS, PATIENCE, ROOT, SETTINGS, board, wait_for

ALERTS = """
[web]
public_url = "http://127.0.0.1:{port}"
[mail]
host = "127.0.0.1"
port = {mail}
sender = "Painpoint <painpoint@example.com>"
[[route]]
name = "all"
to = ["hub@example.com"]
group_wait = "1 s"
"""


@pytest.fixture
def server():
    running = MailServer().start()
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path, server):
    """Give a function that starts the product on a network with two reds; whatever runs at the end is killed."""
    port, started = free_port(), []
    settings = SETTINGS.partition('[[source]]\nname = "broken"')[0].replace("[kpis]", ALERTS + "[kpis]")
    (tmp_path / "settings.toml").write_text(settings.format(port=port, mail=server.port))
    (tmp_path / "kpis.toml").write_text(KPIS)
    rows = [f"o{n},{'Ann' if n % 3 else 'Bob'},{n},2026-01-{n + 1:02},2026-02-01" for n in range(9)]
    (tmp_path / "orders.csv").write_text("\n".join(["id,partner,cost,in,out", *rows]) + "\n")

    def begin():
        command = [sys.executable, ROOT / "app.py", "run", "--port", str(port)]
        with (tmp_path / "run.log").open("w") as log:
            process = subprocess.Popen(
                [*command, "--settings", tmp_path / "settings.toml"], stdout=log, stderr=log, cwd=tmp_path
            )
        process.url = f"http://127.0.0.1:{port}"
        started.append(process)
        wait_for(lambda: board(process)["counts"]["judged"] == 3, tmp_path)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait(PATIENCE)


def fetch(address, **form):
    data = urllib.parse.urlencode(form).encode() if form else None
    try:
        with urllib.request.urlopen(address, data, timeout=10) as answer:  # noqa: S310  # our own server
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_red_is_mailed_once_acknowledged_by_its_link_and_not_told_again_after_a_kill(start, server, tmp_path):
    process = start()
    wait_for(lambda: server.mails, tmp_path)
    (_, mail), *more = server.mails
    assert not more
    # that of Ann, most of whose orders these are, has one cause with it
    assert mail["Subject"] == "Red: Orders received 9 orders in the whole network (limit 5 orders)"
    text = mail.get_body(("plain",)).get_content()
    links = re.findall(r"Acknowledge: (\S+/alerts/act/\S+)", text)
    assert len(links) == 1
    status, page = fetch(links[0])  # only shows
    assert status == 200
    assert "<form" in page
    assert ">0<" in fetch(f"{process.url}/alerts?state=acknowledged")[1]
    assert fetch(links[0], done="1")[0] == 200
    assert fetch(links[0], done="1")[0] == 410
    assert "hub@example.com" in fetch(f"{process.url}/alerts?state=acknowledged")[1]
    process.kill()
    process.wait(PATIENCE)
    process = start()
    time.sleep(4)
    assert len(server.mails) == 1
    assert fetch(f"{process.url}/alerts/1")[0] == 200
