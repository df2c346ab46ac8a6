"""Letters as mails. `python -m tests.alerts.test_mail` writes the goldens anew; look at them before you keep them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path

import pytest

from alerts.letter import Kind, Letter, Links, Notice
from alerts.mail import compose, picture, short
from analytics.routing import Recipient

GOLDENS = Path(__file__).parent / "goldens"
NOW = datetime(2026, 11, 20, 13, 5, tzinfo=UTC)
BOARD = "https://painpoint.example.com"
ENGLISH = Recipient("Hub Berlin", "hub-berlin@example.com", "en", "Europe/Berlin")
GERMAN = Recipient("Leitstelle Köln", "leitstelle@example.com", "de", "Europe/Berlin")

LATE = {
    "kpi": "late_repairs", "title": "Late repairs", "family": "speed", "slice": {"partner": "Partner 14"},
    "value": 0.142, "numerator": 42.0, "denominator": 296.0, "n": 296.0, "unit": "%",
    "limits": {"green": 0.05, "red": 0.1}, "level": "red", "health": "ok", "stale": False,
    "reason": "14.2 % is beyond the red limit of 10 % (n = 296, 98 % sure).", "evidence": 0.98,
    "since": "2026-11-18T13:05:00Z", "trend": "worsening", "customers": 27.2, "pain": 54.4,
    "history": [
        *([f"2026-11-{day:02}", value] for day, value in zip(range(7, 14), (0.042, 0.047, 0.044, 0.051, 0.058, 0.071, 0.08), strict=True)),
        *([f"2026-11-{day:02}", value] for day, value in zip(range(16, 21), (0.094, 0.104, 0.121, 0.133, 0.142), strict=True)),
    ],
    "drivers": [
        {"where": {"product": "Aurora 6 Pro"}, "share": 0.63, "low": 0.48, "high": 0.77, "n": 88},
        {"where": {"weekday": "Friday"}, "share": 0.21, "low": 0.1, "high": 0.31, "n": 40},
    ],
    "outlook": None, "remedies": ["add_capacity", "swap", "reroute"],
}  # fmt: skip
SLOW = {
    "kpi": "tat_p90", "title": "Repair time, slowest tenth", "family": "speed", "slice": {"country": "IN"},
    "value": 131.0, "numerator": None, "denominator": None, "n": 1204.0, "unit": "h",
    "limits": {"green": 72, "red": 90}, "level": "red", "health": "ok", "stale": False, "reason": "5.46 d is beyond.",
    "evidence": 0.999, "since": "2026-11-19T23:00:00Z", "trend": "steady", "customers": 310.0, "pain": 412.0,
    "history": [[f"2026-11-{day:02}", 70 + 6.1 * (day - 11)] for day in range(11, 21)],
    "drivers": [], "outlook": None, "remedies": ["expedite_parts"],
}  # fmt: skip
SWAPS = {
    "kpi": "swap_rate", "title": "Devices swapped instead of repaired", "family": "cost",
    "slice": {"partner": "Nordlicht Service", "product": "Aurora 6"}, "value": 0.1047, "numerator": 20.0, "denominator": 191.0,
    "n": 191.0, "unit": "%", "limits": {"green": [0.04, 0.06], "red": [0.03, 0.07]}, "level": "red", "health": "late",
    "stale": True, "reason": "10.5 % is beyond the red limit of 3 % to 7 %.", "evidence": 0.91, "since": None, "trend": None,
    "customers": 0.0, "pain": 6.7, "history": [["2026-11-18", 0.06], ["2026-11-19", 0.08], ["2026-11-20", 0.1047]],
    "drivers": [], "outlook": None, "remedies": ["audit"],
}  # fmt: skip
DEAD = {
    "kpi": "source", "title": "Source", "family": "data", "slice": {"source": "repair-hub"}, "level": "red", "health": "dead",
    "reason": "Source repair-hub is dead: its newest event is of 2026-11-20T04:12:00Z.", "since": "2026-11-20T04:12:00Z",
    "value": None, "limits": None, "n": 0, "unit": "", "pain": 0.0, "customers": 0.0, "blind": 138, "error": None,
    "drivers": [], "remedies": [], "history": [], "outlook": None,
}  # fmt: skip
OUTLOOK = {
    "text": "71 % likely beyond 20 % by Monday",
    "record": {"right": 7, "of": 10},
    "band": [["2026-11-21", 0.138, 0.155], ["2026-11-22", 0.14, 0.17], ["2026-11-23", 0.142, 0.19]],
}
LINKS = Links(
    f"{BOARD}/alerts/17",
    f"{BOARD}/act/acknowledge/{'WyJ' * 20}",
    f"{BOARD}/act/snooze/{'WyJ' * 20}",
    f"{BOARD}/act/stop/{'WyJ' * 20}",
)


def notice(reading=LATE, kind=Kind.OPENED, number=1, **more):
    told = {
        "opened_at": NOW - timedelta(days=2),
        "at": NOW,
        "reason": "Red on 2 of the last 3 days.",
        "links": LINKS,
        **more,
    }
    return Notice(number, kind, number, reading, **told)


def letter(*notices, to=ENGLISH, **more):
    given = {
        "sender": "Painpoint <painpoint@example.com>", "network": "Acme after-sales", "message_id": "<17.1@painpoint.example.com>",
        "at": NOW, "board_url": f"{BOARD}/", "unsubscribe": f"{BOARD}/unsubscribe/{'WyJ' * 30}", **more,
    }  # fmt: skip
    return Letter(to, notices=notices, **given)


def many(count, **more):
    places = [{"partner": f"Partner {n}"} for n in range(count)]
    return [
        notice({**LATE, "slice": place, "pain": 500 - n}, number=n, links=Links(f"{BOARD}/alerts/{n}"), **more)
        for n, place in enumerate(places)
    ]


def digest(to):
    over = {**SLOW, "level": "green", "value": 70.0, "slice": {"country": "BR"}}
    return letter(
        notice(),
        notice(SLOW, number=2),
        notice(SWAPS, Kind.REMINDER, number=3, unstable=True),
        notice(over, Kind.RECOVERED, number=4),
        notice(DEAD, number=5, opened_at=NOW - timedelta(hours=2)),
        *(replace(each, id=100 + each.id, reading={**each.reading, "pain": 3.0}) for each in many(9)),
        to=to,
        digest=True,
    )


SAMPLES = {
    "opened": lambda to: letter(notice(), to=to),
    "outlook": lambda to: letter(notice({**LATE, "outlook": OUTLOOK}, Kind.WORSENED), to=to),
    "dead": lambda to: letter(notice(DEAD, opened_at=NOW - timedelta(hours=2)), to=to),
    "recovered": lambda to: letter(
        notice({**LATE, "level": "green", "value": 0.041}, Kind.RECOVERED, references=("<1@example.com>",)), to=to
    ),
    "undelivered": lambda to: letter(
        notice(kind=Kind.UNDELIVERED, reason="The mail to hub-wien@example.com was refused: 550 5.1.1 unknown user."),
        to=to,
    ),
    "digest": digest,
}


def parts(sent):
    """Give the message, its text, its HTML and its pictures."""
    message = message_from_bytes(sent, policy=SMTP)
    plain = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
    html = message.get_body(("html",)).get_content().replace("\r\n", "\n")
    return message, plain, html, [part for part in message.walk() if part.get_content_type() == "image/png"]


def goldens():
    """Give what every golden file should hold."""
    found = {}
    for language, to in (("en", ENGLISH), ("de", GERMAN)):
        for name, made in SAMPLES.items():
            message, plain, html, _ = parts(compose(made(to)))
            found[f"{name}.{language}.txt"] = f"{message['Subject']}\n\n{plain}".encode()
            if name in ("opened", "digest"):
                found[f"{name}.{language}.html"] = html.encode()
    found["opened.png"] = picture(LATE, "en", "Europe/Berlin")
    found["outlook.de.png"] = picture({**LATE, "outlook": OUTLOOK}, "de", "Europe/Berlin")
    return found


@pytest.fixture(scope="module")
def made():
    return goldens()


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDENS.iterdir()))
def test_mails_are_as_they_were_looked_at(made, name):
    assert made[name] == (GOLDENS / name).read_bytes(), "look at it, then: python -m tests.alerts.test_mail"


def test_every_golden_is_kept(made):
    assert set(made) == {path.name for path in GOLDENS.iterdir()}


def test_the_same_letter_is_the_same_bytes():
    assert compose(digest(GERMAN)) == compose(digest(GERMAN))
    assert compose(letter(notice(), message_id="<other@x>")) != compose(letter(notice()))


def test_the_header_says_what_programs_need():
    first, second = "<1.1@painpoint.example.com>", "<1.2@painpoint.example.com>"
    message, *_ = parts(compose(letter(notice(kind=Kind.REMINDER, references=(first, second)))))
    assert message["From"] == "Painpoint <painpoint@example.com>"
    assert message["To"] == "Hub Berlin <hub-berlin@example.com>"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == "<17.1@painpoint.example.com>"
    assert message["In-Reply-To"] == first
    assert message["References"].split() == [first, second]
    assert message["Auto-Submitted"] == "auto-generated"
    assert "OOF" in message["X-Auto-Response-Suppress"]
    assert message["List-Unsubscribe"] == f"<{BOARD}/unsubscribe/{'WyJ' * 30}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "<alerts.painpoint.example.com>"
    assert message["Content-Language"] == "en"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
    ]  # fmt: skip


def test_no_unsubscribing_without_an_address():
    message, plain, html, _ = parts(compose(letter(notice(), unsubscribe=None, board_url=None)))
    assert message["List-Unsubscribe"] is message["List-Unsubscribe-Post"] is None
    assert "No more mails at all" not in plain + html
    assert "The board" not in plain + html
    assert message["List-Id"] == "<alerts.example.com>"


def test_long_ids_and_addresses_are_never_encoded():
    long = tuple(f"<{n}.{'x' * 90}@painpoint.example.com>" for n in range(30))
    sent = compose(letter(notice(references=long), message_id=long[0]))
    message, *_ = parts(sent)
    assert message["Message-ID"] == long[0]
    assert message["In-Reply-To"] == long[0]
    assert message["References"].split() == list(long[:20])
    assert b"=?utf-8" not in sent.split(b"\r\n\r\n")[0]


def test_a_mail_about_several_episodes_answers_all_of_them():
    both = letter(
        notice(SLOW, Kind.REMINDER, 2, references=("<b1@x>", "<b2@x>")),
        notice(kind=Kind.REMINDER, references=("<a1@x>", "<b2@x>")),
        notice(number=3, reading=SWAPS),
    )
    message, *_ = parts(compose(both))
    assert message["In-Reply-To"].split() == ["<b1@x>", "<a1@x>"]
    assert message["References"].split() == ["<b1@x>", "<a1@x>", "<b2@x>"]


@pytest.mark.parametrize(
    ("kind", "reading", "more", "said"),
    [
        (Kind.OPENED, LATE, {}, "Red: late repairs 14.2 % at Partner 14 (limit 10 %)"),
        (Kind.OPENED, SWAPS, {}, "Red: devices swapped instead of repaired 10.5 % at Nordlicht Service, product Aurora 6 (limit 3 % to 7 %)"),
        (Kind.OPENED, {**LATE, "slice": {}}, {}, "Red: late repairs 14.2 % in the whole network (limit 10 %)"),
        (Kind.OPENED, {**LATE, "title": "iQ returns"}, {}, "Red: iQ returns 14.2 % at Partner 14 (limit 10 %)"),
        (Kind.OPENED, {**LATE, "slice": {"partner": "(small)"}}, {}, "Red: late repairs 14.2 % among partners too small to judge alone (limit 10 %)"),
        (Kind.TURNING, {**LATE, "level": "turning", "value": 0.09}, {}, "Turning red: late repairs 9 % at Partner 14 (limit 10 %)"),
        (Kind.WORSENED, SLOW, {}, "Worse: repair time, slowest tenth 5.46 d in India (IN) (limit 3.75 d)"),
        (Kind.REMINDER, LATE, {}, "Still red after 2 days: late repairs 14.2 % at Partner 14 (limit 10 %)"),
        (Kind.ESCALATED, LATE, {"opened_at": NOW - timedelta(hours=2)}, "Acknowledged by nobody for 2 hours: late repairs 14.2 % at Partner 14 (limit 10 %)"),
        (Kind.UNSTABLE, LATE, {}, "Unstable: late repairs 14.2 % at Partner 14 (limit 10 %)"),
        (Kind.RECOVERED, {**LATE, "level": "green", "value": 0.041}, {}, "Over: late repairs 4.1 % at Partner 14 (limit 10 %)"),
        (Kind.CORRECTED, {**LATE, "level": "amber", "value": 0.08}, {}, "Corrected: late repairs 8 % at Partner 14 (limit 10 %)"),
        (Kind.WITHDRAWN, LATE, {}, "No longer judged: late repairs at Partner 14"),
        (Kind.UNDELIVERED, LATE, {}, "Mail not delivered: late repairs at Partner 14"),
        (Kind.OPENED, DEAD, {}, "No news from source repair-hub since 20 Nov 2026, 05:12 CET"),
        (Kind.OPENED, {**DEAD, "since": None}, {}, "No news from source repair-hub"),
        (Kind.OPENED, {**DEAD, "error": "timed out"}, {}, "Source repair-hub cannot be loaded"),
        (Kind.RECOVERED, {**DEAD, "level": "green"}, {}, "News again from source repair-hub"),
        (Kind.REMINDER, DEAD, {}, "Still no news from source repair-hub"),
    ],
)  # fmt: skip
def test_subjects(kind, reading, more, said):
    message, plain, html, _ = parts(compose(letter(notice(reading, kind, **more))))
    assert message["Subject"] == said
    assert short(letter(notice(reading, kind, **more)))[0] == said
    assert "{" not in plain
    assert "None" not in plain + html


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("reading", [LATE, DEAD])
@pytest.mark.parametrize("to", [ENGLISH, GERMAN])
def test_every_kind_has_its_words(kind, reading, to):
    alone, together = (
        letter(*some, to=to) for some in ([notice(reading, kind)], [notice(reading, kind, number=77), *many(9)])
    )
    for one in (alone, together):
        message, plain, html, _ = parts(compose(one))
        assert message["Subject"]
        assert "repair-hub" in plain + message["Subject"] or "Partner 14" in plain
        assert re.search("<html[^>]*lang", html)
    assert short(alone)[1]


def test_several_are_told_worst_first():
    message, plain, *_ = parts(
        compose(letter(notice(kind=Kind.RECOVERED, number=9), notice(number=1), notice(SLOW, number=2)))
    )
    assert message["Subject"] == "2 red, 1 over: repair time, slowest tenth 5.46 d in India (IN) and 2 more"
    assert (
        plain.index("Newly red (2)") < plain.index("India (IN)") < plain.index("Partner 14") < plain.index("Over (1)")
    )
    message, *_ = parts(compose(digest(ENGLISH)))
    assert message["Subject"].startswith("Digest: 11 red, 1 source without news, 1 still red, 1 over: repair time")


def test_what_is_told_stands_in_its_order():
    told = letter(
        notice({**LATE, "outlook": OUTLOOK, "remedies": ["swap", {"text": "Swap 14 devices today"}, "call_them"]})
    )
    _, plain, html, _ = parts(compose(told))
    order = [
        "Late repairs", "Partner 14", "Red since 18 Nov 2026, 14:05 CET (2 days).", "14.2 %, worsening", "10 %", "5 %",
        "42 of 296, 98 % sure", "27 customers hurt", "63 % (48 to 77 %) of the excess is associated with: Product Aurora 6 Pro",
        "71 % likely beyond 20 % by Monday", "right 7 of 10 times", "Swap devices instead of repairing them", "Swap 14 devices today",
        "Call them", "/alerts/17", "/act/acknowledge/", "/act/snooze/", "Acme after-sales", BOARD, "You get this because", "/unsubscribe/",
    ]  # fmt: skip
    at = 0
    for words in order:
        at = plain.index(words, at)
    body = html[html.index("<body") :].replace("14.2 % <span", "14.2 %, worsening <span")
    body = body[body.index("Red limit") - 900 :]  # behind the preheader, which tells the most important
    at = 0
    for words in order:
        at = body.index(words, at)


def test_what_is_not_there_is_not_drawn():
    bare = {**LATE, "customers": 0.0, "drivers": [], "remedies": [], "history": [], "since": None, "trend": None}
    _, plain, html, pictures = parts(compose(letter(notice(bare, links=Links(), reason=LATE["reason"]))))
    for words in (
        "hurt",
        "What drives it",
        "What will happen",
        "What to do",
        "Acknowledge",
        "Snooze",
        "Why you hear",
        "No more mails about",
    ):
        assert words not in plain + html
    assert not pictures
    assert "cid:" not in html
    assert "<img" not in html
    assert "Red since 18 Nov 2026, 14:05 CET (2 days)." in plain


@pytest.mark.parametrize(("level", "badge"), [
    ("red", "■ Red"), ("turning", "▲ Turning red"), ("amber", "◆ Amber"), ("green", "✓ Green"), ("unknown", "? Unknown"), ("else", "? Unknown"),
])  # fmt: skip
def test_every_level_has_its_word_and_shape(level, badge):
    _, plain, html, _ = parts(compose(letter(notice({**LATE, "level": level}))))
    assert plain.startswith(f"{badge}: Late repairs, Partner 14\n")
    assert f">{badge}<" in html


def test_a_mail_without_html_is_better_than_none(monkeypatch, caplog):
    monkeypatch.setattr("alerts.mail.template.mjml", lambda **_: "<mjml")
    message = message_from_bytes(compose(letter(notice())), policy=SMTP)
    assert message.get_content_type() == "text/plain"
    assert "14.2 %" in message.get_content()
    assert "No HTML of the mail" in caplog.text


def test_what_is_over_asks_for_nothing():
    for kind in (Kind.RECOVERED, Kind.CORRECTED, Kind.WITHDRAWN):
        _, plain, html, _ = parts(compose(letter(notice({**LATE, "level": "green"}, kind))))
        assert "Open the episode" in plain
        for words in ("Acknowledge", "Snooze", "customers hurt", "What to do", "Red since"):
            assert words not in plain + html[html.index("<body") :]


def test_a_pain_whose_figure_is_unknown_stays_open():
    _, plain, *_ = parts(compose(letter(notice({**LATE, "level": "unknown", "value": None}, Kind.REMINDER))))
    assert (
        "? Unknown: Late repairs, Partner 14\nOpen since 18 Nov 2026, 14:05 CET (2 days).\n\nRed limit: 10 %" in plain
    )


def test_a_stale_figure_says_so():
    _, plain, *_ = parts(compose(letter(notice(SWAPS, unstable=True))))
    assert "Its data is stale" in plain
    assert "It has gone back and forth before." in plain


def test_a_dead_source_has_its_own_words():
    dead = letter(notice({**DEAD, "error": "no route to host"}, opened_at=NOW - timedelta(hours=2)))
    _, plain, html, pictures = parts(compose(dead))
    for words in ("No news since 20 Nov 2026, 05:12 CET (9 hours).", "138 figures are blind", "Reported as: no route to host",
                  "Open a ticket with whoever runs the data feed"):  # fmt: skip
        assert words in plain
        assert words in html
    assert not pictures
    assert "customers" not in plain + html
    _, plain, *_ = parts(compose(letter(notice({**DEAD, "since": None, "blind": 1}))))
    assert "It has never brought any news." in plain
    assert "1 figure is blind" in plain


def test_an_undelivered_mail_names_whose_it_was_and_why():
    for to in (ENGLISH, GERMAN):
        _, plain, html, _ = parts(compose(SAMPLES["undelivered"](to)))
        assert "hub-wien@example.com was refused: 550 5.1.1 unknown user." in plain
        assert "hub-wien@example.com was refused: 550 5.1.1 unknown user." in html


def test_no_english_sentence_of_the_judgement_is_in_a_german_mail():
    _, plain, html, _ = parts(compose(digest(GERMAN)))
    for english in (
        "beyond",
        "Red on 2 of",
        "sure",
        "limit ",
        "customers",
        "Late repairs",
        "since",
        "India,",
        "Friday",
    ):
        assert english not in plain
        assert english not in html[html.index("<body") :]


@pytest.mark.parametrize(
    ("language", "zone", "said"),
    [
        ("en", "Europe/Berlin", ["18 Nov 2026, 14:05 CET", "1,204", "5.46 d"]),
        ("en-GB", "Europe/London", ["18 Nov 2026, 13:05 GMT", "1,204"]),
        ("en-US", "America/New_York", ["Nov 18, 2026, 8:05 AM EST", "1,204"]),
        ("en-IN", "Asia/Kolkata", ["18 Nov 2026, 6:35 pm IST", "1,204"]),
        ("de", "Europe/Berlin", ["18.11.2026, 14:05 MEZ", "1.204", "5,46 Tage", "14,2 %"]),
        ("de-AT", "Europe/Vienna", ["18.11.2026, 14:05 MEZ", "1.204", "5,46 Tage"]),
        ("de-CH", "Europe/Zurich", ["18.11.2026, 14:05 MEZ", "1\u2019204", "5.46 Tage", "14.2 %"]),
        ("en", "America/Sao_Paulo", ["18 Nov 2026, 10:05 UTC-03:00"]),
        ("en", "Asia/Kathmandu", ["18 Nov 2026, 18:50 UTC+05:45"]),
        ("fr", "Europe/Paris", ["18 Nov 2026, 14:05 CET", "1,204", "Newly red"]),
        ("de-XX", "Nowhere/At_all", ["18.11.2026, 13:05 UTC", "1.204"]),
    ],
)
def test_numbers_and_times_are_the_readers(language, zone, said):
    to = Recipient("R", "r@example.com", language, zone)
    _, plain, *_ = parts(compose(letter(notice(), notice(SLOW, number=2), to=to)))
    for words in said:
        assert words in plain


@pytest.mark.parametrize(("moment", "said"), [
    (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "25 Oct 2026, 02:30 CEST"),
    (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "25 Oct 2026, 02:30 CET"),
    (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "29 Mar 2026, 03:30 CEST"),
])  # fmt: skip
def test_clocks_that_change_say_which_hour_it_is(moment, said):
    _, plain, *_ = parts(compose(letter(notice(at=moment), at=moment)))
    assert f"Sent on {said}" in plain


HOSTILE = [
    "<img src=x onerror=alert(1)>", "</mj-text><mj-raw><script>alert(1)</script></mj-raw>", "a\r\nBcc: everyone@example.com", "{{ 7 * 7 }} {0} {title} %(n)s",
    'Zoë & Söhne "Süd"', "日本サービス", "مركز الخدمة \u202e gnorw", "\x00\x07\ud800\ufffe", "]]> -->", "&lt;b&gt;", "x" * 5000, "word " * 1000, "", "{%",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_change_nothing_but_themselves(name):
    reading = {
        **LATE, "slice": {"partner": name, "product": name}, "title": name or "x", "unit": name[:20], "remedies": [name, {"text": name}],
        "drivers": [{"where": {"product": name}, "share": 0.5, "low": None, "high": None}], "outlook": {"text": name},
    }  # fmt: skip
    bad = letter(
        *(notice(reading, kind, number=n, reason=name) for n, kind in enumerate(Kind)),
        notice({**DEAD, "slice": {"source": name}, "error": name}, number=99),
        network=name,
        to=Recipient(name or "x", "r@example.com"),
    )
    sent = compose(bad)
    message, plain, html, _ = parts(sent)
    assert not message.defects
    assert sorted(set(message.keys())) == sorted(
        set(parts(compose(letter(notice(references=("<x@y>",)))))[0].keys()) - {"In-Reply-To", "References"}
    )
    assert [each.addr_spec for each in message["To"].addresses] == ["r@example.com"]
    tags = set(re.findall(r"<(\w+)", html))
    assert not tags & {"script", "b", "iframe", "mj"}
    assert re.findall(r'src="(?!cid:)', html) == []
    assert not re.search(r"[\x00-\x08\u202e\ud800]", plain + html)
    assert len(message["Subject"]) <= 140
    assert len(html.encode()) < 102_000
    assert max(map(len, sent.splitlines())) < 998
    if "7 * 7" in name:
        assert name in plain


def test_names_of_others_are_quoted():
    message, *_ = parts(
        compose(
            letter(notice(), sender="Acme, Köln <painpoint@example.com>", to=Recipient('Head; "Ops"', "h@exämple.com"))
        )
    )
    assert [(each.display_name, each.addr_spec) for each in message["From"].addresses] == [
        ("Acme, Köln", "painpoint@example.com")
    ]
    assert [(each.display_name, each.addr_spec) for each in message["To"].addresses] == [
        ('Head; "Ops"', "h@xn--exmple-cua.com")
    ]


def test_an_address_beyond_ascii_is_written_as_it_is():
    sent = compose(letter(notice(), to=Recipient("Jürgen", "jürgen@example.com")))
    assert "jürgen@example.com".encode() in sent.split(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "bad", ["nobody", "a@", "@b.com", "a b@c.com", "a@b.com\r\nBcc: c@d.com", "a@b.com, c@d.com", ""]
)
def test_what_is_no_address_is_refused(bad):
    with pytest.raises(ValueError, match=r"mail address|address"):
        compose(letter(notice(), to=Recipient("x", bad)))


def test_a_long_subject_is_cut_at_a_word():
    long = {**LATE, "title": "Orders that " + "wait and " * 30, "slice": {"partner": "Very " * 40}}
    message, *_ = parts(compose(letter(notice(long))))
    assert len(message["Subject"]) <= 140
    assert message["Subject"].startswith("Red: Orders that wait and wait and wait and wait… 14.2 % at Very Very")
    assert message["Subject"].endswith("(limit 10 %)")


@pytest.mark.parametrize("count", [1, 8, 9, 200, 1500])
@pytest.mark.parametrize("to", [ENGLISH, GERMAN])
def test_nothing_is_dropped_and_nothing_is_clipped(count, to):
    _, plain, html, pictures = parts(compose(letter(*many(count), to=to)))
    assert len(html.encode()) < 90_000
    assert len(pictures) == min(count, 3)
    assert len(set(re.findall(r"Partner \d+", plain))) == count
    if count <= 200:
        assert len(set(re.findall(r"Partner \d+", html[html.index("<h2") :]))) == count


def test_only_links_of_the_web_are_drawn():
    strange = Links(
        "javascript:alert(1)", "https://x.example.com/a b", "https://x.example.com/\r\nBcc: a", "data:text/html,x"
    )
    _, plain, html, _ = parts(compose(letter(notice(links=strange), board_url="ftp://x", unsubscribe="mailto:x@y")))
    assert set(re.findall(r'href="([^"]*)"', html)) == set()
    assert "javascript" not in plain


def test_a_mail_asks_nothing_of_the_net():
    _, _, html, _ = parts(compose(digest(ENGLISH)))
    assert not re.search(r"url\(|@import|<link|src=\"http", html)


def test_a_picture_that_fails_holds_up_no_mail(caplog):
    broken = {**LATE, "history": [["yesterday", "?"], ["2026-11-20", 0.1]]}
    _, plain, html, pictures = parts(compose(letter(notice(broken))))
    assert not pictures
    assert "<img" not in html
    assert "14.2 %" in plain
    assert "No picture of late_repairs" in caplog.text


def test_short_messages_have_links_and_fit():
    title, body = short(letter(notice(), notice(DEAD, number=2)))
    assert title == "1 red, 1 source without news: late repairs 14.2 % at Partner 14 and 1 more"
    assert body.count(f"{BOARD}/alerts/17") == 2
    for words in (
        "Late repairs, Partner 14",
        "14.2 % (limit 10 %)",
        "27 customers hurt",
        "138 figures are blind",
        "Do: Add capacity",
    ):
        assert words in body
    assert len(body.split("\n\n")) == 2


@pytest.mark.parametrize(("notices", "least"), [
    (lambda: many(60), 8),
    (lambda: [*many(60, kind=Kind.RECOVERED)[:4]], 4),
    (lambda: [notice({**LATE, "slice": {"partner": "x" * 9000}, "remedies": [{"text": "do " * 900}] * 5}, reason="y" * 900)], 1),
    (lambda: [notice(DEAD, Kind.UNDELIVERED, reason="z" * 9000)] * 3, 2),
])  # fmt: skip
def test_short_messages_fit_and_count_what_they_leave_out(notices, least):
    notices = notices()
    title, body = short(letter(*notices))
    told = len(re.findall(r"/alerts/\d+", body))
    assert len(title) <= 140
    assert len(body) <= 1600
    assert told >= least
    assert (f"and {len(notices) - told} more\n{BOARD}/" in body) == (told < len(notices))


if __name__ == "__main__":
    for name, content in goldens().items():
        (GOLDENS / name).write_bytes(content)
        print(f"{len(content):7} {name}")
