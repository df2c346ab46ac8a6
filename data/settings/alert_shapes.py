"""The keys of [alerts], [[recipient]], [[route]] and [[maintenance]] with their types."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from data.settings.shapes import Shape


class AlertsShape(Shape):
    rate: str = "20 per h"
    fallback: str | None = None
    language: str = "en"


class NamedShape(Shape):
    name: str | None = None


class RecipientShape(NamedShape):
    address: str | None = None
    language: str | None = None
    timezone: str | None = None


class EscalateShape(Shape):
    after: str | None = None
    to: list[str] | None = None


class RouteShape(NamedShape):
    match: dict[str, Any] | None = None
    to: list[str] | None = None
    quiet: str | None = None
    pain_above: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    group_wait: str = "30 s"
    remind_after: str = "24 h"
    escalate: EscalateShape | None = None
    digest: str | None = None


class MaintenanceShape(NamedShape):
    match: dict[str, Any] | None = None
    reason: str | None = None
    begins: Any = Field(default=None, alias="from")
    ends: Any = Field(default=None, alias="to")
    every: str | None = None
