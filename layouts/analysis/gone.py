"""Where the rows went that were read, as an equation in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layouts.words import say

if TYPE_CHECKING:
    from collections.abc import Mapping

GONE = ("stored", "duplicate", "ignored", "quarantined")


def accounts(counts: Mapping[str, int]) -> str:
    """Write "7 = 5 stored + 2 duplicate"."""
    return say("sources.equation", read=counts["read"], gone=gone(counts))


def gone(counts: Mapping[str, int]) -> str:
    """Write the sum; what is zero adds nothing to it, and is left out."""
    return " + ".join(say(f"gone.{name}", n=counts[name]) for name in GONE if counts[name]) or say("gone.none")
