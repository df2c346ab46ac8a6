"""The contract of each fact as a pandera schema: good rows go on, bad ones are reported with a reason each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pandera.pandas as pandera

from analytics.facts import FACTS

if TYPE_CHECKING:
    from datetime import datetime

    from analytics.facts import Field
    from data.settings import Source


def schema(source: Source, loaded_at: datetime) -> pandera.DataFrameSchema:
    """Build the schema that the canonical rows of a source must meet at a load."""
    fact = FACTS[source.fact]
    fields = {field.name: field for field in fact.fields}
    mapped = {name for name, _ in source.fields}
    columns = {
        name: _column(field) for name, field in fields.items() if name in mapped and (field.choices or _bounded(field))
    }
    key = " and ".join(
        name for name in fact.key if fact.master or name in ("site", "part", "at", "name") or len(fact.key) == 1
    )
    columns["key"] = pandera.Column(nullable=True, checks=_check(lambda s: s.notna(), f"{key} is missing"))
    latest = pd.Timestamp(loaded_at).tz_convert("UTC").tz_localize(None)
    times = [f"{kind}_at" for kind, _ in source.events] or ["at"]
    for name in (*times, "recorded_at"):
        columns[name] = pandera.Column(
            nullable=True,
            checks=_check(lambda s: ~(s > latest), f"{name} {{}} lies in the future; mend the row or its time zone"),
        )
    return pandera.DataFrameSchema(columns, checks=_has_time(times))


def failures(rows: pd.DataFrame, contract: pandera.DataFrameSchema) -> dict[int, str]:
    """Give the reason for every row (by its index) that breaks the contract."""
    try:
        contract.validate(rows, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
        reasons: dict[int, list[str]] = {}
        for place, check, case in zip(cases["index"], cases["check"], cases["failure_case"], strict=True):
            sentence = str(check).format(_shown(case))
            known = reasons.setdefault(int(place), [])
            if sentence not in known:
                known.append(sentence)
        return {place: "; ".join(known) for place, known in reasons.items()}
    return {}


def _check(test: object, sentence: str) -> pandera.Check:
    return pandera.Check(test, error=sentence, ignore_na=False)


def _has_time(times: list[str]) -> pandera.Check:
    """Require one event time at least; a frame-wide check yields one failure per column, hence one sentence per row."""

    def some(frame: pd.DataFrame) -> pd.Series:
        return pd.Series(np.logical_or.reduce([frame[name].notna().to_numpy() for name in times]), index=frame.index)

    return _check(some, f"no event time: {', '.join(times)} {'are all' if len(times) > 1 else 'is'} missing")


def _bounded(field: Field) -> bool:
    return field.low is not None or field.high is not None


def _column(field: Field) -> pandera.Column:
    if field.choices:
        known = ", ".join(field.choices)
        return pandera.Column(
            nullable=True,
            checks=_check(
                lambda s: s.isna() | s.isin(field.choices), f"{field.name} '{{}}' is not one of {known}; map it"
            ),
        )
    low = -np.inf if field.low is None else field.low
    high = np.inf if field.high is None else field.high
    span = f"at least {low:g}" if high == np.inf else f"between {low:g} and {high:g}"
    return pandera.Column(
        nullable=True, checks=_check(lambda s: ~((s < low) | (s > high)), f"{field.name} {{}} is not {span}")
    )


def _shown(case: object) -> str:
    return f"{case:%Y-%m-%d %H:%M:%S}Z" if isinstance(case, pd.Timestamp) else str(case)[:80]
