"""Screens kept in lists."""

from __future__ import annotations

import threading


class ListScreens:
    """Fulfils the Screens' protocol; `broken` makes all of it fail."""

    def __init__(self):
        self.kept = []
        self.asking = {}
        self.broken = False
        self.lock = threading.Lock()
        self.reads = 0

    def _work(self):
        if self.broken:
            raise OSError("the store is away")

    def ask(self, code, token, agent, now, good_for):
        self._work()
        if code in self.asking:
            return False
        self.asking[code] = (token, agent, now + good_for)
        return True

    def asked(self, token, now):
        self._work()
        return next((code for code, (asked, _, until) in self.asking.items() if asked == token and until > now), None)

    def pair(self, code, name, showing, now):
        if code not in self.asking or self.asking[code][2] <= now:
            return None
        token, agent, _ = self.asking.pop(code)
        return self.add(token, name, showing, agent, now)

    def add(self, token, name, showing, agent, now):
        self._work()
        with self.lock:
            self.kept.append({"id": len(self.kept) + 1, "name": name, "token": token, "showing": dict(showing), "paired_at": iso(now),
                              "revoked_at": None, "beat_at": None, "version": None, "feed": None, "size": None, "agent": agent})  # fmt: skip
            return len(self.kept)

    def screens(self):
        self._work()
        self.reads += 1
        return [dict(each) for each in sorted(self.kept, key=lambda each: each["name"])]

    def heard(self, beats):
        self._work()
        for beat in beats:
            kept = next(each for each in self.kept if each["id"] == beat["id"])
            kept |= {name: beat[name] for name in ("version", "feed", "size", "agent")} | {"beat_at": iso(beat["at"])}

    def change(self, number, name, showing):
        found = self._of(number)
        if found:
            found |= {"name": name, "showing": dict(showing)}
        return found is not None

    def revoke(self, number, now):
        found = self._of(number)
        if found:
            found["revoked_at"] = iso(now)
        return found and found["name"]

    def _of(self, number):
        self._work()
        return next((each for each in self.kept if each["id"] == number and not each["revoked_at"]), None)


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")
