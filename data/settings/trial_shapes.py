"""The keys of a file of trials for `test-alerts`, with their types."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from data.settings.shapes import Shape


class FileShape(Shape):
    settings: str | None = None
    test: Any = None


class TrialShape(Shape):
    name: str | None = None
    start: Any = None
    lasts: str | None = None
    partners: dict[str, dict[str, str]] = Field(default_factory=dict)
    reading: list[Any] = Field(default_factory=list)
    source: list[Any] = Field(default_factory=list)
    do: list[Any] = Field(default_factory=list)
    expect: list[Any] = Field(default_factory=list)


class TimedShape(Shape):
    at: Any = None


class ReadingShape(TimedShape):
    kpi: str | None = None
    slice: dict[str, str] = Field(default_factory=dict)
    value: float | None = Field(default=None, allow_inf_nan=False)
    n: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    pain: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class SourceTurnShape(TimedShape):
    name: str | None = None
    state: str | None = None


class DeedShape(TimedShape):
    verb: str | None = None
    by: str | None = None
    kpi: str | None = None
    slice: dict[str, str] | None = None
    lasts: str | None = Field(default=None, alias="for")
    reason: str = ""


class ExpectShape(TimedShape):
    within: str = "10 min"
    between: list[Any] | None = None
    to: str | None = None
    kind: str | None = None
    subject: str | None = None
    kpi: str | None = None
    slice: dict[str, str] | None = None
    mails: int | None = Field(default=None, ge=0)
