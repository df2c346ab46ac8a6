"""What the pages of alerts ask for and do, as a protocol: whoever keeps the episodes fulfils it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERBS = ("acknowledge", "snooze", "silence", "reopen")
STATES = ("open", "acknowledged", "recovered", "all")


class RefusedError(Exception):
    """What was asked for cannot be done; the message is a sentence for whoever asked. `gone`: it once could be."""

    def __init__(self, sentence: str, *, gone: bool = False) -> None:
        super().__init__(sentence)
        self.gone = gone


class Desk(Protocol):
    """Times in the documents are ISO 8601 texts in UTC with a Z, or None.

    An episode: {"id", "kpi", "title", "slice", "place", "value" (green turning pending red recovering), "level", "opened_at",
    "closed_at", "acknowledged_at", "acknowledged_by", "snoozed_until", "silenced_until", "unstable", "pain", "worst_pain",
    "customers", "shown" (the figure in words), "limit" (likewise), "reason", "version" (of the Board it was opened with),
    "told" (how many recipients were told), "waiting" (how many are still to be told), "undeliverable" (how many could not be),
    "reading" (the contract's JSON)}.
    A notice: {"id", "recipient", "route", "kind", "created_at", "not_before", "status" (waiting written told undeliverable
    dropped), "held" (why it waits or was dropped), "story" ([[at, reason], ...]), "letter" (id or None), "told_at"}.
    A letter: {"id", "recipient", "subject", "status" (waiting sent dead), "created_at", "done_at", "attempts" (their number),
    "said", "tries": [{"at", "code", "said"}], "episodes": [ids]}.
    A silence: {"id", "text" (what it takes, in words), "reason", "by", "begins", "ends", "recurring" (text or None), "active",
    "mine" (made on the page and so to be ended there)}.
    """

    def episodes(self, state: str, words: str, page: int) -> tuple[Sequence[Mapping[str, Any]], int]:
        """Give one page of 50 episodes of a state whose title or place holds all the words, and how many there are in all."""

    def counts(self) -> Mapping[str, int]:
        """Give how many episodes are "open" (not acknowledged), "acknowledged", "recovered", and letters "dead"."""

    def episode(self, number: int) -> Mapping[str, Any] | None:
        """Give one episode with "transitions" ([{"at", "axis", "before", "after", "reason", "actor"}]), "notices" and "letters"."""

    def act(self, number: int, verb: str, actor: str, reason: str, hours: float | None) -> str:
        """Acknowledge, snooze (for `hours`), silence (its KPI and slice, for `hours`) or reopen an episode; say what was done."""

    def silences(self) -> Sequence[Mapping[str, Any]]:
        """Give the silences and maintenance windows that are active or still to come."""

    def silence(self, wanted: Mapping[str, str], actor: str, reason: str, hours: float) -> str:
        """Silence what has the wanted dimensions ("kpi" and "family" among them) for some hours; say what was done."""

    def end_silence(self, number: str, actor: str) -> str:
        """End a silence now."""

    def dead_letters(self) -> Sequence[Mapping[str, Any]]:
        """Give the letters that could not be delivered, the newest first."""

    def send_again(self, number: int, actor: str) -> str:
        """Send a dead letter again."""

    def letter(self, number: int) -> tuple[str, str] | None:
        """Give the subject and the text part of a letter."""

    def token(self, token: str) -> Mapping[str, Any]:
        """Read a link's token; RefusedError if it is invalid, `gone` if it has expired; a used one is read all the same.

        {"verb" (acknowledge snooze unsubscribe preferences), "recipient", "episode" (document or None), "hours", "used_at",
        "preferences": {"language", "timezone", "quiet", "pain_above", "stopped"}}.
        """

    def use(self, token: str, form: Mapping[str, str]) -> str:
        """Do what a token is for, once; say what was done. RefusedError, `gone`, if it was used.

        `form` holds the chosen preferences: {"language", "timezone" (IANA), "quiet" ("22:00-07:00"), "pain_above" ("12"), "stopped"
        ("1")}, "" for what the settings say; a token for preferences may be used again and again until it expires.
        """

    def status(self) -> Mapping[str, Any]:
        """Give how the sending goes.

        {"dispatcher": live, dead or off, "beat", "waiting" (letters and notices due), "oldest_waiting_seconds", "dead" (letters),
        "sentence" (what is wrong, "" if nothing)}.
        """
