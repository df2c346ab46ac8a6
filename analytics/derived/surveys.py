"""What follows for an answer to a survey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from analytics.derived.derivation import Derivation, either

if TYPE_CHECKING:
    from analytics.derived.derivation import Sight
    from analytics.facts import Type

_COLUMNS: dict[str, Type] = {"nps_points": "number"}


def _build(t: Any, sight: Sight) -> Any:  # noqa: ARG001  # one signature
    """Add `nps_points`, whose mean is the net promoter score: its variance is 100^2 (p+ + p- - (p+ - p-)^2)."""
    points = either(
        (t.nps >= 9, ibis.literal(100.0)), (t.nps >= 7, ibis.literal(0.0)), (t.nps.notnull(), ibis.literal(-100.0))
    )
    return t.mutate(nps_points=points)


DERIVATIONS = (Derivation("surveys", "surveys", _COLUMNS, _build, {"nps_points": ("nps",)}),)
