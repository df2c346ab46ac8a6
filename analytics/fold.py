"""Events -> one row per case: a fold that does not depend on the order in which the events arrived.

Two logs feed it. `statements` holds rows per case, each a version of all that its source says of a key; only the newest
version counts. `events` holds rows per event; the earliest of a milestone wins. Attributes are the latest known
non-missing value by (event time, recorded_at, batch, row). All times are UTC without a zone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analytics.facts import Fact, Type

IBIS_TYPES: dict[Type, str] = {
    "text": "string",
    "number": "float64",
    "integer": "int64",
    "bool": "boolean",
    "time": "timestamp(6)",
}
IDENTITY = "decimal(38, 0)"
"""A digest of 128 bits, kept as a number: such columns are only compared."""
_PLACE = {
    "source": "string",
    "generation": "int64",
    "batch": "int64",
    "row": "int64",
    "file": "string",
    "place": "int64",
}
_IDENTITY = {"key": "string", "recorded_at": "timestamp(6)", "id": IDENTITY}
_ARG_MAX: dict[Any, Any] = {}


@dataclass(frozen=True)
class FoldPlan:
    """What a fold of one fact must know beside its rows.

    `extras`: the further columns and their types. `known`: for (source, extra) the event kind from which on it is known.
    `single`: only statements of one source exist, so that each key has one newest row and nothing needs merging.
    `told`: the kinds and attributes that any source maps; None if that is not known.
    """

    fact: Fact
    extras: dict[str, Type] = field(default_factory=dict)
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    single: bool = False
    told: frozenset[str] | None = None

    def tells(self, name: str) -> bool:
        """Say whether any source maps a kind or attribute; those that none does cost nothing to fold."""
        return self.told is None or name in self.told

    @property
    def kinds(self) -> tuple[str, ...]:
        """The event kinds that any source tells of; all of them if none is known to be left out."""
        return tuple(kind for kind in self.fact.kinds if self.tells(kind)) or self.fact.kinds

    @property
    def attributes(self) -> dict[str, Type]:
        """The fact's fields and further columns, with their types."""
        own = {f.name: f.type for f in self.fact.fields}
        if self.fact.snapshot:
            own["at"] = "time"
        return own | self.extras

    @property
    def carried(self) -> dict[str, Type]:
        """The attributes that any source tells of."""
        return {name: type_ for name, type_ in self.attributes.items() if self.tells(name)}


def statement_columns(plan: FoldPlan) -> dict[str, str]:
    """Name the columns of the log of statements, with their Ibis types."""
    times = {f"{kind}_at": "timestamp(6)" for kind in plan.fact.kinds}
    return _PLACE | _IDENTITY | times | {name: IBIS_TYPES[t] for name, t in plan.attributes.items()}


def event_columns(plan: FoldPlan) -> dict[str, str]:
    """Name the columns of the log of events, with their Ibis types; `same` tells events apart whatever was recorded when."""
    own = {"same": IDENTITY, "kind": "string", "at": "timestamp(6)"}
    return _PLACE | _IDENTITY | own | {name: IBIS_TYPES[t] for name, t in plan.attributes.items()}


def fact_columns(plan: FoldPlan) -> dict[str, str]:
    """Name the columns of the folded fact, with their Ibis types, in the order in which `fold` gives them."""
    columns = {"key": "string", "source": "string"}
    if not plan.fact.snapshot:
        for kind in plan.fact.kinds:
            columns |= {f"{kind}_at": "timestamp(6)", f"{kind}_last_at": "timestamp(6)"}
        columns |= {f"{kind}_count": "int64" for kind in plan.fact.repeatable}
    columns |= {name: IBIS_TYPES[t] for name, t in plan.attributes.items()}
    return columns | {"first_event_at": "timestamp(6)", "last_event_at": "timestamp(6)"}


def fold(plan: FoldPlan, statements: ir.Table, events: ir.Table | None, moment: Any = None) -> ir.Table:
    """Fold the logs into the fact, as known at `moment` (an Ibis timestamp, UTC without a zone; None: everything that was loaded).

    Both tables hold the rows of the active generations only. The result has the columns of `fact_columns`.
    """
    if plan.fact.snapshot:
        return _snapshots(plan, statements, moment)
    newest = _newest(plan, statements, moment)
    if plan.single:
        return _alone(plan, newest, moment)
    parts = [*_statement_parts(plan, newest, moment)]
    if events is not None:
        parts.append(_event_part(plan, events, moment))
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.union(part)
    return _merge(plan, merged)


def told_when(plan: FoldPlan, statements: ir.Table, events: ir.Table | None, moment: Any) -> ir.Table:
    """Give when each event was first told of: `key`, `at`, and `recorded_at`, the first time of record that names it.

    Of a row per case it is the version's newest event: what happened last is what made somebody write. Rows without a time
    of record, and what was recorded after `moment`, are left out.
    """
    newest = ibis.greatest(*[_until(statements[f"{kind}_at"], moment) for kind in plan.kinds])
    parts = statements.select("key", "recorded_at", at=newest)
    if events is not None:
        parts = parts.union(events.select("key", "recorded_at", at=events["at"]))
    parts = parts.filter(parts.recorded_at <= moment, parts["at"] <= moment)
    return parts.group_by("key", "at").agg(recorded_at=parts.recorded_at.min())


def latest(column: Any, order: Any) -> Any:
    """Give the non-missing value with the highest order.

    Ibis' own argmax sorts every group and lets a missing value win; DuckDB's arg_max does neither.
    """
    type_, order_type = column.type(), order.type()
    if (type_, order_type) not in _ARG_MAX:

        def arg_max(column, order):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # the engine has the body
            ...

        arg_max.__annotations__ = {"column": type_, "order": order_type, "return": type_}
        _ARG_MAX[type_, order_type] = ibis.udf.agg.builtin(arg_max)
    return _ARG_MAX[type_, order_type](column, order)


def _is_known(table: ir.Table, moment: Any) -> Any:
    return table.recorded_at.isnull() | (table.recorded_at <= moment)


def _pick(table: ir.Table, group: list[str], *, dated: bool) -> ir.Table:
    """Keep the newest row of each group, by time of record if `dated`, else by place.

    Only the places of rows are sorted, not all that they hold; no two rows of a log share a place.
    """
    narrow = table.select(*dict.fromkeys([*group, "recorded_at", "batch", "row"]))
    order = [narrow.batch.desc(), narrow.row.desc()]
    if dated:
        order.insert(0, narrow.recorded_at.desc(nulls_first=False))
    ranked = narrow.mutate(version=ibis.row_number().over(group_by=group, order_by=order))
    return table.semi_join(ranked.filter(ranked.version == 0), ["batch", "row"])


def _snapshots(plan: FoldPlan, rows: ir.Table, moment: Any) -> ir.Table:
    if moment is not None:
        rows = rows.filter(rows.at <= moment, _is_known(rows, moment))
    newest = _pick(rows, ["key"], dated=False)
    named = {name: newest[name] for name in plan.attributes}
    return newest.select("key", "source", **named, first_event_at=newest.at, last_event_at=newest.at)


def _newest(plan: FoldPlan, rows: ir.Table, moment: Any) -> ir.Table:
    """Keep each source's newest statement of a key, and of its times only those that have come."""
    if moment is not None:
        rows = rows.filter(_is_known(rows, moment))
    newest = _pick(rows, ["source", "key"], dated=True)
    times = [newest[f"{kind}_at"] for kind in plan.kinds]
    newest = newest.mutate(first=ibis.least(*times), last=ibis.greatest(*times))
    if moment is None:
        return newest.filter(newest["first"].notnull())
    newest = newest.filter(newest["first"] <= moment)
    come = {f"{k}_at": _until(newest[f"{k}_at"], moment) for k in plan.kinds}
    return newest.mutate(**come)


def _until(column: Any, moment: Any) -> Any:
    return ibis.ifelse(column <= moment, column, ibis.null("timestamp(6)"))


def _known_from(plan: FoldPlan, table: ir.Table, name: str) -> Any:
    """Give the time from which on a statement's attribute is known, and which orders it among others."""
    kinds = {source: kind for (source, extra), kind in plan.known.items() if extra == name}
    if kinds:
        cases = [(table.source == source, table[f"{kind}_at"]) for source, kind in sorted(kinds.items())]
        return ibis.cases(*cases, else_=table["first"])
    result = any(f.name == name and f.result for f in plan.fact.fields)
    return table["last"] if result else table["first"]


def _visible(plan: FoldPlan, table: ir.Table, name: str, moment: Any) -> Any:
    """Give a statement's attribute where it is known at the moment, else null."""
    known_from = _known_from(plan, table, name)
    known = known_from.notnull()
    if moment is not None:
        known &= (known_from <= moment) | table.recorded_at.notnull()
    return ibis.ifelse(known, table[name], ibis.null(table[name].type()))


def _always_known(plan: FoldPlan, name: str, moment: Any) -> bool:
    late = any(f.name == name and f.result for f in plan.fact.fields)
    return not any(extra == name for _, extra in plan.known) and (moment is None or not late)


def _alone(plan: FoldPlan, newest: ir.Table, moment: Any) -> ir.Table:
    columns: dict[str, Any] = {}
    for kind in plan.kinds:
        columns |= {f"{kind}_at": newest[f"{kind}_at"], f"{kind}_last_at": newest[f"{kind}_at"]}
    counted = [kind for kind in plan.fact.repeatable if kind in plan.kinds]
    columns |= {f"{kind}_count": newest[f"{kind}_at"].notnull().cast("int64") for kind in counted}
    for name in plan.carried:
        always = _always_known(plan, name, moment)
        columns[name] = newest[name] if always else _visible(plan, newest, name, moment)
    last = ibis.greatest(*[newest[f"{kind}_at"] for kind in plan.kinds])
    return _completed(
        plan, newest.select("key", "source", **columns, first_event_at=newest["first"], last_event_at=last)
    )


def _statement_parts(plan: FoldPlan, newest: ir.Table, moment: Any) -> list[ir.Table]:
    """Split statements by the time their attributes are known from, so that each part has one time to be ordered by."""
    results = {f.name for f in plan.fact.fields if f.result}
    kinds = {name: sorted({kind for (_, extra), kind in plan.known.items() if extra == name}) for name in plan.extras}
    plain = [name for name in plan.carried if name not in results and not kinds.get(name)]
    parts = [_part(plan, newest, plain, newest["first"], times=True)]
    if results & set(plan.carried):
        happened = newest
        if moment is not None:
            happened = newest.filter((newest["last"] <= moment) | newest.recorded_at.notnull())
        parts.append(_part(plan, happened, sorted(results & set(plan.carried)), happened["last"], times=False))
    for name in plan.extras:
        if kinds[name] and plan.tells(name):
            known = newest.mutate(known_from=_known_from(plan, newest, name))
            known = known.filter(known.known_from.notnull())
            parts.append(_part(plan, known, [name], known.known_from, times=False))
    return parts


def _part(plan: FoldPlan, table: ir.Table, names: list[str], t: Any, *, times: bool) -> ir.Table:
    columns: dict[str, Any] = {"t": t, "same": table.id}
    for kind in plan.kinds:
        columns[f"{kind}_at"] = table[f"{kind}_at"] if times else ibis.null("timestamp(6)")
    for name, type_ in plan.carried.items():
        columns[name] = table[name] if name in names else ibis.null(IBIS_TYPES[type_])
    return table.select("key", "source", "recorded_at", "batch", "row", **columns)


def _event_part(plan: FoldPlan, events: ir.Table, moment: Any) -> ir.Table:
    if moment is not None:
        events = events.filter(events["at"] <= moment, _is_known(events, moment))
    columns: dict[str, Any] = {"t": events["at"], "same": events.same.coalesce(events.id)}
    for kind in plan.kinds:
        columns[f"{kind}_at"] = ibis.ifelse(events.kind == kind, events["at"], ibis.null("timestamp(6)"))
    columns |= {name: events[name] for name in plan.carried}
    return events.select("key", "source", "recorded_at", "batch", "row", **columns)


def _merge(plan: FoldPlan, parts: ir.Table) -> ir.Table:
    """Group the parts by key; a running number over their order makes "latest" one cheap comparison."""
    order = [parts.t, parts.recorded_at.asc(nulls_first=True), parts.batch, parts.row]
    parts = parts.mutate(seq=ibis.row_number().over(order_by=order))
    columns: dict[str, Any] = {"source": latest(parts.source, parts.seq)}
    for kind in plan.kinds:
        at = parts[f"{kind}_at"]
        columns |= {f"{kind}_at": at.min(), f"{kind}_last_at": at.max()}
    for kind in [kind for kind in plan.fact.repeatable if kind in plan.kinds]:
        happened = parts[f"{kind}_at"].notnull()
        columns[f"{kind}_count"] = parts.same.nunique(where=happened)
    columns |= {name: latest(parts[name], parts.seq) for name in plan.carried}
    every = [parts[f"{kind}_at"] for kind in plan.kinds]
    columns |= {"first_event_at": parts.t.min(), "last_event_at": ibis.greatest(*every).max()}
    return _completed(plan, parts.group_by("key").agg(**columns))


def _completed(plan: FoldPlan, folded: ir.Table) -> ir.Table:
    """Add the columns that no source tells of: nothing is known there, and nothing has happened."""
    counts = {f"{kind}_count" for kind in plan.fact.repeatable}
    columns: dict[str, Any] = {}
    for name, type_ in fact_columns(plan).items():
        nothing = ibis.literal(0, "int64") if name in counts else ibis.null(type_)
        columns[name] = folded[name] if name in folded.columns else nothing
    return folded.select(**columns)
