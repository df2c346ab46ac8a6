"""Conversations with a real mail server, and with a real webhook: what each answer makes of a letter."""

import json
import ssl
import threading
import warnings
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult

from alerts.tables import ATTEMPTS, LETTERS
from alerts.transports import LETTERS_A_LINE, Chat, Folder, Smtp
from analytics.routing import Recipient, Route
from tests.alerts.mail_server import DROP, MailServer, free_port
from tests.alerts.timeline import START, Timeline, reading

HUB, HEAD = "hub@example.com", "head@example.com"
CERTIFICATE = Path(__file__).parents[1] / "data/sources/localhost.pem"
SECRET = "s3cret-word"  # noqa: S105


def mail(body="All of it.\n", message_id="<1@example.com>"):
    letter = EmailMessage(policy=policy.SMTP)
    letter["From"], letter["To"], letter["Subject"] = "painpoint@example.com", HUB, "Red"
    letter["Message-ID"] = message_id
    letter.set_content(body)
    return letter.as_bytes()


@contextmanager
def running(**options):
    server = MailServer(**options).start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def line_to(server, **options):
    line = Smtp("127.0.0.1", server.port, "Painpoint <painpoint@example.com>", **({"timeout": 5.0} | options))
    try:
        yield line
    finally:
        line.close()


@pytest.fixture(scope="module")
def shared():
    with running() as server:
        yield server


@pytest.fixture
def server(shared):
    handler = shared.handler
    handler.say.clear()
    handler.mails.clear()
    handler.verbs.clear()
    handler.connections = 0
    return shared


@pytest.fixture
def line(server):
    with line_to(server) as smtp:
        yield smtp


def short(answer):
    return answer.outcome, answer.code, answer.wide


# one answer


def test_an_accepted_mail_is_there_as_it_was_sent(server, line):
    assert short(line.deliver(HUB, mail())) == ("accepted", 250, False)
    ((to, got),) = server.mails
    assert (to, got["Message-ID"], got.get_content()) == (HUB, "<1@example.com>", "All of it.\r\n")


@pytest.mark.parametrize(
    ("step", "said", "wanted"),
    [
        ("MAIL", "451 4.3.0 try later", ("later", 451, True)),
        ("MAIL", "550 5.7.1 sender not allowed", ("later", 550, True)),
        ("MAIL", "530 5.7.0 authentication required", ("later", 530, True)),
        ("RCPT", "451 4.7.1 greylisted", ("later", 451, False)),
        ("RCPT", "452 4.2.2 mailbox full", ("later", 452, False)),
        ("RCPT", "421 4.3.2 shutting down", ("later", 421, False)),
        ("RCPT", "550 5.1.1 no such user", ("never", 550, False)),
        ("RCPT", "553 5.1.3 no such address", ("never", 553, False)),
        ("DATA", "451 4.3.0 no room now", ("later", 451, False)),
        ("DATA", "554 5.6.0 not like this", ("never", 554, False)),
        ("end", "451 4.7.1 scanner is busy", ("later", 451, False)),
        ("end", "552 5.3.4 too big", ("never", 552, False)),
        ("greeting", "421 4.3.2 too busy", ("later", 421, True)),
        ("greeting", "554 5.7.1 you are on a list", ("later", 554, True)),
    ],
)
def test_what_each_refusal_means(server, line, step, said, wanted):
    server.say[step, ""] = [said]
    answer = line.deliver(HUB, mail())
    assert short(answer) == wanted
    assert said.split(" ", 2)[2] in answer.said
    assert server.mails == []
    assert line.deliver(HEAD, mail()).outcome == "accepted"  # the line is fit for the next letter


@pytest.mark.parametrize(
    ("step", "wanted"),
    [("greeting", "later"), ("MAIL", "later"), ("RCPT", "later"), ("DATA", "later"), ("end", "unclear")],
)
@pytest.mark.parametrize("how", ["drop", "delay"])
def test_a_line_lost_before_the_mail_was_handed_over_is_certain_and_after_it_is_not(server, step, wanted, how):
    server.say[step, ""] = [DROP if how == "drop" else 0.8]
    with line_to(server, timeout=0.3) as line:
        answer = line.deliver(HUB, mail())
        assert (answer.outcome, answer.code) == (wanted, None)
        assert line.deliver(HEAD, mail()).outcome == "accepted"


def test_a_line_lost_within_the_mail_is_unclear(server, line):
    server.say["DATA", ""] = ["354"]
    assert line.deliver(HUB, mail("much\n" * 200_000)).outcome == "unclear"
    assert line.deliver(HUB, mail()).outcome == "accepted"
    assert len(server.mails) == 1


def test_a_server_that_is_down_is_everybodys_trouble_and_ends_when_it_is_back():
    server = MailServer()
    with line_to(server) as line:
        answer = line.deliver(HUB, mail())
        assert short(answer) == ("later", None, True)
        assert f"127.0.0.1:{server.port} cannot be reached" in answer.said
        server.start()
        try:
            assert line.deliver(HUB, mail()).outcome == "accepted"
        finally:
            server.stop()
        assert line.deliver(HUB, mail()).wide
        server.start()
        try:
            assert line.deliver(HUB, mail()).outcome == "accepted"
        finally:
            server.stop()


# the line


def test_a_line_serves_a_hundred_letters_and_is_renewed_then(server, line):
    for number in range(LETTERS_A_LINE):
        assert line.deliver(HUB, mail(message_id=f"<{number}@example.com>")).outcome == "accepted"
    assert server.connections == 1
    assert line.deliver(HUB, mail()).outcome == "accepted"
    assert server.connections == 2


def test_a_refused_recipient_does_not_cost_the_line(server, line):
    server.say["RCPT", HEAD] = ["550 5.1.1 no such user"]
    assert [line.deliver(to, mail()).outcome for to in (HUB, HEAD, HUB)] == ["accepted", "never", "accepted"]
    assert server.connections == 1
    assert [to for to, _ in server.mails] == [HUB, HUB]


@pytest.mark.parametrize("said", [DROP, "421 4.4.2 idle for too long"])
def test_a_line_that_went_stale_between_two_letters_is_made_anew(server, line, said):
    assert line.deliver(HUB, mail()).outcome == "accepted"
    server.say["NOOP", ""] = [said]
    assert line.deliver(HUB, mail()).outcome == "accepted"
    assert server.connections == 2


def test_dots_bare_line_feeds_and_long_lines_arrive_intact(server, line):
    body = b".\n..two\n. three\nplain\r\n.\r\n\rlone\n" + b"x" * 900 + b"\n.last"
    assert line.deliver(HUB, b"Message-ID: <1@x>\n\n" + body).outcome == "accepted"
    ((_, raw),) = server.raw
    lines = [
        b"Message-ID: <1@x>",
        b"",
        b".",
        b"..two",
        b". three",
        b"plain",
        b".",
        b"",
        b"lone",
        b"x" * 900,
        b".last",
        b"",
    ]
    assert raw.split(b"\r\n") == lines


def test_an_address_beyond_ascii_needs_smtputf8(line, server):
    answer = line.deliver("jörg@example.com", mail())
    assert (answer.outcome, answer.code) == ("never", None)
    assert "beyond ASCII" in answer.said
    assert line.deliver(HUB, mail()).outcome == "accepted"
    with running(enable_SMTPUTF8=True) as other, line_to(other) as able:
        assert able.deliver("jörg@example.com", mail()).outcome == "accepted"
        assert other.mails[0][0] == "jörg@example.com"


def test_what_a_server_says_is_one_line_that_every_store_can_keep(server, line):
    server.say["RCPT", ""] = ["550-5.1.1 no\r\n550 such\x00 us\x07er " + "x" * 900]
    answer = line.deliver(HUB, mail())
    assert answer.said.isprintable()
    assert answer.said.startswith("5.1.1 no such us er")
    assert len(answer.said) == 500


# encryption and passwords


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_only_a_server_with_a_trusted_certificate_gets_the_mail(monkeypatch, tls):
    context = tls_context()
    options = {"implicit_tls": context} if tls == "tls" else {"tls_context": context, "require_starttls": True}
    with running(**options) as server, line_to(server, tls=tls) as line:
        answer = line.deliver(HUB, mail())
        assert short(answer) == ("later", None, True)
        assert "certificate" in answer.said.lower()
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert line.deliver(HUB, mail()).outcome == "accepted"
        assert line.deliver(HEAD, mail()).outcome == "accepted"
        assert server.connections <= 3


def test_a_server_without_starttls_gets_nothing_in_the_clear(server):
    with line_to(server, tls="starttls") as line:
        answer = line.deliver(HUB, mail())
    assert short(answer) == ("later", None, True)
    assert "STARTTLS" in answer.said
    assert not server.handler.verbs["MAIL"]


def test_a_server_that_wants_starttls_says_so(monkeypatch):
    with running(tls_context=tls_context(), require_starttls=True) as server, line_to(server) as line:
        assert short(line.deliver(HUB, mail())) == ("later", 530, True)


def knows_the_password(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"painpoint", SECRET.encode()), handled=False)


@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
def test_passwords(monkeypatch, mechanism):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    options = {
        "tls_context": tls_context(),
        "auth_required": True,
        "authenticator": knows_the_password,
        "auth_exclude_mechanism": [{"LOGIN": "PLAIN", "PLAIN": "LOGIN"}[mechanism]],
    }
    with running(**options) as server:
        with line_to(server, tls="starttls", user="painpoint", password="wrong") as line:  # noqa: S106
            answer = line.deliver(HUB, mail())
            assert short(answer) == ("later", 535, True)
            assert "wrong" not in answer.said
        with line_to(server, tls="starttls", user="painpoint", password=SECRET) as line:
            assert line.deliver(HUB, mail()).outcome == "accepted"
            assert SECRET not in repr(line)


def test_a_password_for_a_server_that_asks_for_none_is_a_matter_for_the_settings(server):
    with line_to(server, user="painpoint", password=SECRET) as line:
        answer = line.deliver(HUB, mail())
    assert short(answer) == ("later", None, True)
    assert SECRET not in answer.said


# a whole pipeline: Board, record, dispatcher, server, parsed mails


@pytest.fixture
def story(tmp_path, server):
    told = []

    def begin(*routes, at=server, **alerting):
        s = Timeline(f"sqlite:///{tmp_path}/s{len(told)}.db", *(routes or (Route("all", (HUB, HEAD)),)), **alerting)
        s.sink = Smtp("127.0.0.1", at.port, "painpoint@example.com", timeout=5.0)
        s.open_office()
        told.append(s)
        return s

    yield begin
    for s in told:
        s.sink.close()
        s.store.close()


def wait(s, hours, step=10):
    """Let hours pass with a look every few minutes: retries are rare after a while."""
    until = s.now + timedelta(hours=hours)
    while s.now < until:
        s.now += timedelta(minutes=step)
        s.dispatcher.tick()


def test_one_mail_for_each_recipient_with_all_that_is_known(story, server):
    s = story().judge(reading(), reading(partner="B", pain=3)).at(0.1)
    assert [to for to, _ in server.mails] == [HUB, HEAD]
    for to, got in server.mails:
        assert got["To"] == to
        assert "late repairs" in got["Subject"].lower()
        assert got.get_body(("plain",)) is not None
        assert got.get_body(("html",)) is not None
    assert len({got["Message-ID"] for _, got in server.mails}) == 2
    assert s.kinds() == s.kinds(HEAD) == ["opened", "opened"]


def test_one_refused_address_costs_nobody_else_his_mail(story, server):
    server.say["RCPT", HEAD] = ["550 5.1.1 no such user"]
    s = story().judge(reading()).at(0.1)
    assert [to for to, _ in server.mails] == [HUB]
    (dead,) = s.desk.dead_letters()
    assert (dead["recipient"], dead["said"], dead["attempts"]) == (HEAD, "5.1.1 no such user", 1)
    assert [(t["outcome"], t["code"]) for t in dead["tries"]] == [("never", 550)]
    assert s.kinds() == ["opened"]
    s.desk.send_again(dead["id"], "Ada")
    s.at(0.2)
    assert [to for to, _ in server.mails] == [HUB, HEAD]
    assert s.desk.dead_letters() == []


def test_a_refusal_for_now_of_one_recipient_is_repeated_to_him_alone(story, server):
    server.say["RCPT", HEAD] = ["451 4.7.1 greylisted"] * 2
    s = story().judge(reading()).at(0.5)
    assert [to for to, _ in server.mails] == [HUB, HEAD]
    tries = [(a.outcome, a.code) for a in s.rows(ATTEMPTS)]
    assert sorted(tries) == [("accepted", 250), ("accepted", 250), ("later", 451), ("later", 451)]


@pytest.mark.parametrize("said", ["451 4.3.0 later", "550 5.7.1 sender not allowed"])
def test_a_refused_sender_is_never_the_recipients_fault(story, server, said):
    server.say["MAIL", ""] = [said] * 8
    s = story().judge(reading()).at(0.1)
    assert server.mails == []
    assert s.desk.dead_letters() == []
    assert len(s.rows(LETTERS)) == 1  # while the server takes nothing, no more is frozen
    s.at(3)
    assert sorted(to for to, _ in server.mails) == [HEAD, HUB]


def test_a_line_lost_after_the_mail_brings_the_same_letter_again(story, server):
    server.say["end", HUB] = [DROP]
    s = story().judge(reading()).at(0.5)
    first, again = server.ids(HUB)
    assert first == again
    assert len(server.ids(HEAD)) == 1
    assert [(a.outcome, a.code) for a in s.rows(ATTEMPTS) if a.letter == 1] == [("unclear", None), ("accepted", 250)]


def test_a_line_lost_before_the_mail_brings_it_once(story, server):
    server.say["DATA", HUB] = [DROP]
    s = story().judge(reading()).at(0.5)
    assert len(server.ids(HUB)) == 1
    assert [a.outcome for a in s.rows(ATTEMPTS) if a.letter == 1] == ["later", "accepted"]


def test_a_refused_content_is_a_dead_letter_and_the_fallback_hears_of_it(story, server):
    server.say["end", HEAD] = ["554 5.7.1 looks like spam"]
    s = story(fallback="boss@example.com").judge(reading()).at(0.2)
    assert [to for to, _ in server.mails] == [HUB, "boss@example.com"]
    assert "looks like spam" in server.mails[1][1].get_body(("plain",)).get_content()
    assert [letter.status for letter in s.rows(LETTERS)] == ["sent", "dead", "sent"]


def test_while_the_server_is_down_nothing_dies_and_all_leaves_when_it_is_back(story):
    away = MailServer()
    s = story(at=away).judge(reading()).at(0.1).judge(reading(), reading(partner="B"))
    wait(s, 3)
    assert {letter.status for letter in s.rows(LETTERS)} == {"waiting"}
    assert "cannot be reached" in s.desk.status()["sentence"]
    away.start()
    try:
        wait(s, 2)
        assert s.kinds() == s.kinds(HEAD) == ["opened", "opened"]
        assert len(away.mails) == len({got["Message-ID"] for _, got in away.mails}) == len(s.rows(LETTERS))
        assert s.desk.status()["sentence"] == ""
    finally:
        away.stop()


def test_a_wrong_password_is_tried_for_a_day_and_then_stands_in_the_dead_letters(monkeypatch, story):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with running(tls_context=tls_context(), auth_required=True, authenticator=knows_the_password) as strict:
        s = story(Route("all", (HUB,)), at=strict).judge(reading())
        s.sink.tls, s.sink.user, s.sink.password = "starttls", "painpoint", "wrong"
        wait(s, 22, step=20)
        assert s.desk.dead_letters() == []
        assert len(s.rows(ATTEMPTS)) > 10
        wait(s, 3, step=20)
        (dead,) = s.desk.dead_letters()
        assert dead["said"].startswith("given up; the last answer was: ")
        assert {t["code"] for t in dead["tries"]} == {535}
        s.sink.password = SECRET
        s.desk.send_again(dead["id"], "Ada")
        wait(s, 1)
        assert [to for to, _ in strict.mails] == [HUB]


# folders and channels


def test_a_folder_takes_mails_as_files(tmp_path):
    folder = Folder(tmp_path / "mails")
    assert folder.deliver("a/../b@example.com", mail()).outcome == "accepted"
    assert folder.deliver("a/../b@example.com", mail()).outcome == "accepted"  # the same letter again is the same file
    (file,) = (tmp_path / "mails").iterdir()
    assert message_from_bytes(file.read_bytes(), policy=policy.default)["Message-ID"] == "<1@example.com>"
    (tmp_path / "file").write_text("")
    assert short(Folder(tmp_path / "file").deliver(HUB, mail())) == ("later", None, True)


@pytest.fixture(scope="module", autouse=True)
def _channels():
    """Load the kinds of channels once: on Python 3.11 one of them imports what is deprecated."""
    import apprise  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        apprise.Apprise().add("json://127.0.0.1")


class Hook:
    """A webhook whose `answers` are the statuses of the next requests; `seen` is what it was sent."""

    def __init__(self):
        self.seen, self.answers = [], []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                hook.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.answers.pop(0) if hook.answers else 200)
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def address(self):
        return f"json://ada:{SECRET}@127.0.0.1:{self.server.server_port}/{SECRET}-path"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def hook():
    found = Hook()
    yield found
    found.close()


TEXT = json.dumps({"title": "Red", "body": "Late repairs"}).encode()


def test_a_channel_takes_the_text(hook):
    assert Chat().deliver(hook.address, TEXT).outcome == "accepted"
    assert (hook.seen[0]["title"], hook.seen[0]["message"]) == ("Red", "Late repairs")


@pytest.mark.parametrize("status", [500, 404, 429])
def test_a_channel_that_refuses_is_tried_again(hook, status):
    hook.answers = [status]
    answer = Chat().deliver(hook.address, TEXT)
    assert (answer.outcome, answer.wide) == ("later", False)
    assert str(status) in answer.said
    assert SECRET not in answer.said
    assert Chat().deliver(hook.address, TEXT).outcome == "accepted"


def test_a_channel_that_is_away_does_not_betray_its_secret():
    answer = Chat().deliver(f"json://ada:{SECRET}@127.0.0.1:{free_port()}/{SECRET}-path", TEXT)
    assert answer.outcome == "later"
    assert answer.said
    assert SECRET not in answer.said


def test_a_plugin_that_raises_does_not_betray_the_secret(monkeypatch):
    import apprise  # noqa: PLC0415

    address = f"json://ada:{SECRET}@127.0.0.1/{SECRET}-path"

    def fail(*_, **__):
        raise ValueError(f"cannot parse {address} nor http://127.0.0.1/{SECRET}-path")

    monkeypatch.setattr(apprise.Apprise, "notify", fail)
    answer = Chat().deliver(address, TEXT)
    assert answer.outcome == "later"
    assert SECRET not in answer.said


def test_an_address_of_no_channel_is_dead_at_once():
    answer = Chat().deliver(f"nothing-known://{SECRET}", TEXT)
    assert answer.outcome == "never"
    assert SECRET not in answer.said


def test_a_channel_and_a_mail_side_by_side(story, server, hook):
    hook.answers = [500]
    recipients = (Recipient("ops", hook.address),)
    s = story(Route("all", (HUB, "ops")), recipients=recipients).judge(reading()).at(0.2)
    assert [to for to, _ in server.mails] == [HUB]
    assert len(hook.seen) == 2
    assert s.kinds("ops") == ["opened"]
    assert SECRET not in repr(s.rows(ATTEMPTS)) + repr(s.rows(LETTERS))
    assert s.now - START < timedelta(hours=1)
