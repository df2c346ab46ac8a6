"""A desk that keeps its episodes in lists, and the episodes, letters and silences that pages may meet."""

from __future__ import annotations

import threading
from datetime import timedelta

from wall_boards import HOSTILE, NOW, driver

from layouts.desk import RefusedError

PER_PAGE = 50


def ago(**delta):
    return (NOW - timedelta(**delta)).isoformat().replace("+00:00", "Z")


def ahead(**delta):
    return ago(**{name: -value for name, value in delta.items()})


def episode(number=1, title="Late repairs", place="Fixpoint Lyon", **changes):
    reading = {"n": 218, "evidence": 0.97, "stale": False, "drivers": [driver("Aurora 6 Pro")], "remedies": ["add_capacity"],
               "window": {"from": ago(days=28), "to": ago()}}  # fmt: skip
    return {
        "id": number, "kpi": "late_repairs", "title": title, "slice": {"partner": place}, "place": place, "value": "red",
        "level": "red", "opened_at": ago(days=3, hours=2), "closed_at": None, "acknowledged_at": None, "acknowledged_by": None,
        "snoozed_until": None, "silenced_until": None, "unstable": False, "pain": 16.4, "worst_pain": 21.0, "customers": 16.4,
        "shown": "14.2 %", "limit": "10 %", "reason": "31 of 218 came back later than promised", "version": 17,
        "told": 2, "waiting": 0, "undeliverable": 0, "reading": reading, "transitions": [], "notices": [], "letters": [],
    } | changes  # fmt: skip


def notice(number=1, recipient="Ada", **changes):
    return {
        "id": number, "recipient": recipient, "route": "everything", "kind": "opened", "created_at": ago(days=3, hours=2),
        "not_before": ago(days=3, hours=2), "status": "told", "held": "", "story": [], "letter": None,
        "told_at": ago(days=3, hours=1, minutes=58),
    } | changes  # fmt: skip


def letter(number=1, recipient="Ada", **changes):
    return {
        "id": number, "recipient": recipient, "subject": "Red: late repairs 14.2 % at Fixpoint Lyon (limit 10 %)",
        "status": "sent", "created_at": ago(days=3, hours=1, minutes=59), "done_at": ago(days=3, hours=1, minutes=58),
        "attempts": 1, "said": "250 2.0.0 OK", "episodes": [1],
        "tries": [{"at": ago(days=3, hours=1, minutes=58), "code": 250, "said": "250 2.0.0 OK"}],
    } | changes  # fmt: skip


def step(axis, before, after, reason, actor=None, **delta):
    return {"at": ago(**delta), "axis": axis, "before": before, "after": after, "reason": reason, "actor": actor}


def silence(number="1", **changes):
    return {
        "id": number, "text": "late_repairs at partner Fixpoint Lyon", "reason": "they move house", "by": "Ada",
        "begins": ago(hours=1), "ends": ahead(hours=3), "recurring": None, "active": True, "mine": True,
    } | changes  # fmt: skip


def told_story():
    """An episode that had everything: put off, held, dropped, refused, acknowledged and taken back."""
    refused = {"at": ago(days=3, hours=1, minutes=50), "code": 550, "said": "5.1.1 no such user"}
    greylisted = {"at": ago(days=3, hours=1, minutes=58), "code": 451, "said": "4.7.1 greylisted, come again"}
    accepted = {"at": ago(days=3, hours=1, minutes=40), "code": 250, "said": "2.0.0 OK queued as 4Xy"}
    cut = {"at": ago(days=3, hours=1, minutes=57), "code": None, "said": "connection refused"}
    return episode(
        1,
        value="recovering",
        unstable=True,
        undeliverable=1,
        waiting=1,
        transitions=[
            step("value", "pending", "red", "Red on 2 of the last 3 judgements", days=3, hours=2),
            step("handling", "open", "acknowledged", "parts are on their way", "Ada", days=2),
            step("handling", "acknowledged", "open", "", "Ada", days=1),
            step("health", "ok", "late", "Source incidents is late", hours=9),
            step("value", "red", "recovering", "Below the recovery limit once", hours=3),
        ],
        notices=[
            notice(1, "Ada", letter=1),
            notice(2, "Bo", letter=2, status="undeliverable", told_at=None),
            notice(3, "Night watch", status="waiting", told_at=None, not_before=ahead(hours=9),
                   held="waits for the end of the quiet hours",
                   story=[[ago(days=3, hours=2), "waits for the end of the quiet hours"]]),
            notice(4, "Cy", status="dropped", told_at=None, held="silenced: they move house", story=[]),
            notice(5, "Ada", kind="reminder", created_at=ago(days=1), status="written", told_at=None, letter=3),
        ],
        letters=[
            letter(1, "Ada", tries=[greylisted, accepted], attempts=2, done_at=accepted["at"]),
            letter(2, "Bo", tries=[cut, refused], status="dead", said="550 5.1.1 no such user", done_at=refused["at"]),
            letter(3, "Ada", created_at=ago(days=1), done_at=None, status="waiting", tries=[], attempts=0, said=""),
        ],
    )  # fmt: skip


def some():
    """Open, acknowledged and recovered episodes of every look."""
    return [
        told_story(),
        episode(2, "Days of backlog", "Mumbai Mobile Care", level="turning", value="turning", shown="4.25 d", limit="2.85 d",
                snoozed_until=ahead(hours=4), customers=0.4, told=0, waiting=3),
        episode(3, "Orders waiting for parts", "Country IN, product Aurora 6 Pro", level="amber", shown="27 %", limit="20 %",
                silenced_until="9999-12-31T23:59:59.999999Z", slice={"country": "IN", "product": "Aurora 6 Pro"}),
        episode(4, "Source contact_centre", "Whole network", kpi="source", level="unknown", shown="", limit="", customers=0.0,
                slice={"source": "contact_centre"}, reading={"stale": True}, reason="Nothing since 04:10", told=0),
        episode(5, "Calls abandoned", "Tokyo 修理センター", acknowledged_at=ago(hours=2), acknowledged_by="Bo Ek"),
        episode(6, "Customs dwell, slowest tenth", "QuickPhone Leeds", level="green", value="green", closed_at=ago(hours=5)),
    ]  # fmt: skip


def many(count=120):
    return [episode(n, f"Late repairs {n:03d}", "Lyon" if n % 2 else "Leeds") for n in range(1, count + 1)]


def hostile():
    said = dict.fromkeys(("title", "place", "reason", "shown", "limit"), HOSTILE)
    bad = {"slice": {"partner": HOSTILE}, "reading": {"drivers": [driver(HOSTILE)], "remedies": [HOSTILE]}}
    return [
        episode(1, **said, **bad, transitions=[step("value", HOSTILE, HOSTILE, HOSTILE, HOSTILE, hours=1)],
                notices=[notice(1, HOSTILE, route=HOSTILE, held=HOSTILE, status="dropped", kind=HOSTILE)],
                letters=[letter(1, HOSTILE, subject=HOSTILE, said=HOSTILE, status="dead")]),
        episode(2, HOSTILE, HOSTILE, acknowledged_at=ago(hours=1), acknowledged_by=HOSTILE, level=HOSTILE, value="red"),
    ]  # fmt: skip


class ListDesk:
    """Fulfils the Desk's protocol; `done` notes every call that changed something, `broken` makes all of them fail."""

    def __init__(self, episodes=(), letters=(), silences=()):
        self.kept = list(episodes)
        self.letters = list(letters)
        self.kept_silences = list(silences)
        self.texts = {each["id"]: (each["subject"], "It is red.") for each in letters}
        self.tokens = {}
        self.done = []
        self.sentence = ""
        self.dispatcher = "live"
        self.broken = False
        self.asked = 0
        self.threads = set()

    def _work(self):
        self.threads.add(threading.current_thread().name)
        if self.broken:
            raise OSError("the store is away")

    def _of(self, state):
        kinds = {
            "open": lambda e: not e["closed_at"] and not e["acknowledged_at"],
            "acknowledged": lambda e: not e["closed_at"] and e["acknowledged_at"],
            "recovered": lambda e: e["closed_at"],
            "all": lambda _: True,
        }
        return [each for each in self.kept if kinds[state](each)]

    def episodes(self, state, words, page):
        self._work()
        wanted = words.lower().split()
        found = [e for e in self._of(state) if all(w in f"{e['title']} {e['place']}".lower() for w in wanted)]
        return found[(page - 1) * PER_PAGE : page * PER_PAGE], len(found)

    def counts(self):
        self._work()
        counts = {state: len(self._of(state)) for state in ("open", "acknowledged", "recovered")}
        return counts | {"dead": len(self.letters)}

    def episode(self, number):
        self._work()
        return next((each for each in self.kept if each["id"] == number), None)

    def act(self, number, verb, actor, reason, hours):
        found = self.episode(number)
        if found is None or (verb == "acknowledge" and found["acknowledged_at"]):
            raise RefusedError("It is acknowledged already.")
        self.done.append((number, verb, actor, reason, hours))
        taken = verb == "acknowledge"
        if taken or verb == "reopen":
            found |= {"acknowledged_at": ago() if taken else None, "acknowledged_by": actor if taken else None}
        return f"{found['title']}: {verb} by {actor}."

    def silences(self):
        self._work()
        return list(self.kept_silences)

    def silence(self, wanted, actor, reason, hours):
        self.done.append(("silence", dict(wanted), actor, reason, hours))
        return "It is silenced."

    def end_silence(self, number, actor):
        if number not in {each["id"] for each in self.kept_silences}:
            raise RefusedError("There is no such silence.")
        self.done.append(("end", number, actor))
        self.kept_silences = [each for each in self.kept_silences if each["id"] != number]
        return "The silence is over."

    def dead_letters(self):
        self._work()
        return list(self.letters)

    def send_again(self, number, actor):
        self.done.append(("again", number, actor))
        self.letters = [each for each in self.letters if each["id"] != number]
        return "The mail is sent again."

    def letter(self, number):
        self._work()
        return self.texts.get(number)

    def token(self, token):
        self._work()
        if token == "expired":  # noqa: S105
            raise RefusedError("This link was good for seven days.", gone=True)
        if token not in self.tokens:
            raise RefusedError("The link is damaged.")
        return self.tokens[token]

    def use(self, token, form):
        right = self.token(token)
        if right["used_at"]:
            raise RefusedError("It was used.", gone=True)
        self.done.append(("use", token, dict(form)))
        if right["verb"] == "preferences":
            right["preferences"] |= form
            return "Your choice is kept."
        right["used_at"] = ago()
        if right["verb"] == "unsubscribe":
            right["preferences"]["stopped"] = True
        return f"Done for {right['recipient']}."

    def status(self):
        self.asked += 1
        self._work()
        return {"dispatcher": self.dispatcher, "beat": ago(seconds=2), "waiting": 4, "oldest_waiting_seconds": 12.5,
                "dead": len(self.letters), "sentence": self.sentence}  # fmt: skip

    def grant(self, token, verb, number=None, **changes):
        preferences = {"language": None, "timezone": None, "quiet": None, "pain_above": None, "stopped": False}
        self.tokens[token] = {"verb": verb, "recipient": "ada@example.com", "hours": None, "used_at": None,
                              "episode": number and self.episode(number), "preferences": preferences} | changes  # fmt: skip


def desk_of_everything():
    made = ListDesk(
        some(),
        [letter(2, "Bo", status="dead", said="550 5.1.1 no such user", attempts=2),
         letter(7, "ops-india@example.com", status="dead", said="", attempts=31, episodes=[1, 2, 3])],
        [silence(), silence("m1", text="family logistics", reason="Customs strike", recurring="every Sunday 02:00 to 04:00",
                            by="the settings", mine=False, active=False)],
    )  # fmt: skip
    made.texts[7] = (
        "Red: 3 KPIs",
        "Red: late repairs 14.2 % at Fixpoint Lyon (limit 10 %)\n\nAcknowledge: https://pain.example.com/alerts/act/abc.def\n",
    )
    made.sentence = "2 mails could not be delivered; the oldest since Saturday."
    for token, verb, number in (
        ("ack", "acknowledge", 1),
        ("snooze", "snooze", 2),
        ("stop", "unsubscribe", None),
        ("choose", "preferences", None),
    ):
        made.grant(token, verb, number, hours=4 if verb == "snooze" else None)
    made.grant("used", "acknowledge", 5, used_at=ago(hours=2))
    return made


DESKS = {
    "everything": desk_of_everything,
    "empty": ListDesk,
    "many": lambda: ListDesk(many()),
    "hostile": lambda: ListDesk(
        hostile(),
        [letter(1, HOSTILE, subject=HOSTILE, said=HOSTILE)],
        [silence(text=HOSTILE, reason=HOSTILE, by=HOSTILE)],
    ),
}
