"""A reading of a stored Board as the value that judging works with."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from analytics.kpi import Health, Level, Limits, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.kpi import Bound

_AS_THEY_ARE = (
    *(
        "kpi",
        "title",
        "family",
        "value",
        "numerator",
        "denominator",
        "n",
        "unit",
        "stale",
        "reason",
        "evidence",
        "pain",
    ),
    *("trend", "outlook", "customers", "pain_kind", "among_peers", "false_discovery", "change", "shared", "worsening"),
)


def reading_of(document: Mapping[str, Any]) -> Reading:
    """Read a reading from a Board's JSON; what persistence remembers of it is left out."""
    window = document["window"]
    to = _moment(window["to"])
    assert to is not None  # noqa: S101  # every window has an end
    return Reading(
        **{name: document[name] for name in _AS_THEY_ARE if name in document},
        slice=tuple(sorted(document["slice"].items())),
        window=(_moment(window["from"]), to),
        limits=Limits(_bound(document["limits"]["green"]), _bound(document["limits"]["red"])),
        level=Level(document["level"]),
        health=Health(document["health"]),
        since=_moment(document["since"]),
        history=tuple((day, value) for day, value, *_ in document["history"]),
        drivers=tuple(document["drivers"]),
        remedies=tuple(document["remedies"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _bound(bound: float | list[float]) -> Bound:
    return (float(bound[0]), float(bound[1])) if isinstance(bound, list) else bound
