"""A trial of alert rules: readings over time, what people do meanwhile, and the mails that are expected, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from analytics.kpi import Slice

KINDS = (
    *("opened", "turning", "worsened", "reminder", "escalated"),
    *("unstable", "recovered", "corrected", "withdrawn", "undelivered"),
)
"""Why somebody is told."""
SourceState = Literal["fresh", "late", "dead", "failing"]
Verb = Literal["acknowledge", "snooze", "silence", "reopen"]


@dataclass(frozen=True)
class Given:
    """A figure that holds from a moment until the next one of its KPI and slice; `value` None: no data. Pain None: follows."""

    at: datetime
    kpi: str
    slice: Slice
    value: float | None
    n: float | None = None
    pain: float | None = None


@dataclass(frozen=True)
class SourceTurn:
    """How a source is from a moment on; until then it is fresh."""

    at: datetime
    name: str
    state: SourceState


@dataclass(frozen=True)
class Deed:
    """What somebody does about the open episodes, or those of a KPI and slice; `hours` for what lasts a while."""

    at: datetime
    verb: Verb
    by: str
    kpi: str | None = None
    slice: Slice | None = None
    hours: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Expectation:
    """Mails that are to come: at least one, or exactly `mails`, of those that meet every condition that is set."""

    begins: datetime | None = None
    ends: datetime | None = None
    to: str | None = None
    kind: str | None = None
    subject: str | None = None
    kpi: str | None = None
    slice: Slice | None = None
    mails: int | None = None


@dataclass(frozen=True)
class Trial:
    """One test: from `start` to `until`. `partners` has what the master data would say of each."""

    name: str
    start: datetime
    until: datetime
    partners: Mapping[str, Mapping[str, str]]
    readings: tuple[Given, ...]
    sources: tuple[SourceTurn, ...] = ()
    deeds: tuple[Deed, ...] = ()
    expectations: tuple[Expectation, ...] = ()
