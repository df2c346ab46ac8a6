"""What `backtest` prints: the episodes, who would have got what, the scores, and two settings side by side."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from analytics.backtest import BY, TOLD
from analytics.wording import figure, place
from data.settings.durations import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from data.reporting import Reporter

DAY = 86_400.0
_EPISODE = ["from", "until", "days", "kpi", "where", "pain"]
_MOST_FLAPPING = 3
_WAYS = {"told": "told in any way", "judged": "red", "naive": "naive limits"}


def print_backtest(document: Mapping[str, Any], to: Reporter, settings: str, *, routed: bool) -> None:
    """Print a backtest's document; `routed` tells whether the settings name anybody to tell."""
    to.table("Would have been red", _EPISODE, _episodes(document["episodes"]))
    if routed:
        _print_told(document, to)
    else:
        to.out("Nobody would have been told: the settings have no [[route]].")
    _print_scores(document["scores"], to)
    if "against" in document:
        _print_against(document, document["against"], to, settings)


def _episodes(episodes: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    return [
        [
            e["from"][:10],
            (e["to"] or "")[:10],
            str(e["days"]),
            e["kpi"],
            place(tuple(e["slice"].items())),
            f"{e['pain']:.0f}",
        ]
        for e in episodes
    ]


def _is_daily(document: Mapping[str, Any]) -> bool:
    return seconds(document["every"]) >= DAY


def _print_told(document: Mapping[str, Any], to: Reporter) -> None:
    daily = _is_daily(document)
    rows = [
        [
            r["route"],
            r["recipient"],
            str(r["mails"]),
            str(r["notices"]),
            "-" if daily else str(r["night"]),
            r["busiest_day"] or "-",
            str(r["most_on_a_day"]),
        ]
        for r in document["recipients"]
    ]
    heads = ["route", "recipient", "mails", "notices", "at night", "busiest day", "most on a day"]
    to.table("Who would have got what", heads, rows)
    if daily:
        to.out(
            "Judged once a day: mails stand at that moment, and when in the day they would have come is not known; see --every."
        )
    else:
        to.out(f"Mails between 22:00 and 06:00 where the recipient is: {sum(m['night'] for m in document['mails'])}.")
    worst = "; ".join(
        f"{f['kpi']} {place(tuple(f['slice'].items()))} {f['flaps']}" for f in document["flapping"][:_MOST_FLAPPING]
    )
    to.out(f"Flaps (red again within 7 days): {document['flaps']}{f', most: {worst}' if worst else ''}.")
    if document["held"]:
        to.out(f"Not told: {', '.join(f'{number} {why}' for why, number in document['held'].items())}.")


def _print_scores(scores: Mapping[str, Any], to: Reporter) -> None:
    ways = [way for way in TOLD if way in scores]
    names = list(dict.fromkeys(name for way in ways for name in scores[way] if name != "by"))
    rows = [
        [name.replace("_", " "), *(_number(scores[way][name]) if name in scores[way] else "" for way in ways)]
        for name in names
    ]
    to.table("Scores", ["", *(_WAYS[way] for way in ways)], rows)
    if "by_size" not in scores:
        return
    rows = [
        [
            f"{s['size']:g}",
            *(
                _number(s[way][name])
                for way in TOLD
                for name in ("troubles", "found", "median_days")
                if way == "told" or name != "troubles"
            ),
            _number(s["median_loss_days"]),
            *(str(s["by"][how]) for how in BY),
            str(s["unjudged"]),
        ]
        for s in scores["by_size"]
    ]
    found = [f"{_WAYS[way]}: {name}" for way in TOLD for name in ("found", "days")]
    heads = ["troubles", *found, "days lost", *(f"by {how}" for how in BY), "too few rows"]
    to.table("Troubles by size (standard errors a week)", ["size", *heads], rows)


def _print_against(here: Mapping[str, Any], there: Mapping[str, Any], to: Reporter, settings: str) -> None:
    to.table(f"Red under {settings} only", _EPISODE, _episodes(there["episodes_only_here"]))
    to.table(f"Red under {there['settings']} only", _EPISODE, _episodes(there["episodes_only_there"]))
    both, daily = len(there["episodes_in_both"]), _is_daily(here)
    only = [len(there[f"episodes_only_{where}"]) for where in ("here", "there")]
    rows = [
        ["red under both", str(both), str(both)],
        ["red under this one only", *map(str, only)],
        *_per_recipient(here["mails"], there["mails"]),
        ["mails", *(str(len(each["mails"])) for each in (here, there))],
        ["mails at night", *("-" if daily else str(sum(m["night"] for m in e["mails"])) for e in (here, there))],
        ["flaps", str(here["flaps"]), str(there["flaps"])],
        *(
            [name.replace("_", " "), *(_number(each["scores"]["judged"][name]) for each in (here, there))]
            for name in here["scores"]["judged"]
        ),
    ]
    to.table("Side by side", ["", settings, there["settings"]], rows)


def _per_recipient(here: Iterable[Mapping[str, Any]], there: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    one, other = (Counter(mail["recipient"] for mail in mails) for mails in (here, there))
    return [[f"mails to {name}", str(one[name]), str(other[name])] for name in dict.fromkeys([*one, *other])]


def _number(value: float | None) -> str:
    return "-" if value is None else figure(value)
