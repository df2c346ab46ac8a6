"""Plays a trial of alert rules: Boards of its readings go through the same parts as in the live product, and nothing leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from alerts.desk import RefusedError
from alerts.rehearsal import Rehearsal
from analytics.board import instant
from analytics.wording import place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytics.routing import Alerting
    from analytics.staged import Staged
    from analytics.trial import Deed, Expectation, Trial

JUDGED_EVERY = timedelta(hours=1)
"""A trial is judged whenever something changes, and so often besides."""


@dataclass(frozen=True)
class Failure:
    """What was expected and did not come: the sentence, what came instead, what was not told and why, and how levels changed."""

    expected: str
    came: Sequence[Mapping[str, Any]]
    not_told: Sequence[Mapping[str, Any]]
    levels: Sequence[Mapping[str, Any]]


@dataclass
class Played:
    """A trial that was played, with everything that failed in it."""

    trial: Trial
    mails: Sequence[Mapping[str, Any]]
    failures: list[Failure] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.failures


def play(trial: Trial, staged: Staged, alerting: Alerting) -> Played:
    """Play a trial to its end and hold what came against what was expected."""
    rehearsal = Rehearsal(alerting, staged.network)
    refused = list(_lived(trial, staged, rehearsal))
    mails = rehearsal.result(trial.until)["mails"]
    untold = [row | {"at": _after(trial, row["at"])} for row in rehearsal.untold()]
    levels = [
        {"at": _after(trial, at), "kpi": r.kpi, "slice": dict(r.slice), "level": r.level.value, "reason": r.reason}
        for at, r in staged.levels
    ]
    timed = [mail | {"after": _after(trial, mail["at"])} for mail in mails]
    played = Played(trial, timed)
    played.failures += [Failure(said, timed, untold, levels) for said in refused]
    for each in trial.expectations:
        met = [mail for mail in timed if _meets(mail, each)]
        if (not met) if each.mails is None else (len(met) != each.mails):
            mine = [mail for mail in timed if each.to in (None, mail["recipient"])]
            rest = [row for row in untold if each.to in (None, row["recipient"])]
            played.failures.append(Failure(_sentence(trial, each, len(met)), mine, rest, levels))
    return played


def _lived(trial: Trial, staged: Staged, rehearsal: Rehearsal) -> list[str]:
    """Let the trial's time pass; give what people could not do."""
    changes = {trial.start, *(each.at for each in trial.readings), *(each.at for each in trial.sources)}
    hours = range(int((trial.until - trial.start) / JUDGED_EVERY) + 1)
    judged = changes | {trial.start + number * JUDGED_EVERY for number in hours}
    refused = []
    for moment in sorted(judged | {deed.at for deed in trial.deeds}):
        if moment in judged:
            rehearsal.add(staged.board(moment))
        for deed in (deed for deed in trial.deeds if deed.at == moment):
            rehearsal.advance(moment)
            refused += _done(trial, deed, rehearsal)
    return refused


def _done(trial: Trial, deed: Deed, rehearsal: Rehearsal) -> list[str]:
    """Do what somebody does; give a sentence if it cannot be done."""
    desk, when = rehearsal.desk(), _after(trial, deed.at)
    if deed.verb == "silence":
        wanted = dict(deed.slice or ()) | ({"kpi": deed.kpi} if deed.kpi else {})
        desk.silence(wanted, deed.by, deed.reason or "the test", deed.hours or 0.0)
        return []
    about = [
        number
        for number, kpi, slice_ in rehearsal.open_episodes()
        if deed.kpi in (None, kpi) and (deed.slice is None or dict(deed.slice) == slice_)
    ]
    if not about:
        return [f"{deed.by} wants to {deed.verb} at {when}, but nothing of it is open then"]
    try:
        for number in about:
            desk.act(number, deed.verb, deed.by, deed.reason, deed.hours)
    except RefusedError as error:
        return [f"{deed.by} wants to {deed.verb} at {when}: {error}"]
    return []


def _meets(mail: Mapping[str, Any], wanted: Expectation) -> bool:
    at = datetime.fromisoformat(mail["at"])
    about = any(
        wanted.kind in (None, kind)
        and wanted.kpi in (None, episode["kpi"])
        and (wanted.slice is None or dict(wanted.slice) == episode["slice"])
        for kind, episode in zip(mail["kinds"], mail["episodes"], strict=True)
    )
    return (
        about
        and (wanted.begins is None or wanted.begins <= at)
        and (wanted.ends is None or at <= wanted.ends)
        and wanted.to in (None, mail["recipient"])
        and (wanted.subject is None or wanted.subject.casefold() in mail["subject"].casefold())
    )


def _sentence(trial: Trial, wanted: Expectation, came: int) -> str:
    """Say what was expected, and how much of it came."""
    number = "a mail" if wanted.mails is None else f"{wanted.mails} mail{'' if wanted.mails == 1 else 's'}"
    parts = [f'"{wanted.kind}"' if wanted.kind else "", f"to {wanted.to}" if wanted.to else ""]
    parts += [
        f"about {wanted.kpi}" if wanted.kpi else "",
        f"at {place(wanted.slice)}" if wanted.slice is not None else "",
    ]
    parts += [f'whose subject holds "{wanted.subject}"' if wanted.subject else ""]
    parts += [f"between {_after(trial, wanted.begins)} and {_after(trial, wanted.ends)}" if wanted.begins else ""]
    said = " ".join([number, *(part for part in parts if part)])
    return f"expected {said}; {came or 'none'} came"


def _after(trial: Trial, at: datetime | str | None) -> str:
    """Write a moment as the time since the start, as trials do."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    if moment is None:
        return ""
    minutes = round((moment - trial.start).total_seconds() / 60, 1)
    return f"{minutes / 60:.4g} h" if minutes >= 60 or minutes == 0 else f"{minutes:g} min"


def as_json(played: Played) -> dict[str, Any]:
    """Give what became of a trial."""
    return {
        "name": played.trial.name,
        "passed": played.passed,
        "start": instant(played.trial.start),
        "until": instant(played.trial.until),
        "mails": [dict(mail) for mail in played.mails],
        "failures": [
            {
                "expected": f.expected,
                "came": [dict(mail) for mail in f.came],
                "not_told": [dict(row) for row in f.not_told],
                "levels": [dict(level) for level in f.levels],
            }
            for f in played.failures
        ],
    }


def as_lines(played: Played) -> list[str]:
    """Write what became of a trial for people."""
    lines = [f"{'passed' if played.passed else 'FAILED'}  {played.trial.name}"]
    for failure in played.failures:
        lines += [f"  {failure.expected}", "  what came:"]
        lines += [
            f"    {m['after']}: to {m['recipient']}, {', '.join(m['kinds'])}: {m['subject']}" for m in failure.came
        ]
        lines += [] if failure.came else ["    nothing"]
        lines += ["  what was not told, and why:"] if failure.not_told else []
        lines += [f"    {r['at']}: {r['recipient']}, {r['kind']} of {_about(r)}: {r['why']}" for r in failure.not_told]
        lines += ["  how it was judged:"] if failure.levels else []
        lines += [f"    {level['at']}: {_about(level)} {level['level']}: {level['reason']}" for level in failure.levels]
    return lines


def _about(row: Mapping[str, Any]) -> str:
    return f"{row['kpi']} at {place(tuple(row['slice'].items()))}"
