"""Money at risk under the contracts in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from analytics.kpi import Level
from analytics.named.named import Named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.derived import Sight
    from analytics.kpi import Kpi, Reading
    from analytics.master import Master

_BAD = {"malus": {Level.RED}, "bonus": {Level.RED, Level.AMBER}}
"""A malus falls due beyond the red limit; a bonus is lost as soon as a figure is not green."""


def _at_risk(name: str, readings: Sequence[Reading], master: Master, by: tuple[str, ...]) -> pd.DataFrame:
    """Weigh the contracts whose KPI is judged for just the slice that they are about, in the network's base currency."""
    about = {str(row["kpi"]) for row in master.contracts}
    levels = {(r.kpi, r.slice): r.level for r in readings if r.kpi in about}
    found = []
    for row in master.contracts:
        level = levels.get((str(row["kpi"]), master.scope_of(row)), Level.UNKNOWN)
        money = master.in_base(row[name], row["currency"])
        if money is not None and level is not Level.UNKNOWN and all(row.get(b) is not None for b in by):
            found.append(
                {**{b: row[b] for b in by}, "den": money, "num": money if level in _BAD[name] else 0.0, "n": 1.0}
            )
    frame = pd.DataFrame(found, columns=[*by, "num", "den", "n"])
    summed = frame.groupby(list(by), as_index=False).sum() if by else frame[["num", "den", "n"]].sum().to_frame().T
    summed["rows"] = summed["n"]
    summed["value"] = summed["num"].astype("float64") / summed["den"].astype("float64").where(summed["den"] > 0)
    return summed


def _malus(readings: Sequence[Reading], master: Master, kpi: Kpi, by: tuple[str, ...]) -> pd.DataFrame:  # noqa: ARG001  # one signature
    return _at_risk("malus", readings, master, by)


def _bonus(readings: Sequence[Reading], master: Master, kpi: Kpi, by: tuple[str, ...]) -> pd.DataFrame:  # noqa: ARG001  # as above
    return _at_risk("bonus", readings, master, by)


def _rows(sight: Sight, kpi: Kpi) -> Any:  # noqa: ARG001  # one signature
    contracts = sight.table("contracts_in_force")
    return contracts.mutate(key=contracts.contract)


MEASURES = (
    Named(
        "malus_at_risk",
        "malus of the contracts whose KPI is red, over the malus of all contracts whose KPI is judged, in the base currency",
        "service contracts",
        ("contracts.kpi", "contracts.malus"),
        None,
        _rows,
        of_readings=_malus,
    ),
    Named(
        "bonus_at_risk",
        "bonus of the contracts whose KPI is not green, over the bonus of all contracts whose KPI is judged, in the base currency",
        "service contracts",
        ("contracts.kpi", "contracts.bonus"),
        None,
        _rows,
        of_readings=_bonus,
    ),
)
