"""Repair quality over several facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analytics.named.named import Named

MEASURES: tuple[Named, ...] = ()
